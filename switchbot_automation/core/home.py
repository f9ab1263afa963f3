"""The whole home at one instant, as the pure core sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchbot_automation.core.state.meter import Reading
    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.model import (
        Decision,
        Verdict,
    )
    from switchbot_automation.settings.model import Settings


class States(Protocol):
    """The zones' states by name, read and written where they are kept."""

    def __getitem__(self, zone: str, /) -> ZoneState:
        """Return a zone's state as it is now."""
        ...

    def __setitem__(self, zone: str, state: ZoneState, /) -> None:
        """Keep a zone's state from now on."""
        ...


@dataclass(frozen=True, slots=True)
class ZoneSnapshot:
    """One zone: what was read now, and what is known or assumed from before."""

    reading: Reading
    state: ZoneState


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every zone of the settings, by name."""

    zones: Mapping[str, ZoneSnapshot]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the core was given at one instant for the whole home, and what it said."""

    at: datetime
    snapshot: Snapshot
    settings: Settings
    decision: Decision
    verdict: Verdict
