"""Real Home Assistant with our component, on the simulated cloud over HTTP."""

# First, or Home Assistant's own package of this name, for its tests, is taken for it.
import custom_components  # noqa: F401 - for its effect
import pytest
from homeassistant import block_async_io
from homeassistant.config_entries import SOURCE_USER
from pytest_homeassistant_custom_component.common import MockConfigEntry

from switchbot_automation import plugins
from switchbot_automation.cloud.catalog import catalog
from switchbot_automation.simulation import FakeSwitchBotCloud, default_settings

DOMAIN = "switchbot_automation"

# Two windows that leave no hour out, whenever this runs.
WINDOWS = [
    {"days": list(range(7)), "start": "00:00", "end": "12:00"},
    {"days": list(range(7)), "start": "12:00", "end": "00:00"},
]


@pytest.fixture(autouse=True)
def own_component(enable_custom_integrations, socket_enabled):
    """Let Home Assistant find the component, and loopback be spoken to."""


@pytest.fixture(scope="session", autouse=True)
def watch_the_loop():
    """Let Home Assistant report whatever blocks its event loop, as it does for users."""
    block_async_io._IN_TESTS = False  # or most of its checks are left out
    block_async_io.enable()


@pytest.fixture(autouse=True)
def nothing_blocks_the_loop(caplog):
    """Fail what Home Assistant would report to a person as our fault."""
    # As in a process that has just begun.
    catalog._catalog.cache_clear()
    plugins.registry.cache_clear()
    yield
    said = [
        record.getMessage()
        for when in ("setup", "call", "teardown")
        for record in caplog.get_records(when)
    ]
    ours = "custom integration 'switchbot_automation'"
    assert not [each for each in said if "Detected" in each and ours in each]


@pytest.fixture(autouse=True)
def own_directory(hass, tmp_path):
    """Give each test a configuration directory of its own."""
    hass.config.config_dir = str(tmp_path)
    return tmp_path


@pytest.fixture
async def cloud(socket_enabled):
    async with FakeSwitchBotCloud(season="winter") as cloud:
        yield cloud


@pytest.fixture
def account(cloud):
    return {
        "token": cloud.token,
        "secret": cloud.secret,
        "base_url": cloud.base_url,
    }


@pytest.fixture
def settings():
    return {**default_settings("winter"), "time_windows": WINDOWS}


@pytest.fixture
def entry(hass, account, settings):
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Living room",
        unique_id="0123456789abcdef",
        data={**account, "settings": settings},
        source=SOURCE_USER,
    )
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
async def home(hass, entry):
    """The set-up component; unloaded afterwards, as Home Assistant would."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    yield entry.runtime_data
    present = hass.config_entries.async_get_entry(entry.entry_id) is not None
    if present and (entry.state.recoverable or entry.state.value == "loaded"):
        await hass.config_entries.async_unload(entry.entry_id)
