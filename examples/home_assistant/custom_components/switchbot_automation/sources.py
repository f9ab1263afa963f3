"""Any entity of Home Assistant as a zone's meter, opening or presence.

Through the engine's contract for plug-ins: a sensor of the kind `home_assistant`, which the
settings name as they name any other, and which costs no call to the cloud.
"""

from __future__ import annotations

import hashlib
import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import voluptuous as vol
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import (
    ATTR_DEVICE_CLASS,
    ATTR_UNIT_OF_MEASUREMENT,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
    UnitOfTemperature,
)
from homeassistant.core import (
    Event,
    EventStateChangedData,
    HomeAssistant,
    State,
    callback,
)
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import (
    async_track_entity_registry_updated_event,
    async_track_state_change_event,
)
from homeassistant.util import dt as dt_util
from homeassistant.util.unit_conversion import TemperatureConverter

from switchbot_automation import AutomationEngine
from switchbot_automation.errors import EngineClosedError, PluginError
from switchbot_automation.plugins import API_VERSION, Plugin, registry

from .account import PLUGIN
from .const import CONF_METER, CONF_OPENINGS, CONF_PRESENCE, CONF_PRESET, DOMAIN

_LOGGER = logging.getLogger(__name__)

NAME = "home_assistant"

# A thermometer that says nothing for so long is not believed. Contacts say what changes.
_MAX_AGE_SECONDS = 7200

_OPENINGS = frozenset({"door", "garage_door", "lock", "opening", "window"})
_YES = frozenset({"on", "home", "open", "opening", "closing", "unlocked"})
_NO = frozenset({"off", "not_home", "closed", "locked"})
_LONGEST_NAME = 40
_ENTITIES = ("entity_id", "humidity_entity_id")

SCHEMA = vol.Schema(
    {
        vol.Required("entity_id"): cv.entity_id,
        # A second entity for what a meter also says; it may be missing.
        vol.Optional("humidity_entity_id"): cv.entity_id,
        vol.Optional("max_age_seconds", default=_MAX_AGE_SECONDS): vol.All(
            vol.Coerce(int), vol.Range(60, 604_800)
        ),
    }
)


def provide(hass: HomeAssistant) -> None:
    """Bring the kind into the engine's plug-ins, before settings are read."""
    registry().add(
        "sensors", NAME, Plugin(SCHEMA, partial(EntitySensor, hass), API_VERSION)
    )


def name_of(entity_id: str) -> str:
    """Return what an entity is called among the `plugins` of the settings.

    >>> name_of("sensor.lounge_temperature")
    'sensor.lounge_temperature'
    """
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", entity_id)
    return name if len(name) <= _LONGEST_NAME else _digested(name, entity_id)


def _digested(name: str, entity_id: str) -> str:
    digest = hashlib.sha256(entity_id.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST_NAME - 9]}_{digest}"


def renamed(document: Mapping[str, Any], before: str, now: str) -> dict[str, Any]:
    """Return a settings document in which an entity is called otherwise. Pure."""
    changed = {
        name: {
            key: now if key in _ENTITIES and value == before else value
            for key, value in part.items()
        }
        for name, part in _ours(document)
    }
    if not changed:
        return dict(document)
    return {**document, "plugins": {**document["plugins"], **changed}}


def sources_of(document: Mapping[str, Any], zone: str) -> dict[str, Any]:
    """Return the entities that a zone of a settings document has, as the form shows them."""
    own = _own(document, zone)
    entities = _entities(document)
    meter = entities.get(str(own.get("meter_device_id")))
    presence = _mapping(own.get("presence"))
    found = {
        CONF_METER: meter,
        CONF_OPENINGS: _of(_mapping(own.get("openings")), entities),
        CONF_PRESENCE: _of(presence, entities),
        CONF_PRESET: presence.get("preset"),
    }
    return {key: value for key, value in found.items() if value}


def with_sources(
    document: Mapping[str, Any], zone: str, wanted: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a settings document in which a zone has other entities. Pure.

    Sensors that are no entities stay, and so does the meter where none is wanted.
    """
    before = _entities(document)
    changed, own = dict(document), dict(_own(document, zone))
    plugins = dict(_mapping(document.get("plugins")))
    names = _named(plugins, before, wanted)
    if wanted.get(CONF_METER):
        own["meter_device_id"] = names[wanted[CONF_METER]]
    for key, section in ((CONF_OPENINGS, "openings"), (CONF_PRESENCE, "presence")):
        there = dict(_mapping(own.get(section)))
        kept = [each for each in _sensors(there) if each not in before]
        sensors = kept + [names[each] for each in dict.fromkeys(wanted.get(key, ()))]
        if section == "presence" and wanted.get(CONF_PRESET):
            there["preset"] = wanted[CONF_PRESET]
        if sensors:
            own[section] = {**there, "sensors": sensors}
        elif section == "openings" and there.keys() - {"sensors"}:
            own[section] = {**there, "sensors": []}
        else:
            own.pop(section, None)
    zones = document.get("zones")
    if isinstance(zones, Mapping) and zone in zones:
        changed["zones"] = {**zones, zone: own}
    else:
        changed = own
    if plugins:
        changed["plugins"] = plugins
    return changed


def _named(
    plugins: dict[str, Any], before: Mapping[str, str], wanted: Mapping[str, Any]
) -> dict[str, str]:
    """Return the device id of each entity that is wanted, after adding it to `plugins`."""
    # One that is there keeps its name, whatever the entity is called by now.
    there_already = {entity: device_id for device_id, entity in before.items()}
    names = {}
    for entity_id in (
        *filter(None, [wanted.get(CONF_METER)]),
        *wanted.get(CONF_OPENINGS, ()),
        *wanted.get(CONF_PRESENCE, ()),
    ):
        if entity_id in names:
            continue  # one entity may be both opening and presence
        if entity_id in there_already:
            names[entity_id] = there_already[entity_id]
            continue
        name = name_of(entity_id)
        if name in plugins:
            # It is of an entity that was called so before, or no entity at all.
            name = _digested(name, entity_id)
        names[entity_id] = f"{PLUGIN}{name}"
        plugins[name] = {"sensor": NAME, "entity_id": entity_id}
    return names


def _own(document: Mapping[str, Any], zone: str) -> Mapping[str, Any]:
    zones = document.get("zones")
    if isinstance(zones, Mapping) and isinstance(zones.get(zone), Mapping):
        found: Mapping[str, Any] = zones[zone]
        return found
    return document


def _mapping(value: object) -> Mapping[str, Any]:
    """Return a part of a document that a person may have written, empty if it is none."""
    return value if isinstance(value, Mapping) else {}


def _ours(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the name and part of each of the `plugins` that is an entity, read or not."""
    for name, part in _mapping(document.get("plugins")).items():
        if _mapping(part).get("sensor") == NAME:
            yield name, part


def _entities(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the entity of each device id of a settings document that is one."""
    return {
        f"{PLUGIN}{name}": part["entity_id"]
        for name, part in _ours(document)
        if isinstance(part.get("entity_id"), str)
    }


def _parts_of(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the entities' part of the `plugins`, without what the engine sets aside."""
    found: dict[str, Mapping[str, Any]] = {}
    for name, part in _ours(document):
        with suppress(vol.Invalid):
            found[name] = SCHEMA({k: v for k, v in part.items() if k != "sensor"})
    return found


def _sensors(section: Mapping[str, Any]) -> list[str]:
    sensors = section.get("sensors")
    if not isinstance(sensors, list | tuple):
        return []
    return [each for each in sensors if isinstance(each, str)]


def _of(section: Mapping[str, Any], entities: Mapping[str, str]) -> list[str]:
    return [entities[each] for each in _sensors(section) if each in entities]


class Hearing:
    """Has the engine hear what entities say, as soon as Home Assistant knows it.

    They are read besides when that is due, so that nothing depends on an event.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        self._hass = hass
        self._entry = entry
        self._parts: dict[str, Mapping[str, Any]] = {}
        self._stop: Callable[[], object] | None = None

    @callback
    def follow(
        self,
        document: Mapping[str, Any],
        engine: AutomationEngine,
        tell_renamed: Callable[[str, str], None],
    ) -> None:
        """Listen to the entities of a settings document, and to no others any more.

        `tell_renamed` is called with the ids before and after, where one is renamed.
        """
        parts = _parts_of(document)
        if parts == self._parts:
            return
        self.stop()
        self._parts = parts
        sensors: dict[str, dict[str, EntitySensor]] = {}
        for name, config in parts.items():
            sensor = EntitySensor(self._hass, config)
            for key in _ENTITIES:
                if key in config:
                    sensors.setdefault(config[key], {})[name] = sensor

        @callback
        def hear(event: Event[EventStateChangedData]) -> None:
            for name, sensor in sensors[event.data["entity_id"]].items():
                self._entry.async_create_task(
                    self._hass, _tell(engine, name, sensor), f"{DOMAIN} {name}"
                )

        @callback
        def look(event: Event[er.EventEntityRegistryUpdatedData]) -> None:
            data = event.data
            if data["action"] == "update" and "old_entity_id" in data:
                tell_renamed(data["old_entity_id"], data["entity_id"])

        if sensors:
            ends = (
                async_track_state_change_event(self._hass, sensors, hear),
                async_track_entity_registry_updated_event(self._hass, sensors, look),
            )
            self._stop = lambda: [end() for end in ends]

    @callback
    def stop(self) -> None:
        """Listen no more."""
        self._parts = {}
        if self._stop is not None:
            self._stop()
            self._stop = None


async def _tell(engine: AutomationEngine, name: str, sensor: EntitySensor) -> None:
    try:
        await engine.heard(name, await sensor.read())
    except PluginError as error:
        # What says nothing is no news; that it is silent is seen when it is read.
        _LOGGER.debug("%s", error)
    except EngineClosedError:
        return  # it was unloaded meanwhile


class EntitySensor:
    """What an entity's state says, as the cloud says it of a device."""

    def __init__(self, hass: HomeAssistant, config: Mapping[str, Any]) -> None:
        self._hass = hass
        self._config = config

    async def read(self) -> Mapping[str, Any]:
        """Return the state as fields of a status. Raises PluginError while it has none."""
        entity_id = self._config["entity_id"]
        fields = dict(self._fields(entity_id))
        other = self._config.get("humidity_entity_id")
        if other is not None:
            try:
                fields["humidity"] = self._damp(self._state(other))
            except PluginError:
                fields.pop("humidity", None)  # the temperature is what counts
        return fields

    def _fields(self, entity_id: str) -> Mapping[str, Any]:
        state = self._state(entity_id)
        domain = state.domain
        if domain in {"climate", "water_heater"}:
            return self._measured(state, "current_temperature", "current_humidity")
        if domain == "weather":
            return self._measured(state, "temperature", "humidity")
        if domain in {"sensor", "number", "input_number"}:
            return self._of_sensor(state)
        if domain == "zone":  # how many are in it
            return {"detected": _number(state.state, entity_id) > 0}
        shown = _shown(state)
        if domain in {"cover", "lock"} or (
            domain == "binary_sensor"
            and state.attributes.get(ATTR_DEVICE_CLASS) in _OPENINGS
        ):
            return {"openState": "open" if shown else "close"}
        # Of any other switch both may be wanted: a room is what the zone asks of it.
        both = {"detected": shown}
        return (
            both
            if domain in {"person", "device_tracker"}
            else {
                **both,
                "openState": "open" if shown else "close",
            }
        )

    def _state(self, entity_id: str) -> State:
        entry = er.async_get(self._hass).async_get(entity_id)
        if entry is not None and entry.platform == DOMAIN:
            # It would say for ever, and as news, what it was told of itself.
            raise PluginError(
                f"{entity_id} is made of what it is to measure", plugin=NAME
            )
        state = self._hass.states.get(entity_id)
        if state is None:
            raise PluginError(f"Home Assistant has no {entity_id}", plugin=NAME)
        if state.state in {STATE_UNAVAILABLE, STATE_UNKNOWN}:
            raise PluginError(f"{entity_id} is {state.state}", plugin=NAME)
        return state

    def _of_sensor(self, state: State) -> Mapping[str, Any]:
        self._fresh(state)
        value = _number(state.state, state.entity_id)
        unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
        if state.attributes.get(ATTR_DEVICE_CLASS) == "humidity" or unit == "%":
            return {"humidity": value}
        return {"temperature": _celsius(value, unit, state.entity_id)}

    def _damp(self, state: State) -> float:
        """Return the humidity of an entity that was chosen for it."""
        self._fresh(state)
        unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
        if unit not in {"%", None}:
            raise PluginError(
                f"{state.entity_id} is in {unit}, no humidity", plugin=NAME
            )
        return _number(state.state, state.entity_id)

    def _measured(
        self, state: State, temperature: str, humidity: str
    ) -> Mapping[str, Any]:
        self._fresh(state)
        unit = (
            state.attributes.get("temperature_unit")
            or self._hass.config.units.temperature_unit
        )
        value = _number(state.attributes.get(temperature), state.entity_id)
        fields = {"temperature": _celsius(value, unit, state.entity_id)}
        damp = state.attributes.get(humidity)
        if isinstance(damp, int | float) and not isinstance(damp, bool):
            fields["humidity"] = float(damp)
        return fields

    def _fresh(self, state: State) -> None:
        age = (dt_util.utcnow() - state.last_reported).total_seconds()
        if age > self._config["max_age_seconds"]:
            raise PluginError(
                f"{state.entity_id} has said nothing for {age / 3600:.1f} h",
                plugin=NAME,
            )


def _number(value: object, entity_id: str) -> float:
    with suppress(TypeError, ValueError):
        number = float(value)  # type: ignore[arg-type] # whatever it is
        if math.isfinite(number) and not isinstance(value, bool):
            return number
    raise PluginError(f"{entity_id} says no number", plugin=NAME)


def _celsius(value: float, unit: str | None, entity_id: str) -> float:
    if unit not in TemperatureConverter.VALID_UNITS:
        raise PluginError(f"{entity_id} is in {unit}, no temperature", plugin=NAME)
    return round(
        TemperatureConverter.convert(value, unit, UnitOfTemperature.CELSIUS), 2
    )


def _shown(state: State) -> bool:
    if state.state in _YES:
        return True
    # A person is in another zone than home.
    if state.state in _NO or state.domain in {"person", "device_tracker"}:
        return False
    raise PluginError(f"{state.entity_id} is {state.state}", plugin=NAME)
