"""`nox -s physics`: `control: auto` beside others in rooms that EnergyPlus makes.

Without arguments: every building in every climate, seven days each. Exits with 1 when a
goal was missed. `--case room --place chicago --days 2` is a first look.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace

from tests.physics.cases import CASES, KINDS, PLACES
from tests.physics.table import HEADER, as_json, goals_missed, live_all


def main() -> int:
    """Live in what was asked for; return 1 if a goal was missed."""
    parser = argparse.ArgumentParser(prog="nox -s physics --", description=__doc__)
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--case", choices=KINDS, action="append", help="these alone")
    parser.add_argument("--place", choices=PLACES, action="append", help="these alone")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--json", action="store_true", help="one object, no table")
    options = parser.parse_args()
    cases = [
        replace(case, days=options.days)
        for case in CASES.values()
        if case.kind in (options.case or KINDS)
        and case.place in (options.place or PLACES)
    ]
    if not cases:
        parser.error("nothing of that kind stands there")
    if not options.json:
        sys.stdout.write(HEADER + "\n")
    complete = live_all(cases, options.workers, show=not options.json)
    if options.json:
        made = {case.name: as_json(case, complete[case.name]) for case in cases}
        sys.stdout.write(json.dumps({"days": options.days, "cases": made}) + "\n")
    return int(any(goals_missed(case, complete[case.name]) for case in cases))


if __name__ == "__main__":
    raise SystemExit(main())
