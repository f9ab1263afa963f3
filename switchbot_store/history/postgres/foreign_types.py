"""What is read of columns that somebody gave another type, until they are given theirs.

A program that starts mends them; one that runs reads the same numbers at once, of the type
that they always had. What is no such number is left out where it is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_MEASURED: Final = ("temperature", "humidity")
_FLOATS: Final = frozenset(
    {f"{bound}{name}" for name in _MEASURED for bound in ("", "min_", "max_", "avg_")}
    | {f"{name}_seconds" for name in (*_MEASURED, "aircon_on")}
)
_INTEGERS: Final = frozenset(
    {"count", "error_count", "api_requests_today", "distinct_actions"}
    | {"total_errors", "max_api_requests"}
)
_WORDS: Final = {"t": True, "true": True, "f": False, "false": False}


def _float(value: Any) -> float | None:
    return float(value)


def _integer(value: Any) -> int | None:
    number = int(value)
    return number if number == value or isinstance(value, str) else None


def _boolean(value: Any) -> bool | None:
    return _WORDS.get(value.lower()) if isinstance(value, str) else value != 0


# Of each column the type that it has, and what makes one of another.
_KINDS: Final[Mapping[str, tuple[type, Callable[[Any], Any]]]] = {
    **dict.fromkeys(_FLOATS, (float, _float)),
    **dict.fromkeys(_INTEGERS, (int, _integer)),
    "last_temperature_stale": (bool, _boolean),
}


# Numbers of the types in PostgreSQL's catalogue that the driver reads as each.
_OIDS: Final[Mapping[type, frozenset[int]]] = {
    float: frozenset({700, 701}),
    int: frozenset({20, 21, 23}),
    bool: frozenset({16}),
}


def has_other_types(names: Sequence[str], oids: Sequence[int]) -> bool:
    """Tell whether a column of an answer, by name and type, has another than its own."""
    return any(
        name in _KINDS and oid not in _OIDS[_KINDS[name][0]]
        for name, oid in zip(names, oids, strict=True)
    )


def settled(name: str, value: Any) -> Any:
    """Return a value as one of the type that its column has, None where it is none.

    >>> from decimal import Decimal
    >>> settled("temperature", Decimal("21.5")), settled("error_count", Decimal(2))
    (21.5, 2)
    >>> settled("temperature", "warm") is None
    True
    """
    kind = _KINDS.get(name)
    if kind is None or value is None or type(value) is kind[0]:
        return value
    try:
        return kind[1](value)
    except (ValueError, TypeError, ArithmeticError):
        return None


def settled_column(name: str, values: Sequence[Any]) -> Sequence[Any]:
    """Return the values of a column likewise; one of its own type as it is."""
    kind = _KINDS.get(name)
    first = next((each for each in values if each is not None), None)
    if kind is None or first is None or type(first) is kind[0]:
        return values
    return [settled(name, value) for value in values]
