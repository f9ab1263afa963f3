"""What the engine tells its listeners, and when.

Each event is a frozen dataclass with a `kind`; instants are aware UTC. Listeners are
plain callables on the event loop and must not block it.
"""

from __future__ import annotations

import functools
import inspect
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from switchbot_automation.core.protect.safety import Level, assess
from switchbot_automation.model import ReasonCode
from switchbot_automation.outside.wording import error_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.events.events import WebhookEvent
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.model import Command, Reason, ZoneDecision

_LOGGER = logging.getLogger(__name__)


class Event(Protocol):
    """Anything a listener gets."""

    @property
    def kind(self) -> str:
        """Name the kind of event, as in ``decision``."""
        ...


@dataclass(frozen=True, slots=True)
class DecisionMade:
    """A tick decided about a zone."""

    kind: ClassVar[str] = "decision"
    at: datetime
    decision: ZoneDecision


@dataclass(frozen=True, slots=True)
class CommandHandled:
    """A command was sent, or blocked, or failed; its status says which."""

    kind: ClassVar[str] = "command"
    at: datetime
    command: Command


@dataclass(frozen=True, slots=True)
class DeviceUnresponsive:
    """A command was accepted, sent again as often as allowed, and shows no effect."""

    kind: ClassVar[str] = "device_unresponsive"
    at: datetime
    command: Command


@dataclass(frozen=True, slots=True)
class NextWakeupChanged:
    """The engine wants to be called sooner than it said before."""

    kind: ClassVar[str] = "next_wakeup_changed"
    next_wakeup: datetime


@dataclass(frozen=True, slots=True)
class QuotaLevelChanged:
    """The day's calls got scarcer, or there are more again.

    `level` is ``normal``, ``saving``, ``critical`` or ``exhausted``, as `Quota.level`
    says; `remaining` counts calls.
    """

    kind: ClassVar[str] = "quota_level_changed"
    level: str
    remaining: int


@dataclass(frozen=True, slots=True)
class SafetyLevelChanged:
    """A zone's thermometer is mistrusted more than before, or less.

    `level` is ``fresh``, ``hold``, ``no_new_start``, ``conservative`` or ``off``;
    `reason` says why, None for ``fresh``.
    """

    kind: ClassVar[str] = "safety_level_changed"
    at: datetime
    zone: str
    level: str
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class RoomNotice:
    """A room needs a person, or does not any more. Told once each, also over a restart.

    `trouble` is the code of what is the matter, `since` from when on; `status` is that of
    the room in health, `advice` what can be done, "" once it has `ended`.
    """

    kind: ClassVar[str] = "room_notice"
    at: datetime
    zone: str
    trouble: str
    since: datetime
    status: str
    advice: str
    ended: bool = False


@dataclass(frozen=True, slots=True)
class UpkeepNotice:
    """A battery is low or a filter has run its hours. Told once, also over a restart.

    `device_id` is a device's, or the zone of a unit; `what` is ``battery`` (in percent) or
    ``filter`` (in hours), `value` what it is and `limit` what the settings say of it.
    """

    kind: ClassVar[str] = "upkeep_notice"
    at: datetime
    device_id: str
    name: str
    what: str
    value: float
    limit: float


@dataclass(frozen=True, slots=True)
class ClockJumped:
    """The wall clock was set by so many seconds, forward if positive, or the machine slept."""

    kind: ClassVar[str] = "clock_jumped"
    at: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class StoreDegraded:
    """The store does not take part; the engine goes on with what it knows."""

    kind: ClassVar[str] = "store_degraded"
    at: datetime
    error: str


@dataclass(frozen=True, slots=True)
class StoreRecovered:
    """The store takes part again."""

    kind: ClassVar[str] = "store_recovered"
    at: datetime


@dataclass(frozen=True, slots=True)
class SettingsApplied:
    """New settings are in force; `revision` is the store's."""

    kind: ClassVar[str] = "config_applied"
    revision: str


@dataclass(frozen=True, slots=True)
class SettingsRejected:
    """The stored settings cannot be used; the last good ones stay in force."""

    kind: ClassVar[str] = "config_rejected"
    path: str
    error: str


@dataclass(frozen=True, slots=True)
class WebhookReceived:
    """The cloud pushed an event, of any device of the account.

    `zones` are those whose meter it is; for every other device there are none.
    """

    kind: ClassVar[str] = "webhook"
    event: WebhookEvent
    zones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleRan:
    """A rule was triggered; `trace` is JSON and says what came of it."""

    kind: ClassVar[str] = "rule"
    trace: Mapping[str, Any]


class Listeners:
    """Who is told. One listener that raises does not keep the others from hearing."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], object]] = []

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def subscribe(self, listener: Callable[[Event], object]) -> Callable[[], None]:
        """Tell `listener` from now on; return what ends that. Ending twice is fine.

        Raises TypeError for an async function: nobody would await it.
        """
        if _is_async(listener):
            raise TypeError(
                "a listener is a plain function; an async one is started by it, as in"
                " lambda event: tasks.create_task(listener(event)) of a TaskGroup"
            )
        # Wrapped, so that the same callable subscribed twice ends once at a time.
        entry = [listener]
        self._listeners.append(entry[0])

        def unsubscribe() -> None:
            if entry:
                self._listeners.remove(entry.pop())

        return unsubscribe

    def emit(self, event: Event) -> None:
        """Tell everyone who is subscribed at this moment."""
        for listener in tuple(self._listeners):
            try:
                result = listener(event)
            except KeyboardInterrupt:
                raise
            except BaseException:
                # SystemExit too, or a future's CancelledError: none is the tick's.
                _LOGGER.exception("a listener failed on %s", event.kind)
            else:
                if inspect.iscoroutine(result):
                    result.close()
                    _LOGGER.error(
                        "a listener did nothing on %s: it returned a coroutine, which"
                        " nobody awaits",
                        event.kind,
                    )


def _is_async(listener: object) -> bool:
    while isinstance(listener, functools.partial):
        listener = listener.func
    return inspect.iscoroutinefunction(listener) or inspect.iscoroutinefunction(
        getattr(listener, "__call__", None)  # noqa: B004 - its kind is asked, not whether there is one
    )


class Announcer:
    """Turns what happened into events.

    Remembers only whether the store took part, and each zone's level of safety.
    """

    def __init__(
        self, listeners: Listeners, documents: Documents, clock: Clock
    ) -> None:
        self._listeners = listeners
        self._documents = documents
        self._clock = clock
        self._degraded = False
        self._levels: dict[str, Level] = {}

    def tell(
        self,
        now: datetime,
        commands: Sequence[Command],
        decisions: Sequence[ZoneDecision] = (),
    ) -> None:
        """Tell of what was decided and done at `now`, and of the store."""
        self._tell_of_store()
        if not self._listeners:
            return
        for decision in decisions:
            self._listeners.emit(DecisionMade(now, decision))
            self._tell_of_safety(now, decision)
        for command in commands:
            self._listeners.emit(CommandHandled(now, command))
            if command.reasons[:1] and (
                command.reasons[0].code is ReasonCode.DEVICE_UNRESPONSIVE
            ):
                self._listeners.emit(DeviceUnresponsive(now, command))

    def _tell_of_safety(self, now: datetime, decision: ZoneDecision) -> None:
        settings = self._documents.life.settings
        zone = settings.zones.get(decision.zone) if settings else None
        level, reason = Level.FRESH, None
        if decision.emergency:
            # What it stopped is off by now, and is told of as recovering next.
            level, reason = Level.OFF, decision.reasons[0]
        elif zone is not None and zone.automation_enabled:
            found = assess(zone, self._documents.states[zone.name], now)
            if found is not None:
                level, reason = found.level, found.reason
        if level is self._levels.get(decision.zone, Level.FRESH):
            return
        self._levels[decision.zone] = level
        word = level.name.lower()
        self._listeners.emit(SafetyLevelChanged(now, decision.zone, word, reason))

    def _tell_of_store(self) -> None:
        error = self._documents.store_error
        if (error is not None) is self._degraded:
            return
        self._degraded = error is not None
        now = self._clock.now()
        if error is None:
            self._listeners.emit(StoreRecovered(now))
        else:
            self._listeners.emit(StoreDegraded(now, error_words(error)))
