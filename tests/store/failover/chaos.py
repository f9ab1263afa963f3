"""All that befalls a database, a disk and a clock, and what became of every write.

``python tests/store/failover/chaos.py --writes 100000`` prints the counts; the suite
runs the same with fewer. Writers are processes of their own. Each counts documents up
and tells, through a pipe, every number that the store acknowledged and every write that
it refused; it only goes on from what it reads, so a write that is lost, undone or applied
twice shows as a wrong number.

Troubles come and go in random order, several at once: kill -9 of the server and of
writers, a planned switch-over to the standby, a pooler that goes away, a full disk, dropped
tables, a trigger of others that lets no write happen, clocks that jump by years. One that begins while all else is well has to be named
by `switchbot-store health` within ten seconds. What this machine cannot do is left out
and said: a disk of its own wants root, a pooler PgBouncer.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from click.testing import CliRunner

from switchbot_store import (
    FailoverStore,
    PostgresStore,
    StoreConfig,
    StoreUnavailableError,
)
from switchbot_store.cli.app import application
from switchbot_store.cli.commands.health import examine
from switchbot_store.testing import PostgresServer
from switchbot_store.testing.pgbouncer import PgBouncer, find_pgbouncer

PATIENCE_SECONDS = 600.0
"""For so long nothing may come: no write to the database, no standby, no resync."""
NAMED_WITHIN_SECONDS = 10.0
_COPIED_SECONDS = 15.0
"""So soon a disk that has room again has the copies of what was written meanwhile."""
_HOUR = 3600
_KINDS = "SELECT kind FROM json_store"
_THEIRS = """
CREATE OR REPLACE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql
AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER a_theirs BEFORE INSERT OR UPDATE OR DELETE ON json_store
FOR EACH ROW EXECUTE FUNCTION theirs()
"""
_JUMPS = (-87600 * _HOUR, -26 * _HOUR, -_HOUR, 0, _HOUR, 26 * _HOUR, 87600 * _HOUR)


@dataclass
class Report:
    """What happened."""

    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    applied_twice: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    unacknowledged_but_present: int = 0
    server_kills: int = 0
    writer_kills: int = 0
    story: list[str] = field(default_factory=list)
    named: int = 0
    slowest_naming_seconds: float = 0.0
    slowest_named: str = ""
    conflicts: int = 0
    journalled: int = 0
    refused: int = 0
    seconds: float = 0.0

    @property
    def wrong(self):
        """Whatever must not be."""
        wrong = (self.lost, self.undone, self.applied_twice, self.unnamed, self.ended)
        return [line for lines in wrong for line in lines]

    def __str__(self):
        troubles = ", ".join(
            f"{n} x {name}"
            for name, n in Counter(self.story).items()
            if " " not in name
        )
        return "\n".join(
            [
                (
                    f"{self.acknowledged} acknowledged writes ({self.journalled} of them by"
                    f" the journal), {self.refused} refused, in {self.seconds:.0f} s:"
                    f" {len(self.lost)} lost, {len(self.undone)} undone,"
                    f" {len(self.applied_twice)} applied twice,"
                    f" {self.unacknowledged_but_present} present without an answer,"
                    f" {self.conflicts} conflicts"
                ),
                (
                    f"{troubles}; {self.named} named by health, the slowest"
                    f" ({self.slowest_named}) after {self.slowest_naming_seconds:.1f} s,"
                    f" {len(self.unnamed)} not"
                ),
                *self.wrong,
                *([" ".join(self.story)] if self.wrong else []),
            ]
        )


# --- a writer -------------------------------------------------------------------------


class _Work:
    """What one writing process does."""

    def __init__(self, url, directory):
        self._offset = Path(f"{directory}.clock")
        self._store = FailoverStore(PostgresStore(url), directory, now=self._now)
        self._name = Path(directory).name
        self._out = threading.Lock()
        self._pause = threading.Event()

    def _now(self):
        with contextlib.suppress(OSError, ValueError):
            return datetime.now(UTC) + timedelta(seconds=int(self._offset.read_text()))
        return datetime.now(UTC)

    def _tell(self, *words):
        with self._out:
            sys.stdout.write(" ".join(map(str, words)) + "\n")
            sys.stdout.flush()

    def write_settings(self):
        """Write, once in its life, what nobody reads again."""
        key = f"{self._name}/settings"
        while True:
            try:
                if not self._store.get(key):
                    self._store.set(key, {"kept": True})
            except StoreUnavailableError:
                self._pause.wait(0.05)
            else:
                return

    def count(self, thread):
        """Count a document up for ever."""
        counter = f"{self._name}/{thread}"
        number = 0
        while True:
            number += 1
            try:
                if number % 4:
                    document = self._store.update(counter, _incremented)
                else:
                    document = _incremented(self._store.get(counter))
                    self._store.set(counter, document)
            except StoreUnavailableError:
                # With a full disk there is no journal to acknowledge by.
                self._tell(counter, "refused", 0)
                self._pause.wait(0.05)
                continue
            journalled = self._store.status().degraded_since is not None
            self._tell(counter, document["n"], int(journalled))


def write_on(url, directory, threads):
    """Be a writer: count documents up until killed; print what was acknowledged."""
    work = _Work(url, directory)
    work.write_settings()
    for thread in range(threads - 1):
        threading.Thread(target=work.count, args=(thread,), daemon=True).start()
    work.count(threads - 1)


def _incremented(document):
    return {"n": document.get("n", 0) + 1, "padding": "x" * 200}


class Writer:
    """One writing process, as often as it is started again."""

    def __init__(self, url, directory, threads):
        self.url = url
        self.directory = directory
        self.acknowledged: dict[str, int] = {}
        self.twice: list[str] = []
        self.undone: list[str] = []
        self.count = self.journalled = self.refused = 0
        self._command = [sys.executable, __file__, "--writer", url, str(directory)]
        self._command += ["--threads", str(threads)]
        self._errors = Path(f"{directory}.errors")
        self._process = None
        self._reader = None

    @property
    def settings(self):
        """The document that it writes once and never reads again."""
        return f"{self.directory.name}/settings"

    @property
    def ended(self):
        """What it said when it ended by itself, ``""`` while it runs."""
        if self._process.poll() is None:
            return ""
        return self._errors.read_text()[-600:] or f"exit {self._process.returncode}"

    def variables(self):
        """Its environment, for `switchbot-store`."""
        return {
            "STORE_BACKEND": "postgres",
            "POSTGRES_URL": self.url,
            "STORE_DIRECTORY": str(self.directory),
        }

    def start(self):
        with self._errors.open("a") as errors:
            self._process = subprocess.Popen(
                self._command, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self._reader = threading.Thread(
            target=self._read, args=(self._process,), daemon=True
        )
        self._reader.start()

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(PATIENCE_SECONDS)
        self._process.stdout.close()

    def _read(self, process):
        # The one write of each that was under way at the kill may have happened, and so
        # may one that was refused, since its answer was lost.
        unsure: Counter = Counter()
        began = set()
        for line in process.stdout:
            if not line.endswith("\n"):
                break  # torn by the kill: nobody was told
            counter, number, journalled = line.split()
            if counter not in began:
                began.add(counter)
                unsure[counter] += 1
            if number == "refused":
                self.refused += 1
                unsure[counter] += 1
                continue
            last = self.acknowledged.get(counter, 0)
            if int(number) <= last:
                self.undone.append(f"{counter}: {last} was followed by {number}")
            elif int(number) > last + 1 + unsure[counter]:
                self.twice.append(f"{counter}: {last} was followed by {number}")
            unsure[counter] = 0
            self.acknowledged[counter] = int(number)
            self.count += 1
            self.journalled += int(journalled)


# --- what befalls them ----------------------------------------------------------------


class World:
    """What can go wrong; `begin` lets something, `end` puts one thing right again."""

    def __init__(self, server, directory, report, choose, **means):
        self.primary = server
        self.standby = means.get("standby")
        self.bouncer = means.get("bouncer")
        self.disk = means.get("disk")
        self.report = report
        self.crew: list[Writer] = []
        self._choose = choose
        self._directory = Path(directory)
        self._open: set[str] = set()
        self._copied_at = float("-inf")
        self._uncopied = False
        self._names_within = means.get("names_within", NAMED_WITHIN_SECONDS)
        self._kinds = ["server", "writer"]
        if means.get("everything"):
            self._kinds += ["tables", "trigger", "clock"]
        self._kinds += ["promotion"] * (self.standby is not None)
        self._kinds += ["pooler"] * (self.bouncer is not None)
        self._kinds += ["disk"] * (self.disk is not None)
        self._names_asked = bool(means.get("everything"))
        if means.get("only"):
            self._kinds = [kind for kind in self._kinds if kind in means["only"]]

    def hire(self, writers, threads):
        """Make the writers: the first at all hosts, the last through the pooler."""
        for number in range(writers):
            place = self._directory / f"host{number}"
            if self.disk is not None and number == 0:
                place = self.disk.path / "host0"
            self.crew.append(Writer(self._url(number, writers), place, threads))

    def _url(self, number, writers):
        if self.bouncer is not None and number == writers - 1:
            return self.bouncer.url()
        if self.standby is None:
            return self.primary.url()
        ports = (self.primary.port, self.standby.port)
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        return f"postgresql://{self.primary.user}@{hosts}/postgres"

    def step(self):
        """Let one thing go wrong, or right."""
        ending = sorted(self._open)
        if "server" in ending and "trigger" in ending:
            ending.remove("trigger")  # by nobody, before the server is back
        if ending and self._choose.random() < 0.4:
            self._end(self._choose.choice(ending))
            return
        kinds = [each for each in self._kinds if each not in self._open]
        # Not while the server is away: there is nothing to drop or to switch over to.
        if "server" in self._open:
            there = {"tables", "trigger", "promotion"}
            kinds = [each for each in kinds if each not in there]
        if "trigger" in self._open:  # it would be dropped with them
            kinds = [each for each in kinds if each != "tables"]
        # A host without room for copies has those of what the database took meanwhile in
        # memory alone: neither may go before the disk has them, see the README.
        self._uncopied = "disk" in self._open or time.monotonic() < self._copied_at
        if self._uncopied:
            kinds = [each for each in kinds if each != "tables"]
        kind = self._choose.choice(kinds)
        alone = not self._open
        self.report.story.append(kind)
        named = getattr(self, f"_begin_{kind}")()
        if named is not None and alone and self._names_asked:
            self._ask_health(kind, *named)
        if kind == "tables":
            self._bring_back()

    def calm(self):
        """End all that is under way."""
        for kind in sorted(self._open):
            self._end(kind)

    def _end(self, kind):
        self._open.remove(kind)
        self.report.story.append(f"(end of {kind})")
        getattr(self, f"_end_{kind}")()

    def _ask_health(self, kind, writer, says):
        began = time.monotonic()
        config = StoreConfig.from_env(writer.variables())
        while True:
            found = examine(config)
            seconds = time.monotonic() - began
            if seconds > self._names_within:
                self.report.unnamed.append(f"{kind} after {seconds:.1f} s: {found}")
                return
            if says(found):
                break
            threading.Event().wait(0.1)
        self.report.named += 1
        if seconds > self.report.slowest_naming_seconds:
            self.report.slowest_naming_seconds = seconds
            self.report.slowest_named = kind

    def _begin_server(self):
        self.report.server_kills += 1
        self.primary.kill()
        self._open.add("server")
        return self._choose.choice(self.crew), _is_away

    def _end_server(self):
        self.primary.start()

    def _begin_writer(self):
        writer = self._choose.choice(self.crew[1:] if self._uncopied else self.crew)
        writer.kill()
        self.report.writer_kills += 1
        writer.start()

    def _begin_promotion(self):
        """A planned switch-over: the first comes back as the other's standby."""
        before, after = self.primary, self.standby
        self._until_followed()
        before.stop()
        after.promote()
        before.follow(after)
        after.wait_for(before)
        self.primary, self.standby = after, before
        if self.bouncer is not None:
            self.bouncer.lead_to(after)
            if "pooler" not in self._open:
                self.bouncer.stop()
                self.bouncer.start()

    def _until_followed(self):
        """Wait until the standby streams: nobody switches over to one that does not."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        query = "SELECT FROM pg_stat_replication WHERE state = 'streaming'"
        with self.primary.connect() as connection:
            while not connection.execute(query).fetchall():
                if time.monotonic() > deadline:
                    raise RuntimeError(f"no standby follows: {self.standby.log()}")
                threading.Event().wait(0.1)

    def _begin_pooler(self):
        self.bouncer.stop()
        self._open.add("pooler")
        return self.crew[-1], _is_away

    def _end_pooler(self):
        self.bouncer.start()

    def _begin_disk(self):
        self.disk.fill()
        self._open.add("disk")
        return self.crew[0], lambda found: "space" in str(found)

    def _end_disk(self):
        self.disk.free()
        self._copied_at = time.monotonic() + _COPIED_SECONDS

    def _begin_tables(self):
        there = set()
        with psycopg.connect(self.primary.url(), autocommit=True) as connection:
            connection.execute("SET lock_timeout = '30s'")
            with contextlib.suppress(psycopg.errors.UndefinedTable):
                there = {kind for (kind,) in connection.execute(_KINDS)}
            connection.execute("DROP TABLE IF EXISTS json_store")
        # One that is still starting has nothing there that could be missing.
        written = [writer for writer in self.crew if writer.settings in there]
        if not written:
            return None
        writer = self._choose.choice(written)
        return writer, lambda found: any(
            part.name == writer.settings and "does not have" in str(part.last_error)
            for part in found.stores
        )

    def _begin_trigger(self):
        """Somebody's trigger takes every write and lets nothing happen."""
        try:
            with psycopg.connect(self.primary.url(), autocommit=True) as connection:
                connection.execute("SET lock_timeout = '30s'")
                connection.execute(_THEIRS)
        except psycopg.errors.UndefinedTable:
            return None  # dropped, and not made anew yet
        self._open.add("trigger")
        return self._choose.choice(
            self.crew
        ), lambda found: "documents cannot be written" in str(found.last_error)

    def _end_trigger(self):
        with psycopg.connect(self.primary.url(), autocommit=True) as connection:
            connection.execute("SET lock_timeout = '30s'")
            connection.execute("DROP FUNCTION IF EXISTS theirs CASCADE")

    def _bring_back(self):
        """Do what health says."""
        for writer in self.crew:
            CliRunner().invoke(
                application,
                ["conflicts", "restore", writer.settings],
                env=writer.variables(),
            )

    def _begin_clock(self):
        for writer in self.crew:
            place = Path(f"{writer.directory}.clock")
            jump = str(self._choose.choice(_JUMPS))
            with contextlib.suppress(OSError):  # on a disk that is full
                place.with_suffix(".new").write_text(jump)
                place.with_suffix(".new").replace(place)


def _is_away(found):
    return any(not part.reachable for part in found.stores)


class Progress:
    """Whether writes still reach the database; how fast is a matter of the machine."""

    def __init__(self, monotonic=time.monotonic):
        self._monotonic = monotonic
        self._writes, self._since = 0, monotonic()

    def look(self, writes):
        """Raise RuntimeError when there was none for `PATIENCE_SECONDS`."""
        now = self._monotonic()
        if writes != self._writes:
            self._writes, self._since = writes, now
        elif now - self._since > PATIENCE_SECONDS:
            raise RuntimeError(
                f"no write reached the database in {now - self._since:.0f} s, after"
                f" {writes} of them"
            )


def run(
    server, directory, *, writes, kills=2, writers=2, threads=2, seed=None, **means
):
    """Write until `writes` are acknowledged, with troubles all the while; check the rest.

    At least `kills` times before the end, however fast the machine is; then each writer.
    `means` are a `standby`, a `bouncer`, a `disk`; `everything` drops tables, turns
    clocks and asks health; of all that can go wrong there are those of `only`, if given.
    """
    choose = random.Random(seed)
    report, began = Report(), time.monotonic()
    world = World(server, directory, report, choose, **means)
    world.hire(writers, threads)
    crew = world.crew
    for writer in crew:
        writer.start()
    pause, progress = threading.Event(), Progress()
    # A journal is faster than a database: enough of them must go each way.
    while (
        report.server_kills + report.writer_kills < kills
        or sum(writer.count for writer in crew) < writes
        or _direct(crew) < writes / 5
    ):
        pause.wait(choose.uniform(0.3, 1.5))
        world.step()
        report.ended += [said for writer in crew if (said := writer.ended)]
        if report.ended:
            break
        progress.look(_direct(crew))
    world.calm()
    for writer in crew:
        writer.kill()
        report.writer_kills += 1
    _check(world, report)
    report.seconds = time.monotonic() - began
    return report


def _direct(crew):
    return sum(writer.count - writer.journalled for writer in crew)


def _check(world, report):
    in_force = {}
    for writer in world.crew:
        in_force |= _settled(writer, report)
        report.acknowledged += writer.count
        report.journalled += writer.journalled
        report.refused += writer.refused
        report.applied_twice += writer.twice
        report.undone += writer.undone
    with PostgresStore(world.primary.url()) as direct:
        for writer in world.crew:
            for counter, last in writer.acknowledged.items():
                there = in_force.get(counter, direct.get(counter).get("n", 0))
                if there < last:
                    report.lost.append(f"{counter}: {last} acknowledged, {there} there")
                elif there > last + 1 and not writer.refused:
                    report.applied_twice.append(f"{counter}: {there} after {last}")
                elif there > last:
                    report.unacknowledged_but_present += 1


def _settled(writer, report):
    """Bring home what a host has; return what is in force there of dropped tables."""
    with FailoverStore(PostgresStore(writer.url), writer.directory) as store:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while store.status().degraded_since or store.status().pending:
            if time.monotonic() > deadline:
                raise RuntimeError(f"no resync: {store.status()}")
            threading.Event().wait(0.05)
        report.conflicts += len(store.conflicts())
        return {
            key: store.get(key).get("n", 0)
            for key in store.status().left_over
            if key in writer.acknowledged
        }


@contextlib.contextmanager
def all_means(directory):
    """Give a pair of servers and what else this machine has, as `run` takes it."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(PostgresServer(fsync=True))
        standby = stack.enter_context(server.standby())
        server.wait_for(standby)
        means = {"standby": standby, "everything": True}
        if find_pgbouncer() is not None:
            means["bouncer"] = stack.enter_context(PgBouncer(server, "transaction"))
        disk = _disk(Path(directory))
        if disk is not None:
            stack.callback(disk.close)
            means["disk"] = disk
        yield server, means


def _disk(directory):
    sys.path.insert(0, str(Path(__file__).parents[3]))
    from tests.store.loop_disk import LoopDisk  # noqa: PLC0415 - not installed

    place = directory / "disk"
    place.mkdir()
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        if os.geteuid() == 0:
            return LoopDisk(place, 24)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--writes", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--only", nargs="+", metavar="TROUBLE", default=())
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--writer", nargs=2, metavar=("URL", "DIRECTORY"))
    options = parser.parse_args()
    if options.writer:
        write_on(*options.writer, options.threads)
    with (
        tempfile.TemporaryDirectory() as directory,
        all_means(directory) as (server, means),
    ):
        missing = {"bouncer", "disk"} - means.keys()
        report = run(
            server,
            directory,
            writes=options.writes,
            seed=options.seed,
            only=options.only,
            **means,
        )
    if options.json:
        print(json.dumps(vars(report)))  # noqa: T201 - a script that prints
    else:
        print(report)  # noqa: T201 - likewise
        for each in missing:
            print(f"without a {each}, which this machine does not have")  # noqa: T201 - likewise
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
