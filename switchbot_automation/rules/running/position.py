"""Where a run stands in its rule: durable, and found again when the rule was edited.

A position is the number of the next step and, inside blocks, a `Frame` a level. Each
level also knows its next step by its key, so that a step written before it, or a
sibling that is edited, moves nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from switchbot_automation.core.state.values import instant, integer
from switchbot_automation.rules.definition.model import KEY_SHAPE

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.rules.definition.model import Rule, Step
    from switchbot_automation.rules.running.memory import RuleRun

_END = ""
"""The key of what is behind the last step."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One level inside a block: its branch, the next step there, and the round.

    `round` counts from 1 in a `repeat`; `began` is when this one did.
    """

    branch: int
    step: int = 0
    round: int = 0
    began: datetime | None = None

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON."""
        document: dict[str, Any] = {"branch": self.branch, "step": self.step}
        if self.round:
            document["round"] = self.round
        if self.began is not None:
            document["began"] = self.began.isoformat()
        return document

    @classmethod
    def from_document(cls, document: object) -> Frame | None:
        """Read one; None for what is none."""
        if not isinstance(document, Mapping):
            return None
        branch, step = integer(document.get("branch")), integer(document.get("step"))
        if branch is None or step is None or branch < 0 or step < 0:
            return None
        rounds = max(integer(document.get("round")) or 0, 0)
        return cls(branch, step, rounds, instant(document.get("began")))


def step_at(rule: Rule, run: RuleRun) -> Step | None:
    """Return the next step, None behind the last one of its sequence.

    Raises LookupError where the rule has no such position.
    """
    steps, index = _levels(rule, run)[-1]
    return steps[index] if index < len(steps) else None


def holder(rule: Rule, run: RuleRun) -> Step:
    """Return the step that the run is inside of. Raises LookupError for none."""
    steps, index = _levels(rule, run)[-2]
    return steps[index]


def after(run: RuleRun) -> RuleRun:
    """Return the run behind the step it stands at."""
    if not run.inside:
        return replace(run, step=run.step + 1)
    frame = run.inside[-1]
    return replace(run, inside=(*run.inside[:-1], replace(frame, step=frame.step + 1)))


def into(
    run: RuleRun, branch: int, rounds: int = 0, now: datetime | None = None
) -> RuleRun:
    """Return the run at the first step of a branch of the step it stands at."""
    return replace(run, inside=(*run.inside, Frame(branch, 0, rounds, now)))


def out(run: RuleRun) -> RuleRun:
    """Return the run behind the step that it was inside of."""
    return after(replace(run, inside=run.inside[:-1]))


def once_more(run: RuleRun, now: datetime) -> RuleRun:
    """Return the run at the beginning of the next round."""
    frame = run.inside[-1]
    again = Frame(frame.branch, 0, frame.round + 1, now)
    return replace(run, inside=(*run.inside[:-1], again))


def remaining(rule: Rule, run: RuleRun) -> tuple[Step, ...]:
    """Return the steps that a run has before it, those of the blocks around it too."""
    try:
        levels = [*_levels(rule, run)]
    except LookupError:
        return ()
    found: list[Step] = []
    for depth, (steps, index) in enumerate(reversed(levels)):
        found += steps[index + (1 if depth else 0) :]
    return tuple(found)


def noted(rule: Rule, run: RuleRun) -> RuleRun:
    """Return the run with the keys that it is found again by."""
    try:
        levels = _levels(rule, run)
    except LookupError:
        return run
    keys = tuple(_key_of(steps, index) for steps, index in levels)
    return run if keys == run.keys else replace(run, keys=keys)


def moved(rule: Rule, run: RuleRun) -> RuleRun | None:
    """Return a run where its next step stands in an edited rule, None if it is gone."""
    numbers = [run.step, *(frame.step for frame in run.inside)]
    if len(run.keys) != len(numbers):
        return None
    steps, found = rule.steps, []
    for level, (key, number) in enumerate(zip(run.keys, numbers, strict=True)):
        at = _found(steps, key, number)
        if at is None:
            return None
        found.append(at)
        if level < len(run.inside):
            if found[-1] >= len(steps):
                return None
            branches = steps[found[-1]].branches
            if run.inside[level].branch >= len(branches):
                return None
            steps = branches[run.inside[level].branch]
    inside = tuple(
        replace(frame, step=number)
        for frame, number in zip(run.inside, found[1:], strict=True)
    )
    return replace(run, step=found[0], inside=inside)


def _key_of(steps: tuple[Step, ...], index: int) -> str:
    """Return the key of a step, and the how manieth of that key it is."""
    if index >= len(steps):
        return _END
    key = steps[index].key
    return f"{key}.{sum(1 for step in steps[:index] if step.key == key)}"


def _found(steps: tuple[Step, ...], key: str, number: int) -> int | None:
    """Return where a step is now: the same one, or one that changed only inside."""
    if key == _END:
        return len(steps)
    name, _, which = key.partition(".")
    same = [index for index, step in enumerate(steps) if step.key == name]
    if same:
        return same[min(int(which) if which.isdecimal() else 0, len(same) - 1)]
    shape = name[:KEY_SHAPE]
    like = [at for at, step in enumerate(steps) if step.key[:KEY_SHAPE] == shape]
    return min(like, key=partial(_away, number), default=None)


def _away(number: int, index: int) -> int:
    return abs(index - number)


def _levels(rule: Rule, run: RuleRun) -> list[tuple[tuple[Step, ...], int]]:
    """Return the sequences that the run is in, the outermost first, with its place."""
    levels = [(rule.steps, run.step)]
    for frame in run.inside:
        steps, index = levels[-1]
        levels.append((steps[index].branches[frame.branch], frame.step))
    return levels
