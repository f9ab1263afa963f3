"""The table of the hard cases: ours beside what others would do in the same rooms."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, NamedTuple

from tests.control.cases import CASES
from tests.control.living import live
from tests.control.peers import best, peers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.control.cases import Case
    from tests.control.living import Figures

OURS = ("auto", "switch")
_BOUND = "hindsight"
_MOST_CALLS = 100.0


class Job(NamedTuple):
    """One of them in one room."""

    case: str
    who: str
    seed: int


def jobs(names: Iterable[str], seeds: int) -> list[Job]:
    """Return what has to be simulated for these cases, the bounds of others included."""
    found: dict[Job, None] = {}
    for name in names:
        case = CASES[name]
        for seed in range(seeds):
            found |= dict.fromkeys(Job(name, who, seed) for who in OURS)
            alone = case.bound or name
            found |= dict.fromkeys(Job(alone, who, seed) for who in peers(CASES[alone]))
    return list(found)


def run(job: Job) -> Figures:
    """Simulate one in a process of its own."""
    logging.disable(logging.CRITICAL)
    case = CASES[job.case]
    if job.who in OURS:
        return asyncio.run(live(case, seed=job.seed, control=job.who))
    return best(case, job.who, seed=job.seed)


def missed(case: Case, ours: Figures, bound: Figures) -> list[str]:
    """Name the goals that were missed."""
    most = case.most if bound.percent_out <= case.most else bound.percent_out + 1.0
    usual = not (case.sensors or case.heater or case.lost)
    goals = {
        "out of band": ours.percent_out <= most,
        "starts": ours.starts <= case.most_starts,
        "commands": ours.commands <= case.most_commands,
        "calls": not usual or ours.calls <= _MOST_CALLS,
    }
    return [name for name, met in goals.items() if not met]


def _out(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def print_cases(
    spread: Callable[..., Iterable[Figures]], names: list[str], seeds: int
) -> bool:
    """Print the table, the worst seed of each; return whether every goal was met."""
    todo = jobs(names, seeds)
    found = dict(zip(todo, spread(run, todo), strict=True))

    def worst(name: str, who: str) -> Figures:
        lived = [found[Job(name, who, seed)] for seed in range(seeds)]
        return max(lived, key=lambda each: each.percent_out)

    _out("case                       who            out of band %  starts commands")
    _out(
        "                                          (cold)   (hot)  a day  a day  calls  kWh"
    )
    all_met = True
    for name in names:
        case = CASES[name]
        alone = case.bound or name
        bound = worst(alone, _BOUND)
        failed = missed(case, worst(name, "auto"), bound)
        all_met = all_met and not failed
        shown = [(who, worst(name, who)) for who in OURS]
        if alone == name:
            shown += [(who, worst(name, who)) for who in peers(case)]
        for number, (who, each) in enumerate(shown):
            verdict = f"  {', '.join(failed) or 'met'}" if number == 0 else ""
            _out(
                f"{name if number == 0 else '':<26} {who:<13}"
                f" {each.percent_out:6.2f} ({each.cold:5.2f}) ({each.hot:5.2f})"
                f" {each.starts:5.2f} {each.commands:6.2f} {each.calls:5.0f}"
                f" {each.kwh:6.2f}{verdict}"
            )
    return all_met
