"""What a program is told when a command fails: one JSON object, as a line on stderr.

Imports nothing but the standard library, since a missing library is such a mistake, too.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

JSON_OPTION: Final = "--json"

# What steers a terminal and JSON leaves as it is: the second half of the controls, and
# what turns the direction of writing around or begins a line.
_STEERING: Final = re.compile(r"[\x7f-\x9f\u061c\u2028-\u202e\u2066-\u2069]")


def for_a_program(arguments: Iterable[str]) -> bool:
    """Tell whether a program reads what a command says: it asked for JSON."""
    return JSON_OPTION in arguments


def harmless_json(text: str) -> str:
    r"""Return JSON that means the same, without what would steer the terminal it is shown in.

    >>> harmless_json('"living\x9b31m room"')
    '"living\\\\u009b31m room"'
    """
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def tell_program(kind: str, message: str, hint: str = "") -> None:
    """Write `error` (the kind), `message` and, where there is one, `hint` to stderr."""
    told = {"error": kind, "message": message}
    if hint:
        told["hint"] = hint
    sys.stderr.write(harmless_json(json.dumps(told, ensure_ascii=False)) + "\n")
    sys.stderr.flush()  # whoever captures it, as click's runner, may not


def tell(program: str, kind: str, message: str) -> None:
    """Tell of a mistake before there is a command line: as JSON where that was asked for."""
    if for_a_program(sys.argv[1:]):
        tell_program(kind, message)
    else:
        sys.stderr.write(f"{program}: {message}\n")
