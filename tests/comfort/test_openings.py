"""An open window pauses heating, and a sensor nobody hears does not."""

from datetime import timedelta

import pytest

from switchbot_automation.core.overlay import paused_since

METER, CONTACT = "C271111EC0AB", "E1CONTACT001"
OPENINGS = {
    "openings": {
        "sensors": [CONTACT],
        "pause_after_seconds": 120,
        "resume_after_seconds": 180,
        "poll_interval_seconds": 60,
        "unknown_after_seconds": 1800,
    }
}


def codes(decision):
    return [str(reason.code) for reason in decision.reasons]


async def opened(room):
    home = room(OPENINGS)
    await home.live(minutes=2)
    assert home.running
    home.fields[CONTACT] = {"openState": "open"}
    return home


async def test_heating_pauses_once_a_window_was_open_for_the_delay(room):
    home = await opened(room)
    decision = await home.tick()
    assert home.running
    assert "opening_open" not in codes(decision)
    decision = await home.live(minutes=3)
    assert home.sent[-1][0] == "turnOff"
    assert codes(decision)[:2] == ["in_window", "opening_open"]


async def test_nothing_is_begun_that_would_have_to_pause_in_a_moment(room):
    home = room(OPENINGS)
    home.fields[CONTACT] = {"openState": "open"}
    decision = await home.tick()
    assert not home.sent
    assert codes(decision) == ["in_window", "opening_open"]
    home.fields[CONTACT] = {"openState": "close"}
    await home.live(minutes=1)
    assert home.running


async def test_heating_resumes_after_closing_and_its_delay(room):
    home = await opened(room)
    await home.live(minutes=5)
    assert not home.running
    home.fields[CONTACT] = {"openState": "close"}
    await home.live(minutes=2)
    assert not home.running
    await home.live(minutes=3)
    assert home.running


async def test_a_window_opened_again_before_the_pause_is_over_stays_open(room):
    home = await opened(room)
    await home.live(minutes=5)
    home.fields[CONTACT] = {"openState": "close"}
    await home.live(minutes=1)
    home.fields[CONTACT] = {"openState": "timeOutNotClose"}
    sent = len(home.sent)
    decision = await home.live(minutes=2)
    assert len(home.sent) == sent
    assert "opening_open" in codes(decision)


async def test_a_sensor_that_dies_open_does_not_pause_for_ever(room):
    home = await opened(room)
    await home.live(minutes=5)
    home.fields[CONTACT] = None
    await home.live(minutes=20)
    assert not home.running
    await home.live(minutes=15)
    assert home.running


async def test_a_sensor_that_never_answered_pauses_nothing(room):
    home = room(OPENINGS)
    home.fields[CONTACT] = None
    await home.live(minutes=10)
    assert home.running


async def test_an_event_is_enough_and_wants_a_tick_at_once(room):
    home = await opened(room)
    home.fields[CONTACT] = None
    await home.event(CONTACT, openState="open")
    assert home.engine.next_wakeup <= home.clock.now()
    await home.live(seconds=119)
    assert home.running
    await home.live(seconds=2)
    assert not home.running


async def test_a_restart_forgets_neither_the_opening_nor_since_when(room):
    home = await opened(room)
    await home.live(minutes=1)
    home.restart()
    home.fields[CONTACT] = None
    await home.live(minutes=2)
    assert not home.running


async def test_a_pause_waits_for_the_minimum_on_time(room):
    home = room(OPENINGS | {"min_on_seconds": 1800})
    await home.live(minutes=1)
    home.fields[CONTACT] = {"openState": "open"}
    await home.live(minutes=20)
    assert home.running
    await home.live(minutes=11)
    assert not home.running


async def test_a_person_who_turns_on_beside_an_open_window_is_obeyed_while_it_holds(
    room,
):
    home = await opened(room)
    await home.live(minutes=5)
    assert not home.running
    await home.engine.act("default", "on", hold=timedelta(minutes=10))
    await home.live(minutes=9)
    assert home.running
    await home.live(minutes=3)
    assert not home.running


async def test_a_hold_from_before_the_window_was_opened_does_not_keep_heating(room):
    home = room(OPENINGS)
    await home.engine.act("default", "on", hold=timedelta(hours=2))
    await home.live(minutes=2)
    home.fields[CONTACT] = {"openState": "open"}
    await home.live(minutes=5)
    assert not home.running


async def test_a_sudden_loss_pauses_for_a_while_and_once(room):
    home = room({"openings": {"drop_kelvin": 1.5, "drop_pause_seconds": 900}})
    home.temperature = 19.5
    await home.live(minutes=20)
    assert home.running
    for _ in range(11):
        home.temperature = round(home.temperature - 0.4, 1)
        decision = await home.live(minutes=1)
        if "opening_suspected" in codes(decision):
            break
    assert "opening_suspected" in codes(decision)
    assert not home.running
    await home.live(minutes=16)
    assert home.running


async def test_what_melts_the_units_ice_is_no_opening(room):
    """Four minutes without heat, seen through the meter's lag, and back again."""
    home = room({"openings": {"drop_kelvin": 0.7}})
    home.temperature = 19.5
    await home.live(minutes=20)
    assert home.running
    for _ in range(8):
        for change in (-0.4, -0.4, -0.4, -0.3, -0.2, -0.1, 0, 0.1, 0.3, 0.4, 0.5, 0.5):
            home.temperature = round(home.temperature + change, 1)
            decision = await home.live(minutes=1)
            assert "opening_suspected" not in codes(decision)
        await home.live(minutes=60)


async def test_what_the_unit_was_told_is_no_opening(room):
    """A draughty room loses two kelvin in ten minutes once nothing heats it."""
    home = room({"openings": {"drop_kelvin": 0.7}})
    await home.live(minutes=5)
    home.temperature = 21.0
    await home.live(minutes=20)
    assert home.running
    await home.engine.act("default", "off", hold=timedelta(hours=3))
    for step in range(60):
        home.temperature = round(16.0 + 5.0 * 0.5 ** (step / 12), 1)
        await home.live(minutes=1)
    suspected = home.store.get("state").get("surroundings", {}).get("suspected_at")
    assert suspected is None


async def test_a_resting_room_that_loses_suddenly_is_open(room):
    home = room({"openings": {"drop_kelvin": 1.0}})
    home.temperature = 21.5
    await home.live(minutes=20)
    assert not home.running
    home.temperature = 20.3
    assert "opening_suspected" in codes(await home.live(minutes=1))


# --- one that never ends ---------------------------------------------------------------


async def test_a_contact_that_stays_open_for_days_does_not_let_the_room_freeze(room):
    home = await opened(room)
    await home.live(hours=3)
    home.temperature = 7.0
    decision = await home.live(minutes=30)
    assert codes(decision)[-1] == "opening_open"
    assert not home.running
    decision = await home.live(hours=1)
    assert "opening_too_long" in codes(decision)
    assert home.running
    assert home.sent[-1][1].startswith("16,")
    home.temperature = 10.5
    await home.live(minutes=30)
    assert not home.running


async def test_how_long_it_lasts_is_a_fact_that_has_an_instant(room):
    home = await opened(room)
    began = home.clock.now()
    await home.live(minutes=10)
    settings = home.engine._parts.documents.life.settings
    state = home.engine._parts.documents.states["default"]
    since, why = paused_since(settings.default, state, home.clock.now())
    assert abs((since - began).total_seconds()) < 300
    assert why.code == "opening_open"
    later = home.clock.now() + timedelta(minutes=20)
    assert paused_since(settings.default, state, later)[0] == since


async def test_a_setting_of_zero_lets_a_pause_last_for_ever(room):
    home = room({"openings": OPENINGS["openings"] | {"longest_pause_seconds": 0}})
    home.fields[CONTACT] = {"openState": "open"}
    # Cold, and above what no pause lets a room fall below.
    home.temperature = 8.0
    decision = await home.live(hours=8)
    assert codes(decision)[-1] == "opening_open"
    assert not home.running


async def test_a_contact_that_says_it_is_offline_is_not_open(room):
    home = room(OPENINGS)
    home.fields[CONTACT] = {"openState": "open", "onlineStatus": "offline"}
    await home.live(minutes=30)
    assert home.running


async def test_a_room_that_cools_slowly_is_not_taken_for_open(room):
    home = room({"openings": {"drop_kelvin": 1.5}})
    for _ in range(20):
        home.temperature -= 0.1
        decision = await home.live(minutes=1)
        assert "opening_suspected" not in codes(decision)


async def test_why_names_the_opening_also_from_history(room):
    home = await opened(room)
    await home.live(minutes=5)
    told = await home.engine.explain()
    assert "opening_open" in [reason["code"] for reason in told.reasons]
    assert CONTACT in told.text
    assert "nothing had been open" in told.text


async def test_nothing_is_asked_of_sensors_that_no_setting_names(room):
    home = room({})
    await home.live(minutes=10)
    assert set(home.asked) == {METER}
    assert "surroundings" not in home.store.get("state")


async def test_sensors_are_asked_no_more_often_than_the_setting_says(room):
    home = room({"openings": {"sensors": [CONTACT], "poll_interval_seconds": 600}})
    await home.live(hours=2)
    assert home.asked.count(CONTACT) == pytest.approx(12, abs=2)


async def test_nothing_is_begun_before_a_window_of_time_while_something_is_open(room):
    begins = {"days": list(range(7)), "start": "14:00", "end": "23:00"}
    early = {"optimum_start": True, "time_windows": [begins]}
    home = room(early)
    home.temperature = 15.0
    await home.live(minutes=115)
    assert home.running
    home = room(early | OPENINGS)
    home.temperature = 15.0
    home.fields[CONTACT] = {"openState": "open"}
    decision = await home.live(minutes=115)
    assert not home.sent
    assert codes(decision)[-1] == "opening_open"


async def test_outside_windows_of_time_an_opening_changes_nothing(room):
    begins = {"days": list(range(7)), "start": "14:00", "end": "23:00"}
    home = room(OPENINGS | {"time_windows": [begins]})
    await home.engine.act("default", "on", hold="none")
    home.fields[CONTACT] = {"openState": "open"}
    decision = await home.live(minutes=30)
    assert home.running
    assert codes(decision) == ["outside_windows"]


async def test_one_rooms_window_leaves_the_other_room_of_a_group_alone(room):
    home = room(
        OPENINGS
        | {
            "zones": {
                "a": {},
                "b": {
                    "meter_device_id": "METER2",
                    "aircon_device_id": "02-202008110034-14",
                    "openings": {"sensors": ["E3"]},
                },
            },
            "groups": {"duct": {"zones": ["a", "b"], "stagger_seconds": 0}},
        }
    )
    home.fields |= {
        "METER2": {"temperature": 19.0, "humidity": 40},
        "E3": {"openState": "close"},
    }
    home.fields[CONTACT] = {"openState": "open"}
    await home.live(minutes=10)
    states = [home.store.get(f"state/{name}") for name in "ab"]
    assert [each["assumed_aircon_power"] for each in states] == ["off", "on"]


async def test_a_fan_does_not_take_the_place_of_off_while_something_is_open(room):
    home = room(OPENINGS | {"fan_mode_during_window": True})
    await home.live(minutes=2)
    home.fields[CONTACT] = {"openState": "open"}
    await home.live(minutes=5)
    assert home.sent[-1][0] == "turnOff"
