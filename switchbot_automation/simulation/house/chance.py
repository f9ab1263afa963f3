"""Chance that repeats: one generator for each purpose, made from the seed."""

from __future__ import annotations

from random import Random


def seeded(seed: int | str, purpose: str) -> Random:
    """Return a generator that gives the same numbers for the same seed and purpose.

    Text is used as a seed because `Random` hashes it the same way in every process.
    """
    return Random(f"{seed}/{purpose}")  # noqa: S311 - must repeat, guards nothing
