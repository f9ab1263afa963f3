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
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from switchbot_store.documents import decode
from switchbot_store.errors import StoreUnavailableError
from switchbot_store.safe_files import (
    Content,
    keep_copy,
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

    content: bytes
    document: Document
    revision: str
    updated_at: datetime


class UnreadableError(StoreUnavailableError):
    """The file is there and holds no JSON object."""


def revision_of(content: bytes) -> str:
    """Return a hash, so that a hand edit is a new revision."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


class DocumentFile:
    """The file of one key. Its methods raise OSError; callers wrap it."""

    def __init__(self, key: str, path: Path) -> None:
        self.key = key
        self.path = path
        self._durable_revision: str | None = None

    def read(self) -> Stored | None:
        """Return the document, None if never set. Raises UnreadableError, OSError."""
        content = read_content(self.path)
        return None if content is None else self._parsed(content)

    def read_settled(self) -> Stored | None:
        """Read; if that fails wait for somebody's editor to finish writing."""
        previous = None
        for _ in range(_SETTLE_ROUNDS):
            content = read_content(self.path)
            if content is None:
                return None
            try:
                return self._parsed(content)
            except UnreadableError:
                if content.data == previous:
                    raise
            previous = content.data
            threading.Event().wait(_SETTLE_SECONDS)
        return self.read()

    def read_or_restore(self) -> Stored | None:
        """Read; if that fails set the file aside and return the previous generation.

        Raises UnreadableError, leaving the file where it is, when there is none.
        """
        try:
            return self.read_settled()
        except UnreadableError as error:
            previous = self._previous()
            if previous is None:
                raise UnreadableError(
                    f"{error}; repair {self.path}, or remove it to start empty"
                ) from error
            target = self.place()
            # Written first, so that the path never goes missing.
            temporary = write_temporary(target, previous.content)
            evidence = self._set_aside(target)
            replace(temporary, target)
            sync_directory(target.parent)
            _LOGGER.error(  # noqa: TRY400 - the message says it all
                "%s; it was set aside as %s and its previous generation is used",
                error,
                evidence,
            )
            return previous

    def place(self) -> Path:
        """Follow a symbolic link: people keep their settings elsewhere."""
        if self.path.is_symlink():
            return Path(os.path.realpath(self.path))
        return self.path

    def is_durable(self, content: bytes) -> bool:
        """Tell whether this object made exactly these bytes durable."""
        return self._durable_revision == revision_of(content)

    def mark_durable(self, content: bytes) -> None:
        """Remember that these bytes were installed and synced."""
        self._durable_revision = revision_of(content)

    def prepare(self, content: bytes) -> Path:
        """Write the next generation beside the file and return where."""
        return write_temporary(self.place(), content)

    def install(self, temporary: Path) -> None:
        """Make a prepared generation the current one; the directory wants its fsync.

        What the file held becomes the previous generation, or evidence.
        """
        target = self.place()
        self._durable_revision = None
        try:
            current = self.read()
        except UnreadableError as error:
            evidence = self._set_aside(target)
            _LOGGER.error(  # noqa: TRY400 - the message says it all
                "%s; it was set aside as %s and replaced", error, evidence
            )
        else:
            if current is not None:
                keep_copy(target, self._previous_path(target))
        replace(temporary, target)

    def write(self, content: bytes) -> None:
        """Replace the document; durable when it returns."""
        target = self.place()
        self.install(write_temporary(target, content))
        sync_directory(target.parent)
        self.mark_durable(content)

    def sync(self) -> None:
        """Make an installed generation durable."""
        sync_directory(self.place().parent)

    def delete(self) -> bool:
        """Remove the document and its previous generation, durably."""
        target = self.place()
        self._durable_revision = None
        try:
            existed = self.read() is not None
        except UnreadableError:
            self._set_aside(target)
            existed = True
        if existed:
            # The current one goes last: a crash between leaves the document whole.
            self._previous_path(target).unlink(missing_ok=True)
            target.unlink()
            sync_directory(target.parent)
        return existed

    def _parsed(self, content: Content) -> Stored:
        data = content.data.removeprefix(_BYTE_ORDER_MARK)  # some editors leave one
        try:
            document = decode(data, key=self.key)
        except StoreUnavailableError as error:
            raise UnreadableError(f"{self.path}: {error}") from error
        return Stored(
            content.data, document, revision_of(content.data), content.changed_at
        )

    def _previous(self) -> Stored | None:
        content = read_content(self._previous_path(self.place()))
        if content is None:
            return None
        try:
            return self._parsed(content)
        except UnreadableError:
            return None

    def _set_aside(self, target: Path) -> Path:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        evidence = target.with_name(f"{target.name}.corrupt-{stamp}")
        keep_copy(target, evidence)
        return evidence

    @staticmethod
    def _previous_path(target: Path) -> Path:
        return target.with_name(f"{target.name}.previous")
