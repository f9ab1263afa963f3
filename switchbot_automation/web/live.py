"""What the engine tells, passed on to every page that is open, and counted.

An event is encoded once a language, however many listen. A listener who does not keep up is let go
and comes back by itself: the engine never waits for one.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter, deque
from itertools import compress
from operator import ne
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from switchbot_automation.engine.tell.events import (
    CommandHandled,
    DecisionMade,
    SettingsApplied,
    WebhookReceived,
)
from switchbot_automation.instants import zulu
from switchbot_automation.languages import ENGLISH, measuring, speaking, spoken
from switchbot_automation.web.api.encoding import event_as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from switchbot_automation.engine import AutomationEngine
    from switchbot_automation.engine.tell.events import Event
    from switchbot_automation.web.shared import Shared

_LOGGER = logging.getLogger(__name__)

MOST_LISTENERS: Final = 500
_WAITING_FRAMES = 64
_KEPT_FRAMES = 100
_KEPT_DECISIONS = 50
# So often is looked who went away: a server is not told so while it only waits.
_LOOK_SECONDS = 1.0
# Proxies end what is silent for a minute; a browser that went away is noticed too.
HEARTBEAT_SECONDS: Final = 15.0
_STILL_HERE = b": still here\n\n"
# Counts whose first label is a zone's name.
_OF_ZONES = frozenset({"decisions", "commands"})

Queue = asyncio.Queue["bytes | None"]


class Live:
    """Listens to an engine from `start` to `stop`, on the engine's event loop.

    `decisions` are the last changes of each zone, newest last, for a host without
    history. `boot` begins the id of each event. `counts` are what happened since the
    start, by name and labels.
    """

    def __init__(self, engine: AutomationEngine, shared: Shared) -> None:
        self._engine = engine
        self._shared = shared
        self._unsubscribe: Callable[[], None] | None = None
        self._queues: dict[Queue, _Listener] = {}
        self._leaving: dict[Queue, _Listener] = {}
        """Who is told nothing more, and has not left yet."""
        self._look: asyncio.TimerHandle | None = None
        self._told_at = 0.0
        """When all were told something last, by the loop's clock."""
        self._kept: deque[_Told] = deque(maxlen=_KEPT_FRAMES)
        self._last_id = 0
        # Another process numbers its events anew.
        self.boot: str = secrets.token_hex(4)
        self._untold: list[_Told] = []
        self._home_is_due = False
        self._homes: dict[str, _Home] = {}
        """The home as those know it who hear of changes, by language."""
        self._zones_are_others = False
        self._last_at: tuple[datetime | None, str | None] = None, None
        self.decisions: dict[str, deque[dict[str, Any]]] = {}
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.dropped: int = 0

    def start(self) -> None:
        """Begin."""
        self._unsubscribe = self._engine.subscribe(self._hear)

    def stop(self) -> None:
        """End, and let every listener go."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        for queue in tuple(self._queues):
            self._let_go(queue)
        if self._look is not None and not self._leaving:
            self._look.cancel()
            self._look = None

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._queues)

    @property
    def full(self) -> bool:
        """Whether there is no place left, once those who went away have left theirs."""
        if len(self._queues) >= MOST_LISTENERS:
            self._sweep()
        return len(self._queues) >= MOST_LISTENERS

    def join(
        self,
        last_event_id: str = "",
        *,
        changes: bool = False,
        gone: Callable[[], bool] = lambda: False,
    ) -> tuple[Queue, list[bytes]]:
        """Return a queue of frames, and those since an event that was seen.

        None in the queue ends it; give it back with `leave`. `gone` tells whether the
        listener went away, and is asked each second until then. They are in the language
        that is spoken by who calls.
        `changes`: after the first home only what differs from the one before, and of
        decisions nothing beside it.
        """
        if self._untold:
            # They are for those who listened; who joins now hears of what they missed.
            self._send_what_is_new()
        queue: Queue = asyncio.Queue(_WAITING_FRAMES)
        self._queues[queue] = _Listener(gone, spoken(), changes)
        if self._look is None:
            self._look_soon()
        home = self._known_home(spoken()) if changes else self._home(spoken())
        return queue, [*self._missed(last_event_id, changes=changes), home.frame]

    def leave(self, queue: Queue) -> None:
        """Listen no longer."""
        self._queues.pop(queue, None)
        self._leaving.pop(queue, None)

    def _look_soon(self) -> None:
        loop = asyncio.get_running_loop()
        self._look = loop.call_later(_LOOK_SECONDS, self._look_who_is_gone)

    def _look_who_is_gone(self) -> None:
        self._look = None
        self._sweep()
        self._tell_who_waits()
        if self._queues or self._leaving:
            self._look_soon()

    def _sweep(self) -> None:
        for queue, listener in tuple(self._queues.items()):
            if listener.gone():
                self._let_go(queue)
        for queue, listener in tuple(self._leaving.items()):
            if listener.gone():  # which cuts off who does not read the rest either
                del self._leaving[queue]

    def _tell_who_waits(self) -> None:
        """Tell those who have heard nothing for a while that the server is still here."""
        now = asyncio.get_running_loop().time()
        if now - self._told_at < HEARTBEAT_SECONDS:
            return
        self._told_at = now
        for queue in self._queues:
            if queue.empty():
                queue.put_nowait(_STILL_HERE)

    def _missed(self, last_event_id: str, *, changes: bool) -> Iterator[bytes]:
        boot, _, number = last_event_id.partition("-")
        if boot != self.boot or not (number.isascii() and number.isdigit()):
            return
        seen = int(number[:18])
        for told in self._kept:
            if told.number <= seen or (changes and told.is_decision):
                continue
            yield from _frames([told], spoken())

    def _hear(self, event: Event) -> None:
        self._last_id += 1
        told = _Told(event, self._last_id, self.boot, unit=self._engine.unit)
        if isinstance(event, WebhookReceived) and not self._queues:
            # A busy house sends thousands that nobody looks at.
            self._kept.append(told)
            return
        if not isinstance(event, WebhookReceived):
            self._shared.forget()
        if isinstance(event, SettingsApplied):
            self._zones_are_others = True
        if isinstance(event, DecisionMade):
            decision = event.decision
            self.counts["decisions", decision.zone, str(decision.outcome)] += 1
            self._remember(event, told)
        elif isinstance(event, CommandHandled):
            facts = told.facts(ENGLISH)
            key = ("commands", facts["zone"], facts["action"], facts["status"])
            self.counts[key] += 1
            self._note_command(facts)
        self._kept.append(told)
        if self._queues:
            self._untold.append(told)
        if not self._home_is_due:
            # Once for all the events of a tick, and after the tick.
            self._home_is_due = True
            asyncio.get_running_loop().call_soon(self._send_what_is_new)

    def _forget_zones(self) -> None:
        """Forget the zones that are gone; else every name there ever was would stay."""
        there = {each["name"] for each in self._engine.overview()["zones"]}
        for zone in self.decisions.keys() - there:
            del self.decisions[zone]
        for key in tuple(self.counts):
            if key[0] in _OF_ZONES and key[1] not in there:
                del self.counts[key]

    def _remember(self, event: DecisionMade, told: _Told) -> None:
        decision = event.decision
        kept = self.decisions.get(decision.zone)
        if kept is None:
            kept = self.decisions[decision.zone] = deque(maxlen=_KEPT_DECISIONS)
        key = (decision.outcome, [each.code for each in decision.reasons])
        if kept and kept[-1]["key"] == key:
            kept[-1]["until"] = self._written(event.at)
            kept[-1]["looks"] += 1
            return
        facts = told.facts(ENGLISH)
        kept.append(
            {
                "key": key,
                "since": facts["at"],
                "until": facts["at"],
                "looks": 1,
                "outcome": facts["outcome"],
                "reasons": facts["reasons"],
                "commands": [],
            }
        )

    def _written(self, at: datetime) -> str | None:
        """Write an instant down, once for all the decisions of a tick."""
        if at is not self._last_at[0]:
            self._last_at = at, zulu(at)
        return self._last_at[1]

    def _note_command(self, facts: dict[str, Any]) -> None:
        kept = self.decisions.get(facts["zone"])
        if kept:
            kept[-1]["commands"].append(facts)
            del kept[-1]["commands"][:-5]

    def _home(self, language: str) -> _Home:
        with speaking(language), measuring(self._engine.unit):
            return _Home(self._engine.overview())

    def _known_home(self, language: str) -> _Home:
        """Return the home as all know it who hear of changes: those to come are from it."""
        if language not in self._homes:
            self._homes[language] = self._home(language)
        return self._homes[language]

    def _send_what_is_new(self) -> None:
        self._home_is_due = False
        if self._zones_are_others:
            self._zones_are_others = False
            self._forget_zones()
        untold, self._untold = self._untold, []
        self._send(untold)

    def _send(self, untold: list[_Told]) -> None:
        """Send events and the home after them as one piece, so that it is written once.

        However many zones a tick has, it takes one place of those that wait.
        """
        wanted = {each.wanted for each in self._queues.values()}
        homes = {language: self._home(language) for language, _changes in wanted}
        frames = {
            (language, changes): b"".join(
                [
                    *_frames(untold, language, changes=changes),
                    homes[language].since(self._homes.get(language))
                    if changes
                    else homes[language].frame,
                ]
            )
            for language, changes in wanted
        }
        self._homes = {
            language: homes[language] for language, changes in wanted if changes
        }
        self._told_at = asyncio.get_running_loop().time()
        for queue, listener in tuple(self._queues.items()):
            try:
                queue.put_nowait(frames[listener.wanted])
            except asyncio.QueueFull:
                self.dropped += 1
                self._let_go(queue)

    def _let_go(self, queue: Queue) -> None:
        listener = self._queues.pop(queue, None)
        if listener is not None:
            self._leaving[queue] = listener
        while queue.full():
            queue.get_nowait()
        queue.put_nowait(None)


def _frames(
    events: Iterable[_Told], language: str, *, changes: bool = False
) -> Iterator[bytes]:
    """Yield the frames of events, without those that cannot be told.

    Nor decisions, where the `changes` of the home tell of them.
    """
    for told in events:
        if changes and told.is_decision:
            continue
        try:
            frame = told.frame(language)
        except TypeError:
            _LOGGER.exception("an event cannot be told as JSON")
        else:
            yield frame


class _Listener(NamedTuple):
    """Who listens. `gone` tells whether it went away, and cuts off who does not read."""

    gone: Callable[[], bool]
    language: str
    changes: bool

    @property
    def wanted(self) -> tuple[str, bool]:
        """Whose frames are the same."""
        return self.language, self.changes


class _Home:
    """The home at one instant, and its frames, each encoded when it is first needed."""

    __slots__ = ("_frame", "overview")

    def __init__(self, overview: dict[str, Any]) -> None:
        self.overview = overview
        self._frame = b""

    @property
    def frame(self) -> bytes:
        """All of it."""
        if not self._frame:
            self._frame = _frame("home", self.overview)
        return self._frame

    def since(self, before: _Home | None) -> bytes:
        """Return what differs from the home before; all of it where the zones do."""
        now, then = self.overview, before.overview if before else {}
        zones, old = now["zones"], then.get("zones", [])
        if [each["name"] for each in zones] != [each["name"] for each in old]:
            return self.frame
        told = _differing(now, then)
        told["zones"] = {
            zone["name"]: differs
            for zone, known in zip(zones, old, strict=True)
            if (differs := _differing(zone, known))
        }
        return _frame("changes", told)


def _differing(now: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    # Both have the same keys in the same order, which is compared without any code of ours.
    others = compress(now, map(ne, now.values(), then.values()))
    return {key: now[key] for key in others}


class _Told:
    """One event, and the frames that tell of it, each encoded when it is first needed."""

    __slots__ = ("_boot", "_event", "_frames", "_unit", "number")

    def __init__(self, event: Event, number: int, boot: str, *, unit: str) -> None:
        self.number = number
        self._boot = boot
        self._unit = unit
        self._event = event
        self._frames: dict[str, bytes] | None = None

    @property
    def is_decision(self) -> bool:
        """Whether it is of a decision, which the home shows, too."""
        return isinstance(self._event, DecisionMade)

    def facts(self, language: str) -> dict[str, Any]:
        """Return it as JSON. Raises TypeError for what cannot be told so."""
        with speaking(language), measuring(self._unit):
            return event_as_json(self._event)

    def frame(self, language: str) -> bytes:
        """Return its frame in a language. Raises TypeError as `facts` does."""
        if self._frames is None:
            self._frames = {}
        if language not in self._frames:
            event_id = f"{self._boot}-{self.number}"
            facts = self.facts(language)
            self._frames[language] = _frame(self._event.kind, facts, event_id)
        return self._frames[language]


def _frame(kind: str, facts: dict[str, Any], number: str = "") -> bytes:
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {kind}\ndata: ".encode() + orjson.dumps(facts) + b"\n\n"
