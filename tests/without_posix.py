"""Makes this interpreter look like one on Windows, as far as our modules could notice.

    python tests/without_posix.py PROGRAM ARGUMENTS...

What is absent there is taken away before the program is run, and `msvcrt.locking` is there,
made of `lockf`. What Windows does with names, rights and open files is not imitated.
"""

import os
import runpy
import signal
import sys
from types import ModuleType

ABSENT_MODULES = {"fcntl", "grp", "pwd", "resource", "termios"}
ABSENT = {
    os: (
        "O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK chown fchmod fchown fdatasync fork"
        " fstatvfs getegid geteuid getgid getloadavg getuid killpg lchown mkfifo pipe2"
        " posix_fadvise posix_fallocate pread preadv pwrite pwritev register_at_fork"
        " sched_getaffinity setsid statvfs sync uname"
    ),
    signal: (
        "SIGALRM SIGCHLD SIGHUP SIGKILL SIGPIPE SIGQUIT SIGUSR1 SIGUSR2 SIGWINCH alarm"
        " pause pthread_sigmask setitimer sigwait"
    ),
}
IMITATED = "msvcrt"


class Refuse:
    """Finds no module that Windows does not have."""

    def find_spec(self, name, path=None, target=None):
        if name in ABSENT_MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def msvcrt():
    """Return what of `msvcrt` locks files."""
    made = ModuleType(IMITATED)
    made.LK_NBLCK, made.LK_UNLCK = 2, 0
    lockf, take, let_go = os.lockf, os.F_TLOCK, os.F_ULOCK

    def locking(descriptor, mode, count):
        lockf(descriptor, take if mode == made.LK_NBLCK else let_go, count)

    made.locking = locking
    return made


def become():
    """Take away what is absent; what the standard library has imported of it stays its."""
    import asyncio  # noqa: PLC0415 - the library is that of this system
    import multiprocessing.util  # noqa: F401, PLC0415 - likewise
    import shutil  # noqa: PLC0415 - likewise
    import subprocess  # noqa: F401, PLC0415 - likewise

    # Its own there asks another module than `os`.
    measured = shutil.disk_usage(os.curdir)
    shutil.disk_usage = lambda _path: measured
    # It removes a tree by descriptors here, and by names there.
    shutil._use_fd_functions = False
    if hasattr(shutil, "_rmtree_impl"):  # newer ones have chosen by then
        shutil._rmtree_impl = shutil._rmtree_unsafe

    def refused(*_arguments):
        raise NotImplementedError

    asyncio.SelectorEventLoop.add_signal_handler = refused
    asyncio.SelectorEventLoop.remove_signal_handler = refused

    class ProactorEventLoop(asyncio.SelectorEventLoop):
        """The one that is made where none is chosen; it waits for calls, not for sockets."""

    for name in ("add_reader", "remove_reader", "add_writer", "remove_writer"):
        setattr(ProactorEventLoop, name, refused)
    asyncio.ProactorEventLoop = ProactorEventLoop
    asyncio.events.new_event_loop = asyncio.new_event_loop = ProactorEventLoop
    imitation = msvcrt()
    for name in ABSENT_MODULES:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Refuse())
    for module, names in ABSENT.items():
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)
    if hasattr(os, "process_cpu_count"):  # newer ones ask what was taken away
        os.process_cpu_count = os.cpu_count
    # Last: where there is such a module, the standard library takes this for Windows.
    sys.modules[IMITATED] = imitation


if __name__ == "__main__":
    become()
    program, sys.argv = sys.argv[1], sys.argv[1:]
    runpy.run_path(program, run_name="__main__")
