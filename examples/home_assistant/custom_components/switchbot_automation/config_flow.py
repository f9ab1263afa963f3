"""Account, first room, new credentials, and the whole settings document as an option."""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import voluptuous as vol
from homeassistant.config_entries import (
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    OptionsFlow,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import selector
from homeassistant.helpers.network import NoURLAvailableError

from switchbot_automation import SettingsError
from switchbot_automation.cloud.catalog.catalog import device_types, find
from switchbot_automation.errors import AuthError, CloudError, WebhookConflictError
from switchbot_automation.model import DEFAULT_ZONE, Device, DeviceList, Remote
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.settings.secrets import SecretMaskError, SecretMasks
from switchbot_store import Entry, StoreConflictError, StoreError

from . import HomeEntry
from .account import DEFAULT_BASE_URL, connect, devices_in, devices_of
from .const import (
    CONF_AIRCON,
    CONF_BASE_URL,
    CONF_DEVICES,
    CONF_HIGH,
    CONF_LOW,
    CONF_METER,
    CONF_MODE,
    CONF_OPENINGS,
    CONF_PRESENCE,
    CONF_PRESET,
    CONF_PUSH,
    CONF_SECRET,
    CONF_SETTINGS,
    CONF_TOKEN,
    CONF_ZONE,
    DOMAIN,
)
from .home import Home, directory_of
from .language import words_of
from .push import is_wanted
from .sources import sources_of, with_sources

_LOGGER = logging.getLogger(__name__)

_PASSWORD = selector.TextSelector(
    selector.TextSelectorConfig(type=selector.TextSelectorType.PASSWORD)
)
_CREDENTIALS: dict[vol.Marker, Any] = {
    vol.Required(CONF_TOKEN): _PASSWORD,
    vol.Required(CONF_SECRET): _PASSWORD,
}
_ACCOUNT = vol.Schema(
    {**_CREDENTIALS, vol.Optional(CONF_BASE_URL, default=DEFAULT_BASE_URL): str}
)
_OPENINGS = selector.EntitySelector(
    selector.EntitySelectorConfig(
        domain=["binary_sensor", "cover", "group", "lock", "input_boolean"],
        multiple=True,
    )
)
_PRESENCE = selector.EntitySelector(
    selector.EntitySelectorConfig(
        domain=[
            "binary_sensor",
            "person",
            "device_tracker",
            "group",
            "input_boolean",
            "zone",
        ],
        multiple=True,
    )
)
_TEMPERATURE = selector.NumberSelector(
    selector.NumberSelectorConfig(
        min=10, max=35, step=0.5, unit_of_measurement="°C",
        mode=selector.NumberSelectorMode.BOX,
    )
)  # fmt: skip


class AutomationFlow(ConfigFlow, domain=DOMAIN):
    """Ask for the account, then for one room."""

    VERSION = 1

    def __init__(self) -> None:
        self._account: dict[str, Any] = {}
        self._found = DeviceList((), ())
        self._former = ""
        self._former_devices: set[str] = set()

    @staticmethod
    @callback
    def async_get_options_flow(config_entry: HomeEntry) -> OptionsFlow:
        return SettingsFlow()

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        errors: dict[str, str] = {}
        if user_input is not None:
            user_input = _as_copied(user_input)
            token = user_input[CONF_TOKEN]
            # The token itself must not become an identifier that shows everywhere.
            await self.async_set_unique_id(
                hashlib.sha256(token.encode()).hexdigest()[:16]
            )
            self._abort_if_unique_id_configured()
            errors = await self._try(user_input)
            if not errors:
                self._abort_if_account_configured()
                self._account = user_input
                left = await self.hass.async_add_executor_job(self._left)
                if left is not None:
                    self._former, self._former_devices = left
                    return await self.async_step_former()
                return await self.async_step_room()
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(_ACCOUNT, user_input),
            errors=errors,
        )

    async def async_step_former(
        self, _user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """What is to become of what a removed entry left."""
        return self.async_show_menu(step_id="former", menu_options=["go_on", "room"])

    async def async_step_go_on(
        self, _user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Take up the rooms, settings and history that a removed entry left."""
        await self.async_set_unique_id(self._former)
        self._abort_if_unique_id_configured()
        self._abort_if_account_configured()
        # Or it would be nobody's account until its first start is through.
        devices = sorted(self._former_devices)
        return self.async_create_entry(
            title="SwitchBot", data={**self._account, CONF_DEVICES: devices}
        )

    def _left(self) -> tuple[str, set[str]] | None:
        """Return under which name the account's rooms lie since an entry was removed.

        And their devices. Reads files. The last one that was written, where there are
        several.
        """
        taken = {each.unique_id for each in self._async_current_entries()}
        listed = self._listed()
        found: list[tuple[float, str, set[str]]] = []
        homes = directory_of(self.hass, self.unique_id).parent
        for path in homes.glob("*/settings.json"):
            with suppress(OSError, ValueError):
                ours = devices_in(json.loads(path.read_text("utf-8")))
                if path.parent.name not in taken and not ours.isdisjoint(listed):
                    found.append((path.stat().st_mtime, path.parent.name, ours))
        return max(found, key=lambda each: each[:2])[1:] if found else None

    def _unused(self, name: str) -> str:
        """Return a name under which nothing lies yet. Reads files."""
        while directory_of(self.hass, name).exists():
            name = secrets.token_hex(8)
        return name

    async def async_step_room(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        meters = {d.device_id: d for d in self._found.devices if _is_meter(d)}
        remotes = {r.device_id: r for r in self._found.remotes if _is_aircon(r)}
        if not meters or not remotes:
            return self.async_abort(reason="no_devices")
        errors: dict[str, str] = {}
        if user_input is not None:
            settings = _first_settings(user_input, self.hass.config.time_zone)
            try:
                # Timezones are files, which must not be read on the loop.
                await self.hass.async_add_executor_job(parse_settings, settings)
            except SettingsError as error:
                _LOGGER.debug("first settings: %s", error)
                errors["base"] = "band"
            else:
                # Of the account what was chosen counts, nothing that was left here.
                name = await self.hass.async_add_executor_job(
                    self._unused, self.unique_id or ""
                )
                await self.async_set_unique_id(name)
                # Another flow may have been through meanwhile, by another token.
                self._abort_if_account_configured()
                return self.async_create_entry(
                    title=meters[user_input[CONF_METER]].name or "SwitchBot",
                    data={**self._account, CONF_SETTINGS: settings},
                )
        schema = vol.Schema(
            {
                vol.Required(CONF_METER): _choice(meters),
                vol.Required(CONF_AIRCON): _choice(remotes),
                vol.Required(CONF_MODE, default="winter"): selector.SelectSelector(
                    selector.SelectSelectorConfig(
                        options=["winter", "summer"], translation_key="mode"
                    )
                ),
                vol.Required(CONF_LOW, default=20.0): _TEMPERATURE,
                vol.Required(CONF_HIGH, default=22.0): _TEMPERATURE,
            }
        )
        return self.async_show_form(
            step_id="room",
            data_schema=self.add_suggested_values_to_schema(schema, user_input),
            errors=errors,
        )

    async def async_step_reauth(
        self, entry_data: Mapping[str, Any]
    ) -> ConfigFlowResult:
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        return await self._renewed(
            self._get_reauth_entry(),
            user_input,
            step_id="reauth_confirm",
            schema=vol.Schema(_CREDENTIALS),
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        entry = self._get_reconfigure_entry()
        known = {CONF_BASE_URL: entry.data.get(CONF_BASE_URL) or DEFAULT_BASE_URL}
        return await self._renewed(
            entry,
            user_input,
            step_id="reconfigure",
            # Where the account is may be shown again, its secrets may not.
            schema=self.add_suggested_values_to_schema(_ACCOUNT, user_input or known),
        )

    async def _renewed(
        self,
        entry: ConfigEntry,
        user_input: dict[str, Any] | None,
        *,
        step_id: str,
        schema: vol.Schema,
    ) -> ConfigFlowResult:
        """Take new credentials for an entry, if they are of the same account."""
        errors: dict[str, str] = {}
        if user_input is not None:
            user_input = _as_copied(user_input)
            errors = await self._try({**entry.data, **user_input})
            if not errors:
                if devices_of(entry) and not self._has_devices_of(entry):
                    return self.async_abort(reason="wrong_account")
                self._abort_if_account_configured(besides=entry)
                return self.async_update_reload_and_abort(
                    entry, data_updates=user_input
                )
        return self.async_show_form(step_id=step_id, data_schema=schema, errors=errors)

    @callback
    def _abort_if_account_configured(self, besides: ConfigEntry | None = None) -> None:
        """Raise AbortFlow where another entry has the account that was found.

        The cloud names no account, and a token may be a new one: the account is known by
        its devices. Two engines must not run one unit.
        """
        for entry in self._async_current_entries():
            other = besides is None or entry.entry_id != besides.entry_id
            if other and self._has_devices_of(entry):
                raise AbortFlow("already_configured")

    def _has_devices_of(self, entry: ConfigEntry) -> bool:
        """Tell whether what was found is the account of an entry."""
        return not devices_of(entry).isdisjoint(self._listed())

    def _listed(self) -> set[str]:
        devices = {each.device_id for each in self._found.devices}
        return devices | {each.device_id for each in self._found.remotes}

    async def _try(self, data: Mapping[str, Any]) -> dict[str, str]:
        try:
            self._found = await connect(self.hass, data).devices()
            # Reads a file the first time, which must not happen on the loop.
            await self.hass.async_add_executor_job(device_types)
        except AuthError:
            return {"base": "invalid_auth"}
        except CloudError as error:
            _LOGGER.warning("the cloud cannot be asked: %s", error)
            return {"base": "cannot_connect"}
        return {}


class SettingsFlow(OptionsFlow):
    """What a room is measured by, how events come, and the whole settings document."""

    def __init__(self) -> None:
        self._zone = DEFAULT_ZONE
        self._masks = SecretMasks()
        self._shown: Entry | None = None

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        assert self._home  # noqa: S101 - else it is not loaded, and this ends the flow
        return self.async_show_menu(
            step_id="init", menu_options=["zone", "push", "settings"]
        )

    async def async_step_settings(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """The whole settings document, checked as a hand edit would be."""
        errors: dict[str, str] = {}
        problem = ""
        if user_input is not None and self._shown is not None:
            try:
                # What was not shown is what it was.
                wanted = self._masks.restored(
                    user_input[CONF_SETTINGS], self._shown.data
                )
            except SecretMaskError as error:
                errors = {"base": "settings"}
                problem = words_of(self.hass, error)
            else:
                errors, problem = await self._apply(wanted, self._shown)
            if not errors:
                return self._done()
        document = (user_input or {}).get(CONF_SETTINGS)
        self._shown = await self._home.engine.stored_settings()
        masked = self._masks.masked(dict(self._shown.data))
        return self.async_show_form(
            step_id="settings",
            data_schema=vol.Schema(
                {
                    vol.Required(
                        CONF_SETTINGS, default=document or masked
                    ): selector.ObjectSelector()
                }
            ),
            errors=errors,
            description_placeholders={"problem": problem},
        )

    async def async_step_zone(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Which room it is about, where there are several."""
        zones = list(self._home.data.zones)
        if not zones:  # the settings cannot be used, which a repair says
            return self.async_abort(reason="no_room")
        if user_input is None and len(zones) > 1:
            choice = selector.SelectSelector(
                selector.SelectSelectorConfig(options=zones)
            )
            return self.async_show_form(
                step_id="zone",
                data_schema=vol.Schema({vol.Required(CONF_ZONE): choice}),
            )
        self._zone = user_input[CONF_ZONE] if user_input else zones[0]
        return await self.async_step_sources()

    async def async_step_sources(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Any entity as a room's meter, openings and presence."""
        errors: dict[str, str] = {}
        problem = ""
        stored = await self._home.engine.stored_settings()
        document = dict(stored.data)
        if self._zone not in self._home.data.zones:
            # It was there when the form was shown. Its entities are not for all rooms.
            return self.async_abort(reason="no_room")
        if user_input is not None:
            changed = with_sources(document, self._zone, user_input)
            errors, problem = await self._apply(changed, stored)
            if not errors:
                return self._done()
        presets = list(self._home.data.zones[self._zone].get("presets", ()))
        fields: dict[vol.Marker, Any] = {
            vol.Optional(CONF_METER): _meter(self.hass),
            vol.Optional(CONF_OPENINGS): _OPENINGS,
        }
        if presets:
            fields[vol.Optional(CONF_PRESENCE)] = _PRESENCE
            fields[vol.Optional(CONF_PRESET)] = selector.SelectSelector(
                selector.SelectSelectorConfig(options=presets)
            )
        return self.async_show_form(
            step_id="sources",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema(fields), user_input or sources_of(document, self._zone)
            ),
            errors=errors,
            description_placeholders={"problem": problem, "zone": self._zone},
        )

    async def async_step_push(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Whether the cloud is to push events to this Home Assistant."""
        errors: dict[str, str] = {}
        problem = ""
        if user_input is not None:
            push = self._home.push
            try:
                if user_input[CONF_PUSH]:
                    await push.start(self._home.engine.handle_webhook)
                elif is_wanted(self.config_entry):
                    await push.give_back()
            except NoURLAvailableError:
                errors["base"] = "no_url"
            except WebhookConflictError as error:
                errors["base"] = "push_taken"
                problem = words_of(self.hass, error)
            except CloudError as error:
                errors["base"] = "cannot_connect"
                problem = words_of(self.hass, error)
            else:
                return self._done({CONF_PUSH: user_input[CONF_PUSH]})
        wanted = is_wanted(self.config_entry)
        return self.async_show_form(
            step_id="push",
            data_schema=vol.Schema({vol.Required(CONF_PUSH, default=wanted): bool}),
            errors=errors,
            description_placeholders={"problem": problem},
        )

    @property
    def _home(self) -> Home:
        """What runs; raises AbortFlow while nothing does."""
        if self.config_entry.state is not ConfigEntryState.LOADED:
            raise AbortFlow("not_loaded")
        home: Home = self.config_entry.runtime_data
        return home

    async def _apply(
        self, document: Mapping[str, Any], shown: Entry
    ) -> tuple[dict[str, str], str]:
        """Put settings in force, unless others were since those that were shown."""
        try:
            await self._home.apply(document, shown.revision)
        except StoreConflictError:
            return {"base": "changed"}, ""
        except SettingsError as error:
            return {"base": "settings"}, words_of(self.hass, error)
        except StoreError as error:
            return {"base": "store"}, words_of(self.hass, error)
        return {}, ""

    def _done(self, changed: Mapping[str, Any] | None = None) -> ConfigFlowResult:
        # The options are replaced as a whole.
        options = {**self.config_entry.options, **(changed or {})}
        return self.async_create_entry(data=options)


def _meter(hass: HomeAssistant) -> selector.EntitySelector:
    """Any entity that says a temperature, but for our own, which would hear themselves."""
    entities = er.async_get(hass).entities.values()
    return selector.EntitySelector(
        selector.EntitySelectorConfig(
            filter=[
                {"domain": "sensor", "device_class": "temperature"},
                {"domain": ["climate", "weather", "input_number"]},
            ],
            exclude_entities=[
                each.entity_id for each in entities if each.platform == DOMAIN
            ],
        )
    )


def _as_copied(credentials: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was entered without the blanks that come with copying it."""
    return {key: value.strip() for key, value in credentials.items()}


def _choice(found: Mapping[str, Device | Remote]) -> selector.SelectSelector:
    return selector.SelectSelector(
        selector.SelectSelectorConfig(
            options=[
                selector.SelectOptionDict(value=device_id, label=each.name or device_id)
                for device_id, each in found.items()
            ]
        )
    )


def _is_meter(device: Device) -> bool:
    return any(
        field.name == "temperature"
        for product in find(device.device_type, infrared=False)
        for field in product.status
    )


def _is_aircon(remote: Remote) -> bool:
    products = find(remote.remote_type, infrared=True)
    return any(product.category == "ac" for product in products)


def _first_settings(asked: Mapping[str, Any], time_zone: str) -> dict[str, Any]:
    season, low, high = asked[CONF_MODE], asked[CONF_LOW], asked[CONF_HIGH]
    # Where the steering begins; from there it follows the meter.
    target = min(30, max(16, round((low + high) / 2)))
    return {
        "automation_enabled": True,
        "mode": season,
        "control": "auto",
        "timezone": time_zone,
        "meter_device_id": asked[CONF_METER],
        "aircon_device_id": asked[CONF_AIRCON],
        season: {"min_temp": low, "max_temp": high, "target_temp": target},
        "time_windows": [
            {"days": list(range(7)), "start": "00:00", "end": "12:00"},
            {"days": list(range(7)), "start": "12:00", "end": "00:00"},
        ],
    }
