"""What the engine tells, passed on to every page that is open, and counted.

An event is encoded once, whoever many listen. A listener who does not keep up is let go
and comes back by itself: the engine never waits for one.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final

import orjson

from switchbot_automation.engine.tell.events import (
    CommandHandled,
    DecisionMade,
    SettingsApplied,
    WebhookReceived,
)
from switchbot_automation.web.api.encoding import event_as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
        self._queues: dict[Queue, Callable[[], bool]] = {}
        self._look: asyncio.TimerHandle | None = None
        self._kept: deque[tuple[int, bytes | WebhookReceived]] = deque(
            maxlen=_KEPT_FRAMES
        )
        self._last_id = 0
        # Another process numbers its events anew.
        self.boot = secrets.token_hex(4)
        self._home_is_due = False
        self._zones_are_others = False
        self.decisions: dict[str, deque[dict[str, Any]]] = {}
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.dropped = 0

    def start(self) -> None:
        """Begin."""
        self._unsubscribe = self._engine.subscribe(self._hear)

    def stop(self) -> None:
        """End, and let every listener go."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        if self._look is not None:
            self._look.cancel()
            self._look = None
        for queue in tuple(self._queues):
            self._let_go(queue)

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
        self, last_event_id: str = "", *, gone: Callable[[], bool] = lambda: False
    ) -> tuple[Queue, list[bytes]]:
        """Return a queue of frames, and those since an event that was seen.

        None in the queue ends it; give it back with `leave`. `gone` tells whether the
        listener went away.
        """
        queue: Queue = asyncio.Queue(_WAITING_FRAMES)
        self._queues[queue] = gone
        if self._look is None:
            self._look_soon()
        return queue, [*self._missed(last_event_id), self._home()]

    def leave(self, queue: Queue) -> None:
        """Listen no longer."""
        self._queues.pop(queue, None)

    def _look_soon(self) -> None:
        loop = asyncio.get_running_loop()
        self._look = loop.call_later(_LOOK_SECONDS, self._look_who_is_gone)

    def _look_who_is_gone(self) -> None:
        self._look = None
        self._sweep()
        if self._queues:
            self._look_soon()

    def _sweep(self) -> None:
        for queue, gone in tuple(self._queues.items()):
            if gone():
                self._let_go(queue)

    def _missed(self, last_event_id: str) -> Iterator[bytes]:
        boot, _, number = last_event_id.partition("-")
        if boot != self.boot or not (number.isascii() and number.isdigit()):
            return
        seen = int(number[:18])
        for at, kept in self._kept:
            if at <= seen:
                continue
            if isinstance(kept, bytes):
                yield kept
                continue
            try:
                frame = self._frame_of(kept, event_as_json(kept), at)
            except TypeError:
                _LOGGER.exception("an event cannot be told as JSON")
            else:
                yield frame

    def _hear(self, event: Event) -> None:
        self._last_id += 1
        if isinstance(event, WebhookReceived) and not self._queues:
            # A busy house sends thousands that nobody looks at.
            self._kept.append((self._last_id, event))
            return
        facts = event_as_json(event)
        if not isinstance(event, WebhookReceived):
            self._shared.forget()
        if isinstance(event, SettingsApplied):
            self._zones_are_others = True
        if isinstance(event, DecisionMade):
            self.counts["decisions", facts["zone"], facts["outcome"]] += 1
            self._remember(facts)
        elif isinstance(event, CommandHandled):
            key = ("commands", facts["zone"], facts["action"], facts["status"])
            self.counts[key] += 1
            self._note_command(facts)
        frame = self._frame_of(event, facts, self._last_id)
        self._kept.append((self._last_id, frame))
        self._send(frame)
        if not self._home_is_due:
            # Once for all the events of a tick, and after the tick.
            self._home_is_due = True
            asyncio.get_running_loop().call_soon(self._send_home)

    def _forget_zones(self) -> None:
        """Forget the zones that are gone; else every name there ever was would stay."""
        there = {each["name"] for each in self._engine.overview()["zones"]}
        for zone in self.decisions.keys() - there:
            del self.decisions[zone]
        for key in tuple(self.counts):
            if key[0] in _OF_ZONES and key[1] not in there:
                del self.counts[key]

    def _frame_of(self, event: Event, facts: dict[str, Any], number: int) -> bytes:
        return _frame(event.kind, facts, f"{self.boot}-{number}")

    def _remember(self, facts: dict[str, Any]) -> None:
        kept = self.decisions.setdefault(facts["zone"], deque(maxlen=_KEPT_DECISIONS))
        key = (facts["outcome"], [each["code"] for each in facts["reasons"]])
        if kept and kept[-1]["key"] == key:
            kept[-1]["until"] = facts["at"]
            kept[-1]["looks"] += 1
            return
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

    def _note_command(self, facts: dict[str, Any]) -> None:
        kept = self.decisions.get(facts["zone"])
        if kept:
            kept[-1]["commands"].append(facts)
            del kept[-1]["commands"][:-5]

    def _home(self) -> bytes:
        return _frame("home", self._engine.overview())

    def _send_home(self) -> None:
        self._home_is_due = False
        if self._zones_are_others:
            self._zones_are_others = False
            self._forget_zones()
        if self._queues:
            self._send(self._home())

    def _send(self, frame: bytes) -> None:
        for queue in tuple(self._queues):
            try:
                queue.put_nowait(frame)
            except asyncio.QueueFull:
                self.dropped += 1
                self._let_go(queue)

    def _let_go(self, queue: Queue) -> None:
        self._queues.pop(queue, None)
        while queue.full():
            queue.get_nowait()
        queue.put_nowait(None)


def _frame(kind: str, facts: dict[str, Any], number: str = "") -> bytes:
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {kind}\ndata: ".encode() + orjson.dumps(facts) + b"\n\n"
