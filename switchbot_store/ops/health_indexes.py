"""Are the indexes valid, needed and compact?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg

from switchbot_store.ops.findings import Question, Status

if TYPE_CHECKING:
    from switchbot_store.ops.findings import Finding
    from switchbot_store.ops.target import Session

_INVALID: Final = Question("index", "index_invalid", "indexes")
_DUPLICATE: Final = Question("index", "index_duplicate", "indexes")
_UNUSED: Final = Question("index", "index_unused", "indexes that could go")
_BLOATED: Final = Question("index", "index_bloated", "B-tree indexes")

_SECONDS_A_DAY: Final = 86400.0
_JUDGED_AFTER_DAYS: Final = 7.0
"""A report may run once a week; an index without a scan for less than that says little."""
_BLOATED_TIMES: Final = 2.0
"""A B-tree of random keys is about two thirds full by itself: 1.5 times is no bloat."""
_WORTH_BYTES: Final = 1024 * 1024
"""Below this a REINDEX gains nothing that anybody would notice."""

# One being built is not invalid yet; partitioned ones are judged by their partitions.
_ALL: Final = """
SELECT
    c.oid::bigint AS oid,
    c.oid::regclass::text AS name,
    t.oid::bigint AS table_oid,
    t.oid::regclass::text AS table_name,
    am.amname AS method,
    i.indisvalid AND i.indisready AS valid,
    i.indislive AS live,
    EXISTS (
        SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid
    ) AS being_built,
    i.indisunique AS is_unique,
    i.indisprimary OR i.indisreplident OR i.indisexclusion
        OR EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid) AS bound,
    i.indnkeyatts::int AS key_columns,
    i.indkey::int2[] AS columns,
    i.indclass::oid[]::text[] AS classes,
    i.indcollation::oid[]::text[] AS collations,
    i.indoption::int2[] AS options,
    coalesce(pg_get_expr(i.indexprs, i.indrelid), '') AS expressions,
    coalesce(pg_get_expr(i.indpred, i.indrelid), '') AS predicate,
    pg_relation_size(c.oid) AS bytes,
    c.relpages::bigint AS pages,
    c.reltuples::float8 AS tuples,
    s.idx_scan AS scans,
    pg_get_indexdef(c.oid) AS definition
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
_COUNTED_SINCE: Final = """
SELECT
    extract(epoch FROM now() - coalesce(d.stats_reset, pg_postmaster_start_time()))::float8
        AS seconds,
    pg_is_in_recovery() AS standby,
    current_setting('track_counts')::bool AS counted
FROM pg_stat_database d WHERE d.datname = current_database()
"""

# What a B-tree of that many entries needs: https://www.postgresql.org/docs/current/btree.html
# and storage-page-layout: 24 bytes of page header, 16 of special space, 4 + 8 an entry.
_EXPECTED: Final = """
SELECT
    x.indexrelid::bigint AS oid,
    count(*) FILTER (WHERE st.avg_width IS NOT NULL)::int AS known,
    count(*)::int AS columns,
    sum(coalesce((1 - st.null_frac) * st.avg_width, 0))::float8 AS width,
    current_setting('block_size')::int AS block_size,
    coalesce((
        SELECT split_part(o, '=', 2)::int FROM unnest(x.reloptions) o
        WHERE o LIKE 'fillfactor=%%'
    ), 90) AS fillfactor,
    bool_or(x.deduplicates) AS deduplicates,
    min(st.n_distinct)::float8 AS distinct_values
FROM (
    SELECT i.indexrelid, i.indrelid, c.reloptions, k.attnum, n.nspname, t.relname,
        NOT i.indisunique AS deduplicates
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_class t ON t.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace
    CROSS JOIN unnest(i.indkey::int2[]) AS k(attnum)
    WHERE i.indexrelid = ANY (%s)
) x
LEFT JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.attnum AND x.attnum > 0
LEFT JOIN pg_stats st ON st.schemaname = x.nspname AND st.tablename = x.relname
    AND st.attname = a.attname
GROUP BY x.indexrelid, x.reloptions
"""
_PAGE_OVERHEAD: Final = 40
_ENTRY_BYTES: Final = 12


def check_indexes(session: Session) -> list[Finding]:
    """Look for invalid, duplicate, unused and bloated indexes."""
    indexes = session.rows(_ALL)
    return [
        *_invalid(indexes),
        *_duplicates(indexes),
        *_unused(session, indexes),
        *_bloated(session, indexes),
    ]


def _invalid(indexes: list[dict[str, Any]]) -> list[Finding]:
    findings = []
    for index in indexes:
        if index["valid"] or index["being_built"]:
            continue
        enforces = index["is_unique"]
        findings.append(
            _INVALID.found(
                Status.CRITICAL if enforces else Status.WARNING,
                index["name"],
                f"is invalid: {index['table_name']} pays for it at every write and no"
                " query uses it"
                + (", nor does it keep values unique" if enforces else ""),
                f"REINDEX INDEX CONCURRENTLY {index['name']}; or"
                f" DROP INDEX CONCURRENTLY {index['name']};",
            )
        )
    count = len(indexes)
    return _INVALID.sum_up(findings, examined=count, total=count, well="all are valid")


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
                    f"is {how} {other['name']} on {index['table_name']}"
                    f" ({_size(index['bytes'])})",
                    f"DROP INDEX CONCURRENTLY {index['name']};",
                )
            )
            break
    count = len(indexes)
    return _DUPLICATE.sum_up(findings, examined=count, total=count, well="no duplicate")


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
    if index["is_unique"] and not (other["is_unique"] and whole):
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
    since = session.row(_COUNTED_SINCE)
    total = len(candidates)
    if not since["counted"]:
        return _UNUSED.unseen(
            "nobody counts scans", "SET track_counts = on on the server", total=total
        )
    days = (since["seconds"] or 0.0) / _SECONDS_A_DAY
    if total and days < _JUDGED_AFTER_DAYS:
        return _UNUSED.unseen(
            f"scans are counted for {days:.1f} days only; an index is called unused"
            f" after {_JUDGED_AFTER_DAYS:g}",
            "ask again later, without resetting the statistics",
            total=total,
        )
    findings = [
        _UNUSED.found(
            Status.WARNING,
            index["name"],
            f"was not used once in {days:.0f} days ({_size(index['bytes'])} on"
            f" {index['table_name']})"
            + ("; standbys count their own scans" if not since["standby"] else ""),
            f"DROP INDEX CONCURRENTLY {index['name']};",
        )
        for index in candidates
        if index["scans"] == 0
    ]
    known = sum(index["scans"] is not None for index in candidates)
    return _UNUSED.sum_up(findings, examined=known, total=total, well="all are used")


def _bloated(session: Session, indexes: list[dict[str, Any]]) -> list[Finding]:
    trees = [each for each in indexes if each["method"] == "btree" and each["valid"]]
    facts = {
        row["oid"]: row
        for row in session.rows(_EXPECTED, [[tree["oid"] for tree in trees]])
    }
    findings, examined, unseen = [], 0, []
    for tree in trees:
        if tree["bytes"] < _WORTH_BYTES:
            examined += 1
            continue
        used = _exact_bytes(session, tree)
        how = "measured with pgstattuple"
        if used is None:
            used = _expected_bytes(tree, facts.get(tree["oid"]))
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
                    f"takes {_size(tree['bytes'])} and needs about {_size(used)}, {how}",
                    f"REINDEX INDEX CONCURRENTLY {tree['name']};",
                )
            )
    if unseen:
        findings.append(
            _BLOATED.found(
                Status.UNKNOWN,
                "",
                f"no statistics of {', '.join(unseen[:5])}"
                + (f" and {len(unseen) - 5} more" if len(unseen) > 5 else ""),  # noqa: PLR2004 - as many as are named
                "ANALYZE the tables; or CREATE EXTENSION pgstattuple, and grant"
                " pg_stat_scan_tables",
            )
        )
    return _BLOATED.sum_up(
        findings, examined=examined, total=len(trees), well="none is bloated"
    )


def _exact_bytes(session: Session, tree: dict[str, Any]) -> float | None:
    """Return the bytes in use by pgstattuple; None where that cannot be asked."""
    if not session.has_extension("pgstattuple"):
        return None
    query = "SELECT avg_leaf_density, leaf_pages FROM pgstatindex(%s::oid::regclass)"
    try:
        with session.attempt():
            row = session.row(query, [tree["oid"]])
    except psycopg.errors.InsufficientPrivilege:
        return None
    if not row["leaf_pages"] or row["avg_leaf_density"] != row["avg_leaf_density"]:
        return None
    # A compact one is 90 % full.
    return float(tree["bytes"]) * min(1.0, float(row["avg_leaf_density"]) / 90.0)


def _expected_bytes(tree: dict[str, Any], facts: dict[str, Any] | None) -> float | None:
    """Estimate what a compact index takes; None without statistics of all columns."""
    if facts is None or facts["known"] < facts["columns"] or tree["tuples"] < 0:
        return None
    room = (facts["block_size"] - _PAGE_OVERHEAD) * facts["fillfactor"] / 100.0
    entry = _ENTRY_BYTES + 8.0 * -(-facts["width"] // 8.0)
    if tree["is_unique"] or not facts["deduplicates"]:
        needed = tree["tuples"] * entry
    else:
        # Equal keys are stored once with a list of 6 bytes a row.
        spread = facts["distinct_values"] or 1.0
        keys = spread if spread > 0 else -spread * tree["tuples"]
        keys = max(1.0, min(keys, tree["tuples"]))
        needed = min(tree["tuples"] * entry, keys * entry + tree["tuples"] * 6.0)
    return float(max(1.0, needed / room) * facts["block_size"])


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 10240:  # noqa: PLR2004 - as pg_size_pretty does
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.0f} TB"
