"""The languages that people are told things in, and which one is spoken right now.

The English sentence is the name of a message; `{names}` in it are filled in after it was
translated. Codes, keys, logs and JSON are never translated. What an error of the library says
is English wherever a program meets it, and `Worded`, so that `error_words` can translate it for
a person. Both command lines ask here which language is spoken; each has a catalogue of its
own. Those of this package lie beside this file: people change the `.po`, `nox -s languages`
makes the rest.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pkgutil import get_data
from string import Formatter
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import TypeAlias

    # Of a field of a message: its name, `!r` or another conversion, and its format.
    _Field: TypeAlias = tuple[str, str, str]
    _Part: TypeAlias = str | int | float

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


class Worded(str):
    """A text in English that knows how the other languages say it; made by `worded`.

    Logs, JSON and whoever asks for `str` get the English one, a person that of `error_words`. It holds texts and numbers, no objects, and travels between processes.
    """

    __slots__ = ("_message", "_package", "_parts")

    _message: str
    _package: str
    _parts: dict[_Field, _Part]

    def in_language(self) -> str:
        """Return it in the language that is spoken."""
        if spoken() == ENGLISH:
            return str(self)
        message = self._message  # of nothing a catalogue tells its own head
        if message:
            message = catalogue(self._package, spoken()).gettext(message)
        return "".join(
            literal if field is None else _written(self._parts[field], field[2])
            for literal, field in _fields(message)
        )

    def __add__(self, other: str) -> Worded:
        """Return both, one after the other."""
        return worded_in(self._package, "{one}{other}", {"one": self, "other": other})


def worded(message: str, /, **values: Any) -> Worded:
    """Return what an error says: English for programs, which `error_words` translates.

    Values are kept as the text or number that they are now; one that was `worded` itself, or
    an error that says so, is translated in it. Raises KeyError for a name without a value.

    >>> error = ValueError(worded("{number} rows", number=1200))
    >>> str(error)
    '1200 rows'
    >>> with speaking("de"):
    ...     error_words(error)
    '1200 Zeilen'
    """
    return worded_in(__name__, message, values)


def worded_in(package: str, message: str, values: Mapping[str, Any]) -> Worded:
    """Return what `worded` does, with the catalogue of a package."""
    parts: dict[_Field, _Part] = {}
    english = []
    for literal, field in _fields(message):
        if field is None:
            english.append(literal)
            continue
        part = parts[field] = _part(values[field[0]], *field[1:])
        english.append(format(part, field[2]) if _is_number(part) else str(part))
    made = Worded("".join(english))
    made._message, made._package, made._parts = message, package, parts  # noqa: SLF001 - its own maker
    return made


def packed(text: str) -> Any:
    """Return a text as JSON can hold it, for a process that is asked things.

    >>> unpacked(packed(worded("{number} rows", number=2)))
    '2 rows'
    """
    if not isinstance(text, Worded):
        return text
    parts = [
        [*field, packed(part) if isinstance(part, Worded) else part]
        for field, part in text._parts.items()  # noqa: SLF001 - its own maker
    ]
    return [str(text), text._package, text._message, parts]  # noqa: SLF001 - likewise


def unpacked(found: Any) -> str:
    """Return the text that `packed` was given, `Worded` where that was."""
    if isinstance(found, str):
        return found
    english, package, message, parts = found
    made = Worded(english)
    made._package, made._message = package, message  # noqa: SLF001 - its own maker
    made._parts = {  # noqa: SLF001 - likewise
        (name, conversion, spec): unpacked(part) if isinstance(part, list) else part
        for name, conversion, spec, part in parts
    }
    return made


def joined(separator: str, texts: Iterable[str]) -> str:
    """Return texts joined, `Worded` where one of them is.

    >>> with speaking("de"):
    ...     error_words(joined("; ", [worded("{number} rows", number=2), "x"]))
    '2 Zeilen; x'
    """
    whole = worded_in(__name__, "", {})
    for number, each in enumerate(texts):
        whole = whole + separator + each if number else whole + each
    return whole


def reworded(error: BaseException | str) -> str:
    """Return the words of an error for another one that says the same.

    >>> isinstance(reworded(ValueError(worded("{number} rows", number=2))), Worded)
    True
    """
    if isinstance(error, str):
        return error
    words = error.args[0] if error.args else None
    return words if isinstance(words, Worded) else str(error)


def error_words(what: object) -> str:
    """Return what a person is told of an error, or of a text that may be `Worded`.

    >>> error_words(ValueError("as it is"))
    'as it is'
    """
    if isinstance(what, BaseException):
        what = reworded(what)
    return what.in_language() if isinstance(what, Worded) else str(what)


def filled(text: str, values: Mapping[str, Any]) -> str:
    """Fill values into a text, numbers as the language that is spoken writes them.

    Raises KeyError for a name without a value, ValueError for one of another kind.

    >>> with speaking("de"):
    ...     filled("{size:,} Byte", {"size": 1234567})
    '1.234.567 Byte'
    """
    return text.format_map({name: _shown(value) for name, value in values.items()})


def number_words(value: float, spec: str = "g") -> str:
    """Return a number in a format, with the marks of the language that is spoken.

    >>> with speaking("fr"):
    ...     number_words(21.5)
    '21,5'
    """
    return format(_marked(value), spec)


@cache
def catalogue(package: str, language: str) -> NullTranslations:
    """Return the translations of the catalogue that lies in a package."""
    if language == ENGLISH:
        return NullTranslations()
    # `importlib.resources` would bring a megabyte of modules with it into every process.
    compiled = cast("bytes", get_data(package, f"{language}/messages.mo"))
    return GNUTranslations(BytesIO(compiled))


def _fields(message: str) -> Iterator[tuple[str, _Field | None]]:
    """Yield what stands in a message as it is, and the fields between, in order."""
    for literal, name, spec, conversion in Formatter().parse(message):
        if literal:
            yield literal, None
        if name is not None:
            yield "", (name, conversion or "", spec or "")


def _part(value: Any, conversion: str, spec: str) -> _Part:
    """Return what is kept of a value: no more than is said of it."""
    if isinstance(value, BaseException):
        value = reworded(value)
    if conversion == "" and (_is_number(value) or type(value) is Worded):
        return value  # type: ignore[no-any-return]  # narrowed by hand
    if conversion:
        value = repr(value) if conversion == "r" else str(value)
    return format(value, spec)


def _is_number(value: object) -> bool:
    return type(value) is int or type(value) is float


def _written(part: _Part, spec: str) -> str:
    if isinstance(part, Worded):
        return part.in_language()
    return format(_marked(part), spec) if _is_number(part) else str(part)


def _shown(value: Any) -> Any:
    """Return a value as it is formatted for a person."""
    if isinstance(value, BaseException | Worded):
        return error_words(value)
    return _marked(value)


def _marked(value: Any) -> Any:
    if spoken() not in _MARKS or isinstance(value, bool):
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
