"""Heating does not stay on because a thermometer died, nor start on a wrong word."""

from datetime import timedelta

import pytest

from switchbot_automation.core.protect.safety import ladder
from switchbot_automation.settings.read import parse_settings

DAYS = 86400.0


def reasons(report):
    return [str(reason.code) for reason in report.decisions[0].reasons]


async def heating(flat, **settings):
    flat.configure(**settings)
    await flat.tick(19.0)
    assert flat.cloud.words == ["setAll 24,5,3,on"]
    flat.cloud.sent.clear()


async def test_a_briefly_missing_meter_leaves_the_unit_as_it_is(flat):
    await heating(flat)
    for _ in range(5):
        report = await flat.tick(None, after=60)
        assert report.outcome == "missing_meter"
    await flat.tick(19.0, after=60)
    assert flat.cloud.words == []


async def test_a_dead_meter_saves_after_half_an_hour_and_stops_after_an_hour(flat):
    await heating(flat)
    flat.reads(None)
    await flat.live(2 * 3600)
    assert flat.minutes_of("setAll 20,5") == [30.0]
    assert flat.minutes_of("turnOff") == [60.0]
    assert flat.state["assumed_aircon_power"] == "off"


async def test_the_stop_comes_at_its_instant_although_readings_are_rare(flat):
    await heating(flat, poll_interval_seconds=1500)
    flat.reads(None)
    await flat.live(2 * 3600)
    assert flat.minutes_of("turnOff") == [60.0]


async def test_a_unit_that_cannot_be_told_a_temperature_is_only_stopped(flat):
    flat.configure(aircon_device_id="", aircon_scenes={"winter": "warm", "off": "out"})
    await flat.tick(19.0)
    flat.reads(None)
    await flat.live(2 * 3600)
    assert flat.cloud.words == ["scene warm", "scene out"]


async def test_a_meter_dead_since_the_engine_started_counts_from_then(flat):
    flat.store.set("state", {"assumed_aircon_power": "on", "assumed_aircon_mode": 5})
    flat.reads(None)
    await flat.tick()
    await flat.live(2 * 3600)
    assert flat.minutes_of("turnOff") == [60.0]


@pytest.mark.parametrize(
    "room",
    [
        {},
        {
            "aircon_device_id": "",
            "equipment": [{"kind": "heater", "device_id": "B0E9FE000002"}],
        },
    ],
    ids=["air conditioner", "heater on a plug"],
)
async def test_a_unit_that_nobody_ever_knew_of_goes_off_with_it(flat, room):
    # It may have been left on, and its state with the disk that was lost.
    flat.configure(**room)
    flat.reads(None)
    await flat.tick()
    await flat.live(2 * 3600)
    assert flat.minutes_of("turnOff") == [60.0]
    assert len(flat.cloud.words) == 1


async def test_a_unit_that_nobody_ever_knew_of_is_left_alone_outside_its_hours(flat):
    week = list(range(7))
    flat.configure(
        time_windows=[{"days": week, "start": "15:00", "end": "18:00"}],
    )
    flat.reads(None)
    await flat.tick()
    await flat.live(2 * 3600)
    assert flat.cloud.words == []
    await flat.live(2 * 3600)
    assert flat.minutes_of("turnOff") == [180.0]


async def test_a_restart_does_not_start_the_ladder_anew(flat):
    await heating(flat)
    flat.reads(None)
    for _ in range(4):
        await flat.live(900)
        flat.started()
    await flat.live(900)
    assert flat.minutes_of("turnOff") == [60.0]


async def test_an_engine_that_was_down_does_not_blame_the_meter(flat):
    await heating(flat)
    await flat.tick(None, after=3 * 3600)
    assert flat.cloud.words == []
    await flat.live(2 * 3600)
    assert flat.minutes_of("turnOff") == [240.0]


async def test_a_resting_unit_trips_nothing(flat):
    flat.store.set("state", {"assumed_aircon_power": "off"})
    await flat.tick(21.0)
    flat.reads(None)
    await flat.live(DAYS)
    assert flat.cloud.words == []
    await flat.tick(19.0, after=60)
    assert flat.cloud.words == ["setAll 24,5,3,on"]


async def test_a_meter_that_says_the_same_for_hours_is_in_contact(flat):
    await heating(flat, sensor_frozen_seconds=0)
    flat.reads(21.0)
    await flat.live(6 * 3600)
    assert flat.cloud.words == []


async def test_a_value_that_stands_still_while_the_unit_runs_stops_it(flat):
    await heating(flat)
    flat.reads(19.0)
    reports = await flat.live(5 * 3600)
    # A living meter in a room that settled has to show another setpoint.
    assert flat.minutes_of("setAll 23") == [200.0]
    assert flat.minutes_of("turnOff") == [240.0]
    asked, stop = (report for report in reports if report.commands)
    assert "sensor_frozen" in reasons(asked)
    assert stop.outcome == "invalid_temperature"
    assert "sensor_frozen" in reasons(stop)
    # It says the same for ever: not a reason to heat.
    await flat.live(22 * 3600)
    assert flat.cloud.words[-1] == "turnOff"
    assert len(flat.cloud.words) == 2
    # But nobody knows any more that it does not freeze there.
    await flat.live(5 * 3600)
    assert flat.cloud.words[2:4] == ["setAll 16,5,3,on", "turnOff"]
    runs = zip(
        flat.minutes_of("setAll 16"), flat.minutes_of("turnOff")[1:], strict=True
    )
    assert {ended - began for began, ended in runs} == {15.0}


async def test_a_room_that_settled_shows_that_its_meter_lives(flat):
    await heating(flat)
    flat.reads(21.4)
    flat.cloud.on_command = lambda _word: flat.reads(21.3)
    await flat.live(6 * 3600)
    assert flat.cloud.words == ["setAll 23,5,3,on"]


async def test_humidity_that_moves_shows_a_living_meter(flat):
    await heating(flat)
    for minute in range(300):
        humidity = 50 + minute // 100
        await flat.tick({"temperature": 21.0, "humidity": humidity}, after=60)
    assert flat.cloud.words == []


async def test_a_frozen_meter_is_believed_again_after_three_other_words(flat):
    await heating(flat)
    flat.reads(19.0)
    await flat.live(5 * 3600)
    flat.cloud.sent.clear()
    for value in (18.7, 18.6):
        report = await flat.tick(value, after=60)
        assert "sensor_recovering" in reasons(report)
    assert flat.cloud.words == []
    await flat.tick(18.6, after=60)
    assert flat.cloud.words == ["setAll 24,5,3,on"]


async def test_after_a_stop_three_good_readings_are_needed(flat):
    await heating(flat)
    flat.reads(None)
    await flat.live(2 * 3600)
    flat.cloud.sent.clear()
    await flat.tick(18.0, after=60)
    await flat.tick(18.0, after=60)
    await flat.tick(None, after=60)
    for _ in range(2):
        report = await flat.tick(18.0, after=60)
        assert report.outcome == "no_action"
    assert flat.cloud.words == []
    await flat.tick(18.0, after=60)
    assert flat.cloud.words == ["setAll 24,5,3,on"]


async def test_recovery_outlives_a_restart(flat):
    await heating(flat)
    flat.reads(None)
    await flat.live(2 * 3600)
    flat.cloud.sent.clear()
    for _ in range(2):
        flat.started()
        await flat.tick(18.0, after=60)
    assert flat.cloud.words == []
    flat.started()
    await flat.tick(18.0, after=60)
    assert flat.cloud.words == ["setAll 24,5,3,on"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (-127.0, "temperature_implausible"),
        (-10.1, "temperature_implausible"),
        (85.0, "temperature_implausible"),
        ({"temperature": 0, "humidity": 0, "battery": 0}, "all_zeros"),
        ({"temperature": 0.0, "humidity": 0}, "all_zeros"),
        ({"temperature": 0, "humidity": 0, "battery": 0, "CO2": 613}, "all_zeros"),
    ],
)
async def test_what_no_room_has_starts_nothing(flat, answer, why):
    report = await flat.tick(answer)
    assert report.outcome == "invalid_temperature"
    assert why in reasons(report)
    assert flat.cloud.words == []


async def test_a_freezing_room_is_a_room(flat):
    report = await flat.tick({"temperature": 0.0, "humidity": 71, "battery": 80})
    assert report.outcome == "winter_on"


async def test_garbage_for_an_hour_stops_the_unit(flat):
    await heating(flat)
    flat.reads(-127.0)
    await flat.live(2 * 3600)
    assert flat.minutes_of("turnOff") == [60.0]


async def test_one_leap_starts_nothing_and_two_that_agree_do(flat):
    await flat.tick(21.0)
    report = await flat.tick(4.0, after=60)
    assert report.outcome == "invalid_temperature"
    assert "temperature_jumped" in reasons(report)
    await flat.tick(21.0, after=60)
    assert flat.cloud.words == []
    await flat.tick(4.0, after=60)
    await flat.tick(4.2, after=60)
    assert flat.cloud.words == ["setAll 24,5,3,on"]


async def test_a_leap_may_still_stop_the_unit(flat):
    await heating(flat)
    await flat.tick(40.0, after=60)
    assert flat.cloud.words == ["turnOff"]


async def test_safety_does_not_wait_for_the_minimum_on_time(flat):
    await heating(
        flat,
        min_on_seconds=3600,
        sensor_stale_hold_seconds=60,
        sensor_stale_conservative_seconds=300,
        sensor_stale_off_seconds=1200,
    )
    flat.reads(None)
    reports = await flat.live(1800)
    assert flat.minutes_of("turnOff") == [pytest.approx(20.0, abs=0.1)]
    stop = next(r for r in reports if r.commands and r.commands[0].action == "off")
    assert "emergency_off" in reasons(stop)


async def test_safety_stops_also_what_a_person_holds(flat):
    await heating(flat)
    await flat.engine.act("default", "on", hold=timedelta(hours=20))
    flat.cloud.sent.clear()
    flat.reads(None)
    await flat.live(2 * 3600)
    assert flat.minutes_of("turnOff") == [60.0]


async def test_what_safety_stopped_is_held_no_longer_and_the_room_is_kept_again(flat):
    """Else it goes cold for the rest of the hold, with nobody's wish behind that."""
    await heating(flat, max_continuous_on_seconds=7200)
    await flat.engine.act("default", "on", hold=timedelta(hours=20))
    flat.cloud.sent.clear()
    for minute in range(150):
        warms = {"temperature": 19.0 + minute * 0.0046, "humidity": 40 + minute % 2}
        await flat.tick(warms, after=60)
    assert flat.minutes_of("turnOff") == [120.0]
    assert flat.minutes_of("setAll") == [130.0]
    assert flat.state["hold_until"] is None


async def test_safety_ends_no_hold_of_a_unit_that_a_person_turned_off(flat):
    await heating(flat, max_continuous_on_seconds=7200)
    await flat.engine.act("default", "off", hold=timedelta(hours=20))
    flat.reads(None)
    await flat.live(6 * 3600)
    assert flat.state["hold_until"] is not None


async def test_a_person_who_turns_it_on_again_gets_another_hour(flat):
    await heating(flat)
    flat.reads(None)
    await flat.live(2 * 3600)
    flat.cloud.sent.clear()
    await flat.engine.act("default", "on")
    await flat.live(2 * 3600)
    assert flat.minutes_of("turnOff") == [180.0]


async def test_an_engine_that_is_disabled_touches_nothing(flat):
    await heating(flat)
    flat.configure(automation_enabled=False)
    flat.reads(None)
    await flat.live(DAYS)
    assert flat.cloud.words == []


async def test_nothing_runs_longer_than_it_may_and_rests_ten_minutes_then(flat):
    await heating(flat, max_continuous_on_seconds=7200)
    for minute in range(150):
        warms = {"temperature": 19.0 + minute * 0.0046, "humidity": 40 + minute % 2}
        await flat.tick(warms, after=60)
    assert flat.minutes_of("turnOff") == [120.0]
    assert flat.minutes_of("setAll") == [130.0]


async def test_every_stage_can_be_switched_off(flat):
    await heating(
        flat,
        sensor_stale_conservative_seconds=0,
        sensor_stale_off_seconds=0,
        sensor_frozen_seconds=0,
        max_continuous_on_seconds=0,
    )
    flat.reads(None)
    await flat.live(2 * DAYS)
    assert flat.cloud.words == []


def test_no_stage_comes_before_two_readings_could_have_failed():
    zone = parse_settings({"poll_interval_seconds": 3600}).default
    stages = ladder(zone)
    assert stages.no_new_start <= stages.conservative <= stages.off
    assert stages.off == 7200.0


# --- several meters ---------------------------------------------------------------

THREE = [{"device_id": "METER"}, {"device_id": "SHELF"}, {"device_id": "DOOR"}]


async def test_one_liar_of_three_meters_changes_nothing(flat):
    flat.configure(sensors=THREE)
    flat.reads(21.0, "SHELF")
    flat.reads(21.2, "DOOR")
    report = await flat.tick(4.0)
    assert report.outcome == "no_action"
    assert flat.state["last_temperature"] == 21.0


async def test_dead_and_mad_meters_are_left_out(flat):
    flat.configure(sensors=THREE)
    flat.reads(None, "SHELF")
    flat.reads(-127.0, "DOOR")
    assert (await flat.tick(19.0)).outcome == "winter_on"


async def test_the_mean_counts_by_weight(flat):
    flat.configure(
        sensors=[{"device_id": "METER", "weight": 3}, {"device_id": "SHELF"}],
        sensor_fusion="weighted",
    )
    flat.reads(22.0, "SHELF")
    await flat.tick(20.0)
    assert flat.state["last_temperature"] == 20.5


async def test_the_next_in_the_list_stands_in(flat):
    flat.configure(sensors=THREE, sensor_fusion="fallback")
    flat.reads(22.0, "SHELF")
    flat.reads(25.0, "DOOR")
    await flat.tick(21.0)
    assert flat.state["last_temperature"] == 21.0
    await flat.tick(None, after=60)
    assert flat.state["last_temperature"] == 22.0


async def test_all_meters_gone_is_a_missing_meter(flat):
    flat.configure(sensors=THREE)
    flat.cloud.answers.clear()
    assert (await flat.tick()).outcome == "missing_meter"
