"""Steps that hold or steer others: what they are. How a run goes through them is
`running.flow`'s. Pure.

Each has `branches`, the sequences of steps inside it, and `parts`, the conditions and
triggers it looks at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from datetime import timedelta

    from switchbot_automation.rules.definition.model import Condition, Step, Trigger

Sequence: TypeAlias = "tuple[Step, ...]"
Parts: TypeAlias = "tuple[Condition | Trigger, ...]"


@dataclass(frozen=True, slots=True)
class ConditionStep:
    """Goes on only if all of them hold; else the run is over."""

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
