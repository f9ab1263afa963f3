"""What a zone has learned, as one part of its state document. Pure.

Everything in it is bounded, versioned and optional: what cannot be read is forgotten and
learned again, and the zone is safe without any of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from switchbot_automation.core.control.overshoot import Softening
from switchbot_automation.core.control.season import Season
from switchbot_automation.core.control.steer import Steering
from switchbot_automation.core.control.trend import Trend
from switchbot_automation.core.control.warm_up import WarmUp

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Learned:
    """What a zone has learned of its room, its unit and its meter."""

    trend: Trend = field(default_factory=Trend)
    steering: Steering = field(default_factory=Steering)
    warm_up: WarmUp = field(default_factory=WarmUp)
    softening: Softening = field(default_factory=Softening)
    season: Season | None = None
    starts: tuple[float, ...] = ()
    """When the compressor was started lately, POSIX seconds, ascending."""

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""
        season = {"season": self.season.to_document()} if self.season else {}
        return season | {
            "readings": self.trend.to_list(),
            "steering": self.steering.to_document(),
            "warm_up": self.warm_up.to_document(),
            "softening": self.softening.to_document(),
            "starts": list(self.starts),
        }

    @classmethod
    def from_document(cls, value: Any) -> Learned | None:
        """Read a document, however damaged; None where there is none."""
        if not isinstance(value, dict):
            return None
        return cls(
            Trend.from_list(value.get("readings")),
            Steering.from_document(_section(value, "steering")),
            WarmUp.from_document(_section(value, "warm_up")),
            Softening.from_document(_section(value, "softening")),
            Season.from_document(_section(value, "season")),
            _starts(value.get("starts")),
        )


def _section(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    section = value.get(key)
    return section if isinstance(section, dict) else {}


def _starts(value: Any) -> tuple[float, ...]:
    found = value[-KEPT_STARTS:] if isinstance(value, list) else ()
    return tuple(
        sorted(
            float(one)
            for one in found
            if isinstance(one, int | float)
            and not isinstance(one, bool)
            and 0 <= one < 1e11  # noqa: PLR2004 - within datetime's years
        )
    )


KEPT_STARTS = 24
