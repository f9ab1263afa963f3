"""What a tick leaves behind: a history sample a zone.

The first look of a run of equal decisions holds the whole trace; the rows after it point
to that one, see `switchbot_automation.explain.trace`.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Protocol, cast

from switchbot_automation.engine.cancellation import broken_off
from switchbot_automation.explain.shadow import shadows_of
from switchbot_automation.explain.trace import (
    Runs,
    commands_as_json,
    reasons_as_json,
)
from switchbot_automation.languages import worded
from switchbot_automation.model import CommandStatus, Outcome, Power
from switchbot_store import (
    AsyncHomeStore,
    HistorySample,
    HistoryService,
    HomeStore,
    StoreConfigError,
    ThreadedHistory,
    checked_home,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from switchbot_automation.core.step import ZoneTick
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.explain.trace import DecisionRun
    from switchbot_automation.model import Command

_LOGGER = logging.getLogger(__name__)


class AsyncHistory(Protocol):
    """What the engine needs of a history; `ThreadedHistory` is one."""

    async def record(self, sample: HistorySample) -> object:
        """Take one sample."""
        ...


def askable(history: AsyncHistory | None) -> ThreadedHistory | None:
    """Return the history if it answers questions, not only takes rows."""
    return history if isinstance(history, ThreadedHistory) else None


class _OfHome:
    """Takes the rows of one home for a history that only takes rows."""

    def __init__(self, history: AsyncHistory, home: str) -> None:
        self._history = history
        self._home = home

    async def record(self, sample: HistorySample) -> object:
        """Take one sample."""
        zone = f"{self._home}/{sample.zone}"
        return await self._history.record(replace(sample, zone=zone))


def history_of(
    home: str | None, history: HistoryService | ThreadedHistory | AsyncHistory | None
) -> HistoryService | ThreadedHistory | AsyncHistory | None:
    """Return the history as a home sees it, by bare names of its zones."""
    if home is None or history is None:
        return history
    if isinstance(history, HistoryService | ThreadedHistory):
        return history.of_home(home)
    return _OfHome(history, home)


def one_home(home: str | None, store: object, history: object) -> str | None:
    """Return the one home that all of these are of, None where they are of none.

    Raises StoreConfigError for a name that cannot be, and where they are of several.
    """
    of_store = store.home if isinstance(store, HomeStore | AsyncHomeStore) else None
    of_history = (
        history.home if isinstance(history, HistoryService | ThreadedHistory) else None
    )
    name = home if home is not None else of_store
    for what, theirs in (("store", of_store), ("history", of_history)):
        if theirs is not None and theirs != name:
            raise StoreConfigError(
                worded(
                    "the {what} is that of the home {theirs!r}, not of {name!r}",
                    what=what,
                    theirs=theirs,
                    name=name,
                ),
                variable="home",
            )
    return None if name is None else checked_home(name)


def threaded(
    history: HistoryService | ThreadedHistory | AsyncHistory | None,
) -> ThreadedHistory | None:
    """Wrap a synchronous history, which must not be waited for on the event loop."""
    if history is None or iscoroutinefunction(history.record):
        return None
    return ThreadedHistory(cast("HistoryService", history))


class Recorder:
    """Gives every tick's outcome to the history, whatever class of tick it was."""

    def __init__(self, documents: Documents, history: AsyncHistory | None) -> None:
        self._documents = documents
        self._history = history
        self.runs: Runs = Runs()
        self.error: Exception | None = None

    async def record(
        self,
        ticks: list[ZoneTick],
        strays: tuple[Command, ...],
        trigger: str,
        now: datetime,
        used: int,
    ) -> None:
        """Record one sample a zone, and one for each command to a unit that was left.

        A history that fails is noted, never raised. `used` counts the calls to the cloud
        today.
        """
        shadowed = ticks and ticks[0].judged.settings.shadow is not None
        shadows = shadows_of(ticks[0].judged) if shadowed else {}
        revision = self._documents.life.revision_in_force
        if self._history is None:
            for tick in ticks:
                beside = shadows.get(tick.zone.name)
                self.runs.look(tick, trigger, revision, now, beside)
            return
        rows = [
            self.runs.row(tick, trigger, revision, now, shadows.get(tick.zone.name))
            for tick in ticks
        ]
        samples = [
            self._sample(tick, said, now, used)
            for tick, (_run, said) in zip(ticks, rows, strict=True)
        ]
        samples += [_left_sample(each, trigger, now, used) for each in strays]
        try:
            for sample in samples:
                await self._history.record(sample)
        except asyncio.CancelledError as error:
            self._not_taken(broken_off(error), rows)
        except Exception as error:  # noqa: BLE001 - any history, also a host's own
            self._not_taken(error, rows)
        else:
            self.error = None

    def _not_taken(
        self, error: Exception, rows: Iterable[tuple[DecisionRun, object]]
    ) -> None:
        if self.error is None:
            _LOGGER.warning("history does not take rows: %s", error)
        self.error = error
        for run, _said in rows:
            run.unrecorded()

    def _sample(
        self,
        tick: ZoneTick,
        metadata: dict[str, Any],
        now: datetime,
        used: int,
    ) -> HistorySample:
        state = self._documents.states[tick.zone.name]
        return HistorySample(
            timestamp=now,
            zone=tick.zone.name,
            temperature=tick.temperature,
            humidity=tick.humidity,
            assumed_aircon_power=str(state.power),
            last_action=state.last_action,
            api_requests_today=used,
            error_count=state.error_count,
            last_temperature_stale=state.last_temperature_stale,
            timezone=tick.zone.timezone.key,
            metadata=metadata,
        )


def _left_sample(
    command: Command, trigger: str, now: datetime, used: int
) -> HistorySample:
    accepted = command.status is CommandStatus.ACCEPTED
    return HistorySample(
        timestamp=now,
        zone=command.zone,
        assumed_aircon_power=str(Power.OFF if accepted else Power.UNKNOWN),
        api_requests_today=used,
        metadata={
            "trigger": trigger,
            "outcome": str(Outcome.NOOP),
            "reasons": reasons_as_json(command.reasons),
            "commands": commands_as_json((command,)),
        },
    )
