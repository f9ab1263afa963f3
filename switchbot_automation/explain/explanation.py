"""What an explanation is, and its text.

How one is found lies in `explain`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from switchbot_automation.core.state.values import encode_instant, instant
from switchbot_automation.engine.tell.record import reasons_as_json
from switchbot_automation.explain.words import (
    change_words,
    duration,
    reason_words,
    sentence,
)
from switchbot_automation.model import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import tzinfo

    from switchbot_automation.explain.counterfactual import Counterfactual
    from switchbot_automation.explain.margins import Margin
    from switchbot_automation.model import ZoneDecision

_SHOWN_CHANGES = 4


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a zone is as it is, or was.

    `decided_at` is the look that answers for the instant asked about, `since` when that
    decision was first made, both aware UTC; None, with no outcome and no reasons, when
    nothing is known of that instant. `state` is what was known of the unit and the room
    then. `shadow` is what the settings beside these would have done, where that was
    something else. `margins` say what nearly stopped it; `changes` what would have changed it, the
    smallest first. Both are empty where the inputs were not kept.

    >>> import asyncio
    >>> from switchbot_automation import AutomationEngine
    >>> from switchbot_automation.simulation import SimulatedHome, default_settings
    >>> from switchbot_store import MemoryStore
    >>> async def why():
    ...     home, store = SimulatedHome(), MemoryStore()
    ...     store.set("settings", default_settings())
    ...     async with AutomationEngine(home, store, clock=home.clock) as engine:
    ...         await engine.run_once()
    ...         return await engine.explain()
    >>> explanation = asyncio.run(why())
    >>> print(explanation.outcome, explanation.reasons[0]["code"])
    turned_off_outside_window outside_windows
    """

    zone: str
    asked_at: datetime
    decided_at: datetime | None
    outcome: str | None
    reasons: tuple[Mapping[str, Any], ...]
    text: str
    since: datetime | None = None
    trigger: str = ""
    settings_revision: str = ""
    state: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    commands: tuple[Mapping[str, Any], ...] = ()
    margins: tuple[Margin, ...] = ()
    changes: tuple[Counterfactual, ...] = ()
    shadow: Mapping[str, Any] | None = None

    @property
    def smallest_change(self) -> Counterfactual | None:
        """The smallest change of one input or setting that would have changed it."""
        return self.changes[0] if self.changes else None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "zone": self.zone,
            "asked_at": encode_instant(self.asked_at),
            "decided_at": instant_or_none(self.decided_at),
            "since": instant_or_none(self.since),
            "outcome": self.outcome,
            "trigger": self.trigger,
            "settings_revision": self.settings_revision,
            "state": dict(self.state),
            "because": [dict(reason) for reason in self.reasons],
            "commands": [dict(command) for command in self.commands],
            "nearly_stopped_by": [margin.to_dict() for margin in self.margins],
            "would_have_changed_if": [change.to_dict() for change in self.changes],
            "shadow": None if self.shadow is None else dict(self.shadow),
            "text": self.text,
        }


def explain_without_inputs(
    decision: ZoneDecision, decided_at: datetime, asked_at: datetime
) -> Explanation:
    """Explain a decision that no settings were there for."""
    reasons = reasons_as_json(decision.reasons)
    return Explanation(
        zone=decision.zone,
        asked_at=asked_at,
        decided_at=decided_at,
        outcome=str(decision.outcome),
        reasons=tuple(reasons),
        text=sentence(decision.zone, decision.outcome, reasons, UTC),
        since=decided_at,
    )


def nothing_known(zone: str, asked_at: datetime) -> Explanation:
    """Explain that nothing is recorded of that instant."""
    text = f"{zone}: nothing is recorded of {encode_instant(asked_at)}."
    return Explanation(zone, asked_at, None, None, (), text)


def told_in_lines(told: Explanation, tz: tzinfo) -> Iterator[str]:
    """Yield an explanation's text line by line, its instants in a zone's own time."""
    yield sentence(told.zone, told.outcome, told.reasons, tz)
    yield f"State: {_state_words(told.state, tz)}."
    if told.decided_at and told.since:
        stood = (told.decided_at - told.since).total_seconds()
        if stood >= 1:
            yield f"Decided so since {_clock(told.since, tz)}, for {duration(stood)}."
    for command in told.commands:
        rungs = ", ".join(
            f"{rung['rung']} {'ok' if rung['ok'] else rung['error']}"
            for rung in command.get("rungs", ())
        )
        how = f" by {rungs}" if rungs else ""
        yield f"Command: {command['action']}, {command['status']}{how}."
    if told.margins:
        yield "Margins: " + "; ".join(each.text for each in told.margins) + "."
    if told.shadow is not None:
        would = told.shadow.get("action") or "nothing"
        yield f"Shadow settings: {would} would have been sent ({told.shadow['outcome']})."
    for index, change in enumerate(told.changes[:_SHOWN_CHANGES]):
        yield f"{'Or' if index else 'Smallest change'}: {change_words(change)}."


def _state_words(state: Mapping[str, Any], tz: tzinfo) -> str:
    unit = f"{state['action'] or state['power']}"
    since = instant(state.get("since"))
    words = f"unit {unit}" + (f" since {_clock(since, tz)}" if since else "")
    if state.get("uncertain"):
        words += ", not for certain"
    if state.get("temperature") is not None:
        words += f", room {state['temperature']:g} °C"
    elif state.get("problem"):
        words += f", {reason_words({'code': state['problem']}, tz)}"
    return words


def _clock(at: datetime, tz: tzinfo) -> str:
    return f"{at.astimezone(tz):%a %H:%M:%S}"


def instant_or_none(at: datetime | None) -> str | None:
    """Write an instant down, if there is one."""
    return encode_instant(at) if at else None
