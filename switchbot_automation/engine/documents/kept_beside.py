"""The engine's documents in a store, also where a person's text is in their place.

A text that is no document is the person's to mend: the store reads the last good
document for it and writes nothing over it. The settings wait for the person. A state
must go on being written all the same, or else a start would be forgotten with the next
restart: until the text is mended it lies under the internal key ``_beside/<key>``.

Single values that others wrote and no store takes, a number of 1e308, would keep a state
from being written for ever, and a hold from being ended: they are left out as it is read.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from switchbot_automation.engine.documents.keys import BESIDE
from switchbot_store import (
    Entry,
    StoreConflictError,
    StoreDataError,
    StoreUnavailableError,
)
from switchbot_store.codec import storable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from switchbot_store import AsyncStore

_INSTEAD_OF = "instead_of"
_DOCUMENT = "document"
_NAMED = 5
"""Problems of a document that are told one by one."""


class KeptBeside:
    """An `AsyncStore` as the engine uses it. Raises what the store raises.

    `settings_key` is the one document that is never kept beside. `problems` are those
    of the documents read last, by key; `mended` holds the keys that are read from their
    own place again, until whoever read them takes them out.
    """

    def __init__(self, store: AsyncStore, settings_key: str) -> None:
        self._store = store
        self._settings_key = settings_key
        self._beside: dict[str, str] = {}
        """Key to the revision of the last good document in its place."""
        self.mended: set[str] = set()
        self.problems: dict[str, str] = {}
        self._storable: dict[str, str] = {}
        """Key to the revision of a document that is known to be storable."""

    async def get_entry(self, key: str) -> Entry:
        """Return one entry as the store has it."""
        return await self._store.get_entry(key)

    async def get_many(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return an Entry for each key; what is kept beside wins over the last good.

        Where nothing good is known the entry is empty, with its problem.
        """
        entries = await self._read(list(keys))
        unreadable = []
        known = self._storable
        nothing_else = not (self.problems or self._beside)
        for key, entry in entries.items():
            if entry.problem is None:
                if nothing_else and known.get(key) == entry.revision:
                    continue
                self.problems.pop(key, None)
                if key != self._settings_key and known.get(key) != entry.revision:
                    data, problems = storable(entry.data)
                    if problems:
                        entries[key] = replace(entry, data=data)
                        self._name(key, problems)
                    else:
                        known[key] = entry.revision
                if self._beside.pop(key, None) is not None:
                    self.mended.add(key)
                continue
            self.problems[key] = str(entry.problem)
            if key != self._settings_key:
                self._beside[key] = entry.revision
                unreadable.append(key)
        if unreadable:
            places = [_place(key) for key in unreadable]
            kept = await self._store.get_many(places)
            for key in unreadable:
                entries[key] = _newer(entries[key], kept[_place(key)])
        return entries

    async def compare_and_set(
        self, key: str, data: dict[str, Any], revision: str
    ) -> str:
        """Write only if the revision read last is still there; return the new one."""
        if key not in self._beside:
            try:
                return await self._store.compare_and_set(key, data, revision)
            except StoreDataError as error:
                if not self._may_be_beside(key, error):
                    raise
            # A person's text since the last look.
            kept = (await self.get_many([key]))[key]
            if self._beside.get(key) != revision:
                raise StoreConflictError(key, kept.revision)
            revision = kept.revision
        return await self._store.compare_and_set(
            _place(key), self._packed(key, data), revision
        )

    async def set_many(
        self, documents: Mapping[str, dict[str, Any]]
    ) -> Mapping[str, str]:
        """Write several documents, all or nothing; return the revisions known by that."""
        try:
            written = await self._store.set_many(self._placed(documents))
        except StoreDataError as error:
            if error.problem is None:
                raise
            await self.get_many(documents)
            written = await self._store.set_many(self._placed(documents))
        if not written:
            return {}
        if self._beside:
            written = {
                key: revision
                for key in documents
                if (revision := written.get(key)) is not None
                and key not in self._beside
            }
        # What was just written can be written again.
        self._storable.update(written)
        return written

    async def update(
        self, key: str, change: Callable[[dict[str, Any]], dict[str, Any] | None]
    ) -> dict[str, Any]:
        """Apply a pure change; see `StoreInterface.update`."""
        if key not in self._beside:
            try:
                return await self._store.update(
                    key, lambda found: change(storable(found)[0])
                )
            except StoreDataError as error:
                if not self._may_be_beside(key, error):
                    raise
        while True:
            entry = (await self.get_many([key]))[key]
            changed = change(entry.data)
            if changed is None:
                return entry.data
            try:
                await self.compare_and_set(key, changed, entry.revision)
            except StoreConflictError:
                continue
            return changed

    def _name(self, key: str, problems: Sequence[StoreDataError]) -> None:
        """Name what of a document could not be written again, and was left out."""
        told = "; ".join(map(str, problems[:_NAMED]))
        self.problems[key] = f"{key} holds what no store takes, left out: {told}"

    async def _read(self, keys: list[str]) -> dict[str, Entry]:
        try:
            return await self._store.get_many(keys)
        except StoreUnavailableError as error:
            if error.problem is None:
                raise
        # One that was never good must not keep the others away.
        entries = {}
        for key in keys:
            try:
                entries[key] = await self._store.get_entry(key)
            except StoreUnavailableError as error:
                if error.problem is None:
                    raise
                entries[key] = Entry({}, "", None, problem=error.problem)
        return entries

    def _may_be_beside(self, key: str, error: StoreDataError) -> bool:
        return error.problem is not None and key != self._settings_key

    def _placed(
        self, documents: Mapping[str, dict[str, Any]]
    ) -> dict[str, dict[str, Any]]:
        return {
            _place(key) if key in self._beside else key: self._packed(key, data)
            for key, data in documents.items()
        }

    def _packed(self, key: str, data: dict[str, Any]) -> dict[str, Any]:
        if key not in self._beside:
            return data
        # With what it stands for: later it must not be taken for newer than that.
        return {_INSTEAD_OF: self._beside[key], _DOCUMENT: data}


def _place(key: str) -> str:
    return BESIDE + key


def _newer(last_good: Entry, kept: Entry) -> Entry:
    """Return what is to be read, under the revision of the place it is written to."""
    data = kept.data.get(_DOCUMENT)
    if kept.data.get(_INSTEAD_OF) != last_good.revision or not isinstance(data, dict):
        data = last_good.data
    return replace(last_good, data=data, revision=kept.revision)
