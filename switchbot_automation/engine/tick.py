"""One tick, for the whole home: observe, decide, gate, act.

Recording is the engine's. What is remembered between ticks lies in the documents.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.cloud.catalog.infrared import looks_infrared
from switchbot_automation.core.control.band import after_observation, with_setpoint
from switchbot_automation.core.decide import decide
from switchbot_automation.core.home import Judged, Snapshot, ZoneSnapshot
from switchbot_automation.core.protect.gate import Ledger, first_seen, gate
from switchbot_automation.core.protect.groups import after_arbitration
from switchbot_automation.core.protect.safety import after_assessment
from switchbot_automation.engine.act.commander import Order
from switchbot_automation.engine.act.verify import Verifier, after_poll, seen_of
from switchbot_automation.model import (
    DEFAULT_ZONE,
    Action,
    Command,
    CommandStatus,
    Outcome,
    Reason,
    ReasonCode,
    ZoneDecision,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.core.state.records import PendingManual, Reading
    from switchbot_automation.engine.act.commander import Commander
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.observe.around import Survey
    from switchbot_automation.engine.observe.gateway import Observer
    from switchbot_automation.engine.observe.meters import Meters
    from switchbot_automation.model import Decision, Verdict, ZoneVerdict
    from switchbot_automation.settings.model import Settings, ZoneSettings

# What an AC that can be read is worth asking for although nothing is to be sent: the
# rule met a threshold and concluded from the assumed state that it need not act.
_CONCLUDED = frozenset(
    {
        ReasonCode.ALREADY_OFF,
        ReasonCode.DUPLICATE_SUPPRESSED,
        ReasonCode.OFF_REPEAT_PENDING,
    }
)


@dataclass(frozen=True, slots=True)
class ZoneTick:
    """What a tick came to for one zone.

    `decision` has the final outcome and all reasons; `decided` and `verdict` are the
    core's own words, said about `judged`.
    """

    zone: ZoneSettings
    decision: ZoneDecision
    commands: tuple[Command, ...]
    blocked_until: datetime | None
    temperature: float | None
    humidity: float | None
    judged: Judged
    decided: ZoneDecision
    verdict: ZoneVerdict


class Tick:
    """Runs ticks over its parts; keeps nothing of its own."""

    def __init__(
        self,
        documents: Documents,
        observer: Observer,
        meters: Meters,
        commander: Commander,
        clock: Clock,
        *,
        survey: Survey,
    ) -> None:
        self._survey = survey
        self._documents = documents
        self._observer = observer
        self._meters = meters
        self._commander = commander
        self._verifier = Verifier(documents, observer, commander)
        self._clock = clock

    async def run(
        self, settings: Settings, now: datetime, *, force: bool = False
    ) -> list[ZoneTick]:
        """Observe, decide, gate and act once for every zone.

        `force`: read also the meters that are not due yet.
        """
        zones = settings.zones.values()
        early = await self._send_what_is_due(zones, now)
        readings, new = await self._meters.read(settings, now, force=force)
        for name in new:
            book = self._documents.book(name)
            book.state = after_observation(settings.zones[name], book.state, now)
        now = self._clock.now()
        for name, told in (await self._verifier.run(zones, now)).items():
            early[name] = (*early[name], *told)
        if settings.overlaid:
            settings = await self._survey.take(settings, readings, now)
            zones = settings.zones.values()
        self._assess(zones, now)
        judged = self._judge(settings, readings, now)
        if await self._ask_aircons(settings, judged.decision, judged.verdict, early):
            judged = self._judge(settings, readings, self._clock.now())
        self._remember_waiting(judged)
        return [
            await self._act(judged, decided, verdict, early[decided.zone])
            for decided, verdict in zip(
                judged.decision.zones, judged.verdict.zones, strict=True
            )
        ]

    def _assess(self, zones: Iterable[ZoneSettings], now: datetime) -> None:
        """Keep in the states what safety and the gate must not forget."""
        for zone in zones:
            book = self._documents.book(zone.name)
            if book.state.equipment is None:
                book.state = first_seen(
                    zone, book.state, now, new=not book.stored.keys() - _HOME_KEYS
                )
            if zone.automation_enabled:
                book.state = after_assessment(zone, book.state, now)

    def _judge(
        self, settings: Settings, readings: dict[str, Reading], now: datetime
    ) -> Judged:
        states = {name: self._documents.book(name).state for name in readings}
        snapshot = Snapshot(
            {
                name: ZoneSnapshot(reading, states[name])
                for name, reading in readings.items()
            }
        )
        decision = decide(snapshot, settings, now)
        verdict = gate(decision, settings, Ledger(states), now)
        return Judged(now, snapshot, settings, decision, verdict)

    def _remember_waiting(self, judged: Judged) -> None:
        """Keep what the groups have to know at a later tick."""
        if not judged.settings.groups:
            return
        grouped = {
            zone for group in judged.settings.groups.values() for zone in group.zones
        }
        for decided in judged.decision.zones:
            if decided.zone in grouped:
                book = self._documents.book(decided.zone)
                book.state = after_arbitration(book.state, decided, judged.at)

    async def _ask_aircons(
        self,
        settings: Settings,
        decision: Decision,
        verdict: Verdict,
        told: dict[str, tuple[Command, ...]],
    ) -> bool:
        """Poll the air conditioners worth it; tell whether a state changed.

        What that shows of earlier commands is added to `told`. Forced wherever the tick
        hangs on what the unit really does, unless a minimum time stops it anyway.
        """
        changed = False
        for decided, judged in zip(decision.zones, verdict.zones, strict=True):
            if looks_infrared(settings.zones[decided.zone].aircon_device_id):
                continue
            in_window = any(
                reason.code is ReasonCode.IN_WINDOW for reason in decided.reasons
            )
            forced = judged.blocked_until is None and (
                decided.action is not None
                or (
                    in_window
                    and any(reason.code in _CONCLUDED for reason in decided.reasons)
                )
            )
            if not forced and not in_window:
                continue
            book = self._documents.book(decided.zone)
            zone = settings.zones[decided.zone]
            polled = await self._observer.poll_aircon(zone, book.state, forced=forced)
            found = after_poll(zone, book.state, polled)
            seen = seen_of(zone, book.state, found)
            if seen is not None:
                told[zone.name] = (*told[zone.name], seen)
            changed = changed or found is not book.state
            book.state = found
        return changed

    async def _act(
        self,
        seen: Judged,
        decided: ZoneDecision,
        judged: ZoneVerdict,
        early: tuple[Command, ...],
    ) -> ZoneTick:
        zone = seen.settings.zones[decided.zone]
        reading = seen.snapshot.zones[decided.zone].reading
        outcome = judged.outcome
        reasons = decided.reasons
        blocked_until = decided.blocked_until
        commands = early
        if decided.action is not None and judged.allowed and zone.observe_only:
            only_decided = _only_decided(decided, judged)
            commands, reasons = (*early, only_decided), only_decided.reasons
        elif decided.action is not None and judged.allowed:
            steered = decided.setpoint
            order = Order(
                zone if steered is None else with_setpoint(zone, steered),
                decided.action,
                label=f"automation_{decided.outcome}",
                reasons=decided.reasons,
                repeats=decided.emergency or decided.outcome in _OFF_WORDS,
            )
            command = await self._commander.carry_out(order)
            commands = (*early, command)
            blocked_until = command.blocked_until
            if command.status is CommandStatus.FAILED:
                outcome = Outcome.API_ERROR
            elif command.status is CommandStatus.BLOCKED:
                outcome = Outcome.NOOP
            # The command's reasons begin with the decision's.
            reasons = (*command.reasons, *judged.reasons)
        elif not judged.allowed and judged.blocked_until is not None:
            reasons = (*decided.reasons, *judged.reasons)
            if decided.action is not None:
                blocked_until = judged.blocked_until
                commands = (*early, _blocked(decided, judged))
        return ZoneTick(
            zone,
            decided
            if outcome is decided.outcome and reasons is decided.reasons
            else replace(decided, outcome=outcome, reasons=reasons),
            commands,
            blocked_until,
            reading.temperature,
            reading.humidity,
            seen,
            decided,
            judged,
        )

    async def _send_what_is_due(
        self, zones: Iterable[ZoneSettings], now: datetime
    ) -> dict[str, tuple[Command, ...]]:
        """Send the OFF repeats and a person's waiting commands that are due."""
        sent: dict[str, tuple[Command, ...]] = {}
        for zone in zones:
            state = self._documents.book(zone.name).state
            commands: tuple[Command, ...] = ()
            if state.pending_manual and state.pending_manual.due_at <= now:
                commands = (await self._send_waiting(zone),)
            elif state.pending_repeat and zone.observe_only:
                # From before the zone only observed; when it no longer does it is late.
                self._documents.book(zone.name).state = state._replace(
                    pending_repeat=None
                )
            elif state.pending_repeat and state.pending_repeat.next_run_at <= now:
                commands = (await self._repeat(zone, now),)
            sent[zone.name] = commands
        return sent

    async def _repeat(self, zone: ZoneSettings, now: datetime) -> Command:
        book = self._documents.book(zone.name)
        pending = book.state.pending_repeat
        if pending is None:
            raise AssertionError("nothing to repeat")
        reasons = (Reason(ReasonCode.OFF_REPEAT, {"remaining": pending.remaining - 1}),)
        order = Order(zone, pending.action, label=pending.state_reason, reasons=reasons)
        command = await self._commander.carry_out(order)
        left = pending.remaining - 1
        if command.status is CommandStatus.BLOCKED:
            left = pending.remaining
        elif command.status is CommandStatus.FAILED:
            left = 0
        following = self._clock.now() + timedelta(seconds=pending.interval_seconds)
        book.state = book.state._replace(
            pending_repeat=(
                replace(pending, remaining=left, next_run_at=max(following, now))
                if left > 0
                else None
            ),
        )
        return command

    async def _send_waiting(self, zone: ZoneSettings) -> Command:
        """Send what a person asked for while the minimum off time ran."""
        book = self._documents.book(zone.name)
        pending = book.state.pending_manual
        if pending is None:
            raise AssertionError("nothing waits")
        command = await self._commander.carry_out(
            Order(
                zone,
                pending.action,
                label=f"manual_{pending.action}",
                reasons=(Reason(ReasonCode.MANUAL_DEFERRED),),
                person=True,
                waited=True,
            )
        )
        if command.status is not CommandStatus.ACCEPTED:
            waiting = _waits_on(pending, command.blocked_until)
            book.state = book.state._replace(pending_manual=waiting)
        return command


def with_commands(
    ticks: list[ZoneTick], commands: tuple[Command, ...]
) -> tuple[list[ZoneTick], tuple[Command, ...]]:
    """Return the ticks with more commands behind their zones' own, and what is left over.

    Left over are those of zones that no tick is of.
    """
    if not commands:
        return ticks, ()
    names = {tick.zone.name for tick in ticks}
    return [
        replace(
            tick,
            commands=(
                *tick.commands,
                *(each for each in commands if each.zone == tick.zone.name),
            ),
        )
        for tick in ticks
    ], tuple(each for each in commands if each.zone not in names)


# The outcomes whose command is repeated `off_repeat_count` times, fan in its place too.
_OFF_WORDS = frozenset(
    {Outcome.WINTER_OFF, Outcome.SUMMER_OFF, Outcome.TURNED_OFF_OUTSIDE_WINDOW}
)
# What a document may hold although no zone was ever looked after with it.
_HOME_KEYS = frozenset({"last_tick"})


# For so long after the instant a person was told the wish is still theirs.
_WISH_LASTS = timedelta(hours=1)


def _waits_on(pending: PendingManual, later: datetime | None) -> PendingManual | None:
    promised = pending.promised_at or pending.due_at
    if later is None or later > promised + _WISH_LASTS:
        return None
    return replace(pending, due_at=later, promised_at=promised)


def _only_decided(decided: ZoneDecision, judged: ZoneVerdict) -> Command:
    return Command(
        id=uuid.uuid4().hex,
        zone=decided.zone,
        action=decided.action or Action.OFF,
        status=CommandStatus.DECIDED,
        reasons=(*decided.reasons, *judged.reasons, Reason(ReasonCode.OBSERVE_ONLY)),
    )


def _blocked(decided: ZoneDecision, judged: ZoneVerdict) -> Command:
    return Command(
        id=uuid.uuid4().hex,
        zone=decided.zone,
        action=decided.action or Action.OFF,
        status=CommandStatus.BLOCKED,
        reasons=(*decided.reasons, *judged.reasons),
        blocked_until=judged.blocked_until,
    )


# From harmless to grave; where zones differ, the gravest word stands for the tick.
_SEVERITY = {
    word: rank
    for rank, word in enumerate(
        (
            Outcome.DISABLED,
            Outcome.OUTSIDE_WINDOW,
            Outcome.ALREADY_OFF,
            Outcome.NO_ACTION,
            Outcome.NOOP,
            Outcome.OFF_REPEAT_PENDING,
            Outcome.COOLDOWN,
            Outcome.FAN_NEUTRAL_ZONE,
            Outcome.TURNED_OFF_OUTSIDE_WINDOW,
            Outcome.WINTER_OFF,
            Outcome.SUMMER_OFF,
            Outcome.WINTER_ON,
            Outcome.SUMMER_ON,
            Outcome.MISSING_METER,
            Outcome.INVALID_TEMPERATURE,
            Outcome.INVALID_MODE,
            Outcome.INVALID_PROFILE,
            Outcome.INVALID_THRESHOLDS,
            Outcome.API_ERROR,
            Outcome.INVALID_SETTINGS,
        )
    )
}


def overall_outcome(decisions: tuple[ZoneDecision, ...]) -> Outcome:
    """Return the default zone's word, else the gravest of all."""
    for decision in decisions:
        if decision.zone == DEFAULT_ZONE:
            return decision.outcome
    return max((each.outcome for each in decisions), key=_SEVERITY.__getitem__)
