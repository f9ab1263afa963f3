"""Who yields in a room: units that would undo each other's work never work together. Pure.

One table. What stands first keeps its will; what stands behind it and would work against it
waits. Units that do not meet in `AGAINST` go on beside each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from switchbot_automation.model import Action, Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Mapping

ORDER: Final = (
    Action.WINTER,
    Action.SUMMER,
    Action.DRY,
    Action.HUMIDIFY,
    Action.VENTILATE,
    Action.PURIFY,
    Action.SHADE,
)
"""Whose will counts first: warmth before humidity, humidity before fresh air."""

AGAINST: Final[Mapping[Action, frozenset[Action]]] = {
    Action.SUMMER: frozenset({Action.WINTER}),
    # Dry mode cools; a dehumidifier dries what is heated as well, see `yields_to`.
    Action.DRY: frozenset({Action.HUMIDIFY}),
    Action.HUMIDIFY: frozenset({Action.DRY, Action.SUMMER}),
    # In winter the sun heats for nothing.
    Action.SHADE: frozenset({Action.WINTER}),
}
"""Against whose work each would work."""


def yields_to(
    action: Action, others: Mapping[str, Action], *, cools: bool = False
) -> Reason | None:
    """Return to whom a unit yields, None where it may work.

    `others` is what each other unit of the room does or is about to do, by its name.
    `cools`: it dries by cooling, as an air conditioner does.
    """
    against = AGAINST.get(action, frozenset())
    if cools:
        against |= {Action.WINTER}
    mine = ORDER.index(action)
    for name, other in others.items():
        if other in against and ORDER.index(other) < mine:
            detail = {"zone": name, "action": other}
            return Reason(ReasonCode.YIELDS, detail)
    return None
