"""What the engine tells its listeners.

Each event is a frozen dataclass with a `kind`; instants are aware UTC. Listeners are
plain callables on the event loop and must not block it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from switchbot_automation.cloud.events.events import WebhookEvent
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
        """Tell `listener` from now on; return what ends that. Ending twice is fine."""
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
                listener(event)
            except Exception:
                _LOGGER.exception("a listener failed on %s", event.kind)
