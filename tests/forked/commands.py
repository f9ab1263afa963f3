"""A command line in a process of its own, without the half second that imports take.

`commands(...)` gives the words that start one, in the place of `python -m`. They start a
launcher, which has the command forked off a process that has imported already what
commands import. The command has the launcher's arguments, environment, directory, and its
very stdin, stdout and stderr. Signals reach it, its exit code comes back, and it dies with
the launcher, so that a test treats the launcher as the command.

Not for a test of the start itself, of a pid, of memory, of what is imported, or of how
text is encoded: `python -m` is for those.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
AUTOMATION, STORE = "switchbot_automation.cli", "switchbot_store.cli"
_OF_PYTHON = ("PYTHON", "LC_", "LANG")


def started_alone(module, environment):
    """Return the words of a whole Python, which reads some variables at its start alone."""
    if any(name.startswith(_OF_PYTHON) for name in environment):
        return (sys.executable, "-m", module)
    return None


@contextlib.contextmanager
def forked_commands():
    """Give a function from a module and an environment to the words that start it."""
    with tempfile.TemporaryDirectory(prefix="commands-") as directory:
        place = Path(directory) / "socket"
        server = subprocess.Popen(
            [sys.executable, str(HERE / "server.py"), str(place)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            # As a test gives it, so that nothing of this machine's is left in it.
            env={"PATH": os.environ["PATH"]},
        )
        with server:
            assert server.stdout.readline() == b"ready\n"

            def words(module=AUTOMATION, environment=()):
                return started_alone(module, environment) or (
                    *(sys.executable, "-I", "-S", str(HERE / "launcher.py")),
                    *(str(place), module),
                )

            yield words
            server.stdin.close()
