"""Finds the usual mistakes in how a store is set up, and says what to change.

Nothing is changed, and no secret is repeated. Each check is a function that yields
findings; `examine` runs them all.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from switchbot_store.backup.interruption import PREFIX, told
from switchbot_store.codec import problem_of
from switchbot_store.config import StoreConfig
from switchbot_store.doctor.clocks import history_clock, host_clock, host_zone_rules
from switchbot_store.doctor.findings import SetupFinding, not_restored
from switchbot_store.errors import StoreConfigError, StoreError
from switchbot_store.factory import FILE_NAME, SPILL_NAME
from switchbot_store.failover.conflicts import read_conflicts
from switchbot_store.failover.journal import read_pending
from switchbot_store.failover.local import unread_of
from switchbot_store.failover.mirror import BEHIND, is_behind, read_mirror
from switchbot_store.files.places import is_there, nearest_existing, write_refusal
from switchbot_store.files.store import JsonStore
from switchbot_store.history.ingest.spill import waiting_rows
from switchbot_store.history.sqlite.file import users_of
from switchbot_store.history.sqlite.store import SqliteHistory
from switchbot_store.languages import error_words, later
from switchbot_store.languages import translated as _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


_MEND: Final = later(
    "Mend it: until then the last good one is used and none is written."
)
_WAL_IS_SOUND: Final = (
    ((3, 44, 6), (3, 45)),
    ((3, 50, 7), (3, 51)),
    ((3, 51, 3), (4,)),
)
"""Versions without the defect that SQLite's documentation calls the WAL-reset bug."""
_LITTLE_ROOM_BYTES: Final = 100 * 1024 * 1024
_VOLATILE: Final = frozenset({"tmpfs", "ramfs"})
_SHARED: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"})


def examine(environ: Mapping[str, str] | None = None) -> list[SetupFinding]:
    """Look at everything the variables name, by default those of the process."""
    try:
        config = StoreConfig.from_env(environ).whole
    except StoreConfigError as error:
        variable = error.variable or "environment"
        advice = _("Set {variable} as the message says.", variable=variable)
        return [SetupFinding("environment", "problem", error_words(error), advice)]
    findings = [
        SetupFinding(
            "environment", "ok", _("STORE_BACKEND is {backend}", backend=config.backend)
        )
    ]
    for check in _LOCAL_CHECKS:
        findings += check(config)
    if config.backend == "postgres":
        from switchbot_store.doctor.server import examine_postgres  # noqa: PLC0415 - the driver only for who wants PostgreSQL

        findings += examine_postgres(config, os.environ if environ is None else environ)
    return findings


def _directories(config: StoreConfig) -> Iterator[SetupFinding]:
    if config.backend == "memory":
        yield SetupFinding(
            "directory",
            "warning",
            _("STORE_BACKEND is memory: everything is gone when the program ends"),
            _("Set STORE_BACKEND to json or postgres."),
        )
        return
    places = {"STORE_DIRECTORY": config.directory} | {
        f"SWITCHBOT_{key.upper()}_PATH": path.parent
        for key, path in config.paths.items()
    }
    for variable, place in places.items():
        yield from _directory(variable, place)


def _directory(variable: str, directory: Path) -> Iterator[SetupFinding]:
    place = nearest_existing(directory)
    if not place.is_dir():
        yield SetupFinding(
            "directory",
            "problem",
            _("{place} is a file, not a directory", place=place),
            _("Set {variable} to a directory.", variable=variable),
        )
        return
    refusal = write_refusal(directory)
    if refusal is not None:
        yield SetupFinding(
            "directory",
            "problem",
            _(
                "{directory} cannot be written: {refusal}",
                directory=directory,
                refusal=refusal,
            ),
            _(
                "Make room, mount it for writing or change its owner, or set"
                " {variable} to a directory that can be written.",
                variable=variable,
            ),
        )
        return
    free = shutil.disk_usage(place).free
    if free < _LITTLE_ROOM_BYTES:
        yield SetupFinding(
            "disk",
            "warning",
            _(
                "{size:,} kB are free for {directory}",
                size=free // 1024,
                directory=directory,
            ),
            _("Make room: without it nothing can be acknowledged locally."),
        )
    kind = _file_system(place)
    if kind in _VOLATILE:
        yield SetupFinding(
            "disk",
            "warning",
            _(
                "{directory} lies in memory ({kind}): what is acknowledged there does"
                " not survive a power cut",
                directory=directory,
                kind=kind,
            ),
            _(
                "Set {variable} to a directory on a disk, or STORE_FALLBACK to refuse.",
                variable=variable,
            ),
        )
    elif kind in _SHARED:
        yield SetupFinding(
            "disk",
            "warning",
            _(
                "{directory} lies on a network file system ({kind}), whose locks and"
                " fsyncs cannot be relied on",
                directory=directory,
                kind=kind,
            ),
            _("Set {variable} to a directory on a local disk.", variable=variable),
        )
    yield SetupFinding(
        "directory", "ok", _("{directory} can be written", directory=directory)
    )


def _documents(config: StoreConfig) -> Iterator[SetupFinding]:
    """Look for files that hold no document, without touching any."""
    if config.backend == "memory":
        return
    try:
        if config.backend != "json" and read_mirror(config.directory):
            return  # then no plain file is read
        store = JsonStore(config.directory, paths=config.paths)
        found = store.look()
        if config.backend == "json":
            yield from map(not_restored, told(store.look(PREFIX)))
        refusal = store.write_refusal()
        if refusal is not None:
            yield SetupFinding(
                "documents",
                "problem",
                _("no document can be written: {why}", why=refusal),
                _("Move it away, or give it to this program's user."),
            )
        for key, entry in found.items():
            if isinstance(entry, StoreError):
                yield SetupFinding("documents", "problem", str(entry), _(_MEND))
            elif entry.problem is not None:
                yield SetupFinding("documents", "problem", str(entry.problem), _(_MEND))
            elif (unfit := problem_of(entry.data)) is not None:
                yield SetupFinding(
                    "documents",
                    "warning",
                    _("no store could keep {key!r}: {why}", key=key, why=unfit),
                    _("Change that value: a backup leaves the document out."),
                )
    except StoreError as error:
        yield SetupFinding(
            "documents", "problem", error_words(error), _("Check the disk.")
        )


def _left_behind(config: StoreConfig) -> Iterator[SetupFinding]:
    """Look for bad files, conflicts, and writes and rows that wait."""
    if not is_there(config.directory) or not config.directory.is_dir():
        return
    try:
        evidence = sorted(path.name for path in config.directory.rglob("*.corrupt-*"))
    except OSError:
        evidence = []  # told of as a directory that cannot be read
    if evidence:
        yield SetupFinding(
            "evidence",
            "warning",
            _(
                "files that could not be read were set aside: {names}",
                names=", ".join(evidence[:5]),
            ),
            _("Look what they hold, then remove them; suspect the disk or an editor."),
        )
    for each in unread_of(config.directory) if config.backend == "postgres" else ():
        yield SetupFinding(
            "journal",
            "warning",
            _("the local copy cannot be read: {why}", why=error_words(each)),
            _(
                "Check the disk, and move away what is in the place of a folder. Until"
                " the database answers, what was in it is unknown; then it is made anew."
            ),
        )
    try:
        conflicts = len(read_conflicts(config.directory))
        pending = sum(each.count for each in read_pending(config.directory).values())
        waiting_rows(config.directory / SPILL_NAME)
        behind = is_behind(config.directory)
    except StoreError as error:
        yield SetupFinding(
            "journal", "problem", error_words(error), _("Check the disk.")
        )
        return
    if conflicts:
        yield SetupFinding(
            "conflicts",
            "warning",
            _(
                "documents that lost, because two places wrote or the database was"
                " another: {conflicts}",
                conflicts=conflicts,
            ),
            _(
                "See `switchbot-store conflicts`; several hosts on one database need"
                " STORE_FALLBACK=refuse."
            ),
        )
    if behind:
        yield SetupFinding(
            "journal",
            "warning",
            BEHIND,
            _(
                "Make room on the disk; the running program, or the next start with"
                " the database, brings the copy up to date."
            ),
        )
    if pending:
        yield SetupFinding(
            "journal",
            "warning",
            _(
                "acknowledged writes that PostgreSQL does not have yet: {pending}",
                pending=pending,
            ),
            _(
                "They are carried over by the running program, or `switchbot-store resync`."
            )
            if config.backend == "postgres"
            else _(
                "They are carried over by the running program, or `switchbot-store"
                " resync`;"
                " set STORE_BACKEND=postgres."
            ),
        )
    quarantine = config.directory / Path(SPILL_NAME).with_suffix(".quarantine.jsonl")
    if is_there(quarantine):
        yield SetupFinding(
            "history",
            "warning",
            _(
                "rows that no history could keep were set aside in {quarantine}",
                quarantine=quarantine,
            ),
            _("Each line says why; correct whoever records them."),
        )


def _history_file(config: StoreConfig) -> Iterator[SetupFinding]:
    keeps_file = config.backend not in ("memory", "postgres")
    if keeps_file and is_there(config.directory / FILE_NAME):
        yield from history_clock(config)
        with closing(SqliteHistory(config.directory / FILE_NAME)) as history:
            refusal = history.write_refusal()
        if refusal is not None:
            yield SetupFinding(
                "history", "problem", refusal, _("Mend it: no row can be recorded.")
            )


def _sqlite(config: StoreConfig) -> Iterator[SetupFinding]:
    """Tell the version of SQLite where files of it are kept, and its known defect."""
    if config.backend == "memory":
        return
    version = ".".join(map(str, sqlite3.sqlite_version_info))
    sound = any(
        fixed <= sqlite3.sqlite_version_info < end for fixed, end in _WAL_IS_SOUND
    )
    places = [config.directory / name for name in (FILE_NAME, SPILL_NAME)]
    shared = [place for place in places if len(users_of(place)) > 1]
    if sound or not shared:
        yield SetupFinding("sqlite", "ok", _("SQLite {version}", version=version))
        return
    users = ", ".join(map(str, users_of(shared[0])))
    yield SetupFinding(
        "sqlite",
        "warning",
        _(
            "SQLite {version} can, rarely, lose rows or damage a file that several"
            " processes write (fixed in 3.51.3, 3.50.7 and 3.44.6), and processes"
            " {users} share {file}",
            version=version,
            users=users,
            file=shared[0],
        ),
        _("Use a Python with a newer SQLite, or let one process alone record."),
    )


def _file_system(place: Path) -> str:
    """Return the type of the file system, ``""`` where it cannot be told."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8")
    except OSError:
        return ""
    best, kind = "", ""
    for line in mounts.splitlines():
        point, found = line.split(" ")[1:3]
        point = point.replace("\\040", " ")
        if len(point) >= len(best) and place.is_relative_to(point):
            best, kind = point, found
    return kind


_LOCAL_CHECKS: Final[tuple[Callable[[StoreConfig], Iterator[SetupFinding]], ...]] = (
    host_clock,
    host_zone_rules,
    _directories,
    _documents,
    _left_behind,
    _history_file,
    _sqlite,
)
