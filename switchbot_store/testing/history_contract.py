"""What every place for history promises, as tests.

A backend proves itself with a subclass and one fixture::

    class TestMyHistory(HistoryContract):
        @pytest.fixture
        def make_backend(self, tmp_path):
            return lambda: MyHistory(tmp_path)

`make_backend` may be called several times and gives the same place each time. Tell
pytest to rewrite the assertions with
``pytest.register_assert_rewrite("switchbot_store.testing.history_contract")``.
"""

from __future__ import annotations

import itertools
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchbot_store.errors import StoreConfigError, StoreDataError
from switchbot_store.history.model import (
    FIELDS,
    HistoryBackend,
    HistoryResult,
    HistorySample,
)
from switchbot_store.history.samples import normalised
from switchbot_store.history.service import HistoryService
from switchbot_store.testing.history_model import (
    HistoryModel,
    even_edges,
    wall_clock_edges,
)
from switchbot_store.testing.store_contract import documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TINIEST: Final = 1e-200
_START: Final = datetime(2026, 3, 27, 9, 30, tzinfo=UTC)
_NEVER: Final = datetime(2100, 1, 1, tzinfo=UTC)
# What `st.datetimes` wants is naive; a day is left for the offsets of timezones.
_WORLD_BEGINS: Final = datetime(1, 1, 2, tzinfo=UTC).replace(tzinfo=None)
_WORLD_ENDS: Final = datetime(9999, 12, 30, tzinfo=UTC).replace(tzinfo=None)
_EXAMPLES: Final = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_TEXT: Final = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
)
_READING: Final = st.none() | st.floats(-1e6, 1e6, allow_subnormal=False).map(
    lambda reading: reading if abs(reading) > _TINIEST else 0.0
)
_COUNT: Final = st.integers(-(2**63), 2**63 - 1)

# Whose days have 23, 24, 24.5 and 25 hours, whose hours begin at half past.
_CHANGES: Final = (
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
            _WORLD_BEGINS,
            _WORLD_ENDS,
            timezones=_timezones(),
        ),
        temperature=_READING,
        humidity=_READING,
        assumed_aircon_power=st.none() | _TEXT,
        last_action=st.none() | _TEXT,
        api_requests_today=st.none() | _COUNT,
        error_count=_COUNT,
        last_temperature_stale=st.booleans(),
        timezone=_TEXT,
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
            temperature=_READING,
            humidity=_READING,
            assumed_aircon_power=st.sampled_from([None, "on", "off", "unknown"]),
            last_action=st.none() | _TEXT,
            api_requests_today=st.none() | st.integers(0, 10_000),
            error_count=st.integers(0, 3),
            last_temperature_stale=st.booleans(),
            timezone=st.just("UTC"),
        ),
        min_size=1,
        max_size=25,
    )


class HistoryContract:
    """The suite; subclass it with a fixture `make_backend`."""

    durable: ClassVar[bool] = True
    """Whether rows are there after the backend was closed."""

    @pytest.fixture
    def make_service(
        self, make_backend: Callable[[], HistoryBackend]
    ) -> Iterator[Callable[..., HistoryService]]:
        """Return a maker of services whose clock stands at `now`."""
        made: list[HistoryService] = []
        backend = make_backend()  # one for all: each could bring a pool of connections

        def make(now: datetime = _NEVER, **options: Any) -> HistoryService:
            options = {"batch_size": 10**9, "flush_interval_seconds": 10**6} | options
            service = HistoryService(backend, now=lambda: now, **options)
            made.append(service)
            return service

        yield make
        for service in made:
            service.close()

    # --- rows ---

    def test_a_row_comes_back_as_it_was_given(
        self, make_backend: Callable[[], HistoryBackend]
    ) -> None:
        backend = make_backend()
        zones = (f"zone {number}" for number in itertools.count())

        @_EXAMPLES
        @given(any_sample())
        def holds(sample: HistorySample) -> None:
            given_sample = normalised(replace(sample, zone=next(zones)))
            assert backend.write([given_sample], now=_NEVER) == 1
            (row,) = backend.latest(5, zone=given_sample.zone)
            assert row == asdict(given_sample)
            assert row.timestamp.tzinfo is UTC
            assert {name: type(value) for name, value in row.items()} == {
                name: type(value) for name, value in asdict(given_sample).items()
            }

        holds()
        backend.close()

    def test_a_batch_of_thousands_comes_back_as_it_was_given(
        self, make_backend: Callable[[], HistoryBackend]
    ) -> None:
        backend = make_backend()
        given_samples = [
            normalised(
                HistorySample(
                    _START + timedelta(seconds=number),
                    zone="tab\t, line\nand \\N",
                    temperature=number / 7,
                    last_action="\\.\r\n" if number % 3 else None,
                    api_requests_today=number if number % 2 else None,
                    metadata={"n": number, "text": 'a\\b\n"c"\té'},
                )
            )
            for number in range(2500)
        ]
        assert backend.write(given_samples, now=_NEVER) == 2500
        assert backend.write(given_samples, now=_NEVER) == 0
        assert backend.rows(_START, _NEVER) == [asdict(each) for each in given_samples]
        backend.close()

    def test_writing_again_adds_nothing_and_changes_nothing(
        self, make_backend: Callable[[], HistoryBackend]
    ) -> None:
        backend = make_backend()
        first = HistorySample(_START, temperature=20.0)
        second = replace(first, timestamp=_START + timedelta(seconds=1))
        assert backend.write([first], now=_START) == 1
        changed = replace(first, temperature=99.0)
        assert backend.write([changed, second, second], now=_START) == 1
        assert [row.temperature for row in backend.latest(9)] == [20.0, 20.0]
        backend.close()

    def test_rows_stay_when_the_backend_is_closed(
        self, make_backend: Callable[[], HistoryBackend]
    ) -> None:
        if not self.durable:
            pytest.skip("rows in memory end with the backend")
        backend = make_backend()
        backend.write([HistorySample(_START, temperature=20.5)], now=_START)
        backend.close()
        backend.close()
        again = make_backend()
        assert [row.temperature for row in again.latest(9)] == [20.5]
        again.close()

    def test_equal_timestamps_move_apart_by_a_microsecond(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        service = make_service()
        for number in range(4):
            service.record(HistorySample(_START, error_count=number))
        service.record(HistorySample(_START, zone="other"))
        rows = service.query(_START, _NEVER, zone="default").rows
        assert [(row.timestamp - _START).microseconds for row in rows] == [0, 1, 2, 3]
        assert [row.error_count for row in rows] == [0, 1, 2, 3]
        assert service.latest(zone="other")[0].timestamp == _START

    def test_a_range_holds_its_start_and_not_its_end(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        service = make_service()
        moments = [_START + timedelta(minutes=minute) for minute in range(4)]
        for moment in reversed(moments):
            service.record(HistorySample(moment))
        found = service.query(moments[1], moments[3])
        assert [row.timestamp for row in found.rows] == moments[1:3]
        assert (found.source, found.bucket_seconds) == ("raw", None)
        assert service.query(moments[3], moments[1]).rows == []
        assert service.query(moments[1], moments[1], points=5).rows == []

    def test_zones_and_fields_are_chosen(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        service = make_service()
        for number, zone in enumerate(["b", "a", "é", "a"]):
            service.record(
                HistorySample(
                    _START + timedelta(minutes=number), zone=zone, temperature=number
                )
            )
        everything = service.query(_START, _NEVER).rows
        assert [row.zone for row in everything] == ["b", "a", "é", "a"]
        assert set(everything[0]) == {"timestamp", "zone", *FIELDS}
        (row,) = service.query(_START, _NEVER, zone="é", fields=["temperature"]).rows
        assert row == {
            "timestamp": _START + timedelta(minutes=2),
            "zone": "é",
            "temperature": 2.0,
        }
        assert service.query(_START, _NEVER, zone="nowhere").rows == []
        assert service.query(_START, _NEVER, zone="nowhere", points=9).rows == []
        assert service.latest(3, zone="nowhere") == []
        assert service.aggregates(24, zone="nowhere")["count"] == 0

    def test_what_makes_no_sense_is_refused(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        service = make_service()
        naive = _START.replace(tzinfo=None)
        with pytest.raises(StoreDataError, match="naive"):
            service.query(naive, _START)
        with pytest.raises(StoreDataError, match="naive"):
            service.record(HistorySample(naive))
        for wrong in (
            {"bucket": "week"},
            {"bucket": "day", "timezone": "Mars/Olympus"},
            {"points": 0},
            {"points": 10, "bucket": "day"},
            {"fields": ["temprature"]},
        ):
            with pytest.raises(StoreConfigError):
                service.query(_START, _NEVER, **wrong)

    def test_the_newest_rows_are_found_across_zones(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        service = make_service()
        for number in range(10):
            zone = "seldom" if number == 3 else "often"
            moment = _START + timedelta(minutes=number)
            service.record(HistorySample(moment, zone=zone, error_count=number))
        assert [row.error_count for row in service.latest()] == [9]
        assert [row.error_count for row in service.latest(8)] == list(range(2, 10))
        assert [row.error_count for row in service.latest(2, zone="often")] == [8, 9]
        assert [row.error_count for row in service.latest(2, zone="seldom")] == [3]
        assert service.latest(0) == []

    def test_pages_join_to_the_whole(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        service = make_service()
        for number in range(50):
            moment = _START + timedelta(seconds=number // 3)
            service.record(HistorySample(moment, zone="abc"[number % 3]))
        whole = service.query(_START, _NEVER).rows
        pages = list(service.pages(_START, _NEVER, page_rows=7))
        assert [row for page in pages for row in page] == whole
        assert {len(page) for page in pages} == {7, 1}
        one_zone = service.pages(_START, _NEVER, zone="b", fields=[], page_rows=4)
        assert [row for page in one_zone for row in page] == [
            {"timestamp": row.timestamp, "zone": "b"}
            for row in whole
            if row.zone == "b"
        ]

    def test_aggregates_are_those_of_the_model(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        numbers = itertools.count()

        @_EXAMPLES
        @given(diaries(), st.integers(0, 80))
        def holds(diary: list[HistorySample], hours: int) -> None:
            service, samples, now = self._recorded(make_service, diary, next(numbers))
            model = HistoryModel(samples)
            for zone in sorted({each.zone for each in samples}):
                expected = model.aggregates(now - timedelta(hours=hours), zone)
                assert _near(service.aggregates(hours, zone=zone), expected)

        holds()

    # --- buckets ---

    @pytest.mark.parametrize("bucket", ["minute", "5min", "15min", "hour", "day"])
    def test_buckets_are_those_of_the_model(
        self, make_service: Callable[..., HistoryService], bucket: str
    ) -> None:
        numbers = itertools.count()

        @_EXAMPLES
        @given(
            diaries(),
            st.sampled_from(_CHANGES),
            st.integers(-100, 4000),
            st.integers(0, 4000),
            st.sampled_from([timedelta(), timedelta(seconds=7, microseconds=5)]),
        )
        def holds(
            diary: list[HistorySample],
            change: tuple[str, datetime],
            first_minute: int,
            minutes: int,
            odd: timedelta,
        ) -> None:
            timezone_name, midnight = change
            shift = midnight - timedelta(days=1) - datetime(2026, 1, 1, tzinfo=UTC)
            service, samples, now = self._recorded(
                make_service, diary, next(numbers), shift
            )
            start = midnight - timedelta(days=1) + timedelta(minutes=first_minute) + odd
            end = start + timedelta(minutes=minutes)
            widths = {"minute": 60, "5min": 300, "15min": 900}
            edges = (
                even_edges(start, end, widths[bucket])
                if bucket in widths
                else wall_clock_edges(start, end, bucket, timezone_name)
            )
            self._compare_at_each_stage(
                service,
                samples,
                lambda zone: service.query(
                    start, end, zone=zone, bucket=bucket, timezone=timezone_name
                ),
                lambda model: model.buckets(start, end, edges, now=now),
            )

        holds()

    def test_points_are_those_of_the_model(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        numbers = itertools.count()

        @_EXAMPLES
        @given(
            diaries(), st.integers(0, 4000), st.integers(1, 4000), st.integers(1, 300)
        )
        def holds(
            diary: list[HistorySample], first_minute: int, minutes: int, points: int
        ) -> None:
            service, samples, now = self._recorded(make_service, diary, next(numbers))
            start = datetime(2026, 1, 1, 0, 0, 7, tzinfo=UTC)
            start += timedelta(minutes=first_minute)
            end = start + timedelta(minutes=minutes)

            def expected(model: HistoryModel) -> list[dict[str, Any]]:
                width = service.query(start, end, points=points).bucket_seconds or 0
                rolled = width % 3600 == 0
                origin = start.replace(minute=0, second=0) if rolled else start
                edges = even_edges(origin, end, width, origin=origin)
                assert len(edges) - 1 <= points
                return model.buckets(start, end, edges, now=now)

            self._compare_at_each_stage(
                service,
                samples,
                lambda zone: service.query(start, end, zone=zone, points=points),
                expected,
            )

        holds()

    def _recorded(
        self,
        make_service: Callable[..., HistoryService],
        diary: list[HistorySample],
        number: int,
        shift: timedelta = timedelta(),
    ) -> tuple[HistoryService, list[HistorySample], datetime]:
        """Record a diary in zones of its own, half of it; return all that will be."""
        samples = [
            replace(
                each,
                timestamp=each.timestamp + shift,
                zone=f"{number} {each.zone}",
                timezone="UTC",
            )
            for each in diary
        ]
        now = max(each.timestamp for each in samples) + timedelta(hours=5, minutes=11)
        service = make_service(now)
        taken: set[tuple[str, datetime]] = set()
        kept = []
        for each in samples:
            moment = each.timestamp
            while (each.zone, moment) in taken:
                moment += timedelta(microseconds=1)
            taken.add((each.zone, moment))
            kept.append(normalised(replace(each, timestamp=moment)))
        for each in samples:
            service.record(each)
        service.flush()
        return service, kept, now

    def _compare_at_each_stage(
        self,
        service: HistoryService,
        samples: list[HistorySample],
        ask: Callable[[str], HistoryResult],
        expected: Callable[[HistoryModel], list[dict[str, Any]]],
    ) -> None:
        """Compare before the rollup, after it, after late rows, and rolled up again."""
        zones = sorted({each.zone for each in samples})

        def compare() -> None:
            model = HistoryModel(samples)
            for zone in zones:
                wanted = [row for row in expected(model) if row["zone"] == zone]
                found = ask(zone).rows
                assert len(found) == len(wanted)
                for row, other in zip(found, wanted, strict=True):
                    assert _near(row, other)

        compare()
        service.roll_up()
        compare()
        late = normalised(
            replace(
                samples[0],
                timestamp=samples[0].timestamp + timedelta(minutes=10, microseconds=3),
                temperature=-40.0,
            )
        )
        samples.append(late)
        service.record(late)
        service.flush()
        compare()
        service.roll_up()
        compare()

    def test_buckets_follow_the_timezone_of_the_newest_row(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        service = make_service()
        evening = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)
        for hour in range(3):
            moment = evening + timedelta(hours=hour)
            service.record(HistorySample(moment, timezone="Europe/Paris"))
        end = evening + timedelta(days=2)
        rows = service.query(evening, end, bucket="day").rows
        assert [(row.timestamp, row["count"]) for row in rows] == [
            (datetime(2026, 3, 27, 23, tzinfo=UTC), 1),
            (datetime(2026, 3, 28, 23, tzinfo=UTC), 2),
        ]

    def test_a_bucket_says_only_what_was_asked(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        service = make_service()
        service.record(HistorySample(_START, temperature=20.0, humidity=40.0))
        end = _START + timedelta(days=1)
        (row,) = service.query(_START, end, points=1, fields=["humidity"]).rows
        assert set(row) == {
            *("timestamp", "zone", "count"),
            *("humidity", "min_humidity", "max_humidity"),
        }

    # --- retention ---

    def test_retention_deletes_old_rows_and_keeps_their_hours(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        now = datetime(2026, 6, 1, 12, 20, tzinfo=UTC)
        service = make_service(now, retention_days=2)
        start = now - timedelta(days=4)
        for number in range(4 * 96):
            moment = start + timedelta(minutes=15 * number)
            zone = "ab"[number % 2]
            service.record(HistorySample(moment, zone=zone, temperature=number % 13))
        before = service.query(start, now, bucket="day", timezone="UTC").rows
        assert service.cleanup() == 2 * 96 - 1
        edge = datetime(2026, 5, 30, 12, tzinfo=UTC)
        assert service.query(start, now).rows[0].timestamp == edge + timedelta(
            minutes=5
        )
        assert service.cleanup() == 0
        after = service.query(start, now, bucket="day", timezone="UTC")
        assert after.source == "rollup"
        assert [row["count"] for row in after.rows] == [row["count"] for row in before]
        for row, other in zip(after.rows, before, strict=True):
            assert _near(row, other)

    def test_an_hour_whose_rows_were_deleted_is_never_computed_again(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        now = datetime(2026, 6, 1, 12, 20, tzinfo=UTC)
        service = make_service(now, retention_days=2)
        start = now.replace(minute=0) - timedelta(days=4)
        for number in range(60):
            moment = start + timedelta(minutes=number)
            service.record(HistorySample(moment, temperature=20.0))
        assert service.cleanup() == 60
        late = start + timedelta(minutes=30, seconds=1)
        service.record(HistorySample(late, temperature=-10.0))
        service.flush()
        service.roll_up()
        end = start + timedelta(hours=1)
        (row,) = service.query(start, end, bucket="hour").rows
        assert (row["count"], row.min_temperature) == (60, 20.0)
        assert service.cleanup() == 1
        assert len(service.query(start, end, bucket="hour").rows) == 1

    def test_rows_older_than_the_retention_are_rolled_up_before_they_go(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        now = datetime(2026, 6, 1, 12, 20, tzinfo=UTC)
        service = make_service(now, retention_days=2)
        service.record(HistorySample(now, temperature=20.0))
        service.cleanup()
        imported = datetime(2020, 2, 3, 4, tzinfo=UTC)
        for minute in range(120):
            moment = imported + timedelta(minutes=minute)
            service.record(HistorySample(moment, zone="new", temperature=minute))
        assert service.cleanup() == 120
        end = imported + timedelta(days=1)
        assert service.query(imported, end).rows == []
        found = service.query(imported, end, points=100)
        assert found.source == "rollup"
        assert [row["count"] for row in found.rows] == [60, 60]
        assert [row.max_temperature for row in found.rows] == [59.0, 119.0]

    def test_nothing_is_deleted_without_a_retention(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        service = make_service()
        service.record(HistorySample(_START))
        assert service.cleanup() == 0
        assert len(service.latest(5)) == 1


def _near(found: Any, expected: Any) -> bool:
    """Tell whether two answers are equal but for the last digits of a float."""
    if isinstance(expected, dict):
        return set(found) >= set(expected) and all(
            _near(found[name], value) for name, value in expected.items()
        )
    if isinstance(expected, float) or isinstance(found, float):
        return bool(found == pytest.approx(expected, rel=1e-9, abs=1e-6))
    return bool(found == expected)
