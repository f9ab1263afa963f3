"""The runs and their table: ours beside what others would do in the same rooms."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.control.living import live
from tests.control.peers import least_out, lived_by, peers
from tests.control.table import missed
from tests.physics.cases import CASES

if TYPE_CHECKING:
    from tests.control.living import Figures
    from tests.physics.cases import PhysicsCase

OURS = "auto"
_PI = "PI, 1 h lead"
HEADER = (
    "case                          who            out of band  degree    kWh  starts"
    " commands  calls  goals\n"
    "                                                       %  minutes a day   a day"
    "    a day  a day"
)


class Job(NamedTuple):
    """One run: of several of a kind the `number`."""

    name: str
    days: float
    who: str
    number: int = 0

    @property
    def case(self) -> PhysicsCase:
        """What is lived in."""
        return replace(CASES[self.name], days=self.days)


def jobs(cases: list[PhysicsCase]) -> list[Job]:
    """Return every run of these cases, the longest first."""
    found = [Job(case.name, case.days, OURS) for case in cases]
    for case in cases:
        for who, made in peers(case).items():
            found += [
                Job(case.name, case.days, who, number)
                for number, _ in enumerate(made())
            ]
    return found


def run(job: Job) -> Figures:
    """Live through one in a process of its own."""
    logging.disable(logging.CRITICAL)
    if job.who == OURS:
        return asyncio.run(live(job.case, control=OURS))
    return lived_by(job.case, list(peers(job.case)[job.who]())[job.number])


def goals_missed(case: PhysicsCase, found: dict[str, Figures]) -> list[str]:
    """Name the goals that were missed: those of a hard case, and the energy.

    The bound is whoever is out the least. Hindsight mostly; where the sun heats, who leaves
    the unit on all day answers for that too. Who leaves the room colder takes less, so PI
    counts where it kept the room as well.
    """
    ours, pi = found[OURS], found[_PI]
    bound = least_out(each for who, each in found.items() if who != OURS)
    names = missed(case, ours, bound)
    kept = pi.percent_out <= max(case.most, ours.percent_out)
    if kept and round(ours.kwh, 2) > round(pi.kwh, 2):
        names.append("energy")
    return names


def lines(case: PhysicsCase, found: dict[str, Figures]) -> list[str]:
    """Return a case's lines of the table, ours first."""
    verdict = ", ".join(goals_missed(case, found)) or "met"
    made = []
    for number, (who, each) in enumerate(found.items()):
        calls = f"{each.calls:6.0f}" if who == OURS else "     -"
        made.append(
            f"{case.name if number == 0 else '':<29} {who:<13}"
            f" {each.percent_out:12.2f} {each.degree_minutes:7.1f} {each.kwh:6.2f}"
            f" {each.starts:7.2f} {each.commands:8.2f} {calls}"
            f"{f'  {verdict}' if number == 0 else ''}"
        )
    return made


def live_all(
    cases: list[PhysicsCase], workers: int, *, show: bool
) -> dict[str, dict[str, Figures]]:
    """Run everything; say on standard error how far it is, and show what is complete."""
    todo = jobs(cases)
    lived: dict[Job, Figures] = {}
    complete: dict[str, dict[str, Figures]] = {}
    # Forked from here they would share the engine's library and its threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        begun = {pool.submit(run, job): job for job in todo}
        for done in as_completed(begun):
            job = begun[done]
            lived[job] = done.result()
            sys.stderr.write(f"\r{len(lived)} of {len(todo)}: {job.name:<30}")
            sys.stderr.flush()
            mine = [each for each in todo if each.name == job.name]
            if all(each in lived for each in mine):
                found = {
                    who: least_out(lived[each] for each in mine if each.who == who)
                    for who in dict.fromkeys(each.who for each in mine)
                }
                complete[job.name] = found
                if show:
                    sys.stderr.write("\r" + " " * 50 + "\r")
                    sys.stdout.write("\n".join(lines(job.case, found)) + "\n")
                    sys.stdout.flush()
    sys.stderr.write("\n")
    return complete


def as_json(case: PhysicsCase, found: dict[str, Figures]) -> dict[str, Any]:
    """Return a case's figures by name."""
    figures = {who: asdict(each) for who, each in found.items()}
    return {"figures": figures, "missed": goals_missed(case, found)}
