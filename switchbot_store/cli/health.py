"""`health`: how every store and the history fare, for people and for scripts."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import click

from switchbot_store.cli import opening
from switchbot_store.cli.output import (
    FAILURE,
    OK,
    instant,
    json_option,
    logging_options,
    milliseconds,
    print_json,
    print_table,
)
from switchbot_store.config import StoreConfig
from switchbot_store.errors import StoreConfigError, StoreError
from switchbot_store.factory import FILE_NAME, get_store, make_backend
from switchbot_store.failover.journal import read_pending
from switchbot_store.failover.lineage import left_behind
from switchbot_store.failover.mirror import read_mirror
from switchbot_store.files.places import is_writable_place
from switchbot_store.history.present import leap_of, present

if TYPE_CHECKING:
    from switchbot_store.doctor import DatabaseFacts
    from switchbot_store.history.model import HistoryBackend
    from switchbot_store.interface import StoreInterface
    from switchbot_store.model import Entry

Status = Literal["ok", "degraded", "error"]
_NAMES = ("settings", "state")
_MISSING = (
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


@click.command()
@json_option("Print one object with `status`, `stores` and `history`.")
@logging_options()
@click.pass_context
def health(ctx: click.Context, as_json: bool) -> None:
    """Tell how every store and the history fare, changing nothing.

    The exit code is 0 when writes can be acknowledged. With STRICT_HEALTH_CHECKS that
    has to be by the store itself, not by the local journal in its place, and no
    document may be one that a person left unreadable.
    """
    config = StoreConfig.from_env()
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
    spilled, problems = 0, []
    try:
        pending = read_pending(str(config.directory))
        mirrored = read_mirror(str(config.directory))
        spilled = opening.spilled_rows(config)
    except StoreError as error:
        problems.append(str(error))
    waiting = {key: write.count for key, write in pending.items()}
    try:
        facts = inspection.facts((*_NAMES, *(mirrored.keys() - set(_NAMES))))
    except StoreError as error:
        found = _away(config, inspection.description, str(error), waiting, spilled)
        # A refused password is no outage: a host that starts now gets no store.
        refused = isinstance(error, StoreConfigError)
        return replace(found, status="error") if refused else found
    if facts.newer:
        problems.append(facts.newer)
    if not facts.writable:
        problems.append("the server accepts no writes")
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
            last_error=_MISSING if name in missing else None,
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
        last_error=f"being adopted, {facts.adoption}"
        if facts.adoption
        else _postgres_doubt(config, facts),
    )
    behind = bool(sum(waiting.values()) or spilled or missing or facts.adoption)
    status: Status = "error" if problems else "degraded" if behind else "ok"
    return Health(
        status,
        inspection.description,
        stores,
        rows,
        facts.schema_version,
        facts.missing,
        "; ".join(problems) or None,
    )


def _postgres_doubt(config: StoreConfig, facts: DatabaseFacts) -> str | None:
    if facts.missing or facts.newer:
        return None  # looking at rows is no reason to migrate
    backend = make_backend(config)
    try:
        return clock_doubt(backend, config)
    except StoreError as error:
        return str(error)
    finally:
        backend.close()


def _away(
    config: StoreConfig, where: str, error: str, waiting: dict[str, int], spilled: int
) -> Health:
    """Tell what the directory can do while PostgreSQL is away."""
    directory = str(config.directory)
    keeps_going = config.fallback == "json" and is_writable_place(directory)
    revisions: dict[str, tuple[str, datetime | None]] = {
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


def _local(config: StoreConfig) -> Health:
    with get_store(config) as store:
        stores = [_document(store, name) for name in _NAMES]
        writable = store.health_check()
        status = store.status()
    rows = _rows(config)
    parts = [*stores, rows]
    well = writable and all(part.reachable for part in parts)
    problems = "; ".join(map(str, status.problems))
    return Health(
        ("degraded" if problems else "ok") if well else "error",
        status.acknowledged_by,
        stores,
        rows,
        last_error=status.last_error or problems or None,
    )


def _document(store: StoreInterface, name: str) -> Part:
    backend, began = store.status().backend, time.monotonic()
    try:
        entry: Entry = store.get_entry(name)
    except StoreError as error:
        return Part(name, backend, reachable=False, last_error=str(error))
    return Part(
        name,
        backend,
        reachable=True,
        latency_seconds=time.monotonic() - began,
        revision=entry.revision,
        updated_at=entry.updated_at,
        pending=store.status().pending,
        last_error=str(entry.problem) if entry.problem else None,
    )


def _rows(config: StoreConfig) -> Part:
    spilled = opening.spilled_rows(config)
    backend = make_backend(config)
    doubt = None
    if config.backend != "memory" and not (config.directory / FILE_NAME).exists():
        return Part("history", backend.name, reachable=True, pending=spilled)
    began = time.monotonic()
    try:
        newest = backend.latest(1)
        doubt = clock_doubt(backend, config)
    except StoreError as error:
        return Part(
            "history",
            backend.name,
            reachable=False,
            pending=spilled,
            last_error=str(error),
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


def clock_doubt(backend: HistoryBackend, config: StoreConfig) -> str | None:
    """Return why no row is deleted by this host's clock, None if it is believed.

    Raises StoreUnavailableError.
    """
    days = config.history_retention_days
    leap = leap_of(timedelta(days=days) if days else None)
    doubt = present(backend, datetime.now(UTC), leap=leap).doubt
    return None if doubt is None else f"no row is deleted by this clock: {doubt}"


def _print(found: Health) -> None:
    print_table(
        f"{found.status}: {found.where}",
        ("", "reachable", "latency", "revision", "written", "pending", "last error"),
        (
            (
                part.name,
                "yes" if part.reachable else "no",
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
        click.echo(found.last_error)
    if found.missing_migrations:
        click.echo(f"Not migrated yet: {', '.join(found.missing_migrations)}")
