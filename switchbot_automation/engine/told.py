"""What a unit was told, and the settings its own status shows instead. Pure.

Many units take a command their own way: whole degrees only, a range that ends sooner, a
fan speed of their own, a number where they were told ``auto``. Such a unit runs as it
was told, yet never shows it. It is told again as often as `repair_attempts` allows; then
what it shows counts as its word for what it was told, and is kept, so that it is not
told the same for ever.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from switchbot_automation.engine.aircon import same_parameter
from switchbot_automation.model import Action, Power

if TYPE_CHECKING:
    from switchbot_automation.engine.confirm import Check
    from switchbot_automation.engine.state import ZoneState

# A steered unit is told a dozen setpoints at most.
_KEPT = 12


def as_told(before: ZoneState, found: ZoneState) -> ZoneState:
    """Return what a look at the unit found, in the words it was told in."""
    runs_on = (
        before.power is Power.ON
        and found.power is Power.ON
        and before.action is not Action.OFF
        and before.action is found.action
    )
    if not runs_on:
        return found
    if before.parameter is None:
        # A scene or a webhook set it, to what nobody here knows.
        return found._replace(parameter=None, mode=before.mode)
    for told, shown in before.shown_as:
        if same_parameter(told, before.parameter) and same_parameter(
            shown, found.parameter
        ):
            return found._replace(parameter=before.parameter, mode=before.mode)
    return found


def takes_otherwise(check: Check, found: ZoneState) -> bool:
    """Tell whether a unit does what it was told with other settings than it was told."""
    told = check.parameter
    return told is not None and not same_parameter(told, found.parameter)


def told_again(check: Check, found: ZoneState, attempts: int) -> ZoneState:
    """Return the state of a unit that shows other settings than it was told.

    Believed first, so that the rule may tell it again; in the end taken for its way.
    """
    if check.attempt < attempts or check.parameter is None:
        return found._replace(check=replace(check, attempt=check.attempt + 1))
    told, shown = check.parameter, found.parameter or ""
    others = [pair for pair in found.shown_as if not same_parameter(pair[0], told)]
    return found._replace(
        parameter=told,
        action=check.action,
        check=None,
        shown_as=(*others, (told, shown))[-_KEPT:],
    )
