"""What people reported of their homes, lived through: the room is kept, or health tells.

Each test has its row in `README.md`: who reported it, the symptom in our own words, and
what is promised. A promise is "kept", or "told within N minutes" of the moment from which
the home's words could show it.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from switchbot_automation.cli.app import application
from switchbot_automation.engine import AutomationEngine
from switchbot_automation.errors import SettingsError
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import SimulatedClock
from switchbot_automation.simulation.faults import RefusedError
from switchbot_automation.simulation.house.aircon import AirconMode
from switchbot_store import MemoryStore
from tests.adversaries import adversaries as of
from tests.adversaries.adversaries import Adversary, Episode
from tests.adversaries.home import WIDE_OPEN_LOSS, Home, RoomPlan
from tests.adversaries.invariants import (
    bearable,
    faults,
    minutes_out,
    rules_not_fooled,
    told,
)
from tests.adversaries.life import EVERY_DAY, PARIS, WINDOWS, Household, Life
from tests.cases import slow_after

_LOGGER = logging.getLogger(__name__)
TABLE = Path(__file__).parent / "README.md"
ALL_DAY = WINDOWS["always"]


@dataclass(frozen=True)
class Report:
    sources: str
    symptom: str
    promise: str


REPORTS: dict[str, Report] = {}


def report(
    sources: str, symptom: str, *, told_within: int | None = None
) -> Callable[[Any], Any]:
    """Give a test its row of the table; without `told_within` the room is kept."""

    def note(test: Any) -> Any:
        promise = (
            "kept" if told_within is None else f"told within {told_within} minutes"
        )
        REPORTS[test.__name__] = Report(sources, symptom, promise)
        return test

    return note


def test_the_table_has_a_row_for_each_report():
    rows = [
        f"| {each.sources} | {each.symptom} | {each.promise} |"
        for each in REPORTS.values()
    ]
    _, _, told = TABLE.read_text().partition(
        "| who | symptom | what the product does |\n"
    )
    table = [line for line in told.splitlines() if line.startswith("|")]
    assert table[1:] == rows


# --- how days are lived and judged ----------------------------------------------------


@pytest.fixture(params=slow_after(1, [14.0, 24.0]), ids="{:.0f} hours".format)
def day(request: pytest.FixtureRequest) -> float:
    """So many hours in every run are what is promised within one; the slow session's are 24."""
    return request.param


def lived(
    adversary: Adversary | None = None,
    *,
    hours: float = 24.0,
    begin: int = 200,
    minutes: int = 9999,
    household: Household | None = None,
    settings: dict[str, Any] | None = None,
) -> Life:
    """Return a life of so many hours with that adversary from `begin` on."""
    script = [] if adversary is None else [Episode(adversary, 0, begin, minutes)]
    life = Life(household or Household(), script, settings=settings)
    asyncio.run(life.live(hours=hours))
    if settings is None:
        # What has to hold of every day, beside what the report promises.
        assert faults(life.chronicle) == []
    return life


def assert_kept(life: Life, *, after: int = 0, minutes: int = 60) -> None:
    """No room is out of its band for longer, and nothing else was wrong."""
    for room in life.home.rooms:
        assert max(minutes_out(life.chronicle, room)[after:], default=0) <= minutes
        assert bearable(life.chronicle, room) == []
    assert rules_not_fooled(life.chronicle) == []


def assert_told(life: Life, since: int, *, within: int, until: int = 10**9) -> None:
    """From `within` minutes after `since` on health names the room; degraded at last.

    How soon it did is logged, to the ten minutes between two looks.
    """
    name = life.room.plan.name
    looks = [each for each in life.chronicle.samples if since <= each.minute < until]
    silent = [each.minute for each in looks if not told(each.health, name)]
    first = next(at.minute for at in looks if at.minute > max(silent, default=-1))
    degraded = next(at.minute for at in looks if at.health["status"] != "ok")
    _LOGGER.info(
        "told after %d minutes, degraded after %d, promised within %d",
        first - since,
        degraded - since,
        within,
    )
    assert looks[-1].minute > since + within
    assert max(silent, default=since) <= since + within
    assert life.chronicle.samples[-1].health["status"] == "degraded"
    assert bearable(life.chronicle, life.room) == []


def left_its_band(life: Life) -> int:
    """Return the minute at which the first room left its band for more than an hour."""
    out = minutes_out(life.chronicle, life.room)
    return next(minute for minute, since in enumerate(out) if since > 60) - 60


def with_plug(**more: Any) -> Household:
    return Household((RoomPlan(plug=True, **more),))


def commands(life: Life, first: float = 0, last: float = 10**9) -> list[str]:
    """Return the words that reached the account between two minutes of the life."""
    return [
        each.word
        for each in life.home.attempts
        if first <= (each.at - life.home.start).total_seconds() / 60 < last
        and each.error is None
    ]


def setpoints(words: list[str]) -> list[float]:
    return [float(each.split()[1].split(",")[0]) for each in words if "setAll" in each]


# --- windows --------------------------------------------------------------------------


@report(
    "versatile_thermostat#1958",
    "the unit starts when the window closes, though the room is fine",
)
async def test_a_window_that_closes_on_a_fine_room():
    life = Life(
        Household((RoomPlan(contact=True),), "summer"),
        [Episode(of.WindowOpen(), 0, 600, 30)],
    )
    await life.live(hours=10.4)
    before = len(life.home.attempts)
    await life.live(hours=2)
    air = life.room.house.recording.room[630:]
    if max(air) < 26.3:
        assert len(life.home.attempts) == before


@report(
    "versatile_thermostat#715, #879",
    "a change of preset while the window is open starts the heating again",
)
async def test_a_preset_that_begins_while_the_window_is_open():
    life = Life(
        Household((RoomPlan(contact=True),), windows="night preset"),
        [Episode(of.WindowOpen(), 0, 360, 90)],
    )
    await life.live(hours=12)
    started = [word for word in commands(life, 362, 450) if "setAll" in word]
    assert started == []
    assert minutes_out(life.chronicle, life.room)[-1] == 0


@report(
    "gunkl/ClimateAdvisor#337, #254",
    "heat or fan come back half an hour after the window was opened",
)
async def test_off_stays_off_while_the_window_is_open():
    life = Life(
        Household((RoomPlan(contact=True),)),
        [Episode(of.WindowOpen(), 0, 300, 300)],
        settings={"fan_mode_during_window": True},
    )
    await life.live(hours=10)
    assert [word for word in commands(life, 302, 600) if "setAll" in word] == []


@report(
    "openHAB community 156347, panhans/HomeAssistant#135",
    'a contact that died at "open" pauses the heating through the frost',
    told_within=60,
)
def test_a_contact_that_died_at_open(day):
    life = lived(
        of.ContactStuck(), household=Household((RoomPlan(contact=True),)), hours=day
    )
    assert_told(life, left_its_band(life), within=60)


@report(
    "openHAB community 156347 (2)",
    "a window is forgotten open through the frost",
    told_within=60,
)
def test_a_window_forgotten_open(day):
    life = lived(
        of.WindowOpen(), household=Household((RoomPlan(contact=True),)), hours=day
    )
    assert_told(life, left_its_band(life), within=60)


@report(
    "ha-dual-smart-thermostat#351",
    "the delays of a window are lost at a restart",
)
async def test_delays_of_a_window_outlive_a_restart():
    opening = {"sensors": ["D00000"], "pause_after_seconds": 300}
    life = Life(
        Household((RoomPlan(contact=True),)), [Episode(of.WindowOpen(), 0, 300, 60)]
    )
    document = life.store.get("settings")
    document["zones"]["living"]["openings"] = opening
    life.store.set("settings", document)
    await life.live(minutes=303)
    life.restart()
    await life.live(minutes=1)
    assert not any("Off" in word for word in commands(life, 300))
    await life.live(minutes=10)
    assert commands(life, 300) == ["turnOff"]


DROP_KELVIN = 1.0
LEAKY = RoomPlan(house="leaky", begins_at=19.0)


def suspicions(life: Life) -> list[float]:
    """Return the minutes of the life at which an open window was suspected."""
    return [
        (each.at - life.home.start) / timedelta(minutes=1)
        for each in life.chronicle.notices
        if each.kind == "decision"
        and any(reason.code == "opening_suspected" for reason in each.decision.reasons)
    ]


@report(
    "versatile_thermostat#1039, #1350, #299",
    "a defrost or a stop of the unit's own is taken for an open window",
)
@pytest.mark.parametrize(
    ("outdoors", "hours"), slow_after(1, [(8.0, 30), (8.0, 48), (14.0, 48)])
)
def test_no_defrost_is_taken_for_a_window(outdoors, hours):
    life = lived(
        hours=hours,
        household=Household((LEAKY,), outdoors=outdoors, seed=1),
        settings={"openings": {"drop_kelvin": DROP_KELVIN}},
    )
    # The first hour is another life's: the house was built with its unit off.
    assert [each for each in suspicions(life) if each > 60] == []


@report(
    "versatile_thermostat#879 (2)",
    "a window without a contact is opened and nobody notices",
)
@pytest.mark.parametrize("begin", slow_after(1, [600, 800, 1000]))
def test_an_opening_of_ten_minutes_is_found(begin):
    # Wide open in the cold: a tilted one, or one in mild weather, takes less from a room
    # whose unit heats than a defrost does, and no thermometer can tell the two apart.
    life = lived(
        of.WindowOpen(WIDE_OPEN_LOSS),
        hours=18,
        begin=begin,
        minutes=10,
        household=Household((LEAKY,), outdoors=4.0, seed=1),
        settings={"openings": {"drop_kelvin": DROP_KELVIN}},
    )
    found = [each for each in suspicions(life) if each > 60]
    assert found
    # A meter sends minutes late, and the loss has to last longer than a defrost.
    assert begin < found[0] <= begin + 17


# --- schedules ------------------------------------------------------------------------


@report(
    "scheduler-component#436",
    "four slots fail in the night in which the clocks change",
)
@pytest.mark.parametrize(
    ("tz", "start"),
    [
        ("Europe/Helsinki", datetime(2026, 3, 28, 20, tzinfo=UTC)),
        ("Europe/Helsinki", datetime(2026, 10, 24, 19, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 1, 3, tzinfo=UTC)),
    ],
)
async def test_four_slots_in_the_night_of_the_clock_change(tz, start):
    slots = [("a", "00:00", "03:00"), ("b", "03:00", "06:00"), ("c", "06:00", "22:00")]
    slots.append(("d", "22:00", "00:00"))
    clock = SimulatedClock(start)
    home = Home(clock, [RoomPlan()])
    settings = Household(heater_rule=False).settings(home) | {
        "timezone": tz,
        "presets": {
            name: {"setback_kelvin": number} for number, (name, *_) in enumerate(slots)
        },
        "time_windows": [
            {"days": EVERY_DAY, "start": begin, "end": end, "preset": name}
            for name, begin, end in slots
        ],
    }
    store = MemoryStore(now=clock.now)
    store.set("settings", settings)
    engine = AutomationEngine(home, store, clock=clock)
    wrong = []
    for _ in range(12 * 12):
        decision = (await engine.run_once()).decisions[0]
        chosen = [r.detail["preset"] for r in decision.reasons if r.code == "preset"]
        wall = clock.now().astimezone(ZoneInfo(tz)).strftime("%H:%M")
        due = [
            name
            for name, begin, end in slots
            if begin <= wall < (end, "24")[end == "00:00"]
        ]
        if chosen != due:
            wrong.append((wall, chosen, due))
        clock.advance(300)
    assert wrong == []


@report(
    "better_thermostat#1605, versatile_thermostat#675, climate-scheduler#26",
    "the price moves the target, and the running unit's setpoint stays",
)
async def test_a_price_reaches_the_running_unit():
    offsets = [{"source": "price", "limit_kelvin": 1.0, "expires_seconds": 7200}]
    life = Life(Household((RoomPlan(begins_at=18.0),)), settings={"offsets": offsets})
    life.engine.offsets.tell("price", 0.0)
    await life.live(minutes=20)
    assert setpoints(commands(life)) == [23.0]
    life.engine.offsets.tell("price", -1.0)
    await life.live(minutes=20)
    assert setpoints(commands(life, 20)) == [22.0]


NIGHT = {
    "time_windows": [
        {"days": EVERY_DAY, "start": "07:00", "end": "23:00", "preset": "day"},
        {"days": EVERY_DAY, "start": "23:00", "end": "01:00", "preset": "n1"},
        {"days": EVERY_DAY, "start": "01:00", "end": "03:00", "preset": "n2"},
        {"days": EVERY_DAY, "start": "03:00", "end": "07:00", "preset": "n3"},
    ],
    "presets": {
        name: {
            "summer": {
                "min_temp": low,
                "max_temp": low + 2.5,
                "target_temp": low + 0.5,
                "fan_speed": fan,
            }
        }
        for name, low, fan in (
            ("day", 22.5, 4),
            ("n1", 23.0, 2),
            ("n2", 24.0, 2),
            ("n3", 25.0, 2),
        )
    },
}


@report(
    "midea-ac-py#289, gvigroux/hon#151",
    "the sleep curve and the quiet fan never reach a unit that runs in its band",
)
@pytest.mark.parametrize("control", slow_after(1, [None, "switch", "modulate"]))
def test_a_sleep_curve_reaches_the_unit_in_as_many_commands_as_it_has_steps(control):
    household = Household(
        (RoomPlan(house="sunny", begins_at=26.0),),
        "summer",
        control=control,
        outdoors=21.0,
    )
    life = lived(hours=31.5, household=household, settings=NIGHT)
    unit = life.room.house.recording.conditioning
    evening = 23 * 60
    assert unit[evening]
    if unit[evening + 15]:
        sent = commands(life, evening, evening + 15)
        assert [word.split(",")[2] for word in sent if "setAll" in word] == ["2"]
    # Three steps, and what starting and stopping itself needs.
    assert len(commands(life, evening, evening + 8 * 60)) <= 6


@report(
    "esphome_aux_ac_component#180, homebridge-gree#31, versatile_thermostat#2005",
    "every command beeps, all night",
)
@pytest.mark.parametrize("control", slow_after(1, [None, "modulate"]))
def test_few_beeps_in_a_night(control):
    household = Household(windows="night preset", control=control, seed=1)
    life = lived(hours=32, household=household)
    assert len(commands(life, 23 * 60 + 15, 30 * 60)) <= 3
    assert_kept(life)


# --- infrared that is out of step -----------------------------------------------------


REMOTE = "KiraPC/ha-switchbot-remote#32, SmartIR#1424"


@report(REMOTE, "somebody turned the unit off by its remote", told_within=60)
def test_turned_off_by_its_remote(day):
    life = lived(of.RemoteOff(), hours=day)
    assert faults(life.chronicle) == []


@report(f"{REMOTE} (2)", "the same, with a plug that measures 2 W")
def test_turned_off_by_its_remote_beside_a_plug(day):
    assert_kept(lived(of.RemoteOff(), household=with_plug(), hours=day))


@report(f"{REMOTE} (3)", "somebody turned it on by its remote, at 30 °C")
def test_turned_on_by_its_remote(day):
    mild = Household(outdoors=26.0)
    assert_kept(lived(of.RemoteOn(), household=mild, hours=day))


@report(f"{REMOTE} (4)", "the same, with a plug that measures 700 W")
def test_turned_on_by_its_remote_beside_a_plug(day):
    mild = Household((RoomPlan(plug=True),), outdoors=26.0)
    assert_kept(lived(of.RemoteOn(), household=mild, hours=day))


@report(f"{REMOTE} (5)", "somebody chose another mode by remote", told_within=60)
@pytest.mark.parametrize(
    "mode", slow_after(1, [AirconMode.COOL, AirconMode.DRY, AirconMode.FAN])
)
def test_another_mode_by_remote(mode, day):
    assert faults(lived(of.RemoteMode(mode), hours=day).chronicle) == []


@report(f"{REMOTE} (6)", "somebody chose 16 °C by remote", told_within=60)
def test_another_setpoint_by_remote(day):
    assert faults(lived(of.RemoteSetpoint(16.0), hours=day).chronicle) == []


@report(
    "esphome/feature-requests#2815, core#93065",
    "the mains fail for a moment and the unit comes back off",
    told_within=60,
)
@pytest.mark.parametrize("plug", slow_after(1, [False, True]))
def test_the_mains_fail_for_a_moment(plug, day):
    life = lived(of.MainsDip(), household=Household((RoomPlan(plug=plug),)), hours=day)
    assert faults(life.chronicle) == []


@report("core#106068", "one burst of infrared missed the unit", told_within=60)
@pytest.mark.parametrize("plug", slow_after(1, [False, True]))
def test_one_burst_missed_the_unit(plug, day):
    rooms = (RoomPlan(plug=plug, begins_at=19.0),)
    life = lived(of.BurstsLost(1), begin=0, household=Household(rooms), hours=day)
    assert faults(life.chronicle) == []
    # One burst was lost once: it does not take a day.
    assert minutes_out(life.chronicle, life.room)[-1] == 0


@report("core#106068 (2)", "most bursts miss the unit", told_within=60)
def test_most_bursts_miss_the_unit(day):
    rooms = (RoomPlan(begins_at=19.0),)
    life = lived(of.HardOfHearing(95), begin=0, household=Household(rooms), hours=day)
    assert faults(life.chronicle) == []


@report("SmartIR#1424 (2)", "the unit is dead", told_within=60)
@pytest.mark.parametrize("plug", slow_after(1, [False, True]))
def test_the_unit_is_dead(plug, day):
    life = lived(of.UnitDead(), household=Household((RoomPlan(plug=plug),)), hours=day)
    assert_told(life, left_its_band(life), within=60)


@report("versatile_thermostat#1350 (2)", "the unit thaws itself again and again")
@pytest.mark.parametrize("plug", slow_after(1, [False, True]))
def test_the_unit_thaws_itself(plug, day):
    life = lived(
        of.Defrosting(), household=Household((RoomPlan(plug=plug),)), hours=day
    )
    assert_kept(life)
    assert commands(life, 200).count("turnOff") <= 2


@report(
    "SmartIR#1424 (3)", "a full condensate bucket stops the cooling", told_within=60
)
def test_a_full_bucket():
    household = Household((RoomPlan(plug=True),), "summer", outdoors=19.0)
    life = lived(of.BucketFull(), household=household, begin=600, hours=24)
    assert_told(life, left_its_band(life), within=60)


# --- meters ---------------------------------------------------------------------------


@report(
    "room-summary-card#74, climate_group_helper#19",
    "one of several sensors is dead and repeats its last value for ever",
    told_within=300,
)
@pytest.mark.parametrize("fusion", slow_after(1, ["median", "weighted", "fallback"]))
@pytest.mark.parametrize("meters", slow_after(1, [2, 3]))
def test_one_of_several_meters_repeats_itself(fusion, meters, day):
    household = Household((RoomPlan(meters=meters),), fusion=fusion)
    life = lived(of.MeterFrozen(), household=household, hours=day)
    assert faults(life.chronicle) == []
    assert life.chronicle.samples[-1].health["status"] == "degraded"


@report("room-summary-card#74 (2)", "the only sensor repeats itself", told_within=300)
@pytest.mark.parametrize(
    ("outdoors", "begin"), slow_after(1, [(26.0, 1500), (14.0, 200)])
)
def test_the_only_meter_repeats_itself(outdoors, begin):
    # In mild weather the unit rests and a room may keep its temperature; how long this
    # one does has to be seen for a day first.
    hours = begin / 60 + 20
    household = Household(outdoors=outdoors)
    life = lived(of.MeterFrozen(), hours=hours, begin=begin, household=household)
    assert faults(life.chronicle) == []
    assert_told(life, begin, within=300)


@report(
    "better_thermostat#1906, versatile_thermostat's safety mode",
    "the sensor falls silent for hours in deep winter",
    told_within=60,
)
def test_the_meter_falls_silent(day):
    life = lived(of.MeterDead(), hours=day)
    assert_told(life, 200, within=60)


@report("better_thermostat#1906 (2)", "the sensor jumps and comes back", told_within=60)
def test_the_meter_jumps():
    assert faults(lived(of.MeterJumps(), hours=18).chronicle) == []


@report("core#160490, #160967, #61050", "a minimum time keeps what is urgent waiting")
async def test_a_dead_meter_stops_the_unit_whatever_its_minimum_time():
    life = Life(
        Household((RoomPlan(begins_at=19.0),)),
        [Episode(of.MeterDead(), 0, 1, 9999)],
        settings={"min_on_seconds": 3600, "sensor_stale_off_seconds": 1200},
    )
    await life.live(minutes=40)
    assert "turnOff" in commands(life)


@report(
    "SwitchBotAPI#448, #484, #371",
    "a meter that lost its hub answers all zeros",
    told_within=60,
)
@pytest.mark.parametrize(
    "hub", slow_after(1, ["000000000000", "FA7310762361", "", None])
)
def test_a_meter_answers_all_zeros(hub, day):
    life = lived(of.MeterZeros(0, hub), hours=day)
    assert_told(life, 200, within=60)
    assert rules_not_fooled(life.chronicle) == []


@report(
    "SwitchBotAPI#280, #334, #410",
    "the hub is offline, and the last values are served with code 100",
    told_within=60,
)
def test_a_meter_whose_hub_is_offline(day):
    assert_told(lived(of.MeterStale(), hours=day), 200, within=60)


@report(
    "SwitchBotAPI#436", "the status is {} though the app shows a value", told_within=60
)
def test_a_meter_answers_nothing(day):
    assert_told(lived(of.MeterEmpty(), hours=day), 200, within=60)


@report("SwitchBotAPI#272", "the status is a text, or null", told_within=60)
@pytest.mark.parametrize(
    "words", slow_after(1, [of.MeterText(), of.MeterText(whole=True), of.MeterNone()])
)
def test_a_meter_answers_text(words, day):
    assert_told(lived(words, hours=day), 200, within=60)


@report("SwitchBotAPI#64", 'the meter is answered 190 "wrong deviceId"', told_within=60)
async def test_a_meter_of_a_wrong_id():
    life = Life(Household())
    asked = []

    def obstacle(kind: str, device: str, word: str) -> None:
        if kind == "status" and device == life.room.meters[0]:
            asked.append(life.minute)
            raise RefusedError("wrong deviceId", status_code=190)

    life.home.obstruct(obstacle)
    await life.live(hours=12)
    assert_told(life, 0, within=60)
    assert len([each for each in asked if each > 120]) <= 10 * 12


# --- refusals -------------------------------------------------------------------------


@report(
    "homebridge-switchbot#409, #418, #1057",
    "a learned remote refuses setAll with 160, hundreds of times",
    told_within=60,
)
@pytest.mark.parametrize("refusal", slow_after(1, sorted(of.REFUSALS)))
def test_commands_are_refused(refusal, day):
    rooms = (RoomPlan(begins_at=19.0),)
    life = lived(
        of.CommandsRefused(refusal), begin=0, household=Household(rooms), hours=day
    )
    assert_told(life, 0, within=60)


@report("homebridge-switchbot#409 (2)", "the same, with buttons that were learned")
def test_set_all_is_refused_and_buttons_are_not(day):
    rooms = (RoomPlan(buttons=True, begins_at=19.0),)
    household = Household(rooms)
    life = lived(
        of.CommandsRefused("unsupported"), begin=0, household=household, hours=day
    )
    assert_kept(life)


@report(
    "home-assistant/core#130516, #138079, SwitchBotAPI#363",
    "a unit that takes whole degrees is sent a half",
)
def test_half_degrees_that_the_unit_does_not_take(day):
    # In whole degrees 23: from 24 on this house goes through its whole band 24 times a day,
    # whatever the unit takes.
    winter = {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 22.5}
    life = lived(
        household=Household((RoomPlan(begins_at=19.0),)),
        settings={"half_degrees": True, "winter": winter} | zones(half_degrees=True),
        hours=day,
    )
    assert setpoints(commands(life))[:1] == [23.0]
    assert_kept(life)


def zones(**more: Any) -> dict[str, Any]:
    """Return zones of one room as `Household` has them, with more."""
    zone = {"meter_device_id": "C2700", "aircon_device_id": "02-202601010000-10"}
    return {"zones": {"living": zone | more}}


@report(
    "panhans/HomeAssistant#105, midea-ac-py#280",
    "the frost preset asks for 12 °C, which the cloud refuses, thousands of times",
)
@pytest.mark.parametrize("target", slow_after(1, [16.0, 14.0, 12.0]))
def test_a_frost_preset(target):
    frost = {"winter": {"min_temp": 10.0, "max_temp": 12.0, "target_temp": target}}
    settings = {"presets": {"frost": frost}, "preset": "frost"}
    try:
        life = lived(
            hours=36,
            household=Household((RoomPlan(begins_at=14.0),), outdoors=-1.0),
            settings=settings,
        )
    except SettingsError:
        assert target < 16
        return
    assert life.home.attempts
    # On at 9.7 °C, and at 11 degrees of frost the room falls while the unit starts.
    assert min(life.room.house.recording.room) > 8.0
    # So narrow a band in such frost is two starts an hour, and no refusal beside them.
    assert len(life.home.attempts) <= 2 * 72
    assert len([each for each in life.home.attempts if each.error]) <= 2 * 24


@report(
    "core#154445, #162714, SwitchBotAPI#434",
    "a radiator thermostat as a zone's unit is never commanded",
    told_within=60,
)
def test_a_radiator_thermostat_as_a_unit(day):
    settings = zones(aircon_device_id="B0E9FE123456")
    household = Household((RoomPlan(begins_at=19.0),))
    life = lived(household=household, settings=settings, hours=day)
    assert_told(life, 0, within=60)
    assert len(life.home.attempts) <= 24


@report(
    "SwitchBotAPI#503",
    "the cloud service is off, commands are accepted and nothing happens",
    told_within=60,
)
def test_accepted_and_nothing_happens(day):
    rooms = (RoomPlan(begins_at=19.0),)
    life = lived(of.HardOfHearing(100), begin=0, household=Household(rooms), hours=day)
    assert_told(life, 0, within=60)


# --- people and groups ----------------------------------------------------------------


@report(
    "Mitsubishi-WF-RAC#139, SimpleScheduler#204, better_thermostat#1226",
    "a person cools one room of an outdoor unit that heats another",
)
async def test_a_person_reverses_the_outdoor_unit():
    household = Household(
        (RoomPlan(begins_at=19.0), RoomPlan("bed", begins_at=27.0)), group=True
    )
    life = Life(household)
    await life.live(minutes=30)
    answer = await life.engine.act("bed", "summer", hold=timedelta(hours=3))
    named = [each for each in answer.reasons if "living" in str(dict(each.detail))]
    assert named
    both, stopped, started = [], None, None

    def watch(minute: float) -> None:
        nonlocal stopped, started
        modes = [
            room.unit.settings.mode if room.unit.settings.conditioning else None
            for room in life.home.rooms
        ]
        if modes[0] is AirconMode.HEAT and modes[1] is AirconMode.COOL:
            both.append(minute)
        if stopped is None and modes[0] is None:
            stopped = minute
        if started is None and modes[1] is AirconMode.COOL:
            started = minute

    life._each_wakeup = watch
    await life.live(hours=12)
    assert both == []
    if started is not None:
        assert stopped is not None
        assert started - stopped >= 9.0
    # The other room is not left cold for the whole hold and beyond.
    assert minutes_out(life.chronicle, life.home.rooms[0])[-1] == 0


@report(
    "versatile_thermostat#1241, #1518, #1156", "a manual command while nobody is there"
)
async def test_a_manual_command_while_away():
    life = Life(Household((RoomPlan(presence=True),)))
    await life.live(hours=10)
    answer = await life.engine.act("living", "on", hold=timedelta(hours=1))
    assert answer.status in {"accepted", "confirmed", "blocked"}
    await life.live(minutes=30)
    assert life.room.unit.settings.power
    await life.live(hours=14)
    assert_kept(life, minutes=120)


@report(
    "SwitchBotAPI#66, AdyRock/com.switchbot#14",
    "a motion sensor that is polled misses most of what moves",
)
def test_a_polled_motion_sensor_is_no_proof_of_absence():
    household = Household((RoomPlan(presence=True, pushed=False),))
    life = lived(hours=30, household=household)
    assert_kept(life, minutes=120)
    home = life.room.house
    away = [
        each.at
        for each in life.chronicle.notices
        if each.kind == "decision"
        and any(reason.code == "nobody_there" for reason in each.decision.reasons)
        and home.somebody_at(int((each.at - life.home.start).total_seconds() // 60))
    ]
    assert away == []


@report(
    "climate-scheduler#84, versatile_thermostat#1505, #1321", "boost for half an hour"
)
async def test_a_boost_of_half_an_hour():
    life = Life(Household((RoomPlan(begins_at=22.6),)))
    await life.live(minutes=5)
    await life.engine.act("living", "winter", hold=timedelta(minutes=30))
    await life.live(minutes=20)
    assert life.room.unit.settings.power
    await life.live(hours=8)
    assert_kept(life)


@pytest.mark.slow  # it learns for weeks
@report(
    "tado_ce#171, velair#5, ha_carrier#269",
    "home after four days away, and the heavy house is cold for hours",
)
def test_the_return_to_a_heavy_house():
    vacation = {"winter": {"min_temp": 12.0, "max_temp": 14.0, "target_temp": 16.0}}
    days = {"from": "2026-01-13", "until": "2026-01-16", "preset": "vacation"}
    windows = [each | days for each in ALL_DAY] + WINDOWS["day only"]
    life = lived(
        hours=5 * 24 + 8,
        household=Household((RoomPlan(house="heavy"),), seed=2),
        settings={
            "presets": {"vacation": vacation},
            "time_windows": windows,
            "optimum_start": True,
        },
    )
    back = datetime(2026, 1, 17, 6, 30, tzinfo=PARIS)
    minute = round((back - life.home.start) / timedelta(minutes=1))
    assert life.room.house.recording.room[minute + 30] > 19.0


@report(
    "tado_ce#171 (2)", "vacation dates after the regular window say nothing, silently"
)
def test_a_vacation_that_stands_after_the_regular_window(tmp_path):
    days = {"from": "2026-01-16", "until": "2026-01-19", "preset": "vacation"}
    document = {
        "meter_device_id": "C2700",
        "aircon_device_id": "02-202601010000-10",
        "winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 23.0},
        "presets": {"vacation": {"setback_kelvin": 6}},
        "time_windows": WINDOWS["day only"] + [each | days for each in ALL_DAY],
    }
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(document))
    checked = CliRunner().invoke(application, ["check-config", str(file)])
    assert "vacation" in checked.output
    assert "first" in checked.output


@report(
    "core#179473, esphome-daikin-s21#186",
    "the dial is turned to 24-25 °C, the setpoint stays, the room never gets there",
    told_within=360,
)
async def test_a_band_above_the_setpoint():
    life = Life(Household(heater_rule=False))
    await life.live(hours=2)
    document = life.store.get("settings")
    document["winter"] |= {"min_temp": 24.0, "max_temp": 25.0}
    await life.engine.apply_settings(document)
    await life.live(hours=10)
    if life.room.house.air < 23.5:
        assert_told(life, 120, within=360)


# --- equipment ------------------------------------------------------------------------


@report(
    "MitsubishiCN105ESPHome#483, esphome-daikin-s21#120, cielo_home#93",
    "an external sensor makes the compressor short-cycle",
)
@pytest.mark.parametrize(
    ("house", "days"),
    slow_after(1, [("light", 2), ("light", 3), ("default", 3), ("leaky", 3)]),
)
def test_no_short_cycles(house, days):
    household = Household((RoomPlan(house=house),), control="switch", seed=1)
    life = lived(hours=24 * days, household=household)
    assert len(life.room.unit.starts) <= days * 6
    assert_kept(life)


@report("comfort_HA#35", "a setpoint that was meant in Fahrenheit is rounded away")
async def test_a_setpoint_is_rounded_the_way_the_unit_works():
    summer = {"min_temp": 22.2, "max_temp": 23.9, "target_temp": 22.78, "ac_mode": 2}
    household = Household((RoomPlan(begins_at=27.0),), "summer")
    life = Life(household, settings={"summer": summer})
    await life.live(minutes=10)
    assert setpoints(commands(life)) == [22.0]


@report("comfort_HA#35 (2)", "68 °F is entered where Celsius is meant")
def test_fahrenheit_is_refused():
    with pytest.raises(SettingsError, match="min_temp"):
        parse_settings({"winter": {"min_temp": 68, "max_temp": 72, "target_temp": 73}})


@report("better_thermostat#1226 (2), netzero#269", "heat and cool on one day of spring")
@pytest.mark.parametrize("days", slow_after(1, [2, 3]))
def test_a_day_of_spring_does_not_flap(days):
    household = Household((RoomPlan(house="sunny"),), "summer", outdoors=8.0)
    life = lived(hours=24 * days, household=household, settings={"mode": "auto"})
    assert len(commands(life)) <= days * 6


@report(
    "versatile_thermostat#33, esphome#16308, #15274, swingerman#4, #122",
    "a second stage that helps when the first is not enough",
)
def test_a_second_stage_on_the_same_meter(day):
    zone = {"meter_device_id": "C2700", "aircon_device_id": "02-202601010000-10"}
    aux = zone | {
        "aircon_device_id": "02-202601010001-11",
        "winter": {"min_temp": 18.0, "max_temp": 19.0, "target_temp": 23.0},
    }
    rooms = (RoomPlan(begins_at=20.5), RoomPlan("bed"))
    life = lived(
        of.UnitDead(),
        household=Household(rooms, heater_rule=False),
        settings={"zones": {"living": zone, "bed": aux}},
        hours=day,
    )
    # The second unit stands in another room here: what counts is that it was started.
    assert life.home.rooms[1].unit.starts


@report(
    "better_thermostat#1399, opentherm-thermostat#56",
    "a heater that a rule switched on stays on when its meter dies",
)
async def test_a_heater_of_a_rule_when_its_meter_dies():
    life = Life(
        Household((RoomPlan(begins_at=19.0),), heater_rule=False),
        [Episode(of.MeterDead(), 0, 180, 9999)],
        settings={
            "automation_enabled": False,
            "rules": [
                {
                    "id": "heater",
                    "triggers": {
                        "trigger": "numeric_state",
                        "zone": "living",
                        "below": 17.5,
                    },
                    "actions": {
                        "action": "command",
                        "device": "HEATER000001",
                        "command": "turnOn",
                    },
                }
            ],
        },
    )
    await life.live(hours=6)
    heater = [each.word for each in life.home.attempts if "HEATER" in each.device]
    assert heater[:1] == ["turnOn"]
    assert heater[-1] == "turnOff"


# --- the account ----------------------------------------------------------------------


@report("SwitchBotAPI#307, #343, #312", "the device list answers 190 for days")
def test_the_device_list_answers_190(day):
    rooms = (RoomPlan(contact=True), RoomPlan("bed"))
    assert_kept(lived(of.ListBroken(), begin=0, household=Household(rooms), hours=day))


@report("SwitchBotAPI#233, #496", "the device list is empty, with code 100")
def test_the_device_list_is_empty(day):
    assert_kept(lived(of.ListEmpty(), begin=0, hours=day))


@report("SwitchBotAPI#286, #380, #395, #162", "a third of the calls is answered 429")
def test_too_many_requests(day):
    assert_kept(lived(of.TooManyRequests(30), hours=day))


@report("SwitchBotAPI#286 (2)", "the cloud is down for a day", told_within=60)
def test_the_cloud_is_down(day):
    life = lived(
        of.CloudDown(), household=Household((RoomPlan(begins_at=19.0),)), hours=day
    )
    assert_told(life, 200, within=60)


@report(
    "SwitchBotAPI's Presence Sensor page",
    'a presence sensor says "Detected" or "detected": false, and nobody is away',
)
@pytest.mark.parametrize("key", ["detected", "Detected"])
async def test_a_presence_sensor_in_either_spelling(key):
    life = Life(Household((RoomPlan(presence=True),)))
    sensor = life.room.presence_id
    words = {"deviceType": "Presence Sensor", key: False, "battery": 90}
    life.home.twist(sensor, lambda _words: words)
    life.home.hush(sensor)
    context = {"deviceMac": sensor, "deviceType": "Presence Sensor"}
    await life.live(minutes=5)
    life.room.events.append(context | {"detectionState": "NOT_DETECTED"})
    await life.live(hours=1)
    last = [each for each in life.chronicle.notices if each.kind == "decision"][-1]
    assert "nobody_there" in [str(reason.code) for reason in last.decision.reasons]


@report(
    "SwitchBotAPI#94, #125, #212", "the contact's words: open, OPEN, timeOutNotClose"
)
@pytest.mark.parametrize(
    ("words", "is_open"),
    [
        ({"openState": "open"}, True),
        ({"openState": "OPEN"}, True),
        ({"openState": "timeOutNotClose"}, True),
        ({"openState": "close"}, False),
        ({"openState": None}, False),
    ],
)
async def test_words_of_a_contact(words, is_open):
    await _opening(words, is_open=is_open)


@report(
    "SwitchBotAPI#131",
    "a lock's or a garage's door as an opening is silently never open",
)
@pytest.mark.parametrize(
    ("words", "is_open"),
    [
        ({"deviceType": "Smart Lock", "doorState": "opened"}, True),
        ({"deviceType": "Smart Lock", "doorState": "closed"}, False),
        ({"deviceType": "Garage Door Opener", "doorStatus": 0}, True),
        ({"deviceType": "Garage Door Opener", "doorStatus": 1}, False),
    ],
)
async def test_words_of_a_door(words, is_open):
    await _opening(words, is_open=is_open)


async def _opening(words: dict[str, Any], *, is_open: bool) -> None:
    life = Life(Household((RoomPlan(contact=True, begins_at=19.0),)))
    kind = {"deviceType": "Contact Sensor"} | words
    life.home.twist(life.room.contact_id, lambda _words: kind)
    await life.live(minutes=30)
    assert life.room.unit.settings.power is not is_open
