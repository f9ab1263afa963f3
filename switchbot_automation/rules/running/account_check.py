"""Whether an account has what rules name, and can do what they ask. Pure: the list is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_automation.errors import CloudError, RuleActionError
from switchbot_automation.rules.definition.actions import DeviceCommand
from switchbot_automation.rules.definition.catalogue import (
    never_sent,
    never_true,
    tells,
    types_named,
)
from switchbot_automation.rules.definition.model import every_step
from switchbot_automation.rules.running.account import (
    checked_parameter,
    known_of,
    named,
)
from switchbot_automation.rules.running.devices import readable, the_one

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from switchbot_automation.cloud.catalog.catalog import DeviceType
    from switchbot_automation.model import DeviceList
    from switchbot_automation.rules.definition.model import Rule
    from switchbot_automation.rules.running.account import Known

_MOST_OTHERS = 3


def account_problems(
    rules: Iterable[Rule], listed: DeviceList
) -> Iterator[tuple[str, str]]:
    """Yield each rule's id with what is wrong: an unknown device, a wrong command."""
    known = known_of(listed)
    for rule in rules:
        for problem in dict.fromkeys(problems_of(rule, known)):
            yield rule.id, problem


def problems_of(rule: Rule, known: tuple[Known, ...]) -> Iterator[str]:
    """Yield every problem of one rule with what the account has."""
    for subject in rule.subjects:
        if subject.device:
            yield from _missing(subject.device, known)
    for part in rule.parts:
        name = getattr(part, "device", "")
        if name:
            yield from _missing(name, known)
    for step in every_step(rule.steps):
        if isinstance(step.action, DeviceCommand):
            yield from _missing(step.action.device, known)
    yield from never_to_be(rule, known)


def never_to_be(rule: Rule, known: tuple[Known, ...] | None) -> Iterator[str]:
    """Yield what of a rule can never come true, or never be done, with devices there are.

    `known` are the account's devices, None where nobody knows them: then only the
    catalogue is asked.
    """
    if known is None:
        yield from never_true(rule)
        yield from never_sent(rule)
        return

    def types(name: str) -> tuple[DeviceType, ...]:
        one = _one(name, known)
        return types_named(one.device_type) if one and not one.infrared else ()

    def elsewhere(attribute: str) -> str:
        return _others(attribute, known)

    for subject in rule.subjects:
        device = _one(subject.device, known) if subject.device else None
        if device is not None and not readable(device):
            others = _others(subject.attribute, known)
            yield f"{device.name} has no status that could be read{others}"
    yield from never_true(rule, types, elsewhere)
    for step in every_step(rule.steps):
        if isinstance(step.action, DeviceCommand):
            yield from _command_problems(step.action, known)


def _one(name: str, known: tuple[Known, ...]) -> Known | None:
    found = named(name, known)
    return found[0] if len(found) == 1 else None


def _others(attribute: str, known: tuple[Known, ...]) -> str:
    """Return which devices of the account do have a field, as the end of a sentence."""
    names = [
        each.name or each.device_id
        for each in known
        if not each.infrared and tells(types_named(each.device_type), attribute)
    ]
    return f"; {', '.join(names[:_MOST_OTHERS])} could tell" if names else ""


def _missing(name: str, known: tuple[Known, ...]) -> Iterator[str]:
    try:
        the_one(name, named(name, known), known)
    except RuleActionError as error:
        yield str(error)


def _command_problems(action: DeviceCommand, known: tuple[Known, ...]) -> Iterator[str]:
    device = _one(action.device, known)
    if device is None:
        return
    try:
        if action.unchecked:
            return
        checked_parameter(device, action.command, action.parameter, action.command_type)
        if action.for_at_most is not None:
            checked_parameter(device, "turnOff", "default", "command")
    except CloudError as error:
        yield str(error)
