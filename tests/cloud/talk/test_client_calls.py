"""What the client puts on the wire and makes of good answers."""

import asyncio
import logging
import warnings
from datetime import timedelta

import aiohttp
import pytest

from switchbot_automation.cloud import QuotaLedger, SwitchBotClient
from switchbot_automation.cloud.talk.client import signature
from switchbot_automation.errors import (
    AuthError,
    BadParameterError,
    CloudError,
    CloudServerError,
)
from switchbot_automation.model import Scene
from switchbot_automation.simulation import SimulatedClock

TOKEN = "c271" * 24
SECRET = "0123456789abcdef0123456789abcdef"
METER = {"deviceId": "C271111EC0AB", "deviceType": "Meter", "temperature": 21.5}


async def test_every_call_is_signed_with_fresh_nonce_and_lower_case_names(
    cloud, client, clock
):
    cloud.body([])
    await client.scenes()
    await client.scenes()
    nonces = set()
    for received in cloud.received:
        assert {"Authorization", "t", "nonce", "sign"} <= set(received.header_names)
        headers = received.headers
        assert headers["Authorization"] == TOKEN
        assert int(headers["t"]) == clock.now().timestamp() * 1000
        assert headers["sign"] == signature(
            TOKEN, SECRET, int(headers["t"]), headers["nonce"]
        )
        nonces.add(headers["nonce"])
    assert len(nonces) == 2


async def test_status_returns_the_raw_fields_and_when_they_came(cloud, client, clock):
    cloud.body(METER)
    status = await client.status("C271111EC0AB")
    assert cloud.received[0].method == "GET"
    assert cloud.received[0].path == "/v1.1/devices/C271111EC0AB/status"
    assert status.device_type == "Meter"
    assert dict(status.fields) == METER
    assert status.received_at == clock.now()
    assert status.received_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("body", [{}, None])
async def test_an_empty_status_is_a_valid_one(cloud, client, body):
    cloud.body(body)
    status = await client.status("02-202008110034-13")
    assert dict(status.fields) == {}
    assert status.device_type == ""


class AskedClock(SimulatedClock):
    """Counts how often it is asked what time it is."""

    asked = 0

    def now(self):
        self.asked += 1
        return super().now()


@pytest.mark.parametrize("headers", [{}, {"X_RateLimit_Remaining": "9000"}])
async def test_an_attempt_asks_the_time_before_it_and_after_its_answer(
    cloud, make_client, headers
):
    clock = AskedClock()
    client = make_client(clock=clock, quota=QuotaLedger(clock=clock))
    cloud.body(METER, **headers)
    before = clock.asked
    status = await client.status("C271111EC0AB")
    assert clock.asked - before == 2
    assert status.received_at == clock.now()


async def test_nothing_is_cached(cloud, client, replies):
    cloud.reply(replies.good(METER), replies.good(METER | {"temperature": 22.0}))
    first = await client.status("C271111EC0AB")
    second = await client.status("C271111EC0AB")
    assert (first.fields["temperature"], second.fields["temperature"]) == (21.5, 22.0)


async def test_the_device_list_survives_everything_seen_live(cloud, client, caplog):
    own_id = "B0E9FE000001"
    cloud.body(
        {
            "deviceList": [
                {
                    "deviceId": "C271111EC0AB",
                    "deviceName": "Office",
                    "deviceType": "Meter",
                    "enableCloudService": False,
                    "hubDeviceId": "FA7310762361",
                    "version": 7,
                },
                {"deviceId": own_id, "hubDeviceId": own_id},
                {"deviceId": "B0E9FE000002", "deviceName": None, "hubDeviceId": None},
                {"deviceId": "B0E9FE000003", "hubDeviceId": ""},
                {"deviceId": "B0E9FE000004", "hubDeviceId": "000000000000"},
                "junk",
                {"deviceName": "no id"},
                None,
            ],
            "infraredRemoteList": [
                {
                    "deviceId": "02-202008110034-13",
                    "deviceName": "AC",
                    "remoteType": "DIY Air Conditioner",
                    "hubDeviceId": "FA7310762361",
                },
                [],
            ],
            "somethingNew": 1,
        }
    )
    with caplog.at_level(logging.WARNING):
        found = await client.devices()
    meter, *others = found.devices
    assert (meter.name, meter.device_type) == ("Office", "Meter")
    assert meter.cloud_service is False
    assert meter.hub_device_id == "FA7310762361"
    assert dict(meter.extra) == {"version": 7}
    assert [device.hub_device_id for device in others] == [None] * 4
    assert [device.device_type for device in others] == [""] * 4
    assert all(device.cloud_service for device in others)
    assert [remote.remote_type for remote in found.remotes] == ["DIY Air Conditioner"]
    assert caplog.text.count("skipped") == 4


async def test_an_empty_account_has_empty_lists(cloud, client):
    cloud.body({"deviceList": [], "infraredRemoteList": []})
    found = await client.devices()
    assert (found.devices, found.remotes) == ((), ())


async def test_the_listed_type_stands_in_where_a_status_names_none(
    cloud, client, replies
):
    cloud.reply(
        replies.good({"deviceList": [{"deviceId": "A1", "deviceType": "Keypad"}]}),
        replies.good({}),
    )
    await client.devices()
    assert (await client.status("A1")).device_type == "Keypad"


async def test_a_command_carries_type_name_and_parameter(cloud, client, clock):
    cloud.body({"commandId": "CMD1663558451952-01"})
    result = await client.command("E2F6032048AB", "createKey", {"name": "guest"})
    received = cloud.received[0]
    assert received.method == "POST"
    assert received.path == "/v1.1/devices/E2F6032048AB/commands"
    assert received.headers["Content-Type"].startswith("application/json")
    assert received.json == {
        "commandType": "command",
        "command": "createKey",
        "parameter": {"name": "guest"},
    }
    assert result.command_id == "CMD1663558451952-01"
    assert result.accepted_at == clock.now()


async def test_parameter_defaults_to_the_word_default(cloud, client):
    cloud.body({})
    result = await client.command("E2F6032048AB", "turnOff")
    assert cloud.received[0].json["parameter"] == "default"
    assert result.command_id is None


async def test_a_device_s_own_code_inside_a_success_is_not_overlooked(cloud, client):
    cloud.body({"items": [{"deviceID": "A1", "code": 161, "status": {}}]})
    with pytest.raises(CloudError) as raised:
        await client.command("A1", "turnOff")
    assert type(raised.value).__name__ == "DeviceOfflineError"


async def test_scenes_are_listed_and_run(cloud, client, replies):
    cloud.reply(
        replies.good([{"sceneId": "T02-1", "sceneName": "Night"}, {"sceneName": "?"}]),
        replies.good({}),
    )
    assert await client.scenes() == [Scene("T02-1", "Night")]
    result = await client.run_scene("T02-1")
    assert cloud.received[1].method == "POST"
    assert cloud.received[1].path == "/v1.1/scenes/T02-1/execute"
    assert result.device_id == "T02-1"


async def test_ids_cannot_leave_their_place_in_the_path(cloud, client):
    cloud.body({})
    await client.status("../scenes?x=1#y")
    assert cloud.received[0].path == "/v1.1/devices/..%2Fscenes%3Fx%3D1%23y/status"
    for useless in ("", ".", ".."):
        with pytest.raises(BadParameterError):
            await client.run_scene(useless)
    assert len(cloud.received) == 1


async def test_a_parameter_that_is_no_json_costs_no_call(cloud, client, ledger):
    with pytest.raises(BadParameterError) as raised:
        await client.command("A1", "setMode", {"mode": object()})
    assert raised.value.maybe_sent is False
    assert (len(cloud.received), ledger.used) == (0, 0)


async def test_a_status_of_another_kind_is_a_server_error(cloud, client):
    cloud.body(["not", "an", "object"])
    with pytest.raises(CloudServerError, match="makes no sense"):
        await client.status("C271111EC0AB")


async def test_the_caller_s_session_is_left_open_and_its_settings_alone(
    cloud, client, session
):
    cloud.body([])
    before = (session.timeout, dict(session.headers))
    await client.scenes()
    assert not session.closed
    assert (session.timeout, dict(session.headers)) == before


async def test_a_closed_session_is_a_cloud_error_that_costs_nothing(cloud, client):
    client_session = client._session
    await client_session.close()
    with pytest.raises(CloudError, match="session is closed") as raised:
        await client.scenes()
    assert raised.value.maybe_sent is False


async def test_a_session_that_claims_the_authorization_header_is_named(cloud, clock):
    with warnings.catch_warnings():
        # aiohttp 3.14 advises another way, older ones know no other.
        warnings.simplefilter("ignore", DeprecationWarning)
        session = aiohttp.ClientSession(auth=aiohttp.BasicAuth("a", "b"))
    async with session:
        client = SwitchBotClient(
            session, TOKEN, SECRET, base_url=cloud.base_url, clock=clock
        )
        with pytest.raises(CloudError, match="session cannot send"):
            await client.scenes()


async def test_credentials_show_nowhere(cloud, client, replies, caplog):
    echo = f"'{TOKEN}' not a valid key=value pair in Authorization={TOKEN}, {SECRET}"
    cloud.reply(replies.gateway(403, echo))
    with caplog.at_level(logging.DEBUG), pytest.raises(AuthError) as raised:
        await client.devices()
    shown = f"{raised.value} {raised.value!r} {client!r}"
    for text in (shown, caplog.text):
        assert TOKEN not in text
        assert TOKEN[:8] not in text
        assert SECRET not in text


async def test_a_passcode_never_shows_in_an_error(cloud, client, replies):
    cloud.reply(replies.code(190, "param is invalid: password 73912864"))
    with pytest.raises(BadParameterError) as raised:
        await client.command("A1", "createKey", {"name": "x", "password": "73912864"})
    assert "73912864" not in str(raised.value)


@pytest.mark.parametrize("token", ["", "  ", "a\nb", "tökén"])
async def test_an_impossible_token_is_refused_at_once(session, token):
    with pytest.raises(AuthError) as raised:
        SwitchBotClient(session, token, SECRET)
    assert raised.value.maybe_sent is False


async def test_blanks_around_pasted_credentials_are_dropped(cloud, session, clock):
    cloud.body([])
    client = SwitchBotClient(
        session, f" {TOKEN}\n", f"{SECRET}\n", base_url=cloud.base_url, clock=clock
    )
    await client.scenes()
    assert cloud.received[0].headers["Authorization"] == TOKEN


async def test_without_a_ledger_the_client_keeps_its_own(cloud, session, clock):
    cloud.body([])
    client = SwitchBotClient(
        session, TOKEN, SECRET, base_url=cloud.base_url + "/", clock=clock
    )
    await client.scenes()
    assert isinstance(client.quota, QuotaLedger)
    assert client.quota.used == 1


async def test_many_reads_at_once_go_out_a_few_at_a_time(cloud, client, replies):
    cloud.reply(replies.raw(hang="before"))
    reads = [asyncio.create_task(client.status(f"A{n}")) for n in range(9)]
    await cloud.until_received(4)
    command = asyncio.create_task(client.command("B1", "turnOff"))
    await cloud.until_received(5)
    waiting = [received.method for received in cloud.received]
    assert waiting == ["GET"] * 4 + ["POST"]
    for task in (*reads, command):
        task.cancel()
    await asyncio.gather(*reads, command, return_exceptions=True)
