"""What becomes of a command whose output has no room left where it goes."""

from __future__ import annotations

import errno
import os
import sys
from typing import Final

from switchbot_store.cli.mistakes import tell

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def end_if_full(error: OSError, program: str) -> None:
    """End in SystemExit(1), after a line that says so, where standard output was full.

    Returns for any other error, also for a file that has a name.
    """
    if error.errno not in _FULL or error.filename is not None:
        return
    # What is left in the buffer would be tried, and fail, once more at the end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    tell(program, "OutputError", f"the output cannot be written: {error.strerror}")
    sys.exit(1)
