"""The process that commands are forked off; see `tests/forked/commands.py`."""

import contextlib
import importlib
import os
import runpy
import selectors
import signal
import socket
import sys
import time

COMMANDS = ("switchbot_automation.cli", "switchbot_store.cli")
# What takes commands long to import. What is missing here is imported by who needs it.
IMPORTED = (
    *("switchbot_automation.cli.app", "switchbot_automation.cli.commands.live"),
    *("switchbot_automation.cli.commands.init", "switchbot_automation.web.server"),
    *("switchbot_automation.cli.commands.act", "switchbot_store.failover.mirror"),
    *("switchbot_automation.cli.commands.diagnosis", "switchbot_store.doctor.findings"),
    *("switchbot_automation.engine.scheduler", "switchbot_automation.simulation"),
    *("switchbot_store.cli.app", "switchbot_store.files.store"),
    *("switchbot_store.history.sqlite.store", "switchbot_store.postgres.store"),
    *(
        "aiohttp.web",
        "psycopg",
        "psycopg_pool",
        "rich.console",
        "rich.table",
        "tzlocal",
    ),
)
NUMBER_BYTES = 4


def as_number(number):
    return number.to_bytes(NUMBER_BYTES, "big", signed=True)


class Server:
    """Forks for whoever connects, until stdin ends; then nothing that it forked is left."""

    def __init__(self, socket_path):
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listening.bind(socket_path)
        self.listening.listen(64)
        self.woken, self.wakes = os.pipe()
        os.set_blocking(self.wakes, False)
        self.handler = signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.wakes, warn_on_full_buffer=False)
        self.running = {}  # each connection by its command's pid
        self.chosen = selectors.DefaultSelector()
        for each in (self.listening, self.woken, sys.stdin.fileno()):
            self.chosen.register(each, selectors.EVENT_READ)

    def serve(self):
        """Return, in a process that was forked, what it was asked for."""
        while True:
            for key, _ in self.chosen.select():
                if key.fileobj == sys.stdin.fileno():
                    self.end()
                elif key.fileobj == self.woken:
                    os.read(self.woken, 64)
                    self.tell_ended()
                elif key.fileobj is self.listening:
                    asked = Asked(self.listening.accept()[0])
                    if self.forked(asked):
                        return asked
                elif key.data in self.running:
                    # A launcher says nothing more, so it is gone.
                    self.chosen.unregister(key.fileobj)
                    os.kill(key.data, signal.SIGKILL)

    def end(self):
        for pid in self.running:
            os.kill(pid, signal.SIGKILL)
        os._exit(0)

    def tell_ended(self):
        while self.running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with self.running.pop(pid) as talk:
                with contextlib.suppress(KeyError):
                    self.chosen.unregister(talk)
                with contextlib.suppress(OSError):
                    talk.sendall(as_number(os.waitstatus_to_exitcode(status)))

    def forked(self, asked):
        """Fork a process; return whether this is the one."""
        pid = os.fork()
        if pid:
            self.running[pid] = asked.talk
            self.chosen.register(asked.talk, selectors.EVENT_READ, pid)
            asked.close()
            return False
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, self.handler)
        for each in (self.chosen, self.listening, *self.running.values()):
            each.close()
        os.close(self.woken)
        os.close(self.wakes)
        return True


class Asked:
    """What a launcher has said, read before its command is forked."""

    def __init__(self, talk):
        self.talk = talk
        told, self.streams, _, _ = socket.recv_fds(talk, NUMBER_BYTES, 3)
        self.text = talk.recv(int.from_bytes(told, "big"), socket.MSG_WAITALL)

    def close(self):
        for each in self.streams:
            os.close(each)


def take_over(asked):
    """Get the streams, directory and environment of a launcher; return its words."""
    fields = [each.split("\0") for each in os.fsdecode(asked.text).split("\1")]
    words, (directory,), variables = fields
    for number, stream in enumerate(asked.streams):
        os.dup2(stream, number)
    asked.close()
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(each.split("=", 1) for each in variables if each)
    time.tzset()
    sys.stdin = sys.__stdin__ = _opened(0, "r", "surrogateescape")
    sys.stdout = sys.__stdout__ = _opened(1, "w", "surrogateescape")
    sys.stderr = sys.__stderr__ = _opened(2, "w", "backslashreplace")
    with asked.talk as talk:
        talk.sendall(as_number(os.getpid()))
    return words


def _opened(number, mode, errors):
    """As Python opens it where no locale is set."""
    stream = os.fdopen(number, mode, encoding="utf-8", errors=errors, closefd=False)
    stream.reconfigure(line_buffering=number == sys.stderr.fileno() or stream.isatty())
    return stream


def main():
    for module in IMPORTED:
        importlib.import_module(module)
    server = Server(sys.argv[1])
    os.write(sys.stdout.fileno(), b"ready\n")
    module, *arguments = take_over(server.serve())
    if module not in COMMANDS:
        raise SystemExit(f"{module} is none of {', '.join(COMMANDS)}")
    sys.argv = [module, *arguments]
    sys.path[0] = ""
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
