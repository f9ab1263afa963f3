"""How `PostgresHistory` cuts rows into buckets.

See `switchbot_store.history.postgres.rows_sql` for the angle brackets.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, LiteralString, NamedTuple

from switchbot_store.history.model import HOLD_SECONDS, hour_of
from switchbot_store.history.postgres.rows_sql import LEAPS, ZONES, composed, usable

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from switchbot_store.history.model import BucketPlan

# The planner knows nothing of a range's length and would expect millions of rows, for
# which it would read the whole table and compile the query, a hundred times dearer than
# the query itself. A limit that it cannot see makes it expect few.
FEW: Final = "LIMIT (SELECT 9223372036854775807)"


class _Part(NamedTuple):
    """What belongs together, in each of the places where it is computed."""

    names: frozenset[str]
    """The columns of buckets that need it."""
    read: LiteralString
    """The column of rows that it is made of."""
    of_rows: LiteralString
    carried: LiteralString
    of_hours: LiteralString
    of_blocks: LiteralString
    sums: LiteralString
    """Of atoms."""


def _of(name: LiteralString, template: LiteralString) -> LiteralString:
    return template.replace("{}", name)


def _measured(name: LiteralString, read: LiteralString) -> _Part:
    return _Part(
        frozenset((name, f"min_{name}", f"max_{name}")),
        read,
        _of(
            name,
            """CASE WHEN counts THEN {} END AS {},
        CASE WHEN counts THEN {} END AS min_{},
        CASE WHEN counts THEN {} END AS max_{},
        {} * own_seconds AS {}_weighed,
        CASE WHEN {} IS NULL THEN 0 ELSE own_seconds END AS {}_seconds""",
        ),
        _of(
            name,
            """NULL, NULL, NULL, {} * carried_seconds,
        CASE WHEN {} IS NULL THEN 0 ELSE carried_seconds END""",
        ),
        _of(
            name,
            """NULL, min(h.min_{}), max(h.max_{}), sum(h.{} * h.{}_seconds),
        sum(h.{}_seconds)""",
        ),
        _of(
            name,
            """NULL::float8, min(b.min_{}), max(b.max_{}), sum(b.{}_weighed),
        sum(b.{}_seconds)""",
        ),
        _of(
            name,
            """avg({}) AS plain_{}, min(min_{}) AS min_{}, max(max_{}) AS max_{},
        sum({}_weighed) AS {}_weighed, sum({}_seconds) AS {}_seconds""",
        ),
    )


_MOST_ERRORS: Final = "9223372036854775807"
_PARTS: Final = (
    _measured("temperature", f"{usable('h.temperature')} AS temperature"),
    _measured("humidity", f"{usable('h.humidity')} AS humidity"),
    _Part(
        frozenset(("aircon_on_seconds",)),
        "h.assumed_aircon_power",
        """CASE WHEN assumed_aircon_power = 'on' THEN own_seconds ELSE 0 END
            AS aircon_on_seconds""",
        "CASE WHEN assumed_aircon_power = 'on' THEN carried_seconds ELSE 0 END",
        "sum(h.aircon_on_seconds)",
        "sum(b.aircon_on_seconds)",
        "sum(aircon_on_seconds) AS aircon_on_seconds",
    ),
    _Part(
        frozenset(("api_requests_today",)),
        "h.api_requests_today",
        "CASE WHEN counts THEN api_requests_today END AS api_requests_today",
        "NULL",
        "max(h.api_requests_today)",
        "max(b.api_requests_today)",
        "max(api_requests_today) AS api_requests_today",
    ),
    _Part(
        frozenset(("error_count",)),
        "h.error_count",
        """CASE WHEN counts THEN coalesce(error_count, 0) ELSE 0 END::numeric
            AS error_count""",
        "0",
        "sum(h.error_count)",
        "sum(b.error_count)",
        "sum(error_count) AS error_count",
    ),
    _Part(
        frozenset(("last_temperature_stale",)),
        "h.last_temperature_stale",
        "counts AND coalesce(last_temperature_stale, false) AS stale",
        "false",
        "bool_or(h.last_temperature_stale)",
        "bool_or(b.last_temperature_stale)",
        "bool_or(stale) AS stale",
    ),
)
# How long each row of `ranges` holds, cut at the edges of buckets: see `history.model`.
_LINES: Final = """
lines AS (
    SELECT r.lo, r.hi, s.*, lead(s."timestamp") OVER
        (PARTITION BY r.zone, r.lo ORDER BY s."timestamp") AS following
    FROM ranges r CROSS JOIN LATERAL (
        SELECT h.zone, h."timestamp" <READ>
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
    SELECT *, greatest(date_part('epoch', least(until, bucket_end) - since), 0)
        AS own_seconds,
        date_part('epoch', until - carried_to) AS carried_seconds
    FROM placed
),
atoms AS (
    SELECT zone, bucket, counts::int AS n,
        CASE WHEN counts THEN "timestamp" END AS row_at, NULL::timestamptz AS hour_at
        <OF_ROWS>
    FROM timed
    UNION ALL
    SELECT zone, carried_to, 0, NULL, NULL <CARRIED>
    FROM timed WHERE carried_to <> bucket AND until > carried_to
    <HOUR_ATOMS> <BLOCK_ATOMS>
)
"""
BLOCK_OF: Final = "date_bin('6 hours', {}, '2000-01-01 00:00+00')"
"""See `BucketPlan.blocks`."""
# Hours are summed up on their own: as so many atoms they would take longer.
# Without IS TRUE the planner takes `through` for a third bound of the range, expects a
# handful of hours and looks thousands of them up one by one.
_HOUR_ATOMS: Final = """
    UNION ALL
    SELECT h.zone, <BUCKET_HOUR>, sum(h.count::int),
        NULL, max(h.bucket) FILTER (WHERE h.count > 0) <OF_HOURS>
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
_SUMS: Final = """
<NAME> AS (
    SELECT zone, bucket, sum(n)::bigint AS n, max(row_at) AS row_at,
        max(hour_at) AS hour_at <SUMS>
    FROM atoms GROUP BY bucket, zone
)
"""
# Blocks in buckets that need something else besides.
_BLOCK_ATOMS: Final = """
    UNION ALL
    SELECT b.zone, <BUCKET_BLOCK>, sum(b.count::int), NULL, max(b.last_hour) <OF_BLOCKS>
    FROM (
        SELECT z.zone, r.lo, r.hi
        FROM unnest(ARRAY(SELECT zone FROM block_zones WHERE zone IS NOT NULL)) AS z(zone)
        CROSS JOIN (
            SELECT %(first_block)s::timestamptz, least(%(first_whole)s, blocks_end)
            FROM mark
            UNION ALL
            SELECT whole_end, blocks_end FROM mark
        ) AS r(lo, hi)
        UNION ALL
        SELECT DISTINCT l.zone, l.bucket, l.bucket + %(width)s
        FROM late_buckets l CROSS JOIN mark
        WHERE (%(zone)s::text IS NULL OR l.zone = %(zone)s)
            AND l.bucket >= %(first_whole)s AND l.bucket < mark.whole_end
    ) AS part
    CROSS JOIN LATERAL (
        SELECT * FROM state_history_blocks s
        WHERE s.zone = part.zone AND s.bucket >= part.lo AND s.bucket < part.hi <FEW>
    ) AS b
    WHERE NOT EXISTS (SELECT FROM state_history_late)
        OR (b.zone, b.bucket) NOT IN (SELECT zone, bucket FROM late_blocks)
    GROUP BY 2, 1
"""
# Buckets of blocks alone are most of a long chart: grouped once, and nothing joined.
_WITH_WHOLE_BUCKETS: Final = """
whole AS (
    SELECT <BLOCK_ZONE> AS zone, <BUCKET_BLOCK> AS bucket, sum(b.count::int) AS n,
        NULL::timestamptz AS row_at, <LAST_HOUR> AS hour_at <OF_BLOCKS>
    FROM state_history_blocks b
    WHERE (%(zone)s::text IS NULL OR b.zone = %(zone)s)
        AND b.bucket >= %(first_whole)s
        AND (b.bucket < (SELECT whole_end FROM mark)) IS TRUE
        AND (NOT EXISTS (SELECT FROM state_history_late)
             OR (b.zone, <BUCKET_BLOCK>) NOT IN (SELECT zone, bucket FROM late_buckets))
    GROUP BY 2 <AND_ZONE>
),
sums AS (SELECT * FROM rest UNION ALL SELECT * FROM whole)
"""


def _mean(name: LiteralString) -> LiteralString:
    return _of(name, "coalesce(s.{}_weighed / nullif(s.{}_seconds, 0), s.plain_{})")


FINISHED: Final[dict[str, LiteralString]] = {
    "zone": "s.zone",
    "bucket": "s.bucket",
    "count": "s.n",
    "temperature": _mean("temperature"),
    "min_temperature": "s.min_temperature",
    "max_temperature": "s.max_temperature",
    "temperature_seconds": "s.temperature_seconds",
    "humidity": _mean("humidity"),
    "min_humidity": "s.min_humidity",
    "max_humidity": "s.max_humidity",
    "humidity_seconds": "s.humidity_seconds",
    "aircon_on_seconds": "s.aircon_on_seconds",
    "api_requests_today": "s.api_requests_today",
    "error_count": f"least(s.error_count, {_MOST_ERRORS})::bigint",
    "last_temperature_stale": "s.stale",
}
"""Each column of a bucket or an hour, of a row `s` of sums."""


def sums_of(
    columns: Collection[str] | None,
    *,
    hour_atoms: LiteralString = "",
    block_atoms: LiteralString = "",
    whole_buckets: LiteralString = "",
    **cut: LiteralString,
) -> LiteralString:
    """Return the common tables from `lines` to `sums`: as far as these columns need them.

    `columns` None: all of them. `cut` says what a bucket is.
    """
    parts = [
        each for each in _PARTS if columns is None or not each.names.isdisjoint(columns)
    ]

    def joined(texts: list[LiteralString]) -> LiteralString:
        result: LiteralString = "".join([f", {text}" for text in texts])
        return result

    return composed(
        "<LINES>, <GROUPED> <WHOLE_BUCKETS>",
        lines=_LINES,
        grouped=composed(_SUMS, name="rest" if whole_buckets else "sums"),
        whole_buckets=f", {whole_buckets}" if whole_buckets else "",
        hour_atoms=hour_atoms,
        block_atoms=block_atoms,
        read=joined([each.read for each in parts]),
        of_rows=joined([each.of_rows for each in parts]),
        carried=joined([each.carried for each in parts]),
        of_hours=joined([each.of_hours for each in parts]),
        of_blocks=joined([each.of_blocks for each in parts]),
        sums=joined([each.sums for each in parts]),
        few=FEW,
        **cut,
    )


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
        SELECT *, greatest(%(first_whole)s::timestamptz,
            date_bin(%(width)s, blocks_end, %(origin)s)) AS whole_end
        FROM (
            SELECT through, least(%(blocks_end)s::timestamptz, <BLOCK>) AS blocks_end
            FROM (SELECT coalesce(max(through), '-infinity') AS through
                  FROM state_history_rollup) AS m
        ) AS b
    ),
    late_blocks AS (SELECT zone, <LATE_BLOCK> AS bucket FROM state_history_late),
    late_buckets AS (
        SELECT zone, date_bin(%(width)s, bucket, %(origin)s) AS bucket
        FROM state_history_late
    ),
    block_zones(zone) AS (<BLOCK_ZONES>)
    """,
    block=BLOCK_OF.replace("{}", "through"),
    late_block=BLOCK_OF.replace("{}", "bucket"),
)
# The zones of hours: more than those of rows, since hours stay when rows go.
_BLOCK_LEAPS: Final = LEAPS.replace("state_history", "state_history_blocks").replace(
    "FROM zones z", "FROM block_zones z"
)
_ONE_ZONE: Final = "SELECT %(zone)s::text"
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
    **FINISHED,
    # As a number it is made into an instant in half the time, and exact to a microsecond.
    "timestamp": "date_part('epoch', s.bucket)",
    "assumed_aircon_power": "texts.assumed_aircon_power",
    "last_action": "texts.last_action",
    "timezone": "texts.timezone",
}


_PARAMETERS: Final[tuple[LiteralString, ...]] = (
    *("zone", "start", "end", "now", "hold", "origin", "width", "edges"),
    *("first_hour", "first_block", "blocks_end", "first_whole", "split"),
    *("piece_starts", "piece_ends", "piece_hours"),
)


@lru_cache(64)
def buckets(
    *,
    rollup: bool,
    blocks: bool,
    edged: bool,
    every_zone: bool,
    columns: tuple[str, ...],
) -> tuple[LiteralString, tuple[str, ...]]:
    """Return the statement whose one row has an array for each of these `BUCKET_COLUMNS`.

    In this order; the timestamp is in seconds since 1970. Arrays, of which neither side
    spends time on each row. What is not selected is not computed either. The second is
    which of `bucket_values` its ``$1``, ``$2``... are: psycopg would look for names in
    so long a text each time.
    """
    every: LiteralString = "true" if every_zone else "false"
    has_texts = any(name in _TEXT_COLUMNS for name in columns)
    selected: LiteralString = ", ".join(
        [f"{_SELECTED[name]} AS {_quoted(name)}" for name in columns]
    )
    arrays: LiteralString = ", ".join(
        [f"array_agg({_quoted(name)})" for name in columns]
    )
    statement = composed(
        """
        WITH RECURSIVE <ZONES>, <KNOWN>, <RANGES>, <SUMS>
        SELECT <ARRAYS> FROM (
            SELECT <SELECTED> FROM sums s <TEXTS>
            WHERE s.n > 0 ORDER BY s.bucket <THEN_ZONE>
        ) AS found
        """,
        arrays=arrays,
        selected=selected,
        sums=sums_of(
            columns,
            hour_atoms=_HOUR_ATOMS if rollup else "",
            block_atoms=_BLOCK_ATOMS if blocks else "",
            whole_buckets=_WITH_WHOLE_BUCKETS if blocks else "",
        ),
        zones=ZONES if every_zone else f"zones(zone) AS ({_ONE_ZONE})",
        known=KNOWN,
        ranges=_ROLLUP_RANGES if rollup else _RAW_RANGES,
        marks=_BLOCK_MARKS if blocks else _HOUR_MARKS,
        block_zones=_BLOCK_LEAPS if every_zone else _ONE_ZONE,
        block_zone="b.zone" if every_zone else "%(zone)s::text",
        and_zone=", 1" if every_zone else "",
        then_zone=', s.zone COLLATE "C"' if every_zone else "",
        last_hour="max(b.last_hour)" if has_texts else "NULL::timestamptz",
        texts=_TEXTS if has_texts else "",
        hours=_HOURS_OUTSIDE_BLOCKS if blocks else _ALL_HOURS,
        few=FEW,
        now="%(now)s",
        hold="%(hold)s",
        **(_EDGED if edged else _UNIFORM),
        # Told only by a parameter, the server would plan anew each time.
    ).replace("%(zone)s::text IS NULL", every)
    names = [name for name in _PARAMETERS if f"%({name})s" in statement]
    for number, name in enumerate(names, 1):
        statement = statement.replace(f"%({name})s", f"${number}")
    return statement, tuple(names)


def _quoted(name: str) -> LiteralString:
    return next(f'"{each}"' for each in BUCKET_COLUMNS if each == name)


def bucket_values(
    plan: BucketPlan, *, zone: str | None, now: datetime
) -> dict[str, object]:
    """Return the parameters of the statement of `buckets`."""
    pieces = plan.pieces()
    first_block, blocks_end = plan.blocks() or (plan.end, plan.end)
    width = timedelta(seconds=plan.width_seconds)
    return {
        "zone": zone,
        "start": plan.start,
        "end": plan.end,
        "now": now,
        "hold": timedelta(seconds=HOLD_SECONDS),
        "origin": plan.origin,
        "width": width,
        "edges": list(plan.edges or ()),
        "first_hour": hour_of(plan.start),
        "first_block": first_block,
        "blocks_end": blocks_end,
        "first_whole": plan.origin - (plan.origin - first_block) // width * width,
        "split": list(plan.split_hours),
        "piece_starts": [start for start, _, _ in pieces],
        "piece_ends": [end for _, end, _ in pieces],
        "piece_hours": [hour for _, _, hour in pieces],
    }
