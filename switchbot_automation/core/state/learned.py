"""What a zone has learned, as one part of its state document. Pure.

Everything in it is bounded, versioned and optional: what cannot be read is forgotten and
learned again, and the zone is safe without any of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from switchbot_automation.core.control.slopes import SlopeBounds
    from switchbot_automation.core.state.records import Learned
    from switchbot_automation.core.state.zone import ZoneState


def with_learned(state: ZoneState, learned: Learned) -> ZoneState:
    """Return the state with what was learned."""
    return state._replace(learned=learned)


def with_slopes(state: ZoneState, bounds: SlopeBounds) -> ZoneState:
    """Return the state with how fast its room was found to move."""
    return state._replace(slope_bounds=bounds)
