"""How messages show what was found, and the word that somebody may have meant. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.languages import worded
from switchbot_automation.outside.urls import (
    mask_url,
    shown_name,
    without_url,
    without_urls,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

SHOWN_CHARACTERS: Final = 60
"""How much of a value a message shows."""

_SLASHES_OF_A_TIMEZONE = 2


MOST_UNKNOWN: Final = 50
"""As many unknown keys of an object are each told of."""
_MOST_HINTS: Final = 50
_LONGEST_WORD: Final = 200
_left: ContextVar[list[int] | None] = ContextVar("hints_left", default=None)


@contextmanager
def few_hints() -> Iterator[None]:
    """Have `nearest` answer only so often inside the `with`.

    A word costs milliseconds, and a document may have a hundred thousand wrong ones.
    """
    token = _left.set([_MOST_HINTS])
    try:
        yield
    finally:
        _left.reset(token)


def nearest(
    word: object, known: Iterable[str], *, however_far: bool = False
) -> str | None:
    """Return the known word most like `word`, None where none is like it.

    `however_far`: return the most alike of all, unless there is none. Inside of
    `few_hints` None, too, once it was asked often.
    """
    if len(str(word)) > _LONGEST_WORD:
        return None
    left = _left.get()
    if left is not None:
        if not left[0]:
            return None
        left[0] -= 1
    # Only a typo needs it; it costs an eighth of a megabyte.
    from difflib import get_close_matches  # noqa: PLC0415

    cutoff, typed = 0.0 if however_far else 0.6, str(word)
    # A name with a URL in it is a slip, and may be a secret: nobody meant that one.
    names = [name for name in map(str, known) if shown_name(name) == name]
    near = get_close_matches(typed, names, 3, cutoff)
    # Of words that are about as like it, the one that begins as it does: `lock` rather
    # than `halfLocked` for `lokced`, since few mistype the first letter.
    begins = [each for each in near if each[:1].lower() == typed[:1].lower()]
    return next(iter(begins or near), None)


def too_many_unknown(given: Collection[Any], known: Collection[Any]) -> str | None:
    """Return what is wrong with an object's keys where so many of them are unknown.

    None where there are few: then each is told of, as in every object of no more than
    `MOST_UNKNOWN` keys. More are no slips, and cost as much time as there are.
    """
    unknown = [key for key in given if key not in known]
    if len(unknown) <= MOST_UNKNOWN:
        return None
    return worded(
        "{number} unknown settings, the first of them {first}",
        number=len(unknown),
        first=shown(str(unknown[0])),
    )


def shown(value: object) -> str:
    """Return a value for a message: short, and without what may be a secret."""
    if isinstance(value, str):
        text = mask_url(value) if "://" in value else value
        if text == value and value.count("/") > _SLASHES_OF_A_TIMEZONE:
            text = f"{value.partition('/')[0]}/…"  # a URL without its scheme
        if len(text) > SHOWN_CHARACTERS:
            text = f"{text[:SHOWN_CHARACTERS]}…"
        return repr(text)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return worded("an object")
    if isinstance(value, list | tuple):
        return worded("a list")
    return repr(value)[:SHOWN_CHARACTERS]


def error_words(error: BaseException, *, hide: str = "") -> str:
    """Return an error as one line for `last_error` and reasons, without that URL.

    Of any other URL no more than its host: of a driver's or a plug-in's errors nobody knows
    what they quote.
    """
    try:
        words = str(error)
    except Exception:  # noqa: BLE001 - somebody else's exception may be unable to say it
        words = ""
    words = without_urls(without_url(words, hide) if hide else words)
    text = " ".join(words.replace("\0", " ").split())
    # Half a surrogate pair, which a broken answer may hold, cannot be stored.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return f"{type(error).__name__}: {text}"[:200] if text else type(error).__name__
