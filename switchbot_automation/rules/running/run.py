"""One run of a rule, and where it stands in it: durable, found again in an edited rule.

A position is the number of the next step and, inside blocks, a `Frame` a level. Each
level also knows its next step by its key, so that a step written before it, or a
sibling that is edited, moves nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from switchbot_automation.core.state.values import (
    instant,
    integer,
    listed,
    mapping,
    text,
)
from switchbot_automation.rules.definition.model import KEY_SHAPE

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.rules.definition.model import Rule, Step

KEPT_PER_RUN = 50
"""How many of the steps of a run its trace tells of, the last ones."""

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


@dataclass(frozen=True, slots=True)
class RuleRun:
    """One run of a rule, between its trigger and its end.

    `step` is the next one. `due_at`: it waits in a delay until then. `begun`: that step
    was about to be done when this was stored, so after a crash it counts as done.
    `queued`: it waits for the runs before it. `done` is what its trace says so far, the
    last of it; `left_out` is how much more there was.

    `inside` is where it stands inside of blocks, `keys` what its next steps are found
    again by, see below. `taken`: how many steps it took. `failing`: one of
    a list of devices or zones failed, the others are tried all the same. `wait`: it
    waits for triggers, which remember this; `look_at` is when they want to look again,
    `heard` what the first of them fired with. `owed` is what it would still turn off,
    see `running.endings`. `waits_from` is when it began to wait for `due_at`. `tries`:
    how often its next step failed, since `fails_since`, with `trouble`. `perhaps`: a step
    that failed may have been done, since an answer was lost.
    """

    id: str
    at: datetime
    cause: Mapping[str, Any]
    dry_run: bool = False
    step: int = 0
    due_at: datetime | None = None
    begun: bool = False
    queued: bool = False
    done: tuple[Mapping[str, Any], ...] = ()
    inside: tuple[Frame, ...] = ()
    keys: tuple[str, ...] = ()
    taken: int = 0
    failing: bool = False
    wait: tuple[Mapping[str, Any], ...] | None = None
    heard: Mapping[str, Any] | None = None
    look_at: datetime | None = None
    left_out: int = 0
    owed: tuple[Mapping[str, Any], ...] = ()
    waits_from: datetime | None = None
    tries: int = 0
    fails_since: datetime | None = None
    trouble: str = ""
    perhaps: bool = False

    def not_later_than(self, now: datetime) -> RuleRun:
        """Return it after the clock was set back, if it was: a delay is no longer for that."""
        run = self
        if run.fails_since is not None and run.fails_since > now:
            run = replace(run, fails_since=now)
        if run.due_at is None or run.waits_from is None or run.waits_from <= now:
            return run
        lasts = max(timedelta(0), run.due_at - run.waits_from)
        return replace(run, due_at=now + lasts, waits_from=now)

    def set_back(self, by: timedelta) -> RuleRun:
        """Return it on a clock that was set back so far: a delay is over when it was."""
        if self.due_at is None or self.waits_from is None:
            return self
        return replace(self, due_at=self.due_at - by, waits_from=self.waits_from - by)

    def saying(self, said: Mapping[str, Any]) -> RuleRun:
        """Return it with one more thing for its trace, which keeps the last ones."""
        done = (*self.done, said)
        more = max(len(done) - KEPT_PER_RUN, 0)
        return replace(self, done=done[more:], left_out=self.left_out + more)

    def ready(self, now: datetime) -> bool:
        """Tell whether it can go on now."""
        if self.queued:
            return False
        over = self.due_at is None or self.due_at <= now
        if self.wait is None:
            return over
        return self.heard is not None or (self.due_at is not None and over)

    @property
    def wants_at(self) -> datetime | None:
        """When time alone may let it go on, None for never."""
        wanted = (self.due_at, self.look_at)
        return min((at for at in wanted if at is not None), default=None)

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON."""
        document: dict[str, Any] = {
            "id": self.id,
            "at": self.at.isoformat(),
            "cause": dict(self.cause),
            "step": self.step,
            "done": [dict(each) for each in self.done],
        }
        if self.due_at is not None:
            document["due_at"] = self.due_at.isoformat()
        more = {
            "dry_run": self.dry_run,
            "begun": self.begun,
            "queued": self.queued,
            "failing": self.failing,
            "taken": self.taken,
            "left_out": self.left_out,
            "inside": [frame.to_document() for frame in self.inside],
            "keys": list(self.keys),
            "look_at": self.look_at.isoformat() if self.look_at else None,
            "owed": [dict(each) for each in self.owed],
            "waits_from": self.waits_from.isoformat() if self.waits_from else None,
            "tries": self.tries,
            "fails_since": self.fails_since.isoformat() if self.fails_since else None,
            "trouble": self.trouble,
            "perhaps": self.perhaps,
        }
        document |= {name: value for name, value in more.items() if value}
        if self.wait is not None:
            document["wait"] = [dict(each) for each in self.wait]
        if self.heard is not None:
            document["heard"] = dict(self.heard)
        return document

    @classmethod
    def from_document(cls, document: object) -> RuleRun | None:
        """Read one; None for what is none."""
        if not isinstance(document, Mapping):
            return None
        run_id, at = text(document.get("id")), instant(document.get("at"))
        step = integer(document.get("step"))
        frames = [Frame.from_document(each) for each in listed(document.get("inside"))]
        inside = tuple(frame for frame in frames if frame is not None)
        if not run_id or at is None or step is None or step < 0:
            return None
        if len(inside) < len(frames):
            return None  # nobody knows where it stood
        wait, heard = document.get("wait"), document.get("heard")
        return cls(
            run_id,
            at,
            mapping(document.get("cause")),
            dry_run=document.get("dry_run") is True,
            step=step,
            due_at=instant(document.get("due_at")),
            begun=document.get("begun") is True,
            queued=document.get("queued") is True,
            done=tuple(mapping(each) for each in listed(document.get("done"))),
            inside=inside,
            keys=tuple(str(each) for each in listed(document.get("keys"))),
            taken=max(integer(document.get("taken")) or 0, 0),
            failing=document.get("failing") is True,
            wait=tuple(mapping(each) for each in wait)
            if isinstance(wait, list)
            else None,
            heard=heard if isinstance(heard, Mapping) else None,
            look_at=instant(document.get("look_at")),
            left_out=max(integer(document.get("left_out")) or 0, 0),
            owed=tuple(mapping(each) for each in listed(document.get("owed"))),
            waits_from=instant(document.get("waits_from")),
            tries=max(integer(document.get("tries")) or 0, 0),
            fails_since=instant(document.get("fails_since")),
            trouble=text(document.get("trouble")) or "",
            perhaps=document.get("perhaps") is True,
        )


# --- where it stands -----------------------------------------------------------------


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


def behind(rule: Rule, run: RuleRun) -> RuleRun:
    """Return the run behind the last step of the block's sequence that it stands in."""
    steps, _ = _levels(rule, run)[-1]
    frame = replace(run.inside[-1], step=len(steps))
    return replace(run, inside=(*run.inside[:-1], frame))


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
