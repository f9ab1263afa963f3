"""A room: air and thermal mass, weather, sun, people, an air conditioner and a meter.

Two heat capacities (air with furniture, and the mass of walls and floor) are joined by
conductances to each other and to the outdoors. Between two steps all heat flows are
constant, so each step is the exact solution of that linear system and the step length
does not matter for stability. Steps lie at fixed instants: the same commands give the
same room however often it is looked at.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from switchbot_automation.simulation.house.aircon import (
    Aircon,
    AirconMode,
    AirconParameters,
    AirconSettings,
    FurtherAircon,
)
from switchbot_automation.simulation.house.meter import Meter, MeterParameters
from switchbot_automation.simulation.house.occupancy import (
    Occupancy,
    OccupancyParameters,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from switchbot_automation.simulation.house.heaters import (
        FloorParameters,
        HeatSource,
    )
    from switchbot_automation.simulation.house.machines import Machine
    from switchbot_automation.simulation.house.weather import Conditions, Weather

STEP_SECONDS = 30
_SLOW_STEPS = 10
_RECORD_STEPS = 2
RECORD_SECONDS = STEP_SECONDS * _RECORD_STEPS
_AIR_DENSITY = 1.2
_WATER_HEAT = 2450.0
_COIL_MOISTURE = 9.0
OUTDOOR_CO2 = 420.0
# What a person at rest breathes out, cubic metres an hour.
_CO2_PER_PERSON = 0.018


@dataclass(frozen=True, slots=True)
class HouseParameters:
    """One room. Capacities in J/K, conductances in W/K, temperatures in Celsius.

    `window_loss` joins the air to the outdoors (windows and draughts), `wall_loss` the
    mass to the outdoors, `coupling` the air to the mass. `solar_aperture` is the area
    in m2 of fully transparent, unshaded window it amounts to, facing `facade` (degrees
    from north over east). `initial_temperature` None begins near what the house has by
    itself, but within 18 and 27.

    >>> from switchbot_automation.simulation import HouseParameters, SimulatedHome
    >>> cold = SimulatedHome(house=HouseParameters(initial_temperature=14.0))
    >>> cold.room.house.air
    14.0
    """

    air_capacity: float = 360e3
    mass_capacity: float = 11e6
    coupling: float = 240.0
    window_loss: float = 30.0
    wall_loss: float = 24.0
    solar_aperture: float = 1.3
    facade: float = 190.0
    sun_on_air: float = 0.35
    volume: float = 75.0
    air_changes_per_hour: float = 0.5
    initial_temperature: float | None = None
    floor: FloorParameters | None = None
    aircon: AirconParameters = field(default_factory=AirconParameters)
    meter: MeterParameters = field(default_factory=MeterParameters)
    occupancy: OccupancyParameters = field(default_factory=OccupancyParameters)


@dataclass(frozen=True, slots=True)
class Recording:
    """What the room did, one value a minute (`RECORD_SECONDS`) from the start on.

    Temperatures in degrees Celsius; `conditioning` is 1 while the unit was told to heat
    or cool; `heat` in watts, negative when cooling; `humidity` in percent as the
    meter shows it, `co2` in ppm.
    """

    room: array[float] = field(default_factory=lambda: array("d"))
    meter: array[float] = field(default_factory=lambda: array("d"))
    outdoor: array[float] = field(default_factory=lambda: array("d"))
    conditioning: array[int] = field(default_factory=lambda: array("b"))
    heat: array[float] = field(default_factory=lambda: array("d"))
    humidity: array[float] = field(default_factory=lambda: array("d"))
    co2: array[float] = field(default_factory=lambda: array("d"))


class House:
    """The room in time. `air` and `mass` are its temperatures in degrees Celsius.

    `seconds` is how far it has been stepped since the start of the world; whenever the
    weather was looked at (every 300 s) `on_conditions` is called.
    """

    def __init__(
        self,
        parameters: HouseParameters,
        weather: Weather,
        start: datetime,
        *,
        seed: int | str = 0,
        record: bool = False,
    ) -> None:
        self.parameters = parameters
        self.weather = weather
        self.recording: Recording | None = Recording() if record else None
        self.aircon: Aircon = Aircon(parameters.aircon, STEP_SECONDS)
        self.source: HeatSource | None = None
        """What heats it where it is no air conditioner."""
        self.further: list[HeatSource] = []
        """What heats it beside that."""
        self.machines: list[Machine] = []
        """What works on its air and its window."""
        self.co2: float = OUTDOOR_CO2
        self.conditions: Conditions = weather.at(0.0)
        self.moisture: float = self.conditions.moisture + 1.0
        self.people: int = 0
        self.on_conditions: Callable[[House], None] | None = None
        self._steps = 0
        self._pending: deque[tuple[int, Callable[[AirconSettings], AirconSettings]]]
        self._pending = deque()
        self._occupancy = Occupancy(
            parameters.occupancy, start, weather.climate.timezone, seed=seed
        )
        self._facade = _facade_vector(parameters.facade)
        self._sun_heat = 0.0
        self._inner_heat = 0.0
        self.air: float = self._initial()
        self.mass: float = self.air
        self.meter: Meter = Meter(
            parameters.meter, STEP_SECONDS, temperature=self.air, seed=seed
        )
        self._matrix = _exact_step(parameters, STEP_SECONDS)
        self._slow_step()
        self.meter.step(0.0, self.air, self.moisture)
        if self.recording is not None:
            self._record(self.recording)

    @property
    def seconds(self) -> int:
        """How far the room has been stepped, in seconds."""
        return self._steps * STEP_SECONDS

    def command(
        self, seconds: float, change: Callable[[AirconSettings], AirconSettings]
    ) -> None:
        """Let the remote change the unit's settings at the first step from `seconds`.

        Commands take effect in the order they were given, even if a later one names an
        earlier instant.
        """
        step = max(self._steps, math.ceil(seconds / STEP_SECONDS))
        if self._pending:
            step = max(step, self._pending[-1][0])
        self._pending.append((step, change))

    def advance_to(self, seconds: float) -> None:
        """Step up to the last step that ends at or before `seconds`."""
        last = int(seconds // STEP_SECONDS)
        while self._steps < last:
            # Until then nothing changes but the room and its unit.
            self._run(min(last, self._steps - self._steps % _SLOW_STEPS + _SLOW_STEPS))

    def _run(self, last: int) -> None:
        a11, a12, a21, a22, out1, out2, b11, b12, b21, b22 = self._matrix
        pending, aircon, meter = self._pending, self.aircon, self.meter
        source, further, machines = self.source, self.further, self.machines
        recording, sun_on_air = self.recording, self.parameters.sun_on_air
        outdoor = self.conditions.temperature
        out1, out2 = out1 * outdoor, out2 * outdoor
        gains = self._inner_heat + self._sun_heat * sun_on_air
        on_mass = self._sun_heat * (1.0 - sun_on_air)
        sun1, sun2 = b12 * on_mass, b22 * on_mass
        air, mass, steps = self.air, self.mass, self._steps
        while steps < last:
            while pending and pending[0][0] <= steps:
                change = pending.popleft()[1]
                settings = change(aircon.settings)
                aircon.apply(settings, steps * STEP_SECONDS, air)
            on_air = gains + aircon.step(air)
            if source is not None:
                on_air += source.step(steps * STEP_SECONDS, air)
            for each in further:
                on_air += each.step(steps * STEP_SECONDS, air)
            for machine in machines:
                on_air += machine.step(steps * STEP_SECONDS, self.moisture)
            air, mass = (
                a11 * air + a12 * mass + out1 + b11 * on_air + sun1,
                a21 * air + a22 * mass + out2 + b21 * on_air + sun2,
            )
            steps += 1
            self.air, self.mass, self._steps = air, mass, steps
            if steps % _SLOW_STEPS == 0:
                self._slow_step()
            meter.step(steps * STEP_SECONDS, air, self.moisture)
            if recording is not None and steps % _RECORD_STEPS == 0:
                self._record(recording)

    def _slow_step(self) -> None:
        """Look at weather, people and moisture, which change over minutes."""
        parameters, seconds = self.parameters, self.seconds
        conditions = self.conditions = self.weather.at(seconds)
        gains = self._occupancy.at(seconds)
        self.people = gains.people
        self._inner_heat = gains.heat
        north, east = self._facade
        facing = max(0.0, conditions.sun[0] * east + conditions.sun[1] * north)
        self._sun_heat = parameters.solar_aperture * (
            conditions.beam * facing + 0.5 * conditions.diffuse
        )
        for machine in self.machines:
            self._sun_heat *= 1.0 - machine.parameters.shade * machine.level
        self.aircon.set_outdoor(conditions.temperature)
        hours = STEP_SECONDS * _SLOW_STEPS / 3600.0
        # Furniture and walls buffer about twice the moisture of the air itself.
        air_kg = 3.0 * parameters.volume * _AIR_DENSITY
        exchange = parameters.air_changes_per_hour / 3.0
        change = exchange * (conditions.moisture - self.moisture)
        change += gains.moisture / air_kg
        if self.machines:
            given = sum(machine.moisture(self.moisture) for machine in self.machines)
            change += 1000.0 * given / air_kg
        change += self._drained(self.aircon) / air_kg
        for each in self.further:
            if isinstance(each, FurtherAircon):
                change += self._drained(each.aircon) / air_kg
        self.moisture = max(0.5, self.moisture + change * hours)
        self._breathe(hours)
        if self.on_conditions is not None:
            self.on_conditions(self)

    def _drained(self, aircon: Aircon) -> float:
        """Return the water that a unit adds to the air, in grams an hour: none or less."""
        dries = aircon.settings.mode is AirconMode.DRY
        # Little air over a cold coil: dry mode takes more water for what it cools.
        coil, share = (7.5, 0.6) if dries else (_COIL_MOISTURE, 0.25)
        if aircon.heat >= 0.0 or self.moisture <= coil:
            return 0.0
        wet = min(1.0, (self.moisture - coil) / 3.0)
        return share * wet * aircon.heat * 3600.0 / _WATER_HEAT

    def _breathe(self, hours: float) -> None:
        """Let people give off CO2, and fresh air carry it away."""
        parameters = self.parameters
        fresh = parameters.air_changes_per_hour * parameters.volume
        fresh += sum(each.parameters.fresh_air * each.level for each in self.machines)
        given = 1e6 * self.people * _CO2_PER_PERSON
        if not fresh:
            self.co2 += given * hours / parameters.volume
            return
        settles = OUTDOOR_CO2 + given / fresh
        self.co2 = settles + (self.co2 - settles) * math.exp(
            -hours * fresh / parameters.volume
        )

    def _initial(self) -> float:
        given = self.parameters.initial_temperature
        if given is not None:
            return given
        losses = self.parameters.window_loss + self.parameters.wall_loss
        by_itself = self.conditions.temperature + 260.0 / losses
        return min(27.0, max(18.0, by_itself))

    def _record(self, recording: Recording) -> None:
        report = self.meter.report
        recording.room.append(self.air)
        recording.meter.append(report.temperature if report else math.nan)
        recording.outdoor.append(self.conditions.temperature)
        source = self.source
        told = self.aircon.settings.conditioning
        sources = [*self.further, *([source] if source else [])]
        recording.conditioning.append(
            told or any(each.conditioning for each in sources)
        )
        recording.heat.append(self.aircon.heat + sum(each.heat for each in sources))
        recording.humidity.append(report.humidity if report else math.nan)
        recording.co2.append(self.co2)


class HouseMaker(Protocol):
    """What makes the rooms of a home: `House` itself, or one with other physics."""

    def __call__(
        self,
        parameters: HouseParameters,
        weather: Weather,
        start: datetime,
        *,
        seed: int | str,
        record: bool,
    ) -> House:
        """Return a room; those of one home are asked for in their order."""
        ...


def _facade_vector(degrees: float) -> tuple[float, float]:
    angle = math.radians(degrees)
    return math.cos(angle), math.sin(angle)


def _exact_step(parameters: HouseParameters, seconds: float) -> tuple[float, ...]:
    """Solve the two-node system for one step of constant inputs.

    Returns the state matrix row by row, the two factors of the outdoor temperature, and
    the input matrix for heat on air and on mass row by row.
    """
    air, mass = parameters.air_capacity, parameters.mass_capacity
    coupling = parameters.coupling
    window, wall = parameters.window_loss, parameters.wall_loss
    a, b = -(coupling + window) / air, coupling / air
    c, d = coupling / mass, -(coupling + wall) / mass
    mean = (a + d) / 2.0
    determinant = a * d - b * c
    root = math.sqrt((a - d) ** 2 / 4.0 + b * c)
    factor = math.exp(mean * seconds)
    even = factor * math.cosh(root * seconds)
    odd = factor * math.sinh(root * seconds) / root
    a11, a12 = even + odd * (a - mean), odd * b
    a21, a22 = odd * c, even + odd * (d - mean)
    # inverse(A) * (exp(A t) - 1) integrates a constant input over the step.
    i11, i12, i21, i22 = d, -b, -c, a
    e11, e12, e21, e22 = a11 - 1.0, a12, a21, a22 - 1.0
    g11 = (i11 * e11 + i12 * e21) / determinant
    g12 = (i11 * e12 + i12 * e22) / determinant
    g21 = (i21 * e11 + i22 * e21) / determinant
    g22 = (i21 * e12 + i22 * e22) / determinant
    out1 = g11 * window / air + g12 * wall / mass
    out2 = g21 * window / air + g22 * wall / mass
    return (
        a11, a12, a21, a22, out1, out2,
        g11 / air, g12 / mass, g21 / air, g22 / mass,
    )  # fmt: skip
