"""Makes or opens a journal of many pending writes, in a process of its own."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter, process_time, thread_time
from uuid import uuid4

import orjson
from stores import document

from switchbot_store import FailoverStore, PostgresStore
from switchbot_store.failover.journal import Journal
from switchbot_store.handover import PendingWrite

AT = datetime(2026, 11, 20, tzinfo=UTC)
NOWHERE = "postgresql://nobody@127.0.0.1:9/nothing?connect_timeout=1"


def make(directory: Path, count: int) -> None:
    """Let so many writes wait, of 1 KB each."""
    journal = Journal(directory)
    journal.open()
    for first in range(0, count, 1000):
        journal.record(
            PendingWrite(
                f"zone{number}", orjson.dumps(document(number)), str(uuid4()), "", AT
            )
            for number in range(first, first + 1000)
        )
    journal.close()


def opened(directory: Path) -> dict[str, float]:
    """Open it as a host does whose database is away, and write on."""
    logging.disable()
    began, began_cpu = perf_counter(), process_time()
    store = FailoverStore(PostgresStore(NOWHERE), directory)
    with store:
        seconds, cpu = perf_counter() - began, process_time() - began_cpu
        writes = []
        for number in range(50):
            began = thread_time()
            store.set("zone7", {"number": number})
            writes.append(thread_time() - began)
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    files = (directory / ".journal").glob("*.jsonl")
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "write": median(writes),
        "peak": int(status.split("VmHWM:")[1].split()[0]) / 1000,
        "megabytes": sum(each.stat().st_size for each in files) / 1e6,
    }


if __name__ == "__main__":
    word, place, count = sys.argv[1:]
    if word == "make":
        make(Path(place), int(count))
    else:
        print(json.dumps(opened(Path(place))))
