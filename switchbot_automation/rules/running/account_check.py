"""Whether an account has what rules name. Pure: the list is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_automation.errors import CloudError, RuleActionError
from switchbot_automation.rules.definition.actions import DeviceCommand
from switchbot_automation.rules.definition.model import every_step
from switchbot_automation.rules.running.account import (
    checked_parameter,
    known_of,
    named,
)
from switchbot_automation.rules.running.devices import readable, the_one

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from switchbot_automation.model import DeviceList
    from switchbot_automation.rules.definition.model import Rule
    from switchbot_automation.rules.running.account import Known


def account_problems(
    rules: Iterable[Rule], listed: DeviceList
) -> Iterator[tuple[str, str]]:
    """Yield each rule's id with what is wrong: an unknown device, a wrong command."""
    known = known_of(listed)
    for rule in rules:
        for problem in dict.fromkeys(_problems(rule, known)):
            yield rule.id, problem


def _problems(rule: Rule, known: tuple[Known, ...]) -> Iterator[str]:
    for subject in rule.subjects:
        if subject.device:
            try:
                device = the_one(subject.device, named(subject.device, known), known)
            except RuleActionError as error:
                yield str(error)
            else:
                if not readable(device):
                    yield f"{device.name} has no status that could be read"
    for part in rule.parts:
        name = getattr(part, "device", "")
        if name and not named(name, known):
            yield from _missing(name, known)
    for step in every_step(rule.steps):
        if isinstance(step.action, DeviceCommand):
            yield from _command_problems(step.action, known)


def _missing(name: str, known: tuple[Known, ...]) -> Iterator[str]:
    try:
        the_one(name, (), known)
    except RuleActionError as error:
        yield str(error)


def _command_problems(action: DeviceCommand, known: tuple[Known, ...]) -> Iterator[str]:
    try:
        device = the_one(action.device, named(action.device, known), known)
        checked_parameter(device, action.command, action.parameter, action.command_type)
    except (RuleActionError, CloudError) as error:
        yield str(error)
