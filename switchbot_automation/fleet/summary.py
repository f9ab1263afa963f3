"""What a visit leaves of a home, for the next visitor and for who watches the fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.core.state.values import encode_instant
from switchbot_automation.languages import packed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from switchbot_automation.model import TickReport
    from switchbot_automation.settings.model import ZoneSettings

LEFT: Final = "_visit"
"""The home's document that holds it."""
_TROUBLE: Final = frozenset({"not_kept", "blind"})
_TOLD: Final = 8
"""So many rooms of a home are named that are not kept."""
_ACCOUNT_DIGITS: Final = 12
_UNITS: Final = 16
"""So many units of a home are named that it commands."""


def left_behind(
    health: Mapping[str, Any],
    report: TickReport,
    memory: Mapping[str, Any],
    *,
    at: datetime,
    late: float,
    units: Iterable[str] = (),
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
    problem = health["settings_error"] or next(iter(health["document_problems"]), None)
    return {
        "at": encode_instant(at),
        "next_wakeup": encode_instant(report.next_wakeup),
        "late_seconds": round(late, 3),
        "status": health["status"],
        "outcome": str(report.outcome),
        "rooms": len(health["zones"]),
        "not_kept": rooms[:_TOLD],
        "units": sorted(units)[:_UNITS],
        "problem": None if problem is None else packed(problem),
        "memory": dict(memory),
    }


def units_of(zones: Iterable[ZoneSettings], account: str | None) -> set[str]:
    """Return the units that zones command, each by a name that no other home's unit has.

    An id of a device counts within its account; each channel of a relay is a unit of its
    own. A zone that only observes commands none.
    """
    found: set[str] = set()
    for zone in zones:
        if zone.observe_only:
            continue
        own = [(unit.device_id, unit.channel) for unit in zone.equipment]
        found.update(
            f"{(account or '')[:_ACCOUNT_DIGITS]}/{device} {channel or ''}".rstrip()
            for device, channel in own or [(zone.aircon_device_id, 0)]
            if device
        )
    return found
