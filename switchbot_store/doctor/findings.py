"""What a check of the doctor found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from switchbot_store.languages import translated as _

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class SetupFinding:
    """What a check found. `advice` says what to change; empty when all is well."""

    check: str
    level: Level
    message: str
    advice: str = ""


def not_restored(said: str) -> SetupFinding:
    """Return what is found where a backup is not restored to its end, or not yet."""
    return SetupFinding(
        "restore",
        "warning",
        said,
        _(
            "Let it end where it still runs; else run `switchbot-store restore` with that"
            " file again, or, where it is gone, with a backup of what there is now; it does"
            " no harm."
        ),
    )
