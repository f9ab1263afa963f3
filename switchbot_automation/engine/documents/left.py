"""The units that were left, as a part of the home's document that others write too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.core.state.belonging import LeftUnit

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY: Final = "left_units"


class LeftBook:
    """`units` are those that were left, by name, as they are known now."""

    def __init__(self) -> None:
        self.units: Mapping[str, LeftUnit] = {}
        self._stored: Mapping[str, Any] = {}
        self._saved: Mapping[str, LeftUnit] = {}

    def take(self, document: Mapping[str, Any]) -> None:
        """Take what was read; what we changed and could not save yet goes over it."""
        found = _part(document)
        if found == self._stored:
            return
        theirs = _read(found)
        self.units = self._over(theirs)
        self._stored, self._saved = found, theirs

    def over(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the home's document with these units; the same where none changed."""
        if self.units == self._saved:
            return document
        units = self._over(_read(_part(document)))
        return {
            **document,
            _KEY: {name: each.to_document() for name, each in units.items()},
        }

    def written(self, document: Mapping[str, Any]) -> None:
        """Note that the home's document was written so."""
        self._stored = _part(document)
        self.units = self._saved = _read(self._stored)

    def drop(self) -> None:
        """Forget what was not written."""
        self.units = self._saved

    def _over(self, theirs: Mapping[str, LeftUnit]) -> dict[str, LeftUnit]:
        joined = dict(theirs)
        for name in self.units.keys() | self._saved.keys():
            ours = self.units.get(name)
            if ours == self._saved.get(name):
                continue
            if ours is None:
                joined.pop(name, None)
            else:
                joined[name] = ours
        return joined


def _part(document: Mapping[str, Any]) -> Mapping[str, Any]:
    found = document.get(_KEY)
    return found if isinstance(found, dict) else {}


def _read(part: Mapping[str, Any]) -> dict[str, LeftUnit]:
    units = (LeftUnit.from_document(each) for each in part.values())
    return {unit.unit.name: unit for unit in units if unit is not None}
