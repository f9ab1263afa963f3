"""Single values of a document: how they are written, and read whoever wrote them.

A value of the wrong kind counts as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from switchbot_automation.instants import encode_instant
from switchbot_automation.instants import stored_instant as instant
from switchbot_automation.model import NOTHING

if TYPE_CHECKING:
    from enum import StrEnum

    _E = TypeVar("_E", bound="StrEnum")

__all__ = [
    "encode_instant",
    "enum",
    "instant",
    "integer",
    "listed",
    "mapping",
    "number",
    "pairs",
    "text",
]


_LIMIT = 1e16
"""No store keeps a number from here on, so one that is read could never be written back."""


def number(value: Any) -> float | None:
    """Return a number that a store keeps, which is finite, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -_LIMIT < value < _LIMIT else None


def integer(value: Any) -> int | None:
    """Return a whole number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value


def text(value: Any) -> str | None:
    """Return a text, None for anything else."""
    return value if isinstance(value, str) else None


def pairs(value: Any) -> tuple[tuple[str, str], ...]:
    """Return a document of texts as pairs, without what is anything else."""
    if not isinstance(value, dict):
        return ()
    return tuple((key, each) for key, each in value.items() if isinstance(each, str))


def enum(kind: type[_E], value: Any) -> _E | None:
    """Return the member of that value, None where there is none."""
    try:
        return kind(value)
    except ValueError:
        return None


def mapping(value: object) -> Mapping[str, Any]:
    """Return what is one, of anything."""
    return value if isinstance(value, Mapping) else NOTHING


def listed(value: object) -> list[Any]:
    """Return what is a list, of anything."""
    return value if isinstance(value, list) else []
