"""What of a rule can never come true, or never be sent, by the catalogue. Pure.

A field that no product tells, a word that no field says, a number beyond its range, a
command that no product takes: such a rule is silent for ever, and nothing ever says so.
Parts with `unchecked` are taken at their word, for a device newer than the catalogue.
Each problem is one line for a person, with the nearest of what there is.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from switchbot_automation.cloud.catalog.catalog import (
    StatusField,
    device_types,
    find,
)
from switchbot_automation.cloud.catalog.words import name_among, same, truth
from switchbot_automation.languages import worded
from switchbot_automation.model import Action, Outcome
from switchbot_automation.outside.urls import shown_name
from switchbot_automation.outside.wording import nearest, shown
from switchbot_automation.rules.definition.actions import DeviceCommand, Notify
from switchbot_automation.rules.definition.conditions import (
    NumericCondition,
    StateCondition,
    flattened,
)
from switchbot_automation.rules.definition.model import every_step
from switchbot_automation.rules.definition.triggers import (
    NumericTrigger,
    StateTrigger,
    WebhookTrigger,
    number_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from switchbot_automation.cloud.catalog.catalog import DeviceType
    from switchbot_automation.rules.definition.context import Subject
    from switchbot_automation.rules.definition.model import Rule

Types: TypeAlias = "Callable[[str], tuple[DeviceType, ...]]"
"""The products that a rule's word for a device may mean; none where nobody knows."""

Fields: TypeAlias = "Mapping[str, list[StatusField]]"

_TEMPLATE: Final = re.compile(r"\{\{.*\}\}|\{%.*%\}", re.DOTALL)
_NUMBERS: Final = frozenset({"integer", "number"})
_PERCENT: Final = (0.0, 100.0)
_MOST_NAMED: Final = 8
_ALL_OF_THEM: Final = 40
# What says which device it is and when, not how it is.
_IDENTITY: Final = frozenset(
    {"deviceMac", "deviceType", "timeOfSample", "deviceId", "hubDeviceId"}
)


def any_type(_device: str) -> tuple[DeviceType, ...]:
    """Return every product: what a name may mean while no account is asked."""
    return device_types()


def nowhere(_attribute: str) -> str:
    """Return nothing: where no account is asked, nobody knows another device."""
    return ""


def never_true(
    rule: Rule, types: Types = any_type, elsewhere: Callable[[str], str] = nowhere
) -> Iterator[str]:
    """Yield what of a rule's triggers, conditions and waits can never come true.

    `elsewhere` says which devices have a field, as the end of a sentence.
    """
    for part in flattened(rule.parts):
        if not getattr(part, "unchecked", True):
            yield from dict.fromkeys(_problems(part, types, elsewhere))


def never_sent(rule: Rule) -> Iterator[str]:
    """Yield which commands of a rule no product at all takes, and which templates stay text."""
    for step in every_step(rule.steps):
        action = step.action
        yield from _templates(action)
        if isinstance(action, DeviceCommand) and not action.unchecked:
            yield from _no_such_command(action)


def _templates(action: object) -> Iterator[str]:
    """Tell of Home Assistant's templates, which would be told or sent as they are written."""
    texts: dict[str, object] = {}
    if isinstance(action, Notify):
        texts = {"message": action.message, "title": action.title}
    elif isinstance(action, DeviceCommand) and not action.unchecked:
        texts = {"parameter": action.parameter}
    for key, written in texts.items():
        if isinstance(written, str) and _TEMPLATE.search(written):
            yield (
                f"{key} {shown(written)}: there are no templates; a message has $value and"
                " the trigger's other words"
            )


def nobody_told(rule: Rule) -> Iterator[str]:
    """Yield the notices that go nowhere where neither a host nor the settings have a notifier."""
    for step in every_step(rule.steps):
        action = step.action
        if isinstance(action, Notify) and not (action.notifier or action.unchecked):
            yield (
                "notify reaches nobody: `notifiers` of the settings has none; a rule for"
                ' a host with its own says "unchecked": true in the step'
            )
            return


def tells(products: tuple[DeviceType, ...], attribute: str) -> bool:
    """Tell whether one of the products has that field, in any of its spellings."""
    return name_among(attribute, _fields_of(products)) is not None


# --- parts -------------------------------------------------------------------------


def _problems(
    part: Any, types: Types, elsewhere: Callable[[str], str]
) -> Iterator[str]:
    if isinstance(part, WebhookTrigger):
        fields = _fields_of(types(part.device))
        for name, wanted in part.values.items() if fields else ():
            spelled = name_among(name, fields)
            if spelled is None:
                yield _no_field(part.device, name, fields, elsewhere)
            else:
                yield from _never_said(part.device, spelled, fields[spelled], wanted)
        return
    if not isinstance(
        part, StateTrigger | NumericTrigger | StateCondition | NumericCondition
    ):
        return
    subject = part.subject
    found = _subject_fields(subject, types, elsewhere)
    if isinstance(found, str):
        yield found
        return
    if not found:
        return
    of = subject.device or subject.zone
    if isinstance(part, NumericTrigger | NumericCondition):
        trigger = isinstance(part, NumericTrigger)
        yield from _never_beyond(of, found, part.above, part.below, trigger=trigger)
        return
    words: tuple[Any, ...]
    if isinstance(part, StateTrigger):
        words = (*part.before, *part.after, *part.not_before, *part.not_after)
    else:
        words = part.wanted
    yield from _never_said(of, found[0].name, found, words)


def _subject_fields(
    subject: Subject, types: Types, elsewhere: Callable[[str], str]
) -> list[StatusField] | str:
    """Return what the catalogue has of a value, nothing where it has none, or a problem."""
    if subject.zone:
        return [_ZONE_FIELDS[subject.attribute]]
    fields = _fields_of(types(subject.device))
    if not fields:
        return []
    spelled = name_among(subject.attribute, fields)
    if spelled is None:
        return _no_field(subject.device, subject.attribute, fields, elsewhere)
    return fields[spelled]


def _fields_of(products: tuple[DeviceType, ...]) -> Fields:
    # The whole catalogue is asked for again and again where there is no account.
    return _every_field() if products is device_types() else _collected(products)


@cache
def _every_field() -> Fields:
    return _collected(device_types())


def _collected(products: Iterable[DeviceType]) -> Fields:
    found: dict[str, list[StatusField]] = {}
    for product in products:
        for field in (*product.status, *product.webhook_fields):
            if field.name not in _IDENTITY:
                found.setdefault(field.name, []).append(field)
    return found


def _of_zone(name: str, kind: str, *values: str, unit: str = "") -> StatusField:
    return StatusField(name, kind, unit, values, None, None, "")


_ZONE_FIELDS: Final = {
    field.name: field
    for field in (
        _of_zone("temperature", "number"),
        _of_zone("humidity", "number", unit="%"),
        _of_zone("power", "string", "on", "off"),
        _of_zone("action", "string", *Action),
        _of_zone("outcome", "string", *Outcome),
    )
}


# --- words -------------------------------------------------------------------------


def _no_field(
    device: str, name: str, fields: Fields, elsewhere: Callable[[str], str]
) -> str:
    near = nearest(name, fields)
    hint = f"; did you mean {near!r}?" if near else ""
    if len(fields) <= _ALL_OF_THEM and not near:
        hint = f"; it tells {_some(fields)}"
    return worded(
        "{device} tells no {name!r}{hint}{name2}",
        device=shown_name(device),
        name=shown_name(name),
        hint=hint,
        name2=elsewhere(name),
    )


def _never_said(
    of: str, name: str, fields: list[StatusField], words: Iterable[Any]
) -> Iterator[str]:
    for word in words:
        if not any(_may_be(word, field) for field in fields):
            known = list(dict.fromkeys(w for field in fields for w in _words_of(field)))
            near = nearest(word, known)
            hint = f"; did you mean {near!r}?" if near else ""
            if not near and known:
                hint = f"; it is one of {_some(known)}"
            elif not near:
                hint = "; it is a number" if _is_numeric(fields) else ""
            yield f"{name} of {of} is never {shown(word)}{hint}"


def _may_be(word: Any, field: StatusField) -> bool:
    """Tell whether a field may have a value that is the same as this word."""
    if field.type == "boolean":
        return truth(word) is not None
    if any(same(word, value) for value in field.values):
        return True
    number = float(word) if isinstance(word, bool) else number_of(word)
    if field.type in _NUMBERS:
        low, high = _range_of(field)
        whole = [each for each in field.values if not isinstance(each, str)]
        return (
            number is not None
            and (not whole or field.unit == "%")
            and (low is None or number >= low)
            and (high is None or number <= high)
        )
    return field.type == "string" and not field.values


def _words_of(field: StatusField) -> tuple[str, ...]:
    if field.type == "boolean":
        return ("true", "false")
    return tuple(str(each) for each in field.values)


def _never_beyond(
    of: str,
    fields: list[StatusField],
    above: float | None,
    below: float | None,
    *,
    trigger: bool,
) -> Iterator[str]:
    name = fields[0].name
    numeric = [field for field in fields if _has_numbers(field)]
    if not numeric:
        known = dict.fromkeys(w for field in fields for w in _words_of(field))
        words = f": {_some(known)}" if known else ""
        yield f"{name} of {of} is no number but a word{words}; use state"
        return
    found = [_range_of(field) for field in numeric]
    if all(_none_beyond(each, above, below) for each in found):
        low, high = found[0]
        yield f"{name} of {of} goes from {_said(low)} to {_said(high)}, never there"
    elif trigger and all(_all_beyond(each, above, below) for each in found):
        low, high = found[0]
        yield (
            f"{name} of {of} goes from {_said(low)} to {_said(high)}, always there: it"
            " never gets there"
        )


def _has_numbers(field: StatusField) -> bool:
    if field.type in _NUMBERS:
        return True
    numbers = any(number_of(each) is not None for each in field.values)
    return field.type == "string" and (not field.values or numbers)


def _is_numeric(fields: Iterable[StatusField]) -> bool:
    return any(field.type in _NUMBERS for field in fields)


def _range_of(field: StatusField) -> tuple[float | None, float | None]:
    if field.unit == "%":
        return _PERCENT
    return field.minimum, field.maximum


def _none_beyond(
    limits: tuple[float | None, float | None], above: float | None, below: float | None
) -> bool:
    low, high = limits
    return (above is not None and high is not None and above >= high) or (
        below is not None and low is not None and below <= low
    )


def _all_beyond(
    limits: tuple[float | None, float | None], above: float | None, below: float | None
) -> bool:
    low, high = limits
    return (above is None or (low is not None and above < low)) and (
        below is None or (high is not None and below > high)
    )


def _said(limit: float | None) -> str:
    return "anything" if limit is None else f"{limit:g}"


def _some(words: Iterable[str]) -> str:
    listed = list(words)
    more = ", ..." if len(listed) > _MOST_NAMED else ""
    return ", ".join(listed[:_MOST_NAMED]) + more


# --- commands ----------------------------------------------------------------------


def _no_such_command(action: DeviceCommand) -> Iterator[str]:
    known = {
        spec.name
        for product in device_types()
        for spec in product.commands
        if spec.command_type == action.command_type
    }
    if action.command_type == "customize" or action.command in known:
        return
    near = nearest(action.command, sorted(known))
    hint = f"; did you mean {near!r}?" if near else ""
    yield f"no product takes {shown_name(action.command)!r}{hint}"


def types_named(device_type: str) -> tuple[DeviceType, ...]:
    """Return the products of a type that a list told, none for one nobody knows."""
    return find(device_type, infrared=False) if device_type else ()
