"""Plug-ins: packages that bring triggers, conditions, actions and more of their own.

A plug-in is an entry point that leads to a `Plugin`; its name is the word that settings
use. The groups are `GROUPS`, each as ``switchbot_automation.<group>``; backends of the
store have a group of their own, ``switchbot_store.backends``, see
`switchbot_store.get_store`. One that cannot be loaded is left out and told of in
`engine.health()`; it is never fatal.

========== ===========================================================================
group      what the factory returns
========== ===========================================================================
triggers   a `rules.model.Trigger`
conditions a `rules.model.Condition`
actions    a `rules.model.Action`
notifiers  a `rules.context.Notifier`
sensors    an object with ``async read() -> Mapping``: a status, as a meter's, in
           Celsius unless its `scale` says ``fahrenheit``
actuators  an object with ``async send(command, parameter)``: a zone's unit, which gets
           what SwitchBot's own devices of its kind take (docs/how-to/equipment.md), as an
           air conditioner ``setAll`` with "temperature,mode,fan,on", and ``turnOff``
offsets    an object with ``kelvin(zone, now) -> float | None``, quick, no I/O
series     an object with ``async read() -> series.Series``: a price of the hours to come
========== ===========================================================================

A sensor that has `hears`, the cloud's id of the very device it listens to, is another way
to that one: a zone that names the id is answered by it, and the cloud confirms it now and
then, see `engine/observe/ears.py`.

A sensor that knows when it changes has ``subscribe(listener) -> end``: it calls `listener`
on the engine's event loop with what `read` would return now, of which those fields that
changed are enough. A contact that opens then needs no look; it goes on being read as well.

A factory takes what the schema returned. One of a sensor or an actuator that also has a
parameter by the name `context` gets a `PluginContext` by it: the account's client, counted
and bounded as the engine's own calls are, the day's calls to look at, and the clock.

Factories do no I/O, nor ask the context for any before they have returned. Sensors, actuators, offsets and series are named in the settings'
`plugins`; a zone has them as ``plugin:NAME`` for its meter or air conditioner, an offset
and a series as the source NAME. One with a `close` is closed when its settings change.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

from switchbot_automation.errors import PluginError
from switchbot_automation.languages import worded
from switchbot_automation.model import PluginPart
from switchbot_automation.outside.urls import without_urls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from importlib.metadata import EntryPoint

    from switchbot_automation.clock import Clock
    from switchbot_automation.model import CloudApi

__all__ = [
    "API_VERSION",
    "GROUPS",
    "Plugin",
    "PluginContext",
    "PluginPart",
    "QuotaView",
    "Registry",
    "registry",
]

_LOGGER = logging.getLogger(__name__)

API_VERSION: Final = 1
"""What plug-ins have to say that they were written for."""

GROUPS: Final = (
    "triggers",
    "conditions",
    "actions",
    "sensors",
    "actuators",
    "offsets",
    "notifiers",
    "series",
)
_GIVEN_CONTEXT: Final = frozenset({"sensors", "actuators"})
_CONTEXT: Final = "context"
_PREFIX: Final = "switchbot_automation."
_BACKENDS: Final = "backends"


class QuotaView(Protocol):
    """The account's calls of the day, to look at; counts are calls."""

    @property
    def limit(self) -> int:
        """Calls per day."""
        ...

    @property
    def used(self) -> int:
        """Calls of the account today, as far as known."""
        ...

    @property
    def remaining(self) -> int:
        """Calls left today, the reserve among them; 0 while the cloud refuses."""
        ...

    @property
    def reserve(self) -> int:
        """How many of them are left to the engine's commands."""
        ...

    @property
    def resets_at(self) -> datetime:
        """When there are new ones: the next 00:00 UTC, aware."""
        ...


class PluginContext(Protocol):
    """What a part has at hand from its engine, for as long as its settings stand.

    >>> class Fan:
    ...     def __init__(self, config, context):
    ...         self._hub, self._context = config["hub"], context
    ...
    ...     async def send(self, command, parameter):
    ...         word = "turnOff" if command == "turnOff" else "turnOn"
    ...         await self._context.client.command(self._hub, word)
    >>> registry = Registry({})
    >>> registry.add("actuators", "fan", Plugin(dict, Fan, API_VERSION))
    >>> registry.get("actuators", "fan").wants_context
    True
    """

    @property
    def client(self) -> CloudApi:
        """The engine's cloud: each call is counted once, and ends within a minute.

        What is asked is not asked once no more than the reserve is left:
        QuotaExhaustedError, which says until when. What an actuator commands while the
        engine waits for its `send` is the engine's command: it may use the reserve, and
        is refused only while the cloud refuses the day's calls. What a part commands of
        its own accord leaves the reserve, and is refused where nothing may be sent
        (`dry_run`): PluginError. So is everything once the part was closed. What the cloud
        refused for good is not repeated at each tick: BadParameterError. Else raises what
        the cloud's calls raise, and TimeoutError. A simulated home has a simulated cloud.
        """
        ...

    @property
    def quota(self) -> QuotaView:
        """The account's calls of the day."""
        ...

    @property
    def clock(self) -> Clock:
        """The engine's clock, which a test or a simulation moves."""
        ...

    @property
    def dry_run(self) -> bool:
        """Whether the part may command nothing of its own accord now.

        So it is where every zone that has the actuator only observes (where none has
        it: every zone of the home), and in a process that leaves commanding to another.
        """
        ...


@dataclass(frozen=True, slots=True)
class Plugin:
    """What an entry point leads to.

    `schema` takes the object as it stands in the settings, without the key that names
    the plug-in, and returns what `factory` makes the part of; it raises
    `voluptuous.Invalid` for what is wrong. A `voluptuous.Schema` is one. `api_version`
    is that of this module when the plug-in was written. `tells`, of an actuator: it has
    ``async read()`` as well, its status in the words of its kind's own devices, by which
    the engine sees what became of a command and what a hand did. `wants_context`, whether the factory
    has a parameter `context`, is found out by whoever loads the plug-in.
    """

    schema: Callable[[Any], Any]
    factory: Callable[..., Any]
    api_version: int
    wants_context: bool = False
    tells: bool = False


class Registry:
    """The plug-ins of this Python, each loaded when first asked for."""

    def __init__(self, found: Mapping[str, Mapping[str, EntryPoint]]) -> None:
        self._found = found
        self._loaded: dict[tuple[str, str], Plugin | None] = {}
        self._failures: dict[tuple[str, str], str] = {}
        self._brought: set[tuple[str, str]] = set()

    def add(self, group: str, name: str, plugin: Plugin) -> None:
        """Bring a plug-in of a host's own, which is no package with an entry point.

        `group` is one of `GROUPS`. To be called before settings that name it are read;
        again takes the place of what was brought before. Raises PluginError for one of
        another API version or whose factory cannot be called as it has to, ValueError for a group that there is not and for a name that
        an installed package has.

        >>> meter = Plugin(dict, lambda config: config, API_VERSION)
        >>> home = Registry({})
        >>> home.add("sensors", "greenhouse", meter)
        >>> home.names("sensors")
        ('greenhouse',)
        """
        if group not in GROUPS:
            raise ValueError(f"no group {group!r}; there are {', '.join(GROUPS)}")
        if name in self._found.get(group, ()):
            raise ValueError(f"an installed package has {name!r} among the {group}")
        self._loaded[group, name] = _checked(group, name, plugin)
        self._brought.add((group, name))

    def names(self, group: str) -> tuple[str, ...]:
        """Return the words that a group has plug-ins for, loadable or not."""
        brought = {name for of, name in self._brought if of == group}
        return tuple(sorted(brought.union(self._found.get(group, ()))))

    def get(self, group: str, name: str) -> Plugin | None:
        """Return a plug-in; None where there is none, or it cannot be loaded."""
        key = (group, name)
        if key not in self._loaded:
            entry = self._found.get(group, {}).get(name)
            self._loaded[key] = None if entry is None else self._load(key, entry)
        return self._loaded[key]

    def failure(self, group: str, name: str) -> str | None:
        """Return why a plug-in cannot be used, None if it can or there is none."""
        self.get(group, name)
        return self._failures.get((group, name))

    def report(self) -> dict[str, Any]:
        """Return the plug-ins by group, and what is wrong with the broken ones.

        Loads every plug-in that was not asked for yet.
        """
        for group in (*GROUPS, _BACKENDS):
            for name in self.names(group):
                self.get(group, name)
        return {
            "available": {
                group: [name for name in self.names(group) if self.get(group, name)]
                for group in (*GROUPS, _BACKENDS)
                if self.names(group)
            },
            "broken": {
                f"{group}.{name}": why for (group, name), why in self._failures.items()
            },
        }

    async def report_beside(self) -> dict[str, Any]:
        """Return what `report` does; what it has to load is loaded beside the loop."""
        wanted = sum(len(self.names(group)) for group in (*GROUPS, _BACKENDS))
        if len(self._loaded) < wanted:
            return await asyncio.to_thread(self.report)
        return self.report()

    def _load(self, key: tuple[str, str], entry: EntryPoint) -> Plugin | None:
        try:
            if key[0] == _BACKENDS:
                return _checked_backend(key[1], entry.load())
            return _checked(*key, entry.load())
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code, at import
            why = _why(error)
            self._failures[key] = why
            _LOGGER.warning("plug-in %s of %s: %s", key[1], entry.value, why)
            return None


def _why(error: BaseException) -> str:
    """Return a stranger's error as it may be told, without what a URL in it may hide."""
    try:
        words = str(error)
    except Exception:  # noqa: BLE001 - it may be unable to say it
        words = ""
    kind = type(error).__name__
    return f"{kind}: {without_urls(words)}"[:300] if words else kind


def _checked(group: str, name: str, found: Any) -> Plugin:
    version = getattr(found, "api_version", None)
    if version != API_VERSION:
        raise PluginError(
            worded(
                "written for API version {version}; this is {api_version}",
                version=version,
                api_version=API_VERSION,
            ),
            plugin=name,
        )
    schema, factory = getattr(found, "schema", None), getattr(found, "factory", None)
    if not callable(schema) or not callable(factory):
        raise PluginError(worded("needs a callable schema and factory"), plugin=name)
    wants = _wants_context(group, name, factory)
    tells = bool(getattr(found, "tells", False))
    return Plugin(schema, factory, version, wants_context=wants, tells=tells)


def _wants_context(group: str, name: str, factory: Callable[..., Any]) -> bool:
    """Tell whether a factory takes a context; raise PluginError for one that needs more."""
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):
        return False  # some built-in ones do not say what they take
    asked = signature.parameters.get(_CONTEXT)
    # The first one is the config, whatever its name.
    wants = asked is not None and (
        asked.kind is asked.KEYWORD_ONLY
        or (
            asked.kind is asked.POSITIONAL_OR_KEYWORD
            and next(iter(signature.parameters)) != _CONTEXT
        )
    )
    gets = wants and group in _GIVEN_CONTEXT
    try:
        signature.bind(None, **({_CONTEXT: None} if gets else {}))
    except TypeError as error:
        raise PluginError(
            worded(
                "its factory cannot be called ({error}): it is given its config, and of a "
                "sensor or an actuator a `context` by that name",
                error=error,
            ),
            plugin=name,
        ) from None
    return gets


def _checked_backend(name: str, found: Any) -> Plugin:
    """Check a backend of the store as `switchbot_store.get_store` does."""
    factory = getattr(found, "factory", found)
    version = API_VERSION if factory is found else getattr(found, "api_version", None)
    if version != API_VERSION:
        raise PluginError(
            worded(
                "written for API version {version}; this is {api_version}",
                version=version,
                api_version=API_VERSION,
            ),
            plugin=name,
        )
    if not callable(factory):
        raise PluginError(worded("needs a callable factory"), plugin=name)
    return Plugin(getattr(found, "schema", None) or dict, factory, version)


async def installed() -> Registry:
    """Return the plug-ins that are installed; the first look is beside the loop."""
    if registry.cache_info().currsize:
        return registry()
    return await asyncio.to_thread(registry)


@cache
def registry() -> Registry:
    """Return the plug-ins that are installed. Reads their names, imports none."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to import, rarely needed

    found: dict[str, dict[str, EntryPoint]] = {}
    points = {group: f"{_PREFIX}{group}" for group in GROUPS}
    for group, point in {**points, _BACKENDS: "switchbot_store.backends"}.items():
        for entry in entry_points(group=point):
            found.setdefault(group, {}).setdefault(entry.name, entry)
    return Registry(MappingProxyType(found))
