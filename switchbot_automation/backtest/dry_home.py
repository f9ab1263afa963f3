"""A home looked after by the pure core alone, without a store, a cloud or a clock.

`core.step` puts the stages in order, as for a live tick; here its requests are answered
from a recording: a meter shows what was recorded, a command counts as taken, a unit does
what it was told and says so. A step takes some hundred microseconds, so that a year is a
matter of seconds.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from switchbot_automation.backtest.recording import COOL, HEAT, OFF, UNKNOWN
from switchbot_automation.core.decide import concerned, narrowed
from switchbot_automation.core.protect.gate import obstacle
from switchbot_automation.core.requests import (
    Answered,
    Around,
    AskUnit,
    LookAround,
    Order,
    ReadMeters,
    ReadPlug,
    Send,
    Together,
    UnitLook,
)
from switchbot_automation.core.state.meter import Reading, not_read_yet
from switchbot_automation.core.state.unit import season_action, set_all_parameter
from switchbot_automation.core.state.zone import ZoneState
from switchbot_automation.core.step import accepted, arrive, rest, tick
from switchbot_automation.equipment.table import AIRCON
from switchbot_automation.model import (
    Action,
    Command,
    CommandStatus,
    Outcome,
    Power,
    ReasonCode,
    RungResult,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from typing import Any

    from switchbot_automation.core.pace import Note
    from switchbot_automation.core.requests import Request
    from switchbot_automation.core.step import ZoneTick
    from switchbot_automation.settings.model import Settings, ZoneSettings

_SOONEST = timedelta(seconds=1)
_BLIND = frozenset({Outcome.MISSING_METER, Outcome.INVALID_TEMPERATURE})
_WORKS = {HEAT: Action.WINTER, COOL: Action.SUMMER}


class DryHome:
    """One zone of a home as it goes, with those that share its outdoor unit.

    `zone` are its settings as the document has them; `observe_only` is not asked, since
    the question is what would have been done. `step` is one tick, `wakes_at` when to call
    it again. `calls` counts what the cloud would have been asked for this zone,
    `commands` what would have been sent, `starts` how often the compressor would have
    started, `blind` how often it lost sight of the room.

    `shown` gives what the meter of another zone of the group shows at an instant, None
    where nothing was recorded of it: then it asks for nothing.
    """

    def __init__(
        self,
        settings: Settings,
        zone: str,
        start: datetime,
        unit: int,
        *,
        shown: Callable[[str, datetime], float | None] | None = None,
    ) -> None:
        few = narrowed(settings, concerned(settings, zone))
        zones = {
            # Nothing was recorded of how cold it was outdoors.
            name: replace(each, observe_only=False, outdoor_device_id="")
            for name, each in few.zones.items()
        }
        self._given = replace(few, zones=zones)
        self._shown = shown
        self.zone: ZoneSettings = zones[zone]
        self.wakes_at: datetime = start
        self._states: dict[str, ZoneState] = {
            name: _initial(unit if name == zone else UNKNOWN) for name in zones
        }
        self._notes: dict[str, Note] = {}
        self.calls: int = 0
        self.commands: int = 0
        self.starts: int = 0
        self.blind: int = 0
        self._blind = False
        self._mode = self.zone.mode
        self._temperature: float | None = None

    @property
    def state(self) -> ZoneState:
        """The zone's state now."""
        return self._states[self.zone.name]

    @property
    def unit(self) -> int:
        """What the unit does now: `OFF`, `HEAT` or `COOL`."""
        if not self.state.compressor_running:
            return OFF
        action = self.state.action or season_action(self.zone)
        return COOL if action is Action.SUMMER else HEAT

    @property
    def mode(self) -> str:
        """The season in force, `winter` or `summer`."""
        return self._mode

    @property
    def setpoint(self) -> float | None:
        """What the unit was told to keep, None where a scene or webhook told it."""
        setting = self.state.setting
        return setting.temperature if setting else None

    @property
    def told(self) -> tuple[int, str | None]:
        """What was last commanded; two homes that differ here have diverged."""
        return self.unit, self.state.parameter

    def step(self, temperature: float | None) -> list[ZoneTick]:
        """Tick at `wakes_at` with what the meter shows, None when it is silent."""
        now, self._temperature = self.wakes_at, temperature
        settings = arrive(self._given, self._states, now)
        self._mode = settings.zones[self.zone.name].mode
        going = tick(
            settings, self._states, now, notes=self._notes, new=self._given.zones
        )
        ticks = self._lived(going, now)
        for each in ticks:
            if each.zone.name == self.zone.name:
                self._count_blindness(each.decided.outcome)
        wakes = rest(ticks, self._states, self._notes, now)
        self.wakes_at = max(wakes or now, now + _SOONEST)
        return ticks

    def _lived(
        self, going: Generator[Request, Answered, list[ZoneTick]], now: datetime
    ) -> list[ZoneTick]:
        request = next(going)
        while True:
            try:
                request = going.send(Answered(self._answer(request, now), now))
            except StopIteration as ended:
                ticks: list[ZoneTick] = ended.value
                return ticks

    def _answer(self, request: Request, now: datetime) -> object:
        match request:
            case Send(order):
                return self._send(order, now)
            case ReadMeters(zones):
                return {zone.name: self._reading(zone, now) for zone in zones}
            case AskUnit(zone, forced):
                return self._look(zone, now, forced=forced)
            case ReadPlug(zone):
                on = self._states[zone.name].power is Power.ON
                return {"weight": zone.power_meter_on_watts if on else 0.0}
            case LookAround():
                return Around()
            case Together(requests):
                return tuple(
                    Answered(self._answer(each, now), now) for each in requests
                )

    def _reading(self, zone: ZoneSettings, now: datetime) -> Reading:
        mine = zone.name == self.zone.name
        self.calls += mine
        same = zone.meter_device_id == self.zone.meter_device_id
        found = self._temperature if mine or same else None
        if found is None and not (mine or same) and self._shown is not None:
            found = self._shown(zone.name, now)
        if found is None:
            problem = ReasonCode.METER_UNREACHABLE
            return Reading(received_at=now, problem=problem, error="no reading")
        return Reading(found, received_at=now)

    def _look(
        self, zone: ZoneSettings, now: datetime, *, forced: bool
    ) -> UnitLook | None:
        state = self._states[zone.name]
        every = timedelta(minutes=zone.aircon_poll_cooldown_minutes)
        last = state.last_aircon_poll_at
        # What another kind of unit says of itself, a recording does not have.
        if (
            not zone.aircon_device_id
            or zone.kind is not AIRCON
            or (not forced and last is not None and now - last < every)
        ):
            return None
        self.calls += zone.name == self.zone.name
        return UnitLook(_as_status(state), now)

    def _send(self, order: Order, now: datetime) -> Command:
        name, before = order.zone.name, self._states[order.zone.name]
        command = Command(
            id="",
            zone=name,
            action=order.action,
            status=CommandStatus.ACCEPTED,
            reasons=order.reasons,
            sent_at=now,
        )
        waits = obstacle(order, before, now)
        if waits is not None:
            why, until = waits
            return replace(
                command,
                status=CommandStatus.BLOCKED,
                reasons=(*order.reasons, why),
                blocked_until=until,
                sent_at=None,
            )
        rung = _rung(order.zone, order.action)
        after = accepted(before, order, rung, now, command.id)
        self._states[name] = after
        if name == self.zone.name:
            self.commands += 1
            self.calls += rung.rung != "webhook"
            self.starts += after.compressor_running and not before.compressor_running
        return replace(command, rungs=(rung,))

    def _count_blindness(self, outcome: Outcome) -> None:
        blind = outcome in _BLIND
        self.blind += blind and not self._blind
        self._blind = blind


def _initial(unit: int) -> ZoneState:
    """Return the state of a zone before its first tick, as an engine opens it."""
    if unit in _WORKS:
        return not_read_yet(ZoneState(power=Power.ON, action=_WORKS[unit]))
    if unit == OFF:
        return not_read_yet(ZoneState(power=Power.OFF, action=Action.OFF))
    return not_read_yet(ZoneState())


def _as_status(state: ZoneState) -> Mapping[str, Any]:
    """Return the status of a unit that does what it was told."""
    status: dict[str, Any] = {"power": "on" if state.power is Power.ON else "off"}
    setting = state.setting
    if setting is not None:
        status["temperature"] = setting.temperature
        status["mode"], status["fanSpeed"] = setting.mode, setting.fan
    return {key: value for key, value in status.items() if value is not None}


def _rung(zone: ZoneSettings, action: Action) -> RungResult:
    configured = {
        "webhook": zone.webhooks.get(action),
        "scene": zone.scenes.get(action),
        "command": True,  # a recording has a unit, named or not
    }
    rung = next((each for each in zone.cascade if configured.get(each)), "command")
    parameter = set_all_parameter(zone, action) if rung == "command" else None
    return RungResult(rung, ok=True, parameter=parameter)


def instant(seconds: float) -> datetime:
    """Return POSIX seconds as an aware UTC instant."""
    return datetime.fromtimestamp(seconds, UTC)
