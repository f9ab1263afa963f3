"""What works on the air of a room without heating it for its own sake: moisture and CO2.

A humidifier's water takes the heat that it evaporates with from the room, and a
dehumidifier gives it back with what it draws. A purifier filters and brings no air from
outdoors, so it takes no CO2; a ventilator brings some. Powers in watts, moisture in
kilograms an hour, fresh air in cubic metres an hour.
"""

from __future__ import annotations

from dataclasses import dataclass

_EVAPORATION = 2450e3
_HOUR = 3600.0
# Where a dehumidifier takes nothing any more, and over how much it gets to its rating.
_DRY_GRAMS, _RATED_GRAMS = 4.0, 6.0


@dataclass(frozen=True, slots=True)
class MachineParameters:
    """One machine. `moisture` is negative for one that dries; `shade` is how much sun a
    cover keeps out when it is closed, 0 to 1.
    """

    power: float = 30.0
    moisture: float = 0.0
    fresh_air: float = 0.0
    shade: float = 0.0


MACHINES = {
    "humidifier": MachineParameters(power=25.0, moisture=0.35),
    "dehumidifier": MachineParameters(power=250.0, moisture=-0.5),
    "purifier": MachineParameters(power=35.0),
    "fan": MachineParameters(power=25.0, fresh_air=90.0),
    "curtain": MachineParameters(power=0.0, shade=0.6),
    "blind": MachineParameters(power=0.0, shade=0.6),
    "shade": MachineParameters(power=0.0, shade=0.7),
}
"""What each kind of equipment is made as, by its word in the settings."""


class Machine:
    """A machine that is told to work to some extent, 0 to 1; `heat` is in watts.

    `empty`: its tank is, so that it works for nothing (a humidifier's water, a
    dehumidifier's full bucket). `starts` are the seconds at which it was told to begin,
    `switches` those at which it was told anything else than before.
    """

    def __init__(self, parameters: MachineParameters, step_seconds: float) -> None:
        self.parameters = parameters
        self.level: float = 0.0
        self.empty = False
        self.heat: float = 0.0
        self.energy: float = 0.0
        self.starts: list[float] = []
        self.switches: list[float] = []
        self._step = step_seconds

    @property
    def conditioning(self) -> bool:
        """Whether it works; nothing of that heats or cools."""
        return False

    @property
    def on(self) -> bool:
        """Whether it was told to work."""
        return self.level > 0.0

    @property
    def power_draw(self) -> float:
        """What it draws at this moment."""
        return self.parameters.power if self.on else 0.0

    def turn(self, seconds: float, level: float) -> None:
        """Be told how much to work."""
        if level == self.level:
            return
        if level > 0.0 and not self.level:
            self.starts.append(seconds)
        self.level = level
        self.switches.append(seconds)

    def moisture(self, grams: float) -> float:
        """Return what it gives to air of so many grams a kilogram, in kg an hour."""
        rated = self.parameters.moisture
        if self.empty or not self.on:
            return 0.0
        if rated < 0.0:
            share = (grams - _DRY_GRAMS) / _RATED_GRAMS
            return rated * max(0.0, min(1.2, share))
        return rated * self.level

    def step(self, seconds: float, grams: float) -> float:
        """Run one step in air of that moisture; return the heat given in watts."""
        del seconds
        self.energy += self.power_draw * self._step
        latent = -self.moisture(grams) * _EVAPORATION / _HOUR
        self.heat = self.power_draw + latent
        return self.heat
