"""What a rule is made of, and what its parts have to do. Pure.

A plug-in's trigger, condition or action is any object that does what the protocols here
ask for. Values are what JSON holds; None means that nobody knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchbot_automation.rules.definition.context import Context, Home, Subject

LATEST = timedelta(minutes=5)
"""How late a trigger of the clock still fires: a restart is made up for, a night is not."""

MIN_INTERVAL = timedelta(seconds=1)
"""How soon after a run a rule may run again where it says nothing else."""

MAX_PER_HOUR = 120
"""How many commands, scenes, webhooks and notices a rule may come to within an hour."""


class RunMode(StrEnum):
    """What happens when a rule is triggered while it runs, as in Home Assistant."""

    SINGLE = "single"
    """Nothing."""
    RESTART = "restart"
    """It is stopped and begins anew."""
    QUEUED = "queued"
    """It runs again when those before are through."""


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
    """An action with the word the rule has for it. `delay`: wait so long instead."""

    kind: str
    action: RuleAction | None = None
    delay: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. All of `conditions` have to hold. `fingerprint` tells an edited one.

    `most` is how many runs a queue holds, the running one included. `trigger_kinds` are
    the words for the triggers, in their order. It runs no sooner than `min_interval` after
    its last run, and does at most `max_per_hour` within an hour.
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
    min_interval: timedelta = MIN_INTERVAL
    max_per_hour: int = MAX_PER_HOUR

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Whose values its triggers and conditions look at."""
        parts: tuple[Trigger | Condition, ...] = (*self.triggers, *self.conditions)
        return tuple({subject: None for part in parts for subject in part.subjects})
