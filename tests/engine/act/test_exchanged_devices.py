"""The settings name other devices: what is known goes with a device, and none is forgotten."""

import asyncio
import logging
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.engine import tick as tick_module
from switchbot_automation.errors import CloudTimeoutError, DeviceOfflineError
from switchbot_automation.model import CommandResult, DeviceList, DeviceStatus
from switchbot_automation.simulation import SimulatedClock, SimulatedHome
from switchbot_automation.simulation.home import RoomSpec
from switchbot_store import HistoryService, MemoryStore, SqliteHistory
from tests.cases import drawn

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
ONE, OTHER, THIRD = (f"02-20200811003{number}-13" for number in (1, 2, 3))

ROOM: dict[str, Any] = {
    "automation_enabled": True,
    "mode": "winter",
    "timezone": "UTC",
    "poll_interval_seconds": 60,
    "command_cooldown_seconds": 0,
    "meter_device_id": "METER",
    "aircon_device_id": ONE,
    "winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 24.0},
    "time_windows": [{"days": list(range(7)), "start": "00:30", "end": "00:00"}],
    # The rooms of these units never follow them.
    "thermal_response_seconds": 0,
}
HOME = {
    key: ROOM[key]
    for key in (
        "automation_enabled",
        "mode",
        "timezone",
        "winter",
        "thermal_response_seconds",
    )
}
ON, OFF = "setAll 24,5,3,on", "turnOff"


class Units:
    """A `CloudApi` whose units do what they are told; `dead` ones do not answer."""

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.temperatures: dict[str, float] = {"METER": 18.0}
        self.scenes_of: dict[str, tuple[str, bool]] = {}
        self.readable: set[str] = set()
        self.running: dict[str, bool] = {}
        self.dead: dict[str, Exception] = {}
        self.deaf: set[str] = set()
        self.sent: list[tuple[str, str]] = []
        self.on_send = lambda _unit: None

    async def devices(self) -> DeviceList:
        return DeviceList((), ())

    async def status(self, device_id: str) -> DeviceStatus:
        if device_id in self.readable:
            power = "on" if self.running.get(device_id) else "off"
            fields: dict[str, Any] = {"power": power}
        elif device_id in self.temperatures:
            fields = {"temperature": self.temperatures[device_id], "humidity": 50}
        else:
            raise CloudTimeoutError("silence")
        return DeviceStatus(device_id, "", fields, self.clock.now())

    async def command(
        self,
        device_id: str,
        command: str,
        parameter: Any = "default",
        command_type: str = "command",
    ) -> CommandResult:
        word = command if parameter == "default" else f"{command} {parameter}"
        return self._do(device_id, word, on=word != OFF)

    async def scenes(self) -> list[Any]:
        return []

    async def run_scene(self, scene_id: str) -> CommandResult:
        unit, on = self.scenes_of[scene_id]
        return self._do(unit, f"scene {scene_id}", on=on)

    def _do(self, unit: str, word: str, *, on: bool) -> CommandResult:
        self.on_send(unit)
        if unit in self.dead:
            raise self.dead[unit]
        self.sent.append((unit, word))
        if unit not in self.deaf:
            self.running[unit] = on
        return CommandResult(unit, self.clock.now())


class House:
    """The units, a store and a clock, and an engine on them."""

    def __init__(self) -> None:
        self.clock = SimulatedClock(NOON)
        self.cloud = Units(self.clock)
        self.store = MemoryStore(now=self.clock.now)
        self.engine = self.restarted()

    def restarted(self, **options: Any) -> AutomationEngine:
        self.engine = AutomationEngine(
            self.cloud, self.store, clock=self.clock, **options
        )
        return self.engine

    def configure(self, document: dict[str, Any]) -> None:
        self.store.set("settings", deepcopy(document))

    async def tick(self, after: float = 60.0):
        self.clock.advance(after)
        return await self.engine.run_once()

    def taken(self) -> list[tuple[str, str]]:
        """Return what was sent since this was last asked."""
        sent, self.cloud.sent = self.cloud.sent, []
        return sent

    async def left(self) -> dict[str, Any]:
        health = await self.engine.health()
        return {each["unit"]: each for each in health["left_units"]}


@pytest.fixture
def house() -> House:
    made = House()
    made.configure(ROOM)
    return made


@pytest.fixture
async def heating(house) -> House:
    """The house while its first unit heats."""
    await house.tick()
    assert house.taken() == [(ONE, ON)]
    return house


async def by_hand(house, document):
    house.configure(document)


async def by_the_engine(house, document):
    await house.engine.apply_settings(document)


async def while_stopped(house, document):
    house.configure(document)
    house.restarted()


EVERY_WAY = pytest.mark.parametrize("change", [by_hand, by_the_engine, while_stopped])


# --- another unit -------------------------------------------------------------------


@EVERY_WAY
async def test_a_corrected_id_heats_by_the_new_unit_and_turns_the_old_one_off(change):
    clock = SimulatedClock(NOON)
    rooms = [RoomSpec("bath", "M-BATH", ONE), RoomSpec("study", "M-STUDY", OTHER)]
    home = SimulatedHome(clock, rooms=rooms, season="winter")
    house = House()
    house.clock, house.cloud = clock, home
    house.store = MemoryStore(now=clock.now)
    warm = {"min_temp": 24.0, "max_temp": 26.0, "target_temp": 27.0}
    study = ROOM | {"meter_device_id": "M-STUDY", "winter": warm}
    house.configure(study)
    house.restarted()

    async def live(minutes: int) -> None:
        for _ in range(minutes):
            await house.tick()

    def heats() -> dict[str, bool]:
        home.advance()
        return {
            name: room.house.aircon.settings.conditioning
            for name, room in home.rooms.items()
        }

    await live(3)
    assert heats() == {"bath": True, "study": False}
    await change(house, study | {"aircon_device_id": OTHER})
    await live(3)
    assert heats() == {"bath": False, "study": True}
    assert await house.left() == {}


@EVERY_WAY
async def test_the_old_unit_is_told_off_once_and_the_new_one_on_once(heating, change):
    await change(heating, ROOM | {"aircon_device_id": OTHER})
    report = await heating.tick()
    assert sorted(heating.taken()) == [(ONE, OFF), (OTHER, ON)]
    off = next(each for each in report.commands if each.action == "off")
    assert [str(each.code) for each in off.reasons] == ["unit_left"]
    assert off.reasons[0].detail["unit"] == ONE
    for _ in range(5):
        await heating.tick()
    heating.restarted()
    await heating.tick()
    assert heating.taken() == []


async def test_the_minimum_on_time_does_not_keep_a_left_unit_on(house):
    house.configure(ROOM | {"min_on_seconds": 3600})
    await house.tick()
    house.configure(ROOM | {"min_on_seconds": 3600, "aircon_device_id": OTHER})
    await house.tick()
    assert (ONE, OFF) in house.taken()


async def test_of_the_new_unit_nothing_is_presumed_but_that_it_stopped_just_now(house):
    house.configure(ROOM | {"min_off_seconds": 300})
    await house.tick()
    house.configure(ROOM | {"min_off_seconds": 300, "aircon_device_id": OTHER})
    await house.tick()
    assert house.store.get("state")["assumed_aircon_power"] == "unknown"
    await house.tick(after=200)
    assert (OTHER, ON) not in house.taken()
    await house.tick(after=100)
    assert house.taken() == [(OTHER, ON)]


async def test_a_unit_that_comes_back_still_has_its_minimum_off_time(house):
    protected = ROOM | {"min_off_seconds": 600}
    house.configure(protected)
    await house.tick()
    house.configure(protected | {"aircon_device_id": OTHER})
    await house.tick()
    stopped = house.clock.now()
    assert house.cloud.running == {ONE: False}
    house.configure(protected)
    house.restarted()
    await house.tick()
    assert house.store.get("state")["assumed_aircon_power"] == "off"
    while not house.cloud.running[ONE]:
        await house.tick(after=30)
    assert house.clock.now() - stopped >= timedelta(seconds=600)


async def test_a_unit_that_was_off_is_left_without_a_word(house):
    house.cloud.temperatures["METER"] = 23.0
    await house.tick()
    assert house.taken() == [(ONE, OFF)]
    house.configure(ROOM | {"aircon_device_id": OTHER})
    await house.tick()
    assert house.taken() == [(OTHER, OFF)]
    assert await house.left() == {}


async def test_a_command_that_may_have_arrived_makes_the_old_unit_one_that_may_run(
    house,
):
    house.cloud.dead[ONE] = CloudTimeoutError("silence", maybe_sent=True)
    await house.tick()
    del house.cloud.dead[ONE]
    house.configure(ROOM | {"aircon_device_id": OTHER})
    await house.tick()
    assert sorted(house.taken()) == [(ONE, OFF), (OTHER, ON)]


async def test_a_start_cut_off_by_a_crash_makes_it_one_that_may_run(house):
    class CrashError(BaseException):
        pass

    def crash(_unit):
        raise CrashError

    house.cloud.on_send = crash
    with pytest.raises(CrashError):
        await house.tick()
    house.cloud.on_send = lambda _unit: None
    house.configure(ROOM | {"aircon_device_id": OTHER})
    house.restarted()
    await house.tick()
    assert sorted(house.taken()) == [(ONE, OFF), (OTHER, ON)]


async def test_off_repeats_of_a_left_unit_are_one_off(house):
    repeated = ROOM | {"off_repeat_count": 3, "off_repeat_interval_seconds": 30}
    house.configure(repeated)
    await house.tick()
    house.cloud.temperatures["METER"] = 23.0
    await house.tick()
    house.taken()
    house.configure(repeated | {"aircon_device_id": OTHER})
    await house.tick(after=5)
    assert house.taken().count((ONE, OFF)) == 1
    await house.tick()
    assert (ONE, OFF) not in house.taken()


async def test_a_crash_while_the_new_unit_is_told_does_not_lose_the_old_one(heating):
    class CrashError(BaseException):
        pass

    def crash(unit):
        if unit == OTHER:
            raise CrashError

    heating.cloud.on_send = crash
    heating.configure(ROOM | {"aircon_device_id": OTHER})
    with pytest.raises(CrashError):
        await heating.tick()
    heating.cloud.on_send = lambda _unit: None
    heating.restarted()
    await heating.tick()
    assert (ONE, OFF) in heating.taken()


async def test_a_person_who_acts_first_gets_the_new_unit_and_the_old_goes_off(heating):
    heating.configure(ROOM | {"aircon_device_id": OTHER})
    command = await heating.engine.act("default", "on")
    assert command.status == "accepted"
    assert heating.taken() == [(OTHER, ON)]
    assert heating.engine.next_wakeup <= heating.clock.now()
    await heating.tick(after=0)
    assert heating.taken() == [(ONE, OFF)]


@pytest.mark.parametrize(
    "document", [ROOM | {"aircon_device_id": OTHER}, {"zones": {"living": ROOM}}]
)
async def test_settings_that_are_taken_back_leave_the_unit_as_it_was(
    heating, monkeypatch, document
):
    tick = tick_module.tick

    def fail(settings, *home, **known):
        zone = settings.default
        if (zone.name, zone.aircon_device_id) != ("default", ONE):
            raise RuntimeError("no decision")
        return tick(settings, *home, **known)

    monkeypatch.setattr(tick_module, "tick", fail)
    await heating.engine.apply_settings(document)
    started = heating.store.get("state")["compressor_started_at"]
    await heating.tick()
    await heating.tick()
    assert heating.store.get("state")["compressor_started_at"] == started
    assert heating.store.get("settings")["aircon_device_id"] == ONE
    assert heating.taken() == []
    assert heating.store.get("state")["assumed_aircon_power"] == "on"
    assert await heating.left() == {}


async def test_a_document_of_an_older_release_is_of_the_unit_that_is_configured(house):
    house.store.set(
        "state",
        {
            "assumed_aircon_power": "on",
            "assumed_aircon_mode": 5,
            "assumed_aircon_parameter": "24,5,3,on",
            "last_action_at": "2026-01-12T11:00:00+00:00",
            "last_temperature": 19.0,
            "last_read_at": "2026-01-12T11:59:00+00:00",
        },
    )
    await house.tick()
    assert house.taken() == []
    assert house.store.get("state")["unit"] == {"device_id": ONE}
    assert house.store.get("state")["meters"] == ["METER"]
    house.configure(ROOM | {"aircon_device_id": OTHER})
    await house.tick()
    assert sorted(house.taken()) == [(ONE, OFF), (OTHER, ON)]


async def test_an_older_release_s_rooms_moved_into_zones_are_told_nothing(heating):
    state = heating.store.get("state")
    old = {key: each for key, each in state.items() if key not in ("unit", "meters")}
    heating.store.set("state", old)
    heating.configure({"zones": {"living": ROOM}})
    heating.restarted()
    await heating.tick()
    assert heating.taken() == []
    assert heating.store.get("state/living")["assumed_aircon_power"] == "on"


async def test_an_engine_that_only_watches_turns_nothing_off(heating):
    second = AutomationEngine(heating.cloud, heating.store, clock=heating.clock)
    await second.run_once()
    heating.configure(ROOM | {"aircon_device_id": OTHER})
    for _ in range(3):
        await heating.tick(after=1)
    assert heating.taken() == []
    await second.run_once()
    assert sorted(heating.taken()) == [(ONE, OFF), (OTHER, ON)]
    await heating.tick(after=1)
    assert heating.taken() == []


# --- zones that come, go and change their names ----------------------------------------


async def test_rooms_moved_into_zones_are_told_nothing_again(house):
    house.configure(ROOM | {"min_on_seconds": 1200})
    await house.tick()
    started = house.store.get("state")["compressor_started_at"]
    await house.engine.hold("default", timedelta(hours=2))
    hold = house.store.get("state")["hold_until"]
    house.taken()
    house.configure({"min_on_seconds": 1200, "zones": {"living": ROOM}})
    house.restarted()
    await house.tick()
    assert house.taken() == []
    living, home = house.store.get("state/living"), house.store.get("state")
    assert living["assumed_aircon_power"] == "on"
    assert living["compressor_started_at"] == started
    assert living["hold_until"] == hold
    assert home["unit"] is None
    assert home["assumed_aircon_power"] == "unknown"
    assert home["last_tick"] is not None
    assert await house.left() == {}


async def test_zones_moved_back_into_a_flat_document_are_told_nothing_again(house):
    house.configure({"zones": {"living": ROOM}})
    await house.tick()
    house.taken()
    house.configure(ROOM)
    house.restarted()
    await house.tick()
    assert house.taken() == []
    assert house.store.get("state")["assumed_aircon_power"] == "on"


@EVERY_WAY
async def test_a_renamed_zone_keeps_its_rest(house, change):
    protected = ROOM | {"min_off_seconds": 900}
    house.configure({"zones": {"office": protected}})
    await house.tick()
    house.cloud.temperatures["METER"] = 23.0
    await house.tick()
    stopped = house.clock.now()
    house.cloud.temperatures["METER"] = 18.0
    house.taken()
    await change(house, {"zones": {"study": protected}})
    while not house.cloud.running[ONE]:
        await house.tick(after=30)
    assert house.clock.now() - stopped >= timedelta(seconds=900)
    assert house.taken() == [(ONE, ON)]


async def test_a_zone_renamed_there_and_back_again_is_told_nothing(house):
    for name in ("office", "study", "office", "study"):
        house.configure({"zones": {name: ROOM}})
        house.restarted()
        await house.tick()
    assert house.taken() == [(ONE, ON)]


@EVERY_WAY
async def test_the_unit_of_a_removed_zone_is_turned_off(house, change, tmp_path):
    other = ROOM | {"aircon_device_id": OTHER}
    both = {"zones": {"office": ROOM, "study": other}}
    house.configure(both)
    with HistoryService(
        SqliteHistory(tmp_path / "history.sqlite"), now=house.clock.now
    ) as history:
        house.restarted(history=history)
        await house.tick()
        house.taken()
        await change(house, {"zones": {"study": other}})
        if change is while_stopped:
            house.restarted(history=history)
        report = await house.tick()
        assert house.taken() == [(ONE, OFF)]
        assert [each.zone for each in report.commands] == ["office"]
        await house.tick()
        history.flush()
        rows = history.query(NOON, NOON + timedelta(hours=1), zone="office").rows
        metadata = rows[-1]["metadata"]
    assert metadata["reasons"][0]["code"] == "unit_left"
    assert metadata["commands"][0]["unit"] == ONE
    assert metadata["commands"][0]["status"] == "accepted"
    assert await house.left() == {}
    assert house.taken() == []


async def test_a_zone_that_no_longer_names_its_unit_turns_it_off(heating):
    heating.configure({key: each for key, each in ROOM.items() if "aircon" not in key})
    await heating.tick()
    assert heating.taken() == [(ONE, OFF)]
    assert heating.store.get("state")["assumed_aircon_power"] == "unknown"


async def test_units_swapped_between_zones_take_their_times_with_them(house):
    house.cloud.temperatures |= {"M1": 18.0, "M2": 23.0}
    first = ROOM | {"meter_device_id": "M1", "min_off_seconds": 600}
    second = ROOM | {"meter_device_id": "M2", "min_off_seconds": 600}
    house.configure(
        {
            "zones": {
                "cold": first,
                "warm": second | {"aircon_device_id": OTHER},
            }
        }
    )
    await house.tick()
    assert sorted(house.taken()) == [(ONE, ON), (OTHER, OFF)]
    stopped = house.clock.now()
    house.configure(
        {"zones": {"cold": first | {"aircon_device_id": OTHER}, "warm": second}}
    )
    await house.tick()
    # What heats is now in the warm room, and what rests in the cold one.
    assert house.taken() == [(ONE, OFF)]
    while not house.cloud.running[OTHER]:
        await house.tick(after=30)
    assert house.clock.now() - stopped >= timedelta(seconds=600)


# --- a unit that cannot be turned off -------------------------------------------------


async def test_a_unit_that_cannot_be_told_is_named_until_it_can(heating, caplog):
    heating.cloud.dead[ONE] = DeviceOfflineError("gone", status_code=161)
    heating.configure(ROOM | {"aircon_device_id": OTHER})
    with caplog.at_level(logging.WARNING):
        await heating.tick()
    assert f"unit {ONE} was left running" in caplog.text
    named = await heating.left()
    assert named[ONE]["message"] == f"unit {ONE} was left running"
    assert named[ONE]["zone"] == "default"
    assert "gone" in named[ONE]["last_error"]
    assert (await heating.engine.health())["status"] == "degraded"
    # Also by an engine that was not there, and it tries again by itself.
    heating.restarted()
    caplog.clear()
    await heating.tick()
    assert ONE in await heating.left()
    assert heating.engine.next_wakeup <= heating.clock.now() + timedelta(minutes=2)
    assert f"unit {ONE} was left running" not in caplog.text
    del heating.cloud.dead[ONE]
    heating.taken()
    await heating.tick(after=300)
    assert heating.taken() == [(ONE, OFF)]
    assert await heating.left() == {}
    assert (await heating.engine.health())["status"] == "ok"


async def test_what_the_home_remembers_outlives_a_restart_without_a_default_zone(
    heating,
):
    heating.cloud.dead[ONE] = DeviceOfflineError("gone", status_code=161)
    heating.configure({"zones": {"b": ROOM | {"aircon_device_id": OTHER}}})
    await heating.tick()
    heating.store.update("state", lambda found: found | {"of_the_dashboard": 1})
    calls = heating.store.get("state")["api_requests_total"]
    for _ in range(2):
        heating.restarted()
        await heating.tick()
        assert ONE in await heating.left()
    state = heating.store.get("state")
    assert state["of_the_dashboard"] == 1
    assert state["api_requests_total"] > calls


async def test_it_is_tried_for_a_day_seldomer_and_named_for_a_week(heating):
    heating.cloud.dead[ONE] = DeviceOfflineError("gone", status_code=161)
    tries = []
    heating.cloud.on_send = lambda unit: (
        unit == ONE and tries.append(heating.clock.now())
    )
    heating.configure(ROOM | {"aircon_device_id": OTHER})
    await heating.tick()
    left_at = heating.clock.now()
    while heating.clock.now() - left_at < timedelta(days=2):
        await heating.tick(after=600)
    assert len(tries) < 40
    assert max(tries) - left_at < timedelta(days=1, minutes=1)
    assert max(tries) - left_at > timedelta(hours=22)
    assert ONE in await heating.left()
    # Who uses it after that is not surprised by an OFF.
    del heating.cloud.dead[ONE]
    heating.taken()
    await heating.tick(after=timedelta(days=4).total_seconds())
    assert (ONE, OFF) not in heating.taken()
    assert ONE in await heating.left()
    await heating.tick(after=timedelta(days=2).total_seconds())
    assert await heating.left() == {}


async def test_it_is_no_longer_named_once_it_is_configured_again(heating):
    heating.cloud.dead[ONE] = DeviceOfflineError("gone", status_code=161)
    heating.configure(ROOM | {"aircon_device_id": OTHER})
    await heating.tick()
    assert ONE in await heating.left()
    del heating.cloud.dead[ONE]
    heating.configure(ROOM)
    heating.taken()
    await heating.tick()
    assert await heating.left() == {}
    # It runs, as was known all the time; the other one went off.
    assert heating.taken() == [(OTHER, OFF)]


async def test_it_is_no_longer_named_once_it_was_seen_off(house):
    unit = "A1B2C3D4E5F6"
    house.cloud.readable = {unit}
    house.configure(ROOM | {"aircon_device_id": unit})
    await house.tick()
    house.cloud.dead[unit] = DeviceOfflineError("busy", status_code=161)
    house.configure(ROOM)
    await house.tick()
    assert unit in await house.left()
    house.cloud.running[unit] = False
    house.taken()
    await house.tick(after=300)
    assert await house.left() == {}
    assert house.taken() == []


RELAY = "A1B2C3D4E5F6"


@pytest.fixture
async def left_deaf(house) -> House:
    """The house a minute after the relay that heats was taken out, which hears nothing."""
    house.cloud.readable, house.cloud.deaf = {RELAY}, {RELAY}
    house.cloud.running[RELAY] = True
    house.configure(ROOM | {"aircon_device_id": RELAY})
    await house.tick()
    house.configure(ROOM)
    house.taken()
    await house.tick()
    assert (RELAY, OFF) in house.taken()
    assert RELAY in await house.left()
    return house


async def test_what_can_be_asked_is_told_off_until_it_shows_that_it_heard(left_deaf):
    await left_deaf.tick(after=90)
    assert left_deaf.taken() == [(RELAY, OFF)]
    left_deaf.cloud.deaf.clear()
    await left_deaf.tick(after=300)
    assert left_deaf.taken() == [(RELAY, OFF)]
    await left_deaf.tick(after=600)
    assert left_deaf.taken() == []
    assert await left_deaf.left() == {}


async def test_what_is_on_after_many_an_off_is_named_and_left_alone(left_deaf):
    for _ in range(144):
        await left_deaf.tick(after=600)
    told = [each for each in left_deaf.taken() if each[0] == RELAY]
    assert told == [(RELAY, OFF)] * 4
    assert "goes on" in (await left_deaf.left())[RELAY]["last_error"]
    left_deaf.cloud.running[RELAY] = False
    for _ in range(7):
        await left_deaf.tick(after=3600)
    assert await left_deaf.left() == {}


async def test_a_unit_that_was_only_observed_is_named_and_not_told(house):
    unit = "A1B2C3D4E5F6"
    house.cloud.readable, house.cloud.running = {unit}, {unit: True}
    house.configure(ROOM | {"aircon_device_id": unit, "observe_only": True})
    await house.tick()
    assert house.store.get("state")["assumed_aircon_power"] == "on"
    house.configure(ROOM | {"observe_only": True})
    await house.tick()
    await house.tick()
    assert house.taken() == []
    assert (await house.left())[unit]["last_error"] == "its zone only observed"


# --- scenes, webhooks, plug-ins ---------------------------------------------------------


SCENES = {"winter": "S1", "off": "S2"}
OTHER_SCENES = {"winter": "S3", "off": "S4"}


@pytest.fixture
def by_scenes(house) -> House:
    house.cloud.scenes_of = {
        "S1": (ONE, True),
        "S2": (ONE, False),
        "S3": (OTHER, True),
        "S4": (OTHER, False),
    }
    house.configure(ROOM | {"aircon_device_id": "", "aircon_scenes": SCENES})
    return house


@EVERY_WAY
async def test_a_unit_known_by_its_scenes_is_turned_off_by_its_own(by_scenes, change):
    await by_scenes.tick()
    assert by_scenes.taken() == [(ONE, "scene S1")]
    changed = {"aircon_device_id": "", "aircon_scenes": OTHER_SCENES}
    await change(by_scenes, ROOM | changed)
    await by_scenes.tick()
    assert sorted(by_scenes.taken()) == [(ONE, "scene S2"), (OTHER, "scene S3")]


async def test_one_more_scene_or_an_id_beside_them_is_no_other_unit(by_scenes):
    await by_scenes.tick()
    by_scenes.taken()
    by_scenes.configure(
        ROOM | {"aircon_device_id": "", "aircon_scenes": SCENES | {"fan": "S5"}}
    )
    await by_scenes.tick()
    by_scenes.configure(ROOM | {"aircon_scenes": SCENES})
    await by_scenes.tick()
    by_scenes.configure(ROOM)
    await by_scenes.tick()
    assert by_scenes.taken() == []


async def test_a_scene_that_a_zone_of_now_uses_turns_nothing_else_off(by_scenes):
    everything_off = {"off": "S2"}
    by_scenes.configure(
        {
            "zones": {
                "left": ROOM
                | {
                    "aircon_device_id": "",
                    "aircon_scenes": {"winter": "S3"} | everything_off,
                },
                "stays": ROOM | {"aircon_scenes": everything_off},
            }
        }
    )
    await by_scenes.tick()
    by_scenes.taken()
    by_scenes.configure({"zones": {"stays": ROOM | {"aircon_scenes": everything_off}}})
    await by_scenes.tick()
    assert by_scenes.taken() == []
    assert by_scenes.cloud.running[ONE]
    named = await by_scenes.left()
    assert named["scene:S3"]["last_error"] == "no way is known to turn it off"
    assert named["scene:S3"]["next_attempt_at"] is None


async def test_a_webhook_is_told_apart_without_its_secret(house):
    secret = "https://maker.ifttt.com/trigger/heat/json/with/key/hunter2"
    off = secret.replace("heat", "cold")

    class Sender:
        def __init__(self):
            self.sent = []

        async def send(self, url, *, allowed_hosts):
            self.sent.append(url)

    sender = Sender()
    house.restarted(webhook_sender=sender)
    hooks = {"winter": secret, "off": off}
    house.configure(ROOM | {"aircon_device_id": "", "webhooks": hooks})
    await house.tick()
    assert sender.sent == [secret]
    assert "hunter2" not in str(house.store.get("state"))
    house.configure(ROOM)
    await house.tick()
    assert sender.sent == [secret, off]
    assert house.taken() == [(ONE, ON)]
    assert "hunter2" not in str(house.store.get("state"))


# --- another meter ----------------------------------------------------------------------


@EVERY_WAY
async def test_a_meter_that_is_exchanged_takes_its_reading_along(house, change):
    house.cloud.temperatures["NEW"] = 21.0
    learning = ROOM | {"predictive_polling": True, "control": "modulate"}
    house.configure(learning)
    await house.tick()
    house.cloud.temperatures["METER"] = 18.2
    await house.tick(after=600)
    state = house.store.get("state")
    assert state["last_temperature"] == 18.2
    assert state["slope_bounds"]["recent"] > 0
    await change(house, learning | {"meter_device_id": "NEW"})
    await house.tick(after=5)
    state = house.store.get("state")
    # At once, although the old one was not due, and as if it were the first.
    assert state["last_temperature"] == 21.0
    assert state["meters"] == ["NEW"]
    assert state["slope_bounds"] is None
    assert state["sensing"]["temperature"] == 21.0
    assert "odd" not in state["sensing"]
    assert [each[1] for each in state["learned"]["readings"]] == [21.0]


async def test_a_meter_that_does_not_answer_has_no_reading_of_the_old_one(house):
    await house.tick()
    house.configure(ROOM | {"meter_device_id": "SILENT"})
    report = await house.tick()
    assert report.outcome == "missing_meter"
    state = house.store.get("state")
    assert state["last_temperature"] is None
    assert state["sensing"]["since"] == house.clock.now().isoformat()


async def test_a_zone_without_its_meter_shows_no_temperature(house):
    await house.tick()
    house.configure({key: each for key, each in ROOM.items() if "meter" not in key})
    await house.tick()
    assert house.engine.overview()["zones"][0]["temperature"] is None


async def test_a_meter_keeps_the_distrust_it_earned_in_another_zone(house):
    house.cloud.temperatures |= {"M1": 18.0, "M2": 18.0}
    zones = {
        "a": ROOM | {"meter_device_id": "M1"},
        "b": ROOM | {"meter_device_id": "M2", "aircon_device_id": OTHER},
    }
    house.configure({"zones": zones})
    await house.tick()
    state = house.store.get("state/a")
    state["sensing"]["distrust"] = "sensor_frozen"
    house.store.set("state/a", state)
    house.configure(
        {
            "zones": {
                "a": zones["a"] | {"meter_device_id": "M2"},
                "b": zones["b"] | {"meter_device_id": "M1"},
            }
        }
    )
    await house.tick()
    assert house.store.get("state/b")["sensing"]["distrust"] == "sensor_frozen"
    assert "distrust" not in house.store.get("state/a")["sensing"]


async def test_a_minute_of_an_unchanged_home_costs_no_more_statements(house):
    calls = []

    class Counting(MemoryStore):
        def get_many(self, keys):
            calls.append(f"get {' '.join(keys)}")
            return super().get_many(keys)

        def set_many(self, documents):
            calls.append(f"set {' '.join(sorted(documents))}")
            return super().set_many(documents)

    house.store = Counting(now=house.clock.now)
    house.restarted()
    for document in (ROOM, {"zones": {"living": ROOM}}):
        house.configure(document)
        await house.tick()
        await house.tick()
    calls.clear()
    await house.tick()
    assert calls == [
        "get settings state state/living",
        "set state state/living",
    ]


# --- whatever is edited ---------------------------------------------------------------

UNITS, METERS = (ONE, OTHER, THIRD), ("M1", "M2", "M3")
REST = 600


@st.composite
def homes(draw: st.DrawFn) -> dict[str, Any]:
    """Return settings of up to three zones, no unit in two of them."""
    names = draw(
        st.lists(st.sampled_from(["", "a", "b", "c"]), unique=True, max_size=3)
    )
    units = draw(st.permutations([*UNITS, ""]))
    zones = {
        name: ROOM
        | {
            "aircon_device_id": unit,
            "meter_device_id": draw(st.sampled_from(METERS)),
            "min_off_seconds": REST,
        }
        for name, unit in zip(names, units, strict=False)
    }
    if not zones or "" in zones:
        # A flat document is one zone, named default.
        return zones.get("", ROOM | {"aircon_device_id": "", "min_off_seconds": REST})
    return {"zones": zones}


edits = st.lists(
    st.one_of(
        st.tuples(st.just("settings"), homes()),
        st.tuples(st.just("tick"), st.sampled_from([1.0, 60.0, 700.0])),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(
            st.just("room"),
            st.tuples(st.sampled_from(METERS), st.sampled_from([18.0, 21.0, 23.0])),
        ),
        st.tuples(st.just("dead"), st.sampled_from(UNITS)),
        st.tuples(st.just("alive"), st.sampled_from(UNITS)),
    ),
    min_size=4,
    max_size=25,
)


class Watched(Units):
    """Units that note what no unit should be told."""

    def __init__(self, clock: SimulatedClock) -> None:
        super().__init__(clock)
        self.told: dict[str, tuple[str, datetime]] = {}
        self.wrong: list[str] = []

    def _do(self, unit: str, word: str, *, on: bool) -> CommandResult:
        result = super()._do(unit, word, on=on)
        now = self.clock.now()
        before, at = self.told.get(unit, ("", NOON - timedelta(days=1)))
        if before == word:
            self.wrong.append(f"{unit} told {word} again")
        if before == OFF and now - at < timedelta(seconds=REST):
            self.wrong.append(f"{unit} started {now - at} after it stopped")
        self.told[unit] = word, now
        return result


async def lived(script: list[tuple[str, Any]]) -> tuple[House, dict[str, Any]]:
    """Let a home go through everything a script says, and then a while of peace."""
    house = House()
    cloud = house.cloud = Watched(house.clock)
    cloud.temperatures = dict.fromkeys(METERS, 18.0)
    house.configure(ROOM | {"meter_device_id": "M1", "min_off_seconds": REST})
    house.restarted()
    await house.tick()
    for word, what in script:
        if word == "settings":
            house.configure(what)
        elif word == "tick":
            await house.tick(after=what)
        elif word == "restart":
            house.restarted()
        elif word == "room":
            cloud.temperatures[what[0]] = what[1]
        elif word == "dead":
            cloud.dead[what] = DeviceOfflineError("gone", status_code=161)
        else:
            cloud.dead.pop(what, None)
    for _ in range(30):
        await house.tick(after=200)
    return house, await house.left()


def check(script: list[tuple[str, Any]]) -> None:
    house, named = asyncio.run(lived(script))
    cloud = house.cloud
    document = house.store.get("settings")
    zones = document.get("zones") or {"default": document}
    wanted = {
        zone["aircon_device_id"]: zone["meter_device_id"] for zone in zones.values()
    }
    assert cloud.wrong == []
    for unit in UNITS:
        if unit not in wanted:
            assert not cloud.running.get(unit) or unit in named
            continue
        assert unit not in named
        temperature = cloud.temperatures.get(wanted[unit])
        if unit in cloud.dead or temperature == 21.0:
            continue
        assert cloud.running.get(unit) is (temperature == 18.0)


@given(script=edits)
@settings(max_examples=drawn(15, many=40), deadline=None)
def test_every_unit_is_as_wished_for_or_off_or_named(script):
    check(script)


@pytest.mark.slow
@given(script=edits)
@settings(max_examples=2000, deadline=None)
def test_every_unit_is_as_wished_for_or_off_or_named_after_thousands_of_edits(script):
    check(script)
