"""The whole home at one instant, as the pure core sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchbot_automation.engine.state import ZoneState
    from switchbot_automation.model import ReasonCode


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter gave this tick.

    `temperature` in degrees Celsius is None when there is none, and then `problem` says
    why. `humidity` in percent. `received_at` is when the answer came. `source`: ``push``
    for what an event said; None for an answer that was asked for.
    """

    temperature: float | None = None
    humidity: float | None = None
    received_at: datetime | None = None
    problem: ReasonCode | None = None
    error: str | None = None
    source: str | None = None

    def made_at(self, now: datetime) -> datetime:
        """Return when the temperature was read; `now` where nobody knows that."""
        at = self.received_at
        return now if at is None or at > now else at


@dataclass(frozen=True, slots=True)
class ZoneSnapshot:
    """One zone: what was read now, and what is known or assumed from before."""

    reading: Reading
    state: ZoneState


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every zone of the settings, by name."""

    zones: Mapping[str, ZoneSnapshot]
