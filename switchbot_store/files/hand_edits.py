"""A document's file as a person left it: is the text theirs, and where is its mistake.

What this package writes is whole or not there, so a text that is no document was
written by somebody else. A person's text is theirs to mend and stays where it is. What
a crash or a bad disk leaves has nobody who could mend it.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Final, NamedTuple

import orjson

from switchbot_store.codec import is_too_deep
from switchbot_store.languages import worded

BYTE_ORDER_MARK: Final = codecs.BOM_UTF8
"""Some editors leave one; JSON has none."""
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_WIDE: Final = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_NO_TEXT: Final = frozenset(range(0x20)) - frozenset(b"\t\n\v\f\r") | {0x7F}

_PLAIN_WORDS: Final = {
    "Expecting ',' delimiter": worded(
        "a comma or a closing bracket is missing before this"
    ),
    "Expecting ':' delimiter": worded("a colon is missing before this"),
    "Expecting property name enclosed in double quotes": worded(
        "a name in double quotes has to stand here; after the last value there is no comma"
    ),
    "Expecting value": worded("a value has to stand here"),
    "Extra data": worded("the document ended before this"),
    "Unterminated string starting at": worded(
        "the text that begins here has no closing quotation mark"
    ),
    "Invalid control character at": worded(
        "a text goes over the end of the line, or holds a control character"
    ),
    "Invalid \\escape": worded(
        "after a backslash, this means nothing; write \\\\ for a \\"
    ),
    "Illegal trailing comma before end of object": worded("a comma too many"),
    "Illegal trailing comma before end of array": worded("a comma too many"),
}


# What a person meant who wrote this where JSON has no such thing.
_NO_SIGNS: Final = (
    (
        tuple("“”„‟«»‹›‘’‚「」`"),  # noqa: RUF001 - the signs meant
        worded('this is a typographic quotation mark; write " in its place'),
    ),
    (
        tuple(
            "\u00a0\u1680\u2000\u2002\u2003\u2009\u200b\u200c\u200d\u202f\u2060\u3000\ufeff"
        ),
        worded("a sign that cannot be seen stands here; write a blank in its place"),
    ),
    (
        tuple("\uff1a\uff0c\uff1b\uff5b\uff5d\uff3b\uff3d\uff02"),
        worded("this is a full-width sign; write the narrow one"),
    ),
)
_NO_JSON: Final = (
    *_NO_SIGNS,
    (
        ("//", "/*", "#"),
        worded(
            "JSON has no comments; name the file .json5 or .yaml, which have them, or take "
            "this out"
        ),
    ),
    (("'",), worded("JSON knows double quotes alone: write \" in place of '")),
    (
        ("True", "False", "None"),
        worded("JSON writes true, false and null in small letters"),
    ),
    (
        ("NaN", "Infinity", "-Infinity", "+", "."),
        worded("this is no number of JSON; write one as 20 or 20.5"),
    ),
)
_DECIMAL_COMMA: Final = worded("a number has a point in place of a comma, as 21.5")
EMPTY: Final = worded("the file is empty; what holds nothing is {{}}")
_TOO_LARGE: Final = worded("this number is larger than any that is read")
_NOTHING: Final = worded("this means nothing here")
# Texts, and what holds them together, of what is JSON.
# Possessive: what could be gone back to is kept of every letter, a hundred bytes each.
_TOKENS: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]:,]')


class Mistake(NamedTuple):
    """Where a text stops being a document, and why."""

    line: int
    column: int
    reason: str


def is_by_hand(data: bytes) -> bool:
    """Tell a person's text from what a crash or a bad disk leaves of a file.

    Nothing but blanks is nobody's text. NUL bytes are what is read of blocks that were
    never written, unless it all is a text in UTF-16 or UTF-32. Another old encoding than UTF-8 is a text as long as no control character is in it.
    """
    if not data.strip():
        return False
    if b"\0" in data or data.startswith(_UTF_16):
        return bool(_wide(data))
    return _decodes(data, "utf-8") or _NO_TEXT.isdisjoint(data)


def mistake_in(data: bytes) -> Mistake:
    """Find the first mistake in what is no JSON object."""
    found = undecodable(data)
    if found is not None:
        return found
    return _mistake_in(data.removeprefix(BYTE_ORDER_MARK).decode())


def undecodable(data: bytes) -> Mistake | None:
    """Find the first place that is no UTF-8, None where all of it is."""
    wide = _wide(data)
    if wide.startswith("utf-16"):
        return Mistake(1, 1, worded("this is saved as UTF-16; save it as UTF-8"))
    if wide:
        return Mistake(1, 1, worded("this is no UTF-8; save the file as UTF-8"))
    data = data.removeprefix(BYTE_ORDER_MARK)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        line = before.count("\n") + 1
        column = len(before) - before.rfind("\n")
        return Mistake(line, column, worded("this is no UTF-8; save the file as UTF-8"))
    return None


def _wide(data: bytes) -> str:
    """Return which encoding of two or four bytes a text is in, "" where in none.

    Editors that save one may leave out the mark that says so; names of settings have
    so many letters of ours that every fourth byte at least is NUL then.
    """
    if data.count(0) * 4 < len(data) and not data.startswith(_UTF_16):
        return ""
    for encoding in _WIDE:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _NO_TEXT.isdisjoint(map(ord, text)):
            return encoding
    return ""


def slip_at(line: str, column: int) -> str:
    """Return what a sign was meant for that stands at a column or before it, "" if none.

    Of what no language of ours has: a decimal comma, and signs that look like others.

    >>> slip_at("{min_temp: 21,5}", 15)
    'a number has a point in place of a comma, as 21.5'
    >>> slip_at("{min_temp: 21 mode: 1}", 15)
    ''
    """
    if re.search(r"[:=]\s*[+-]?\d+,\d", line[: column + 1]):
        return _DECIMAL_COMMA
    for begin in (column - 1, column - 2):
        for beginnings, words in _NO_SIGNS:
            if begin >= 0 and line[begin:].startswith(beginnings):
                return words
    return ""


def _mistake_in(text: str) -> Mistake:
    if not text.strip():
        return Mistake(1, 1, EMPTY)
    found: json.JSONDecodeError | None = None
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        found = error
    except (ValueError, RecursionError):
        pass  # a number too long, or too many levels: ask the stricter one
    if found is None:
        try:
            if is_too_deep(orjson.loads(text)):
                return Mistake(
                    1, 1, worded("there are more levels of brackets than are read")
                )
        except orjson.JSONDecodeError as error:
            found = error
    if found is None:
        before = text[: len(text) - len(text.lstrip())]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return Mistake(line, column, worded("a document is an object, in braces {{ }}"))
    whole = text.split("\n")[found.lineno - 1]
    words = _words_of(found.msg, text[found.pos :])
    if "property name" in found.msg and slip_at(whole, found.colno) == _DECIMAL_COMMA:
        words = _DECIMAL_COMMA
    return Mistake(found.lineno, found.colno, words)


def _words_of(message: str, rest: str) -> str:
    """Return what is wrong where `rest` begins, as people say it."""
    for beginnings, words in _NO_JSON:
        if rest.startswith(beginnings):
            return words
    if "infinity" in message:
        return _TOO_LARGE
    return _PLAIN_WORDS.get(message, _NOTHING)


def twice_in(data: bytes) -> Mistake | None:
    """Find a name that stands twice in one object of what is JSON.

    Readers take the last one, and the person sees the first.

    >>> twice_in(b'{"mode": "winter", "mode": "summer"}').column
    20
    >>> twice_in(b'{"a": {"mode": 1}, "b": {"mode": 2}}')
    """
    text = data.removeprefix(BYTE_ORDER_MARK).decode()
    objects: list[set[str] | None] = []
    last = ""
    begins = 0
    for found in _TOKENS.finditer(text):
        mark = found[0]
        if mark == "{":
            objects.append(set())
        elif mark == "[":
            objects.append(None)
        elif mark in ("}", "]"):
            objects.pop()
        elif mark == ":" and (names := objects[-1]) is not None:
            name = json.loads(last, strict=False)
            if name in names:
                line = text.count("\n", 0, begins) + 1
                column = begins - text.rfind("\n", 0, begins)
                reason = worded("this name stands here for the second time")
                return Mistake(line, column, reason)
            names.add(name)
        last, begins = mark, found.start()
    return None


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
