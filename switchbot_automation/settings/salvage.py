"""What of a stored document can still be used where an optional part of it cannot.

A package that is gone, a plug-in that is broken or an older version of this program makes
unreadable what was good when it was stored. That costs the part alone, never the heating:
it is set aside and named. What is new is refused whole, see `settings.read`.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.settings.checks import dotted, key_of
from switchbot_automation.settings.model import SetAside
from switchbot_automation.settings.read import UnknownSettingError, load
from switchbot_automation.settings.secrets import shown_key

if TYPE_CHECKING:
    from switchbot_automation.errors import SettingsError
    from switchbot_automation.settings.model import Settings

_MOST_PASSES: Final = 20
_MOST_PARTS: Final = 5000
"""Where more cannot be read, it is another document rather than one of another version."""

_OF_THEIR_OWN: Final = ("rules", "plugins", "notifiers")
"""Keys whose entries nothing else of the document hangs on."""

_COMFORT: Final = (
    "time_windows",
    "presets",
    "preset",
    "presence",
    "openings",
    "offsets",
    "sensors",
)
"""Keys of a zone that it is kept without, if less well; the first two by the entry."""

_Keys = tuple[str | int, ...]


class Unreadable(NamedTuple):
    """An optional part of a document that cannot be read, as it stands there."""

    keys: _Keys
    value: Any
    error: SettingsError

    @property
    def alone(self) -> bool:
        """Whether it is a feature of its own, as a rule is, which no zone hangs on."""
        return self.keys[0] in (*_OF_THEIR_OWN, "shadow")

    def stands_in(self, document: object) -> bool:
        """Tell whether it stands in another document too, just as it is here.

        An entry of a list may have another place there.
        """
        at: Any = document
        for index, key in enumerate(self.keys):
            if isinstance(at, list) and isinstance(key, int):
                return index == len(self.keys) - 1 and self.value in at
            if not isinstance(at, Mapping) or key not in at:
                return False
            at = at[key]
        return bool(at == self.value)


class Salvaged(NamedTuple):
    """What can be used, and the parts that cannot."""

    settings: Settings
    parts: tuple[Unreadable, ...]


def salvage(document: Mapping[str, Any]) -> Salvaged | None:
    """Return the settings without the optional parts that cannot be read.

    None where what is wrong is no optional part.

    >>> from switchbot_automation.settings.salvage import salvage
    >>> found = salvage({"timezone": "UTC", "rules": [{"id": "it", "wehn": "now"}]})
    >>> [each.path for each in found.settings.set_aside]
    ['rules[0]']
    """
    # Whatever comes out is one of the document's own values, and may not be changed.
    left: Any = deepcopy(dict(document))
    parts: list[Unreadable] = []
    told: list[SetAside] = []
    absent: frozenset[str] = frozenset()
    for _ in range(_MOST_PASSES):
        settings, errors = load(left, absent=absent)
        if settings is not None:
            aside = replace(settings, set_aside=tuple(told))
            return Salvaged(aside, tuple(parts))
        if len(errors) > _MOST_PARTS:
            return None
        out: dict[_Keys, SettingsError] = {}
        for error in errors:
            keys = _optional(error, left)
            if keys is None:
                return None
            out.setdefault(keys, error)
        # From the last of a list to its first, so that what is before keeps its place.
        for keys in sorted(out, key=_order, reverse=True):
            value = _taken(left, keys)
            parts.append(Unreadable(keys, value, out[keys]))
            told.append(SetAside(dotted(keys), _name(keys, value), str(out[keys])))
            if keys[0] == "plugins":
                absent |= {str(keys[-1])}
    return None


def _optional(error: SettingsError, document: Any) -> _Keys | None:
    """Return what has to be set aside for an error; None if it cannot be."""
    keys = _keys_of(error.path, document)
    if keys is None or not keys:
        return None
    prefix, rest = keys[:0], keys
    if keys[0] == "shadow":
        return keys[:1]
    if keys[0] in _OF_THEIR_OWN:
        return keys[:2] if len(keys) > 1 else None
    if keys[0] == "zones":
        prefix, rest = keys[:2], keys[2:]
    if rest and rest[0] in _COMFORT:
        entries = rest[0] in ("time_windows", "presets", "offsets", "sensors")
        return (*prefix, *(rest[:2] if entries and len(rest) > 1 else rest[:1]))
    return keys if isinstance(error, UnknownSettingError) else None


def _keys_of(path: str, document: Any) -> _Keys | None:
    """Return a dotted path as keys, by what the document has; None if it has none such."""
    keys: list[str | int] = []
    at, left = document, path
    while left:
        if left.startswith("[") and isinstance(at, list):
            number, _bracket, left = left[1:].partition("]")
            if not number.isdecimal() or int(number) >= len(at):
                return None
            keys.append(int(number))
            at = at[int(number)]
        elif isinstance(at, Mapping):
            left = left.removeprefix(".")
            key = key_of(left, at)
            if key is None:
                break  # of something that is missing
            keys.append(key)
            at, left = at[key], left[len(shown_key(key)) :]
        else:
            break
    return tuple(keys)


def _taken(document: Any, keys: _Keys) -> Any:
    at = document
    for key in keys[:-1]:
        at = at[key]
    return at.pop(keys[-1])


def _order(keys: _Keys) -> tuple[tuple[int, str], ...]:
    return tuple((key, "") if isinstance(key, int) else (0, str(key)) for key in keys)


def _name(keys: _Keys, value: Any) -> str:
    """Return the rule's id, else the part's key."""
    if keys[0] == "rules" and isinstance(value, Mapping):
        return shown_key(value.get("id", ""))[:60]
    return shown_key(keys[-1])[:60]
