"""Samples for the history's contract: random ones, and diaries of difficult days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from switchbot_store.history.model import (
    HistorySample,
)
from switchbot_store.testing.store_contract import documents

TINIEST: Final = 1e-200
START: Final = datetime(2026, 3, 27, 9, 30, tzinfo=UTC)
NEVER: Final = datetime(2100, 1, 1, tzinfo=UTC)
# What `st.datetimes` wants is naive; a day is left for the offsets of timezones.
WORLD_BEGINS: Final = datetime(1970, 1, 2, tzinfo=UTC).replace(tzinfo=None)
WORLD_ENDS: Final = datetime(2199, 12, 30, tzinfo=UTC).replace(tzinfo=None)
# A fifth of what the profile in force draws: each goes through a database for a while.
EXAMPLES: Final = settings(
    max_examples=max(1, settings().max_examples // 5),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
TEXT: Final = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
)
READING: Final = st.none() | st.floats(-1e6, 1e6, allow_subnormal=False).map(
    lambda reading: reading if abs(reading) > TINIEST else 0.0
)
COUNT: Final = st.integers(-(2**63), 2**63 - 1)

# Whose days have 23, 24, 24.5 and 25 hours, whose hours begin at half past.
CHANGES: Final = (
    ("Europe/Paris", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Europe/Paris", datetime(2026, 10, 25, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2026, 5, 1, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 11, 1, tzinfo=UTC)),
    ("UTC", datetime(2026, 1, 1, tzinfo=UTC)),
)


def any_sample() -> st.SearchStrategy[HistorySample]:
    """Return every kind of sample that history keeps."""
    return st.builds(
        HistorySample,
        timestamp=st.datetimes(
            WORLD_BEGINS,
            WORLD_ENDS,
            timezones=_timezones(),
        ),
        temperature=READING,
        humidity=READING,
        assumed_aircon_power=st.none() | TEXT,
        last_action=st.none() | TEXT,
        api_requests_today=st.none() | COUNT,
        error_count=COUNT,
        last_temperature_stale=st.booleans(),
        timezone=TEXT,
        metadata=st.none() | documents(),
    )


def _timezones() -> st.SearchStrategy[timezone]:
    return st.integers(-23 * 60, 23 * 60).map(
        lambda minutes: timezone(timedelta(minutes=minutes))
    )


def diaries() -> st.SearchStrategy[list[HistorySample]]:
    """Return some days of up to two zones, with gaps, in any order, repeats included.

    Timestamps lie up to three days after midnight of 1 January 2026 and are moved to
    where a test wants them. Steps from a second to most of a day, on the minute and
    off it.
    """
    steps = st.sampled_from([0, 1, 30, 60, 300, 600, 3600, 3601, 7200, 30_000])
    return st.lists(
        st.builds(
            HistorySample,
            timestamp=st.builds(
                lambda hours, step, micros: (
                    datetime(2026, 1, 1, tzinfo=UTC)
                    + timedelta(hours=hours, seconds=step, microseconds=micros)
                ),
                st.integers(0, 60),
                steps,
                st.sampled_from([0, 0, 1, 999_999]),
            ),
            zone=st.sampled_from(["a", "b"]),
            temperature=READING,
            humidity=READING,
            assumed_aircon_power=st.sampled_from([None, "on", "off", "unknown"]),
            last_action=st.none() | TEXT,
            api_requests_today=st.none() | st.integers(0, 10_000),
            error_count=st.integers(0, 3),
            last_temperature_stale=st.booleans(),
            timezone=st.just("UTC"),
        ),
        min_size=1,
        max_size=25,
    )


def near(found: Any, expected: Any) -> bool:
    """Tell whether two answers are equal but for the last digits of a float."""
    if isinstance(expected, dict):
        return set(found) >= set(expected) and all(
            near(found[name], value) for name, value in expected.items()
        )
    if isinstance(expected, float) or isinstance(found, float):
        return bool(found == pytest.approx(expected, rel=1e-9, abs=1e-6))
    return bool(found == expected)
