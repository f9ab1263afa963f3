"""Look after commands that were accepted: confirm them, repair them, or give them up."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.cloud.catalog.infrared import looks_infrared
from switchbot_automation.core.control.band import with_setpoint
from switchbot_automation.core.protect.safety import assess
from switchbot_automation.core.state.check import (
    GIVEN_UP,
    agrees,
    by_power,
    by_room,
    obeys,
    way_of,
)
from switchbot_automation.core.state.records import NONE
from switchbot_automation.core.state.unit import (
    as_told,
    season_action,
    takes_otherwise,
    told_again,
)
from switchbot_automation.engine.act.commander import Order
from switchbot_automation.engine.act.wishes import end_after_remote
from switchbot_automation.model import (
    Action,
    Command,
    CommandStatus,
    Power,
    Reason,
    ReasonCode,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from switchbot_automation.core.state.records import Check
    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.engine.act.commander import Commander
    from switchbot_automation.engine.documents.book import StateBook
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.observe.gateway import Look, Observer
    from switchbot_automation.settings.model import ZoneSettings

_LOGGER = logging.getLogger(__name__)

# Without an answer for so many times the time allowed, nobody will ever know.
_PATIENCE = 10


class Verifier:
    """Runs the checks of one engine; they lie in the states."""

    def __init__(
        self, documents: Documents, observer: Observer, commander: Commander
    ) -> None:
        self._documents = documents
        self._observer = observer
        self._commander = commander

    async def run(
        self, zones: Iterable[ZoneSettings], now: datetime
    ) -> dict[str, tuple[Command, ...]]:
        """Look at every check that can be answered; return what came of it, by zone."""
        told: dict[str, tuple[Command, ...]] = {}
        for zone in zones:
            book = self._documents.book(zone.name)
            check = book.state.check
            if check is None:
                continue
            command = await self._look(zone, book, check, now)
            if command is not None:
                told[zone.name] = (command,)
        return told

    async def _look(
        self, zone: ZoneSettings, book: StateBook, check: Check, now: datetime
    ) -> Command | None:
        due = check.due_at <= now
        refused = book.state.action is not check.action
        if due and (refused or check.given_up):
            book.state = book.state._replace(check=None)
        if refused:
            return None
        readable = not looks_infrared(zone.aircon_device_id)
        way = way_of(zone, check.action, readable=readable)
        if check.given_up or (not due and way != "room"):
            return None
        if way == "room":
            shown = by_room(check, book.state.last_temperature)
        elif way == "power":
            fields = await self._observer.fields_of(zone.power_meter_device_id)
            shown = None if fields is None else agrees(check, by_power(zone, fields))
        else:
            before = book.state
            found = await self._observer.poll_aircon(zone, before, forced=True)
            shown = obeys(check, found.state) if found.answered else None
            more = check.attempt < zone.repair_attempts
            if shown or (shown is False and more and _rule_acts(zone, before, now)):
                # Believed: the rule sends it again, once the minimum times let it.
                book.state = after_poll(zone, before, found)
                return seen_of(zone, before, book.state)
        if shown:
            book.state = book.state._replace(check=None, uncertain=False)
            return _told(zone, check, CommandStatus.CONFIRMED, ReasonCode.CONFIRMED)
        if not due:
            return None
        if shown is None:
            self._wait_on(zone, book, check, now)
            return None
        return await self._repair(zone, book, check, now)

    def _wait_on(
        self, zone: ZoneSettings, book: StateBook, check: Check, now: datetime
    ) -> None:
        again = timedelta(seconds=zone.confirm_within_seconds)
        late = now - check.since > _PATIENCE * again
        book.state = book.state._replace(
            check=None if late else replace(check, due_at=now + again)
        )

    async def _repair(
        self, zone: ZoneSettings, book: StateBook, check: Check, now: datetime
    ) -> Command:
        safety = assess(zone, book.state, now)
        forbidden = safety is not None and safety.forbids_start
        start = check.action is not Action.OFF
        attempts = 0 if zone.observe_only else zone.repair_attempts
        if check.attempt >= attempts or (forbidden and start):
            given_up = replace(check, due_at=now + GIVEN_UP, given_up=True)
            book.state = book.state._replace(check=given_up)
            _LOGGER.warning("%s: %s shows no effect", zone.name, check.action)
            code = ReasonCode.DEVICE_UNRESPONSIVE
            return _told(zone, check, CommandStatus.FAILED, code)
        attempt = check.attempt + 1
        why = Reason(ReasonCode.VERIFY_FAILED_RESEND, {"attempt": attempt})
        sent = await self._commander.carry_out(
            Order(
                _as_sent(zone, book.state),
                check.action,
                label="repair",
                reasons=(why,),
                attempt=attempt,
            )
        )
        if sent.status is not CommandStatus.ACCEPTED:
            self._wait_on(zone, book, check, now)
        return sent


def after_poll(zone: ZoneSettings, before: ZoneState, look: Look) -> ZoneState:
    """Return the state after a look at the unit, while a command is to be seen.

    A unit that says otherwise is believed, and the rule may tell it again. Once that
    was done as often as allowed it is not: it would be told for ever.
    """
    check, found = before.check, look.state
    at = found.last_aircon_poll_at
    if not look.answered or at is None:
        return found
    if check is None:
        return _after_somebody_else(zone, before, as_told(before, found), at)
    if before.action is not check.action:
        return found
    if obeys(check, found):
        found = as_told(before, found)
        if takes_otherwise(check, found):
            return told_again(check, found, zone.repair_attempts)
        return found._replace(check=None)
    if check.given_up:
        return before._replace(last_aircon_poll_at=at)
    if check.attempt >= zone.repair_attempts:
        due = replace(check, due_at=at)
        return before._replace(last_aircon_poll_at=at, check=due)
    return found._replace(check=replace(check, attempt=check.attempt + 1))


def _rule_acts(zone: ZoneSettings, state: ZoneState, now: datetime) -> bool:
    """Tell whether the rule would send again what a person's hold keeps it from."""
    held = state.hold_until is not None and now < state.hold_until
    return zone.automation_enabled and not held


def seen_of(zone: ZoneSettings, before: ZoneState, after: ZoneState) -> Command | None:
    """Return what a look at the unit showed of a command, None while it is open."""
    check = before.check
    if check is None or after.check is not None or before.action is not check.action:
        return None
    if after.shown_as is before.shown_as:
        return _told(zone, check, CommandStatus.CONFIRMED, ReasonCode.CONFIRMED)
    _LOGGER.warning(
        "%s: told %s, it shows %s; left at that", zone.name, *after.shown_as[-1]
    )
    code = ReasonCode.DEVICE_UNRESPONSIVE
    return _told(zone, check, CommandStatus.FAILED, code, shows=after.shown_as[-1][1])


def _after_somebody_else(
    zone: ZoneSettings, before: ZoneState, found: ZoneState, at: datetime
) -> ZoneState:
    """Return the state after a look at a unit of which nothing is to be seen.

    One that was known and does something else was told by somebody, with its remote or
    in the cloud's own app. That is a person's command like any other: it starts the hold
    of the settings, ends what still waits or repeats, and a start counts.
    """
    known = before.power is not Power.UNKNOWN and not before.uncertain
    same = (found.power, found.compressor_running) == (
        before.power,
        before.compressor_running,
    )
    if same or not known:
        return found
    _LOGGER.info("%s: somebody turned it %s", zone.name, found.power)
    changed = found._replace(
        manual_action_at=at,
        hold_until=end_after_remote(zone, at) or before.hold_until,
        pending_repeat=None,
        pending_manual=None,
    )
    if not found.compressor_running:
        return changed
    equipment = (found.equipment or NONE).started(
        at, found.action or season_action(zone)
    )
    return changed._replace(equipment=equipment)


def _as_sent(zone: ZoneSettings, state: ZoneState) -> ZoneSettings:
    """Return the zone with the setpoint that was sent, where it was steered."""
    first, _, _rest = (state.parameter or "").partition(",")
    try:
        return with_setpoint(zone, float(first))
    except ValueError:
        return zone


def _told(
    zone: ZoneSettings,
    check: Check,
    status: CommandStatus,
    code: ReasonCode,
    **more: str,
) -> Command:
    detail = {"attempts": check.attempt + 1, "since": check.since.isoformat(), **more}
    return Command(
        id=check.id,
        zone=zone.name,
        action=check.action,
        status=status,
        reasons=(Reason(code, detail),),
        sent_at=check.since,
    )
