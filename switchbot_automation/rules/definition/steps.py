"""How the steps of a rule are read: actions, delays, and what holds or steers others.

The shapes are Home Assistant's, ``{"if": ..., "then": ...}``, beside our own for those
steps that have an `action`. Raises `voluptuous.Invalid` with the path to the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import voluptuous as vol

from switchbot_automation.languages import worded
from switchbot_automation.outside.wording import shown
from switchbot_automation.rules.definition import actions
from switchbot_automation.rules.definition.kinds import ACTIONS
from switchbot_automation.rules.definition.lookup import (
    Instead,
    fingerprint,
    is_own,
    read_part,
    refuse_keys,
    without_labels,
)
from switchbot_automation.rules.definition.model import (
    KEY_SHAPE,
    ChooseStep,
    ConditionStep,
    GroupStep,
    RepeatStep,
    Step,
    StopStep,
    WaitStep,
)
from switchbot_automation.rules.definition.reading import (
    any_conditions,
    is_condition,
    one_by_one,
    read_conditions,
    read_triggers,
)
from switchbot_automation.rules.definition.values import (
    Shape,
    each_of,
    flag,
    near,
    positive,
    text,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MOST_ROUNDS: Final = 1000
"""How often one `repeat` goes round, whatever its conditions say."""

MOST_STEPS: Final = 5000
"""How many steps one run takes, all rounds counted."""

LONGEST_WAIT: Final = timedelta(days=31)
"""How long a wait without a timeout lasts; the run is over then."""

_MOST_WRITTEN: Final = 500

_TEMPLATE: Final = "there are no templates"
_SCENE: Final = "use action scene with the account's `scene`, its name or id"
_INSTEAD = Instead(
    {
        "parallel": "the steps of a list follow each other at once; or write two rules",
        "wait_template": f"{_TEMPLATE}; use wait_for_trigger",
        "toggle": "use command with a device and its command toggle",
    },
    {
        "parallel": "the steps of a list follow each other at once; or write two rules",
        "wait_template": f"{_TEMPLATE}; use wait_for_trigger",
        "variables": "there are none; a message has $value and the trigger's other words",
        "event": "nobody hears events here; use notify or webhook",
        "service": "use action command, scene, webhook or notify",
        "service_template": "use action command, scene, webhook or notify",
        "device_id": "use action command with `device`: its name or id",
        "entity_id": "use action command with `device` or `zone`",
        "target": "name the `device` or `zone` in the step; both may be lists",
        "data": "write its keys in the step itself, as `parameter`",
        "metadata": "leave it out",
        "response_variable": "there are no variables",
        "set_conversation_response": "there are no conversations; use notify",
        "for_each": "write the devices or zones as a list in the step",
    },
    dotted="use command with a `device` or `zone`, scene, webhook, hold or notify",
)

_OF_BLOCKS: Mapping[str, str] = {
    "continue_on_error": "write it in each of the actions that may fail"
}


def read_steps(value: object) -> tuple[Step, ...]:
    """Read one step or a list of them, at least one."""
    if isinstance(value, list) and not value:
        raise vol.Invalid(worded("expected at least one entry"))
    found = sequence(value)
    written = sum(1 for _ in _every(found))
    if written > _MOST_WRITTEN:
        raise vol.Invalid(
            worded(
                "expected at most {most_written} steps, got {written}",
                most_written=_MOST_WRITTEN,
                written=written,
            )
        )
    taken = _taken(found)
    if taken > MOST_STEPS:
        raise vol.Invalid(
            worded(
                "would take {taken} steps, a run takes {most_steps} at most; "
                "lower a count",
                taken=taken,
                most_steps=MOST_STEPS,
            )
        )
    return found


def sequence(value: object) -> tuple[Step, ...]:
    """Read one step or a list of them, which may be empty."""
    if not isinstance(value, list):
        return _step(value)
    return tuple(step for each in each_of(value, _step) for step in each)


def _every(steps: Iterable[Step]) -> Iterable[Step]:
    for step in steps:
        yield step
        for branch in step.branches:
            yield from _every(branch)


def _taken(steps: Iterable[Step]) -> int:
    """Return how many steps a run takes by counts alone, at most."""
    total = 0
    for step in steps:
        inside = max((_taken(branch) for branch in step.branches), default=0)
        rounds = step.block.count if isinstance(step.block, RepeatStep) else 1
        total += 1 + inside * (rounds or 1)
    return total


def _step(value: object) -> tuple[Step, ...]:
    """Read one; several where devices or zones are listed, none if it is switched off."""
    if not isinstance(value, Mapping):
        raise vol.Invalid(
            worded("expected an object with 'action', got {value}", value=shown(value))
        )
    if "action" not in value:
        if is_condition(value):
            return _made_of(value, "condition", _check)
        for word, read in BLOCKS.items():
            if word in value:
                return _made_of(value, word, read)
        return (_action(value),)
    if value["action"] != "delay" and not is_own(value, "action", ACTIONS, "actions"):
        return (_action(value),)
    rest, enabled = without_labels(value)
    goes_on = _goes_on(rest)
    found = [_action(each) for each in one_by_one(rest)]
    last = len(found) - 1
    steps = tuple(
        replace(step, more=index < last, continue_on_error=goes_on)
        for index, step in enumerate(found)
    )
    return steps if enabled else ()


def _goes_on(rest: dict[Any, Any]) -> bool:
    try:
        return flag(rest.pop("continue_on_error", False))
    except vol.Invalid as exc:
        exc.prepend(["continue_on_error"])
        raise


def _made_of(
    value: Mapping[Any, Any], kind: str, read: Callable[[dict[Any, Any]], Step]
) -> tuple[Step, ...]:
    rest, enabled = without_labels(value)
    if kind != "condition":
        refuse_keys(rest, {**_INSTEAD.keys, **_OF_BLOCKS})
    step = replace(read(rest), key=_key(kind, rest))
    return (step,) if enabled else ()


def _key(kind: str, rest: object) -> str:
    """Return what tells a step: first without the steps inside it, then with them."""
    shape = fingerprint([kind, _bare(rest, {"sequence", "then", "else", "default"})])
    return shape[:KEY_SHAPE] + fingerprint([kind, _bare(rest, set())])[:KEY_SHAPE]


def _bare(value: object, without: set[str]) -> object:
    if isinstance(value, Mapping):
        return {
            str(key): _bare(each, without)
            for key, each in value.items()
            if key not in without and key != "alias"
        }
    if isinstance(value, list):
        return [_bare(each, without) for each in value]
    return value


# --- actions -----------------------------------------------------------------------


_DELAY = Shape({"for": positive}, {})


def _action(value: object) -> Step:
    key = _key("action", value)
    if isinstance(value, Mapping) and value.get("action") == "delay":
        rest = {name: each for name, each in value.items() if name != "action"}
        return Step("delay", delay=_DELAY(rest)["for"], key=key)
    if isinstance(value, Mapping) and value.get("action") == "notify":
        return Step("notify", _notify(value), key=key)
    if isinstance(value, Mapping) and value and "action" not in value:
        refuse_keys(value, {**_INSTEAD.keys, "scene": _SCENE})
        word = next(iter(value))
        raise vol.Invalid(
            worded(
                "is missing, beside {word}{word2}; a step without it has "
                "condition, {blocks}",
                word=shown(word),
                word2=near(word, tuple(BLOCKS)),
                blocks=", ".join(BLOCKS),
            ),
            path=["action"],
        )
    kind, action = read_part(
        value, "action", ACTIONS, "actions", instead=_INSTEAD, more=("delay",)
    )
    return Step(kind, action, key=key)


def _notify(value: Mapping[Any, Any]) -> actions.Notify:
    """Read a notification; with `notifier`, the other keys are that plug-in's."""
    if "notifier" not in value:
        found: actions.Notify = read_part(
            value, "action", ACTIONS, "actions", instead=_INSTEAD
        )[1]
        return found
    own = {key: value[key] for key in ("message", "title") if key in value}
    read = Shape({"message": text}, {"title": text})(own)
    rest = {
        key: each
        for key, each in value.items()
        if key not in {"action", "message", "title"}
    }
    notifier = read_part(rest, "notifier", {}, "notifiers", instead=Instead({}, {}))[1]
    return actions.Notify(read["message"], read.get("title"), notifier)


# --- blocks ------------------------------------------------------------------------


def _check(rest: dict[Any, Any]) -> Step:
    return Step("condition", block=ConditionStep(any_conditions(rest)))


def _delay(rest: dict[Any, Any]) -> Step:
    return Step("delay", delay=Shape({"delay": positive}, {})(rest)["delay"])


def _stop(rest: dict[Any, Any]) -> Step:
    read = Shape({"stop": text}, {"error": flag})(rest)
    return Step("stop", block=StopStep(read["stop"], read.get("error", False)))


def _group(rest: dict[Any, Any]) -> Step:
    return Step(
        "sequence",
        block=GroupStep(Shape({"sequence": sequence}, {})(rest)["sequence"]),
    )


def _if(rest: dict[Any, Any]) -> Step:
    read = Shape({"if": read_conditions, "then": sequence}, {"else": sequence})(rest)
    option = (read["if"], read["then"])
    block = ChooseStep((option,), read.get("else", ()), ("then", "else"))
    return Step("if", block=block)


def _choose(rest: dict[Any, Any]) -> Step:
    read = Shape({"choose": _options}, {"default": sequence})(rest)
    options = tuple((each["conditions"], each["sequence"]) for each in read["choose"])
    named = (*(str(number) for number in range(1, len(options) + 1)), "default")
    return Step("choose", block=ChooseStep(options, read.get("default", ()), named))


_OPTION = Shape({"conditions": any_conditions, "sequence": sequence}, {"alias": text})


def _options(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        return [_OPTION(value)]
    return each_of(value, _OPTION)


_REPEAT = Shape(
    {"sequence": read_steps},
    {
        "count": whole(1, MOST_ROUNDS),
        "while": read_conditions,
        "until": read_conditions,
    },
)


def _repeat(rest: dict[Any, Any]) -> Step:
    return Step("repeat", block=Shape({"repeat": _rounds}, {})(rest)["repeat"])


def _rounds(value: object) -> RepeatStep:
    if isinstance(value, Mapping):
        refuse_keys(value, _INSTEAD.keys)
    read = _REPEAT(value)
    given = [key for key in ("count", "while", "until") if key in read]
    if len(given) != 1:
        raise vol.Invalid(
            worded("needs one of count, while and until, to know when it ends")
        )
    # Nothing asked of `until`, since all of it is switched off, is true after one round.
    once = 1 if read.get("until") == () else None
    return RepeatStep(
        read["sequence"],
        read.get("count", once),
        read.get("while", ()),
        read.get("until", ()),
    )


def _wait(rest: dict[Any, Any]) -> Step:
    read = Shape(
        {"wait_for_trigger": read_triggers},
        {"timeout": positive, "continue_on_timeout": flag},
    )(rest)
    if "continue_on_timeout" in read and "timeout" not in read:
        raise vol.Invalid(
            worded("is for a wait with a timeout"), path=["continue_on_timeout"]
        )
    found = read["wait_for_trigger"]
    return Step(
        "wait_for_trigger",
        block=WaitStep(
            tuple(each.trigger for each in found),
            tuple(each.kind for each in found),
            read.get("timeout", LONGEST_WAIT),
            read.get("continue_on_timeout", "timeout" in read),
        ),
    )


BLOCKS: Mapping[str, Callable[[dict[Any, Any]], Step]] = {
    "if": _if,
    "choose": _choose,
    "repeat": _repeat,
    "wait_for_trigger": _wait,
    "sequence": _group,
    "stop": _stop,
    "delay": _delay,
}
