"""Every statement of `SqliteHistory`; times are microseconds since 1970.

Upper-case words in angle brackets are replaced by constants of this module before
anything runs; values are always parameters.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

SCHEMA_VERSION: Final = 1
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS state_history (
    zone TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    temperature REAL,
    humidity REAL,
    assumed_aircon_power TEXT,
    last_action TEXT,
    api_requests_today INTEGER,
    error_count INTEGER NOT NULL,
    last_temperature_stale INTEGER NOT NULL,
    timezone TEXT NOT NULL,
    metadata TEXT,
    PRIMARY KEY (zone, timestamp)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state_history_hourly (
    zone TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    count INTEGER NOT NULL,
    temperature REAL,
    min_temperature REAL,
    max_temperature REAL,
    temperature_seconds REAL NOT NULL,
    humidity REAL,
    min_humidity REAL,
    max_humidity REAL,
    humidity_seconds REAL NOT NULL,
    aircon_on_seconds REAL NOT NULL,
    assumed_aircon_power TEXT,
    last_action TEXT,
    timezone TEXT,
    api_requests_today INTEGER,
    error_count INTEGER NOT NULL,
    last_temperature_stale INTEGER NOT NULL,
    frozen INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (zone, bucket)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state_history_late (
    zone TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    PRIMARY KEY (zone, bucket)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state_history_rollup (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    through INTEGER NOT NULL
);
"""
EDGES: Final = "CREATE TEMP TABLE IF NOT EXISTS edges (edge INTEGER PRIMARY KEY)"

_COLUMNS: Final = (
    "zone, timestamp, temperature, humidity, assumed_aircon_power, last_action,"
    " api_requests_today, error_count, last_temperature_stale, timezone, metadata"
)


def _read(name: str, table: str = "") -> str:
    """Return a column of recorded rows as it is read.

    Files have no types but what each value has: somebody else's text, infinity or fraction
    where a number belongs is none, as from PostgreSQL.
    """
    column = f"{table}{name}"
    if name in {"temperature", "humidity"}:
        return f"CASE WHEN {column} BETWEEN -1e15 AND 1e15 THEN {column} END AS {name}"
    if name == "api_requests_today":
        return f"CASE typeof({column}) WHEN 'integer' THEN {column} END AS {name}"
    if name in {"error_count", "last_temperature_stale"}:
        return (
            f"CASE typeof({column}) WHEN 'integer' THEN {column} ELSE 0 END AS {name}"
        )
    return f"{column} AS {name}" if table else name


READ: Final = {name: _read(name) for name in _COLUMNS.split(", ")}
"""How each column of recorded rows is read."""
_ROWS_READ: Final = ", ".join(READ.values())
IS_THERE: Final = "SELECT 1 FROM state_history WHERE zone = ? AND timestamp = ?"
HAS: Final = {
    "state_history": IS_THERE,
    "state_history_hourly": "SELECT 1 FROM state_history_hourly WHERE zone = ? AND bucket = ?",
    "state_history_late": "SELECT 1 FROM state_history_late WHERE zone = ? AND bucket = ?",
    "state_history_rollup": "SELECT 1 FROM state_history_rollup WHERE only = ? AND through = ?",
}
"""Whether a table has a row, by its key."""
MARK_LATE: Final = "INSERT OR IGNORE INTO state_history_late VALUES (?, ?)"
MOVE: Final = """
UPDATE state_history SET timestamp = timestamp + :by
WHERE timestamp >= :start AND timestamp < :end AND zone = coalesce(:zone, zone)
RETURNING zone, timestamp - :by
"""
FORGET_HOUR: Final = (
    "DELETE FROM state_history_hourly WHERE zone = ? AND bucket = ? AND NOT frozen"
)

_ZONES: Final = """
zones(zone) AS (
    SELECT :zone WHERE :zone IS NOT NULL
    UNION ALL SELECT min(zone) FROM state_history WHERE :zone IS NULL
    UNION ALL SELECT (SELECT min(s.zone) FROM state_history s WHERE s.zone > z.zone)
              FROM zones z WHERE z.zone IS NOT NULL AND :zone IS NULL
)
"""
"""Every zone, found by leaping through the primary key; the last one is NULL."""
# The planner takes a recursion for a million rows. After somebody's ANALYZE it would read a
# whole smaller table first, to pass over zones that have no rows there.
_EACH_ZONE: Final = "likelihood(z.zone IS NOT NULL, 0.000001)"


NAMES: Final = """
WITH RECURSIVE names(zone) AS (
    SELECT (SELECT min(zone) FROM <TABLE> WHERE zone >= :prefix)
    UNION ALL SELECT (SELECT min(s.zone) FROM <TABLE> s WHERE s.zone > n.zone)
    FROM names n WHERE substr(n.zone, 1, length(:prefix)) = :prefix
)
SELECT zone FROM names WHERE substr(zone, 1, length(:prefix)) = :prefix
"""
"""The zones that begin so, of a table: they stand side by side in its key."""
TABLES: Final = ("state_history", "state_history_hourly", "state_history_late")
DELETE_ZONE: Final = "DELETE FROM <TABLE> WHERE zone = ?"


def _with(template: str, **constants: str) -> str:
    for name, text in constants.items():
        template = template.replace(f"<{name.upper()}>", text)
    return template


INSERT: Final = _with(
    """
    INSERT INTO state_history (<COLUMNS>)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
    """,
    columns=_COLUMNS,
)
ROWS: Final = _with(
    """
    WITH RECURSIVE <ZONES>
    SELECT <COLUMNS> FROM (
        SELECT s.* FROM zones z CROSS JOIN state_history s
            ON s.zone = z.zone AND s.timestamp >= max(:start, :after)
            AND s.timestamp < :end
        WHERE <EACH_ZONE>
    )
    WHERE (timestamp, zone) > (:after, :after_zone)
    ORDER BY timestamp, zone LIMIT :limit
    """,
    zones=_ZONES,
    each_zone=_EACH_ZONE,
    columns=_ROWS_READ,
)
LATEST: Final = _with(
    """
    WITH RECURSIVE <ZONES>
    SELECT <COLUMNS> FROM (
        SELECT s.* FROM zones z CROSS JOIN state_history s ON s.zone = z.zone
        WHERE <EACH_ZONE> AND s.timestamp <= 7258118400000000 -- what is of after 2200 is no reading
            AND s.timestamp >= (
            SELECT min(timestamp) FROM (
                SELECT timestamp FROM state_history n
                WHERE n.zone = z.zone AND n.timestamp <= 7258118400000000
                ORDER BY timestamp DESC LIMIT :n))
        ORDER BY s.timestamp DESC, s.zone DESC LIMIT :n
    ) ORDER BY timestamp, zone
    """,
    zones=_ZONES,
    each_zone=_EACH_ZONE,
    columns=_ROWS_READ,
)
OLDEST: Final = _with(
    """
    WITH RECURSIVE <ZONES>
    SELECT min((SELECT min(s.timestamp) FROM state_history s
                WHERE s.zone = z.zone AND s.timestamp >= :since)) FROM zones z
    """,
    zones=_ZONES,
)
NEWEST: Final = _with(
    """
    WITH RECURSIVE <ZONES>
    SELECT max((SELECT max(s.timestamp) FROM state_history s
                WHERE s.zone = z.zone AND s.timestamp < :before
                    AND s.timestamp >= 0)) FROM zones z
    """,
    zones=_ZONES,
)

_LINES: Final = """
lines AS (
    SELECT r.lo, r.hi, s.zone, s.timestamp <READ>, lead(s.timestamp) OVER
        (PARTITION BY r.zone, r.lo ORDER BY s.timestamp) AS following
    FROM ranges r CROSS JOIN state_history s
        ON s.zone = r.zone AND s.timestamp >= r.lo - :hold AND s.timestamp < r.hi
),
held AS (
    SELECT *, max(timestamp, lo) AS since,
        min(coalesce(following, max(:now, timestamp)), timestamp + :hold, hi) AS until
    FROM lines
),
placed AS (
    SELECT *, <BUCKET_SINCE> AS bucket, <BUCKET_END> AS bucket_end,
        <CARRY> AS carried_to, timestamp >= lo AS n
    FROM held WHERE until > since OR timestamp >= lo
),
atoms AS (
    SELECT zone, bucket, n, CASE WHEN n THEN timestamp END AS row_at, NULL AS hour_at
        <OF_ROWS>
    FROM placed
    UNION ALL
    SELECT zone, carried_to, 0, NULL, NULL <CARRIED>
    FROM placed WHERE carried_to <> bucket AND until > carried_to
    <ROLLUP_ATOMS>
)
"""


class _Part(NamedTuple):
    """What belongs together, in each of the four places where it is computed."""

    names: frozenset[str]
    """The columns of buckets that need it."""
    read: str
    """The column of rows that it is made of."""
    of_rows: str
    carried: str
    of_hours: str
    summary: str


def _measured(name: str) -> _Part:
    own, carried = _OWN_SECONDS, "(until - carried_to) / 1e6"
    return _Part(
        frozenset((name, f"min_{name}", f"max_{name}")),
        name,
        f"""CASE WHEN n THEN {name} END AS {name},
        CASE WHEN n THEN {name} END AS min_{name},
        CASE WHEN n THEN {name} END AS max_{name},
        {name} * {own} AS {name}_weighed,
        ({name} IS NOT NULL) * {own} AS {name}_seconds""",
        f"""NULL, NULL, NULL, {name} * {carried}, ({name} IS NOT NULL) * {carried}""",
        f"""NULL, min(h.min_{name}), max(h.max_{name}),
        sum(h.{name} * h.{name}_seconds), sum(h.{name}_seconds)""",
        f"""coalesce(sum({name}_weighed) / nullif(sum({name}_seconds), 0), avg({name}))
            AS {name},
        min(min_{name}) AS min_{name}, max(max_{name}) AS max_{name},
        sum({name}_seconds) AS {name}_seconds""",
    )


_OWN_SECONDS: Final = "max(min(until, bucket_end) - since, 0) / 1e6"
"""How long a row's reading counts within the bucket it lies in."""
_PARTS: Final = (
    _measured("temperature"),
    _measured("humidity"),
    _Part(
        frozenset(("aircon_on_seconds",)),
        "assumed_aircon_power",
        f"(assumed_aircon_power IS 'on') * {_OWN_SECONDS} AS aircon_on_seconds",
        "(assumed_aircon_power IS 'on') * (until - carried_to) / 1e6",
        "sum(h.aircon_on_seconds)",
        "sum(aircon_on_seconds) AS aircon_on_seconds",
    ),
    _Part(
        frozenset(("api_requests_today",)),
        "api_requests_today",
        "CASE WHEN n THEN api_requests_today END AS api_requests_today",
        "NULL",
        "max(h.api_requests_today)",
        "max(api_requests_today) AS api_requests_today",
    ),
    _Part(
        frozenset(("error_count",)),
        "error_count",
        "n * error_count AS error_count",
        "0",
        "sum(h.error_count)",
        "sum(error_count) AS error_count",
    ),
    _Part(
        frozenset(("last_temperature_stale",)),
        "last_temperature_stale",
        "n * last_temperature_stale AS stale",
        "0",
        "max(h.last_temperature_stale)",
        "max(stale) AS last_temperature_stale",
    ),
)
# Hours are summed up on their own: as so many atoms they would take longer.
_ROLLUP_ATOMS: Final = """
    UNION ALL
    SELECT h.zone, <BUCKET_HOUR>, sum(h.count), NULL,
        max(CASE WHEN h.count THEN h.bucket END) <OF_HOURS>
    FROM state_history_hourly h
    WHERE <OF_ZONE>
        AND h.bucket >= :first_hour AND h.bucket < :end
        AND h.bucket < (SELECT through FROM mark)
        AND (h.frozen OR (
            h.bucket NOT IN (SELECT value FROM json_each(:split))
            AND (NOT EXISTS (SELECT 1 FROM state_history_late)
                 OR NOT EXISTS (SELECT 1 FROM state_history_late l
                                WHERE l.zone = h.zone AND l.bucket = h.bucket))))
    GROUP BY 2 <AND_ZONE>
"""
_SUMMARY: Final = """
summary AS (
    SELECT zone, bucket, sum(n) AS count,
        max(row_at) AS row_at, max(hour_at) AS hour_at <SUMS>
    FROM atoms GROUP BY bucket, zone
)
"""


def _parts(names: Collection[str] | None) -> dict[str, str]:
    """Return the texts of what columns of buckets need; None: of all."""
    parts = [
        each for each in _PARTS if names is None or not each.names.isdisjoint(names)
    ]

    def joined(texts: Iterable[str]) -> str:
        return "".join(f", {text}" for text in texts)

    return {
        # Of no other column, as metadata, which would be carried along.
        "read": joined(_read(each.read, "s.") for each in parts),
        "of_rows": joined(each.of_rows for each in parts),
        "carried": joined(each.carried for each in parts),
        "of_hours": joined(each.of_hours for each in parts),
        "sums": joined(each.summary for each in parts),
    }


# Texts are those of the last sample, be it in a row or an hour: fetched by key.
_TEXTS: Final = """
    LEFT JOIN state_history r ON r.zone = s.zone AND r.timestamp = s.row_at
        AND (s.hour_at IS NULL OR s.row_at > s.hour_at)
    LEFT JOIN state_history_hourly h ON h.zone = s.zone AND h.bucket = s.hour_at
        AND (s.row_at IS NULL OR s.hour_at > s.row_at)
"""
_TEXT_COLUMNS: Final = ("assumed_aircon_power", "last_action", "timezone")
_UNIFORM: Final = {
    "bucket_since": "since - (since - :origin) % :width",
    "bucket_end": "since - (since - :origin) % :width + :width",
    "carry": "following - (following - :origin) % :width",
    "bucket_hour": "max(h.bucket, :start) - (max(h.bucket, :start) - :origin) % :width",
}
_EDGED: Final = {
    "bucket_since": "(SELECT max(edge) FROM edges WHERE edge <= since)",
    "bucket_end": "(SELECT min(edge) FROM edges WHERE edge > since)",
    "carry": "(SELECT max(edge) FROM edges WHERE edge <= following)",
    "bucket_hour": "(SELECT max(edge) FROM edges WHERE edge <= max(h.bucket, :start))",
}
_RANGES: Final = """
mark AS (SELECT coalesce(max(through), -100000000000000000) AS through
         FROM state_history_rollup),
pieces AS (
    SELECT json_extract(value, '$[0]') AS lo, json_extract(value, '$[1]') AS hi,
        json_extract(value, '$[2]') AS hour
    FROM json_each(:pieces)
),
ranges AS (
    SELECT z.zone, p.lo, p.hi FROM zones z, pieces p, mark
    WHERE z.zone IS NOT NULL AND p.hour < mark.through AND NOT EXISTS (
        SELECT 1 FROM state_history_hourly h
        WHERE h.zone = z.zone AND h.bucket = p.hour AND h.frozen)
    UNION ALL
    SELECT l.zone, l.bucket, l.bucket + 3600000000
    FROM zones z CROSS JOIN state_history_late l ON l.zone = z.zone, mark
    WHERE l.bucket >= :start AND l.bucket + 3600000000 <= :end
        AND l.bucket < mark.through
        AND l.bucket NOT IN (SELECT value FROM json_each(:split))
        AND NOT EXISTS (SELECT 1 FROM state_history_hourly h
            WHERE h.zone = l.zone AND h.bucket = l.bucket AND h.frozen)
    UNION ALL
    SELECT z.zone, max(mark.through, :start), :end FROM zones z, mark
    WHERE z.zone IS NOT NULL AND max(mark.through, :start) < :end
)
"""
_BUCKETS: Final = """
WITH RECURSIVE <ZONES>, <RANGES>, <LINES>, <SUMMARY>
SELECT <SELECTED> FROM summary s <TEXTS>
WHERE s.count > 0 ORDER BY s.bucket, s.zone
"""
BUCKET_COLUMNS: Final = (
    *("zone", "timestamp", "count", "temperature", "min_temperature"),
    *("max_temperature", "humidity", "min_humidity", "max_humidity"),
    *("aircon_on_seconds", "assumed_aircon_power", "last_action", "timezone"),
    *("api_requests_today", "error_count", "last_temperature_stale"),
)
_ONE_ZONE: Final = "zones(zone) AS (SELECT :zone)"


@lru_cache(64)
def buckets(*, edged: bool, every_zone: bool, columns: tuple[str, ...]) -> str:
    """Return the statement whose rows have these of `BUCKET_COLUMNS`, in this order.

    By the rollup as far as it is there; without it see `raw_buckets` of `store.py`. What is not selected is not computed either.
    """
    selected = {"timestamp": "s.bucket AS timestamp"} | {
        name: _text_of(name) for name in _TEXT_COLUMNS
    }
    has_texts = any(name in _TEXT_COLUMNS for name in columns)
    return _with(
        _BUCKETS,
        zones=_ZONES if every_zone else _ONE_ZONE,
        ranges=_RANGES,
        lines=_LINES,
        summary=_SUMMARY,
        rollup_atoms=_ROLLUP_ATOMS,
        of_zone="true" if every_zone else "h.zone = :zone",
        and_zone=", 1" if every_zone else "",
        texts=_TEXTS if has_texts else "",
        selected=", ".join(selected.get(name, f"s.{name}") for name in columns),
        **_parts(columns),
        **(_EDGED if edged else _UNIFORM),
    )


def _text_of(name: str) -> str:
    return f"CASE WHEN r.zone IS NULL THEN h.{name} ELSE r.{name} END AS {name}"


AGGREGATES: Final = _with(
    """
    WITH RECURSIVE <ZONES>,
    recent AS (SELECT <COLUMNS> FROM (SELECT s.* FROM zones z CROSS JOIN state_history s
               ON s.zone = z.zone AND s.timestamp >= :since
               WHERE <EACH_ZONE>))
    SELECT count(*) AS count, avg(temperature) AS avg_temperature,
        min(temperature) AS min_temperature, max(temperature) AS max_temperature,
        avg(humidity) AS avg_humidity, min(humidity) AS min_humidity,
        max(humidity) AS max_humidity,
        (SELECT assumed_aircon_power FROM recent
         WHERE assumed_aircon_power IS NOT NULL GROUP BY 1
         ORDER BY count(*) DESC, 1 LIMIT 1) AS common_aircon_power,
        count(DISTINCT last_action) AS distinct_actions,
        coalesce(sum(error_count), 0) AS total_errors,
        max(api_requests_today) AS max_api_requests
    FROM recent
    """,
    zones=_ZONES,
    each_zone=_EACH_ZONE,
    columns=_ROWS_READ,
)

FIRST_LATE: Final = """
SELECT min(bucket), count(*) FROM state_history_late
WHERE <OF_ZONE> AND bucket >= :start AND bucket < :end
"""
HAS_FROZEN: Final = """
SELECT 1 FROM state_history_hourly
WHERE <OF_ZONE> AND bucket >= :start AND bucket < :end AND frozen LIMIT 1
"""


def of_zones(statement: str, zone: str | None) -> str:
    """Return such a statement for one zone, by its key, or for all."""
    return _with(statement, of_zone="true" if zone is None else "zone = :zone")


THROUGH: Final = "SELECT through FROM state_history_rollup"
SET_THROUGH: Final = "INSERT OR REPLACE INTO state_history_rollup VALUES (1, ?)"
LATE: Final = """
SELECT zone, bucket FROM state_history_late WHERE bucket < :through
ORDER BY bucket, zone LIMIT :limit
"""
FORGET_LATE: Final = "DELETE FROM state_history_late WHERE zone = ? AND bucket = ?"
FORGET_LATE_RANGE: Final = (
    "DELETE FROM state_history_late WHERE bucket >= ? AND bucket < ?"
)
_ROLL_UP: Final = """
INSERT INTO state_history_hourly (zone, bucket, count, temperature, min_temperature,
    max_temperature, temperature_seconds, humidity, min_humidity, max_humidity,
    humidity_seconds, aircon_on_seconds, assumed_aircon_power, last_action, timezone,
    api_requests_today, error_count, last_temperature_stale)
WITH RECURSIVE <ZONES>, ranges AS (
    SELECT json_extract(value, '$[0]') AS zone, json_extract(value, '$[1]') AS lo,
        json_extract(value, '$[2]') AS hi
    FROM json_each(:ranges) WHERE json_extract(value, '$[0]') IS NOT NULL
    UNION ALL SELECT z.zone, json_extract(r.value, '$[1]'), json_extract(r.value, '$[2]')
    FROM json_each(:ranges) r CROSS JOIN zones z
    WHERE json_extract(r.value, '$[0]') IS NULL AND z.zone IS NOT NULL
), <LINES>, <SUMMARY>
SELECT s.zone, s.bucket, s.count, s.temperature, s.min_temperature, s.max_temperature,
    s.temperature_seconds, s.humidity, s.min_humidity, s.max_humidity,
    s.humidity_seconds, s.aircon_on_seconds, r.assumed_aircon_power, r.last_action,
    r.timezone, s.api_requests_today, s.error_count, s.last_temperature_stale
FROM summary s
    LEFT JOIN state_history r ON r.zone = s.zone AND r.timestamp = s.row_at
WHERE true
ON CONFLICT (zone, bucket) DO UPDATE SET
    count = excluded.count, temperature = excluded.temperature,
    min_temperature = excluded.min_temperature,
    max_temperature = excluded.max_temperature,
    temperature_seconds = excluded.temperature_seconds,
    humidity = excluded.humidity, min_humidity = excluded.min_humidity,
    max_humidity = excluded.max_humidity,
    humidity_seconds = excluded.humidity_seconds,
    aircon_on_seconds = excluded.aircon_on_seconds,
    assumed_aircon_power = excluded.assumed_aircon_power,
    last_action = excluded.last_action, timezone = excluded.timezone,
    api_requests_today = excluded.api_requests_today,
    error_count = excluded.error_count,
    last_temperature_stale = excluded.last_temperature_stale
WHERE NOT frozen
"""
ROLL_UP: Final = _with(
    _ROLL_UP,
    zones=_ZONES,
    lines=_LINES,
    summary=_SUMMARY,
    rollup_atoms="",
    **_parts(None),
    bucket_since="since - (since % 3600000000 + 3600000000) % 3600000000",
    bucket_end="since - (since % 3600000000 + 3600000000) % 3600000000 + 3600000000",
    # Unlike in a query, an hour without a sample counts: the next sum may need it.
    carry="since - (since % 3600000000 + 3600000000) % 3600000000 + 3600000000",
)
FREEZE: Final = """
UPDATE state_history_hourly SET frozen = 1
WHERE NOT frozen AND bucket <= :before AND bucket < :through AND NOT EXISTS (
    SELECT 1 FROM state_history_late l
    WHERE l.zone = state_history_hourly.zone AND l.bucket = state_history_hourly.bucket)
"""
# A row that repeats a decision says how long before it the row was recorded that tells it,
# an hour at most; either may have been moved by a microsecond.
_TOLD_BY: Final = """
s.timestamp >= :before - 3600000000
AND EXISTS (SELECT 1 FROM state_history r
    WHERE r.zone = s.zone AND r.timestamp >= :before
        AND r.timestamp <= s.timestamp + 3600000000
        AND CASE WHEN json_valid(r.metadata) THEN
            json_type(r.metadata, '$.run') = 'integer'
            AND json_extract(r.metadata, '$.run') - (r.timestamp - s.timestamp)
                BETWEEN -1 AND 1 END)
"""
PURGE: Final = _with(
    """
    WITH RECURSIVE <ZONES>
    DELETE FROM state_history WHERE (zone, timestamp) IN (
        SELECT s.zone, s.timestamp FROM zones z CROSS JOIN state_history s
            ON s.zone = z.zone AND s.timestamp < :before
        WHERE <EACH_ZONE> AND NOT EXISTS (SELECT 1 FROM state_history_late l WHERE l.zone = s.zone
            AND l.bucket = s.timestamp
                - (s.timestamp % 3600000000 + 3600000000) % 3600000000)
            AND NOT (<TOLD_BY>)
        LIMIT :limit)
    """,
    zones=_ZONES,
    each_zone=_EACH_ZONE,
    told_by=_TOLD_BY,
)
