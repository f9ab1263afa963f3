"""What a B-tree takes when it was just made, by the statistics of its columns.

Equal keys are stored once with a list of rows, as PostgreSQL does since 13, so that an
index over few values takes a quarter of what as many different values take.
https://www.postgresql.org/docs/current/btree.html#BTREE-DEDUPLICATION
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchbot_store.ops.target import Session

_PAGE_OVERHEAD: Final = 40
"""The page's header and special space, in bytes."""
_LINE_POINTER: Final = 4
_HEADER: Final = 8
_ROW_POINTER: Final = 6
_ALIGNED: Final = 8
_LIST_SHARE: Final = 10
"""A list of rows takes at most a tenth of a page when an index is made."""
_PARENT_SHARE: Final = 0.995
"""Leaves among all pages, about; the rest leads to them."""

# Of each column: how wide, how often NULL, how many values (negative: a share of the
# rows). Whether equal keys look alike in every byte is what support function 4 says.
_COLUMNS: Final = """
SELECT
    asked.key,
    c.reltuples::float8 AS rows,
    current_setting('block_size')::int AS block_size,
    st.avg_width, st.null_frac::float8 AS null_share, st.n_distinct::float8 AS values,
    EXISTS (
        SELECT FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod AND m.amname = 'btree'
        JOIN pg_amproc p ON p.amprocfamily = o.opcfamily AND p.amproclefttype = o.opcintype
            AND p.amprocnum = 4
        WHERE CASE WHEN asked.class <> 0 THEN o.oid = asked.class ELSE o.opcdefault
            AND (o.opcintype = a.atttypid OR o.opcintype = 'text'::regtype
                AND a.atttypid IN ('varchar'::regtype)
                OR o.opcintype = 'anyenum'::regtype AND t.typtype = 'e') END
    ) AND coalesce(l.collisdeterministic, true) AS alike
FROM unnest(%(keys)s::int[], %(tables)s::oid[], %(names)s::text[], %(classes)s::oid[])
    WITH ORDINALITY AS asked (key, relation, name, class, place)
LEFT JOIN pg_class c ON c.oid = asked.relation
LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = asked.name
LEFT JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_collation l ON l.oid = a.attcollation
LEFT JOIN pg_stats st ON st.schemaname = n.nspname AND st.tablename = c.relname
    AND st.attname = a.attname
ORDER BY asked.place
"""


@dataclass(frozen=True, slots=True)
class Tree:
    """A B-tree over columns of a table, made or supposed.

    `columns` are names; "" is an expression, of which nothing is known. `classes` are
    the oids of their operator classes, 0 for the default one. `rows` is None for as many
    as the table has.
    """

    table: int
    columns: tuple[str, ...]
    classes: tuple[int, ...] = ()
    rows: float | None = None
    unites: bool = True
    fill_percent: int = 90


def compact_bytes(session: Session, trees: Sequence[Tree]) -> list[float | None]:
    """Return the bytes that each tree takes when it is new; None where nobody knows.

    Read off the statistics that ANALYZE gathered and this role may see.
    """
    values: dict[str, list[Any]] = {
        "keys": [],
        "tables": [],
        "names": [],
        "classes": [],
    }
    for key, tree in enumerate(trees):
        for place, name in enumerate(tree.columns):
            values["keys"].append(key)
            values["tables"].append(tree.table)
            values["names"].append(name)
            values["classes"].append(tree.classes[place] if tree.classes else 0)
    facts: dict[int, list[dict[str, Any]]] = {}
    for row in session.rows(_COLUMNS, values):
        facts.setdefault(row["key"], []).append(row)
    return [_bytes(tree, facts.get(key, [])) for key, tree in enumerate(trees)]


def _bytes(tree: Tree, columns: list[dict[str, Any]]) -> float | None:
    if not columns or any(each["avg_width"] is None for each in columns):
        return None
    rows = columns[0]["rows"] if tree.rows is None else tree.rows
    if rows < 0:
        return None
    block = columns[0]["block_size"]
    width, keys, nulls = 0.0, 1.0, 1.0
    for each in columns:
        width += (1.0 - each["null_share"]) * each["avg_width"]
        count = each["values"] if each["values"] >= 0 else -each["values"] * rows
        keys *= max(1.0, count + (each["null_share"] > 0.0))
        nulls *= each["null_share"]
    keys = max(1.0, min(keys, rows))
    entry = _HEADER + _ALIGNED * -(-width // _ALIGNED)
    needed = rows * (entry + _LINE_POINTER)
    if tree.unites and all(each["alike"] for each in columns):
        needed = min(needed, _united(rows, keys, entry, block))
    if tree.unites and nulls > 0.0 and len(columns) == 1:
        # All NULLs are one key, the values are spread over the others.
        united = _united(rows * nulls, 1.0, _HEADER, block)
        others = rows * (1.0 - nulls)
        if all(each["alike"] for each in columns):
            apart = _united(others, max(1.0, min(keys - 1.0, others)), entry, block)
            needed = min(needed, united + apart)
    room = (block - _PAGE_OVERHEAD) * tree.fill_percent / 100.0
    return float((1.0 + max(1.0, needed / room / _PARENT_SHARE)) * block)


def _united(rows: float, keys: float, entry: float, block: int) -> float:
    """Return the bytes of entries where rows of one key share lists of at most so long."""
    each = rows / keys
    if each <= 1.0:
        return rows * (entry + _LINE_POINTER)
    if each < 2.0:  # noqa: PLR2004 - some keys have two rows, the others one
        pair = entry + _ALIGNED * -(-_ROW_POINTER * 2 // _ALIGNED) + _LINE_POINTER
        return keys * ((2.0 - each) * (entry + _LINE_POINTER) + (each - 1.0) * pair)
    longest = max(1.0, (block / _LIST_SHARE - entry) // _ROW_POINTER)
    lists = max(1.0, each / longest)
    size = entry + _ALIGNED * -(-_ROW_POINTER * each / lists // _ALIGNED)
    return keys * lists * (size + _LINE_POINTER)
