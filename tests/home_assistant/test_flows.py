"""Setting the account up, new credentials, options, and diagnostics."""

import asyncio
import json

import pytest
from custom_components.switchbot_automation.sources import with_sources
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntryState,
)
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import callback
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
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
    assert settings["winter"] == {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 21}
    assert settings["control"] == "auto"
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


async def test_credentials_that_are_good_again_are_asked_for_no_more(hass, home, cloud):
    with cloud.faults.inject(Fault.UNAUTHORIZED):
        await home.engine.run_once(trigger="manual")
        await hass.async_block_till_done()
        assert len(hass.config_entries.flow.async_progress()) == 1
    await home.account.devices()
    assert not hass.config_entries.flow.async_progress()


async def test_a_restart_while_all_is_refused_is_tried_again(hass, home, entry, cloud):
    assert await hass.config_entries.async_unload(entry.entry_id)
    with cloud.faults.inject(Fault.UNAUTHORIZED):
        assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == SOURCE_REAUTH
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    assert not hass.config_entries.flow.async_progress()


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({"settings": None}, ConfigEntryState.LOADED),
        ({"settings": "x"}, ConfigEntryState.LOADED),
        ({"settings": {"zones": []}}, ConfigEntryState.LOADED),
        ({"settings": {"timezone": "Mars/Olympus"}}, ConfigEntryState.LOADED),
        ({"settings": {}, "devices": None}, ConfigEntryState.LOADED),
        ({"settings": {}, "devices": 5}, ConfigEntryState.LOADED),
        ({"token": None}, ConfigEntryState.SETUP_ERROR),
        ({"secret": None}, ConfigEntryState.SETUP_ERROR),
    ],
)
async def test_an_entry_that_somebody_damaged_ends_in_words(
    hass, account, changed, state, caplog
):
    entry = MockConfigEntry(
        domain=DOMAIN, title="Living room", unique_id="0123", data=account | changed
    )
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is state
    assert "Traceback" not in caplog.text
    asked = bool(hass.config_entries.flow.async_progress())
    assert asked is (state is ConfigEntryState.SETUP_ERROR)
    await hass.config_entries.async_unload(entry.entry_id)


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


async def replaced(home, cloud, meter="C0FFEE0000AA"):
    """Have the room kept by other devices than it was set up with."""
    cloud.home.add_device("Meter", meter, "New meter")
    document = dict((await home.engine.stored_settings()).data)
    document |= {"meter_device_id": meter, "aircon_device_id": "02-new-01"}
    await home.engine.apply_settings(document)
    await home.engine.run_once(trigger="settings")


async def test_an_account_is_known_by_the_devices_that_it_has_now(
    hass, home, entry, cloud, account
):
    await replaced(home, cloud)
    await hass.async_block_till_done()
    # The first ones are no longer in the account.
    for gone in (METER_ID, AIRCON_ID):
        del cloud.account.devices[gone]
    again = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    ended = await go_on(hass, again, account)
    assert ended["reason"] == "already_configured"
    form = await entry.start_reconfigure_flow(hass)
    assert (await go_on(hass, form, account))["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    await entry.runtime_data.look_for_trouble()
    issues = ir.async_get(hass).issues.values()
    assert "account_unknown" not in {each.translation_key for each in issues}


@pytest.fixture
async def left(hass, entry, cloud, account):
    """An account that was removed, with a setting that it did not begin with."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    engine = entry.runtime_data.engine
    document = dict((await engine.stored_settings()).data)
    await engine.apply_settings(document | {"hysteresis_celsius": 0.7})
    await hass.async_block_till_done()
    await hass.config_entries.async_remove(entry.entry_id)
    # By another token than before: it is the account that counts.
    cloud.token, cloud.secret = "ab" * 48, "e" * 32
    return account | {"token": cloud.token, "secret": cloud.secret}


@pytest.mark.parametrize(
    ("chosen", "hysteresis"), [("go_on", 0.7), ("room", None)], ids=["go on", "anew"]
)
async def test_an_account_that_is_added_again_has_what_was_chosen(
    hass, left, own_directory, chosen, hysteresis
):
    before = {each.name for each in (own_directory / DOMAIN).iterdir()}
    form = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    menu = await go_on(hass, form, left)
    assert (menu["type"], menu["step_id"]) == (FlowResultType.MENU, "former")
    done = await go_on(hass, menu, {"next_step_id": chosen})
    if chosen == "room":
        done = await go_on(hass, done, ROOM | {"low": 18.0, "high": 19.0})
    assert done["type"] is FlowResultType.CREATE_ENTRY, done
    await hass.async_block_till_done()
    made = done["result"]
    assert made.state is ConfigEntryState.LOADED
    stored = (await made.runtime_data.engine.stored_settings()).data
    assert stored.get("hysteresis_celsius") == hysteresis
    assert (stored["winter"]["min_temp"] == 18.0) is (chosen == "room")
    after = {each.name for each in (own_directory / DOMAIN).iterdir()}
    # Nothing that was left is touched by beginning anew.
    assert (after == before) is (chosen == "go_on")
    assert before <= after
    assert await hass.config_entries.async_unload(made.entry_id)


@pytest.mark.parametrize("how", ["go_on", "room"])
async def test_an_account_is_known_before_its_first_start_is_through(
    hass, left, cloud, how
):
    form = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    made = await go_on(hass, form, left)
    if how == "room":
        made = await go_on(hass, made, {"next_step_id": how})
    with cloud.faults.inject(Fault.SERVER_ERROR):
        made = await go_on(
            hass, made, {"next_step_id": how} if how == "go_on" else ROOM
        )
        await hass.async_block_till_done()
    assert made["result"].state is ConfigEntryState.SETUP_RETRY
    cloud.token, cloud.secret = "cd" * 48, "d" * 32
    again = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    new = {"token": cloud.token, "secret": cloud.secret}
    ended = await go_on(hass, again, left | new)
    assert ended["reason"] == "already_configured"
    await hass.config_entries.async_unload(made["result"].entry_id)


async def test_what_others_left_is_not_offered(hass, own_directory, account, begun):
    """Neither another account's rooms, nor a file that nobody can read."""
    for name, text in (
        ("other", json.dumps({"meter_device_id": "C0FFEE0000AA"})),
        ("broken", "{"),
        ("list", "[1]"),
        (
            "odd",
            json.dumps({"meter_device_id": [METER_ID], "zones": 3, "equipment": {}}),
        ),
    ):
        place = own_directory / DOMAIN / name
        place.mkdir(parents=True)
        (place / "settings.json").write_text(text)
    assert (await go_on(hass, begun, account))["step_id"] == "room"


async def options(hass, entry, step):
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    return await hass.config_entries.options.async_configure(
        menu["flow_id"], {"next_step_id": step}
    )


async def test_settings_that_another_changed_meanwhile_are_not_lost(hass, home, entry):
    form = await options(hass, entry, "settings")
    shown = dict((await home.engine.stored_settings()).data)
    await home.engine.apply_settings(shown | {"hysteresis_celsius": 0.7})
    mine = {"settings": shown | {"poll_interval_seconds": 300}}
    refused = await hass.config_entries.options.async_configure(form["flow_id"], mine)
    assert refused["errors"] == {"base": "changed"}
    stored = (await home.engine.stored_settings()).data
    assert stored["hysteresis_celsius"] == 0.7
    # Who was told, and sends it again, means it.
    done = await hass.config_entries.options.async_configure(refused["flow_id"], mine)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    stored = (await home.engine.stored_settings()).data
    assert stored["poll_interval_seconds"] == 300


async def test_a_secret_of_the_settings_is_not_shown_and_stays(hass, home, entry):
    document = dict((await home.engine.stored_settings()).data)
    hook = "https://maker.example.com/s3cr3tpath"
    await home.engine.apply_settings(document | {"webhooks": {"off": hook}})
    form = await options(hass, entry, "settings")
    (marker,) = form["data_schema"].schema
    shown = marker.default()
    assert "s3cr3tpath" not in json.dumps(shown)
    changed = {"settings": shown | {"hysteresis_celsius": 0.6}}
    done = await hass.config_entries.options.async_configure(form["flow_id"], changed)
    assert done["type"] is FlowResultType.CREATE_ENTRY, done
    stored = (await home.engine.stored_settings()).data
    assert stored["webhooks"] == {"off": hook}
    assert stored["hysteresis_celsius"] == 0.6
    # A mask that was changed stands for nothing.
    form = await options(hass, entry, "settings")
    wrong = {
        "settings": shown | {"webhooks": {"off": "https://maker.example.com/…:0123"}}
    }
    refused = await hass.config_entries.options.async_configure(form["flow_id"], wrong)
    assert refused["errors"] == {"base": "settings"}
    assert "webhooks.off" in refused["description_placeholders"]["problem"]


async def test_options_of_what_does_not_run_say_so(hass, home, entry):
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    await hass.config_entries.async_unload(entry.entry_id)
    ended = await hass.config_entries.options.async_configure(
        menu["flow_id"], {"next_step_id": "settings"}
    )
    assert ended["reason"] == "not_loaded"
    ended = await hass.config_entries.options.async_init(entry.entry_id)
    assert ended["reason"] == "not_loaded"


async def test_diagnostics_name_no_device_entity_or_place(
    hass, home, entry, hass_client
):
    hass.states.async_set("sensor.anns_bedroom", "unavailable")
    hass.config.external_url = "https://home.example.com"
    document = with_sources(
        (await home.engine.stored_settings()).data,
        "default",
        {"meter": "sensor.anns_bedroom"},
    )
    document |= {"latitude": 48.8512345, "longitude": 2.3512345}
    await home.engine.apply_settings(document)
    await home.engine.run_once(trigger="settings")
    assert "sensor.anns_bedroom" in json.dumps(await home.health())
    assert await async_setup_component(hass, "diagnostics", {})
    text = json.dumps(await get_diagnostics_for_config_entry(hass, hass_client, entry))
    for named in (
        *("anns_bedroom", METER_ID, AIRCON_ID, "48.85", "home.example.com"),
        entry.unique_id,
    ):
        assert named not in text
    # Which is which can still be followed.
    assert '"plugins": {"**' in text


NEW = {"token": "ab" * 48, "secret": "e" * 32}


async def beside(hass, cloud, account, answer):
    """Go through two flows for one account, by two tokens, which are open at once."""
    flows = []
    for token in (account["token"], "cd" * 48):
        cloud.token = token
        form = await hass.config_entries.flow.async_init(
            DOMAIN, context={"source": SOURCE_USER}
        )
        flows.append(await go_on(hass, form, account | {"token": token}))
    ends = []
    for flow in reversed(flows):
        ends.append(await go_on(hass, flow, answer))
        await hass.async_block_till_done()
    (only,) = hass.config_entries.async_entries(DOMAIN)
    assert await hass.config_entries.async_unload(only.entry_id)
    return [each.get("reason") for each in ends]


async def test_of_two_flows_for_one_account_one_makes_an_entry(hass, account, cloud):
    ends = await beside(hass, cloud, account, ROOM)
    assert ends == [None, "already_configured"]


async def test_of_two_flows_for_one_account_one_goes_on(hass, left, cloud):
    ends = await beside(hass, cloud, left, {"next_step_id": "go_on"})
    assert ends == [None, "already_configured"]


@pytest.mark.parametrize("source", [SOURCE_REAUTH, SOURCE_RECONFIGURE])
async def test_no_entry_takes_over_the_account_of_another(hass, home, account, source):
    """Not even one whose room has no device that its own account is known by."""
    alone = MockConfigEntry(
        domain=DOMAIN,
        unique_id="feed",
        data=account | NEW | {"settings": {"meter_device_id": "plugin:sensor.den"}},
    )
    alone.add_to_hass(hass)
    if source == SOURCE_REAUTH:
        alone.async_start_reauth(hass)
        await hass.async_block_till_done()
        (form,) = hass.config_entries.flow.async_progress()
        answers = {"token": account["token"], "secret": account["secret"]}
    else:
        form, answers = await alone.start_reconfigure_flow(hass), account
    ended = await go_on(hass, form, answers)
    assert ended["reason"] == "already_configured"
    assert alone.data["token"] == NEW["token"]


@pytest.mark.parametrize(
    "changed",
    [
        *({"token": each} for each in ("", "  ", "a\nb", "日本")),
        *({"secret": each} for each in ("", "é")),
        *(
            {"base_url": each}
            for each in ("no url", "ftp://x", "http://", "http://[::1", "127.0.0.1:1")
        ),
        {"base_url": "http://127.0.0.1:99999"},
        {"base_url": "http://ann:pass@127.0.0.1:1"},
    ],
    ids=str,
)
async def test_what_is_no_account_is_said_and_can_be_corrected(
    hass, begun, account, changed
):
    refused = await go_on(hass, begun, account | changed)
    at_fault = "cannot_connect" if "base_url" in changed else "invalid_auth"
    assert refused["errors"] == {"base": at_fault}
    # With the blanks and line ends that come with copying.
    copied = {key: f" {value}\n" for key, value in account.items()}
    assert (await go_on(hass, refused, copied))["step_id"] == "room"


@pytest.mark.parametrize("running", [True, False], ids=["running", "at start"])
@pytest.mark.parametrize(
    "written",
    [
        {"plugins": ["sensor.den"]},
        {"plugins": "sensor.den"},
        {"plugins": None},
        {"plugins": {"den": "sensor.den", "attic": None}},
        {"plugins": {"den": {"sensor": "home_assistant"}}},
        {"plugins": {"den": {"sensor": "home_assistant", "entity_id": ["sensor.a"]}}},
        {"plugins": {"den": {"sensor": "home_assistant", "entity_id": "no entity"}}},
        {"meter_device_id": ["plugin:den"], "openings": 3, "presence": [1]},
        {"openings": {"sensors": "plugin:den"}, "presence": {"sensors": [1, None]}},
        {"zones": 3},
        {"zones": {"den": 3}},
        {"zones": {}},
    ],
    ids=str,
)
async def test_whatever_a_person_wrote_can_be_mended_in_the_options(
    hass, entry, own_directory, settings, written, running
):
    """The account is there, and so are its options, with what is to be changed."""
    document = own_directory / DOMAIN / "0123456789abcdef" / "settings.json"
    if running:
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
    document.parent.mkdir(parents=True, exist_ok=True)
    wrong = json.dumps(settings | written)
    await hass.async_add_executor_job(document.write_text, wrong)
    if running:
        await entry.runtime_data.engine.run_once(trigger="settings")
    else:
        assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    sources = await options(hass, entry, "zone")
    assert sources.get("step_id") == "sources" or sources["reason"] == "no_room"
    form = await options(hass, entry, "settings")
    # What comes of a tick is told beside it, and a room's entities are made then.
    shown = asyncio.Event()

    @callback
    def heats(event):
        now = event.data["new_state"]
        if (event.data["entity_id"], now and now.state) == (
            "climate.living_room",
            "heat",
        ):
            shown.set()

    hass.bus.async_listen(EVENT_STATE_CHANGED, heats)
    done = await hass.config_entries.options.async_configure(
        form["flow_id"], {"settings": settings}
    )
    assert done["type"] is FlowResultType.CREATE_ENTRY, done
    await entry.runtime_data.engine.run_once(trigger="settings")
    room = hass.states.get("climate.living_room")
    if room is None or room.state != "heat":
        async with asyncio.timeout(30):
            await shown.wait()
    await hass.async_block_till_done()
    assert hass.states.get("climate.living_room").state == "heat"
    await entry.runtime_data.look_for_trouble()
    assert not ir.async_get(hass).issues
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("timezone", ["Mars/Base", "Pacific/Chatham"])
async def test_another_timezone_is_read_beside_the_loop(hass, home, entry, timezone):
    """One that exists and one that does not; what blocks the loop fails every test."""
    form = await options(hass, entry, "settings")
    document = dict((await home.engine.stored_settings()).data)
    ended = await hass.config_entries.options.async_configure(
        form["flow_id"], {"settings": document | {"timezone": timezone}}
    )
    if timezone == "Mars/Base":
        assert timezone in ended["description_placeholders"]["problem"]
    else:
        assert ended["type"] is FlowResultType.CREATE_ENTRY
        assert (await home.engine.stored_settings()).data["timezone"] == timezone


async def test_what_is_wrong_is_said_in_the_language_of_home_assistant(
    hass, home, entry
):
    await hass.config.async_update(language="de", unit_system="us_customary")
    await hass.async_block_till_done()
    form = await options(hass, entry, "settings")
    document = dict((await home.engine.stored_settings()).data)
    refused = await hass.config_entries.options.async_configure(
        form["flow_id"], {"settings": document | {"hysteresis_celsius": "much"}}
    )
    assert "erwartet" in refused["description_placeholders"]["problem"]
    home.show()
    reasons = hass.states.get("climate.living_room").attributes["reasons"]
    assert any(each.startswith("das Zeitfenster") for each in reasons)
    assert any("64,4 °F" in each for each in reasons)
    with pytest.raises(ServiceValidationError) as caught:
        await hass.services.async_call(
            DOMAIN,
            "set_temperature",
            {
                "entity_id": "climate.living_room",
                "target_temp_low": 25,
                "target_temp_high": 20,
            },
            blocking=True,
        )
    assert "77 bis 68 °F" in caught.value.translation_placeholders["error"]
