"""What the primary last said, kept in ``<directory>/.mirror`` for when it is away.

One file for each document, with its revision and time; read once at the start, then
kept in memory and written behind. Until then ``.mirror/recent.jsonl`` has it, so that
kill -9 costs nothing; a power cut may cost the mirror its last quarter of a second. No
acknowledged write lies here alone, and entries from here are stale.

Each document says in which database it was seen (`switchbot_store.failover.lineage`). One that was
seen in another than the present is *left over*: that the present one does not have it
means nothing, and it stays until somebody writes or deletes it.

A disk that is full takes no copy, and who starts on it later must not go on from an older
one unawares. So ``.mirror/current`` is there while nothing is missing, and is removed, for
which a full disk has room, before a write is acknowledged that the files lack.
``.mirror/marked`` tells a mirror without that mark from one of an earlier release.

A disk that turned read-only lets no mark be removed. So the mark also says whether the
process that had the files let them go in order. Where it did not, only a note in memory
(`switchbot_store.failover.witness`) tells a kill from such a disk; without one the copy is
*unproven* until all that the primary holds was seen.

A file that is damaged, by its checksum too, is a document that is unknown and none that was
never set (`switchbot_store.failover.unread`), until the primary was asked. So is a file that
is gone and that nobody deleted (`switchbot_store.failover.index`).
"""

from __future__ import annotations

import errno
import logging
import threading
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from switchbot_store.codec import decode, encode_of_others, is_internal
from switchbot_store.errors import StoreUnavailableError
from switchbot_store.failover import witness
from switchbot_store.failover.index import Index, is_listing, look_at_index
from switchbot_store.failover.unread import (
    LOST_LINES,
    UnreadCopy,
    check_folder,
    forget_gap,
    has_gap,
    note_gap,
)
from switchbot_store.files.durable import (
    make_directory,
    read_content,
    remove_leftovers,
    replace,
    sync_directory,
    wrapped_os_errors,
    write_durably,
    write_temporary,
)
from switchbot_store.files.lines import LineFile, take_lines
from switchbot_store.files.names import key_of, stem_of
from switchbot_store.instants import stored_instant
from switchbot_store.languages import reworded, worded
from switchbot_store.memory import SortedKeys
from switchbot_store.model import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_LOGGER = logging.getLogger(__name__)
DIRECTORY: Final = ".mirror"
_SUFFIX: Final = ".json"
RECENT: Final = "recent.jsonl"
_PRIMARY: Final = "primary"
_CURRENT: Final = "current"
_MARKED: Final = "marked"
_LISTED: Final = b"what there is is listed"
_OPEN: Final = b"open"
_LEFT: Final = b"left in order"
BEHIND: Final = (
    "the local copy lacks what the database took last, since the disk refused it: a"
    " program that starts without the database goes on from an older one"
)
_LOST_LIST: Final[str] = worded(
    "the list is gone, or damaged, of the documents that a copy was kept of"
)
_RECENT_BYTES: Final = 4 * 1024 * 1024
_SUM: Final = b'{"crc":"%08x",'
_SUM_LENGTH: Final = len(_SUM % 0)
_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


class Mirrored(NamedTuple):
    """One document as the primary had it.

    `number` orders what the mirror was told. `origin` is the identity of the database
    that had it, ``""`` where that was not known.
    """

    encoded: bytes
    revision: str
    updated_at: datetime | None
    number: int = 0
    origin: str = ""

    def entry(self, key: str, *, stale: bool) -> Entry:
        """Return it as a reader sees it."""
        data = decode(self.encoded, key=key)
        return Entry(data, self.revision, self.updated_at, stale)


class Mirror:
    """Thread-safe; reading it touches no disk.

    Until `open` it is kept in memory alone, for who looks on while another process, or a
    disk that refuses, has the files. `on_fault` is told the words of a disk that did not
    take something: no reader or writer waits for it.
    """

    def __init__(
        self, directory: Path, on_fault: Callable[[str], None] = _LOGGER.warning
    ) -> None:
        self._on_fault = on_fault
        self._held = False
        self._had_files = False
        self._gone: dict[str, Mirrored] = {}
        self._place = directory / DIRECTORY
        self._recent = LineFile(str(self._place / RECENT), lambda: note_gap(directory))
        self._index = Index(directory)
        self.unread: UnreadCopy = UnreadCopy()
        """What the files hold, or held, and nobody can read."""
        self._forgets = False
        """What was unread is known by now: the files are to follow."""
        self._spoiled: set[str] = set()
        """Keys whose file is damaged, or gone."""
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._documents: dict[str, Mirrored] = {}
        self._keys = SortedKeys()
        self._elsewhere: tuple[str, set[str]] | None = None
        """For an identity what was not seen in it; None: to be looked for."""
        self._number = 0
        self._dirty: set[str] = set()
        self._missing_until = 0
        """The files lack something up to this number; 0, they lack nothing."""
        self.unkept: bool = False
        """No process has the files: this one has their directory and cannot use it."""
        self.behind: bool = False
        """The files lacked something when they were read: what is here may be older than
        what the primary took, until all that it holds was seen."""
        self.unproven: bool = False
        """The process before did not let the files go in order: they may lack something."""
        self._saw_all = False
        self._note = ""
        """The name of the note of `witness` that the files lack nothing."""
        self._proven_since = False
        self.identity: str = ""
        """That of the database met last, ``""`` before the first."""

    @property
    def dirty(self) -> bool:
        """Whether `write_behind` has something to do."""
        unmarked = self._held and self._missing_until and not self.behind
        return bool(self._dirty or unmarked or (self._held and self._forgets))

    @property
    def held(self) -> bool:
        """Whether the files are open, and follow."""
        return self._held

    @property
    def empty(self) -> bool:
        """Whether the primary was never seen to hold anything."""
        return not (self._documents or self.unread)

    def open(self, gap: str = "") -> None:
        """Read every file; what cannot be read is `unread`, for the `gap` too.

        Only for who holds the journal's lock. What it had open before is known better
        than files at the same place. Raises StoreUnavailableError.
        """
        in_files, documents, unread = self._open_files(gap)
        identity = read_identity(self._place.parent)
        behind = is_behind(self._place.parent)
        with self._lock:
            numbers = (each.number for each in documents.values())
            self._number = max(self._number, max(numbers, default=0))
            knows = self._had_files
            if not knows:
                self._have(self._with_seen(documents))
            self._had_files = True
            for key, document in self._documents.items():
                if not document.number:
                    self._number += 1
                    self._documents[key] = document._replace(number=self._number)
            self._dirty = {
                key
                for key in in_files.keys() | self._documents.keys()
                if in_files.get(key) != self._documents.get(key)
            }
            self._spoiled = set(unread.documents)
            if knows:
                self._dirty |= self._spoiled
                self._forgets = True
            else:
                self._have_unread(unread)
            self._gone.clear()
            self._held = True
            self.unkept = False
            self.behind = behind and not self._saw_all
            self._missing_until = max(1, self._number) if behind else 0
        if not behind:
            try:
                ended_badly, note = _read_mark(self._place)
                proven = self._saw_all or self.empty
                proven = proven or witness.speaks_for(note, self._place / _CURRENT)
                self.unproven = ended_badly and not proven
                self._mark_open()
            except OSError as error:
                self._on_fault(f"the mirror cannot be marked: {error}")
        if self.identity and self.identity != identity:
            self.meet(self.identity)
        else:
            self.identity = identity
        remove_leftovers(self._place)

    def _open_files(
        self, gap: str
    ) -> tuple[dict[str, Mirrored], dict[str, Mirrored], UnreadCopy]:
        """Return what the files have, the same with the lines, and what is unread.

        Raises StoreUnavailableError.
        """
        directory = self._place.parent
        unread = UnreadCopy()
        unread.gap = gap or (LOST_LINES if has_gap(directory) else "")
        for is_lost, words in (
            (_has_lost_list(directory), _LOST_LIST),
            (_has_lost_recent(self._place), LOST_LINES),
        ):
            if is_lost:
                with wrapped_os_errors(f"cannot write {directory}"):
                    note_gap(directory)  # before there is another in its place
                unread.gap = unread.gap or words
        listed, is_damaged = self._index.open()
        in_files = _read_files(self._place, unread)
        documents = dict(in_files)
        listed -= documents.keys() | unread.documents.keys()
        lines = self._recent.open()
        if is_damaged or lines.damaged:
            unread.gap = unread.gap or (_LOST_LIST if is_damaged else LOST_LINES)
        for line in lines.payloads:
            _apply(documents, line)
        deleted = listed & _told(lines.payloads) if listed else set()
        _miss(self._place, listed - deleted, documents, unread)
        # Of an earlier release, or what a power cut or a damaged list left out.
        there = in_files.keys() | unread.documents.keys()
        self._index.change(there=there, gone=deleted)
        return in_files, documents, unread

    def look(self) -> None:
        """Read what another process keeps in the files; nothing is touched.

        What was seen here since is kept where it is newer. Raises StoreUnavailableError.
        """
        unread = UnreadCopy()
        try:
            documents = look_at_mirror(self._place.parent, unread)
        except StoreUnavailableError as error:
            if not (self._held or self._saw_all):
                self.unread.gap = reworded(error)
            raise
        if not self._saw_all:
            self.behind = is_behind(self._place.parent)
        self.identity = self.identity or read_identity(self._place.parent)
        with self._lock:
            if not self._held:
                self._have(self._with_seen(documents))
                self._have_unread(unread)

    def _have_unread(self, unread: UnreadCopy) -> None:
        """Know what cannot be read, but for what is known all the same."""
        for key in self._documents.keys() & unread.documents.keys():
            del unread.documents[key]
        self.unread = unread

    def _have(self, documents: dict[str, Mirrored]) -> None:
        self._documents, self._keys = documents, SortedKeys(documents)
        self._elsewhere = None

    def _with_seen(self, documents: dict[str, Mirrored]) -> dict[str, Mirrored]:
        """Return what the files have with what was seen without them, the newer of each."""
        for key, gone in self._gone.items():
            known = documents.get(key)
            # By the content: not every primary's revisions are known to both.
            if known is not None and (
                known.encoded == gone.encoded or not _is_newer(known, gone)
            ):
                del documents[key]
        for key, seen in self._documents.items():
            known = documents.get(key)
            if not seen.number and (known is None or not _is_newer(known, seen)):
                documents[key] = seen
        return documents

    def leave(self) -> None:
        """Let files go that cannot be written any more, to open others at their place."""
        with self._lock:
            self._held = False
            self._recent.close()
            self._index.close()

    def close(self) -> None:
        """Write what is only in memory, and let the files go.

        Raises StoreUnavailableError.
        """
        try:
            self.write_behind()
            whole = not (self._missing_until or self.behind or self.unproven)
            if self._held and whole:
                with wrapped_os_errors(f"cannot mark the mirror {self._place}"):
                    self._mark_current(_LEFT)
                    self._take_note_back()
        finally:
            self._held = False
            self._recent.close()
            self._index.close()

    def get(self, key: str) -> Mirrored | None:
        """Return the document, None if the primary was not seen to have it."""
        return self._documents.get(key)

    def get_many(self, keys: Iterable[str]) -> dict[str, Mirrored | None]:
        """Return several, as of one moment."""
        with self._lock:
            return {key: self._documents.get(key) for key in keys}

    def keys(self) -> list[str]:
        """Return all keys."""
        return [*self._documents, *self.unread.documents]

    def keys_with(self, prefix: str) -> list[str]:
        """Return the sorted keys that begin so."""
        unread = [each for each in self.unread.documents if each.startswith(prefix)]
        found = self._keys.beginning(prefix)
        return sorted({*found, *unread}) if unread else found

    def put_many(self, documents: Mapping[str, Mirrored | None]) -> None:
        """Keep what the primary has now, several at one moment; None for nothing."""
        with self._lock:
            self._put(documents)

    def put_seen(
        self, key: str, document: Mirrored | None, before: Mirrored | None
    ) -> None:
        """Keep what a reader saw, unless a writer came between.

        `before` is what `get` returned before the primary was asked.
        """
        with self._lock:
            if self._documents.get(key) is before:
                self._put({key: document})

    def picture(self) -> dict[str, Mirrored]:
        """Return everything, for `put_all`."""
        with self._lock:
            return dict(self._documents)

    def put_all(
        self, documents: Mapping[str, Mirrored], before: Mapping[str, Mirrored]
    ) -> None:
        """Keep what the primary holds, unless a writer came between.

        `before` is the `picture` taken before the primary was asked. Internal keys stay
        as they are, and so does what is not among the documents.
        """
        with self._lock:
            self._put(
                {
                    key: document
                    for key, document in documents.items()
                    if not is_internal(key)
                    and self._documents.get(key) is before.get(key)
                }
            )

    def meet(self, identity: str) -> None:
        """Note which database this is from now on."""
        self.identity = identity
        if not self._held:
            return
        path = str(self._place / _PRIMARY)
        try:
            make_directory(str(self._place))
            replace(write_temporary(path, identity.encode()), path)
        except OSError as error:
            # The next process asks anew: each document says where it was seen.
            self._on_fault(f"cannot write {path}: {error}")

    def stamp(self, documents: Mapping[str, Mirrored]) -> dict[str, Mirrored]:
        """Take these, unless a writer came between, to be seen in this database.

        Returns them as they are from now on.
        """
        with self._lock:
            current = {
                key: document
                for key, document in documents.items()
                if self._documents.get(key) is document
            }
            self._put({key: each._replace(origin="") for key, each in current.items()})
            return {key: self._documents[key] for key in current}

    def left_over(self, key: str) -> Mirrored | None:
        """Return a document that was not seen in the present database."""
        document = self._documents.get(key)
        if document is None or document.origin == self.identity:
            return None
        return document

    def all_left_over(self) -> dict[str, Mirrored]:
        """Return all of them that are not internal.

        It is asked for at every tick of every home, so it is not looked for each time.
        """
        with self._lock:
            if self._elsewhere is None or self._elsewhere[0] != self.identity:
                found = {
                    key
                    for key, document in self._documents.items()
                    if document.origin != self.identity and not is_internal(key)
                }
                self._elsewhere = self.identity, found
            return {key: self._documents[key] for key in self._elsewhere[1]}

    def _seen(self, key: str, origin: str | None) -> None:
        """Know where a document was seen; None for one that is no more."""
        if self._elsewhere is not None:
            identity, elsewhere = self._elsewhere
            if origin in {None, identity} or is_internal(key):
                elsewhere.discard(key)
            else:
                elsewhere.add(key)

    def caught_up(self) -> None:
        """Note that all the primary holds was seen: the files are to follow."""
        self._saw_all = True
        self._proven_since = self._proven_since or self.unproven
        self.behind = self.unproven = False
        with self._lock:
            self._forgets = self._forgets or bool(self.unread)
            self.unread.clear()
            if self._held:
                self._dirty |= self._spoiled

    def make_durable(self) -> None:
        """Let what was put so far survive a power cut. Raises StoreUnavailableError."""
        with self._lock:
            if self._held:
                self._recent.sync()

    def write_behind(self) -> None:
        """Bring the files up to date; durable when it returns.

        Raises StoreUnavailableError; what was not written is tried again next time.
        """
        with self._writing:
            with self._lock:
                dirty, self._dirty = self._dirty, set()
                documents = {key: self._documents.get(key) for key in dirty}
                number = self._number
            try:
                with wrapped_os_errors(f"cannot write the mirror {self._place}"):
                    if documents:
                        self._write(documents)
                        self._trim_recent()
                    self._catch_up(number)
            except BaseException:
                with self._lock:
                    self._dirty |= dirty
                raise

    def _put(self, documents: Mapping[str, Mirrored | None]) -> None:
        lines = []
        for key, document in documents.items():
            known = self._documents.get(key)
            if document is None:
                lines += self._drop(key, known)
                continue
            seen_in = document.origin or self.identity
            if known is None or (*document[:3], seen_in) != (*known[:3], known.origin):
                self._number += 1
                number = self._number if self._held else 0
                document = document._replace(number=number, origin=seen_in)  # noqa: PLW2901 - the same, numbered
                self._documents[key] = document
                self.unread.documents.pop(key, None)
                if known is None:
                    self._keys.add(key)
                self._seen(key, seen_in)
                lines.append(_content(key, document))
            else:
                continue
            self._dirty.add(key)
        if not self._held:
            self._dirty.clear()
            if lines and self.unkept:
                self._fall_behind()
            return
        try:
            self._recent.append(*lines, durable=False)
        except StoreUnavailableError as error:
            # It is a copy: the primary has it, and the files will.
            self._on_fault(f"the mirror falls behind: {error}")
            self._fall_behind()

    def _drop(self, key: str, known: Mirrored | None) -> list[bytes]:
        """Forget a document; return the line that says so."""
        if self.unread.documents.pop(key, None):
            self._dirty.add(key)
        if known is None:
            return []
        if not self._held:
            self._gone[key] = known
        self._number += 1
        del self._documents[key]
        self._keys.discard(key)
        self._seen(key, None)
        self._dirty.add(key)
        return [orjson.dumps({"key": key, "number": self._number})]

    def _fall_behind(self) -> None:
        """Let whoever starts on these files know that they lack something."""
        self._missing_until = max(1, self._number)
        try:
            # First: a disk that is read-only lets nothing else be said.
            self._take_note_back()
            (self._place / _CURRENT).unlink()
            sync_directory(str(self._place))
        except FileNotFoundError:
            return  # it is marked so already
        except OSError as error:
            self._on_fault(f"the mirror cannot be marked as old: {error}")

    def _catch_up(self, number: int) -> None:
        """Take the mark back if the files lack nothing, as of `number`. Raises OSError."""
        with self._lock:
            if not self._held:
                return  # nothing was written
            if self._missing_until <= max(1, number) and not self.behind:
                if self._missing_until or self._proven_since:
                    self._mark_open()
                self._missing_until = 0
                self._proven_since = False
            if self._forgets and not self.unread.gap:
                forget_gap(self._place.parent)
                self._forgets = False

    def _mark_open(self) -> None:
        """Mark the files as whole and in use. Raises OSError."""
        make_directory(str(self._place))
        self._take_note_back()
        if self.unproven:
            self._mark_current(_OPEN)
            return
        note = witness.new_name()
        self._mark_current(_OPEN + b" " + note.encode())
        witness.leave(note, self._place / _CURRENT)
        self._note = note

    def _take_note_back(self) -> None:
        """Let nothing say that the files lack nothing. Raises OSError."""
        # Of this process, or of one before where the disk can be read alone.
        witness.remove(self._note or _read_mark(self._place)[1])
        self._note = ""

    def _mark_current(self, word: bytes) -> None:
        """Mark the files as whole, and as in use or not. Raises OSError."""
        make_directory(str(self._place))
        for name, wanted in ((_CURRENT, word), (_MARKED, _LISTED)):
            path = str(self._place / name)
            content = read_content(path)
            if content is None or content.data != wanted:
                write_durably(path, wanted)

    def _trim_recent(self) -> None:
        """Forget in ``recent.jsonl`` what the files have."""
        with self._lock:
            if not self._dirty:
                self._recent.clear(durable=False)
            elif self._recent.size > _RECENT_BYTES:
                self._recent.replace(
                    _content(key, document)
                    for key in self._dirty
                    if (document := self._documents.get(key))
                )

    def _write(self, documents: Mapping[str, Mirrored | None]) -> None:
        kept = {key for key, document in documents.items() if document is not None}
        # What is to go is taken from the list before, so that a crash leaves more files
        # than are listed: those are read.
        self._index.change(there=kept, gone=documents.keys() - kept)
        for key, document in documents.items():
            path = self._place / f"{stem_of(key)}{_SUFFIX}"
            if document is None and key in self._spoiled:
                self._set_aside(path)
            elif document is None:
                path.unlink(missing_ok=True)
            else:
                self._make_way(path)
                replace(write_temporary(str(path), _summed(key, document)), str(path))
            self._spoiled.discard(key)
        sync_directory(str(self._place))

    def _make_way(self, path: Path) -> None:
        """Let a file be put where a folder is by mistake. Raises OSError."""
        if path.is_dir():
            self._set_aside(path)

    def _set_aside(self, path: Path) -> None:
        """Keep what cannot be read and has no successor. Raises OSError."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        evidence = f"{path}.corrupt-{stamp}"
        with suppress(FileNotFoundError):
            path.rename(evidence)
            _LOGGER.error(
                "%s cannot be read and has no successor; it is kept as %s",
                path,
                evidence,
            )


def _is_newer(one: Mirrored, other: Mirrored) -> bool:
    if one.revision == other.revision or one.updated_at is None:
        return False
    return other.updated_at is None or one.updated_at > other.updated_at


def is_behind(directory: str | Path) -> bool:
    """Tell whether the primary took what the mirror of a directory does not have.

    Raises StoreUnavailableError.
    """
    place = Path(directory) / DIRECTORY
    with wrapped_os_errors(f"cannot read {place}"):
        return (place / _MARKED).exists() and not (place / _CURRENT).exists()


def read_identity(directory: str | Path) -> str:
    """Return the identity of the database that a directory met last, or ``""``.

    Raises StoreUnavailableError.
    """
    path = Path(directory) / DIRECTORY / _PRIMARY
    with wrapped_os_errors(f"cannot read {path}"):
        content = read_content(str(path))
    return "" if content is None else content.data.decode(errors="replace").strip()


def read_mirror(directory: str | Path) -> dict[str, Mirrored]:
    """Return what the mirror of a directory holds; also for looking on.

    What cannot be read is left out. Raises StoreUnavailableError.
    """
    return look_at_mirror(Path(directory), UnreadCopy())


def look_at_mirror(directory: Path, unread: UnreadCopy) -> dict[str, Mirrored]:
    """Return what `read_mirror` does, and have `unread` say what is not in it."""
    place = directory / DIRECTORY
    if has_gap(directory):
        unread.gap = LOST_LINES
    listed, is_damaged = look_at_index(directory)
    if is_damaged or _has_lost_list(directory):
        unread.gap = unread.gap or _LOST_LIST
    documents = _read_files(place, unread)
    listed -= documents.keys() | unread.documents.keys()
    lines: list[bytes] = []
    if take_lines(str(place / RECENT), lines.append) or _has_lost_recent(place):
        unread.gap = unread.gap or LOST_LINES
    for line in lines:
        _apply(documents, line)
    if listed:
        # Whoever has the files may have deleted it between the two looks.
        listed &= look_at_index(directory)[0]
        _miss(place, listed - _told(lines), documents, unread)
    for key in documents.keys() & unread.documents.keys():
        del unread.documents[key]
    return documents


def _read_files(place: Path, unread: UnreadCopy) -> dict[str, Mirrored]:
    documents: dict[str, Mirrored] = {}
    with wrapped_os_errors(f"cannot read the mirror {place}"):
        check_folder(place)
        for path in place.glob(f"*{_SUFFIX}"):
            why = _take_file(documents, path)
            if not why:
                continue
            _LOGGER.warning("%s, and what is in it unknown", why)
            key = key_of(path.name.removesuffix(_SUFFIX))
            if key is None:
                unread.gap = why
            else:
                unread.documents[key] = why
    return documents


def _has_lost_list(directory: Path) -> bool:
    """Tell whether the list of what there is was there once and is not any more."""
    path = directory / DIRECTORY / _MARKED
    with wrapped_os_errors(f"cannot read {path}"):
        content = read_content(str(path))
        was_there = content is not None and content.data == _LISTED
        return was_there and not is_listing(directory)


def _read_mark(place: Path) -> tuple[bool, str]:
    """Return whether files are in use, and the name of the note of that. Raises OSError."""
    content = read_content(str(place / _CURRENT))
    word, _, note = (b"" if content is None else content.data).partition(b" ")
    return word == _OPEN, note.decode(errors="replace")


def _has_lost_recent(place: Path) -> bool:
    """Tell whether the lines are gone that a process had which did not end in order."""
    with wrapped_os_errors(f"cannot read {place}"):
        return _read_mark(place)[0] and not (place / RECENT).exists()


def _miss(
    place: Path,
    listed: set[str],
    documents: dict[str, Mirrored],
    unread: UnreadCopy,
) -> None:
    """Have `unread` say of what is listed and not there that it is unknown.

    What came there since the files were read is taken in. Raises StoreUnavailableError.
    """
    for key in sorted(listed):
        path = place / f"{stem_of(key)}{_SUFFIX}"
        with wrapped_os_errors(f"cannot read the mirror {place}"):
            why = _take_file(documents, path)
        if not why and key not in documents:
            why = worded("{path} is gone, and nobody deleted what was in it", path=path)
        if why:
            _LOGGER.warning("%s; that is unknown", why)
            unread.documents[key] = why


def _told(lines: Iterable[bytes]) -> set[str]:
    """Return the keys of which lines tell, also that they were deleted."""
    found = set()
    for line in lines:
        with suppress(ValueError, KeyError, TypeError):
            found.add(str(orjson.loads(line)["key"]))
    return found


def _take_file(documents: dict[str, Mirrored], path: Path) -> str:
    """Take a file in; why that cannot be, ``""`` where it can. Raises OSError."""
    try:
        content = read_content(str(path))
    except OSError as error:
        if error.errno in _EXHAUSTED:
            raise
        return worded("cannot read {path}: {error}", path=path, error=error)
    if content is None:
        return ""
    found: dict[str, Mirrored] = {}
    if not (_is_whole(content.data) and _apply(found, content.data)):
        return worded("{path} is damaged", path=path)
    if any(stem_of(key) != path.name.removesuffix(_SUFFIX) for key in found):
        return worded(
            "{path} is damaged", path=path
        )  # the disk put another in its place
    documents.update(found)
    return ""


def _is_whole(data: bytes) -> bool:
    """Tell whether a file is as it was written; of earlier releases that is not known."""
    head, rest = data[:_SUM_LENGTH], data[_SUM_LENGTH:]
    return not head.startswith(_SUM[:8]) or head == _SUM % zlib.crc32(rest)


def _summed(key: str, document: Mirrored) -> bytes:
    rest = _content(key, document)[1:]
    return _SUM % zlib.crc32(rest) + rest


def _apply(documents: dict[str, Mirrored], content: bytes) -> bool:
    """Take a file or a line in, unless newer is known; False if it is damaged."""
    try:
        row = orjson.loads(content)
        key, number = row["key"], int(row["number"])
        known = documents.get(key)
        if known is not None and known.number >= number:
            return True
        if "data" not in row:
            documents.pop(key, None)
            return True
        updated_at = stored_instant(row["updated_at"])
        encoded = encode_of_others(row["data"])
        origin = str(row.get("origin", ""))
        documents[key] = Mirrored(encoded, row["revision"], updated_at, number, origin)
    except (ValueError, KeyError, TypeError):
        return False
    return True


def _content(key: str, document: Mirrored) -> bytes:
    updated_at = document.updated_at
    return orjson.dumps(
        {
            "key": key,
            "number": document.number,
            "revision": document.revision,
            "updated_at": updated_at.isoformat() if updated_at else None,
            "origin": document.origin,
            "data": orjson.Fragment(document.encoded),
        }
    )
