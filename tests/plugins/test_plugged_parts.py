"""A zone whose meter, unit and offset are plug-ins': no call to the cloud is spent."""

import sys
from datetime import UTC, datetime, timedelta

import pytest
import voluptuous as vol

from switchbot_automation import AutomationEngine
from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.model import Action
from switchbot_automation.plugins import API_VERSION, Plugin, registry
from switchbot_automation.rules.definition.lookup import part_kind
from switchbot_automation.settings.read import check_settings
from switchbot_automation.simulation import SimulatedClock, SimulatedHome, simulate
from switchbot_automation.simulation.replay import RecordedReading, replay
from switchbot_store import MemoryStore

STOVE = """
from switchbot_automation.plugins import Plugin

LOG = []
ROOM = {"temperature": 18.0}

class Thermometer:
    def __init__(self, pin):
        LOG.append(f"made {pin}")
    async def read(self):
        return dict(ROOM)
    def close(self):
        LOG.append("closed")

class Stove:
    async def send(self, command, parameter):
        if ROOM.get("broken"):
            raise OSError("no such pin")
        LOG.append(f"{command} {parameter}")

class Price:
    def __init__(self, kelvin):
        self._kelvin = kelvin
    def kelvin(self, zone, now):
        return self._kelvin

def number(read):
    import voluptuous as vol
    return vol.Schema({vol.Required("pin"): int})(read)

onewire = Plugin(number, lambda read: Thermometer(read["pin"]), 1)
relay = Plugin(dict, lambda read: Stove(), 1)
price = Plugin(dict, lambda read: Price(read["kelvin"]), 1)
"""
ENTRIES = """
[switchbot_automation.sensors]
onewire = stove_house:onewire
[switchbot_automation.actuators]
relay = stove_house:relay
[switchbot_automation.offsets]
price = stove_house:price
"""
ROOM = {
    "automation_enabled": True,
    "timezone": "UTC",
    "mode": "winter",
    "command_cooldown_seconds": 0,
    "winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 23.0},
    "time_windows": [
        {"days": [0, 1, 2, 3, 4, 5, 6], "start": "00:00", "end": "12:00"},
        {"days": [0, 1, 2, 3, 4, 5, 6], "start": "12:00", "end": "00:00"},
    ],
    "meter_device_id": "plugin:attic",
    "aircon_device_id": "plugin:stove",
    "plugins": {
        "attic": {"sensor": "onewire", "pin": 4},
        "stove": {"actuator": "relay"},
    },
}


@pytest.fixture
def stove_house(tmp_path, monkeypatch):
    info = tmp_path / "stove_house-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: stove-house\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text(ENTRIES)
    (tmp_path / "stove_house.py").write_text(STOVE)
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.cache_clear()
    import stove_house  # noqa: PLC0415 - made just now

    yield stove_house
    registry.cache_clear()
    sys.modules.pop("stove_house", None)


@pytest.fixture
def living(stove_house):
    """Return the engine of the stove's house, its store, clock and ledger."""
    clock = SimulatedClock()
    store = MemoryStore(now=clock.now)
    store.set("settings", ROOM)
    ledger = QuotaLedger(clock=clock)
    engine = AutomationEngine(SimulatedHome(clock), store, clock=clock)
    return engine, store, clock, ledger


async def test_a_zone_lives_on_a_plugins_sensor_and_actuator(stove_house, living):
    engine, store, clock, _ = living
    report = await engine.run_once()
    assert report.outcome == "winter_on"
    assert stove_house.LOG == ["made 4", "setAll 23,5,3,on"]
    assert store.get("state")["last_temperature"] == 18.0
    assert store.get("state")["api_requests_total"] == 0
    stove_house.ROOM["temperature"] = 22.5
    clock.advance(600)
    assert (await engine.run_once()).outcome == "winter_off"
    assert stove_house.LOG[-1] == "turnOff default"


async def test_a_thermostat_of_another_make_is_told_its_setpoint_alone(
    stove_house, living
):
    """The mode that SwitchBot's takes it in is none of its commands."""
    engine, store, *_ = living
    unit = {"kind": "thermostat", "device_id": "plugin:stove"}
    document = {key: ROOM[key] for key in ROOM if key != "aircon_device_id"}
    store.set("settings", document | {"equipment": [unit]})
    assert (await engine.run_once()).outcome == "winter_on"
    sent = [each for each in stove_house.LOG if not each.startswith("made")]
    assert len(sent) == 1
    assert sent[0].startswith("setManualModeTemperature ")


async def test_a_sensor_may_say_that_it_speaks_fahrenheit(stove_house, living):
    engine, store, *_ = living
    stove_house.ROOM |= {"temperature": 64.4, "scale": "Fahrenheit"}
    assert (await engine.run_once()).outcome == "winter_on"
    assert store.get("state")["last_temperature"] == 18.0
    await engine.heard("attic", {"temperature": 73.4, "scale": "F"})
    assert (await engine.run_once()).outcome == "winter_off"


async def test_an_actuator_that_fails_is_a_failed_rung(stove_house, living):
    engine, *_ = living
    stove_house.ROOM["broken"] = True
    (command,) = (await engine.run_once()).commands
    assert command.status == "failed"
    assert "no such pin" in command.rungs[0].error


async def test_other_settings_make_a_new_part_and_close_the_old_one(
    stove_house, living
):
    engine, store, clock, _ = living
    await engine.run_once()
    store.set("settings", ROOM | {"poll_interval_seconds": 240})
    clock.advance(60)
    await engine.run_once()
    assert stove_house.LOG.count("made 4") == 1
    plugins = ROOM["plugins"] | {"attic": {"sensor": "onewire", "pin": 5}}
    store.set("settings", ROOM | {"plugins": plugins})
    clock.advance(60)
    await engine.run_once()
    assert [line for line in stove_house.LOG if line[0] in "mc"] == [
        "made 4",
        "closed",
        "made 5",
    ]
    async with engine:
        pass
    assert stove_house.LOG[-1] == "closed"


async def test_a_part_that_left_the_settings_is_closed(stove_house, living):
    engine, store, clock, _ = living
    await engine.run_once()
    plugins = {name: part for name, part in ROOM["plugins"].items() if name != "attic"}
    store.set(
        "settings", ROOM | {"plugins": plugins, "meter_device_id": "C271111EC0AB"}
    )
    clock.advance(60)
    await engine.run_once()
    assert stove_house.LOG.count("closed") == 1


async def test_a_plugins_offset_moves_the_band_within_its_limit(stove_house, living):
    engine, store, clock, _ = living
    stove_house.ROOM["temperature"] = 19.0
    plugins = ROOM["plugins"] | {"tariff": {"offset": "price", "kelvin": -2.5}}
    offsets = [{"source": "tariff", "limit_kelvin": 2.0}]
    store.set("settings", ROOM | {"plugins": plugins, "offsets": offsets})
    assert (await engine.run_once()).outcome == "no_action"
    plugins["tariff"]["kelvin"] = 0.0
    store.set("settings", ROOM | {"plugins": plugins, "offsets": offsets})
    clock.advance(timedelta(minutes=5).total_seconds())
    assert (await engine.run_once()).outcome == "winter_on"


async def test_a_rule_may_look_at_a_plugins_sensor(stove_house, living):
    engine, store, clock, _ = living
    rule = {
        "id": "cold",
        "triggers": {
            "trigger": "numeric_state",
            "device": "attic",
            "attribute": "temperature",
            "below": 5,
        },
        "actions": {"action": "command", "zone": "default", "command": "on"},
    }
    store.set("settings", ROOM | {"rules": [rule], "automation_enabled": False})
    await engine.run_once()
    stove_house.ROOM["temperature"] = 4.0
    clock.advance(301)
    await engine.run_once()
    assert store.get("rules_state")["traces"][0]["outcome"] == "finished"
    assert stove_house.LOG[-1] == "setAll 23,5,3,on"


@pytest.mark.parametrize(
    ("change", "path", "said"),
    [
        (
            {"meter_device_id": "plugin:atic"},
            "meter_device_id",
            "did you mean 'attic'?",
        ),
        (
            {"aircon_device_id": "plugin:attic"},
            "aircon_device_id",
            "among the actuators",
        ),
        (
            {"plugins": {"attic": {"sensor": "onewir"}}},
            "plugins.attic.sensor",
            "'onewire'",
        ),
        ({"plugins": {"attic": {"pin": 4}}}, "plugins.attic", "needs one of sensor"),
        (
            {"plugins": {"attic": {"sensor": "onewire", "pin": "x"}}},
            "plugins.attic.pin",
            "expected int",
        ),
    ],
)
def test_a_wrong_part_is_named_with_its_place(stove_house, change, path, said):
    error = check_settings(ROOM | change)[0]
    assert error.path == path
    assert said in str(error)


async def test_a_change_of_settings_shows_no_secret(stove_house, living):
    engine, *_ = living
    rule = {
        "id": "it",
        "triggers": {"trigger": "time", "at": "07:00"},
        "actions": {"action": "webhook", "url": "https://example.org/KEYKEYKEY"},
    }
    plugins = ROOM["plugins"] | {"stove": {"actuator": "relay", "token": "T0PSECRET"}}
    await engine.run_once()
    for document in (ROOM | {"rules": [rule], "plugins": plugins}, ROOM):
        change = await engine.apply_settings(document)
        assert change.changes
        assert "KEYKEYKEY" not in str(change.to_dict())
        assert "T0PSECRET" not in str(change.to_dict())


ALL_DAY = [{"days": [*range(7)], "start": "00:00", "end": "00:00"}]
KINDS_OF_STOVES = ("aircon", "thermostat", "heater")


def of_kind(word):
    document = {key: ROOM[key] for key in ROOM if key != "aircon_device_id"}
    unit = {"kind": word, "device_id": "plugin:stove"}
    return document | {"equipment": [unit], "time_windows": ALL_DAY}


@pytest.mark.parametrize("word", KINDS_OF_STOVES)
async def test_a_made_up_week_plays_the_parts_and_lights_no_real_stove(
    stove_house, word
):
    """It warms its made-up room, and is told nothing at home."""
    report = await simulate(of_kind(word), days=2, season="winter")
    assert stove_house.LOG == []
    assert report.kwh_per_day > 1
    assert report.series.meter[-1] != stove_house.ROOM["temperature"]
    assert 18 < report.series.room[-1] < 25


@pytest.mark.parametrize("word", [*KINDS_OF_STOVES, None])
async def test_a_recording_is_measured_and_commanded_in_place_of_the_parts(
    stove_house, word
):
    """Nothing leaves a replay, and what is measured now is no part of it."""
    start = datetime(2026, 1, 5, 8, tzinfo=UTC)
    readings = [
        RecordedReading(start + timedelta(minutes=10 * number), celsius, 40.0)
        for number, celsius in enumerate((21.0, 19.0, 18.5, 23.0))
    ]
    document = ROOM if word is None else of_kind(word)
    changes = [each async for each in replay(readings, document)]
    assert stove_house.LOG == []
    assert [each.temperature for each in changes][:2] == [21.0, 19.0]
    assert Action.WINTER in [each.command for each in changes]


class Told:
    """An actuator that can be read; a hand turns it, and a loose cable keeps it still."""

    def __init__(self):
        self.on, self.deaf, self.sent, self.reads = False, False, [], 0

    async def send(self, command, parameter):
        self.sent.append((command, parameter))
        if not self.deaf:
            self.on = command != "turnOff"

    async def read(self):
        self.reads += 1
        return {"power": "on" if self.on else "off", "mode": 1 if self.on else 2}


class Warmed:
    """A room of such a unit, and how it is lived in."""

    def __init__(self, word, *, tells):
        self.unit, self.celsius = Told(), 18.0
        plugin = Plugin(dict, lambda _config: self.unit, API_VERSION, tells=tells)
        registry().add("actuators", "told", plugin)
        meter = Plugin(dict, lambda _config: self, API_VERSION)
        registry().add("sensors", "room", meter)
        self.clock, store = SimulatedClock(), MemoryStore()
        parts = {"unit": {"actuator": "told"}, "meter": {"sensor": "room"}}
        entry = {"kind": word, "device_id": "plugin:unit"}
        document = of_kind(word) | {
            "plugins": parts,
            "meter_device_id": "plugin:meter",
            "equipment": [entry],
        }
        store.set("settings", document)
        home = SimulatedHome(self.clock)
        self.engine = AutomationEngine(home, store, clock=self.clock)

    async def read(self):
        return {"temperature": round(self.celsius, 1), "humidity": 40}

    async def live(self, hours):
        for _minute in range(round(hours * 60)):
            if self.clock.now() >= self.engine.next_wakeup:
                await self.engine.run_once()
            gain = (0.9 if self.unit.on else 0.0) - (self.celsius - 5.0) / 40.0
            self.celsius += gain / 60.0
            self.clock.advance(60)

    async def troubles(self):
        return (await self.engine.health())["zones"]["default"]["room"]["reasons"]


@pytest.fixture
def brought():
    yield
    registry.cache_clear()


@pytest.mark.parametrize("word", ["heater", "thermostat"])
@pytest.mark.usefixtures("brought")
async def test_an_actuator_that_tells_is_seen_to_ignore_its_commands(word):
    """Its own status says within two hours what the room would say after three."""
    room = Warmed(word, tells=True)
    await room.live(5)
    assert room.unit.reads > 0
    assert "device_unresponsive" not in await room.troubles()
    room.unit.deaf, room.unit.on = True, False
    seen = set()
    for _half in range(4):
        await room.live(0.5)
        seen |= {*await room.troubles()}
    assert {"device_unresponsive", "belief_contradicted"} & seen


@pytest.mark.usefixtures("brought")
async def test_an_actuator_that_does_not_tell_is_never_read(caplog):
    """Nor is it taken for a plug whose watts could be asked."""
    room = Warmed("heater", tells=False)
    await room.live(5)
    assert room.unit.sent
    assert room.unit.reads == 0
    assert "cannot be read" not in caplog.text


@pytest.mark.usefixtures("brought")
def test_an_actuator_that_is_to_tell_and_cannot_is_refused(stove_house):
    """As one is that cannot be told."""
    del stove_house
    plugin = Plugin(dict, lambda _config: Mute(), API_VERSION, tells=True)
    registry().add("actuators", "mute", plugin)
    kind = part_kind("mute", "actuator", {}, "actuators")
    with pytest.raises(vol.Invalid, match="made a Mute without 'read'"):
        kind.make({})


class Mute:
    async def send(self, command, parameter):
        pass
