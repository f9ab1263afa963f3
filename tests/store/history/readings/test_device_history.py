"""What devices said: kept, carried over an outage, of one home, exported, deleted."""

import struct
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from switchbot_store import (
    HistorySample,
    HistoryService,
    SqliteHistory,
    StoreConfig,
    StoreConfigError,
    StoreDataError,
    StoreUnavailableError,
    ThreadedHistory,
)
from switchbot_store.cli.app import application
from switchbot_store.factory import make_history
from switchbot_store.history.readings import (
    DeviceHistory,
    DeviceReading,
    SqliteReadings,
)
from switchbot_store.history.readings.last import LastSaid
from switchbot_store.instants import EARLIEST, LATEST

START = datetime(2026, 5, 4, 12, tzinfo=UTC)


def said(minutes, value, device="C1", attribute="CO2"):
    return DeviceReading(START + timedelta(minutes=minutes), device, attribute, value)


class BreakableReadings(SqliteReadings):
    """A real place whose way there can be cut."""

    away = False

    def write(self, readings):
        if self.away:
            raise StoreUnavailableError("the way is cut")
        return super().write(readings)


class Hand:
    def __init__(self):
        self.moment, self.seconds = START, 0.0

    def now(self):
        return self.moment

    def monotonic(self):
        return self.seconds

    def advance(self, **span):
        self.moment += timedelta(**span)
        self.seconds += timedelta(**span).total_seconds()


@pytest.fixture
def clock():
    return Hand()


@pytest.fixture
def place(tmp_path):
    return BreakableReadings(tmp_path / "readings.sqlite3")


def history(place, clock, **more):
    return DeviceHistory(place, now=clock.now, monotonic=clock.monotonic, **more)


def test_a_value_that_stays_is_kept_every_quarter_of_an_hour(place, clock):
    with history(place, clock) as readings:
        kept = [
            readings.record(said(minute, 500 if minute < 40 else 501))
            for minute in range(0, 60, 5)
        ]
        assert [minute * 5 for minute, each in enumerate(kept) if each] == [
            0,
            15,
            30,
            40,
            55,
        ]
        assert not readings.record(said(56, 501))


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        (0.0, -0.0, False),
        (725, 725.0, False),
        ("open", "open", False),
        ("open", "shut", True),
        (struct.unpack("<d", b"abcdefg?")[0], "abcdefg?", True),
        (1.0, "1.0", True),
    ],
)
def test_what_is_said_anew_is_kept_once(place, clock, before, after, kept):
    with history(place, clock) as readings:
        assert readings.record(said(0, before))
        assert readings.record(said(1, after)) is kept
        assert readings.record(said(1, before, device="C2"))
        assert readings.record(said(1, before, attribute="humidity"))


def test_of_devices_that_are_silent_nothing_is_remembered():
    """A process may hear ten thousand homes whose devices come and go."""
    last = LastSaid(timedelta(minutes=15))
    for minute in range(60):
        for number in range(200):
            assert last.take(said(minute, 1.0, device=f"{minute}/{number}"))
    # In a quarter of an hour 3,000 are heard.
    assert len(last) <= 6200
    # And a fleet's own are known still.
    assert not last.take(said(59, 1.0, device="59/7"))
    assert not last.take(said(59, 1.0, device="46/7"))


def test_a_clock_that_is_set_back_silences_no_device(place, clock):
    with history(place, clock) as readings:
        assert readings.record(said(0, 1))
        assert readings.record(said(-60, 1))
        assert not readings.record(said(-59, 1))


def test_it_is_due_after_the_interval_and_writes_before_an_answer(place, clock):
    with history(place, clock) as readings:
        assert not readings.due
        readings.record(said(0, 1))
        assert readings.due
        readings.flush()
        readings.record(said(1, 2))
        assert not readings.due
        clock.advance(seconds=60)
        assert readings.due
        assert [row.value for row in readings.latest()] == [2]
        assert not readings.due


def test_an_outage_s_readings_wait_on_disk_and_are_carried_over(place, clock, tmp_path):
    spill = tmp_path / "spill.sqlite3"
    place.away = True
    with history(place, clock, spill=SqliteReadings(spill)) as readings:
        readings.record(said(0, 1))
        readings.record(said(1, "open", attribute="openState"))
        readings.flush()
        assert readings.status().buffered == 0
        assert "cut" in readings.status().last_error
    place.away = False
    with history(place, clock, spill=SqliteReadings(spill)) as readings:
        readings.record(said(2, 3))
        readings.flush()
        assert readings.status() == (0, 3, 0, None)
        rows = place.rows(EARLIEST, LATEST)
        assert [row.value for row in rows] == [1, "open", 3]
    assert SqliteReadings(spill).rows(EARLIEST, LATEST) == []


def test_without_a_spill_they_wait_in_memory_up_to_a_bound(place, clock):
    place.away = True
    readings = history(place, clock, max_buffered=3)
    for minute in range(5):
        readings.record(said(minute, minute))
    with pytest.raises(StoreUnavailableError):
        readings.flush()
    assert (readings.status().buffered, readings.status().dropped) == (3, 2)
    place.away = False
    readings.flush()
    assert [row.value for row in place.rows(EARLIEST, LATEST)] == [2, 3, 4]
    readings.close()


@pytest.mark.parametrize(
    ("reading", "path"),
    [
        (DeviceReading(datetime(2026, 1, 1), "C1", "CO2", 1), "timestamp"),  # noqa: DTZ001 - what is refused
        (DeviceReading(START, "", "CO2", 1), "device_id"),
        (DeviceReading(START, "C1", "", 1), "attribute"),
        (DeviceReading(START, "C1", "CO2", float("nan")), "value"),
        (DeviceReading(START, "C1", "CO2", 10**400), "value"),
        (DeviceReading(START, "C1", "CO2", value=True), "value"),
        (DeviceReading(START, "C1", "CO2", None), "value"),
        (DeviceReading(START, "C1", "openState", "\0"), "value"),
        (DeviceReading(START, "C1", "openState", "\ud800"), "value"),
        (DeviceReading(START, "C1", "openState", "x" * 201), "value"),
    ],
)
def test_what_no_place_can_keep_is_refused_by_name(place, clock, reading, path):
    with pytest.raises(StoreDataError) as raised:
        history(place, clock).record(reading)
    assert raised.value.path == path


def test_retention_deletes_a_month_a_day_by_itself(place, clock):
    with history(place, clock, retention_days=30) as readings:
        for days in range(100, 0, -1):
            readings.record(
                DeviceReading(START - timedelta(days=days), "C1", "CO2", days)
            )
        readings.flush()
        oldest = []
        for _ in range(5):
            oldest.append(place.rows(EARLIEST, LATEST, limit=1)[0].value)
            clock.advance(days=1)
            readings.record(DeviceReading(clock.now(), "C1", "CO2", 0))
            readings.flush()
        assert (oldest[0], oldest[-2:]) == (100, [27, 26])
        assert all(one - other <= 31 for one, other in pairwise(oldest))
        hours = place.hours(EARLIEST, LATEST, device_id="C1", attribute="CO2")
        assert len(hours) == 100 - 25


def test_a_clock_that_is_years_ahead_deletes_no_reading(place, clock):
    with history(place, clock, retention_days=20) as readings:
        for hours in range(30 * 24, 0, -1):
            at = clock.now() - timedelta(hours=hours)
            readings.record(DeviceReading(at, "C1", "CO2", hours))
        readings.flush()
        clock.advance(days=3650)
        for _ in range(5 * 24):
            readings.record(DeviceReading(clock.now(), "C1", "CO2", 1))
            clock.advance(hours=1)
            readings.flush()
        readings.cleanup()
        left = place.rows(EARLIEST, START)
        # By the newest of before, those that were too old already may go.
        assert len(left) >= 20 * 24


def test_homes_see_and_lose_their_own_devices(place, clock):
    with history(place, clock) as all_of_them:
        one, two = all_of_them.of_home("1"), all_of_them.of_home("2")
        one.record(said(0, 1))
        two.record(said(0, 2))
        one.close()
        assert [(row.device_id, row.value) for row in one.latest()] == [("C1", 1)]
        ends = (START, START + timedelta(hours=1))
        assert [row.value for row in two.query(*ends, "C1", "CO2").rows] == [2]
        assert [row.value for page in two.pages(*ends) for row in page] == [2]
        with pytest.raises(StoreConfigError):
            one.of_home("2")
        with pytest.raises(StoreConfigError):
            all_of_them.forget()
        assert one.forget() == 1
        assert [row.device_id for row in all_of_them.latest()] == ["2/C1"]


def test_an_export_has_numbers_and_words(place, clock, tmp_path):
    with history(place, clock) as readings:
        readings.record(said(0, 725.5))
        readings.record(said(1, "=1+1", attribute="openState"))
        target = tmp_path / "out.csv"
        ends = (START, START + timedelta(hours=1))
        assert readings.export(target, *ends, spreadsheet=True) == 2
        assert target.read_text().splitlines() == [
            "timestamp,device_id,attribute,value",
            "2026-05-04T12:00:00.000000+00:00,C1,CO2,725.5",
            "2026-05-04T12:01:00.000000+00:00,C1,openState,'=1+1",
        ]
        with pytest.raises(StoreConfigError):
            readings.export(tmp_path / "out.parquet", *ends)


@given(
    st.lists(
        st.tuples(st.integers(0, 1000), st.floats(-100, 5000)), min_size=1, max_size=40
    ),
    st.integers(1, 30),
)
def test_buckets_have_every_reading_once_and_means_within_bounds(said_, points):
    clock = Hand()
    clock.moment = START + timedelta(days=2)
    with history(SqliteReadings(":memory:"), clock) as readings:
        kept = sum(
            readings.record(said(minute, value))
            for minute, value in sorted(dict(said_).items())
        )
        end = START + timedelta(minutes=1001)
        found = readings.query(START, end, "C1", "CO2", points=points)
        assert sum(row.count for row in found.rows) == kept
        low, high = min(v for _, v in said_), max(v for _, v in said_)
        for row in found.rows:
            assert low - 1e-6 <= row.value <= high + 1e-6
            assert row.min_value <= row.max_value


def test_a_configuration_keeps_them_beside_the_rows_of_zones(tmp_path):
    config = StoreConfig(backend="json", directory=tmp_path)
    with make_history(config) as service:
        service.record(HistorySample(START, temperature=21))
        service.readings.record(said(0, 725))
    assert (tmp_path / "device_readings.sqlite3").exists()
    with SqliteHistoryOf(tmp_path) as rows:
        assert [row.temperature for row in rows.latest(9)] == [21]
    with make_history(config) as service:
        assert service.of_home("1").readings.latest() == []
        assert [row.value for row in service.readings.latest()] == [725]


def SqliteHistoryOf(folder):  # noqa: N802 - reads as the class
    return HistoryService(SqliteHistory(folder / "history.sqlite3"))


async def test_the_asyncio_view_records_and_answers(place, clock, tmp_path):
    service = HistoryService(SqliteHistory(":memory:"), readings=history(place, clock))
    async with ThreadedHistory(service) as view:
        bad = DeviceReading(START, "", "CO2", 1)
        await view.record_readings([said(0, 700), bad, said(5, 800)])
        ends = (START, START + timedelta(hours=1))
        found = await view.query_readings(*ends, "C1", "CO2", bucket="hour")
        assert [row.count for row in found.rows] == [2]
        assert [row.value for row in await view.latest_readings()] == [800]
        assert await view.export_readings(tmp_path / "a.jsonl", *ends) == 2
    bare = ThreadedHistory(HistoryService(SqliteHistory(":memory:")))
    async with bare as view:
        await view.record_readings([said(0, 700)])
        assert (await view.query_readings(*ends, "C1", "CO2")).rows == []


def test_the_command_exports_what_a_device_said(tmp_path, monkeypatch):
    monkeypatch.setenv("STORE_DIRECTORY", str(tmp_path / "config"))
    with make_history(StoreConfig.from_env()) as service:
        service.record(HistorySample(START, temperature=21))
        service.readings.record(said(0, 725))
        service.readings.record(said(0, 40, device="C2", attribute="power"))
    target = tmp_path / "out.csv"
    command = ["history", "export", str(target), "--from", "2026-05-01"]
    for more, values in (
        (["--device", "C1"], ["725.0"]),
        (["--attribute", "power"], ["40.0"]),
        (["--device", "nobody"], []),
    ):
        result = CliRunner().invoke(application, [*command, *more])
        assert result.exit_code == 0, result.output
        lines = target.read_text().splitlines()[1:]
        assert [line.rsplit(",", 1)[1] for line in lines] == values
