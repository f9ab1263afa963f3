"""How long a simulated week takes."""

from __future__ import annotations

import asyncio
from statistics import median

from measuring import Figure

from switchbot_automation.simulation import simulate


def measure(*, quick: bool) -> list[Figure]:
    figures = []
    for season in ("winter", "summer"):
        walls = [_week(season) for _ in range(1 if quick else 5)]
        figures.append(Figure(f"a simulated {season} week", median(walls), "s", 1.5))
    return figures


def _week(season: str) -> float:
    return asyncio.run(simulate(days=7, season=season, seed=1)).wall_seconds
