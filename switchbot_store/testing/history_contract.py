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
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_store.errors import StoreConfigError, StoreDataError, StoreError
from switchbot_store.history.ingest.samples import normalised
from switchbot_store.history.model import (
    FIELDS,
    HistoryBackend,
    HistorySample,
)
from switchbot_store.history.service import HistoryService
from switchbot_store.testing.history_bucket_contract import HistoryBucketContract
from switchbot_store.testing.history_model import (
    HistoryModel,
)
from switchbot_store.testing.history_samples import (
    EXAMPLES,
    NEVER,
    START,
    any_sample,
    diaries,
    near,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class HistoryContract(HistoryBucketContract):
    """The suite; subclass it with a fixture `make_backend`.

    >>> import pytest
    >>> from switchbot_store import SqliteHistory
    >>> from switchbot_store.testing import HistoryContract
    >>> class TestMyHistory(HistoryContract):  # in a file that pytest collects
    ...     @pytest.fixture
    ...     def make_backend(self, tmp_path):
    ...         return lambda: SqliteHistory(tmp_path / "history.sqlite")
    >>> sum(name.startswith("test_") for name in dir(TestMyHistory)) > 20
    True
    """

    durable: ClassVar[bool] = True
    """Whether rows are there after the backend was closed."""

    @pytest.fixture
    def make_service(
        self, make_backend: Callable[[], HistoryBackend]
    ) -> Iterator[Callable[..., HistoryService]]:
        """Return a maker of services whose clock, and the place's, stand at `now`."""
        made: list[HistoryService] = []
        backend = make_backend()  # one for all: each could bring a pool of connections
        clocks = pytest.MonkeyPatch()

        def make(now: datetime = NEVER, **options: Any) -> HistoryService:
            if backend.clock() is not None:
                clocks.setattr(backend, "clock", lambda: now)
            options = {"batch_size": 10**9, "flush_interval_seconds": 10**6} | options
            service = HistoryService(backend, now=lambda: now, **options)
            made.append(service)
            return service

        yield make
        clocks.undo()
        for service in made:
            service.close()

    # --- rows ---

    def test_a_row_comes_back_as_it_was_given(
        self, make_backend: Callable[[], HistoryBackend]
    ) -> None:
        backend = make_backend()
        zones = (f"zone {number}" for number in itertools.count())

        @EXAMPLES
        @given(any_sample())
        def holds(sample: HistorySample) -> None:
            given_sample = normalised(replace(sample, zone=next(zones)))
            assert backend.write([given_sample], now=NEVER) == 1
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
                    START + timedelta(seconds=number),
                    zone="tab\t, line\nand \\N",
                    temperature=number / 7,
                    last_action="\\.\r\n" if number % 3 else None,
                    api_requests_today=number if number % 2 else None,
                    metadata={"n": number, "text": 'a\\b\n"c"\té'},
                )
            )
            for number in range(2500)
        ]
        assert backend.write(given_samples, now=NEVER) == 2500
        assert backend.write(given_samples, now=NEVER) == 0
        assert backend.rows(START, NEVER) == [asdict(each) for each in given_samples]
        backend.close()

    def test_writing_again_adds_nothing_and_changes_nothing(
        self, make_backend: Callable[[], HistoryBackend]
    ) -> None:
        backend = make_backend()
        first = HistorySample(START, temperature=20.0)
        second = replace(first, timestamp=START + timedelta(seconds=1))
        assert backend.write([first], now=START) == 1
        changed = replace(first, temperature=99.0)
        assert backend.write([changed, second, second], now=START) == 1
        assert [row.temperature for row in backend.latest(9)] == [20.0, 20.0]
        backend.close()

    def test_rows_stay_when_the_backend_is_closed(
        self, make_backend: Callable[[], HistoryBackend]
    ) -> None:
        if not self.durable:
            pytest.skip("rows in memory end with the backend")
        backend = make_backend()
        backend.write([HistorySample(START, temperature=20.5)], now=START)
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
            service.record(HistorySample(START, error_count=number))
        service.record(HistorySample(START, zone="other"))
        rows = service.query(START, NEVER, zone="default").rows
        assert [(row.timestamp - START).microseconds for row in rows] == [0, 1, 2, 3]
        assert [row.error_count for row in rows] == [0, 1, 2, 3]
        assert service.latest(zone="other")[0].timestamp == START

    def test_a_range_holds_its_start_and_not_its_end(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        service = make_service()
        moments = [START + timedelta(minutes=minute) for minute in range(4)]
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
                    START + timedelta(minutes=number), zone=zone, temperature=number
                )
            )
        everything = service.query(START, NEVER).rows
        assert [row.zone for row in everything] == ["b", "a", "é", "a"]
        assert set(everything[0]) == {"timestamp", "zone", *FIELDS}
        (row,) = service.query(START, NEVER, zone="é", fields=["temperature"]).rows
        assert row == {
            "timestamp": START + timedelta(minutes=2),
            "zone": "é",
            "temperature": 2.0,
        }
        assert service.query(START, NEVER, zone="nowhere").rows == []
        assert service.query(START, NEVER, zone="nowhere", points=9).rows == []
        assert service.latest(3, zone="nowhere") == []
        assert service.aggregates(24, zone="nowhere")["count"] == 0

    def test_what_makes_no_sense_is_refused(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        service = make_service()
        naive = START.replace(tzinfo=None)
        with pytest.raises(StoreDataError, match="naive"):
            service.query(naive, START)
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
                service.query(START, NEVER, **wrong)

    @pytest.mark.parametrize(
        "value", [None, "x", b"x", [], {}, object(), float("nan"), -1, True, 1j, START]
    )
    def test_what_is_no_value_of_its_kind_is_refused(
        self, make_service: Callable[..., HistoryService], value: Any
    ) -> None:
        service = make_service()
        no_instant: Any = value and str(value)
        calls: list[Callable[[], object]] = [
            lambda: service.aggregates(value),
            lambda: service.latest(value),
            lambda: service.move(START, NEVER, value),
            lambda: service.query(START, no_instant),
            lambda: service.record(value),
            lambda: make_service(batch_size=value),
            lambda: make_service(flush_interval_seconds=value),
        ]
        if value is not None:
            calls.append(lambda: service.query(START, NEVER, points=value))
            calls.append(lambda: service.query(START, NEVER, bucket=value))
        if value not in ([], {}, None):  # no column, and all of them
            calls.append(lambda: service.query(START, NEVER, fields=value))
        for call in calls:
            with pytest.raises(StoreError):
                call()

    def test_more_points_than_there_are_instants_are_the_shortest_buckets(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        service = make_service()
        service.record(HistorySample(START, temperature=20.0))
        end = START + timedelta(minutes=1)
        shortest = service.query(START, end, points=10**9)
        assert [row["count"] for row in shortest.rows] == [1]
        assert service.query(START, end, points=10**400) == shortest

    def test_the_newest_rows_are_found_across_zones(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        service = make_service()
        for number in range(10):
            zone = "seldom" if number == 3 else "often"
            moment = START + timedelta(minutes=number)
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
            moment = START + timedelta(seconds=number // 3)
            service.record(HistorySample(moment, zone="abc"[number % 3]))
        whole = service.query(START, NEVER).rows
        pages = list(service.pages(START, NEVER, page_rows=7))
        assert [row for page in pages for row in page] == whole
        assert {len(page) for page in pages} == {7, 1}
        one_zone = service.pages(START, NEVER, zone="b", fields=[], page_rows=4)
        assert [row for page in one_zone for row in page] == [
            {"timestamp": row.timestamp, "zone": "b"}
            for row in whole
            if row.zone == "b"
        ]

    def test_aggregates_are_those_of_the_model(
        self, make_service: Callable[..., HistoryService]
    ) -> None:
        numbers = itertools.count()

        @EXAMPLES
        @given(diaries(), st.integers(0, 80))
        def holds(diary: list[HistorySample], hours: int) -> None:
            service, samples, now = self._recorded(make_service, diary, next(numbers))
            model = HistoryModel(samples)
            for zone in sorted({each.zone for each in samples}):
                expected = model.aggregates(now - timedelta(hours=hours), zone)
                assert near(service.aggregates(hours, zone=zone), expected)

        holds()
