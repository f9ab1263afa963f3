"""What a statement comes to behind its words, by the server's own catalogue.

The server resolves the names; what it may call by itself then is looked up in `pg_proc` and
`pg_depend`: behind views, operators, casts, domains, operator classes, row security and
the expressions of indexes. What is of PostgreSQL itself, or of an extension that a
superuser owns, is trusted, and no schema makes it so; what merely lies in the database and cannot come into it is
nobody's concern.

In this order, because parsing already reads literals and planning already computes: the
types that the server may read a literal as, the parse, all the rest, the plan. The plan is
read too, before it is run: it may hold nothing but the server's own ways to read tables.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from switchbot_store.languages import worded
from switchbot_store.ops.statements.allowed import SECRET_RELATIONS
from switchbot_store.ops.statements.answers import asked_simply, described
from switchbot_store.ops.statements.parsing import (
    computes_of_constants,
    judged,
    judged_expression,
)
from switchbot_store.ops.statements.validation import (
    MAX_STATEMENT_BYTES,
    RefusedSqlError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from switchbot_store.ops.statements.validation import Parts
    from switchbot_store.ops.target import Session

_MOST_VIEWS: Final = 50
_SAID_BYTES: Final = 1_000_000
_PLAN_BYTES: Final = 8_000_000
"""A plan quotes the constants and the columns of all its nodes."""
_TRUSTED: Final = frozenset({"pg_catalog", "information_schema"})
_FIRST_OF_OTHERS: Final = 16384
"""What came with the server has a smaller number, FirstNormalObjectId."""

# The lexer the server uses must be the one the statement was judged with. All of it by
# full name: what is first on the search path may be anybody's. No expression of a CHECK
# constraint is folded while it plans.
_AS_PARSED: Final = """
SELECT pg_catalog.set_config(name, value, true)
FROM (VALUES ('standard_conforming_strings', 'on'), ('backslash_quote', 'off'),
    ('client_encoding', 'UTF8'), ('client_min_messages', 'error'),
    ('lock_timeout', '2s'), ('idle_in_transaction_session_timeout', '60s'),
    ('constraint_exclusion', 'off')
) AS wanted (name, value)
"""
_BY_NAME: Final = """
SELECT pg_catalog.current_schemas(true)::pg_catalog.text[] AS schemas,
    ARRAY(SELECT pg_catalog.to_regtype(n)::pg_catalog.oid::pg_catalog.int8
        FROM pg_catalog.unnest(%s::pg_catalog.text[]) AS n) AS types,
    ARRAY(SELECT pg_catalog.to_regclass(n)::pg_catalog.oid::pg_catalog.int8
        FROM pg_catalog.unnest(%s::pg_catalog.text[]) AS n) AS relations
"""

_PATH: Final = """
SELECT pg_catalog.current_schemas(true)::pg_catalog.text[] AS schemas
"""

# Objects up to this number came with the server, whatever schema others are put into.
_OF_OTHERS: Final = """
{alias}.oid >= 16384 AND NOT EXISTS (
    SELECT FROM pg_depend ext JOIN pg_roles who ON who.oid = {alias}.{owner}
    WHERE ext.classid = '{catalogue}'::regclass AND ext.objid = {alias}.oid
        AND ext.deptype = 'e' AND who.rolsuper)
"""


def _of_others(alias: str, catalogue: str, owner: str) -> str:
    return _OF_OTHERS.format(alias=alias, catalogue=catalogue, owner=owner)


# Of the server's own functions those in SQL can be given another body, which it then runs in
# their place (of those in C the table within the program counts), an aggregate other
# steps, and any of them a default for an argument. What came with it depends on nothing of
# others, or stands here.
_TEXTS_IN_SQL: Final = (
    "select $1::pg_catalog.text operator(pg_catalog.||) $2",
    "select $1 operator(pg_catalog.||) $2::pg_catalog.text",
    "select pg_catalog.quote_literal($1::pg_catalog.text)",
    "select pg_catalog.quote_nullable($1::pg_catalog.text)",
)
_REPLACED: Final = f"""
p.oid < 16384 AND (p.oid = ANY (ARRAY(
        SELECT own.objid FROM pg_depend own WHERE own.classid = 'pg_proc'::regclass
            AND own.objid < 16384 AND own.refobjid >= 16384))
    OR p.prolang <> ALL (ARRAY(
        SELECT oid FROM pg_language WHERE lanname IN ('internal', 'c')))
    AND (p.prolang <> (SELECT oid FROM pg_language WHERE lanname = 'sql')
        OR p.prosqlbody IS NULL AND p.proname <> '_pg_expandarray' AND p.prosrc NOT IN
            ({", ".join(f"'{each}'" for each in _TEXTS_IN_SQL)})))
"""  # noqa: S608 - made of constants
_PROC: Final = f"({_of_others('p', 'pg_proc', 'proowner')} OR {_REPLACED})"
_OPERATOR: Final = _of_others("o", "pg_operator", "oprowner")
_TYPE: Final = _of_others("t", "pg_type", "typowner")

# What lies behind a type whose literal is read: its elements, attributes and bounds. The
# domain of a column is none of these: a literal beside it is read as what it is based on;
# but for what brings its arguments to one type, as lag(d, 1, 'x') does: that is the domain.
_ONE_TYPE: Final = """
    p.oid < 16384 AND p.proargtypes::oid[] && ARRAY['anycompatible', 'anycompatiblearray',
        'anycompatiblenonarray', 'anycompatiblerange', 'anycompatiblemultirange']::regtype[]::oid[]
"""
_OWN_TYPES: Final = """
        SELECT d.refobjid FROM pg_constraint k JOIN pg_depend d
            ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid
            AND d.refclassid = 'pg_type'::regclass
            WHERE k.contypid = t.oid AND d.refobjid <> t.oid
"""
"""What else the check of a domain computes with."""
_BEHIND_TYPES: Final = f"""
WITH RECURSIVE one_type (is_made) AS (
    SELECT EXISTS (SELECT FROM pg_proc p WHERE p.proname = ANY (%(functions)s) AND {_ONE_TYPE})
        OR EXISTS (SELECT FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
            WHERE o.oprname = ANY (%(operators)s) AND {_ONE_TYPE})
), roots (oid) AS (
    SELECT unnest(%(named)s::bigint[]::oid[])
    UNION SELECT CASE WHEN t.typtype = 'd' AND NOT one_type.is_made THEN t.typbasetype
        ELSE t.oid END
    FROM one_type, pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = ANY (%(relations)s::bigint[]::oid[]) AND a.attnum > 0
        AND NOT a.attisdropped AND (%(all)s OR a.attname = ANY (%(columns)s))
    UNION SELECT c.reltype FROM pg_class c
    WHERE %(whole)s AND c.oid = ANY (%(relations)s::bigint[]::oid[])
), behind (oid) AS (
    SELECT oid FROM roots WHERE oid <> 0
    UNION SELECT part.oid FROM behind b JOIN pg_type t ON t.oid = b.oid
    CROSS JOIN LATERAL (
        SELECT t.typelem WHERE t.typelem <> 0
        UNION ALL SELECT t.typbasetype WHERE t.typbasetype <> 0
        UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid
        UNION ALL SELECT r.rngtypid FROM pg_range r WHERE r.rngmultitypid = t.oid
        UNION ALL SELECT a.atttypid FROM pg_attribute a
            WHERE a.attrelid = t.typrelid AND t.typrelid <> 0 AND a.attnum > 0
            AND NOT a.attisdropped
        UNION ALL {_OWN_TYPES}
    ) AS part (oid)
)
SELECT 'type ' || format_type(t.oid, NULL) AS what, NULL AS expression
FROM behind b JOIN pg_type t ON t.oid = b.oid
WHERE EXISTS (SELECT FROM pg_proc p WHERE p.oid IN (t.typinput, t.typoutput, t.typreceive,
        t.typsend, t.typmodin, t.typmodout) AND {_PROC})
    OR EXISTS (SELECT FROM pg_range r JOIN pg_proc p ON p.oid IN (r.rngcanonical,
        r.rngsubdiff) WHERE r.rngtypid = t.oid AND {_PROC})
    OR EXISTS (SELECT FROM pg_range r JOIN pg_opclass c ON c.oid = r.rngsubopc
        JOIN pg_amproc m ON m.amprocfamily = c.opcfamily JOIN pg_proc p ON p.oid = m.amproc
        WHERE r.rngtypid = t.oid AND {_PROC})
    OR EXISTS (SELECT FROM pg_constraint k JOIN pg_depend d
        ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid
        WHERE k.contypid = t.oid AND (
            d.refclassid = 'pg_proc'::regclass AND EXISTS (
                SELECT FROM pg_proc p WHERE p.oid = d.refobjid AND {_PROC})
            OR d.refclassid = 'pg_operator'::regclass AND EXISTS (
                SELECT FROM pg_operator o WHERE o.oid = d.refobjid AND {_OPERATOR})))
UNION ALL
SELECT 'type ' || format_type(k.contypid, NULL), pg_get_expr(k.conbin, 0)
FROM behind b JOIN pg_constraint k ON k.contypid = b.oid AND k.contype = 'c'
ORDER BY expression NULLS FIRST, what
"""  # noqa: S608 - made of constants

# What this transaction has locked is what the server found behind the names: no matter
# what they seem to say, and through all views.
_REACHED: Final = """
SELECT c.oid::bigint AS oid, c.relkind::text AS kind, n.nspname::text AS schema,
    c.relname::text AS name, c.relrowsecurity AS row_security,
    EXISTS (
        WITH RECURSIVE heirs AS (
            SELECT inhrelid FROM pg_inherits WHERE inhparent = c.oid
            UNION SELECT i.inhrelid FROM pg_inherits i JOIN heirs h ON i.inhparent = h.inhrelid
        ) SELECT FROM heirs h JOIN pg_class k ON k.oid = h.inhrelid AND k.relkind = 'f'
    ) AS reaches,
    -- The query of one of the server's own, or a domain of its columns, can be replaced.
    c.oid < 16384 AND (EXISTS (SELECT FROM pg_rewrite w JOIN pg_depend d
            ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
            WHERE w.ev_class = c.oid AND d.refobjid >= 16384)
        OR n.nspname = 'information_schema' AND EXISTS (SELECT FROM pg_constraint k
            WHERE k.contypid <> 0 AND k.contypid < 16384 AND k.oid >= 16384)) AS altered
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid IN (
    SELECT l.relation FROM pg_locks l
    WHERE l.locktype = 'relation' AND l.pid = pg_backend_pid() AND (l.database = 0
        OR l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
)
ORDER BY 1
"""
# A definition hides casts and operators that were chosen for it; its dependencies tell.
# PostgreSQL's own functions have none: they are read off the definition.
_DEPENDS: Final = f"""
SELECT pg_describe_object(d.refclassid, d.refobjid, 0) AS what FROM pg_depend d
WHERE d.classid = %(catalogue)s::regclass AND d.objid = %(object)s AND (
    d.refclassid = 'pg_proc'::regclass AND EXISTS (
        SELECT FROM pg_proc p WHERE p.oid = d.refobjid AND {_PROC})
    OR d.refclassid = 'pg_operator'::regclass AND EXISTS (
        SELECT FROM pg_operator o WHERE o.oid = d.refobjid AND {_OPERATOR}))
ORDER BY 1 LIMIT 1
"""  # noqa: S608 - made of constants
_VIEW: Final = """
SELECT octet_length(d.definition) <= %(most)s AS fits,
    CASE WHEN octet_length(d.definition) <= %(most)s THEN d.definition END AS definition,
    (SELECT w.oid::bigint FROM pg_rewrite w WHERE w.ev_class = %(oid)s LIMIT 1) AS rule,
    ARRAY(SELECT u.refobjid::bigint FROM pg_rewrite w
        JOIN pg_depend u ON u.classid = 'pg_rewrite'::regclass AND u.objid = w.oid
        WHERE w.ev_class = %(oid)s AND u.refclassid = 'pg_type'::regclass) AS types,
    ARRAY(SELECT DISTINCT u.refobjid::bigint FROM pg_rewrite w
        JOIN pg_depend u ON u.classid = 'pg_rewrite'::regclass AND u.objid = w.oid
        WHERE w.ev_class = %(oid)s AND u.refclassid = 'pg_class'::regclass) AS relations
FROM (SELECT pg_get_viewdef(%(oid)s::oid) AS definition) AS d
"""
_POLICIES: Final = """
SELECT p.oid::bigint AS oid, p.polname::text AS name,
    pg_get_expr(p.polqual, p.polrelid) AS expression,
    ARRAY(SELECT d.refobjid::bigint FROM pg_depend d WHERE d.classid = 'pg_policy'::regclass
        AND d.objid = p.oid AND d.refclassid = 'pg_type'::regclass) AS types,
    ARRAY(SELECT DISTINCT d.refobjid::bigint FROM pg_depend d
        WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid
        AND d.refclassid = 'pg_class'::regclass) AS relations
FROM pg_policy p WHERE p.polrelid = %s AND p.polcmd IN ('r', '*')
"""
# Computed as they are read, PostgreSQL 18. A table is read with those that inherit from it.
_GENERATED: Final = """
WITH RECURSIVE tables (oid) AS (
    SELECT unnest(%s::bigint[]::oid[])
    UNION SELECT i.inhrelid FROM pg_inherits i JOIN tables t ON i.inhparent = t.oid
)
SELECT g.oid::bigint AS oid, a.attrelid::bigint AS relation, a.attname::text AS name,
    pg_get_expr(g.adbin, g.adrelid) AS expression
FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attgenerated = 'v'
JOIN pg_attrdef g ON g.adrelid = a.attrelid AND g.adnum = a.attnum
ORDER BY 1
"""
# Planning folds what an index's expression computes of constants alone, and opens the
# functions written in SQL. Of the rows that a condition leaves an estimator asks the
# operator itself, of the values that stand in the statistics.
_EXPRESSIONS: Final = f"""
WITH RECURSIVE tables (oid) AS (
    SELECT unnest(%s::bigint[]::oid[])
    UNION SELECT i.inhrelid FROM pg_inherits i JOIN tables t ON i.inhparent = t.oid
), objects (class, oid, relation, expression, predicate) AS (
    SELECT 'pg_class'::regclass, i.indexrelid, i.indrelid,
        concat_ws(' OR ', 'ROW(' || pg_get_expr(i.indexprs, i.indrelid) || ') IS NULL',
            pg_get_expr(i.indpred, i.indrelid)),
        pg_get_expr(i.indpred, i.indrelid)
    FROM pg_index i JOIN tables t ON t.oid = i.indrelid
    WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
    UNION ALL SELECT 'pg_statistic_ext'::regclass, s.oid, s.stxrelid,
        'ROW(' || array_to_string(pg_get_statisticsobjdef_expressions(s.oid), ', ')
        || ') IS NULL', NULL
    FROM pg_statistic_ext s JOIN tables t ON t.oid = s.stxrelid
    WHERE s.stxexprs IS NOT NULL
    UNION ALL SELECT 'pg_class'::regclass, k.partrelid, k.partrelid,
        'ROW(' || pg_get_expr(k.partexprs, k.partrelid) || ') IS NULL', NULL
    FROM pg_partitioned_table k JOIN tables t ON t.oid = k.partrelid
    WHERE k.partexprs IS NOT NULL
), replaced (what) AS (
    SELECT 'function ' || p.oid::regprocedure::text FROM pg_proc p WHERE {_REPLACED} LIMIT 1
), odd (what) AS (
    -- A comparison of PostgreSQL's own types that calls somebody's function, or one that
    -- stands for the opposite of PostgreSQL's own.
    SELECT coalesce((SELECT what FROM replaced),
        (SELECT 'operator class of ' || format_type(min(m.amproclefttype), NULL)
            FROM pg_amproc m JOIN pg_proc p ON p.oid = m.amproc
            WHERE {_PROC} AND m.amproclefttype < 16384 HAVING count(*) > 0),
        (SELECT 'operator ' || o.oid::regoperator::text
            FROM pg_operator s JOIN pg_operator o ON o.oid IN (s.oprnegate, s.oprcom)
            WHERE s.oid < 16384 AND {_OPERATOR} LIMIT 1))
)
SELECT o.relation::regclass::text AS relation, o.relation::bigint AS oid, o.expression,
    o.predicate, EXISTS (SELECT FROM pg_range r
        JOIN pg_proc p ON p.oid IN (r.rngcanonical, r.rngsubdiff) WHERE {_PROC}) AS ranges,
    coalesce(bool_or(l.lanname = 'sql'), false) OR EXISTS (SELECT FROM replaced)
        OR coalesce(bool_or(o.predicate IS NOT NULL AND p.oid = q.oprcode
            AND q.oprrest <> 0), false) AS called,
    coalesce('function ' || min(p.oid::regprocedure::text), (SELECT what FROM odd)) AS what,
    array_remove(array_agg(t.oid::bigint), NULL) || ARRAY(
        SELECT a.atttypid::bigint FROM pg_attribute a WHERE a.attrelid = o.relation
        AND a.atttypid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped
        AND (o.predicate LIKE '%%.*%%'
            OR position(quote_ident(a.attname) IN o.predicate) > 0)) AS types
FROM objects o
LEFT JOIN pg_depend d ON d.classid = o.class AND d.objid = o.oid
LEFT JOIN pg_operator q ON d.refclassid = 'pg_operator'::regclass AND q.oid = d.refobjid
LEFT JOIN pg_proc p ON {_PROC} AND p.oid = CASE
    WHEN d.refclassid = 'pg_proc'::regclass THEN d.refobjid ELSE q.oprcode END
LEFT JOIN pg_language l ON l.oid = p.prolang
LEFT JOIN pg_type t ON d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid
GROUP BY 1, 2, 3, 4, o.relation
"""  # noqa: S608 - made of constants

# What the server could choose by itself. A function, an operator, a cast or an operator
# class of somebody's own is chosen only for types that can occur: those of the relations, of
# the names, of what PostgreSQL's own functions and operators take and give, and whatever
# these are made of. Statement and stored texts count alike.
_ALWAYS_THERE: Final = """
    'bool', 'int4', 'int8', 'text', 'unknown', 'bit', 'numeric', 'record', 'anyarray',
    'anyenum', 'anyrange', 'anymultirange'
"""
_MADE_OF: Final = f"""
        SELECT t.typelem WHERE t.typelem <> 0
        UNION ALL SELECT t.typarray WHERE t.typarray <> 0
        UNION ALL SELECT t.typbasetype WHERE t.typbasetype <> 0
        UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid
        UNION ALL SELECT r.rngmultitypid FROM pg_range r WHERE r.rngtypid = t.oid
        UNION ALL SELECT r.rngtypid FROM pg_range r WHERE r.rngmultitypid = t.oid
        UNION ALL SELECT a.atttypid FROM pg_attribute a
            WHERE a.attrelid = t.typrelid AND t.typrelid <> 0 AND a.attnum > 0
            AND NOT a.attisdropped
        UNION ALL SELECT k.casttarget FROM implied k WHERE k.castsource = t.oid
        UNION ALL {_OWN_TYPES}
"""  # noqa: S608 - made of constants
# `signs` are those of PostgreSQL's own operators; beside a literal an operator takes its
# type for the literal's where it can. What is known is asked for as an array, which is
# computed when it is first needed: not at all where there is nothing of somebody's own.
_CHOSEN: Final = f"""
WITH RECURSIVE implied AS MATERIALIZED (
    SELECT k.castsource, k.casttarget FROM pg_cast k WHERE k.castcontext = 'i'
        AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.oid = k.castfunc AND {_PROC})
), odd_functions AS MATERIALIZED (
    SELECT p.* FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = ANY (%(schemas)s) AND {_PROC}
        AND (p.proname = ANY (%(functions)s) OR p.proname = ANY (%(attributes)s))
), odd_operators AS MATERIALIZED (
    SELECT o.* FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
    WHERE o.oprname = ANY (%(operators)s) AND n.nspname = ANY (%(schemas)s) AND {_OPERATOR}
), odd_casts AS MATERIALIZED (
    SELECT k.* FROM pg_cast k JOIN pg_proc p ON p.oid = k.castfunc WHERE {_PROC}
), odd_classes (kind, family) AS MATERIALIZED (
    SELECT m.amproclefttype, m.amprocfamily
    FROM pg_amproc m JOIN pg_proc p ON p.oid = m.amproc WHERE {_PROC}
    UNION SELECT m.amoplefttype, m.amopfamily FROM pg_amop m
    JOIN pg_operator o ON o.oid = m.amopopr JOIN pg_proc p ON p.oid = o.oprcode WHERE {_PROC}
), tables (oid) AS (
    SELECT unnest(%(relations)s::bigint[]::oid[])
    UNION SELECT to_regclass(name)::oid FROM unnest(%(read)s::text[]) AS name
), heirs (oid) AS (
    SELECT oid FROM tables
    UNION SELECT i.inhrelid FROM pg_inherits i JOIN heirs h ON i.inhparent = h.oid
), held (oid) AS (
    -- The catalogue holds values of any column in one column, as pg_stats does.
    SELECT a.atttypid FROM pg_attribute a
    WHERE a.atttypid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped
    AND (%(json)s OR EXISTS (SELECT FROM pg_proc p WHERE p.oid < 16384
        AND p.proname = ANY (%(called)s) AND 'anyarray'::regtype = ANY (p.proargtypes::oid[])))
    AND EXISTS (SELECT FROM tables t JOIN pg_attribute s ON s.attrelid = t.oid
        WHERE s.atttypid = 'anyarray'::regtype
        AND (%(all_columns)s OR s.attname = ANY (%(columns)s)))
), first (oid) AS (
    SELECT oid FROM held UNION
    SELECT unnest(%(types)s::bigint[]::oid[])
    UNION SELECT to_regtype(name)::oid FROM unnest(ARRAY[{_ALWAYS_THERE}] || %(written)s::text[])
        AS name
    -- A column that is given as it is calls no operator of its type. The bounds of
    -- partitions are sorted with every plan.
    UNION SELECT a.atttypid FROM pg_attribute a
    WHERE a.attrelid = ANY (ARRAY(SELECT oid FROM tables)) AND a.attnum > 0
        AND NOT a.attisdropped AND (%(all_used)s OR a.attname = ANY (%(used)s))
    UNION SELECT a.atttypid FROM heirs h
    JOIN pg_partitioned_table k ON k.partrelid = h.oid
    JOIN pg_attribute a ON a.attrelid = h.oid AND a.attnum = ANY (k.partattrs::int2[])
    UNION SELECT coalesce(p.prorettype, o.oprresult) FROM heirs h
    JOIN pg_partitioned_table k ON k.partrelid = h.oid AND k.partexprs IS NOT NULL
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = h.oid
    LEFT JOIN pg_proc p ON d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid
    LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
    WHERE p.oid IS NOT NULL OR o.oid IS NOT NULL
    -- From PostgreSQL 18 on an index is searched by its later columns too, by skipping from
    -- one value of those before them to the next.
    UNION SELECT a.atttypid FROM heirs h JOIN pg_index i ON i.indrelid = h.oid
    JOIN pg_attribute a ON a.attrelid = i.indexrelid
    WHERE current_setting('server_version_num')::int4 >= 180000 AND a.attnum < (
        SELECT max(k.place) FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
        LEFT JOIN pg_attribute u ON u.attrelid = h.oid AND u.attnum = k.number
        WHERE k.place <= i.indnkeyatts AND (k.number = 0 OR u.attname = ANY (%(used)s)))
    UNION SELECT c.reltype FROM pg_class c
    WHERE %(all_used)s AND c.oid = ANY (ARRAY(SELECT oid FROM tables))
    UNION SELECT unnest(p.proargtypes::oid[] || p.prorettype || p.proallargtypes)
    FROM pg_proc p WHERE p.oid < 16384 AND p.proname = ANY (%(called)s)
    UNION SELECT part.oid FROM first b JOIN pg_type t ON t.oid = b.oid
    CROSS JOIN LATERAL ({_MADE_OF}) AS part (oid)
), signs AS (
    SELECT o.oprname, o.oprleft, o.oprright, o.oprresult FROM pg_operator o
    WHERE o.oid < 16384 AND o.oprname = ANY (%(signs)s)
), beside (oid, other, result) AS (
    SELECT f.oid, s.oprright, s.oprresult FROM first f JOIN signs s ON s.oprleft = f.oid
    UNION SELECT f.oid, s.oprleft, s.oprresult FROM first f JOIN signs s ON s.oprright = f.oid
), paired (oid) AS (
    SELECT oid FROM first
    UNION SELECT b.result FROM beside b
        WHERE b.other = 0 OR b.other = ANY (ARRAY(SELECT oid FROM first))
    UNION SELECT unnest(ARRAY[b.other, b.result]) FROM beside b
        WHERE NOT EXISTS (SELECT FROM signs s WHERE s.oprleft = b.oid AND s.oprright = b.oid)
), known (oid) AS (
    SELECT oid FROM paired
    UNION SELECT part.oid FROM known b JOIN pg_type t ON t.oid = b.oid
    CROSS JOIN LATERAL ({_MADE_OF}
        UNION ALL SELECT s.oprresult FROM signs s WHERE s.oprleft = t.oid
            AND (s.oprright = t.oid OR s.oprright = ANY (ARRAY(SELECT oid FROM paired)))
        UNION ALL SELECT s.oprresult FROM signs s WHERE s.oprright = t.oid
            AND (s.oprleft = 0 OR s.oprleft = ANY (ARRAY(SELECT oid FROM paired)))
    ) AS part (oid)
)
SELECT 'function ' || p.oid::regprocedure::text AS what FROM odd_functions p
WHERE p.proname = ANY (%(functions)s)
    AND NOT EXISTS (SELECT FROM unnest(p.proargtypes::oid[]) AS a (oid)
        WHERE a.oid >= 16384 AND a.oid <> ALL (ARRAY(SELECT oid FROM known)))
UNION ALL
SELECT 'operator ' || o.oid::regoperator::text FROM odd_operators o
WHERE (o.oprleft < 16384 OR o.oprleft = ANY (ARRAY(SELECT oid FROM known)))
    AND (o.oprright < 16384 OR o.oprright = ANY (ARRAY(SELECT oid FROM known)))
UNION ALL
-- What the planner puts in the place of PostgreSQL's own, turned around or denied.
SELECT 'operator ' || o.oid::regoperator::text FROM pg_operator s
JOIN pg_operator o ON o.oid IN (s.oprnegate, s.oprcom)
WHERE s.oid < 16384 AND (s.oprnegate >= 16384 OR s.oprcom >= 16384)
    AND s.oprname = ANY (%(signs)s) AND {_OPERATOR}
UNION ALL
SELECT 'function ' || p.oid::regprocedure::text FROM pg_proc p
WHERE {_REPLACED} AND (p.proname = ANY (%(called)s)
    OR p.oid IN (SELECT s.oprcode FROM pg_operator s WHERE s.oprname = ANY (%(signs)s)
        AND (s.oprleft = 0 OR s.oprleft = ANY (ARRAY(SELECT oid FROM known)))
        AND s.oprright = ANY (ARRAY(SELECT oid FROM known)))
    OR %(described)s AND p.pronamespace = 'information_schema'::regnamespace)
UNION ALL
SELECT 'function ' || p.oid::regprocedure::text FROM odd_functions p
JOIN pg_type t ON t.oid = p.proargtypes[0]
WHERE p.proname = ANY (%(attributes)s) AND p.pronargs - p.pronargdefaults <= 1
    AND (t.typtype = 'p' OR t.typrelid = ANY (ARRAY(SELECT oid FROM tables))
        OR t.typtype IN ('c', 'd') AND t.oid = ANY (ARRAY(SELECT oid FROM known)))
UNION ALL
SELECT 'type ' || format_type(t.oid, NULL) FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname = ANY (%(schemas)s) AND {_TYPE} AND (
    t.typname = ANY (%(functions)s) AND t.typtype IN ('b', 'd', 'r', 'm')
    OR t.typname = ANY (%(attributes)s) AND t.typtype = 'd' AND t.typcategory = 'C')
UNION ALL
SELECT 'cast to ' || format_type(k.casttarget, NULL) FROM odd_casts k
WHERE k.castsource = ANY (ARRAY(SELECT oid FROM known))
    AND (k.castcontext = 'i' AND k.casttarget = ANY (ARRAY(SELECT oid FROM known))
        -- What makes JSON of a value looks for a cast of its type, whatever it is called;
        -- what joins any value to a text is written in SQL, with a cast in it.
        OR %(json)s AND k.casttarget IN ('json'::regtype, 'jsonb'::regtype)
        OR %(text)s AND k.casttarget = 'text'::regtype
        OR k.casttarget = ANY (%(named)s::bigint[]::oid[]))
UNION ALL
-- One that is no type's own, and has operators of its own alone, is behind no other sign:
-- only what is kept by it comes to it.
SELECT 'operator class of ' || format_type(m.kind, NULL) FROM odd_classes m
WHERE m.kind = ANY (ARRAY(SELECT oid FROM known)) AND (m.family < 16384
    OR EXISTS (SELECT FROM pg_opclass c WHERE c.opcfamily = m.family AND (c.opcdefault
        OR c.oid IN (SELECT unnest(i.indclass::oid[])
            FROM pg_index i JOIN heirs h ON h.oid = i.indrelid)
        OR c.oid IN (SELECT unnest(k.partclass::oid[])
            FROM pg_partitioned_table k JOIN heirs h ON h.oid = k.partrelid)
        OR c.oid IN (SELECT r.rngsubopc FROM pg_range r
            WHERE r.rngtypid = ANY (ARRAY(SELECT oid FROM known)))))
    OR EXISTS (SELECT FROM pg_amop s JOIN pg_operator o ON o.oid = s.amopopr
        WHERE s.amopfamily = m.family AND NOT ({_OPERATOR})))
LIMIT 1
"""  # noqa: S608 - made of constants

# How a text calls what makes JSON: by functions of such names, or a constructor.
_MAKES_JSON: Final = re.compile(
    r"json\w*\s*\(|\bjson(?:_(?:array|object)(?:agg)?|_scalar|_serialize)?\b",
    re.IGNORECASE,
)
# Written in SQL in the catalogue, over any type: `$1::text`. Stored as a text, that cast is
# found anew for each type; of the others that are, none is on the list.
_MAKES_TEXT: Final = frozenset({"||", "quote_literal", "quote_nullable"})
_NOT_PLAIN: Final = "it is no plain read of tables of this database"
_CLASSES: Final = f"""
SELECT 'operator class ' || c.opcname AS what FROM pg_opclass c
WHERE c.opcname = ANY (%s::text[]) AND {_of_others("c", "pg_opclass", "opcowner")}
"""  # noqa: S608 - made of constants

# The nodes of a plan that read plain tables and compute, PostgreSQL 14 to 18: what its
# `explain.c` can name less what changes rows, locks them or is an extension's or a
# foreign server's.
_PLAIN_NODES: Final = frozenset(
    (
        "Aggregate",
        "Append",
        "BitmapAnd",
        "Bitmap Heap Scan",
        "Bitmap Index Scan",
        "BitmapOr",
        "CTE Scan",
        "Function Scan",
        "Gather",
        "Gather Merge",
        "Group",
        "Hash",
        "Hash Join",
        "Incremental Sort",
        "Index Only Scan",
        "Index Scan",
        "Limit",
        "Materialize",
        "Memoize",
        "Merge Append",
        "Merge Join",
        "Nested Loop",
        "ProjectSet",
        "Recursive Union",
        "Result",
        "Sample Scan",
        "Seq Scan",
        "SetOp",
        "Sort",
        "Subquery Scan",
        "Table Function Scan",
        "Tid Range Scan",
        "Tid Scan",
        "Unique",
        "Values Scan",
        "WindowAgg",
        "WorkTable Scan",
    )
)
# A plan names the functions whose rows it reads without their schema: those that the path
# leads to, or that PostgreSQL has none of.
_CALLED: Final = f"""
SELECT p.oid::regprocedure::text AS what FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.proname = ANY (%s::text[]) AND {_PROC}
    AND (n.nspname = ANY (%s::text[]) OR NOT EXISTS (
        SELECT FROM pg_proc own WHERE own.proname = p.proname AND own.oid < 16384))
LIMIT 1
"""  # noqa: S608 - made of constants


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a statement, as the server describes them before it is run."""

    names: tuple[str, ...]
    types: tuple[int, ...]


@dataclass(slots=True)
class _Read:
    """What the texts say that the server reads for a statement, its own among them.

    Those of views, row security and domains are resolved already: what they name matters
    for the types that come with it.
    """

    functions: set[str] = field(default_factory=set)
    operators: set[str] = field(default_factory=set)
    written: set[tuple[str, str]] = field(default_factory=set)
    read: set[tuple[str, str]] = field(default_factory=set)
    types: set[int] = field(default_factory=set)
    columns: set[str] = field(default_factory=set)
    all_columns: bool = False
    used: set[str] = field(default_factory=set)
    all_used: bool = False
    makes_json: bool = False

    def take(self, parts: Parts) -> None:
        """Add what one more text says."""
        self.functions |= parts.functions
        self.operators |= parts.operators
        self.written |= {each for each in parts.types if each[0] == "pg_catalog"}
        self.read |= {each for each in parts.relations if each[0] in {"", *_TRUSTED}}
        self.columns |= parts.columns
        self.all_columns |= parts.all_columns or parts.whole_rows
        self.used |= parts.used
        self.all_used |= parts.all_used
        self.makes_json |= (
            any("json" in name for name in parts.functions)
            or _MAKES_JSON.search(parts.text) is not None
        )

    def values(self) -> dict[str, Any]:
        """Return it as `_CHOSEN` asks for it, of a statement that names nothing itself."""
        return {
            "called": [*self.functions],
            "signs": [*self.operators],
            "written": _names(self.written),
            "read": _names(self.read),
            "json": self.makes_json,
            "text": bool(_MAKES_TEXT & (self.functions | self.operators)),
            "described": any(schema == "information_schema" for schema, _ in self.read),
            "types": [*self.types],
            "columns": [*self.columns],
            "all_columns": self.all_columns,
            "used": [*self.used],
            "all_used": self.all_used,
            "relations": [],
            "named": [],
            "functions": [],
            "operators": [],
            "attributes": [],
            "schemas": [],
        }


def checked(session: Session, parts: Parts) -> Columns | None:
    """Look up what a statement reaches; raise RefusedSqlError where it is not harmless.

    The server parses it, and resolves its names, on the search path that it will run
    with; everything else is asked on PostgreSQL's own. Returns the statement's columns,
    None for a SHOW. Raises psycopg.Error for what the server does not understand.
    """
    session.rows(_AS_PARSED)
    if parts.text[:4].lower() == "show":
        return None
    with session.attempt():
        # Undone: what this looks up stays locked otherwise, as if the statement named it.
        with session.connection.transaction(force_rollback=True):
            found = _by_name(session, parts)
            with session.on_own_path():
                _check_literals(session, parts, found)
        given = described(session.connection, parts.text, most_bytes=_SAID_BYTES)
        every = range(given.nfields)
        columns = Columns(
            tuple((given.fname(index) or b"").decode() for index in every),
            tuple(given.ftype(index) for index in every),
        )
        with session.on_own_path():
            stored = _Read()
            stored.take(parts)
            relations = _check_relations(session, parts, stored)
            stored.types.update(found["types"], _made(parts, columns))
            for row in session.rows(_CLASSES, [[*parts.classes]]):
                raise RefusedSqlError(_may_do_anything(row["what"]))
            _check_chosen(
                session,
                stored.values()
                | {
                    "functions": [*parts.functions],
                    "operators": [*parts.operators],
                    "attributes": [*parts.attributes],
                    "schemas": found["schemas"],
                    "relations": [*relations, *found["relations"]],
                    "named": found["types"],
                },
            )
    return columns


def _made(parts: Parts, columns: Columns) -> set[int]:
    """Return the types of the answer's columns that are more than a column shown."""
    if parts.all_made:
        return {*columns.types}
    return {columns.types[number] for number in parts.made}


def check_plan(session: Session, text: str) -> None:
    """Read how the server would run a checked statement; raise RefusedSqlError.

    It may hold plain reads alone: what another server, an extension or a function of
    somebody's own would do is refused, whatever the look-ups before it said. Raises
    LongAnswerError for a plan of more than 8 MB, psycopg.Error.
    """
    with session.attempt():
        answer = asked_simply(
            session.connection,
            # Not VERBOSE: it would quote what was computed already, be it 300 MB.
            f"EXPLAIN (COSTS OFF, FORMAT JSON) {text}",
            most_bytes=_PLAN_BYTES,
        )
        plan = read_plan(answer.get_value(0, 0))["Plan"]
        called: set[str] = set()
        for node in nodes_of(plan):
            if node["Node Type"] not in _PLAIN_NODES:
                by = node.get("Custom Plan Provider") or node.get("Relation Name")
                what = node["Node Type"] + (f" ({by})" if by else "")
                raise RefusedSqlError(
                    worded(
                        "its plan has a {what}: {not_plain}",
                        what=what,
                        not_plain=_NOT_PLAIN,
                    )
                )
            if "Function Name" in node:
                called.add(node["Function Name"])
        schemas = session.row(_PATH)["schemas"]
        with session.on_own_path():
            for row in session.rows(_CALLED, [sorted(called), schemas]):
                raise RefusedSqlError(_may_do_anything(f"function {row['what']}"))


def read_plan(answer: bytes | None) -> dict[str, Any]:
    """Return EXPLAIN's JSON; raise RefusedSqlError where it nests too deep to be read."""
    try:
        found: dict[str, Any] = orjson.loads(answer or b"")[0]
    except orjson.JSONDecodeError as error:
        raise RefusedSqlError(worded("its plan nests too deep to be read")) from error
    return found


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of EXPLAIN's JSON, each before those below it."""
    waiting = [plan]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.get("Plans", ())))


def _may_do_anything(what: str) -> str:
    return worded("the {what} of this database may do anything", what=what)


def _by_name(session: Session, parts: Parts) -> dict[str, Any]:
    """Return what names stand for on the path in force; the server tells of the missing.

    Of relations too many: a name may be that of a WITH query there.
    """
    row = session.row(
        _BY_NAME,
        [
            _names(parts.types),
            _names(parts.relations | {("", name) for name in parts.hidden}),
        ],
    )
    for part in ("types", "relations"):
        row[part] = [oid for oid in row[part] if oid is not None]
    return row


def _names(pairs: set[tuple[str, str]]) -> list[str]:
    return [
        ".".join('"' + each.replace('"', '""') + '"' for each in pair if each)
        for pair in sorted(pairs)
    ]


def _check_literals(session: Session, parts: Parts, found: dict[str, Any]) -> None:
    values = {
        "named": found["types"],
        "relations": found["relations"],
        "whole": parts.whole_rows,
        "all": parts.all_columns,
        "columns": [*parts.columns],
        "functions": [*parts.functions],
        "operators": [*parts.operators],
    }
    stored = _Read()
    if _check_types(session, values, stored):
        # Read while the statement is parsed, so before anything else can be known of it.
        stored.types.update(found["types"])
        chosen = stored.values() | {"relations": found["relations"]}
        _check_chosen(session, chosen)


def _check_chosen(session: Session, values: dict[str, Any]) -> None:
    for row in session.rows(_CHOSEN, values):
        raise RefusedSqlError(_may_do_anything(row["what"]))


def _check_types(session: Session, values: dict[str, Any], stored: _Read) -> bool:
    """Take what the domains behind some types compute; whether there is any."""
    rows = session.rows(_BEHIND_TYPES, values)
    for row in rows:
        if row["expression"] is None:
            raise RefusedSqlError(_may_do_anything(row["what"]))
        where = f"in the {row['what']}"
        with _telling_where(where):
            parts = judged_expression(row["expression"])
            stored.take(parts)
            named = {*_by_name(session, parts)["types"]} - stored.types
            if named:
                _check_types_of(session, named, stored)
    return bool(rows)


def _check_types_of(
    session: Session,
    types: Iterable[int],
    stored: _Read,
    relations: Iterable[int] = (),
    columns: Iterable[str] | None = (),
) -> None:
    """As `_check_types`, of what a stored text depends on.

    Its literals were read when it was stored. Where it compares or joins ranges their own
    functions are called yet, by the planner too: `columns` are those that it names of
    `relations`, None for all.
    """
    types = list(types)
    stored.types.update(types)
    values = {"named": types, "functions": [], "operators": [], "whole": False}
    values |= {"relations": [*relations], "all": columns is None}
    _check_types(session, {**values, "columns": [*(columns or ())]}, stored)


def _check_text(
    session: Session,
    parts: Parts,
    types: Iterable[int],
    relations: Iterable[int],
    stored: _Read,
) -> None:
    """Check the parts of a stored text that depends on `types` and `relations`.

    No dependency tells of the type that JSON_VALUE returns: the text does.
    """
    stored.take(parts)
    types = {*types, *_by_name(session, parts)["types"]}
    columns = None if parts.all_columns or parts.whole_rows else parts.columns
    if not parts.operators and not parts.functions:
        columns = set()  # shown, and nothing computes of them
    _check_types_of(session, types, stored, relations, columns)


@contextmanager
def _telling_where(where: str) -> Iterator[None]:
    try:
        yield
    except RefusedSqlError as error:
        raise RefusedSqlError(
            worded("{where}: {error}", where=where, error=error)
        ) from error


def _check_relations(session: Session, parts: Parts, stored: _Read) -> list[int]:
    """Return the relations of others that a statement reads, all of them harmless.

    `stored` takes what the server reads for them: texts of views and row security.
    """
    reached = session.rows(_REACHED)
    views = 0
    others = []
    for found in reached:
        if found["altered"]:
            raise RefusedSqlError(_may_do_anything(f"relation {found['name']}"))
        if _is_of_the_server(found):
            continue
        others.append(found["oid"])
        _check_relation(session, found, stored)
        if found["kind"] == "v":
            views += 1
            if views > _MOST_VIEWS:
                raise RefusedSqlError(
                    worded("more than {most_views} views", most_views=_MOST_VIEWS)
                )
            _check_view(session, found, stored)
    own = {found["name"] for found in reached if _is_of_the_server(found)}
    for name in sorted(parts.hidden & SECRET_RELATIONS & own):
        # A WITH query here and the relation itself somewhere: which is which is not
        # for us to say.
        raise RefusedSqlError(
            worded("{name} may hold secrets: name the query otherwise", name=name)
        )
    _check_expressions(session, [found["oid"] for found in reached], stored)
    return others


def _check_expressions(session: Session, relations: list[int], stored: _Read) -> None:
    _check_generated(session, relations, stored)
    for row in session.rows(_EXPRESSIONS, [relations]):
        stored.types.update(row["types"])
        if row["ranges"]:
            _check_ranges(session, row, stored)
        if row["what"] is None:
            continue
        if row["called"] or _computes_of_constants(row["expression"]):
            raise RefusedSqlError(
                worded(
                    "of {relation}: {value}",
                    relation=row["relation"],
                    value=_may_do_anything(row["what"]),
                )
            )


def _check_generated(session: Session, relations: list[int], stored: _Read) -> None:
    for row in session.rows(_GENERATED, [relations]):
        where = f"in the column {row['name']}"
        _check_depends(session, "pg_attrdef", row["oid"], where)
        with _telling_where(where):
            parts = judged_expression(row["expression"])
            _check_text(session, parts, (), [row["relation"]], stored)


def _check_ranges(session: Session, row: dict[str, Any], stored: _Read) -> None:
    """Check what is stored with an index and the like, where a range computes by itself.

    How many rows a condition leaves is estimated by its columns' ranges.
    """
    with _telling_where(f"of {row['relation']}"):
        _check_types_of(session, row["types"], stored)
        if row["predicate"] is not None:
            parts = judged_expression(row["predicate"])
            _check_text(session, parts, row["types"], [row["oid"]], stored)


def _is_of_the_server(relation: dict[str, Any]) -> bool:
    return relation["schema"] in _TRUSTED and relation["oid"] < _FIRST_OF_OTHERS


def _check_relation(session: Session, found: dict[str, Any], stored: _Read) -> None:
    if found["schema"].startswith("pg_toast"):
        raise RefusedSqlError(
            worded("{name} is PostgreSQL's own store", name=found["name"])
        )
    if found["kind"] == "f" or found["reaches"]:
        raise RefusedSqlError(
            worded(
                "{name} is a foreign table: it reaches elsewhere", name=found["name"]
            )
        )
    if found["row_security"]:
        _check_policies(session, found, stored)


def _computes_of_constants(expression: str) -> bool:
    try:
        return computes_of_constants(expression)
    except RefusedSqlError:
        return True


def _check_depends(session: Session, catalogue: str, oid: int, where: str) -> None:
    values = {"catalogue": catalogue, "object": oid}
    for row in session.rows(_DEPENDS, values):
        raise RefusedSqlError(
            worded("{where}: the {what} may do anything", where=where, what=row["what"])
        )


def _check_policies(session: Session, relation: dict[str, Any], stored: _Read) -> None:
    for policy in session.rows(_POLICIES, [relation["oid"]]):
        where = f"in the row security of {relation['name']}"
        _check_depends(session, "pg_policy", policy["oid"], where)
        if policy["expression"] is not None:
            with _telling_where(where):
                parts = judged_expression(policy["expression"])
                relations = policy["relations"]
                _check_text(session, parts, policy["types"], relations, stored)


def _check_view(session: Session, view: dict[str, Any], stored: _Read) -> None:
    row: dict[str, Any] = session.row(
        _VIEW, {"oid": view["oid"], "most": MAX_STATEMENT_BYTES}
    )
    where = f"in the view {view['name']}"
    if not row["fits"]:
        raise RefusedSqlError(
            worded(
                "{where}: more than {max_statement_bytes} bytes",
                where=where,
                max_statement_bytes=MAX_STATEMENT_BYTES,
            )
        )
    _check_depends(session, "pg_rewrite", row["rule"], where)
    with _telling_where(where):
        parts = judged(row["definition"])
        _check_text(session, parts, row["types"], row["relations"], stored)
