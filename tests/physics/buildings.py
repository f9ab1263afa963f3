"""The buildings, written here as epJSON, and what of them is set and read.

A room of 24 m2 under a roof, with two outer walls and a window to the south. All its
sizes are given, so nothing is sized by the engine. What conditions it is one outdoor
unit with a terminal unit in each room (with the curves of the engine's own template), a
panel on the air, or wires in a screed.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.physics.energyplus import STEP_SECONDS, Actuator, Variable, expanded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

NEVER_HEAT, ALWAYS_HEAT, NEVER_COOL = -40.0, 90.0, 80.0
_PANEL = 1500.0
_AIR_FLOW = 0.18
_WIDTH, _DEPTH, _HEIGHT = 6.0, 4.0, 2.6
_WARM_UP = 20.0
_OUTDOORS = (
    Variable("Site Outdoor Air Drybulb Temperature", "Environment"),
    Variable("Site Outdoor Air Humidity Ratio", "Environment"),
)
_ROOM = ("Zone Mean Air Temperature", "Zone Mean Air Humidity Ratio")
_CONDITIONED = (
    "Zone Air System Sensible Heating Rate",
    "Zone Air System Sensible Cooling Rate",
)
_POWER = Variable("Facility Total HVAC Electricity Demand Rate", "Whole Building")


class RoomReading(NamedTuple):
    """A room after a minute: degrees Celsius, kg of water a kg of air, watts."""

    air: float
    humidity: float
    heat: float


class Reading(NamedTuple):
    """All that is read after a minute; `power` is what the outdoor unit draws, in watts."""

    outdoor: float
    outdoor_humidity: float
    rooms: list[RoomReading]
    power: float


@dataclass(frozen=True, slots=True)
class Building:
    """What stands in the weather.

    `rooms` lie beside each other; `unit` is ``aircon``, ``panel`` or ``floor``.
    `heating` and `cooling` are what the outdoor unit has in watts, `screed` its thickness
    in metres, `power` what the wires in it draw.
    """

    rooms: int = 1
    unit: str = "aircon"
    heating: float = 3400.0
    cooling: float = 2800.0
    screed: float = 0.045
    power: float = 2400.0

    def names(self) -> list[str]:
        """Return the zones, in the order of the rooms."""
        return [f"room{number}" for number in range(self.rooms)]

    def actuators(self) -> list[Actuator]:
        """Return what is set of each room, room by room."""
        if self.unit == "aircon":
            kinds = ("heat", "cool")
            return [
                Actuator("Schedule:Constant", "Schedule Value", f"{name} {kind}")
                for name in self.names()
                for kind in kinds
            ]
        if self.unit == "floor":
            return [
                Actuator("Schedule:Constant", "Schedule Value", f"{name} heat")
                for name in self.names()
            ]
        return [
            Actuator("ElectricEquipment", "Electricity Rate", f"{name} panel")
            for name in self.names()
        ]

    def variables(self) -> list[Variable]:
        """Return what is read, as `read` takes it apart."""
        found = [
            *_OUTDOORS,
            *(
                Variable(each, name)
                for name in self.names()
                for each in self._of_room()
            ),
        ]
        return [*found, _POWER] if self.unit == "aircon" else found

    def _of_room(self) -> tuple[str, ...]:
        return (*_ROOM, *(_CONDITIONED if self.unit == "aircon" else ()))

    def read(self, values: Sequence[float]) -> Reading:
        """Return the values of `variables` by name; without a unit no heat, no power."""
        aircon, width = self.unit == "aircon", len(self._of_room())
        first = len(_OUTDOORS)
        rooms = []
        for at in range(first, first + width * self.rooms, width):
            air, humidity, *heat = values[at : at + width]
            rooms.append(RoomReading(air, humidity, heat[0] - heat[1] if heat else 0.0))
        return Reading(values[0], values[1], rooms, values[-1] if aircon else 0.0)

    def warm_up(self, values: Sequence[float]) -> list[float]:
        """Return what keeps the rooms about as warm as lived-in ones at midnight."""
        if self.unit == "aircon":
            return [_WARM_UP, _WARM_UP + 6.0] * self.rooms
        cold = [each.air < _WARM_UP for each in self.read(values).rooms]
        if self.unit == "floor":
            return [ALWAYS_HEAT if each else NEVER_HEAT for each in cold]
        return [_PANEL if each else 0.0 for each in cold]

    def model(self, begins: date, days: int) -> dict[str, Any]:
        """Return the epJSON of `days` from the midnight of `begins` on."""
        ends = begins + timedelta(days=days - 1)
        period = {
            "begin_month": begins.month,
            "begin_day_of_month": begins.day,
            "end_month": ends.month,
            "end_day_of_month": ends.day,
            "day_of_week_for_start_day": begins.strftime("%A"),
            "use_weather_file_holidays_and_special_days": "No",
            "use_weather_file_daylight_saving_period": "No",
        }
        return {**_standing(self), "RunPeriod": {"days": period}}

    def plan(self) -> dict[str, Any]:
        """Return the building itself, its unit as a template."""
        found: dict[str, Any] = {
            "Version": {"version": {"version_identifier": "25.2"}},
            "SimulationControl": {
                "control": {
                    "do_zone_sizing_calculation": "No",
                    "do_system_sizing_calculation": "No",
                    "do_plant_sizing_calculation": "No",
                    "run_simulation_for_sizing_periods": "No",
                    "run_simulation_for_weather_file_run_periods": "Yes",
                }
            },
            "Building": {
                "home": {
                    "solar_distribution": "FullExterior",
                    "terrain": "Suburbs",
                    "minimum_number_of_warmup_days": 3,
                    "maximum_number_of_warmup_days": 8,
                }
            },
            "Timestep": {
                "step": {"number_of_timesteps_per_hour": 3600 // STEP_SECONDS}
            },
            "GlobalGeometryRules": {
                "rules": {
                    "coordinate_system": "Relative",
                    "starting_vertex_position": "LowerLeftCorner",
                    "vertex_entry_direction": "Counterclockwise",
                }
            },
            "Schedule:Compact": {
                "lived in": {
                    "data": [
                        {"field": each}
                        for each in (
                            *("Through: 12/31", "For: AllDays"),
                            *("Until: 06:30", 0.3, "Until: 09:00", 1.0),
                            *("Until: 17:00", 0.4, "Until: 23:00", 1.0),
                            *("Until: 24:00", 0.3),
                        )
                    ]
                }
            },
            "Schedule:Constant": {"always": {"hourly_value": 1.0}},
            **_MATERIALS,
            "Construction": dict(_CONSTRUCTIONS),
        }
        if self.unit == "floor":
            self._lay_wires(found)
        for number, name in enumerate(self.names()):
            self._build_room(found, number, name)
            self._equip(found, name)
        if self.unit == "aircon":
            found["HVACTemplate:System:VRF"] = {"outdoor": self._outdoor_unit()}
        return found

    def _build_room(self, found: dict[str, Any], number: int, name: str) -> None:
        def add(kind: str, what: str, **fields: Any) -> None:
            found.setdefault(kind, {})[f"{name} {what}"] = fields

        west, east = number * _WIDTH, (number + 1) * _WIDTH
        found.setdefault("Zone", {})[name] = {"ceiling_height": _HEIGHT}

        def wall(what: str, kind: str, azimuth: float, at: tuple[float, float], **more):
            long = _WIDTH if azimuth in (0.0, 180.0) else _DEPTH
            add(
                kind,
                what,
                zone_name=name,
                construction_name="outer wall"
                if kind == "Wall:Exterior"
                else "inner wall",
                azimuth_angle=azimuth,
                tilt_angle=90.0,
                starting_x_coordinate=at[0],
                starting_y_coordinate=at[1],
                starting_z_coordinate=0.0,
                length=long,
                height=_HEIGHT,
                **more,
            )

        wall("south", "Wall:Exterior", 180.0, (west, 0.0))
        wall("north", "Wall:Adiabatic", 0.0, (east, _DEPTH))
        if number == 0:
            wall("west", "Wall:Exterior", 270.0, (west, _DEPTH))
        else:
            beside = {"outside_boundary_condition_object": f"room{number - 1} east"}
            wall("west", "Wall:Interzone", 270.0, (west, _DEPTH), **beside)
        if number == self.rooms - 1:
            wall("east", "Wall:Adiabatic", 90.0, (east, 0.0))
        else:
            beside = {"outside_boundary_condition_object": f"room{number + 1} west"}
            wall("east", "Wall:Interzone", 90.0, (east, 0.0), **beside)
        flat = {
            "zone_name": name,
            "starting_x_coordinate": west,
            "length": _WIDTH,
            "width": _DEPTH,
        }
        add(
            "Roof",
            "roof",
            **flat,
            construction_name="roof",
            azimuth_angle=180.0,
            tilt_angle=0.0,
            starting_y_coordinate=0.0,
            starting_z_coordinate=_HEIGHT,
        )
        add(
            "Floor:GroundContact",
            "floor",
            **flat,
            construction_name="heated floor" if self.unit == "floor" else "floor",
            azimuth_angle=0.0,
            tilt_angle=180.0,
            starting_y_coordinate=_DEPTH,
            starting_z_coordinate=0.0,
        )
        add(
            "Window",
            "window",
            construction_name="window",
            building_surface_name=f"{name} south",
            starting_x_coordinate=1.5,
            starting_z_coordinate=0.9,
            length=2.4,
            height=1.3,
        )
        # Furniture and what lies about hold some times the heat of the air itself.
        add(
            "ZoneCapacitanceMultiplier:ResearchSpecial",
            "air",
            zone_or_zonelist_name=name,
            temperature_capacity_multiplier=5.0,
        )
        add(
            "InternalMass",
            "furniture",
            construction_name="furniture",
            zone_or_zonelist_name=name,
            surface_area=20.0,
        )
        add(
            "ZoneInfiltration:DesignFlowRate",
            "draught",
            zone_or_zonelist_or_space_or_spacelist_name=name,
            schedule_name="always",
            design_flow_rate_calculation_method="AirChanges/Hour",
            air_changes_per_hour=0.5,
        )
        add(
            "ElectricEquipment",
            "people",
            zone_or_zonelist_or_space_or_spacelist_name=name,
            schedule_name="lived in",
            design_level_calculation_method="EquipmentLevel",
            design_level=150.0,
            fraction_radiant=0.4,
        )

    def _equip(self, found: dict[str, Any], name: str) -> None:
        def constant(what: str, value: float) -> str:
            found["Schedule:Constant"][f"{name} {what}"] = {"hourly_value": value}
            return f"{name} {what}"

        if self.unit == "panel":
            # What it draws by itself is nothing; its actuator says how much it gives.
            found["ElectricEquipment"][f"{name} panel"] = {
                "zone_or_zonelist_or_space_or_spacelist_name": name,
                "schedule_name": "always",
                "design_level_calculation_method": "EquipmentLevel",
                "design_level": 0.0,
                "fraction_radiant": 0.3,
            }
        elif self.unit == "floor":
            found.setdefault("ZoneHVAC:LowTemperatureRadiant:Electric", {})[
                f"{name} wires"
            ] = {
                "availability_schedule_name": "always",
                "zone_name": name,
                "surface_name_or_radiant_surface_group_name": f"{name} floor",
                "heating_design_capacity_method": "HeatingDesignCapacity",
                "heating_design_capacity": self.power,
                "temperature_control_type": "MeanAirTemperature",
                "heating_throttling_range": 0.1,
                "heating_setpoint_temperature_schedule_name": constant(
                    "heat", NEVER_HEAT
                ),
            }
            found.setdefault("ZoneHVAC:EquipmentList", {})[f"{name} equipment"] = {
                "load_distribution_scheme": "SequentialLoad",
                "equipment": [
                    {
                        "zone_equipment_object_type": "ZoneHVAC:LowTemperatureRadiant:Electric",
                        "zone_equipment_name": f"{name} wires",
                        "zone_equipment_cooling_sequence": 1,
                        "zone_equipment_heating_or_no_load_sequence": 1,
                    }
                ],
            }
            found.setdefault("ZoneHVAC:EquipmentConnections", {})[f"{name} wired"] = {
                "zone_name": name,
                "zone_conditioning_equipment_list_name": f"{name} equipment",
                "zone_air_node_name": f"{name} air",
            }
        else:
            found.setdefault("HVACTemplate:Thermostat", {})[f"{name} thermostat"] = {
                "heating_setpoint_schedule_name": constant("heat", _WARM_UP),
                "cooling_setpoint_schedule_name": constant("cool", _WARM_UP + 6.0),
            }
            share = 1.0 if self.rooms == 1 else 1.5 / self.rooms
            found.setdefault("HVACTemplate:Zone:VRF", {})[f"{name} terminal"] = {
                "zone_name": name,
                "template_vrf_system_name": "outdoor",
                "template_thermostat_name": f"{name} thermostat",
                "cooling_coil_gross_rated_total_capacity": share * self.cooling,
                "cooling_coil_gross_rated_sensible_heat_ratio": 0.78,
                "heat_pump_heating_coil_gross_rated_capacity": share * self.heating,
            }

    def _outdoor_unit(self) -> dict[str, Any]:
        return {
            "gross_rated_total_cooling_capacity": self.cooling,
            "gross_rated_cooling_cop": 3.6,
            "minimum_outdoor_temperature_in_cooling_mode": -5.0,
            "maximum_outdoor_temperature_in_cooling_mode": 46.0,
            "gross_rated_heating_capacity": self.heating,
            "gross_rated_heating_cop": 3.9,
            "minimum_outdoor_temperature_in_heating_mode": -30.0,
            "maximum_outdoor_temperature_in_heating_mode": 24.0,
            "minimum_heat_pump_part_load_ratio": 0.2,
            "master_thermostat_priority_control_type": "LoadPriority",
            "equivalent_piping_length_used_for_piping_correction_factor_in_cooling_mode": 10.0,
            "vertical_height_used_for_piping_correction_factor": 2.0,
            "equivalent_piping_length_used_for_piping_correction_factor_in_heating_mode": 10.0,
            "crankcase_heater_power_per_compressor": 10.0,
            "number_of_compressors": 1,
            "ratio_of_compressor_size_to_total_compressor_capacity": 1.0,
            "defrost_strategy": "ReverseCycle",
            "defrost_control": "OnDemand",
            "resistive_defrost_heater_capacity": 0.0,
        }

    def _lay_wires(self, found: dict[str, Any]) -> None:
        screed = _material(self.screed, 1.4, 2000.0, 1000.0)
        found["Material"] = found["Material"] | {"screed": screed}
        found["Construction"]["heated floor"] = {
            "outside_layer": "slab",
            "layer_2": "insulation",
            "layer_3": "screed",
            "layer_4": "tiles",
        }
        found["ConstructionProperty:InternalHeatSource"] = {
            "wires": {
                "construction_name": "heated floor",
                "thermal_source_present_after_layer_number": 2,
                "temperature_calculation_requested_after_layer_number": 2,
                "dimensions_for_the_ctf_calculation": 1,
                "tube_spacing": 0.15,
            }
        }


@functools.cache
def _standing(building: Building) -> Mapping[str, Any]:
    """Return what stands, its unit in full, with its air flows and its inverter.

    The template leaves the flows to the engine's sizing, whatever it was given, and has
    the part load of a large unit that is at its best at full power: who switches it each
    minute would save a quarter, as no start costs anything there.
    """
    found = building.plan()
    if building.unit == "aircon":
        found = expanded(found)
        for kind, sizes in _SIZES.items():
            for each in found[kind].values():
                each.update(sizes)
        for name, curve in found["Curve:Cubic"].items():
            if name.endswith("EIRLowPLR"):
                curve.update(_INVERTER)
    return found


# Its draw over the share of its capacity: at a fifth a kilowatt hour gives a quarter
# more heat than at full power, as the exchangers are then large for it.
_INVERTER = {
    "coefficient1_constant": 0.0,
    "coefficient2_x": 0.74,
    "coefficient3_x_2": 0.26,
    "coefficient4_x_3": 0.0,
}
_SIZES = {
    "ZoneHVAC:TerminalUnit:VariableRefrigerantFlow": {
        "cooling_supply_air_flow_rate": _AIR_FLOW,
        "heating_supply_air_flow_rate": _AIR_FLOW,
        "cooling_outdoor_air_flow_rate": 0.0,
        "heating_outdoor_air_flow_rate": 0.0,
        "no_load_outdoor_air_flow_rate": 0.0,
        "no_cooling_supply_air_flow_rate": 0.0,
        "no_heating_supply_air_flow_rate": 0.0,
    },
    "Fan:OnOff": {"maximum_flow_rate": _AIR_FLOW},
    "Coil:Cooling:DX:VariableRefrigerantFlow": {"rated_air_flow_rate": _AIR_FLOW},
    "Coil:Heating:DX:VariableRefrigerantFlow": {"rated_air_flow_rate": _AIR_FLOW},
}


def _material(
    thickness: float, conductivity: float, density: float, heat: float
) -> dict[str, Any]:
    return {
        "roughness": "MediumRough",
        "thickness": thickness,
        "conductivity": conductivity,
        "density": density,
        "specific_heat": heat,
    }


_MATERIALS: dict[str, Any] = {
    "Material": {
        "brick": _material(0.20, 0.6, 1400.0, 1000.0),
        "insulation": _material(0.06, 0.036, 30.0, 1400.0),
        "thick insulation": _material(0.12, 0.036, 30.0, 1400.0),
        "plaster": _material(0.015, 0.5, 1300.0, 1000.0),
        "slab": _material(0.16, 1.8, 2300.0, 1000.0),
        "light board": _material(0.025, 0.25, 900.0, 1000.0),
        "tiles": _material(0.010, 1.2, 2200.0, 900.0),
        "wood": _material(0.03, 0.15, 600.0, 1800.0),
    },
    "WindowMaterial:SimpleGlazingSystem": {
        "two panes": {"u_factor": 1.6, "solar_heat_gain_coefficient": 0.55}
    },
}
_CONSTRUCTIONS: dict[str, Any] = {
    "outer wall": {
        "outside_layer": "insulation",
        "layer_2": "brick",
        "layer_3": "plaster",
    },
    "inner wall": {
        "outside_layer": "plaster",
        "layer_2": "brick",
        "layer_3": "plaster",
    },
    "roof": {"outside_layer": "thick insulation", "layer_2": "light board"},
    "floor": {"outside_layer": "slab", "layer_2": "insulation", "layer_3": "wood"},
    "furniture": {"outside_layer": "wood"},
    "window": {"outside_layer": "two panes"},
}
