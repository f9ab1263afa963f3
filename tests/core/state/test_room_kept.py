"""Is a room kept: the verdict, what it is judged by, and what of it is told. Pure."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from switchbot_automation.core.state.back import expected_back
from switchbot_automation.core.state.kept import (
    STATUSES,
    after_look,
    after_thorough_look,
    allowed,
    command_failed,
    command_taken,
    news_of,
    room_health,
    thorough_health,
)
from switchbot_automation.core.state.refusals import Scope, Tried, after_tries
from switchbot_automation.core.state.zone import (
    Doubt,
    Evidence,
    Excursion,
    Keeping,
    Notice,
    SensorRecord,
    Share,
    Way,
    ZoneState,
)
from switchbot_automation.model import Action, Power, Reason, ReasonCode
from switchbot_automation.settings.model import Overlay
from switchbot_automation.settings.read import parse_settings
from tests.cases import drawn

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ROOM = {
    "automation_enabled": True,
    "mode": "winter",
    "timezone": "UTC",
    "meter_device_id": "M",
    "aircon_device_id": "02-1",
    "hysteresis_celsius": 0.0,
    "winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 23.0},
    "summer": {"min_temp": 23.0, "max_temp": 26.0, "target_temp": 24.0},
    "time_windows": [{"days": list(range(7)), "start": "06:00", "end": "23:00"}],
}


def zone_of(**more):
    return parse_settings(ROOM | more).zones["default"]


ZONE = zone_of()
ALWAYS = [
    {"days": list(range(7)), "start": "00:00", "end": "12:00"},
    {"days": list(range(7)), "start": "12:00", "end": "00:00"},
]


def seen(
    state: ZoneState, temperature: float | None, at: datetime, *, on: bool | None = None
) -> ZoneState:
    """Return the state after the meter gave this, the unit as it was or as said."""
    record = SensorRecord(at, at, temperature, 50.0, at)
    if temperature is None:
        record = state.sensing or SensorRecord(at)
    changes = {
        "last_temperature": temperature,
        "last_read_at": at,
        "last_temperature_stale": False,
        "sensing": record,
    }
    if on is not None:
        changes |= {
            "power": Power.ON if on else Power.OFF,
            "action": Action.WINTER if on else Action.OFF,
        }
    return state._replace(**changes)


def lived(temperatures, zone=ZONE, state=None, begin=NOON, *, on=True, every=5):
    """Return the state after a reading every few minutes, and when the next is due."""
    state, at = state or ZoneState(), begin
    for temperature in temperatures:
        state = after_look(zone, seen(state, temperature, at, on=on), None, at).state
        at += every * MINUTE
    return state, at


def status(state, at, zone=ZONE):
    return room_health(zone, state, at).status


# --- kept, on its way back, not kept ---------------------------------------------------


def test_a_room_in_its_band_is_kept_since_then():
    state, at = lived([21.0] * 3)
    room = room_health(ZONE, state, at)
    assert room == ("kept", NOON, (ReasonCode.WITHIN_BAND,), None, None, None)
    assert not room.degraded


def test_a_room_that_was_never_looked_at_is_unknown_and_no_trouble():
    assert room_health(ZONE, ZoneState(), NOON)[0] == "unknown"
    assert not room_health(ZONE, ZoneState(), NOON).degraded


def test_a_cold_room_that_warms_is_on_its_way_back_for_hours():
    state, at = lived([12.0 + 0.1 * n for n in range(78)])
    room = room_health(ZONE, state, at)
    assert (room.status, room.since, room.advice) == ("recovering", NOON, None)
    state, at = lived([20.1], state=state, begin=at)
    assert status(state, at) == "kept"
    assert state.keeping.warmed == ((8.0, 78 * 300.0),)


@pytest.mark.parametrize(
    ("minutes", "expected"), [(45, "recovering"), (55, "not_kept")]
)
def test_a_room_that_does_not_move_is_not_kept_within_the_hour(minutes, expected):
    state, at = lived([18.0] * (minutes // 5))
    room = room_health(ZONE, state, at)
    assert room.status == expected
    assert room.degraded is (expected == "not_kept")


def test_a_room_that_falls_under_a_unit_believed_to_run_is_not_kept():
    state, at = lived([19.6 - 0.05 * n for n in range(14)])
    room = room_health(ZONE, state, at)
    assert room.status == "not_kept"
    assert room.since == NOON
    assert room.advice is ReasonCode.ROOM_DOES_NOT_FOLLOW


@pytest.mark.parametrize(
    "ways",
    [
        {"aircon_device_id": "", "scenes": {Action.WINTER: "S1", Action.OFF: "S2"}},
        {"cascade": ("button",), "buttons": {Action.WINTER: "h", Action.OFF: "o"}},
    ],
)
def test_a_unit_that_a_scene_sets_is_not_said_to_give_all_it_has(ways):
    """What its scene asks for nobody here knows: it may well be too little."""
    state = ZoneState(last_action_at=NOON, last_aircon_poll_at=NOON + MINUTE)
    state, at = lived([18.0] * 14, state=state)
    zone = replace(ZONE, **ways)
    assert room_health(zone, state, at).advice is ReasonCode.SET_ELSEWHERE


def test_a_unit_seen_to_run_is_at_its_limit():
    state = ZoneState(last_action_at=NOON, last_aircon_poll_at=NOON + MINUTE)
    state, at = lived([18.0] * 14, state=state)
    assert room_health(ZONE, state, at).advice is ReasonCode.UNIT_AT_CAPACITY


def test_a_unit_believed_to_rest_in_a_cold_room_is_named():
    state, at = lived([18.0] * 14, on=False)
    assert room_health(ZONE, state, at).advice is ReasonCode.UNIT_KEPT_OFF


def test_what_moves_too_slowly_is_not_kept_once_its_time_is_over():
    temperatures = [15.0 + 0.02 * n for n in range(110)]
    state, at = lived(temperatures[:90])
    assert status(state, at) == "recovering"
    state, at = lived(temperatures[90:], state=state, begin=at)
    assert status(state, at) == "not_kept"


def test_a_single_swing_does_not_bring_a_lost_room_back():
    state, at = lived([18.0] * 14)
    state, at = lived([18.3, 18.1, 18.3], state=state, begin=at)
    assert status(state, at) == "not_kept"
    state, at = lived([18.6], state=state, begin=at)
    assert status(state, at) == "recovering"


def test_a_little_too_cold_is_told_only_once_it_lasts():
    state, at = lived([19.5] * 70)
    assert status(state, at) == "recovering"
    state, at = lived([19.5] * 5, state=state, begin=at)
    assert status(state, at) == "not_kept"


def test_too_warm_by_the_sun_is_said_and_no_trouble():
    state, at = lived([24.0] * 60, on=False)
    room = room_health(ZONE, state, at)
    assert room[:1] + room[2:4] == (
        "recovering",
        (ReasonCode.ROOM_BEYOND_REACH,),
        None,
    )


def test_too_warm_by_a_unit_that_does_not_stop_is_trouble():
    state, at = lived([24.0] * 70)
    assert room_health(ZONE, state, at).advice is ReasonCode.ROOM_DOES_NOT_FOLLOW


@pytest.mark.parametrize(
    ("zone", "hot", "cooler"),
    [(ZONE, 28.0, 25.0), (zone_of(mode="summer"), 17.0, 20.0)],
)
def test_a_room_that_its_unit_drove_too_far_is_trouble_until_it_is_back(
    zone, hot, cooler
):
    state, at = lived([hot] * 130, zone, begin=NOON - 300 * MINUTE)
    state, news = news_of(zone, state, at)
    assert news.kind is ReasonCode.ROOM_DOES_NOT_FOLLOW
    # The unit rests, and cannot undo it: that is no end, and no other news.
    state, at = lived([hot, cooler], zone, state, begin=at, on=False)
    room = room_health(zone, state, at)
    assert (room.status, room.advice) == ("recovering", ReasonCode.ROOM_BEYOND_REACH)
    for _ in range(4):
        at += 5 * MINUTE
        state, news = news_of(zone, state, at)
        assert news is None
    inside = 21.0 if zone is ZONE else 24.0
    state, at = lived([inside], zone, state, begin=at, on=False)
    assert room_health(zone, state, at)[0:4:3] == ("kept", None)
    state, _none = news_of(zone, state, at)
    assert news_of(zone, state, at + 20 * MINUTE)[1].ended


# --- when it is expected back --------------------------------------------------------------


def with_course(state, begin, temperatures, every=5):
    """Return the state with its room's course, a reading every few minutes."""
    course = tuple(
        ((begin + every * n * MINUTE).timestamp(), each)
        for n, each in enumerate(temperatures)
    )
    return state._replace(evidence=Evidence(course=course))


@pytest.mark.parametrize(
    ("zone", "hot", "pace"), [(ZONE, 28.0, -0.2), (zone_of(mode="summer"), 17.0, 0.2)]
)
def test_a_room_that_its_unit_drove_too_far_is_expected_back_by_its_pace(
    zone, hot, pace
):
    """Six kelvin over for less than it may be: all is well, and nobody knew until when."""
    went = [hot + pace * n for n in range(7)]
    state, at = lived(went, zone, on=False)
    now = at - 5 * MINUTE
    state = with_course(state, NOON, went)
    room = room_health(zone, state, now)
    assert (room.status, room.advice) == ("recovering", None)
    # 4.8 K at 2.4 K an hour.
    assert room.expected_back == now + timedelta(hours=2)
    # It stands still, or goes further: nobody knows.
    for still in (0.0, -0.1 * pace):
        went = [hot + still * n for n in range(7)]
        state, at = lived(went, zone, on=False)
        state = with_course(state, NOON, went)
        assert room_health(zone, state, at).expected_back is None
    inside = 21.0 if zone is ZONE else 24.0
    state, at = lived([hot, inside], zone, on=False)
    assert room_health(zone, state, at).expected_back is None


def test_until_its_pace_is_seen_its_past_says_when_a_room_is_expected_back():
    state, at = lived([18.0] * 2)
    assert room_health(ZONE, state, at).expected_back is None
    past = state.keeping._replace(warmed=((1.5, 3600.0),))
    room = room_health(ZONE, state._replace(keeping=past), at)
    # 2 K take a third longer than 1.5 K took.
    assert room.expected_back == NOON + timedelta(minutes=80)
    # That is over, and it is not there.
    late = NOON + timedelta(minutes=81)
    room = room_health(ZONE, state._replace(keeping=past), late)
    assert room.expected_back is None


@pytest.mark.parametrize("cold", [18.0, 19.9])
def test_a_room_that_does_not_come_back_is_expected_at_no_time(cold):
    went = [cold] * 130
    state, at = lived(went)
    state = with_course(state, at - 120 * MINUTE, went[:24])
    assert room_health(ZONE, state, at).expected_back is None


@given(
    st.lists(st.floats(-40.0, 60.0), min_size=1, max_size=24),
    st.floats(0.0, 60.0),
    st.lists(st.tuples(st.floats(0.0, 60.0), st.floats(0.0, 1e7)), max_size=8),
    st.booleans(),
    st.integers(0, 100_000),
)
def test_whatever_was_read_it_is_expected_within_a_day_or_at_no_time(
    went, kelvin, known, low, seconds
):
    now = NOON + timedelta(seconds=seconds)
    out = Excursion(NOON - timedelta(days=1), low, max(kelvin, 0.1), 0.0, NOON)
    course = [((NOON + 5 * n * MINUTE).timestamp(), one) for n, one in enumerate(went)]
    back = expected_back(out, kelvin, went[-1], course, known=known, now=now)
    assert back is None or now < back <= now + timedelta(hours=24, minutes=5)


# --- what was learned ------------------------------------------------------------------


@given(
    st.floats(0.3, 30.0),
    st.lists(st.tuples(st.floats(0.01, 30.0), st.floats(0.0, 1e5)), max_size=8),
)
def test_a_room_gets_two_to_twelve_hours_and_more_the_further_it_is(kelvin, known):
    keeping = Keeping(warmed=tuple(known))
    wanted = allowed(keeping, kelvin, low=True)
    assert timedelta(hours=2) <= wanted <= timedelta(hours=12)
    nothing = Keeping()
    assert allowed(nothing, kelvin, low=True) <= allowed(nothing, kelvin + 1, low=True)
    assert allowed(keeping, kelvin, low=False) == allowed(nothing, kelvin, low=False)


def test_its_own_history_says_what_a_room_needs():
    fast = Keeping(warmed=((3.0, 1200.0),))
    slow = Keeping(warmed=((3.0, 18000.0),))
    assert allowed(fast, 3.0, low=True) == timedelta(hours=2)
    assert allowed(slow, 3.0, low=True) == timedelta(hours=8)
    # A dip of a moment says nothing of a cold house.
    assert allowed(Keeping(warmed=((0.4, 300.0),)), 5.0, low=True) == timedelta(hours=8)


def test_a_recovery_that_stood_still_teaches_nothing():
    state, at = lived([18.0] * 14 + [19.0, 20.1])
    assert status(state, at) == "kept"
    assert state.keeping.warmed == ()


def test_recoveries_are_kept_few_and_by_direction():
    state, at = ZoneState(), NOON
    for _ in range(12):
        state, at = lived([19.0, 19.5, 20.1], state=state, begin=at)
    assert state.keeping.warmed == ((1.0, 600.0),) * 8
    assert state.keeping.cooled == ()


# --- left alone, paused, blind -----------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "at", "code"),
    [
        ({"automation_enabled": False}, NOON, ReasonCode.AUTOMATION_DISABLED),
        ({"observe_only": True}, NOON, ReasonCode.OBSERVE_ONLY),
        ({}, NOON + timedelta(hours=12), ReasonCode.OUTSIDE_WINDOWS),
        ({"time_windows": []}, NOON, ReasonCode.NO_WINDOWS),
    ],
)
def test_a_room_that_nobody_keeps_is_off_and_no_trouble(more, at, code):
    zone = zone_of(**more)
    state, at = lived([10.0] * 20, zone, begin=at)
    room = room_health(zone, state, at)
    assert (room.status, room.reasons, room.degraded) == ("off", (code,), False)


def test_a_person_s_hold_is_a_pause_that_may_last():
    state, at = lived([15.0] * 3, state=ZoneState(hold_until=NOON + timedelta(days=9)))
    at += timedelta(days=2)
    state = seen(state, 15.0, at)
    room = room_health(ZONE, after_look(ZONE, state, None, at).state, at)
    assert (room.status, room.degraded) == ("paused", False)


@pytest.mark.parametrize("ended_by", ["time", "a person"])
def test_after_a_hold_a_room_that_went_cold_is_not_kept_before_the_next_look(ended_by):
    until = NOON + timedelta(hours=2)
    state, at = lived([21.0] * 2 + [15.0] * 20, state=ZoneState(hold_until=until))
    assert status(state, at) == "paused"
    at = until if ended_by == "time" else at
    state = state._replace(hold_until=until if ended_by == "time" else None)
    room = room_health(ZONE, state, at)
    assert (room.status, room.reasons) == (
        "recovering",
        (ReasonCode.ROOM_OUT_OF_BAND,),
    )


def paused(since):
    pause = Reason(ReasonCode.OPENING_OPEN)
    return replace(ZONE, overlay=Overlay(ZONE, pause=pause, paused_since=since))


@pytest.mark.parametrize(
    ("hours", "temperature", "degraded"),
    [(0.5, 10.0, False), (1.0, 16.9, True), (3.0, 19.0, False), (12.0, 21.0, True)],
)
def test_a_pause_that_never_ends_or_costs_the_room_is_trouble(
    hours, temperature, degraded
):
    zone = paused(NOON)
    zone = replace(zone, time_windows=zone_of(time_windows=ALWAYS).time_windows)
    at = NOON + timedelta(hours=hours)
    state = after_look(zone, seen(ZoneState(), temperature, at), None, at).state
    room = room_health(zone, state, at)
    assert (room.status, room.since) == ("paused", NOON)
    assert room.degraded is degraded


def test_after_a_long_pause_a_room_has_its_time_anew():
    state, at = lived([19.0, 18.0])
    state, at = lived([15.0] * 24, paused(at), state, at, on=False)
    state, at = lived([15.0] * 5, state=state, begin=at)
    room = room_health(ZONE, state, at)
    assert (room.status, room.since) == ("recovering", at - 25 * MINUTE)


def test_pauses_one_after_the_other_do_not_hide_a_cold_room():
    state, at = ZoneState(), NOON
    for _ in range(9):
        state, at = lived([17.0] * 6, paused(at), state, at, on=False)
        state, at = lived([17.0] * 3, state=state, begin=at)
    assert status(state, at) == "not_kept"


@pytest.mark.parametrize(
    "problem", [ReasonCode.NO_READING, ReasonCode.TEMPERATURE_IMPLAUSIBLE]
)
def test_answers_without_a_temperature_are_blind_and_trouble_once_they_last(problem):
    state, at = lived([21.0])
    state = after_look(ZONE, seen(state, None, at), problem, at).state
    room = room_health(ZONE, state, at)
    assert (room.status, room.reasons, room.degraded) == ("blind", (problem,), False)
    later = at + 10 * MINUTE
    # A tick between two readings has only the last one, and not its cause.
    state = after_look(ZONE, state, ReasonCode.NO_READING, later).state
    room = room_health(ZONE, state, later)
    assert (room.since, room.advice) == (at, problem)
    state, at = lived([21.0], state=state, begin=later)
    assert status(state, at) == "kept"


def test_silence_is_blind_since_the_last_word_also_between_two_ticks():
    state, _at = lived([21.0])
    room = room_health(ZONE, state, NOON + timedelta(hours=3))
    assert (room.status, room.since) == ("blind", NOON)
    assert room.advice is ReasonCode.READING_TOO_OLD


@pytest.mark.parametrize("ago", [1, 29, 45, 110])
def test_silence_is_told_ten_minutes_after_the_look_that_found_it(ago):
    """Not ten minutes after the last reading, which may be long ago by design."""
    state, _at = lived([21.0])
    found = NOON + ago * MINUTE
    silent = seen(state, None, found)._replace(
        last_temperature=21.0, last_read_at=NOON, last_temperature_stale=True
    )
    state = after_look(ZONE, silent, ReasonCode.METER_UNREACHABLE, found).state
    room = room_health(ZONE, state, found)
    assert (room.status, room.since, room.advice) == ("blind", NOON, None)
    for minutes, told in ((9, False), (11, True)):
        at = found + minutes * MINUTE
        state = after_look(ZONE, state, ReasonCode.METER_UNREACHABLE, at).state
        assert bool(room_health(ZONE, state, at).advice) is told
    state, _at = lived([21.0], state=state, begin=found + 15 * MINUTE)
    assert state.keeping.blind_found is None


def test_a_zone_without_a_meter_cannot_be_known():
    zone = zone_of(meter_device_id="")
    state = after_look(zone, ZoneState(), ReasonCode.NO_METER, NOON).state
    room = room_health(zone, state, NOON)
    assert (room.status, room.advice) == ("unknown", ReasonCode.NO_METER)


# --- commands ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {"aircon_device_id": ""},
        {"aircon_device_id": "", "aircon_scenes": {"winter": "S"}},
        {"cascade": ["scene"]},
    ],
)
def test_a_zone_without_a_way_to_command_is_trouble_although_in_its_band(more):
    zone = zone_of(**more)
    state, at = lived([21.0] * 3, zone)
    assert room_health(zone, state, at).advice is ReasonCode.NO_RUNG_CONFIGURED
    only_looks = replace(zone, observe_only=True)
    assert not room_health(only_looks, state, at).degraded


def test_commands_that_fail_are_trouble_with_their_cause_until_one_is_taken():
    state, at = lived([21.0])
    state = command_failed(state, "once", NOON)
    assert not room_health(ZONE, state, NOON + 20 * MINUTE).degraded
    state = command_failed(state, "device not found", NOON + 10 * MINUTE)
    state, at = lived([21.0], state=state, begin=NOON + 15 * MINUTE)
    room = room_health(ZONE, state, at)
    assert (room.advice, room.cause) == (ReasonCode.COMMANDS_FAIL, "device not found")
    assert not room_health(ZONE, command_taken(state), at).degraded


@pytest.mark.parametrize(
    ("scope", "stands"), [(Scope.A_WHILE, False), (Scope.DEVICE, True)]
)
def test_what_failed_for_a_while_and_is_wanted_no_more_is_over(scope, stands):
    """Too many calls at once, twice, and nothing to be told for a day: it stood for a week."""
    way = Way("02-1", "command", "off")
    words = "too many calls at once"
    state, at = lived([21.0])
    for minutes in (0, 10):
        state = command_failed(state, words, NOON + minutes * MINUTE)
        tried = Tried(way, taken=False, scope=scope, words=words)
        refusals = after_tries(state.refusals, [tried], NOON + minutes * MINUTE)
        state = state._replace(refusals=refusals)
    state, at = lived([21.0], state=state, begin=NOON + 15 * MINUTE)
    assert room_health(ZONE, state, at).degraded
    state, at = lived([21.0] * 100, state=state, begin=NOON + 20 * MINUTE)
    assert room_health(ZONE, state, at).degraded
    state, at = lived([21.0] * 200, state=state, begin=at)
    assert room_health(ZONE, state, at).degraded is stands


def test_nobody_knowing_for_long_what_the_unit_does_is_trouble():
    state = ZoneState(uncertain=True)
    state, at = lived([21.0] * 12, state=state)
    assert not room_health(ZONE, state, at - 5 * MINUTE).degraded
    assert room_health(ZONE, state, at).advice is ReasonCode.BELIEF_UNCERTAIN


# --- what is told --------------------------------------------------------------------------


def test_a_trouble_is_told_once_over_a_restart_and_its_end_once():
    state, at = lived([18.0] * 14)
    state, news = news_of(ZONE, state, at)
    assert (news.kind, news.since, news.ended) == (
        ReasonCode.ROOM_DOES_NOT_FOLLOW,
        NOON,
        False,
    )
    document = json.loads(json.dumps(state.merged_into({}, ZoneState())))
    state = ZoneState.from_document(document)
    told = []
    for temperature in [18.0, 18.0, 19.0, 20.1, 20.3, 20.5, 20.5, 20.5]:
        state, at = lived([temperature], state=state, begin=at)
        state, news = news_of(ZONE, state, at)
        told += [news] if news else []
    assert [(each.kind, each.since, each.ended) for each in told] == [
        (ReasonCode.ROOM_DOES_NOT_FOLLOW, NOON, True)
    ]
    assert state.keeping.told == ()


def test_a_trouble_that_returns_within_minutes_is_not_told_again():
    state, at = lived([18.0] * 14)
    state, news = news_of(ZONE, state, at)
    told = [news]
    for temperature in [18.7, 20.1, 18.0, *[18.0] * 14]:
        state, at = lived([temperature], state=state, begin=at)
        state, news = news_of(ZONE, state, at)
        told += [news] if news else []
    assert len(told) == 1


def told_while(works, *, begin):
    """Return what is told while a cold room's plug shows, or does not, that its unit works.

    One look every five minutes; `begin` is a state of which something was told.
    """
    (state, at), told = begin, []
    for shown in works:
        seen = Evidence(plug=Power.ON, plug_since=at, plug_at=at) if shown else None
        state, at = lived([18.0], state=state._replace(evidence=seen), begin=at)
        document = json.loads(json.dumps(state.merged_into({}, ZoneState())))
        state = ZoneState.from_document(document)
        state, news = news_of(ZONE, state, at)
        told += [news.kind] if news else []
    return told


@pytest.mark.parametrize(
    ("works", "told"),
    [
        # One reading, a dip, and to and fro.
        ([1, *[0] * 12], []),
        ([1, 1, 1, 0, *[1] * 3, 0, 0, *[1] * 4, 0], []),
        # It lasts.
        ([1] * 8, [ReasonCode.UNIT_AT_CAPACITY]),
        ([1] * 8 + [0] * 8 + [1] * 8, [ReasonCode.UNIT_AT_CAPACITY]),
    ],
)
def test_another_word_for_what_was_told_is_told_once_it_lasts(works, told):
    """Each defrost of a unit at its end was a notice that the room did not follow."""
    state, at = lived([18.0] * 14)
    state, news = news_of(ZONE, state, at)
    assert news.kind is ReasonCode.ROOM_DOES_NOT_FOLLOW
    assert told_while(works, begin=(state, at)) == told


def nights(*hours_well, state=None, begin=NOON):
    """Return what is told of a room that is lost, and then well for so many hours, by turns."""
    told, at = [], begin
    for hours in hours_well:
        for temperature in [18.0] * 14 + [20.5] * (12 * hours):
            state, at = lived([temperature], state=state or ZoneState(), begin=at)
            document = json.loads(json.dumps(state.merged_into({}, ZoneState())))
            state, news = news_of(ZONE, ZoneState.from_document(document), at)
            told += [news.ended] if news else []
    return told


def test_what_comes_each_night_is_told_once_more_and_over_once_a_night_went_well():
    """A boiler that rests at night was three notices a night, and a good end each morning."""
    assert nights(23, 23, 23, 23) == [False, True, False]
    assert nights(23, 23, 23, 30) == [False, True, False, True]


def test_what_is_back_after_days_is_told_anew():
    assert nights(30, 2) == [False, True] * 2


def told_of(kind, **more):
    keeping = Keeping(told=(Notice(kind, NOON),), **more)
    return ZoneState(keeping=keeping, last_temperature=20.5, last_read_at=NOON)


def ends_after(zone, state, *, hours=30):
    """Return after how many minutes of a room that is well its end is told."""
    for minute in range(0, hours * 60, 5):
        at = NOON + minute * MINUTE
        state, news = news_of(zone, state, at)
        if news is not None:
            return minute
    return None


def test_a_unit_without_effect_is_not_well_for_its_rest():
    """A second stage that lost each ON was told of, and told well, each time it was not needed."""
    plug = zone_of(power_meter_device_id="P")
    state = told_of(ReasonCode.DEVICE_UNRESPONSIVE)
    assert ends_after(plug, state) == 26 * 60
    works = state._replace(power=Power.ON, action=Action.WINTER)
    # One that obeyed once may lose the next order.
    assert ends_after(plug, works) == 6 * 60
    # Nothing is asked of an infrared unit, so that a rest is all there will be.
    infrared = zone_of(aircon_device_id="02-202008110034-13")
    assert ends_after(infrared, state) == 10


def test_a_plug_is_not_believed_for_good_for_being_right_a_few_times():
    assert ends_after(ZONE, told_of(ReasonCode.PLUG_MISREADS)) == 6 * 60


@pytest.mark.parametrize(
    "kind",
    [ReasonCode.CLOUD_UNREACHABLE, ReasonCode.SENSOR_FROZEN, ReasonCode.TANK_EMPTY],
)
def test_the_end_of_what_a_person_mends_is_told_at_once_each_time(kind):
    again = told_of(kind, over=(Notice(kind, NOON - 60 * MINUTE),))
    assert ends_after(ZONE, again) == 10


# --- its document --------------------------------------------------------------------------


moments = st.datetimes(
    NOON.replace(tzinfo=None, year=2020),
    NOON.replace(tzinfo=None, year=2030),
    timezones=st.just(UTC),
)
instants = st.none() | moments
numbers = st.floats(-50.0, 50.0)
excursions = st.builds(
    Excursion,
    moments,
    st.booleans(),
    numbers,
    numbers,
    moments,
    st.none() | numbers,
    st.booleans(),
    numbers,
)
notices = st.builds(Notice, st.sampled_from(ReasonCode), moments)
shares = st.builds(
    Share,
    of=st.floats(0.0, 1.0),
    at=moments,
    past=st.booleans(),
    since=moments,
    much=st.booleans(),
)
keepings = st.builds(
    Keeping,
    swings=st.none() | shares,
    air=st.none() | shares,
    status=st.sampled_from(STATUSES),
    since=instants,
    excursion=st.none() | excursions,
    warmed=st.lists(st.tuples(numbers, numbers), max_size=8).map(tuple),
    cooled=st.just(()),
    unsure_since=instants,
    failed_since=instants,
    failed_at=instants,
    told=st.lists(notices, max_size=3).map(tuple),
    turned=st.none() | notices,
    over=st.lists(notices, max_size=3).map(tuple),
    blind_since=instants,
    blind_found=instants,
    blind_why=st.none() | st.sampled_from(ReasonCode),
    failed=st.integers(0, 9),
    failed_error=st.none() | st.text(min_size=1),
    failed_unit=st.text(),
    well_since=instants,
)
damaged = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [*Keeping._fields, *Excursion._fields, *Share._fields, "kind"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(keepings)
def test_what_is_kept_comes_back_from_its_document(keeping):
    document = json.loads(json.dumps(keeping.to_document()))
    assert Keeping.from_document(document) == keeping


@given(damaged, st.floats(-30.0, 50.0))
@example({"failed_error": ""}, 0.0)
def test_no_document_is_too_damaged(value, temperature):
    state = ZoneState.from_document({"kept": value})
    state, at = lived([temperature] * 3, state=state)
    room = room_health(ZONE, state, at)
    assert room.status in STATUSES
    again = ZoneState.from_document(state.merged_into({}, ZoneState()))
    assert again.keeping == state.keeping


@given(
    st.lists(
        st.tuples(st.none() | st.floats(-10.0, 45.0), st.booleans()),
        min_size=1,
        max_size=60,
    )
)
def test_whatever_a_room_does_the_word_of_it_holds_together(course):
    state, at = ZoneState(), NOON
    for temperature, on in course:
        state, at = lived([temperature], state=state, begin=at, on=on)
        room = room_health(ZONE, state, at - 5 * MINUTE)
        assert room.reasons
        assert room.since is not None
        assert room.since <= at
        if room.status == "kept":
            assert temperature is not None
            assert 19.7 <= temperature <= 22.5
        if room.status in ("not_kept", "blind") and room.degraded:
            assert room.advice in room.reasons


# --- what is plain is found in one look ------------------------------------------------

LATE = NOON + timedelta(hours=12)
INSTANTS = st.sampled_from([None, NOON - timedelta(hours=2), NOON - MINUTE, NOON])
ODDITIES = (
    "temperature",
    "read_at",
    "stale",
    "doubt",
    "distrust",
    "status",
    "since",
    "excursion",
    "blind",
    "unsure",
    "failed",
    "told",
    "turned",
    "uncertain",
    "held",
    "evidence",
    "no record",
    "not looked at",
    "meters",
    "mode",
    "observes",
    "disabled",
    "no way",
    "paused",
)


DOUBTS = (
    ReasonCode.SENSOR_FROZEN,
    ReasonCode.TEMPERATURE_JUMPED,
    ReasonCode.METERS_DISAGREE,
)


@st.composite
def rooms(draw):
    """Yield a zone and a state with nothing the matter but one thing or two."""
    odd = draw(st.sets(st.sampled_from(ODDITIES), max_size=2))
    temperature, why = 21.0, draw(st.sampled_from(DOUBTS))
    if "temperature" in odd:
        temperature = draw(st.sampled_from([None, 19.0, 19.9, 20.0, 22.0, 22.6]))
    record = SensorRecord(NOON, NOON, temperature, 50.0, NOON)._replace(
        doubt=why if "doubt" in odd else None,
        doubted_at=NOON - timedelta(hours=1),
        distrust=why if "distrust" in odd else None,
    )
    out = Excursion(NOON - MINUTE, low=True, furthest=1.0, turned=19.0, moved_at=NOON)
    failed = NOON - timedelta(minutes=30) if "failed" in odd else None
    kept = Keeping(
        status=draw(st.sampled_from(STATUSES)) if "status" in odd else "kept",
        since=draw(INSTANTS) if "since" in odd else NOON,
        excursion=out if "excursion" in odd else None,
        blind_since=NOON if "blind" in odd else None,
        unsure_since=NOON if "unsure" in odd else None,
        failed=2 if failed else 0,
        failed_since=failed,
        failed_at=failed,
        told=(Notice(why, NOON),) if "told" in odd else (),
        turned=Notice(why, NOON) if "turned" in odd else None,
    )
    doubt = Doubt("room", NOON, Action.WINTER) if "evidence" in odd else None
    state = ZoneState(
        last_temperature=temperature,
        last_read_at=draw(INSTANTS) if "read_at" in odd else NOON,
        last_temperature_stale="stale" in odd,
        power=draw(st.sampled_from(Power)),
        action=draw(st.sampled_from([None, *Action])),
        uncertain="uncertain" in odd,
        hold_until=NOON + timedelta(hours=1) if "held" in odd else None,
        sensing=None if "no record" in odd else record,
        meters_seen=(("M", record), ("N", record._replace(doubt=why))),
        evidence=Evidence(doubt=doubt) if draw(st.booleans()) or doubt else None,
        keeping=None if "not looked at" in odd else kept,
    )
    more = {}
    if "meters" in odd:
        more["sensors"] = [{"device_id": "M"}, {"device_id": "N"}]
    if "mode" in odd:
        more["mode"] = draw(st.sampled_from(["summer", "auto"]))
    if "no way" in odd:
        more["aircon_device_id"] = ""
    zone = zone_of(
        **more,
        observe_only="observes" in odd,
        automation_enabled="disabled" not in odd,
    )
    if "paused" in odd:
        pause = Reason(ReasonCode.OPENING_OPEN)
        zone = replace(zone, overlay=Overlay(zone, pause=pause, paused_since=NOON))
    return zone, state


PROBLEMS = st.sampled_from([None, ReasonCode.NO_READING, ReasonCode.QUOTA_RESERVE])


@settings(max_examples=drawn(150, many=400))
@given(rooms(), PROBLEMS, st.sampled_from([NOON, NOON + 40 * MINUTE, LATE]))
def test_a_room_with_nothing_the_matter_is_as_a_thorough_look_finds_it(
    room, problem, now
):
    zone, state = room
    assert after_look(zone, state, problem, now) == after_thorough_look(
        zone, state, problem, now
    )


@settings(max_examples=drawn(150, many=1000))
@given(rooms(), st.sampled_from([NOON, NOON + 40 * MINUTE, LATE]))
def test_the_health_of_a_room_that_is_well_is_as_a_thorough_look_tells_it(room, now):
    zone, state = room
    assert room_health(zone, state, now) == thorough_health(zone, state, now)
    looked = after_look(zone, state, None, now).state
    assert room_health(zone, looked, now) == thorough_health(zone, looked, now)
