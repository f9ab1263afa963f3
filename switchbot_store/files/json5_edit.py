"""Which JSON5 text holds another document, and else is as a person wrote it?

Pure. The text is one that its reader took. It is cut into tokens here, so that of a document
that changed only the values that are other ones are written anew: comments, blanks, quotes and
the order of names stay. Whoever calls reads the result again before it is kept.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchbot_store.model import Document

_TOKEN: Final = re.compile(
    r"""(?P<comment>//[^\n\r\u2028\u2029]*+|/\*.*?\*/)
    | (?P<text>"(?:\\.|[^"\\])*+"|'(?:\\.|[^'\\])*+')
    | (?P<sign>[{}\[\]:,])
    | (?P<bare>[^\s{}\[\]:,"'/]++)""",
    re.VERBOSE | re.DOTALL,
)
_BLANK: Final = re.compile(r"\s*+")
_REST_OF_LINE: Final = re.compile(
    r"(?:[ \t]|//[^\n\r]*+|/\*[^\n\r]*?\*/)*+(?=[\n\r]|\Z)"
)
_SIMPLE: Final = re.compile(r"[A-Za-z_$][\w$]*\Z", re.ASCII)
_ONE_LINE: Final = 72


class LostError(Exception):
    """What a person wrote would not be there any more."""


class _Token(NamedTuple):
    kind: str
    start: int
    end: int
    text: str


@dataclass(slots=True)
class _Node:
    """A value: where it stands, and what it holds."""

    start: int
    end: int
    kind: str
    parts: list[_Part] = field(default_factory=list)


@dataclass(slots=True)
class _Part:
    """One value of an object or list, `start` being that of its name where it has one."""

    start: int
    name: str
    value: _Node
    comma: int | None = None


def edited(
    text: str, before: Document, wanted: Document, name_of: Callable[[str], str]
) -> str:
    """Return the text of `before` with what differs in `wanted` put in.

    `name_of` reads a name that is written with escapes. Raises LostError where a comment on
    lines of its own would be lost.

    >>> text = "{low: 20, /* of the night */ high: 22} // ours"
    >>> edited(text, {"low": 20, "high": 22}, {"low": 19.5, "high": 22}, str)
    '{low: 19.5, /* of the night */ high: 22} // ours'
    """
    tokens = list(_tokens(text))
    edit = _Edit(text, name_of)
    root = edit.read([each for each in tokens if each.kind != "comment"])
    edit.bring(root, before, wanted)
    written = edit.result()
    if _comments(text) - _comments(written):
        raise LostError
    return written


def _tokens(text: str) -> Iterator[_Token]:
    at = _end_of_blank(text, 0)
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise LostError
        yield _Token(str(found.lastgroup), at, found.end(), found[0])
        at = _end_of_blank(text, found.end())


def _end_of_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _comments(text: str) -> Counter[str]:
    """Return the comments before which nothing stands on their line."""
    return Counter(
        each.text
        for each in _tokens(text)
        if each.kind == "comment" and not _line_before(text, each.start).strip()
    )


def _line_before(text: str, at: int) -> str:
    return text[_line_start(text, at) : at]


def _line_start(text: str, at: int) -> int:
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


class _Edit:
    """The changes to one text, gathered before any is made."""

    def __init__(self, text: str, name_of: Callable[[str], str]) -> None:
        self._text = text
        self._name_of = name_of
        self._changes: list[tuple[int, int, str]] = []
        self._newline = "\r\n" if "\r\n" in text else "\n"

    def read(self, tokens: list[_Token]) -> _Node:
        """Return the value that the tokens are."""
        waiting = iter(tokens)
        return self._value(next(waiting), waiting)

    def _value(self, token: _Token, waiting: Iterator[_Token]) -> _Node:
        if token.text not in ("{", "["):
            return _Node(token.start, token.end, token.kind)
        made = _Node(token.start, token.end, token.text)
        closing = "}" if token.text == "{" else "]"
        for each in waiting:
            if each.text == closing:
                made.end = each.end
                return made
            if each.text == ",":
                made.parts[-1].comma = each.start
                continue
            name, first = "", each
            if token.text == "{":
                name, _colon = self._name(each), next(waiting)
                first = next(waiting)
            made.parts.append(_Part(each.start, name, self._value(first, waiting)))
        raise LostError

    def _name(self, token: _Token) -> str:
        if "\\" in token.text:
            return self._name_of(token.text)
        return token.text[1:-1] if token.kind == "text" else token.text

    def result(self) -> str:
        """Return the text with every change made."""
        text = self._text
        # From the end, and of those at one place the last first, so that none moves another.
        ordered = sorted(
            enumerate(self._changes), key=lambda each: (each[1][:2], each[0])
        )
        for _, (start, end, put) in reversed(ordered):
            text = text[:start] + put + text[end:]
        return text

    def bring(self, node: _Node, before: Any, wanted: Any) -> None:
        """Note what makes a value the one that is wanted."""
        if _same(before, wanted):
            return
        if node.kind == "{" and isinstance(wanted, dict):
            self._bring_object(node, before, wanted)
        elif node.kind == "[" and isinstance(wanted, list):
            self._bring_list(node, before, wanted)
        else:
            self._changes.append((node.start, node.end, self._written(node, wanted)))

    def _bring_object(
        self, node: _Node, before: dict[str, Any], wanted: dict[str, Any]
    ) -> None:
        for part in node.parts:
            if part.name in wanted:
                self.bring(part.value, before[part.name], wanted[part.name])
            else:
                self._take_out(part)
        quoted = not node.parts or self._text[node.parts[-1].start] in "\"'"
        added = [
            (name if not quoted and _SIMPLE.match(name) else _dumped(name), value)
            for name, value in wanted.items()
            if name not in before
        ]
        kept = [part for part in node.parts if part.name in wanted]
        self._put_in(node, kept, [(f"{name}: ", value) for name, value in added])

    def _bring_list(self, node: _Node, before: list[Any], wanted: list[Any]) -> None:
        # What only lost some is not written anew, so that comments stay beside their own.
        kept = _kept(before, wanted)
        if kept is None:
            kept = list(range(min(len(before), len(wanted))))
            for index in kept:
                self.bring(node.parts[index].value, before[index], wanted[index])
        for index, part in enumerate(node.parts):
            if index not in kept:
                self._take_out(part)
        parts = [node.parts[index] for index in kept]
        self._put_in(node, parts, [("", value) for value in wanted[len(kept) :]])

    def _take_out(self, part: _Part) -> None:
        """Note that a value goes, with its comma, and its lines where it has them alone."""
        end = part.value.end if part.comma is None else part.comma + 1
        start, rest = (
            _line_start(self._text, part.start),
            _REST_OF_LINE.match(self._text, end),
        )
        if rest and not self._text[start : part.start].strip():
            line_end = rest.end()
            for each in ("\r\n", "\n", "\r"):
                if self._text.startswith(each, line_end):
                    line_end += len(each)
                    break
            self._changes.append((start, line_end, ""))
        else:
            beyond = len(self._text[end:]) - len(self._text[end:].lstrip(" \t"))
            self._changes.append((part.start, end + beyond, ""))

    def _put_in(
        self, node: _Node, kept: list[_Part], added: list[tuple[str, Any]]
    ) -> None:
        """Note what comes behind the values that stay."""
        if not added:
            return
        if not kept:
            told = ", ".join(name + _dumped(value) for name, value in added)
            self._changes.append((node.start + 1, node.start + 1, told))
            return
        last = kept[-1]
        end = last.value.end if last.comma is None else last.comma + 1
        if last.comma is None:
            self._changes.append((end, end, ","))
        before = _line_before(self._text, last.start)
        rest = _REST_OF_LINE.match(self._text, end)
        if rest and not before.strip():
            tail = "" if last.comma is None else ","
            told = ",".join(
                f"{self._newline}{before}{name}{self._in_lines(value, before)}"
                for name, value in added
            )
            self._changes.append((rest.end(), rest.end(), told + tail))
        else:
            told = ",".join(f" {name}{_dumped(value)}" for name, value in added)
            tail = "" if last is node.parts[-1] else ","
            self._changes.append((end, end, told + tail))

    def _written(self, node: _Node, value: Any) -> str:
        quote = self._text[node.start]
        if quote == "'" and isinstance(value, str):
            told = _dumped(value)[1:-1]
            if not {"'", "\\"} & set(told):
                return f"'{told}'"
        before = _line_before(self._text, node.start)
        return self._in_lines(value, before[: len(before) - len(before.lstrip())])

    def _in_lines(self, value: Any, indent: str) -> str:
        told = _dumped(value)
        if len(told) <= _ONE_LINE:
            return told
        lines = json.dumps(value, ensure_ascii=False, indent=2).split("\n")
        return (self._newline + indent).join(lines)


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _same(one: Any, other: Any) -> bool:
    """Tell whether two values are one, of which 20 and 20.0 are, and 1 and true are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            _same(value, other[name]) for name, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _kept(before: list[Any], wanted: list[Any]) -> list[int] | None:
    """Return which of a list are left, None where others than those are wanted as well."""
    kept: list[int] = []
    for index, each in enumerate(before):
        if len(kept) < len(wanted) and _same(each, wanted[len(kept)]):
            kept.append(index)
    return kept if len(kept) == len(wanted) else None
