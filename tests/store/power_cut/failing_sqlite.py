"""A disk under SQLite of which one chosen step fails, or every one from there on.

SQLite reaches the disk through a table of functions, its VFS. A copy of the system's, with
some of them exchanged for ours, is made the default: any connection opened meanwhile has a
disk that can fail, also between two statements of a transaction and within a checkpoint.
"""

import _sqlite3
import ctypes
import os
import sqlite3
from contextlib import contextmanager
from ctypes import POINTER, c_char_p, c_int, c_int64, c_void_p
from pathlib import Path

# Names stay addresses: SQLite keeps them as long as the file is open.
_Open = ctypes.CFUNCTYPE(
    c_int, c_void_p, c_void_p, POINTER(c_void_p), c_int, POINTER(c_int)
)
_Delete = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
_Write = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = ctypes.CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = ctypes.CFUNCTYPE(c_int, c_void_p, c_int)
_MapShared = ctypes.CFUNCTYPE(c_int, c_void_p, c_int, c_int, c_int, POINTER(c_void_p))


class _Methods(ctypes.Structure):
    _fields_ = (
        ("version", c_int),
        ("close", c_void_p),
        ("read", c_void_p),
        ("write", c_void_p),
        ("truncate", c_void_p),
        ("sync", c_void_p),
        *((f"kept{number}", c_void_p) for number in range(7)),
        ("map_shared", c_void_p),
        *((f"also{number}", c_void_p) for number in range(5)),
    )


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", c_int),
        ("file_size", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("app_data", c_void_p),
        ("open", c_void_p),
        ("delete", c_void_p),
        *((f"kept{number}", c_void_p) for number in range(14)),
    )


_CREATING = 0x4 | 0x2  # SQLITE_OPEN_CREATE, SQLITE_OPEN_READWRITE
_WAYS = {
    # What the system's VFS answers where the kernel said EIO, ENOSPC and EROFS.
    "fails-once": {
        "write": 778,  # SQLITE_IOERR_WRITE
        "sync": 1034,  # SQLITE_IOERR_FSYNC
        "truncate": 1546,  # SQLITE_IOERR_TRUNCATE
        "open": sqlite3.SQLITE_CANTOPEN,
        "delete": 2570,  # SQLITE_IOERR_DELETE
        "map_shared": 5386,  # SQLITE_IOERR_SHMMAP
    },
    "full": {"write": sqlite3.SQLITE_FULL, "map_shared": 4874},  # IOERR_SHMSIZE
    "read-only": {
        "write": 778,
        "sync": 1034,
        "truncate": 1546,
        "open": sqlite3.SQLITE_CANTOPEN,
        "delete": 2570,
        "map_shared": 5386,
    },
}
WAYS = tuple(_WAYS)
_KEPT_ALIVE = []
"""SQLite calls these as long as a file is open, whoever forgot to close it."""


class FailingSqlite:
    """Lets the step `at`, from 1, of those that change files below `root` fail.

    With any way but ``fails-once`` those after it fail too, until `mend`. Of a write that
    found no room half is done.
    """

    def __init__(self, root, way, *, at):
        self._root = os.path.realpath(root)
        self._answers = _WAYS[way]
        self._lasting = way != "fails-once"
        self._at = at
        self._armed = False
        self.calls = []
        self.failed = []

    @property
    def reached(self):
        """Whether there was such a step at all."""
        return len(self.calls) >= self._at

    def fail(self):
        """From here on steps are counted, and fail."""
        self._armed = True

    def mend(self):
        """From here on none fails."""
        self._armed = False

    def _refusal(self, step, place):
        """Return the code to answer, 0 where the step is to be taken."""
        if not self._armed or step not in self._answers:
            return 0
        self.calls.append((step, place))
        count = len(self.calls)
        if count == self._at or (self._lasting and count > self._at):
            self.failed.append((step, place))
            return self._answers[step]
        return 0

    @contextmanager
    def below(self):
        """Have every connection that is opened meanwhile on this disk."""
        library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
        library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        library.sqlite3_vfs_find.argtypes = [c_char_p]
        library.sqlite3_vfs_register.argtypes = [POINTER(_Vfs), c_int]
        library.sqlite3_vfs_unregister.argtypes = [POINTER(_Vfs)]
        system = library.sqlite3_vfs_find(None)
        mine = _Vfs.from_buffer_copy(system.contents)
        mine.name = b"failing"
        opened, deleted = _Open(mine.open), _Delete(mine.delete)

        def open_file(vfs, name, file, flags, granted):
            place = os.fsdecode(ctypes.string_at(name)) if name else ""
            ours = place.startswith(f"{self._root}/")
            new = ours and flags & _CREATING and not Path(place).exists()
            answer = self._refusal("open", Path(place).name) if new else 0
            if answer:
                file[0] = None
                return answer
            answer = opened(vfs, name, file, flags, granted)
            if answer == 0 and ours and file[0]:
                file[0] = self._methods(file[0], Path(place).name)
            return answer

        def delete(vfs, name, sync):
            place = os.fsdecode(ctypes.string_at(name))
            ours = place.startswith(f"{self._root}/") and Path(place).exists()
            answer = self._refusal("delete", Path(place).name) if ours else 0
            return answer or deleted(vfs, name, sync)

        exchanged = _Open(open_file), _Delete(delete)
        mine.open, mine.delete = (ctypes.cast(each, c_void_p) for each in exchanged)
        _KEPT_ALIVE.append((mine, exchanged, opened, deleted))
        library.sqlite3_vfs_register(ctypes.byref(mine), 1)
        try:
            yield self
        finally:
            self.mend()
            library.sqlite3_vfs_unregister(ctypes.byref(mine))

    def _methods(self, original, name):
        """Return the address of a file's functions with ours among them."""
        mine = _Methods.from_buffer_copy(_Methods.from_address(original))
        write_at, truncate_at, sync_now = (
            _Write(mine.write),
            _Truncate(mine.truncate),
            _Sync(mine.sync),
        )
        map_shared = _MapShared(mine.map_shared) if mine.map_shared else None

        def write(file, data, size, offset):
            answer = self._refusal("write", name)
            if answer == sqlite3.SQLITE_FULL and size > 1:
                write_at(file, data, size // 2, offset)
            return answer or write_at(file, data, size, offset)

        def truncate(file, size):
            return self._refusal("truncate", name) or truncate_at(file, size)

        def sync(file, flags):
            return self._refusal("sync", name) or sync_now(file, flags)

        def shared(file, region, size, extend, address):
            answer = self._refusal("map_shared", name) if extend else 0
            return answer or map_shared(file, region, size, extend, address)

        exchanged = [_Write(write), _Truncate(truncate), _Sync(sync)]
        mine.write, mine.truncate, mine.sync = (
            ctypes.cast(each, c_void_p) for each in exchanged
        )
        if map_shared is not None:
            exchanged.append(_MapShared(shared))
            mine.map_shared = ctypes.cast(exchanged[-1], c_void_p)
        _KEPT_ALIVE.append(
            (mine, exchanged, write_at, truncate_at, sync_now, map_shared)
        )
        return ctypes.addressof(mine)
