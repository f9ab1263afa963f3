"""What `doctor` looks at in PostgreSQL and on the way to it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from switchbot_store.doctor.clocks import history_clock
from switchbot_store.doctor.findings import SetupFinding, not_restored
from switchbot_store.doctor.inspection import DatabaseFacts, Inspection
from switchbot_store.doctor.refusals import diagnosis
from switchbot_store.errors import StoreConfigError, StoreError
from switchbot_store.failover.lineage import left_behind
from switchbot_store.failover.mirror import read_identity, read_mirror
from switchbot_store.files.store import JsonStore
from switchbot_store.languages import error_words, later
from switchbot_store.languages import translated as _
from switchbot_store.postgres.location import is_local, parameters_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from switchbot_store.config import StoreConfig

_ENCRYPTED: Final = frozenset({"require", "verify-ca", "verify-full"})
_CLOCK_WARNING_SECONDS: Final = 2.0
_CLOCK_PROBLEM_SECONDS: Final = 60.0
_FEW_CONNECTIONS: Final = 0.9
_SLOW_SECONDS: Final = 0.5


def examine_postgres(
    config: StoreConfig, environ: Mapping[str, str]
) -> Iterator[SetupFinding]:
    """Look at the connection string, then at the server."""
    parameters = parameters_of(config.conninfo)
    yield from _location(parameters, environ, config)
    inspection = Inspection(config.conninfo, pooler=config.pooler)
    mirrored: tuple[str, ...] = ()
    with suppress(StoreError):  # told of where this host's files are looked at
        mirrored = tuple(read_mirror(config.directory))
    try:
        facts = inspection.facts(mirrored, seconds=15)
    except StoreError as error:
        for_good = isinstance(error, StoreConfigError)
        yield diagnosis(error_words(error), _A_SETTING if for_good else None)
        return
    yield SetupFinding(
        "connection",
        "ok",
        _(
            "{database}: PostgreSQL {version}, connected in {connected:.0f} ms, a"
            " statement takes {latency:.1f} ms",
            database=inspection.description,
            version=facts.server_version,
            connected=facts.connect_seconds * 1000,
            latency=facts.latency_seconds * 1000,
        ),
    )
    for check in _SERVER_CHECKS:
        yield from check(facts)
    for why in dict.fromkeys(
        why for kind, why in facts.unread.items() if kind not in facts.locked
    ):
        yield diagnosis(f"PostgreSQL: {why}", _REFUSAL_ADVICE["others"])
    for why in dict.fromkeys(facts.unread[kind] for kind in facts.locked):
        yield SetupFinding("connection", "warning", why, _(_REFUSAL_ADVICE["waits"]))
    yield from map(not_restored, facts.interrupted)
    yield from _pooler(facts, config)
    yield from _documents(facts, config)
    # Looking is no reason to migrate, or to wait.
    if not (facts.missing or facts.newer or facts.unjudged or facts.unread):
        yield from history_clock(config)
    if not facts.encrypted and not _is_near(parameters, config):
        yield SetupFinding(
            "tls",
            "problem",
            _("the connection is not encrypted"),
            _("Set POSTGRES_SSL_MODE=require, or verify-full."),
        )


def _location(
    parameters: Mapping[str, str], environ: Mapping[str, str], config: StoreConfig
) -> Iterator[SetupFinding]:
    mode = parameters.get("sslmode", "")
    if not _is_near(parameters, config) and mode not in _ENCRYPTED:
        yield SetupFinding(
            "tls",
            "warning",
            _(
                "sslmode is {mode}: passwords and settings may travel in the clear",
                mode=mode,
            ),
            _("Set POSTGRES_SSL_MODE=require, or verify-full."),
        )
    options = parameters.get("options") or environ.get("PGOPTIONS", "")
    # What has no dash names a database to a hoster's proxy, which takes it.
    if options.startswith("-") and (
        config.pooler or "-pooler" in parameters.get("host", "")
    ):
        yield SetupFinding(
            "pooler",
            "problem",
            _("`options` are sent at the start of a connection, which poolers refuse"),
            _(
                "Take them out of the URL and unset PGOPTIONS; ALTER ROLE ... SET does"
                " the same."
            ),
        )


def _durability(facts: DatabaseFacts) -> Iterator[SetupFinding]:
    for table in facts.unlogged:
        yield SetupFinding(
            "durability",
            "problem",
            _("{table} is unlogged: a crash of the server empties it", table=table),
            _("As its owner: ALTER TABLE {table} SET LOGGED.", table=table),
        )
    if facts.fsync != "on":
        yield SetupFinding(
            "durability",
            "problem",
            _(
                "fsync is {value}: a power cut can destroy the whole database",
                value=facts.fsync,
            ),
            _("Set fsync = on in postgresql.conf."),
        )
    if facts.synchronous_commit == "off":
        yield SetupFinding(
            "durability",
            "problem",
            _(
                "synchronous_commit is off: a crash of the server loses acknowledged"
                " writes"
            ),
            _(
                "ALTER ROLE ... SET synchronous_commit = on, or set it in"
                " postgresql.conf."
            ),
        )


def _clock(facts: DatabaseFacts) -> Iterator[SetupFinding]:
    ahead = facts.clock_ahead_seconds
    # Both clocks were read some time apart.
    apart = abs(ahead) - facts.latency_seconds
    if apart < _CLOCK_WARNING_SECONDS:
        return
    yield SetupFinding(
        "clock",
        "problem" if apart >= _CLOCK_PROBLEM_SECONDS else "warning",
        _("the server's clock is {seconds:.1f} s ahead of this host's", seconds=ahead)
        if ahead > 0
        else _(
            "the server's clock is {seconds:.1f} s behind this host's", seconds=-ahead
        ),
        _(
            "Let both set their clocks from the network (NTP): which of two writes is"
            " the newest, and every time window, depend on it."
        ),
    )


def _schema(facts: DatabaseFacts) -> Iterator[SetupFinding]:
    if facts.newer:
        yield SetupFinding("schema", "problem", facts.newer, _("Upgrade this program."))
    elif facts.unjudged:
        yield SetupFinding(
            "schema",
            "problem",
            facts.unjudged,
            _("Which version the schema has is not known until that is done."),
        )
    elif facts.adoption:
        yield SetupFinding(
            "schema",
            "warning",
            _(
                "the table state_history is being adopted, {how_far}; rows recorded"
                " meanwhile wait on this host's disk",
                how_far=facts.adoption,
            ),
            _(
                "Let it finish. `switchbot-store migrate` shows how far it is, and"
                " goes on if nothing works on it any more."
            ),
        )
    elif facts.unmakeable:
        yield SetupFinding(
            "schema",
            "problem",
            _(
                "not applied, and cannot be: {names}: {why}",
                names=", ".join(facts.missing),
                why=facts.unmakeable,
            ),
            _(
                "Do as it says, as the tables' owner; or rename the table that is in the"
                " way: then it is made anew, and its rows are brought back by hand."
            ),
        )
    elif facts.missing:
        yield SetupFinding(
            "schema",
            "warning",
            "; ".join(
                (
                    _("not applied yet: {names}", names=", ".join(facts.missing)),
                    *([facts.unfit] if facts.unfit else ()),
                )
            ),
            _("Run `switchbot-store migrate`, which offers a backup first."),
        )
    else:
        yield SetupFinding(
            "schema", "ok", _("version {version}", version=facts.schema_version)
        )


def _writable(facts: DatabaseFacts) -> Iterator[SetupFinding]:
    if facts.read_only_by == _STANDBY:
        yield SetupFinding(
            "connection",
            "problem",
            _("the server accepts no writes: it is a standby"),
            _(
                "Connect to the primary, or name both hosts in the URL, with"
                " target_session_attrs=read-write."
            ),
        )
    elif facts.read_only_by:
        yield SetupFinding(
            "connection",
            "problem",
            _("the server accepts no writes: default_transaction_read_only is on"),
            _(_READ_ONLY_ADVICE.get(facts.read_only_by, _READ_ONLY_OTHERWISE)),
        )


_A_SETTING: Final = later(
    "Correct the setting that the message is about: a parameter of the URL, a PG variable, a"
    " line of the service file, or, on the server, what it asks of this user."
)
_STANDBY: Final = "standby"
_READ_ONLY_OTHERWISE: Final = later(
    "Somebody made sessions read-only, as providers do while a disk is full: ask why first,"
    " and make room there. It was set for the server: see its console, or ALTER SYSTEM RESET"
    " default_transaction_read_only and reload."
)
_READ_ONLY_ADVICE: Final = {
    "database": later(
        "Somebody made this database read-only, as providers do while its disk is full: ask"
        " why first, and make room there. Then in psql SET default_transaction_read_only ="
        " off, which holds for that session, and ALTER DATABASE ... RESET it for all."
    ),
    "user": later(
        "This role is to read alone: connect as another, or as another ALTER ROLE ... RESET"
        " default_transaction_read_only."
    ),
    "database user": later(
        "This role is to read this database alone: connect as another, or as another ALTER"
        " ROLE ... IN DATABASE ... RESET default_transaction_read_only."
    ),
    "client": later(
        "This program's own settings ask for it: take default_transaction_read_only out of"
        " the URL's options, PGOPTIONS or the service file."
    ),
}
"""By where the setting is from. Taken back on a full disk it ends the server."""

_REFUSAL_ADVICE: Final = {
    "rights": later(
        "As the tables' owner: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL"
        " TABLES IN SCHEMA public TO the role, and USAGE ON ALL SEQUENCES."
    ),
    "policies": later(
        "As the table's owner: CREATE POLICY ... FOR ALL TO the role USING (true) WITH"
        " CHECK (true), or ALTER TABLE ... DISABLE ROW LEVEL SECURITY. A GRANT does not help."
    ),
    "waits": later(
        "Wait, or end what it waits for; meanwhile writes wait on this host's disk."
    ),
    "room": later(
        "Make room on the server's disk, or where its tablespace lies; meanwhile writes wait"
        " on this host's disk."
    ),
    "others": later(
        "`\\d+` of that table in psql shows what is not of this program: columns,"
        " constraints, triggers, rules, policies, publications. Drop it, or change it so"
        " that it lets these rows be."
    ),
}


def _grants(facts: DatabaseFacts) -> Iterator[SetupFinding]:
    for refusal in () if facts.read_only_by else facts.refused:
        yield SetupFinding(
            "grants",
            "warning" if refusal.by == "waits" or facts.missing else "problem",
            refusal.text,
            _(_REFUSAL_ADVICE[refusal.by]),
        )


def _room(facts: DatabaseFacts) -> Iterator[SetupFinding]:
    if facts.connections >= _FEW_CONNECTIONS * facts.max_connections:
        yield SetupFinding(
            "connections",
            "warning",
            _(
                "{number} of {most} connections are taken",
                number=facts.connections,
                most=facts.max_connections,
            ),
            _("End idle clients, raise max_connections, or put a pooler in front."),
        )
    if facts.latency_seconds > _SLOW_SECONDS:
        yield SetupFinding(
            "network",
            "warning",
            _(
                "a statement takes {latency:.0f} ms",
                latency=facts.latency_seconds * 1000,
            ),
            _("Choose a region nearer to home; each write waits for one round trip."),
        )


def _pooler(facts: DatabaseFacts, config: StoreConfig) -> Iterator[SetupFinding]:
    if not facts.through_pooler:
        return
    if config.pooler is False:
        yield SetupFinding(
            "pooler",
            "warning",
            _("a pooler answers in the server's place, and POSTGRES_POOLER is none"),
            _("Unless it pools whole sessions unset POSTGRES_POOLER."),
        )
    else:
        yield SetupFinding(
            "pooler",
            "ok",
            _("a pooler answers in the server's place: statements are not prepared"),
        )


def _documents(facts: DatabaseFacts, config: StoreConfig) -> Iterator[SetupFinding]:
    """Look for documents that this host has and the database should have."""
    if "documents" in facts.unread:
        return  # nobody knows what it has
    try:
        missing = left_behind(
            config.directory, there=facts.revisions, identity=facts.identity
        )
        seen_before = read_identity(config.directory)
    except StoreError:
        return  # told of where this host's files are looked at
    if missing:
        yield SetupFinding(
            "documents",
            "problem",
            _(
                "the database does not have {names}, and is not the one that had it:"
                " emptied, new, or another; the copies in {directory} stay in force",
                names=", ".join(missing),
                directory=config.directory,
            ),
            _(
                "Run `switchbot-store conflicts restore` to bring them back, or set"
                " POSTGRES_URL to the database that has them."
            ),
        )
    elif not facts.identity and not seen_before:
        files = JsonStore(config.directory, paths=config.paths).keys()
        if files:
            yield SetupFinding(
                "documents",
                "warning",
                _(
                    "{names} in {directory} may not be in the database",
                    names=", ".join(files),
                    directory=config.directory,
                ),
                _(
                    "Run `switchbot-store import --dry-run` to see, and without"
                    " --dry-run to bring them there."
                ),
            )


def _is_near(parameters: Mapping[str, str], config: StoreConfig) -> bool:
    return is_local(parameters.get("host", ""), in_docker=config.running_in_docker)


_SERVER_CHECKS: Final[tuple[Callable[[DatabaseFacts], Iterator[SetupFinding]], ...]] = (
    _writable,
    _durability,
    _clock,
    _schema,
    _grants,
    _room,
)
