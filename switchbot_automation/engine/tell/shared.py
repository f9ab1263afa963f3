"""What the engine that leads tells those that follow it, so that all show one truth.

A follower asks the cloud for nothing: it reads the states as they are stored, and what
the last tick of the leader came to from a document beside them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from switchbot_automation.core.home import Snapshot, ZoneSnapshot
from switchbot_automation.core.state.meter import remembered
from switchbot_automation.core.state.values import encode_instant
from switchbot_automation.core.step import ZoneTick, judged_anew
from switchbot_automation.explain.trace import reasons_as_json
from switchbot_automation.instants import stored_instant
from switchbot_automation.model import Outcome, Reason, ReasonCode, ZoneDecision

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from switchbot_automation.core.home import States
    from switchbot_automation.settings.model import Settings


def to_document(
    decisions: Iterable[ZoneDecision], now: datetime, wakeup: datetime, token: int
) -> dict[str, Any]:
    """Return what the last tick of the engine with this `token` came to."""
    return {
        "token": token,
        "at": encode_instant(now),
        "next_wakeup": encode_instant(wakeup),
        "zones": {
            each.zone: {
                "outcome": str(each.outcome),
                "reasons": reasons_as_json(each.reasons),
            }
            for each in decisions
        },
    }


def told_at(document: Mapping[str, Any], key: str) -> datetime | None:
    """Return one of a document's instants, None where it has none."""
    return stored_instant(document.get(key))


def followed(
    settings: Settings, states: States, told: Mapping[str, Any], now: datetime
) -> list[ZoneTick]:
    """Return a tick that did nothing: what is known, and what the leader said of it.

    Where the leader has not said anything yet, it is decided from what is known.
    """
    seen = {
        name: ZoneSnapshot(remembered(states[name]), states[name])
        for name in settings.zones
    }
    judged = judged_anew(Snapshot(seen), settings, now)
    zones = told.get("zones")
    ticks = []
    for decided, verdict in zip(
        judged.decision.zones, judged.verdict.zones, strict=True
    ):
        own = replace(decided, outcome=verdict.outcome)
        name = decided.zone
        said = zones.get(name) if isinstance(zones, dict) else None
        reading = judged.snapshot.zones[name].reading
        ticks.append(
            ZoneTick(
                judged.settings.zones[name],
                _as_told(own, said),
                (),
                None,
                reading.temperature,
                reading.humidity,
                judged,
                decided,
                verdict,
                waited=True,
            )
        )
    return ticks


def _as_told(own: ZoneDecision, said: Any) -> ZoneDecision:
    try:
        reasons = tuple(
            Reason(
                ReasonCode(each["code"]),
                {key: value for key, value in each.items() if key != "code"},
            )
            for each in said["reasons"]
        )
        return replace(own, outcome=Outcome(said["outcome"]), reasons=reasons)
    except (KeyError, TypeError, ValueError, AttributeError):
        return own  # not told yet, or by another version of this program
