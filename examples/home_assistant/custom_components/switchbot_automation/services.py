"""The actions of a room: how each is named, and what it takes.

Registered once, before any account is there, so that an automation which uses one is
checked while the account is not; Home Assistant before 2025.10 can only do so afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import voluptuous as vol
from homeassistant.components.climate import (
    ATTR_PRESET_MODE,
    ATTR_TARGET_TEMP_HIGH,
    ATTR_TARGET_TEMP_LOW,
)
from homeassistant.components.climate import DOMAIN as CLIMATE
from homeassistant.const import ATTR_TEMPERATURE
from homeassistant.core import HomeAssistant, SupportsResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import service
from homeassistant.helpers.entity_platform import EntityPlatform

from .const import DOMAIN

UNTIL_NEXT_CHANGE = "until_next_change"
UNTIL_END_OF_DAY = "until_end_of_day"
PERMANENT = "permanent"

_CELSIUS = vol.All(vol.Coerce(float), vol.Range(10, 35))
_HOW_LONG = {
    vol.Exclusive("duration", "how_long"): cv.positive_time_period,
    vol.Exclusive("until", "how_long"): cv.datetime,
    vol.Exclusive(UNTIL_NEXT_CHANGE, "how_long"): cv.boolean,
    vol.Exclusive(UNTIL_END_OF_DAY, "how_long"): cv.boolean,
    vol.Exclusive(PERMANENT, "how_long"): cv.boolean,
}
_OPTIONAL, _ONLY, _NONE = (
    SupportsResponse.OPTIONAL,
    SupportsResponse.ONLY,
    SupportsResponse.NONE,
)

ACTIONS: dict[str, tuple[dict[Any, Any], SupportsResponse]] = {
    "set_temperature": (
        {
            vol.Exclusive(ATTR_TEMPERATURE, "what"): _CELSIUS,
            vol.Inclusive(ATTR_TARGET_TEMP_LOW, "band"): _CELSIUS,
            vol.Inclusive(ATTR_TARGET_TEMP_HIGH, "band"): _CELSIUS,
            **_HOW_LONG,
        },
        _NONE,
    ),
    "set_preset": ({vol.Required(ATTR_PRESET_MODE): cv.string, **_HOW_LONG}, _NONE),
    "boost": (
        {
            vol.Optional("kelvin", default=2.0): vol.All(
                vol.Coerce(float), vol.Range(0.5, 5.0)
            ),
            vol.Optional("duration", default={"hours": 1}): cv.positive_time_period,
        },
        _NONE,
    ),
    "hold": (
        {
            vol.Optional("action"): vol.In(["on", "off", "fan", "winter", "summer"]),
            vol.Exclusive("duration", "how_long"): cv.positive_time_period,
            vol.Exclusive("until", "how_long"): cv.datetime,
            vol.Exclusive(UNTIL_NEXT_CHANGE, "how_long"): cv.boolean,
            vol.Exclusive(UNTIL_END_OF_DAY, "how_long"): cv.boolean,
            vol.Exclusive("release", "how_long"): cv.boolean,
        },
        _OPTIONAL,
    ),
    "skip_next_window": ({}, _NONE),
    "quiet_fan": (
        {**_HOW_LONG, vol.Exclusive("release", "how_long"): cv.boolean},
        _NONE,
    ),
    "resume": ({}, _NONE),
    "explain": ({vol.Optional("at"): cv.datetime}, _ONLY),
}
"""By name, which is that of the entity's method behind `do_`."""

_REGISTER: Callable[..., None] | None = getattr(
    service, "async_register_platform_entity_service", None
)


def register(hass: HomeAssistant) -> None:
    """Register the actions, where Home Assistant can before there is an entity."""
    if _REGISTER is None:
        return
    for name, (schema, answers) in ACTIONS.items():
        _REGISTER(
            hass,
            DOMAIN,
            name,
            entity_domain=CLIMATE,
            schema=schema,
            func=f"do_{name}",
            supports_response=answers,
        )


def register_later(platform: EntityPlatform) -> None:
    """Register them with the entities, where `register` could not."""
    if _REGISTER is not None:
        return
    for name, (schema, answers) in ACTIONS.items():
        platform.async_register_entity_service(
            name, schema, f"do_{name}", supports_response=answers
        )
