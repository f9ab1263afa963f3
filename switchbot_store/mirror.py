"""What the primary last said, kept in ``<directory>/.mirror`` for when it is away.

One file for each document, with its revision and time; read once at the start, then
kept in memory and written behind. A mirror may lag, so entries from it are stale; no
acknowledged write lies here alone.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from switchbot_store.documents import decode
from switchbot_store.file_names import stem_of
from switchbot_store.interface import Entry
from switchbot_store.safe_files import (
    TEMPORARY_SUFFIX,
    make_directory,
    read_content,
    sync_directory,
    wrapped_os_errors,
    write_durably,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_LOGGER = logging.getLogger(__name__)
DIRECTORY: Final = ".mirror"
_SUFFIX: Final = ".json"


class Mirrored(NamedTuple):
    """One document as the primary had it."""

    encoded: bytes
    revision: str
    updated_at: datetime | None

    def entry(self, key: str, *, stale: bool) -> Entry:
        """Return it as a reader sees it."""
        data = decode(self.encoded, key=key)
        return Entry(data, self.revision, self.updated_at, stale)


class Mirror:
    """Thread-safe; reading it touches no disk."""

    def __init__(self, directory: Path) -> None:
        self._place = directory / DIRECTORY
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._documents: dict[str, Mirrored] = {}
        self._dirty: set[str] = set()

    @property
    def dirty(self) -> bool:
        """Whether `write_behind` has something to do."""
        return bool(self._dirty)

    @property
    def empty(self) -> bool:
        """Whether the primary was never seen to hold anything."""
        return not self._documents

    def load(self) -> None:
        """Read every file. One that is damaged counts as missing: it is a copy.

        Only for who holds the journal's lock: what a crash left half written goes.
        """
        self._documents = read_mirror(self._place.parent)
        with suppress(OSError):
            for path in self._place.glob(f"*{TEMPORARY_SUFFIX}"):
                path.unlink()

    def get(self, key: str) -> Mirrored | None:
        """Return the document, None if the primary was not seen to have it."""
        return self._documents.get(key)

    def get_many(self, keys: Iterable[str]) -> dict[str, Mirrored | None]:
        """Return several, as of one moment."""
        with self._lock:
            return {key: self._documents.get(key) for key in keys}

    def keys(self) -> list[str]:
        """Return all keys."""
        return list(self._documents)

    def put(self, key: str, document: Mirrored | None) -> None:
        """Keep what the primary has now; None for nothing."""
        with self._lock:
            self._put(key, document)

    def put_many(self, documents: Mapping[str, Mirrored]) -> None:
        """Keep several at one moment."""
        with self._lock:
            for key, document in documents.items():
                self._put(key, document)

    def put_seen(
        self, key: str, document: Mirrored | None, before: Mirrored | None
    ) -> None:
        """Keep what a reader saw, unless a writer came between.

        `before` is what `get` returned before the primary was asked.
        """
        with self._lock:
            if self._documents.get(key) is before:
                self._put(key, document)

    def put_all(
        self, documents: Mapping[str, Mirrored], *, except_keys: Collection[str]
    ) -> None:
        """Keep a picture of the whole primary; internal keys it leaves out stay."""
        with self._lock:
            gone = {key for key in self._documents if not key.startswith("_")}
            for key in gone.difference(documents, except_keys):
                self._put(key, None)
            for key, document in documents.items():
                if key not in except_keys:
                    self._put(key, document)

    def write_behind(self) -> None:
        """Bring the files up to date; durable when it returns.

        Raises StoreUnavailableError; what was not written is tried again next time.
        """
        with self._writing:
            with self._lock:
                dirty, self._dirty = self._dirty, set()
                documents = {key: self._documents.get(key) for key in dirty}
            if not documents:
                return
            try:
                with wrapped_os_errors(f"cannot write the mirror {self._place}"):
                    self._write(documents)
            except BaseException:
                with self._lock:
                    self._dirty |= dirty
                raise

    def _put(self, key: str, document: Mirrored | None) -> None:
        known = self._documents.get(key)
        if document == known:
            return
        if document is None:
            del self._documents[key]
        else:
            self._documents[key] = document
        self._dirty.add(key)

    def _write(self, documents: Mapping[str, Mirrored | None]) -> None:
        make_directory(str(self._place))
        removed = False
        for key, document in documents.items():
            path = self._place / f"{stem_of(key)}{_SUFFIX}"
            if document is not None:
                write_durably(str(path), _content(key, document))
            else:
                with suppress(FileNotFoundError):
                    path.unlink()
                    removed = True
        if removed:
            sync_directory(str(self._place))


def read_mirror(directory: str | Path) -> dict[str, Mirrored]:
    """Return what the mirror of a directory holds; also for looking on.

    Raises StoreUnavailableError.
    """
    place = Path(directory) / DIRECTORY
    documents = {}
    with wrapped_os_errors(f"cannot read the mirror {place}"):
        for path in place.glob(f"*{_SUFFIX}"):
            content = read_content(str(path))
            if content is not None:
                with_key = _parsed(content.data)
                if with_key is None:
                    _LOGGER.warning("%s is damaged and left out", path)
                else:
                    documents[with_key[0]] = with_key[1]
    return documents


def _content(key: str, document: Mirrored) -> bytes:
    updated_at = document.updated_at
    return orjson.dumps(
        {
            "key": key,
            "revision": document.revision,
            "updated_at": updated_at.isoformat() if updated_at else None,
            "data": orjson.Fragment(document.encoded),
        }
    )


def _parsed(content: bytes) -> tuple[str, Mirrored] | None:
    try:
        row = orjson.loads(content)
        at = row["updated_at"]
        updated_at = datetime.fromisoformat(at).astimezone(UTC) if at else None
        document = Mirrored(orjson.dumps(row["data"]), row["revision"], updated_at)
        return row["key"], document
    except (ValueError, KeyError, TypeError):
        return None
