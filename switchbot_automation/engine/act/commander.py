"""Carry out one command: record the intent, send, record what became of it."""

from __future__ import annotations

import logging
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.core.state.unit import (
    after_crash,
    after_failure,
)
from switchbot_automation.core.state.zone import Intent
from switchbot_automation.core.step import accepted, obstacle
from switchbot_automation.engine.documents.documents import Recorded
from switchbot_automation.engine.documents.leader import (
    SENDING,
    may_be_sending,
    this_process,
)
from switchbot_automation.model import (
    Action,
    Command,
    CommandStatus,
    Reason,
    ReasonCode,
)

if TYPE_CHECKING:
    import asyncio
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.core.requests import Order
    from switchbot_automation.engine.act.cascade import Actuator, Sent
    from switchbot_automation.engine.documents.documents import Documents, StateBook
    from switchbot_automation.engine.documents.leader import Leadership
    from switchbot_automation.settings.model import ZoneSettings

_LOGGER = logging.getLogger(__name__)

# Another engine's intent counts as being sent for this long, then as forgotten by a
# crash. Longer than a whole cascade with its timeouts is likely to take.
IN_FLIGHT = timedelta(seconds=120)

_PERSON_ATTEMPTS = 3


class Turn:
    """Takes the lock for what may command and then writes what came of it."""

    def __init__(self, lock: asyncio.Lock, commander: Commander) -> None:
        self._lock = lock
        self._commander = commander

    async def __aenter__(self) -> None:
        await self._lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._commander.settle()
        self._lock.release()


class Commander:
    """Sends commands, each behind a recorded intent."""

    def __init__(
        self,
        documents: Documents,
        actuator: Actuator,
        clock: Clock,
        leadership: Leadership,
    ) -> None:
        self._documents = documents
        self._actuator = actuator
        self._clock = clock
        self._leadership = leadership
        self._recovered: set[str] = set()
        self._own_intents: set[str] = set()
        self._sending: set[str] = set()

    def recover(self, zone: ZoneSettings, now: datetime) -> None:
        """Count an unfinished intent as sent.

        One begun by this very engine, or by a process that is gone, was cut off.
        Another one may be on its way right now, until it is too old.
        """
        book = self._documents.book(zone.name)
        first = zone.name not in self._recovered
        self._recovered.add(zone.name)
        intent = book.state.intent
        if intent is None:
            return
        own = intent.id in self._own_intents
        sending = may_be_sending(intent)
        if sending is None:
            sending = not first
        if own or not sending or abs(now - intent.at) >= IN_FLIGHT:
            self._own_intents.discard(intent.id)
            book.state = after_crash(book.state, zone, now)

    async def carry_out(self, order: Order) -> Command:
        """Record, send, record. What goes wrong is in the command's status."""
        now = self._clock.now()
        rungs = self._actuator.rungs(order.zone, order.action)
        if not rungs:
            reason = Reason(ReasonCode.NO_RUNG_CONFIGURED, {"action": order.action})
            return self._failed_before_sending(order, reason)
        intent = Intent(
            id=uuid.uuid4().hex,
            at=now,
            action=order.action,
            token=self._leadership.token or None,
            idempotent=rungs[0] == "command",
            source=order.label,
            owner=this_process(),
        )
        obstacle = await self._clear_way(order, intent)
        return obstacle or await self._send(order, intent)

    async def turn_off_left(
        self, zone: ZoneSettings, reason: Reason
    ) -> tuple[Command, Sent | None]:
        """Send OFF to a unit that no zone has any more, by the ways of `zone`.

        No minimum time keeps it on, and no state is touched: it has none. Returns the
        command and what the cascade came to, None where nothing could be sent.
        """
        command = Command(
            id=uuid.uuid4().hex,
            zone=zone.name,
            action=Action.OFF,
            status=CommandStatus.FAILED,
            reasons=(reason,),
        )
        if not self._leadership.leads:
            code = Reason(ReasonCode.NOT_LEASE_HOLDER)
            status = CommandStatus.BLOCKED
            return replace(command, status=status, reasons=(reason, code)), None
        if not self._actuator.rungs(zone, Action.OFF):
            code = Reason(ReasonCode.NO_RUNG_CONFIGURED, {"action": Action.OFF})
            return replace(command, reasons=(reason, code)), None
        sent_at = self._clock.now()
        sent = await self._actuator.send(zone, Action.OFF)
        told = replace(command, rungs=sent.rungs, sent_at=sent_at)
        if sent.accepted is None:
            code = Reason(ReasonCode.ALL_RUNGS_FAILED)
            return replace(told, reasons=(reason, code)), sent
        return replace(told, status=CommandStatus.ACCEPTED), sent

    def settle(self) -> None:
        """Say that nothing is on its way any more, once the outcome is written.

        Not before: whoever reads an intent whose writer is done with it, but has not
        written what came of it, takes it for abandoned and sends again.
        """
        SENDING.difference_update(self._sending)
        self._sending.clear()

    async def _clear_way(self, order: Order, intent: Intent) -> Command | None:
        """Record the intent; return the blocked command if it may not be sent."""
        now_asked = order.person and not order.waited
        if not now_asked and not self._leadership.leads:
            reason = Reason(ReasonCode.NOT_LEASE_HOLDER)
            return _blocked(order, intent.id, reason)
        certain = order.person and order.action is Action.OFF
        attempts = _PERSON_ATTEMPTS if order.person else 1
        for attempt in range(attempts):
            book = self._documents.book(order.zone.name)
            other = book.state.intent
            if other is not None and not certain:
                reason = Reason(ReasonCode.INTENT_IN_FLIGHT)
                return _blocked(order, intent.id, reason, other.at + IN_FLIGHT)
            waits = obstacle(order, book.state, self._clock.now())
            if waits is not None:
                return _blocked(order, intent.id, *waits)
            SENDING.add(intent.id)
            self._sending.add(intent.id)
            recorded = await self._documents.intend(order.zone.name, intent)
            if recorded is Recorded.YES:
                self._own_intents.add(intent.id)
                return None
            if recorded is Recorded.UNAVAILABLE:
                if order.action is Action.OFF:
                    return None
                reason = Reason(ReasonCode.STORE_UNAVAILABLE)
                return _blocked(order, intent.id, reason)
            if attempt + 1 < attempts:
                await self._documents.reread(order.zone.name)
        if certain:
            return None
        return _blocked(order, intent.id, Reason(ReasonCode.LOST_RACE))

    async def _send(self, order: Order, intent: Intent) -> Command:
        sent_at = self._clock.now()
        sent = await self._actuator.send(order.zone, order.action)
        # Not before the answer: a minimum time counted from here is never too short.
        at = self._clock.now()
        book = self._documents.book(order.zone.name)
        book.lost = False
        book.commanded = True
        self._own_intents.discard(intent.id)
        rung = sent.accepted
        if rung is None:
            return self._failed(order, intent, book, sent, sent_at)
        state = accepted(book.state, order, rung, at, intent.id)
        _LOGGER.info("%s: %s sent by %s", order.zone.name, order.action, rung.rung)
        book.state = state
        return Command(
            id=intent.id,
            zone=order.zone.name,
            action=order.action,
            status=CommandStatus.ACCEPTED,
            rungs=sent.rungs,
            reasons=order.reasons,
            sent_at=sent_at,
        )

    def _failed(
        self,
        order: Order,
        intent: Intent,
        book: StateBook,
        sent: Sent,
        sent_at: datetime,
    ) -> Command:
        book.state = after_failure(
            book.state, order.action, sent.error, self._clock.now(), maybe=sent.maybe
        )
        return Command(
            id=intent.id,
            zone=order.zone.name,
            action=order.action,
            status=CommandStatus.FAILED,
            rungs=sent.rungs,
            reasons=(*order.reasons, Reason(ReasonCode.ALL_RUNGS_FAILED)),
            sent_at=sent_at,
        )

    def _failed_before_sending(self, order: Order, reason: Reason) -> Command:
        book = self._documents.book(order.zone.name)
        error = f"no webhook, scene or aircon_device_id for {order.action}"
        book.state = after_failure(
            book.state, order.action, error, self._clock.now(), maybe=False
        )
        return Command(
            id=uuid.uuid4().hex,
            zone=order.zone.name,
            action=order.action,
            status=CommandStatus.FAILED,
            reasons=(*order.reasons, reason),
        )


def _blocked(
    order: Order, command_id: str, reason: Reason, until: datetime | None = None
) -> Command:
    return Command(
        id=command_id,
        zone=order.zone.name,
        action=order.action,
        status=CommandStatus.BLOCKED,
        reasons=(*order.reasons, reason),
        blocked_until=until,
    )
