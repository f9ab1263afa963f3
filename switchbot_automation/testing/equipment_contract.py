"""What every kind of equipment promises, as tests.

Whoever brings equipment of another make, as a plug-in of the group ``actuators`` that a
zone names as ``{"kind": WORD, "device_id": "plugin:NAME"}``, proves with a subclass and one
fixture that it behaves like that kind::

    class TestMyHumidifier(EquipmentContract):
        word = "humidifier"

        @pytest.fixture
        def device(self):
            return MyHumidifier(...)

`device` has ``async send(command, parameter)``, as every actuator, and
``async read() -> Mapping``, as every sensor: its status in the words of SwitchBot's API.
One whose `Plugin` has ``tells=True`` is read by the engine as well. A device that cannot
be read sets `tells` to False. No asyncio plugin is needed, only pytest.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import pytest

from switchbot_automation.core.state.unit import power_of, set_all_parameter
from switchbot_automation.equipment.kind import DEFAULT, EquipmentKind
from switchbot_automation.equipment.table import KINDS
from switchbot_automation.model import Action, Power
from switchbot_automation.settings import parse_settings

if TYPE_CHECKING:
    from switchbot_automation.settings.model import Settings, ZoneSettings

__all__ = ["EquipmentContract", "EquipmentDevice"]

_BANDS = {
    "winter": {"min_temp": 20.0, "max_temp": 21.0, "target_temp": 20.5},
    "summer": {"min_temp": 23.0, "max_temp": 26.0, "target_temp": 24.5},
}
# A rest that a compressor has at least, seconds.
_COMPRESSOR_RESTS = 120
_HOUR_OF_SWITCHES = 6


class EquipmentDevice(Protocol):
    """What a device is to the contract: told like an actuator, read like a sensor."""

    async def send(self, command: str, parameter: Any) -> object:
        """Carry out a command; raise anything unless it was accepted."""
        ...

    async def read(self) -> dict[str, Any]:
        """Return its status fields."""
        ...


class EquipmentContract:
    """The suite; see the module's docstring for how to run it.

    `word` is the kind's in the settings; `channel` and `tells` are the device's.

    >>> import pytest
    >>> from switchbot_automation.testing import EquipmentContract
    >>> class TestMyFan(EquipmentContract):  # in a file that pytest collects
    ...     word = "fan"
    ...
    ...     @pytest.fixture
    ...     def device(self): ...
    """

    word: ClassVar[str]
    channel: ClassVar[int] = 0
    tells: ClassVar[bool] = True

    @pytest.fixture
    def device(self) -> EquipmentDevice:
        """Give a device that is off, as new for every test."""
        raise NotImplementedError("a subclass gives its device")

    @property
    def kind(self) -> EquipmentKind:
        """The kind that the device is to be of."""
        return KINDS[self.word]

    def settings(self, **more: Any) -> Settings:
        """Return settings of a home whose one zone has such a unit."""
        entry: dict[str, Any] = {"kind": self.word, "device_id": "contract"}
        if self.channel:
            entry["channel"] = self.channel
        return parse_settings({**_BANDS, "equipment": [entry], **more})

    def unit(self, **more: Any) -> ZoneSettings:
        """Return the settings of that unit."""
        zones = self.settings(**more).zones.values()
        return next(zone for zone in zones if zone.aircon_device_id == "contract")

    def told(self, action: Action) -> tuple[str, Any]:
        """Return the command and its parameter that an action comes to."""
        unit = self.unit()
        setting = set_all_parameter(unit, action)
        return unit.kind.command(action, setting, unit.unit_channel)

    # --- what the kind says of itself ---------------------------------------------

    def test_it_says_what_it_can_do_and_how(self) -> None:
        """Abilities, the way they are told, what a start costs, how it fails."""
        kind = self.kind
        assert kind.word == self.word
        assert kind.does
        assert Action.OFF not in kind.does
        assert kind.abilities
        assert kind.by in ("setpoint", "level", "on-off")
        assert kind.sets is (kind.by == "setpoint")
        assert kind.cost in ("compressor", "relay", "valve", "nothing")
        assert kind.fails in ("off", "low setpoint", "stays")
        assert (kind.fails == "low setpoint") is kind.guards_itself
        assert kind.own is None or kind.does == {kind.own}

    def test_it_can_always_be_stopped(self) -> None:
        """Whatever a unit can do, it can also be told to stop."""
        assert self.kind.can(Action.OFF)
        assert self.told(Action.OFF) != self.told(next(iter(self.kind.does)))

    def test_a_setpoint_stays_within_its_limits(self) -> None:
        """Whatever is asked for, what is sent is what it takes."""
        kind = self.kind
        if not kind.sets:
            pytest.skip("it takes no setpoint")
        low, high = kind.lowest, kind.highest
        assert low is not None
        assert high is not None
        assert [kind.nearest(each) for each in (low - 9.0, high + 9.0)] == [low, high]
        assert kind.nearest((low + high) / 2.0) == (low + high) / 2.0

    def test_its_times_spare_what_a_start_wears(self) -> None:
        """A compressor rests, a relay switches six times an hour at most."""
        unit = self.unit()
        rest = unit.min_off_seconds or unit.command_cooldown_seconds
        if self.kind.cost == "compressor":
            assert rest >= _COMPRESSOR_RESTS
        if self.kind.cost == "relay":
            assert 0 < 2 * unit.max_starts_per_hour <= _HOUR_OF_SWITCHES

    def test_a_document_has_the_last_word_on_its_first_units_times(self) -> None:
        """What a kind presumes holds only where nothing is said."""
        entry = {
            "kind": self.word,
            "device_id": "contract",
            "least_on_seconds": 7,
            "least_off_seconds": 11,
        }
        unit = self.unit(equipment=[entry])
        assert (unit.min_on_seconds, unit.min_off_seconds) == (7, 11)

    # --- what is told and shown -----------------------------------------------------

    def test_each_command_can_be_sent(self) -> None:
        """A command is a word and a parameter of JSON, the same every time."""
        for action in (*self.kind.does, Action.OFF):
            command, parameter = self.told(action)
            assert isinstance(command, str)
            assert command
            assert json.loads(json.dumps(parameter)) == parameter
            assert self.told(action) == (command, parameter)
            unit = self.unit()
            setting = set_all_parameter(unit, action)
            assert command in self.kind.words(action, setting, unit.unit_channel)

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"power": None, "mode": None},
            {"power": 7, "mode": 99, "slidePosition": "x"},
            {"power": "on", "switchStatus": 1, "mode": 1, "online": False},
            {"power": "on", "mode": 1, "slidePosition": 100, "onlineStatus": "offline"},
        ],
    )
    def test_what_a_status_does_not_say_nobody_concludes(
        self, fields: dict[str, Any]
    ) -> None:
        """Nonsense, silence and what is of earlier say nothing of now."""
        assert power_of(self.kind.shown(fields, self.channel)) is None

    def test_a_device_takes_what_it_is_told_and_shows_it(
        self, device: EquipmentDevice
    ) -> None:
        """On is seen as on, off as off; told twice it is as told once."""
        asyncio.run(self._told_and_shown(device))

    async def _told_and_shown(self, device: EquipmentDevice) -> None:
        for action in self.kind.does:
            for wanted, power in ((action, Power.ON), (Action.OFF, Power.OFF)):
                for _again in range(2):
                    await device.send(*self.told(wanted))
                    if self.tells:
                        shown = self.kind.shown(await device.read(), self.channel)
                        assert power_of(shown) is power

    def test_a_device_refuses_what_no_such_device_takes(
        self, device: EquipmentDevice
    ) -> None:
        """A command that is none raises, or nobody would know that it did nothing."""
        with pytest.raises(Exception):  # noqa: B017, PT011 - every maker has its own
            asyncio.run(device.send("noSuchCommand", DEFAULT))
