"""Safety's word on a decision: a stop in its place, or a start taken out of it. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from switchbot_automation.engine.aircon import (
    already_in_force,
    profile_of,
    season_action,
)
from switchbot_automation.engine.control import with_setpoint
from switchbot_automation.engine.safety import Level
from switchbot_automation.model import Action, Outcome, Power, ReasonCode, ZoneDecision

if TYPE_CHECKING:
    from switchbot_automation.engine.safety import Safety
    from switchbot_automation.engine.state import ZoneState
    from switchbot_automation.model import Reason
    from switchbot_automation.settings_model import ZoneSettings

_STARTS = frozenset({Action.WINTER, Action.SUMMER})

# What every unit's remote can be set to.
_LOWEST_SETPOINT, _HIGHEST_SETPOINT = 16.0, 30.0
# Ten times the step of a meter: a living one shows it, and few rooms leave their band.
_PROBE_KELVIN = 1.0


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


def restrained(
    zone: ZoneSettings, state: ZoneState, decided: ZoneDecision, safety: Safety
) -> ZoneDecision:
    """Return the decision without what safety forbids.

    Going off and to fan stay free. A unit that runs on without a reading is set to the
    saving end of its band, once, where it can be told so; one whose meter may only stand
    still because the room does, no further than the meter has to show.
    """
    reasons = (*decided.reasons, safety.reason)
    if decided.action in _STARTS:
        if not safety.forbids_start:
            return decided
        return replace(
            decided,
            outcome=safety.outcome,
            action=None,
            reasons=reasons,
            setpoint=None,
            blocked_until=safety.until or decided.blocked_until,
        )
    if safety.level is Level.CONSERVATIVE and decided.action is None:
        probes = safety.reason.code is ReasonCode.SENSOR_FROZEN
        saving = _saving_setpoint(zone, state, probes=probes)
        if saving is not None:
            return ZoneDecision(
                zone.name,
                safety.outcome,
                season_action(zone),
                reasons,
                setpoint=saving,
            )
    return replace(decided, reasons=reasons)


def _saving_setpoint(
    zone: ZoneSettings, state: ZoneState, *, probes: bool
) -> float | None:
    """Return the setpoint that saves, None where it is in force or cannot be sent."""
    on = season_action(zone)
    profile = profile_of(zone, on)
    told = zone.aircon_device_id and "command" in zone.cascade
    runs = state.power is Power.ON and state.action is on and not state.uncertain
    if profile is None or not told or not runs:
        return None
    target = profile.target_temp
    if on is Action.WINTER:
        end = target - _PROBE_KELVIN if probes else min(profile.min_temp, target)
        saving = max(_LOWEST_SETPOINT, end)
    else:
        end = target + _PROBE_KELVIN if probes else max(profile.max_temp, target)
        saving = min(_HIGHEST_SETPOINT, end)
    if already_in_force(state, with_setpoint(zone, saving), on):
        return None
    return saving
