"""What may be stored, decided once for every backend.

A document is what `jsonb`, a JSON file and Python agree about, so that it comes back
equal from any of them (`-0.0` may come back as its equal `0.0`). `encode` is the only
way in: backends store its bytes and nothing else.

The same rule holds for whatever a call hands over beside the document: a key, a revision,
several of them. Of a wrong type or value it is StoreDataError, whose `path` names it or
leads into it, and nothing was written. It is never taken for something else, as a text
for the collection of its letters.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

import orjson

from switchbot_store.errors import StoreDataError, StoreUnavailableError
from switchbot_store.languages import worded
from switchbot_store.secrets import shown_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchbot_store.model import Change, Document

_LOGGER = logging.getLogger(__name__)
MAX_KEY_LENGTH: Final = 200
HOMES: Final = "homes/"
"""What the keys of one home among many begin with, before its name."""
MAX_DOCUMENT_BYTES: Final = 16 * 1024 * 1024
MAX_DEPTH: Final = 250
"""orjson stops at 254 levels; a document that deep is a mistake or a cycle."""
_DEEPEST: Final = 254
"""What `encode` ever let through. orjson reads four times that, at which everything that
goes through a document level by level would end in RecursionError."""
_LONGEST: Final = 8 * MAX_DOCUMENT_BYTES
"""Room for any document as a person may have indented it."""

_FLOAT_LIMIT: Final = 1e16
"""From here on `jsonb` gives a float back as an integer."""
_INT_LIMIT: Final = 2**63
_INT_DIGITS: Final = len(str(_INT_LIMIT))
_EXACT: Final = (
    orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
)
_INDENTED: Final = _EXACT | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
_CONTAINERS: Final = (dict, list)
_PLAIN_NAME: Final = re.compile(r"[^\W\d]\w*")


def validate_key(key: str) -> str:
    """Return the key as a plain `str`, or raise StoreDataError.

    Keys have 1 to 200 characters, any but NUL and lone surrogates.
    """
    if not isinstance(key, str):
        raise StoreDataError(
            worded("a key is a str, not {name}", name=type(key).__name__), path="key"
        )
    return _validated(str.__str__(key))


@lru_cache(maxsize=1024)  # a process asks for the same keys again and again
def _validated(key: str) -> str:
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise StoreDataError(
            worded(
                "a key has 1 to {max_key_length} characters, this one {number}",
                max_key_length=MAX_KEY_LENGTH,
                number=len(key),
            ),
            path="key",
        )
    problem = _text_problem(key)
    if problem:
        raise StoreDataError(problem, path="key")
    return key


def checked_keys(keys: Iterable[str]) -> list[str]:
    """Return the keys of documents, or raise StoreDataError."""
    if isinstance(keys, str | bytes | bytearray) or not isinstance(keys, Iterable):
        raise _other_kind("several keys", keys, "keys")
    return [validate_key(key) for key in keys]


def checked_documents(documents: Mapping[str, Document]) -> dict[str, Document]:
    """Return documents by key, or raise StoreDataError.

    The documents themselves are for `encode` to check.
    """
    return _by_key(documents, "documents")


def checked_revisions(revisions: Mapping[str, str]) -> dict[str, str]:
    """Return revisions by key, or raise StoreDataError."""
    found = _by_key(revisions, "revisions")
    return {
        key: checked_text(each, f"revisions[{key!r}]") for key, each in found.items()
    }


def checked_text(value: str, name: str) -> str:
    """Return the text of an argument of that name, or raise StoreDataError."""
    if not isinstance(value, str):
        raise _other_kind("a str", value, name)
    return str.__str__(value)


def checked_change(change: Change) -> Change:
    """Return the function that changes a document, or raise StoreDataError."""
    if not callable(change):
        raise _other_kind("a function of a document", change, "change")
    return change


def _by_key(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise _other_kind("a mapping by key", values, name)
    return {validate_key(key): value for key, value in values.items()}


def _other_kind(wanted: str, value: object, name: str) -> StoreDataError:
    return StoreDataError(f"{wanted}, not {type(value).__name__}", path=name)


ONLY_GROWS: Final = "only_grows"
"""A document that holds this, true, says what must not be unsaid, in mappings: of it nothing
is taken back by restoring an older one, see `grown`."""


def grown(found: Document, older: Document) -> Document:
    """Return what restoring an older document makes of the one that is found.

    >>> grown({"only_grows": True, "ended": {"b": 2}}, {"ended": {"a": 1}})
    {'ended': {'a': 1, 'b': 2}, 'only_grows': True}
    >>> grown({"ended": {"b": 2}}, {"ended": {"a": 1}})
    {'ended': {'a': 1}}
    """
    if found.get(ONLY_GROWS) is not True:
        return older
    both = {**older, **found}
    for name, value in found.items():
        before = older.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            both[name] = {**before, **value}
    return both


def is_internal(key: str) -> bool:
    """Tell whether `keys()` leaves this key out, of a home among many too."""
    if key.startswith(HOMES):
        return key.removeprefix(HOMES).partition("/")[2].startswith("_")
    return key.startswith("_")


def encode(data: Document, *, indent: bool = False) -> bytes:
    """Return the document as JSON, or raise StoreDataError naming the path.

    `indent` is for files that people edit: two spaces and a final newline. What is
    returned may be kept: it takes no more memory than it is long.
    """
    if type(data) is not dict:
        raise StoreDataError(
            worded("a document is a dict, not {name}", name=type(data).__name__)
        )
    try:
        # First, since it refuses cycles: the check below may then walk freely.
        encoded = orjson.dumps(data, option=_INDENTED if indent else _EXACT)
    except (TypeError, RecursionError) as error:
        raise _first_problem(data, str(error)) from error
    # A NUL is written \u0000, and so is the harmless text "\\u0000": look closer. Most
    # documents have no backslash at all, which is found out much sooner.
    if not _all_exact(data) or (b"\\" in encoded and b"\\u0000" in encoded):
        problem = next(_problems(data), None)
        if problem is not None:
            raise problem
    size = len(encoded)
    if indent and size > MAX_DOCUMENT_BYTES:
        size = len(orjson.dumps(data, option=_EXACT))
    if size > MAX_DOCUMENT_BYTES:
        raise StoreDataError(
            worded(
                "a document has at most {max_document_bytes} bytes as JSON, this "
                "one {size}",
                max_document_bytes=MAX_DOCUMENT_BYTES,
                size=size,
            )
        )
    return _to_size(encoded)


def storable(data: Document) -> tuple[Document, list[StoreDataError]]:
    """Return a document as it may be stored, and what of it was left out.

    Others may have written what `encode` refuses, and what was read has to be written
    again one day. Values are replaced by None, names dropped; the document itself where
    there is nothing to leave out. One that is too long or deep as a whole is left empty.
    """
    try:
        encode(data)
    except StoreDataError as error:
        problems = [each for each in _problems(data) if each.path] or [error]
        kept = _storable(data, MAX_DEPTH)
        try:
            encode(kept)
        except StoreDataError as whole:
            return {}, [*problems, whole]
        return kept, problems
    return data, []


def _storable(value: Any, depth: int) -> Any:
    if type(value) is dict:
        return {
            name: _storable(each, depth - 1) if depth else None
            for name, each in value.items()
            if not _name_problem(name)
        }
    if type(value) is list:
        return [_storable(each, depth - 1) if depth else None for each in value]
    return None if _value_problem(value) else value


def shown(data: Document) -> str:
    """Return a document as text for people, also one that no store could keep.

    Others may have written it, and who is to mend it has to see it.

    >>> print(shown({"id": 2**63}), end="")
    {
      "id": 9223372036854775808
    }
    """
    return orjson.dumps(data, option=_INDENTED).decode()


def problem_of(data: Document) -> StoreDataError | None:
    """Return why a document cannot be stored, None where every store takes it."""
    try:
        encode(data)
    except StoreDataError as error:
        return error
    return None


class UnreadableError(StoreUnavailableError):
    """The place answers, and what it has is no document: somebody else wrote it."""


def decode(encoded: bytes | str, *, key: str) -> Document:
    """Return a stored document, or raise UnreadableError when it is no JSON object.

    Nor may it be deeper or longer than a document can be.
    """
    if len(encoded) > _LONGEST:
        raise UnreadableError(
            worded(
                "{key!r} holds {number} bytes; a document has at most "
                "{max_document_bytes}",
                key=key,
                number=len(encoded),
                max_document_bytes=MAX_DOCUMENT_BYTES,
            )
        )
    try:
        data = orjson.loads(encoded)
    except orjson.JSONDecodeError as error:
        raise UnreadableError(
            worded("{key!r} holds no JSON: {error}", key=key, error=error)
        ) from error
    if type(data) is not dict:
        raise UnreadableError(worded("{key!r} holds no JSON object", key=key))
    if _openings(encoded) > _DEEPEST and is_too_deep(data):
        raise UnreadableError(
            worded(
                "{key!r} is more than {deepest} levels deep", key=key, deepest=_DEEPEST
            )
        )
    return cast("Document", data)


def decode_again(encoded: bytes) -> Document:
    """Return a new copy of a document of bytes that `decode` took before."""
    return cast("Document", orjson.loads(encoded))


def _openings(encoded: bytes | str) -> int:
    """Count brackets, in texts too: no document is deeper than it has of them."""
    if isinstance(encoded, str):
        return encoded.count("{") + encoded.count("[")
    return encoded.count(b"{") + encoded.count(b"[")


def is_too_deep(data: object) -> bool:
    """Tell whether what JSON gave is deeper than any document, without recursion."""
    level = [data]
    for _ in range(_DEEPEST + 1):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def encode_of_others(data: Document) -> bytes:
    """Return as JSON what `decode_of_others` gave, even what `encode` refuses."""
    return _to_size(orjson.dumps(data, option=_EXACT))


def _to_size(encoded: bytes) -> bytes:
    """Return a copy: orjson's own keeps the whole buffer that it was written into."""
    return bytes(memoryview(encoded))


def decode_of_others(encoded: bytes | str, *, key: str) -> Document:
    """Return a document as `decode` does, also one with numbers that nothing can hold.

    PostgreSQL's ``jsonb`` keeps ``1e400``. Such a number is read as None and told of; what
    stands around it is there.
    """
    try:
        return decode(encoded, key=key)
    except UnreadableError:
        too_large: list[str] = []
        data = _read_without(encoded, too_large)
        if type(data) is not dict or not too_large:
            raise
    _LOGGER.warning(
        "%r holds %d numbers beyond any range, read as null; the first: %.40s",
        key,
        len(too_large),
        too_large[0],
    )
    return cast("Document", data)


def _read_without(encoded: bytes | str, too_large: list[str]) -> Any:
    """Return what is there, with None for numbers put into `too_large`; None for no JSON."""

    def number(text: str) -> float | None:
        value = float(text)
        if -sys.float_info.max <= value <= sys.float_info.max:
            return value
        too_large.append(text)
        return None

    def whole(text: str) -> int | float | None:
        return int(text) if len(text.lstrip("-")) < _INT_DIGITS else number(text)

    def constant(text: str) -> None:
        raise ValueError(text)

    try:
        data = json.loads(
            encoded, parse_float=number, parse_int=whole, parse_constant=constant
        )
        orjson.dumps(data)  # which refuses what JSON lets pass and nothing else can
    except (ValueError, TypeError, RecursionError):
        return None
    return data


def _all_exact(data: Document) -> bool:
    """Tell whether every value has an allowed type and range; fast, names nothing.

    The caller made sure that there is no cycle.
    """
    # Documents have many small containers: one plain loop with the commonest kinds first
    # takes half the time of what judges a container at once and then looks closer.
    highest, lowest = _INT_LIMIT - 1, -_INT_LIMIT
    limit, negative_limit = _FLOAT_LIMIT, -_FLOAT_LIMIT
    containers: list[Any] = [data]
    found = containers.append
    for container in containers:  # which grows meanwhile
        for value in container.values() if type(container) is dict else container:
            kind = type(value)
            if kind is str:
                continue
            if kind is int:
                if not lowest <= value <= highest:
                    return False
            elif kind is dict or kind is list:
                found(value)
            elif kind is float:
                if not negative_limit < value < limit:  # NaN too
                    return False
            elif value is not None and kind is not bool:
                return False
    return True


def _first_problem(data: Document, otherwise: str) -> StoreDataError:
    return next(_problems(data), None) or StoreDataError(otherwise)


def _problems(data: Document) -> Iterator[StoreDataError]:
    """Yield what is wrong, with its path; stops at `MAX_DEPTH`, so cycles end too."""
    stack: list[tuple[Any, str, int]] = [(data, "", 0)]
    while stack:
        value, path, depth = stack.pop()
        if isinstance(value, dict | list) and type(value) in _CONTAINERS:
            if depth >= MAX_DEPTH:
                yield StoreDataError(
                    worded(
                        "more than {max_depth} levels deep, or a cycle",
                        max_depth=MAX_DEPTH,
                    ),
                    path=_shortened(path),
                )
                return
            children: list[tuple[Any, str, int]] = []
            if isinstance(value, list):
                children += [
                    (item, f"{path}[{index}]", depth + 1)
                    for index, item in enumerate(value)
                ]
            else:
                for name, item in value.items():
                    problem = _name_problem(name)
                    if problem:
                        shown = shown_name(name) if isinstance(name, str) else name
                        yield StoreDataError(problem, path=path or repr(shown))
                    else:
                        children.append((item, _joined(path, name), depth + 1))
            stack.extend(reversed(children))
        else:
            problem = _value_problem(value)
            if problem:
                yield StoreDataError(problem, path=_shortened(path))


def _value_problem(value: object) -> str | None:
    kind = type(value)
    if value is None or kind is bool:
        return None
    if kind is str:
        return _text_problem(cast("str", value))
    if kind is float:
        number = cast("float", value)
        if number != number or number in (float("inf"), float("-inf")):  # noqa: PLR0124 - the definition of NaN
            return worded("{number} is no JSON number", number=number)
        if not -_FLOAT_LIMIT < number < _FLOAT_LIMIT:
            return worded("a float lies within +-1e16, not {number!r}", number=number)
        return None
    if kind is int:
        if not -_INT_LIMIT <= cast("int", value) < _INT_LIMIT:
            return worded("an integer has at most 64 bits")
        return None
    name = f"{kind.__module__}.{kind.__qualname__}"
    return worded(
        "{name} is none of dict, list, str, bool, None, int, float", name=name
    )


def _name_problem(name: object) -> str | None:
    if type(name) is not str:
        return worded(
            "the name {name!r:.100} is a {kind}, not a str",
            name=shown_name(name) if isinstance(name, str) else name,
            kind=type(name).__name__,
        )
    problem = _text_problem(name)
    if not problem:
        return None
    shown = shown_name(name)
    return worded("the name {name!r:.100}: {problem}", name=shown, problem=problem)


def _text_problem(text: str) -> str | None:
    if "\0" in text:
        return worded("the character NUL cannot be stored")
    try:
        text.encode()
    except UnicodeEncodeError:
        return worded("a lone surrogate cannot be stored")
    return None


def _joined(path: str, name: str) -> str:
    if _PLAIN_NAME.fullmatch(name):
        return f"{path}.{name}" if path else name
    return f"{path}[{shown_name(name)!r:.100}]"


def _shortened(path: str, limit: int = 300) -> str:
    return path if len(path) <= limit else f"{path[:limit]}..."
