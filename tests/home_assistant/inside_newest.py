"""The component in the newest Home Assistant, brought up plainly, without its test plug-in.

    nox -s home_assistant_newest

The plug-in for pytest lags behind Home Assistant's releases, so this is a program: it
starts Home Assistant in this process with the component in its configuration, adds an
account of the simulated cloud as a person would, uses every service, reloads, removes and
adds again. Whatever Home Assistant logs as a warning that names the component, or says that
something is deprecated, fails.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from pathlib import Path

# First: it puts its own library in the place of voluptuous.
from homeassistant import auth, bootstrap, config_entries, core, loader
from homeassistant.const import __version__ as version
from homeassistant.helpers import device_registry, entity_registry, issue_registry
from homeassistant.setup import async_setup_component

from switchbot_automation.simulation import FakeSwitchBotCloud
from switchbot_automation.simulation.home import AIRCON_ID, METER_ID
from switchbot_store.testing.postgres_server import free_port

DOMAIN = "switchbot_automation"
COMPONENT = Path(__file__).parents[2] / "examples/home_assistant/custom_components"
NOBODYS_METER = "C0FFEE0000AA"
# Said of every component that is not part of Home Assistant; and by the engine of a meter
# that is provoked here.
EXPECTED = ("has not been tested by Home Assistant", f"{NOBODYS_METER} cannot be read")


class Complaints(logging.Handler):
    """Keeps what Home Assistant says against the component."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record):
        message = record.getMessage()
        if record.exc_info:
            message += f" {record.exc_info[1]!r}"
        ours = DOMAIN in record.name or DOMAIN in message
        if any(each in message for each in EXPECTED):
            return
        if ours or "deprecated" in message.lower():
            self.said.append(f"{record.name}: {message}")


async def home_assistant(directory):
    (directory / "configuration.yaml").write_text("")
    (directory / "custom_components").symlink_to(COMPONENT.resolve())
    hass = core.HomeAssistant(str(directory))
    hass.config.skip_pip = True
    loader.async_setup(hass)
    hass.config_entries = config_entries.ConfigEntries(hass, {})
    await bootstrap.async_load_base_functionality(hass)
    hass.auth = await auth.auth_manager_from_config(hass, [], [])
    for component in ("homeassistant", "network", "http"):
        config = (
            {component: {"server_port": free_port()}} if component == "http" else {}
        )
        assert await async_setup_component(hass, component, config), component
    await hass.async_start()
    return hass


async def add(hass, cloud, *, again=False):
    flows = hass.config_entries.flow
    form = await flows.async_init(DOMAIN, context={"source": "user"})
    assert form["step_id"] == "user", form
    form = await flows.async_configure(
        form["flow_id"],
        {"token": cloud.token, "secret": cloud.secret, "base_url": cloud.base_url},
    )
    if again:
        assert form["step_id"] == "former", form
        answers = {"next_step_id": "go_on"}
    else:
        assert form["step_id"] == "room", form
        answers = {
            "meter": METER_ID,
            "air_conditioner": AIRCON_ID,
            "mode": "winter",
            "low": 20.0,
            "high": 22.0,
        }
    made = await flows.async_configure(form["flow_id"], answers)
    entry = made["result"]
    await hass.async_block_till_done()
    assert entry.state is config_entries.ConfigEntryState.LOADED, entry.reason
    return entry


async def reconfigure(hass, entry, cloud):
    flows = hass.config_entries.flow
    form = await flows.async_init(
        DOMAIN, context={"source": "reconfigure", "entry_id": entry.entry_id}
    )
    ended = await flows.async_configure(
        form["flow_id"],
        {"token": cloud.token, "secret": cloud.secret, "base_url": cloud.base_url},
    )
    assert ended["reason"] == "reconfigure_successful", ended
    await hass.async_block_till_done()
    assert entry.state is config_entries.ConfigEntryState.LOADED, entry.reason
    print("  ok: reconfigured")


async def options(hass, entry, cloud):
    """Have a room measured by an entity, and events pushed."""
    flows = hass.config_entries.options

    async def go_on(step, answers):
        menu = await flows.async_init(entry.entry_id)
        form = await flows.async_configure(menu["flow_id"], {"next_step_id": step})
        done = await flows.async_configure(form["flow_id"], answers)
        assert done["type"] == "create_entry", done

    meter = "sensor.lounge_temperature"
    celsius = {"device_class": "temperature", "unit_of_measurement": "°C"}
    hass.states.async_set(meter, "24.5", celsius)
    await go_on("zone", {"meter": meter})
    home = entry.runtime_data
    await home.engine.run_once(trigger="settings")
    home.show()
    room = next(iter(hass.states.async_entity_ids("climate")))
    assert hass.states.get(room).attributes["current_temperature"] == 24.5
    print("  ok: a room is measured by an entity")

    hass.config.external_url = "https://home.example.com"
    await go_on("push", {"push": True})
    posted_to = cloud.home.push.webhook["url"]
    assert posted_to.endswith(entry.data["webhook_id"]), posted_to
    await go_on("push", {"push": False})
    assert cloud.home.push.webhook is None
    print("  ok: events are pushed, and no longer")


async def repairs(hass, entry):
    """Have a meter that the account does not have told of, until it is another one."""
    home = entry.runtime_data
    document = (await home.engine.stored_settings()).data

    async def told():
        await home.look_for_trouble()
        issues = issue_registry.async_get(hass).issues.values()
        return {each.translation_key for each in issues if each.domain == DOMAIN}

    assert not await told()
    await home.change_zone("default", {"meter_device_id": NOBODYS_METER})
    assert await told() == {"meter_given_up"}
    await home.engine.apply_settings(document)
    await home.engine.run_once(trigger="settings")
    assert not await told()
    print("  ok: a repair, made and taken back")


async def check(hass, entry):
    room = next(iter(hass.states.async_entity_ids("climate")))
    state = hass.states.get(room)
    assert state.state == "heat", state
    for attribute in ("current_temperature", "target_temp_low", "target_temp_high"):
        assert state.attributes[attribute] is not None, (attribute, state)
    print(f"  ok: {room} {state.attributes['current_temperature']}")
    devices = device_registry.async_get(hass)
    ours = device_registry.async_entries_for_config_entry(devices, entry.entry_id)
    (hub,) = (each for each in ours if each.entry_type)
    assert all(each.via_device_id == hub.id for each in ours if each is not hub)
    print(f"  ok: {len(ours)} devices, the rooms on the account")

    async def call(domain, service, **data):
        await hass.services.async_call(
            domain, service, {"entity_id": room, **data}, blocking=True
        )
        print(f"  ok: {domain}.{service}")

    await call("climate", "set_temperature", target_temp_low=19.0, target_temp_high=21)
    assert hass.states.get(room).attributes["target_temp_low"] == 19.0
    await call("climate", "set_temperature", temperature=21.0)
    await call("climate", "set_hvac_mode", hvac_mode="off")
    assert hass.states.get(room).state == "off"
    await call("climate", "turn_on")
    assert hass.states.get(room).state == "heat"
    await call(DOMAIN, "boost", kelvin=1.5)
    await call(DOMAIN, "set_temperature", temperature=21.5, duration={"hours": 2})
    await call(DOMAIN, "set_preset", preset_mode="none")
    await call(DOMAIN, "hold", duration={"hours": 1})
    assert hass.states.get(room).attributes["hold_until"]
    await call(DOMAIN, "hold", release=True)


async def main():
    complaints = Complaints()
    # Not higher, or a logger would keep the warnings to itself.
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger().addHandler(complaints)
    print(f"Home Assistant {version}, CPython {sys.version.split()[0]}")
    async with FakeSwitchBotCloud(season="winter") as cloud:
        with tempfile.TemporaryDirectory() as directory:
            hass = await home_assistant(Path(directory))
            entry = await add(hass, cloud)
            await check(hass, entry)
            await options(hass, entry, cloud)
            assert await hass.config_entries.async_reload(entry.entry_id)
            await hass.async_block_till_done()
            assert entry.state is config_entries.ConfigEntryState.LOADED
            print("  ok: a reload")
            await reconfigure(hass, entry, cloud)
            await hass.config_entries.async_remove(entry.entry_id)
            entities = entity_registry.async_get(hass).entities.values()
            assert not [each for each in entities if each.platform == DOMAIN]
            entry = await add(hass, cloud, again=True)
            await repairs(hass, entry)
            print("  ok: removed, added again, and gone on with")
            await hass.async_stop(force=True)
    assert not complaints.said, "\n".join(complaints.said)
    print("Home Assistant had nothing to complain of")


if __name__ == "__main__":
    asyncio.run(main())
