"""What a check of the doctor found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class SetupFinding:
    """What a check found. `advice` says what to change; empty when all is well."""

    check: str
    level: Level
    message: str
    advice: str = ""
