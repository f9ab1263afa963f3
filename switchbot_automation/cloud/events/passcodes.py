"""The passcodes of keypads and of locks with a keypad. Pure.

They are found in the `keyList` of the device list, not in the status, each password
encrypted with the account's secret: AES-128-CBC, the secret as hex being the key, the
start value hex, the cipher base64 (as py-switchbot-api reads them). Creating and
deleting answer twice: the call gives a `command_id`, a webhook event tells the result,
after a minute "timeout" (official documentation); now and then nothing comes at all
(SwitchBotAPI#345), and `commandId` may be left out (#360, #367).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from switchbot_automation.cloud.events.aes import decrypt_cbc
from switchbot_automation.errors import BadParameterError
from switchbot_automation.instants import from_unix
from switchbot_automation.languages import worded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchbot_automation.model import Device

_KEY_EVENTS = {"createkey": "createKey", "deletekey": "deleteKey"}


class PasscodeKind(StrEnum):
    """How long a passcode opens; `urgent` tells the owner that it was used."""

    PERMANENT = "permanent"
    TIME_LIMIT = "timeLimit"
    DISPOSABLE = "disposable"
    URGENT = "urgent"


@dataclass(frozen=True, slots=True)
class Passcode:
    """One passcode as listed. `kind` and `status` are the cloud's words.

    `created_at` is aware UTC, None where not given.
    """

    passcode_id: str
    name: str
    kind: str
    status: str
    created_at: datetime | None
    cipher: str = field(repr=False)
    start_value: str = field(repr=False)

    def reveal(self, secret: str) -> str:
        """Return the digits, decrypted with the account's `secret`.

        Needs the extra `passcodes`. Raises BadParameterError if it cannot be: not hex, or
        another account's secret; CipherUnavailableError without the extra.
        """
        try:
            key = bytes.fromhex(secret.strip())
            start = bytes.fromhex(self.start_value)
            cipher = base64.b64decode(self.cipher, validate=True)
            return decrypt_cbc(cipher, key, start).decode("ascii")
        except (ValueError, binascii.Error) as exc:
            raise BadParameterError(
                worded(
                    "passcode {name!r} cannot be decrypted with this secret",
                    name=self.name,
                ),
                maybe_sent=False,
            ) from exc


@dataclass(frozen=True, slots=True)
class PasscodeResult:
    """What an event says about an earlier `createKey` or `deleteKey`.

    `command` is one of these two, `result` the cloud's word: success, failed or timeout;
    `command_id` is "" where it was left out.
    """

    device_id: str
    command: str
    command_id: str
    result: str
    name: str

    @property
    def ok(self) -> bool:
        """Whether it was carried out."""
        return self.result == "success"


def read_passcodes(device: Device) -> tuple[Passcode, ...]:
    """Return a device's listed passcodes; none for a device without.

    Codes of limited time may be missing from the cloud's list (SwitchBotAPI#372).
    """
    listed = device.extra.get("keyList")
    if isinstance(listed, dict):
        listed = listed.get("keyList", list(listed.values()))
    entries = listed if isinstance(listed, list) else []
    return tuple(_passcode(entry) for entry in entries if _has_id(entry))


def read_passcode_result(context: Mapping[str, Any]) -> PasscodeResult | None:
    """Return what an event's `context` tells about a passcode, None for other events."""
    event = context.get("eventName")
    if not isinstance(event, str):
        return None
    # The documentation's own sample is "deleteKey " with a blank.
    command = _KEY_EVENTS.get(event.strip().casefold())
    if command is None:
        return None
    return PasscodeResult(
        device_id=_text(context.get("deviceMac", context.get("deviceId"))),
        command=command,
        command_id=_text(context.get("commandId")),
        result=_text(context.get("result")).casefold(),
        name=_text(context.get("keyName")),
    )


def _has_id(entry: object) -> bool:
    return isinstance(entry, dict) and _text(entry.get("id")) != ""


def _passcode(entry: Mapping[str, Any]) -> Passcode:
    return Passcode(
        passcode_id=_text(entry.get("id")),
        name=_text(entry.get("name")),
        kind=_text(entry.get("type")),
        status=_text(entry.get("status")),
        created_at=_instant(entry.get("createTime")),
        cipher=_text(entry.get("password")),
        start_value=_text(entry.get("iv")),
    )


def _text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else ""


def _instant(value: object) -> datetime | None:
    """Read Unix seconds; 0 is what the cloud writes for "never"."""
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        return None
    return from_unix(value)
