"""Does a compressor start so often that it wears, and what spares it starts? Pure.

A meter that hangs in warm air, or a band narrower than what the unit gives at once, starts
and stops a unit as often as its minimum times let it. The room is kept, every start is heard,
and each of them takes a share of the compressor's life. Where steering is not chosen nothing
else sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_automation.core.state.zone import DAY, NONE
from switchbot_automation.model import Action

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.settings.model import ZoneSettings

MANY_STARTS, FEW_STARTS = 18, 9
"""So many starts within a day a person is told of; from so few on it is over.

A room that is kept well needs two to eight; each start has its stop, both are heard.
"""

_BORNE_STARTS = 4
_FURTHER_A_START, _FURTHEST = 1.0, 8.0


def worn_since(
    zone: ZoneSettings, state: ZoneState, now: datetime, *, told: bool = False
) -> datetime | None:
    """Return the first of a day's starts where they are too many, None where they are not.

    `told`: a person was told, so that it has to be much better before it counts as over.
    """
    starts = (state.equipment or NONE).starts
    most = FEW_STARTS if told else MANY_STARTS
    if len(starts) < most or zone.kind.cost != "compressor":
        return None
    began = starts[-most].at
    if now - began >= DAY:
        return None
    return next(one.at for one in starts if now - one.at < DAY)


def starts_of_a_day(state: ZoneState, now: datetime) -> int:
    """Return how often the compressor started within the last 24 hours."""
    starts = (state.equipment or NONE).starts
    return sum(now - one.at < DAY for one in starts)


def dries_further(zone: ZoneSettings, state: ZoneState, now: datetime) -> float:
    """Return by how many percent a dehumidifier goes on drying beyond its hysteresis.

    The more its compressor has started within a day, so that it starts less: a room that is
    wetted steadily is as far from its limit again in half an hour. 0 for other units.
    """
    if zone.kind.own is not Action.DRY or zone.kind.cost != "compressor":
        return 0.0
    many = starts_of_a_day(state, now) - _BORNE_STARTS
    return min(_FURTHEST, max(0.0, _FURTHER_A_START * many))
