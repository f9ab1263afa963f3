"""Files of tests lie in memory where they may, and on the disk elsewhere."""

import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from switchbot_store.testing.in_memory import directory_in_memory

memory = directory_in_memory()
disk = Path(tempfile.gettempdir()).stat()
needs_memory = pytest.mark.skipif(
    memory is None or memory.stat().st_dev == disk.st_dev,
    reason="no memory with room beside the disk here",
)


@needs_memory
def test_what_no_power_cut_may_harm_lies_on_the_disk(postgres_server_factory):
    fast, durable = postgres_server_factory(), postgres_server_factory(fsync=True)
    assert fast.directory.stat().st_dev == memory.stat().st_dev
    assert durable.directory.stat().st_dev != memory.stat().st_dev


@needs_memory
def test_a_killed_server_leaves_nothing_in_memory(postgres_server_factory):
    server = postgres_server_factory()
    segments = server.directory / "data" / "pg_dynshmem"
    assert any(segments.iterdir()), "its shared memory lies elsewhere"
    place = server.directory
    server.kill()
    server.close()
    assert not place.exists()


@needs_memory
def test_a_machine_without_room_in_memory_takes_the_disk(
    postgres_server_factory, monkeypatch
):
    little = SimpleNamespace(free=64 * 2**20)  # as a container has by default
    monkeypatch.setattr(shutil, "disk_usage", lambda _: little)
    assert directory_in_memory() is None
    server = postgres_server_factory()
    assert server.directory.stat().st_dev != memory.stat().st_dev


@needs_memory
def test_where_no_program_may_run_is_no_place_for_tests(monkeypatch):
    forbids = SimpleNamespace(f_flag=os.ST_NOEXEC)
    monkeypatch.setattr(os, "statvfs", lambda _: forbids)
    assert directory_in_memory() is None
