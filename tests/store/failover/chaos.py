"""Kill -9 of the database and of its writers, and what became of every write.

``python tests/store/failover/chaos.py --writes 100000`` prints the counts; the suite
runs the same with fewer. Writers are processes of their own. Each counts one document
up and tells, through a pipe, every number that the store acknowledged; it only goes on
from what it reads, so a write that is lost or applied twice shows as a wrong number.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from switchbot_store import FailoverStore, PostgresStore
from switchbot_store.testing import PostgresServer

PATIENCE_SECONDS = 600.0


@dataclass
class Report:
    """What happened."""

    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    applied_twice: list[str] = field(default_factory=list)
    unacknowledged_but_present: int = 0
    server_kills: int = 0
    writer_kills: int = 0
    conflicts: int = 0
    journalled: int = 0
    seconds: float = 0.0

    def __str__(self):
        return (
            f"{self.acknowledged} acknowledged writes"
            f" ({self.journalled} of them by the journal) in {self.seconds:.0f} s,"
            f" {self.server_kills} kill -9 of the server,"
            f" {self.writer_kills} of a writer:"
            f" {len(self.lost)} lost, {len(self.applied_twice)} applied twice,"
            f" {self.unacknowledged_but_present} present without an answer,"
            f" {self.conflicts} conflicts"
        )


def write_on(url, directory, threads):
    """Be a writer: count documents up until killed; print what was acknowledged."""
    store = FailoverStore(PostgresStore(url), directory)
    store.open()
    out = threading.Lock()

    def count(name):
        counter = f"{Path(directory).name}/{name}"
        number = 0
        while True:
            number += 1
            if number % 4:
                document = store.update(counter, _incremented)
            else:
                document = _incremented(store.get(counter))
                store.set(counter, document)
            journalled = store.status().degraded_since is not None
            with out:
                sys.stdout.write(f"{counter} {document['n']} {int(journalled)}\n")
                sys.stdout.flush()

    for number in range(threads - 1):
        threading.Thread(target=count, args=(number,), daemon=True).start()
    count(threads - 1)


def _incremented(document):
    return {"n": document.get("n", 0) + 1, "padding": "x" * 200}


class Writer:
    """One writing process, as often as it is started again."""

    def __init__(self, url, directory, threads):
        self.directory = directory
        self.acknowledged: dict[str, int] = {}
        self.wrong: list[str] = []
        self.count = self.journalled = 0
        self._command = [sys.executable, __file__, "--writer", url, str(directory)]
        self._command += ["--threads", str(threads)]
        self._process = None
        self._reader = None

    def start(self):
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._reader = threading.Thread(
            target=self._read, args=(self._process,), daemon=True
        )
        self._reader.start()

    def kill(self):
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(PATIENCE_SECONDS)
        self._process.stdout.close()

    def _read(self, process):
        began = set()
        for line in process.stdout:
            if not line.endswith("\n"):
                break  # torn by the kill: nobody was told
            counter, number, journalled = line.split()
            last = self.acknowledged.get(counter, 0)
            # The one write that was under way at the kill may have happened.
            allowed = {last + 1} if counter in began else {last + 1, last + 2}
            if int(number) not in allowed:
                self.wrong.append(f"{counter}: {last} was followed by {number}")
            began.add(counter)
            self.acknowledged[counter] = int(number)
            self.count += 1
            self.journalled += int(journalled)


def run(server, directory, *, writes, kills=2, writers=2, threads=2, seed=None):
    """Write until `writes` are acknowledged, killing all the while; check the rest.

    At least `kills` times before the end, however fast the machine is; then each writer.
    """
    choose = random.Random(seed)
    report, began = Report(), time.monotonic()
    url = server.url()
    crew = [
        Writer(url, Path(directory) / f"host{number}", threads)
        for number in range(writers)
    ]
    for writer in crew:
        writer.start()
    pause = threading.Event()
    # A journal is faster than a database: enough of them must go each way.
    while (
        report.server_kills + report.writer_kills < kills
        or sum(writer.count for writer in crew) < writes
        or sum(writer.count - writer.journalled for writer in crew) < writes / 5
    ):
        pause.wait(choose.uniform(0.3, 1.5))
        if choose.random() < 0.5:
            server.kill()
            report.server_kills += 1
            pause.wait(choose.choice([0.0, 0.2, 1.0]))
            server.start()
        else:
            writer = choose.choice(crew)
            writer.kill()
            report.writer_kills += 1
            writer.start()
        if time.monotonic() - began > PATIENCE_SECONDS + writes / 100:
            raise RuntimeError(f"only {sum(each.count for each in crew)} writes")
    for writer in crew:
        writer.kill()
        report.writer_kills += 1
    _check(crew, url, report)
    report.seconds = time.monotonic() - began
    return report


def _check(crew, url, report):
    for writer in crew:
        with FailoverStore(PostgresStore(url), writer.directory) as store:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while store.status().degraded_since or store.status().pending:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"no resync: {store.status()}")
                threading.Event().wait(0.05)
            report.conflicts += len(store.conflicts())
        report.acknowledged += writer.count
        report.journalled += writer.journalled
        report.applied_twice += writer.wrong
    with PostgresStore(url) as direct:
        for writer in crew:
            for counter, last in writer.acknowledged.items():
                found = direct.get(counter).get("n", 0)
                if found < last:
                    report.lost.append(f"{counter}: {last} acknowledged, {found} there")
                elif found == last + 1:
                    report.unacknowledged_but_present += 1
                elif found > last + 1:
                    report.applied_twice.append(f"{counter}: {found} after {last}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--writes", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--writer", nargs=2, metavar=("URL", "DIRECTORY"))
    options = parser.parse_args()
    if options.writer:
        write_on(*options.writer, options.threads)
    with (
        PostgresServer(fsync=True) as server,
        tempfile.TemporaryDirectory() as directory,
    ):
        report = run(server, directory, writes=options.writes, seed=options.seed)
    if options.json:
        print(json.dumps(vars(report)))  # noqa: T201 - a script that prints
    else:
        print(report)  # noqa: T201 - likewise
    return 1 if report.lost or report.applied_twice else 0


if __name__ == "__main__":
    sys.exit(main())
