"""What heats a room and is no air conditioner: a panel on a plug, a radiator with a valve.

What can be wrong with each is a public attribute, to be set at any time: a panel's `broken`,
`deaf`, `welded` and `obeys_every`, a radiator's `seized` valve, and in the parameters of both what others
have set, a panel's `own_limit` and a radiator's `boiler_rests`.

Powers in watts, temperatures in degrees Celsius, durations in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol


class HeatSource(Protocol):
    """What the house steps: `heat` is given to the air, `energy` used so far in joules.

    `starts` are the seconds at which a command made it heat, `conditioning` says that it
    is meant to.
    """

    heat: float
    energy: float
    starts: list[float]

    @property
    def conditioning(self) -> bool:
        """Whether it was told to heat."""
        ...

    def step(self, seconds: float, air: float) -> float:
        """Run one step in air of that temperature; return the heat given in watts."""
        ...


@dataclass(frozen=True, slots=True)
class PanelParameters:
    """A panel heater. `own_limit` is its own thermostat, which most have at their top."""

    power: float = 1500.0
    lag_seconds: float = 240.0
    own_limit: float = 30.0


class Panel:
    """A panel heater behind a relay; `switches` counts what the relay did.

    A `broken` panel draws nothing though the relay is on. A `deaf` relay takes every order
    and stays as it is, and so does its button; its status goes on telling how it stands.
    The contacts of a `welded` relay stay as they are too, and its status tells its orders, as
    does that of a worn one, which obeys only one of `obeys_every` orders.
    """

    def __init__(self, parameters: PanelParameters, step_seconds: float) -> None:
        self.parameters = parameters
        self.on: bool = False
        self.broken: bool = False
        self.deaf: bool = False
        self.welded: bool = False
        self.obeys_every: int = 1
        self.heat: float = 0.0
        self.energy: float = 0.0
        self.starts: list[float] = []
        self.switches: list[float] = []
        self._step = step_seconds
        self._lag = 1.0 - math.exp(-step_seconds / parameters.lag_seconds)
        self._warm = False
        self._orders = 0

    @property
    def conditioning(self) -> bool:
        """Whether the relay lets current through."""
        return self.on

    @property
    def power_draw(self) -> float:
        """What it draws at this moment."""
        draws = self.on and not self.broken and not self._warm
        return self.parameters.power if draws else 0.0

    def turn(self, seconds: float, *, on: bool) -> None:
        """Let the relay switch."""
        self._orders += 1
        ignored = self._orders % self.obeys_every != 0
        if on is self.on or self.deaf or self.welded or ignored:
            return
        self.on = on
        self.switches.append(seconds)
        if on:
            self.starts.append(seconds)

    def step(self, seconds: float, air: float) -> float:
        """Run one step; the panel stays warm for a while after it was switched off."""
        del seconds
        limit = self.parameters.own_limit
        self._warm = air > limit if not self._warm else air > limit - 1.0
        self.energy += self.power_draw * self._step
        self.heat += self._lag * (self.power_draw - self.heat)
        return self.heat


@dataclass(frozen=True, slots=True)
class FloorParameters:
    """Pipes or wires in a screed: the heat is stored long before the room has it.

    `capacity` of the screed in J/K, `coupling` from it to the air in W/K, which has the
    way up through the covering in it. EN 1264 bounds what a floor gives by its surface of
    29 degrees Celsius; `hottest` is where the screed's own limiter cuts off.
    """

    power: float = 1900.0
    capacity: float = 1.8e6
    coupling: float = 140.0
    hottest: float = 38.0


class Floor(Panel):
    """A heated floor behind a relay: a node of its own between the relay and the air."""

    energy: float

    def __init__(
        self, parameters: FloorParameters, step_seconds: float, *, temperature: float
    ) -> None:
        super().__init__(PanelParameters(power=parameters.power), step_seconds)
        self.floor = parameters
        self.screed: float = temperature

    def step(self, seconds: float, air: float) -> float:
        """Run one step; the floor goes on giving what it has stored."""
        del seconds
        floor = self.floor
        self._warm = self.screed > floor.hottest - (1.0 if self._warm else 0.0)
        self.energy += self.power_draw * self._step
        # Exact for an air that stands still over a step.
        rests = air + self.power_draw / floor.coupling
        share = 1.0 - math.exp(-self._step * floor.coupling / floor.capacity)
        before = self.screed
        self.screed += share * (rests - before)
        stored = floor.capacity * (self.screed - before) / self._step
        self.heat: float = self.power_draw - stored
        return self.heat


@dataclass(frozen=True, slots=True)
class RadiatorParameters:
    """A radiator with hot water and a valve that moves by itself.

    `sensed_kelvin` is how much warmer than the room its thermometer is while the radiator
    is hot, `band_kelvin` over how much the valve opens. `boiler_rests` are the hours of each
    day without hot water, from and until, from 0 to 24 since the instant at which the home
    began; (22, 5) is over midnight, where it began then.
    """

    power: float = 1800.0
    lag_seconds: float = 900.0
    sensed_kelvin: float = 2.0
    sensor_lag_seconds: float = 420.0
    band_kelvin: float = 1.5
    valve_seconds: float = 180.0
    boiler_rests: tuple[float, float] | None = None


class Radiator:
    """A radiator whose valve keeps its own thermometer at a setpoint; None is off.

    `seized` is the opening, from 0 to 1, at which its valve is stuck; None is a good valve.
    """

    def __init__(self, parameters: RadiatorParameters, step_seconds: float) -> None:
        self.parameters = parameters
        self.setpoint: float | None = None
        self.sensed: float = 20.0
        self.opening: float = 0.0
        self.seized: float | None = None
        self.heat: float = 0.0
        self.energy: float = 0.0
        self.starts: list[float] = []
        self._step = step_seconds
        self._lag = 1.0 - math.exp(-step_seconds / parameters.lag_seconds)
        self._sensor_lag = 1.0 - math.exp(-step_seconds / parameters.sensor_lag_seconds)
        self._moved = -math.inf

    @property
    def conditioning(self) -> bool:
        """Whether it has a setpoint."""
        return self.setpoint is not None

    def turn(self, seconds: float, setpoint: float | None) -> None:
        """Be told another setpoint, or off."""
        if setpoint is not None and self.setpoint is None:
            self.starts.append(seconds)
        self.setpoint = setpoint
        self._moved = -math.inf

    def step(self, seconds: float, air: float) -> float:
        """Run one step: the thermometer follows, the valve moves now and then."""
        parameters = self.parameters
        hot = self.heat / parameters.power
        near = air + parameters.sensed_kelvin * hot
        self.sensed += self._sensor_lag * (near - self.sensed)
        if seconds - self._moved >= parameters.valve_seconds:
            wanted = self._wanted()
            if wanted != self.opening:
                self.opening = wanted
            self._moved = seconds
        given = 0.0 if self._boiler_rests(seconds) else self.opening * parameters.power
        self.heat += self._lag * (given - self.heat)
        self.energy += self.heat * self._step
        return self.heat

    def _boiler_rests(self, seconds: float) -> bool:
        rests = self.parameters.boiler_rests
        if rests is None:
            return False
        begin, end = rests
        hour = seconds / 3600.0 % 24.0
        return begin <= hour < end if begin <= end else hour >= begin or hour < end

    def _wanted(self) -> float:
        if self.seized is not None:
            return self.seized
        if self.setpoint is None:
            return 0.0
        need = (self.setpoint - self.sensed) / self.parameters.band_kelvin + 0.5
        return round(min(1.0, max(0.0, need)), 1)
