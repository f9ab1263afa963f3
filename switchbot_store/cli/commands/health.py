"""`health`: how every store and the history fare, for people and for scripts."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

import click

from switchbot_store.backup.interruption import PREFIX, told
from switchbot_store.cli import opening
from switchbot_store.cli.output import (
    FAILURE,
    OK,
    echo,
    instant,
    json_option,
    logging_options,
    milliseconds,
    print_json,
    print_table,
)
from switchbot_store.config import StoreConfig
from switchbot_store.errors import (
    StoreConfigError,
    StoreError,
    StoreUnavailableError,
)
from switchbot_store.factory import (
    FILE_NAME,
    READINGS_NAME,
    READINGS_SPILL_NAME,
    SPILL_NAME,
    get_store,
    make_backend,
)
from switchbot_store.failover.journal import read_pending
from switchbot_store.failover.lineage import left_behind
from switchbot_store.failover.local import unread_of
from switchbot_store.failover.mirror import BEHIND, is_behind, read_mirror
from switchbot_store.files.places import is_there, write_refusal
from switchbot_store.files.store import JsonStore
from switchbot_store.history.ingest.spill import spill_refusal
from switchbot_store.history.present import leap_of, present
from switchbot_store.history.readings.sqlite import SqliteReadings
from switchbot_store.history.sqlite.store import SqliteHistory
from switchbot_store.languages import error_words, later
from switchbot_store.languages import translated as _
from switchbot_store.model import Entry

if TYPE_CHECKING:
    from switchbot_store.doctor import DatabaseFacts
    from switchbot_store.history.model import HistoryBackend
    from switchbot_store.interface import StoreInterface

Status = Literal["ok", "degraded", "error"]
_STATUSES: Final[dict[Status, str]] = {
    "ok": later("ok"),
    "degraded": later("degraded"),
    "error": later("error"),
}
_NAMES = ("settings", "state")
_MISSING = later(
    "the database does not have it and is not the one that had it; the local copy stays"
    " in force: `switchbot-store conflicts restore` brings it back"
)


@dataclass(frozen=True, slots=True)
class Part:
    """One store, or the history.

    `latency_seconds` is that of one read. `revision` is the document's, ``""`` if it
    was never set; `updated_at` when it, or the newest row, was written. `pending`
    counts what the backend does not have yet. `last_error` of the history also says
    why no row is deleted by this host's clock.
    """

    name: str
    backend: str
    reachable: bool
    latency_seconds: float | None = None
    revision: str = ""
    updated_at: datetime | None = None
    pending: int = 0
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """What `health` prints."""

    status: Status
    where: str
    stores: list[Part]
    history: Part
    schema_version: int | None = None
    missing_migrations: list[str] = field(default_factory=list)
    last_error: str | None = None
    unfit: str | None = None


@click.command()
@json_option("Print one object with `status`, `stores` and `history`.")
@logging_options()
@click.pass_context
def health(ctx: click.Context, as_json: bool) -> None:
    """Tell how every store and the history fare, changing nothing.

    A document and a row are written and taken back, a file is written and removed.

    The exit code is 0 when writes can be acknowledged and the database, where it
    answers, refuses none of them for good. With STRICT_HEALTH_CHECKS that has to be by
    the store itself, not by the local journal in its place, and no document may be one
    that a person left unreadable.
    """
    config = StoreConfig.from_env().whole
    found = examine(config)
    if as_json:
        print_json(asdict(found))
    else:
        _print(found)
    strict = config.strict_health_checks
    well = found.status == "ok" or (found.status == "degraded" and not strict)
    ctx.exit(OK if well else FAILURE)


def examine(config: StoreConfig) -> Health:
    """Look at everything a configuration names. Raises StoreConfigError."""
    if config.backend == "postgres":
        return _postgres(config)
    return _local(config)


def _postgres(config: StoreConfig) -> Health:
    inspection = opening.inspection(config)
    pending, mirrored = {}, {}
    spilled, behind, problems = 0, False, []
    # What ails this host's disk holds up nothing that the database takes.
    local = _disk_refusals(config)
    with suppress(StoreError):  # told of below
        mirrored = read_mirror(str(config.directory))
    try:
        pending = read_pending(str(config.directory))
        spilled = opening.spilled_rows(config)
        behind = is_behind(config.directory)
    except StoreError as error:
        local.append(error_words(error))
    refuses = bool(local)
    if behind:
        local.append(BEHIND)  # and takes writes all the same
    local += _unread(config)
    waiting = {key: write.count for key, write in pending.items()}
    try:
        facts = inspection.facts((*_NAMES, *(mirrored.keys() - set(_NAMES))))
    except StoreError as error:
        found = _away(
            config, inspection.description, error_words(error), waiting, spilled
        )
        if local:
            found = replace(found, last_error="; ".join([error_words(error), *local]))
            if refuses and _needs_disk(config):
                found = replace(found, status="error")
        # A refused password is no outage: a host that starts now gets no store.
        refused = isinstance(error, StoreConfigError)
        return replace(found, status="error") if refused else found
    problems += [why for why in (facts.newer, facts.unjudged, facts.unmakeable) if why]
    if facts.read_only_by:
        problems.append(_("the server accepts no writes"))
    # Not for good: a lock ends, and whoever opens the database next brings it up to date.
    waits = [str(each) for each in facts.refused if each.by == "waits" or facts.missing]
    problems += [str(each) for each in facts.refused if str(each) not in waits]
    unread = {
        kind: _("the database is there, but this cannot be read: {why}", why=why)
        for kind, why in facts.unread.items()
    }
    # Rows wait for tables that whoever opens them next brings up to date.
    problems += [
        f"{kind}: {why}"
        for kind, why in unread.items()
        if (kind == "documents" or not facts.missing) and kind not in facts.locked
    ]
    missing: dict[str, Entry] = {}
    if mirrored and "documents" not in unread and not refuses:
        missing = left_behind(
            str(config.directory), there=facts.revisions, identity=facts.identity
        )
    stores = [
        Part(
            name,
            "postgres",
            reachable=True,
            latency_seconds=facts.latency_seconds,
            revision=facts.revisions[name][0] if name in facts.revisions else "",
            updated_at=facts.revisions[name][1] if name in facts.revisions else None,
            pending=waiting.get(name, 0),
            last_error=_(_MISSING) if name in missing else unread.get("documents"),
        )
        for name in dict.fromkeys((*_NAMES, *missing))
    ]
    rows = Part(
        "history",
        "postgres",
        reachable=True,
        latency_seconds=facts.latency_seconds,
        updated_at=facts.newest_row,
        pending=spilled,
        last_error=_("being adopted, {how_far}", how_far=facts.adoption)
        if facts.adoption
        else unread.get("history") or _postgres_doubt(config, facts),
    )
    lags = bool(
        sum(waiting.values())
        or spilled
        or missing
        or facts.adoption
        or local
        or unread
        or waits
        or facts.interrupted
    )
    status: Status = "error" if problems else "degraded" if lags else "ok"
    return Health(
        status,
        inspection.description,
        stores,
        rows,
        facts.schema_version,
        facts.missing,
        "; ".join([*problems, *waits, *local, *facts.interrupted]) or None,
        facts.unfit or None,
    )


def _postgres_doubt(config: StoreConfig, facts: DatabaseFacts) -> str | None:
    if facts.missing or facts.newer or facts.unjudged or facts.unread:
        return None  # looking at rows is no reason to migrate, or to wait
    backend = make_backend(config)
    try:
        return clock_doubt(backend, config)
    except StoreError as error:
        return error_words(error)
    finally:
        backend.close()


def _away(
    config: StoreConfig, where: str, error: str, waiting: dict[str, int], spilled: int
) -> Health:
    """Tell what the directory can do while PostgreSQL is away."""
    directory = str(config.directory)
    keeps_going = _needs_disk(config)
    revisions: dict[str, tuple[str, datetime | None]] = {}
    with suppress(StoreError):  # told of by who calls
        revisions |= {
            key: (document.revision, document.updated_at)
            for key, document in read_mirror(directory).items()
        }
        revisions |= {
            key: (write.revision, write.written_at)
            for key, write in read_pending(directory).items()
        }
    nothing = "", None
    stores = [
        Part(
            name,
            "postgres",
            reachable=False,
            revision=revisions.get(name, nothing)[0],
            updated_at=revisions.get(name, nothing)[1],
            pending=waiting.get(name, 0),
            last_error=error,
        )
        for name in _NAMES
    ]
    rows = Part(
        "history", "postgres", reachable=False, pending=spilled, last_error=error
    )
    return Health(
        "degraded" if keeps_going else "error", where, stores, rows, last_error=error
    )


def _unread(config: StoreConfig) -> list[str]:
    """Say what of the local copy is damaged, or cannot be looked into."""
    return [
        _("the local copy cannot be read: {why}", why=error_words(each))
        for each in unread_of(config.directory)
    ]


def _needs_disk(config: StoreConfig) -> bool:
    """Tell whether this host's disk stands in while the database is away."""
    return config.fallback == "json"


def _disk_refusals(config: StoreConfig) -> list[str]:
    """Say which directories of a configuration take no file, and why."""
    if config.backend == "memory":
        return []
    places = dict.fromkeys(
        (config.directory, *(path.parent for path in config.paths.values()))
    )
    found = [write_refusal(place) for place in places]
    waiting = spill_refusal(config.directory / SPILL_NAME)
    readings = [
        SqliteReadings(place).write_refusal()
        for place in (
            config.directory / READINGS_NAME,
            config.directory / READINGS_SPILL_NAME,
        )
        if is_there(place)
    ]
    found += [each for each in (waiting, *readings) if each not in found]
    return [
        _("cannot write {what}", what=refusal)
        for refusal in found
        if refusal is not None
    ]


def _files(config: StoreConfig) -> Health:
    """Look at plain files, setting nothing aside."""
    store = JsonStore(config.directory, paths=config.paths)
    problems = _disk_refusals(config)
    in_the_way = store.write_refusal()
    if in_the_way is not None:
        problems.append(_("no document can be written: {why}", why=in_the_way))
    began = time.monotonic()
    halves: list[str] = []
    try:
        found = store.look()
        halves = told(store.look(PREFIX))
    except StoreError as error:
        found = dict.fromkeys(_NAMES, error)
    seconds = time.monotonic() - began
    never_set = Entry({}, "", None)
    stores = [
        _part(name, "json", found.get(name, never_set), seconds) for name in _NAMES
    ]
    rows = _rows(config)
    well = not problems and all(part.reachable for part in (*stores, rows))
    edits = [str(part.last_error) for part in stores if part.last_error] + halves
    return Health(
        ("degraded" if edits else "ok") if well else "error",
        store.status().acknowledged_by,
        stores,
        rows,
        last_error="; ".join([*problems, *edits]) or None,
    )


def _part(name: str, backend: str, found: Entry | StoreError, seconds: float) -> Part:
    if isinstance(found, StoreError):
        return Part(name, backend, reachable=False, last_error=error_words(found))
    return Part(
        name,
        backend,
        reachable=True,
        latency_seconds=seconds,
        revision=found.revision,
        updated_at=found.updated_at,
        last_error=error_words(found.problem) if found.problem else None,
    )


def _local(config: StoreConfig) -> Health:
    if config.backend == "json":
        return _files(config)
    with get_store(config) as store:
        stores = [_document(store, name) for name in _NAMES]
        writable = store.health_check()
        status = store.status()
    rows = _rows(config)
    parts = [*stores, rows]
    well = writable and all(part.reachable for part in parts)
    return Health(
        "ok" if well else "error",
        status.acknowledged_by,
        stores,
        rows,
        last_error=status.last_error,
    )


def _document(store: StoreInterface, name: str) -> Part:
    backend, began = store.status().backend, time.monotonic()
    try:
        found: Entry | StoreError = store.get_entry(name)
    except StoreError as error:
        found = error
    part = _part(name, backend, found, time.monotonic() - began)
    return replace(part, pending=store.status().pending)


def _rows(config: StoreConfig) -> Part:
    backend = make_backend(config, looking=True)
    doubt, spilled = None, 0
    began = time.monotonic()
    try:
        spilled = opening.spilled_rows(config)
        if config.backend != "memory" and not is_there(config.directory / FILE_NAME):
            return Part("history", backend.name, reachable=True, pending=spilled)
        if isinstance(backend, SqliteHistory) and config.backend != "memory":
            _check_rows_taken(backend)
        newest = backend.latest(1)
        doubt = clock_doubt(backend, config)
    except StoreError as error:
        return Part(
            "history",
            backend.name,
            reachable=False,
            pending=spilled,
            last_error=error_words(error),
        )
    finally:
        backend.close()
    return Part(
        "history",
        backend.name,
        reachable=True,
        latency_seconds=time.monotonic() - began,
        updated_at=newest[0].timestamp if newest else None,
        pending=spilled,
        last_error=doubt,
    )


def _check_rows_taken(backend: SqliteHistory) -> None:
    refusal = backend.write_refusal()
    if refusal is not None:
        raise StoreUnavailableError(_("no row can be written: {why}", why=refusal))


def clock_doubt(backend: HistoryBackend, config: StoreConfig) -> str | None:
    """Return why no row is deleted by this host's clock, None if it is believed.

    Raises StoreUnavailableError.
    """
    days = config.history_retention_days
    leap = leap_of(timedelta(days=days) if days else None)
    doubt = present(backend, datetime.now(UTC), leap=leap).doubt
    return (
        None
        if doubt is None
        else _("no row is deleted by this clock: {doubt}", doubt=doubt)
    )


def _print(found: Health) -> None:
    print_table(
        f"{_(_STATUSES[found.status])}: {found.where}",
        (
            "",
            _("reachable"),
            _("latency"),
            _("revision"),
            _("written"),
            _("pending"),
            _("last error"),
        ),
        (
            (
                part.name,
                _("yes") if part.reachable else _("no"),
                milliseconds(part.latency_seconds),
                part.revision,
                instant(part.updated_at),
                str(part.pending),
                part.last_error or "",
            )
            for part in (*found.stores, found.history)
        ),
    )
    if found.last_error:
        echo(found.last_error)
    if found.missing_migrations:
        echo(_("Not migrated yet: {names}", names=", ".join(found.missing_migrations)))
    if found.unfit:
        echo(_("{what}: `switchbot-store migrate` mends it", what=found.unfit))
