"""How far are sequences from the last number that their columns can hold?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg

from switchbot_store.languages import worded
from switchbot_store.ops.findings import Question, Status
from switchbot_store.postgres.errors import is_broken_connection

if TYPE_CHECKING:
    from switchbot_store.ops.findings import Finding
    from switchbot_store.ops.target import Session

_RUNNING_OUT: Final = Question("sequence", "sequence_running_out", worded("sequences"))

_MUCH: Final = 0.75
_ALMOST_ALL: Final = 0.9

# A standby has the values that were written ahead, up to 32 more than were given out, and
# nothing of what is unlogged. A sequence feeds a column as its identity (i), as its serial (a), or by a default that
# calls it (n): the column's type ends before a bigint sequence does.
_SEQUENCES: Final = """
SELECT
    s.seqrelid::regclass::text AS name,
    s.seqcycle AS cycles,
    s.seqincrement AS step,
    s.seqstart AS start,
    s.seqmin AS low,
    s.seqmax AS high,
    has_sequence_privilege(s.seqrelid, 'USAGE,SELECT') AS readable,
    s.elsewhere,
    s.seqrelid::bigint AS oid,
    f.column_name,
    f.type_name,
    f.least,
    f.most
FROM (
    SELECT q.*, c.relpersistence = 'u' AND pg_is_in_recovery() AS elsewhere
    FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid
    WHERE NOT pg_is_other_temp_schema(c.relnamespace)
) s
LEFT JOIN LATERAL (
    SELECT
        a.attrelid::regclass::text || '.' || quote_ident(a.attname) AS column_name,
        format_type(a.atttypid, NULL) AS type_name,
        CASE t.typname WHEN 'int2' THEN -32768 WHEN 'int4' THEN -2147483648 END AS least,
        CASE t.typname WHEN 'int2' THEN 32767 WHEN 'int4' THEN 2147483647 END AS most
    FROM (
        SELECT d.refobjid AS relid, d.refobjsubid AS attnum FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid
            AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
            AND d.deptype IN ('a', 'i')
        UNION
        SELECT ad.adrelid, ad.adnum FROM pg_depend d
        JOIN pg_attrdef ad ON ad.oid = d.objid
        WHERE d.classid = 'pg_attrdef'::regclass
            AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.seqrelid
    ) fed
    JOIN pg_attribute a ON a.attrelid = fed.relid AND a.attnum = fed.attnum
    JOIN pg_type b ON b.oid = a.atttypid
    JOIN pg_type t ON t.oid = CASE WHEN b.typtype = 'd' THEN b.typbasetype ELSE b.oid END
    ORDER BY 4 NULLS LAST
    LIMIT 1
) f ON true
ORDER BY 1
"""

_LAST: Final = """
SELECT s.oid::bigint AS oid, pg_sequence_last_value(s.oid) AS last
FROM unnest(%s::bigint[]::oid[]) AS s (oid)
"""


def check_sequences(session: Session) -> list[Finding]:
    """Look at every sequence, identity columns included, and the type it feeds."""
    sequences = session.rows(_SEQUENCES)
    findings, examined, hidden, elsewhere = [], 0, [], 0
    last, broken = _last_values(
        session,
        [
            each["oid"]
            for each in sequences
            if each["readable"] and not each["elsewhere"]
        ],
    )
    for each in sequences:
        if each["oid"] in broken:
            findings.append(
                _RUNNING_OUT.found(
                    Status.UNKNOWN,
                    each["name"],
                    worded("cannot be read: {broken}", broken=broken[each["oid"]]),
                    worded(
                        "see whether it is unlogged and lost its file when this server "
                        "was promoted: it has to be made anew"
                    ),
                )
            )
            continue
        if each["readable"] and each["elsewhere"]:
            elsewhere += 1
            continue
        if not each["readable"]:
            hidden.append(each["name"])
            continue
        examined += 1
        if last.get(each["oid"]) is None or each["cycles"]:
            continue
        stands_at = last[each["oid"]]
        up = each["step"] > 0
        # Only the narrower of the two ends matters.
        end = each["high"] if up else each["low"]
        column_end = each["most"] if up else each["least"]
        if column_end is not None:
            end = min(end, column_end) if up else max(end, column_end)
        span = end - (each["low"] if up else each["high"])
        gone = stands_at - (each["low"] if up else each["high"])
        share = 1.0 if not span else gone / span
        if share < _MUCH:
            continue
        where = each["column_name"] or each["name"]
        narrow = column_end is not None and end == column_end
        findings.append(
            _RUNNING_OUT.found(
                Status.CRITICAL if share >= _ALMOST_ALL else Status.WARNING,
                where,
                worded(
                    "{name} stands at {stands_at:,}, {share:.0%} of the way to {end:,}",
                    name=each["name"],
                    stands_at=stands_at,
                    share=share,
                    end=end,
                )
                + (
                    worded(", the last {type_name}", type_name=each["type_name"])
                    if narrow
                    else worded(", its last number")
                ),
                (
                    worded(
                        "ALTER TABLE ... ALTER COLUMN ... TYPE bigint for {where}, and "
                        "ALTER SEQUENCE {name} AS bigint;",
                        where=where,
                        name=each["name"],
                    )
                    if narrow
                    else worded(
                        "ALTER SEQUENCE {name} NO MAXVALUE; or a wider type",
                        name=each["name"],
                    )
                ),
            )
        )
    if hidden:
        findings.append(
            _RUNNING_OUT.found(
                Status.UNKNOWN,
                "",
                worded("no privilege to read {hidden}", hidden=", ".join(hidden[:5]))
                + (
                    worded(" and {number} more", number=len(hidden) - 5)
                    if len(hidden) > 5  # noqa: PLR2004 - as many as are named
                    else ""
                ),
                worded(
                    "GRANT SELECT ON ALL SEQUENCES IN SCHEMA ... TO the role that asks"
                ),
            )
        )
    if elsewhere:
        findings.append(
            _RUNNING_OUT.found(
                Status.UNKNOWN,
                "",
                worded(
                    "{elsewhere} unlogged sequences are not on this standby",
                    elsewhere=elsewhere,
                ),
                worded("ask the primary"),
            )
        )
    return _RUNNING_OUT.sum_up(
        findings,
        examined=examined,
        total=len(sequences),
        well=worded("all have room"),
    )


def _last_values(
    session: Session, oids: list[int]
) -> tuple[dict[int, Any], dict[int, str]]:
    """Return the last values of sequences, and why some cannot be read, by oid."""
    try:
        with session.attempt():
            rows = session.rows(_LAST, [oids])
        return {row["oid"]: row["last"] for row in rows}, {}
    except psycopg.Error as error:
        if is_broken_connection(error):
            raise
        if len(oids) == 1:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            return {}, {oids[0]: first}
    half = len(oids) // 2
    values, broken = _last_values(session, oids[:half])
    more, also_broken = _last_values(session, oids[half:])
    return values | more, broken | also_broken
