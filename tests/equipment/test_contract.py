"""The public contract of equipment, run over every kind on a simulated device of its own."""

from __future__ import annotations

from typing import ClassVar

import pytest

from switchbot_automation.equipment.table import KINDS
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
