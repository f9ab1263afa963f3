"""Disks that fill up and turn read-only, as real ones: loop mounts, where root may."""

import math
import os
import shutil
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from switchbot_store.deadlines import limited
from switchbot_store.postgres import connecting, connections
from switchbot_store.postgres.wire import Watchdog
from tests.store.loop_disk import LoopDisk


class BoundedCalls(Watchdog):
    """The watchdog of every call to PostgreSQL, which tells how each was bounded.

    How long a call took says how busy the machine is; what it was allowed does not.
    """

    def __init__(self):
        super().__init__()
        self.armed = threading.Event()
        """A call is at a database, of whichever thread."""
        self._allowed = {}

    def guarding(self, file_descriptor, seconds):
        self._note(seconds)
        return super().guarding(file_descriptor, seconds)

    def connected(self, conninfo, options, seconds):
        """Make a connection, as it is made, and note what that may take."""
        self._note(seconds)
        return connecting.connected(conninfo, options, seconds)

    def _note(self, seconds):
        mine = self._allowed.setdefault(threading.get_ident(), [])
        mine.append((limited(math.inf), seconds))
        self.armed.set()

    @contextmanager
    def of_this_thread(self):
        """Collect, for each time that this thread asks a database, its two bounds.

        In seconds: what was set for the call, infinite for the store's own; and what
        was left of that when it began to wait.
        """
        mine = self._allowed[threading.get_ident()] = []
        yield mine


@pytest.fixture
def bounded(monkeypatch):
    """Tell how the calls to PostgreSQL are bounded, see `BoundedCalls`."""
    calls = BoundedCalls()
    monkeypatch.setattr(connections, "WATCHDOG", calls)
    monkeypatch.setattr(connecting, "WATCHDOG", calls)
    monkeypatch.setattr(connections, "connected", calls.connected)
    return calls


@pytest.fixture
def loop_disk():
    """A disk of 24 MB that this test may fill and break; skipped where that cannot be."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk of its own")
    for tool in ("mkfs.ext4", "mount", "umount", "fsck.ext4"):
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool} here")
    place = Path(tempfile.mkdtemp(prefix="loop-disk-"))
    disk = None
    try:
        try:
            disk = LoopDisk(place, 24)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no loop mount here: {error.stderr.decode().strip()}")
        yield disk
    finally:
        if disk is not None:
            disk.close()
        shutil.rmtree(place, ignore_errors=True)
