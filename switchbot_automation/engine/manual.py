"""What a person asks for: sent at once, unless the compressor has to rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from switchbot_automation.engine.aircon import season_action
from switchbot_automation.engine.command import Order
from switchbot_automation.engine.state import PendingManual
from switchbot_automation.model import (
    Action,
    Command,
    CommandStatus,
    ManualAction,
    Reason,
    ReasonCode,
)
from switchbot_automation.timewindows import next_boundary

if TYPE_CHECKING:
    from switchbot_automation.engine.command import Commander
    from switchbot_automation.engine.documents import Documents
    from switchbot_automation.settings_model import ZoneSettings


async def act_for_person(
    documents: Documents,
    commander: Commander,
    zone: ZoneSettings,
    action: ManualAction,
    hold_until: datetime | None,
    *,
    rule: str | None = None,
) -> Command:
    """Carry out a person's wish and return the command with how far it came.

    `rule` is the id of the rule that wishes in a person's place.

    OFF is sent whatever the equipment's times, a race or the store say. ON that meets
    the minimum off time is kept in the state and sent when it is over.
    """
    disabled = True
    if action is ManualAction.QUICK_OFF:
        disabled = await documents.disable(zone.name)
    wanted = _ACTIONS.get(action) or season_action(zone)
    book = documents.book(zone.name)
    # A newer wish takes the place of one that still waits, and ends its hold.
    hold_for_person(documents, zone, hold_until)
    order = Order(
        zone,
        wanted,
        label=f"rule_{rule}_{action}" if rule else f"manual_{action}",
        reasons=(
            Reason(ReasonCode.RULE, {"rule": rule, "action": action.value})
            if rule
            else Reason(ReasonCode.MANUAL, {"action": action.value}),
        ),
        person=True,
    )
    command = await commander.carry_out(order)
    if command.status is CommandStatus.BLOCKED and command.blocked_until:
        book.state = book.state._replace(
            pending_manual=PendingManual(wanted, command.blocked_until)
        )
    if not disabled:
        unstored = Reason(ReasonCode.STORE_UNAVAILABLE, {"document": "settings"})
        command = replace(command, reasons=(*command.reasons, unstored))
    return command


def hold_for_person(
    documents: Documents, zone: ZoneSettings, hold_until: datetime | None
) -> None:
    """Keep in the state until when the automation leaves the zone alone."""
    book = documents.book(zone.name)
    book.state = book.state._replace(pending_manual=None, hold_until=hold_until)


_ACTIONS = {
    ManualAction.OFF: Action.OFF,
    ManualAction.QUICK_OFF: Action.OFF,
    ManualAction.FAN: Action.FAN,
    ManualAction.WINTER: Action.WINTER,
    ManualAction.SUMMER: Action.SUMMER,
}


FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Until when a permanent hold holds; a new command or `hold="none"` ends it."""

HOLDS = ("none", "until_next_change", "permanent")


def check_hold(hold: timedelta | datetime | str | None, now: datetime) -> None:
    """Refuse a hold that says nothing. Raises ValueError."""
    if isinstance(hold, str):
        if hold not in HOLDS:
            raise ValueError(f"hold: expected one of {', '.join(HOLDS)}, got {hold!r}")
        return
    _end(hold, now)


def end_of_hold(
    hold: timedelta | datetime | str | None, zone: ZoneSettings, now: datetime
) -> datetime | None:
    """Return until when a person's command holds, None for no hold.

    `hold`: for how long, until which instant, ``until_next_change`` of the zone's
    windows, ``permanent``, ``none``; None is what the setting `manual_hold_seconds`
    says. Raises ValueError for an instant without a timezone or a duration that is not
    positive.
    """
    if hold is None and zone.manual_hold_seconds:
        return now + timedelta(seconds=zone.manual_hold_seconds)
    if hold == "until_next_change":
        return next_boundary(zone.time_windows, now, zone.timezone) or FOR_EVER
    if hold == "permanent":
        return FOR_EVER
    return None if isinstance(hold, str) else _end(hold, now)


def _end(hold: timedelta | datetime | None, now: datetime) -> datetime | None:
    if isinstance(hold, datetime):
        if hold.tzinfo is None:
            raise ValueError("hold: the instant needs a timezone")
        return hold
    if hold is None:
        return None
    if hold <= timedelta(0):
        raise ValueError("hold: the duration must be positive")
    return now + hold
