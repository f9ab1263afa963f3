"""From the body of a good answer to our own types, tolerantly. Pure.

What was seen live is accepted: entries without `deviceType` or `enableCloudService`, hub
ids null, empty, all zeros or the device's own id, unknown keys, junk between entries.
Junk is skipped with a warning; only a body of a wholly different kind is an error.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from switchbot_automation.errors import CloudServerError
from switchbot_automation.instants import from_unix
from switchbot_automation.model import (
    CommandResult,
    Device,
    DeviceList,
    DeviceStatus,
    Remote,
    Scene,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

_LOGGER = logging.getLogger(__name__)

_DEVICE_KEYS = frozenset(
    {"deviceId", "deviceName", "deviceType", "hubDeviceId", "enableCloudService"}
)
_NO_HUB = "000000000000"

# As seconds the year 5138, as milliseconds 1973: greater numbers are milliseconds.
_LAST_SECONDS = 100_000_000_000


def parse_devices(body: Any) -> DeviceList:
    """Return the device list. Raises CloudServerError if `body` is no object.

    `hub_device_id` is None in every form that means "no hub"; `cloud_service` is true
    where the key is left out, as for products that need no switch.
    """
    if not isinstance(body, dict):
        raise _nonsense("the device list", body)
    if "deviceList" not in body:
        _LOGGER.warning("the cloud's device list has no deviceList; taken as empty")
    return DeviceList(
        devices=tuple(
            _device(device_id, entry)
            for device_id, entry in _entries(body, "deviceList", "deviceId")
        ),
        remotes=tuple(
            Remote(
                device_id=device_id,
                name=_text(entry.get("deviceName")),
                remote_type=_text(entry.get("remoteType", entry.get("deviceType"))),
                hub_device_id=_hub(entry, device_id),
            )
            for device_id, entry in _entries(body, "infraredRemoteList", "deviceId")
        ),
    )


def parse_status(
    device_id: str, body: Any, received_at: datetime, *, known_type: str = ""
) -> DeviceStatus:
    """Return the status; an empty or missing body is a valid empty one.

    `known_type` stands in where the body names no type. Raises CloudServerError.
    """
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise _nonsense(f"the status of {device_id}", body)
    return DeviceStatus(
        device_id=device_id,
        device_type=_text(body.get("deviceType")) or known_type,
        fields=MappingProxyType(body),
        received_at=received_at,
    )


def parse_scenes(body: Any) -> list[Scene]:
    """Return the scenes. Raises CloudServerError if `body` is no list."""
    if body in (None, {}):
        return []
    if not isinstance(body, list):
        raise _nonsense("the scene list", body)
    return [
        Scene(scene_id=scene_id, name=_text(entry.get("sceneName")))
        for scene_id, entry in _entries({"scenes": body}, "scenes", "sceneId")
    ]


def parse_command_result(
    device_id: str, body: Any, accepted_at: datetime
) -> CommandResult:
    """Return the acceptance; devices that answer later give a `commandId`."""
    fields: Mapping[str, Any] = body if isinstance(body, dict) else {}
    return CommandResult(
        device_id=device_id,
        accepted_at=accepted_at,
        command_id=_identifier(fields.get("commandId")),
        body=MappingProxyType(dict(fields)),
    )


@dataclass(frozen=True, slots=True)
class WebhookDetails:
    """One webhook of the account; instants are aware UTC, None where not given."""

    url: str
    enabled: bool
    created_at: datetime | None
    updated_at: datetime | None


def parse_webhook_urls(body: Any) -> tuple[str, ...]:
    """Return the URLs; none for an empty body. Raises CloudServerError."""
    if body is None:
        return ()
    urls = body.get("urls") if isinstance(body, dict) else body
    if urls is None:
        return ()
    if not isinstance(urls, list):
        raise _nonsense("the webhook list", urls)
    return tuple(url for url in urls if isinstance(url, str) and url)


def parse_webhook_details(body: Any) -> tuple[WebhookDetails, ...]:
    """Return the details; none for an empty body. Raises CloudServerError."""
    if body in (None, {}):
        return ()
    if not isinstance(body, list):
        raise _nonsense("the webhook details", body)
    return tuple(
        WebhookDetails(
            url=url,
            enabled=_flag(entry.get("enable")),
            created_at=_instant(entry.get("createTime")),
            updated_at=_instant(entry.get("lastUpdateTime")),
        )
        for url, entry in _entries({"webhooks": body}, "webhooks", "url")
    )


def _device(device_id: str, entry: Mapping[str, Any]) -> Device:
    extra = {key: value for key, value in entry.items() if key not in _DEVICE_KEYS}
    return Device(
        device_id=device_id,
        name=_text(entry.get("deviceName")),
        device_type=_text(entry.get("deviceType")),
        hub_device_id=_hub(entry, device_id),
        cloud_service=_flag(entry.get("enableCloudService")),
        extra=MappingProxyType(extra),
    )


def _entries(
    body: Mapping[str, Any], key: str, id_key: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the usable entries of a list, warning of the others."""
    entries = body.get(key)
    if entries is None:
        return
    if not isinstance(entries, list):
        _LOGGER.warning("%s is a %s, not a list; skipped", key, type(entries).__name__)
        return
    for index, entry in enumerate(entries):
        identifier = _identifier(entry.get(id_key)) if isinstance(entry, dict) else None
        if identifier is None:
            _LOGGER.warning("%s[%d] has no usable %s; skipped", key, index, id_key)
            continue
        yield identifier, entry


def _identifier(value: object) -> str | None:
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _hub(entry: Mapping[str, Any], own_id: str) -> str | None:
    hub = _identifier(entry.get("hubDeviceId"))
    return None if hub in (_NO_HUB, own_id) else hub


def _flag(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() not in {"false", "0", "off"}
    return True if value is None else bool(value)


def _instant(value: object) -> datetime | None:
    """Read Unix time, in milliseconds as seen live or in seconds as documented."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    try:
        return from_unix(value / 1000 if value > _LAST_SECONDS else value)
    except OverflowError:  # an int greater than any float
        return None


def _nonsense(what: str, body: Any) -> CloudServerError:
    return CloudServerError(
        f"{what} came as {type(body).__name__}, which makes no sense", status_code=100
    )
