"""What one SQL statement is made of, and whether that may be run. No I/O.

Parsed by PostgreSQL's own parser (pglast), so that what is judged is what runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from switchbot_store.errors import StoreConfigError, StoreDataError
from switchbot_store.ops.allowed import (
    FUNCTIONS,
    NODES,
    SECRET_RELATIONS,
    SECRET_SETTINGS,
    STATEMENTS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN_SCHEMAS = frozenset({"pg_catalog", "information_schema"})
_WORDS = {
    "InsertStmt": "INSERT",
    "UpdateStmt": "UPDATE",
    "DeleteStmt": "DELETE",
    "MergeStmt": "MERGE",
    "CopyStmt": "COPY",
    "IntoClause": "SELECT INTO",
    "LockingClause": "FOR UPDATE and FOR SHARE",
    "ParamRef": "parameters",
    "VariableSetStmt": "SET",
    "DoStmt": "DO",
    "CallStmt": "CALL",
    "TransactionStmt": "transaction control",
}


class RefusedSqlError(StoreDataError):
    """A statement that is not run, and why."""


@dataclass(slots=True)
class Parts:
    """What a statement names outside itself: all of it is looked up before it runs.

    Relations and types are (schema or empty, name). `functions` and `operators` are bare
    names, each found in ``pg_catalog`` only. `attributes` look like columns; PostgreSQL
    takes ``row.name`` for ``name(row)`` where there is no such column.
    """

    relations: set[tuple[str, str]] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    operators: set[str] = field(default_factory=set)
    types: set[tuple[str, str]] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)

    def add(self, other: Parts) -> None:
        """Take in another statement's functions, operators, types and attributes."""
        self.functions |= other.functions
        self.operators |= other.operators
        self.types |= other.types
        self.attributes |= other.attributes


def validated(sql: str, *, parameters: bool = False) -> Parts:
    """Return the parts of a single statement that only reads.

    `parameters`: ``$1`` and the like may stand in it, where it is planned and not run.
    Raises RefusedSqlError, saying what is refused; StoreConfigError when pglast is not
    installed.
    """
    statement = _only_statement(sql)
    kind = type(statement).__name__
    if kind not in STATEMENTS:
        raise RefusedSqlError(f"only SELECT and SHOW are run, not {_word(kind)}")
    if kind == "VariableShowStmt":
        _check_setting(str(statement.name))
        return Parts()
    parts = Parts()
    local: set[str] = set()
    for node in _nodes(statement):
        if not (parameters and type(node).__name__ == "ParamRef"):
            _take(node, parts, local)
    parts.relations = {
        (schema, name)
        for schema, name in parts.relations
        if schema or name not in local
    }
    return parts


def parameters_of(sql: str) -> int:
    """Return the number of the last parameter of a statement, 0 without any."""
    return max(
        (node.number for node in nodes_of(sql) if type(node).__name__ == "ParamRef"),
        default=0,
    )


def nodes_of(sql: str) -> Iterator[Any]:
    """Yield every node of a single statement. Raises as `validated` does."""
    return _nodes(_only_statement(sql))


def _only_statement(sql: str) -> Any:
    try:
        from pglast import parse_sql  # noqa: PLC0415 - an extra
        from pglast.parser import ParseError  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise StoreConfigError(
            "pglast is not installed: pip install 'switchbot-automation[ops]'"
        ) from error
    if "\0" in sql:
        raise RefusedSqlError("a statement holds no NUL")
    try:
        statements = parse_sql(sql)
    except ParseError as error:
        raise RefusedSqlError(f"PostgreSQL's parser refuses it: {error}") from error
    if len(statements) != 1:
        raise RefusedSqlError(f"one statement at a time, not {len(statements)}")
    return statements[0].stmt


def _nodes(node: Any) -> Iterator[Any]:
    """Yield a node and all beneath it, of whatever kind."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, tuple | list):
            waiting.extend(each)
        elif hasattr(each, "__slots__") and type(each).__module__ == "pglast.ast":
            yield each
            waiting.extend(getattr(each, name, None) for name in each.__slots__)


def _take(node: Any, parts: Parts, local: set[str]) -> None:
    kind = type(node).__name__
    if kind not in NODES:
        raise RefusedSqlError(f"{_word(kind)} cannot be part of a read")
    if kind == "RangeVar":
        parts.relations.add(_relation(node))
    elif kind == "CommonTableExpr":
        local.add(node.ctename)
    elif kind == "FuncCall":
        parts.functions.add(_function(node.funcname))
    elif kind == "RangeTableSample":
        _function(node.method)
    elif kind in {"A_Expr", "SubLink", "SortBy"}:
        _take_operator(node, parts)
    elif kind == "TypeName":
        parts.types.add(_type(node))
    elif kind == "ColumnRef":
        parts.attributes.update(_names(node.fields[1:]))
    elif kind == "A_Indirection":
        parts.attributes.update(_names(node.indirection))


def _relation(node: Any) -> tuple[str, str]:
    schema, name = node.schemaname or "", node.relname
    if node.catalogname:
        raise RefusedSqlError(f"{name} is of another database")
    if name in SECRET_RELATIONS and schema in {"", *_OWN_SCHEMAS}:
        raise RefusedSqlError(f"{name} may hold secrets")
    if schema.startswith("pg_toast"):
        raise RefusedSqlError(f"{schema} is PostgreSQL's own store")
    return schema, name


def _function(names: Any) -> str:
    *schema, name = (each.sval for each in names)
    if schema not in ([], ["pg_catalog"]):
        raise RefusedSqlError(
            f"the function {'.'.join([*schema, name])} is not PostgreSQL's own"
        )
    if name not in FUNCTIONS:
        raise RefusedSqlError(
            f"the function {name} is not among those that can change and reach nothing"
        )
    return str(name)


def _take_operator(node: Any, parts: Parts) -> None:
    names = {"A_Expr": "name", "SubLink": "operName", "SortBy": "useOp"}
    found = getattr(node, names[type(node).__name__]) or ()
    *schema, name = [each.sval for each in found] or [""]
    if schema not in ([], ["pg_catalog"]):
        raise RefusedSqlError(f"the operator {name} is not PostgreSQL's own")
    # Words such as BETWEEN stand there too; they lead to ordinary comparisons.
    if name and not name[0].isalpha():
        parts.operators.add(str(name))


def _type(node: Any) -> tuple[str, str]:
    names = [each.sval for each in node.names or ()]
    if not names:
        raise RefusedSqlError("a type without a name")
    schema, name = (names[-2], names[-1]) if len(names) > 1 else ("", names[0])
    return str(schema), str(name)


def _names(nodes: Any) -> Iterator[str]:
    return (each.sval for each in nodes if type(each).__name__ == "String")


def _check_setting(name: str) -> None:
    if name.lower() in SECRET_SETTINGS or "." in name:
        raise RefusedSqlError(f"the setting {name} is not shown")


def _word(kind: str) -> str:
    return _WORDS.get(kind, kind.removesuffix("Stmt").removesuffix("Clause"))
