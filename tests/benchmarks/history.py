"""A year of history at 30 s: writing it, charting it, deleting from it, exporting it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from unittest.mock import patch

import orjson
import psycopg
from measuring import Figure, interleave

from switchbot_store import (
    HistorySample,
    HistoryService,
    PostgresHistory,
    SqliteHistory,
)
from switchbot_store.history.ingest.codec import as_dict
from switchbot_store.history.meter_columns import arrow
from switchbot_store.history.phone_app.export import AppExport
from switchbot_store.history.phone_app.overlap import written
from switchbot_store.history.postgres.copy_text import copy_lines
from switchbot_store.history.query.buckets import bucket_fields, plan_points
from switchbot_store.testing import PostgresServer

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
STEP = timedelta(seconds=30)
_WARM_UP = 15
"""From the fifth time on a statement is prepared, from the tenth its plan may be kept."""
COLUMNS = """zone, "timestamp", temperature, humidity, assumed_aircon_power, last_action,
    api_requests_today, error_count, last_temperature_stale, timezone, metadata"""
BARE_INSERT = f"""INSERT INTO bare ({COLUMNS}) SELECT {COLUMNS}
    FROM jsonb_to_recordset(%s::jsonb) AS r(zone text, "timestamp" timestamptz,
    temperature float8, humidity float8, assumed_aircon_power text, last_action text,
    api_requests_today bigint, error_count bigint, last_temperature_stale boolean,
    timezone text, metadata jsonb) ON CONFLICT DO NOTHING"""
YEAR = f"""INSERT INTO state_history ({COLUMNS})
    SELECT 'default', %(start)s + n * interval '30 seconds', 20 + (n %% 97) / 10.0,
    40 + (n %% 31) / 3.0, CASE WHEN n %% 240 < 60 THEN 'on' ELSE 'off' END, 'turnOff',
    n %% 5000, 0, false, 'Europe/Paris',
    '{{"trigger": "scheduler", "outcome": "no_action", "reasons": [{{"code": "in_band"}}]}}'
    FROM generate_series(0, %(rows)s - 1) AS n"""


def sample(number: int, start: datetime) -> HistorySample:
    """Return a sample as the engine records them."""
    return HistorySample(
        start + number * STEP,
        temperature=20 + number % 97 / 10,
        humidity=40 + number % 31 / 3,
        assumed_aircon_power="off",
        last_action="turnOff",
        api_requests_today=number % 5000,
        timezone="Europe/Paris",
        metadata={"trigger": "scheduler", "outcome": "no_action", "reasons": []},
    )


def measure(*, quick: bool) -> list[Figure]:
    days = 60 if quick else 365
    with ExitStack() as stack:
        server = stack.enter_context(PostgresServer(fsync=True))
        database = server.create_database()
        bare = stack.enter_context(
            psycopg.connect(server.conninfo(database), autocommit=True)
        )
        backend = PostgresHistory(server.conninfo(database))
        backend.open()
        stack.callback(backend.close)
        bare.execute("CREATE TABLE bare (LIKE state_history INCLUDING ALL)")
        figures = _batches(backend, bare, 5 if quick else 25)
        figures += _import(backend, bare, 100_000 if quick else 1_000_000)
        figures += _year(backend, bare, days, 5 if quick else 15)
        figures += _export(server.conninfo(database), days)
        figures += _retention(backend, bare, days)
    return _recording() + figures


def _recording() -> list[Figure]:
    with tempfile.TemporaryDirectory() as directory:
        backend = SqliteHistory(Path(directory) / "history.sqlite3")
        service = HistoryService(backend, batch_size=10**9)
        samples = [sample(number, NOW) for number in range(20_000)]
        numbers = iter(samples)
        taken = interleave(
            {"record": lambda _: service.record(next(numbers))},
            rounds=10,
            operations=1000,
        )
        service.close()
    return [Figure("record, p50", taken.microseconds("record"), "us", 20)]


def _batches(
    backend: PostgresHistory, bare: psycopg.Connection, rounds: int
) -> list[Figure]:
    figures = []
    for size, goal in ((1, None), (4, 1 / 0.85), (100, 1 / 0.8), (1000, None)):
        operations = max(2, 100 // size)
        turns = 10 + rounds * operations
        start = NOW + timedelta(days=size)
        samples = [sample(number, start) for number in range(2 * turns * size)]
        batches = iter(
            [samples[first : first + size] for first in range(0, len(samples), size)]
        )

        def bare_insert(_, batches=batches):
            document = orjson.dumps([as_dict(each) for each in next(batches)])
            bare.execute(BARE_INSERT, [document.decode()], prepare=True)

        def write(_, batches=batches):
            backend.write(next(batches), now=NOW)

        taken = interleave(
            {"bare": bare_insert, "ours": write}, rounds=rounds, operations=operations
        )
        name = f"PostgresHistory, {size} rows a batch"
        figures.append(Figure(name, taken.ratio("ours", "bare"), "x bare", goal))
    bare.execute("TRUNCATE state_history, state_history_late, bare")
    return figures


def _import(
    backend: PostgresHistory, bare: psycopg.Connection, rows: int
) -> list[Figure]:
    start = NOW - rows * STEP
    samples = [sample(number, start) for number in range(rows)]
    data = b"".join(copy_lines(samples))
    began = perf_counter()
    with bare.cursor().copy(f"COPY bare ({COLUMNS}) FROM STDIN") as copy:
        copy.write(data)
    copied = perf_counter() - began
    began = perf_counter()
    for first in range(0, rows, 25_000):
        backend.write(samples[first : first + 25_000], now=NOW)
    taken = perf_counter() - began
    began = perf_counter()
    backend.write(samples[:25_000], now=NOW)
    again = perf_counter() - began
    del samples, data
    bare.execute("TRUNCATE state_history, state_history_late, bare")
    return [
        Figure(f"import of {rows} rows", taken / copied, "x copy", 2),
        Figure("25000 rows again, all there already", again * 1e3, "ms"),
        *_app_import(backend, bare, max(rows, 400_000)),
    ]


def _app_import(
    backend: PostgresHistory, bare: psycopg.Connection, rows: int
) -> list[Figure]:
    """Measure the whole way from a file of the phone app, against COPY of its rows."""
    minute = timedelta(minutes=1)
    start = NOW - rows * minute
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "Living_data.csv"
        lines = (
            f"{start + number * minute:%Y-%m-%d %H:%M},{20 + number % 97 / 10},50"
            for number in range(rows)
        )
        header = "Date,Temperature_Celsius(℃),Relative_Humidity(%)"
        path.write_text("\n".join((header, *lines)), encoding="utf-8")
        export = AppExport(path, zone="living", timezone="UTC")
        arrow()  # it takes a tenth of a second to load
        began = process_time()
        blocks = list(AppExport(path, zone="living", timezone="UTC").blocks())
        read = process_time() - began
        data = [b"".join(copy_lines(block)) for block in blocks]
        del blocks
        with patch("switchbot_store.history.phone_app.export.arrow", lambda: None):
            began = process_time()
            for block in AppExport(path, zone="living", timezone="UTC").blocks():
                del block
            alone = process_time() - began
        began = perf_counter()
        with bare.cursor().copy(f"COPY bare ({COLUMNS}) FROM STDIN") as copy:
            for block in data:
                copy.write(block)
        copied = perf_counter() - began
        del data
        began = perf_counter()
        written(export.blocks(), lambda block: backend.write(block, now=NOW))
        imported = perf_counter() - began
    bare.execute("TRUNCATE state_history, state_history_late, bare")
    name = f"import of {rows} lines of the app's CSV"
    return [
        Figure(name, imported / copied, "x copy", 1.5),
        Figure(
            "a line of the app's CSV read and converted, pyarrow",
            read / rows * 1e6,
            "us",
            0.6,
        ),
        Figure("... without the extra", alone / rows * 1e6, "us", 1.5),
        Figure(name, imported, "s"),
    ]


def _year(
    backend: PostgresHistory, bare: psycopg.Connection, days: int, rounds: int
) -> list[Figure]:
    start = NOW - timedelta(days=days)
    bare.execute(YEAR, {"start": start, "rows": days * 2880})
    began = perf_counter()
    while backend.roll_up(now=NOW):
        pass
    built = perf_counter() - began
    bare.execute("VACUUM ANALYZE")
    plan = plan_points(start, NOW, 500)
    raw = replace(plan, rollup=False, split_hours=())
    day = plan_points(NOW - timedelta(days=1), NOW, 500)
    readings = ("temperature", "humidity")
    columns = bucket_fields(readings)
    service = HistoryService(backend, now=lambda: NOW)

    def points(rounds=rounds, warm_up=_WARM_UP, **options):
        return _seconds(
            lambda: service.query(start, NOW, points=500, **options),
            rounds,
            warm_up=warm_up,
        )

    first = points(rounds=1, warm_up=0, fields=readings)
    chart, of_zone = points(fields=readings), points(fields=readings, zone="default")
    whole = points()
    from_rows = _seconds(
        lambda: backend.buckets(raw, now=NOW, columns=columns), 2, warm_up=1
    )
    name = f"{days} days in 500 points"
    return [
        Figure(f"{name}, p50", chart * 1e3, "ms", 3.5),
        Figure(f"{name}, the first time", first * 1e3, "ms"),
        Figure(f"{name}, one zone asked for, p50", of_zone * 1e3, "ms", 3.5),
        Figure(f"{name}, every column, p50", whole * 1e3, "ms", 10),
        Figure(f"{name}, against raw rows", from_rows / chart, "x faster"),
        Figure(f"{name}, against raw rows", chart / from_rows, "x raw", 1 / 30),
        Figure(
            "1 day in 500 points, from raw rows, p50",
            _seconds(lambda: backend.buckets(day, now=NOW), rounds) * 1e3,
            "ms",
        ),
        Figure(
            "latest, p50",
            _seconds(lambda: backend.latest(1), 4 * rounds) * 1e3,
            "ms",
            1.5,
        ),
        Figure(f"rollup of {days} days", built, "s"),
    ]


EXPORT = """
import os, resource, sys
from datetime import datetime
from switchbot_store import HistoryService, PostgresHistory
with HistoryService(PostgresHistory(sys.argv[1])) as service:
    start, end = map(datetime.fromisoformat, sys.argv[2:])
    with open(os.devnull, "wb") as nowhere:
        service.export(nowhere, start, end, format="csv")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def _export(conninfo: str, days: int) -> list[Figure]:
    """Measure what a longer export adds to the peak of a process of its own."""

    def peak(days: int) -> float:
        start = NOW - timedelta(days=days)
        command = [sys.executable, "-c", EXPORT, conninfo]
        command += [start.isoformat(), NOW.isoformat()]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return float(done.stdout)

    week = peak(7)
    began = perf_counter()
    whole = peak(days)
    seconds = perf_counter() - began
    return [
        Figure(f"export of {days} days, memory over a week's", whole - week, "MB", 4),
        Figure(f"export of {days} days as CSV", seconds, "s"),
    ]


def _retention(
    backend: PostgresHistory, bare: psycopg.Connection, days: int
) -> list[Figure]:
    edge = NOW - timedelta(days=days - 31)
    steps = []
    gone = 1
    while gone:  # one statement each
        began = perf_counter()
        gone = backend.purge(edge, limit=1000)
        steps.append(perf_counter() - began)
    began = perf_counter()
    bare.execute(
        'DELETE FROM state_history WHERE "timestamp" < %s', [edge + timedelta(days=29)]
    )
    at_once = (perf_counter() - began) / 29 * 31
    return [
        Figure("deleting a month", sum(steps) * 1e3, "ms", 300),
        Figure("its longest statement", max(steps) * 1e3, "ms", 10),
        Figure("its median statement", median(steps) * 1e3, "ms"),
        Figure("deleting a month", sum(steps) / at_once, "x at once"),
    ]


def _seconds(call, rounds: int, *, warm_up: int = _WARM_UP) -> float:
    for _ in range(warm_up):
        call()
    taken = []
    for _ in range(rounds):
        began = perf_counter()
        call()
        taken.append(perf_counter() - began)
    return median(taken)
