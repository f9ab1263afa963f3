"""Which devices the account has: asked once a day, and remembered across restarts.

The list is one endpoint, and it has failed for days while every other answered
(SwitchBotAPI#307, #343). Until it answers again rules go on with what it said last;
an id that it never told of is taken at its word.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.cloud.catalog.catalog import (
    device_types,
    presumed_by_event,
    presumed_by_status,
    type_of_listed,
    validate_command,
)
from switchbot_automation.cloud.catalog.infrared import is_infrared_id
from switchbot_automation.core.state.values import encode_instant, text
from switchbot_automation.errors import BadParameterError, UnsupportedCommandError
from switchbot_automation.instants import stored_instant
from switchbot_automation.languages import worded
from switchbot_automation.model import PLUGIN_PREFIX
from switchbot_automation.outside.wording import error_words

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.engine.documents.documents import SideDocument
    from switchbot_automation.engine.observe.gateway import Observer
    from switchbot_automation.model import DeviceList, DeviceStatus

_LOGGER = logging.getLogger(__name__)

_FRESH_SECONDS: Final = 86400.0
_RETRY_SECONDS: Final = 900.0
_MOST_KEPT: Final = 1000

# A MAC address without separators, as all devices but remotes have for an id.
_DEVICE_ID = re.compile(r"[0-9A-F]{12}")


class Known(NamedTuple):
    """A device or remote of the account.

    `presumed`: no list told of it, its name is an id. `cloud_service` is false where
    its owner has not let the cloud at it.
    """

    device_id: str
    name: str
    device_type: str
    infrared: bool
    cloud_service: bool = True
    presumed: bool = False


class KnownAccount:
    """What is known of one account's devices.

    `devices` are the last that were listed, None while nobody knows any; `listed_at` is
    when, an aware instant; `error` says why the last list failed, "" where it did not.
    What is believed ends with the next list that answers.
    """

    def __init__(self, observer: Observer, clock: Clock, kept: SideDocument) -> None:
        self._observer = observer
        self._clock = clock
        self._kept = kept
        self._read: object = None
        self._devices: tuple[Known, ...] | None = None
        self._types: dict[str, str] = {}
        self._asked_at: dict[str, float] = {}
        self._tried_at: float | None = None
        self.listed_at: datetime | None = None
        self.error: str = ""

    @property
    def devices(self) -> tuple[Known, ...] | None:
        """The devices listed last, by this engine or one before it."""
        document = self._kept.data
        if document is not self._read:
            self._read = document
            self._recall(document)
        return self._devices

    def _recall(self, document: Mapping[str, Any]) -> None:
        at = stored_instant(document.get("listed_at"))
        if at is None or (self.listed_at is not None and at <= self.listed_at):
            return
        listed = document.get("devices")
        known = (_known(each) for each in listed) if isinstance(listed, list) else ()
        self._devices = tuple(each for each in known if each is not None)[:_MOST_KEPT]
        self.listed_at = at

    async def refresh(self) -> None:
        """Ask for the list where it is old, or failed a while ago. Never raises."""
        fresh = self.devices is not None and not self.error
        wait = _FRESH_SECONDS if fresh else _RETRY_SECONDS
        now = self._clock.monotonic()
        if self._tried_at is not None and now - self._tried_at < wait:
            return
        await self._list()

    async def ask_again(self) -> None:
        """Ask for the list for something it did not have, now and then."""
        now = self._clock.monotonic()
        if self._tried_at is None or now - self._tried_at >= _RETRY_SECONDS:
            await self._list()

    async def _list(self) -> None:
        self._tried_at = self._clock.monotonic()
        try:
            found = known_of(await self._observer.devices())
        except Exception as error:  # noqa: BLE001 - any client, also a host's own
            self.error = error_words(error)
            _LOGGER.warning("the device list cannot be read: %s", self.error)
            return
        self.error = ""
        # One empty list is no proof that everything is gone (SwitchBotAPI#233).
        if found or self.devices is None:
            self._devices, self.listed_at = found, self._clock.now()
        if found:
            self._kept.data = self._read = {
                "listed_at": encode_instant(self._clock.now()),
                "devices": [_document(each) for each in found[:_MOST_KEPT]],
            }

    def named(self, name: str) -> tuple[Known, ...]:
        """Return the devices of a name or id; an id is believed while no list tells."""
        found = tuple(
            each
            if each.device_type or each.infrared
            else each._replace(device_type=self._types.get(each.device_id, ""))
            for each in named(name, self.devices or ())
        )
        if found or not self.error or not (_is_id(name) or name in self._types):
            return found
        kind = self._types.get(name, "")
        infrared = is_infrared_id(name)
        return (Known(name, name, kind, infrared=infrared, presumed=True),)

    def learn(self, status: DeviceStatus) -> None:
        """Take the type from a status, for devices that no list told of.

        Where it names none, by its fields, if only one kind of product has them.
        """
        if status.device_type:
            self._types[status.device_id] = status.device_type
        elif not self._types.get(status.device_id):
            presumed = presumed_by_status(status.fields)
            if presumed:
                self._types[status.device_id] = presumed

    def hear(self, device_id: str, webhook_type: object = "") -> None:
        """Take from an event that there is such a device, and of what type it is.

        `webhook_type` is the event's word, from which only a sure one is taken.
        """
        if self._types.get(device_id) or (
            device_id not in self._types and len(self._types) >= _MOST_KEPT
        ):
            return
        said = presumed_by_event(webhook_type) if isinstance(webhook_type, str) else ""
        self._types[device_id] = said

    async def with_type(self, device: Known) -> Known:
        """Return the device with its type, for which one that has none is asked.

        Where its status does not tell either, or cannot be had, the type stays "", and
        is asked for now and then, not at each command.
        """
        if device.device_type or device.infrared:
            return device
        known = self._types.get(device.device_id, "")
        now = self._clock.monotonic()
        asked_at = self._asked_at.get(device.device_id)
        if known or (asked_at is not None and now - asked_at < _RETRY_SECONDS):
            return device._replace(device_type=known)
        self._asked_at[device.device_id] = now
        try:
            self.learn(await self._observer.status(device.device_id))
        except Exception as error:  # noqa: BLE001 - any client, also a host's own
            _LOGGER.info(
                "nobody knows the type of %s: %s", device.name, error_words(error)
            )
        return device._replace(device_type=self._types.get(device.device_id, ""))

    def report(self, mattering: Iterable[str]) -> dict[str, Any]:
        """Return how much of the account is known, JSON-able, with what a person can do.

        `mattering` are names and ids that the settings have.
        """
        known = self.devices
        problems = []
        if self.error:
            since = encode_instant(self.listed_at) if self.listed_at else None
            instead = f"what it said at {since}" if since else "ids alone"
            problems.append(
                f"the device list fails ({self.error}); rules go by {instead}"
            )
        elif known == ():
            problems.append(
                "the account's device list is empty: the token is of another home, or"
                " no device has Cloud Services on in the app"
            )
        named_here = dict.fromkeys(
            device for name in sorted(mattering) for device in named(name, known or ())
        )
        problems += [
            f"the cloud service of {device.name or device.device_id} is off: what the"
            " cloud says of it is old or nothing, and commands are lost; switch Cloud"
            " Services on in its settings in the app"
            for device in named_here
            if not device.cloud_service
        ]
        return {
            "listed_at": encode_instant(self.listed_at) if self.listed_at else None,
            "devices": None if known is None else len(known),
            "problems": problems,
        }


def named(name: str, known: tuple[Known, ...]) -> tuple[Known, ...]:
    """Return the devices of a name or id; the name's case does not count."""
    found = [each for each in known if name in (each.device_id, each.name)]
    if not found:
        word = name.strip().casefold()
        found = [each for each in known if each.name.strip().casefold() == word]
    return tuple(found)


def known_of(listed: DeviceList) -> tuple[Known, ...]:
    """Return what the account lists, devices before remotes."""
    devices = [
        Known(
            each.device_id,
            each.name,
            type_of_listed(each),
            infrared=False,
            # A plug-in's sensor needs no cloud.
            cloud_service=each.cloud_service
            or each.device_id.startswith(PLUGIN_PREFIX),
        )
        for each in listed.devices
    ]
    remotes = [
        Known(each.device_id, each.name, each.remote_type, infrared=True)
        for each in listed.remotes
    ]
    return (*devices, *remotes)


def checked_parameter(
    device: Known, command: str, parameter: Any, command_type: str
) -> Any:
    """Return the parameter to send, checked against the catalogue.

    Of a device whose type nobody tells, a command is good that any product would take
    so: an id while the list fails, or what was listed without a type. Raises UnsupportedCommandError, BadParameterError.
    """
    if device.device_type:
        return validate_command(
            device.device_type,
            command,
            parameter,
            command_type,
            infrared=device.infrared,
        )
    refusal: BadParameterError | None = None
    for product in device_types():
        spec = product.command(command, command_type)
        if spec is None or product.infrared is not device.infrared:
            continue
        try:
            return spec.schema.check(parameter, command, show=not spec.sensitive)
        except BadParameterError as error:
            refusal = error
    raise refusal or UnsupportedCommandError(
        worded(
            "no product in the catalogue has a command {command!r}", command=command
        ),
        maybe_sent=False,
    )


def _is_id(name: str) -> bool:
    return _DEVICE_ID.fullmatch(name.upper()) is not None or is_infrared_id(name)


def _document(device: Known) -> dict[str, Any]:
    document = {
        "id": device.device_id,
        "name": device.name,
        "type": device.device_type,
        "infrared": device.infrared,
    }
    return document if device.cloud_service else {**document, "cloud_service": False}


def _known(document: object) -> Known | None:
    """Read one device of the document, however damaged; None for none."""
    if not isinstance(document, Mapping):
        return None
    device_id = text(document.get("id"))
    if not device_id:
        return None
    return Known(
        device_id,
        text(document.get("name")) or "",
        text(document.get("type")) or "",
        infrared=document.get("infrared") is True,
        cloud_service=document.get("cloud_service") is not False,
    )
