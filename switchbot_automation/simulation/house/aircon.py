"""A split air conditioner with an inverter, as a remote control and a room see it.

It keeps *its own* return air at its setpoint: that sensor hangs under the ceiling and
reads off by some kelvin, which is why a room rarely has the temperature that was asked
for. Below its smallest capacity the compressor stops and starts by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class AirconMode(IntEnum):
    """The mode numbers of the cloud's `setAll`."""

    AUTO_0 = 0
    AUTO = 1
    COOL = 2
    DRY = 3
    FAN = 4
    HEAT = 5


@dataclass(frozen=True, slots=True)
class AirconParameters:
    """One unit. Powers in watts, temperatures in degrees Celsius, durations in seconds.

    Capacities hold at 7 degrees outdoors for heating and 35 for cooling and change with
    the outdoor temperature, as does the coefficient of performance.
    """

    heating_capacity: float = 3400.0
    cooling_capacity: float = 2700.0
    minimum_fraction: float = 0.22
    heating_cop: float = 3.9
    cooling_cop: float = 3.6
    return_offset_heating: float = 1.6
    return_offset_cooling: float = 0.5
    thermo_off_error: float = 1.0
    thermo_on_error: float = 0.0
    ramp_seconds: float = 110.0
    return_lag_seconds: float = 90.0
    compressor_rest_seconds: float = 180.0
    compressor_run_seconds: float = 240.0
    fan_power: float = 28.0
    standby_power: float = 1.5
    defrost: bool = True
    defrost_after_seconds: float = 4200.0
    defrost_seconds: float = 240.0


@dataclass(frozen=True, slots=True)
class AirconSettings:
    """What the remote last told the unit. `fan`: 1 auto, 2 low, 3 medium, 4 high."""

    power: bool = False
    setpoint: float = 22.0
    mode: AirconMode = AirconMode.AUTO
    fan: int = 1

    @property
    def conditioning(self) -> bool:
        """Whether it is meant to heat, cool or dry, not only to blow."""
        return self.power and self.mode is not AirconMode.FAN


_FAN_FACTOR = {1: 1.0, 2: 0.72, 3: 0.87, 4: 1.0}
_HEAT, _COOL = 1.0, -1.0
_FROST_BELOW = 5.5
_DRY_FRACTION = 0.35


class Aircon:
    """The unit while it runs, stepped by the house every `step_seconds`.

    `heat` is what it gives the room at this moment in watts (negative: takes),
    `power_draw` the electric power in watts, `energy` the electric energy so far in
    joules. `starts` are the seconds at which a command made it heat or cool,
    `compressor_starts` counts the compressor, which also follows the thermostat.
    """

    def __init__(self, parameters: AirconParameters, step_seconds: float) -> None:
        self.parameters = parameters
        self.settings: AirconSettings = AirconSettings()
        self.heat: float = 0.0
        self.power_draw: float = parameters.standby_power
        self.energy: float = 0.0
        self.starts: list[float] = []
        self.compressor_starts: int = 0
        self.compressor_running: bool = False
        self._conditioning = False
        self._step = step_seconds
        self._ramp = 1.0 - math.exp(-step_seconds / parameters.ramp_seconds)
        self._lag = 1.0 - math.exp(-step_seconds / parameters.return_lag_seconds)
        self._return = 20.0
        self._direction = _HEAT
        self._in_state = math.inf
        self._integral = 0.0
        self._frost = 0.0
        self._defrosting = 0.0
        self._limits = {_HEAT: (1.0, 1.0), _COOL: (1.0, 1.0)}
        self.set_outdoor(10.0)

    def set_outdoor(self, temperature: float) -> None:
        """Adapt capacity and efficiency to the outdoor temperature."""
        parameters = self.parameters
        heating = parameters.heating_capacity * min(
            1.15, max(0.45, 1.0 + 0.017 * (temperature - 7.0))
        )
        heating_cop = max(1.4, parameters.heating_cop + 0.075 * (temperature - 7.0))
        cooling = parameters.cooling_capacity * min(
            1.15, max(0.6, 1.0 - 0.012 * (temperature - 35.0))
        )
        cooling_cop = max(1.8, parameters.cooling_cop - 0.11 * (temperature - 35.0))
        self._limits = {
            _HEAT: (heating, min(6.5, heating_cop)),
            _COOL: (cooling, min(7.0, cooling_cop)),
        }
        self._frosting = parameters.defrost and temperature < _FROST_BELOW

    def apply(self, settings: AirconSettings, seconds: float, room: float) -> None:
        """Obey the remote at `seconds`, in a room of that temperature."""
        before = self.settings
        self.settings = settings
        if settings.conditioning and not before.conditioning:
            self.starts.append(seconds)
            self._integral = 0.0
            self._return = room
        self._conditioning = settings.conditioning
        if not self._conditioning:
            self._stop_compressor()
            parameters = self.parameters
            self.power_draw = (
                parameters.fan_power if settings.power else parameters.standby_power
            )
            return
        if settings.mode is AirconMode.HEAT:
            direction = _HEAT
        elif settings.mode in {AirconMode.COOL, AirconMode.DRY}:
            direction = _COOL
        elif before.conditioning and before.mode is settings.mode:
            direction = self._direction
        else:
            direction = _HEAT if room < settings.setpoint else _COOL
        if direction != self._direction:
            self._stop_compressor()
            self._direction = direction
            self._integral = 0.0

    def turn(self, *, on: bool) -> AirconSettings:
        """Return the settings with only the power changed."""
        return replace(self.settings, power=on)

    def step(self, room: float) -> float:
        """Run one step in air of that temperature; return the heat given in watts."""
        self._in_state += self._step
        if not self._conditioning:
            self.heat = 0.0
            self.energy += self.power_draw * self._step
            return 0.0
        parameters = self.parameters
        settings = self.settings
        direction = self._direction
        offset = (
            parameters.return_offset_heating
            if direction == _HEAT
            else parameters.return_offset_cooling
        )
        self._return += self._lag * (room + offset - self._return)
        need = (settings.setpoint - self._return) * direction
        self._thermostat(need)
        capacity, cop = self._limits[direction]
        capacity *= _FAN_FACTOR.get(settings.fan, 1.0)
        fraction = self._modulate(need) if self.compressor_running else 0.0
        target = direction * capacity * fraction
        electric = parameters.fan_power
        if fraction:
            # A compressor at part load has larger exchangers to itself.
            electric += abs(target) / (cop * (1.22 - 0.28 * fraction))
            if self._frosting and direction == _HEAT:
                target, electric = self._frost_over(target, electric)
        # Defrosting reverses the cycle at once, everything else ramps.
        ramp = 1.0 if self._defrosting > 0.0 else self._ramp
        self.heat += ramp * (target - self.heat)
        self.power_draw = electric
        self.energy += electric * self._step
        return self.heat

    def _thermostat(self, need: float) -> None:
        parameters = self.parameters
        if self.compressor_running:
            if (
                need < -parameters.thermo_off_error
                and self._in_state >= parameters.compressor_run_seconds
            ):
                self._stop_compressor()
        elif (
            need > parameters.thermo_on_error
            and self._in_state >= parameters.compressor_rest_seconds
        ):
            self.compressor_running = True
            self.compressor_starts += 1
            self._in_state = 0.0
            self._integral = 0.0

    def _modulate(self, need: float) -> float:
        smallest = self.parameters.minimum_fraction
        wanted = 0.3 + 0.45 * need + self._integral
        if self.settings.mode is AirconMode.DRY:
            return max(smallest, min(_DRY_FRACTION, wanted))
        # Integrate only while the compressor can still follow.
        if (smallest < wanted or need > 0.0) and (wanted < 1.0 or need < 0.0):
            self._integral += need * self._step / 2400.0
        return max(smallest, min(1.0, wanted))

    def _frost_over(self, target: float, electric: float) -> tuple[float, float]:
        """Count the frost on the outdoor unit; melt it with heat from the room."""
        parameters = self.parameters
        if self._defrosting > 0.0:
            self._defrosting -= self._step
            return -250.0, max(electric, 600.0)
        self._frost += self._step
        if self._frost >= parameters.defrost_after_seconds:
            self._frost = 0.0
            self._defrosting = parameters.defrost_seconds
        return target, electric

    def _stop_compressor(self) -> None:
        if self.compressor_running:
            self.compressor_running = False
            self._in_state = 0.0


class FurtherAircon:
    """An air conditioner beside the first of a room: a `HeatSource` with its own remote.

    `heat`, `energy` and `starts` are those of its `aircon`; `outdoor` says how warm it is
    outdoors, in degrees Celsius.
    """

    def __init__(self, aircon: Aircon, outdoor: Callable[[], float]) -> None:
        self.aircon = aircon
        self.heat: float = 0.0
        self.energy: float = 0.0
        self.starts: list[float] = aircon.starts
        self._outdoor = outdoor
        self._asked: list[Callable[[AirconSettings], AirconSettings]] = []

    @property
    def settings(self) -> AirconSettings:
        """What its remote told it last."""
        return self.aircon.settings

    @property
    def conditioning(self) -> bool:
        """Whether it was told to heat, cool or dry."""
        return self.aircon.settings.conditioning

    def command(self, change: Callable[[AirconSettings], AirconSettings]) -> None:
        """Let the remote change the settings at the next step."""
        self._asked.append(change)

    def step(self, seconds: float, air: float) -> float:
        """Run one step in air of that temperature; return the heat given in watts."""
        self.aircon.set_outdoor(self._outdoor())
        while self._asked:
            change = self._asked.pop(0)
            self.aircon.apply(change(self.aircon.settings), seconds, air)
        self.heat = self.aircon.step(air)
        self.energy = self.aircon.energy
        return self.heat
