"""The devices that rules look at and command, by the names the account gives them.

What a rule looks at is read every `READ_SECONDS`, or less often where the day's calls
have to last longer; what only a condition looks at, when it is asked for. Once a
device's events have agreed with what it answers, it is read now and then only.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.cloud.catalog.catalog import find
from switchbot_automation.cloud.catalog.infrared import is_infrared_id
from switchbot_automation.cloud.catalog.readings import (
    in_status_words,
    read_event,
    read_status,
)
from switchbot_automation.engine.observe.gateway import describe
from switchbot_automation.engine.observe.pushed import HEARTBEAT_SECONDS, PROOF
from switchbot_automation.errors import RuleActionError
from switchbot_automation.rules.definition.context import DeviceEvent
from switchbot_automation.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.events.events import WebhookEvent
    from switchbot_automation.core.pace import Quota
    from switchbot_automation.engine.observe.gateway import Observer
    from switchbot_automation.model import CloudApi, DeviceList

_LOGGER = logging.getLogger(__name__)

READ_SECONDS: Final = 300.0
"""How often a device that a trigger looks at is read; its events come at once."""

# How many intervals a value may be old before nobody knows it any more.
_KEPT_INTERVALS = 3.0
_LIST_FRESH_SECONDS = 86400.0
_LIST_RETRY_SECONDS = 900.0
_TOGETHER_SECONDS = 2.0


class Known(NamedTuple):
    """A device or remote of the account."""

    device_id: str
    name: str
    device_type: str
    infrared: bool


@dataclass(slots=True)
class _Line:
    """What is known of one device. Seconds are monotonic, None for never.

    `told` is what events said since the last answer, `heard` the fields they ever told;
    `agreed` how often an answer was what was told, without a change nobody told.
    """

    values: dict[str, Any] = field(default_factory=dict)
    known_at: float | None = None
    tried_at: float | None = None
    interval: float = READ_SECONDS
    told: dict[str, Any] = field(default_factory=dict)
    heard: set[str] = field(default_factory=set)
    agreed: int = 0
    failing: bool = False


class RuleDevices:
    """Finds and reads devices for one engine's rules."""

    def __init__(self, client: CloudApi, observer: Observer, clock: Clock) -> None:
        self._client = client
        self._observer = observer
        self._clock = clock
        self._known: tuple[Known, ...] | None = None
        self._listed_at: float | None = None
        self._list_error = ""
        self._lines: dict[str, _Line] = {}

    async def find(self, name: str) -> Known:
        """Return the device of a name or id.

        Raises RuleActionError, with the nearest name, where there is none.
        """
        found = self._lookup(name)
        if not found and self._may_list():
            await self._list()
            found = self._lookup(name)
        if self._known is None:
            raise RuleActionError(f"the device list cannot be read: {self._list_error}")
        return the_one(name, found, self._known)

    def _lookup(self, name: str) -> tuple[Known, ...]:
        return named(name, self._known or ())

    def _may_list(self) -> bool:
        if self._listed_at is None:
            return True
        return self._clock.monotonic() - self._listed_at >= _LIST_RETRY_SECONDS

    async def _list(self) -> None:
        self._listed_at = self._clock.monotonic()
        try:
            listed = await self._observer.devices()
            found = known_of(listed)
        except Exception as error:  # noqa: BLE001 - any client, also a host's own
            self._list_error = describe(error)
            _LOGGER.warning("the device list cannot be read: %s", self._list_error)
            return
        # One empty list is no proof that everything is gone (SwitchBotAPI#233).
        if found or self._known is None:
            self._known = found

    async def refresh(
        self, names: Iterable[str], quota: Quota, *, now_only: bool = False
    ) -> None:
        """Read what is due of the devices a trigger looks at. Failures are unknown.

        `now_only`: they are asked for by a condition, so what is fresh will do.
        """
        names = tuple(names)
        if not names:
            return
        if self._listed_at is None or (
            self._clock.monotonic() - self._listed_at >= _LIST_FRESH_SECONDS
        ):
            await self._list()
        quota = quota._replace(meters=quota.meters + len(names))
        for name in names:
            found = self._lookup(name)
            if len(found) != 1 or not readable(found[0]):
                continue
            line = self._lines.setdefault(found[0].device_id, _Line())
            line.interval = quota.stretched(_interval(line))
            if self._due_in(line) > _TOGETHER_SECONDS:
                continue
            if now_only and self._fresh(line) and line.interval <= READ_SECONDS:
                continue
            if quota.readable > 0:
                await self._read(found[0], line)

    async def _read(self, device: Known, line: _Line) -> None:
        line.tried_at = self._clock.monotonic()
        try:
            status = await self._observer.status(device.device_id)
            reading = read_status(status)
        except Exception as error:  # noqa: BLE001 - any client, also a host's own
            if not line.failing:
                _LOGGER.warning("%s cannot be read: %s", device.name, describe(error))
            line.failing = True
            return
        line.failing = False
        values = {**reading.unknown, **reading.values}
        if line.heard:
            expected = {**line.values, **line.told}
            agrees = all(
                values.get(key, expected.get(key)) == expected.get(key)
                for key in line.heard
            )
            line.agreed = line.agreed + bool(line.told) if agrees else 0
        line.told = {}
        line.values, line.known_at = values, self._clock.monotonic()

    def next_read(self, names: Iterable[str], now: datetime) -> datetime | None:
        """Return when a device is to be read next, None where none is."""
        waits = [
            self._due_in(self._lines[found[0].device_id])
            for name in names
            if (found := self._lookup(name)) and found[0].device_id in self._lines
        ]
        if not waits:
            return None
        return now + timedelta(seconds=max(_TOGETHER_SECONDS, min(waits)))

    def _due_in(self, line: _Line) -> float:
        if line.tried_at is None:
            return 0.0
        return line.tried_at + line.interval - self._clock.monotonic()

    def _fresh(self, line: _Line) -> bool:
        if line.known_at is None:
            return False
        age = self._clock.monotonic() - line.known_at
        return age <= _KEPT_INTERVALS * line.interval

    def take(self, event: WebhookEvent, spelled: frozenset[str]) -> DeviceEvent:
        """Take what a device pushed into its values, and return it for the triggers.

        `spelled` are the rules' words for devices.
        """
        values = self._as_status(event)
        line = self._lines.setdefault(event.device_id, _Line())
        line.values = {**line.values, **values}
        line.told.update(values)
        line.heard.update(values)
        line.known_at = self._clock.monotonic()
        names = frozenset({event.device_id, *self._names_of(event, spelled)})
        return DeviceEvent(names, event.event_type, values, said=event.values)

    def _as_status(self, event: WebhookEvent) -> dict[str, Any]:
        """Return an event's values as the status has them, else as they were told.

        A lock tells LOCKED where its status says lock, a light `powerState` for `power`.
        """
        listed = (
            each.device_type
            for each in self._known or ()
            if each.device_id == event.device_id
        )
        reading = read_event(
            {**event.values, "deviceType": event.device_type},
            device_type=next(listed, ""),
        )
        return {**event.values, **in_status_words(reading)}

    def _names_of(self, event: WebhookEvent, spelled: frozenset[str]) -> Iterator[str]:
        for name in spelled:
            if any(each.device_id == event.device_id for each in self._lookup(name)):
                yield name

    async def know(self) -> None:
        """Read the device list unless it is known: events name ids, rules names."""
        if self._known is None and self._may_list():
            await self._list()

    def concerns(self, event: WebhookEvent, names: frozenset[str]) -> bool:
        """Tell whether an event is of one of these devices, or may be."""
        if not names:
            return False
        if self._known is None or event.device_id in names:
            return True
        return any(self._names_of(event, names))

    def values(self, names: Iterable[str]) -> Mapping[str, Mapping[str, Any]]:
        """Return what is known of each device by the rules' word for it."""
        found = {}
        for name in names:
            known = self._lookup(name)
            line = self._lines.get(known[0].device_id) if len(known) == 1 else None
            if line is not None and self._fresh(line):
                found[name] = line.values
        return found


def named(name: str, known: tuple[Known, ...]) -> tuple[Known, ...]:
    """Return the devices of a name or id; the name's case does not count."""
    found = [each for each in known if name in (each.device_id, each.name)]
    if not found:
        word = name.strip().casefold()
        found = [each for each in known if each.name.strip().casefold() == word]
    return tuple(found)


def the_one(name: str, found: tuple[Known, ...], known: tuple[Known, ...]) -> Known:
    """Return the only one found. Raises RuleActionError with what to change."""
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(each.device_id for each in found)
        raise RuleActionError(
            f"several devices are named {name!r}; use one's id: {ids}"
        )
    near = nearest(name, [each.name for each in known])
    hint = f"; did you mean {near!r}?" if near else ""
    raise RuleActionError(f"the account has no device {name!r}{hint}")


def known_of(listed: DeviceList) -> tuple[Known, ...]:
    """Return what the account lists, devices before remotes."""
    devices = [
        Known(each.device_id, each.name, each.device_type, infrared=False)
        for each in listed.devices
    ]
    remotes = [
        Known(each.device_id, each.name, each.remote_type, infrared=True)
        for each in listed.remotes
    ]
    return (*devices, *remotes)


def readable(device: Known) -> bool:
    """Tell whether a device has a status that can be read; a remote and some products have none."""
    if device.infrared or is_infrared_id(device.device_id):
        return False
    products = find(device.device_type, infrared=False)
    return not products or any(product.status for product in products)


def _interval(line: _Line) -> float:
    return HEARTBEAT_SECONDS if line.agreed >= PROOF else READ_SECONDS
