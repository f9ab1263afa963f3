"""Signals for a process and all its children, and a watch that outlives their parent.

PostgreSQL puts every backend in a session of its own, so signalling the postmaster's
process group reaches the postmaster alone. This module needs the standard library only
and runs as a script, with nothing else imported: `watch` below.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

_SHARED_MEMORY_LINE, _IPC_RMID = 7, 0


def children(pid: int) -> list[int]:
    """Return the living direct children of `pid`, from `/proc` or else from `ps`."""
    if not Path("/proc/self/stat").exists():
        listing = subprocess.run(
            ["ps", "-A", "-o", "pid=", "-o", "ppid="],  # noqa: S607 - POSIX ps
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        pairs = [line.split() for line in listing.splitlines()]
        return [int(child) for child, parent in pairs if int(parent) == pid]
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names only, thousands of them
        if entry.isdigit():
            with contextlib.suppress(OSError):
                # The name, in parentheses, may hold spaces; the parent is the
                # second field after it.
                stat = Path("/proc", entry, "stat").read_text(encoding="latin-1")
                state, parent = stat.rpartition(")")[2].split()[:2]
                if int(parent) == pid and state != "Z":
                    found.append(int(entry))
    return found


def freeze(pid: int) -> list[int]:
    """SIGSTOP `pid` first, so that it forks no more, then its children."""
    os.kill(pid, signal.SIGSTOP)
    family = children(pid)
    _signal_all(family, signal.SIGSTOP)
    return family


def thaw(pid: int) -> None:
    """SIGCONT the children, then `pid`."""
    _signal_all([*children(pid), pid], signal.SIGCONT)


def kill(pid: int) -> None:
    """SIGKILL `pid` and its children at one moment; return when all have exited.

    Nothing gets the chance to react to the death of another, as in a power cut.
    """
    family = [pid, *freeze(pid)]
    exits = [] if sys.platform != "linux" else list(_exit_descriptors(family))
    try:
        _signal_all(family, signal.SIGKILL)
        wait_for_exit(exits)
    finally:
        for descriptor in exits:
            os.close(descriptor)


def wait_for_exit(descriptors: list[int]) -> None:
    """Return when the processes behind these `pidfd`s have exited, reaped or not."""
    for descriptor in descriptors:
        waiting = select.poll()  # `select.select` takes none beyond 1023
        waiting.register(descriptor, select.POLLIN)
        waiting.poll(10_000)


def _exit_descriptors(pids: list[int]) -> "list[int]":
    found = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            found.append(os.pidfd_open(pid))  # type: ignore[attr-defined,unused-ignore] # Linux
    return found


def _signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def watch() -> None:
    """Wait for the end of standard input, then kill the process named last and tidy.

    Each line read is a process id (0 means none); `sys.argv[1]` is the directory to
    remove. The pipe closes when the parent ends, in whatever way it does.
    """
    pid = 0
    for line in sys.stdin:
        pid = int(line)
    if pid:
        with contextlib.suppress(ProcessLookupError):
            kill(pid)
    with contextlib.suppress(OSError, ValueError):
        release_shared_memory(Path(sys.argv[1], "data", "postmaster.pid"))
    shutil.rmtree(sys.argv[1], ignore_errors=True)


def release_shared_memory(pid_file: Path) -> None:
    """Remove the shared memory segment of a server that was killed.

    It keeps two servers from one directory, and goes only with a server that stops or with
    the next that starts there; a system has 4,096 of them by default (`kernel.shmmni`).
    Its identifier is the second number of the file's seventh line
    (`LOCK_FILE_LINE_SHMEM_KEY` in PostgreSQL's `pidfile.h`). Raises OSError where there is
    no file, ValueError where it says none.
    """
    lines = pid_file.read_text(encoding="utf-8").splitlines()
    if len(lines) < _SHARED_MEMORY_LINE:
        raise ValueError(f"{pid_file} names no shared memory")
    _key, identifier = lines[_SHARED_MEMORY_LINE - 1].split()
    ctypes.CDLL(None).shmctl(int(identifier), _IPC_RMID, None)


if __name__ == "__main__":
    watch()
