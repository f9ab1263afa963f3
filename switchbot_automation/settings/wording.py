"""The word that somebody may have meant, for messages about typos."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(
    word: object, known: Iterable[str], *, however_far: bool = False
) -> str | None:
    """Return the known word most like `word`, None where none is like it.

    `however_far`: return the most alike of all, unless there is none.
    """
    # Only a typo needs it; it costs an eighth of a megabyte.
    from difflib import get_close_matches  # noqa: PLC0415

    cutoff = 0.0 if however_far else 0.6
    near = get_close_matches(str(word), [str(each) for each in known], 1, cutoff)
    return near[0] if near else None
