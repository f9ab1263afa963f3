"""The middle of some values."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def median(values: Iterable[float]) -> float:
    """Return the middle one of `values`, of an even number the mean of the two there.

    `statistics` has the same, and loads fractions for it. ValueError for no values.

    >>> median([21.0, 30.0, 20.0]), median([20.0, 21.0])
    (21.0, 20.5)
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("there is no middle of nothing")
    half = len(ordered) // 2
    return (
        ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
    )
