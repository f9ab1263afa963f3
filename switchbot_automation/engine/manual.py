"""What a person asks for: sent at once, unless the compressor has to rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
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
) -> Command:
    """Carry out a person's wish and return the command with how far it came.

    OFF is sent whatever the equipment's times, a race or the store say. ON that meets
    the minimum off time is kept in the state and sent when it is over.
    """
    disabled = True
    if action is ManualAction.QUICK_OFF:
        disabled = await documents.disable(zone.name)
    wanted = _ACTIONS.get(action) or season_action(zone)
    book = documents.book(zone.name)
    # A newer wish takes the place of one that still waits, and ends its hold.
    book.state = book.state._replace(pending_manual=None, hold_until=hold_until)
    order = Order(
        zone,
        wanted,
        label=f"manual_{action}",
        reasons=(Reason(ReasonCode.MANUAL, {"action": action.value}),),
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


_ACTIONS = {
    ManualAction.OFF: Action.OFF,
    ManualAction.QUICK_OFF: Action.OFF,
    ManualAction.FAN: Action.FAN,
    ManualAction.WINTER: Action.WINTER,
    ManualAction.SUMMER: Action.SUMMER,
}


def end_of_hold(hold: timedelta | datetime | None, now: datetime) -> datetime | None:
    """Return until when a person's command holds, None for no hold.

    Raises ValueError for an instant without a timezone or a duration that is not
    positive.
    """
    if isinstance(hold, datetime):
        if hold.tzinfo is None:
            raise ValueError("hold: the instant needs a timezone")
        return hold
    if hold is None:
        return None
    if hold <= timedelta(0):
        raise ValueError("hold: the duration must be positive")
    return now + hold
