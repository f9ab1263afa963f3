"""What a rule is made of, and what its parts have to do. Pure.

A plug-in's trigger, condition or action is any object that does what the protocols here
ask for. Values are what JSON holds; None means that nobody knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from switchbot_automation.rules.definition.context import Context, Home, Subject

LATEST = timedelta(minutes=5)
"""How late a trigger of the clock still fires: a restart is made up for, a night is not."""

MIN_INTERVAL = timedelta(seconds=1)
"""How soon after a run a rule may run again where it says nothing else, and where its
mode does not want every run."""

MAX_PER_HOUR = 120
"""How many commands, scenes, webhooks and notices a rule may come to within an hour."""


KEY_SHAPE = 8
"""How many characters of a step's key tell it without the steps inside it."""


class RunMode(StrEnum):
    """What happens when a rule is triggered while it runs, as in Home Assistant."""

    SINGLE = "single"
    """Nothing."""
    RESTART = "restart"
    """It is stopped and begins anew."""
    QUEUED = "queued"
    """It runs again when those before are through."""
    PARALLEL = "parallel"
    """It runs once more, beside those that run."""


class Look(NamedTuple):
    """What a trigger found.

    `memory`, what JSON holds, comes back at the next look, also after a restart. `fired`
    says with what it fired, for the trace; None: it did not. `due_at` is when it wants
    to be looked at again whatever happens.
    """

    memory: Mapping[str, Any]
    fired: Mapping[str, Any] | None = None
    due_at: datetime | None = None


class Trigger(Protocol):
    """Starts a rule. Pure: it reads no clock and does no I/O."""

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Whose values it looks at, so that they are read."""
        ...

    def look(self, memory: Mapping[str, Any], home: Home, now: datetime) -> Look:
        """Look at the home; `memory` is empty at the first look."""
        ...


class Condition(Protocol):
    """Lets a triggered rule run. Pure."""

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Whose values it looks at."""
        ...

    def holds(self, home: Home, now: datetime) -> bool | None:
        """Tell whether it holds; None while nobody knows, and then the rule stays."""
        ...


class RuleAction(Protocol):
    """One step of a run."""

    @property
    def once(self) -> bool:
        """Doing it twice does more than doing it once; a crash must not repeat it."""
        ...

    async def run(self, context: Context) -> Mapping[str, Any]:
        """Do it and return what is worth keeping in the trace; raise if it failed.

        In a dry run, do nothing and say what would have been done.
        """
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """What a rule does, with its word for it: an action, a delay, or a block.

    `delay`: wait so long. `block` holds or steers other steps, see below. `key` tells
    this step from others when the rule is edited, whatever stands beside it; its first
    `KEY_SHAPE` characters do whatever stands inside it.
    `more`: the next step is of the same list of devices or zones, so it is tried
    whatever comes of this one. `continue_on_error`: the run goes on if it fails.
    """

    kind: str
    action: RuleAction | None = None
    delay: timedelta | None = None
    block: Block | None = None
    key: str = ""
    more: bool = False
    continue_on_error: bool = False

    @property
    def branches(self) -> tuple[tuple[Step, ...], ...]:
        """The sequences of steps inside it."""
        return self.block.branches if self.block is not None else ()

    @property
    def parts(self) -> tuple[Trigger | Condition, ...]:
        """The triggers and conditions it looks at itself."""
        return self.block.parts if self.block is not None else ()


def every_step(steps: Iterable[Step]) -> Iterator[Step]:
    """Yield steps and all those inside them, in the order they are written."""
    for step in steps:
        yield step
        for branch in step.branches:
            yield from every_step(branch)


# Blocks hold or steer other steps; how a run goes through them is `running.flow`'s. Each
# has `branches`, the sequences of steps inside it, and `parts`, the conditions and
# triggers it looks at.

Sequence: TypeAlias = "tuple[Step, ...]"
Parts: TypeAlias = "tuple[Condition | Trigger, ...]"


@dataclass(frozen=True, slots=True)
class ConditionStep:
    """Goes on only if all of them hold; else the sequence that it stands in is over."""

    conditions: tuple[Condition, ...]

    @property
    def branches(self) -> tuple[Sequence, ...]:
        """None."""
        return ()

    @property
    def parts(self) -> Parts:
        """What has to hold."""
        return self.conditions


@dataclass(frozen=True, slots=True)
class StopStep:
    """Ends the run, as failed if that is said."""

    why: str
    failed: bool = False

    @property
    def branches(self) -> tuple[Sequence, ...]:
        """None."""
        return ()

    @property
    def parts(self) -> Parts:
        """Nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class GroupStep:
    """Steps one after the other, as if they stood there themselves."""

    steps: Sequence

    @property
    def branches(self) -> tuple[Sequence, ...]:
        """The one sequence."""
        return (self.steps,)

    @property
    def parts(self) -> Parts:
        """Nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class ChooseStep:
    """Takes the first sequence whose conditions hold, or `otherwise`.

    An unknown condition is neither: nobody knows then which is meant, and none is taken.
    `named` are the words for the branches, for the trace.
    """

    options: tuple[tuple[tuple[Condition, ...], Sequence], ...]
    otherwise: Sequence
    named: tuple[str, ...]

    @property
    def branches(self) -> tuple[Sequence, ...]:
        """Those of the options in their order, and the last one for none of them."""
        return (*(steps for _, steps in self.options), self.otherwise)

    @property
    def parts(self) -> Parts:
        """What has to hold for the options."""
        return tuple(each for conditions, _ in self.options for each in conditions)


@dataclass(frozen=True, slots=True)
class RepeatStep:
    """Takes its steps `count` times, or while `before` hold, or until `until` do."""

    steps: Sequence
    count: int | None = None
    before: tuple[Condition, ...] = ()
    until: tuple[Condition, ...] = ()

    @property
    def branches(self) -> tuple[Sequence, ...]:
        """The one sequence."""
        return (self.steps,)

    @property
    def parts(self) -> Parts:
        """What is asked before, or after, each round."""
        return (*self.before, *self.until)


@dataclass(frozen=True, slots=True)
class WaitStep:
    """Waits for one of its triggers, `timeout` at most.

    `goes_on`: the run does so after the timeout, else it is over. `kinds` are the words
    for the triggers.
    """

    triggers: tuple[Trigger, ...]
    kinds: tuple[str, ...]
    timeout: timedelta
    goes_on: bool = True

    @property
    def branches(self) -> tuple[Sequence, ...]:
        """None."""
        return ()

    @property
    def parts(self) -> Parts:
        """What it waits for."""
        return self.triggers


Block: TypeAlias = (
    ConditionStep | StopStep | GroupStep | ChooseStep | RepeatStep | WaitStep
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. All of `conditions` have to hold. `fingerprint` tells an edited one.

    `trigger_keys` tell its triggers from others, `body` all of them with its steps.

    `most` is how many runs a queue holds, the running one included, or how many run
    beside each other. `trigger_kinds` are the words for the triggers, in their order. It
    runs no sooner than `min_interval` after its last run, and does at most `max_per_hour`
    within an hour.
    """

    id: str
    triggers: tuple[Trigger, ...]
    trigger_kinds: tuple[str, ...]
    conditions: tuple[Condition, ...]
    steps: tuple[Step, ...]
    mode: RunMode = RunMode.SINGLE
    most: int = 10
    enabled: bool = True
    dry_run: bool = False
    alias: str = ""
    fingerprint: str = ""
    trigger_ids: tuple[str, ...] = ()
    trigger_keys: tuple[str, ...] = ()
    body: str = ""
    min_interval: timedelta = MIN_INTERVAL
    max_per_hour: int = MAX_PER_HOUR
    notify_on_failure: bool = True

    @property
    def parts(self) -> tuple[Trigger | Condition, ...]:
        """Its triggers and conditions, those of its steps too."""
        inside = (part for step in every_step(self.steps) for part in step.parts)
        return (*self.triggers, *self.conditions, *inside)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Whose values its triggers and conditions look at."""
        return tuple(
            {subject: None for part in self.parts for subject in part.subjects}
        )

    @property
    def timed(self) -> tuple[Subject, ...]:
        """Whose values it has to know for how long they have been what they are."""
        found = (each for part in self.parts for each in getattr(part, "timed", ()))
        return tuple(dict.fromkeys(found))
