"""One climate entity per zone: its band, what the air conditioner does, and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from homeassistant.components.climate import (
    ATTR_HVAC_MODE,
    ATTR_TARGET_TEMP_HIGH,
    ATTR_TARGET_TEMP_LOW,
    PRESET_NONE,
    ClimateEntity,
    ClimateEntityFeature,
    HVACAction,
    HVACMode,
)
from homeassistant.const import ATTR_TEMPERATURE, PRECISION_TENTHS, UnitOfTemperature
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.entity_platform import (
    AddConfigEntryEntitiesCallback,
    async_get_current_platform,
)
from homeassistant.util import dt as dt_util

from switchbot_automation import AutomationError, ReasonCode, SettingsError
from switchbot_automation.engine.act.boosts import moved
from switchbot_store import StoreError

from . import HomeEntry, services
from .const import DOMAIN, HIGHEST, LOWEST
from .entity import ZoneEntity, add_for_zones
from .home import Home
from .language import as_spoken_here, words_of
from .services import PERMANENT, UNTIL_END_OF_DAY, UNTIL_NEXT_CHANGE

_MODES = {
    "winter": HVACMode.HEAT,
    "summer": HVACMode.COOL,
    "auto": HVACMode.HEAT_COOL,
}
_SEASONS = {mode: season for season, mode in _MODES.items()}
_ACTIONS = {
    "winter": HVACAction.HEATING,
    "summer": HVACAction.COOLING,
    "fan": HVACAction.FAN,
    "off": HVACAction.IDLE,
}
# What sends commands or writes settings does so one after another.
PARALLEL_UPDATES = 1


async def async_setup_entry(
    hass: HomeAssistant, entry: HomeEntry, add: AddConfigEntryEntitiesCallback
) -> None:
    add_for_zones(entry, add, ZoneClimate)
    services.register_later(async_get_current_platform())


class ZoneClimate(ZoneEntity, ClimateEntity):
    """A room. Off means that the automation is off, the air conditioner with it."""

    _attr_name = None
    _attr_precision = PRECISION_TENTHS
    _attr_target_temperature_step = 0.5
    _attr_native_temperature_unit = UnitOfTemperature.CELSIUS
    _attr_min_temp = LOWEST
    _attr_max_temp = HIGHEST
    _attr_supported_features = (
        ClimateEntityFeature.TARGET_TEMPERATURE_RANGE
        | ClimateEntityFeature.TARGET_TEMPERATURE
        | ClimateEntityFeature.PRESET_MODE
        | ClimateEntityFeature.TURN_ON
        | ClimateEntityFeature.TURN_OFF
    )

    def __init__(self, home: Home, zone: str) -> None:
        super().__init__(home, zone, "room")

    @property
    def hvac_modes(self) -> list[HVACMode]:
        """Those that the settings have temperatures for, and the one that they say."""
        known = set(self.coordinator.data.seasons.get(self.zone, ()))
        if known >= {"winter", "summer"}:
            known.add("auto")
        known.add(self.shown.get("mode", ""))
        possible = [mode for mode, season in _SEASONS.items() if season in known]
        return [HVACMode.OFF, *possible]

    @property
    def hvac_mode(self) -> HVACMode:
        if not self.shown.get("enabled"):
            return HVACMode.OFF
        return _MODES[self.shown["mode"]]

    @property
    def hvac_action(self) -> HVACAction | None:
        action = _ACTIONS.get(self.shown.get("action") or "")
        if action is HVACAction.IDLE and self.hvac_mode is HVACMode.OFF:
            return HVACAction.OFF
        return action  # None: nobody knows, it is infrared

    @property
    def native_current_temperature(self) -> float | None:
        return None if self.shown.get("stale") else self.shown.get("temperature")

    @property
    def current_humidity(self) -> float | None:
        return None if self.shown.get("stale") else self.shown.get("humidity")

    @property
    def native_target_temperature_low(self) -> float | None:
        return (self.shown.get("wanted") or {}).get("low")

    @property
    def native_target_temperature_high(self) -> float | None:
        return (self.shown.get("wanted") or {}).get("high")

    @property
    def preset_modes(self) -> list[str]:
        return [PRESET_NONE, *self.shown.get("presets", ())]

    @property
    def preset_mode(self) -> str:
        return (self.shown.get("wish") or {}).get("preset") or PRESET_NONE

    # As they are called before Home Assistant 2026.11; beside the new names, and in one
    # class with them, nothing is said of the old ones. They are final there, which only
    # a type checker minds.
    vars().update(
        _attr_temperature_unit=UnitOfTemperature.CELSIUS,
        current_temperature=native_current_temperature,
        target_temperature_low=native_target_temperature_low,
        target_temperature_high=native_target_temperature_high,
    )

    @property
    def extra_state_attributes(self) -> Mapping[str, Any]:
        shown = self.shown
        return {
            "assumed_power": shown.get("power"),
            "uncertain": shown.get("uncertain"),
            "hold_until": shown.get("hold_until"),
            "quiet_fan_until": shown.get("quiet_fan_until"),
            "skipped_windows": shown.get("skipped_windows", []),
            "in_window": shown.get("in_window") is not None,
            "expected_back": (shown.get("room") or {}).get("expected_back"),
            "reasons": [reason["text"] for reason in shown.get("reasons", ())],
        }

    async def async_set_hvac_mode(self, hvac_mode: HVACMode) -> None:
        if hvac_mode not in self.hvac_modes:
            # Home Assistant asks this itself, except beside a temperature.
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="refused",
                translation_placeholders={"error": f"no mode {hvac_mode}"},
            )
        if hvac_mode is HVACMode.OFF:
            await self._ask(self.coordinator.quick_off(self.zone))
            return
        await self._ask(self.coordinator.resume(self.zone, _SEASONS[hvac_mode]))

    async def async_turn_off(self) -> None:
        await self.async_set_hvac_mode(HVACMode.OFF)

    async def async_turn_on(self) -> None:
        await self.async_set_hvac_mode(_MODES[self.shown["mode"]])

    async def async_set_temperature(self, **kwargs: Any) -> None:
        """Want other temperatures until the next change of the windows.

        Refused whole for a room that is off, or is to be: nothing would keep them.
        """
        mode = kwargs.get(ATTR_HVAC_MODE)
        if mode is HVACMode.OFF or (mode is None and not self.shown.get("enabled")):
            raise ServiceValidationError(
                translation_domain=DOMAIN, translation_key="no_wish_while_off"
            )
        band: tuple[float, float] | None = None
        if ATTR_TARGET_TEMP_LOW in kwargs:
            band = kwargs[ATTR_TARGET_TEMP_LOW], kwargs[ATTR_TARGET_TEMP_HIGH]
        elif ATTR_TEMPERATURE not in kwargs:
            raise ServiceValidationError(
                translation_domain=DOMAIN, translation_key="no_temperature"
            )
        if mode is not None and mode != self.hvac_mode:
            if band is not None and (season := _SEASONS.get(mode)):
                # Or the mode would be another one already when the band is refused.
                await self._ask(self.coordinator.check_band(self.zone, season, band))
            await self.async_set_hvac_mode(mode)
        if band is None:
            # As wide as it is, around another middle, of what the mode has now.
            wanted = self.shown.get("wanted") or {"low": 20.0, "high": 20.0}
            now = wanted["low"], wanted["high"]
            band = moved(now, kwargs[ATTR_TEMPERATURE] - sum(now) / 2)
        until = kwargs.get("until")
        await self._ask(self.coordinator.wish(self.zone, band, until))

    async def async_set_preset_mode(self, preset_mode: str) -> None:
        if preset_mode == PRESET_NONE:
            await self._ask(self.coordinator.release(self.zone))
            return
        await self._ask(self.coordinator.preset(self.zone, preset_mode))

    async def do_set_temperature(
        self,
        *,
        duration: timedelta | None = None,
        until: datetime | None = None,
        until_next_change: bool = False,
        until_end_of_day: bool = False,
        permanent: bool = False,
        **temperatures: float,
    ) -> None:
        """The action `set_temperature`: as the climate's own, and for how long."""
        if ATTR_TEMPERATURE in temperatures and len(temperatures) > 1:
            raise ServiceValidationError(
                translation_domain=DOMAIN, translation_key="no_temperature"
            )
        end = _end(
            duration, until, until_end_of_day=until_end_of_day, permanent=permanent
        )
        await self.async_set_temperature(**temperatures, until=end)

    async def do_set_preset(
        self,
        preset_mode: str,
        *,
        duration: timedelta | None = None,
        until: datetime | None = None,
        until_next_change: bool = False,
        until_end_of_day: bool = False,
        permanent: bool = False,
    ) -> None:
        """The action `set_preset`: a preset, and for how long."""
        if preset_mode == PRESET_NONE:
            await self.async_set_preset_mode(preset_mode)
            return
        end = _end(
            duration, until, until_end_of_day=until_end_of_day, permanent=permanent
        )
        await self._ask(self.coordinator.preset(self.zone, preset_mode, end))

    async def do_boost(self, kelvin: float, duration: timedelta) -> None:
        """The action `boost`: warmer in winter, cooler in summer, and only for a while."""
        if not self.shown.get("wanted"):
            raise ServiceValidationError(
                translation_domain=DOMAIN, translation_key="no_wish_while_off"
            )
        await self._ask(self.coordinator.boost(self.zone, kelvin, duration))

    async def do_hold(
        self,
        action: str | None = None,
        *,
        duration: timedelta | None = None,
        until: datetime | None = None,
        until_next_change: bool = False,
        until_end_of_day: bool = False,
        release: bool = False,
    ) -> dict[str, Any]:
        """The action `hold`; its answer says how far an action came.

        `others_wait` are the entities' zones that share an outdoor unit with this one
        and have to do without it, and until when at the latest.
        """
        how_long: timedelta | datetime | str | None = duration
        if release:
            how_long = "none"
        elif until_end_of_day:
            how_long = UNTIL_END_OF_DAY
        elif until is not None:
            how_long = _with_offset(until)
        elif duration is None and (until_next_change or action is None):
            how_long = UNTIL_NEXT_CHANGE
        engine = self.coordinator.engine
        if action is None:
            how_long = UNTIL_NEXT_CHANGE if how_long is None else how_long
            await self._ask(engine.hold(self.zone, how_long))
            return {}
        command = await self._ask(engine.act(self.zone, action, how_long))
        until = command.blocked_until
        return {
            "status": str(command.status),
            "blocked_until": until.isoformat() if until else None,
            "others_wait": next(
                (
                    {"zones": reason.detail["zones"], "until": reason.detail["until"]}
                    for reason in command.reasons
                    if reason.code is ReasonCode.GROUP_OTHERS_WAIT
                ),
                None,
            ),
        }

    async def do_skip_next_window(self) -> None:
        """The action `skip_next_window`: do without the next hours, once."""
        await self._ask(self.coordinator.engine.skip_next_window(self.zone))

    async def do_quiet_fan(
        self,
        *,
        duration: timedelta | None = None,
        until: datetime | None = None,
        until_next_change: bool = False,
        until_end_of_day: bool = False,
        permanent: bool = False,
        release: bool = False,
    ) -> None:
        """The action `quiet_fan`: run the fan low for a time."""
        end = _end(
            duration, until, until_end_of_day=until_end_of_day, permanent=permanent
        )
        engine = self.coordinator.engine
        await self._ask(engine.quiet_fan(self.zone, "none" if release else end))

    async def do_resume(self) -> None:
        """The action `resume`: look after the room again, as its settings say."""
        await self._ask(self.coordinator.engine.resume(self.zone))

    async def do_explain(self, at: datetime | None = None) -> dict[str, Any]:
        """The action `explain`; a time without an offset is Home Assistant's."""
        at = None if at is None else _with_offset(at)
        answer = await self._ask(self.coordinator.engine.explain(self.zone, at))
        with as_spoken_here(self.hass):
            found: dict[str, Any] = answer.to_dict()
        return found

    async def _ask(self, asked: Any) -> Any:
        try:
            # Some words are chosen where they are said, others where they are read.
            with as_spoken_here(self.hass):
                answer = await asked
        except (SettingsError, ValueError) as error:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="refused",
                translation_placeholders={"error": words_of(self.hass, error)},
            ) from error
        except (StoreError, AutomationError) as error:
            kept = isinstance(error, AutomationError)
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="failed" if kept else "store",
                translation_placeholders={"error": words_of(self.hass, error)},
            ) from error
        self.coordinator.show()
        return answer


def _end(
    duration: timedelta | None,
    until: datetime | None,
    *,
    until_end_of_day: bool,
    permanent: bool,
) -> timedelta | datetime | str:
    """Return the end of a wish as the engine takes it."""
    if until_end_of_day:
        return UNTIL_END_OF_DAY
    if permanent:
        return PERMANENT
    if until is not None:
        return _with_offset(until)
    return UNTIL_NEXT_CHANGE if duration is None else duration


def _with_offset(at: datetime) -> datetime:
    """Take a time without an offset for Home Assistant's."""
    zone = dt_util.get_default_time_zone()
    return at if at.tzinfo is not None else at.replace(tzinfo=zone)
