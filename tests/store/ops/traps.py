"""A database full of traps: objects that call a function as soon as anything touches them.

The function leaves a marker where neither READ ONLY, a rollback nor a session that is reset
takes it away: a line in the server's log.
"""

from __future__ import annotations

import random
from typing import Final

MARK: Final = "LOG:  a trap was sprung"
BODY = "RAISE LOG 'a trap was sprung';"


def _function(arguments: str, result: str, value: str, name: str = "spring") -> str:
    return (
        f"CREATE FUNCTION {name}({arguments}) RETURNS {result} LANGUAGE plpgsql IMMUTABLE"
        f" AS $$ BEGIN IF current_setting('traps.set', true) = 'on' THEN {BODY} END IF;"
        f" RETURN {value}; END $$"
    )


def _compared(name: str, kind: str, signs: tuple[str, ...]) -> tuple[str, ...]:
    """Compare a type by functions of one's own, by default."""
    one, two, three, four, five = signs
    return (
        _function(f"{kind}, {kind}", "bool", "false", f"{name}_less"),
        _function(f"{kind}, {kind}", "int", "0", f"{name}_compare"),
        *(
            f"CREATE OPERATOR {sign} (leftarg = {kind}, rightarg = {kind},"
            f" function = {name}_less)"
            for sign in signs
        ),
        (
            f"CREATE OPERATOR CLASS {name}_ops DEFAULT FOR TYPE {kind} USING btree AS"
            f" OPERATOR 1 {one}, OPERATOR 2 {two}, OPERATOR 3 {three}, OPERATOR 4 {four},"
            f" OPERATOR 5 {five}, FUNCTION 1 {name}_compare({kind}, {kind})"
        ),
    )


def _secured(table: str, condition: str) -> tuple[str, ...]:
    return (
        f"CREATE TABLE {table} (n int, x text)",
        f"INSERT INTO {table} VALUES (1, 'x')",
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY p ON {table} USING ({condition})",
    )


_SIGNS = ("<", "<=", "=", ">=", ">")
_ODD_SIGNS = ("<<<", "<<=", "===", "=>>", ">>>")
_TO_SHADE = (
    "CREATE FUNCTION to_shade(int) RETURNS shade LANGUAGE plpgsql IMMUTABLE"
    " AS $$ BEGIN RETURN 'red'; END $$"
)
_GREATEST = "GREATEST('red'::shade, 'blue'::shade) IS NULL"
# Nothing of these is called where it is named: only where a stored text is evaluated.
STORED = (
    "CREATE TYPE shade AS ENUM ('red', 'blue')",
    *_compared("shade", "shade", _SIGNS),
    "CREATE TYPE told AS ENUM ('dark', 'light')",
    _function("told", "text", "'x'", "told_text"),
    "CREATE CAST (told AS text) WITH FUNCTION told_text(told)",
    "CREATE TABLE t_told (n int, s told)",
    "INSERT INTO t_told VALUES (1, 'dark')",
    _function("readings", "text", "'x'", "readings_text"),
    "CREATE CAST (readings AS text) WITH FUNCTION readings_text(readings)",
    *_secured("t_by_domain", "x::trapped IS NOT NULL"),
    *_secured("t_by_greatest", f"NOT {_GREATEST}"),
    *_secured("t_by_array", "ARRAY['red'::shade] <> ARRAY['blue'::shade]"),
    *_secured("t_by_cast", "'dark'::told || 'x' <> ''"),
    "CREATE DOMAIN over_trapped AS text CHECK (VALUE::trapped IS NOT NULL)",
    "CREATE DOMAIN over_json AS tone CHECK (to_jsonb(VALUE) IS NOT NULL)",
    "CREATE DOMAIN over_text AS told CHECK (VALUE || 'x' <> '')",
    f"CREATE DOMAIN over_greatest AS int CHECK (VALUE > 0 OR {_GREATEST})",
    (
        "CREATE DOMAIN over_array AS int"
        " CHECK (ARRAY['red'::shade] <> ARRAY['blue'::shade] OR VALUE > 0)"
    ),
    f"CREATE VIEW v_greatest AS SELECT {_GREATEST} AS n",
    "CREATE VIEW v_array AS SELECT ARRAY['red'::shade] < ARRAY['blue'::shade] AS n",
    "CREATE VIEW v_told AS SELECT s || 'x' AS n FROM t_told",
    "CREATE VIEW v_quoted AS SELECT quote_literal('dark'::told) AS n",
    "CREATE VIEW v_json_constant AS SELECT to_json('low'::tone)::text AS n",
    "CREATE VIEW v_row AS SELECT r || 'x' AS n FROM readings AS r",
    *(
        statement
        for name, expression in (
            ("t_at_greatest", f"({_GREATEST}) OR n > 0"),
            ("t_at_array", "ARRAY['red'::shade] < ARRAY['blue'::shade] OR n > 0"),
            ("t_at_sign", "(1 === 'a') OR n > 0"),
            ("t_at_case", "CASE 1 WHEN 2 THEN n > 1 ELSE (1 === 'a') END"),
        )
        for statement in (
            f"CREATE TABLE {name} (n int)",
            f"CREATE INDEX ON {name} (n) WHERE {expression}",
        )
    ),
    "CREATE TABLE t_in_index (n int)",
    "CREATE INDEX ON t_in_index ((n > 0 OR 1 === 'a'))",
    "CREATE TABLE t_parent (n int)",
    "CREATE TABLE t_heir () INHERITS (t_parent)",
    "CREATE INDEX ON t_heir (n) WHERE (1 === 'a') OR n > 0",
    "CREATE MATERIALIZED VIEW m_at_sign AS SELECT 1 AS n",
    "CREATE INDEX ON m_at_sign (n) WHERE (1 === 'a') OR n > 0",
    "CREATE TABLE t_told_statistics (n int, m int)",
    (
        "CREATE STATISTICS st_sign ON (n + CASE WHEN 1 === 'a' THEN 1 ELSE 0 END), m"
        " FROM t_told_statistics"
    ),
    (
        "CREATE TABLE t_by_sign (n int)"
        " PARTITION BY RANGE ((n + CASE WHEN 1 === 'a' THEN 1 ELSE 0 END))"
    ),
    "CREATE TABLE t_by_sign_one PARTITION OF t_by_sign FOR VALUES FROM (MINVALUE) TO (MAXVALUE)",
    # Whatever schema it is put into, it did not come with the server.
    "CREATE VIEW information_schema.trapped AS SELECT public.spring(1) AS n",
    *_secured("information_schema.t_policy", "public.spring(n) > 0"),
    "CREATE TABLE information_schema.t_class (n int, h shade)",
    "INSERT INTO information_schema.t_class VALUES (1, 'red'), (2, 'blue')",
    _function("pg_class", "int", "1", "of_a_catalogue"),
    # How many rows a condition leaves is estimated by what a range says of its bounds.
    _function("float8, float8", "float8", "$1 - $2", "apart_in_spans"),
    "CREATE TYPE spans AS RANGE (subtype = float8, subtype_diff = apart_in_spans)",
    *(
        statement
        for name in ("t_spans", "t_spans_index", "t_spans_policy")
        for statement in (
            f"CREATE TABLE {name} (n int, m int, r spans)",
            (
                f"INSERT INTO {name} SELECT g, g % 50, spans(g, g + 10)"
                " FROM generate_series(1, 2000) g"
            ),
        )
    ),
    "CREATE VIEW v_spans AS SELECT n FROM t_spans WHERE r @> 5.0::float8",
    "CREATE VIEW v_of_spans AS SELECT n, r AS s FROM t_spans",
    "CREATE VIEW v_over_spans AS SELECT n FROM v_of_spans WHERE s @> 5.0::float8",
    "CREATE INDEX ON t_spans_index (m) WHERE r @> 5.0::float8 OR n > 3",
    "ALTER TABLE t_spans_policy ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY p ON t_spans_policy USING (r @> 5.0::float8)",
    # Values of these columns stand in the catalogue as well, in columns of any type.
    *(
        statement
        for name in ("t_often", "t_often_too")
        for statement in (
            f"CREATE TABLE {name} (n int, s shade, k tone)",
            (
                f"INSERT INTO {name} SELECT g, (ARRAY['red', 'blue'])[1 + g % 2]::shade,"
                " (ARRAY['low', 'high'])[1 + g % 2]::tone FROM generate_series(1, 50) g"
            ),
            f"ALTER TABLE {name} ADD COLUMN later shade DEFAULT 'red'",
        )
    ),
    "CREATE VIEW v_often AS SELECT to_json(most_common_vals) AS n FROM pg_stats",
    # Row security of a parent is that of all its parts.
    "CREATE TABLE t_parted (n int) PARTITION BY RANGE (n)",
    "CREATE TABLE t_parted_one PARTITION OF t_parted FOR VALUES FROM (0) TO (10)",
    "INSERT INTO t_parted VALUES (1)",
    "ALTER TABLE t_parted ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY p ON t_parted USING (spring(n) > 0)",
    "CREATE TABLE t_inherited (n int)",
    "CREATE TABLE t_inheriting () INHERITS (t_inherited)",
    "INSERT INTO t_inheriting VALUES (1)",
    "ALTER TABLE t_inherited ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY p ON t_inherited USING (EXISTS (SELECT FROM v_operator WHERE n))",
    "CREATE MATERIALIZED VIEW m_shade AS SELECT 'red'::shade AS s UNION ALL SELECT 'blue'",
    "CREATE AGGREGATE most_sprung(int) (sfunc = int4larger, stype = int, finalfunc = spring)",
    # One column of a type with operators of its own, beside others.
    "CREATE TABLE t_beside (id int PRIMARY KEY, name text, h shade)",
    (
        "INSERT INTO t_beside SELECT g, 'n' || g % 5, (ARRAY['red', 'blue'])[1 + g % 2]::shade"
        " FROM generate_series(1, 300) g"
    ),
    "CREATE INDEX ON t_beside (h)",
    "CREATE INDEX ON t_beside (id, h)",
    "CREATE STATISTICS st_beside ON id, name, h FROM t_beside",
    "CREATE VIEW v_beside AS SELECT id, name, h AS z FROM t_beside",
    "CREATE VIEW v_beside_sorted AS SELECT id, h FROM t_beside ORDER BY h",
    # How many rows a condition leaves is estimated by its operator, of each common value.
    "CREATE TYPE tint AS ENUM ('red', 'blue')",
    _function("tint, tint", "bool", "true", "tint_equal"),
    (
        "CREATE OPERATOR = (leftarg = tint, rightarg = tint, function = tint_equal,"
        " restrict = eqsel, join = eqjoinsel)"
    ),
    "CREATE TABLE t_estimated (id int PRIMARY KEY, name text, h tint)",
    (
        "INSERT INTO t_estimated SELECT g, 'n' || g % 5,"
        " (ARRAY['red', 'blue'])[1 + g % 2]::tint FROM generate_series(1, 300) g"
    ),
    "CREATE INDEX ON t_estimated (name) WHERE h = 'red' OR id > 3",
    "CREATE TABLE t_estimated_above (id int, name text)",
    "CREATE TABLE t_estimated_below (h tint) INHERITS (t_estimated_above)",
    "INSERT INTO t_estimated_below SELECT id, name, h FROM t_estimated",
    "CREATE INDEX ON t_estimated_below (name) WHERE h = 'red' OR id > 3",
    # The bounds of partitions are sorted with every plan, whatever it asks.
    _TO_SHADE,
    "CREATE TABLE t_by_shade (n int, m int) PARTITION BY RANGE (to_shade(n))",
    "CREATE TABLE t_by_shade_1 PARTITION OF t_by_shade FOR VALUES FROM (MINVALUE) TO ('red')",
    "CREATE TABLE t_by_shade_2 PARTITION OF t_by_shade FOR VALUES FROM ('red') TO (MAXVALUE)",
    "CREATE TABLE t_by_column (n int, h shade) PARTITION BY RANGE (h)",
    "CREATE TABLE t_by_column_1 PARTITION OF t_by_column FOR VALUES FROM (MINVALUE) TO ('red')",
    "CREATE TABLE t_by_column_2 PARTITION OF t_by_column FOR VALUES FROM ('red') TO (MAXVALUE)",
    "CREATE TABLE t_by_parts (n int, h shade) PARTITION BY RANGE (n)",
    (
        "CREATE TABLE t_by_parts_1 PARTITION OF t_by_parts FOR VALUES FROM (0) TO (10)"
        " PARTITION BY RANGE (h)"
    ),
    "CREATE TABLE t_by_parts_11 PARTITION OF t_by_parts_1 FOR VALUES FROM (MINVALUE) TO ('red')",
    "CREATE TABLE t_by_parts_12 PARTITION OF t_by_parts_1 FOR VALUES FROM ('red') TO (MAXVALUE)",
    # A trap that no question comes to: it calls nothing without a row.
    "CREATE TABLE fine_index (n int)",
    "CREATE INDEX ON fine_index (n) WHERE n === 'x'",
)
# Each by itself in a database: what PostgreSQL's own types are compared and cast by is
# behind many a statement.
ALONE = {
    "json": _compared("of_json", "json", _ODD_SIGNS),
    "xml": _compared("of_xml", "xml", _ODD_SIGNS),
    "xid": _compared("of_xid", "xid", _ODD_SIGNS),
    "aclitem[]": _compared("of_rights", "aclitem[]", _ODD_SIGNS),
    "date": (
        _function("date", "int", "1", "of_date"),
        "CREATE CAST (date AS int) WITH FUNCTION of_date(date) AS IMPLICIT",
    ),
    # The planner puts it in the place of PostgreSQL's own that is denied.
    "opposite": (
        _function("anyarray, anyarray", "bool", "false", "apart"),
        (
            "CREATE OPERATOR !&& (leftarg = anyarray, rightarg = anyarray, function = apart,"
            " negator = OPERATOR(pg_catalog.&&))"
        ),
        "CREATE TABLE t_opposite (a int[])",
        "CREATE INDEX ON t_opposite (a) WHERE NOT (ARRAY[1] && ARRAY[2]) OR a IS NULL",
    ),
    # What came with the server, with other steps, another default, query or domain.
    "aggregate": (
        _function("int, int", "int", "$1", "spring_most"),
        (
            "CREATE OR REPLACE AGGREGATE pg_catalog.max(int4)"
            " (sfunc = public.spring_most, stype = int4)"
        ),
        "CREATE VIEW v_most AS SELECT max(id) AS n FROM rooms",
    ),
    "default": (
        _function("int", "int", "$1"),
        (
            "CREATE OR REPLACE FUNCTION pg_catalog.make_interval(years int DEFAULT"
            " public.spring(0), months int DEFAULT 0, weeks int DEFAULT 0, days int DEFAULT 0,"
            " hours int DEFAULT 0, mins int DEFAULT 0, secs float8 DEFAULT 0) RETURNS interval"
            " LANGUAGE internal IMMUTABLE PARALLEL SAFE STRICT AS 'make_interval'"
        ),
    ),
    "described": (
        _function("int", "int", "$1"),
        (
            "CREATE OR REPLACE VIEW information_schema.enabled_roles AS SELECT"
            " rolname::information_schema.sql_identifier AS role_name FROM pg_roles"
            " WHERE public.spring(1) > 0"
        ),
        (
            "CREATE OR REPLACE VIEW pg_catalog.pg_rules AS SELECT ''::name AS schemaname,"
            " ''::name AS tablename, ''::name AS rulename, public.spring(1)::text AS definition"
        ),
        (
            "CREATE INDEX ON information_schema.sql_sizing (sizing_id)"
            " WHERE public.spring(1) > 0 OR sizing_id::int > 3"
        ),
    ),
    "domain": (
        _function("int", "int", "$1"),
        "ALTER DOMAIN information_schema.cardinal_number ADD CHECK (public.spring(1) > 0)",
    ),
    # What came with the server, with another body.
    "replaced": (
        _function("int", "int", "$1"),
        "CREATE VIEW v_padded AS SELECT lpad(name, 3) AS n FROM rooms",
        "CREATE TABLE t_padded (n text)",
        "CREATE INDEX ON t_padded (n) WHERE lpad('a', 3) = 'x' OR n IS NULL",
        (
            "CREATE OR REPLACE FUNCTION pg_catalog.lpad(text, int) RETURNS text LANGUAGE sql"
            " IMMUTABLE STRICT AS 'SELECT public.spring(1)::text'"
        ),
        (
            "CREATE OR REPLACE FUNCTION pg_catalog.interval_pl_date(interval, date) RETURNS"
            " timestamp LANGUAGE sql IMMUTABLE STRICT"
            " RETURN '2026-01-01'::timestamp + make_interval(public.spring(1))"
        ),
        (
            "CREATE OR REPLACE FUNCTION information_schema._pg_truetypid(pg_attribute, pg_type)"
            " RETURNS oid LANGUAGE sql IMMUTABLE STRICT RETURN public.spring(1)::oid"
        ),
    ),
}
SPRINGING_ALONE = {
    "aggregate": (
        "SELECT max(id) FROM rooms",
        "SELECT max(id) OVER () FROM rooms",
        "SELECT n FROM v_most",
    ),
    "default": ("SELECT make_interval(days => 1)",),
    "described": (
        "SELECT * FROM information_schema.enabled_roles",
        "SELECT definition FROM pg_rules",
        "SELECT sizing_id FROM information_schema.sql_sizing WHERE sizing_id::int > 3",
    ),
    "domain": ("SELECT ordinal_position FROM information_schema.columns",),
    "json": (
        "SELECT GREATEST(JSON_ARRAY(1), JSON_ARRAY(2)) IS NULL",
        "SELECT count(*) FROM (SELECT DISTINCT JSON_ARRAYAGG(id) FROM rooms GROUP BY name) x",
        "SELECT n FROM v_of_json",
    ),
    "xml": (
        "SELECT GREATEST(XMLELEMENT(NAME a), XMLELEMENT(NAME b)) IS NULL",
        "SELECT count(*) FROM (SELECT DISTINCT XMLELEMENT(NAME a, id) FROM rooms) x",
    ),
    "xid": (
        "SELECT count(DISTINCT xmin) FROM rooms",
        "SELECT count(*) FROM (SELECT DISTINCT relfrozenxid FROM pg_class) x",
    ),
    "aclitem[]": ("SELECT count(DISTINCT relacl) FROM pg_class",),
    "date": (
        "SELECT abs(current_date)",
        "SELECT (ARRAY[1])[current_date]",
        "SELECT current_date::int",
    ),
    "opposite": (
        "SELECT count(*) FROM rooms WHERE NOT (tags && ARRAY['a'])",
        "SELECT a FROM t_opposite WHERE a = ARRAY[1]",
    ),
    "replaced": (
        "SELECT lpad(name, 3) FROM rooms",
        "SELECT n FROM v_padded",
        "SELECT n FROM t_padded WHERE n = 'x'",
        "SELECT '1 day'::interval + '2026-01-01'::date",
        "SELECT character_maximum_length FROM information_schema.columns",
    ),
}
STORED_ALONE = {
    "json": ("CREATE VIEW v_of_json AS SELECT GREATEST('1'::json, '2') IS NULL AS n",)
}
# What only PostgreSQL 18 has; it refuses functions of one's own in such a column itself.
NEWEST = (
    *_compared("of_json", "json", _ODD_SIGNS),
    "CREATE TYPE shade AS ENUM ('red', 'blue')",
    *_compared("shade", "shade", _SIGNS),
    "CREATE TABLE t_skipped (h shade, n int, m int)",
    (
        "INSERT INTO t_skipped SELECT (ARRAY['red', 'blue'])[1 + g % 2]::shade, g, g"
        " FROM generate_series(1, 20000) g"
    ),
    "CREATE INDEX ON t_skipped (h, n)",
    _TO_SHADE,
    "CREATE TABLE t_skipped_too (k int, n int, m int)",
    "INSERT INTO t_skipped_too SELECT g % 3, g, g FROM generate_series(1, 20000) g",
    "CREATE INDEX ON t_skipped_too (to_shade(k), n)",
    (
        "CREATE TABLE t_virtual (n int, v bool GENERATED ALWAYS AS"
        " (GREATEST('1'::json, '2'::json) IS NULL) VIRTUAL)"
    ),
    "INSERT INTO t_virtual VALUES (1)",
    _function("text", "bool", "true", "spring_text"),
    "CREATE DOMAIN trapped AS text CHECK (spring_text(VALUE))",
    (
        "CREATE VIEW v_value AS"
        " SELECT JSON_VALUE(jsonb '\"x\"', '$' RETURNING trapped) IS NULL AS n"
    ),
    (
        "CREATE VIEW v_query AS SELECT"
        " JSON_QUERY(jsonb '\"x\"', '$' RETURNING trapped OMIT QUOTES) IS NULL AS n"
    ),
)
SPRINGING_NEWEST = (
    "SELECT v FROM t_virtual",
    "SELECT * FROM t_virtual",
    "SELECT n FROM v_value",
    "SELECT n FROM v_query",
    "SELECT m FROM t_skipped WHERE n = 3",
    "SELECT m FROM t_skipped_too WHERE n = 3",
)
FINE_ALONE = (
    "SELECT id + 1, name || 'x', extra FROM rooms WHERE id = 1 ORDER BY warmth",
    "SELECT name, count(*) FROM rooms JOIN readings ON room = id GROUP BY 1 ORDER BY 2 DESC",
)


PLAIN = (
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    (
        "CREATE TABLE rooms (id int PRIMARY KEY, name text, at timestamptz, warmth float8,"
        " feels mood, tags text[], extra jsonb)"
    ),
    (
        "INSERT INTO rooms SELECT g, 'room' || g % 5, timestamptz '2026-01-01' + g *"
        " interval '1 hour', 18 + g % 7, CASE WHEN g % 2 = 0 THEN 'ok'::mood END,"
        " ARRAY['a', 'b'], '{\"a\": [1, 2]}' FROM generate_series(1, 200) g"
    ),
    "CREATE TABLE readings (room int REFERENCES rooms, at timestamptz, value float8)",
    (
        "INSERT INTO readings SELECT 1 + g % 200, timestamptz '2026-01-01' + g *"
        " interval '1 minute', g % 30 FROM generate_series(1, 2000) g"
    ),
    "CREATE VIEW warm AS SELECT id, name, warmth FROM rooms WHERE warmth > 20",
    "CREATE DOMAIN degrees AS float8 CHECK (VALUE BETWEEN -50 AND 100)",
    "CREATE TABLE limits (room int, high degrees, span int4range)",
    "INSERT INTO limits VALUES (1, 25, '[18,25]')",
    "ALTER TABLE limits ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY mine ON limits USING (room > 0)",
)
TRAPPED = (
    _function("int", "int", "$1"),
    _function("text", "bool", "true", "spring_text"),
    _function("int, text", "bool", "true", "spring_equal"),
    _function("mood", "text", "'x'", "spring_cast"),
    "CREATE VIEW v_function AS SELECT spring(id) AS n FROM rooms",
    "CREATE VIEW v_over AS SELECT n FROM v_function",
    "CREATE OPERATOR === (leftarg = int, rightarg = text, function = spring_equal)",
    "CREATE VIEW v_operator AS SELECT id === name AS n FROM rooms",
    "CREATE DOMAIN trapped AS text CHECK (spring_text(VALUE))",
    "CREATE TYPE pair AS (a int, b trapped)",
    "CREATE TABLE t_domain (n int, d trapped, ds trapped[], p pair)",
    "CREATE VIEW v_domain AS SELECT name::trapped AS n FROM rooms",
    "CREATE TABLE t_index (n int)",
    "CREATE INDEX ON t_index ((n + spring(1)))",
    "CREATE TABLE t_predicate (n int)",
    "CREATE INDEX ON t_predicate (n) WHERE n > spring(1)",
    "CREATE TABLE t_statistics (n int, m int)",
    "CREATE STATISTICS st ON (n + spring(1)), m FROM t_statistics",
    "CREATE TABLE t_policy (n int)",
    "INSERT INTO t_policy VALUES (1)",
    "ALTER TABLE t_policy ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE t_policy FORCE ROW LEVEL SECURITY",
    "CREATE POLICY p ON t_policy USING (spring(n) > 0)",
    "CREATE TYPE odd",
    (
        "CREATE FUNCTION odd_in(cstring) RETURNS odd LANGUAGE internal IMMUTABLE STRICT"
        " AS 'int4in'"
    ),
    (
        "CREATE FUNCTION odd_out(odd) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT"
        " AS 'int4out'"
    ),
    "CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out, LIKE = int4)",
    _function("odd, odd", "bool", "false", "odd_less"),
    _function("odd, odd", "int", "0", "odd_compare"),
    "CREATE OPERATOR < (leftarg = odd, rightarg = odd, function = odd_less)",
    "CREATE OPERATOR <= (leftarg = odd, rightarg = odd, function = odd_less)",
    "CREATE OPERATOR = (leftarg = odd, rightarg = odd, function = odd_less)",
    "CREATE OPERATOR >= (leftarg = odd, rightarg = odd, function = odd_less)",
    "CREATE OPERATOR > (leftarg = odd, rightarg = odd, function = odd_less)",
    (
        "CREATE OPERATOR CLASS odd_ops DEFAULT FOR TYPE odd USING btree AS OPERATOR 1 <,"
        " OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,"
        " FUNCTION 1 odd_compare(odd, odd)"
    ),
    "CREATE TABLE t_class (n odd)",
    "INSERT INTO t_class VALUES ('1'), ('2')",
    "CREATE TYPE range_class AS RANGE (subtype = odd)",
    "CREATE TABLE t_range (n int, r range_class)",
    "CREATE TYPE hue AS ENUM ('red', 'blue')",
    "CREATE TABLE t_operator (h hue)",
    "INSERT INTO t_operator VALUES ('red')",
    _function("hue, hue", "bool", "true", "hue_equal"),
    "CREATE OPERATOR = (leftarg = hue, rightarg = hue, function = hue_equal)",
    "CREATE FOREIGN DATA WRAPPER nobody",
    "CREATE SERVER elsewhere FOREIGN DATA WRAPPER nobody",
    "CREATE FOREIGN TABLE t_foreign (n int) SERVER elsewhere",
    "CREATE TYPE kind AS ENUM ('a', 'b')",
    _function("kind", "int", "1", "kind_number"),
    "CREATE CAST (kind AS int) WITH FUNCTION kind_number(kind) AS IMPLICIT",
    "CREATE TABLE t_cast (n int, k kind)",
    "INSERT INTO t_cast VALUES (1, 'a')",
    _function("rooms", "int", "1", "secretly"),
    _function("int", "int", "1", "initcap"),
    "CREATE TYPE tone AS ENUM ('low', 'high')",
    _function("tone", "json", "'1'", "tone_json"),
    "CREATE CAST (tone AS json) WITH FUNCTION tone_json(tone)",
    "CREATE DOMAIN tones AS tone",
    "CREATE TABLE t_json (n int, k tone, ks tone[], d tones)",
    "INSERT INTO t_json VALUES (1, 'low', '{low}', 'high')",
    "CREATE VIEW v_json AS SELECT to_json(k) AS n FROM t_json",
    "CREATE VIEW v_json_called AS SELECT row_to_json(t) AS n FROM t_json AS t",
    "CREATE TABLE t_json_policy (n int, k tone)",
    "INSERT INTO t_json_policy VALUES (1, 'low')",
    "ALTER TABLE t_json_policy ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE t_json_policy FORCE ROW LEVEL SECURITY",
    "CREATE POLICY p ON t_json_policy USING (to_jsonb(k) IS NOT NULL)",
    "CREATE TABLE t_one_type (n int, d trapped)",
    "INSERT INTO t_one_type VALUES (1, 'a')",
    "CREATE TABLE t_part (n odd) PARTITION BY RANGE (n)",
    "CREATE TABLE t_part_one PARTITION OF t_part FOR VALUES FROM (MINVALUE) TO (MAXVALUE)",
)

# Each comes to a trap in one of the ways.
SPRINGING = (
    "SELECT n FROM v_function",
    "SELECT n FROM v_over",
    "SELECT n FROM v_operator",
    "SELECT n FROM v_domain",
    "SELECT id === name FROM rooms",
    "SELECT id OPERATOR(public.===) name FROM rooms",
    "SELECT 'x'::trapped",
    "SELECT CAST('x' AS public.trapped)",
    "SELECT '{x}'::trapped[]",
    "SELECT '(1,x)'::pair",
    "SELECT trapped 'x'",
    "SELECT ROW(1, 'x')::pair",
    "SELECT 1 FROM t_domain WHERE p = '(1,x)'",
    "SELECT 1 FROM t_domain WHERE ds = '{x}'",
    'SELECT 1 FROM t_domain WHERE t_domain = \'(1,x,"{x}","(1,x)")\'',
    'SELECT 1 FROM t_domain AS q WHERE q = \'(1,x,"{x}","(1,x)")\'',
    "SELECT jsonb_populate_record(NULL::t_domain, '{\"d\": 1}')",
    "SELECT jsonb_populate_record(NULL::pair, '{\"b\": 1}')",
    "SELECT * FROM jsonb_to_record('{\"a\": 1}') AS r (a trapped)",
    "SELECT * FROM json_to_recordset('[{\"a\": 1}]') AS r (a pair)",
    "SELECT n FROM t_index",
    "SELECT n FROM t_index WHERE n = 2",
    "SELECT n FROM t_predicate WHERE n > 2",
    "SELECT n FROM t_statistics WHERE n = 2",
    "SELECT n FROM t_policy",
    "SELECT n FROM t_class ORDER BY n",
    "SELECT DISTINCT n FROM t_class",
    "SELECT n FROM t_class GROUP BY n",
    "SELECT max(ROW(n)) FROM t_class",
    "SELECT n FROM t_class UNION SELECT n FROM t_class",
    "SELECT a.n FROM t_class a JOIN t_class b USING (n)",
    "SELECT ARRAY[n] < ARRAY[n] FROM t_class",
    "SELECT row_number() OVER (ORDER BY n) FROM t_class",
    "SELECT '[1,2]'::range_class",
    "SELECT n FROM t_range WHERE r = '[1,2]'",
    "SELECT range_class('1', '2')",
    "SELECT h = h FROM t_operator",
    "SELECT 1 FROM t_operator a JOIN t_operator b USING (h)",
    "SELECT CASE h WHEN 'red'::hue THEN 1 END FROM t_operator",
    "SELECT 'red'::hue = 'blue'::hue",
    "SELECT 1 WHERE 'red'::hue IN ('red', 'blue')",
    "SELECT n FROM t_foreign",
    "SELECT k + 1 FROM t_cast",
    "SELECT abs(k) FROM t_cast",
    "SELECT k::int FROM t_cast",
    "SELECT CASE WHEN true THEN k ELSE 'a' END + 1 FROM t_cast",
    "SELECT rooms.secretly FROM rooms",
    "SELECT (r).secretly FROM rooms r",
    "SELECT initcap(id) FROM rooms",
    "SELECT spring(1)",
    "SELECT public.spring(1)",
    "SELECT n FROM t_part WHERE n = '3'",
    "SELECT to_json(k) FROM t_json",
    "SELECT to_jsonb(d) FROM t_json",
    'SELECT U&"to\\005fjs\\006fn"(k) FROM t_json',
    "SELECT row_to_json(t_json) FROM t_json",
    "SELECT to_jsonb(t) FROM t_json t",
    "SELECT json_agg(k) FROM t_json",
    "SELECT jsonb_agg(x) FROM (SELECT n, k FROM t_json) AS x",
    "SELECT jsonb_build_object('a', ks) FROM t_json",
    "SELECT json_build_array(ROW(k)) FROM t_json",
    "SELECT json_object_agg(n, k) FROM t_json",
    "SELECT array_to_json(ks) FROM t_json",
    "SELECT to_json('low'::tone)",
    "SELECT to_jsonb(ROW(1, 'low'::tone))",
    "SELECT n FROM v_json",
    "SELECT n FROM t_json_policy",
    "SELECT n FROM v_json_called",
    "SELECT lag(d, 1, 'x') OVER () FROM t_one_type",
    "SELECT lead(d, 1, 'x') OVER (ORDER BY n) FROM t_one_type",
    "SELECT array_append(NULL, d) || 'x' FROM t_one_type",
    "SELECT array_position(ARRAY[d], 'x') FROM t_one_type",
    "SELECT array_remove(ARRAY[d], 'x') FROM t_one_type",
    "SELECT array_replace(ARRAY[d], 'a', 'x') FROM t_one_type",
    "SELECT width_bucket(d, ARRAY['x']) FROM t_one_type",
    *(f"SELECT n FROM {each}" for each in ("t_by_domain", "t_by_greatest")),
    *(f"SELECT n FROM {each}" for each in ("t_by_array", "t_by_cast")),
    *(f"SELECT 'x'::{each}" for each in ("over_trapped",)),
    "SELECT 'low'::over_json",
    "SELECT 'dark'::over_text",
    "SELECT '-1'::over_greatest",
    "SELECT '1'::over_array",
    *(f"SELECT n FROM {each}" for each in ("v_greatest", "v_array", "v_told")),
    *(f"SELECT n FROM {each}" for each in ("v_quoted", "v_json_constant", "v_row")),
    *(
        f"SELECT n FROM {each} WHERE n > 3"
        for each in ("t_at_greatest", "t_at_array", "t_at_sign", "t_at_case")
    ),
    *(
        f"SELECT n FROM {each} WHERE n > 3"
        for each in ("t_in_index", "t_parent", "m_at_sign")
    ),
    *(
        f"SELECT n FROM {each} WHERE n = 3"
        for each in ("t_told_statistics", "t_by_sign")
    ),
    "SELECT s || 'x' FROM t_told",
    "SELECT 'x' || s FROM t_told",
    "SELECT 'dark'::told || 'x'",
    "SELECT quote_literal(s), quote_nullable(s) FROM t_told",
    "SELECT r || 'x' FROM readings AS r",
    "SELECT n FROM v_spans",
    "SELECT n FROM v_over_spans",
    "SELECT n FROM t_spans_index WHERE n > 3 AND m = 1",
    "SELECT n FROM t_spans_policy",
    "SELECT n FROM t_spans WHERE r @> 5.0::float8",
    "SELECT n FROM information_schema.trapped",
    "SELECT n FROM information_schema.t_policy",
    "SELECT count(DISTINCT h) FROM information_schema.t_class",
    "SELECT pg_class.of_a_catalogue FROM pg_class",
    "SELECT to_json(most_common_vals) FROM pg_stats",
    "SELECT to_jsonb(s) FROM pg_stats s",
    "SELECT json_agg(x) FROM (SELECT most_common_vals AS y FROM pg_stats) AS x",
    "SELECT n::text FROM v_often",
    "SELECT array_to_json(attmissingval) FROM pg_attribute",
    (
        "SELECT max(attmissingval) FROM pg_attribute WHERE attname = 'later'"
        " AND attrelid::regclass::text LIKE 't_often%'"
    ),
    "SELECT min(most_common_vals) FROM pg_stats WHERE attname = 's' AND tablename ~ '^t_often'",
    *(
        f"SELECT {asked}"
        for asked in (
            "id FROM t_beside ORDER BY h",
            "* FROM t_beside ORDER BY 3 DESC, name",
            "id, h AS z FROM t_beside ORDER BY z",
            "id, z FROM v_beside ORDER BY z",
            "id FROM v_beside_sorted",
            "h FROM t_beside GROUP BY 1",
            "h AS z FROM t_beside GROUP BY z",
            "h FROM t_beside GROUP BY ROLLUP (1)",
            "DISTINCT * FROM t_beside",
            "DISTINCT ON (h) id FROM t_beside",
            "count(DISTINCT h) FROM t_beside",
            "h FROM t_beside WHERE id = 1 UNION SELECT 'red'",
            "id FROM t_beside WHERE h = 'red'",
            "id FROM t_beside WHERE (id, h) = (1, 'red')",
            "id FROM t_beside WHERE h IN (SELECT h FROM t_beside)",
            "a.id FROM t_beside a NATURAL JOIN t_beside b",
            "a.id FROM t_beside a JOIN t_beside b USING (h)",
            "id, row_number() OVER (PARTITION BY h) FROM t_beside",
            "max(ARRAY[h]) FROM t_beside",
            "GREATEST(h, 'red') FROM t_beside",
            "t FROM t_beside AS t ORDER BY t",
            "id FROM t_beside AS t (id, name, x) ORDER BY x",
            "z FROM (SELECT id, h AS z FROM t_beside) AS x ORDER BY z",
            "max(ARRAY[x.z]) FROM (SELECT id, h AS z FROM t_beside) AS x",
            "m FROM t_by_shade",
            "m FROM t_by_shade WHERE n = 1",
            "n FROM t_by_column WHERE n > 1",
            "n FROM t_by_parts",
            "id FROM t_estimated WHERE id > 3",
            "id FROM t_estimated WHERE id > 3 AND name > 'n1'",
            "id FROM t_estimated_above WHERE id > 3 AND name > 'n1'",
        )
    ),
    "SELECT n FROM t_parted",
    "SELECT n FROM t_inherited",
    "SELECT s FROM m_shade ORDER BY 1",
    "SELECT most_sprung(id) FROM rooms",
    "SELECT most_sprung(id) OVER (ORDER BY id) FROM rooms",
    "SELECT x FROM rooms, LATERAL spring(id) AS x",
    "SELECT * FROM ROWS FROM (spring(1), generate_series(1, 2)) AS x",
    "SELECT * FROM XMLTABLE('/a' PASSING '<a>x</a>' COLUMNS v trapped PATH '.')",
    "SELECT * FROM JSON_TABLE('[1]', '$[*]' COLUMNS (v trapped PATH '$'))",
    "EXPLAIN ANALYZE SELECT spring(1)",
    "MERGE INTO rooms USING limits ON room = id WHEN MATCHED THEN DO NOTHING",
    "PREPARE p AS SELECT spring(1)",
    "DECLARE c CURSOR FOR SELECT spring(1)",
    "DO $body$ BEGIN PERFORM spring(1); END $body$",
    "/* SELECT 1 */ SELECT spring(/* -- */ 1) -- spring",
    "SELECT $$a$$, $spring$b$spring$, spring(length($x$c$x$))",
)
# An operator class over one of the server's own types, with signs of its own alone.
UNUSED_CLASS = (
    *(
        each.replace(" DEFAULT FOR TYPE", " FOR TYPE")
        for each in _compared("unused", "int", _ODD_SIGNS)
    ),
)
USING_CLASS = (
    "CREATE TABLE t_kept (n int)",
    "INSERT INTO t_kept VALUES (1)",
    "CREATE INDEX ON t_kept (n unused_ops)",
    "CREATE VIEW v_kept AS SELECT n FROM t_kept",
    "CREATE TABLE t_above (n int)",
    "CREATE TABLE t_below () INHERITS (t_above)",
    "CREATE INDEX ON t_below (n unused_ops)",
    "CREATE TABLE t_kept_parts (n int) PARTITION BY RANGE (n unused_ops)",
    "CREATE TABLE t_kept_part PARTITION OF t_kept_parts FOR VALUES FROM (MINVALUE) TO (1)",
    "CREATE TYPE kept_range AS RANGE (subtype = int, subtype_opclass = unused_ops)",
    "CREATE TABLE t_kept_range (r kept_range)",
)
SPRINGING_CLASS = (
    "SELECT n FROM t_kept WHERE n = 1",
    "SELECT n FROM v_kept",
    "SELECT n FROM t_above",
    "SELECT n FROM t_kept_parts WHERE n = 1",
    "SELECT r FROM t_kept_range",
    "SELECT '[1,2]'::kept_range",
    "SELECT 1 <<< 2",
    "SELECT id FROM rooms ORDER BY id USING <<<",
)
# The same signs as the server's own class: it may be taken in its place.
SHARING_CLASS = (
    (
        "CREATE OPERATOR CLASS sharing_ops FOR TYPE int USING btree AS OPERATOR 1 <,"
        " OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,"
        " FUNCTION 1 unused_compare(int, int)"
    ),
)
AROUND = (
    "{}",
    "SELECT 1 FROM ({}) AS x",
    "WITH w AS ({}) SELECT 1 FROM w",
    "WITH w AS MATERIALIZED ({}) SELECT count(*) FROM w",
    "WITH v_function AS (SELECT 1 AS n), w AS ({}) SELECT 1 FROM w",
    "SELECT 1 WHERE EXISTS ({})",
    "SELECT (SELECT 1 FROM ({}) AS x LIMIT 1)",
    "SELECT 1 FROM rooms LEFT JOIN LATERAL ({}) AS x ON true",
    "SELECT 1 AS a UNION ALL SELECT 2 FROM ({}) AS x",
    "SELECT ARRAY(SELECT 1 FROM ({}) AS x)",
    "SELECT CASE WHEN EXISTS ({}) THEN 1 END",
    "SELECT 1 FROM rooms WHERE id IN (SELECT 1 FROM ({}) AS x)",
    "({}) LIMIT 3",
    (
        "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT r.n + 1 FROM r WHERE r.n < 2), w AS"
        " ({}) SELECT 1 FROM r, w"
    ),
)

COLUMNS = ("id", "warmth", "extract(hour FROM at)", "length(name)")
CONDITIONS = (
    "warmth > 20.5",
    "name LIKE 'room%'",
    "at >= timestamptz '2026-01-03' AND at < now()",
    "id BETWEEN 3 AND 150",
    "id IN (1, 2, 3)",
    "name = 'room1' OR warmth <= 19",
    "at > now() - interval '3650 days'",
    "extra @> '{\"a\": [1]}'",
    "'a' = ANY (tags)",
    "EXISTS (SELECT FROM readings r WHERE r.room = rooms.id AND r.value > 3)",
    "warmth IS NOT NULL AND NOT id = 7",
    "lower(name) ~ '^room[0-9]$'",
)
SHAPES = (
    "SELECT {c} FROM rooms WHERE {w} ORDER BY id LIMIT 20",
    "SELECT name, count(*), avg({c}) FROM rooms WHERE {w} GROUP BY name ORDER BY 2 DESC",
    "SELECT date_trunc('day', at) AS day, max({c}) FROM rooms WHERE {w} GROUP BY 1",
    "SELECT DISTINCT name FROM rooms WHERE {w}",
    "SELECT name, {c}, rank() OVER (PARTITION BY name ORDER BY warmth) FROM rooms WHERE {w}",
    (
        "WITH picked AS (SELECT id, {c} AS c FROM rooms WHERE {w}) SELECT c, value FROM picked"
        " JOIN readings ON room = id LIMIT 5"
    ),
    (
        "SELECT r.name, s.value FROM rooms r JOIN readings s ON s.room = r.id WHERE r.id IN"
        " (SELECT id FROM rooms WHERE {w}) ORDER BY s.at DESC LIMIT 10"
    ),
    "SELECT {c}, CASE WHEN warmth > 20 THEN 'warm' ELSE 'cool' END FROM rooms WHERE {w}",
    "SELECT jsonb_build_object('n', name, 'c', {c}) FROM rooms WHERE {w} LIMIT 3",
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY warmth) FROM rooms WHERE {w}",
    (
        "SELECT w.name, l.high, l.span FROM warm w LEFT JOIN limits l ON l.room = w.id AND"
        " l.high > 20 WHERE w.id IN (SELECT id FROM rooms WHERE {w})"
    ),
    "SELECT '21.5'::degrees, string_agg(name, ', ' ORDER BY id) FROM rooms WHERE {w}",
    "SELECT {c} FROM rooms WHERE {w} UNION ALL SELECT count(*) FROM readings",
    (
        "SELECT day::date, coalesce(sum(value), 0) FROM generate_series(timestamptz"
        " '2026-01-01', '2026-01-03', '1 day') day LEFT JOIN readings ON"
        " date_trunc('day', readings.at) = day WHERE EXISTS (SELECT FROM rooms WHERE {w})"
        " GROUP BY 1"
    ),
    (
        "SELECT relname, pg_size_pretty(pg_total_relation_size(oid)) FROM pg_class WHERE"
        " relname IN (SELECT name FROM rooms WHERE {w})"
    ),
    "SELECT unnest(tags), feels::text, ({c})::numeric(10, 2) FROM rooms WHERE {w}",
)


def springing(seed: int, count: int) -> list[str]:
    """Return statements that all come to a trap, in one way or another."""
    chance = random.Random(seed)
    made = []
    for index in range(count):
        text = SPRINGING[index % len(SPRINGING)]
        for _ in range(chance.randrange(4)):
            # A WITH inside must stand in brackets; all of these give them.
            text = chance.choice(AROUND).replace("{}", text)
        made.append(text)
    return made


def harmless(seed: int, count: int) -> list[str]:
    """Return what an analyst asks."""
    chance = random.Random(seed)
    made = []
    for index in range(count):
        shape = SHAPES[index % len(SHAPES)]
        condition = chance.choice(CONDITIONS)
        text = shape.replace("{c}", chance.choice(COLUMNS)).replace("{w}", condition)
        made.append(text)
    return made
