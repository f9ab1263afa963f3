"""More of what a room is doing, for a while: what band that is, however often it is asked.

A boost that is asked again while it lasts begins its time anew and adds nothing: brokers
deliver a message twice, and people press a button that seems to have done nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from switchbot_automation.languages import worded
from switchbot_automation.model import COLDEST, WARMEST

if TYPE_CHECKING:
    from collections.abc import Mapping

Band: TypeAlias = tuple[float, float]

_SAME_KELVIN: Final = 0.01


class Boosts:
    """The bands that rooms were boosted from and to.

    All units of a room have one wish, so it is kept by the first of them.

    >>> boosts, room = Boosts(), {"name": "den", "season": "winter", "wish": None}
    >>> boosts.band({**room, "wanted": {"low": 20.0, "high": 22.0}}, 2.0)
    (22.0, 24.0)
    >>> boosts.band({**room, "wish": {}, "wanted": {"low": 22.0, "high": 24.0}}, 2.0)
    (22.0, 24.0)
    """

    def __init__(self) -> None:
        self._given: dict[str, tuple[Band, Band]] = {}

    def band(self, zone: Mapping[str, Any], kelvin: float) -> Band:
        """Return the band of a zone of `engine.overview()` that is to be wished, in °C.

        It lies `kelvin` higher in winter and lower in summer. Raises ValueError for a zone
        that has none.
        """
        name, wanted = zone["name"], zone["wanted"]
        if wanted is None:
            raise ValueError(
                worded(
                    "zone {zone} has no temperatures to keep in its settings", zone=name
                )
            )
        before = now = wanted["low"], wanted["high"]
        room = zone.get("lead") or name
        if zone["wish"] is not None and room in self._given:
            from_, to = self._given[room]
            if _same(now, to):
                before = from_
        given = moved(before, -kelvin if zone["season"] == "summer" else kelvin)
        self._given[room] = before, given
        return given


def moved(band: Band, kelvin: float) -> Band:
    """Return a band that is moved, as far as 10 to 35 °C allow, and as wide as it was.

    >>> moved((32.0, 34.0), 5.0)
    (33.0, 35.0)
    """
    low, high = band
    kelvin = max(COLDEST - low, min(WARMEST - high, kelvin))
    return low + kelvin, high + kelvin


def _same(one: Band, other: Band) -> bool:
    return all(
        math.isclose(*sides, abs_tol=_SAME_KELVIN)
        for sides in zip(one, other, strict=True)
    )
