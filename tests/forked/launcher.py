"""Stands for a command that is forked off another process: run by `python -I -S`.

It hands over its streams, then passes on signals, and ends as the command ended. It
imports what is compiled in alone, which is why it starts in a fiftieth of a command's time.
"""

import _signal
import _socket
import os
import sys

FORWARDED = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGUSR1)
NUMBER_BYTES = 4


def told(words):
    """Return what a command needs to know: its words, directory and environment."""
    variables = [f"{name}={value}" for name, value in os.environ.items()]
    fields = (words, [os.getcwd()], variables)  # noqa: PTH109 - pathlib is an import
    return os.fsencode("\1".join("\0".join(each) for each in fields))


def number(talk):
    answer = talk.recv(NUMBER_BYTES, _socket.MSG_WAITALL)
    if len(answer) < NUMBER_BYTES:
        os.write(2, b"what forks commands is gone\n")
        os._exit(70)
    return int.from_bytes(answer, "big", signed=True)


def launch(socket_path, words):
    talk = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    talk.connect(socket_path)
    # What comes before its process is known waits.
    _signal.pthread_sigmask(_signal.SIG_BLOCK, FORWARDED)
    text = told(words)
    streams = b"".join(each.to_bytes(4, sys.byteorder) for each in range(3))
    talk.sendmsg(
        [len(text).to_bytes(NUMBER_BYTES, "big")],
        [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)],
    )
    talk.sendall(text)
    pid = number(talk)

    def forward(received, _):
        try:
            os.kill(pid, received)
        except ProcessLookupError:  # it ended, and its code is on the way
            return

    for each in FORWARDED:
        _signal.signal(each, forward)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, FORWARDED)
    for each in (0, 1):  # a reader sees the end when the command ends
        os.close(each)
    code = number(talk)
    if code < 0:
        if -code in FORWARDED:
            _signal.signal(-code, _signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    launch(sys.argv[1], sys.argv[2:])
