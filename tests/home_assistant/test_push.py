"""Events that the cloud posts to Home Assistant's webhook."""

from datetime import UTC, datetime

import pytest
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir

from switchbot_automation.simulation import Fault
from switchbot_automation.simulation.home import METER_ID

OUTSIDE = "https://home.example.com"
ELSEWHERE = "https://elsewhere.example.com/hook"


@pytest.fixture
def outside(hass):
    hass.config.external_url = OUTSIDE


async def want(hass, entry, *, wanted):
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    form = await hass.config_entries.options.async_configure(
        menu["flow_id"], {"next_step_id": "push"}
    )
    return await hass.config_entries.options.async_configure(
        form["flow_id"], {"push": wanted}
    )


def pushed_to(cloud):
    webhook = cloud.home.push.webhook
    return None if webhook is None else webhook["url"]


def path_of(entry):
    return f"/api/webhook/{entry.data['webhook_id']}"


def event(temperature):
    return {
        "eventType": "changeReport",
        "eventVersion": "1",
        "context": {
            "deviceType": "WoMeter",
            "deviceMac": METER_ID,
            "temperature": temperature,
            "scale": "CELSIUS",
            "humidity": 40,
            "timeOfSample": round(datetime.now(UTC).timestamp() * 1000),
        },
    }


async def test_an_event_reaches_the_room(
    hass, home, entry, cloud, outside, hass_client_no_auth
):
    done = await want(hass, entry, wanted=True)
    assert done["type"] is FlowResultType.CREATE_ENTRY, done
    assert pushed_to(cloud) == OUTSIDE + path_of(entry)
    client = await hass_client_no_auth()
    answer = await client.post(path_of(entry), json=event(20.9))
    assert answer.status == 200
    await home.engine.run_once(trigger="webhook")
    home.show()
    shown = hass.states.get("climate.living_room").attributes
    assert shown["current_temperature"] == 20.9
    assert (await home.health())["beside"]["push"] == {
        "listening": True,
        "problem": None,
    }


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"[]", 400), (b"x" * 100_000, 413)]
)
async def test_what_is_no_event_is_refused(
    hass, home, entry, outside, hass_client_no_auth, body, status
):
    await want(hass, entry, wanted=True)
    client = await hass_client_no_auth()
    assert (await client.post(path_of(entry), data=body)).status == status


async def test_without_an_address_of_the_internet_it_is_refused(hass, home, entry):
    refused = await want(hass, entry, wanted=True)
    assert refused["errors"] == {"base": "no_url"}
    assert not entry.options


async def test_somebody_else_s_webhook_stays(hass, home, entry, cloud, outside):
    await home.account.client.setup_webhook(ELSEWHERE)
    refused = await want(hass, entry, wanted=True)
    assert refused["errors"] == {"base": "push_taken"}
    assert pushed_to(cloud) == ELSEWHERE
    assert (await home.health())["beside"]["push"]["listening"] is False


async def test_a_cloud_that_is_away_is_said_and_nothing_is_kept(
    hass, home, entry, cloud, outside
):
    with cloud.faults.inject(Fault.SERVER_ERROR):
        refused = await want(hass, entry, wanted=True)
    assert refused["errors"] == {"base": "cannot_connect"}
    assert not entry.options
    done = await hass.config_entries.options.async_configure(
        refused["flow_id"], {"push": True}
    )
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert pushed_to(cloud) == OUTSIDE + path_of(entry)


async def test_given_up_it_is_given_back(hass, home, entry, cloud, outside):
    await want(hass, entry, wanted=True)
    done = await want(hass, entry, wanted=False)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert pushed_to(cloud) is None


async def test_a_reload_goes_on_and_a_removal_gives_back(
    hass, home, entry, cloud, outside, hass_client_no_auth
):
    await want(hass, entry, wanted=True)
    path = path_of(entry)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    client = await hass_client_no_auth()
    assert path_of(entry) == path
    assert (await client.post(path, json=event(20.4))).status == 200
    await hass.config_entries.async_remove(entry.entry_id)
    assert pushed_to(cloud) is None


async def test_what_is_taken_meanwhile_is_a_repair(hass, home, entry, cloud, outside):
    await want(hass, entry, wanted=True)
    await home.account.client.delete_webhook(pushed_to(cloud))
    await home.account.client.setup_webhook(ELSEWHERE)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    keys = {each.translation_key for each in ir.async_get(hass).issues.values()}
    assert "push_taken" in keys
    assert pushed_to(cloud) == ELSEWHERE


async def test_settings_leave_the_other_options(hass, home, entry, outside):
    await want(hass, entry, wanted=True)
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    form = await hass.config_entries.options.async_configure(
        menu["flow_id"], {"next_step_id": "settings"}
    )
    document = dict((await home.engine.stored_settings()).data)
    await hass.config_entries.options.async_configure(
        form["flow_id"], {"settings": document}
    )
    assert entry.options == {"push": True}
