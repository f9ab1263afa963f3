"""The text that pg_stat_statements keeps, as a statement that can be parsed again.

It puts ``$1`` in place of every constant, also where the grammar takes constants alone:
``interval '1 day'`` becomes ``interval $1``, and ``extract(year FROM x)`` may become
``extract($1 FROM x)``. No I/O.
"""

from __future__ import annotations

import re
from typing import Any, Final

_PARAMETER: Final = "PARAM"
_OPEN, _CLOSE, _DOT = "ASCII_40", "ASCII_41", "ASCII_46"
_OPEN_SQUARE, _CLOSE_SQUARE = "ASCII_91", "ASCII_93"
_NAMES: Final = frozenset({"IDENT", "UIDENT"})
# Types whose names are words of the grammar.
_TYPE_WORDS: Final = frozenset(
    {"BIGINT", "BIT", "BOOLEAN_P", "CHARACTER", "CHAR_P", "DEC", "DECIMAL_P", "FLOAT_P"}
    | {"INTEGER", "INTERVAL", "INT_P", "JSON", "NCHAR", "NUMERIC", "REAL", "SMALLINT"}
    | {"TEXT_P", "TIME", "TIMESTAMP", "VARCHAR", "NAME_P", "XML_P"}
)
_SECOND_WORDS: Final = {"PRECISION": "DOUBLE_P", "VARYING": ""}
_ZONE_WORDS: Final = 3
"""Of WITH TIME ZONE."""
_FIELDS: Final = frozenset(
    {"YEAR_P", "MONTH_P", "DAY_P", "HOUR_P", "MINUTE_P", "SECOND_P"}
)
_NUMBER: Final = re.compile(r"\$(\d+)")


def parsable(sql: str, tokens: list[Any]) -> str:
    """Return the statement with its typed literals as casts, parameters counted anew.

    `tokens` are those of pglast's scanner, without comments. A statement that has no
    parameter in such a place comes back as it is.
    """
    changes: list[tuple[int, int, str]] = []
    index = 0
    while index < len(tokens):
        if tokens[index].name == _PARAMETER:
            change, index = _change_at(sql, tokens, index)
            if change is not None:
                changes.append(change)
            continue
        index += 1
    if not changes:
        return sql
    text = sql
    for start, end, replacement in reversed(changes):
        text = text[:start] + replacement + text[end:]
    return _counted_anew(text)


def _change_at(
    sql: str, tokens: list[Any], index: int
) -> tuple[tuple[int, int, str] | None, int]:
    """Return what to put in place of what, at a parameter, and where to go on."""
    parameter = tokens[index]
    written = sql[parameter.start : parameter.end + 1]
    before = [token.name for token in tokens[max(0, index - 2) : index]]
    following = tokens[index + 1].name if index + 1 < len(tokens) else ""
    if before == ["EXTRACT", _OPEN] and following == "FROM":
        # Which field it was is gone; what it costs does not depend on that.
        return (parameter.start, parameter.end + 1, "epoch"), index + 1
    first = _type_before(tokens, index)
    if first is None:
        return None, index + 1
    name = sql[tokens[first].start : tokens[index - 1].end + 1]
    last = index
    if any(token.name == "INTERVAL" for token in tokens[first:index]):
        last = _fields_after(tokens, index)
        fields = sql[parameter.end + 1 : tokens[last].end + 1]
        name += fields if last > index else ""
    cast = f"CAST({written} AS {name})"
    return (tokens[first].start, tokens[last].end + 1, cast), last + 1


def _type_before(tokens: list[Any], index: int) -> int | None:
    """Return where the type's name begins that stands before a parameter, if one does."""
    at = index - 1
    if at < 0:
        return None
    if tokens[at].name == "ZONE":
        # Of AT TIME ZONE $1 it is none.
        if at < _ZONE_WORDS or tokens[at - 2].name not in {
            "WITH",
            "WITH_LA",
            "WITHOUT",
            "WITHOUT_LA",
        }:
            return None
        at -= _ZONE_WORDS
    if tokens[at].name == _CLOSE:
        at = _opening(tokens, at) - 1
        if at < 0:
            return None
    name = tokens[at].name
    if name in _SECOND_WORDS:
        wanted = _SECOND_WORDS[name]
        return (
            at - 1 if at > 0 and (not wanted or tokens[at - 1].name == wanted) else None
        )
    if name in _TYPE_WORDS:
        return at
    if name not in _NAMES:
        return None
    while at > 1 and tokens[at - 1].name == _DOT and tokens[at - 2].name in _NAMES:
        at -= 2
    return at


def _opening(tokens: list[Any], at: int) -> int:
    depth = 0
    for place in range(at, -1, -1):
        depth += tokens[place].name == _CLOSE
        depth -= tokens[place].name == _OPEN
        if not depth:
            return place
    return 0


def _fields_after(tokens: list[Any], index: int) -> int:
    """Return the last token of `DAY TO SECOND (3)` behind an interval, or its own."""
    last = index
    for place in range(index + 1, len(tokens)):
        name = tokens[place].name
        if name in _FIELDS or (name == "TO" and last > index):
            last = place
            continue
        if name == _OPEN and tokens[last].name == "SECOND_P":
            last = place + 2
        break
    return min(last, len(tokens) - 1)


def _counted_anew(text: str) -> str:
    """Give parameters the numbers from 1 on, without a gap: each must have a type."""
    from pglast.parser import scan  # noqa: PLC0415 - an extra

    numbers: dict[str, int] = {}
    parts, at = [], 0
    for token in scan(text):
        if token.name != _PARAMETER:
            continue
        written = text[token.start : token.end + 1]
        match = _NUMBER.fullmatch(written)
        if match is None:
            continue
        number = numbers.setdefault(written, len(numbers) + 1)
        parts += [text[at : token.start], f"${number}"]
        at = token.end + 1
    return "".join([*parts, text[at:]])
