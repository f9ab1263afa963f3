"""`nox -s bench`: what the promises about speed and size come to on this machine."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import platform
import sys
from pathlib import Path

GROUPS = {
    "imports": "import time of both packages",
    "stores": "get and set by backend, round trips",
    "failover": "the journal, its replay, the watchdog, hours awake",
    "ticks": "a tick's time by part, statements a tick",
    "zones": "a tick of very many zones",
    "client": "a call of the cloud's client, over aiohttp alone",
    "crowd": "1,000 zones on files, their API, and 500 who listen",
    "commands": "many commands in a tick, a silent cloud, a person's OFF meanwhile",
    "memory": "peak memory of a running engine",
    "history": "a year of history: writing, charts, retention",
    "growth": "what must not grow with size, pending writes, rows and zones",
    "week": "a simulated week",
    "year": "a simulated year, and the backtest of one",
    "web": "ticks while 200 clients look at the page",
    "strangers": "the owner while 5,000 people without a token knock",
}


def processor() -> str:
    """Return the processor's name where Linux tells it, else the architecture."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def main() -> int:
    """Run the groups named, all by default; return 1 if a goal was missed."""
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    listing = ", ".join(f"{name} ({what})" for name, what in GROUPS.items())
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=listing)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--json", action="store_true", help="one object, no table")
    options = parser.parse_args()
    unknown = set(options.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no group {', '.join(sorted(unknown))}; there are {listing}")
    machine = f"{processor()}, {os.cpu_count()} cores, {platform.system()}"
    machine += f" {platform.release()}, Python {platform.python_version()}"
    if not options.json:
        print(machine)
    figures = []
    for name in options.groups or GROUPS:
        found = importlib.import_module(name).measure(quick=options.quick)
        figures += found
        if not options.json:
            print(f"\n{name}", *(figure.as_line() for figure in found), sep="\n")
    if options.json:
        results = [figure.as_json() for figure in figures]
        print(json.dumps({"machine": machine, "figures": results}, indent=2))
    return int(any(figure.met is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
