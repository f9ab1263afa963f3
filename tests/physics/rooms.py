"""Rooms of the simulated home whose air, weather and unit are EnergyPlus.

Account, meters, plugs, remotes and their delays are those of `SimulatedHome`; only what a
room does in a minute comes from the engine.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from switchbot_automation.simulation.house.aircon import AirconMode
from switchbot_automation.simulation.house.heaters import Floor, Panel
from switchbot_automation.simulation.house.house import STEP_SECONDS, House
from switchbot_automation.simulation.house.weather import Climate, Conditions, Weather
from tests.physics.buildings import ALWAYS_HEAT, NEVER_COOL, NEVER_HEAT
from tests.physics.energyplus import STEP_SECONDS as MINUTE
from tests.physics.energyplus import Simulation, weather_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from switchbot_automation.simulation.house.house import HouseParameters
    from tests.physics.buildings import Building, Reading

_STEPS = MINUTE // STEP_SECONDS
_OUTDOOR_MINUTES = 5


class Outdoors(Weather):
    """The weather of the run, which knows the present alone."""

    def __init__(self, block: Block, start: datetime) -> None:
        super().__init__(Climate(), start)
        self._block = block

    def at(self, seconds: float) -> Conditions:
        """Return what it is now; the sun shines into the engine's windows, not here."""
        del seconds
        reading = self._block.reading
        return Conditions(
            temperature=reading.outdoor,
            clouds=0.0,
            moisture=1000.0 * reading.outdoor_humidity,
            beam=0.0,
            diffuse=0.0,
            sun=(0.0, 0.0, 0.0),
        )


class Block:
    """A building with its rooms, which live through the same minutes.

    `make_house` gives them one by one, as `SimulatedHome` asks for them.
    """

    def __init__(self, building: Building, simulation: Simulation) -> None:
        self.building = building
        self.reading: Reading = building.read(simulation.values)
        self._simulation = simulation
        self._houses: list[EnergyPlusHouse] = []
        self._minutes = 0

    def make_house(
        self,
        parameters: HouseParameters,
        weather: Weather,
        start: datetime,
        *,
        seed: int | str,
        record: bool,
    ) -> House:
        """Return the next room; the home's own weather is not asked."""
        del weather
        house = EnergyPlusHouse(
            self, len(self._houses), parameters, start, seed=seed, record=record
        )
        self._houses.append(house)
        return house

    def advance_to(self, seconds: float) -> None:
        """Let the minutes pass that end at or before `seconds`."""
        while (self._minutes + 1) * MINUTE <= seconds:
            orders = [order for each in self._houses for order in each.orders()]
            self.reading = self.building.read(self._simulation.step(orders))
            self._minutes += 1
            heat = [abs(each.heat) for each in self.reading.rooms]
            given = math.fsum(heat)
            for house, room, share in zip(
                self._houses, self.reading.rooms, heat, strict=True
            ):
                part = share / given if given else 1.0 / len(heat)
                house.lived(room.air, room.humidity, room.heat)
                if house.source is None:
                    house.draws(part * self.reading.power)


class EnergyPlusHouse(House):
    """One room of a block: commands are taken over at the beginning of each minute.

    The unit's own sensor is off by what `parameters.aircon` says, as in `House`; the rest
    of those is the engine's.
    """

    def __init__(
        self,
        block: Block,
        number: int,
        parameters: HouseParameters,
        start: datetime,
        *,
        seed: int | str,
        record: bool,
    ) -> None:
        self._block = block
        air = block.reading.rooms[number].air
        super().__init__(
            replace(parameters, initial_temperature=air),
            Outdoors(block, start),
            start,
            seed=seed,
            record=record,
        )

    def advance_to(self, seconds: float) -> None:
        """Let the whole block live up to the last minute before `seconds`."""
        self._block.advance_to(seconds)

    def orders(self) -> Sequence[float]:
        """Take over what was commanded; return what the engine is set for a minute."""
        aircon, source = self.aircon, self.source
        while self._pending and self._pending[0][0] <= self._steps:
            change = self._pending.popleft()[1]
            aircon.apply(change(aircon.settings), self.seconds, self.air)
        if isinstance(source, Floor):
            source.energy += source.power_draw * MINUTE
            return (ALWAYS_HEAT if source.power_draw else NEVER_HEAT,)
        if isinstance(source, Panel):
            # The panel's own warmth is ours; where its heat goes is the engine's.
            given = [source.step(self.seconds, self.air) for _ in range(_STEPS)]
            return (math.fsum(given) / _STEPS,)
        return self._setpoints()

    def _setpoints(self) -> tuple[float, float]:
        """Return between what the unit keeps the air: its own sensor is off."""
        settings, parameters = self.aircon.settings, self.parameters.aircon
        if not settings.conditioning:
            return NEVER_HEAT, NEVER_COOL
        if settings.mode is AirconMode.HEAT:
            return settings.setpoint - parameters.return_offset_heating, NEVER_COOL
        if settings.mode in {AirconMode.COOL, AirconMode.DRY}:
            return NEVER_HEAT, settings.setpoint - parameters.return_offset_cooling
        raise ValueError(f"the building's unit has no mode {settings.mode!r}")

    def lived(self, air: float, humidity: float, heat: float) -> None:
        """Take over what a minute came to; a panel and a floor know their heat."""
        before = self.air
        self.moisture = 1000.0 * humidity
        self.conditions = self.weather.at(self.seconds)
        if self.source is None:
            self.aircon.heat = heat
        else:
            self.source.heat = heat or self.source.heat
        for step in range(1, _STEPS + 1):
            self.air = before + (air - before) * step / _STEPS
            self._steps += 1
            self.meter.step(self.seconds, self.air, self.moisture)
        if self.seconds % (_OUTDOOR_MINUTES * MINUTE) == 0 and self.on_conditions:
            self.on_conditions(self)
        if self.recording is not None:
            self._record(self.recording)

    def draws(self, watts: float) -> None:
        """Take over what the unit drew in that minute."""
        self.aircon.power_draw = watts
        self.aircon.energy += watts * MINUTE


@contextmanager
def block(building: Building, place: str, begins: date, days: int) -> Iterator[Block]:
    """Give a building in the weather of `place` from the midnight of `begins` on."""
    simulation = Simulation(
        building.model(begins, days),
        weather_file(place),
        building.actuators(),
        building.variables(),
        building.warm_up,
    )
    try:
        yield Block(building, simulation)
    finally:
        simulation.close()
