"""What is believed of refusals: learned, widened, tried again ever less often, ended."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation import errors
from switchbot_automation.core.state import refusals as known
from switchbot_automation.core.state.refusals import Scope, Tried
from switchbot_automation.core.state.zone import Refusal, Way, ZoneState
from switchbot_automation.model import Action, ReasonCode
from switchbot_automation.settings.model import (
    Air,
    EquipmentUnit,
    Humidity,
    Profile,
    ZoneSettings,
)

NOW = datetime(2026, 1, 12, tzinfo=UTC)
UNIT = "02-202008110034-13"
ZONE = ZoneSettings(
    "den",
    ZoneInfo("UTC"),
    aircon_device_id=UNIT,
    meter_device_id="M1",
    winter=Profile(20, 22, 23, 3, 5),
)
WARM = known.way_of_setting(UNIT, "23,5,3,on")
HALF = known.way_of_setting(UNIT, "22.5,5,3,on")
OFF = Way(UNIT, "command", known.TURN_OFF)
WAYS = (WARM, known.way_of_setting(UNIT, "19,5,3,on"), HALF, OFF, Way("S1", "scene"))

instants = st.integers(0, 20 * 86400).map(lambda s: NOW + timedelta(seconds=s))


def refuse(way, scope, now=NOW, before=()):
    said = Tried(way, taken=False, scope=scope, words="no")
    return known.after_tries(before, (said,), now, settings=known.fingerprint(ZONE))


def classes(root):
    yield root
    for each in root.__subclasses__():
        yield from classes(each)


def test_every_error_of_the_cloud_is_in_the_table():
    ours = {each for each in classes(errors.CloudError) if "errors" in each.__module__}
    assert ours == set(known._SCOPES)


@pytest.mark.parametrize(
    ("error", "scope"),
    [
        (errors.UnsupportedCommandError("x", status_code=160), Scope.COMMAND),
        (errors.UnsupportedCommandError("x", status_code=151), Scope.COMMAND),
        (errors.BadParameterError("x", status_code=152), Scope.DEVICE),
        (errors.BadParameterError('"wrong deviceId"', status_code=190), Scope.DEVICE),
        (errors.BadParameterError("param is invalid", status_code=190), Scope.VALUE),
        (errors.BadParameterError("invalid infrared command format"), Scope.COMMAND),
        (errors.CloudServerError("System error", status_code=190), None),
        (errors.RateLimitedError("slow down"), None),
        (errors.HubOfflineError("hub"), None),
        (errors.DeviceOfflineError("off"), None),
        (errors.QuotaExhaustedError("day"), None),
        (errors.AuthError("who"), None),
        (errors.CloudTimeoutError("late"), None),
        (errors.WebhookError("gone", status=410), Scope.DEVICE),
        (errors.WebhookError("busy", status=429), None),
        (errors.WebhookError("broken", status=502), None),
        (TypeError("a host's own"), None),
    ],
)
def test_what_lasts_is_told_by_the_class_of_the_error(error, scope):
    assert known.scope_of(error) is scope


def test_a_device_that_is_not_there_takes_no_setpoint_and_off_is_tried_by_itself():
    found = refuse(WARM, Scope.DEVICE)
    assert known.refused(found, HALF, NOW) is not None
    assert known.refused(found, OFF, NOW) is None
    assert found[0].code is ReasonCode.DEVICE_NOT_FOUND
    after = known.after_tries(found, (Tried(OFF, taken=True),), NOW)
    assert after == found


def test_a_command_that_is_not_known_is_refused_with_every_value_and_off_is_not():
    found = refuse(WARM, Scope.COMMAND)
    assert known.refused(found, HALF, NOW) is not None
    assert known.refused(found, OFF, NOW) is None


def test_a_value_that_is_refused_says_nothing_of_others():
    found = refuse(HALF, Scope.VALUE)
    assert known.refused(found, known.way_of_setting(UNIT, "19.5,5,1,on"), NOW)
    assert known.refused(found, WARM, NOW) is None


FOR_GOOD = [Scope.DEVICE, Scope.COMMAND, Scope.VALUE]


@given(st.sampled_from(WAYS), st.sampled_from(FOR_GOOD), st.integers(1, 30))
def test_in_the_end_a_way_is_tried_four_times_a_day(way, scope, days):
    found, at, tries = (), NOW, []
    while at < NOW + timedelta(days=days):
        if known.refused(found, way, at) is None:
            found = refuse(way, scope, at, found)
            tries.append(at)
        at += timedelta(minutes=2)
    assert len(tries) <= 3 + 4 * days
    assert len(tries) >= 4 * days
    assert found[0].since == NOW


@given(
    st.sampled_from(WAYS),
    st.integers(20, 300),
    st.lists(st.booleans(), min_size=1, max_size=40),
)
def test_what_fails_for_a_while_is_tried_within_a_quarter_of_an_hour(
    way, every, answers
):
    state, at, tries = ZoneState(), NOW, []
    turns = iter(answers * 2000)
    while at < NOW + timedelta(hours=6):
        if next(turns):
            state = known.answering(state, at)
        if known.refused(state.refusals, way, at) is None:
            found = refuse(way, Scope.A_WHILE, at, state.refusals)
            state = state._replace(refusals=found)
            tries.append(at)
        at += timedelta(seconds=every)
    apart = [after - before for before, after in pairwise(tries)]
    assert max(apart) <= timedelta(minutes=15, seconds=every)
    for first in tries:
        within = [each for each in tries if first <= each < first + timedelta(hours=1)]
        assert len(within) <= 12
    assert not known.is_known(state.refusals, way)
    (found,) = state.refusals
    assert found.since == NOW


@given(
    st.lists(
        st.sampled_from(
            [Way("B1", "button"), Way("S1", "scene"), Way("W1", "webhook")]
        ),
        unique=True,
        max_size=2,
    ),
    st.integers(20, 300),
    st.lists(st.booleans(), min_size=1, max_size=40),
)
def test_a_unit_with_several_ways_is_tried_in_vain_no_more_often(
    beside, every, answers
):
    """Each look tries all that may be tried, as a home does whose hub is offline."""
    state, at, failed, of_first = ZoneState(), NOW, [], []
    turns = iter(answers * 2000)
    while at < NOW + timedelta(hours=8):
        if next(turns):
            state = known.answering(state, at)
        tried = [
            Tried(way, taken=False, scope=Scope.A_WHILE, words="no")
            for way in (OFF, *beside)
            if known.refused(state.refusals, way, at) is None
        ]
        settings = known.fingerprint(ZONE)
        state = known.learned(state, tried, at, settings=settings)
        state = known.still_believed(state, ZONE, at)
        failed += [at] * len(tried)
        of_first += [at] * any(each.way == OFF for each in tried)
        at += timedelta(seconds=every)
    for first in failed:
        within = [each for each in failed if first <= each < first + timedelta(hours=1)]
        assert len(within) <= 12
    longest = timedelta(minutes=15 * (1 + len(beside)), seconds=every)
    assert max(after - before for before, after in pairwise(of_first)) <= longest


@given(
    st.integers(20, 300),
    st.lists(st.booleans(), min_size=1, max_size=40),
    st.lists(st.integers(6, 90), min_size=1, max_size=20),
)
def test_another_command_to_a_unit_that_fails_is_tried_at_once_and_then_as_seldom(
    every, answers, minutes
):
    """A night begins while the hub is offline: all was tried as soon as for the first time."""
    state, at, failed, late = ZoneState(), NOW, [], []
    turns, changes = iter(answers * 2000), iter(minutes * 2000)
    wanted, otherwise = WARM, OFF
    change = at + timedelta(minutes=next(changes))
    while at < NOW + timedelta(hours=8):
        if at >= change:
            wanted, otherwise = otherwise, wanted
            change = at + timedelta(minutes=next(changes))
        if next(turns):
            state = known.answering(state, at)
        if known.refused(state.refusals, wanted, at) is None:
            found = refuse(wanted, Scope.A_WHILE, at, state.refusals)
            state = state._replace(refusals=found)
            failed.append(at)
        elif wanted is OFF and not any(each.way == OFF for each in state.refusals):
            late.append(at)
        state = known.still_believed(state, ZONE, at)
        at += timedelta(seconds=every)
    assert late == []
    for first in failed:
        within = [each for each in failed if first <= each < first + timedelta(hours=1)]
        assert len(within) <= 12


@pytest.mark.parametrize("scope", FOR_GOOD)
def test_what_is_refused_for_good_and_fails_meanwhile_stays_refused(scope):
    found = refuse(OFF, scope)
    assert refuse(OFF, Scope.A_WHILE, NOW + timedelta(minutes=1), found) == found
    back = refuse(OFF, scope, NOW, refuse(OFF, Scope.A_WHILE))
    assert known.is_known(back, OFF)


def unanswered(way, now, before=()):
    said = Tried(way, taken=False, scope=Scope.A_WHILE, words="late", maybe=True)
    return known.after_tries(before, (said,), now, settings=known.fingerprint(ZONE))


@given(st.sampled_from(WAYS), st.integers(20, 300))
def test_what_nobody_answers_is_repeated_six_times_in_six_hours_at_most(way, every):
    found, at, tries = (), NOW, []
    while at < NOW + timedelta(hours=20):
        found = known.answering(ZoneState(refusals=found), at).refusals
        if known.refused(found, way, at) is None:
            found = unanswered(way, at, found)
            tries.append(at)
        at += timedelta(seconds=every)
    for first in tries[1:]:
        within = [each for each in tries if first <= each < first + timedelta(hours=6)]
        assert len(within) <= 6


def test_what_is_wanted_otherwise_meanwhile_is_sent_at_once_though_nobody_answers():
    found = unanswered(OFF, NOW, unanswered(WARM, NOW))
    assert known.refused(found, WARM, NOW) is None
    assert known.refused(found, OFF, NOW) is not None
    assert Refusal.from_document(found[0].to_document()) == found[0]


def test_a_call_that_was_not_made_is_no_failure_of_the_way():
    assert known.scope_of_command(errors.QuotaExhaustedError("day")) is None
    assert known.scope_of_command(TypeError("a host's own")) is Scope.A_WHILE


@given(st.lists(st.floats(10, 35).map(lambda t: round(t * 2) / 2), max_size=60))
def test_a_unit_is_not_led_through_all_the_values_it_refuses(targets):
    found, tries = (), 0
    for minute, target in enumerate(targets):
        now = NOW + timedelta(seconds=minute)
        way = known.way_of_setting(UNIT, f"{target:g},5,3,on")
        if known.refused(found, way, now) is None:
            found, tries = refuse(way, Scope.VALUE, now, found), tries + 1
    assert tries <= known._MOST_VALUES + 1


@given(st.lists(st.tuples(st.sampled_from(WAYS), st.sampled_from(Scope)), max_size=8),
       st.sampled_from(WAYS))  # fmt: skip
def test_success_ends_all_that_forbade_the_way(refusals, way):
    found = ()
    for each, scope in refusals:
        found = refuse(each, scope, before=found)
    after = known.after_tries(found, (Tried(way, taken=True),), NOW)
    assert not known.is_known(after, way)
    assert set(after) <= set(found)


def test_what_fails_for_a_while_changes_nothing():
    found = refuse(WARM, Scope.VALUE)
    assert known.after_tries(found, (Tried(WARM, taken=False),), NOW) == found


@pytest.mark.parametrize(
    "change",
    [
        {"buttons": {Action.WINTER: "heat"}},
        {"scenes": {Action.WINTER: "S9"}},
        {"winter": Profile(20, 22, 24, 3, 5)},
        {"half_degrees": True},
        {"cascade": ("command",)},
        {"aircon_device_id": "other"},
        {"equipment": (EquipmentUnit("heater", UNIT, channel=2),)},
        {"humidity": Humidity(min_percent=40)},
        {"air": Air(max_co2_ppm=900)},
    ],
)
def test_other_settings_end_it_and_the_same_do_not(change):
    state = ZoneState(refusals=refuse(WARM, Scope.COMMAND))
    assert known.still_believed(state, ZONE, NOW) is state
    assert known.still_believed(state, replace(ZONE, **change), NOW).refusals == ()


def test_it_is_forgotten_a_week_after_it_was_last_refused():
    state = ZoneState(refusals=refuse(WARM, Scope.COMMAND))
    almost = NOW + known.FORGOTTEN - timedelta(seconds=1)
    assert known.still_believed(state, ZONE, almost).refusals
    assert not known.still_believed(state, ZONE, NOW + known.FORGOTTEN).refusals


def test_the_accounts_list_ends_it_once_it_shows_the_device_otherwise():
    found = refuse(WARM, Scope.DEVICE)
    found = known.listed(found, {})
    assert found[0].listed == ""
    assert known.listed(found, {}) is found
    assert known.listed(found, {UNIT: "Air Conditioner"}) == ()


@given(instants, instants)
def test_a_clock_set_back_makes_no_wait_longer_than_the_longest(then, now):
    state = ZoneState(refusals=refuse(WARM, Scope.COMMAND, then))
    for each in known.still_believed(state, ZONE, now).refusals:
        assert each.at <= now
        assert each.next_at <= now + known.WAITS[-1]


@given(st.sampled_from(WAYS), st.sampled_from(Scope), instants)
def test_it_lives_on_in_the_document(way, scope, at):
    state = ZoneState(refusals=refuse(way, scope, at))
    document = state.merged_into({}, ZoneState())
    assert ZoneState.from_document(document).refusals == state.refusals


@pytest.mark.parametrize("value", [None, 7, [7], [{}], [{"device": "x"}], {"a": 1}])
def test_a_damaged_document_is_no_refusal(value):
    assert ZoneState.from_document({"refusals": value}).refusals == ()


def test_a_document_from_before_has_none():
    assert ZoneState.from_document({"last_temperature": 21}).refusals == ()


def test_half_degrees_are_rounded_as_the_effort_goes():
    assert known.whole_degrees("20.5,5,3,on", up=True) == "21,5,3,on"
    assert known.whole_degrees("20.5,2,3,on", up=False) == "20,2,3,on"
    assert known.whole_degrees("20,2,3,on", up=True) == "20,2,3,on"


def test_readings_are_kept_with_the_zone_that_has_the_device():
    refusal = refuse(Way("M1", known.READ), Scope.DEVICE)
    state = known.with_readings(ZoneState(), ZONE, refusal)
    assert known.readings_of(state) == refusal
    assert known.still_believed(state, ZONE, NOW) is state
    other = replace(ZONE, meter_device_id="M2")
    assert known.still_believed(state, other, NOW).refusals == ()
    assert known.with_readings(state, ZONE, ()).refusals == ()


def test_what_is_told_names_way_since_count_and_words():
    reason = known.told(refuse(WARM, Scope.COMMAND)[0])
    assert reason.code is ReasonCode.COMMAND_REFUSED
    assert reason.detail["since"].startswith("2026-01-12")
    assert (reason.detail["what"], reason.detail["times"]) == ("setAll", 1)
    assert reason.detail["said"] == "no"


def test_the_words_are_the_clouds_not_those_of_our_classes():
    said = Tried(OFF, taken=False, scope=Scope.COMMAND, words="BadThingError: it is so")
    (refusal,) = known.after_tries((), (said,), NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.words == "it is so"
