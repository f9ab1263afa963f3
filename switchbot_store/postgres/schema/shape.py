"""How our tables have to look, and what of it a database does not have.

A number of a version says what was once applied. A dump of a time before, restored over
it, a table that was dropped, a key or a trigger that went with something else: all that
leaves the number as it is. What matters is looked at instead, in one statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psycopg.rows import tuple_row

from switchbot_store.postgres.schema.adoption import WANTED

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

_REAL: Final = "double precision"
_AT: Final = "timestamptz"
_SUMMED: Final = (
    ("aircon_on_seconds", _REAL),
    ("api_requests_today", "bigint"),
    ("error_count", "bigint"),
    ("last_temperature_stale", "boolean"),
)

COLUMNS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "json_store": (
        ("kind", "text"),
        ("data", "jsonb"),
        ("updated_at", _AT),
        ("revision", "uuid"),
        ("recent", "uuid[]"),
    ),
    "state_history": tuple((name, kind) for name, kind, _ in WANTED),
    "state_history_hourly": (
        *(("zone", "text"), ("bucket", _AT), ("count", "bigint")),
        *((f"{bound}temperature", _REAL) for bound in ("", "min_", "max_")),
        *((f"{bound}humidity", _REAL) for bound in ("", "min_", "max_")),
        *(("temperature_seconds", _REAL), ("humidity_seconds", _REAL)),
        *((name, "text") for name in ("assumed_aircon_power", "last_action")),
        *(("timezone", "text"), ("frozen", "boolean")),
        *_SUMMED,
    ),
    "state_history_late": (("zone", "text"), ("bucket", _AT), ("marks", "integer")),
    "state_history_rollup": (("singleton", "boolean"), ("through", _AT)),
    "state_history_blocks": (
        *(("zone", "text"), ("bucket", _AT), ("count", "bigint"), ("last_hour", _AT)),
        *((f"{bound}temperature", _REAL) for bound in ("min_", "max_")),
        *((f"{bound}humidity", _REAL) for bound in ("min_", "max_")),
        *(("temperature_seconds", _REAL), ("humidity_seconds", _REAL)),
        *(("temperature_weighed", _REAL), ("humidity_weighed", _REAL)),
        *_SUMMED,
    ),
    "state_history_zones": (("zone", "text"),),
    "state_history_parts": (("part", "integer"), ("through", _AT)),
    "device_readings": (
        *(("device_id", "text"), ("attribute", "text"), ("timestamp", _AT)),
        *(("number", _REAL), ("word", "text")),
    ),
    "device_readings_hourly": (
        *(("device_id", "text"), ("attribute", "text"), ("bucket", _AT)),
        *(("count", "bigint"), ("numbers", "bigint"), ("word", "text")),
        *((name, _REAL) for name in ("mean", "least", "greatest")),
    ),
}
"""Name and type of the columns of each table that is ours."""

_KEYS: Final = {
    "json_store": ("kind",),
    "state_history": ("timestamp", "zone"),
    "state_history_hourly": ("bucket", "zone"),
    "state_history_late": ("bucket", "zone"),
    "state_history_rollup": ("singleton",),
    "state_history_blocks": ("bucket", "zone"),
    "state_history_zones": ("zone",),
    "state_history_parts": ("part",),
    "device_readings": ("attribute", "device_id", "timestamp"),
    "device_readings_hourly": ("attribute", "bucket", "device_id"),
}
"""In the order of the alphabet; that of a key is nothing that a statement asks for."""

# What writers that know nothing of us leave out.
_DEFAULTS: Final = (
    ("json_store", "updated_at"),
    ("json_store", "revision"),
    ("json_store", "recent"),
    ("state_history", "timestamp"),
    ("state_history", "zone"),
)
_NEVER_NULL: Final = (("json_store", "revision"), ("json_store", "recent"))


def _values(*rows: tuple[str, ...]) -> str:
    return ", ".join("(" + ", ".join(f"'{each}'" for each in row) + ")" for row in rows)


_WANTED: Final = _values(
    *((table, *column) for table, columns in COLUMNS.items() for column in columns)
)
_WANTED_KEYS: Final = _values(
    *((table, "{" + ",".join(names) + "}") for table, names in _KEYS.items())
)
WITHOUT_TRIGGER: Final = "on no table, as it was told"
"""The comment on its function where there is to be no trigger that makes revisions."""
_TRIGGER_TYPE: Final = 1 + 2 + 16
"""FOR EACH ROW, BEFORE, UPDATE"""

_WRONG: Final = f"""
SELECT looked.* FROM (
WITH wanted (place, name, type) AS (VALUES {_WANTED}
), keys (place, names) AS (VALUES {_WANTED_KEYS}
), defaults (place, name) AS (VALUES {_values(*_DEFAULTS)}
), never_null (place, name) AS (VALUES {_values(*_NEVER_NULL)}
), found (place, name, type, filled, given, fraction) AS (
    SELECT c.relname, a.attname, a.atttypid, a.attnotnull, a.atthasdef,
        -- Of two rows of one second it would keep one; documents are told apart by name.
        CASE WHEN c.relname <> 'json_store' THEN a.atttypmod ELSE -1 END
    FROM keys k
    JOIN pg_class c ON c.oid = to_regclass(k.place)
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
), wrong (place, what) AS (
    SELECT place, 'is not there' FROM keys WHERE to_regclass(place) IS NULL
    UNION ALL
    SELECT w.place, CASE
        WHEN f.name IS NULL THEN format('has no column %I', w.name)
        ELSE format('has %I as %s and not as %s', w.name,
            format_type(f.type, nullif(f.fraction, -1)), w.type) END
    FROM wanted w LEFT JOIN found f USING (place, name)
    WHERE to_regclass(w.place) IS NOT NULL
        AND (f.type IS DISTINCT FROM w.type::regtype::oid OR f.fraction <> -1)
    UNION ALL
    SELECT place, format('has no default for %I', name)
    FROM defaults JOIN found USING (place, name) WHERE NOT given
    UNION ALL
    SELECT place, format('may have no %I', name)
    FROM never_null JOIN found USING (place, name) WHERE NOT filled
    UNION ALL
    SELECT place, 'has no key over ' || array_to_string(names::text[], ', ')
    FROM keys k
    WHERE to_regclass(place) IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_index i
        WHERE i.indrelid = to_regclass(place) AND i.indisunique AND i.indisvalid
            AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
            AND k.names::text[] = ARRAY(
                SELECT a.attname::text
                FROM unnest(i.indkey) WITH ORDINALITY n(number, position)
                JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = n.number
                WHERE n.position <= i.indnkeyatts
                ORDER BY a.attname::text COLLATE "C"
            )
    )
    UNION ALL
    SELECT 'json_store', 'has no trigger that makes revisions'
    WHERE to_regclass('json_store') IS NOT NULL
        AND coalesce(obj_description(to_regproc('json_store_revise'), 'pg_proc'), '')
            <> '{WITHOUT_TRIGGER}'
        AND NOT EXISTS (
        SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE t.tgrelid = to_regclass('json_store') AND t.tgname = 'json_store_revise'
            AND p.proname = 'json_store_revise' AND t.tgenabled IN ('O', 'A')
            AND t.tgtype = {_TRIGGER_TYPE}
    )
)
SELECT ARRAY(SELECT place FROM wrong ORDER BY place, what),
    ARRAY(SELECT what FROM wrong ORDER BY place, what)
) AS looked
"""


class Shape(NamedTuple):
    """What was found. `wrong` has, for each table, what there is to say of it."""

    wrong: dict[str, list[str]]

    def described(self, tables: Iterable[str] = tuple(COLUMNS)) -> str:
        """Say in words what is wrong with these tables; nothing of those not there."""
        return "; ".join(
            f"{table} {what}"
            for table in tables
            for what in self.wrong.get(table, ())
            if what != "is not there"
        )

    @property
    def unfit(self) -> str:
        """Say in words which columns that are there have another type than they should."""
        found = {
            table: [
                what for what in words if what.startswith("has ") and " as " in what
            ]
            for table, words in self.wrong.items()
        }
        return Shape(found).described()


def looked_at(connection: psycopg.Connection[Any]) -> Shape:
    """Look at our tables; needs no right on any of them."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_WRONG.encode(), prepare=False).fetchone()
    places, words = row or ((), ())
    wrong: dict[str, list[str]] = {}
    for table, what in zip(places, words, strict=True):
        wrong.setdefault(table, []).append(what)
    return Shape(wrong)
