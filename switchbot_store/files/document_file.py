"""One document in one file, its earlier generations and what became of bad ones.

Beside ``settings.json`` lie ``settings.json.previous``, what it held before the last
write, and ``settings.json.corrupt-<time>``, files that a crash or the disk damaged and
that were set aside as evidence. A person may keep the document in another language
beside it, ``settings.yaml``, see `formats`: then that is the file, and where two of them
are there neither is. In the store's directory ``.settings.good`` is a copy
of what was last written or read as a document. No file that could not be read is ever
written over.

A person's text that is no document stays untouched: until they mend it the copy is
what is read, and nothing is written. A damaged file is replaced by the copy, but not in
the moments after its last change: an editor may have emptied it, and be about to write.

Whoever writes holds the directory's lock; these functions do not take it.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from switchbot_store.codec import UnreadableError, encode
from switchbot_store.errors import StoreDataError
from switchbot_store.files.durable import (
    Content,
    directory_of,
    discard,
    holds,
    keep_copy,
    make_directory,
    read_content,
    replace,
    sync_directory,
    write_over,
    write_temporary,
)
from switchbot_store.files.formats import JSON, format_of
from switchbot_store.files.hand_edits import is_by_hand
from switchbot_store.languages import worded
from switchbot_store.model import DocumentProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchbot_store.files.formats import Format
    from switchbot_store.files.hand_edits import Mistake
    from switchbot_store.model import Document

_LOGGER = logging.getLogger(__name__)
PREVIOUS_SUFFIX: Final = ".previous"
_SETTLE_SECONDS: Final = 0.05
_SETTLE_ROUNDS: Final = 10
_SEVERAL: Final = 2
_DAMAGED: Final = "a crash or the disk damaged it; what was last good is used instead"
_MOMENTS: Final = timedelta(seconds=5)
"""How long an editor, or a slow disk of a network, may take between two writes."""
_UNFINISHED: Final = worded(
    "somebody is writing this just now, or it is damaged; what was last good is used "
    "until that is known"
)
_PART: Final = timedelta(seconds=0.25)
"""How long a text is left alone whose beginning may pass for the whole."""


class Stored(NamedTuple):
    """A document as read from its file, or with a `problem` from the last good copy."""

    content: Content
    document: Document
    problem: DocumentProblem | None = None
    known_revision: str = ""

    @property
    def revision(self) -> str:
        """The hash of the bytes."""
        return self.known_revision or revision_of(self.content.data)


def revision_of(data: bytes) -> str:
    """Return a hash, so that a hand edit is a new revision."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class DocumentFile:
    """The file of one key. Its methods raise OSError; callers wrap it.

    `good_path` is where a copy of the last good content is kept. `key_path` is where
    the key is written down when the path does not tell it. `others` are the paths where
    the document may lie instead. `problem` is what the last look found wrong with a
    person's text.
    """

    def __init__(
        self,
        key: str,
        path: str,
        *,
        good_path: str,
        key_path: str | None = None,
        others: Sequence[str] = (),
        problems: dict[str, DocumentProblem] | None = None,
    ) -> None:
        self.key = key
        self.path: str = path
        self._paths = (path, *others)
        self._format = format_of(path)
        self.key_path = key_path
        self._problems: dict[str, DocumentProblem] = (
            {} if problems is None else problems
        )
        self._good_path = good_path
        self._durable: bytes | None = None
        self._good: Content | None = None
        """What was last written or read as a document."""
        self._copied = False
        """Whether the copy is known to hold just that."""
        self._revision: tuple[bytes, str] = (b"", "")
        self._unreadable: bytes | None = None
        self.uninstalled: str | None = None
        """A generation that counts and that the disk did not let into its place."""
        self.alone_at: object = None
        """What the directory was like when nothing in it was in this document's way."""

    @property
    def problem(self) -> DocumentProblem | None:
        """What the last look found wrong, kept in `problems` under the key."""
        return self._problems.get(self.key)

    def read_again(self) -> Stored | None:
        """Return the document if the file holds what was last good, else None.

        The bytes are read and compared each time: what `stat` says may be the same after
        a change, and is out of date on some disks of a network. What is spared is to
        judge them once more. Only for a file that is known to be alone. Raises OSError.
        """
        good = self._good_copied()
        content = None if good is None else read_content(self.path, len(good))
        if good is None or content is None or content.data != good:
            return None
        revision = self._revision
        if revision[0] is not good:
            revision = self._revision = good, revision_of(good)
        return Stored(content, self._again(good), None, revision[1])

    def document_again(self) -> Document | None:
        """Return what `read_again` does, without anything around it."""
        good = self._good_copied()
        if good is None or not holds(self.path, good):
            return None
        return self._again(good)

    def _good_copied(self) -> bytes | None:
        """Return what was last good, unless there is more to do than to read it."""
        good = self._good
        if good is None or not self._copied or self.problem is not None:
            return None
        return good.data

    def _again(self, good: bytes) -> Document:
        return self._format.read_again(good, key=self.key)

    def read_known(self) -> tuple[Stored | None, bool]:
        """Return the document, None if never set, and whether that was all to do.

        Otherwise `read` wants to be called, with the lock. Raises OSError.
        """
        if self._several():
            return None, False
        content = self._current()
        if content is None:
            self._readable_again()
            return None, True
        try:
            stored = self._parsed(content)
        except UnreadableError:
            return None, False
        if not self._is_kept(content.data):
            return stored, False
        self._readable_again()
        return stored, True

    def read(self) -> Stored | None:
        """Return the document, None if never set; the last good one of a bad file.

        A person's text stays, and the answer tells its `problem`. A damaged file is set
        aside and replaced. Raises UnreadableError, leaving the file where it is, when
        no good document was ever seen.
        """
        several = self._several()
        if several is not None:
            return self._instead_of_several(several)
        content, stored = self._settled()
        if stored is None and content is not None:
            return self._instead_of(content)
        self._readable_again()
        if stored is not None:
            self._keep(stored.content)
        return stored

    def look(self) -> Stored | None:
        """Return what `read` would, touching nothing; raises as it does.

        The `problem` of a damaged file is that the last good document stands in for it.
        """
        problem = self._several()
        content = self._current()
        if content is None:
            return None
        if problem is None:
            try:
                return self._parsed(content)
            except UnreadableError:
                problem = (
                    DocumentProblem(self.key, self.path, *self._mistake_in(content))
                    if is_by_hand(content.data)
                    else DocumentProblem(
                        self.key,
                        self.path,
                        1,
                        1,
                        _UNFINISHED if _changed_within(content, _MOMENTS) else _DAMAGED,
                    )
                )
        good = self._last_good(self.place())
        if good is None:
            raise self._without_good(problem)
        return good._replace(problem=problem)

    def _without_good(self, problem: DocumentProblem) -> UnreadableError:
        if self.several():
            return UnreadableError(
                worded("{problem}; until then nothing is read", problem=problem),
                problem=problem,
            )
        if problem.reason in (_DAMAGED, _UNFINISHED):
            return UnreadableError(
                worded(
                    "{path} is damaged; repair it, or remove it to start empty",
                    path=self.path,
                )
            )
        return UnreadableError(
            worded(
                "{problem}; no good document is known: mend it, or remove {path} "
                "to start empty",
                problem=problem,
                path=self.path,
            ),
            problem=problem,
        )

    def holds(self, data: bytes) -> bool:
        """Tell whether the file has these bytes and this object made them durable."""
        if self._durable != data:
            return False
        content = self._current()
        return content is not None and content.data == data

    def check_writable(self) -> Content | None:
        """Return what will be written over, None where there is no file.

        Raises StoreDataError when that would be a person's text.
        """
        several = self._several()
        if several is not None:
            raise StoreDataError(
                worded("{several}; nothing is written meanwhile", several=several),
                problem=several,
            )
        content = read_content(self.path, len(self._durable or b""))
        if content is None or content.data == self._durable:
            return content
        content, stored = self._settled()
        if stored is not None or content is None:
            return content
        problem = None
        if is_by_hand(content.data):
            problem = self._noted(content.data)
        elif _changed_within(content, _MOMENTS):
            problem = self._noted_unfinished(content.data)
        if problem is not None:
            raise StoreDataError(
                worded(
                    "{problem}; nothing is written over it: mend it or move it away",
                    problem=problem,
                ),
                problem=problem,
            )
        return content

    def text_of(
        self, document: Document, as_json: bytes, current: Content | None
    ) -> bytes:
        """Return the bytes that `write` takes to hold a document, in place of `current`.

        Of a file that a person wrote in another language as little changes as can be,
        and who takes a change back has the bytes that were there before it.
        Raises StoreDataError where that cannot be.
        """
        before = b"" if current is None else current.data
        if before and self._format is not JSON:
            undone = self._undone(document, before)
            if undone is not None:
                return undone
        return self._format.written(document, as_json, before, place=self.path)

    def _undone(self, document: Document, before: bytes) -> bytes | None:
        """Return the previous generation's bytes, where these say what is wanted.

        Only if what stands there now is what was made of them: what a person wrote
        since would be lost.
        """
        previous = read_content(previous_path(self.place()))
        if previous is None:
            return None
        try:
            if self._format.read(previous.data, key=self.key) != document:
                return None
            now = self._format.read(before, key=self.key)
            again = self._format.written(
                now, encode(now, indent=True), previous.data, place=self.path
            )
        except (StoreDataError, UnreadableError):
            return None  # it is of another language, or from before a person's change
        return previous.data if again == before else None

    def write(self, data: bytes, current: Content | None) -> None:
        """Replace the document, which is `current`; durable when it returns."""
        target = self.place()
        temporary = self._write_beside(target, data, current)
        try:
            self._install(temporary, target, current)
        except BaseException:
            discard(temporary)
            raise
        sync_directory(directory_of(target))
        self.written(data)

    def prepare(self, data: bytes, current: Content | None) -> str:
        """Write what comes after `current` beside the file; return its name there.

        The directory still wants its fsync.
        """
        return os.path.basename(self._write_beside(self.place(), data, current))

    def discard(self, name: str) -> None:
        """Remove a prepared generation."""
        os.unlink(os.path.join(self.directory(), name))

    def install(self, name: str, current: Content | None) -> None:
        """Make a prepared generation current in place of the one that is.

        It stays prepared where the disk refuses: it may be one of several that count
        together, of which others are in their places. The directory still wants its fsync.
        """
        target = self.place()
        self._install(os.path.join(directory_of(target), name), target, current)

    def install_if_prepared(self, name: str) -> None:
        """Do what another process began and may have done: `install`."""
        if self.is_prepared(name):
            self.install(name, read_content(self.place()))

    def is_prepared(self, name: str) -> bool:
        """Tell whether a prepared generation is there."""
        return os.path.exists(os.path.join(self.directory(), name))

    def has(self, revision: str | None) -> bool:
        """Tell whether the file is of a revision; None, which nobody noted, is any."""
        if revision is None:
            return True
        content = read_content(self.place())
        return content is not None and revision_of(content.data) == revision

    def directory(self) -> str:
        """Return the directory in which the file lies, behind a symbolic link too."""
        return directory_of(self.place())

    def written(self, data: bytes) -> None:
        """Remember that the file was made to hold these bytes, and keep their copy."""
        self.kept(data)
        self._durable = data

    def kept(self, data: bytes) -> None:
        """Keep the copy of what was put in the file's place; it may not be durable yet."""
        self._readable_again()
        with suppress(OSError):
            self._keep(Content(data, os.stat(self.path)), new=True)

    def durable(self, data: bytes) -> None:
        """Remember that these bytes were put in the file's place for good."""
        self._durable = data

    def delete(self) -> bool:
        """Remove the document and its earlier generations, durably."""
        target = self.place()
        self._durable = self._good = None
        self._copied = False
        content = read_content(target)
        if content is not None and not self._is_good(content):
            self._set_aside(target, content)
        self._readable_again()
        # The current one goes last: a crash between leaves the document whole.
        places = [self._good_path]
        if content is not None:
            places += [previous_path(target), target]
        for path in places:
            with suppress(FileNotFoundError, NotADirectoryError):
                os.unlink(path)
        if content is None:
            return False
        sync_directory(directory_of(target))
        return True

    def place(self) -> str:
        """Follow a symbolic link: people keep their settings elsewhere.

        Raises OSError where it leads to what is not there and was, or to no directory: a
        disk that is not mounted is no document that was deleted, nor is it written below.
        """
        if not os.path.islink(self.path):
            return self.path
        target = os.path.realpath(self.path)
        if not os.path.lexists(target) and (
            not os.path.isdir(directory_of(target)) or os.path.lexists(self._good_path)
        ):
            raise OSError(
                errno.ENOLINK,
                worded(
                    "this is a link to {target}, which is not there: mount its disk, bring the file back, or remove the link",
                    target=target,
                ),
                self.path,
            )
        return target

    def _current(self) -> Content | None:
        """Return what the file holds, None if it was never set; see `read_content`."""
        content = read_content(self.uninstalled) if self.uninstalled else None
        if content is not None:
            return content
        content = read_content(self.path)
        if content is None:
            self.place()
        return content

    def several(self) -> bool:
        """Look where the document lies; tell whether that cannot be said."""
        return self._several() is not None

    # reading

    def _several(self) -> DocumentProblem | None:
        """Look where the document lies; tell if that cannot be said."""
        if len(self._paths) == 1:
            return None
        found = [path for path in self._paths if os.path.lexists(path)]
        path = found[0] if found else self._paths[0]
        if path != self.path:
            self.path, self._format = path, format_of(path)
            self._durable = self._unreadable = None
            self._copied = False
        if len(found) < _SEVERAL:
            return None
        names = " and ".join(os.path.basename(each) for each in found)
        reason = f"{names} are both here: keep one of them, move the others away"
        return DocumentProblem(self.key, path, 1, 1, reason)

    def _instead_of_several(self, problem: DocumentProblem) -> Stored:
        """Return the last good document while it cannot be said which file counts."""
        if self.problem != problem:
            _LOGGER.error("%s; the last good %r stays in force", problem, self.key)
        self._problems[self.key] = problem
        good = self._last_good(self.place())
        if good is None:
            raise self._without_good(problem)
        return good._replace(problem=problem)

    def _mistake_in(self, content: Content) -> Mistake:
        return self._format.mistake_in(content.data)

    def _settled(self) -> tuple[Content | None, Stored | None]:
        """Read; where that is no document wait for somebody's editor to finish."""
        before = self._unreadable  # for that one was waited already
        content = stored = None
        for _ in range(_SETTLE_ROUNDS):
            content = self._current()
            if content is None:
                return None, None
            try:
                stored = self._parsed(content)
            except UnreadableError:
                stored = None
                if content.data == before:
                    return content, None
            if stored is not None and not self._may_be_a_part(content):
                return content, stored
            before = content.data
            threading.Event().wait(_SETTLE_SECONDS)
        return content, stored

    def _may_be_a_part(self, content: Content) -> bool:
        """Tell whether more of a text that is new may be about to be written.

        Not of one that a store wrote, whole at once: it left its copy.
        """
        if (
            not self._format.beginning_may_pass
            or self._is_kept(content.data)
            or not _changed_within(content, _PART)
        ):
            return False
        copy = read_content(self._good_path)
        return copy is None or copy.data != content.data

    def _instead_of(self, bad: Content) -> Stored:
        """Return the last good document in place of a bad file."""
        target = self.place()
        good = self._last_good(target)
        if is_by_hand(bad.data):
            problem = self._noted(bad.data)
            if good is None:
                raise self._without_good(problem)
            return good._replace(problem=problem)
        if good is None:
            raise self._without_good(
                DocumentProblem(self.key, self.path, 1, 1, _DAMAGED)
            )
        if _changed_within(bad, _MOMENTS):
            return good._replace(problem=self._noted_unfinished(bad.data))
        # Written first, so that the path never goes missing.
        temporary = write_temporary(target, good.content.data, like=bad.status)
        evidence = self._set_aside(target, bad)
        replace(temporary, target)
        sync_directory(directory_of(target))
        _LOGGER.error(
            "%s is damaged; it was set aside as %s and what was last good is used",
            self.path,
            evidence,
        )
        self._readable_again()
        self._keep(good.content)
        return good

    def _last_good(self, target: str) -> Stored | None:
        """Return the newest document known: the copy, else the generation before."""
        # The copy first, since another process may have kept a newer one; but not where
        # this one could not keep its own.
        kept = [read_content(self._good_path), self._good]
        if self._good is not None and not self._copied:
            kept.reverse()
        for content in (*kept, read_content(previous_path(target))):
            # It may be from before the person chose another language.
            for language in dict.fromkeys((self._format, *map(format_of, self._paths))):
                if content is not None:
                    with suppress(UnreadableError):
                        return Stored(content, self._read(content, language))
        return None

    def _noted(self, data: bytes) -> DocumentProblem:
        """Describe a person's text; say it in the log, once for each."""
        problem = self.problem
        if problem is None or data != self._unreadable:
            mistake = self._format.mistake_in(data)
            problem = DocumentProblem(self.key, self.path, *mistake)
            self._problems[self.key] = problem
            self._unreadable = data
            _LOGGER.error("%s; the last good %r stays in force", problem, self.key)
            self._secure_copy()
        return problem

    def _noted_unfinished(self, data: bytes) -> DocumentProblem:
        """Describe what may be an editor's, between emptying a file and filling it."""
        problem = DocumentProblem(self.key, self.path, 1, 1, _UNFINISHED)
        if self.problem != problem:
            _LOGGER.warning("%s", problem)
        self._problems[self.key] = problem
        self._unreadable = data
        return problem

    def _readable_again(self) -> None:
        self._unreadable = None
        if self._problems.pop(self.key, None) is not None:
            _LOGGER.warning("%s can be read again", self.path)

    def _parsed(self, content: Content) -> Stored:
        return Stored(content, self._read(content, self._format))

    def _read(self, content: Content, language: Format) -> Document:
        try:
            return language.read(content.data, key=self.key)
        except UnreadableError as error:
            raise UnreadableError(
                worded("{path}: {error}", path=self.path, error=error)
            ) from error

    def _is_good(self, content: Content) -> bool:
        try:
            self._parsed(content)
        except UnreadableError:
            return False
        return True

    # the copy of what was last good

    def _is_kept(self, data: bytes) -> bool:
        return self._copied and self._good is not None and self._good.data == data

    def _keep(self, content: Content, *, new: bool = False) -> None:
        """Keep a copy of a good document, which an editor that writes cannot reach.

        Where that fails the document is remembered by this process alone, and no older
        one is left to be taken for it. `new`: the copy cannot be that already.
        """
        if self._is_kept(content.data):
            return
        self._good, self._copied = content, False
        try:
            copy = None if new else read_content(self._good_path)
            if copy is None or copy.data != content.data:
                # Without fsync: the file itself is durable, so it takes a power cut
                # and a bad edit, with no look between them, to want this copy.
                self._copy(content)
            self._copied = True
        except OSError as error:
            _LOGGER.debug("no copy of %s is kept: %s", self.path, error)
            discard(self._good_path)

    def _copy(self, content: Content) -> None:
        """Write the copy into its file, or into a new one. Raises OSError."""
        data, like = content
        # What is cut off of JSON, or has another's end, is no document.
        if self._format is JSON and write_over(self._good_path, data, like):
            return
        temporary = write_temporary(self._good_path, data, like=like, durable=False)
        # The one before goes first: ext4 writes out what is renamed over a file.
        discard(self._good_path)
        replace(temporary, self._good_path)

    def _secure_copy(self) -> None:
        """Make the copy durable, once it is the only place of the last good."""
        with suppress(OSError):
            content = read_content(self._good_path)
            if content is not None:
                temporary = write_temporary(
                    self._good_path, content.data, like=content.status
                )
                replace(temporary, self._good_path)
                sync_directory(directory_of(self._good_path))

    # writing

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
                device = current.status.st_dev
                keep_copy(target, previous_path(target), device=device)
            else:
                evidence = self._set_aside(target, current)
                _LOGGER.error(
                    "%s holds no document; it was set aside as %s and replaced",
                    target,
                    evidence,
                )
        os.replace(temporary, target)

    @staticmethod
    def _set_aside(target: str, current: Content) -> str:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        evidence = f"{target}.corrupt-{stamp}"
        keep_copy(target, evidence, device=current.status.st_dev)
        return evidence


def _changed_within(content: Content, moments: timedelta) -> bool:
    """Tell whether a file was written to just now, by the clock that dates files."""
    return abs(datetime.now(UTC) - content.changed_at) < moments


def previous_path(target: str) -> str:
    """Return where the generation before of a document's file is kept."""
    return f"{target}{PREVIOUS_SUFFIX}"
