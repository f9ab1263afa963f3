"""Disks that fill up and turn read-only, as real ones: loop mounts, where root may."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.store.loop_disk import LoopDisk


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
