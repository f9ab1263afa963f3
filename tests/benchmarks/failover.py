"""What it costs to survive an outage: the journal, carrying it over, the watchdog."""

from __future__ import annotations

import datetime as dt
import socket
import tempfile
from time import perf_counter

import orjson
import psycopg
from measuring import Figure, Rounds, interleave
from stores import TABLE, document, kept_memory

from switchbot_store import FailoverStore, MemoryStore, PostgresStore
from switchbot_store.postgres.wire import WATCHDOG
from switchbot_store.testing import PostgresServer, TcpProxy

DOCUMENTS = 1000
RECORDSET = """INSERT INTO bare (kind, data)
    SELECT kind, data FROM jsonb_to_recordset(%s::jsonb) AS r(kind text, data jsonb)
    ON CONFLICT (kind) DO UPDATE SET data = EXCLUDED.data, updated_at = now(),
    revision = gen_random_uuid()"""
SLEEPS_AFTER_SECONDS = 300
"""As Neon's free plan: https://neon.com/docs/introduction/scale-to-zero"""


def measure(*, quick: bool) -> list[Figure]:
    with PostgresServer(fsync=True) as server, tempfile.TemporaryDirectory() as place:
        figures = _resync(server, f"{place}/resync", 5 if quick else 15)
        figures += _writes(
            server, f"{place}/writes", *((5, 30) if quick else (25, 100))
        )
    return [*figures, *_watchdog(), _awake("interactive"), _awake("economy")]


def _documents(number: int) -> dict[str, dict]:
    return {f"k{key:04}": document(number) for key in range(DOCUMENTS)}


def _resync(server: PostgresServer, place: str, rounds: int) -> list[Figure]:
    """Carry 1000 changed documents over, and write as many in one bare statement."""
    name, other = server.create_database(), server.create_database()
    times: dict[str, list[float]] = {"bare": [], "carried": [], "outage": []}
    with (
        TcpProxy(server.port) as proxy,
        psycopg.connect(server.url(name), autocommit=True) as bare,
        FailoverStore(
            PostgresStore(server.url(name)),
            f"{place}/economy",
            profile="economy",
            background=False,
        ) as economy,
        FailoverStore(
            PostgresStore(server.url(other, port=proxy.port)),
            f"{place}/outage",
            background=False,
        ) as interactive,
    ):
        bare.execute(TABLE)
        for number in range(rounds + 2):
            documents = _documents(number)
            began = perf_counter()
            rows = [{"kind": key, "data": data} for key, data in documents.items()]
            bare.execute(RECORDSET, [orjson.dumps(rows).decode()], prepare=True)
            times["bare"].append(perf_counter() - began)

            economy.set_many(documents)
            times["carried"].append(_resynced(economy))

            proxy.refuse()
            proxy.reset()
            interactive.set_many(documents)
            proxy.accept()
            times["outage"].append(_resynced(interactive))
    taken = Rounds({name: each[2:] for name, each in times.items()})
    return [
        Figure(
            "1000 documents in one recordset statement",
            taken.microseconds("bare") / 1000,
            "ms",
        ),
        Figure(
            "the journal of 1000 documents carried over",
            taken.ratio("carried", "bare"),
            "x statement",
            2.0,
        ),
        Figure(
            "... after an outage, connecting and looking included",
            taken.ratio("outage", "bare"),
            "x statement",
        ),
    ]


def _resynced(store: FailoverStore) -> float:
    assert store.status().pending == DOCUMENTS
    began = perf_counter()
    assert store.resync()
    return perf_counter() - began


def _writes(
    server: PostgresServer, place: str, rounds: int, operations: int
) -> list[Figure]:
    """Compare sets of the failover store with those of its primary."""
    url = server.url(server.create_database())
    with (
        PostgresStore(url) as primary,
        FailoverStore(PostgresStore(url), f"{place}/healthy") as healthy,
        FailoverStore(
            PostgresStore("postgresql://127.0.0.1:1/none"), f"{place}/away"
        ) as away,
    ):
        times = interleave(
            {
                "primary": lambda n: primary.set("a", document(n)),
                "healthy": lambda n: healthy.set("b", document(n)),
                "away": lambda n: away.set("c", document(n)),
            },
            rounds=rounds,
            operations=operations,
        )
        mirrored, journalled = kept_memory(healthy), kept_memory(away)
    return [
        Figure("memory of a kept document of 1 KB, mirror", mirrored, "KB", 2.6),
        Figure("memory of a kept document of 1 KB, journal", journalled, "KB", 1.3),
        Figure(
            "FailoverStore set, PostgreSQL there",
            times.ratio("healthy", "primary"),
            "x PostgresStore",
        ),
        Figure("FailoverStore set, away", times.microseconds("away"), "us"),
    ]


def _watchdog() -> list[Figure]:
    def guarded(_number: int) -> None:
        with WATCHDOG.guarding(descriptor, 5):
            pass

    with socket.socket() as some:
        descriptor = some.fileno()
        times = interleave({"guarded": guarded}, rounds=25, operations=1000)
    return [Figure("watching one call", times.microseconds("guarded"), "us")]


class _Asked(MemoryStore):
    """A primary that notes that it was asked."""

    asked = False

    def __getattribute__(self, name: str) -> object:
        if name in {"get_entry", "get_many", "set", "set_many", "compare_and_set"}:
            self.asked = True
        return super().__getattribute__(name)


def _awake(profile: str) -> Figure:
    """Tick once a minute for a day: read two documents, write one."""
    seconds = 0.0
    start = dt.datetime(2026, 1, 10, tzinfo=dt.UTC)
    primary = _Asked()
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as place,
        FailoverStore(
            primary,
            place,
            profile=profile,
            background=False,
            now=lambda: start + dt.timedelta(seconds=seconds),
            monotonic=lambda: seconds,
        ) as store,
    ):
        awake = awake_until = 0.0
        while seconds < 86400:
            primary.asked = False
            store.get_many(["settings", "state"])
            store.set("state", {"second": seconds})
            if seconds % (6 * 3600) == 0:  # somebody changes the settings
                store.update("settings", lambda old: {"n": old.get("n", 0) + 1})
            store.maintain()
            if primary.asked:
                begins = max(seconds, awake_until)
                awake_until = seconds + SLEEPS_AFTER_SECONDS
                awake += min(awake_until, 86400) - begins
            seconds += 60
    return Figure(
        f"database awake in a day of profile {profile}, a tick a minute",
        awake / 3600,
        "h",
    )
