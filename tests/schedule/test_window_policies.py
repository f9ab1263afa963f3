"""Windows by the sun, and what a change of the clocks does to a window, against an oracle.

The oracle walks a day minute by minute, knows which readings of the clock come twice and
which never, and says for each minute what a policy means for it.
"""

from __future__ import annotations

import functools
import itertools
import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.schedule.windows import (
    GAPS,
    OVERLAPS,
    Policy,
    TimeWindow,
    in_window,
    next_boundary,
)

EVERY_DAY = frozenset(range(7))
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
PARIS = ZoneInfo("Europe/Paris")
CHANGING = (
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Antarctica/Troll",
    "Africa/Casablanca",
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(start: str, end: str, **policy) -> TimeWindow:
    return TimeWindow(
        EVERY_DAY,
        time.fromisoformat(start),
        time.fromisoformat(end),
        policy=Policy(**policy),
    )


# --- the oracle -------------------------------------------------------------------


@functools.cache
def readings(tz, day: date) -> list[tuple[datetime, datetime]]:
    """Every minute of the days around a day, with what clocks read."""
    at = datetime.combine(day - 3 * DAY, time(), UTC)
    return [
        (at + index * MINUTE, (at + index * MINUTE).astimezone(tz).replace(tzinfo=None))
        for index in range(7 * 1440)
    ]


def edge_instant(walk, wall: datetime, gap: str, overlap: str):
    """The minute at which an edge takes effect, None where it is to be left out."""
    found = [at for at, read in walk if read == wall]
    if found:
        return found[-1] if overlap == "second" else found[0]
    # Skipped: the first minute that reads later, after one that reads earlier.
    for (_, before), (at, read) in itertools.pairwise(walk):
        if before < wall < read and read - before > MINUTE:
            if gap == "skip":
                return None
            return at if gap == "run_at_transition" else at + (wall - before) - MINUTE
    raise AssertionError(wall)


def oracle(walk, each: TimeWindow) -> list[bool]:
    """Whether the window is in force at each minute, for `first`, `second` and gaps."""
    spans = []
    for day in sorted({read.date() for _, read in walk})[1:-1]:
        last = day + DAY if each.end <= each.start else day
        gap, overlap = each.policy.dst_gap, each.policy.dst_overlap
        begin = edge_instant(walk, datetime.combine(day, each.start), gap, overlap)
        end_gap = "run_at_transition" if gap == "skip" else gap
        if begin is None or day.weekday() not in each.days:
            continue
        if last < walk[-1][1].date():
            end = edge_instant(walk, datetime.combine(last, each.end), end_gap, overlap)
            spans.append((begin, end))
    return [any(begin <= at < end for begin, end in spans) for at, _ in walk]


def looked_at(expected: list[bool]) -> list[int]:
    """The minutes of two days at and around each edge, and every fifth of the others."""
    begin, end = int(2.5 * 1440), int(4.5 * 1440)
    edges = [
        index for index in range(begin, end) if expected[index] != expected[index - 1]
    ]
    near = {index + by for index in edges for by in range(-3, 4)}
    return sorted({*range(begin, end, 5), *near})


@functools.cache
def transition_days(tz, first_year: int, last_year: int) -> list[date]:
    days, at = [], datetime(first_year, 1, 1, tzinfo=UTC)
    while at.year <= last_year:
        if (at + DAY).astimezone(tz).utcoffset() != at.astimezone(tz).utcoffset():
            days.append((at + DAY).astimezone(tz).date())
        at += DAY
    return days


@pytest.mark.parametrize("name", CHANGING)
@pytest.mark.parametrize("overlap", ["first", "second"])
@pytest.mark.parametrize("gap", GAPS)
def test_a_window_with_a_policy_equals_the_oracle_around_changes(name, gap, overlap):
    tz = ZoneInfo(name)
    rng = random.Random(f"{name}{gap}{overlap}")
    for day in transition_days(tz, 2026, 2026):
        walk = readings(tz, day)
        for _ in range(2):
            start, end = rng.sample(range(0, 300, 7), 2)
            far = rng.random() < 0.4
            drawn = TimeWindow(
                EVERY_DAY,
                time(*divmod(start, 60)),
                time(*divmod(end + (600 if far else 0), 60)),
                policy=Policy(gap, overlap),
            )
            expected = oracle(walk, each=drawn)
            for index in looked_at(expected):
                at = walk[index][0]
                found = in_window((drawn,), at, tz) is not None
                assert found is expected[index], (drawn, at)


@given(
    name=st.sampled_from(CHANGING),
    start=st.integers(0, 1439),
    length=st.integers(1, 1439),
    pick=st.integers(0, 100),
    gap=st.sampled_from(GAPS),
    overlap=st.sampled_from(OVERLAPS),
    minute=st.integers(-1440, 2880),
)
@settings(max_examples=60, deadline=None)
def test_a_boundary_is_where_being_inside_changes_whatever_the_policy(
    name, start, length, pick, gap, overlap, minute
):
    tz = ZoneInfo(name)
    days = transition_days(tz, 2027, 2027)
    day = days[pick % len(days)]
    now = datetime.combine(day, time(), UTC) + minute * MINUTE
    edges = (start, (start + length) % 1440)
    drawn = TimeWindow(
        EVERY_DAY,
        *(time(*divmod(edge, 60)) for edge in edges),
        policy=Policy(gap, overlap),
    )
    inside = in_window((drawn,), now, tz) is not None
    boundary = next_boundary((drawn,), now, tz)
    assert boundary is not None
    assert (in_window((drawn,), boundary, tz) is not None) is not inside
    just_before = boundary - timedelta.resolution
    assert (in_window((drawn,), just_before, tz) is not None) is inside
    at = now
    while at < boundary:
        assert (in_window((drawn,), at, tz) is not None) is inside
        at += timedelta(minutes=13)


@pytest.mark.parametrize("name", CHANGING)
def test_the_policies_that_repeat_the_default_are_the_default(name):
    """Away from a gap `skip` and `shift` say nothing, away from an overlap `first`."""
    tz = ZoneInfo(name)
    rng = random.Random(name)
    for day in transition_days(tz, 2026, 2027):
        begin = datetime.combine(day, time(), UTC) - DAY
        forward = (begin + 2 * DAY).astimezone(tz).utcoffset() > begin.astimezone(
            tz
        ).utcoffset()
        policy = Policy(dst_overlap="first") if forward else Policy(dst_gap="skip")
        for _ in range(3):
            start, end = rng.sample(range(1440), 2)
            edges = [time(*divmod(edge, 60)) for edge in (start, end)]
            plain = TimeWindow(EVERY_DAY, *edges)
            other = TimeWindow(EVERY_DAY, *edges, policy=policy)
            assert plain.by_clock
            assert not other.by_clock
            for index in range(0, 3 * 1440, 7):
                at = begin + index * MINUTE
                assert (in_window((plain,), at, tz) is None) is (
                    in_window((other,), at, tz) is None
                ), (plain, at)


# --- in words ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gap", "first", "last"),
    [
        # Clocks go from 02:00 to 03:00 at 01:00 UTC on 2026-03-29.
        ("run_at_transition", "2026-03-29T01:00", "2026-03-29T02:00"),
        ("shift", "2026-03-29T01:30", "2026-03-29T02:00"),
        ("skip", None, None),
    ],
)
def test_a_start_that_is_skipped_is_at_the_change_or_later_or_never(gap, first, last):
    each = window("02:30", "04:00", dst_gap=gap)
    inside = [
        at
        for at in (utc("2026-03-28T23:00") + index * MINUTE for index in range(1380))
        if in_window((each,), at, PARIS)
    ]
    assert (inside[:1], inside[-1:]) == (
        ([utc(first)], [utc(last) - MINUTE]) if first else ([], [])
    )


def test_an_end_that_is_skipped_ends_the_window_at_the_change_even_with_skip():
    each = window("22:00", "02:30", dst_gap="skip")
    at = utc("2026-03-28T22:00")
    assert next_boundary((each,), at, PARIS) == utc("2026-03-29T01:00")


@pytest.mark.parametrize(
    ("overlap", "begins"),
    # Clocks go from 03:00 back to 02:00 at 01:00 UTC on 2026-10-25.
    [
        ("first", ["2026-10-25T00:30"]),
        ("second", ["2026-10-25T01:30"]),
        ("both", ["2026-10-25T00:30", "2026-10-25T01:30"]),
    ],
)
def test_a_start_that_comes_twice_counts_as_the_policy_says(overlap, begins):
    each = window("02:30", "06:00", dst_overlap=overlap)
    found, at = [], utc("2026-10-24T12:00")
    while (at := next_boundary((each,), at, PARIS)) < utc("2026-10-25T12:00"):
        if in_window((each,), at, PARIS):
            found.append(at)
    assert found == [utc(text) for text in begins]
