"""What every place for history promises of buckets, points and retention, as tests."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_store.history import frozen
from switchbot_store.history.ingest.samples import normalised
from switchbot_store.history.model import (
    HistoryResult,
    HistorySample,
)
from switchbot_store.testing.history_model import (
    HistoryModel,
    even_edges,
    wall_clock_edges,
)
from switchbot_store.testing.history_samples import (
    CHANGES,
    EXAMPLES,
    START,
    diaries,
    near,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchbot_store.history.service import HistoryService


class HistoryBucketContract:
    """Means, extremes and running times; needs the fixtures of `HistoryContract`."""

    # --- buckets ---

    @pytest.mark.parametrize("bucket", ["minute", "5min", "15min", "hour", "day"])
    def test_buckets_are_those_of_the_model(
        self, make_service: Callable[..., HistoryService], bucket: str
    ) -> None:
        numbers = itertools.count()

        @EXAMPLES
        @given(
            diaries(),
            st.sampled_from(CHANGES),
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

    @pytest.mark.parametrize("bucket", ["hour", "day"])
    @pytest.mark.parametrize(
        ("timezone_name", "midnight"),
        [
            ("Asia/Kolkata", datetime(2026, 5, 1, 18, 30, tzinfo=UTC)),
            ("Asia/Kathmandu", datetime(2026, 5, 1, 18, 15, tzinfo=UTC)),
            ("America/St_Johns", datetime(2026, 5, 1, 2, 30, tzinfo=UTC)),
            ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, 0, tzinfo=UTC)),
            ("Europe/Paris", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        ],
    )
    def test_a_bucket_reaches_no_further_than_the_range(
        self,
        make_service: Callable[..., HistoryService],
        bucket: str,
        timezone_name: str,
        midnight: datetime,
    ) -> None:
        """An end of the range and an edge of a bucket may lie in one hour of UTC."""
        first = midnight.replace(minute=0) - timedelta(hours=3)
        diary = [
            HistorySample(
                first + timedelta(minutes=10 * number),
                temperature=float(number),
                assumed_aircon_power=("on", "off")[number % 2],
                timezone="UTC",
            )
            for number in range(6 * 6)
        ]
        service, samples, now = self._recorded(make_service, diary, 0)
        model = HistoryModel(samples)

        def compare() -> None:
            hour = midnight.replace(minute=0)
            marks = [
                hour + timedelta(minutes=minutes) for minutes in (-40, 0, 5, 20, 50, 70)
            ]
            for start, end in itertools.combinations(marks, 2):
                edges = wall_clock_edges(start, end, bucket, timezone_name)
                wanted = model.buckets(start, end, edges, now=now)
                found = service.query(
                    start, end, bucket=bucket, timezone=timezone_name
                ).rows
                assert len(found) == len(wanted), (start, end)
                for row, other in zip(found, wanted, strict=True):
                    assert near(row, other), (start, end)

        compare()
        service.roll_up()
        compare()

    def test_points_are_those_of_the_model(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        numbers = itertools.count()

        @EXAMPLES
        @given(
            diaries(),
            st.integers(0, 4000),
            st.integers(1, 4000),
            st.one_of(st.integers(1, 5), st.integers(1, 300)),
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
                if rolled and width >= 12 * 3600:
                    assert width % (6 * 3600) == 0
                    origin = origin.replace(hour=origin.hour // 6 * 6)
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
                    assert near(row, other)

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
        service.record(HistorySample(START, temperature=20.0, humidity=40.0))
        end = START + timedelta(days=1)
        (row,) = service.query(START, end, points=1, fields=["humidity"]).rows
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
            assert near(row, other)

    def test_hours_put_back_are_in_charts_of_any_width(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        now = datetime(2026, 6, 1, 12, 20, tzinfo=UTC)
        service = make_service(now)
        service.record(HistorySample(now, zone="new", temperature=30.0))
        service.roll_up()
        start = now.replace(hour=4, minute=0) - timedelta(days=40)
        hours = [
            {
                **dict.fromkeys(frozen.COLUMNS),
                "zone": "gone",
                "timestamp": start + timedelta(hours=number),
                "count": 2,
                "error_count": 1,
                "last_temperature_stale": False,
                "temperature": float(number),
                "temperature_seconds": 3600.0,
                "humidity_seconds": 0.0,
                "aircon_on_seconds": 60.0,
            }
            for number in range(48)
        ]
        assert service.backend.add_frozen_hours(hours) == 48
        assert service.backend.add_frozen_hours(hours[:5]) == 0
        for points, buckets in ((40, 2), (4000, 48)):
            rows = service.query(
                start - timedelta(days=3), now, zone="gone", points=points
            ).rows
            assert len(rows) == buckets
            assert sum(row["count"] for row in rows) == 96
            assert sum(row.aircon_on_seconds for row in rows) == 48 * 60
            weighed = sum(row.temperature * row["count"] for row in rows)
            assert weighed == pytest.approx(sum(range(48)) * 2)

    @pytest.mark.parametrize("moved", [-1, 0, 1])
    def test_a_row_that_tells_what_later_ones_repeat_stays_with_them(
        self, make_service: Callable[..., HistoryService], moved: int
    ) -> None:
        """One of an hour before the border at most, and of its own zone alone."""
        now = datetime(2026, 6, 1, 12, 20, tzinfo=UTC)
        service = make_service(now, retention_days=2)
        edge = datetime(2026, 5, 30, 12, tzinfo=UTC)
        minute = timedelta(minutes=1)
        telling = edge - 20 * minute
        for number in range(-90, 90, 10):
            at = edge + number * minute
            told_at = telling if telling < at <= telling + 50 * minute else None
            metadata: dict[str, Any] = {"trace": {}}
            if told_at is not None:
                back = (at - told_at) // timedelta(microseconds=1) + moved
                metadata = {"run": back}
            elif at > edge:
                metadata = {"run": {"since": at.isoformat()}}
            for zone in ("a", "b"):
                said = metadata if zone == "a" else {"run": "no number"}
                service.record(
                    HistorySample(at, zone=zone, temperature=number, metadata=said)
                )
        service.record(HistorySample(now, zone="newest"))
        start, end = edge - timedelta(hours=3), edge + timedelta(hours=3)
        before = service.query(start, end, zone="a", bucket="hour").rows
        assert service.cleanup() == 9 + 8
        left = [row.timestamp for row in service.query(start, edge).rows]
        assert left == [telling]
        assert service.cleanup() == 0
        after = service.query(start, end, zone="a", bucket="hour").rows
        assert [row["count"] for row in after] == [row["count"] for row in before]
        for row, other in zip(after, before, strict=True):
            assert near(row, other)

    def test_an_hour_whose_rows_were_deleted_is_never_computed_again(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        now = datetime(2026, 6, 1, 12, 20, tzinfo=UTC)
        service = make_service(now, retention_days=2)
        start = now.replace(minute=0) - timedelta(days=4)
        for number in range(60):
            moment = start + timedelta(minutes=number)
            service.record(HistorySample(moment, temperature=20.0))
        service.record(HistorySample(now, zone="newest"))  # days count back from it
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
        service = make_service(now, retention_days=20)
        for day in range(10):  # so long a home has to be seen to run after the gap
            moment = now - timedelta(days=day)
            service.record(HistorySample(moment, temperature=20.0))
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
        service.record(HistorySample(START))
        assert service.cleanup() == 0
        assert len(service.latest(5)) == 1
