"""Two writers' states of one zone, made one. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchbot_automation.core.state.belonging import OF_UNIT
from switchbot_automation.core.state.zone import NONE

if TYPE_CHECKING:
    from switchbot_automation.core.state.zone import ZoneState

_REMEMBERED = (
    "power",
    "mode",
    "parameter",
    "action",
    "uncertain",
    "last_action",
    "last_action_at",
    "pending_repeat",
    "pending_manual",
    "intent",
    "refusals",
    "evidence",
)
_LATER_WINS = (
    "compressor_started_at",
    "compressor_stopped_at",
    "fan_started_at",
    "manual_action_at",
    "last_aircon_poll_at",
)


def newest_of(ours: ZoneState, found: ZoneState) -> ZoneState:
    """Join what we hold unsaved with what another writer stored meanwhile.

    The later command tells what the unit does; of each equipment timestamp the later
    one stands, which can only make a minimum time longer. So does the later button.
    """
    if ours.switch and (found.switch is None or ours.switch.at > found.switch.at):
        found = found._replace(switch=ours.switch)
    ours_is_later = ours.last_action_at is not None and (
        found.last_action_at is None or ours.last_action_at > found.last_action_at
    )
    if ours.unit and found.unit and not ours.unit.stays(found.unit):
        # Two units have nothing in common: what was told last is of the right one.
        whole = {name: getattr(ours, name) for name in ("unit", *OF_UNIT)}
        return found._replace(**whole) if ours_is_later else found
    joined: dict[str, Any] = {}
    for name in _LATER_WINS:
        instants = [at for at in (getattr(ours, name), getattr(found, name)) if at]
        joined[name] = max(instants, default=None)
    joined["equipment"] = (ours.equipment or NONE).joined(found.equipment)
    joined["unit"] = found.unit or ours.unit
    if ours_is_later:
        joined.update({name: getattr(ours, name) for name in _REMEMBERED})
    return found._replace(**joined)
