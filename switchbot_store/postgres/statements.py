"""Every statement about documents, and the words that some of them answer with.

All have text parameters and text results (see `wire`): keys, documents as JSON and
revisions as they are, instants as microseconds since 1970.
"""

from __future__ import annotations

import re
from typing import Final

_COLUMNS: Final = b"""
data::text, revision::text, CASE WHEN isfinite(updated_at)
    THEN (extract(epoch FROM updated_at) * 1000000)::bigint END
"""
GET: Final = b"SELECT %b FROM json_store WHERE kind = $1" % _COLUMNS
GET_MANY: Final = (
    b"""
SELECT %b, kind FROM json_store
WHERE kind = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))
"""
    % _COLUMNS
)

NOW: Final = b"(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
CLOCK: Final = b"SELECT %b" % NOW

# A server that was frozen goes on later with what it was sent. Whoever waited was told
# that it failed, and others may have written since: then it must do nothing. Asked once
# for all rows before, once more of a row that is locked, so that nothing comes between,
# and of each that was written: a new row has no lock to wait for, and who waited for one
# in vain is not asked again. Late by then, the statement ends in an error and undoes all.
_IN_TIME: Final = NOW + b" < $%b::bigint"
_BEGUN_IN_TIME: Final = b"(SELECT " + _IN_TIME + b")"
_OR_ERROR: Final = b"1 / (" + _IN_TIME + b")::int"

# A repeated write recognises itself by its revision and changes nothing.
_REPLACE: Final = b"""
ON CONFLICT (kind) DO UPDATE SET
    data = excluded.data,
    updated_at = excluded.updated_at,
    revision = excluded.revision,
    recent = (stored.revision || stored.recent)[1:16]
WHERE excluded.revision <> ALL (stored.revision || stored.recent)
    AND %b
RETURNING %b
"""
_COUNTED: Final = b"SELECT count(*), %b FROM written" % NOW
SET: Final = b"""
WITH written AS (
    INSERT INTO json_store AS stored (kind, data, updated_at, revision)
    SELECT $1, $2::jsonb, now(), $3::uuid WHERE %b
    %b
)
%b
""" % (_BEGUN_IN_TIME % b"4", _REPLACE % (_IN_TIME % b"4", _OR_ERROR % b"4"), _COUNTED)
# All or nothing: where one row is late, those before it are undone.
SET_MANY: Final = b"""
WITH written AS (
    INSERT INTO json_store AS stored (kind, data, updated_at, revision)
    SELECT kind, data, now(), revision
    FROM jsonb_to_recordset($1::jsonb) AS r(kind text, data jsonb, revision uuid)
    WHERE %b
    %b
)
%b
""" % (
    _BEGUN_IN_TIME % b"2",
    _REPLACE % (_OR_ERROR % b"2" + b" = 1", _OR_ERROR % b"2"),
    _COUNTED,
)

# Locked in one order, as `SET_MANY` writes them. A row that is made in between is locked
# by nobody: the statement ends in an error then, of which PostgreSQL undoes all, and asked
# again it sees that row. The square root is of a number that is known for no row before,
# or else it would be drawn when the statement is planned. Of a row that is gone the revision is NULL, which
# makes an array of one NULL with `||`, and a comparison with that is neither true nor false.
SET_MANY_IF: Final = b"""
WITH given AS MATERIALIZED (
    SELECT kind, data, revision, was
    FROM jsonb_to_recordset($1::jsonb) AS r(kind text, data jsonb, revision uuid, was text)
), locked AS MATERIALIZED (
    SELECT kind, revision, recent FROM json_store
    WHERE kind = ANY (ARRAY(SELECT kind FROM given)) ORDER BY kind FOR UPDATE
), strange AS MATERIALIZED (
    SELECT given.kind, locked.revision
    FROM given LEFT JOIN locked ON locked.kind = given.kind
    WHERE coalesce(locked.revision::text, '') <> given.was
        AND (locked.kind IS NULL
            OR given.revision <> ALL (locked.revision || locked.recent))
), written AS (
    INSERT INTO json_store AS stored (kind, data, updated_at, revision)
    SELECT kind, data, now(), revision FROM given
    WHERE NOT EXISTS (SELECT FROM strange) AND %b
    ON CONFLICT (kind) DO UPDATE SET
        data = excluded.data,
        updated_at = excluded.updated_at,
        revision = excluded.revision,
        recent = (stored.revision || stored.recent)[1:16]
    WHERE CASE
        WHEN excluded.kind IN (SELECT kind FROM locked)
            OR excluded.kind IN (SELECT kind FROM given WHERE was IS NULL)
        THEN excluded.revision <> ALL (stored.revision || stored.recent) AND %b = 1
        ELSE sqrt(-length(excluded.kind)) = 1 END
    RETURNING kind, %b
)
SELECT
    (SELECT kind FROM strange ORDER BY kind LIMIT 1),
    (SELECT revision::text FROM strange ORDER BY kind LIMIT 1),
    (SELECT min(kind) FROM given
        WHERE kind NOT IN (SELECT kind FROM written UNION ALL SELECT kind FROM locked)),
    (SELECT count(*) FROM written) + (SELECT count(*) FROM strange),
    %b
""" % (_BEGUN_IN_TIME % b"2", _OR_ERROR % b"2", _OR_ERROR % b"2", NOW)

MADE_BETWEEN: Final = "2201F"
"""How that error is called: invalid_argument_for_power_function."""

# Unknown: the row was written so often since that this write, had it been made, would
# no longer show among the recent ones. It matters only after a broken connection.
HAPPENED: Final = b"happened"
UNKNOWN: Final = b"unknown"
_OUTCOME: Final = (
    b"""
SELECT
    CASE
        WHEN EXISTS (SELECT FROM written) THEN 'happened'
        WHEN stored.revision IS NULL THEN 'conflict'
        WHEN $3::uuid = ANY (stored.revision || stored.recent) THEN 'happened'
        WHEN $4 = ANY ((stored.revision || stored.recent)::text[]) THEN 'conflict'
        WHEN cardinality(stored.recent) < 16 THEN 'conflict'
        ELSE 'unknown'
    END,
    stored.revision::text,
    (SELECT count(*) FROM written),
    %b
FROM (VALUES (1)) AS one LEFT JOIN json_store AS stored ON stored.kind = $1
"""
    % NOW
)
COMPARE_AND_SET: Final = b"""
WITH written AS (
    UPDATE json_store SET
        data = $2::jsonb,
        updated_at = now(),
        revision = $3::uuid,
        recent = (revision || recent)[1:16]
    WHERE kind = $1 AND revision::text = $4 AND %b
    RETURNING %b
)
%b
""" % (_IN_TIME % b"5", _OR_ERROR % b"5", _OUTCOME)
CREATE: Final = b"""
WITH written AS (
    INSERT INTO json_store (kind, data, updated_at, revision)
    SELECT $1, $2::jsonb, now(), $3::uuid WHERE %b
    ON CONFLICT (kind) DO NOTHING
    RETURNING %b
)
%b
""" % (_IN_TIME % b"5", _OR_ERROR % b"5", _OUTCOME)

DELETE: Final = b"""
WITH written AS (DELETE FROM json_store WHERE kind = $1 AND %b RETURNING %b)
SELECT (SELECT revision::text FROM json_store WHERE kind = $1),
    (SELECT count(*) FROM written), %b
""" % (_IN_TIME % b"2", _OR_ERROR % b"2", NOW)
# Of what one statement was to write and did not: is it there, as of a write before?
UNWRITTEN: Final = b"""
SELECT given.kind
FROM jsonb_to_recordset($1::jsonb) AS given(kind text, revision uuid)
LEFT JOIN json_store AS stored ON stored.kind = given.kind
WHERE stored.kind IS NULL OR given.revision <> ALL (stored.revision || stored.recent)
"""
REVISIONS: Final = b"SELECT kind, revision::text FROM json_store"
KEYS: Final = b"SELECT kind FROM json_store"
# By the index over bytes; it takes no collation's, by which a prefix may be parted.
KEYS_WITH: Final = b"SELECT kind FROM json_store WHERE kind LIKE $1"
_OF_PATTERNS: Final = re.compile(r"([\\%_])")


def beginning(prefix: str) -> str:
    """Return the pattern of LIKE for texts that begin so, whatever is in it.

    >>> beginning("homes/42/")
    'homes/42/%'
    """
    return _OF_PATTERNS.sub(r"\\\1", prefix) + "%"


WRITABLE: Final = b"""
SELECT NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::bool
"""

# What REPLAY says of a write that it did not make; anything else is a conflict.
AGAIN: Final = b"again"
THERE: Final = b"there"
PASSED: Final = b"passed"

# `tried` goes among the recent revisions: a statement that a frozen server carries out
# after this one then takes itself for done, and changes nothing.
REPLAY: Final = b"""
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS r(
        kind text, data jsonb, deletion boolean, revision uuid,
        accepted uuid[], creates boolean, tried uuid[], updated_at timestamptz
    )
), removed AS (
    DELETE FROM json_store AS stored USING given
    WHERE given.deletion
        AND stored.kind = given.kind
        AND stored.revision = ANY (given.accepted)
        AND %b
    RETURNING stored.kind, %b
), replaced AS (
    UPDATE json_store AS stored SET
        data = given.data,
        updated_at = least(given.updated_at, now()),
        revision = given.revision,
        recent = (given.tried || stored.revision || stored.recent)[1:16]
    FROM given
    WHERE NOT given.deletion
        AND stored.kind = given.kind
        AND stored.revision <> given.revision
        AND stored.revision = ANY (given.accepted)
        AND %b
    RETURNING stored.kind, %b
), added AS (
    INSERT INTO json_store AS stored (kind, data, updated_at, revision, recent)
    SELECT kind, data, least(updated_at, now()), revision, tried[1:16] FROM given
    WHERE NOT deletion AND creates AND %b
    ON CONFLICT (kind) DO NOTHING
    RETURNING stored.kind, %b
), left_over AS (
    SELECT
        given.kind,
        CASE
            WHEN given.deletion AND stored.kind IS NULL THEN 'there'
            WHEN stored.revision = given.revision THEN 'there'
            WHEN given.revision = ANY (stored.recent) THEN 'passed'
            -- Somebody came between this statement's view and its write.
            WHEN stored.revision = ANY (given.accepted) THEN 'again'
            WHEN stored.kind IS NULL AND given.creates THEN 'again'
            ELSE 'conflict'
        END AS outcome,
        stored.revision,
        stored.data,
        stored.updated_at
    FROM given LEFT JOIN json_store AS stored ON stored.kind = given.kind
    WHERE given.kind NOT IN (
        SELECT kind FROM removed
        UNION ALL SELECT kind FROM replaced
        UNION ALL SELECT kind FROM added
    )
)
SELECT
    kind,
    outcome,
    revision::text,
    CASE WHEN isfinite(updated_at)
    THEN (extract(epoch FROM updated_at) * 1000000)::bigint END,
    CASE WHEN outcome IN ('passed', 'conflict') THEN data::text END
FROM left_over
""" % ((_IN_TIME % b"2", _OR_ERROR % b"2") * 3)
