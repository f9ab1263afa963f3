"""Answer "why?": the decision that stands, with its reasons, in words and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from switchbot_automation.engine.record import reasons_as_json
from switchbot_automation.engine.state import encode_instant
from switchbot_automation.model import ReasonCode
from switchbot_store import ThreadedHistory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchbot_automation.model import Reason, ZoneDecision


_LOOK_BACK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a zone is as it is.

    `decided_at` is when the decision was made, aware UTC; None, with no outcome and no
    reasons, when nothing is known of the instant asked about.
    """

    zone: str
    asked_at: datetime
    decided_at: datetime | None
    outcome: str | None
    reasons: tuple[Mapping[str, Any], ...]
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "zone": self.zone,
            "asked_at": encode_instant(self.asked_at),
            "decided_at": (
                encode_instant(self.decided_at) if self.decided_at else None
            ),
            "outcome": self.outcome,
            "because": [dict(reason) for reason in self.reasons],
            "text": self.text,
        }


def explain_decision(
    decision: ZoneDecision, decided_at: datetime, asked_at: datetime
) -> Explanation:
    """Explain a decision of this process."""
    return Explanation(
        zone=decision.zone,
        asked_at=asked_at,
        decided_at=decided_at,
        outcome=str(decision.outcome),
        reasons=tuple(reasons_as_json(decision.reasons)),
        text=_sentence(decision),
    )


def explain_row(zone: str, row: Mapping[str, Any], asked_at: datetime) -> Explanation:
    """Explain from a row of history, as `Recorder` wrote it."""
    metadata = row.get("metadata") or {}
    reasons = tuple(metadata.get("reasons") or ())
    outcome = metadata.get("outcome")
    codes = ", ".join(str(reason.get("code")) for reason in reasons)
    return Explanation(
        zone=zone,
        asked_at=asked_at,
        decided_at=row["timestamp"],
        outcome=outcome,
        reasons=reasons,
        text=f"{zone}: {outcome}" + (f", because of {codes}." if codes else "."),
    )


async def explain_from_history(
    history: object, zone: str, asked_at: datetime
) -> Explanation:
    """Explain from the last row at or before `asked_at`, if there is one that day.

    Without a history that can be asked nothing is known. Raises StoreError.
    """
    if not isinstance(history, ThreadedHistory):
        return nothing_known(zone, asked_at)
    # What was recorded a moment ago may not have reached the backend yet.
    await history.flush()
    found = await history.query(
        asked_at - _LOOK_BACK,
        asked_at + timedelta(microseconds=1),
        zone=zone,
        fields=["metadata"],
    )
    if not found.rows:
        return nothing_known(zone, asked_at)
    return explain_row(zone, found.rows[-1], asked_at)


def nothing_known(zone: str, asked_at: datetime) -> Explanation:
    """Explain that nothing is recorded of that instant."""
    text = f"{zone}: nothing is recorded of {encode_instant(asked_at)}."
    return Explanation(zone, asked_at, None, None, (), text)


def _sentence(decision: ZoneDecision) -> str:
    why = "; ".join(_words(reason) for reason in decision.reasons)
    return f"{decision.zone}: {decision.outcome}, because {why}."


def _words(reason: Reason) -> str:
    template = _WORDS.get(reason.code)
    if template is None:
        return reason.code.replace("_", " ")
    return template.format_map(reason.detail)


_WORDS = {
    ReasonCode.AUTOMATION_DISABLED: "the automation is disabled",
    ReasonCode.IN_WINDOW: "the window {start}-{end} is open",
    ReasonCode.OUTSIDE_WINDOWS: "no window is open",
    ReasonCode.NO_WINDOWS: "there are no windows",
    ReasonCode.NO_METER: "no meter is configured",
    ReasonCode.NO_READING: "the meter gave no temperature",
    ReasonCode.METER_UNREACHABLE: "the meter could not be read",
    ReasonCode.TEMPERATURE_NOT_A_NUMBER: "the meter's temperature is not a number",
    ReasonCode.TEMP_BELOW_ON_THRESHOLD: (
        "{temperature_celsius} °C is at or below {limit_celsius} °C, where it turns on"
    ),
    ReasonCode.TEMP_ABOVE_ON_THRESHOLD: (
        "{temperature_celsius} °C is at or above {limit_celsius} °C, where it turns on"
    ),
    ReasonCode.TEMP_BELOW_OFF_THRESHOLD: (
        "{temperature_celsius} °C is at or below {limit_celsius} °C, where it turns off"
    ),
    ReasonCode.TEMP_ABOVE_OFF_THRESHOLD: (
        "{temperature_celsius} °C is at or above {limit_celsius} °C, where it turns off"
    ),
    ReasonCode.WITHIN_BAND: (
        "{temperature_celsius} °C lies between {low_celsius} and {high_celsius} °C"
    ),
    ReasonCode.ALREADY_OFF: "it is off already",
    ReasonCode.DUPLICATE_SUPPRESSED: "{action} is in force already",
    ReasonCode.HOLD_MANUAL: "a person's command holds until {until}",
    ReasonCode.MIN_ON_REMAINING: (
        "the compressor must run {remaining_seconds:.0f} s more, until {until}"
    ),
    ReasonCode.MIN_OFF_REMAINING: (
        "the compressor must rest {remaining_seconds:.0f} s more, until {until}"
    ),
    ReasonCode.GATE_OPEN: "nothing stood against sending it",
    ReasonCode.LOST_RACE: "another writer was faster",
    ReasonCode.STORE_UNAVAILABLE: "the store did not take the record of it",
}
