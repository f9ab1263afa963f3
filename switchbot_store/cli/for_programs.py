"""What a program that asked for JSON is told of an error, and what a person.

With `--json` an error is one object on a line of stderr, the last one there, in English:
`error`, its kind; `message`; and `hint`, what to try, where there is one. The exit code is
the same for both.
"""

from __future__ import annotations

import json
import sys
from typing import Final


def asked_by_a_program() -> bool:
    """Tell whether this process was started with `--json`."""
    return "--json" in sys.argv[1:]


def error_object(kind: str, message: str, hint: str = "") -> str:
    """Return the line that tells of an error.

    >>> error_object("StoreUnavailableError", "PostgreSQL: connection refused")
    '{"error": "StoreUnavailableError", "message": "PostgreSQL: connection refused"}'
    """
    told = {"error": kind, "message": message}
    if hint:
        told["hint"] = hint
    return json.dumps(told, ensure_ascii=False)


GIVEN_UP: Final = error_object("Aborted", "a question was not answered")


def say_why_it_ends(program: str, kind: str, message: str) -> None:
    """Write to stderr why a command line ends before there is a command to say so."""
    text = error_object(kind, message) if asked_by_a_program() else ""
    sys.stderr.write(f"{text or f'{program}: {message}'}\n")
