"""A floor and a ceiling that hold whatever else is said of a zone."""

from __future__ import annotations

from itertools import pairwise

import pytest

from switchbot_automation.errors import CloudTimeoutError
from switchbot_automation.model import ManualAction
from switchbot_automation.reasons import ReasonCode

THERMOSTAT = {"kind": "thermostat", "device_id": "B0E9FE000001"}
HEATER = {"kind": "heater", "device_id": "B0E9FE000002", "measures_power": False}
EQUIPMENT = {
    "aircon": ({"aircon_device_id": "02-202008110034-13"}, "setAll 16,5,3,on"),
    "thermostat": (
        {"aircon_device_id": "", "equipment": [THERMOSTAT]},
        "setManualModeTemperature 7",
    ),
    "heater": ({"aircon_device_id": "", "equipment": [HEATER]}, "turnOn"),
}
LETS_GO = {"aircon": 6.2, "thermostat": 8.1, "heater": 6.2}
NOWHEN = [{"days": [0], "start": "03:00", "end": "03:01"}]


@pytest.fixture(params=EQUIPMENT)
def kind(request, flat):
    settings, flat.heats = EQUIPMENT[request.param]
    flat.settings = settings
    flat.configure(**settings)
    return request.param


def again(flat, **more):
    flat.configure(**flat.settings, **more)
    flat.started()


def codes(report):
    return {reason.code for each in report.decisions for reason in each.reasons}


OVERRIDDEN = {
    "automation off": {"automation_enabled": False},
    "outside its windows": {"time_windows": NOWHEN},
    "left alone outside": {"time_windows": NOWHEN, "turn_off_outside_windows": False},
    "an open window": {
        "openings": {"sensors": ["DOOR"], "pause_after_seconds": 0},
    },
}


@pytest.mark.parametrize("why", OVERRIDDEN)
async def test_a_room_is_kept_from_frost_whatever_else_is_said_of_it(flat, kind, why):
    again(flat, **OVERRIDDEN[why])
    flat.cloud.answers["DOOR"] = {"openState": "open", "brightness": "dim"}
    await flat.tick(8.0)
    await flat.tick(6.5, after=1900)
    assert flat.heats not in flat.cloud.words
    report = await flat.tick(5.0, after=1900)
    assert flat.cloud.words[-1] == flat.heats
    assert ReasonCode.FROST_FLOOR in codes(report)
    # It goes on until the room is away from the floor, and then somebody ends it.
    await flat.tick(5.6, after=1900)
    assert flat.cloud.words[-1] == flat.heats
    if kind == "thermostat":
        # It closes by itself at its setpoint; told off below that, the room fell to 3 °C.
        await flat.tick(7.8, after=1900)
        assert flat.cloud.words[-1] == flat.heats
    report = await flat.tick(LETS_GO[kind], after=1900)
    assert flat.cloud.words[-1] == "turnOff"
    assert ReasonCode.FROST_FLOOR in codes(report)
    assert len([each for each in flat.cloud.words if each != "setMode 1"]) <= 3


async def test_a_unit_locked_out_by_the_cold_heats_away_from_frost_in_one_go(flat):
    """Within its window it was stopped at once above the floor: ten starts an hour."""
    flat.configure(heat_pump_min_outdoor_celsius=0, outdoor_device_id="OUT")
    flat.cloud.answers["OUT"] = {"temperature": -9.0, "humidity": 60}
    flat.started()
    await flat.tick(8.0)
    await flat.tick(6.5, after=1900)
    assert flat.minutes_of("setAll") == []
    report = await flat.tick(4.9, after=1900)
    assert len(flat.minutes_of("setAll")) == 1
    assert ReasonCode.OUTDOOR_TOO_COLD in codes(report)
    for celsius in (5.1, 5.5, 5.9):
        flat.cloud.answers["OUT"] = {"temperature": -9.0 + celsius / 10, "humidity": 60}
        await flat.tick(celsius, after=600)
    assert flat.cloud.words[-1].startswith("setAll")
    await flat.tick(6.1, after=600)
    assert flat.cloud.words[-1] == "turnOff"
    assert len(flat.minutes_of("setAll")) == 1


async def test_a_person_s_hold_does_not_let_a_room_freeze(flat, kind):
    await flat.tick(21.0)
    await flat.engine.act("default", ManualAction.OFF, hold=6 * 3600.0)
    await flat.tick(6.0, after=3600)
    assert flat.cloud.words[-1] == "turnOff"
    await flat.tick(4.8, after=1900)
    assert flat.cloud.words[-1] == flat.heats


async def test_a_zone_that_observes_is_only_told(flat, kind):
    again(flat, observe_only=True)
    await flat.tick(6.0)
    report = await flat.tick(4.0, after=1900)
    assert flat.cloud.sent == []
    assert ReasonCode.FROST_FLOOR in codes(report) | {
        reason.code for command in report.commands for reason in command.reasons
    }


async def test_a_floor_of_zero_is_none(flat, kind):
    again(flat, automation_enabled=False, frost_floor_celsius=0)
    await flat.tick(4.0)
    await flat.tick(1.0, after=1900)
    assert flat.cloud.sent == []


async def test_what_is_no_believable_cold_starts_nothing(flat, kind):
    again(flat, automation_enabled=False)
    await flat.tick(21.0)
    await flat.tick(2.0, after=60)
    assert flat.cloud.sent == []


async def test_nothing_heats_a_room_beyond_its_ceiling(flat, kind):
    again(flat, heat_ceiling_celsius=26.0)
    await flat.tick(18.0)
    assert flat.cloud.sent
    await flat.engine.act("default", ManualAction.ON, hold=6 * 3600.0)
    await flat.tick(25.5, after=1800)
    assert flat.cloud.words[-1] != "turnOff"
    report = await flat.tick(26.0, after=1800)
    assert flat.cloud.words[-1] == "turnOff"
    assert ReasonCode.HEAT_CEILING in codes(report)


async def test_what_a_ceiling_stopped_is_not_held_off_by_who_wanted_it_on(flat, kind):
    """A heater that was wanted on for good stayed off from then on, and the room at 12 °C."""
    again(flat, heat_ceiling_celsius=26.0)
    await flat.tick(18.0)
    await flat.engine.act("default", ManualAction.ON, hold="permanent")
    await flat.tick(25.5, after=1800)
    await flat.tick(26.0, after=1800)
    assert flat.cloud.words[-1] == "turnOff"
    sent = len(flat.cloud.words)
    for celsius in (25.0, 22.5, 20.0, 18.0):
        await flat.tick(celsius, after=1800)
    assert flat.heats.split()[0] in {
        each.split()[0] for each in flat.cloud.words[sent:]
    }
    # A person's off is nobody's to end but theirs.
    await flat.engine.act("default", ManualAction.OFF, hold="permanent")
    await flat.tick(26.5, after=1800)
    sent = len(flat.cloud.words)
    await flat.tick(17.0, after=7200)
    assert flat.cloud.words[sent:] == []


async def test_a_thermostat_without_a_meter_is_left_at_a_low_setpoint(flat):
    settings, _heats = EQUIPMENT["thermostat"]
    flat.configure(**settings)
    flat.started()
    flat.cloud.answers["B0E9FE000001"] = {"mode": 1, "temperature": 19.0}
    await flat.tick(18.0)
    assert flat.cloud.words[-1].startswith("setManualModeTemperature")
    flat.reads(None)
    reports = await flat.live(3 * 3600)
    assert flat.cloud.words[-1] == "setManualModeTemperature 7"
    assert flat.cloud.words.count("setManualModeTemperature 7") == 1
    assert "turnOff" not in flat.cloud.words
    assert any(ReasonCode.FROST_BLIND in codes(each) for each in reports)
    # A restart forgets nothing of it.
    flat.started()
    await flat.tick()
    await flat.live(3600)
    assert flat.cloud.words.count("setManualModeTemperature 7") == 1
    # And once the meter is back the room is kept as before.
    flat.reads(18.0)
    await flat.live(1800)
    assert flat.cloud.words[-1] != "setManualModeTemperature 7"


async def test_a_thermostat_beside_a_meter_that_repeats_itself_is_left_at_a_low_setpoint(
    flat,
):
    """Such a meter goes on answering, so its thermostat was closed and the room froze."""
    settings, _heats = EQUIPMENT["thermostat"]
    flat.configure(**settings)
    flat.started()
    flat.cloud.answers["B0E9FE000001"] = {"mode": 1, "temperature": 19.0}
    await flat.tick(18.0)
    await flat.live(6 * 3600)
    assert flat.cloud.words[-1] == "setManualModeTemperature 7"
    room = (await flat.engine.health())["zones"]["default"]["room"]
    assert (room["status"], room["reasons"][0]) == ("blind", "sensor_frozen")
    flat.started()
    await flat.tick()
    await flat.live(6 * 3600)
    assert flat.cloud.words[-1] == "setManualModeTemperature 7"
    assert flat.cloud.words.count("setManualModeTemperature 7") == 1
    assert "turnOff" not in flat.cloud.words
    # And once it moves again the room is kept as before.
    for celsius in (17.8, 17.7, 17.6, 17.5):
        await flat.tick(celsius, after=600)
    assert flat.cloud.words[-1] != "setManualModeTemperature 7"


async def test_a_heater_that_nobody_watches_is_off(flat):
    settings, _heats = EQUIPMENT["heater"]
    flat.configure(**settings)
    flat.started()
    await flat.tick(18.0)
    assert flat.cloud.words == ["turnOn"]
    flat.cloud.answers["B0E9FE000002"] = {"power": "on"}
    flat.reads(None)
    await flat.live(3 * 3600)
    assert flat.cloud.words[-1] == "turnOff"
    assert flat.cloud.words.count("turnOn") == 1


async def test_an_air_conditioner_without_a_meter_runs_shortly_where_it_may_freeze(
    flat,
):
    await flat.tick(9.0)
    flat.reads(None)
    await flat.live(10 * 3600)
    starts = [at for at, word in flat.cloud.sent if word == "setAll 16,5,3,on"]
    stops = [at for at, word in flat.cloud.sent if word == "turnOff"]
    assert 3 <= len(starts) <= 5
    for start in starts[:-1]:
        ran = min(stop - start for stop in stops if stop > start)
        assert 900 <= ran.total_seconds() <= 1100
    # A warm room is in no danger for a day.
    assert all(one < other for one, other in pairwise(starts))


async def test_a_warm_room_that_lost_its_meter_is_left_alone_for_a_day(flat):
    await flat.tick(21.0)
    flat.reads(None)
    await flat.live(20 * 3600)
    assert "setAll 16,5,3,on" not in flat.cloud.words


async def test_what_was_started_unheard_against_frost_is_ended_all_the_same(flat, kind):
    again(flat, automation_enabled=False)
    await flat.tick(6.0)
    heard = []

    def hear(word):
        heard.append(word)
        raise CloudTimeoutError("silence", maybe_sent=True)

    flat.cloud.on_command = hear
    await flat.tick(4.9, after=1900)
    # A radiator may have heard of its mode, and then holds what it was told before.
    assert heard == ["setMode 1" if kind == "thermostat" else flat.heats]
    flat.cloud.on_command = lambda _word: None
    await flat.tick(LETS_GO[kind], after=3700)
    assert flat.cloud.words[-1] == "turnOff"
