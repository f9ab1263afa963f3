"""Setting the account up, new credentials, options, and diagnostics."""

import json

import pytest
from homeassistant.config_entries import SOURCE_REAUTH, SOURCE_USER, ConfigEntryState
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)

from switchbot_automation.simulation import Fault
from switchbot_automation.simulation.home import AIRCON_ID, METER_ID

DOMAIN = "switchbot_automation"
ROOM = {
    "meter": METER_ID,
    "air_conditioner": AIRCON_ID,
    "mode": "winter",
    "low": 20.0,
    "high": 22.0,
}


@pytest.fixture
async def begun(hass):
    return await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )


async def go_on(hass, flow, answers):
    return await hass.config_entries.flow.async_configure(flow["flow_id"], answers)


async def test_an_account_and_a_room_make_a_running_entry(hass, begun, account, cloud):
    room = await go_on(hass, begun, account)
    assert (room["type"], room["step_id"]) == (FlowResultType.FORM, "room")
    done = await go_on(hass, room, ROOM)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    entry = done["result"]
    assert entry.state is ConfigEntryState.LOADED
    assert cloud.token not in entry.unique_id
    settings = (await entry.runtime_data.engine.stored_settings()).data
    assert settings["winter"] == {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 25}
    assert settings["timezone"] == hass.config.time_zone
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault.UNAUTHORIZED, "invalid_auth"), (Fault.SERVER_ERROR, "cannot_connect")],
)
async def test_a_refusal_is_named_and_can_be_corrected(
    hass, begun, account, cloud, fault, error
):
    cloud.faults.inject(fault)
    refused = await go_on(hass, begun, account)
    assert refused["errors"] == {"base": error}
    cloud.faults.clear()
    assert (await go_on(hass, refused, account))["step_id"] == "room"


async def test_a_band_that_cannot_be_is_refused(hass, begun, account):
    room = await go_on(hass, begun, account)
    refused = await go_on(hass, room, ROOM | {"low": 23.0})
    assert refused["errors"] == {"base": "band"}


async def test_an_account_without_a_thermometer_is_of_no_use(
    hass, begun, account, cloud
):
    cloud.faults.inject(Fault.EMPTY_LIST)
    ended = await go_on(hass, begun, account)
    assert (ended["type"], ended["reason"]) == (FlowResultType.ABORT, "no_devices")


async def test_an_account_is_set_up_once(hass, begun, account):
    room = await go_on(hass, begun, account)
    done = await go_on(hass, room, ROOM)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    again = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    ended = await go_on(hass, again, account)
    assert ended["reason"] == "already_configured"
    await hass.async_block_till_done()
    assert await hass.config_entries.async_unload(done["result"].entry_id)


async def test_refused_credentials_at_start_ask_for_new_ones(
    hass, entry, cloud, account
):
    cloud.secret = "f" * 32
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == SOURCE_REAUTH
    wrong = await go_on(hass, flow, {"token": cloud.token, "secret": "0" * 32})
    assert wrong["errors"] == {"base": "invalid_auth"}
    done = await go_on(hass, wrong, {"token": cloud.token, "secret": "f" * 32})
    assert done["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert entry.data["secret"] == "f" * 32
    assert entry.data["base_url"] == cloud.base_url
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_credentials_refused_while_running_ask_for_new_ones(hass, home, cloud):
    assert not hass.config_entries.flow.async_progress()
    cloud.secret = "f" * 32
    await home.engine.run_once(trigger="manual")
    await hass.async_block_till_done()
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == SOURCE_REAUTH


async def test_options_are_the_settings_and_say_what_is_wrong(hass, home, entry):
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    assert menu["menu_options"] == ["zone", "push", "settings"]
    form = await hass.config_entries.options.async_configure(
        menu["flow_id"], {"next_step_id": "settings"}
    )
    document = dict((await home.engine.stored_settings()).data)
    wrong = document | {"hysteresis_celcius": 1}
    refused = await hass.config_entries.options.async_configure(
        form["flow_id"], {"settings": wrong}
    )
    assert refused["errors"] == {"base": "settings"}
    assert "hysteresis_celsius" in refused["description_placeholders"]["problem"]
    done = await hass.config_entries.options.async_configure(
        refused["flow_id"], {"settings": document | {"hysteresis_celsius": 0.5}}
    )
    assert done["type"] is FlowResultType.CREATE_ENTRY
    stored = (await home.engine.stored_settings()).data
    assert stored["hysteresis_celsius"] == 0.5


async def test_diagnostics_hold_no_secret(hass, home, entry, cloud, hass_client):
    document = dict((await home.engine.stored_settings()).data)
    await home.engine.apply_settings(
        document | {"webhooks": {"off": "https://maker.example.com/s3cr3tpath"}}
    )
    assert await async_setup_component(hass, "diagnostics", {})
    found = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    text = json.dumps(found)
    for secret in (cloud.token, cloud.secret, "s3cr3tpath", METER_ID, AIRCON_ID):
        assert secret not in text
    assert found["health"]
    assert found["settings"]["mode"] == "winter"


def test_the_strings_are_the_english_translation(pytestconfig):
    component = (
        pytestconfig.rootpath
        / "../../examples/home_assistant/custom_components"
        / DOMAIN
    )
    strings = json.loads((component / "strings.json").read_text())
    assert strings == json.loads((component / "translations" / "en.json").read_text())


async def test_the_same_account_by_a_new_token_is_not_added_again(
    hass, home, cloud, account
):
    cloud.token, cloud.secret = "ab" * 48, "e" * 32
    await home.engine.run_once(trigger="manual")
    await hass.async_block_till_done()
    (flow,) = hass.config_entries.flow.async_progress()
    new = {"token": cloud.token, "secret": cloud.secret}
    done = await go_on(hass, flow, new)
    assert done["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    again = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    ended = await go_on(hass, again, {**account, **new})
    assert ended["reason"] == "already_configured"
    assert len(hass.config_entries.async_entries(DOMAIN)) == 1


async def test_another_account_s_token_does_not_take_the_rooms_over(
    hass, home, cloud, entry
):
    cloud.secret = "f" * 32
    await home.engine.run_once(trigger="manual")
    await hass.async_block_till_done()
    (flow,) = hass.config_entries.flow.async_progress()
    before = dict(entry.data)
    with cloud.faults.inject(Fault.EMPTY_LIST):
        ended = await go_on(hass, flow, {"token": cloud.token, "secret": cloud.secret})
    assert ended["reason"] == "wrong_account"
    assert dict(entry.data) == before


async def test_an_account_s_credentials_can_be_changed_while_it_runs(
    hass, home, entry, cloud, account
):
    form = await entry.start_reconfigure_flow(hass)
    assert form["step_id"] == "reconfigure"
    wrong = await go_on(hass, form, account | {"secret": "0" * 32})
    assert wrong["errors"] == {"base": "invalid_auth"}
    cloud.token, cloud.secret = "ab" * 48, "e" * 32
    new = account | {"token": cloud.token, "secret": cloud.secret}
    done = await go_on(hass, wrong, new)
    assert done["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert entry.data["token"] == cloud.token
    assert entry.data["settings"]


async def test_a_reconfiguration_keeps_to_its_account(
    hass, home, entry, cloud, account
):
    before = dict(entry.data)
    form = await entry.start_reconfigure_flow(hass)
    with cloud.faults.inject(Fault.EMPTY_LIST):
        ended = await go_on(hass, form, account)
    assert ended["reason"] == "wrong_account"
    assert dict(entry.data) == before
