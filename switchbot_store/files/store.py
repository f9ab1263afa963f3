"""Documents as plain JSON files that people edit.

``<directory>/settings.json`` and ``<directory>/state.json`` by default; any other key
has a file of its own there (see `files.names`). Each operation takes a short lock, so
several processes may share a directory. A revision is a hash of the bytes: a hand edit
is seen at the next read. One that is no JSON object stays as the person left it; until
it is mended the last good document is read, with the place of the mistake, and writing
that document is refused.

`set_many` is all or nothing, also across a crash: it prepares every file, then writes
``.pending.json`` naming them, which is the moment of commit, then puts them in place.
Whoever next uses the directory finishes what a crashed process began.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from bisect import bisect_left
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import orjson

from switchbot_store.arguments import checked_path, checked_paths
from switchbot_store.codec import (
    checked_documents,
    checked_keys,
    checked_text,
    encode,
    is_internal,
    validate_key,
)
from switchbot_store.errors import (
    StoreClosedError,
    StoreConfigError,
    StoreConflictError,
    StoreError,
)
from switchbot_store.files.document_file import (
    PREVIOUS_SUFFIX,
    DocumentFile,
    Stored,
    previous_path,
    revision_of,
)
from switchbot_store.files.durable import (
    DirectoryLock,
    make_directory,
    read_content,
    remove_leftovers,
    replace,
    sync_directory,
    wrapped_os_errors,
    write_durably,
    write_temporary,
)
from switchbot_store.files.formats import ENDINGS
from switchbot_store.files.names import SUFFIX, beginnings, is_hashed, key_of, stem_of
from switchbot_store.files.places import is_there
from switchbot_store.interface import StoreInterface
from switchbot_store.languages import reworded, worded
from switchbot_store.model import Document, Entry, StoreStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from switchbot_store.files.durable import Content
    from switchbot_store.model import DocumentProblem

_LOGGER = logging.getLogger(__name__)
_COARSE_STAMP_SECONDS: Final = 2.5
"""FAT counts changes in steps of two seconds, other old file systems of one."""
_FINE_STAMP_SECONDS: Final = 0.1
"""Others stamp with the kernel's clock, in steps of its ticks: at most 10 ms."""
_KEY_SUFFIX: Final = ".key"
_GOOD_SUFFIX: Final = ".good"
_SETTINGS: Final = "settings"
_MANY: Final = 24
"""From so many documents on, those written together are written side by side."""
_SIDE_BY_SIDE: Final = 64
"""They wait for the disk's next commit, which takes as long for one as for all of them."""


class JsonStore(StoreInterface):
    """A store of one JSON file per document.

    `directory` is made at the first write. `paths` puts single documents elsewhere, as
    in ``{"settings": "/etc/home/settings.json"}``; stores that share a file must share
    the directory too, since its lock guards them. `monotonic` returns the seconds by
    which leases are watched.

    >>> from switchbot_store import JsonStore
    >>> with JsonStore("config") as store:
    ...     store.set("settings", {"mode": "winter"})
    >>> with open("config/settings.json") as file:
    ...     "winter" in file.read()
    True
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] = "config",
        *,
        paths: Mapping[str, str | os.PathLike[str]] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.monotonic = monotonic
        self.directory: Path = checked_path(directory, "directory")
        self._paths = checked_paths(paths)
        self._files: dict[str, DocumentFile] = {}
        self._problems: dict[str, DocumentProblem] = {}
        self._refuse_shared_files()
        self._lock_directory = str(self.directory)
        self._lock = DirectoryLock(str(self.directory / ".lock"))
        self._pending = str(self.directory / ".pending.json")
        self._seen: tuple[object, float] = (None, 0.0)
        """What the directory was like, and since when by the monotonic clock."""
        self._listing: tuple[object, list[str]] = (None, [])
        """The sorted names in the directory, and what it was like then."""
        self._uninstalled: list[DocumentFile] = []
        self._last_error: str | None = None
        self._closed = False

    def get_entry(self, key: str) -> Entry:
        """Return the document, its revision and time; an empty Entry if never set.

        Where a person left a text that is no JSON object, the last good document is
        returned, with `problem`. A file that a crash damaged is set aside and replaced
        by what was last good. Raises StoreUnavailableError when nothing good is known,
        or the disk fails.
        """
        file = self._free_file(key)
        if file is not None:
            with suppress(OSError):  # whoever looks closer says why
                stored = file.read_again()
                if stored is not None:
                    return _entry(file, stored)
        return self.get_many([key])[key]

    def get(self, key: str) -> Document:
        """Return the document, ``{}`` if it was never set; raises as `get_entry`."""
        file = self._free_file(key)
        document = None if file is None else file.document_again()
        return self.get_many([key])[key].data if document is None else document

    def get_many(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return an Entry for each key, all as of one moment."""
        files = [self._file(key) for key in checked_keys(keys)]
        self._check_open()
        with self._errors("cannot read"):
            if len(files) == 1 and self._is_free(files[0]):
                # One file is replaced at once, so a reader needs no lock.
                stored, done = files[0].read_known()
                if done:
                    return {files[0].key: _entry(files[0], stored)}
            with self._locked(writing=False):
                return {file.key: _entry(file, file.read()) for file in files}

    def set(self, key: str, data: Document) -> None:
        """Write the document; durable when it returns.

        Raises StoreDataError before anything is written, also where that would go over
        a person's text that is no document; StoreUnavailableError.
        """
        file, content = self._file(key), encode(data, indent=True)
        self._check_open()
        with self._errors("cannot write"), self._locked(writing=True):
            if not file.holds(content):
                current = file.check_writable()
                self._write(file, file.text_of(data, content, current), current)

    def set_many(self, documents: Mapping[str, Document]) -> dict[str, str]:
        """Write several documents, all or nothing, durable when it returns.

        Returns their revisions. Raises StoreDataError before anything is written, StoreUnavailableError.
        """
        documents = checked_documents(documents)
        contents = {
            self._file(key): encode(data, indent=True)
            for key, data in documents.items()
        }
        self._check_open()
        with self._errors("cannot write"), self._locked(writing=True):
            changed = {
                file: content
                for file, content in contents.items()
                if not file.holds(content)
            }
            current = {file: file.check_writable() for file in changed}
            for file, content in changed.items():
                changed[file] = file.text_of(
                    documents[file.key], content, current[file]
                )
            contents.update(changed)
            if len(changed) == 1:
                file, content = changed.popitem()
                self._write(file, content, current[file])
            elif changed:
                self._write_together(changed, current)
        return {file.key: revision_of(content) for file, content in contents.items()}

    def compare_and_set(self, key: str, data: Document, revision: str) -> str:
        """Write only if the stored revision equals `revision`; return the new one."""
        file, content = self._file(key), encode(data, indent=True)
        revision = checked_text(revision, "revision")
        self._check_open()
        with self._errors("cannot write"), self._locked(writing=True):
            file.check_writable()
            stored = file.read()
            found = stored.revision if stored else ""
            if found != revision:
                raise StoreConflictError(file.key, found)
            current = stored.content if stored else None
            text = file.text_of(data, content, current)
            if not file.holds(text):
                self._write(file, text, current)
            return revision_of(text)

    def delete(self, key: str) -> bool:
        """Remove the document and its previous generation; tell whether it existed."""
        file = self._file(key)
        self._check_open()
        if not self.directory.is_dir() and key not in self._paths:
            return False
        with self._errors("cannot delete"), self._locked(writing=True):
            existed = file.delete()
            if file.key_path:
                Path(file.key_path).unlink(missing_ok=True)
            return existed

    def keys(self) -> list[str]:
        """Return the sorted keys, without the internal ones."""
        self._check_open()
        with self._errors("cannot list"), self._locked(writing=False):
            return self._listed()

    def keys_with(self, prefix: str) -> list[str]:
        """Return the sorted keys that begin with `prefix`, the internal ones too.

        The directory is listed once for as long as nothing comes or goes in it: beside
        30,000 files of 10,000 homes that takes 20 ms, and then what is found alone counts.
        """
        prefix = checked_text(prefix, "prefix")
        self._check_open()
        with self._errors("cannot list"), self._locked(writing=False):
            found = self._found(prefix)
            return sorted(key for key in found if key.startswith(prefix))

    def look(self, prefix: str = "") -> dict[str, Entry | StoreError]:
        """Return what reading each document would give, or the error; nothing changes.

        Neither is a damaged file set aside, nor what a crash left finished or removed.
        With a `prefix` those whose keys begin so, the internal ones too.
        """
        found: dict[str, Entry | StoreError] = {}
        with self._errors("cannot list"):
            keys = (
                sorted(key for key in self._found(prefix) if key.startswith(prefix))
                if prefix
                else self._listed()
            )
        for key in keys:
            try:
                with self._errors(f"cannot read {key!r}"):
                    file = self._file(key)
                    found[key] = _entry(file, file.look())
            except StoreError as error:
                found[key] = error
        return found

    def _free_file(self, key: str) -> DocumentFile | None:
        """Return the file of a key that was asked for before, if it `_is_free`."""
        file = self._files.get(key) if type(key) is str else None
        if file is None or self._closed or not self._is_free(file):
            return None
        return file

    def _is_free(self, file: DocumentFile) -> bool:
        """Tell whether the file can be read by itself.

        No set of documents is to be finished first, and it is the only file of its
        document. Neither changes without a change of the directory. What is seen
        counts from then on only if the directory has been as it is for a while, since
        two changes shortly after one another may look the same.
        """
        try:
            status = os.stat(self._lock_directory)
        except OSError:
            state = None
        else:
            state = status.st_mtime_ns, status.st_ctime_ns, status.st_ino
            if state == file.alone_at:
                return True
        settled = self._is_settled(state)
        if os.path.exists(self._pending) or file.several():
            return False
        if settled:
            file.alone_at = state
        return True

    def _is_settled(self, state: tuple[int, int, int] | None) -> bool:
        """Tell whether another change of the directory would certainly look different."""
        # Real time on purpose: the file system stamps with it.
        now = time.monotonic()
        seen = self._seen
        if seen[0] != state:
            seen = self._seen = state, now
        return state is not None and now - seen[1] > _stamps_differ_after(state[1])

    def _names(self) -> list[str]:
        """Return the sorted names in the directory. Raises OSError."""
        status = os.stat(self.directory)
        state = status.st_mtime_ns, status.st_ctime_ns, status.st_ino
        known, names = self._listing
        if known == state:
            return names
        settled = self._is_settled(state)
        names = sorted(os.listdir(self.directory))
        if settled:
            self._listing = state, names
        return names

    def _listed(self) -> list[str]:
        return sorted(key for key in self._found() if not is_internal(key))

    def _found(self, prefix: str = "") -> Collection[str]:
        """Return the keys that are there, at least those that begin so."""
        found = {key for key, path in self._paths.items() if is_there(path)}
        found.update(file.key for file in self._uninstalled)
        with suppress(FileNotFoundError, NotADirectoryError):
            names = self._names()
            for begins in beginnings(prefix):
                for name in islice(names, bisect_left(names, begins), None):
                    if not name.startswith(begins):
                        break
                    key = self._listed_key(name)
                    if key is not None and key not in self._paths:
                        found.add(key)
        return found

    def health_check(self) -> bool:
        """Tell whether a file can be written now, wherever documents lie."""
        try:
            self._check_open()
            with self._errors("cannot write"), self._locked(writing=True):
                self._check_places()
                for directory in self._directories():
                    os.unlink(write_temporary(str(directory / "health"), b"{}\n"))
        except StoreError as error:
            _LOGGER.debug("the store in %s is not healthy: %s", self.directory, error)
            return False
        return True

    def write_refusal(self) -> str | None:
        """Return what lies in the way of writing, None if nothing does.

        Looked for are the store's own files beside the documents; nothing is changed.
        """
        try:
            self._lock.check()
            self._check_places()
        except OSError as error:
            return f"{error.filename}: {error.strerror}"
        return None

    def _check_places(self) -> None:
        """Raise OSError where a directory lies in place of a file of the store's own."""
        places = [self._pending]
        places += [
            previous_path(os.path.realpath(each)) for each in self._paths.values()
        ]
        with suppress(FileNotFoundError, NotADirectoryError):
            for name in os.listdir(self.directory):
                if name.endswith(PREVIOUS_SUFFIX):
                    places.append(f"{self.directory}/{name}")
        for place in places:
            if os.path.isdir(place):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), place)

    def status(self) -> StoreStatus:
        """Describe the store."""
        return StoreStatus(
            backend="json",
            acknowledged_by=f"fsynced files in {self.directory}",
            last_error=self._last_error,
            problems=tuple(self._problems.values()),
        )

    def open(self) -> Self:
        """Finish what a crashed process began and remove its temporary files."""
        self._check_open()
        with self._errors("cannot open"):
            if is_there(self.directory) and not self.directory.is_dir():
                raise StoreConfigError(
                    worded(
                        "{directory} is a file, not a directory",
                        directory=self.directory,
                    ),
                    variable="directory",
                )
            with self._locked(writing=False):
                for directory in self._directories():
                    remove_leftovers(directory)
        return self

    def close(self) -> None:
        """Refuse further calls; no file is kept open between calls."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosedError(
                worded("the store in {directory} was closed", directory=self.directory)
            )

    @contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        try:
            with wrapped_os_errors(f"{action} in {self.directory}"):
                yield
        except StoreConflictError:
            raise
        except StoreError as error:
            self._last_error = reworded(error)
            raise

    @contextmanager
    def _locked(self, *, writing: bool) -> Iterator[None]:
        if writing and not os.path.isdir(self._lock_directory):
            make_directory(self._lock_directory)
        with self._lock.held(writing=writing):
            self._forget_uninstalled()
            if os.path.exists(self._pending):
                try:
                    self._finish_pending()
                except OSError as error:
                    if writing:
                        raise
                    # What counts is read where it lies, on a disk that went read-only too.
                    if self._last_error != str(error):
                        _LOGGER.warning(
                            "%s: what counts cannot be put in its place yet: %s",
                            self._pending,
                            error,
                        )
                    self._last_error = str(error)
                else:
                    self._forget_uninstalled()
            yield

    def _forget_uninstalled(self) -> None:
        for file in self._uninstalled:
            file.uninstalled = None
        self._uninstalled = []

    def _file(self, key: str) -> DocumentFile:
        key = validate_key(key)
        file = self._files.get(key)
        if file is None:
            file = self._files.setdefault(key, self._new_file(key))
        return file

    def _new_file(self, key: str) -> DocumentFile:
        stem = stem_of(key)
        good_path = f"{self.directory}/.{stem}{_GOOD_SUFFIX}"
        if key in self._paths:
            return DocumentFile(
                key,
                str(self._paths[key]),
                good_path=good_path,
                problems=self._problems,
            )
        place = str(self.directory / stem)
        return DocumentFile(
            key,
            f"{place}{SUFFIX}",
            good_path=good_path,
            key_path=f"{place}{_KEY_SUFFIX}" if is_hashed(stem) else None,
            others=[f"{place}{ending}" for ending in ENDINGS] if _chosen(key) else (),
            problems=self._problems,
        )

    def _write(
        self, file: DocumentFile, content: bytes, current: Content | None
    ) -> None:
        self._remember_key(file)
        file.write(content, current)

    @staticmethod
    def _remember_key(file: DocumentFile) -> None:
        """Write down a key that its file's name does not tell.

        First of all, so that no document is ever without its key.
        """
        if file.key_path and not os.path.exists(file.key_path):
            write_durably(file.key_path, file.key.encode())

    def _write_together(
        self,
        contents: Mapping[DocumentFile, bytes],
        current: Mapping[DocumentFile, Content | None],
    ) -> None:
        names: dict[DocumentFile, str] = {}

        def prepare(file: DocumentFile) -> None:
            names[file] = file.prepare(contents[file], current[file])

        try:
            for file in contents:
                self._remember_key(file)
            _side_by_side(contents, prepare)
            self._commit(names, contents)
        except BaseException:
            # The list goes first: with it, missing files would count as installed.
            with suppress(OSError):
                os.unlink(self._pending)
            for file, name in names.items():
                with suppress(OSError):
                    file.discard(name)
            raise

        def install(file: DocumentFile) -> None:
            file.install(names[file], current[file])
            file.kept(contents[file])

        self._install(names, install)
        for file, content in contents.items():
            file.durable(content)

    def _commit(
        self,
        names: Mapping[DocumentFile, str],
        contents: Mapping[DocumentFile, bytes],
    ) -> None:
        """Write the list of what is prepared: from then on all of it counts.

        One sync of the directory for the prepared files and for the list. After a power
        cut the list may therefore be there without some of them; by the revisions it is
        told from one whose files were installed.
        """
        content = {
            "install": {file.key: name for file, name in names.items()},
            "revisions": {file.key: revision_of(contents[file]) for file in names},
        }
        listed = write_temporary(self._pending, orjson.dumps(content))
        for directory in {file.directory() for file in names} - {self._lock_directory}:
            sync_directory(directory)
        replace(listed, self._pending)
        sync_directory(self._lock_directory)

    def _install(
        self, files: Collection[DocumentFile], install: Callable[[DocumentFile], None]
    ) -> None:
        """Put what is prepared in its place, each directory synced once, and no list.

        The list may come back after a power cut, over later writes. It then finds
        nothing to install.
        """
        # Taking the last name of what was previous can wait for the disk, as a sync does.
        _side_by_side(files, install)
        for directory in {file.directory() for file in files}:
            sync_directory(directory)
        os.unlink(self._pending)

    def _finish_pending(self) -> None:
        content = read_content(self._pending)
        if content is None:
            return
        try:
            listed = orjson.loads(content.data)
            names = {self._file(key): name for key, name in listed["install"].items()}
            revisions = dict(listed.get("revisions", {}))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # Written whole by us; so somebody else's work, and nothing to finish.
            evidence = f"{self._pending}.corrupt-{revision_of(content.data)}"
            os.replace(self._pending, evidence)
            _LOGGER.error(  # noqa: TRY400 - the message says it all
                "%s was unreadable (%s) and set aside as %s",
                self._pending,
                error,
                evidence,
            )
            return
        if all(
            file.is_prepared(name) or file.has(revisions.get(file.key))
            for file, name in names.items()
        ):
            self._uninstalled = [
                file for file, name in names.items() if file.is_prepared(name)
            ]
            for file in self._uninstalled:
                file.uninstalled = os.path.join(file.directory(), names[file])
            self._install(names, lambda file: file.install_if_prepared(names[file]))
            return
        # It was not committed, or long ago: installing it in part is neither.
        os.unlink(self._pending)
        for file, name in names.items():
            with suppress(FileNotFoundError):
                file.discard(name)

    def _listed_key(self, name: str) -> str | None:
        stem, suffix = os.path.splitext(name)
        if suffix in ENDINGS:
            key = key_of(stem)
            return key if key is not None and _chosen(key) else None
        if suffix != SUFFIX:
            return None
        if not is_hashed(stem):
            return key_of(stem)
        content = read_content(str(self.directory / f"{stem}{_KEY_SUFFIX}"))
        key = content.data.decode(errors="replace") if content else ""
        return key if key and stem_of(key) == stem else None

    def _refuse_shared_files(self) -> None:
        taken: dict[Path, str] = {}
        for key, path in self._paths.items():
            natural = key_of(path.stem) if path.parent == self.directory else None
            other = taken.setdefault(path, key)
            if natural is not None and natural not in self._paths:
                other = natural
            if other != key:
                raise StoreConfigError(
                    worded(
                        "{key!r} and {other!r} cannot share {path}",
                        key=key,
                        other=other,
                        path=path,
                    ),
                    variable="paths",
                )

    def _directories(self) -> frozenset[Path]:
        return frozenset(
            (self.directory, *(path.parent for path in self._paths.values()))
        )


def _chosen(key: str) -> bool:
    """Tell whether a document is a person's, who may choose in which language it is."""
    return key.rpartition("/")[2] == _SETTINGS


def _entry(file: DocumentFile, stored: Stored | None) -> Entry:
    if stored is None:
        return Entry({}, "", None, file=file.path)
    return Entry(
        stored.document,
        stored.revision,
        stored.content.changed_at,
        problem=stored.problem,
        file=file.path,
    )


def _side_by_side(
    files: Collection[DocumentFile], work: Callable[[DocumentFile], None]
) -> None:
    """Do the same to each of some files, several at once where there are many.

    A thousand files take the disk a tenth of the time, or less, that they take one after
    the other. Raises what the first that failed raised, once all are over.
    """
    if len(files) < _MANY:
        for file in files:
            work(file)
        return
    waiting = deque(files)
    failed: list[BaseException] = []

    def some() -> None:
        # Each thread takes what comes next. A task a file, and its answer, would be a dozen
        # locks each, which the threads wait for while they hold the interpreter's.
        while waiting:
            with suppress(IndexError):  # another took the last
                one(waiting.popleft())

    def one(file: DocumentFile) -> None:
        try:
            work(file)
        except BaseException as error:  # noqa: BLE001 - raised once all are over
            failed.append(error)

    # While the interpreter ends, or the system has none left, no thread is to be had.
    with (
        ThreadPoolExecutor(_SIDE_BY_SIDE, "files of one write") as threads,
        suppress(RuntimeError),
    ):
        for _ in range(_SIDE_BY_SIDE):
            threads.submit(some)
    some()
    if failed:
        raise failed[0]


def _stamps_differ_after(stamp_ns: int) -> float:
    """Return after how many seconds a change certainly gets another stamp."""
    return _FINE_STAMP_SECONDS if stamp_ns % 1_000_000 else _COARSE_STAMP_SECONDS
