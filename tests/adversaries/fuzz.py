"""Our own parsers, given bytes that atheris finds by what they reach.

    python -m tests.adversaries.fuzz --seconds 120 [--parser csv] [--seed 7]

Each parser runs in a process of its own, since libFuzzer never returns. Whatever it raises
that it may not is a finding: its bytes are printed and kept. What is printed are the counts.
Where atheris has no wheel it says so and ends well.
"""

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

NAMES = (
    *("json", "json5", "yaml", "settings", "state", "event"),
    *("csv", "lines", "backup", "instant", "sql"),
)
# Longer texts reach nothing new and are slower.
_MOST_BYTES = 4096


def _fuzz(name, seconds, seed):
    """Give a parser bytes until the time is over; ends the process."""
    import atheris  # noqa: PLC0415 - not every Python has a wheel

    with atheris.instrument_imports(
        include=["switchbot_store", "switchbot_automation", "json5"]
    ):
        from tests.adversaries.parsers import PARSERS  # noqa: PLC0415 - instrumented
    parser = PARSERS[name]
    parse = parser.make()

    def once(data):
        with suppress(parser.may_raise):
            parse(data)

    corpus = Path(tempfile.mkdtemp(), "corpus")
    corpus.mkdir()
    (corpus / "beginning").write_bytes(parser.beginning)
    options = {
        "max_total_time": seconds,
        "seed": seed,
        "max_len": _MOST_BYTES,
        "timeout": 20,
        "print_final_stats": 1,
    }
    given = [f"-{option}={value}" for option, value in options.items()]
    atheris.Setup([sys.argv[0], *given, str(corpus)], once)
    atheris.Fuzz()


def main():
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seconds", type=int, default=120)
    asked.add_argument("--parser", choices=NAMES, action="append")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--child", choices=NAMES, help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.child:
        _fuzz(options.child, options.seconds, options.seed)
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: no parser was given bytes")
        return 0
    failed = False
    for name in options.parser or NAMES:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.adversaries.fuzz", "--child", name),
                *("--seconds", str(options.seconds), "--seed", str(options.seed)),
            ],
            capture_output=True,
            check=False,
        )
        told = done.stderr.decode(errors="replace")
        count = re.search(r"number_of_executed_units:\s*(\d+)", told)
        print(f"{name}: {count[1] if count else '?'} inputs", flush=True)
        if done.returncode:
            failed = True
            print(done.stdout.decode(errors="replace")[-3000:])
            print(told[-3000:], flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
