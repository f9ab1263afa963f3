"""One document in one file, its previous generation and what became of bad ones.

Beside ``settings.json`` lie ``settings.json.previous``, what it held before the last
write, and ``settings.json.corrupt-<time>``, files that could not be read as JSON and
were set aside as evidence. No file that could not be read is ever written over.

Whoever writes holds the directory's lock; these functions do not take it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from switchbot_store.documents import UnreadableError, decode
from switchbot_store.safe_files import (
    Content,
    directory_of,
    keep_copy,
    make_directory,
    read_content,
    replace,
    sync_directory,
    write_temporary,
)

if TYPE_CHECKING:
    from switchbot_store.interface import Document

_LOGGER = logging.getLogger(__name__)
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_SETTLE_SECONDS: Final = 0.05
_SETTLE_ROUNDS: Final = 10


class Stored(NamedTuple):
    """A document as read from its file."""

    content: Content
    document: Document

    @property
    def revision(self) -> str:
        """The hash of the bytes."""
        return revision_of(self.content.data)


def revision_of(data: bytes) -> str:
    """Return a hash, so that a hand edit is a new revision."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class DocumentFile:
    """The file of one key. Its methods raise OSError; callers wrap it.

    `key_path` is where the key is written down when the path does not tell it.
    """

    def __init__(self, key: str, path: str, *, key_path: str | None = None) -> None:
        self.key = key
        self.path = path
        self.key_path = key_path
        self._durable: bytes | None = None

    def read(self) -> Stored | None:
        """Return the document, None if never set. Raises UnreadableError, OSError."""
        content = read_content(self.path)
        return None if content is None else self._parsed(content)

    def read_settled(self) -> Stored | None:
        """Read; if that fails wait for somebody's editor to finish writing."""
        before = None
        for _ in range(_SETTLE_ROUNDS):
            content = read_content(self.path)
            if content is None:
                return None
            try:
                return self._parsed(content)
            except UnreadableError:
                if content.data == before:
                    raise
            before = content.data
            threading.Event().wait(_SETTLE_SECONDS)
        return self.read()

    def read_or_restore(self) -> Stored | None:
        """Read; if that fails set the file aside and return the previous generation.

        Raises UnreadableError, leaving the file where it is, when there is none.
        """
        try:
            return self.read_settled()
        except UnreadableError as error:
            target = self.place()
            previous = self._previous(target)
            if previous is None:
                raise UnreadableError(
                    f"{error}; repair {self.path}, or remove it to start empty"
                ) from error
            # Written first, so that the path never goes missing.
            temporary = write_temporary(
                target, previous.content.data, like=previous.content.status
            )
            evidence = self._set_aside(target)
            replace(temporary, target)
            sync_directory(directory_of(target))
            _LOGGER.error(  # noqa: TRY400 - the message says it all
                "%s; it was set aside as %s and its previous generation is used",
                error,
                evidence,
            )
            return previous

    def holds(self, data: bytes) -> bool:
        """Tell whether the file has these bytes and this object made them durable."""
        if self._durable != data:
            return False
        content = read_content(self.path)
        return content is not None and content.data == data

    def write(self, data: bytes) -> None:
        """Replace the document; durable when it returns."""
        target = self.place()
        current = read_content(target)
        temporary = self._write_beside(target, data, current)
        self._install(temporary, target, current)
        sync_directory(directory_of(target))
        self._durable = data

    def prepare(self, data: bytes) -> str:
        """Write the next generation beside the file and return its name there."""
        target = self.place()
        temporary = self._write_beside(target, data, read_content(target))
        sync_directory(directory_of(target))
        return os.path.basename(temporary)

    def discard(self, name: str) -> None:
        """Remove a prepared generation."""
        os.unlink(os.path.join(directory_of(self.place()), name))

    def install(self, name: str) -> None:
        """Make a prepared generation current, unless that was done already."""
        target = self.place()
        temporary = os.path.join(directory_of(target), name)
        if os.path.exists(temporary):
            self._install(temporary, target, read_content(target))
        sync_directory(directory_of(target))

    def mark_durable(self, data: bytes) -> None:
        """Remember that the file was made to hold these bytes."""
        self._durable = data

    def delete(self) -> bool:
        """Remove the document and its previous generation, durably."""
        target = self.place()
        self._durable = None
        content = read_content(target)
        if content is None:
            return False
        if not self._is_good(content):
            self._set_aside(target)
        # The current one goes last: a crash between leaves the document whole.
        for path in (_previous_path(target), target):
            if os.path.exists(path):
                os.unlink(path)
        sync_directory(directory_of(target))
        return True

    def place(self) -> str:
        """Follow a symbolic link: people keep their settings elsewhere."""
        return os.path.realpath(self.path) if os.path.islink(self.path) else self.path

    def _write_beside(self, target: str, data: bytes, current: Content | None) -> str:
        like = current.status if current else None
        try:
            return write_temporary(target, data, like=like)
        except FileNotFoundError:
            make_directory(directory_of(target))
            return write_temporary(target, data, like=like)

    def _install(self, temporary: str, target: str, current: Content | None) -> None:
        """Make what the file held the previous generation, or evidence."""
        durable, self._durable = self._durable, None
        if current is not None:
            if current.data == durable or self._is_good(current):
                keep_copy(target, _previous_path(target))
            else:
                evidence = self._set_aside(target)
                _LOGGER.error(
                    "%s holds no document; it was set aside as %s and replaced",
                    target,
                    evidence,
                )
        replace(temporary, target)

    def _is_good(self, content: Content) -> bool:
        try:
            self._parsed(content)
        except UnreadableError:
            return False
        return True

    def _parsed(self, content: Content) -> Stored:
        data = content.data.removeprefix(_BYTE_ORDER_MARK)  # some editors leave one
        try:
            return Stored(content, decode(data, key=self.key))
        except UnreadableError as error:
            raise UnreadableError(f"{self.path}: {error}") from error

    def _previous(self, target: str) -> Stored | None:
        content = read_content(_previous_path(target))
        if content is None or not self._is_good(content):
            return None
        return self._parsed(content)

    @staticmethod
    def _set_aside(target: str) -> str:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        evidence = f"{target}.corrupt-{stamp}"
        keep_copy(target, evidence)
        return evidence


def _previous_path(target: str) -> str:
    return f"{target}.previous"
