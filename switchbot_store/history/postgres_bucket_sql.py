"""How `PostgresHistory` cuts rows into buckets, rolls hours up and deletes old rows.

See `switchbot_store.history.postgres_sql` for the angle brackets.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, LiteralString

from switchbot_store.history.postgres_sql import HOUR_OF, ZONES, composed

# The planner knows nothing of a range's length and would expect millions of rows, for
# which it would read the whole table and compile the query, a hundred times dearer than
# the query itself. A limit that it cannot see makes it expect few.
_FEW: Final = "LIMIT (SELECT 9223372036854775807)"

# How long each row of `ranges` holds, cut at the edges of buckets: see `history.model`.
_LINES: Final = """
lines AS (
    SELECT r.lo, r.hi, s.*, lead(s."timestamp") OVER
        (PARTITION BY r.zone, r.lo ORDER BY s."timestamp") AS following
    FROM ranges r CROSS JOIN LATERAL (
        SELECT * FROM state_history h
        WHERE h.zone = r.zone AND h."timestamp" >= r.lo - <HOLD>
            AND h."timestamp" < r.hi
        ORDER BY h."timestamp" <FEW>
    ) s
),
held AS (
    SELECT *, "timestamp" >= lo AS counts, greatest("timestamp", lo) AS since,
        least(coalesce(following, greatest(<NOW>, "timestamp")),
              "timestamp" + <HOLD>, hi) AS until
    FROM lines
),
placed AS (
    SELECT *, <BUCKET_SINCE> AS bucket, <BUCKET_END> AS bucket_end,
        <CARRY> AS carried_to
    FROM held WHERE until > since OR counts
),
timed AS (
    SELECT *, greatest(extract(epoch FROM least(until, bucket_end) - since), 0)::float8
        AS own_seconds,
        extract(epoch FROM until - carried_to)::float8 AS carried_seconds
    FROM placed
),
atoms AS (
    SELECT zone, bucket, counts::int AS n,
        CASE WHEN counts THEN "timestamp" END AS row_at, NULL::timestamptz AS hour_at,
        CASE WHEN counts THEN temperature END AS temperature,
        CASE WHEN counts THEN humidity END AS humidity,
        CASE WHEN counts THEN temperature END AS min_temperature,
        CASE WHEN counts THEN temperature END AS max_temperature,
        CASE WHEN counts THEN humidity END AS min_humidity,
        CASE WHEN counts THEN humidity END AS max_humidity,
        temperature AS held_temperature, humidity AS held_humidity,
        CASE WHEN temperature IS NULL THEN 0 ELSE own_seconds END
            AS temperature_seconds,
        CASE WHEN humidity IS NULL THEN 0 ELSE own_seconds END AS humidity_seconds,
        CASE WHEN assumed_aircon_power = 'on' THEN own_seconds ELSE 0 END
            AS aircon_on_seconds,
        CASE WHEN counts THEN api_requests_today END AS api_requests_today,
        CASE WHEN counts THEN coalesce(error_count, 0) ELSE 0 END AS error_count,
        counts AND coalesce(last_temperature_stale, false) AS stale
    FROM timed
    UNION ALL
    SELECT zone, carried_to, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        temperature, humidity,
        CASE WHEN temperature IS NULL THEN 0 ELSE carried_seconds END,
        CASE WHEN humidity IS NULL THEN 0 ELSE carried_seconds END,
        CASE WHEN assumed_aircon_power = 'on' THEN carried_seconds ELSE 0 END,
        NULL, 0, false
    FROM timed WHERE carried_to <> bucket AND until > carried_to
    <ROLLUP_ATOMS>
)
"""
# Without IS TRUE the planner takes `through` for a third bound of the range, expects a
# handful of hours and looks thousands of them up one by one.
_ROLLUP_ATOMS: Final = """
    UNION ALL
    SELECT h.zone, <BUCKET_HOUR>, h.count::int,
        NULL, CASE WHEN h.count > 0 THEN h.bucket END, NULL, NULL,
        h.min_temperature, h.max_temperature, h.min_humidity, h.max_humidity,
        h.temperature, h.humidity, h.temperature_seconds, h.humidity_seconds,
        h.aircon_on_seconds, h.api_requests_today, h.error_count,
        h.last_temperature_stale
    FROM state_history_hourly h
    WHERE (%(zone)s::text IS NULL OR h.zone = %(zone)s)
        AND h.bucket >= %(first_hour)s AND h.bucket < %(end)s
        AND (h.bucket < (SELECT through FROM mark)) IS TRUE
        AND (h.frozen OR (
            h.bucket <> ALL (%(split)s::timestamptz[])
            AND (NOT EXISTS (SELECT FROM state_history_late) OR (h.zone, h.bucket)
                NOT IN (SELECT zone, bucket FROM state_history_late))))
"""
_SUMMARY: Final = """
summary AS (
    SELECT zone, bucket, sum(n) AS count,
        max(row_at) AS row_at, max(hour_at) AS hour_at,
        coalesce(sum(held_temperature * temperature_seconds)
            / nullif(sum(temperature_seconds), 0), avg(temperature)) AS temperature,
        min(min_temperature) AS min_temperature,
        max(max_temperature) AS max_temperature,
        sum(temperature_seconds) AS temperature_seconds,
        coalesce(sum(held_humidity * humidity_seconds)
            / nullif(sum(humidity_seconds), 0), avg(humidity)) AS humidity,
        min(min_humidity) AS min_humidity, max(max_humidity) AS max_humidity,
        sum(humidity_seconds) AS humidity_seconds,
        sum(aircon_on_seconds) AS aircon_on_seconds,
        max(api_requests_today) AS api_requests_today,
        sum(error_count)::bigint AS error_count,
        bool_or(stale) AS last_temperature_stale
    FROM atoms GROUP BY bucket, zone
)
"""
# Texts are those of the last sample, fetched by key: ordering all rows for them would
# take longer than all the rest.
_ROW_TEXTS: Final = """
SELECT t.assumed_aircon_power, t.last_action, coalesce(t.timezone, 'UTC') AS timezone
FROM state_history t WHERE t.zone = s.zone AND t."timestamp" = s.row_at
"""
_HOUR_TEXTS: Final = """
SELECT t.assumed_aircon_power, t.last_action, t.timezone
FROM state_history_hourly t WHERE t.zone = s.zone AND t.bucket = s.hour_at
"""
_TEXTS: Final = composed(
    """
    LEFT JOIN LATERAL (
        SELECT * FROM (<ROW_TEXTS>) AS of_row
        WHERE s.hour_at IS NULL OR s.row_at > s.hour_at
        UNION ALL
        SELECT * FROM (<HOUR_TEXTS>) AS of_hour
        WHERE s.row_at IS NULL OR s.hour_at > s.row_at
    ) AS texts ON true
    """,
    row_texts=_ROW_TEXTS,
    hour_texts=_HOUR_TEXTS,
)
# Through an array, since the planner expects ten elements of one and a hundred times
# as many rows of a recursion.
_KNOWN: Final = """
known AS (
    SELECT * FROM unnest(ARRAY(SELECT zone FROM zones WHERE zone IS NOT NULL)) AS a(zone)
)
"""
_RAW_RANGES: Final = """
ranges AS (
    SELECT zone, %(start)s::timestamptz AS lo, %(end)s::timestamptz AS hi
    FROM known
)
"""
_ROLLUP_RANGES: Final = """
mark AS (
    SELECT coalesce(max(through), '-infinity') AS through FROM state_history_rollup
),
pieces AS (
    SELECT * FROM unnest(%(piece_starts)s::timestamptz[], %(piece_ends)s::timestamptz[],
        %(piece_hours)s::timestamptz[]) AS p(lo, hi, hour)
),
ranges AS (
    SELECT z.zone, p.lo, p.hi FROM known z CROSS JOIN pieces p CROSS JOIN mark
    WHERE p.hour < mark.through AND NOT EXISTS (
        SELECT FROM state_history_hourly h
        WHERE h.zone = z.zone AND h.bucket = p.hour AND h.frozen)
    UNION ALL
    SELECT l.zone, l.bucket, l.bucket + interval '1 hour'
    FROM state_history_late l JOIN known z ON z.zone = l.zone CROSS JOIN mark
    WHERE l.bucket >= %(start)s AND l.bucket + interval '1 hour' <= %(end)s
        AND l.bucket < mark.through
        AND l.bucket <> ALL (%(split)s::timestamptz[])
        AND NOT EXISTS (SELECT FROM state_history_hourly h
            WHERE h.zone = l.zone AND h.bucket = l.bucket AND h.frozen)
    UNION ALL
    SELECT z.zone, greatest(mark.through, %(start)s), %(end)s
    FROM known z CROSS JOIN mark
    WHERE greatest(mark.through, %(start)s) < %(end)s
)
"""
_UNIFORM: Final[dict[str, LiteralString]] = {
    "bucket_since": "date_bin(%(width)s, since, %(origin)s)",
    "bucket_end": "date_bin(%(width)s, since, %(origin)s) + %(width)s",
    "carry": "date_bin(%(width)s, following, %(origin)s)",
    "bucket_hour": "date_bin(%(width)s, greatest(h.bucket, %(start)s), %(origin)s)",
}
_EDGES: Final = "(%(edges)s::timestamptz[])"
_EDGED: Final[dict[str, LiteralString]] = {
    "bucket_since": f"{_EDGES}[width_bucket(since, {_EDGES})]",
    "bucket_end": f"{_EDGES}[width_bucket(since, {_EDGES}) + 1]",
    "carry": f"{_EDGES}[width_bucket(following, {_EDGES})]",
    "bucket_hour": (f"{_EDGES}[width_bucket(greatest(h.bucket, %(start)s), {_EDGES})]"),
}


BUCKET_COLUMNS: Final = (
    *("zone", "timestamp", "count", "temperature", "min_temperature"),
    *("max_temperature", "humidity", "min_humidity", "max_humidity"),
    *("aircon_on_seconds", "assumed_aircon_power", "last_action", "timezone"),
    *("api_requests_today", "error_count", "last_temperature_stale"),
)
_TEXT_COLUMNS: Final = ("assumed_aircon_power", "last_action", "timezone")
_SELECTED: Final[dict[str, LiteralString]] = {
    "zone": "s.zone",
    "timestamp": "s.bucket",
    "count": "s.count",
    "temperature": "s.temperature",
    "min_temperature": "s.min_temperature",
    "max_temperature": "s.max_temperature",
    "humidity": "s.humidity",
    "min_humidity": "s.min_humidity",
    "max_humidity": "s.max_humidity",
    "aircon_on_seconds": "s.aircon_on_seconds",
    "assumed_aircon_power": "texts.assumed_aircon_power",
    "last_action": "texts.last_action",
    "timezone": "texts.timezone",
    "api_requests_today": "s.api_requests_today",
    "error_count": "s.error_count",
    "last_temperature_stale": "s.last_temperature_stale",
}


@lru_cache(64)
def buckets(*, rollup: bool, edged: bool, columns: tuple[str, ...]) -> LiteralString:
    """Return the statement whose rows have these of `BUCKET_COLUMNS`, in this order.

    What is not selected is not computed either.
    """
    selected: LiteralString = ", ".join([_SELECTED[name] for name in columns])
    has_texts = any(name in _TEXT_COLUMNS for name in columns)
    return composed(
        """
        WITH RECURSIVE <ZONES>, <KNOWN>, <RANGES>, <LINES>, <SUMMARY>
        SELECT <SELECTED> FROM summary s <TEXTS>
        WHERE s.count > 0 ORDER BY s.bucket, s.zone COLLATE "C"
        """,
        selected=selected,
        zones=ZONES,
        known=_KNOWN,
        ranges=_ROLLUP_RANGES if rollup else _RAW_RANGES,
        lines=_LINES,
        few=_FEW,
        summary=_SUMMARY,
        texts=_TEXTS if has_texts else "",
        rollup_atoms=_ROLLUP_ATOMS if rollup else "",
        now="%(now)s",
        hold="%(hold)s",
        **(_EDGED if edged else _UNIFORM),
    )


# --- the rollup and retention --------------------------------------------------------

# Who holds this row computes hours; it is there from the first time on.
CLAIM: Final = """
INSERT INTO state_history_rollup (through) VALUES ('-infinity')
ON CONFLICT (singleton) DO UPDATE SET through = state_history_rollup.through
RETURNING nullif(through, '-infinity')
"""
STATE: Final = """
SELECT (SELECT nullif(through, '-infinity') FROM state_history_rollup),
    EXISTS (SELECT FROM state_history_late l JOIN state_history_rollup r
            ON l.bucket < r.through)
"""
SET_THROUGH: Final = "UPDATE state_history_rollup SET through = %(through)s"
TAKE_LATE: Final = """
DELETE FROM state_history_late WHERE (zone, bucket) IN (
    SELECT zone, bucket FROM state_history_late WHERE bucket < %(through)s
    ORDER BY bucket, zone LIMIT %(limit)s FOR UPDATE
) RETURNING zone, bucket
"""
FORGET_LATE: Final = """
DELETE FROM state_history_late WHERE bucket >= %(start)s AND bucket < %(end)s
"""
_ROLLED_COLUMNS: Final = (
    "count, temperature, min_temperature, max_temperature, temperature_seconds,"
    " humidity, min_humidity, max_humidity, humidity_seconds, aircon_on_seconds,"
    " assumed_aircon_power, last_action, timezone, api_requests_today, error_count,"
    " last_temperature_stale"
)
_BUCKET_OF: Final = HOUR_OF.replace("{}", "since")
ROLL_UP: Final = composed(
    """
    INSERT INTO state_history_hourly AS stored (zone, bucket, <COLUMNS>)
    WITH RECURSIVE <ZONES>, <KNOWN>, ranges AS (
        SELECT z.zone, r.lo, r.hi
        FROM unnest(%(zones)s::text[], %(starts)s::timestamptz[],
            %(ends)s::timestamptz[]) AS r(zone, lo, hi)
        JOIN known z ON z.zone = coalesce(r.zone, z.zone)
    ), <LINES>, <SUMMARY>
    SELECT s.zone, s.bucket, s.count, s.temperature, s.min_temperature,
        s.max_temperature, s.temperature_seconds, s.humidity, s.min_humidity,
        s.max_humidity, s.humidity_seconds, s.aircon_on_seconds,
        texts.assumed_aircon_power, texts.last_action, texts.timezone,
        s.api_requests_today, s.error_count, s.last_temperature_stale
    FROM summary s LEFT JOIN LATERAL (<TEXTS>) AS texts ON true
    ON CONFLICT (zone, bucket) DO UPDATE SET (<COLUMNS>) = (<EXCLUDED>)
    WHERE NOT stored.frozen
    """,
    zones=ZONES,
    known=_KNOWN,
    lines=_LINES,
    few=_FEW,
    summary=_SUMMARY,
    texts=_ROW_TEXTS,
    rollup_atoms="",
    # Every hour here is over: the present cuts nothing short.
    now="'infinity'::timestamptz",
    hold="%(hold)s",
    bucket_since=_BUCKET_OF,
    bucket_end=f"{_BUCKET_OF} + interval '1 hour'",
    # Unlike in a query, an hour without a sample counts: the next sum may need it.
    carry=f"{_BUCKET_OF} + interval '1 hour'",
    columns=_ROLLED_COLUMNS,
    excluded=f"excluded.{_ROLLED_COLUMNS.replace(', ', ', excluded.')}",
)
# What goes, and the hours that can no longer be computed: a reading holds into the next.
# Nobody waits for the disk: what a crash brings back goes the next time.
PURGE: Final = composed(
    """
    WITH RECURSIVE <ZONES>,
    victims AS (
        SELECT s.* FROM zones z CROSS JOIN LATERAL (
            SELECT r.ctid AS place, r.zone, <HOUR> AS hour FROM state_history r
            WHERE r.zone = z.zone
                AND r."timestamp" < least(
                    %(before)s, (SELECT through FROM state_history_rollup))
                AND (NOT EXISTS (SELECT FROM state_history_late) OR (r.zone, <HOUR>)
                    NOT IN (SELECT zone, bucket FROM state_history_late))
            ORDER BY r."timestamp" LIMIT %(limit)s
        ) s LIMIT %(limit)s
    ),
    frozen AS (
        UPDATE state_history_hourly SET frozen = true WHERE ctid = ANY (ARRAY(
            SELECT found.place
            FROM (SELECT DISTINCT zone, hour FROM victims) v
            CROSS JOIN (VALUES (interval '0'), (interval '1 hour')) AS step(width)
            CROSS JOIN LATERAL (
                SELECT h.ctid AS place FROM state_history_hourly h
                WHERE h.zone = v.zone AND h.bucket = v.hour + step.width
                    AND h.bucket < (SELECT through FROM state_history_rollup)
                    AND (h.zone, h.bucket) NOT IN (
                        SELECT zone, bucket FROM state_history_late)
                LIMIT 1 -- by key, each
            ) AS found))
            AND NOT frozen
    )
    DELETE FROM state_history
    WHERE ctid = ANY (ARRAY(SELECT place FROM victims))
        AND EXISTS (SELECT FROM state_history_rollup)
        AND (SELECT set_config('synchronous_commit', 'off', true)) = 'off'
    """,
    zones=ZONES,
    hour=HOUR_OF.replace("{}", 'r."timestamp"'),
)
