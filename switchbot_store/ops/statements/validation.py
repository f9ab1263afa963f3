"""What one SQL statement is made of, and whether that may be run. No I/O.

Parsed by PostgreSQL's own parser (pglast), so that what is judged is what runs. How long
and how deep it may be is checked before: a parser goes down the stack with every level.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from switchbot_store.errors import StoreConfigError, StoreDataError
from switchbot_store.languages import worded
from switchbot_store.ops.statements.allowed import (
    FUNCTIONS,
    NODES,
    SECRET_COLUMNS,
    SECRET_RELATIONS,
    SECRET_SETTINGS,
    STATEMENTS,
)
from switchbot_store.ops.statements.normalized import parsable

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_STATEMENT_BYTES: Final = 100_000
MAX_TOKENS: Final = 20_000
MAX_BRACKETS: Final = 100
"""Brackets within brackets, and CASE within CASE."""
MAX_LINKS: Final = 500
"""Operators in one expression, or joined parts of one query, with those around it."""

_OWN_SCHEMAS = frozenset({"pg_catalog", "information_schema"})
_COMMENTS: Final = frozenset({"C_COMMENT", "SQL_COMMENT"})
_SEMICOLON: Final = "ASCII_59"
_OPENING: Final = frozenset({"ASCII_40", "ASCII_91", "CASE"})
_CLOSING: Final = frozenset({"ASCII_41", "ASCII_93", "END_P"})
# One more of these is one level more for all that stood before it.
_JOINING: Final = frozenset({"BETWEEN", "EXCEPT", "INTERSECT", "JOIN", "UNION"})
# Of an expression nothing is left open after these.
_ENDING: Final = frozenset(
    {"AND", "ASCII_44", "ELSE", "GROUP_P", "HAVING", "LIMIT", "OFFSET", "ON", "OR"}
    | {"ORDER", "SELECT", "THEN", "VALUES", "WHEN", "WHERE"}
)
# A name, a constant, a dot: what an expression has between its operators.
_FLAT: Final = frozenset(
    {"ASCII_46", "BCONST", "FCONST", "ICONST", "IDENT", "SCONST", "UIDENT", "XCONST"}
)
_COMPARING: Final = frozenset({"A_Expr", "MinMaxExpr"})
# What has a type that no name in the statement tells.
_TYPES_OF_NODES: Final = {
    **dict.fromkeys(
        (
            *("JsonArrayAgg", "JsonArrayConstructor", "JsonArrayQueryConstructor"),
            *("JsonFuncExpr", "JsonObjectAgg", "JsonObjectConstructor"),
            *("JsonParseExpr", "JsonScalarExpr", "JsonSerializeExpr", "JsonTable"),
        ),
        ("json", "jsonb"),
    ),
    "SQLValueFunction": ("date", "name", "time", "timestamp", "timestamptz", "timetz"),
    "XmlExpr": ("xml",),
}
_TYPES_OF_COLUMNS: Final = {
    "cmax": "cid",
    "cmin": "cid",
    "ctid": "tid",
    "tableoid": "oid",
    "xmax": "xid",
    "xmin": "xid",
}
_POPULATING: Final = ("_populate_record", "_populate_recordset")
_COMPARISONS: Final = frozenset({"<", "<=", ">", ">="})
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

    Relations and types are (schema or empty, name). `hidden` are names that stand for a
    WITH query, at least in one place. `functions` and `operators` are bare
    names, each found in ``pg_catalog`` only. `attributes` look like columns; PostgreSQL
    takes ``row.name`` for ``name(row)`` where there is no such column. `whole_rows`: a row
    of a table may stand beside a literal, which is then read as one. `columns` are those that
    are named, in USING too; `all_columns`: others as well may be meant, by a star, by NATURAL
    or under another name. `text` is the statement without the semicolons and comments around
    it.
    """

    text: str = ""
    relations: set[tuple[str, str]] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    operators: set[str] = field(default_factory=set)
    types: set[tuple[str, str]] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    whole_rows: bool = False
    all_columns: bool = False
    columns: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    all_used: bool = False
    made: set[int] = field(default_factory=set)
    all_made: bool = False


def validated(sql: str, *, parameters: bool = False) -> Parts:
    """Return the parts of a single statement that only reads.

    `parameters`: ``$1`` and the like may stand in it, where it is planned and not run.
    Raises RefusedSqlError, saying what is refused; StoreConfigError when pglast is not
    installed.
    """
    text, called = _measured(sql, parameters=parameters)
    statement = _only_statement(text)
    kind = type(statement).__name__
    if kind not in STATEMENTS:
        raise RefusedSqlError(
            worded("only SELECT and SHOW are run, not {kind}", kind=_word(kind))
        )
    if kind == "VariableShowStmt":
        _check_setting(str(statement.name))
        return Parts(text)
    parts = Parts(text)
    for node, queries in _scoped(statement):
        if type(node).__name__ == "RangeVar":
            _take_relation(node, parts, queries)
        elif not (parameters and type(node).__name__ == "ParamRef"):
            _take(node, parts)
    # What is a construct to this parser may be a function to an older server.
    parts.functions |= called
    parts.whole_rows = _has_whole_rows(statement, parts)
    for node in _nodes(statement):
        parts.all_columns |= _has_any_column(node)
        parts.columns |= _columns_of(node)
    _take_used(statement, parts)
    _check_columns(parts)
    return parts


def _has_any_column(node: Any) -> bool:
    """Tell whether a node may stand for columns that it does not name."""
    return _is_star(node) or (
        type(node).__name__ == "A_Indirection"
        or bool(getattr(node, "colnames", None))
        or bool(getattr(node, "aliascolnames", None))
        or bool(getattr(node, "isNatural", False))
    )


def _columns_of(node: Any) -> set[str]:
    kind = type(node).__name__
    if kind == "ColumnRef":
        return {*_names(node.fields)}
    if kind == "JoinExpr":
        return {*_names(node.usingClause or ())}
    return set()


def _take_used(statement: Any, parts: Parts) -> None:
    """Take the columns that more is done with than to give them as they are.

    Only the outermost query gives them to whoever asked; what another one gives may be
    computed with under any name.
    """
    shown = _shown(statement)
    passed = {id(each.val) for each in shown}
    for node in _nodes(statement):
        if id(node) not in passed:
            parts.all_used |= _has_any_column(node)
            parts.used |= _columns_of(node)
    # What sorts or groups may say so by the name of a column of the answer.
    for each in shown:
        if each.name in parts.used:
            parts.used |= _columns_of(each.val)
    parts.all_used |= parts.whole_rows
    targets = getattr(statement, "targetList", None) or ()
    # Nobody knows how many a star stands for: behind it they are counted from the end.
    stars = [number for number, each in enumerate(targets) if _is_star(each.val)]
    parts.all_made = parts.all_used
    for number, each in enumerate(targets):
        if id(each.val) in passed:
            continue
        if not stars or number < stars[0]:
            parts.made.add(number)
        elif number > stars[-1]:
            parts.made.add(number - len(targets))
        else:
            parts.all_made = True


def _shown(statement: Any) -> list[Any]:
    """Return the targets of a query that are columns, and that it does no more with."""
    targets = list(statement.targetList or ())
    by_number = any(
        type(node).__name__ == "A_Const"
        for node in _nodes([statement.sortClause, statement.groupClause])
    )
    # A query of two has none of its own.
    if not targets or statement.distinctClause or by_number:
        return []
    return [each for each in targets if type(each.val).__name__ == "ColumnRef"]


def _check_columns(parts: Parts) -> None:
    own = {name for schema, name in parts.relations if schema in {"", *_OWN_SCHEMAS}}
    for relation in own & SECRET_COLUMNS.keys():
        secret = SECRET_COLUMNS[relation]
        if parts.all_columns or parts.whole_rows or parts.columns & secret:
            raise RefusedSqlError(
                worded(
                    "{relation}.{secret} may hold secrets: name the other columns",
                    relation=relation,
                    secret=min(secret),
                )
            )


def validated_expression(sql: str) -> Parts:
    """Return the parts of an expression of a definition, as of a statement."""
    parts = validated(f"SELECT ({sql})")
    _use_all(parts)
    return parts


def _use_all(parts: Parts) -> None:
    """Say of what is no answer that something is done with each of its columns."""
    parts.used |= parts.columns
    parts.all_used |= parts.all_columns
    parts.all_made = True


def computes_of_constants(sql: str) -> bool:
    """Tell whether an expression computes something without giving it a column.

    Of functions those that are PostgreSQL's own do not count.
    """
    return any(
        _is_computed(node) and not _has_columns(_operands(node))
        for node in nodes_of(f"SELECT ({sql})")
    )


def _is_computed(node: Any) -> bool:
    kind = type(node).__name__
    if kind == "FuncCall":
        return len(node.funcname) > 1 or node.funcname[-1].sval not in FUNCTIONS
    return kind in _COMPARING or (kind == "CaseExpr" and node.arg is not None)


def _operands(node: Any) -> Any:
    """Return what a node computes of; what CASE gives is not compared."""
    return node.arg if type(node).__name__ == "CaseExpr" else node


def _has_columns(node: Any) -> bool:
    return any(type(each).__name__ == "ColumnRef" for each in _nodes(node))


def validated_index(definition: str) -> Parts:
    """Return the parts of a CREATE INDEX, as of a statement that reads what it computes.

    Raises RefusedSqlError for what could be more than a plain index over a table.
    """
    text, _ = _measured(definition, parameters=False)
    statement = _only_statement(text)
    if type(statement).__name__ != "IndexStmt":
        raise RefusedSqlError(worded("only CREATE INDEX statements can be supposed"))
    from pglast.stream import RawStream  # noqa: PLC0415 - an extra

    for item in (*statement.indexParams, *(statement.indexIncludingParams or ())):
        if item.opclassopts or (item.opclass and len(item.opclass) > 1):
            raise RefusedSqlError(
                worded("an index is supposed with PostgreSQL's own classes")
            )
        if item.opclass and not str(item.opclass[-1].sval).endswith("_ops"):
            raise RefusedSqlError(
                worded("an index is supposed with PostgreSQL's own classes")
            )
    stream = RawStream()
    items = [
        stream(item.expr) if item.expr is not None else _quoted(str(item.name))
        for item in statement.indexParams
    ]
    where = statement.whereClause
    relation = statement.relation
    table = ".".join(
        _quoted(each) for each in (relation.schemaname, relation.relname) if each
    )
    columns = ", ".join(f"({item})" for item in items)
    asked = f"SELECT {columns} FROM {table}"  # noqa: S608 - it is judged, not run
    if where is not None:
        asked += f" WHERE {RawStream()(where)}"
    parts = validated(asked)
    _use_all(parts)
    parts.classes = {
        str(item.opclass[-1].sval) for item in statement.indexParams if item.opclass
    }
    return parts


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _has_whole_rows(statement: Any, parts: Parts) -> bool:
    """Tell whether a row of a relation may be used as one value."""
    rows = {name for _, name in parts.relations}
    stars = 0
    for node in _nodes(statement):
        kind = type(node).__name__
        if kind == "Alias":
            rows.add(str(node.aliasname))
        elif kind == "ResTarget" and _is_star(node.val):
            stars -= 1  # the columns one by one
        elif _is_star(node):
            stars += 1
    if stars > 0 or any(name.endswith(_POPULATING) for name in parts.functions):
        return True
    return any(
        type(node).__name__ == "ColumnRef"
        and type(node.fields[-1]).__name__ == "String"
        and node.fields[-1].sval in rows
        for node in _nodes(statement)
    )


def _is_star(node: Any) -> bool:
    return (
        type(node).__name__ == "ColumnRef"
        and type(node.fields[-1]).__name__ == "A_Star"
    )


def parameters_of(sql: str) -> int:
    """Return the number of the last parameter of a statement, 0 without any."""
    return max(
        (node.number for node in nodes_of(sql) if type(node).__name__ == "ParamRef"),
        default=0,
    )


def nodes_of(sql: str) -> Iterator[Any]:
    """Yield every node of a single statement. Raises as `validated` does."""
    text, _ = _measured(sql, parameters=False)
    return _nodes(_only_statement(text))


def _measured(sql: str, *, parameters: bool) -> tuple[str, set[str]]:
    """Return a statement without what surrounds it, and the keywords that it calls.

    With `parameters` what only the text of pg_stat_statements has is made parsable.

    Raises RefusedSqlError for one too long or too deep to be parsed.
    """
    tokens = [each for each in _tokens(sql) if each.name not in _COMMENTS]
    if len(tokens) > MAX_TOKENS:
        raise RefusedSqlError(
            worded(
                "a statement of {number} words and signs: at most {max_tokens}",
                number=len(tokens),
                max_tokens=MAX_TOKENS,
            )
        )
    _check_depth(tokens)
    called = {
        sql[each.start : each.end + 1].lower()
        for each, following in pairwise(tokens)
        if following.name == "ASCII_40" and each.kind != "NO_KEYWORD"
    }
    while tokens and tokens[-1].name == _SEMICOLON:
        tokens.pop()
    first = next((each for each in tokens if each.name != _SEMICOLON), None)
    text = "" if first is None else sql[first.start : tokens[-1].end + 1]
    if parameters and text:
        text = parsable(
            text, [each for each in _tokens(text) if each.name not in _COMMENTS]
        )
    return text, called


def _tokens(sql: str) -> list[Any]:
    try:
        from pglast.parser import ParseError, scan  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise _not_installed() from error
    check_text(sql)
    try:
        return list(scan(sql))
    except ParseError as error:
        raise _unparsed(error) from error


def check_text(sql: str) -> None:
    """Raise RefusedSqlError for what is too long, or no text that PostgreSQL takes."""
    if "\0" in sql:
        raise RefusedSqlError(worded("a statement holds no NUL"))
    if len(sql) > MAX_STATEMENT_BYTES or len(_encoded(sql)) > MAX_STATEMENT_BYTES:
        raise RefusedSqlError(
            worded(
                "a statement is at most {max_statement_bytes} bytes long",
                max_statement_bytes=MAX_STATEMENT_BYTES,
            )
        )


def _encoded(sql: str) -> bytes:
    try:
        return sql.encode()
    except UnicodeEncodeError as error:
        raise RefusedSqlError(
            worded("a statement is Unicode text: {error}", error=error)
        ) from error


def _check_depth(tokens: list[Any]) -> None:
    """Raise RefusedSqlError where the tree of a statement may be too deep.

    Counted from above: no tree is deeper than its brackets and operators can make it.
    """
    joined, linked = [0], [0]
    depth = 0
    for token in tokens:
        name = token.name
        if name in _OPENING:
            joined.append(0)
            linked.append(0)
            depth += 1
        elif name in _CLOSING and len(joined) > 1:
            depth -= 1 + joined.pop() + linked.pop()
            linked[-1] += 1
            depth += 1
        elif name in _ENDING:
            depth -= linked[-1]
            linked[-1] = 0
        elif name in _JOINING:
            joined[-1] += 1
            depth += 1 - linked[-1]
            linked[-1] = 0
        elif name not in _FLAT:
            linked[-1] += 1
            depth += 1
        if len(joined) > MAX_BRACKETS:
            raise RefusedSqlError(
                worded(
                    "more than {max_brackets} brackets in brackets",
                    max_brackets=MAX_BRACKETS,
                )
            )
        if depth > MAX_LINKS:
            raise RefusedSqlError(
                worded(
                    "more than {max_links} operators, joins or unions in one expression",
                    max_links=MAX_LINKS,
                )
            )


def _only_statement(text: str) -> Any:
    try:
        from pglast import parse_sql  # noqa: PLC0415 - an extra
        from pglast.parser import ParseError  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise _not_installed() from error
    try:
        statements = parse_sql(text)
    except ParseError as error:
        raise _unparsed(error) from error
    if len(statements) != 1:
        raise RefusedSqlError(
            worded("one statement at a time, not {number}", number=len(statements))
        )
    return statements[0].stmt


def _not_installed() -> StoreConfigError:
    return StoreConfigError(
        worded("pglast is not installed: pip install 'switchbot-automation[ops]'")
    )


def _unparsed(error: Exception) -> RefusedSqlError:
    return RefusedSqlError(
        worded("PostgreSQL's parser refuses it: {error}", error=error)
    )


def _nodes(node: Any) -> Iterator[Any]:
    """Yield a node and all beneath it, of whatever kind."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, tuple | list):
            waiting.extend(each)
        elif _is_node(each):
            yield each
            waiting.extend(getattr(each, name, None) for name in each.__slots__)


def _scoped(statement: Any) -> Iterator[tuple[Any, frozenset[str]]]:
    """Yield each node with the names of the WITH queries that it sees.

    As PostgreSQL has it: a query sees those of its own WITH and of every query around
    it. A WITH query sees those before it in the list; with RECURSIVE, all of the list.
    """
    waiting: list[tuple[Any, frozenset[str]]] = [(statement, frozenset())]
    while waiting:
        each, seen = waiting.pop()
        if isinstance(each, tuple | list):
            waiting.extend((part, seen) for part in each)
            continue
        if not _is_node(each):
            continue
        yield each, seen
        inner = seen
        clause = getattr(each, "withClause", None)
        if clause is not None:
            yield clause, seen
            named = [query.ctename for query in clause.ctes]
            inner = seen | set(named)
            for index, query in enumerate(clause.ctes):
                before = inner if clause.recursive else seen | set(named[:index])
                waiting.append((query, before))
        waiting.extend(
            (getattr(each, name, None), inner)
            for name in each.__slots__
            if name != "withClause"
        )


def _is_node(value: Any) -> bool:
    return hasattr(value, "__slots__") and type(value).__module__ == "pglast.ast"


def _take_relation(node: Any, parts: Parts, queries: frozenset[str]) -> None:
    schema, name = node.schemaname or "", str(node.relname)
    if node.catalogname:
        raise RefusedSqlError(worded("{name} is of another database", name=name))
    if not schema and name in queries:
        parts.hidden.add(name)
        return
    if name in SECRET_RELATIONS and schema in {"", *_OWN_SCHEMAS}:
        raise RefusedSqlError(worded("{name} may hold secrets", name=name))
    if schema.startswith("pg_toast"):
        raise RefusedSqlError(
            worded("{schema} is PostgreSQL's own store", schema=schema)
        )
    parts.relations.add((schema, name))


def _take(node: Any, parts: Parts) -> None:
    kind = type(node).__name__
    if kind not in NODES:
        raise RefusedSqlError(
            worded("{kind} cannot be part of a read", kind=_word(kind))
        )
    parts.types |= {("pg_catalog", name) for name in _TYPES_OF_NODES.get(kind, ())}
    if kind == "FuncCall":
        parts.functions.add(_function(node.funcname))
    elif kind == "RangeTableSample":
        parts.functions.add(_function(node.method))
    elif kind in {"A_Expr", "SubLink", "SortBy"}:
        _take_operator(node, parts)
    elif kind in {"CaseExpr", "JoinExpr"} and _compares(node):
        parts.operators.add("=")
    elif kind == "TypeName":
        parts.types |= _types(node)
    elif kind == "ColumnRef":
        parts.attributes.update(_names(node.fields[1:]))
        for name in _TYPES_OF_COLUMNS.keys() & {*_names(node.fields)}:
            parts.types.add(("pg_catalog", _TYPES_OF_COLUMNS[name]))
    elif kind == "A_Indirection":
        parts.attributes.update(_names(node.indirection))


def _function(names: Any) -> str:
    *schema, name = (each.sval for each in names)
    if schema not in ([], ["pg_catalog"]):
        raise RefusedSqlError(
            worded(
                "the function {value} is not PostgreSQL's own",
                value=".".join([*schema, name]),
            )
        )
    if name not in FUNCTIONS:
        raise RefusedSqlError(
            worded(
                "the function {name} is not among those that can change and "
                "reach nothing",
                name=name,
            )
        )
    return str(name)


def _compares(node: Any) -> bool:
    """Tell whether a CASE or a JOIN compares with an operator that is not written."""
    if type(node).__name__ == "CaseExpr":
        return node.arg is not None
    return bool(node.isNatural or node.usingClause)


def _take_operator(node: Any, parts: Parts) -> None:
    names = {"A_Expr": "name", "SubLink": "operName", "SortBy": "useOp"}
    found = getattr(node, names[type(node).__name__]) or ()
    name = found[-1].sval if found else ""
    if name[:1].isalpha():
        parts.operators |= _COMPARISONS  # BETWEEN, in one of its forms
    elif name:
        # With a schema or without: of that name none may be of somebody's own.
        parts.operators.add(str(name))
    elif type(node).__name__ == "SubLink" and node.testexpr is not None:
        parts.operators.add("=")  # IN


def _types(node: Any) -> set[tuple[str, str]]:
    names = [str(each.sval) for each in node.names or ()]
    if not names:
        raise RefusedSqlError(worded("a type without a name"))
    schema, name = (names[-2], names[-1]) if len(names) > 1 else ("", names[0])
    # A word that this parser takes for PostgreSQL's own may be any name to an older one.
    return {(schema, name), ("", name)} if schema == "pg_catalog" else {(schema, name)}


def _names(nodes: Any) -> Iterator[str]:
    return (each.sval for each in nodes if type(each).__name__ == "String")


def _check_setting(name: str) -> None:
    if name.lower() in SECRET_SETTINGS or "." in name:
        raise RefusedSqlError(worded("the setting {name} is not shown", name=name))


def _word(kind: str) -> str:
    return _WORDS.get(kind, kind.removesuffix("Stmt").removesuffix("Clause"))
