"""The public contract of equipment, run over every kind on a simulated device of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from switchbot_automation.core.state.unit import power_of
from switchbot_automation.equipment.kind import DEFAULT
from switchbot_automation.equipment.table import KINDS
from switchbot_automation.model import Action, Power
from switchbot_automation.simulation.clock import SimulatedClock
from switchbot_automation.simulation.home import RoomSpec, SimulatedHome, UnitSpec
from switchbot_automation.testing import EquipmentContract

DEVICE = "B0E9FE000001"
INFRARED = "02-202601010000-01"


class Simulated:
    """A device of a simulated home, as an actuator and a sensor."""

    def __init__(self, home, device_id):
        self.home, self.device_id = home, device_id

    async def send(self, command, parameter):
        await self.home.command(self.device_id, command, parameter)
        self.home.clock.advance(60)  # a cover takes its time

    async def read(self):
        return (await self.home.status(self.device_id)).fields


class SimulatedContract(EquipmentContract):
    product: ClassVar[str] = ""

    @pytest.fixture
    def device(self):
        first = self.word in ("aircon", "thermostat", "heater")
        if first:
            device = INFRARED if self.word == "aircon" else DEVICE
            room = RoomSpec(
                aircon_id=device,
                equipment=self.word,
                plug_type=self.product or "Plug Mini (EU)",
                channel=self.channel,
            )
        else:
            device = DEVICE
            further = UnitSpec(self.word, DEVICE, self.product, self.channel)
            room = RoomSpec(further=(further,))
        return Simulated(SimulatedHome(SimulatedClock(), rooms=[room]), device)


class TestAircon(SimulatedContract):
    word = "aircon"
    tells = False  # it is infrared


class SimulatedThermostat(Simulated):
    """SwitchBot's own, which takes a setpoint in one of its modes alone."""

    async def send(self, command, parameter):
        if command == KINDS["thermostat"].takes:
            await super().send(*KINDS["thermostat"].first)
        await super().send(command, parameter)


class TestThermostat(SimulatedContract):
    word = "thermostat"

    @pytest.fixture
    def device(self):
        room = RoomSpec(aircon_id=DEVICE, equipment=self.word)
        home = SimulatedHome(SimulatedClock(), rooms=[room])
        return SimulatedThermostat(home, DEVICE)


class TestHeater(SimulatedContract):
    word = "heater"


class TestHeaterOnAChannel(SimulatedContract):
    word, product, channel = "heater", "Relay Switch 2PM", 2


class TestHumidifier(SimulatedContract):
    word = "humidifier"


class TestEvaporativeHumidifier(SimulatedContract):
    word, product = "humidifier", "Humidifier2"


class TestDehumidifier(SimulatedContract):
    word = "dehumidifier"


class TestPurifier(SimulatedContract):
    word = "purifier"


class TestFan(SimulatedContract):
    word = "fan"


class TestStandingFan(SimulatedContract):
    word, product = "fan", "Standing Circulator Fan"


class TestCurtain(SimulatedContract):
    word = "curtain"


class TestBlind(SimulatedContract):
    word = "blind"


class TestShade(SimulatedContract):
    word = "shade"


def test_every_kind_is_held_to_the_contract():
    held = {each.word for each in SimulatedContract.__subclasses__()}
    assert held == set(KINDS)


PAGE = Path(__file__).parents[2] / "docs" / "how-to/equipment.md"


def test_the_page_of_another_makes_equipment_runs_as_it_stands(tmp_path):
    """Who copies its module has a suite that passes."""
    (block,) = re.findall(
        r"```python\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    module = tmp_path / "test_stove.py"
    module.write_text(block, "utf-8")
    arguments = ["-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, str(module)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


def rows_of_the_page():
    text = PAGE.read_text("utf-8")
    table = text[text.index("| kind | `send(") :].split("\n\n", 1)[0]
    for line in table.splitlines()[2:]:
        kinds, told, shown = line.strip("| ").split(" | ")
        for word in re.findall(r"`(\w+)`", kinds):
            yield pytest.param(word, told, json.loads(shown.split("`")[1]), id=word)


@pytest.mark.parametrize(("word", "told", "shown"), [*rows_of_the_page()])
def test_the_page_says_what_each_kind_is_told_and_shows(word, told, shown):
    class Named(EquipmentContract):
        pass

    Named.word = word
    contract = Named()
    does = KINDS[word].does
    working = Action.WINTER if Action.WINTER in does else next(iter(does))
    for action in (working, Action.OFF):
        command, parameter = contract.told(action)
        assert f"`{command}`" in told
        if parameter != DEFAULT and action is not Action.OFF:
            assert f"`{json.dumps(parameter)}`" in told
    assert power_of(KINDS[word].shown(shown, 0)) is Power.ON


def test_the_page_names_every_kind():
    assert {row.id for row in rows_of_the_page()} == set(KINDS)
