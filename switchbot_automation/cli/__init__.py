"""The command line `switchbot-automation`.

Needs the extra `cli` (click, rich and their like). Without it `main` says so and ends with 2, so that
a library user never pays for what a person at a terminal wants.

Exit codes: 0 all went well; 1 it ran and failed; 2 it was asked wrongly, or a setting or
variable is wrong; 130 Ctrl-C. With `--json` a mistake is one JSON object on stderr, with
`error`, `message` and often `hint`.
"""

from __future__ import annotations

import gc
import sys

from switchbot_store.cli.full_output import end_if_full
from switchbot_store.cli.mistakes import tell

_CLI_LIBRARIES = frozenset({"click", "dotenv", "rich", "tzlocal"})


def main() -> None:
    """Run the command line on `sys.argv`; the entry point of the console script.

    Never returns: it ends in SystemExit with one of the exit codes above.
    """
    # What modules are made of stays: it is not searched until the command is there.
    gc.disable()
    try:
        from switchbot_automation.cli.app import (  # noqa: PLC0415  # click is an extra
            application,
        )

        # Some are asked for by a command alone.
        application.main(prog_name="switchbot-automation")
    except OSError as error:
        end_if_full(error, "switchbot-automation")
        raise
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _CLI_LIBRARIES:
            raise
        tell(
            "switchbot-automation",
            "UsageError",
            f"{error.name} is not installed; the command line needs the extra `cli`:"
            " pip install 'switchbot-automation[cli]'",
        )
        sys.exit(2)
