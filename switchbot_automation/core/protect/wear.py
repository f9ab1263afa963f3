"""Does a compressor start so often that it wears, though the room is kept? Pure.

A meter that hangs in warm air, or a band narrower than what the unit gives at once, starts
and stops a unit as often as its minimum times let it. The room is kept, every start is heard,
and each of them takes a share of the compressor's life. Where steering is not chosen nothing
else sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_automation.core.state.zone import DAY, NONE

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.settings.model import ZoneSettings

MANY_STARTS, FEW_STARTS = 18, 9
"""So many starts within a day a person is told of; from so few on it is over.

A room that is kept well needs two to eight; each start has its stop, both are heard.
"""


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
