"""Replication, the buffer cache, and constraints that nobody checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from switchbot_store.languages import worded
from switchbot_store.ops.findings import Question, Status

if TYPE_CHECKING:
    from switchbot_store.ops.findings import Finding
    from switchbot_store.ops.target import Session

_SLOTS: Final = Question(
    "replication", "replication_slots", worded("replication slots")
)
_LAG: Final = Question("replication", "replication_lag", worded("standbys"))
_HITS: Final = Question("buffer", "buffer_hits", worded("kinds of relation"))
_UNCHECKED: Final = Question(
    "constraint", "constraint_unvalidated", worded("constraints")
)

_WARM_TIMES: Final = 20
"""Until so many times the cache was read, what was missed is mostly the first look."""
_GOOD_SHARE: Final = 0.9

# Those that a standby keeps in step with its primary's are nobody's to read here.
_ALL_SLOTS: Final = """
SELECT
    slot_name, slot_type, active, coalesce(wal_status, '') AS wal_status,
    pg_wal_lsn_diff(
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
            ELSE pg_current_wal_lsn() END, restart_lsn
    )::bigint AS kept
FROM pg_replication_slots s
WHERE NOT coalesce((to_jsonb(s) ->> 'synced')::bool, false)
"""
_WAL_LIMITS: Final = """
SELECT
    pg_size_bytes(current_setting('max_wal_size')) AS max_wal_size,
    CASE WHEN current_setting('max_slot_wal_keep_size') = '-1' THEN -1
        ELSE pg_size_bytes(current_setting('max_slot_wal_keep_size')) END AS keep_size,
    pg_is_in_recovery() AS standby
"""
_STANDBYS: Final = """
SELECT
    coalesce(nullif(application_name, ''), 'pid ' || pid) AS name,
    state,
    pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint AS behind,
    extract(epoch FROM replay_lag)::float8 AS seconds
FROM pg_stat_replication
"""
_OWN_LAG: Final = """
SELECT
    (SELECT count(*) FROM pg_stat_wal_receiver)::int AS receivers,
    coalesce(current_setting('restore_command'), '') <> '' AS from_files,
    CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
        ELSE extract(epoch FROM now() - pg_last_xact_replay_timestamp()) END::float8
        AS seconds,
    (SELECT setting::float8 / 1000 FROM pg_settings
        WHERE name = 'max_standby_streaming_delay') AS allowed
"""
_BLOCKS: Final = """
SELECT 'tables' AS kind, coalesce(sum(heap_blks_hit), 0)::float8 AS hit,
    coalesce(sum(heap_blks_read), 0)::float8 AS read FROM pg_statio_user_tables
UNION ALL
SELECT 'indexes', coalesce(sum(idx_blks_hit), 0)::float8,
    coalesce(sum(idx_blks_read), 0)::float8 FROM pg_statio_user_indexes
"""
_CACHE: Final = """
SELECT
    (SELECT setting::float8 FROM pg_settings WHERE name = 'shared_buffers') AS blocks,
    current_setting('shared_buffers') AS shared_buffers,
    current_setting('track_counts')::bool AS counted
"""
_CONSTRAINTS: Final = """
SELECT
    quote_ident(k.conname) AS name,
    k.conrelid::regclass::text AS table_name,
    -- Since 18 a constraint may be there for people alone.
    k.convalidated OR NOT coalesce((to_jsonb(k) ->> 'conenforced')::bool, true)
        AS validated,
    CASE k.contype WHEN 'f' THEN 'foreign key' WHEN 'c' THEN 'check'
        WHEN 'n' THEN 'not null' ELSE 'constraint' END AS kind
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname NOT LIKE 'pg\\_temp%'
ORDER BY 2, 1
"""


def check_replication(session: Session) -> list[Finding]:
    """Look at slots that keep WAL from being removed, and at how far standbys are."""
    limits = session.row(_WAL_LIMITS)
    lag = _own_lag(session) if limits["standby"] else _standbys(session, limits)
    return [*_slots(session, limits), *lag]


def _slots(session: Session, limits: dict[str, Any]) -> list[Finding]:
    slots = session.rows(_ALL_SLOTS)
    findings = []
    for slot in slots:
        name, kept = slot["slot_name"], slot["kept"] or 0
        drop = worded(
            "SELECT pg_drop_replication_slot('{name}'); if nobody comes for it",
            name=name,
        )
        if slot["wal_status"] == "unreserved":
            findings.append(
                _SLOTS.found(
                    Status.CRITICAL,
                    name,
                    worded(
                        "its WAL goes with the next checkpoint: whoever reads it must "
                        "come before, or start anew"
                    ),
                    worded("bring its reader back; raise max_slot_wal_keep_size"),
                )
            )
        elif slot["wal_status"] == "lost":
            findings.append(
                _SLOTS.found(
                    Status.CRITICAL,
                    name,
                    worded("its WAL is lost: whoever reads it must start anew"),
                    worded("{drop}; raise max_slot_wal_keep_size", drop=drop),
                )
            )
        elif not slot["active"] and kept > limits["max_wal_size"]:
            endless = limits["keep_size"] < 0
            findings.append(
                _SLOTS.found(
                    Status.CRITICAL if endless else Status.WARNING,
                    name,
                    worded(
                        "nobody reads it, and it keeps {kept:,.0f} MB of WAL, more than "
                        "max_wal_size",
                        kept=kept / 2**20,
                    )
                    + (
                        worded(", without any limit: the disk fills up")
                        if endless
                        else ""
                    ),
                    worded("{drop}; set max_slot_wal_keep_size", drop=drop),
                )
            )
        elif not slot["active"]:
            findings.append(
                _SLOTS.found(
                    Status.WARNING,
                    name,
                    worded(
                        "nobody reads it; it keeps {kept:,.0f} MB of WAL so far",
                        kept=kept / 2**20,
                    ),
                    drop,
                )
            )
    count = len(slots)
    return _SLOTS.sum_up(
        findings,
        examined=count,
        total=count,
        well=worded("all are read") if count else worded("none"),
    )


def _standbys(session: Session, limits: dict[str, Any]) -> list[Finding]:
    standbys = session.rows(_STANDBYS)
    seen = [each for each in standbys if each["state"] is not None]
    findings = []
    for each in seen:
        behind = each["behind"]
        if each["state"] != "streaming" or (
            behind is not None and behind > limits["max_wal_size"]
        ):
            distance = "" if behind is None else f", {behind / 2**20:,.0f} MB behind"
            findings.append(
                _LAG.found(
                    Status.WARNING,
                    each["name"],
                    worded(
                        "is {state}{distance}", state=each["state"], distance=distance
                    ),
                    worded("see the standby's log, its disk and the network between"),
                )
            )
    if len(seen) < len(standbys):
        findings.append(
            _LAG.found(
                Status.UNKNOWN,
                "",
                worded("no privilege to see how far standbys are"),
                worded("GRANT pg_monitor TO the role that asks"),
            )
        )
    return _LAG.sum_up(
        findings,
        examined=len(seen),
        total=len(standbys),
        well=worded("all keep up") if standbys else worded("none"),
    )


def _own_lag(session: Session) -> list[Finding]:
    row = session.row(_OWN_LAG)
    findings = []
    if not row["receivers"] and not row["from_files"]:
        findings.append(
            _LAG.found(
                Status.WARNING,
                worded("this standby"),
                worded("no WAL receiver runs: it may be cut off from its primary"),
                worded("check primary_conninfo and the primary"),
            )
        )
    allowed = row["allowed"]
    if (row["seconds"] or 0.0) > allowed >= 0:
        findings.append(
            _LAG.found(
                Status.WARNING,
                worded("this standby"),
                worded(
                    "is {seconds:.0f} s behind; max_standby_streaming_delay is "
                    "{allowed:g} s",
                    seconds=row["seconds"],
                    allowed=allowed,
                ),
                worded("see what queries here hold replay back"),
            )
        )
    return _LAG.sum_up(findings, examined=1, total=1, well=worded("it keeps up"))


def check_buffers(session: Session) -> list[Finding]:
    """Look at how many blocks were found in the cache, once it had time to warm up."""
    cache = session.row(_CACHE)
    if not cache["counted"]:
        return _HITS.unseen(
            worded("nobody counts blocks"), worded("set track_counts = on"), total=2
        )
    findings: list[Finding] = []
    examined = 0
    rows = session.rows(_BLOCKS)
    for row in rows:
        asked = row["hit"] + row["read"]
        if row["read"] == 0 or asked < _WARM_TIMES * cache["blocks"]:
            if row["read"] <= cache["blocks"]:
                # All that was ever read fits: every miss was a first look.
                examined += 1
                continue
            findings.append(
                _HITS.found(
                    Status.UNKNOWN,
                    row["kind"],
                    worded(
                        "only {asked:,.0f} blocks were asked for so far; that says "
                        "little about {shared_buffers} of shared_buffers",
                        asked=asked,
                        shared_buffers=cache["shared_buffers"],
                    ),
                    worded("ask again after some days of ordinary work"),
                )
            )
            continue
        examined += 1
        share = row["hit"] / asked
        if share < _GOOD_SHARE:
            findings.append(
                _HITS.found(
                    Status.WARNING,
                    row["kind"],
                    worded(
                        "{share:.1%} of the blocks asked for were in the cache "
                        "({shared_buffers} of shared_buffers)",
                        share=share,
                        shared_buffers=cache["shared_buffers"],
                    ),
                    worded(
                        "raise shared_buffers if the machine has memory left; look for "
                        "queries that read whole tables"
                    ),
                )
            )
    return _HITS.sum_up(
        findings,
        examined=examined,
        total=len(rows),
        well=worded("the cache serves them"),
    )


def check_constraints(session: Session) -> list[Finding]:
    """Look for constraints that hold for new rows only."""
    rows = session.rows(_CONSTRAINTS)
    findings = [
        _UNCHECKED.found(
            Status.WARNING,
            f"{row['table_name']}.{row['name']}",
            worded(
                "is a {kind} that was never checked for the rows already there",
                kind=row["kind"],
            ),
            worded(
                "ALTER TABLE {table_name} VALIDATE CONSTRAINT {name};",
                table_name=row["table_name"],
                name=row["name"],
            ),
        )
        for row in rows
        if not row["validated"]
    ]
    return _UNCHECKED.sum_up(
        findings, examined=len(rows), total=len(rows), well=worded("all are validated")
    )
