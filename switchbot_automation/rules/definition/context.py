"""What the parts of a rule have at hand: the home they look at, a run's surroundings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from switchbot_automation.cloud.catalog.words import name_among
from switchbot_automation.model import NOTHING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    from switchbot_automation.schedule.windows import TimeWindow

ZONE_ATTRIBUTES = ("temperature", "humidity", "power", "action", "outcome")
"""What a zone can be asked for: Celsius, percent, ``on`` or ``off``, the action that
holds, and the outcome of the tick."""


class ZoneSchedule(Protocol):
    """What a rule may ask of a zone's settings."""

    @property
    def timezone(self) -> ZoneInfo:
        """The zone's clock."""
        ...

    @property
    def time_windows(self) -> tuple[TimeWindow, ...]:
        """When the zone is kept comfortable."""
        ...

    @property
    def latitude(self) -> float | None:
        """Degrees north, None where nobody said."""
        ...

    @property
    def longitude(self) -> float | None:
        """Degrees east, None where nobody said."""
        ...


class HomeSettings(Protocol):
    """What a rule may ask of the settings in force."""

    @property
    def zones(self) -> Mapping[str, ZoneSchedule]:
        """The zones by name."""
        ...

    @property
    def default(self) -> ZoneSchedule:
        """The zone whose clock and place are the home's."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose value a trigger or condition looks at.

    Either a zone by name, or a device by the name or id the account has for it.
    """

    attribute: str
    zone: str = ""
    device: str = ""

    def __str__(self) -> str:
        return f"{self.attribute} of {self.zone or self.device}"


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """Something a device pushed. `names` are all that the rules may call it by.

    `values` are in the words of its status, `said` in the event's own, where they differ.
    """

    names: frozenset[str]
    event_type: str
    values: Mapping[str, Any]
    said: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Home:
    """Everything a rule may look at, at one instant.

    `zones` and `devices` give attributes by name; what is missing or None is unknown.
    `timezone` is the default zone's. `event` is the one being looked at, if any. `since`
    is from when on a value was watched being what it is now, for those that a condition
    asks this of. `cause` is what the trigger of the run fired with, empty without a run.
    """

    settings: HomeSettings
    timezone: ZoneInfo
    zones: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    devices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    event: DeviceEvent | None = None
    since: Mapping[Subject, datetime] = field(default_factory=dict)
    cause: Mapping[str, Any] = field(default_factory=lambda: NOTHING)

    def value(self, subject: Subject) -> Any:
        """Return a value, None while nobody knows it."""
        if subject.zone:
            return self.zones.get(subject.zone, NOTHING).get(subject.attribute)
        values = self.devices.get(subject.device, NOTHING)
        return values.get(name_among(subject.attribute, values) or subject.attribute)


class Notifier(Protocol):
    """Tells a person something; the engine has none unless a host gives it one."""

    async def notify(self, message: str, *, title: str | None = None) -> object:
        """Deliver it; raise anything if that failed."""
        ...


class Context(Protocol):
    """One run's surroundings. In a dry run its methods check and do not send.

    Each method returns what is worth keeping in the trace, and raises if it failed.
    `cause` is what the trigger fired with.
    """

    @property
    def rule(self) -> str:
        """The rule's id."""
        ...

    @property
    def cause(self) -> Mapping[str, Any]:
        """What the trigger fired with."""
        ...

    @property
    def now(self) -> datetime:
        """The instant of the tick, aware UTC."""
        ...

    @property
    def home(self) -> Home:
        """The home as the rules see it."""
        ...

    @property
    def dry_run(self) -> bool:
        """Whether nothing must be done."""
        ...

    async def command_zone(
        self, zone: str, action: str, hold: timedelta | str | None
    ) -> Mapping[str, Any]:
        """Command a zone's air conditioner as a person would, with the gate's limits."""
        ...

    async def set_preset(self, zone: str, preset: str) -> Mapping[str, Any]:
        """Put a preset of a zone in force, as its setting `preset`; empty for none."""
        ...

    async def set_temperature(self, zone: str, celsius: float) -> Mapping[str, Any]:
        """Move a zone's band, and its setpoint, in the settings of its season."""
        ...

    async def skip_next_window(self, zone: str) -> Mapping[str, Any]:
        """Leave out the next time window of a zone to begin, once."""
        ...

    async def quiet_fan(
        self, zone: str, lasting: timedelta | str | None
    ) -> Mapping[str, Any]:
        """Let the fan of a zone run low; None until its windows want something else."""
        ...

    async def command_device(
        self,
        device: str,
        command: str,
        parameter: Any,
        command_type: str,
        *,
        unchecked: bool = False,
    ) -> Mapping[str, Any]:
        """Command a device by name or id, checked before a call unless `unchecked`."""
        ...

    async def run_scene(self, scene: str) -> Mapping[str, Any]:
        """Run a manual scene by name or id."""
        ...

    async def post(self, url: str, allowed_hosts: Collection[str]) -> Mapping[str, Any]:
        """Call a webhook."""
        ...

    async def hold(self, zone: str, hold: timedelta | str) -> Mapping[str, Any]:
        """Keep the automation off a zone for a while."""
        ...

    async def notify(
        self, message: str, title: str | None, notifier: Notifier | None = None
    ) -> Mapping[str, Any]:
        """Tell a person, by default through the engine's notifier.

        ``$value``, ``$rule`` and every other word of `cause` are filled in.
        """
        ...
