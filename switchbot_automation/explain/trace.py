"""What a decision was made from, kept so that it can be made again. Pure.

A trace holds one zone's inputs as the core saw them, what each stage said and what was
sent. In memory it is exact; in a row of history it is a small document, and the settings
are named by their revision. A decision that repeats itself is a run: its first look is
kept whole, of the others only how many there were and between which temperatures.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.core.control.band import aim_of
from switchbot_automation.core.decide import concerned, narrowed
from switchbot_automation.core.home import (
    Judged,
    Snapshot,
    ZoneSnapshot,
)
from switchbot_automation.core.state.meter import Reading
from switchbot_automation.core.state.values import encode_instant
from switchbot_automation.core.state.zone import ZoneState, supposed
from switchbot_automation.core.step import judge_snapshot, judged_anew
from switchbot_automation.instants import parse_instant
from switchbot_automation.model import CommandStatus, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from switchbot_automation.core.step import ZoneTick
    from switchbot_automation.model import (
        Command,
        Reason,
        ZoneDecision,
        ZoneVerdict,
    )
    from switchbot_automation.settings.model import Settings, ZoneSettings

_VERSION = 1

# As many changes as a busy day has, and small enough for a thousand zones.
_KEPT = 32
# Where retention or a crash took the first look of a run, the next is not far.
_WRITTEN_AGAIN = timedelta(hours=1)
_NOT_SENT = frozenset({CommandStatus.BLOCKED, CommandStatus.DECIDED})

# What of a state makes a decision another one; measurements come and go without.
_telling_of = attrgetter(
    "power",
    "mode",
    "parameter",
    "action",
    "uncertain",
    "compressor_started_at",
    "compressor_stopped_at",
    "hold_until",
    "pending_repeat",
    "pending_manual",
    "intent",
    "wish",
    "skipped",
    "quiet_until",
    "quiet_by",
)
# A document that lacks these means that they were unknown, whatever the rest suggests.
_AS_WRITTEN = {
    "assumed_aircon_action": "action",
    "compressor_started_at": "compressor_started_at",
    "compressor_stopped_at": "compressor_stopped_at",
    "fan_started_at": "fan_started_at",
}


@dataclass(frozen=True, slots=True)
class Trace:
    """One zone's decision with everything it was made from.

    `snapshot` and `settings` are narrowed to the zones that have a say in it. `revision`
    is that of the settings document, "" when unknown. `commands` is what was sent for
    it, with how far each came.
    """

    zone: str
    at: datetime
    snapshot: Snapshot
    settings: Settings
    decision: ZoneDecision
    verdict: ZoneVerdict
    revision: str = ""
    trigger: str = ""
    commands: tuple[Command, ...] = ()

    @property
    def zone_settings(self) -> ZoneSettings:
        """The zone's own settings."""
        return self.settings.zones[self.zone]

    @property
    def seen(self) -> ZoneSnapshot:
        """What was known of the zone."""
        return self.snapshot.zones[self.zone]


def trace_of(judged: Judged, decision: ZoneDecision, verdict: ZoneVerdict) -> Trace:
    """Return the trace of one zone's decision."""
    names: tuple[str, ...] = (decision.zone,)
    settings = judged.settings
    if len(settings.zones) > 1:
        names = concerned(settings, decision.zone)
        settings = narrowed(settings, names)
    return Trace(
        zone=decision.zone,
        at=judged.at,
        snapshot=replace(
            judged.snapshot,
            zones={name: judged.snapshot.zones[name] for name in names},
        ),
        settings=settings,
        decision=decision,
        verdict=verdict,
    )


def replayed(trace: Trace) -> tuple[ZoneDecision, ZoneVerdict]:
    """Decide again from what the trace holds; the same as then."""
    return rejudged(trace.zone, trace.snapshot, trace.settings, trace.at)


def rejudged(
    zone: str, snapshot: Snapshot, settings: Settings, at: datetime
) -> tuple[ZoneDecision, ZoneVerdict]:
    """Let the core judge by settings in force, and return one zone's part."""
    return _part_of(judge_snapshot(snapshot, settings, at), zone)


def _part_of(judged: Judged, zone: str) -> tuple[ZoneDecision, ZoneVerdict]:
    both = zip(judged.decision.zones, judged.verdict.zones, strict=True)
    return next(each for each in both if each[0].zone == zone)


def telling(
    decision: ZoneDecision, verdict: ZoneVerdict, seen: ZoneSnapshot
) -> tuple[Any, ...]:
    """Return what two decisions have in common if they are the same for a person."""
    state = seen.state
    return (
        verdict.outcome,
        verdict.allowed,
        verdict.blocked_until,
        decision.action,
        decision.setpoint,
        *[reason.code for reason in decision.reasons],
        *[reason.code for reason in verdict.reasons],
        seen.reading.problem,
        *_telling_of(state),
    )


# --- of this process ---------------------------------------------------------------


@dataclass(slots=True)
class DecisionRun:
    """A decision that stood from `since` on, at `count` looks, the last at `last`.

    `low` and `high` are the temperatures seen meanwhile, None without any. `recorded_at`
    is the instant of the row of history that holds its trace, `told` what that row says
    and the rows after it need not repeat. `key` is what makes another decision of it; of a
    run of an engine before this one, its digest.
    """

    key: tuple[Any, ...] | str
    shadow: Mapping[str, Any] | None
    since: datetime
    recorded_at: datetime
    last: datetime
    count: int = 1
    low: float | None = None
    high: float | None = None
    told: Mapping[str, Any] = field(default_factory=dict)

    def unrecorded(self) -> None:
        """Have the trace kept with the next look: the row with it was not taken."""
        self.recorded_at -= _WRITTEN_AGAIN

    def saw(self, temperature: float | None) -> None:
        """Take one more temperature."""
        if temperature is None:
            return
        if self.low is None or temperature < self.low:
            self.low = temperature
        if self.high is None or temperature > self.high:
            self.high = temperature


@dataclass(frozen=True, slots=True)
class Told:
    """A decision as it ended: its trace, the final words, and since when it stood."""

    trace: Trace
    final: ZoneDecision
    since: datetime
    shadow: Mapping[str, Any] | None = None


class _Look(NamedTuple):
    tick: ZoneTick
    trigger: str
    revision: str
    shadow: Mapping[str, Any] | None

    def trace(self) -> Trace:
        tick = self.tick
        return replace(
            trace_of(tick.judged, tick.decided, tick.verdict),
            trigger=self.trigger,
            revision=self.revision,
            commands=tick.commands,
        )


class Runs:
    """Remembers every zone's run and its last changes."""

    def __init__(self) -> None:
        self._runs: dict[str, DecisionRun] = {}
        self._latest: dict[str, _Look] = {}
        self._changes: dict[str, deque[Told]] = {}

    def look(
        self,
        tick: ZoneTick,
        trigger: str,
        revision: str,
        now: datetime,
        shadow: Mapping[str, Any] | None = None,
    ) -> tuple[DecisionRun, Trace | None]:
        """Take a tick; return its run, and the trace where it is to be kept whole.

        `now` is the instant of its row of history. `shadow` is what the settings beside
        these would have done, None where it is the same.
        """
        name = tick.zone.name
        look = self._latest[name] = _Look(tick, trigger, revision, shadow)
        seen = tick.judged.snapshot.zones[name]
        outcome = tick.decision.outcome
        key = (revision, outcome, shadow, telling(tick.decided, tick.verdict, seen))
        run = self._runs.get(name)
        changed = run is None or not _is_of(run, key) or _sent(tick)
        if run is None or changed:
            run = self._runs[name] = DecisionRun(
                key, shadow, tick.judged.at, now, tick.judged.at
            )
        else:
            run.count += 1
            run.last = tick.judged.at
        run.saw(tick.temperature)
        if not changed and now - run.recorded_at < _WRITTEN_AGAIN:
            return run, None
        run.recorded_at = now
        trace = look.trace()
        if changed:
            kept = self._changes.setdefault(name, deque(maxlen=_KEPT))
            kept.append(Told(trace, tick.decision, run.since, shadow))
        return run, trace

    def row(
        self,
        tick: ZoneTick,
        trigger: str,
        revision: str,
        now: datetime,
        shadow: Mapping[str, Any] | None = None,
    ) -> tuple[DecisionRun, dict[str, Any]]:
        """Take a tick as `look` does; return its run, and what its row of history says."""
        run, trace = self.look(tick, trigger, revision, now, shadow)
        metadata: dict[str, Any] = {
            "trigger": trigger,
            "outcome": str(tick.decision.outcome),
            "reasons": reasons_as_json(tick.decision.reasons),
        }
        if run.shadow is not None:
            metadata["shadow"] = dict(run.shadow)
        if trace is None:
            metadata = {
                name: value
                for name, value in said_in_each(metadata).items()
                if run.told.get(name) != value
            }
            metadata["run"] = repeating(run.recorded_at, now)
            return run, metadata
        aim = aim_of(tick.zone)
        if aim is not None:
            metadata["band"] = [aim.low, aim.high]
        metadata["trace"] = to_document(trace)
        if run.count > 1:
            metadata["run"] = {"since": encode_instant(run.since)}
        if tick.commands:
            metadata["commands"] = commands_as_json(tick.commands)
        run.told = said_in_each(metadata)
        return run, metadata

    def to_document(self) -> dict[str, Any]:
        """Return the runs for the engine after this one; see `take`."""
        return {
            name: {
                "key": run.key if isinstance(run.key, str) else _digest(run.key),
                "since": encode_instant(run.since),
                "recorded_at": encode_instant(run.recorded_at),
                "last": encode_instant(run.last),
                "count": run.count,
                "low": run.low,
                "high": run.high,
                "told": dict(run.told),
            }
            for name, run in self._runs.items()
        }

    def take(self, document: Any) -> None:
        """Go on with the runs of the engine before this one.

        Their traces are in the history, and not here. What cannot be read begins anew.
        """
        for name, each in document.items() if isinstance(document, dict) else ():
            try:
                since, recorded_at, last = (
                    parse_instant(each[key], timezone=UTC)
                    for key in ("since", "recorded_at", "last")
                )
                self._runs[name] = DecisionRun(
                    str(each["key"]),
                    None,
                    since,
                    recorded_at,
                    last,
                    int(each["count"]),
                    each["low"],
                    each["high"],
                    dict(each["told"]),
                )
            except (KeyError, TypeError, ValueError, AttributeError):
                continue

    def latest(self, zone: str) -> Told | None:
        """Return the last look at a zone, None before the first."""
        look = self._latest.get(zone)
        if look is None:
            return None
        since = self._runs[zone].since
        return Told(look.trace(), look.tick.decision, since, look.shadow)

    def before(self, zone: str, at: datetime) -> Told | None:
        """Return the change that was the last one at `at`, None if that is too old."""
        for told in reversed(self._changes.get(zone, ())):
            if told.trace.at <= at:
                return told
        return None


def _is_of(run: DecisionRun, key: tuple[Any, ...]) -> bool:
    """Tell whether a decision continues a run; one that goes on has its `key` then."""
    if isinstance(run.key, str) and run.key == _digest(key):
        run.key, run.shadow = key, key[2]
    return run.key == key


def _digest(key: tuple[Any, ...]) -> str:
    return hashlib.blake2b(repr(key).encode(), digest_size=12).hexdigest()


def _sent(tick: ZoneTick) -> bool:
    return any(each.status not in _NOT_SENT for each in tick.commands)


# --- as a document -----------------------------------------------------------------


def to_document(trace: Trace) -> dict[str, Any]:
    """Return the trace for a row of history; what is unknown is left out."""
    return {
        "v": _VERSION,
        "at": encode_instant(trace.at),
        "settings": trace.revision,
        "inputs": {
            name: {
                "reading": _reading_document(seen.reading),
                "state": _state_document(seen.state),
            }
            for name, seen in trace.snapshot.zones.items()
        },
        "decide": _present(
            outcome=str(trace.decision.outcome),
            action=trace.decision.action and str(trace.decision.action),
            setpoint=trace.decision.setpoint,
        ),
        "gate": _present(
            outcome=str(trace.verdict.outcome),
            allowed=trace.verdict.allowed,
            because=[str(reason.code) for reason in trace.verdict.reasons],
            blocked_until=(
                encode_instant(trace.verdict.blocked_until)
                if trace.verdict.blocked_until
                else None
            ),
        ),
    }


def from_document(document: Any, zone: str, settings: Settings) -> Trace | None:
    """Read a trace and decide again; None for garbage or other settings' zones.

    `settings` are those of the revision the document names.
    """
    if not isinstance(document, dict) or document.get("v") != _VERSION:
        return None
    inputs = document.get("inputs")
    if not isinstance(inputs, dict) or zone not in inputs:
        return None
    names = concerned(settings, zone)
    if zone not in settings.zones or any(name not in inputs for name in names):
        return None
    try:
        at = parse_instant(document["at"], timezone=UTC)
        snapshot = Snapshot({name: _zone_snapshot(inputs[name]) for name in names})
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    few = narrowed(settings, names)
    judged = judged_anew(snapshot, few, at)
    decision, verdict = _part_of(judged, zone)
    revision = str(document.get("settings", ""))
    return Trace(zone, at, snapshot, judged.settings, decision, verdict, revision)


def agrees(trace: Trace, document: Mapping[str, Any]) -> bool:
    """Tell whether a trace that was read says what its document says was decided."""
    gated = document.get("gate")
    return isinstance(gated, dict) and gated.get("outcome") == trace.verdict.outcome


def with_reading(trace: Trace, temperature: float | None, at: datetime) -> Trace:
    """Return the trace as at a later look that went the same way, but for a reading."""
    seen = trace.seen
    reading = seen.reading._replace(temperature=temperature, received_at=at)
    state = supposed(seen.state, last_temperature=temperature, last_read_at=at)
    snapshot = replace(
        trace.snapshot,
        zones={
            **trace.snapshot.zones,
            trace.zone: replace(seen, reading=reading, state=state),
        },
    )
    decision, verdict = rejudged(trace.zone, snapshot, trace.settings, at)
    return replace(
        trace,
        at=at,
        snapshot=snapshot,
        decision=decision,
        verdict=verdict,
        commands=(),
    )


def _present(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _reading_document(reading: Reading) -> dict[str, Any]:
    return {
        key: encode_instant(value) if isinstance(value, datetime) else _plain(value)
        for key, value in zip(reading._fields, reading, strict=True)
        if value is not None
    }


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


def _zone_snapshot(document: Mapping[str, Any]) -> ZoneSnapshot:
    parts: dict[str, Any] = {
        key: parse_instant(value, timezone=UTC) if key.endswith("_at") else value
        for key, value in document["reading"].items()
        if key in Reading._fields
    }
    if "problem" in parts:
        parts["problem"] = ReasonCode(parts["problem"])
    return ZoneSnapshot(Reading(**parts), _state(document["state"]))


def _state_document(state: ZoneState) -> dict[str, Any]:
    written = state.merged_into({}, ZoneState())
    return {
        key: value
        for key, value in written.items()
        if value is not None and value is not False
    }


def _state(document: Mapping[str, Any]) -> ZoneState:
    unknown: dict[str, Any] = {
        name: None for key, name in _AS_WRITTEN.items() if key not in document
    }
    return supposed(ZoneState.from_document(document), **unknown)


def codes(reasons: Iterable[Reason]) -> list[str]:
    """Return the reasons' codes."""
    return [str(reason.code) for reason in reasons]


# --- reasons and commands as JSON ---------------------------------------------------


def reasons_as_json(reasons: tuple[Reason, ...]) -> list[dict[str, Any]]:
    """Return reasons as JSON: the code, and the numbers behind it."""
    return [
        {
            "code": str(reason.code),
            **{key: _plain(value) for key, value in reason.detail.items()},
        }
        for reason in reasons
    ]


def commands_as_json(commands: tuple[Command, ...]) -> list[dict[str, Any]]:
    """Return commands as JSON: what was sent, how far it came, by which rungs."""
    return [_command_as_json(each) for each in commands]


def rungs_as_json(command: Command) -> list[dict[str, Any]]:
    """Return the ways a command was tried, and what came of each."""
    return [
        {
            "rung": rung.rung,
            "ok": rung.ok,
            "error": rung.error,
            "seconds": round(rung.duration_seconds, 3),
        }
        for rung in command.rungs
    ]


def _command_as_json(command: Command) -> dict[str, Any]:
    sent = {
        "action": str(command.action),
        "status": str(command.status),
        "rungs": rungs_as_json(command),
    }
    unit = command.reasons[0].detail.get("unit") if command.reasons else None
    if unit is not None and command.reasons[0].code is ReasonCode.UNIT_LEFT:
        sent["unit"], sent["reason"] = unit, str(ReasonCode.UNIT_LEFT)
    if command.status is CommandStatus.BLOCKED and command.blocked_until:
        sent["blocked_until"] = encode_instant(command.blocked_until)
    return sent


# --- rows that repeat a decision, and the row that tells it -----------------------------

# A decision is written once, into the row of the look that made it, and once more an hour
# while it stands. The rows in between say no more than how long before them that row was
# recorded, `{"run": 120000000}` in microseconds, and what differs from it: a row that
# repeats takes a third of the room so. Rows of releases before tell all of it themselves.

_TELLING: Final = 16
"""The last row that tells a decision is pointed at; a few more where two engines record."""
_MICROSECOND: Final = timedelta(microseconds=1)
_MOVED: Final = (timedelta(), _MICROSECOND, -_MICROSECOND)
"""Where the row may be: either timestamp moved on by a microsecond if it was taken."""


def repeating(recorded_at: datetime, now: datetime) -> int:
    """Return what a row of `now` says of the row that tells its decision."""
    return (now - recorded_at) // _MICROSECOND


def told_at(row: Mapping[str, Any]) -> datetime | None:
    """Return when the row was recorded that tells this one's decision.

    None for a row that tells it itself, or that has none.
    """
    metadata = row.get("metadata")
    back = metadata.get("run") if isinstance(metadata, dict) else None
    if type(back) is not int:
        return None
    try:
        at: datetime = row["timestamp"] - back * _MICROSECOND
    except OverflowError:
        return None
    return at


def said_in_each(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a decision every row of it repeats: trigger, outcome, codes."""
    kept = {
        name: metadata[name]
        for name in ("trigger", "outcome", "shadow")
        if name in metadata
    }
    kept["reasons"] = [
        {"code": each["code"]}
        for each in metadata.get("reasons") or ()
        if "code" in each
    ]
    return kept


def in_full(row: Mapping[str, Any], telling: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row that repeats with the decision of the row that tells it."""
    own, whole = row["metadata"], telling["metadata"]
    of_run = whole.get("run")
    since = of_run.get("since") if isinstance(of_run, dict) else None
    at = encode_instant(telling["timestamp"])
    run = {"trace": at, "since": since or at}
    return {**row, "metadata": {**said_in_each(whole), **own, "run": run}}


class Decisions:
    """Gives a zone's rows their decisions, as they come, ascending."""

    def __init__(self) -> None:
        self._telling: dict[datetime, Mapping[str, Any]] = {}

    def of(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Yield the next rows; one whose telling row did not come stays as it is."""
        for row in rows:
            at = told_at(row)
            if at is not None:
                found = (self._telling.get(at + each) for each in _MOVED)
                whole = next((each for each in found if each is not None), None)
                yield row if whole is None else in_full(row, whole)
                continue
            metadata = row.get("metadata")
            if isinstance(metadata, dict) and "trace" in metadata:
                self._take(row)
            yield row

    def _take(self, row: Mapping[str, Any]) -> None:
        self._telling[row["timestamp"]] = row
        if len(self._telling) > _TELLING:
            # In the order in which they came: the oldest goes.
            del self._telling[next(iter(self._telling))]


def with_decisions(
    rows: Iterable[Mapping[str, Any]],
) -> Iterator[Mapping[str, Any]]:
    """Yield a zone's rows, ascending, each with its decision; see `Decisions`."""
    return Decisions().of(rows)
