"""Presets: chosen by the zone, by the window in force, by nobody being there."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.errors import SettingsError
from switchbot_automation.settings.model import Profile
from switchbot_automation.settings.read import check_settings, parse_settings

MOTION = "E2MOTION0001"
CONTACT = "E1CONTACT001"
WINTER = {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 23.0}
SUMMER = {"min_temp": 24.0, "max_temp": 26.0, "target_temp": 24.0}
PRESETS = {
    "presets": {
        "eco": {"winter": {"min_temp": 17.0, "max_temp": 18.0}},
        "away": {"setback_kelvin": 4},
        "sleep": {"hysteresis_celsius": 1.5, "fan_mode_during_window": True},
    }
}
METER = "C271111EC0AB"
PRESENCE = {
    "presence": {
        "sensors": [MOTION],
        "preset": "away",
        "away_after_seconds": 1200,
        "poll_interval_seconds": 300,
        "unknown_after_seconds": 3600,
    }
}
EVERY_DAY = list(range(7))


def codes(decision):
    return [str(reason.code) for reason in decision.reasons]


def the_preset(decision):
    found = [
        each for each in decision.reasons if each.code in ("preset", "nobody_there")
    ]
    return found[0].detail["preset"] if found else None


# --- which one --------------------------------------------------------------------


async def test_the_zones_preset_takes_the_place_of_what_it_names_and_of_no_more(room):
    home = room(PRESETS | {"preset": "eco"})
    home.temperature = 19.0
    decision = await home.tick()
    assert not home.sent
    assert the_preset(decision) == "eco"
    home.temperature = 16.5
    await home.live(minutes=1)
    assert home.sent[-1] == ("setAll", "23,5,3,on")


async def test_a_window_brings_its_preset_and_the_change_is_on_time(room):
    home = room(
        PRESETS
        | {
            "poll_interval_seconds": 3600,
            "time_windows": [
                {"days": EVERY_DAY, "start": "06:00", "end": "12:30", "preset": "eco"},
                {"days": EVERY_DAY, "start": "12:30", "end": "23:00"},
            ],
        }
    )
    decision = await home.live(minutes=29)
    assert not home.sent
    assert the_preset(decision) == "eco"
    decision = await home.live(minutes=1)
    assert home.running
    assert the_preset(decision) is None


async def test_one_zones_preset_is_not_anothers(room):
    home = room(
        PRESETS | {"zones": {"a": {"preset": "eco"}, "b": {"meter_device_id": "E2"}}}
    )
    home.fields["E2"] = {"temperature": 19.0, "humidity": 40}
    report = await home.engine.run_once()
    assert [the_preset(each) for each in report.decisions] == ["eco", None]
    assert str(report.decisions[1].outcome) == "winter_on"


# --- nobody there -----------------------------------------------------------------


async def gone(home):
    """Let the motion sensor say by itself that nothing moves any more."""
    await home.tick()
    home.fields[MOTION] = {"moveDetected": False}
    await home.event(MOTION, detectionState="NOT_DETECTED")


async def test_the_away_preset_is_in_force_once_nothing_moved_for_the_delay(room):
    home = room(PRESETS | PRESENCE)
    await home.live(minutes=10)
    assert home.running
    await gone(home)
    decision = await home.live(minutes=15)
    assert the_preset(decision) is None
    decision = await home.live(minutes=25)
    assert codes(decision)[-1] == "nobody_there"
    assert the_preset(decision) == "away"
    # 19 is above what away heats to, and so it is off.
    assert not home.running


async def test_somebody_coming_home_ends_it_at_once(room):
    home = room(PRESETS | PRESENCE)
    await gone(home)
    decision = await home.live(minutes=40)
    assert the_preset(decision) == "away"
    await home.event(MOTION, detectionState="DETECTED")
    decision = await home.tick()
    assert the_preset(decision) is None
    assert home.running


@pytest.mark.parametrize("known", [True, False])
async def test_a_motion_sensor_nobody_hears_sends_nobody_away(room, known):
    home = room(PRESETS | PRESENCE)
    if known:
        await gone(home)
        decision = await home.live(minutes=40)
        assert the_preset(decision) == "away"
    home.fields[MOTION] = None
    decision = await home.live(minutes=70)
    assert the_preset(decision) is None


async def test_an_absence_outlives_a_restart(room):
    home = room(PRESETS | PRESENCE)
    await gone(home)
    await home.live(minutes=40)
    home.restart()
    home.fields[MOTION] = None
    assert the_preset(await home.tick()) == "away"


async def test_a_motion_sensor_that_is_only_asked_has_not_seen_that_nobody_is_there(
    room,
):
    """It shows a movement for a minute and is asked every five."""
    home = room(PRESETS | PRESENCE)
    home.fields[MOTION] = {"moveDetected": False}
    assert the_preset(await home.live(hours=6)) is None


async def test_one_that_is_asked_all_the_time_has(room):
    often = {"presence": PRESENCE["presence"] | {"poll_interval_seconds": 60}}
    home = room(PRESETS | often)
    home.fields[MOTION] = {"moveDetected": False}
    assert the_preset(await home.live(minutes=40)) == "away"


async def test_a_presence_sensor_shows_a_state_and_may_be_asked(room):
    home = room(PRESETS | PRESENCE)
    home.fields[MOTION] = {"detected": False}
    assert the_preset(await home.live(minutes=40)) == "away"


async def test_events_that_get_lost_are_no_watch(room):
    home = room(PRESETS | PRESENCE)
    await gone(home)
    assert the_preset(await home.live(minutes=40)) == "away"
    home.fields[MOTION] = {"moveDetected": True}
    await home.live(minutes=10)
    home.fields[MOTION] = {"moveDetected": False}
    assert the_preset(await home.live(hours=3)) is None


async def test_a_sensor_that_says_it_is_offline_tells_nothing(room):
    home = room(PRESETS | PRESENCE)
    home.fields[MOTION] = {"detected": False, "onlineStatus": "offline"}
    assert the_preset(await home.live(hours=3)) is None


# --- what a preset comes to -------------------------------------------------------


def test_a_setback_saves_in_either_season():
    zone = parse_settings({"winter": WINTER, "summer": SUMMER, **PRESETS}).default
    away = zone.presets["away"]
    assert (away.winter.min_temp, away.winter.max_temp) == (16.0, 18.0)
    assert (away.summer.min_temp, away.summer.max_temp) == (28.0, 30.0)
    assert (away.winter.target_temp, away.summer.target_temp) == (19.0, 28.0)


def test_a_preset_is_complete_with_what_the_zone_says():
    document = PRESETS | {
        "winter": WINTER,
        "hysteresis_celsius": 0.5,
        "zones": {"a": {"winter": {"max_temp": 21.0}}},
    }
    presets = parse_settings(document).zones["a"].presets
    assert presets["sleep"].winter.max_temp == 21.0
    assert presets["sleep"].hysteresis_celsius == 1.5
    assert presets["eco"].hysteresis_celsius == 0.5
    assert presets["eco"].summer is None


@given(
    low=st.floats(10, 35),
    high=st.floats(10, 35),
    target=st.floats(10, 35),
    kelvin=st.floats(-40, 40),
)
def test_what_is_moved_keeps_its_width_and_stays_within_the_settings(
    low, high, target, kelvin
):
    low, high = sorted((low, high))
    moved = Profile(low, high, target, 3, 5).shifted(kelvin)
    assert 10 - 1e-3 <= moved.min_temp <= moved.max_temp <= 35 + 1e-3
    assert moved.max_temp - moved.min_temp == pytest.approx(high - low, abs=2e-3)
    assert min(16, target) - 1e-3 <= moved.target_temp <= max(30, target) + 1e-3
    assert abs(moved.min_temp - low) <= abs(kelvin) + 1e-3


# --- what is refused --------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "path", "said"),
    [
        (PRESETS | {"preset": "ecco"}, "preset", "did you mean 'eco'"),
        ({"preset": "eco"}, "preset", "`presets` has none"),
        (
            {"presence": {"sensors": [MOTION], "preset": "away"}},
            "presence.preset",
            "no preset 'away'",
        ),
        (PRESETS | {"presence": {"preset": "away"}}, "presence.sensors", "is missing"),
        (
            PRESETS
            | {
                "time_windows": [
                    {"days": [0], "start": "06:00", "end": "09:00", "preset": "slep"}
                ]
            },
            "time_windows[0].preset",
            "did you mean 'sleep'",
        ),
        (
            {"winter": WINTER, "presets": {"hot": {"winter": {"min_temp": 23}}}},
            "presets.hot.winter",
            "no band",
        ),
        (
            {"presets": {"cold": {"winter": {"ac_mode": 2}}}},
            "presets.cold.winter.ac_mode",
            "cools",
        ),
        ({"presets": {"x": {"setbck": 1}}}, "presets.x.setbck", "setback_kelvin"),
        ({"openings": {"sensors": ["A", "A"]}}, "openings.sensors[1]", "each once"),
        ({"openings": {"sensor": ["A"]}}, "openings.sensor", "did you mean 'sensors'"),
        ({"offsets": [{"sorce": "p"}]}, "offsets[0].sorce", "did you mean 'source'"),
        (
            {"zones": {"a": {"preset": "x"}}, "presets": {"y": {}}},
            "zones.a.preset",
            "did you mean 'y'",
        ),
    ],
)
def test_a_wrong_setting_is_refused_with_path_and_nearest_name(document, path, said):
    errors = {error.path: str(error) for error in check_settings(document)}
    assert path in errors
    assert said in errors[path]
    with pytest.raises(SettingsError):
        parse_settings(document)


# --- beside other settings --------------------------------------------------------


async def test_modulating_aims_at_the_band_of_the_preset(room):
    home = room(PRESETS | {"control": "modulate", "preset": "away"})
    home.temperature = 18.5
    decision = await home.tick()
    assert not home.sent
    home.temperature = 15.0
    decision = await home.live(minutes=30)
    assert home.running
    assert the_preset(decision) == "away"


async def test_the_room_is_brought_up_to_what_the_next_windows_preset_wants(room):
    day = {"days": EVERY_DAY, "start": "14:00", "end": "23:00"}
    presets = {"presets": {"hot": {"winter": {"min_temp": 24.0, "max_temp": 26.0}}}}
    sent = []
    for preset in ("hot", ""):
        windows = {"time_windows": [{**day, "preset": preset}]}
        home = room(PRESETS | presets | windows | {"optimum_start": True})
        home.temperature = 22.5
        await home.live(minutes=115)
        sent.append(len(home.sent))
    assert sent[0] > 0
    assert sent[1] == 0


# An evening that wants more than the day before it.
RETURN = PRESETS | {
    "optimum_start": True,
    "time_windows": [
        {"days": EVERY_DAY, "start": "00:00", "end": "23:00", "preset": "away"},
        {"days": EVERY_DAY, "start": "23:00", "end": "00:00"},
    ],
}


async def returning(room, changes=None, **learned):
    """Return a room at 16.5 °C at noon, whose walls are warm yet."""
    home = room(RETURN | (changes or {}))
    home.temperature = 16.5
    home.fields[MOTION] = {"moveDetected": False}
    await home.tick()
    state = dict(home.store.get("state"))
    warm_up = {"version": 1, "walls": 20.3, **learned}
    state["learned"] = {**state.get("learned", {}), "warm_up": warm_up}
    home.store.set("state", state)
    home.restart()
    return home


async def test_a_room_is_brought_up_within_a_window_for_one_that_wants_more(room):
    """From noon on: 3.8 K at the pace of a room that nobody knows yet, 2.5 hours."""
    home = await returning(room)
    decision = await home.live(hours=8)
    assert not home.sent
    assert codes(decision)[0] == "in_window"
    decision = await home.live(hours=1)
    assert home.sent == [("setAll", "23,5,3,on")]
    assert codes(decision)[:2] == ["in_window", "optimum_start"]
    assert the_preset(decision) == "away"
    # It goes on, and through the opening, without another word.
    home.temperature = 20.1
    await home.live(hours=2, minutes=30)
    assert len(home.sent) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"optimum_start": False},
        PRESENCE,
        {"openings": {"sensors": [CONTACT]}},
        {"preset": "eco", "time_windows": RETURN["time_windows"][:1]},
    ],
    ids=["not wanted", "nobody there", "a window open", "no later window"],
)
async def test_it_is_not_brought_up_for(room, changes):
    home = await returning(room, changes)
    if "openings" in changes:
        home.fields[CONTACT] = {"openState": "open"}
    if changes is PRESENCE:
        # A sensor of which nothing but answers is heard may miss somebody.
        home.fields[MOTION] = {"detected": False}
    await home.live(hours=10, minutes=30)
    assert home.sent == []


async def test_a_later_window_keeps_no_meter_from_being_read_as_often_as_ever(room):
    home = await returning(room)
    home.asked.clear()
    await home.live(hours=2)
    assert home.asked.count(METER) >= 2 * 60 - 1


async def test_it_is_not_brought_up_through_a_hold(room):
    home = await returning(room)
    await home.tick()
    await home.engine.hold("default", timedelta(hours=10))
    await home.live(hours=9, minutes=55)
    assert not home.sent
    await home.live(minutes=10)
    assert home.running


async def test_with_mode_auto_the_preset_of_the_season_that_is_on_counts(room):
    home = room(PRESETS | {"mode": "auto", "summer": SUMMER, "preset": "away"})
    home.temperature = 18.5
    await home.tick()
    assert not home.sent
    home.temperature = 15.0
    await home.live(minutes=2)
    assert home.sent[-1][1].split(",")[1] == "5"
