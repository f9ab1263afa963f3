"""Zones as entities that other hubs find by themselves, and their states. No I/O.

The descriptions are Home Assistant's MQTT discovery (home-assistant.io, "MQTT", as of
2026.11), one topic an entity: openHAB and Node-RED read that form, too. Entities are named
in the language that is spoken where they are described; their ids are the same in all. A
state is one JSON object a zone; what is not known is null in it, never a number that was
true once.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from switchbot_automation.languages import later
from switchbot_automation.languages import translated as _
from switchbot_automation.mqtt.topics import topic_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from switchbot_automation.mqtt.topics import Topics

ONLINE: Final = b"online"
OFFLINE: Final = b"offline"

SEASONS: Final = {"heat": "winter", "cool": "summer", "heat_cool": "auto"}
"""What a mode of other hubs is called in the settings."""

_MODES: Final = {season: mode for mode, season in SEASONS.items()}
_ACTIONS: Final = {"winter": "heating", "summer": "cooling", "fan": "fan"}
# What `engine.set_temperature` takes.
_LOWEST, _HIGHEST, _STEP = 10.0, 35.0, 0.5
# Home Assistant's own words, which it keeps for the absence of one.
_NO_PRESET: Final = "none"
_OURSELVES: Final = "switchbot-automation"
# What every state has had since there are any, and nothing else is known to have.
_MARKS: Final = frozenset({"assumed_power", "hold_until", "reasons", "wish_until"})
_ROOM: Final = (
    "kept",
    "recovering",
    "not_kept",
    "blind",
    "paused",
    "off",
    "unknown",
)


class Described(NamedTuple):
    """One entity: the topic of its description and the description."""

    topic: str
    config: dict[str, Any]


def modes_of(zone: Mapping[str, Any], seasons: tuple[str, ...]) -> list[str]:
    """Return the modes a zone can be put into: those it has temperatures for."""
    both = ("winter", "summer")
    possible = [each for each in both if each in seasons]
    if len(possible) == len(both):
        possible.append("auto")
    if zone["mode"] not in possible:
        possible.append(zone["mode"])
    return ["off", *(_MODES[each] for each in possible)]


def described(
    zone: Mapping[str, Any], topics: Topics, seasons: tuple[str, ...]
) -> Iterator[Described]:
    """Yield the entities of a zone of `engine.overview()`.

    `seasons` are those that its settings have temperatures for.
    """
    name = zone["name"]

    def entity(component: str, what: str, /, **config: Any) -> Described:
        common = {
            "unique_id": f"{topics.node}_{topic_id(name)}_{what}",
            "availability_topic": topics.availability,
            "device": _device(name, topics),
            "origin": _origin(),
            "qos": 1,
        }
        return Described(topics.config(component, name, what), {**common, **config})

    def shown(component: str, what: str, /, **config: Any) -> Described:
        return entity(
            component,
            what,
            state_topic=topics.state(name),
            value_template=f"{{{{ value_json.{what} }}}}",
            **config,
        )

    yield entity("climate", "climate", name=None, **_climate(zone, topics, seasons))
    celsius = {"unit_of_measurement": "°C", "state_class": "measurement"}
    yield shown(
        "sensor",
        "temperature",
        name=_("Temperature"),
        device_class="temperature",
        suggested_display_precision=1,
        **celsius,
    )
    yield shown(
        "sensor",
        "humidity",
        name=_("Humidity"),
        device_class="humidity",
        unit_of_measurement="%",
        state_class="measurement",
    )
    yield shown(
        "sensor",
        "room",
        name=_("Room"),
        device_class="enum",
        options=list(_ROOM),
        icon="mdi:home-thermometer",
        entity_category="diagnostic",
    )
    yield shown(
        "sensor",
        "why",
        name=_("Why"),
        icon="mdi:comment-question-outline",
        entity_category="diagnostic",
    )
    yield shown(
        "sensor",
        "hold_until",
        name=_("Held until"),
        device_class="timestamp",
        icon="mdi:hand-back-left",
        entity_category="diagnostic",
    )
    yield entity(
        "binary_sensor",
        "problem",
        name=_("Problem"),
        device_class="problem",
        state_topic=topics.state(name),
        # How a template writes a truth differs from hub to hub.
        value_template="{{ 'ON' if value_json.problem else 'OFF' }}",
        payload_on="ON",
        payload_off="OFF",
        entity_category="diagnostic",
    )
    for what, label, icon, payload in _BUTTONS:
        yield entity(
            "button",
            what,
            name=_(label),
            icon=icon,
            command_topic=topics.command(name, what),
            payload_press=payload,
        )


_BUTTONS: Final = (
    ("resume", later("Resume"), "mdi:play", "PRESS"),
    ("boost", later("Boost"), "mdi:rocket-launch", "PRESS"),
    (
        "hold",
        later("Hold until the next change"),
        "mdi:hand-back-left",
        "until_next_change",
    ),
    ("skip_next_window", later("Skip next hours"), "mdi:skip-next", "PRESS"),
    ("refresh", later("Read now"), "mdi:refresh", "PRESS"),
)


def _climate(
    zone: Mapping[str, Any], topics: Topics, seasons: tuple[str, ...]
) -> dict[str, Any]:
    name, state = zone["name"], topics.state(zone["name"])
    config: dict[str, Any] = {
        "modes": modes_of(zone, seasons),
        "mode_command_topic": topics.command(name, "mode"),
        "mode_state_topic": state,
        "mode_state_template": "{{ value_json.mode }}",
        "action_topic": state,
        "action_template": "{{ value_json.action }}",
        "current_temperature_topic": state,
        "current_temperature_template": "{{ value_json.temperature }}",
        "current_humidity_topic": state,
        "current_humidity_template": "{{ value_json.humidity }}",
        "temperature_command_topic": topics.command(name, "temperature"),
        "temperature_state_topic": state,
        "temperature_state_template": "{{ value_json.target }}",
        "temperature_low_command_topic": topics.command(name, "low"),
        "temperature_low_state_topic": state,
        "temperature_low_state_template": "{{ value_json.low }}",
        "temperature_high_command_topic": topics.command(name, "high"),
        "temperature_high_state_topic": state,
        "temperature_high_state_template": "{{ value_json.high }}",
        "temperature_unit": "C",
        "min_temp": _LOWEST,
        "max_temp": _HIGHEST,
        "temp_step": _STEP,
        "precision": 0.1,
        "json_attributes_topic": state,
    }
    if presets := [each for each in zone["presets"] if each != _NO_PRESET]:
        config |= {
            "preset_modes": presets,
            "preset_mode_command_topic": topics.command(name, "preset"),
            "preset_mode_state_topic": state,
            "preset_mode_value_template": "{{ value_json.preset }}",
        }
    return config


def state_of(zone: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of a zone of `engine.overview()` as it is published.

    `low` and `high` are the band in degrees Celsius as it can be set, `target` its middle;
    `preset` is ``none`` without one; `problem` is whether a person has to do something.
    """
    wanted, wish, room = zone["wanted"], zone["wish"], zone["room"]
    stale = zone["stale"]
    reasons = [each["text"] for each in zone["reasons"]]
    return {
        "mode": _MODES[zone["mode"]] if zone["enabled"] else "off",
        "action": _action(zone),
        "temperature": None if stale else zone["temperature"],
        "humidity": None if stale else zone["humidity"],
        "target": round((wanted["low"] + wanted["high"]) / 2, 2) if wanted else None,
        "low": wanted["low"] if wanted else None,
        "high": wanted["high"] if wanted else None,
        "preset": (wish and wish["preset"]) or _NO_PRESET,
        "wish_until": wish["until"] if wish else None,
        "hold_until": zone["hold_until"],
        "quiet_fan_until": zone["quiet_fan_until"],
        "skipped_windows": zone["skipped_windows"],
        "in_window": zone["in_window"] is not None,
        "assumed_power": zone["power"],
        "room": room["status"],
        "advice": room["advice"],
        "problem": bool(room["advice"]),
        "expected_back": room["expected_back"],
        "why": reasons[0][:255] if reasons else None,
        "reasons": reasons,
    }


def is_ours(payload: bytes) -> bool:
    """Tell whether what lies on a broker is a description or a state of this program's.

    >>> is_ours(b'{"origin": {"name": "switchbot-automation"}}'), is_ours(b"ON")
    (True, False)
    """
    try:
        found = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(found, dict):
        return False
    origin = found.get("origin")
    named = isinstance(origin, dict) and origin.get("name") == _OURSELVES
    return named or found.keys() >= _MARKS


def _action(zone: Mapping[str, Any]) -> str | None:
    action = zone["action"]
    if action == "off":
        return "idle" if zone["enabled"] else "off"
    return _ACTIONS.get(action or "")


def _device(name: str, topics: Topics) -> dict[str, Any]:
    return {
        "identifiers": [f"{topics.node}_{topic_id(name)}"],
        "name": name if topics.home is None else f"{topics.home} {name}",
        "manufacturer": _OURSELVES,
        "model": "Zone",
        "sw_version": version("switchbot-automation"),
    }


def _origin() -> dict[str, str]:
    return {
        "name": _OURSELVES,
        "sw_version": version("switchbot-automation"),
    }
