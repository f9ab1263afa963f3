"""What a decision was made from, kept so that it can be made again. Pure.

A trace holds one zone's inputs as the core saw them, what each stage said and what was
sent. In memory it is exact; in a row of history it is a small document, and the settings
are named by their revision.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

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
from switchbot_automation.model import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchbot_automation.model import (
        Command,
        Reason,
        ZoneDecision,
        ZoneVerdict,
    )
    from switchbot_automation.settings.model import Settings, ZoneSettings

_VERSION = 1

# What of a state makes a decision another one; measurements come and go without.
_TELLING = tuple(
    ZoneState._fields.index(name)
    for name in (
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
    )
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
    names = concerned(judged.settings, decision.zone)
    return Trace(
        zone=decision.zone,
        at=judged.at,
        snapshot=replace(
            judged.snapshot,
            zones={name: judged.snapshot.zones[name] for name in names},
        ),
        settings=narrowed(judged.settings, names),
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
        *[state[index] for index in _TELLING],
    )


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
    reading = replace(seen.reading, temperature=temperature, received_at=at)
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
    parts = {each.name: getattr(reading, each.name) for each in fields(reading)}
    return {
        key: encode_instant(value) if isinstance(value, datetime) else _plain(value)
        for key, value in parts.items()
        if value is not None
    }


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


def _zone_snapshot(document: Mapping[str, Any]) -> ZoneSnapshot:
    known = {each.name for each in fields(Reading)}
    parts: dict[str, Any] = {
        key: parse_instant(value, timezone=UTC) if key.endswith("_at") else value
        for key, value in document["reading"].items()
        if key in known
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
