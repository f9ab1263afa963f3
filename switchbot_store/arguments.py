"""What callers hand over: of the kind that is asked for, or refused before anything is done.

One rule for every call of a store: an argument of a wrong type or value is
StoreDataError, whose `path` names the argument or leads into it, and nothing was
written. It is never a TypeError out of the middle of some work, and never taken for
something else, as a text for the collection of its letters. What a store or history is
made with, and what a history is asked, is StoreConfigError with the name as `variable`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from switchbot_store.codec import validate_key
from switchbot_store.errors import StoreConfigError, StoreDataError
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from switchbot_store.model import Change, Document

_GREATEST: Final = 1e9
"""More seconds, days or rows than any limit can mean."""
_SHOWN: Final = 20


def checked_keys(keys: Iterable[str]) -> list[str]:
    """Return the keys of documents, or raise StoreDataError."""
    if isinstance(keys, str | bytes | bytearray) or not isinstance(keys, Iterable):
        raise _other_kind("several keys", keys, "keys")
    return [validate_key(key) for key in keys]


def checked_documents(documents: Mapping[str, Document]) -> dict[str, Document]:
    """Return documents by key, or raise StoreDataError.

    The documents themselves are for `codec.encode` to check.
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


# What a store or a history is made with, and what a history is asked, is a setting.


def checked_path(path: str | os.PathLike[str], variable: str) -> Path:
    """Return where a file or directory lies, or raise StoreConfigError."""
    named = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(named, str):
        raise no_setting("a path", path, variable)
    if "\0" in named:
        raise StoreConfigError(worded("a path has no NUL"), variable=variable)
    return Path(path)


def checked_paths(
    paths: Mapping[str, str | os.PathLike[str]] | None,
) -> dict[str, Path]:
    """Return where single documents lie, or raise StoreConfigError, StoreDataError."""
    if paths is None:
        return {}
    if not isinstance(paths, Mapping):
        raise no_setting("a mapping by key", paths, "paths")
    return {
        validate_key(key): checked_path(path, f"paths[{key!r}]")
        for key, path in paths.items()
    }


def checked_number(
    value: float, variable: str, *, least: float = 0, finite: bool = True
) -> float:
    """Return a number that is `least` or more, or raise StoreConfigError."""
    given: object = value
    if isinstance(given, bool) or not isinstance(given, Real):
        raise no_setting("a number", value, variable)
    if not value >= least or (finite and value > _GREATEST):  # not NaN either
        raise StoreConfigError(
            worded(
                "{least:g} or more, not {value}", least=least, value=str(value)[:_SHOWN]
            ),
            variable=variable,
        )
    return value


def checked_zone(zone: str | None) -> str | None:
    """Return whose rows are asked for, None for all; or raise StoreConfigError."""
    if zone is not None and not isinstance(zone, str):
        raise no_setting("a zone's name", zone, "zone")
    return zone


def no_setting(wanted: str, value: object, variable: str) -> StoreConfigError:
    """Return the error that says what was handed over where `wanted` is asked for."""
    return StoreConfigError(f"{wanted}, not {type(value).__name__}", variable=variable)
