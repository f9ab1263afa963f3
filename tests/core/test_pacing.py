"""When each meter is read: no later than its temperature could matter, no call wasted."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.core.control.band import edges_of
from switchbot_automation.core.control.slopes import (
    FIRST_BOUND,
    GREATEST_BOUND,
    LEAST_BOUND,
    Regime,
    SlopeBounds,
)
from switchbot_automation.core.pace import (
    FLOOR_SECONDS,
    Note,
    Quota,
    after_new_reading,
    counted_from,
    next_read,
    too_old,
)
from switchbot_automation.core.protect.safety import CAP_SECONDS
from switchbot_automation.core.state.zone import ZoneState
from switchbot_automation.model import Action, Power
from switchbot_automation.schedule.windows import TimeWindow
from switchbot_automation.settings.model import Profile, ZoneSettings

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
LONG_AGO = NOON - timedelta(hours=5)
EVERY_DAY = frozenset(range(7))
HOME = ZoneSettings(
    "default",
    ZoneInfo("UTC"),
    automation_enabled=True,
    predictive_polling=True,
    poll_interval_seconds=120,
    idle_poll_interval_seconds=600,
    meter_device_id="C1",
    time_windows=(TimeWindow(EVERY_DAY, time(6), time(23)),),
    winter=Profile(20.0, 22.0, 23.0, 3, 5),
    summer=Profile(23.0, 26.0, 24.0, 3, 2),
)
RESTING = ZoneState(
    last_temperature=21.0,
    last_read_at=NOON,
    value_since=NOON,
    power=Power.OFF,
    action=Action.OFF,
    compressor_stopped_at=LONG_AGO,
)
RUNNING = RESTING._replace(
    power=Power.ON, action=Action.WINTER, compressor_started_at=LONG_AGO
)
BOUNDS = st.floats(LEAST_BOUND, GREATEST_BOUND)


def wait(zone, state, **given_):
    return (next_read(zone, state, NOON, **given_) - NOON).total_seconds()


def with_bound(state, bound):
    keys = [
        Regime(heating, running, fresh).key
        for heating in (True, False)
        for running in (True, False)
        for fresh in (True, False)
    ]
    return state._replace(slope_bounds=SlopeBounds(dict.fromkeys(keys, bound)))


@given(
    temperature=st.floats(15, 30),
    bound=BOUNDS,
    share=st.floats(0.0, 1.0),
    season=st.sampled_from(["winter", "summer"]),
    state=st.sampled_from(["on", "off", "unknown"]),
)
def test_a_crossing_within_the_bound_never_comes_before_the_reading(
    temperature, bound, share, season, state
):
    zone = replace(HOME, mode=season)
    edges = edges_of(zone)
    known = with_bound(RUNNING if state == "on" else RESTING, bound)
    known = known._replace(last_temperature=temperature)
    if state == "unknown":
        known = known._replace(power=Power.UNKNOWN, action=None)
    seconds = wait(zone, known)
    assert FLOOR_SECONDS <= seconds <= CAP_SECONDS
    moved = share * bound * seconds / 60.0
    for running in {"on": [True], "off": [False], "unknown": [True, False]}[state]:
        ahead = edges.ahead(temperature, running=running)
        if ahead > bound * FLOOR_SECONDS / 60.0:
            assert moved <= ahead + 1e-6  # a clock of microseconds


@given(
    bound=BOUNDS,
    near=st.floats(0, 5),
    nearer=st.floats(0, 5),
    wider=st.floats(1, 4),
)
def test_nearer_or_faster_is_never_read_later(bound, near, nearer, wider):
    def at(distance, slope):
        temperature = edges_of(HOME).on + distance
        return wait(
            HOME, with_bound(RESTING, slope)._replace(last_temperature=temperature)
        )

    far, close = max(near, nearer), min(near, nearer)
    if close > 1e-6:
        assert at(close, bound) <= at(far, bound)
        assert at(close, min(GREATEST_BOUND, bound * wider)) <= at(close, bound)


def test_only_the_threshold_that_matters_counts():
    warm = with_bound(RESTING, 0.1)._replace(last_temperature=22.2)
    # 22.3 would stop it: of no interest while it rests, a minute away while it runs.
    assert wait(HOME, warm) == CAP_SECONDS
    running = with_bound(RUNNING, 0.1)._replace(last_temperature=22.2)
    assert wait(HOME, running) == FLOOR_SECONDS
    blowing = running._replace(action=Action.FAN)
    assert wait(HOME, blowing) == CAP_SECONDS
    for unclear in (
        warm._replace(power=Power.UNKNOWN, action=None),
        warm._replace(uncertain=True),
    ):
        assert wait(HOME, unclear) == FLOOR_SECONDS


def test_a_value_that_may_be_old_is_read_again_sooner():
    fresh = with_bound(RESTING, 0.1)
    stood = fresh._replace(value_since=NOON - timedelta(seconds=100))
    assert wait(HOME, fresh) - wait(HOME, stood) == pytest.approx(100)


@pytest.mark.parametrize(
    ("changes", "state", "seconds"),
    [
        pytest.param({"automation_enabled": False}, {}, 600, id="disabled"),
        pytest.param({"time_windows": ()}, {}, 600, id="no_windows"),
        pytest.param({"winter": None}, {}, 600, id="no_profile"),
        pytest.param(
            {"time_windows": (TimeWindow(EVERY_DAY, time(18), time(22)),)},
            {},
            600,
            id="outside",
        ),
        pytest.param(
            {"time_windows": (TimeWindow(EVERY_DAY, time(12, 3), time(22)),)},
            {},
            180,
            id="window_opens",
        ),
        pytest.param(
            {}, {"hold_until": NOON + timedelta(seconds=99)}, 99, id="hold_ends"
        ),
        pytest.param({}, {"last_temperature": 19.0}, 120, id="beyond_and_free"),
        pytest.param({}, {"last_read_at": None}, 0, id="never_read"),
        pytest.param(
            {}, {"last_read_at": NOON + timedelta(hours=1)}, 0, id="clock_set_back"
        ),
        pytest.param(
            {},
            {
                "last_temperature_stale": True,
                "last_temperature_stale_reason": "app_start",
            },
            0,
            id="another_life",
        ),
        pytest.param(
            {}, {"last_temperature_stale": True, "error_count": 1}, 60, id="failed_once"
        ),
        pytest.param(
            {},
            {"last_temperature_stale": True, "error_count": 9},
            600,
            id="failed_often",
        ),
    ],
)
def test_what_else_says_when(changes, state, seconds):
    assert wait(replace(HOME, **changes), RESTING._replace(**state)) == seconds


def test_a_threshold_passed_while_the_gate_is_shut_is_read_when_it_opens():
    cold = RESTING._replace(last_temperature=19.0)
    opens = NOON + timedelta(seconds=240)
    assert wait(HOME, cold, blocked_until=opens) == 240


def test_a_zone_that_soon_distrusts_a_silent_meter_is_read_more_often():
    warm = RESTING._replace(last_temperature=30.0)
    assert wait(HOME, warm) == CAP_SECONDS
    wary = replace(HOME, sensor_stale_hold_seconds=300)
    assert wait(wary, warm) == 200


def test_a_controller_says_when_it_wants_to_look():
    look = NOON + timedelta(seconds=700)
    steered = replace(HOME, control="modulate")
    assert wait(steered, RUNNING, review_at=look) == 700
    outside = replace(HOME, time_windows=(TimeWindow(EVERY_DAY, time(18), time(22)),))
    assert wait(outside, RESTING, review_at=look) == 600
    sooner = NOON + timedelta(seconds=300)
    assert wait(outside, RESTING, review_at=sooner) == 300


def test_a_controller_that_wants_to_look_late_makes_no_meter_stale():
    look = NOON + timedelta(seconds=900)
    wary = replace(HOME, control="modulate", sensor_stale_conservative_seconds=1200)
    assert wait(wary, RUNNING, review_at=look) == 800
    assert wait(wary, RESTING, review_at=look) == 900


# --- what the ticks leave for the next reading --------------------------------------

MINUTES = st.integers(1, 60).map(lambda minutes: NOON + timedelta(minutes=minutes))


@given(st.lists(st.none() | MINUTES, min_size=1), st.lists(st.none() | MINUTES))
def test_no_tick_puts_off_what_an_earlier_one_wanted(asked, blocked):
    note = Note()
    for number, review in enumerate(asked):
        until = blocked[number] if number < len(blocked) else None
        before = note
        note = note.after(NOON, until, review)
        wanted = [each for each in asked[: number + 1] if each is not None]
        # Not asked for now, it does not count; asked for again, as it first was.
        assert note.review_at == (None if review is None else min(wanted))
        if until is None or before.blocked_until is None:
            assert note.blocked_until == until
        else:
            assert note.blocked_until == min(until, before.blocked_until)


def test_a_new_reading_ends_what_was_wanted():
    soon, late = NOON + timedelta(minutes=5), NOON + timedelta(minutes=40)
    note = Note().after(NOON, soon, soon)
    assert note.after(NOON, late, late)[1:3] == (soon, soon)
    assert note.after(NOON + timedelta(minutes=5), late, late)[1:3] == (late, late)


def test_a_wait_counts_from_the_last_reading_or_a_window_s_start_or_end():
    night = NOON.replace(hour=23)
    before, after = night - timedelta(minutes=9), night + timedelta(minutes=9)
    assert counted_from(HOME, before, before) == before
    assert counted_from(HOME, before, night - timedelta(seconds=1)) == before
    assert counted_from(HOME, before, night) == night
    # Whenever it is asked.
    assert counted_from(HOME, before, after) == night
    assert counted_from(HOME, after, after + timedelta(hours=1)) == after
    assert counted_from(HOME, None, after) is None
    assert counted_from(replace(HOME, time_windows=()), before, after) == before


@given(st.integers(1, 600), st.integers(0, 720), st.sampled_from([120, 600, 1800]))
def test_no_review_waits_until_the_reading_counts_no_more(minutes, ago, idle):
    """Counted from a window's end, a review was due when the reading was too old."""
    zone = replace(HOME, idle_poll_interval_seconds=idle, control="auto")
    night = NOON.replace(hour=23)
    state = RESTING._replace(last_read_at=night - timedelta(seconds=ago))
    review = night + timedelta(minutes=minutes)
    due = next_read(zone, state, night, review_at=review)
    assert not too_old(zone, state, max(night, due))


# --- learning ---------------------------------------------------------------------


def read(state, temperature, after):
    at = state.last_read_at + timedelta(seconds=after)
    new = state._replace(last_temperature=temperature, last_read_at=at)
    return after_new_reading(state, new, HOME)


def test_a_reading_that_came_faster_than_the_bound_widens_it_at_once():
    settled = Regime(heating=True, running=False, fresh=False)
    calm = with_bound(RESTING, 0.05)
    fell = read(calm, 20.4, 120)
    assert fell.slope_bounds.bound(settled) == pytest.approx(0.3 * 1.25)
    assert wait(HOME, fell._replace(last_read_at=NOON)) < wait(HOME, calm)


def test_calm_readings_narrow_the_bound_slowly_and_never_to_nothing():
    state = with_bound(RESTING, FIRST_BOUND)
    settled = Regime(heating=True, running=False, fresh=False)
    bounds = []
    for _ in range(200):
        state = read(state, 21.0, 600)
        bounds.append(state.slope_bounds.bound(settled))
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] > 0.75 * FIRST_BOUND
    assert bounds[-1] == pytest.approx(LEAST_BOUND, abs=1e-3)


def test_going_away_from_the_threshold_is_calm_too():
    state = read(with_bound(RESTING, 0.1), 23.0, 300)
    settled = Regime(heating=True, running=False, fresh=False)
    assert state.slope_bounds.bound(settled) < 0.1


def test_nothing_is_learned_across_a_start_or_of_an_unknown_unit():
    started = with_bound(RESTING, 0.1)._replace(
        compressor_started_at=NOON + timedelta(seconds=5)
    )
    unknown = with_bound(RESTING, 0.1)._replace(power=Power.UNKNOWN, action=None)
    for state in (started, unknown):
        assert read(state, 15.0, 60).slope_bounds == state.slope_bounds


@given(
    steps=st.lists(
        st.tuples(st.floats(5, 40), st.floats(1, 5000)), min_size=1, max_size=30
    )
)
def test_whatever_is_read_the_bounds_stay_within_bounds_and_survive_storage(steps):
    state = RESTING
    for temperature, after in steps:
        state = read(state, temperature, after)
    bounds = state.slope_bounds
    if bounds is not None:
        assert all(
            LEAST_BOUND <= each <= GREATEST_BOUND for each in bounds.known.values()
        )
        assert SlopeBounds.from_document(bounds.to_document()) == bounds


@pytest.mark.parametrize(
    "document", [None, [], {}, {"version": 99, "heating_on": 0.1}, "x"]
)
def test_bounds_of_another_version_are_learned_anew(document):
    assert SlopeBounds.from_document(document) is None


def test_a_damaged_bound_is_left_out_and_the_others_stay():
    document = {"version": 1, "heating_on": "fast", "cooling_on": 1e9, "heating_off": 1}
    assert SlopeBounds.from_document(document) == SlopeBounds({"heating_off": 1.0})


# --- the day's calls --------------------------------------------------------------


@pytest.mark.parametrize(
    ("remaining", "threshold", "hours_left", "level"),
    [
        (10_000, 250, 24, "normal"),
        (5_000, 250, 12, "normal"),
        (2_000, 250, 12, "saving"),
        (2_000, 250, 3, "normal"),
        (500, 250, 3, "critical"),
        (600, 700, 3, "critical"),
        (1, 0, 3, "critical"),
        (0, 0, 3, "exhausted"),
    ],
)
def test_the_level_says_how_scarce_calls_are(remaining, threshold, hours_left, level):
    quota = Quota(10_000, remaining, 500, hours_left * 3600.0)
    assert quota.level(threshold) == level


@given(
    limit=st.integers(400, 20_000),
    share=st.floats(0, 1),
    seconds=st.floats(0, 86400),
    meters=st.integers(1, 50),
    wanted=st.floats(15, 3600),
)
def test_scarcer_calls_never_make_reading_more_frequent(
    limit, share, seconds, meters, wanted
):
    fewer = Quota(limit, int(limit * share), 300, seconds, meters)
    more = fewer._replace(remaining=limit)
    assert fewer.stretched(wanted) >= more.stretched(wanted) >= wanted


def test_saving_spreads_the_readings_over_the_rest_of_the_day():
    quota = Quota(10_000, 1_500, 500, 43_200.0, meters=4)
    assert quota.stretched(60) == pytest.approx(4 * 43_200 / 1_000)
    assert quota.stretched(600) == 600


def test_with_nothing_to_spend_it_looks_once_an_hour_or_at_the_reset():
    assert Quota(10_000, 500, 500, 43_200.0).stretched(60) == 3600
    assert Quota(10_000, 0, 500, 900.0).stretched(60) == 900


@given(
    st.integers(0, 10_000),
    st.floats(0.0, 86_400.0),
    st.integers(1, 50),
    st.floats(1, 9e3),
)
def test_where_calls_are_not_scarce_they_stretch_nothing(left, seconds, meters, wait):
    quota = Quota(10_000, left, 500, seconds, meters)
    if quota.where_scarce() is None:
        assert quota.stretched(wait) == wait
        assert quota.readable > 0
    else:
        assert quota.where_scarce() is quota
