"""What a run would still have turned off, when it is cut short.

A rule is edited, switched off or deleted while a lamp or a heater that it turned on waits
for its end; or a step fails for good before it. What is left of the run is not done, but
its OFF is, at the instant it was due: a heater that nobody turns off is worse than one
turned off too early. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.core.state.values import instant, integer, text
from switchbot_automation.rules.definition.actions import DeviceCommand, ZoneCommand
from switchbot_automation.rules.definition.model import WaitStep, every_step
from switchbot_automation.rules.running.run import remaining

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.rules.definition.model import Rule, Step
    from switchbot_automation.rules.running.run import RuleRun

LASTS: Final = timedelta(hours=24)
"""For how long an OFF that fails is tried again."""

_FIRST_RETRY: Final = timedelta(seconds=30)
_LONGEST_RETRY: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Ending:
    """One OFF that is still owed, of a device or a zone. `since`: when the run was cut.

    `at` is when it is due, or tried again; `first_at` when it was first. `why` it is
    owed, for the trace, where no run was cut.
    """

    rule: str
    run: str
    kind: str
    target: str
    since: datetime
    at: datetime
    first_at: datetime
    tries: int = 0
    why: str = ""

    def later(self, now: datetime) -> Ending | None:
        """Return it after it failed, None once that was for too long."""
        if now - self.first_at >= LASTS:
            return None
        return replace(self, at=now + retry_after(self.tries), tries=self.tries + 1)

    def not_later_than(self, now: datetime) -> Ending:
        """Return it after the clock was set back, if it was: it waits no longer for that."""
        ahead = self.since - now
        if ahead <= timedelta(0):
            return self
        return replace(
            self, since=now, at=self.at - ahead, first_at=self.first_at - ahead
        )

    def set_back(self, by: timedelta) -> Ending:
        """Return it on a clock that was set back so far: it is due when it was."""
        return replace(
            self,
            since=self.since - by,
            at=self.at - by,
            first_at=self.first_at - by,
        )

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "rule": self.rule,
            "run": self.run,
            self.kind: self.target,
            "since": self.since.isoformat(),
            "at": self.at.isoformat(),
            "first_at": self.first_at.isoformat(),
            "tries": self.tries,
            **({"why": self.why} if self.why else {}),
        }

    @classmethod
    def from_document(cls, document: object) -> Ending | None:
        """Read one; None for what is none."""
        if not isinstance(document, Mapping):
            return None
        kind = "zone" if "zone" in document else "device"
        rule, run = text(document.get("rule")), text(document.get("run"))
        target, at = text(document.get(kind)), instant(document.get("at"))
        since = instant(document.get("since"))
        if not rule or not run or not target or at is None or since is None:
            return None
        first_at = instant(document.get("first_at")) or at
        tries = max(0, integer(document.get("tries")) or 0)
        why = text(document.get("why")) or ""
        return cls(rule, run, kind, target, since, at, first_at, tries, why)


def retry_after(tries: int) -> timedelta:
    """Return how long after its `tries`-th failure something is tried again."""
    return min(_LONGEST_RETRY, _FIRST_RETRY * float(2 ** min(tries, 6)))


def owed(rule: Rule, run: RuleRun) -> tuple[Mapping[str, Any], ...]:
    """Return every OFF that a run has before it, as JSON, with the seconds to it.

    Those are counted from the end of what it waits for now.
    """
    if run.dry_run:
        return ()
    found: list[Mapping[str, Any]] = []
    after = timedelta(0)
    for step in every_step(remaining(rule, run)):
        off = _off(step)
        if off is not None and len(found) < _MOST:
            found.append({**off, "after": after.total_seconds()})
        after += step.delay or timedelta(0)
        if isinstance(step.block, WaitStep):
            after += step.block.timeout
    return tuple(found)


_MOST: Final = 50


def turns_off(step: Step) -> bool:
    """Tell whether a step turns something off."""
    return _off(step) is not None


def _off(step: Step) -> Mapping[str, Any] | None:
    action = step.action
    if isinstance(action, DeviceCommand) and action.command == "turnOff":
        return {"device": action.device}
    if isinstance(action, ZoneCommand) and action.command == "off":
        return {"zone": action.zone}
    return None


def endings_of(rule_id: str, run: RuleRun, now: datetime) -> tuple[Ending, ...]:
    """Return what is owed of a run that is cut short now."""
    due = max(now, run.due_at or now)
    found = []
    for each in run.owed:
        kind = "zone" if "zone" in each else "device"
        target, after = text(each.get(kind)), each.get("after")
        if not target or not isinstance(after, int | float):
            continue
        at = due + timedelta(seconds=min(max(0.0, after), _LONGEST_SECONDS))
        found.append(Ending(rule_id, run.id, kind, target, now, at, at))
    return tuple(found)


_LONGEST_SECONDS: Final = 31 * 86400.0
