"""What a command's parameter may be, and how it is checked. Pure.

One class a kind; each brings a parameter into the form the cloud wants or says what to
change. Ranges come from the catalogue.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import orjson

from switchbot_automation.errors import BadParameterError
from switchbot_automation.languages import joined, worded

DEFAULT = "default"
_INTEGER = re.compile(r"[+-]?\d{1,9}")
_NUMBER = re.compile(r"[+-]?\d{1,9}(\.\d{1,6})?")
_COLOUR_PARTS = 3
_COLOUR_MAXIMUM = 255


class ParameterSchema(ABC):
    """The parameter of one command."""

    def check(self, parameter: Any, what: str, *, show: bool = True) -> Any:
        """Return the parameter to send.

        Raises BadParameterError, which repeats the parameter only if `show`.
        """
        try:
            return self.convert(parameter)
        except _WrongError as exc:
            got = worded(", not {parameter!r}", parameter=parameter) if show else ""
            raise BadParameterError(
                worded("{what} takes {exc}{got}", what=what, exc=exc, got=got),
                maybe_sent=False,
            ) from None

    @abstractmethod
    def convert(self, parameter: Any) -> Any:
        """Return the parameter to send, or raise _WrongError with what is wanted."""


class _WrongError(Exception):
    """Says what is wanted instead."""


@dataclass(frozen=True, slots=True)
class NoParameter(ParameterSchema):
    """Only the word ``default``."""

    def convert(self, parameter: Any) -> Any:
        """Accept nothing, or the word itself."""
        if parameter in (None, "", DEFAULT):
            return DEFAULT
        raise _WrongError(worded("no parameter"))


@dataclass(frozen=True, slots=True)
class Text(ParameterSchema):
    """Any text but none."""

    def convert(self, parameter: Any) -> Any:
        """Accept a text."""
        if isinstance(parameter, str) and parameter and parameter != DEFAULT:
            return parameter
        raise _WrongError(worded("a text"))


@dataclass(frozen=True, slots=True)
class Integer(ParameterSchema):
    """A whole number within limits, or one of some words."""

    minimum: int | None
    maximum: int | None
    words: tuple[str | int, ...] = ()

    def convert(self, parameter: Any) -> Any:
        """Accept a number, the text of one, or a word."""
        for word in self.words:
            if _is_word(parameter, word):
                return word
        number = _integer(parameter)
        if number is None or not _within(number, self.minimum, self.maximum):
            number_words = worded(
                "a whole number{limits}", limits=_limits(self.minimum, self.maximum)
            )
            if not self.words:
                raise _WrongError(number_words)
            raise _WrongError(
                worded(
                    "{words}, or {number}",
                    words=", ".join(str(word) for word in self.words),
                    number=number_words,
                )
            )
        return number


@dataclass(frozen=True, slots=True)
class Number(ParameterSchema):
    """A number within limits, with or without a fraction.

    `step` is how finely the device takes it, None where nobody knows: a client may round
    to it, and what lies between is sent as it was given.
    """

    minimum: int | None
    maximum: int | None
    step: float | None = None

    def convert(self, parameter: Any) -> Any:
        """Accept a number or the text of one; a whole one is sent as such."""
        text = "" if isinstance(parameter, bool) else str(parameter).strip()
        if _NUMBER.fullmatch(text) and _within(float(text), self.minimum, self.maximum):
            number = float(text)
            return int(number) if number.is_integer() else number
        raise _WrongError(
            worded("a number{minimum}", minimum=_limits(self.minimum, self.maximum))
        )


@dataclass(frozen=True, slots=True)
class Anything(ParameterSchema):
    """Whatever is given: the command is known, the form of its parameter is not."""

    def convert(self, parameter: Any) -> Any:
        """Accept anything that JSON can say, but nothing."""
        try:
            said = orjson.loads(orjson.dumps(parameter))
        except TypeError:
            said = None
        if said in (None, ""):
            raise _WrongError(worded("a parameter, as JSON has it"))
        return said


@dataclass(frozen=True, slots=True)
class Choice(ParameterSchema):
    """One of some values."""

    values: tuple[str | int, ...]

    def convert(self, parameter: Any) -> Any:
        """Accept a value, in any case, as text or number; return it as catalogued."""
        for value in self.values:
            if _is_word(parameter, value):
                return value
        raise _WrongError(_one_of(self.values))


@dataclass(frozen=True, slots=True)
class Boolean(ParameterSchema):
    """True or false."""

    def convert(self, parameter: Any) -> Any:
        """Accept a boolean or its word."""
        if isinstance(parameter, bool):
            return parameter
        words = {"true": True, "false": False, "on": True, "off": False}
        if isinstance(parameter, str) and parameter.casefold() in words:
            return words[parameter.casefold()]
        raise _WrongError(worded("true or false"))


@dataclass(frozen=True, slots=True)
class Colour(ParameterSchema):
    """Three numbers, ``R:G:B``."""

    def convert(self, parameter: Any) -> Any:
        """Accept the text, or a sequence of three numbers."""
        parts = parameter.split(":") if isinstance(parameter, str) else parameter
        if isinstance(parts, (list, tuple)) and len(parts) == _COLOUR_PARTS:
            numbers = [_integer(part) for part in parts]
            if all(n is not None and _within(n, 0, _COLOUR_MAXIMUM) for n in numbers):
                return ":".join(str(n) for n in numbers)
        raise _WrongError(worded("a colour R:G:B, each part 0 to 255"))


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a joined parameter: a word of `values`, or a number.

    `note` says where its limits are from, if that matters to whoever is refused.
    """

    name: str
    values: tuple[str, ...]
    minimum: int | None
    maximum: int | None
    multiple_of: int | None
    fractions: bool
    note: str = ""

    def fits(self, text: str) -> bool:
        """Tell whether the text may stand here."""
        if self.values:
            return text in self.values
        if not (_NUMBER if self.fractions else _INTEGER).fullmatch(text):
            return self.minimum is None and self.maximum is None and bool(text)
        number = float(text)
        if self.multiple_of and number % self.multiple_of:
            return False
        return _within(number, self.minimum, self.maximum)

    def describe(self) -> str:
        """Return what may stand here, in words."""
        if self.values:
            return worded(
                "{name} {values}", name=self.name, values=_one_of(self.values)
            )
        even = (
            worded(" in steps of {multiple_of}", multiple_of=self.multiple_of)
            if self.multiple_of
            else ""
        )
        note = worded(" ({note})", note=self.note) if self.note else ""
        return worded(
            "{name}{minimum}{even}{note}",
            name=self.name,
            minimum=_limits(self.minimum, self.maximum),
            even=even,
            note=note,
        )


@dataclass(frozen=True, slots=True)
class Joined(ParameterSchema):
    """Parts joined by a comma or a semicolon, without blanks: ``26,1,3,on``."""

    separator: str
    parts: tuple[Part, ...]

    def convert(self, parameter: Any) -> Any:
        """Accept the text, or a sequence of the parts."""
        if isinstance(parameter, str):
            texts = [text.strip() for text in parameter.split(self.separator)]
        elif isinstance(parameter, (list, tuple)):
            texts = [str(part) for part in parameter]
        else:
            texts = []
        form = self.separator.join(part.name for part in self.parts)
        if len(texts) != len(self.parts):
            raise _WrongError(form)
        for part, text in zip(self.parts, texts, strict=True):
            if not part.fits(text):
                raise _WrongError(
                    worded("{form} with {part}", form=form, part=part.describe())
                )
        return self.separator.join(texts)


@dataclass(frozen=True, slots=True)
class Property:
    """One key of an object parameter."""

    name: str
    type: str
    values: tuple[str | int, ...]
    minimum: int | None
    maximum: int | None
    pattern: str
    properties: tuple[Property, ...]

    def convert(self, value: Any) -> Any:
        """Return the value to send, or raise _WrongError."""
        if self.type == "object":
            return _checked_object(value, self.properties, f"{self.name}: ")
        if self.type == "integer":
            number = _integer(value)
            if number is not None and _within(number, self.minimum, self.maximum):
                return number
            limits = _limits(self.minimum, self.maximum)
            raise _WrongError(
                worded("{name}: a whole number{limits}", name=self.name, limits=limits)
            )
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value:
            raise _WrongError(worded("{name}: a text", name=self.name))
        if self.values and value not in self.values:
            raise _WrongError(
                worded("{name}: {values}", name=self.name, values=_one_of(self.values))
            )
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise _WrongError(
                worded(
                    "{name}: a text of the form {pattern}",
                    name=self.name,
                    pattern=self.pattern,
                )
            )
        return value


@dataclass(frozen=True, slots=True)
class JsonObject(ParameterSchema):
    """A JSON object.

    Of `one_of` exactly one key must be there. Where the key `condition` has one of
    `condition_values`, the keys `condition_required` must be there too.
    """

    properties: tuple[Property, ...]
    required: tuple[str, ...]
    one_of: tuple[str, ...]
    condition: str
    condition_values: tuple[str, ...]
    condition_required: tuple[str, ...]

    def convert(self, parameter: Any) -> Any:
        """Accept a mapping or its JSON text."""
        if isinstance(parameter, str):
            try:
                parameter = orjson.loads(parameter)
            except orjson.JSONDecodeError:
                raise _WrongError(self._form()) from None
        if not isinstance(parameter, dict):
            raise _WrongError(self._form())
        if self.one_of:
            given = [key for key in self.one_of if isinstance(parameter.get(key), str)]
            if len(given) != 1 or len(parameter) != 1:
                raise _WrongError(self._form())
            return dict(parameter)
        converted = _checked_object(parameter, self.properties, "")
        missing = [key for key in self.required if key not in converted]
        if converted.get(self.condition) in self.condition_values:
            missing += [key for key in self.condition_required if key not in converted]
        if missing:
            raise _WrongError(
                worded(
                    "{form} with {missing}",
                    form=self._form(),
                    missing=joined(worded(" and "), missing),
                )
            )
        return converted

    def _form(self) -> str:
        if self.one_of:
            return worded(
                "an object with one text, {names}",
                names=joined(worded(" or "), self.one_of),
            )
        return worded(
            "an object with {properties}",
            properties=", ".join(p.name for p in self.properties),
        )


def _checked_object(
    value: Any, properties: tuple[Property, ...], where: str
) -> dict[str, Any]:
    names = ", ".join(known.name for known in properties)
    if not isinstance(value, dict):
        raise _WrongError(
            worded("{where}an object with {names}", where=where, names=names)
        )
    known_names = {known.name for known in properties}
    unknown = [str(key) for key in value if key not in known_names]
    if unknown:
        raise _WrongError(
            worded(
                "{where}only {names}, so without {unknown}",
                where=where,
                names=names,
                unknown=", ".join(unknown),
            )
        )
    return {
        known.name: known.convert(value[known.name])
        for known in properties
        if known.name in value
    }


def _is_word(given: Any, wanted: str | int) -> bool:
    if isinstance(given, bool) or not isinstance(given, (str, int)):
        return False
    return str(given).strip().casefold() == str(wanted).casefold()


def _integer(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    return None


def _within(number: float, minimum: float | None, maximum: float | None) -> bool:
    return (minimum is None or number >= minimum) and (
        maximum is None or number <= maximum
    )


def _limits(minimum: float | None, maximum: float | None) -> str:
    if minimum is None and maximum is None:
        return ""
    if maximum is None:
        return worded(" of at least {minimum}", minimum=minimum)
    return worded(" from {minimum} to {maximum}", minimum=minimum, maximum=maximum)


def _one_of(values: tuple[str | int, ...]) -> str:
    return worded("one of {values}", values=", ".join(str(value) for value in values))
