"""A clock that is wrong for a while deletes nothing, and is told of."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from switchbot_store import (
    HistorySample,
    HistoryService,
    PostgresHistory,
    SqliteHistory,
    StoreConfigError,
    StoreDataError,
)
from switchbot_store.doctor.local import examine
from switchbot_store.history.model import HistoryBackend
from switchbot_store.history.present import leap_of

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
YEARS = timedelta(days=3650)
EVER = datetime(1971, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class Clock:
    """The host's clocks, of which `monotonic` is never wrong, and the true time."""

    def __init__(self, moment):
        self.truth, self.wrong, self.seconds = moment, timedelta(), 0.0

    @property
    def moment(self):
        return self.truth + self.wrong

    def now(self):
        return self.moment

    def monotonic(self):
        return self.seconds

    def advance(self, step):
        self.truth += step
        self.seconds += step.total_seconds()


class PlainHistory(SqliteHistory):
    """What a host brings that knows only what every backend has to know."""

    newest = HistoryBackend.newest
    came_before = HistoryBackend.came_before


@pytest.fixture
def clock():
    return Clock(datetime(2026, 11, 20, 12, 10, tzinfo=UTC))


@pytest.fixture(params=["sqlite", "postgres", "a host's own"])
def backend(request, tmp_path, clock):
    if request.param == "postgres":
        made = PostgresHistory(request.getfixturevalue("migrated_database_url"))
        made.clock = lambda: clock.truth
    else:
        kind = SqliteHistory if request.param == "sqlite" else PlainHistory
        made = kind(tmp_path / "history.sqlite3")
    yield made
    made.close()


@pytest.fixture
def boot(backend, clock):
    """Start the program anew, at what its clock says now."""
    started = []

    def start(**options):
        service = HistoryService(
            backend,
            **{"batch_size": 10**6, "flush_interval_seconds": 10**6} | options,
            now=clock.now,
            monotonic=clock.monotonic,
        )
        started.append(service)
        return service

    yield start
    for service in started:  # else a test that fails seems to leave a thread behind
        service.close()


def run(service, clock, span, *, step=timedelta(minutes=10)):
    """Record and flush for a while; upkeep does by itself what it does."""
    for _ in range(span // step):
        service.record(HistorySample(clock.moment, temperature=20.0))
        service.flush()
        clock.advance(step)


def count(service):
    return len(service.query(*EVER).rows)


def test_a_host_that_boots_years_ahead_deletes_nothing(backend, boot, clock):
    day = clock.moment - 30 * DAY
    backend.write(
        [HistorySample(day + number * HOUR) for number in range(30 * 24)],
        now=clock.moment,
    )
    right = clock.truth
    clock.wrong = YEARS
    service = boot(retention_days=20)
    run(service, clock, HOUR)
    service.cleanup()
    # By the newest rows of before, those that were too old already may go.
    assert count(service) >= 20 * 24 + 6
    assert f"{clock.moment:%Y}" in service.status().clock_doubt
    clock.wrong = timedelta()
    run(service, clock, 3 * HOUR)
    service.cleanup()
    assert service.status().clock_doubt is None
    kept = service.query(EVER[0], right + DAY).rows
    # What is older than twenty days went, and nothing else; the rest is in charts.
    assert kept[0].timestamp >= clock.moment - 20 * DAY - 2 * HOUR
    assert len(kept) == pytest.approx(20 * 24 + 18, abs=5)
    # No hour was called over before its rows came.
    hours = service.query(right - DAY, right + DAY, bucket="hour", timezone="UTC").rows
    assert sum(row["count"] for row in hours) == pytest.approx(24 + 18, abs=1)
    service.close()


@pytest.mark.parametrize("boots", [1, 3])
def test_not_even_when_it_does_so_again_and_again(tmp_path, clock, boots):
    backend = SqliteHistory(tmp_path / "history.sqlite3")
    rows = [HistorySample(clock.moment - number * HOUR) for number in range(24 * 9)]
    backend.write(rows, now=clock.moment)
    for _ in range(boots):
        clock.wrong += YEARS
        with HistoryService(
            backend, retention_days=400, now=clock.now, monotonic=clock.monotonic
        ) as service:
            run(service, clock, HOUR)
            assert service.cleanup() == 0
            assert service.status().clock_doubt
    with HistoryService(backend) as service:
        assert count(service) == len(rows) + 6 * boots
    backend.close()


@pytest.mark.parametrize("moment", [datetime(1970, 1, 1, tzinfo=UTC), EVER[1]])
def test_a_clock_before_the_program_or_in_no_rows_is_told_of(boot, clock, moment):
    service = boot(retention_days=1)
    run(service, clock, HOUR)
    clock.wrong = moment + DAY - clock.truth
    assert service.cleanup() == 0
    assert f"{moment:%Y}" in service.status().clock_doubt
    assert count(service) == 6
    service.close()


@pytest.mark.parametrize("apart", [-2 * DAY, 2 * DAY])
def test_clocks_that_disagree_delete_nothing(migrated_database_url, clock, apart):
    backend = PostgresHistory(migrated_database_url)
    clock.truth, clock.wrong = datetime.now(UTC), apart
    rows = [HistorySample(clock.moment - number * HOUR) for number in range(99)]
    with HistoryService(backend, retention_days=1, now=clock.now) as service:
        backend.write(rows, now=clock.moment)
        assert service.cleanup() == 0
        assert "the database's" in service.status().clock_doubt
        clock.wrong = timedelta()
        service.record(HistorySample(clock.moment))
        assert service.cleanup() > 0
        assert service.status().clock_doubt is None


def test_after_a_long_silence_a_week_of_rows_is_believed(boot, clock, request):
    if request.node.callspec.params["backend"] == "sqlite":
        pytest.skip("a file knows of no clock but this host's: see below")
    service = boot(retention_days=40)
    run(service, clock, 2 * DAY, step=HOUR)
    clock.advance(200 * DAY)
    run(service, clock, 6 * DAY, step=HOUR)
    assert service.cleanup() == 0
    assert service.status().clock_doubt
    run(service, clock, 2 * DAY, step=HOUR)
    service.cleanup()
    assert service.status().clock_doubt is None
    assert count(service) == 8 * 24
    service.close()


def test_where_one_clock_is_alone_rows_have_to_come_for_as_long(tmp_path, clock):
    """After a silence it cannot be told from one that was put ahead."""
    backend = SqliteHistory(tmp_path / "history.sqlite3")
    with HistoryService(
        backend, retention_days=10, now=clock.now, monotonic=clock.monotonic
    ) as service:
        run(service, clock, 2 * DAY, step=HOUR)
        clock.advance(200 * DAY)
        run(service, clock, 8 * DAY, step=HOUR)
        assert service.cleanup() == 0
        run(service, clock, 3 * DAY, step=HOUR)
        service.cleanup()
        assert count(service) == pytest.approx(10 * 24, abs=2)
    backend.close()


def _stamp(clock, service, recorded):
    service.record(HistorySample(clock.moment, temperature=20.0))
    if not clock.wrong:
        recorded.append(clock.truth)


@settings(max_examples=25)
@example([(0, 10, 0), (9600, 10, 0)], 20)
@example([(0, 12, 0), ("2036", 4, 0), (0, 2, 0), ("2036", 5, 0)], 20)
@example([(0, 12, 0), (-49, 4, 40), (49, 20, 0)], 5)
@given(
    past=st.lists(
        st.tuples(
            st.sampled_from(
                [0, 0, -96000, -9600, -49, -9, 9, 49, 744, 9600, 87600, "2036"]
            ),
            st.integers(1, 25),
            st.sampled_from([0, 0, 0, 5, 40]),
        ),
        min_size=2,
        max_size=8,
    ),
    retention=st.sampled_from([2, 5, 20]),
)
def test_whatever_one_clock_did_no_row_of_a_right_one_goes_too_early(
    tmp_path_factory, past, retention
):
    """The kind: wrong for weeks, by hours or years, again and again, off in between."""
    place = tmp_path_factory.mktemp("clock") / "history.sqlite3"
    clock = Clock(datetime(2026, 11, 20, 12, tzinfo=UTC))
    backend = SqliteHistory(place)
    right = []
    for wrong, days, off in past:
        if wrong == "2036":  # what a host without a battery begins with, each time
            clock.wrong = datetime(2036, 1, 1, tzinfo=UTC) - clock.truth
        else:
            clock.wrong = wrong * HOUR
        with HistoryService(
            backend,
            batch_size=10**6,
            retention_days=retention,
            now=clock.now,
            monotonic=clock.monotonic,
        ) as service:
            for _ in range(days):
                for _ in range(12):
                    _stamp(clock, service, right)
                    clock.advance(2 * HOUR)
                service.flush()
                service.cleanup()
            left = {row.timestamp for row in service.query(*EVER).rows}
        kept = [at for at in right if at > clock.truth - retention * DAY]
        assert left.issuperset(kept)
        clock.advance(off * DAY)
    backend.close()


@pytest.mark.parametrize("wrong", [timedelta(), YEARS])
def test_a_file_of_an_earlier_release_begins_with_its_hours(tmp_path, clock, wrong):
    place = tmp_path / "history.sqlite3"
    with HistoryService(SqliteHistory(place), now=clock.now) as service:
        run(service, clock, 30 * DAY, step=HOUR)
        service.roll_up()
    with closing(sqlite3.connect(place)) as connection:
        connection.executescript(
            "DROP TABLE state_history_arrivals; DROP TABLE state_history_lived;"
        )
    right, clock.wrong = clock.truth, wrong
    backend = SqliteHistory(place)
    with HistoryService(backend, retention_days=20, now=clock.now) as service:
        run(service, clock, 9 * DAY, step=HOUR)
        service.cleanup()
        kept = len(service.query(EVER[0], right).rows)
        assert kept == pytest.approx(11 * 24, abs=3)
    backend.close()


def test_a_day_of_upkeep_deletes_a_month_at_most(boot, clock, backend):
    rows = [HistorySample(clock.moment - number * DAY) for number in range(1000)]
    backend.write(rows, now=clock.moment)
    service = boot(retention_days=400)
    clock.advance(HOUR)
    # Hours that wait would be the writer's own thread's, at whatever the clock shows then.
    service.roll_up()
    kept = []
    for _ in range(3):
        run(service, clock, DAY, step=4 * HOUR)
        kept.append(count(service))
    steps = [one - other for one, other in zip([1000, *kept], kept, strict=False)]
    assert all(0 < step + 6 <= leap_of(400 * DAY).days + 1 for step in steps)
    # A person who asks for it has it at once.
    assert service.cleanup() > 400
    service.close()


@settings(max_examples=30)
@given(
    jumps=st.lists(
        st.sampled_from([-56 * 365, -4000, -400, 31, 400, 3650]), min_size=1, max_size=4
    ),
    minutes=st.integers(1, 600),
    retention=st.sampled_from([1, 30, 100, 400]),
)
def test_whatever_a_clock_does_rows_within_the_retention_stay(
    tmp_path_factory, jumps, minutes, retention
):
    """The kind: wrong for some hours, by any leap, any number of times."""
    right = datetime(2026, 11, 20, 12, tzinfo=UTC)
    place = tmp_path_factory.mktemp("clock")
    backend = SqliteHistory(place / "history.sqlite3")
    rows = [HistorySample(right - number * 6 * HOUR) for number in range(4 * 20)]
    backend.write(rows, now=right)
    wanted = [row for row in rows if row.timestamp >= right - retention * DAY]
    for days in jumps:
        clock = Clock(max(right + days * DAY, datetime(1970, 1, 1, tzinfo=UTC)))
        with HistoryService(
            backend, retention_days=retention, now=clock.now, monotonic=clock.monotonic
        ) as service:
            run(service, clock, timedelta(minutes=10 * minutes), step=10 * HOUR / 2)
            service.record(HistorySample(clock.moment))
            service.cleanup()
            left = {row.timestamp for row in service.query(*EVER).rows}
        assert {row.timestamp for row in wanted} <= left
    backend.close()


def test_the_commands_name_a_clock_that_is_in_doubt(history, tmp_path, monkeypatch):
    monkeypatch.setenv("HISTORY_RETENTION_DAYS", "1")
    backend = SqliteHistory(tmp_path / "config/history.sqlite3")
    now = datetime.now(UTC)
    rows = [HistorySample(now - 100 * DAY - number * HOUR) for number in range(99)]
    backend.write([*rows, HistorySample(now)], now=now)
    backend.close()
    told = json.loads(history("clean", "--json").stdout)
    assert told["deleted"] == pytest.approx(75, abs=2)  # by the newest of those
    assert f"{now - 100 * DAY:%Y-%m-%d}" in told["clock_doubt"]
    assert "in doubt" in history("clean").stderr
    found = [each for each in examine() if each.check == "clock"]
    assert f"{now - 100 * DAY:%Y-%m-%d}" in found[0].message


def test_doctor_tells_of_rows_in_the_future(history, tmp_path):
    backend = SqliteHistory(tmp_path / "config/history.sqlite3")
    now = datetime.now(UTC)
    backend.write([HistorySample(now), HistorySample(now + YEARS)], now=now)
    backend.close()
    (found,) = [each for each in examine() if each.check == "history"]
    assert f"{now + YEARS:%Y-%m-%d}" in found.message


# --- rows of a wrong clock, moved to where they belong --------------------------------


@pytest.mark.parametrize("wrong", [YEARS, 2 * DAY, -3 * DAY])
def test_rows_of_a_wrong_clock_can_be_moved(backend, boot, clock, wrong):
    """Also where their range and the place they belong to lie over each other."""
    if isinstance(backend, PlainHistory):
        pytest.skip("what a host brings needs no moving")
    service = boot()
    run(service, clock, 20 * HOUR)
    first = clock.truth
    clock.wrong = wrong
    run(service, clock, 14 * HOUR)
    last, clock.wrong = clock.truth, timedelta()
    run(service, clock, 20 * HOUR)
    service.roll_up()
    asked = first + wrong, last + wrong
    assert service.move(*asked, -wrong) == 14 * 6
    begin, end = first - 20 * HOUR, clock.truth
    for _ in range(2):
        rows = service.query(begin, end).rows
        assert [row.timestamp for row in rows] == [
            begin + number * timedelta(minutes=10) for number in range(54 * 6)
        ]
        for bucket in ("hour", "day"):
            found = service.query(begin, end, bucket=bucket, timezone="UTC").rows
            assert sum(row["count"] for row in found) == 54 * 6
            assert service.query(*asked, bucket=bucket, timezone="UTC").rows == []
        wide = service.query(EVER[0], EVER[1], points=300).rows
        assert sum(row["count"] for row in wide) == 54 * 6
        service.roll_up()
    service.close()


@pytest.mark.parametrize("span", [3 * DAY, 5 * HOUR])
@pytest.mark.parametrize("rows", [2, 1500])
def test_hours_that_a_clock_closed_ahead_are_in_every_chart(
    backend, boot, clock, span, rows
):
    """Also where the database's clock was as wrong, as on the same host.

    Each hour's rows are written before it is over: by this clock none of them is late.
    """
    backend.clock = lambda: clock.moment
    service = boot()
    run(service, clock, 3 * HOUR)
    clock.wrong = span
    run(service, clock, 3 * HOUR)
    service.roll_up()
    clock.wrong = timedelta()
    clock.advance(HOUR * (1 - clock.truth.minute / 60))
    begin, step = clock.truth, HOUR * 0.9 / rows
    for number in range(1, 4):
        for _ in range(rows):
            service.record(HistorySample(clock.moment, temperature=20.0))
            clock.advance(step)
        service.flush()
        clock.advance(begin + number * HOUR - clock.truth)
        recorded = len(service.query(begin, clock.truth).rows)
        assert recorded >= number * rows
        for bucket in ("hour", "day"):
            found = service.query(
                begin, clock.truth, bucket=bucket, timezone="UTC"
            ).rows
            assert sum(row["count"] for row in found) == recorded
        service.roll_up()
    service.close()


@pytest.mark.parametrize("by", [timedelta(minutes=25), -timedelta(minutes=25)])
def test_rows_may_move_by_less_than_their_range(backend, boot, clock, by):
    if isinstance(backend, PlainHistory):
        pytest.skip("what a host brings needs no moving")
    service = boot()
    start = clock.moment
    run(service, clock, 5 * HOUR)
    before = [row.timestamp for row in service.query(*EVER).rows]
    assert service.move(start, clock.moment, by) == len(before)
    assert [row.timestamp for row in service.query(*EVER).rows] == [
        at + by for at in before
    ]
    service.close()


@pytest.mark.parametrize("by", [timedelta(minutes=25), -timedelta(minutes=25)])
def test_a_move_goes_from_row_to_row_over_the_years_between(backend, boot, clock, by):
    """`history move` without --from goes over all time, by pieces as wide as the move."""
    if isinstance(backend, PlainHistory):
        pytest.skip("what a host brings needs no moving")
    service = boot()
    run(service, clock, HOUR)
    far = clock.moment - timedelta(days=50 * 365)
    service.record(HistorySample(far, zone="far", temperature=20.0))
    service.flush()
    before = [row.timestamp for row in service.query(*EVER).rows]
    pieces = []
    ever = datetime(1970, 1, 2, tzinfo=UTC), clock.moment
    assert service.move(*ever, by, progress=pieces.append) == len(before)
    assert len(pieces) <= 6
    assert [row.timestamp for row in service.query(*EVER).rows] == [
        at + by for at in before
    ]
    service.close()


def test_a_move_onto_rows_or_out_of_all_time_changes_nothing(backend, boot, clock):
    if isinstance(backend, PlainHistory):
        pytest.skip("what a host brings needs no moving")
    service = boot()
    start = clock.moment
    run(service, clock, 2 * HOUR)
    rows = service.query(*EVER).rows
    with pytest.raises(StoreDataError):
        service.move(start, start + HOUR, HOUR)
    with pytest.raises(StoreDataError, match="2200"):
        service.move(start, clock.moment, timedelta(days=365 * 200))
    with pytest.raises(StoreConfigError, match="nothing"):
        service.move(start, clock.moment, timedelta())
    assert service.query(*EVER).rows == rows
    service.close()


def test_rows_of_a_clock_that_nobody_set_are_set_aside_and_come_back(tmp_path, clock):
    """A host without a battery: 1970, or the day its system was built."""
    place = tmp_path / "history.quarantine.jsonl"
    backend = SqliteHistory(tmp_path / "history.sqlite3")

    def boot():
        return HistoryService(
            backend, quarantine=place, now=clock.now, monotonic=clock.monotonic
        )

    for year in (1970, 2023):
        clock.wrong = datetime(year, 1, 2, tzinfo=UTC) - clock.truth
        first = clock.truth
        with boot() as service:
            run(service, clock, 2 * HOUR)
            assert service.status().quarantined == 12
            assert service.latest() == [] or year == 2023
        wrong, clock.wrong = clock.wrong, timedelta()
        with place.open("ab") as file:
            file.write(b'{"reason": "of another kind"}\n')
        with boot() as service:
            run(service, clock, HOUR)
            assert service.status().clock_doubt is None
            assert service.move(first + wrong, clock.truth + wrong, -wrong) == 12
            assert service.move(first + wrong, clock.truth + wrong, -wrong) == 0
            rows = service.query(first, clock.truth).rows
            assert [row.timestamp for row in rows] == [
                first + number * timedelta(minutes=10) for number in range(18)
            ]
        assert place.read_bytes() == b'{"reason": "of another kind"}\n'
        place.unlink()
    backend.close()


def test_rows_ahead_are_not_the_newest(backend, boot, clock):
    service = boot()
    run(service, clock, 3 * HOUR)
    right = service.latest(5)
    backend.write([HistorySample(clock.moment + YEARS)], now=clock.moment)
    assert service.latest(5) == right
    assert service.latest(1) == right[-1:]
    assert len(service.latest(100)) == 18
    assert service.latest(1, zone="attic") == []
    service.close()


def test_the_command_moves_and_says_what_it_cannot_read(history, tmp_path):
    backend = SqliteHistory(tmp_path / "config/history.sqlite3")
    now = datetime.now(UTC).replace(microsecond=0)
    backend.write([HistorySample(now), HistorySample(now - YEARS)], now=now)
    backend.close()
    span = ("--from", (now - YEARS - HOUR).isoformat(), "--to", (now - DAY).isoformat())
    assert "no span" in history("move", *span, "--by", "soon", code=2).stderr
    told = json.loads(history("move", *span, "--by", "3649d", "--json").stdout)
    assert told == {"moved": 1}
    with HistoryService(backend) as service:
        assert [row.timestamp for row in service.query(*EVER).rows] == [now - DAY, now]


def test_rows_that_were_set_aside_come_back_where_no_file_has_any(
    history, clock, tmp_path
):
    place = tmp_path / "config/history_spill.quarantine.jsonl"
    place.parent.mkdir(exist_ok=True)
    clock.wrong = datetime(1970, 1, 2, tzinfo=UTC) - clock.truth
    lost = HistoryService(
        SqliteHistory(":memory:"),
        quarantine=place,
        now=clock.now,
        monotonic=clock.monotonic,
    )
    with lost:
        run(lost, clock, 2 * HOUR)
        assert lost.status().quarantined == 12
    span = ("--from", "1970-01-01T00:00Z", "--to", "1970-02-01T00:00Z")
    by = f"{-clock.wrong.total_seconds():.0f}s"
    told = json.loads(history("move", *span, "--by", by, "--json").stdout)
    assert told == {"moved": 12}
    kept = SqliteHistory(tmp_path / "config/history.sqlite3")
    assert len(kept.latest(100)) == 12
    kept.close()
