"""What the core asks of whoever drives it: a reading, a look, a command. Plain data.

`step.tick` yields these one after the other and is sent an `Answered` to each; those that
need not wait for each other as one, `Together`. The engine answers them from the cloud, a
backtest from a recording.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchbot_automation.model import Action, Reason
    from switchbot_automation.series import Series
    from switchbot_automation.settings.model import ZoneSettings


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be sent and for whom.

    `label` is the dashboard's word for it, as in ``automation_winter_off``. `repeats`:
    queue the OFF repeats of the settings behind it. `waited`: a person's command of
    earlier, which the engine that leads sends. `attempt`: how often it was sent again
    because nothing showed it. `emergency`: no minimum time keeps it back. `wish` is the
    `setAll` that the settings in force ask for, where what is sent is steered otherwise.
    `rule`: it is a rule's, in a person's place.
    """

    zone: ZoneSettings
    action: Action
    label: str
    reasons: tuple[Reason, ...]
    person: bool = False
    repeats: bool = False
    waited: bool = False
    attempt: int = 0
    emergency: bool = False
    wish: str | None = None
    rule: bool = False


@dataclass(frozen=True, slots=True)
class Send:
    """Carry out an order. Answer: its `Command`; the zone's state holds what came of it."""

    order: Order


@dataclass(frozen=True, slots=True)
class ReadMeters:
    """Read the zones' meters. Answer: a `Reading` by zone.

    A zone may be missing whose meter was not asked. `force`: ask the cloud even where
    its events say it all.
    """

    zones: tuple[ZoneSettings, ...]
    force: bool = False


@dataclass(frozen=True, slots=True)
class AskUnit:
    """Ask what a zone's unit does. Answer: a `UnitLook`, None where it was not asked.

    Not `forced`, only once the last look is `aircon_poll_cooldown_minutes` old.
    """

    zone: ZoneSettings
    forced: bool


@dataclass(frozen=True, slots=True)
class ReadPlug:
    """Read the plug that a zone's unit hangs on. Answer: its status fields, or None."""

    zone: ZoneSettings


@dataclass(frozen=True, slots=True)
class LookAround:
    """Say what is new around these zones. Answer: an `Around`."""

    zones: tuple[ZoneSettings, ...]


Single: TypeAlias = Send | ReadMeters | AskUnit | ReadPlug | LookAround


@dataclass(frozen=True, slots=True)
class Together:
    """Requests of zones that share no outdoor unit, so that none waits for another.

    Answer: an `Answered` to each, in their order.
    """

    requests: tuple[Single, ...]


Request: TypeAlias = Send | ReadMeters | AskUnit | ReadPlug | LookAround | Together


class Answered(NamedTuple):
    """What came of a request, see there, and the instant since then, aware UTC."""

    value: Any
    at: datetime


class UnitLook(NamedTuple):
    """A look at a unit at `at`: its status fields, None where it did not answer."""

    fields: Mapping[str, Any] | None
    at: datetime


class Around(NamedTuple):
    """What is new around the zones.

    `signs`: what each sensor showed and when, by device id, and whether an event told it
    rather than an answer. `offsets`: what each source
    gave, in kelvin, by source and zone; and whether it was told just now, by a person or
    a host, rather than asked for. `series`: what is known of the hours to come, by source.
    """

    signs: tuple[tuple[str, Mapping[str, Any], datetime, bool], ...] = ()
    offsets: Mapping[tuple[str, str], tuple[float, bool]] = {}
    series: Mapping[str, Series] = {}
