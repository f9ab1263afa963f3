"""Get and set of a 1 KB document, against the least that could do the same work."""

from __future__ import annotations

import contextlib
import os
import tempfile
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import psycopg
from measuring import Figure, interleave

from switchbot_store import JsonStore, MemoryStore, PostgresStore
from switchbot_store.testing import PostgresServer, TcpProxy

if TYPE_CHECKING:
    from switchbot_store import StoreInterface

BATCH = 50
KEPT = 300
DELAY_SECONDS = 0.02
KEY = "settings"
TABLE = """CREATE TABLE bare (kind text PRIMARY KEY, data jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    revision uuid NOT NULL DEFAULT gen_random_uuid())"""
BARE_SET = """INSERT INTO bare (kind, data) VALUES (%s, %s) ON CONFLICT (kind)
    DO UPDATE SET data = EXCLUDED.data, updated_at = now(),
    revision = gen_random_uuid()"""
BARE_GET = "SELECT data::text, revision, updated_at FROM bare WHERE kind = %s"


def document(number: int) -> dict:
    """Return about 1 KB that differs for each number, as settings look."""
    windows = [{"start": "07:00", "end": "22:30", "days": [0, 1, 2]} for _ in range(9)]
    return {
        "number": number,
        "enabled": True,
        "min_temp": 20.5,
        "max_temp": 22.0,
        "time_windows": windows,
        "url": "https://example.invalid/" + "x" * 350,
        "nested": {"a": {"b": [1.5, None, "tekst"]}},
    }


def bare_file_set(path: Path, number: int) -> None:
    """Write one document with the whole safe sequence and nothing else."""
    data = orjson.dumps(document(number), option=orjson.OPT_INDENT_2)
    temporary = path.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(descriptor, data)
    os.fsync(descriptor)
    os.close(descriptor)
    temporary.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def measure(*, quick: bool) -> list[Figure]:
    rounds, operations = (5, 30) if quick else (25, 100)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(PostgresServer(fsync=True))
        figures = _postgres(server, rounds, operations)
        figures += _round_trips(server, 5 if quick else 15)
    return figures + _files(rounds, operations) + _memory(rounds, operations)


def _postgres(server: PostgresServer, rounds: int, operations: int) -> list[Figure]:
    conninfo = server.conninfo(server.create_database())
    with (
        psycopg.connect(conninfo, autocommit=True) as bare,
        PostgresStore(conninfo) as store,
    ):
        bare.execute(TABLE)

        def bare_set(number: int) -> None:
            data = orjson.dumps(document(number)).decode()
            bare.execute(BARE_SET, (KEY, data), prepare=True)

        def bare_get(_number: int) -> dict:
            row = bare.execute(BARE_GET, (KEY,), prepare=True).fetchone()
            return orjson.loads(row[0])

        setting = interleave(
            {"bare": bare_set, "store": lambda n: store.set(KEY, document(n))},
            rounds=rounds,
            operations=operations,
        )
        getting = interleave(
            {"bare": bare_get, "store": lambda _: store.get(KEY)},
            rounds=rounds,
            operations=operations,
        )
    return [
        Figure(
            "one prepared psycopg connection, set", setting.microseconds("bare"), "us"
        ),
        Figure("PostgresStore set", setting.ratio("store", "bare"), "x prepared", 1.2),
        Figure(
            "one prepared psycopg connection, get", getting.microseconds("bare"), "us"
        ),
        Figure("PostgresStore get", getting.ratio("store", "bare"), "x prepared", 1.4),
    ]


def _round_trips(server: PostgresServer, operations: int) -> list[Figure]:
    name = server.create_database()
    with TcpProxy(server.port) as proxy:
        with PostgresStore(server.url(name, port=proxy.port)) as store:
            for number in range(10):
                store.set(KEY, document(number))
                store.get(KEY)
            proxy.delay_seconds = DELAY_SECONDS
            proxy.clear()
            times = interleave(
                {
                    "set": lambda n: store.set(KEY, document(n)),
                    "get": lambda _: store.get(KEY),
                },
                rounds=1,
                operations=operations,
            )
            asked = len(proxy.statements)
            trips = proxy.round_trips
        round_trip = 2 * DELAY_SECONDS * 1e6
    return [
        Figure("round trips per statement", trips / asked, "", 1.0),
        Figure(
            "PostgresStore set over a delayed wire",
            times.microseconds("set") / round_trip,
            "x delay",
            1.15,
        ),
        Figure(
            "PostgresStore get over a delayed wire",
            times.microseconds("get") / round_trip,
            "x delay",
            1.15,
        ),
    ]


def _files(rounds: int, operations: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as directory:
        bare = Path(directory, "bare", "settings.json")
        bare.parent.mkdir()
        with JsonStore(Path(directory, "store")) as store:
            setting = interleave(
                {
                    "bare": lambda n: bare_file_set(bare, n),
                    "store": lambda n: store.set(KEY, document(n)),
                },
                rounds=rounds,
                operations=operations,
            )
            getting = interleave(
                {
                    "bare": lambda _: orjson.loads(bare.read_bytes()),
                    "store": lambda _: store.get(KEY),
                },
                rounds=rounds,
                operations=operations,
            )
            many = interleave(
                {
                    "bare": lambda n: [
                        bare_file_set(bare.with_name(f"z{each}.json"), n)
                        for each in range(BATCH)
                    ],
                    "store": lambda n: store.set_many(
                        {f"z{each}": document(n) for each in range(BATCH)}
                    ),
                },
                rounds=rounds,
                operations=1,
            )
            syncs = _syncs(store)
            kept = kept_memory(store)
    return [
        Figure(f"fsyncs of JsonStore set_many of {BATCH}", syncs, "", BATCH + 3),
        Figure(
            f"JsonStore set_many of {BATCH}", many.ratio("store", "bare"), "x bare", 1.2
        ),
        Figure("memory of a kept document of 1 KB, JsonStore", kept, "KB"),
        Figure("bare safe write sequence", setting.microseconds("bare"), "us"),
        Figure("JsonStore set", setting.ratio("store", "bare"), "x bare", 1.15),
        Figure("read and parse one file", getting.microseconds("bare"), "us"),
        Figure("JsonStore get", getting.ratio("store", "bare"), "x bare"),
    ]


def _syncs(store: JsonStore) -> int:
    """Return how many files and directories a batch of documents is synced for."""
    counted: list[int] = []
    fsync = os.fsync

    def counting(descriptor: int) -> None:
        counted.append(descriptor)
        fsync(descriptor)

    os.fsync = counting
    try:
        store.set_many({f"z{each}": document(-1) for each in range(BATCH)})
    finally:
        os.fsync = fsync
    return len(counted)


def _memory(rounds: int, operations: int) -> list[Figure]:
    with MemoryStore() as store:
        times = interleave(
            {
                "set": lambda n: store.set(KEY, document(n)),
                "get": lambda _: store.get(KEY),
            },
            rounds=rounds,
            operations=operations,
        )
        kept = kept_memory(store)
    return [
        Figure("memory of a kept document of 1 KB, MemoryStore", kept, "KB", 1.35),
        Figure("MemoryStore set", times.microseconds("set"), "us"),
        Figure("MemoryStore get", times.microseconds("get"), "us"),
    ]


def kept_memory(store: StoreInterface) -> float:
    """Return how much more memory a document takes once it was set, in KB."""
    tracemalloc.start()
    try:
        before, _peak = tracemalloc.get_traced_memory()
        for number in range(KEPT):
            store.set(f"kept{number:05}", {"text": "x" * 1000, "number": number})
        after, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / KEPT / 1000
