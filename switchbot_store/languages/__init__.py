"""The languages that people are told things in, and which one is spoken right now.

The English sentence is the name of a message; `{names}` in it are filled in after it was
translated. Codes, keys, logs, errors of the library and JSON are never translated. Both
command lines ask here which language is spoken; each has a catalogue of its own. Those of
this package lie beside this file: people change the `.po`, `nox -s languages` makes the rest.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ENGLISH: Final = "en"
LANGUAGES: Final = (ENGLISH, "fr", "ja", "de")
"""Those that there are; the first is the one of the messages themselves."""

# Where no language is asked for by name, in the order in which the C library asks.
_VARIABLES: Final = ("SWITCHBOT_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
# How they write 1,234.5: the comma and the point of Python's own formats.
_MARKS: Final = {
    "fr": str.maketrans(",.", "\u202f,"),
    "de": str.maketrans(",.", ".,"),
}

_spoken: ContextVar[str] = ContextVar("switchbot_language", default=ENGLISH)


def spoken() -> str:
    """Return the language in which this task or thread is told things."""
    return _spoken.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak one of `LANGUAGES` within, in this task or thread and what it starts.

    >>> from switchbot_store.languages import speaking, translated
    >>> with speaking("de"):
    ...     print(translated("No problem was found"))
    Kein Problem gefunden
    """
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def speak(language: str) -> None:
    """Speak a language from now on: for a program that one person sits before."""
    _spoken.set(language)


def of_environment(environ: Mapping[str, str]) -> str:
    """Return the language of a terminal; English where its own is none of ours.

    >>> of_environment({"LANG": "ja_JP.UTF-8"})
    'ja'
    """
    for name in _VARIABLES:
        said = environ.get(name)
        if said:
            language = said.partition(".")[0].partition("_")[0].partition("-")[0]
            return language.lower() if language.lower() in LANGUAGES else ENGLISH
    return ENGLISH


def translated(message: str, **values: Any) -> str:
    """Return a message in the language that is spoken, with its values filled in.

    >>> translated("{key} is written", key="settings")
    'settings is written'
    """
    text = catalogue(__name__, spoken()).gettext(message)
    return filled(text, values) if values else text


def later(message: str) -> str:
    """Mark a message that is translated where it is told, not where it stands."""
    return message


def filled(text: str, values: Mapping[str, Any]) -> str:
    """Fill values into a text, numbers as the language that is spoken writes them.

    Raises KeyError for a name without a value, ValueError for one of another kind.

    >>> with speaking("de"):
    ...     filled("{size:,} Byte", {"size": 1234567})
    '1.234.567 Byte'
    """
    if spoken() not in _MARKS:
        return text.format_map(values)
    return text.format_map({name: _marked(value) for name, value in values.items()})


@cache
def catalogue(package: str, language: str) -> NullTranslations:
    """Return the translations of the catalogue that lies in a package."""
    if language == ENGLISH:
        return NullTranslations()
    with (files(package) / language / "messages.mo").open("rb") as compiled:
        return GNUTranslations(compiled)


def _marked(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return _Float(value)
    return _Int(value) if type(value) is int else value


class _Float(float):
    """A number that is written with the marks of the language that is spoken."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return float(self).__format__(spec).translate(_MARKS[spoken()])


class _Int(int):
    """Likewise."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return int(self).__format__(spec).translate(_MARKS[spoken()])
