"""What would another way of control bring? The same document, the same simulated days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchbot_automation.explain.brought import SameDays, Sides, simulated_words
from switchbot_automation.settings.proposal import kept_by_auto
from switchbot_automation.simulation.run import simulate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.simulation.report import SimulationReport


@dataclass(frozen=True, slots=True)
class Brought:
    """The same days under the settings as they are and under `control: auto`."""

    now: SimulationReport
    auto: SimulationReport

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "now": self.now.to_dict(),
            "auto": self.auto.to_dict(),
            "text": self.words(),
        }

    def words(self) -> str:
        """Say it in one sentence, in the language that is spoken."""
        now, auto, days = self.now, self.auto, self.now.days
        return simulated_words(
            SameDays(
                days=days,
                out_of_band=Sides(now.percent_out_of_band, auto.percent_out_of_band),
                calls=Sides(
                    now.api_calls_per_day * days, auto.api_calls_per_day * days
                ),
                starts=Sides(now.starts_per_day * days, auto.starts_per_day * days),
                kwh=Sides(now.kwh_per_day * days, auto.kwh_per_day * days),
            )
        )


async def what_auto_brings(
    document: Mapping[str, Any], *, season: str, days: float = 3.0
) -> Brought:
    """Simulate a document as it is, and with every zone kept by `control: auto`.

    The house is the default one, not the owner's: what it says is the direction. `season`
    is winter or summer. Raises SettingsError for settings that cannot be used.

    >>> import asyncio
    >>> from switchbot_automation.simulation import default_settings
    >>> change = asyncio.run(
    ...     what_auto_brings(default_settings(), season="winter", days=1)
    ... )
    >>> change.auto.percent_out_of_band < change.now.percent_out_of_band
    True
    """
    return Brought(
        await simulate(document, season=season, days=days),
        await simulate(kept_by_auto(document), season=season, days=days),
    )
