"""Do connections, transactions and vacuum keep within the server's own limits?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from switchbot_store.languages import worded
from switchbot_store.ops.findings import Question, Status

if TYPE_CHECKING:
    from switchbot_store.ops.findings import Finding
    from switchbot_store.ops.target import Session

_USED: Final = Question("connection", "connections_used", worded("connections"))
_LONG: Final = Question("connection", "long_transaction", worded("sessions"))
_AGE: Final = Question("vacuum", "transaction_id_age", worded("databases and tables"))
_DEAD: Final = Question("vacuum", "dead_rows", worded("tables"))

_MANY: Final = 0.8
_ALMOST_ALL: Final = 0.95
_LONG_SECONDS: Final = 300.0
"""Where the server has no limit of its own: as long holds vacuum back for the shortest
pause between two of autovacuum's rounds on a busy table."""
_OVERDUE: Final = 2.0
"""Dead rows are normal up to autovacuum's threshold, and for a while beyond."""

_CONNECTIONS: Final = """
SELECT
    count(*) FILTER (WHERE datid IS NOT NULL
        AND coalesce(backend_type, 'client backend') = 'client backend')::int AS used,
    current_setting('max_connections')::int AS maximum,
    current_setting('superuser_reserved_connections')::int
        + coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved
FROM pg_stat_activity
"""
# VACUUM and building an index may take hours, and are worse half done.
# Of other users a role without privileges sees no more than that they are there.
_TRANSACTIONS: Final = """
SELECT
    pid,
    coalesce(usename, '') AS usename,
    coalesce(application_name, '') AS application,
    state,
    pid IN (
        SELECT pid FROM pg_stat_progress_create_index
        UNION ALL SELECT pid FROM pg_stat_progress_vacuum
        UNION ALL SELECT pid FROM pg_stat_progress_cluster
        UNION ALL SELECT pid FROM pg_stat_progress_analyze
    ) AS upkeep,
    extract(epoch FROM clock_timestamp() - xact_start)::float8 AS seconds,
    extract(epoch FROM clock_timestamp() - state_change)::float8 AS state_seconds
FROM pg_stat_activity
WHERE datid IS NOT NULL AND pid <> pg_backend_pid()
    AND coalesce(backend_type, 'client backend') = 'client backend'
"""
# The milliseconds a server may be told; 0 is none.
_LIMITS: Final = """
SELECT name, setting::float8 / 1000 AS seconds FROM pg_settings
WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')
    AND setting::float8 > 0
"""
_AGES: Final = """
SELECT
    'database ' || quote_ident(datname) AS subject,
    age(datfrozenxid)::bigint AS age,
    mxid_age(datminmxid)::bigint AS multi_age,
    datname = current_database() AS here
FROM pg_database WHERE datallowconn
UNION ALL
SELECT c.oid::regclass::text, age(c.relfrozenxid)::bigint,
    mxid_age(c.relminmxid)::bigint, true
FROM pg_class c
WHERE c.relkind IN ('r', 'm', 't') AND c.relfrozenxid <> '0'
"""
_AGE_LIMITS: Final = """
SELECT name, setting::bigint AS value FROM pg_settings WHERE name IN (
    'autovacuum_freeze_max_age', 'autovacuum_multixact_freeze_max_age',
    'vacuum_failsafe_age', 'vacuum_multixact_failsafe_age'
)
"""
_ROWS: Final = """
SELECT
    s.relid::regclass::text AS subject,
    s.n_dead_tup AS dead,
    s.n_live_tup AS live,
    greatest(s.last_vacuum, s.last_autovacuum)::text AS vacuumed,
    coalesce(o.options ->> 'autovacuum_enabled', 'true') AS enabled,
    coalesce((o.options ->> 'autovacuum_vacuum_threshold')::float8,
        current_setting('autovacuum_vacuum_threshold')::float8)
    + coalesce((o.options ->> 'autovacuum_vacuum_scale_factor')::float8,
        current_setting('autovacuum_vacuum_scale_factor')::float8)
        * greatest(c.reltuples, 0) AS threshold,
    -- Since 18 no table waits for more than so many.
    coalesce((o.options ->> 'autovacuum_vacuum_max_threshold')::float8,
        current_setting('autovacuum_vacuum_max_threshold', true)::float8, -1) AS most,
    greatest(c.reltuples, c.relpages) > 0 AND s.n_live_tup = 0 AND s.n_dead_tup = 0
        AND s.n_tup_ins + s.n_tup_upd + s.n_tup_del = 0
        AND coalesce(s.last_vacuum, s.last_autovacuum, s.last_analyze, s.last_autoanalyze)
            IS NULL AS uncounted
FROM pg_stat_user_tables s
JOIN pg_class c ON c.oid = s.relid
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_object_agg(split_part(x, '=', 1), split_part(x, '=', 2)), '{}')
        AS options
    FROM unnest(c.reloptions) x
) o
"""
_SEES_ALL: Final = """
SELECT pg_has_role(current_user, 'pg_read_all_stats', 'MEMBER') AS yes
"""


def check_connections(
    session: Session, long_transaction_seconds: float | None = None
) -> list[Finding]:
    """Look at how many connections are left, and at transactions that do not end.

    `long_transaction_seconds`: from when on one is long; None for the server's own
    limit, else five minutes.
    """
    return [*_used(session), *_long(session, long_transaction_seconds)]


def _used(session: Session) -> list[Finding]:
    row = session.row(_CONNECTIONS)
    room = max(1, row["maximum"] - row["reserved"])
    share = row["used"] / room
    status = Status.OK
    if share >= _ALMOST_ALL:
        status = Status.CRITICAL
    elif share >= _MANY:
        status = Status.WARNING
    message = worded(
        "{used} of {room} connections are in use", used=row["used"], room=room
    )
    fix = ""
    if status is not Status.OK:
        fix = worded(
            "close connections that are not needed, put a pooler such as PgBouncer in "
            "front, or raise max_connections ({maximum})",
            maximum=row["maximum"],
        )
    found = _USED.found(status, "", message, fix)
    return [found]


def _long(session: Session, given_seconds: float | None) -> list[Finding]:
    sessions = session.rows(_TRANSACTIONS)
    limits = [row["seconds"] for row in session.rows(_LIMITS)]
    longest = given_seconds
    if longest is None:
        longest = min(limits, default=_LONG_SECONDS)
    seen = [each for each in sessions if each["state"] is not None]
    findings = []
    for each in seen:
        if each["seconds"] is None or each["seconds"] < longest or each["upkeep"]:
            continue
        idle = each["state"].startswith("idle in transaction")
        who = f"{each['usename']} {each['application']}".strip()
        what = (
            worded(
                "{who} is idle in a transaction for {seconds:.0f} s: vacuum cannot remove "
                "what died since",
                who=who,
                seconds=each["seconds"],
            )
            if idle
            else worded(
                "{who} has been in one transaction for {seconds:.0f} s: vacuum cannot "
                "remove what died since",
                who=who,
                seconds=each["seconds"],
            )
        )
        findings.append(
            _LONG.found(
                Status.WARNING,
                f"pid {each['pid']}",
                what,
                (
                    worded(
                        "end it in the program, or SELECT pg_terminate_backend({pid}); "
                        "set idle_in_transaction_session_timeout",
                        pid=each["pid"],
                    )
                    if idle
                    else worded("see whether it has to take so long; a backup has")
                ),
            )
        )
    if len(seen) < len(sessions):
        findings.append(
            _LONG.found(
                Status.UNKNOWN,
                "",
                worded(
                    "{number} sessions of other users cannot be seen",
                    number=len(sessions) - len(seen),
                ),
                worded("GRANT pg_read_all_stats TO the role that asks"),
            )
        )
    return _LONG.sum_up(
        findings,
        examined=len(seen),
        total=len(sessions),
        well=worded("no transaction is older than {longest:g} s", longest=longest),
    )


def check_vacuum(session: Session) -> list[Finding]:
    """Look at the age of transaction ids and at rows that wait for vacuum."""
    return [*_ages(session), *_dead_rows(session)]


def _ages(session: Session) -> list[Finding]:
    limits = {row["name"]: row["value"] for row in session.rows(_AGE_LIMITS)}
    rows = session.rows(_AGES)
    findings = []
    for kind, column, freeze, failsafe in (
        (
            "transaction ids",
            "age",
            limits["autovacuum_freeze_max_age"],
            limits.get("vacuum_failsafe_age"),
        ),
        (
            "multixacts",
            "multi_age",
            limits["autovacuum_multixact_freeze_max_age"],
            limits.get("vacuum_multixact_failsafe_age"),
        ),
    ):
        # The server itself takes at least 105 % of the freeze age for its failsafe.
        last = max(failsafe or 0, freeze * 1.05)
        for row in rows:
            age = row[column]
            if age is None or age <= freeze:
                continue
            critical = age > last
            findings.append(
                _AGE.found(
                    Status.CRITICAL if critical else Status.WARNING,
                    row["subject"],
                    worded(
                        "its oldest {kind} are {age:,} old; vacuum should have frozen "
                        "them at {freeze:,}",
                        kind=kind,
                        age=age,
                        freeze=freeze,
                    )
                    + (
                        worded(
                            ", and the failsafe is reached: writes stop at 2 billion"
                        )
                        if critical
                        else ""
                    ),
                    worded(
                        "VACUUM (FREEZE) there as a superuser, after ending long "
                        "transactions, abandoned replication slots and prepared "
                        "transactions that hold it back"
                    ),
                )
            )
    return _AGE.sum_up(
        findings,
        examined=len(rows),
        total=len(rows),
        well=worded("all are younger than autovacuum_freeze_max_age"),
    )


def _dead_rows(session: Session) -> list[Finding]:
    settings = session.row(
        "SELECT current_setting('autovacuum')::bool AS autovacuum,"
        " current_setting('track_counts')::bool AS counted"
    )
    if session.standby:
        return _DEAD.unseen(
            worded("a standby counts no dead rows"), worded("ask the primary")
        )
    if not settings["counted"]:
        return _DEAD.unseen(
            worded("nobody counts rows"), worded("set track_counts = on")
        )
    findings = []
    if not settings["autovacuum"]:
        findings.append(
            _DEAD.found(
                Status.WARNING,
                "autovacuum",
                worded("is off for the whole server"),
                worded("ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf();"),
            )
        )
    rows = session.rows(_ROWS)
    uncounted = [row["subject"] for row in rows if row["uncounted"]]
    for row in rows:
        if 0 <= row["most"] < row["threshold"]:
            row["threshold"] = row["most"]
        off = not settings["autovacuum"] or row["enabled"] in {"false", "off", "0"}
        patience = 1.0 if off else _OVERDUE
        if row["dead"] <= patience * row["threshold"]:
            continue
        findings.append(_overdue(row, off=off))
    if uncounted:
        findings.append(
            _DEAD.found(
                Status.UNKNOWN,
                "",
                worded(
                    "of {number} tables with rows nothing is counted, as of "
                    "{uncounted}: the counts began anew after a crash or a promotion",
                    number=len(uncounted),
                    uncounted=uncounted[0],
                ),
                worded("ANALYZE;"),
            )
        )
    return _DEAD.sum_up(
        findings,
        examined=len(rows) - len(uncounted),
        total=len(rows),
        well=worded("none waits for vacuum"),
    )


def _overdue(row: dict[str, Any], *, off: bool) -> Finding:
    since = f"last vacuumed {row['vacuumed']}" if row["vacuumed"] else "never vacuumed"
    why = "; autovacuum is off for it" if off else ""
    return _DEAD.found(
        Status.WARNING,
        row["subject"],
        worded(
            "has {dead:,} dead rows beside {live:,} live ones, {since}; "
            "autovacuum's threshold is {threshold:,.0f}{why}",
            dead=row["dead"],
            live=row["live"],
            since=since,
            threshold=row["threshold"],
            why=why,
        ),
        worded(
            "VACUUM {subject}; and see what holds autovacuum back",
            subject=row["subject"],
        ),
    )
