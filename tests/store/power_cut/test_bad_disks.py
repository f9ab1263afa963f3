"""Files on a disk that is full or read-only for real, and names that harm no disk."""

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_store import JsonStore, StoreDataError
from switchbot_store.files.names import key_of, stem_of

CAN_MOUNT = (
    os.geteuid() == 0
    and shutil.which("unshare") is not None
    and subprocess.run(
        ["unshare", "--mount", "true"], check=False, capture_output=True
    ).returncode
    == 0
)


def run_on_a_disk_of_its_own(options, program, tmp_path):
    """Run a program in a mount namespace whose `tmp_path/disk` is a small tmpfs.

    `remount(options)` changes it from inside. Nobody else sees the mount.
    """
    disk = tmp_path / "disk"
    disk.mkdir()
    prologue = f"""
        import errno, os, subprocess, sys
        from switchbot_store import *
        disk = {str(disk)!r}
        def mount(*words):
            subprocess.run(["mount", *words, disk], check=True)
        def remount(options):
            mount("-o", "remount," + options)
        mount("-t", "tmpfs", "-o", {options!r}, "tmpfs")
        def refused(number, write):
            try:
                write()
            except StoreUnavailableError as error:
                assert error.__cause__.errno == number, error
            else:
                raise SystemExit("was acknowledged")
    """
    text = textwrap.dedent(prologue) + textwrap.dedent(program)
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", sys.executable, "-c", text],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr + done.stdout


FULL = """
    with JsonStore(disk) as store:
        store.set_many({"settings": {"n": 1}, "state": {"n": 1}})
        big = {"n": 2, "x": "x" * 300_000}
        revision = store.get_entry("settings").revision
        for write in (
            lambda: store.set("settings", big),
            lambda: store.set("new", big),
            lambda: store.compare_and_set("settings", big, revision),
            lambda: store.set_many({"state": {"n": 2}, "settings": big}),
        ):
            refused(errno.ENOSPC, write)
            assert store.get("settings") == store.get("state") == {"n": 1}
        assert store.keys() == ["settings", "state"]
        left = [name for name in os.listdir(disk) if name.endswith(".tmp")]
        assert left == [], left
        assert "No space left" in store.status().last_error
        store.set("settings", {"n": 3})  # what fits goes on
"""
TO_THE_LAST_BYTE = """
    with JsonStore(disk) as store:
        store.set("settings", {"n": 0})
        with open(disk + "/filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError as error:
                assert error.errno == errno.ENOSPC
        refused(errno.ENOSPC, lambda: store.set("settings", {"n": 1}))
        assert not store.health_check()
        assert store.get("settings") == {"n": 0}
        os.unlink(disk + "/filler")
        store.set("settings", {"n": 2})
        assert store.health_check()
"""
READ_ONLY = """
    with JsonStore(disk) as store:
        store.set_many({"settings": {"n": 1}, "state": {"n": 1}})
    remount("ro")
    with JsonStore(disk) as store:
        for write in (
            lambda: store.set("settings", {"n": 2}),
            lambda: store.set_many({"settings": {"n": 2}, "new": {}}),
            lambda: store.compare_and_set(
                "settings", {"n": 2}, store.get_entry("settings").revision),
            lambda: store.delete("settings"),
        ):
            refused(errno.EROFS, write)
        assert store.get("settings") == {"n": 1}
        assert store.get_many(["settings", "state"])["state"].data == {"n": 1}
        assert store.keys() == ["settings", "state"]
        assert not store.health_check()
    remount("rw")
    with JsonStore(disk) as store:
        store.set("settings", {"n": 2})
"""
JOURNAL_ON_A_FULL_DISK = """
    away = "postgresql://u@127.0.0.1:1/x"
    with FailoverStore(PostgresStore(away), disk, background=False) as store:
        store.set("settings", {"n": 1})
        refused(errno.ENOSPC, lambda: store.set("settings", {"x": "x" * 300_000}))
        assert store.get("settings") == {"n": 1}
        store.set("state", {"n": 1})
    with FailoverStore(PostgresStore(away), disk, background=False) as store:
        assert store.get("settings") == store.get("state") == {"n": 1}
        assert store.status().pending == 2
"""
REOPENED_ON_A_FULL_DISK = """
    away = "postgresql://u@127.0.0.1:1/x"
    with FailoverStore(PostgresStore(away), disk, background=False) as store:
        number = 0
        def write_on():
            global number
            while True:
                store.set("settings", {"n": number + 1, "x": "x" * 5000})
                number += 1
        refused(errno.ENOSPC, write_on)
    with FailoverStore(PostgresStore(away), disk, background=False) as store:
        assert store.get("settings")["n"] == number > 1
"""


@pytest.mark.skipif(
    not CAN_MOUNT, reason="only root may mount; by permission: test_json_crashes"
)
class TestMounted:
    @pytest.mark.parametrize("program", [FULL, TO_THE_LAST_BYTE])
    def test_a_full_disk_leaves_the_old_file(self, program, tmp_path):
        run_on_a_disk_of_its_own("size=128k", program, tmp_path)

    def test_a_read_only_disk_is_read_and_refuses_writes(self, tmp_path):
        run_on_a_disk_of_its_own("size=1m", READ_ONLY, tmp_path)

    def test_a_journal_on_a_full_disk_keeps_what_it_acknowledged(self, tmp_path):
        run_on_a_disk_of_its_own("size=128k", JOURNAL_ON_A_FULL_DISK, tmp_path)

    def test_a_full_disk_does_not_stop_the_next_start(self, tmp_path):
        run_on_a_disk_of_its_own("size=128k", REOPENED_ON_A_FULL_DISK, tmp_path)


KEYS = st.text(min_size=1, max_size=200).filter(
    lambda key: "\0" not in key and key.encode(errors="replace").decode() == key
)
AWKWARD = [
    *("..", ".", "../x", "/etc/passwd", "a/b", "a\\b", "con", "CON", "nul", "com1"),
    *("Settings", "settings ", " settings", "settings.json", ".lock", ".pending"),
    *(
        "😀",
        "é",
        "e\u0301",
        "\u202e",
        "\n",
        "%2e",
        "%",
        "~",
        "*",
        "?",
        ":",
        "-",
        "x" * 200,
    ),
    *("é" * 200, "😀" * 200, "a.previous", "settings.json.previous", "settings~1"),
]


@given(key=KEYS)
@settings(max_examples=300, deadline=None)
def test_every_key_has_a_harmless_file_name(key):
    stem = stem_of(key)
    assert stem.isascii()
    assert stem == stem.lower()
    assert 1 <= len(f"{stem}.json.corrupt-20260101T000000.000000Z") <= 255
    assert not set(stem) & set('/\\:*?"<>|. \t\n\0')
    assert stem.split(".")[0] not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
    assert key_of(stem) in {key, None}


@given(keys=st.sets(KEYS, min_size=2, max_size=30))
@settings(max_examples=100, deadline=None)
def test_no_two_keys_share_a_file(keys):
    assert len({stem_of(key) for key in keys}) == len(keys)


def test_awkward_keys_keep_their_documents_apart(tmp_path):
    (tmp_path / "outside.json").write_text('{"not": "yours"}')
    documents = {key: {"key": key} for key in AWKWARD}
    with JsonStore(tmp_path / "config") as store:
        for key, data in documents.items():
            store.set(key, data)
    with JsonStore(tmp_path / "config") as store:
        assert store.keys() == sorted(AWKWARD)
        assert {key: store.get(key) for key in AWKWARD} == documents
        for key in AWKWARD:
            assert store.delete(key)
        assert store.keys() == []
    assert {path.name for path in tmp_path.iterdir()} == {"config", "outside.json"}


@pytest.mark.parametrize("key", ["", "x" * 201, "a\0b", "\ud800"])
def test_what_is_no_key_touches_nothing(tmp_path, key):
    with JsonStore(tmp_path / "config") as store:
        for call in (store.get, store.delete, lambda key: store.set(key, {})):
            with pytest.raises(StoreDataError):
                call(key)
    assert not (tmp_path / "config").exists()


def test_the_disk_that_fails_at_any_call_leaves_the_old_file(tmp_path, monkeypatch):
    """Every call that writes fails once, with each of the three errors."""
    names = ("open", "write", "fsync", "replace", "link")
    for number in (errno.ENOSPC, errno.EROFS, errno.EACCES):
        for name in names:
            directory = tmp_path / f"{name}-{number}"
            with JsonStore(directory) as store:
                store.set("settings", {"n": 1})
                real, calls = getattr(os, name), []

                def failing(*arguments, _real=real, _calls=calls, _n=number, **options):
                    path = str(arguments[0])
                    # The lock is no data, and what is read is not written.
                    if "lock" not in path and _is_writing(arguments):
                        _calls.append(path)
                        if len(_calls) == 1:
                            raise OSError(_n, os.strerror(_n), path)
                    return _real(*arguments, **options)

                with monkeypatch.context() as patched:
                    patched.setattr(os, name, failing)
                    with contextlib.suppress(Exception):
                        store.set("settings", {"n": 2})
                acknowledged = store.status().last_error is None
                assert calls, name
                assert not acknowledged, name
                assert store.get("settings") == {"n": 1}
            with JsonStore(directory) as store:
                store.set("settings", {"n": 3})
                assert store.get("settings") == {"n": 3}
            left = [path.name for path in Path(directory).iterdir()]
            assert not [each for each in left if each.endswith(".tmp")], left


def _is_writing(arguments):
    flags = arguments[1] if len(arguments) > 1 else None
    return not isinstance(flags, int) or bool(flags & os.O_CREAT)
