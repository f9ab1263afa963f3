"""Rooms by MQTT in the real Home Assistant: its own MQTT integration on a real broker.

    nox -s home_assistant_mqtt

Home Assistant is brought up in this process, without a component of ours, connects to a
mosquitto (with its own code), and has to find the rooms of an engine on a simulated home,
show their states and command them. Whatever it logs of our descriptions as a warning fails.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from pathlib import Path
from types import MappingProxyType

# First: it puts its own library in the place of voluptuous.
from homeassistant import auth, bootstrap, config_entries, core, loader
from homeassistant.const import __version__ as version
from homeassistant.helpers import device_registry, entity_registry
from homeassistant.setup import async_setup_component

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2]))

from mosquitto import Mosquitto, find_mosquitto
from rooms import two_zones

from switchbot_automation import AutomationEngine, SystemClock
from switchbot_automation.mqtt import BrokerAddress, HomeBridge
from switchbot_automation.simulation import SimulatedHome
from switchbot_store import MemoryStore
from switchbot_store.testing.postgres_server import free_port

PATIENCE_SECONDS = 60
OFFICE = "climate.office"


class Complaints(logging.Handler):
    """Keeps what Home Assistant says of descriptions and states that it does not like."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record):
        ours = ".mqtt" in record.name or record.name.endswith(".template")
        if ours or "deprecated" in record.getMessage():
            self.said.append(f"{record.name}: {record.getMessage()}")


async def home_assistant(directory, port):
    (directory / "configuration.yaml").write_text("")
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
    entry = config_entries.ConfigEntry(
        data={"broker": "127.0.0.1", "port": port, "discovery": True},
        discovery_keys=MappingProxyType({}),
        domain="mqtt",
        minor_version=1,
        options={},
        source="user",
        subentries_data=(),
        title="MQTT",
        unique_id=None,
        version=2,
    )
    await hass.config_entries.async_add(entry)
    await hass.async_start()
    assert entry.state is config_entries.ConfigEntryState.LOADED, entry.reason
    return hass


class States:
    """The states of Home Assistant, waited for as they change."""

    def __init__(self, hass):
        self.hass = hass
        self._news = asyncio.Event()
        hass.bus.async_listen("state_changed", lambda _event: self._news.set())

    async def until(self, condition, what):
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not condition():
                    await self._news.wait()
                    self._news.clear()
        except TimeoutError:
            shown = {
                each.entity_id: each.state for each in self.hass.states.async_all()
            }
            raise AssertionError(f"{what} never came; {shown}") from None
        print(f"  ok: {what}")

    def of(self, entity_id, attribute=None):
        state = self.hass.states.get(entity_id)
        if state is None:
            return None
        return state.state if attribute is None else state.attributes.get(attribute)


async def check(hass, engine, states):
    await states.until(lambda: states.of(OFFICE) == "heat", "the office is found")
    for attribute in ("current_temperature", "current_humidity", "target_temp_low"):
        await states.until(
            lambda name=attribute: states.of(OFFICE, name) is not None, attribute
        )
    room = "sensor.office_room"
    await states.until(
        lambda: states.of(room) not in {None, "unknown", "unavailable"}, room
    )
    devices = device_registry.async_get(hass)
    entities = entity_registry.async_get(hass)
    ours = [each for each in entities.entities.values() if each.platform == "mqtt"]
    kinds = sorted(each.domain for each in ours)
    expected = (["binary_sensor"] + ["button"] * 5 + ["climate"] + ["sensor"] * 5) * 2
    assert kinds == sorted(expected), kinds
    named = {devices.async_get(each.device_id).name for each in ours}
    assert named == {"office", "Küche/1"}, named
    assert states.of(OFFICE, "hvac_modes") == ["off", "heat"]
    assert set(states.of(OFFICE, "preset_modes")) == {"none", "eco", "sleep"}

    async def call(service, **data):
        await hass.services.async_call(
            "climate", service, {"entity_id": OFFICE, **data}, blocking=True
        )

    await call("set_temperature", target_temp_low=20.5, target_temp_high=23.0)
    await states.until(
        lambda: (
            (
                states.of(OFFICE, "target_temp_low"),
                states.of(OFFICE, "target_temp_high"),
            )
            == (20.5, 23.0)
        ),
        "both sides of a band are one wish",
    )
    assert (await engine.stored_settings()).data == two_zones()
    await call("set_preset_mode", preset_mode="eco")
    await states.until(lambda: states.of(OFFICE, "preset_mode") == "eco", "a preset")
    await call("set_preset_mode", preset_mode="none")
    await states.until(lambda: states.of(OFFICE, "preset_mode") == "none", "its end")
    await call("set_hvac_mode", hvac_mode="off")
    await states.until(lambda: states.of(OFFICE) == "off", "off")
    await call("set_hvac_mode", hvac_mode="heat")
    await states.until(lambda: states.of(OFFICE) == "heat", "on again")
    button = "button.office_hold_until_the_next_change"
    await hass.services.async_call(
        "button", "press", {"entity_id": button}, blocking=True
    )
    held = "sensor.office_held_until"
    await states.until(
        lambda: states.of(held) not in {None, "unknown", "unavailable"}, "a hold"
    )
    document = (await engine.stored_settings()).data
    del document["zones"]["office"]
    await engine.apply_settings(document)
    await engine.run_once("settings")
    await states.until(lambda: states.of(OFFICE) is None, "a zone that goes is gone")
    return next(iter(hass.states.async_entity_ids("climate")))


async def main():
    if find_mosquitto() is None:
        raise SystemExit("mosquitto is not installed: apt-get install mosquitto")
    complaints = Complaints()
    # Not higher, or a logger would keep the warnings to itself.
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger().addHandler(complaints)
    store = MemoryStore()
    store.set("settings", two_zones())
    with Mosquitto() as broker, tempfile.TemporaryDirectory() as directory:
        hass = await home_assistant(Path(directory), broker.port)
        print(f"Home Assistant {version}")
        states = States(hass)
        home = SimulatedHome(SystemClock(), season="winter")
        async with AutomationEngine(home, store) as engine:
            await engine.run_once()
            bridge = HomeBridge(engine, BrokerAddress("127.0.0.1", broker.port))
            running = asyncio.create_task(bridge.run())
            other = await check(hass, engine, states)
            running.cancel()
            await asyncio.wait((running,))
            await states.until(
                lambda: states.of(other) == "unavailable", "who leaves is unavailable"
            )
        # As it stops, its client's thread may look once more at the connection that is gone.
        logging.getLogger().removeHandler(complaints)
        await hass.async_stop(force=True)
    assert not complaints.said, "\n".join(complaints.said)
    print("Home Assistant had nothing to complain of")


if __name__ == "__main__":
    asyncio.run(main())
