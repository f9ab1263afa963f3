"""The decisions of this process: each that differed from the one before, and its run.

A decision that repeats itself is a run: its first look is kept whole, of the others only
how many there were and between which temperatures.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from switchbot_automation.explain.trace import telling, trace_of
from switchbot_automation.model import CommandStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchbot_automation.core.step import ZoneTick
    from switchbot_automation.explain.trace import Trace
    from switchbot_automation.model import ZoneDecision

# As many changes as a busy day has, and small enough for a thousand zones.
_KEPT = 32
# Where retention or a crash took the first look of a run, the next is not far.
_WRITTEN_AGAIN = timedelta(hours=1)


@dataclass(slots=True)
class DecisionRun:
    """A decision that stood from `since` on, at `count` looks, the last at `last`.

    `low` and `high` are the temperatures seen meanwhile, None without any. `recorded_at`
    is the instant of the row of history that holds its trace.
    """

    key: tuple[Any, ...]
    shadow: Mapping[str, Any] | None
    since: datetime
    recorded_at: datetime
    last: datetime
    count: int = 1
    low: float | None = None
    high: float | None = None

    def saw(self, temperature: float | None) -> None:
        """Take one more temperature."""
        if temperature is None:
            return
        if self.low is None or temperature < self.low:
            self.low = temperature
        if self.high is None or temperature > self.high:
            self.high = temperature


@dataclass(frozen=True, slots=True)
class Told:
    """A decision as it ended: its trace, the final words, and since when it stood."""

    trace: Trace
    final: ZoneDecision
    since: datetime
    shadow: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Look:
    tick: ZoneTick
    trigger: str
    revision: str
    shadow: Mapping[str, Any] | None

    def trace(self) -> Trace:
        tick = self.tick
        return replace(
            trace_of(tick.judged, tick.decided, tick.verdict),
            trigger=self.trigger,
            revision=self.revision,
            commands=tick.commands,
        )


class Runs:
    """Remembers every zone's run and its last changes."""

    def __init__(self) -> None:
        self._runs: dict[str, DecisionRun] = {}
        self._latest: dict[str, _Look] = {}
        self._changes: dict[str, deque[Told]] = {}

    def look(
        self,
        tick: ZoneTick,
        trigger: str,
        revision: str,
        now: datetime,
        shadow: Mapping[str, Any] | None = None,
    ) -> tuple[DecisionRun, Trace | None]:
        """Take a tick; return its run, and the trace where it is to be kept whole.

        `now` is the instant of its row of history. `shadow` is what the settings beside
        these would have done, None where it is the same.
        """
        name = tick.zone.name
        look = self._latest[name] = _Look(tick, trigger, revision, shadow)
        seen = tick.judged.snapshot.zones[name]
        outcome = tick.decision.outcome
        key = (revision, outcome, shadow, telling(tick.decided, tick.verdict, seen))
        run = self._runs.get(name)
        changed = run is None or run.key != key or _sent(tick)
        if run is None or changed:
            run = self._runs[name] = DecisionRun(
                key, shadow, tick.judged.at, now, tick.judged.at
            )
        else:
            run.count += 1
            run.last = tick.judged.at
        run.saw(tick.temperature)
        if not changed and now - run.recorded_at < _WRITTEN_AGAIN:
            return run, None
        run.recorded_at = now
        trace = look.trace()
        if changed:
            kept = self._changes.setdefault(name, deque(maxlen=_KEPT))
            kept.append(Told(trace, tick.decision, run.since, shadow))
        return run, trace

    def latest(self, zone: str) -> Told | None:
        """Return the last look at a zone, None before the first."""
        look = self._latest.get(zone)
        if look is None:
            return None
        since = self._runs[zone].since
        return Told(look.trace(), look.tick.decision, since, look.shadow)

    def before(self, zone: str, at: datetime) -> Told | None:
        """Return the change that was the last one at `at`, None if that is too old."""
        for told in reversed(self._changes.get(zone, ())):
            if told.trace.at <= at:
                return told
        return None


def _sent(tick: ZoneTick) -> bool:
    return any(each.status not in _NOT_SENT for each in tick.commands)


_NOT_SENT = frozenset({CommandStatus.BLOCKED, CommandStatus.DECIDED})
