"""In which language, and in which unit, this Home Assistant tells things."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context

from homeassistant.const import UnitOfTemperature
from homeassistant.core import HomeAssistant

from switchbot_automation.languages import (
    CELSIUS,
    ENGLISH,
    FAHRENHEIT,
    asked_for,
    error_words,
    measuring,
    speaking,
    translated,
)
from switchbot_store.languages import translated as store_translated


async def learn(hass: HomeAssistant) -> None:
    """Read what is said in Home Assistant's language, which must not be on the loop."""

    def read() -> None:
        for each in (translated, store_translated):
            each("")

    with as_spoken_here(hass):
        await hass.async_add_executor_job(copy_context().run, read)


@contextmanager
def as_spoken_here(hass: HomeAssistant) -> Iterator[None]:
    """Have the engine tell things within as this Home Assistant is set up.

    English where its language is none of the engine's.
    """
    imperial = hass.config.units.temperature_unit == UnitOfTemperature.FAHRENHEIT
    unit = FAHRENHEIT if imperial else CELSIUS
    with speaking(asked_for(hass.config.language) or ENGLISH), measuring(unit):
        yield


def words_of(hass: HomeAssistant, error: BaseException) -> str:
    """Return what a person is told of an error, in Home Assistant's language."""
    with as_spoken_here(hass):
        return error_words(error)
