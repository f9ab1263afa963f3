"""The decisions that let a unit rest: at once for safety, or until the room is kept. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_automation.core.state.unit import already_in_force, season_action
from switchbot_automation.model import Action, Outcome, Power, Reason, ZoneDecision

if TYPE_CHECKING:
    from switchbot_automation.core.protect.safety import Safety
    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.settings.model import ZoneSettings


def stopped(zone: ZoneSettings, safety: Safety) -> ZoneDecision:
    """Return the decision that turns a zone off for safety."""
    return ZoneDecision(
        zone.name, safety.outcome, Action.OFF, (safety.reason,), emergency=True
    )


def paused(
    zone: ZoneSettings, state: ZoneState, reasons: tuple[Reason, ...]
) -> ZoneDecision:
    """Return the decision that lets a zone rest while it cannot be kept.

    No emergency: the minimum on time is waited for. A fan that runs is left alone.
    """
    unclear = state.uncertain or state.power is Power.UNKNOWN
    if not state.compressor_running and not unclear:
        off = already_in_force(state, zone, Action.OFF)
        outcome = Outcome.ALREADY_OFF if off else Outcome.NO_ACTION
        return ZoneDecision(zone.name, outcome, reasons=reasons)
    heats = season_action(zone) is Action.WINTER
    return ZoneDecision(
        zone.name,
        Outcome.WINTER_OFF if heats else Outcome.SUMMER_OFF,
        Action.OFF,
        reasons,
        if_blocked=Outcome.COOLDOWN,
    )
