"""The repeated hour is told apart by the order of the rows."""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from switchbot_store.history.phone_app.local_time import ClockChange, LocalTime

PARIS = ZoneInfo("Europe/Paris")
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
ZONES = [
    *("Europe/Paris", "America/New_York", "America/St_Johns", "Australia/Sydney"),
    *("Australia/Lord_Howe", "America/Havana", "Europe/Dublin", "Asia/Beirut"),
    *("Africa/Casablanca", "Pacific/Chatham", "America/Santiago", "Asia/Kolkata"),
]


@cache
def changes_of(name, year):
    """Return the instants at which the offset changes, and by how much."""
    zone = ZoneInfo(name)
    start = datetime(year, 1, 1, tzinfo=UTC)
    moments = [start + number * HOUR / 2 for number in range(366 * 48)]
    offsets = [moment.astimezone(zone).utcoffset() for moment in moments]
    return [
        (moments[number + 1], after - before)
        for number, (before, after) in enumerate(pairwise(offsets))
        if after != before
    ]


def wall(instants, zone):
    return [(moment.astimezone(zone).replace(tzinfo=None), None) for moment in instants]


def placed(rows, zone):
    """Place rows that come one by one, and see that together they lie the same."""

    def of(size):
        chunks = [rows[place : place + size] for place in range(0, len(rows), size)]
        return [row for found in LocalTime(zone).placed(chunks) for row in found]

    answer = of(1)
    for size in (2, 7, 500):
        assert of(size) == answer
    return [moment for moment, _ in answer]


def across(change, minutes):
    """Return instants that many minutes from one another, around the change."""
    moment = change - timedelta(hours=3)
    instants = []
    for step in minutes:
        moment += step * MINUTE
        instants.append(moment)
    return instants


steps = st.lists(
    st.one_of(st.just(1), st.just(5), st.integers(1, 90)), min_size=1, max_size=120
)


@given(
    name=st.sampled_from(ZONES),
    year=st.sampled_from([2018, 2025]),
    which=st.integers(0, 3),
    minutes=steps,
)
@example("Europe/Paris", 2025, 1, [1] * 400)
@example("Europe/Paris", 2025, 1, [60] * 8)
@example("Europe/Paris", 2025, 1, [30] * 16)
@example("Australia/Lord_Howe", 2025, 0, [1] * 400)
@example("America/Havana", 2025, 1, [1] * 400)
@example("Europe/Paris", 2018, 1, [31, 90, 59, 60, 1])
def test_rows_in_order_get_their_instants_back(name, year, which, minutes):
    zone = ZoneInfo(name)
    found = changes_of(name, year) or [(datetime(year, 6, 1, tzinfo=UTC), 0 * HOUR)]
    change, _ = found[which % len(found)]
    truth = across(change, minutes)
    rows = wall(truth, zone)
    answer = placed(rows, zone)

    assert wall(answer, zone) == rows
    if any(later <= earlier for (earlier, _), (later, _) in pairwise(rows)):
        # Both passes were recorded, and the second began before the first ended.
        if not any(later == earlier for earlier, later in pairwise(rows)):
            assert answer == truth
    elif all(gap <= 5 * MINUTE for gap in _gaps(truth)):
        assert answer == truth
    assert answer == sorted(answer)
    # A file may as well begin with the newest row.
    assert placed(rows[::-1], zone) == answer[::-1]


def _gaps(moments):
    return [later - earlier for earlier, later in pairwise(moments)]


OCTOBER = datetime(2025, 10, 26, 0, 0, tzinfo=UTC)
"""When 02:00 in Paris comes for the first time."""


@pytest.mark.parametrize("missing", [range(170, 240), range(240, 310), range(200, 230)])
def test_an_outage_in_one_of_the_passes_is_seen_by_the_hole_it_leaves(missing):
    around = [OCTOBER + (number - 180) * MINUTE for number in range(480)]
    truth = [moment for number, moment in enumerate(around) if number not in missing]
    assert placed(wall(truth, PARIS), PARIS) == truth


def test_a_file_that_begins_within_the_second_pass_is_seen_by_what_follows():
    truth = [OCTOBER + HOUR + number * MINUTE for number in range(20, 120)]
    assert placed(wall(truth, PARIS), PARIS) == truth


def test_one_row_an_hour_and_the_same_row_twice_are_told_apart():
    hourly = [OCTOBER + number * HOUR for number in range(-3, 5)]
    assert placed(wall(hourly, PARIS), PARIS) == hourly
    twice = [OCTOBER + number // 2 * MINUTE for number in range(-90, 90)]
    assert placed(wall(twice, PARIS), PARIS) == twice


def test_neighbours_that_changed_places_do_not_begin_the_second_pass():
    truth = [OCTOBER + number * MINUTE for number in range(-300, 300)]
    for first in range(0, len(truth), 7):
        truth[first : first + 2] = truth[first : first + 2][::-1]
    assert sorted(placed(wall(truth, PARIS), PARIS)) == sorted(truth)


def test_a_file_with_the_newest_first_is_no_reason_to_take_the_second_pass_for_disorder():
    # On the wall clock the second pass begins one minute before the first ended.
    for pause in range(1, 10):
        around = [OCTOBER + number * pause * MINUTE for number in range(-60, 0)]
        passes = [OCTOBER + each * MINUTE for each in (30, 89)]
        beyond = [OCTOBER + 2 * HOUR + n * pause * MINUTE for n in range(60)]
        truth = around + passes + beyond
        assert placed(wall(truth, PARIS), PARIS) == truth
        assert placed(wall(truth[::-1], PARIS), PARIS) == truth[::-1]


def test_neighbours_that_changed_places_are_known_in_a_file_with_the_newest_first():
    truth = [OCTOBER + number * MINUTE for number in range(-300, 300)]
    for first in range(0, len(truth), 7):
        truth[first : first + 2] = truth[first : first + 2][::-1]
    rows = wall(truth[::-1], PARIS)
    assert sorted(placed(rows, PARIS)) == sorted(truth)


def test_a_row_written_many_times_does_not_tell_which_way_the_file_goes():
    truth = [OCTOBER + number // 4 * MINUTE for number in range(-400, 600)]
    assert placed(wall(truth, PARIS), PARIS) == truth
    assert placed(wall(truth[::-1], PARIS), PARIS) == truth[::-1]


def test_what_was_placed_by_order_is_reported():
    local = LocalTime(PARIS)
    truth = [OCTOBER + number * MINUTE for number in range(-60, 110)]
    list(local.placed([wall(truth, PARIS)]))
    (change,) = local.changes.values()
    assert change == ClockChange("2025-10-26", "repeated", 60, 50)


def test_a_time_that_the_clock_skipped_is_before_the_change():
    local = LocalTime(PARIS)
    naive = datetime(2025, 3, 30, 2, 30)  # noqa: DTZ001 - the wall clock
    (((moment, _),),) = local.placed([[(naive, None)]])
    assert moment == datetime(2025, 3, 30, 1, 30, tzinfo=UTC)
    (change,) = local.changes.values()
    assert change == ClockChange("2025-03-30", "skipped", 1, 0)


def test_an_offset_in_the_file_is_taken_at_its_word():
    moment = datetime(2025, 10, 26, 2, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert placed([(moment, None)], PARIS) == [moment.astimezone(UTC)]


def test_exports_laid_end_to_end_are_each_placed():
    truth = [OCTOBER + number * MINUTE for number in range(-100, 300)]
    assert placed(wall(truth + truth, PARIS), PARIS) == truth + truth
