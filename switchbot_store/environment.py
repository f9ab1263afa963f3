"""Typed reading of environment variables, with errors that say what is accepted."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from switchbot_store.errors import StoreConfigError
from switchbot_store.languages import worded
from switchbot_store.numbers import read_number

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

_BOOLEANS: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


class Environment:
    """Reads one mapping of variables. An empty variable counts as not set."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def text(self, name: str, default: str = "") -> str:
        """Return the variable without surrounding blanks."""
        return self._variables.get(name, "").strip() or default

    def path(self, name: str) -> Path | None:
        """Return the variable as a path, None when not set; ``~`` is the user's home.

        Raises StoreConfigError where that is not known.
        """
        text = self.text(name)
        try:
            return Path(text).expanduser() if text else None
        except RuntimeError as error:
            raise StoreConfigError(
                worded(
                    "{name} is {text!r}: {error}; write the whole path",
                    name=name,
                    text=text,
                    error=error,
                ),
                variable=name,
            ) from error

    def choice(self, name: str, accepted: Mapping[str, T], default: T) -> T:
        """Return what the variable's word stands for. Raises StoreConfigError."""
        text = self.text(name).lower()
        if not text:
            return default
        if text not in accepted:
            raise StoreConfigError(
                worded(
                    "{name} is {text!r}; accepted: {accepted}",
                    name=name,
                    text=text,
                    accepted=", ".join(accepted),
                ),
                variable=name,
            )
        return accepted[text]

    def boolean(self, name: str) -> bool:
        """Return whether the variable says yes; not set is no."""
        return self.choice(name, _BOOLEANS, default=False)

    def number(self, name: str, default: float) -> float:
        """Return a positive finite number. Raises StoreConfigError."""
        text = self.text(name)
        try:
            number = read_number(text) if text else float(default)
        except ValueError:
            number = math.nan
        if not (number > 0 and math.isfinite(number)):
            raise StoreConfigError(
                worded(
                    "{name} is {text!r}; accepted: a number above 0",
                    name=name,
                    text=text,
                ),
                variable=name,
            )
        return number

    def whole_number(self, name: str, default: int) -> int:
        """Return a whole number of at least 1. Raises StoreConfigError."""
        text = self.text(name)
        number = int(text) if text.isascii() and text.isdigit() else 0
        if not text:
            return default
        if number < 1:
            raise StoreConfigError(
                worded(
                    "{name} is {text!r}; accepted: a whole number of at least 1",
                    name=name,
                    text=text,
                ),
                variable=name,
            )
        return number
