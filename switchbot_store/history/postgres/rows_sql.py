"""How `PostgresHistory` writes and reads recorded rows.

Upper-case words in angle brackets are replaced by constants of this module before
anything runs; values are always parameters. Hours are cut with `date_bin` from an
instant in UTC, since `date_trunc` follows the session's timezone.
"""

from __future__ import annotations

from typing import Final, LiteralString

READ_COLUMNS: Final = (
    *("zone", "timestamp", "temperature", "humidity", "assumed_aircon_power"),
    *("last_action", "api_requests_today", "error_count", "last_temperature_stale"),
    *("timezone", "metadata"),
)


def composed(template: LiteralString, **constants: LiteralString) -> LiteralString:
    """Return the template with ``<NAME>`` replaced by the constant of that name."""
    for name, text in constants.items():
        template = template.replace(f"<{name.upper()}>", text)
    return template


USABLE: Final = 1e15
"""What was measured lies within this. Others may have left infinities, or numbers whose
sum is none any more."""


def usable(column: LiteralString) -> LiteralString:
    """Return the column as far as it is `USABLE`, NULL beyond; a NaN is beyond."""
    return f"CASE WHEN {column} BETWEEN -1e15 AND 1e15 THEN {column} END"


_COLUMNS: Final = (
    'zone, "timestamp", temperature, humidity, assumed_aircon_power, last_action,'
    " api_requests_today, error_count, last_temperature_stale, timezone, metadata"
)
_READ: Final = """
s.zone, s."timestamp", s.temperature, s.humidity, s.assumed_aircon_power, s.last_action,
s.api_requests_today, coalesce(s.error_count, 0),
coalesce(s.last_temperature_stale, false), coalesce(s.timezone, 'UTC'), s.metadata::text
"""
"""Rows of other writers may leave out what has a default."""
HOUR_OF: Final = "date_bin('1 hour', {}, '2000-01-01 00:00+00')"

# --- writing -------------------------------------------------------------------------

_INSERT: Final = composed(
    """
    INSERT INTO state_history (<COLUMNS>)
    SELECT <COLUMNS> FROM jsonb_to_recordset($1::jsonb) AS r(zone text,
        "timestamp" timestamptz, temperature double precision,
        humidity double precision, assumed_aircon_power text, last_action text,
        api_requests_today bigint, error_count bigint,
        last_temperature_stale boolean, timezone text, metadata jsonb)
    ON CONFLICT (zone, "timestamp") DO NOTHING
    """,
    columns=_COLUMNS,
)
# Hours are over by the clock, or closed by one that was ahead.
# The mark and the rows commit together. A mark that is there is touched: who computes
# that hour at this moment waits for this commit, or this statement for theirs.
_MARK: Final = composed(
    """
    INSERT INTO state_history_late (zone, bucket, marks)
    SELECT DISTINCT added.zone, hours.bucket, 1
    FROM added CROSS JOIN LATERAL (VALUES (<HOUR>), (<HOUR> + interval '1 hour'))
        AS hours(bucket)
    WHERE hours.bucket + interval '1 hour' <= <NOW>
        OR hours.bucket < (SELECT max(through) FROM state_history_parts)
    ORDER BY 1, 2
    ON CONFLICT (zone, bucket) DO UPDATE SET marks = coalesce(state_history_late.marks, 0) + 1
    """,
    hour=HOUR_OF.replace("{}", 'added."timestamp"'),
)
INSERT_LATE: Final = composed(
    """
    WITH added AS (<INSERT> RETURNING zone, "timestamp"), marked AS (<MARK>),
    noted AS (
        INSERT INTO state_history_zones SELECT DISTINCT zone FROM added ORDER BY 1
        ON CONFLICT (zone) DO NOTHING
    )
    SELECT count(*) FROM added
    """,
    insert=_INSERT,
    mark=composed(_MARK, now="$2::timestamptz"),
)
MISSING: Final = """
SELECT count(*) FROM jsonb_to_recordset($1::jsonb) AS r(zone text, "timestamp" timestamptz)
WHERE NOT EXISTS (SELECT FROM state_history h
    WHERE h.zone = r.zone AND h."timestamp" = r."timestamp")
"""
"""Of rows that are to be there, how many are not."""
COPY: Final = composed("COPY state_history (<COLUMNS>) FROM STDIN", columns=_COLUMNS)
INCOMING: Final = """
CREATE TEMPORARY TABLE incoming_history (
    zone text, "timestamp" timestamptz, temperature double precision,
    humidity double precision, assumed_aircon_power text, last_action text,
    api_requests_today bigint, error_count bigint, last_temperature_stale boolean,
    timezone text, metadata jsonb
) ON COMMIT DROP
"""
COPY_INCOMING: Final = composed(
    "COPY incoming_history (<COLUMNS>) FROM STDIN", columns=_COLUMNS
)
TAKE_IN: Final = composed(
    """
    INSERT INTO state_history (<COLUMNS>)
    SELECT <COLUMNS> FROM incoming_history ORDER BY zone, "timestamp"
    ON CONFLICT (zone, "timestamp") DO NOTHING
    """,
    columns=_COLUMNS,
)
MARK_LATE: Final = """
INSERT INTO state_history_late (zone, bucket, marks)
SELECT u.zone, u.bucket, 1 FROM unnest(%(zones)s::text[], %(hours)s::timestamptz[]) AS u(zone, bucket)
ORDER BY 1, 2
ON CONFLICT (zone, bucket) DO UPDATE SET marks = coalesce(state_history_late.marks, 0) + 1
"""

NOTE_ZONES: Final = """
INSERT INTO state_history_zones SELECT DISTINCT unnest(%(zones)s::text[]) ORDER BY 1
ON CONFLICT (zone) DO NOTHING
"""

# --- reading recorded rows -----------------------------------------------------------

LEAPS: Final = """
    SELECT %(zone)s::text WHERE NOT (%(zone)s::text IS NULL)
    UNION ALL
    (SELECT zone FROM state_history WHERE %(zone)s::text IS NULL ORDER BY zone LIMIT 1)
    UNION ALL
    SELECT (SELECT s.zone FROM state_history s WHERE s.zone > z.zone
            ORDER BY s.zone LIMIT 1)
    FROM zones z WHERE z.zone IS NOT NULL AND %(zone)s::text IS NULL
"""
ZONES: Final = f"zones(zone) AS ({LEAPS})"
"""Every zone, found by leaping through the primary key; the last one is NULL."""

_LEAPS_OF_HOURS: Final = LEAPS.replace("state_history", "state_history_hourly").replace(
    "FROM zones z", "FROM rolled z"
)
NAMES: Final = composed(
    """
    WITH RECURSIVE <ZONES>, rolled(zone) AS (<HOURS>)
    SELECT zone FROM zones WHERE zone IS NOT NULL
    UNION SELECT zone FROM rolled WHERE zone IS NOT NULL
    UNION SELECT zone FROM state_history_late
    """,
    zones=ZONES,
    hours=_LEAPS_OF_HOURS,
)
"""Every zone of which anything is there."""
NAMES_WITH: Final = """
WITH RECURSIVE near(zone) AS (
    (SELECT zone FROM state_history WHERE zone >= %(prefix)s ORDER BY zone LIMIT 1)
    UNION ALL
    SELECT (SELECT s.zone FROM state_history s WHERE s.zone > n.zone
            ORDER BY s.zone LIMIT 1)
    FROM near n WHERE n.zone LIKE %(pattern)s
), few(it) AS (
    SELECT count(*) < 65 FROM (
        SELECT FROM state_history_zones LIMIT 65) AS noted
), zones(zone) AS (
    (SELECT zone FROM state_history WHERE (SELECT it FROM few)
     ORDER BY zone LIMIT 1)
    UNION ALL
    SELECT (SELECT s.zone FROM state_history s WHERE s.zone > z.zone
            ORDER BY s.zone LIMIT 1)
    FROM zones z WHERE z.zone IS NOT NULL
)
SELECT zone FROM state_history_zones WHERE zone LIKE %(pattern)s
UNION SELECT zone FROM near WHERE zone LIKE %(pattern)s
UNION SELECT zone FROM zones WHERE zone LIKE %(pattern)s
"""
"""Every zone that begins so.

Those that were noted, and those of writers that note none: where zones are few all are
looked at, else those that stand together from the prefix on. Where a collation parts such
names, the rest is known with the next hour that is summarised.
"""
NOTE_ALL: Final = composed(
    """
    INSERT INTO state_history_zones
    WITH RECURSIVE <ZONES>
    SELECT zone FROM zones WHERE zone IS NOT NULL ORDER BY 1
    ON CONFLICT (zone) DO NOTHING
    """,
    zones=ZONES,
)
"""What was recorded by writers that note no zone."""
DELETE_ROWS: Final = """
DELETE FROM state_history WHERE zone = %(zone)s AND "timestamp" IN (
    SELECT "timestamp" FROM state_history WHERE zone = %(zone)s LIMIT %(limit)s)
"""
DELETE_HOURS: Final = (
    "DELETE FROM state_history_late WHERE zone = %(zone)s",
    "DELETE FROM state_history_hourly WHERE zone = %(zone)s",
    "DELETE FROM state_history_blocks WHERE zone = %(zone)s",
    "DELETE FROM state_history_zones WHERE zone = %(zone)s",
)

ROWS: Final = composed(
    """
    WITH RECURSIVE <ZONES>
    SELECT <READ> FROM zones z CROSS JOIN LATERAL (
        SELECT * FROM state_history r
        WHERE r.zone = z.zone AND r."timestamp" < %(end)s
            AND r."timestamp" >= greatest(%(start)s, %(after)s)
            AND (r."timestamp", r.zone COLLATE "C") > (%(after)s, %(after_zone)s)
        ORDER BY r."timestamp" LIMIT %(limit)s
    ) s
    ORDER BY s."timestamp", s.zone COLLATE "C" LIMIT %(limit)s
    """,
    zones=ZONES,
    read=_READ,
)
LATEST: Final = composed(
    """
    WITH RECURSIVE <ZONES>, newest AS (
        SELECT s.* FROM zones z CROSS JOIN LATERAL (
            SELECT * FROM state_history r
            WHERE r.zone = z.zone AND r."timestamp" <= '2200-01-01 00:00:00+00'
                AND r."timestamp" >= '0001-01-02 00:00:00+00'
            ORDER BY r."timestamp" DESC LIMIT %(n)s
        ) s
        ORDER BY s."timestamp" DESC, s.zone COLLATE "C" DESC LIMIT %(n)s
    )
    SELECT <READ> FROM newest s ORDER BY s."timestamp", s.zone COLLATE "C"
    """,
    zones=ZONES,
    read=_READ,
)
OLDEST: Final = composed(
    """
    WITH RECURSIVE <ZONES>
    SELECT min(s."timestamp") FROM zones z CROSS JOIN LATERAL (
        SELECT r."timestamp" FROM state_history r
        WHERE r.zone = z.zone AND r."timestamp" >= %(since)s
            AND r."timestamp" <= '9999-12-30 00:00:00+00'
        ORDER BY r."timestamp" LIMIT 1
    ) s
    """,
    zones=ZONES,
)
OLDEST_OF: Final = OLDEST.replace(
    f"WITH RECURSIVE {ZONES}",
    "WITH zones(zone) AS (SELECT unnest(%(zones)s::text[]))",
)
NEWEST: Final = composed(
    """
    WITH RECURSIVE <ZONES>
    SELECT max(s."timestamp") FROM zones z CROSS JOIN LATERAL (
        SELECT r."timestamp" FROM state_history r
        WHERE r.zone = z.zone AND r."timestamp" < %(before)s
            AND r."timestamp" >= '1970-01-01 00:00:00+00'
        ORDER BY r."timestamp" DESC LIMIT 1
    ) s
    """,
    zones=ZONES,
)
MOVE: Final = composed(
    """
    WITH RECURSIVE <ZONES>
    UPDATE state_history s SET "timestamp" = s."timestamp" + %(by)s::interval
    FROM zones z
    WHERE s.zone = z.zone AND s."timestamp" >= %(start)s AND s."timestamp" < %(end)s
    RETURNING s.zone, s."timestamp"
    """,
    zones=ZONES,
)
CLOCK: Final = "SELECT clock_timestamp()"
AGGREGATES: Final = composed(
    """
    WITH RECURSIVE <ZONES>, recent AS (
        SELECT <TEMPERATURE> AS temperature, <HUMIDITY> AS humidity,
            s.assumed_aircon_power, s.last_action, s.error_count, s.api_requests_today
        FROM zones z JOIN state_history s ON s.zone = z.zone
        WHERE s."timestamp" >= %(since)s
    )
    SELECT count(*) AS count, avg(temperature) AS avg_temperature,
        min(temperature) AS min_temperature, max(temperature) AS max_temperature,
        avg(humidity) AS avg_humidity, min(humidity) AS min_humidity,
        max(humidity) AS max_humidity,
        (SELECT assumed_aircon_power FROM recent
         WHERE assumed_aircon_power IS NOT NULL GROUP BY 1
         ORDER BY count(*) DESC, assumed_aircon_power COLLATE "C" LIMIT 1)
            AS common_aircon_power,
        count(DISTINCT last_action) AS distinct_actions,
        least(coalesce(sum(error_count), 0), 9223372036854775807)::bigint
            AS total_errors,
        max(api_requests_today) AS max_api_requests
    FROM recent
    """,
    zones=ZONES,
    temperature=usable("s.temperature"),
    humidity=usable("s.humidity"),
)
