"""What is kept of the last answer is of that question alone."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from switchbot_automation.schedule.windows import (
    TimeWindow,
    in_window,
    next_boundary,
    next_end,
    next_start,
)

DAYS = frozenset(range(7))
BERLIN = ZoneInfo("Europe/Berlin")
TOKYO = ZoneInfo("Asia/Tokyo")
MORNING = TimeWindow(DAYS, time(6), time(9))
EVENING = TimeWindow(DAYS, time(18), time(22))
AT = datetime(2026, 1, 12, 7, tzinfo=UTC)  # 08:00 in Berlin, 16:00 in Tokyo


def test_another_place_instant_or_schedule_is_another_question():
    both, evening = (MORNING, EVENING), (EVENING,)
    for _ in range(2):
        assert in_window(both, AT, BERLIN) is MORNING
        assert in_window(both, AT, TOKYO) is None
        assert in_window(evening, AT, BERLIN) is None
        assert in_window(both, AT + timedelta(hours=1), BERLIN) is None
        assert next_boundary(both, AT, BERLIN) == AT + timedelta(hours=1)
        assert next_end(both, AT, BERLIN) == AT + timedelta(hours=1)
        assert next_start(both, AT, BERLIN) == AT + timedelta(hours=10)
        assert next_boundary(both, AT, TOKYO) == AT + timedelta(hours=2)
        assert next_boundary(evening, AT, BERLIN) == AT + timedelta(hours=10)


def test_a_list_that_changes_is_looked_at_again():
    windows = [MORNING]
    assert in_window(windows, AT, BERLIN) is MORNING
    windows[0] = EVENING
    assert in_window(windows, AT, BERLIN) is None
    assert next_boundary(windows, AT, BERLIN) == AT + timedelta(hours=10)


def test_both_readings_of_a_repeated_hour_are_two_instants():
    night = (TimeWindow(DAYS, time(2, 45), time(2, 15)),)
    first = datetime(2026, 10, 25, 2, 50, tzinfo=BERLIN)
    again = first.replace(fold=1)
    soon, next_day = (datetime(2026, 10, day, 1, 15, tzinfo=UTC) for day in (25, 26))
    for _ in range(2):
        assert next_boundary(night, first, BERLIN) == soon
        assert next_boundary(night, again, BERLIN) == next_day


def test_an_answer_holds_up_to_the_change_that_it_names_and_no_further():
    """Asked on, back, and at both sides of each change; of a list nothing is kept."""
    night = TimeWindow(DAYS, time(23), time(2, 15))
    once = TimeWindow(DAYS, time(9), time(10), last_day=date(2026, 10, 25))
    windows = (MORNING, EVENING, night, once)
    chance = random.Random(7)
    # Over the end of summer time, and a week further, where `once` is over.
    at = datetime(2026, 10, 24, 12, tzinfo=UTC)
    for _ in range(600):
        for question in (next_boundary, next_start, next_end):
            assert question(windows, at, BERLIN) == question(list(windows), at, BERLIN)
        upcoming = next_boundary(windows, at, BERLIN)
        at = chance.choice(
            (
                upcoming,
                upcoming - timedelta.resolution,
                at + timedelta(minutes=chance.randrange(200)),
                at - timedelta(minutes=chance.randrange(100)),
            )
        )
