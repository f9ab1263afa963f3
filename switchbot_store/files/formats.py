"""In which language a document's file is written, by the ending of its name.

``.json`` is what this package writes. A person may keep their settings as ``.json5`` or
``.yaml`` instead, for the comments; each needs its library, which an extra brings. What
is read of any of them is the same document, or the first mistake in it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from contextlib import suppress
from datetime import date
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from switchbot_store.codec import UnreadableError, decode, decode_again, encode
from switchbot_store.errors import StoreDataError
from switchbot_store.files.hand_edits import (
    BYTE_ORDER_MARK,
    EMPTY,
    Mistake,
    mistake_in,
    slip_at,
    undecodable,
)
from switchbot_store.files.json5_edit import LostError, edited
from switchbot_store.languages import reworded, worded
from switchbot_store.secrets import shown_name

if TYPE_CHECKING:
    import os

    from switchbot_store.model import Document


_MAX_LEVELS: Final = 100
_TOO_DEEP: Final = Mistake(1, 1, worded("there are more levels than are read here"))
_NEITHER: Final = bytes(set(range(256)) - set(b"[]{}"))


def _levels(data: bytes) -> int:
    """Count how deep brackets go, those in texts and comments too."""
    level = deepest = 0
    for each in data.translate(None, _NEITHER):
        level += 1 if each in b"[{" else -1
        deepest = max(deepest, level)
    return deepest


class Format(Protocol):
    """One language.

    `beginning_may_pass`: the first lines of a document may be a document.
    """

    name: str
    beginning_may_pass: bool

    def read(self, data: bytes, *, key: str) -> Document:
        """Return the document of a file's bytes, or raise UnreadableError."""
        ...

    def read_again(self, data: bytes, *, key: str) -> Document:
        """Return the document of bytes that `read` took before."""
        ...

    def mistake_in(self, data: bytes) -> Mistake:
        """Find the first mistake in what `read` refuses."""
        ...

    def written(
        self, document: Document, as_json: bytes, before: bytes, *, place: str
    ) -> bytes:
        """Return the bytes that hold a document, in place of those of `before`.

        `before` is empty where there is no file. Raises StoreDataError where what a
        person wrote would be lost.
        """
        ...


class _Json:
    name = "JSON"
    beginning_may_pass = False

    def read(self, data: bytes, *, key: str) -> Document:
        return decode(data.removeprefix(BYTE_ORDER_MARK), key=key)

    def read_again(self, data: bytes, *, key: str) -> Document:
        del key
        return decode_again(data.removeprefix(BYTE_ORDER_MARK))

    def mistake_in(self, data: bytes) -> Mistake:
        return mistake_in(data)

    def written(
        self, document: Document, as_json: bytes, before: bytes, *, place: str
    ) -> bytes:
        del document, before, place
        return as_json


class SlipError(Exception):
    """A text that is no document, with its first mistake."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake)
        self.mistake = mistake


class _ByHand:
    """A language that people write; what was read last is remembered.

    Its reader is slow, `json5` by the square of a list's length, so it takes no more than
    `longest` bytes.
    """

    name: str
    beginning_may_pass = False
    longest: int

    def __init__(self) -> None:
        self._last: tuple[bytes | None, bytes | Mistake] = (None, b"{}")

    def read(self, data: bytes, *, key: str) -> Document:
        found = self._found_in(data)
        if isinstance(found, bytes):
            return decode(found, key=key)
        line, column, reason = found
        raise UnreadableError(
            worded(
                "{key!r} holds no {name}: line {line} column {column}: {reason}",
                key=key,
                name=self.name,
                line=line,
                column=column,
                reason=reason,
            )
        )

    def read_again(self, data: bytes, *, key: str) -> Document:
        return self.read(data, key=key)

    def mistake_in(self, data: bytes) -> Mistake:
        found = self._found_in(data)
        return (
            found if isinstance(found, Mistake) else Mistake(1, 1, worded("no mistake"))
        )

    def _found_in(self, data: bytes) -> bytes | Mistake:
        """Return the document as JSON, or the first mistake; slow only for new bytes."""
        if data != self._last[0]:
            try:
                self._last = data, self._encoded(data)
            except SlipError as slip:
                self._last = data, slip.mistake
        return self._last[1]

    def _encoded(self, data: bytes) -> bytes:
        found = undecodable(data)
        if found is not None:
            raise SlipError(found)
        if len(data) > self.longest:
            raise SlipError(
                Mistake(
                    1,
                    1,
                    worded(
                        "this is longer than the {longest} bytes read",
                        longest=self.longest,
                    ),
                )
            )
        if _levels(data) > _MAX_LEVELS:
            raise SlipError(_TOO_DEEP)  # at which the readers get slow
        try:
            text = data.removeprefix(BYTE_ORDER_MARK).decode()
            if not text.strip():
                raise SlipError(Mistake(1, 1, EMPTY))
            document = self._parsed(text)
            return encode(document)
        except RecursionError:
            raise SlipError(_TOO_DEEP) from None
        except StoreDataError as error:
            raise SlipError(Mistake(1, 1, reworded(error))) from error

    def _parsed(self, text: str) -> Document:
        raise NotImplementedError


_JSON5_SLIP: Final = re.compile(r"<string>:(\d+) (.*) at column (\d+)", re.DOTALL)


_TWICE_IN_JSON5: Final = re.compile(r'Duplicate key "(.*)" found')


class _Json5(_ByHand):
    name = "JSON5"
    longest = 64 * 1024

    def written(
        self, document: Document, as_json: bytes, before: bytes, *, place: str
    ) -> bytes:
        if not before:
            return as_json  # which is JSON5, too
        if self.read(before, key=place) == document:
            return before
        if _is_json(before):
            return as_json
        text = before.removeprefix(BYTE_ORDER_MARK).decode()
        with suppress(LostError, UnreadableError, ValueError):
            now = self.read(before, key=place)
            data = edited(text, now, document, _name_in_json5).encode()
            if self.read(data, key=place) == document:
                return data
        raise StoreDataError(
            worded(
                "{place} is a person's JSON5 and its comments would be lost: "
                "change it there, or keep the settings as .yaml or .json, which "
                "can be written",
                place=place,
            )
        )

    def _parsed(self, text: str) -> Document:
        try:
            import json5  # noqa: PLC0415 - only for who writes such a file
        except ImportError:
            raise SlipError(_library_missing("json5", self.name)) from None
        try:
            found: Any = json5.loads(text, allow_duplicate_keys=False)
        except ValueError as error:
            raise SlipError(_of_json5(str(error), text)) from error
        if type(found) is not dict:
            raise SlipError(_NO_OBJECT)
        return found


def _name_in_json5(token: str) -> str:
    """Return the name that stands in a text with escapes in it."""
    import json5  # noqa: PLC0415 - only for who writes such a file

    return str(next(iter(json5.loads(f"{{{token}: 0}}"))))


def _of_json5(message: str, text: str) -> Mistake:
    found = _JSON5_SLIP.search(message)
    if found is None:
        twice = _TWICE_IN_JSON5.search(message)
        if twice is None:
            return Mistake(1, 1, worded("this means nothing here; is a comma missing?"))
        name = worded(
            "the name {name!r} stands twice in one object", name=shown_name(twice[1])
        )
        return Mistake(1, 1, name)
    line, column = int(found[1]), int(found[3])
    if "end of input" in found[2]:
        return Mistake(line, column, worded("the text ends here too early"))
    rest = text.split("\n")[line - 1]
    words = slip_at(rest, column)
    if not words and rest[column - 1 :].startswith(("True", "False", "None")):
        words = worded("JSON writes true, false and null in small letters")
    nothing = worded("this means nothing here; is a comma missing?")
    return Mistake(line, column, words or nothing)


_UNSEEN: Final = worded(
    "a sign that cannot be seen stands in this name; write the name anew, or in quotes"
)
_NO_OBJECT: Final = Mistake(1, 1, worded("a document is an object, in braces {{ }}"))


def _library_missing(extra: str, name: str) -> Mistake:
    return Mistake(
        1,
        1,
        worded(
            "to read {name} a library is needed: install switchbot-automation[{extra}]",
            name=name,
            extra=extra,
        ),
    )


_MAX_NODES: Final = 100_000
_YAML: Final = "tag:yaml.org,2002:"
_TRUE: Final = frozenset({"true", "yes", "on", "y"})
# Of mapping, sequence and dash: how people indent.
_INDENTS: Final = ((2, 2, 0), (2, 4, 2), (4, 4, 0), (4, 4, 2), (4, 6, 4))


class _Yaml(_ByHand):
    """YAML 1.2, of which a document can hold what JSON can.

    Aliases and merge keys are followed, up to a bound on what they come to.
    """

    name = "YAML"
    beginning_may_pass = True
    longest = 128 * 1024

    def written(
        self, document: Document, as_json: bytes, before: bytes, *, place: str
    ) -> bytes:
        """Return the text with what differs put in, its comments and order kept."""
        if before and self.read(before, key=place) == document:
            return before
        if _is_json(before) and _holds(as_json, document, place=place):
            return as_json
        text = before.removeprefix(BYTE_ORDER_MARK).decode()
        indent = next(
            (each for each in _INDENTS if _again(text, each) == text), _INDENTS[0]
        )
        again = _again(text, indent)
        if _lost(_COMMENTS, text, again):
            raise _would_lose(place)
        yaml = _round_trip(indent)
        found = yaml.load(text)
        if found is None:
            found = yaml.map()
        try:
            _bring_to(found, document)
            changed = _dumped(yaml, found)
            for written in (_line_by_line(text, again, changed), changed):
                data = written.encode()
                # One beside what was taken out may go, one of its own line never.
                kept = not _lost(_OWN_LINES, text, written)
                if kept and _holds(data, document, place=place):
                    return data
        except KeyError as error:
            # What is merged cannot be taken out of a mapping, for one.
            raise _would_lose(place) from error
        raise _would_lose(place)

    def _parsed(self, text: str) -> Document:
        try:
            from ruamel.yaml import YAML  # noqa: PLC0415 - only for who writes such a file
            from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415
        except ImportError:
            raise SlipError(_library_missing("yaml", self.name)) from None
        try:
            root = YAML(typ="safe", pure=True).compose(text)
            if root is None:
                raise SlipError(_NO_OBJECT._replace(reason=_NO_MAPPING))
            found = _Values().of(root, 0)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            told = f"{error.context}, {error.problem}"
            raise SlipError(Mistake(line, column, _words_of_yaml(told))) from error
        except YAMLError as error:
            raise SlipError(Mistake(1, 1, _words_of_yaml(str(error)))) from error
        if type(found) is not dict:
            raise SlipError(
                _no_pair(text)
                if root.id == "scalar"
                else _NO_OBJECT._replace(reason=_NO_MAPPING)
            )
        return found


# What the reader says, by a part of it, as people say it; the first that is found counts.
_YAML_WORDS: Final = (
    ("'\\t'", worded("a tab stands here, and YAML indents with blanks alone")),
    (
        "cannot start any token",
        worded("a text that begins with this has to be put in quotes"),
    ),
    (
        "quoted scalar",
        worded(
            "the text that begins above has no closing quotation mark, or ends here"
        ),
    ),
    (
        "mapping values are not allowed",
        worded(
            "a colon too many: put a text with a colon in quotes, or indent this line as "
            "those beside it"
        ),
    ),
    ("expected ':'", worded("a colon is missing, with a blank behind it")),
    ("flow", worded("a comma or a closing bracket is missing before this")),
    (
        "<block end>",
        worded(
            "this stands otherwise than what is above: indent it as those beside it, and "
            "look whether a quotation mark or bracket above is one too many"
        ),
    ),
    (
        "another document",
        worded("a second document begins here; a file holds one, without ---"),
    ),
    ("undefined alias", worded("the name behind * was given to nothing above, with &")),
    ("duplicate anchor", worded("the name behind & was given above already")),
    ("unacceptable character", worded("a control character stands in the file")),
)


def _words_of_yaml(message: str) -> str:
    for part, words in _YAML_WORDS:
        if part in message:
            return words
    return worded("this is no YAML")


def _would_lose(place: str) -> StoreDataError:
    return StoreDataError(
        worded(
            "{place} cannot be changed without losing what a person wrote "
            "there, comments or anchors: change it there",
            place=place,
        )
    )


_COMMENTS: Final = re.compile(r"(?m)(?:^|[ \t])(#.*?)[ \t]*$")
_OWN_LINES: Final = re.compile(r"(?m)^[ \t]*(#.*?)[ \t]*$")


def _lost(comments: re.Pattern[str], before: str, after: str) -> bool:
    """Tell whether fewer comments are left, which the round trip drops at odd places."""
    return bool(Counter(comments.findall(before)) - Counter(comments.findall(after)))


_WORDS: Final = re.compile(r"([ \t]*)([\w.+-]+|[^ \t]|$)")


def _line_by_line(text: str, again: str, changed: str) -> str:
    """Return `changed`, with the blanks of `text` wherever the two are one.

    `again` is `text` as the library writes it where nothing changes: indented in its own
    way, with other blanks before comments, at ends of lines and within braces.
    """
    own, base, new = (each.split("\n") for each in (text, again, changed))
    if len(own) != len(base):
        return changed
    from difflib import SequenceMatcher  # noqa: PLC0415 - only for who changes such a file

    lines: list[str] = []
    matcher = SequenceMatcher(None, base, new, autojunk=False)
    for what, begin, end, new_begin, new_end in matcher.get_opcodes():
        if what == "equal":
            lines += own[begin:end]
            continue
        for number, line in enumerate(new[new_begin:new_end], begin):
            if number < end:
                lines.append(_spaced_as(own[number], base[number], line))
            else:
                lines.append(_indented_as(own[:end], base[:end], line))
    return "\n".join(lines)


def _spaced_as(own: str, base: str, line: str) -> str:
    """Return a line in place of `own`, with its blanks where they are no part of it."""
    mine, made, now = (_WORDS.findall(each) for each in (own, base, line))
    if [word for _, word in mine] != [word for _, word in made]:
        return line
    from difflib import SequenceMatcher  # noqa: PLC0415 - likewise

    matcher = SequenceMatcher(
        None, [word for _, word in made], [word for _, word in now], autojunk=False
    )
    for _what, begin, end, new_begin, new_end in matcher.get_opcodes():
        for old, new in zip(range(begin, end), range(new_begin, new_end), strict=False):
            blanks, word = now[new]
            # What stands before a comment makes its column, which is of no use here.
            if blanks == made[old][0] or (blanks and word == "#"):
                now[new] = mine[old][0], word
    return "".join(blanks + word for blanks, word in now)


def _indented_as(own: list[str], base: list[str], line: str) -> str:
    """Return a further line, as far in as the last one that the library has as far in."""
    depth = _depth(line)
    for mine, made in zip(reversed(own), reversed(base), strict=True):
        if made.strip() and _depth(made) == depth:
            return mine[: _depth(mine)] + line[depth:]
    return line


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _holds(data: bytes, document: Document, *, place: str) -> bool:
    """Tell whether a text of our own making is that document."""
    with suppress(UnreadableError):
        return _Yaml().read(data, key=place) == document
    return False


def _no_pair(text: str) -> Mistake:
    """Return what is wrong with lines that are one text and no name with its value."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith(("#", "---", "%")):
            continue
        begin = re.search("[:\uff1a]", line)
        column = begin.start() + 1 if begin else 1
        words = begin and slip_at(line, column + len(begin[0]))
        missing = worded("a colon is missing, with a blank behind it")
        return Mistake(number, column, words or missing)
    return _NO_OBJECT._replace(reason=_NO_MAPPING)


_NO_MAPPING: Final = worded("a document is a mapping, of lines such as name: value")


class _Values:
    """Makes plain values of composed nodes, and counts them."""

    def __init__(self) -> None:
        self._nodes = 0

    def of(self, node: Any, level: int) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise _slip(node, worded("its aliases come to more values than are read"))
        if level > _MAX_LEVELS:
            raise _slip(node, worded("there are more levels than are read here"))
        kind, tag = node.id, str(node.tag)
        if kind == "mapping" and tag == f"{_YAML}map":
            return self._mapping(node, level)
        if kind == "sequence" and tag == f"{_YAML}seq":
            return [self.of(each, level + 1) for each in node.value]
        if kind == "scalar":
            return _scalar(node, tag)
        raise _slip(node, worded("the tag {tag} means nothing here", tag=_short(tag)))

    def _mapping(self, node: Any, level: int) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for name, value in node.value:
            if str(name.tag) == f"{_YAML}merge":
                several = value.value if value.id == "sequence" else [value]
                for each in several:
                    found = self.of(each, level + 1)
                    if type(found) is not dict:
                        raise _slip(each, worded("what is merged has to be a mapping"))
                    merged = {**found, **merged}
                continue
            key = self.of(name, level + 1) if name.id == "scalar" else None
            mark = name.start_mark
            if type(key) is int and str(value.tag) == f"{_YAML}null" and own:
                # Lines of YAML end in more ways than one, so they are not counted anew.
                line = mark.buffer[mark.pointer - mark.column :]
                words = slip_at(line, mark.column + 1)
                if words:
                    raise _slip(name, words)
            if type(key) is str and name.style is None and _unseen(key):
                raise _slip(name, _UNSEEN)
            if type(key) is not str:
                raise _slip(name, worded("a name has to be text; put it in quotes"))
            if key in own:
                raise _slip(name, worded("this name stands here for the second time"))
            own[key] = self.of(value, level + 1)
        return {**merged, **own}


def _unseen(name: str) -> bool:
    """Tell whether a name that stands without quotes begins or ends otherwise than seen.

    In its middle a wide blank is a person's, as in the name of a room, and of an emoji
    some signs cannot be seen; beside letters of ours they are a slip.
    """
    ends = {name[:1], name[-1:]}
    if any(
        each.isspace() or unicodedata.category(each) == "Cf" for each in ends if each
    ):
        return True
    plain = "".join(each for each in name if unicodedata.category(each) != "Cf")
    return plain != name and plain.isascii()


def _scalar(node: Any, tag: str) -> Any:
    text: str = node.value
    match tag.removeprefix(_YAML):
        case "str" | "timestamp" | "value" | "merge":
            return text  # a day stays as it is written, as in JSON
        case "null":
            return None
        case "bool":
            return text.lower() in _TRUE
        case "int" | "float" as kind:
            try:
                number = _number(text.replace("_", ""), kind)
            except ValueError:
                number = math.nan
            by_digits = text[:1].isdigit()
            # As the ids 1234E567890 and 0123, of which a number would be another.
            if by_digits and (math.isinf(number) or _is_padded(text, kind)):
                raise _slip(
                    node,
                    worded("this is read as a number; put a text, as an id, in quotes"),
                )
            if not math.isfinite(number):
                raise _slip(node, worded("this is no number; put a text in quotes"))
            return number
    raise _slip(node, worded("the tag {tag} means nothing here", tag=_short(tag)))


def _is_padded(text: str, kind: str) -> bool:
    return kind == "int" and text.isdigit() and text[0] == "0" and bool(text.strip("0"))


def _number(text: str, kind: str) -> int | float:
    if kind == "float":
        # Infinity and the like are written with a dot, and refused later in one place.
        return float(re.sub(r"\.(inf|nan)$", r"\1", text, flags=re.IGNORECASE))
    prefixed = text.lstrip("+-")[:2].lower() in ("0x", "0o", "0b")
    return int(text, 0 if prefixed else 10)


def _short(tag: str) -> str:
    return tag.replace(_YAML, "!!")[:40]


def _slip(node: Any, reason: str) -> SlipError:
    mark = node.start_mark
    return SlipError(Mistake(mark.line + 1, mark.column + 1, reason))


def _round_trip(indent: tuple[int, int, int]) -> Any:
    from ruamel.yaml import YAML  # noqa: PLC0415 - only for who writes such a file

    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = 4096
    mapping, sequence, offset = indent
    yaml.indent(mapping=mapping, sequence=sequence, offset=offset)
    return yaml


def _dumped(yaml: Any, found: Any) -> str:
    stream = StringIO()
    yaml.dump(found, stream)
    return stream.getvalue()


def _again(text: str, indent: tuple[int, int, int]) -> str:
    yaml = _round_trip(indent)
    return _dumped(yaml, yaml.load(text))


def _is_json(data: bytes) -> bool:
    """Tell whether a text is JSON under another name, which has no comments to lose."""
    try:
        decode(data.removeprefix(BYTE_ORDER_MARK), key="")
    except UnreadableError:
        return False
    return True


def _bring_to(found: Any, wanted: Document) -> None:
    """Change a mapping until it holds what is wanted; the rest is not touched."""
    for name in [name for name in found if name not in wanted]:
        del found[name]
    for name, value in wanted.items():
        if name not in found or not _brought(found[name], value):
            found[name] = value


def _brought(now: Any, value: Any) -> bool:
    """Tell whether a value is, or was changed to be, what is wanted."""
    if isinstance(now, dict) and isinstance(value, dict):
        _bring_to(now, value)
        return True
    if isinstance(now, list) and isinstance(value, list):
        for index, each in enumerate(value[: len(now)]):
            if not _brought(now[index], each):
                now[index] = each
        del now[len(value) :]
        now.extend(value[len(now) :])
        return True
    if isinstance(now, date):
        # Of which the document has the text.
        return _dumped(_round_trip(_INDENTS[0]), now).partition("\n")[0] == str(value)
    return isinstance(now, bool) is isinstance(value, bool) and bool(now == value)


JSON: Final[Format] = _Json()


def format_of(path: str | os.PathLike[str]) -> Format:
    """Return the language of a file by its ending; JSON where it tells none."""
    made = _BY_ENDING.get(Path(path).suffix.lower())
    return JSON if made is None else made()


_BY_ENDING: Final[dict[str, type[Any]]] = {
    ".json5": _Json5,
    ".yaml": _Yaml,
    ".yml": _Yaml,
}
ENDINGS: Final = tuple(_BY_ENDING)
"""Those that people may choose instead of ``.json``."""
