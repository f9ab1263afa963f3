"""What a visit leaves of a home, for the next visitor and for who watches the fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.core.state.values import encode_instant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchbot_automation.model import TickReport

LEFT: Final = "_visit"
"""The home's document that holds it."""
_TROUBLE: Final = frozenset({"not_kept", "blind"})
_TOLD: Final = 8
"""So many rooms of a home are named that are not kept."""


def left_behind(
    health: Mapping[str, Any],
    report: TickReport,
    memory: Mapping[str, Any],
    *,
    at: datetime,
    late: float,
) -> dict[str, Any]:
    """Return the document; see `summary_of` for who reads it."""
    rooms = [
        {
            "zone": name,
            "status": zone["room"]["status"],
            "since": zone["room"]["since"],
            "reasons": zone["room"]["reasons"],
            "advice": zone["room"]["advice"],
        }
        for name, zone in health["zones"].items()
        if zone["room"]["status"] in _TROUBLE or zone["room"]["advice"]
    ]
    return {
        "at": encode_instant(at),
        "next_wakeup": encode_instant(report.next_wakeup),
        "late_seconds": round(late, 3),
        "status": health["status"],
        "outcome": str(report.outcome),
        "rooms": len(health["zones"]),
        "not_kept": rooms[:_TOLD],
        "problem": health["settings_error"]
        or next(iter(health["document_problems"]), None),
        "memory": dict(memory),
    }
