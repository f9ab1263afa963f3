"""What would have changed a decision: the core asked again with one thing different. Pure.

Every numeric setting is tried within its bounds, every flag and choice the other way, and
of the inputs the temperature, the time, the unit's state, its rest and a person's hold.
Each time the first value that changes what is sent is found by bisection, and how far beyond
it the same holds: what is told of a change is true of every value that it names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from switchbot_automation.core.overlay import overlaid
from switchbot_automation.core.state.unit import season_action
from switchbot_automation.core.state.zone import EMPTY, supposed
from switchbot_automation.explain.trace import rejudged
from switchbot_automation.model import Action, Outcome, Power, ReasonCode
from switchbot_automation.settings.spec import Kind
from switchbot_automation.settings.table import settings_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchbot_automation.core.home import Snapshot, ZoneSnapshot
    from switchbot_automation.explain.trace import Trace
    from switchbot_automation.model import ZoneDecision, ZoneVerdict
    from switchbot_automation.settings.model import Settings, ZoneSettings
    from switchbot_automation.settings.spec import SettingSpec

# The sections whose numbers are a zone's own.
_PARTS = ("humidity", "air")
# What a meter can show, in its own steps.
_COLDEST, _WARMEST, _METER_STEP = -20.0, 50.0, 0.1
_SETTING_STEP = 0.1
_LONGEST_SHIFT = timedelta(hours=24)

# How much of each unit counts as one step for a person, so that unlike things compare.
_ONE_STEP = {
    "%": 5.0,
    "ppm": 100.0,
    "K": 1.0,
    "°C": 1.0,
    "s": 600.0,
    "min": 10.0,
    "times": 2.0,
    "calls": 500.0,
}
_FLIP_STEPS = 3.0

# Of these 0 is no amount but a word, such as "never" or "as the next setting says": it lies
# at no end of the scale, so nobody is told of it as the least, or of 1 as a little more.
ZERO_APART = frozenset(
    {
        "frost_floor_celsius",
        "max_continuous_on_seconds",
        "max_starts_per_day",
        "max_starts_per_hour",
        "min_off_seconds",
        "min_on_seconds",
        "sensor_disagree_kelvin",
        "sensor_frozen_seconds",
        "sensor_slew_kelvin",
        "sensor_stale_conservative_seconds",
        "sensor_stale_hold_seconds",
        "sensor_stale_off_seconds",
        "thermal_response_seconds",
        "unknown_history_lockout_seconds",
    }
)
# These are codes: 4 is not a little less than 5.
_CODES = frozenset({"ac_mode", "fan_speed", "power_meter_channel"})

# A change to these is no answer to "what would have changed it".
_BROKEN = frozenset(
    {
        Outcome.INVALID_MODE,
        Outcome.INVALID_PROFILE,
        Outcome.INVALID_SETTINGS,
        Outcome.INVALID_TEMPERATURE,
        Outcome.INVALID_THRESHOLDS,
    }
)


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """One change that would have led to something else being sent.

    `kind` is ``setting`` or ``input``, `name` the setting's name or that of the input,
    `value` what it was and `becomes` the nearest value that makes the difference, in
    `unit`; up to `last` all do, which is None where there is no end but the range's.
    `outcome` and `action` are what would have come of it, `action` None for
    nothing sent; `setpoint` in °C only where that alone differs. `steps` says how big the change is; unlike changes compare by it.
    """

    kind: str
    name: str
    value: Any
    becomes: Any
    unit: str
    outcome: Outcome
    action: Action | None
    steps: float
    last: Any = None
    setpoint: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "kind": self.kind,
            "change": self.name,
            "from": self.value,
            "to": self.becomes,
            "up_to": self.last,
            "unit": self.unit,
            "outcome": str(self.outcome),
            "action": str(self.action) if self.action else None,
            "setpoint_celsius": self.setpoint,
        }


def counterfactuals(trace: Trace) -> tuple[Counterfactual, ...]:
    """Return every single change found, the smallest first.

    Those by which the same is sent with another setpoint come after all others.
    """
    search = _Search(trace)

    def size(change: Counterfactual) -> tuple[bool, float, str]:
        return change.setpoint is not None, change.steps, change.name

    return tuple(sorted(search.all(), key=size))


_Asked: TypeAlias = "tuple[ZoneDecision, ZoneVerdict]"


@dataclass(frozen=True, slots=True)
class _Dial:
    """Something to be changed: a setting or an input, and what it is now.

    A number has `bounds` and is turned in `step`s; `ask` judges with another value.
    """

    kind: str
    name: str
    value: Any
    ask: Callable[[Any], _Asked]
    unit: str = ""
    bounds: tuple[float, float] = (0.0, 0.0)
    step: float = 1.0
    whole: bool = False


class _Search:
    """Asks the core about one trace, with one thing different at a time."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._zone = trace.zone_settings
        self._was = _sent(trace.decision, trace.verdict)

    def all(self) -> Iterator[Counterfactual]:
        for spec in settings_table():
            yield from self._setting(spec)
        yield from self._temperature()
        yield from self._air()
        yield from self._outdoors()
        yield from self._clock()
        yield from self._unit()
        yield from self._rest()
        if self._trace.seen.state.hold_until is not None:
            yield from self._state("hold", "in force", "none", hold_until=None)
        yield from self._wishes()
        if self._zone.overlay is not None:
            yield from self._surroundings()
            yield from self._curve(self._zone.overlay.base)

    # --- settings -----------------------------------------------------------------

    def _setting(self, spec: SettingSpec) -> Iterator[Counterfactual]:
        if not spec.per_zone or spec.section not in ("", self._zone.mode, *_PARTS):
            return
        owner: Any = self._zone
        if spec.section:
            owner = getattr(self._zone, spec.section)
        value = getattr(owner, spec.key, None)
        if owner is None or value is None:
            return
        if spec.kind is Kind.FLAG and isinstance(value, bool):
            yield from self._other(spec, value, [not value])
        elif spec.kind is Kind.CHOICE and isinstance(value, str):
            others = [each for each in spec.choices if each != value]
            yield from self._other(spec, value, others)
        elif (
            spec.kind in (Kind.WHOLE, Kind.NUMBER)
            and spec.bounds is not None
            and isinstance(value, int | float)
        ):
            whole = spec.kind is Kind.WHOLE
            low, high = spec.bounds
            step = 1.0 if whole else _SETTING_STEP
            if spec.key in _CODES:
                codes = range(int(low), int(high) + 1)
                yield from self._other(spec, value, [x for x in codes if x != value])
                return
            if spec.key in ZERO_APART:
                if value == 0:
                    return
                yield from self._other(spec, value, [0 if whole else 0.0])
                low = max(low, step)
            yield from self._turned(
                _Dial(
                    "setting",
                    spec.name,
                    value,
                    lambda to: self._judged(settings=self._with(spec, to)),
                    unit=spec.unit,
                    bounds=(low, high),
                    step=step,
                    whole=whole,
                )
            )

    def _other(
        self, spec: SettingSpec, value: Any, others: list[Any]
    ) -> Iterator[Counterfactual]:
        dial = _Dial(
            "setting",
            spec.name,
            value,
            lambda to: self._judged(settings=self._with(spec, to)),
        )
        for other in others:
            yield from self._if_different(dial, other, _FLIP_STEPS, dial.ask(other))

    def _with(self, spec: SettingSpec, value: Any) -> Settings:
        settings = self._trace.settings
        zone: ZoneSettings
        if spec.section:
            profile = replace(getattr(self._zone, spec.section), **{spec.key: value})
            season: dict[str, Any] = {spec.section: profile}
            zone = replace(self._zone, **season)
        else:
            changed: dict[str, Any] = {spec.key: value}
            zone = replace(self._zone, **changed)
        return replace(settings, zones={**settings.zones, zone.name: zone})

    # --- inputs -------------------------------------------------------------------

    def _temperature(self) -> Iterator[Counterfactual]:
        temperature = self._trace.seen.reading.temperature
        if temperature is None:
            return

        def read(value: float) -> _Asked:
            seen = self._trace.seen
            return self._judged(
                replace(
                    seen,
                    reading=seen.reading._replace(temperature=value),
                    state=supposed(seen.state, last_temperature=value),
                )
            )

        yield from self._turned(
            _Dial(
                "input",
                "temperature",
                temperature,
                read,
                unit="°C",
                # Beyond these it is no reading, which is another matter.
                bounds=(
                    max(_COLDEST, self._zone.plausible_min_celsius),
                    min(_WARMEST, self._zone.plausible_max_celsius),
                ),
                step=_METER_STEP,
            )
        )

    def _air(self) -> Iterator[Counterfactual]:
        """Ask with other air, where the zone keeps any."""
        reading = self._trace.seen.reading
        for name, wanted, value, unit, bounds, step in (
            ("humidity", self._zone.humidity, reading.humidity, "%", (0.0, 100.0), 1.0),
            ("co2", self._zone.air, reading.co2, "ppm", (0.0, 5000.0), 10.0),
        ):
            if wanted is None or value is None:
                continue

            def read(to: float, name: str = name) -> _Asked:
                seen = self._trace.seen
                other = seen.reading._replace(co2=to)
                if name == "humidity":
                    other = seen.reading._replace(humidity=to)
                return self._judged(replace(seen, reading=other))

            yield from self._turned(
                _Dial("input", name, value, read, unit=unit, bounds=bounds, step=step)
            )

    def _outdoors(self) -> Iterator[Counterfactual]:
        """Ask with other weather, which the room's first unit knows of."""
        trace = self._trace
        first = self._zone.lead or trace.zone
        room = trace.snapshot.zones[first]
        around = room.state.surroundings or EMPTY
        if around.outdoor is None or not self._zone.outdoor_device_id:
            return

        def read(to: float) -> _Asked:
            other = replace(around, outdoor=to, outdoor_at=trace.at)
            seen = replace(room, state=supposed(room.state, surroundings=other))
            zones = {**trace.snapshot.zones, first: seen}
            snapshot = replace(trace.snapshot, zones=zones)
            return rejudged(trace.zone, snapshot, trace.settings, trace.at)

        yield from self._turned(
            _Dial(
                "input",
                "outdoor",
                around.outdoor,
                read,
                unit="°C",
                bounds=(-60.0, 60.0),
                step=_METER_STEP,
            )
        )

    def _clock(self) -> Iterator[Counterfactual]:
        def shifted(seconds: float) -> _Asked:
            return self._judged(shift=timedelta(seconds=seconds))

        reach = _LONGEST_SHIFT.total_seconds()
        yield from self._turned(
            _Dial(
                "input",
                "time",
                0,
                shifted,
                unit="s",
                bounds=(-reach, reach),
                whole=True,
            )
        )

    def _unit(self) -> Iterator[Counterfactual]:
        state = self._trace.seen.state
        season = season_action(self._zone)
        for power, action in ((Power.OFF, Action.OFF), (Power.ON, season)):
            if state.power is power:
                continue
            parameter = None if power is Power.OFF else state.parameter
            yield from self._state(
                "unit",
                str(state.power),
                str(power),
                power=power,
                action=action,
                parameter=parameter,
                uncertain=False,
            )

    def _rest(self) -> Iterator[Counterfactual]:
        state = self._trace.seen.state
        running = state.compressor_running
        name = "compressor_started_at" if running else "compressor_stopped_at"
        since = getattr(state, name)
        if since is None:
            return
        elapsed = (self._trace.at - since).total_seconds()

        def after(seconds: float) -> _Asked:
            at = self._trace.at - timedelta(seconds=seconds)
            changed: dict[str, Any] = {name: at}
            seen = self._trace.seen
            return self._judged(replace(seen, state=supposed(state, **changed)))

        yield from self._turned(
            _Dial(
                "input",
                "running_seconds" if running else "resting_seconds",
                int(max(0.0, elapsed)),
                after,
                unit="s",
                bounds=(0, _LONGEST_SHIFT.total_seconds()),
                whole=True,
            )
        )

    def _state(
        self, name: str, value: str, becomes: str, **changes: Any
    ) -> Iterator[Counterfactual]:
        seen = self._trace.seen
        changed = replace(seen, state=supposed(seen.state, **changes))
        dial = _Dial("input", name, value, lambda _to: self._judged(changed))
        yield from self._if_different(dial, becomes, _FLIP_STEPS, dial.ask(becomes))

    def _surroundings(self) -> Iterator[Counterfactual]:
        """Ask with nothing open, with somebody there, and without offsets."""
        around = self._trace.seen.state.surroundings or EMPTY
        closed = {
            key: sign
            for key, sign in around.signs.items()
            if not key.startswith("opening:")
        }
        there = {
            key: replace(sign, active=True) if key.startswith("presence:") else sign
            for key, sign in around.signs.items()
        }
        for name, value, becomes, changed in (
            ("opening", "open", "closed", {"signs": closed, "suspected_at": None}),
            ("presence", "nobody", "somebody", {"signs": there}),
            ("offsets", "some", "none", {"offsets": {}}),
            ("price", "some", "none", {"price": None}),
        ):
            what: dict[str, Any] = changed
            yield from self._state(
                name, value, becomes, surroundings=replace(around, **what)
            )

    def _wishes(self) -> Iterator[Counterfactual]:
        """Ask without what people, or rules for them, want of the room for a time."""
        trace = self._trace
        first = self._zone.lead or trace.zone
        room = trace.snapshot.zones[first]
        for name, nothing in (("wish", None), ("skipped", ())):
            if not getattr(room.state, name):
                continue
            without: dict[str, Any] = {name: nothing}
            seen = replace(room, state=supposed(room.state, **without))
            zones = {**trace.snapshot.zones, first: seen}
            yield from self._gone(name, replace(trace.snapshot, zones=zones))

    def _curve(self, base: ZoneSettings) -> Iterator[Counterfactual]:
        """Ask with the band where it is without the curve of its window or preset."""
        trace = self._trace
        reasons = self._zone.overlay.reasons if self._zone.overlay else ()
        if all(why.code is not ReasonCode.CURVE for why in reasons):
            return
        straight = replace(
            base,
            time_windows=tuple(replace(each, curve=()) for each in base.time_windows),
            presets={
                name: replace(each, curve=()) for name, each in base.presets.items()
            },
        )
        zones = {**trace.settings.zones, trace.zone: straight}
        yield from self._gone(
            "curve", trace.snapshot, replace(trace.settings, zones=zones)
        )

    def _gone(
        self, name: str, snapshot: Snapshot, settings: Settings | None = None
    ) -> Iterator[Counterfactual]:
        """Ask without something that lay over the settings."""
        states = snapshot.zones
        laid = overlaid(
            settings or self._trace.settings,
            lambda zone: states[zone].state,
            self._trace.at,
        )
        found = rejudged(self._trace.zone, snapshot, laid, self._trace.at)
        dial = _Dial("input", name, "in force", lambda _to: found)
        yield from self._if_different(dial, "none", _FLIP_STEPS, found)

    # --- asking -------------------------------------------------------------------

    def _judged(
        self,
        seen: ZoneSnapshot | None = None,
        *,
        settings: Settings | None = None,
        shift: timedelta = timedelta(0),
    ) -> _Asked:
        trace = self._trace
        snapshot: Snapshot = trace.snapshot
        if seen is not None:
            snapshot = replace(snapshot, zones={**snapshot.zones, trace.zone: seen})
        at = trace.at + shift
        if settings is None:
            zones = snapshot.zones
            settings = overlaid(trace.settings, lambda name: zones[name].state, at)
        return rejudged(trace.zone, snapshot, settings, at)

    def _differs(self, found: _Asked) -> bool:
        return _sent(*found) != self._was and found[1].outcome not in _BROKEN

    def _turned(self, dial: _Dial) -> Iterator[Counterfactual]:
        """Turn a dial both ways, each jump twice the one before, then halve."""
        for sign in (-1, 1):
            room = abs(dial.bounds[0 if sign < 0 else 1] - dial.value)
            farthest = int(round(room / dial.step, 6))

            def at(steps: int, sign: int = sign) -> tuple[float, _Asked]:
                # Decimal, so that 19.7 stays 19.7; and zero is never a negative one.
                number = round(dial.value + sign * steps * dial.step, 6) + 0.0
                number = int(number) if dial.whole else number
                return number, dial.ask(number)

            same, other = 0, 1
            while same < farthest and not self._differs(at(min(other, farthest))[1]):
                same, other = min(other, farthest), other * 2
            if same >= farthest:
                continue
            other = min(other, farthest)
            while other - same > 1:
                middle = (same + other) // 2
                if self._differs(at(middle)[1]):
                    other = middle
                else:
                    same = middle
            becomes, found = at(other)
            steps = other * dial.step / _ONE_STEP.get(dial.unit, 1.0)
            reaches = self._reach(at, other, farthest)
            last = None if reaches == farthest != other else at(reaches)[0]
            yield from self._if_different(dial, becomes, steps, found, last)

    def _reach(
        self, at: Callable[[int], tuple[float, _Asked]], first: int, farthest: int
    ) -> int:
        """Return how far beyond the first value that differs the same comes of it."""
        wanted = self._seen_of(at(first)[1])
        same, other = first, first + 1
        while same < farthest and self._seen_of(at(min(other, farthest))[1]) == wanted:
            same, other = min(other, farthest), first + 2 * (other - first)
        if same >= farthest:
            return farthest
        other = min(other, farthest)
        while other - same > 1:
            middle = (same + other) // 2
            if self._seen_of(at(middle)[1]) == wanted:
                same = middle
            else:
                other = middle
        return same

    def _seen_of(self, found: _Asked) -> tuple[Action | None, float | None]:
        """Return what is told of it: of another action than was taken no setpoint."""
        action, setpoint = _sent(*found)
        return action, (setpoint if action == self._was[0] else None)

    def _if_different(
        self, dial: _Dial, becomes: Any, steps: float, found: _Asked, last: Any = None
    ) -> Iterator[Counterfactual]:
        if self._differs(found):
            decision, verdict = found
            action = decision.action if verdict.allowed else None
            _, setpoint = self._seen_of(found)
            if action is not None and action == self._was[0] and setpoint is None:
                return  # the same, with the setpoint of the settings: no news to anybody
            yield Counterfactual(
                dial.kind,
                dial.name,
                dial.value,
                becomes,
                dial.unit,
                verdict.outcome,
                action,
                steps,
                last,
                setpoint,
            )


def _sent(
    decision: ZoneDecision, verdict: ZoneVerdict
) -> tuple[Action | None, float | None]:
    """Return what goes out: the part of a decision that a room can feel.

    That a unit that runs is told of another wish is so of every wish, and answers nothing.
    """
    wishes = any(each.code is ReasonCode.WISH_CHANGED for each in decision.reasons)
    if wishes or not verdict.allowed:
        return None, None
    return decision.action, decision.setpoint
