"""What must not grow: get and set by size, pending writes, rows on disk, charts by zones.

A figure that grows has its exponent over ten times as much: 1 is in proportion, 0 is flat.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from math import log10
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import orjson
from measuring import Figure, interleave
from stores import document

from switchbot_store import (
    FailoverStore,
    HistorySample,
    HistoryService,
    HomeStore,
    JsonStore,
    MemoryStore,
    PostgresHistory,
    SqliteHistory,
    StoreUnavailableError,
)
from switchbot_store.codec import encode
from switchbot_store.testing import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
STEP = timedelta(seconds=30)
FIELDS = ("temperature", "humidity")
PENDING = Path(__file__).with_name("pending.py")
IMPORTED = """
import sys
import switchbot_automation.cli.app, switchbot_automation.cli.commands.live
if "postgres" in sys.argv:
    import switchbot_store.failover, switchbot_store.postgres.store
    import switchbot_store.history.postgres.store
else:
    import switchbot_store.history.sqlite.store
status = open("/proc/self/status").read()
print(int(status.split("VmRSS:")[1].split()[0]) / 1000)
"""


def measure(*, quick: bool) -> list[Figure]:
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        return [
            *_get(place / "get"),
            *_encoding(),
            *_set(place / "set", 5 if quick else 15),
            *_keys(place / "keys"),
            *_pending(place / "pending", 10_000 if quick else 100_000),
            *_row_sizes(place / "rows", 5_000 if quick else 20_000),
            *_charts(place / "charts", 60 if quick else 365),
            _imported("files", 45),
            _imported("postgres", 55),
        ]


def _exponent(small: float, large: float, factor: float = 10) -> float:
    return log10(large / small) / log10(factor)


def _cpu(call: Callable[[], object], times: int, rounds: int = 7) -> float:
    """Return the CPU seconds of one call: the least of some rounds, as others are here."""
    call()
    taken = []
    for _ in range(rounds):
        began = process_time()
        for _ in range(times):
            call()
        taken.append((process_time() - began) / times)
    return min(taken)


def _sized(size: int) -> dict:
    """Return a document of about that many bytes, as settings of many zones look."""
    one = document(0)
    count = max(1, size // len(orjson.dumps(one)))
    return {f"zone{number}": document(number) for number in range(count)}


def _get(place: Path) -> list[Figure]:
    place.mkdir()
    wait = threading.Event()
    with JsonStore(place / "store") as store:
        peer = sqlite3.connect(place / "peer.sqlite3")
        peer.execute("CREATE TABLE documents (key TEXT PRIMARY KEY, data TEXT)")
        peer.execute(
            "INSERT INTO documents VALUES ('settings', ?)",
            [orjson.dumps(document(1)).decode()],
        )
        peer.commit()
        for key, size in (("settings", 0), ("larger", 10_000), ("large", 100_000)):
            store.set(key, _sized(size) if size else document(1))
        for _ in range(4):  # as a store that runs: what is there is there for a while
            for key in ("settings", "larger", "large"):
                store.get(key)
            wait.wait(0.05)
        statement = "SELECT data FROM documents WHERE key = ?"
        there = _cpu(
            lambda: orjson.loads(peer.execute(statement, ["settings"]).fetchone()[0]),
            2000,
        )
        ours = _cpu(lambda: store.get("settings"), 2000)
        larger = _cpu(lambda: store.get("larger"), 300)
        large = _cpu(lambda: store.get("large"), 30)
        peer.close()
    return [
        Figure("sqlite3, get of 1 KB, CPU", there * 1e6, "us"),
        Figure("JsonStore get of 1 KB, CPU", ours * 1e6, "us"),
        Figure("JsonStore get of 1 KB, CPU", ours / there, "x sqlite3", 1.2),
        Figure("... exponent from 10 to 100 KB", _exponent(larger, large), "", 1.1),
    ]


def _encoding() -> list[Figure]:
    """Measure what a set asks of the processor: to check and to encode the document."""
    ours, alone = {}, {}
    for size in (1_000, 100_000, 1_000_000):
        data = _sized(size)
        times = max(1, 100_000 // size)
        ours[size] = _cpu(lambda d=data: encode(d, indent=True), times, 15)
        alone[size] = _cpu(
            lambda d=data: orjson.dumps(d, option=orjson.OPT_INDENT_2), times, 15
        )
    return [
        Figure("check and encode 1 KB, CPU", ours[1_000] * 1e6, "us"),
        Figure("check and encode 1 MB, CPU", ours[1_000_000] * 1e3, "ms"),
        Figure(
            "check and encode 1 MB, CPU",
            ours[1_000_000] / alone[1_000_000],
            "x orjson",
        ),
        Figure(
            "... exponent from 100 KB to 1 MB",
            _exponent(ours[100_000], ours[1_000_000]),
            "",
            1.1,
        ),
    ]


class _Away(MemoryStore):
    """A database that can be gone."""

    away = False

    def keys_with(self, prefix: str) -> list[str]:
        if self.away:
            raise StoreUnavailableError("it is away")
        return super().keys_with(prefix)

    def health_check(self) -> bool:
        return not self.away


def _keys(place: Path) -> list[Figure]:
    """Measure how a home finds its keys beside 100 homes and beside 1,000."""
    taken: dict[str, list[float]] = {}
    for homes in (100, 1_000):
        documents = {
            f"homes/{home}/{name}": {}
            for home in range(homes)
            for name in ("settings", "state", "state/bedroom")
        }
        primary = _Away()
        beside = FailoverStore(primary, place / f"beside{homes}", background=False)
        with MemoryStore() as memory, beside, JsonStore(place / str(homes)) as files:
            for store in (memory, beside, files):
                store.set_many(documents)
            primary.away = True
            for name, store in (
                ("MemoryStore", memory),
                ("FailoverStore, its database away", beside),
                ("JsonStore", files),
            ):
                home = HomeStore(store, "42")
                seconds = _cpu(lambda home=home: home.keys_with(""), 20)
                taken.setdefault(name, []).append(seconds)
            primary.away = False
    figures = []
    for name, (few, many) in taken.items():
        figures += [
            Figure(f"keys of one home of 1,000, {name}, CPU", many * 1e6, "us"),
            Figure("... exponent from 100 homes", _exponent(few, many), "", 0.2),
        ]
    return figures


def _bare(path: Path, data: bytes) -> None:
    temporary = path.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(descriptor, data)
    os.fsync(descriptor)
    os.close(descriptor)
    temporary.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _set(place: Path, rounds: int) -> list[Figure]:
    figures = []
    bare = place / "bare" / "state.json"
    bare.parent.mkdir(parents=True)
    with JsonStore(place / "store") as store:
        for name, size, goal in (("100 KB", 100_000, 1.1), ("1 MB", 1_000_000, 1.2)):
            data = _sized(size)

            def changed(number: int, data: dict = data) -> dict:
                data["number"] = number
                return data

            taken = interleave(
                {
                    "bare": lambda n, c=changed: _bare(
                        bare, orjson.dumps(c(n), option=orjson.OPT_INDENT_2)
                    ),
                    "store": lambda n, c=changed: store.set("state", c(n)),
                },
                rounds=rounds,
                operations=4,
            )
            ratio = taken.ratio("store", "bare")
            figures.append(Figure(f"JsonStore set of {name}", ratio, "x bare", goal))
    return figures


def _pending(place: Path, most: int) -> list[Figure]:
    answers = {}
    for count in (most // 10, most):
        directory = place / str(count)
        for word in ("make", "open"):
            command = [sys.executable, str(PENDING), word, str(directory), str(count)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        answers[count] = json.loads(done.stdout)
    few, many = answers.values()
    return [
        Figure(f"a journal of {most} pending writes", many["megabytes"], "MB"),
        Figure("... opened", many["seconds"], "s", 5),
        Figure("... opened, CPU", many["cpu_seconds"], "s"),
        Figure("... peak memory of its process", many["peak"], "MB", 250),
        Figure("... the next write, CPU", many["write"] * 1e3, "ms", 0.3),
        Figure(
            "... exponent of opening it", _exponent(few["seconds"], many["seconds"]), ""
        ),
        Figure(
            "... exponent of the next write", _exponent(few["write"], many["write"]), ""
        ),
    ]


def _samples(count: int) -> list[HistorySample]:
    """Return rows as an engine records them: a decision each hour, and who repeats it."""
    inputs = {f"input{number}": "x" * 20 for number in range(30)}
    whole = {"trigger": "scheduler", "outcome": "noop", "trace": inputs}
    whole["reasons"] = [{"code": "within_band", "temperature": 21.3}]
    return [
        HistorySample(
            NOW + number * STEP,
            temperature=20 + number % 97 / 10,
            humidity=40 + number % 31 / 3,
            assumed_aircon_power="off",
            last_action="turnOff",
            api_requests_today=number % 5000,
            timezone="Europe/Paris",
            metadata={"run": number % 120 * 30_000_000} if number % 120 else whole,
        )
        for number in range(count)
    ]


def _row_sizes(place: Path, count: int) -> list[Figure]:
    place.mkdir()
    samples = _samples(count)
    pieces = [samples[first : first + 500] for first in range(0, count, 500)]
    with PostgresServer(fsync=False) as server:
        import psycopg  # noqa: PLC0415 - after what may say that there is no server

        conninfo = server.conninfo(server.create_database())
        backend = PostgresHistory(conninfo)
        for piece in pieces:
            backend.write(piece, now=NOW)
        backend.close()
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("VACUUM FULL state_history")
            (size,) = connection.execute(
                "SELECT pg_total_relation_size('state_history')"
            ).fetchone()
    path = place / "history.sqlite3"
    local = SqliteHistory(path)
    for piece in pieces:
        local.write(piece, now=NOW)
    local.close()
    with sqlite3.connect(path) as connection:
        connection.execute("VACUUM")
    connection.close()
    return [
        Figure("a row of history on disk, PostgreSQL", size / count, "B", 180),
        Figure(
            "a row of history on disk, SQLite", path.stat().st_size / count, "B", 180
        ),
    ]


def _filled(path: Path, zones: list[str], days: int, step: int) -> SqliteHistory:
    backend = SqliteHistory(path)
    backend.open()
    first = int((NOW - timedelta(days=days)).timestamp() * 1e6)
    with sqlite3.connect(path) as connection:
        for zone in zones:
            connection.execute(
                """WITH RECURSIVE g(n) AS (
                    SELECT 0 UNION ALL SELECT n + 1 FROM g WHERE n < ?)
                INSERT INTO state_history SELECT ?, ? + n * ?, 20 + (n % 97) / 10.0,
                    40 + (n % 31) / 3.0, iif(n % 240 < 60, 'on', 'off'), 'turnOff',
                    n % 5000, 0, 0, 'Europe/Paris', '{"run": 60000000}' FROM g""",
                [days * 86400 // step - 1, zone, first, step * 1_000_000],
            )
    connection.close()
    return backend


def _charts(place: Path, days: int) -> list[Figure]:
    place.mkdir()
    figures = []
    taken = {}
    for count, step in ((1, 30), (50, 1800)):
        zones = [f"zone{number:02}" for number in range(count)]
        backend = _filled(place / f"{count}.sqlite3", zones, days, step)
        service = HistoryService(backend, now=lambda: NOW)
        if count == 1:
            figures += _not_summarised(service, place / "1.sqlite3", days)
        rolled, longest = _summarised(backend)

        def chart(span: timedelta, service=service, zone=zones[count // 2]) -> object:
            return service.query(NOW - span, NOW, zone=zone, points=500, fields=FIELDS)

        taken[count] = _cpu(lambda c=chart: c(timedelta(days=days)), 1, 15) * 1e3
        name = f"SQLite, {days} days of one zone of {count}, CPU"
        figures += [
            Figure(name, taken[count], "ms", 14),
            Figure(f"SQLite, summary of {days} days of {count} zones", rolled, "s"),
            Figure("... its longest step", longest * 1e3, "ms"),
        ]
        if count == 1:
            figures.append(
                Figure(
                    "SQLite, one day of 2,880 rows, CPU",
                    _cpu(lambda c=chart: c(timedelta(days=1)), 1, 15) * 1e3,
                    "ms",
                    6,
                )
            )
            figures.append(_held_up(service))
        service.close()
    grown = _exponent(taken[1], taken[50], 50)
    return [*figures, Figure("... exponent from 1 to 50 zones", grown, "", 0.1)]


def _summarised(backend: SqliteHistory) -> tuple[float, float]:
    """Summarise all hours; return how long that took, and its longest step."""
    steps = []
    more: object = True
    while more:
        began = perf_counter()
        more = backend.roll_up(now=NOW)
        steps.append(perf_counter() - began)
    return sum(steps), max(steps)


def _not_summarised(service: HistoryService, path: Path, days: int) -> list[Figure]:
    """Measure a chart of rows whose hours wait to be summarised, and a plain GROUP BY."""
    start = NOW - timedelta(days=days)
    with contextlib.closing(sqlite3.connect(path)) as peer:

        def grouped() -> object:
            return peer.execute(
                """SELECT timestamp / 86400000000, avg(temperature), min(temperature),
                    max(temperature), avg(humidity), count(*)
                FROM state_history WHERE zone = 'zone00' GROUP BY 1"""
            ).fetchall()

        floor = _cpu(grouped, 1, 3)
    ours = _cpu(
        lambda: service.query(start, NOW, zone="zone00", points=500, fields=FIELDS),
        1,
        3,
    )
    name = f"SQLite, {days} days not summarised yet, CPU"
    return [
        Figure("SQLite, these rows by a plain GROUP BY, CPU", floor, "s"),
        Figure(name, ours, "s", 0.5),
        Figure(name, ours / floor, "x GROUP BY"),
    ]


def _held_up(service: HistoryService) -> Figure:
    """Measure how long a loop waits at most while two weeks of rows are read beside it.

    Modules and settings are left alone by the search for garbage, as `run` does: the
    history's thread makes enough to set off one that goes through all of them.
    """
    from switchbot_automation.cli.beside_run.garbage import (  # noqa: PLC0415 - likewise
        leave_alone,
    )
    from switchbot_automation.web.api import past  # noqa: PLC0415 - needs the extra
    from switchbot_store import ThreadedHistory  # noqa: PLC0415 - likewise

    async def ask() -> float:
        history = ThreadedHistory(service)
        late = []
        ended = asyncio.Event()

        async def watch() -> None:
            while not ended.is_set():
                began = perf_counter()
                await asyncio.sleep(0.001)
                late.append(perf_counter() - began - 0.001)

        watching = asyncio.create_task(watch())
        start = NOW - timedelta(days=14)
        await past.told(history, "zone00", UTC, start, NOW)
        ended.set()
        await watching
        return max(late)

    leave_alone()
    try:
        worst = median(asyncio.run(ask()) for _ in range(5))
    finally:
        gc.unfreeze()
    name = "event loop held while two weeks of decisions are read"
    return Figure(name, worst * 1e3, "ms", 20)


def _imported(kind: str, goal: float) -> Figure:
    command = [sys.executable, "-c", IMPORTED, kind]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    name = f"memory of all that `run` imports, {kind}"
    return Figure(name, float(done.stdout), "MB", goal)
