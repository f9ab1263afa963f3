"""From a word to the kind of part that it names: one of ours, or a plug-in's.

Raises `voluptuous.Invalid` with the path to the value.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import voluptuous as vol

from switchbot_automation.languages import worded
from switchbot_automation.outside.urls import shown_name
from switchbot_automation.outside.wording import shown
from switchbot_automation.rules.definition.context import Subject
from switchbot_automation.rules.definition.kinds import PartKind
from switchbot_automation.rules.definition.values import flag, near, text

if TYPE_CHECKING:
    from switchbot_automation.plugins import Plugin, PluginContext, Registry

# A plug-in may have been written for these words before they were ours: it keeps them.
_NEWER: Final = frozenset({"sun", "time_pattern", "trigger"})


class Instead(NamedTuple):
    """What Home Assistant has and is not had here: words and keys, with the way round.

    `dotted` is the way round for any word with a dot, as ``light.turn_on``.
    """

    words: Mapping[str, str]
    keys: Mapping[str, str]
    dotted: str = ""


def read_part(
    value: object,
    key: str,
    own: Mapping[str, PartKind],
    group: str,
    *,
    instead: Instead,
    more: tuple[str, ...] = (),
) -> tuple[str, Any]:
    """Read a trigger, condition or action: one of ours, or else a plug-in's.

    `more` are words that somebody else reads.
    """
    if not isinstance(value, Mapping):
        raise vol.Invalid(
            worded(
                "expected an object with {key!r}, got {value}",
                key=key,
                value=shown(value),
            )
        )
    if key not in value:
        refuse_keys(value, instead.keys)
        present = next(iter(value), None)
        raise vol.Invalid(
            worded("is missing, beside {present}", present=shown(present)), path=[key]
        )
    word = value[key]
    rest = {name: each for name, each in value.items() if name != key}
    kind = own.get(word) if isinstance(word, str) else None
    if kind is None or (word in _NEWER and _plugged(group, word)):
        if isinstance(word, str) and not _plugged(group, word):
            way = instead.words.get(word) or (instead.dotted if "." in word else "")
            if way:
                raise vol.Invalid(
                    worded(
                        "{word!r} is not had here: {way}",
                        word=shown_name(word),
                        way=way,
                    ),
                    path=[key],
                )
        kind = part_kind(word, key, own, group, more)
    else:
        refuse_keys(rest, instead.keys)
    return word, kind.make(kind.schema(rest))


def refuse_keys(value: Mapping[Any, Any], instead: Mapping[str, str]) -> None:
    """Refuse the keys that are not had here, with the way round."""
    for name in value:
        if name in instead:
            raise vol.Invalid(
                worded("is not had here: {instead}", instead=instead[name]), path=[name]
            )


def is_own(value: object, key: str, own: Mapping[str, PartKind], group: str) -> bool:
    """Tell whether an object is read by one of our kinds, not by a plug-in's."""
    word = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(word, str) or word not in own:
        return False
    return word not in _NEWER or not _plugged(group, word)


def without_labels(value: Mapping[Any, Any]) -> tuple[dict[Any, Any], bool]:
    """Return an object without `alias` and `enabled`, and whether it is enabled."""
    rest = dict(value)
    read: dict[str, Any] = {"enabled": True}
    for name, reader in (("alias", text), ("enabled", flag)):
        if name in rest:
            try:
                read[name] = reader(rest.pop(name))
            except vol.Invalid as exc:
                exc.prepend([name])
                raise
    return rest, read["enabled"]


def _registry() -> Registry:
    from switchbot_automation.plugins import registry  # noqa: PLC0415 - only where a word is not ours

    return registry()


def _plugged(group: str, word: str) -> bool:
    return _registry().get(group, word) is not None


def part_kind(
    word: object,
    key: str,
    own: Mapping[str, PartKind],
    group: str,
    more: tuple[str, ...] = (),
) -> PartKind:
    """Return how a plug-in's word is read. Raises voluptuous.Invalid for none."""
    plugins = _registry()
    plugin = plugins.get(group, word) if isinstance(word, str) else None
    if plugin is not None:
        tells = plugin.tells and group == "actuators"
        asked = (*_ASKED_OF[group], "read") if tells else _ASKED_OF[group]
        return PartKind(
            partial(_by_plugin, str(word), plugin.schema),
            partial(_made, str(word), plugin, asked),
            tells=tells,
        )
    broken = plugins.failure(group, word) if isinstance(word, str) else None
    if broken:
        raise vol.Invalid(
            worded(
                "the plug-in {word!r} cannot be used: {broken}",
                word=word,
                broken=broken,
            ),
            path=[key],
        )
    known = (*own, *more, *plugins.names(group))
    hint = (
        worded("; there are {known}", known=", ".join(known))
        if known
        else worded(", no plug-in is installed")
    )
    raise vol.Invalid(
        worded(
            "no {key} {word}{word2}{hint}",
            key=key,
            word=shown(word),
            word2=near(word, known),
            hint=hint,
        ),
        path=[key],
    )


_ASKED_OF: Mapping[str, tuple[str, ...]] = {
    "triggers": ("look", "subjects"),
    "conditions": ("holds", "subjects"),
    "actions": ("run", "once"),
    "notifiers": ("notify",),
    "sensors": ("read",),
    "actuators": ("send",),
    "offsets": ("kelvin",),
    "series": ("read",),
}


def _made(
    word: str,
    plugin: Plugin,
    asked: tuple[str, ...],
    read: Any,
    context: PluginContext | None = None,
) -> Any:
    """Make a plug-in's part, and check that it can do what is asked of it."""
    factory = plugin.factory
    if plugin.wants_context:
        factory = partial(factory, context=context)
    part = _by_plugin(word, factory, read)
    for name in asked:
        if _by_plugin(word, partial(hasattr, part), name):
            continue
        kind = type(part).__name__
        raise vol.Invalid(
            worded(
                "the plug-in {word!r} made a {kind} without {name!r}",
                word=word,
                kind=kind,
                name=name,
            )
        )
    if "subjects" in asked and not all(
        isinstance(subject, Subject)
        for subject in _by_plugin(word, lambda it: tuple(it.subjects), part)
    ):
        raise vol.Invalid(
            worded("the subjects of the plug-in {word!r} are none", word=word)
        )
    return part


def _by_plugin(word: str, function: Callable[[Any], Any], value: Any) -> Any:
    """Call a stranger's code; whatever it raises is an error of the settings."""
    try:
        return function(value)
    except vol.Invalid:
        raise
    except Exception as exc:
        raise vol.Invalid(
            worded(
                "the plug-in {word!r} failed: {kind}: {why}",
                word=word,
                kind=type(exc).__name__,
                why=str(exc)[:250],
            )
        ) from exc


def fingerprint(value: object) -> str:
    """Return what tells this rule from an edited one, and shows nothing of it."""
    try:
        written = json.dumps(value, sort_keys=True)
    except (TypeError, ValueError) as exc:
        raise vol.Invalid(worded("holds what JSON does not")) from exc
    return hashlib.sha256(written.encode("utf-8", "replace")).hexdigest()[:16]
