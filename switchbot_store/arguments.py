"""What a store or a history is made with.

A value of a wrong type or range is StoreConfigError, which names it as `variable`, before
anything is done. It is never a TypeError out of the middle of some work. What a store is
handed with a call, keys and documents, `codec` checks; what a history is asked,
`history.query.buckets`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Final

from switchbot_store.codec import validate_key
from switchbot_store.errors import StoreConfigError
from switchbot_store.languages import worded

_GREATEST: Final = 1e9
"""More seconds, days or rows than any limit can mean."""
_SHOWN: Final = 20


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


def no_setting(wanted: str, value: object, variable: str) -> StoreConfigError:
    """Return the error that says what was handed over where `wanted` is asked for."""
    return StoreConfigError(f"{wanted}, not {type(value).__name__}", variable=variable)
