"""Carry out one command: record the intent, send, record what became of it."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import sys
import uuid
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.core.protect.gate import obstacle
from switchbot_automation.core.state.evidence import after_no_answer, answers_again
from switchbot_automation.core.state.kept import command_failed
from switchbot_automation.core.state.refusals import (
    answering,
    fingerprint,
    is_for_good,
    learned,
    told,
    zone_listed,
)
from switchbot_automation.core.state.unit import (
    after_crash,
    after_failure,
    guarded,
)
from switchbot_automation.core.state.wishes import intended, off_again
from switchbot_automation.core.state.zone import Intent
from switchbot_automation.core.step import accepted, limit_of, not_yet
from switchbot_automation.engine.act.cascade import parted
from switchbot_automation.engine.documents.documents import Recorded
from switchbot_automation.model import (
    Action,
    Command,
    CommandStatus,
    Reason,
    ReasonCode,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.core.requests import Order
    from switchbot_automation.engine.act.cascade import Actuator, Sent
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.documents.leader import Leadership
    from switchbot_automation.settings.model import Settings, ZoneSettings

_LOGGER = logging.getLogger(__name__)

# The intents that this process is sending at this moment, whichever engine of it.
_SENDING: set[str] = set()

# Another engine's intent counts as being sent for this long, then as forgotten by a
# crash. Longer than a whole cascade with its timeouts is likely to take.
IN_FLIGHT = timedelta(seconds=120)

_PERSON_ATTEMPTS = 3
# A cloud that said nothing to a command is told no other one before the next tick.
_AFTER_SILENCE = timedelta(seconds=5)


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
        self._intending: dict[str, asyncio.Lock] = {}
        # The zones with a command on the wire, how many, and those of them that a person
        # had turned off meanwhile.
        self._on_wire: Counter[str] = Counter()
        self._stopped: set[str] = set()
        self._silent = False
        self._settles_later = False

    def begin(self) -> None:
        """Begin a tick: the cloud may have found its words again.

        A person's OFF may come in its midst. What the tick had decided for that zone
        before is not sent any more.
        """
        self._stopped.clear()
        self._silent = False

    def recover(self, settings: Settings, now: datetime) -> None:
        """Count the unfinished intents as sent.

        One begun by this very engine, or by a process that is gone, was cut off.
        Another one may be on its way right now, until it is too old.
        """
        states = self._documents.states
        for name, zone in settings.zones.items():
            intent = states[name].intent
            if intent is None:
                continue
            own = intent.id in self._own_intents
            sending = _may_be_sending(intent)
            if sending is None:
                sending = name in self._recovered
            if own or not sending or abs(now - intent.at) >= IN_FLIGHT:
                self._own_intents.discard(intent.id)
                states[name] = after_crash(states[name], zone, now)
        self._recovered |= settings.zones.keys()

    async def carry_out(self, order: Order) -> Command:
        """Record, send, record. What goes wrong is in the command's status."""
        now = self._clock.now()
        zone, action = order.zone, order.action
        steps = self._actuator.ways(zone, action)
        if not steps:
            return self._failed_before_sending(order, now)
        state = self._documents.states[zone.name]
        # A person's command and a rule's have their own ends and their own next tries.
        known = [
            each for each in state.refusals if is_for_good(each) or not order.person
        ]
        steps, closed, refusal = parted(steps, known, now)
        insists = _insists(order)
        if closed and insists:
            steps = (*steps, *closed)
        elif not steps and refusal is not None:
            until = refusal.next_at
            reason = told(refusal, until=until)
            return _blocked(order, uuid.uuid4().hex, reason, until)
        # Of a person who waits for it, and not of a rule.
        now_asked = insists and not order.waited
        if now_asked and action is Action.OFF:
            self._stopped.add(zone.name)
        held_back = None if now_asked else self._held_back(order, now)
        if held_back is not None:
            return held_back
        intent = Intent(
            id=uuid.uuid4().hex,
            at=now,
            action=action,
            token=self._leadership.token or None,
            idempotent=steps[0].rung == "command",
            source=order.label,
            owner=_this_process(),
        )
        blocked = await self._let_go(order, intent, now_asked=now_asked)
        if blocked is not None:
            return blocked
        beside = now_asked and self._on_wire[zone.name] > 0
        self._on_wire[zone.name] += not now_asked
        try:
            sent = await self._actuator.send(zone, action, steps)
        finally:
            self._on_wire[zone.name] -= not now_asked
        self._own_intents.discard(intent.id)
        command = self._settled(order, intent, sent)
        if beside or (zone.name in self._stopped and not now_asked):
            # Both were on the wire, and nobody knows which one the unit heard last.
            states = self._documents.states
            states[zone.name] = off_again(
                states[zone.name], zone, sent.answered_at, "off_overtook"
            )
        return command

    async def _let_go(
        self, order: Order, intent: Intent, *, now_asked: bool
    ) -> Command | None:
        """Record the intent; return the blocked command if it may not be sent.

        Of one zone one after the other: what a person's OFF in a tick's midst has written
        is not to be lost to a race with what the tick writes.
        """
        name = order.zone.name
        async with self._intending.setdefault(name, asyncio.Lock()):
            blocked = await self._clear_way(order, intent)
            if blocked is None and name in self._stopped and not now_asked:
                # A person came in while it was written: nothing was sent.
                states = self._documents.states
                states[name] = intended(states[name], None)
                self._own_intents.discard(intent.id)
                blocked = self._held_back(order, intent.at)
            return blocked

    async def keep(self, zone: str) -> None:
        """Store what is known of a zone, beside a tick that may be about to command it."""
        async with self._intending.setdefault(zone, asyncio.Lock()):
            await self._documents.keep_of(zone)

    def _settled(self, order: Order, intent: Intent, sent: Sent) -> Command:
        """Take in what came of an order that was sent."""
        zone, action = order.zone, order.action
        self._silent = self._silent or sent.cloud_silent
        states, at, rung = self._documents.states, sent.answered_at, sent.accepted
        self._learn(zone, sent, at)
        reasons = order.reasons
        if rung is None:
            why = Reason(ReasonCode.ALL_RUNGS_FAILED, {"error": sent.error})
            reasons = (*reasons, why)
            if sent.maybe and order.person:
                reasons = (*reasons, Reason(ReasonCode.ANSWER_LOST))
            failed = after_failure(
                states[zone.name], action, sent.error, at, maybe=sent.maybe
            )
            if sent.maybe and limit_of(order):
                # Whoever starts it against frost has to end it, heard or not.
                failed = guarded(failed, limit_of(order))
            if sent.unanswered:
                failed = after_no_answer(
                    states[zone.name],
                    failed,
                    action,
                    at,
                    person=order.person,
                    asked=sent.asked,
                )
            states[zone.name] = command_failed(failed, sent.error, at)
        else:
            after = accepted(states[zone.name], order, rung, at, intent.id)
            _LOGGER.info("%s: %s sent by %s", zone.name, action, rung.rung)
            states[zone.name] = after
            self.answering(at)
        return Command(
            id=intent.id,
            zone=zone.name,
            action=action,
            status=CommandStatus.FAILED if rung is None else CommandStatus.ACCEPTED,
            rungs=sent.rungs,
            reasons=reasons,
            sent_at=sent.sent_at,
        )

    def _held_back(self, order: Order, now: datetime) -> Command | None:
        """Return the blocked command where a person, or silence, came before it.

        Not asked of what a person asks for right now.
        """
        name = order.zone.name
        state = self._documents.states[name]
        if name in self._stopped:
            reason = Reason(ReasonCode.HOLD_MANUAL, _until(state.hold_until))
            return _blocked(order, uuid.uuid4().hex, reason)
        if self._silent and not order.emergency:
            until = now + _AFTER_SILENCE
            reason = Reason(ReasonCode.CLOUD_SILENT, _until(until))
            return _blocked(order, uuid.uuid4().hex, reason, until)
        return None

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
        steps = self._actuator.ways(zone, Action.OFF)
        if not steps:
            code = Reason(ReasonCode.NO_RUNG_CONFIGURED, {"action": Action.OFF})
            return replace(command, reasons=(reason, code)), None
        sent = await self._actuator.send(zone, Action.OFF, steps)
        told = replace(command, rungs=sent.rungs, sent_at=sent.sent_at)
        if sent.accepted is None:
            code = Reason(ReasonCode.ALL_RUNGS_FAILED, {"error": sent.error})
            return replace(told, reasons=(reason, code)), sent
        return replace(told, status=CommandStatus.ACCEPTED), sent

    def listed(self, listing: Mapping[str, str]) -> None:
        """Take in what the account's list shows: types by device id.

        What was refused there is tried again where the list has changed since.
        """
        states = self._documents.states
        for name, state in states.items():
            found = zone_listed(state, listing)
            if found is not state:
                states[name] = found

    def answering(
        self, now: datetime | None = None, *, after_silence: bool = False
    ) -> None:
        """Let what failed for a while be tried at once: something answers again.

        Since `now`, by default the clock's. `after_silence`: for the first time after a
        long time in which nothing did.
        """
        states = self._documents.states
        if now is None:
            now = self._clock.now()
        for name, state in states.items():
            found = state
            if state.refusals:
                found = answering(state, now, after_silence=after_silence)
            if after_silence:
                found = answers_again(found)
            if found is not state:
                states[name] = found

    def _learn(self, zone: ZoneSettings, sent: Sent, at: datetime) -> None:
        """Keep which ways are refused, and which are not any more."""
        settings = self._documents.life.settings
        # An order's zone may be steered, or under a preset.
        written = settings.zones.get(zone.name, zone) if settings else zone
        states = self._documents.states
        before = states[zone.name]
        if before.refusals or any(each.scope for each in sent.tried):
            states[zone.name] = learned(
                before, sent.tried, at, settings=fingerprint(written)
            )

    def settle(self) -> None:
        """Say that nothing is on its way any more, once the outcome is written.

        Not before: whoever reads an intent whose writer is done with it, but has not
        written what came of it, takes it for abandoned and sends again.
        """
        self._stopped.clear()
        if self._settles_later:
            return
        _SENDING.difference_update(self._sending)
        self._sending.clear()

    @contextmanager
    def settled_later(self) -> Iterator[None]:
        """Let what is sent in the block count as on its way until the block is left."""
        self._settles_later = True
        try:
            yield
        finally:
            self._settles_later = False
            self.settle()

    async def _clear_way(self, order: Order, intent: Intent) -> Command | None:
        """Record the intent; return the blocked command if it may not be sent."""
        now_asked = order.person and not order.waited
        if not now_asked and not self._leadership.leads:
            reason = Reason(ReasonCode.NOT_LEASE_HOLDER)
            return _blocked(order, intent.id, reason)
        certain = order.person and order.action is Action.OFF
        attempts = _PERSON_ATTEMPTS if order.person else 1
        now = intent.at
        for attempt in range(attempts):
            state = self._documents.states[order.zone.name]
            other = state.intent
            if other is not None and not certain:
                reason = Reason(ReasonCode.INTENT_IN_FLIGHT)
                return _blocked(order, intent.id, reason, other.at + IN_FLIGHT)
            waits = obstacle(order, state, now)
            if waits is not None:
                return _blocked(order, intent.id, *waits)
            _SENDING.add(intent.id)
            self._sending.add(intent.id)
            recorded = await self._documents.intend(order.zone.name, intent)
            if recorded is Recorded.YES:
                self._own_intents.add(intent.id)
                return None
            if recorded is Recorded.UNAVAILABLE:
                if order.action is Action.OFF:
                    self._documents.commanded(order.zone.name)
                    return None
                reason = Reason(ReasonCode.STORE_UNAVAILABLE)
                return _blocked(order, intent.id, reason)
            if attempt + 1 < attempts:
                await self._documents.reread(order.zone.name)
                now = self._clock.now()
        if certain:
            self._documents.commanded(order.zone.name)
            return None
        return _blocked(order, intent.id, Reason(ReasonCode.LOST_RACE))

    def _failed_before_sending(self, order: Order, now: datetime) -> Command:
        name, action = order.zone.name, order.action
        states = self._documents.states
        error = f"no webhook, scene or aircon_device_id for {action}"
        failed = after_failure(states[name], action, error, now, maybe=False)
        # What was asked of a unit that cannot do it says nothing of those it can do.
        cannot = order.zone.aircon_device_id and not order.zone.kind.can(action)
        states[name] = failed if cannot else command_failed(failed, error, now)
        reason = Reason(ReasonCode.NO_RUNG_CONFIGURED, {"action": action})
        return Command(
            id=uuid.uuid4().hex,
            zone=name,
            action=action,
            status=CommandStatus.FAILED,
            reasons=(*order.reasons, reason),
        )


def _insists(order: Order) -> bool:
    """Tell whether also what the cloud refuses for good is tried: a person may always."""
    return order.person and not order.rule


def _until(instant: datetime | None) -> dict[str, str]:
    return {} if instant is None else {"until": instant.isoformat()}


def _blocked(
    order: Order, command_id: str, reason: Reason, until: datetime | None = None
) -> Command:
    return replace(not_yet(order, reason, until), id=command_id)


# --- whether somebody is sending an intent just now -------------------------------


def _this_process() -> str:
    """Name this process among those of all hosts."""
    return f"{platform.node()}:{os.getpid()}"


def _may_be_sending(intent: Intent) -> bool | None:
    """Tell whether the writer of an intent may still be at it; None: nobody knows.

    A process of this host can be asked for; one of another host cannot.
    """
    if intent.owner is None:
        return None
    host, _, pid = intent.owner.rpartition(":")
    if host != platform.node() or not pid.isdigit():
        return True
    if int(pid) == os.getpid():
        return intent.id in _SENDING
    if sys.platform == "win32":
        return None  # where there is no signal 0: this would end it
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
