"""The devices that rules look at and command, by the names the account gives them.

What a rule looks at is read every `READ_SECONDS`, or less often where the day's calls
have to last longer; what only a condition looks at, when it is asked for. Once a
device's events have agreed with what it answers, it is read now and then only.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.cloud.catalog.catalog import find
from switchbot_automation.cloud.catalog.infrared import is_infrared_id
from switchbot_automation.core.state.said import (
    finite,
    is_celsius,
    said_by_event,
    said_by_status,
    unit_told,
)
from switchbot_automation.engine.observe.pushed import HEARTBEAT_SECONDS, PROOF
from switchbot_automation.errors import RuleActionError
from switchbot_automation.languages import worded
from switchbot_automation.outside.wording import error_words, nearest
from switchbot_automation.rules.definition.context import DeviceEvent
from switchbot_automation.rules.running.account import KnownAccount

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.catalog.catalog import DeviceType
    from switchbot_automation.cloud.events.events import WebhookEvent
    from switchbot_automation.core.pace import Quota
    from switchbot_automation.core.state.said import Statement
    from switchbot_automation.engine.documents.documents import SideDocument
    from switchbot_automation.engine.observe.gateway import Observer
    from switchbot_automation.model import DeviceStatus
    from switchbot_automation.rules.running.account import Known

_LOGGER = logging.getLogger(__name__)

READ_SECONDS: Final = 300.0
"""How often a device that a trigger looks at is read; its events come at once."""

# How many intervals a value may be old before nobody knows it any more.
_KEPT_INTERVALS = 3.0
_TOGETHER_SECONDS = 2.0

_SETTLES: Final = timedelta(seconds=30)
"""For how long after an event the cloud's answer may still be the one from before it."""


@dataclass(slots=True)
class _Line:
    """What is known of one device. Seconds are monotonic, None for never.

    `at` is when a field's value was so, as its event or its answer says. `told` is what
    events said since the last answer, `heard` the fields they ever told;
    `agreed` how often an answer was what was told, without a change nobody told. `scaled`
    is a temperature that came in another scale than Celsius, `unit` what it was found in.
    """

    values: dict[str, Any] = field(default_factory=dict)
    known_at: float | None = None
    tried_at: float | None = None
    interval: float = READ_SECONDS
    told: dict[str, Any] = field(default_factory=dict)
    heard: set[str] = field(default_factory=set)
    agreed: int = 0
    failing: bool = False
    scaled: float | None = None
    unit: str | None = None
    at: dict[str, datetime] = field(default_factory=dict)


class RuleDevices:
    """Finds and reads devices for one engine's rules."""

    def __init__(self, observer: Observer, clock: Clock, kept: SideDocument) -> None:
        self._observer = observer
        self._clock = clock
        self.account: KnownAccount = KnownAccount(observer, clock, kept)
        self._lines: dict[str, _Line] = {}
        self._ids: dict[str, str] = {}

    async def find(self, name: str) -> Known:
        """Return the device of a name or id.

        Raises RuleActionError, with the nearest name, where there is none.
        """
        account = self.account
        found = self._lookup(name)
        if not found:
            await account.ask_again()
            found = self._lookup(name)
        if not found and account.devices is None:
            raise RuleActionError(
                worded("the device list cannot be read: {error}", error=account.error),
                passing=True,
            )
        return the_one(name, found, account.devices or ())

    def _lookup(self, name: str) -> tuple[Known, ...]:
        found = self.account.named(name)
        if not found and name in self._ids:
            # It was renamed in the phone app: it is still what the rule means.
            return self.account.named(self._ids[name])
        if len(found) == 1:
            self._ids[name] = found[0].device_id
        return found

    @property
    def ids(self) -> Mapping[str, str]:
        """The ids of the devices that rules name, by the rules' words for them."""
        return dict(sorted(self._ids.items()))

    def remember(self, ids: Mapping[str, str], names: Collection[str]) -> None:
        """Take in what was known before a restart; forget what no rule names."""
        self._ids = {
            name: device_id
            for name, device_id in {**ids, **self._ids}.items()
            if name in names and isinstance(device_id, str)
        }

    def problems(self, names: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield each name that the account does not have, with what became of it."""
        known = self.account.devices
        for name in names if known else ():
            if self.account.named(name):
                continue
            found = self._lookup(name)
            if found:
                yield (
                    name,
                    f"{name!r} is called {found[0].name!r} in the account by now",
                )
                continue
            try:
                the_one(name, (), known or ())
            except RuleActionError as error:
                yield name, str(error)

    async def refresh(
        self, names: Iterable[str], quota: Quota, *, now_only: bool = False
    ) -> None:
        """Read what is due of the devices a trigger looks at. Failures are unknown.

        `now_only`: they are asked for by a condition, so what is fresh will do.
        """
        names = tuple(names)
        if not names:
            return
        await self.account.refresh()
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
            self.account.learn(status)
            answer = dict(said_by_status(status).values)
        except Exception as error:  # noqa: BLE001 - any client, also a host's own
            if not line.failing:
                _LOGGER.warning(
                    "%s cannot be read: %s", device.name, error_words(error)
                )
            line.failing = True
            return
        line.failing = False
        answered = finite(answer.get("temperature"))
        if line.scaled is not None and answered is not None:
            line.unit, line.scaled = unit_told(line.scaled, answered), None
        kept = _told_just_now(line, self._when(status))
        values = {**answer, **{key: line.values[key] for key in kept}}
        line.at = dict.fromkeys(answer, self._when(status)) | kept
        if line.heard:
            expected = {**line.values, **line.told}
            agrees = all(
                values.get(key, expected.get(key)) == expected.get(key)
                for key in line.heard
            )
            line.agreed = (
                line.agreed + (line.told.keys() != kept.keys()) if agrees else 0
            )
        line.told = {key: line.told[key] for key in kept}
        line.values, line.known_at = values, self._clock.monotonic()

    def _when(self, status: DeviceStatus) -> datetime:
        at: Any = status.received_at  # a host's own client may give anything
        now = self._clock.now()
        return min(at, now) if isinstance(at, datetime) and at.tzinfo else now

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
        self.hear(event)
        line = self._lines.setdefault(event.device_id, _Line())
        if not is_celsius(event.context):
            line.scaled = finite(event.values.get("temperature"))
        found = self._as_status(event, line.unit)
        values = found.values
        line.heard.update(values)
        # What was so before something that is known already is told too late.
        at = event.sampled_at
        newer = {
            key: value
            for key, value in values.items()
            if key not in line.at or not at < line.at[key] <= self._clock.now()
        }
        if found.doubts and not any(at < known for known in line.at.values()):
            # What it was until now is as unknown as what it says that it is.
            lost = set(line.values if found.whole else found.doubts)
            line.values = {
                key: each for key, each in line.values.items() if key not in lost
            }
        if newer:
            line.values = {**line.values, **newer}
            line.at |= dict.fromkeys(newer, at)
            line.told.update(newer)
            line.known_at = self._clock.monotonic()
        names = frozenset({event.device_id, *self._names_of(event, spelled)})
        said = {
            name: values[name] if name == "temperature" else each
            for name, each in event.values.items()
            if name in values
        }
        return DeviceEvent(names, event.event_type, values, said=said)

    def hear(self, event: WebhookEvent) -> None:
        """Take from an event that there is such a device, and of what type it is."""
        self.account.hear(event.device_id, event.context.get("deviceType"))

    def _as_status(self, event: WebhookEvent, unit: str | None) -> Statement:
        """Return an event's values as the status has them, as far as they are believed.

        A lock tells LOCKED where its status says lock, a light `powerState` for `power`.
        """
        listed = (
            each.device_type
            for each in self.account.named(event.device_id)
            if each.device_id == event.device_id
        )
        return said_by_event(
            event.context,
            device_type=next(listed, ""),
            unit=unit,
            new=event.values,
            read=event.reading,
        )

    def _names_of(self, event: WebhookEvent, spelled: frozenset[str]) -> Iterator[str]:
        for name in spelled:
            if any(each.device_id == event.device_id for each in self._lookup(name)):
                yield name

    async def know(self) -> None:
        """Read the device list unless it is known: events name ids, rules names."""
        if self.account.devices is None:
            await self.account.ask_again()

    def concerns(self, event: WebhookEvent, names: frozenset[str]) -> bool:
        """Tell whether an event is of one of these devices, or may be."""
        if not names:
            return False
        if self.account.devices is None or event.device_id in names:
            return True
        return any(self._names_of(event, names))

    def id_of(self, name: str) -> str:
        """Return the id of a device by its name or id; what is unknown is called as it is."""
        found = self._lookup(name)
        return found[0].device_id if len(found) == 1 else name

    def product_of(self, name: str) -> DeviceType | None:
        """Return what a device is, None where nobody knows."""
        found = self._lookup(name)
        if len(found) != 1 or not found[0].device_type:
            return None
        products = find(found[0].device_type, infrared=found[0].infrared)
        return products[0] if products else None

    def contradicts(self, device: Known, command: str) -> bool:
        """Tell whether a device was seen on after its OFF, or off after its ON."""
        line = self._lines.get(device.device_id)
        wanted = {"turnOn": "on", "turnOff": "off"}.get(command)
        if line is None or wanted is None or not self._fresh(line):
            return False
        said = str(line.values.get("power", wanted)).casefold()
        return said in ("on", "off") and said != wanted

    def values(self, names: Iterable[str]) -> Mapping[str, Mapping[str, Any]]:
        """Return what is known of each device by the rules' word for it."""
        found = {}
        for name in names:
            known = self._lookup(name)
            line = self._lines.get(known[0].device_id) if len(known) == 1 else None
            if line is not None and self._fresh(line):
                found[name] = line.values
        return found


def _told_just_now(line: _Line, at: datetime) -> dict[str, datetime]:
    """Return what events told so shortly before an answer that this may be older."""
    return {
        key: line.at[key]
        for key in line.told
        if key in line.values and key in line.at and abs(at - line.at[key]) < _SETTLES
    }


def the_one(name: str, found: tuple[Known, ...], known: tuple[Known, ...]) -> Known:
    """Return the only one found. Raises RuleActionError with what to change."""
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(each.device_id for each in found)
        raise RuleActionError(
            worded(
                "several devices are named {name!r}; use one's id: {ids}",
                name=name,
                ids=ids,
            )
        )
    near = nearest(name, [each.name for each in known])
    hint = f"; did you mean {near!r}?" if near else ""
    raise RuleActionError(
        worded("the account has no device {name!r}{hint}", name=name, hint=hint)
    )


def readable(device: Known) -> bool:
    """Tell whether a device has a status that can be read; a remote and some products have none."""
    if device.infrared or is_infrared_id(device.device_id):
        return False
    products = find(device.device_type, infrared=False)
    return not products or any(product.status for product in products)


def _interval(line: _Line) -> float:
    return HEARTBEAT_SECONDS if line.agreed >= PROOF else READ_SECONDS
