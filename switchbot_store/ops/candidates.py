"""Which indexes could serve a query: read off its conditions, joins and order. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_store.ops.statements.validation import nodes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_COLUMNS: Final = 3
_EQUAL: Final = frozenset({"=", "IN"})
_RANGE: Final = frozenset({"<", "<=", ">", ">=", "BETWEEN", "~~"})


class Candidate(NamedTuple):
    """An index that may help: a table as the query names it, and columns in order."""

    table: str
    columns: tuple[str, ...]


class _Uses(NamedTuple):
    equal: dict[str, None]
    ranged: dict[str, None]
    ordered: dict[str, None]


def candidates_of(sql: str, columns_of: dict[str, frozenset[str]]) -> list[Candidate]:
    """Return candidates for a statement, the narrowest first.

    `columns_of` gives the columns of every table that it names, by the name used there.
    """
    aliases: dict[str, str] = {}
    for node in nodes_of(sql):
        if type(node).__name__ == "RangeVar":
            table = (
                f"{node.schemaname}.{node.relname}" if node.schemaname else node.relname
            )
            if table in columns_of:
                aliases[node.alias.aliasname if node.alias else node.relname] = table
    uses = {table: _Uses({}, {}, {}) for table in aliases.values()}
    for node in nodes_of(sql):
        kind = type(node).__name__
        if kind == "A_Expr":
            _take_condition(node, uses, aliases, columns_of)
        elif kind == "SortBy":
            for table, column in _columns(node.node, aliases, columns_of):
                uses[table].ordered[column] = None
    found: dict[Candidate, None] = {}
    for table, use in uses.items():
        for columns in _orders(use):
            found[Candidate(table, columns)] = None
    return sorted(found, key=lambda each: (len(each.columns), each))


def _take_condition(
    node: Any,
    uses: dict[str, _Uses],
    aliases: dict[str, str],
    columns_of: dict[str, frozenset[str]],
) -> None:
    operator = node.name[-1].sval if node.name else ""
    if operator in _EQUAL:
        part = "equal"
    elif operator in _RANGE:
        part = "ranged"
    else:
        return
    for side in (node.lexpr, node.rexpr):
        for table, column in _columns(side, aliases, columns_of):
            getattr(uses[table], part)[column] = None


def _columns(
    node: Any, aliases: dict[str, str], columns_of: dict[str, frozenset[str]]
) -> Iterator[tuple[str, str]]:
    """Yield table and column if a node is a column itself, not an expression of one."""
    if type(node).__name__ != "ColumnRef":
        return
    if any(type(each).__name__ != "String" for each in node.fields):
        return
    names: list[str] = [each.sval for each in node.fields]
    column = names[-1]
    if len(names) > 1:
        table = aliases.get(names[-2])
        if table is not None and column in columns_of[table]:
            yield table, column
        return
    owners = [each for each in set(aliases.values()) if column in columns_of[each]]
    if len(owners) == 1:
        yield owners[0], column


def _orders(use: _Uses) -> Iterator[tuple[str, ...]]:
    """Yield column lists: what is equal first, then one range, or the order asked for."""
    equal = tuple(use.equal)[:MOST_COLUMNS]
    for column in (*use.equal, *use.ranged, *use.ordered):
        yield (column,)
    for length in range(2, len(equal) + 1):
        yield equal[:length]
    rest = [column for column in use.ranged if column not in equal]
    for column in rest:
        if equal and len(equal) < MOST_COLUMNS:
            yield (*equal, column)
        for first in equal:
            yield (first, column)
    order = tuple(column for column in use.ordered if column not in equal)
    if order and equal and len(equal) < MOST_COLUMNS:
        yield (*equal, *order)[:MOST_COLUMNS]
    if len(order) > 1:
        yield order[:MOST_COLUMNS]
