"""One zone looked after by the pure core alone, without a store, a cloud or a clock.

The same functions as in a live tick, in the same order: what is due, the reading, what
it teaches, decide, gate, what the command leaves behind, the next wake-up. A command
counts as accepted. Steps take tens of microseconds, so that a year is a matter of seconds.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from switchbot_automation.backtest.recording import COOL, HEAT, OFF
from switchbot_automation.engine.aircon import (
    after_command,
    season_action,
    set_all_parameter,
    with_repeats,
)
from switchbot_automation.engine.control import after_observation, with_setpoint
from switchbot_automation.engine.decide import decide
from switchbot_automation.engine.gate import Ledger, gate
from switchbot_automation.engine.meters import remembered
from switchbot_automation.engine.observe import after_reading, looks_infrared
from switchbot_automation.engine.overlay import zone_overlaid
from switchbot_automation.engine.pacing import (
    FLOOR_SECONDS,
    Note,
    after_new_reading,
    counted_from,
    next_read,
    predictive,
)
from switchbot_automation.engine.snapshot import Reading, Snapshot, ZoneSnapshot
from switchbot_automation.engine.state import ZoneState
from switchbot_automation.engine.wakeup import next_look
from switchbot_automation.model import Action, Outcome, Power, ReasonCode, RungResult
from switchbot_automation.timewindows import in_window

if TYPE_CHECKING:
    from switchbot_automation.settings_model import Settings, ZoneSettings

_REPEATED = frozenset(
    {Outcome.WINTER_OFF, Outcome.SUMMER_OFF, Outcome.TURNED_OFF_OUTSIDE_WINDOW}
)
_TOGETHER = timedelta(seconds=2)
_SOONEST = timedelta(seconds=1)
_BLIND = frozenset({Outcome.MISSING_METER, Outcome.INVALID_TEMPERATURE})


class DryZone:
    """A zone's state as it goes; `step` is one tick.

    `wakes_at` is when to call `step` again. `calls` counts what the cloud would have
    been asked, `commands` what would have been sent, `starts` how often the compressor
    would have started, `blind` how often it lost sight of the room.
    """

    def __init__(
        self, settings: Settings, zone: str, start: datetime, power: int
    ) -> None:
        self.zone: ZoneSettings = settings.zones[zone]
        self._settings = replace(settings, zones={zone: self.zone}, groups={})
        self._overlaid = zone in settings.overlaid
        self.wakes_at = start
        self.state = _initial(self.zone, power)
        self.calls = self.commands = self.starts = self.blind = 0
        self._blind = False
        self._note = Note()
        self._waited = False
        self._polled_at: datetime | None = None
        self._predictive = predictive(self.zone)
        device_id = self.zone.aircon_device_id
        self._polls = bool(device_id) and not looks_infrared(device_id)

    @property
    def unit(self) -> int:
        """What the unit does now: `OFF`, `HEAT` or `COOL`."""
        if not self.state.compressor_running:
            return OFF
        action = self.state.action or season_action(self.zone)
        return COOL if action is Action.SUMMER else HEAT

    @property
    def setpoint(self) -> float | None:
        """What the unit was told to keep, None where a scene or webhook told it."""
        parameter = self.state.parameter
        return float(parameter.split(",")[0]) if parameter else None

    @property
    def told(self) -> tuple[int, str | None]:
        """What was last commanded; two zones that differ here have diverged."""
        return self.unit, self.state.parameter

    def step(self, temperature: float | None) -> None:
        """Tick at `wakes_at` with what the meter shows, None when it is silent."""
        now = self.wakes_at
        if self._overlaid:
            self.zone = zone_overlaid(self.zone, self.state, now)
            self._settings = replace(self._settings, zones={self.zone.name: self.zone})
        self._repeat_what_is_due(now)
        reading = self._read(now, temperature)
        snapshot = Snapshot({self.zone.name: ZoneSnapshot(reading, self.state)})
        decision = decide(snapshot, self._settings, now)
        verdict = gate(
            decision, self._settings, Ledger({self.zone.name: self.state}), now
        )
        decided, judged = decision.zones[0], verdict.zones[0]
        self._count_blindness(decided.outcome)
        blocked_until: datetime | None = None
        if decided.action is not None:
            if judged.allowed:
                self._send(decided.action, now, decided.setpoint, str(decided.outcome))
                if decided.outcome in _REPEATED:
                    self.state = with_repeats(
                        self.state, self.zone, decided.action, now, "repeat"
                    )
            else:
                blocked_until = judged.blocked_until
        since = counted_from(self.zone, self.state.last_read_at, now)
        self._note = self._note.after(since, blocked_until, decided.look_at)
        self._set_wakeup(now, blocked_until, decided.look_at)

    def _read(self, now: datetime, temperature: float | None) -> Reading:
        if self._predictive and self._due(now) > now + _TOGETHER:
            self._waited = True
            return remembered(self.state)
        self._waited = False
        self.calls += 1
        if temperature is None:
            problem = ReasonCode.METER_UNREACHABLE
            reading = Reading(received_at=now, problem=problem, error="no reading")
        else:
            reading = Reading(temperature, received_at=now)
        before = self.state
        self.state = after_reading(before, reading)
        if self._predictive and reading.problem is None:
            self.state = after_new_reading(before, self.state, self.zone)
        self.state = after_observation(self.zone, self.state, now)
        self._poll_unit(now)
        return reading

    def _poll_unit(self, now: datetime) -> None:
        """Count the regular status polls of a unit that can be asked."""
        if not self._polls:
            return
        every = timedelta(minutes=self.zone.aircon_poll_cooldown_minutes)
        if self._polled_at is not None and now - self._polled_at < every:
            return
        if in_window(self.zone.time_windows, now, self.zone.timezone) is not None:
            self._polled_at = now
            self.calls += 1

    def _due(self, now: datetime) -> datetime:
        return next_read(
            self.zone,
            self.state,
            now,
            blocked_until=self._note.blocked_until,
            review_at=self._note.review_at,
        )

    def _send(
        self, action: Action, now: datetime, setpoint: float | None, label: str
    ) -> None:
        zone = self.zone if setpoint is None else with_setpoint(self.zone, setpoint)
        rung = _rung(zone, action)
        ran = self.state.compressor_running
        self.commands += 1
        self.calls += rung != "webhook"
        parameter = set_all_parameter(zone, action) if rung == "command" else None
        result = RungResult(rung, ok=True, parameter=parameter)
        self.state = after_command(
            self.state, zone, action, result, at=now, label=label
        )
        self.starts += self.state.compressor_running and not ran

    def _repeat_what_is_due(self, now: datetime) -> None:
        pending = self.state.pending_repeat
        if pending is None or pending.next_run_at > now:
            return
        self._send(pending.action, now, None, pending.state_reason)
        if pending.remaining > 1:
            later = now + timedelta(seconds=pending.interval_seconds)
            again = replace(pending, remaining=pending.remaining - 1, next_run_at=later)
            self.state = self.state._replace(pending_repeat=again)

    def _count_blindness(self, outcome: Outcome) -> None:
        blind = outcome in _BLIND
        self.blind += blind and not self._blind
        self._blind = blind

    def _set_wakeup(
        self, now: datetime, blocked_until: datetime | None, look_at: datetime | None
    ) -> None:
        read_at = None
        if self._predictive:
            read_at = self._due(now)
            if read_at <= now and not self._waited:
                read_at = now + timedelta(seconds=FLOOR_SECONDS)
        wakes = next_look(
            self.zone,
            self.state,
            now,
            blocked_until,
            look_at,
            read_at=read_at,
        )
        self.wakes_at = max(wakes, now + _SOONEST)


def _initial(zone: ZoneSettings, unit: int) -> ZoneState:
    if unit in (HEAT, COOL):
        return ZoneState(power=Power.ON, action=season_action(zone))
    if unit == OFF:
        return ZoneState(power=Power.OFF, action=Action.OFF)
    return ZoneState()


def _rung(zone: ZoneSettings, action: Action) -> str:
    configured = {
        "webhook": zone.webhooks.get(action),
        "scene": zone.scenes.get(action),
        "command": True,  # a recording has a unit, named or not
    }
    return next((rung for rung in zone.cascade if configured[rung]), "command")


def instant(seconds: float) -> datetime:
    """Return POSIX seconds as an aware UTC instant."""
    return datetime.fromtimestamp(seconds, UTC)
