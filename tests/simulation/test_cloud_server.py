from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from io import BytesIO

import aiohttp
import pytest

from switchbot_automation.simulation import (
    FakeSwitchBotCloud,
    Fault,
    SimulatedClock,
    SimulatedHome,
)
from switchbot_automation.simulation.account.account import QuotaShape
from switchbot_automation.simulation.faults import Call
from switchbot_automation.simulation.home import AIRCON_ID, METER_ID

METER_STATUS = f"/v1.1/devices/{METER_ID}/status"
AIRCON_COMMANDS = f"/v1.1/devices/{AIRCON_ID}/commands"
HEAT = {"commandType": "command", "command": "setAll", "parameter": "24,5,3,on"}


async def test_answers_a_signed_call_with_an_envelope(call, home):
    status, body, headers = await call.get("/v1.1/devices")
    assert status == 200
    assert (body["statusCode"], body["message"]) == (100, "success")
    assert METER_ID in {entry["deviceId"] for entry in body["body"]["deviceList"]}
    assert body["body"]["infraredRemoteList"][0]["remoteType"] == "Air Conditioner"
    assert headers["X-RateLimit-Remaining"] == "9999"
    assert headers["Date"] == home.server_now().strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert headers["x-amzn-requestid"]


async def test_serves_the_same_world_as_the_home_in_process(call, home, clock):
    status, body, _ = await call.post(AIRCON_COMMANDS, HEAT)
    assert (status, body) == (
        200,
        {"statusCode": 100, "message": "success", "body": {}},
    )
    clock.advance(3600)
    over_http = (await call.get(METER_STATUS))[1]["body"]
    assert over_http == dict((await home.status(METER_ID)).fields)
    assert over_http["temperature"] > 19
    assert home.account.calls == {Call.COMMAND: 1, Call.STATUS: 2}


async def test_a_remote_s_status_is_an_empty_success(call):
    _, body, _ = await call.get(f"/v1.1/devices/{AIRCON_ID}/status")
    assert body == {"statusCode": 100, "message": "success", "body": {}}


async def test_scenes_are_listed_and_carried_out(call, home, clock):
    _, body, _ = await call.get("/v1.1/scenes")
    names = {scene["sceneName"]: scene["sceneId"] for scene in body["body"]}
    status, body, _ = await call.post(f"/v1.1/scenes/{names['Winter']}/execute")
    assert (status, body["statusCode"]) == (200, 100)
    clock.advance(60)
    home.advance()
    assert home.room.house.aircon.settings.power


# --- who may ask ----------------------------------------------------------------------


async def test_a_token_that_is_no_text_is_no_token(call, cloud):
    headers = call.headers() | {"Authorization": "\udcff\udcfe"}
    address = cloud.base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(*address)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = (
        f"GET /v1.1/devices HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n"
    )
    writer.write(request.encode(errors="surrogateescape"))
    assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
    writer.close()


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ("[" * 100_000, (400, {"message": "Invalid request body"})),
        ("x" * ((1 << 20) + 1), (413, {"message": "Request Too Long"})),
        (
            '{"command": "turnOn", "parameter": 1, "commandType": []}',
            (200, {"statusCode": 190, "message": "param is invalid", "body": {}}),
        ),
    ],
    ids=["deep", "long", "a list for a word"],
)
async def test_a_body_that_no_client_sends_is_refused_by_name(
    call, cloud, body, answer
):
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{cloud.base_url}{AIRCON_COMMANDS}",
            headers=call.headers(),
            data=BytesIO(body.encode()),
        ) as response,
    ):
        assert (response.status, await response.json()) == answer


@pytest.mark.parametrize("missing", ["Authorization", "t", "nonce", "sign"])
async def test_each_header_is_needed(call, cloud, missing):
    headers = call.headers()
    del headers[missing]
    status, body, answer = await call.get("/v1.1/devices", headers)
    assert (status, body) == (401, {"message": "Unauthorized"})
    assert "X-RateLimit-Remaining" not in answer
    assert cloud.unauthorized == 1
    assert cloud.account.used_today == 0


@pytest.mark.parametrize("name", ["t", "nonce", "sign"])
async def test_header_names_are_matched_by_case(call, name):
    headers = call.headers()
    headers[name.title()] = headers.pop(name)
    assert (await call.get("/v1.1/devices", headers))[0] == 401


async def test_the_authorization_header_may_be_written_in_any_case(call):
    headers = call.headers()
    headers["authorization"] = headers.pop("Authorization")
    assert (await call.get("/v1.1/devices", headers))[0] == 200


async def test_a_signature_in_upper_case_is_accepted_and_a_wrong_one_not(call):
    headers = call.headers()
    headers["sign"] = headers["sign"].upper()
    assert (await call.get("/v1.1/devices", headers))[0] == 200
    headers["nonce"] = "another"
    assert (await call.get("/v1.1/devices", headers))[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "payload"),
    [
        ("GET", "/devices", None),
        ("GET", "/devices/", None),
        ("GET", f"/devices/{METER_ID}/status", None),
        ("POST", f"/devices/{AIRCON_ID}/commands", HEAT),
        ("GET", "/scenes", None),
        ("POST", "/scenes/{winter}/execute", None),
        ("POST", "/webhook/queryWebhook", {"action": "queryUrl"}),
    ],
)
async def test_the_older_version_asks_for_the_token_alone_and_says_the_same(
    call, cloud, method, path, payload
):
    (winter,) = [
        each for each in cloud.account.scenes.values() if each.name == "Winter"
    ]
    path = path.format(winter=winter.scene_id)
    bare = {"Authorization": cloud.token}

    async def said(version, headers):
        async with call.session.request(
            method, cloud.base_url + version + path, headers=headers, json=payload
        ) as response:
            return response.status, await response.json()

    status, body = await said("/v1.0", bare)
    assert status == 200
    assert cloud.account.used_today == 1
    assert await said("/v1.1", call.headers()) == (status, body)
    refused = (401, {"message": "Unauthorized"})
    assert await said("/v1.1", bare) == refused
    assert await said("/v1.0", bare | {"Authorization": "another"}) == refused
    assert await said("/v1.0", {}) == refused
    assert cloud.account.used_today == 2


async def test_an_empty_nonce_is_fine_if_it_is_sent(call):
    assert (await call.get("/v1.1/devices", call.headers(nonce="")))[0] == 200


@pytest.mark.parametrize(
    ("seconds", "status"), [(-299, 200), (299, 200), (-301, 401), (7200, 401)]
)
async def test_a_clock_may_be_off_by_five_minutes(call, seconds, status):
    headers = call.headers(off_seconds=seconds)
    assert (await call.get("/v1.1/devices", headers))[0] == status


async def test_a_clock_that_was_set_wrong_is_refused_until_it_is_right(call, clock):
    clock.jump(-3600)
    status, _, headers = await call.get("/v1.1/devices")
    assert status == 401
    served = headers["Date"]
    clock.jump(3600)
    assert served == clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert (await call.get("/v1.1/devices"))[0] == 200


@pytest.mark.parametrize("stamp", ["1768176000", "1768176000000000", "17681760000ab"])
async def test_the_time_must_be_in_milliseconds(call, stamp):
    headers = {**call.headers(), "t": stamp}
    assert (await call.get("/v1.1/devices", headers))[0] == 401


async def test_an_unknown_path_is_the_gateway_s_403(call):
    for path in ("/v1.1/", "/v1.2/devices", "/v1.1/devices/X/dance"):
        status, body, _ = await call.get(path)
        assert status == 403
        assert set(body) == {"message"}


# --- quota ----------------------------------------------------------------------------


OVER_QUOTA = {
    QuotaShape.UNAUTHORIZED: (401, {"message": "Unauthorized"}),
    QuotaShape.BODY_190: (
        200,
        {"statusCode": 190, "message": "Requests reached the daily limit", "body": {}},
    ),
    QuotaShape.TOO_MANY: (429, {"message": "Too Many Requests"}),
    QuotaShape.TOO_MANY_TEXT: (429, "Too Many Requests"),
}


@pytest.mark.parametrize("shape", QuotaShape)
async def test_over_quota_is_answered_in_the_chosen_shape(call, cloud, clock, shape):
    cloud.account.daily_limit = 2
    cloud.account.quota_shape = shape
    seen = [(await call.get(METER_STATUS))[2] for _ in range(2)]
    assert [headers["X-RateLimit-Remaining"] for headers in seen] == ["1", "0"]
    status, body, headers = await call.get(METER_STATUS)
    assert (status, body) == OVER_QUOTA[shape]
    is_text = shape is QuotaShape.TOO_MANY_TEXT
    assert headers["Content-Type"] == ("text/html" if is_text else "application/json")
    assert headers["X-RateLimit-Remaining"] == "0"
    clock.advance(86400)
    assert (await call.get(METER_STATUS))[0] == 200


# --- bodies ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "payload", "code", "message"),
    [
        (AIRCON_ID, {**HEAT, "command": "danceTango"}, 160, "not supported"),
        (METER_ID, HEAT, 151, "type"),
        ("000000000001", HEAT, 152, "not found"),
        (AIRCON_ID, {**HEAT, "parameter": "hot"}, 190, "param is invalid"),
        (
            AIRCON_ID,
            {"commandType": "command", "command": "setAll", "parameters": "24,5,3,on"},
            190,
            "Cannot read properties of undefined",
        ),
        (AIRCON_ID, ["setAll"], 190, "invalid"),
        (AIRCON_ID, {"parameter": "default"}, 190, "invalid"),
        (
            AIRCON_ID,
            {"commandType": "customize", "command": "Turbo", "parameter": "default"},
            190,
            "No this command",
        ),
    ],
)
async def test_bad_commands_are_refused_by_code_and_message(
    call, device, payload, code, message
):
    status, body, _ = await call.post(f"/v1.1/devices/{device}/commands", payload)
    assert status == 200
    assert body["statusCode"] == code
    assert message in body["message"]


async def test_a_body_that_is_no_json_is_a_bad_request(call, cloud):
    async with call.session.post(
        cloud.base_url + AIRCON_COMMANDS, headers=call.headers(), data=b"{oops"
    ) as response:
        assert response.status == 400


# --- faults ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (
            Fault.OFFLINE,
            200,
            {"statusCode": 161, "message": "device offline", "body": {}},
        ),
        (Fault.SERVER_ERROR, 500, {"message": "Internal server error"}),
        (Fault.TOO_MANY_429, 429, {"message": "Too Many Requests"}),
        (Fault.UNAUTHORIZED, 401, {"message": "Unauthorized"}),
    ],
)
async def test_faults_answer_as_the_real_cloud_did(call, cloud, fault, status, body):
    cloud.faults.inject(fault, times=1)
    assert (await call.get(METER_STATUS))[:2] == (status, body)
    assert (await call.get(METER_STATUS))[0] == 200


async def test_an_answer_may_be_html_or_have_no_status_code(call, cloud):
    cloud.faults.inject(Fault.NOT_JSON, times=1)
    status, text, headers = await call.get(METER_STATUS)
    assert (status, headers["Content-Type"]) == (200, "text/html")
    assert text.startswith("<html>")
    cloud.faults.inject(Fault.NO_STATUS_CODE, times=1)
    assert "statusCode" not in (await call.get(METER_STATUS))[1]
    cloud.faults.inject(Fault.TASK_TIMEOUT, times=1)
    status, body, _ = await call.get(METER_STATUS)
    assert status == 500
    assert "Task timed out" in body["errorMessage"]


async def test_a_dropped_call_was_not_carried_out_but_one_without_answer_was(
    call, cloud, clock
):
    for fault, power in ((Fault.DROPPED, False), (Fault.ANSWER_LOST, True)):
        cloud.faults.inject(fault, calls=[Call.COMMAND], times=1)
        with pytest.raises(aiohttp.ClientError):
            await call.post(AIRCON_COMMANDS, HEAT)
        clock.advance(60)
        cloud.home.advance()
        assert cloud.home.room.house.aircon.settings.power is power


async def test_a_slow_command_is_carried_out_although_the_client_gave_up(
    call, cloud, clock
):
    cloud.faults.inject(Fault.SLOW, seconds=30, times=1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call.post(AIRCON_COMMANDS, HEAT), 0.3)
    clock.advance(60)
    cloud.home.advance()
    assert cloud.home.room.house.aircon.settings.power


# --- life -----------------------------------------------------------------------------


async def test_keeps_its_port_and_its_world_over_a_restart(call, cloud, clock):
    await call.post(AIRCON_COMMANDS, HEAT)
    url = cloud.base_url
    await cloud.stop()
    assert not cloud.running
    with pytest.raises(aiohttp.ClientError):
        await call.get(METER_STATUS)
    clock.advance(3600)
    await cloud.start()
    assert cloud.base_url == url
    _, body, _ = await call.get(METER_STATUS)
    assert body["body"]["temperature"] > 19


async def test_starting_and_stopping_twice_does_no_harm():
    cloud = FakeSwitchBotCloud(clock=SimulatedClock())
    with pytest.raises(RuntimeError, match="port"):
        _ = cloud.base_url
    await cloud.start()
    await cloud.start()
    await cloud.stop()
    await cloud.stop()


async def test_a_taken_port_is_an_error_and_leaves_nothing_behind():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        cloud = FakeSwitchBotCloud(clock=SimulatedClock(), port=port)
        with pytest.raises(OSError, match="address"):
            await cloud.start()
        assert not cloud.running


async def test_without_a_home_it_lives_on_the_machine_s_time():
    async with FakeSwitchBotCloud(season="summer", speed=3600.0) as cloud:
        before = cloud.home.elapsed
        await asyncio.sleep(0)
        assert cloud.home.elapsed > before
        assert abs(cloud.home.server_now() - cloud.home.clock.now()) < timedelta(
            seconds=1
        )
        assert cloud.token not in repr(cloud)
        assert cloud.secret not in repr(cloud)


async def test_home_can_be_shared_by_a_client_in_process_and_the_server():
    home = SimulatedHome(SimulatedClock())
    async with FakeSwitchBotCloud(home) as cloud:
        assert cloud.account is home.account
        assert cloud.faults is home.faults
        await home.status(METER_ID)
        assert cloud.calls[Call.STATUS] == 1
