"""Whether a backup was restored to its end: a note in the store, from begin to end."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from switchbot_store.codec import UnreadableError
from switchbot_store.errors import StoreError
from switchbot_store.homes import HomeStore
from switchbot_store.languages import worded

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from datetime import datetime

    from switchbot_store.interface import StoreInterface
    from switchbot_store.model import Entry

PREFIX: Final = "_restore"
"""What the keys of such notes begin with: alone of a whole place, else with a home's name."""


class Noted(Protocol):
    """A store, or what else has keys and documents."""

    def keys_with(self, prefix: str) -> list[str]:
        """Return the sorted keys that begin so, the internal ones too."""
        ...

    def get_entry(self, key: str) -> Entry:
        """Return the document, an empty Entry if never set."""
        ...


def begun(store: StoreInterface, path: str | os.PathLike[str], now: datetime) -> None:
    """Note that a file is being restored. Raises StoreUnavailableError."""
    place, key = _place(store)
    place.set(
        key,
        {
            "file": Path(path).name,
            "path": str(Path(path).absolute()),
            "begun_at": now.isoformat(timespec="seconds"),
        },
    )


def ended(store: StoreInterface) -> None:
    """Take the note back. Raises StoreUnavailableError."""
    place, key = _place(store)
    place.delete(key)


def interrupted(store: Noted) -> list[str]:
    """Say of each restoring that was begun and not ended, which file it is of, and what ends it.

    Whether one still runs cannot be seen from here: it may be another host's.

    `store` is the whole one. Raises StoreUnavailableError.

    >>> from switchbot_store import MemoryStore
    >>> from switchbot_store.backup import interrupted
    >>> interrupted(MemoryStore())
    []
    """
    return told({key: _read(store, key) for key in store.keys_with(PREFIX)})


def told(notes: Mapping[str, Entry | StoreError]) -> list[str]:
    """Say what notes tell by their keys, those too that a crash left unreadable."""
    said = []
    for key, note in sorted(notes.items()):
        if isinstance(note, StoreError):
            said.append(in_words(key, {}))
        elif note.data:
            said.append(in_words(key, note.data))
    return said


def forget(store: StoreInterface, home: str) -> None:
    """Take back the note of a home that is deleted. Raises StoreUnavailableError."""
    store.delete(f"{PREFIX}/{home}")


def _read(store: Noted, key: str) -> Entry | StoreError:
    try:
        return store.get_entry(key)
    except UnreadableError as error:
        return error


def in_words(key: str, note: object) -> str:
    """Say what such a note tells, whatever it is."""
    known = note if isinstance(note, dict) else {}
    home = key.removeprefix(PREFIX).removeprefix("/")
    said = worded(
        "restoring {file}, begun {at}, has not ended, it still runs or was cut off:"
        " documents are as they were, or as the file has them; rows of history may be"
        " missing; where it was cut off, `{command}` completes it",
        file=known.get("file", "?"),
        at=known.get("begun_at", "?"),
        command=_command(home, known),
    )
    return f"{home}: {said}" if home else said


def _command(home: str, note: Mapping[str, object]) -> str:
    file = note.get("path") or note.get("file")
    of_home = ["--home", home] if home else []
    words = ["switchbot-store", *of_home, "restore", str(file) if file else "FILE"]
    return shlex.join(words)


def _place(store: StoreInterface) -> tuple[StoreInterface, str]:
    """Return the whole store and the key of the note."""
    if isinstance(store, HomeStore):
        return store.store, f"{PREFIX}/{store.home}"
    return store, PREFIX
