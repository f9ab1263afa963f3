"""The client against the simulated cloud: signed calls, every product, every fault."""

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver

from switchbot_automation.cloud import QuotaLedger, SwitchBotClient
from switchbot_automation.cloud.catalog import catalog
from switchbot_automation.cloud.catalog.catalog import read_status
from switchbot_automation.cloud.events.passcodes import (
    read_passcode_result,
    read_passcodes,
)
from switchbot_automation.errors import (
    AuthError,
    BadParameterError,
    ClockSkewError,
    CloudError,
    CloudServerError,
    CloudTimeoutError,
    DeviceOfflineError,
    HubOfflineError,
    QuotaExhaustedError,
    RateLimitedError,
)
from switchbot_automation.simulation import FakeSwitchBotCloud, Fault, SimulatedClock

KEYPAD = "E2F6032048AB"
DIGITS = "73912864"


@pytest.fixture
async def simulated(clock):
    async with FakeSwitchBotCloud(clock=clock) as running:
        yield running


@pytest.fixture
async def client(simulated, clock):
    async with aiohttp.ClientSession() as session:
        yield SwitchBotClient(
            session,
            simulated.token,
            simulated.secret,
            base_url=simulated.base_url,
            clock=clock,
            timeout_seconds=10,
        )


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.OFFLINE, DeviceOfflineError),
        (Fault.HUB_OFFLINE, HubOfflineError),
        (Fault.DEVICE_ERROR, CloudServerError),
        (Fault.PARAM_INVALID, BadParameterError),
        (Fault.DAILY_LIMIT, QuotaExhaustedError),
        (Fault.TOO_MANY_190, RateLimitedError),
        (Fault.TOO_MANY_429, RateLimitedError),
        (Fault.UNAUTHORIZED, AuthError),
        (Fault.SERVER_ERROR, CloudServerError),
        (Fault.TASK_TIMEOUT, CloudServerError),
        (Fault.NOT_JSON, CloudServerError),
        (Fault.NO_STATUS_CODE, CloudServerError),
        (Fault.DROPPED, CloudTimeoutError),
        (Fault.ANSWER_LOST, CloudTimeoutError),
    ],
)
async def test_each_fault_has_its_error_and_attempts_are_counted_alike(
    simulated, client, fault, error
):
    device = (await client.devices()).devices[0]
    with simulated.faults.inject(fault), pytest.raises(CloudError) as raised:
        await client.status(device.device_id)
    assert type(raised.value) is error
    assert client.quota.used == simulated.account.used_today
    assert client.quota.foreign == 0


@pytest.mark.parametrize("shape", ["401", "190", "429", "429 text"])
async def test_each_shape_of_an_empty_quota_is_recognised(simulated, client, shape):
    simulated.account.daily_limit = 2
    simulated.account.quota_shape = shape
    await client.scenes()
    simulated.account.use_elsewhere(1)
    with pytest.raises(QuotaExhaustedError):
        await client.scenes()
    assert client.quota.remaining == 0


async def test_a_wrong_clock_is_told_from_a_wrong_secret(simulated, client, clock):
    ahead = SimulatedClock(clock.now())
    ahead.advance(3600)
    async with aiohttp.ClientSession() as session:
        options = {"base_url": simulated.base_url}
        token, secret = simulated.token, simulated.secret
        late = SwitchBotClient(session, token, secret, clock=ahead, **options)
        with pytest.raises(ClockSkewError) as raised:
            await late.scenes()
        assert raised.value.skew_seconds == pytest.approx(3600, abs=1)
        forged = SwitchBotClient(session, token, "f" * 32, clock=clock, **options)
        with pytest.raises(AuthError):
            await forged.scenes()
    assert client.quota.used == 0


async def test_every_product_is_listed_read_and_without_doubts(simulated, client):
    simulated.home.add_one_of_each()
    found = await client.devices()
    for device in found.devices:
        reading = read_status(await client.status(device.device_id))
        assert reading.doubts == (), device.name
        assert dict(reading.unknown) == {}, device.name
    for remote in found.remotes:
        assert catalog.lookup(remote.remote_type, infrared=True) is not None
        assert dict((await client.status(remote.device_id)).fields) == {}
    assert isinstance(client.quota, QuotaLedger)


async def test_a_passcode_goes_round_from_creation_to_its_digits(
    simulated, client, clock
):
    simulated.home.add_device("Keypad Touch", KEYPAD)
    simulated.home.push.wanted = True
    wanted = {"name": "Guest", "type": "permanent", "password": DIGITS}
    parameter = catalog.validate_command("Keypad Touch", "createKey", wanted)
    accepted = await client.command(KEYPAD, "createKey", parameter)
    clock.advance(90)
    simulated.home.advance()
    results = [
        result
        for event in simulated.home.push.due_events()
        if (result := read_passcode_result(event["context"])) is not None
    ]
    assert [result.ok for result in results] == [True]
    assert results[0].command_id == accepted.command_id
    found = {device.device_id: device for device in (await client.devices()).devices}
    (passcode,) = read_passcodes(found[KEYPAD])
    assert passcode.reveal(simulated.secret) == DIGITS


async def test_the_account_s_webhook_lives_its_whole_life(simulated, client):
    url = "http://127.0.0.1:9/hook/4d5e6f"
    assert await client.query_webhook() == ()
    await client.setup_webhook(url)
    assert await client.query_webhook() == (url,)
    await client.update_webhook(url, enable=False)
    (details,) = await client.query_webhook_details([url])
    assert not details.enabled
    assert details.created_at is not None
    await client.delete_webhook(url)
    assert await client.query_webhook() == ()


async def test_the_credential_of_the_push_stream_is_given_as_it_came(client, simulated):
    simulated.account.content.iot_credential = {"brokerUrl": "mqtts://x", "topics": {}}
    assert await client.iot_credential("hub-1") == {
        "brokerUrl": "mqtts://x",
        "topics": {},
    }
    assert "mqtts" not in repr(simulated.account.content)
    with pytest.raises(BadParameterError):
        await client.iot_credential("")


class Nowhere(AbstractResolver):
    """Finds no host, and tells which were looked for."""

    def __init__(self):
        self.hosts = []

    async def resolve(self, host, port=0, family=0):
        self.hosts.append(host)
        raise OSError("no such host")

    async def close(self):
        pass


async def test_that_credential_alone_is_asked_of_another_host(clock):
    resolver = Nowhere()
    connector = aiohttp.TCPConnector(resolver=resolver)
    async with aiohttp.ClientSession(connector=connector) as session:
        client = SwitchBotClient(session, "t", "s", clock=clock, attempts=1)
        for question in (client.iot_credential("hub-1"), client.scenes()):
            with pytest.raises(CloudTimeoutError):
                await question
    assert resolver.hosts == ["api.switchbot.net", "api.switch-bot.com"]
