"""How `PostgresHistory` cuts rows into buckets.

See `switchbot_store.history.postgres.rows_sql` for the angle brackets.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, LiteralString

from switchbot_store.history.model import HOLD_SECONDS, hour_of
from switchbot_store.history.postgres.rows_sql import LEAPS, ZONES, composed, usable

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_store.history.model import BucketPlan

# The planner knows nothing of a range's length and would expect millions of rows, for
# which it would read the whole table and compile the query, a hundred times dearer than
# the query itself. A limit that it cannot see makes it expect few.
FEW: Final = "LIMIT (SELECT 9223372036854775807)"

# How long each row of `ranges` holds, cut at the edges of buckets: see `history.model`.
LINES: Final = composed(
    """
lines AS (
    SELECT r.lo, r.hi, s.*, lead(s."timestamp") OVER
        (PARTITION BY r.zone, r.lo ORDER BY s."timestamp") AS following
    FROM ranges r CROSS JOIN LATERAL (
        SELECT h.zone, h."timestamp", <TEMPERATURE> AS temperature,
            <HUMIDITY> AS humidity, h.assumed_aircon_power, h.api_requests_today,
            h.error_count, h.last_temperature_stale
        FROM state_history h
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
        temperature * own_seconds AS temperature_weighed,
        humidity * own_seconds AS humidity_weighed,
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
        temperature * carried_seconds, humidity * carried_seconds,
        CASE WHEN temperature IS NULL THEN 0 ELSE carried_seconds END,
        CASE WHEN humidity IS NULL THEN 0 ELSE carried_seconds END,
        CASE WHEN assumed_aircon_power = 'on' THEN carried_seconds ELSE 0 END,
        NULL, 0, false
    FROM timed WHERE carried_to <> bucket AND until > carried_to
    <HOUR_ATOMS> <BLOCK_ATOMS>
)
""",
    temperature=usable("h.temperature"),
    humidity=usable("h.humidity"),
)
BLOCK_OF: Final = "date_bin('6 hours', {}, '2000-01-01 00:00+00')"
"""See `BucketPlan.blocks`."""
# Hours are summed up on their own: as so many atoms they would take longer.
# Without IS TRUE the planner takes `through` for a third bound of the range, expects a
# handful of hours and looks thousands of them up one by one.
_HOUR_ATOMS: Final = """
    UNION ALL
    SELECT h.zone, <BUCKET_HOUR>, sum(h.count::int),
        NULL, max(h.bucket) FILTER (WHERE h.count > 0), NULL, NULL,
        min(h.min_temperature), max(h.max_temperature),
        min(h.min_humidity), max(h.max_humidity),
        sum(h.temperature * h.temperature_seconds),
        sum(h.humidity * h.humidity_seconds),
        sum(h.temperature_seconds), sum(h.humidity_seconds),
        sum(h.aircon_on_seconds), max(h.api_requests_today),
        least(sum(h.error_count), 9223372036854775807)::bigint, bool_or(h.last_temperature_stale)
    FROM <HOURS>
        AND (h.bucket < (SELECT through FROM mark)) IS TRUE
        AND (h.frozen OR (
            h.bucket <> ALL (%(split)s::timestamptz[])
            AND (NOT EXISTS (SELECT FROM state_history_late) OR (h.zone, h.bucket)
                NOT IN (SELECT zone, bucket FROM state_history_late))))
    GROUP BY 2, 1
"""
_ALL_HOURS: Final = """
    state_history_hourly h
    WHERE (%(zone)s::text IS NULL OR h.zone = %(zone)s)
        AND h.bucket >= %(first_hour)s AND h.bucket < %(end)s
"""
# A few at each end, by key.
_HOURS_OUTSIDE_BLOCKS: Final = """
    (
        SELECT z.zone, r.lo, r.hi
        FROM unnest(ARRAY(SELECT zone FROM block_zones WHERE zone IS NOT NULL)) AS z(zone)
        CROSS JOIN (
            SELECT %(first_hour)s::timestamptz, %(first_block)s::timestamptz
            UNION ALL
            SELECT greatest(blocks_end, %(first_block)s), %(end)s FROM mark
        ) AS r(lo, hi)
        UNION ALL
        SELECT DISTINCT l.zone, l.bucket, l.bucket + interval '6 hours'
        FROM late_blocks l CROSS JOIN mark
        WHERE (%(zone)s::text IS NULL OR l.zone = %(zone)s)
            AND l.bucket >= %(first_block)s AND l.bucket < mark.blocks_end
    ) AS part
    CROSS JOIN LATERAL (
        SELECT * FROM state_history_hourly s
        WHERE s.zone = part.zone AND s.bucket >= part.lo AND s.bucket < part.hi <FEW>
    ) AS h
    WHERE true
"""
_BLOCK_ATOMS: Final = """
    UNION ALL
    SELECT b.zone, <BUCKET_BLOCK>, sum(b.count::int),
        NULL, max(b.last_hour), NULL, NULL,
        min(b.min_temperature), max(b.max_temperature),
        min(b.min_humidity), max(b.max_humidity),
        sum(b.temperature_weighed), sum(b.humidity_weighed),
        sum(b.temperature_seconds), sum(b.humidity_seconds),
        sum(b.aircon_on_seconds), max(b.api_requests_today),
        least(sum(b.error_count), 9223372036854775807)::bigint, bool_or(b.last_temperature_stale)
    FROM state_history_blocks b
    WHERE (%(zone)s::text IS NULL OR b.zone = %(zone)s)
        AND b.bucket >= %(first_block)s
        AND (b.bucket < (SELECT blocks_end FROM mark)) IS TRUE
        AND (NOT EXISTS (SELECT FROM state_history_late)
             OR (b.zone, b.bucket) NOT IN (SELECT zone, bucket FROM late_blocks))
    GROUP BY 2, 1
"""
SUMMARY: Final = """
summary AS (
    SELECT zone, bucket, sum(n)::bigint AS count,
        max(row_at) AS row_at, max(hour_at) AS hour_at,
        coalesce(sum(temperature_weighed) / nullif(sum(temperature_seconds), 0),
            avg(temperature)) AS temperature,
        min(min_temperature) AS min_temperature,
        max(max_temperature) AS max_temperature,
        sum(temperature_seconds) AS temperature_seconds,
        coalesce(sum(humidity_weighed) / nullif(sum(humidity_seconds), 0),
            avg(humidity)) AS humidity,
        min(min_humidity) AS min_humidity, max(max_humidity) AS max_humidity,
        sum(humidity_seconds) AS humidity_seconds,
        sum(aircon_on_seconds) AS aircon_on_seconds,
        max(api_requests_today) AS api_requests_today,
        least(sum(error_count), 9223372036854775807)::bigint AS error_count,
        bool_or(stale) AS last_temperature_stale
    FROM atoms GROUP BY bucket, zone
)
"""
# Texts are those of the last sample, fetched by key: ordering all rows for them would
# take longer than all the rest.
ROW_TEXTS: Final = """
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
    row_texts=ROW_TEXTS,
    hour_texts=_HOUR_TEXTS,
)
# Through an array, since the planner expects ten elements of one and a hundred times
# as many rows of a recursion.
KNOWN: Final = """
known AS (
    SELECT * FROM unnest(ARRAY(SELECT zone FROM zones WHERE zone IS NOT NULL)) AS a(zone)
)
"""
_BLOCK_MARKS: Final = composed(
    """
    mark AS (
        SELECT through, least(%(blocks_end)s::timestamptz, <BLOCK>) AS blocks_end
        FROM (SELECT coalesce(max(through), '-infinity') AS through
              FROM state_history_rollup) AS m
    ),
    late_blocks AS (SELECT zone, <LATE_BLOCK> AS bucket FROM state_history_late),
    block_zones(zone) AS (<BLOCK_ZONES>)
    """,
    # The zones of hours: more than those of rows, since hours stay when rows go.
    block_zones=LEAPS.replace("state_history", "state_history_blocks").replace(
        "FROM zones z", "FROM block_zones z"
    ),
    block=BLOCK_OF.replace("{}", "through"),
    late_block=BLOCK_OF.replace("{}", "bucket"),
)
_HOUR_MARKS: Final = """
mark AS (
    SELECT coalesce(max(through), '-infinity') AS through FROM state_history_rollup
)
"""
_RAW_RANGES: Final = """
ranges AS (
    SELECT zone, %(start)s::timestamptz AS lo, %(end)s::timestamptz AS hi
    FROM known
)
"""
_ROLLUP_RANGES: Final = """
<MARKS>,
pieces AS (
    SELECT * FROM unnest(
        ARRAY(SELECT unnest(%(piece_starts)s::timestamptz[])),
        ARRAY(SELECT unnest(%(piece_ends)s::timestamptz[])),
        ARRAY(SELECT unnest(%(piece_hours)s::timestamptz[]))) AS p(lo, hi, hour)
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
    "bucket_block": "date_bin(%(width)s, b.bucket, %(origin)s)",
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
def buckets(
    *,
    rollup: bool,
    blocks: bool,
    edged: bool,
    every_zone: bool,
    columns: tuple[str, ...],
) -> LiteralString:
    """Return the statement whose rows have these of `BUCKET_COLUMNS`, in this order.

    What is not selected is not computed either.
    """
    every: LiteralString = "true" if every_zone else "false"
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
        known=KNOWN,
        ranges=_ROLLUP_RANGES if rollup else _RAW_RANGES,
        marks=_BLOCK_MARKS if blocks else _HOUR_MARKS,
        lines=LINES,
        summary=SUMMARY,
        texts=_TEXTS if has_texts else "",
        hour_atoms=_HOUR_ATOMS if rollup else "",
        hours=_HOURS_OUTSIDE_BLOCKS if blocks else _ALL_HOURS,
        block_atoms=_BLOCK_ATOMS if blocks else "",
        few=FEW,
        now="%(now)s",
        hold="%(hold)s",
        **(_EDGED if edged else _UNIFORM),
        # Told only by a parameter, the server would plan anew each time.
    ).replace("%(zone)s::text IS NULL", every)


def bucket_values(
    plan: BucketPlan, *, zone: str | None, now: datetime
) -> dict[str, object]:
    """Return the parameters of the statement of `buckets`."""
    pieces = plan.pieces()
    first_block, blocks_end = plan.blocks() or (plan.end, plan.end)
    return {
        "zone": zone,
        "start": plan.start,
        "end": plan.end,
        "now": now,
        "hold": timedelta(seconds=HOLD_SECONDS),
        "origin": plan.origin,
        "width": timedelta(seconds=plan.width_seconds),
        "edges": list(plan.edges or ()),
        "first_hour": hour_of(plan.start),
        "first_block": first_block,
        "blocks_end": blocks_end,
        "split": list(plan.split_hours),
        "piece_starts": [start for start, _, _ in pieces],
        "piece_ends": [end for _, end, _ in pieces],
        "piece_hours": [hour for _, _, hour in pieces],
    }
