"""Every endpoint of the SwitchBot Cloud API v1.1, without the HTTP.

`SwitchBotClient` is this over aiohttp. Paths and bodies: official documentation.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

import orjson

from switchbot_automation.cloud.catalog.catalog import is_idempotent
from switchbot_automation.cloud.catalog.infrared import (
    AssumedSource,
    AssumedStates,
    is_infrared_id,
)
from switchbot_automation.cloud.talk.calls import ApiCall
from switchbot_automation.cloud.talk.parsing import (
    parse_command_result,
    parse_devices,
    parse_scenes,
    parse_status,
    parse_webhook_details,
    parse_webhook_urls,
)
from switchbot_automation.errors import BadParameterError, CloudError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.talk.calls import Caller
    from switchbot_automation.cloud.talk.parsing import WebhookDetails
    from switchbot_automation.model import (
        CommandResult,
        DeviceList,
        DeviceStatus,
        Scene,
    )

# Batches over about 100 reads met "Too many Request" (SwitchBotAPI#213). Commands do not
# wait behind reads.
_READS_AT_ONCE = 4

_LONGEST_DIARY = timedelta(days=31)


class Endpoints:
    """The calls one can make; see `SwitchBotClient` for what they promise."""

    def __init__(self, caller: Caller, clock: Clock) -> None:
        self._caller = caller
        self._clock = clock
        self._reads = asyncio.Semaphore(_READS_AT_ONCE)
        self._known_types: dict[str, str] = {}
        self._remote_ids: set[str] = set()
        self._assumed = AssumedStates()

    @property
    def assumed(self) -> AssumedStates:
        """What the infrared remotes are assumed to be, from what was sent through here.

        A status cannot tell: it is always empty.
        """
        return self._assumed

    async def devices(self) -> DeviceList:
        """Return the account's devices and infrared remotes."""
        found = parse_devices(await self._read("devices", "device list"))
        for device in found.devices:
            self._known_types[device.device_id] = device.device_type
        for remote in found.remotes:
            self._known_types[remote.device_id] = remote.remote_type
            self._remote_ids.add(remote.device_id)
        return found

    async def status(self, device_id: str) -> DeviceStatus:
        """Return a device's status fields, raw; empty for infrared remotes.

        Raises DeviceOfflineError, HubOfflineError, BadParameterError for an unknown id.
        """
        path = f"devices/{_segment(device_id)}/status"
        body = await self._read(path, f"status of {device_id}")
        known_type = self._known_types.get(device_id, "")
        status = parse_status(device_id, body, self._clock.now(), known_type=known_type)
        if status.device_type:
            self._known_types.setdefault(device_id, status.device_type)
        return status

    async def command(
        self,
        device_id: str,
        command: str,
        parameter: Any = "default",
        command_type: str = "command",
    ) -> CommandResult:
        """Send one command; what is returned means accepted, not carried out.

        Nothing is checked against the catalogue here, which cannot know a product
        newer than itself: `catalog.validate_command` does. Raises
        UnsupportedCommandError, BadParameterError, DeviceOfflineError, HubOfflineError.
        """
        path = f"devices/{_segment(device_id)}/commands"
        payload = {
            "commandType": command_type,
            "command": command,
            "parameter": parameter,
        }

        def may_repeat() -> bool:
            known_type = self._known_types.get(device_id)
            return is_idempotent(command, command_type, device_type=known_type)

        call = ApiCall(
            "POST",
            path,
            f"{command} to {device_id}",
            payload=_json(payload, command),
            is_read=False,
            may_repeat=may_repeat,
            private=_texts(parameter) if isinstance(parameter, dict) else (),
        )
        infrared = is_infrared_id(device_id) or device_id in self._remote_ids
        sent = (device_id, command, parameter, command_type)
        try:
            body = await self._caller.body_of(call)
        except CloudError as error:
            if infrared and error.maybe_sent:
                self._assumed.note(
                    *sent, at=self._clock.now(), source=AssumedSource.MAYBE_SENT
                )
            raise
        if infrared:
            self._assumed.note(*sent, at=self._clock.now())
        return parse_command_result(device_id, body, self._clock.now())

    async def scenes(self) -> list[Scene]:
        """Return the manual scenes of the phone app."""
        return parse_scenes(await self._read("scenes", "scene list"))

    async def run_scene(self, scene_id: str) -> CommandResult:
        """Run a scene; never sent twice, as nobody knows what it does.

        `device_id` of the result is the scene's id. Raises BadParameterError for an
        unknown scene.
        """
        path = f"scenes/{_segment(scene_id)}/execute"
        body = await self._caller.body_of(
            ApiCall(
                "POST",
                path,
                f"scene {scene_id}",
                payload=b"",
                is_read=False,
                may_repeat=lambda: False,
            )
        )
        return parse_command_result(scene_id, body, self._clock.now())

    # --- the account's webhook ---------------------------------------------------

    async def setup_webhook(self, url: str) -> None:
        """Have the cloud post every device's events to `url`.

        An account has one URL. The cloud neither signs events nor checks that the URL
        answers, and posts nothing where the certificate is invalid, so use https and a
        path nobody can guess. Not sent twice. Raises WebhookConflictError when there is
        one already, BadParameterError for what is no URL.
        """
        payload = {
            "action": "setupWebhook",
            "url": _checked_url(url),
            "deviceList": "ALL",
        }
        await self._webhook("setupWebhook", payload, url)

    async def query_webhook(self) -> tuple[str, ...]:
        """Return the account's webhook URLs: one or none."""
        body = await self._webhook("queryWebhook", {"action": "queryUrl"}, reads=True)
        return parse_webhook_urls(body)

    async def query_webhook_details(
        self, urls: Iterable[str]
    ) -> tuple[WebhookDetails, ...]:
        """Return when those webhooks were made and whether they are enabled."""
        asked = list(urls)
        payload = {"action": "queryDetails", "urls": asked}
        body = await self._webhook("queryWebhook", payload, *asked, reads=True)
        return parse_webhook_details(body)

    async def update_webhook(self, url: str, *, enable: bool) -> None:
        """Switch the webhook of that URL on or off."""
        config = {"url": _checked_url(url), "enable": enable}
        payload = {"action": "updateWebhook", "config": config}
        await self._webhook("updateWebhook", payload, url, repeats=True)

    async def delete_webhook(self, url: str) -> None:
        """Remove the webhook. Not sent twice."""
        payload = {"action": "deleteWebhook", "url": url}
        await self._webhook("deleteWebhook", payload, url)

    # --- what only some products have ---------------------------------------------

    async def diary(self, device_id: str, start: datetime, end: datetime) -> Any:
        """Return a Kata Friends diary from `start` up to `end`, as the cloud gave it.

        The instants must be aware and at most 31 days apart; BadParameterError
        otherwise.
        """
        if start.tzinfo is None or end.tzinfo is None:
            raise BadParameterError("a diary needs aware instants", maybe_sent=False)
        if not timedelta(0) < end - start <= _LONGEST_DIARY:
            raise BadParameterError(
                "a diary spans more than nothing and at most 31 days", maybe_sent=False
            )
        query = urlencode(
            {
                "startTimestamp": int(start.timestamp() * 1000),
                "endTimestamp": int(end.timestamp() * 1000),
            }
        )
        path = f"devices/{_segment(device_id)}/diary?{query}"
        return await self._read(path, f"diary of {device_id}")

    async def mindclip(self, *resource: str, **query: str | int) -> Any:
        """Return what an AI MindClip offers, as the cloud gave it.

        `resource` are the parts of the path: ``"recordings"``; ``"recordings", id``;
        ``"recordings", id, "transcript"``; ``"summaries", id``; ``"todos"``;
        ``"assistant", "daily"`` or ``"weekly"``.
        """
        parts = "/".join(_segment(part) for part in resource)
        path = f"mindclip/{parts}" + (f"?{urlencode(query)}" if query else "")
        return await self._read(path, f"MindClip {' '.join(resource)}")

    async def iot_credential(self, instance_id: str) -> Any:
        """Return what an MQTT client needs for the push stream, as the cloud gave it.

        Undocumented, found in switchbot-openapi-cli: a TLS client certificate, the
        broker's URL and topics, for an `instance_id` of one's own choice. Keep it as
        the secret that it is.
        """
        payload = {"instanceId": instance_id}
        call = ApiCall(
            "POST",
            "iot/credential",
            "IoT credential",
            payload=_json(payload, "iot/credential"),
            iot=True,
        )
        return await self._caller.body_of(call)

    # --- inside ------------------------------------------------------------------

    async def _webhook(
        self,
        endpoint: str,
        payload: Mapping[str, Any],
        *urls: str,
        reads: bool = False,
        repeats: bool = False,
    ) -> Any:
        call = ApiCall(
            "POST",
            f"webhook/{endpoint}",
            endpoint,
            payload=_json(payload, endpoint),
            is_read=reads,
            may_repeat=lambda: reads or repeats,
            # Whoever knows the path can pretend to be the cloud.
            private=tuple(part for url in urls for part in (url, urlsplit(url).path)),
            empty_190_is_none=reads,
        )
        return await self._caller.body_of(call)

    async def _read(self, path: str, what: str) -> Any:
        async with self._reads:
            return await self._caller.body_of(ApiCall("GET", path, what))


def _segment(identifier: str) -> str:
    """Return an id quoted as one part of a path."""
    if not identifier or identifier in {".", ".."}:
        raise BadParameterError(f"{identifier!r} is no id", maybe_sent=False)
    return quote(identifier, safe="")


def _json(payload: Mapping[str, Any], command: str) -> bytes:
    try:
        return orjson.dumps(payload)
    except TypeError as exc:
        raise BadParameterError(
            f"the parameter of {command} cannot be written as JSON", maybe_sent=False
        ) from exc


def _texts(parameter: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the texts of an object parameter: a passcode may be among them."""
    return tuple(value for value in parameter.values() if isinstance(value, str))


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname is not None
    except ValueError:
        usable = False
    if not usable:
        raise BadParameterError(
            "a webhook needs a full URL, https://host/path", maybe_sent=False
        )
    return url
