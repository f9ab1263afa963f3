"""Are the indexes valid, needed and compact?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg

from switchbot_store.languages import worded
from switchbot_store.ops.counted import CountedSpan, counted_span
from switchbot_store.ops.findings import Question, Status
from switchbot_store.ops.tree_size import Tree, compact_bytes

if TYPE_CHECKING:
    from switchbot_store.ops.findings import Finding
    from switchbot_store.ops.target import Session

_INVALID: Final = Question("index", "index_invalid", worded("indexes"))
_DUPLICATE: Final = Question("index", "index_duplicate", worded("indexes"))
_UNUSED: Final = Question("index", "index_unused", worded("indexes that could go"))
_BLOATED: Final = Question("index", "index_bloated", worded("B-tree indexes"))

_SECONDS_A_DAY: Final = 86400.0
_JUDGED_AFTER_DAYS: Final = 7.0
"""A report may run once a week; an index without a scan for less than that says little."""
_BLOATED_TIMES: Final = 2.0
"""A B-tree of random keys is about two thirds full by itself: 1.5 times is no bloat."""
_MOST_NAMED: Final = 5
_WORTH_BYTES: Final = 1024 * 1024
"""Below this a REINDEX gains nothing that anybody would notice."""

# Partitioned ones are judged by their partitions. What differs between versions is asked
# for by name in the row's JSON.
_ALL: Final = """
SELECT
    c.oid::bigint AS oid,
    c.oid::regclass::text AS name,
    t.oid::bigint AS table_oid,
    t.oid::regclass::text AS table_name,
    am.amname AS method,
    i.indisvalid AND i.indisready AS valid,
    i.indisunique AS is_unique,
    i.indimmediate AS immediate,
    coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false) AS nulls_are_equal,
    i.indisprimary OR i.indisreplident OR i.indisexclusion OR c.relispartition
        OR EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid)
        OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
            AND d.objid = c.oid AND d.deptype IN ('e', 'x')) AS bound,
    i.indnkeyatts::int AS key_columns,
    i.indkey::int2[] AS columns,
    ARRAY(SELECT coalesce(a.attname, '')::text FROM unnest(i.indkey::int2[])
        WITH ORDINALITY AS k (number, place)
        LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number
            AND k.number <> 0 ORDER BY k.place) AS names,
    i.indclass::oid[]::bigint[] AS classes,
    i.indcollation::oid[]::text[] AS collations,
    i.indoption::int2[] AS options,
    coalesce(pg_get_expr(i.indexprs, i.indrelid), '') AS expressions,
    coalesce(pg_get_expr(i.indpred, i.indrelid), '') AS predicate,
    coalesce((SELECT split_part(o, '=', 2)::int FROM unnest(c.reloptions) o
        WHERE o LIKE 'fillfactor=%'), 90) AS fill_percent,
    NOT i.indisunique AND i.indnkeyatts = i.indnatts AND NOT coalesce(
        c.reloptions && ARRAY['deduplicate_items=off', 'deduplicate_items=false'], false)
        AS unites,
    pg_relation_size(c.oid) AS bytes,
    c.reltuples::float8 AS tuples,
    s.idx_scan AS scans,
    least(age(c.xmin), age(i.xmin)) - age(pg_snapshot_xmin(pg_current_snapshot())::xid)
        AS transactions_ago,
    CASE WHEN current_setting('track_commit_timestamp')::bool THEN
        extract(epoch FROM clock_timestamp() - pg_xact_commit_timestamp(i.xmin))::float8
    END AS made_seconds_ago
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_am am ON am.oid = c.relam
LEFT JOIN pg_stat_all_indexes s ON s.indexrelid = c.oid
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'
ORDER BY c.oid::regclass::text
"""
# Whoever builds an index without stopping writes keeps such a lock on its table, and all
# may see that. Of pg_stat_progress_create_index others see no index.
_BUSY: Final = """
SELECT DISTINCT l.relation::bigint AS oid FROM pg_locks l
WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid()
    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock',
        'ExclusiveLock', 'AccessExclusiveLock')
"""
_STILL_INVALID: Final = """
SELECT i.indexrelid::bigint AS oid FROM pg_index i
WHERE i.indexrelid = ANY (%s::bigint[]::oid[]) AND NOT (i.indisvalid AND i.indisready)
"""


def check_indexes(session: Session) -> list[Finding]:
    """Look for invalid, duplicate, unused and bloated indexes."""
    indexes = session.rows(_ALL)
    return [
        *_invalid(session, indexes),
        *_duplicates(indexes),
        *_unused(session, indexes),
        *_bloated(session, indexes),
    ]


def _invalid(session: Session, indexes: list[dict[str, Any]]) -> list[Finding]:
    suspects = [index for index in indexes if not index["valid"]]
    # In this order: who ended between the first look and the locks has left it valid.
    busy = {row["oid"] for row in session.rows(_BUSY)} if suspects else set()
    oids = [index["oid"] for index in suspects]
    still = {row["oid"] for row in session.rows(_STILL_INVALID, [oids])}
    on_primary = bool(suspects) and session.standby
    findings = []
    examined = len(indexes)
    for index in suspects:
        if index["oid"] not in still:
            continue
        if on_primary or index["table_oid"] in busy:
            examined -= 1
            who = "the primary" if on_primary else "another session"
            findings.append(
                _INVALID.found(
                    Status.UNKNOWN,
                    index["name"],
                    worded("is not valid yet: {who} may be building it", who=who),
                    worded("ask again when no session works on its table"),
                )
            )
            continue
        enforces = index["is_unique"]
        findings.append(
            _INVALID.found(
                Status.CRITICAL if enforces else Status.WARNING,
                index["name"],
                worded(
                    "is invalid: {table_name} pays for it at every write and no query "
                    "uses it",
                    table_name=index["table_name"],
                )
                + (worded(", nor does it keep values unique") if enforces else ""),
                worded(
                    "REINDEX INDEX CONCURRENTLY {name}; or DROP INDEX CONCURRENTLY "
                    "{name};",
                    name=index["name"],
                ),
            )
        )
    return _INVALID.sum_up(
        findings, examined=examined, total=len(indexes), well=worded("all are valid")
    )


def _duplicates(indexes: list[dict[str, Any]]) -> list[Finding]:
    findings = []
    for index in indexes:
        if index["bound"] or not index["valid"]:
            continue
        for other in indexes:
            if other is index or not other["valid"] or not _serves(other, index):
                continue
            if _serves(index, other) and not _goes_first(index, other):
                continue  # of two equal ones only one is named
            how = "the same as" if _serves(index, other) else "the beginning of"
            findings.append(
                _DUPLICATE.found(
                    Status.WARNING,
                    index["name"],
                    worded(
                        "is {how} {name} on {table_name} ({bytes})",
                        how=how,
                        name=other["name"],
                        table_name=index["table_name"],
                        bytes=_size(index["bytes"]),
                    ),
                    worded("DROP INDEX CONCURRENTLY {name};", name=index["name"]),
                )
            )
            break
    count = len(indexes)
    return _DUPLICATE.sum_up(
        findings, examined=count, total=count, well=worded("no duplicate")
    )


def _serves(other: dict[str, Any], index: dict[str, Any]) -> bool:
    """Tell whether whatever `index` does, `other` does as well. Compared as parsed."""
    if (
        other["table_oid"] != index["table_oid"]
        or other["method"] != index["method"]
        or other["predicate"] != index["predicate"]
    ):
        return False
    keys, others = index["key_columns"], other["key_columns"]
    whole = keys == others
    if index["is_unique"] and not (
        other["is_unique"]
        and whole
        and other["nulls_are_equal"] == index["nulls_are_equal"]
        and other["immediate"] >= index["immediate"]
    ):
        return False
    if not whole and (index["method"] != "btree" or others < keys):
        return False
    if index["expressions"] or other["expressions"]:
        # An expression shows as column 0: only the whole list can be compared.
        same = whole and index["expressions"] == other["expressions"]
        if not same:
            return False
    included = set(index["columns"][keys:])
    return all(
        index[part][:keys] == other[part][:keys]
        for part in ("columns", "classes", "collations", "options")
    ) and included <= set(other["columns"])


def _goes_first(index: dict[str, Any], other: dict[str, Any]) -> bool:
    """Of two that serve alike, name the one that no constraint needs, then the newer."""
    if other["bound"]:
        return True
    return bool(index["oid"] > other["oid"])


def _unused(session: Session, indexes: list[dict[str, Any]]) -> list[Finding]:
    candidates = [
        index
        for index in indexes
        if index["valid"] and not index["is_unique"] and not index["bound"]
    ]
    total = len(candidates)
    span = counted_span(session)
    if not total:
        return _UNUSED.sum_up([], examined=0, total=0, well=worded("all are used"))
    if span.seconds is None:
        return _UNUSED.unseen(span.why_not, span.fix, total=total)
    days = span.seconds / _SECONDS_A_DAY
    if days < _JUDGED_AFTER_DAYS:
        return _UNUSED.unseen(
            worded(
                "scans are counted for {days:.1f} days only; an index is called "
                "unused after {judged_after_days:g}",
                days=days,
                judged_after_days=_JUDGED_AFTER_DAYS,
            ),
            worded("ask again later, without resetting the statistics"),
            total=total,
        )
    findings, unjudged, examined = [], [], 0
    for index in candidates:
        if index["scans"]:
            examined += 1
            continue
        own_days = _counted_days(index, span)
        if index["scans"] is None or own_days is None:
            unjudged.append(index["name"])
            continue
        if own_days < _JUDGED_AFTER_DAYS:
            unjudged.append(index["name"])
            continue
        examined += 1
        elsewhere = span.standbys > 0
        findings.append(
            _UNUSED.found(
                Status.UNKNOWN if elsewhere else Status.WARNING,
                index["name"],
                worded(
                    "was not used once in {own_days:.0f} days ({size} on {table_name})",
                    own_days=own_days,
                    size=_size(index["bytes"]),
                    table_name=index["table_name"],
                )
                + (worded("; standbys count their own scans") if elsewhere else ""),
                (
                    worded("look at its scans on each standby")
                    if elsewhere
                    else worded("DROP INDEX CONCURRENTLY {name};", name=index["name"])
                ),
            )
        )
    if unjudged:
        findings.append(
            _UNUSED.found(
                Status.UNKNOWN,
                "",
                worded(
                    "no scan is counted of {unjudged}, and nothing tells that they "
                    "are there for {judged_after_days:g} days",
                    unjudged=_listed(unjudged),
                    judged_after_days=_JUDGED_AFTER_DAYS,
                ),
                worded(
                    "ask again later; track_commit_timestamp = on lets the server "
                    "tell when an index was made"
                ),
            )
        )
    return _UNUSED.sum_up(
        findings, examined=examined, total=total, well=worded("all are used")
    )


def _counted_days(index: dict[str, Any], span: CountedSpan) -> float | None:
    """Return for how long an index was there and counted; None where nobody knows."""
    seconds = span.seconds or 0.0
    if index["made_seconds_ago"] is not None:
        return float(min(seconds, index["made_seconds_ago"])) / _SECONDS_A_DAY
    if span.transactions is None or index["transactions_ago"] <= span.transactions:
        return None
    return seconds / _SECONDS_A_DAY


def _bloated(session: Session, indexes: list[dict[str, Any]]) -> list[Finding]:
    trees = [each for each in indexes if each["method"] == "btree" and each["valid"]]
    compact = compact_bytes(session, [_as_tree(tree) for tree in trees])
    findings, examined, unseen = [], 0, []
    for tree, expected in zip(trees, compact, strict=True):
        if (tree["bytes"] or 0) < _WORTH_BYTES:
            examined += 1
            continue
        used = _exact_bytes(session, tree)
        how = "measured with pgstattuple"
        if used is None:
            used = expected
            how = "estimated from the statistics"
        if used is None:
            unseen.append(tree["name"])
            continue
        examined += 1
        wasted = tree["bytes"] - used
        if tree["bytes"] >= _BLOATED_TIMES * used and wasted >= _WORTH_BYTES:
            findings.append(
                _BLOATED.found(
                    Status.WARNING,
                    tree["name"],
                    worded(
                        "takes {bytes} and needs about {used}, {how}",
                        bytes=_size(tree["bytes"]),
                        used=_size(used),
                        how=how,
                    ),
                    worded("REINDEX INDEX CONCURRENTLY {name};", name=tree["name"]),
                )
            )
    if unseen:
        findings.append(
            _BLOATED.found(
                Status.UNKNOWN,
                "",
                worded("no statistics of {unseen}", unseen=_listed(unseen)),
                worded(
                    "ANALYZE the tables; or CREATE EXTENSION pgstattuple, and grant "
                    "pg_stat_scan_tables"
                ),
            )
        )
    return _BLOATED.sum_up(
        findings, examined=examined, total=len(trees), well=worded("none is bloated")
    )


def _as_tree(index: dict[str, Any]) -> Tree:
    keys = index["key_columns"]
    # Of an included column only the width counts: its class is as good as the default.
    classes = [*index["classes"][:keys], *[0] * (len(index["names"]) - keys)]
    return Tree(
        index["table_oid"],
        tuple(index["names"]),
        tuple(classes),
        index["tuples"],
        index["unites"],
        index["fill_percent"],
    )


def _exact_bytes(session: Session, tree: dict[str, Any]) -> float | None:
    """Return the bytes in use by pgstattuple; None where that cannot be asked."""
    schema = session.extension_schema("pgstattuple")
    if schema is None:
        return None
    query = (
        "SELECT avg_leaf_density, leaf_pages"  # noqa: S608 - a quoted name
        f" FROM {schema}.pgstatindex(%s::oid::regclass)"
    )
    try:
        with session.attempt():
            row = session.row(query.encode(), [tree["oid"]])
    except (
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.LockNotAvailable,
        psycopg.errors.UndefinedTable,
    ):
        return None
    if not row["leaf_pages"] or row["avg_leaf_density"] != row["avg_leaf_density"]:
        return None
    # A compact one is 90 % full.
    return float(tree["bytes"]) * min(1.0, float(row["avg_leaf_density"]) / 90.0)


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 10240:  # noqa: PLR2004 - as pg_size_pretty does
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.0f} TB"
