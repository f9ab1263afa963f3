"""What is tried again, after how long, and what never is."""

import random
import socket

import pytest

from switchbot_automation.cloud.talk.retry import RetryPolicy
from switchbot_automation.errors import (
    AuthError,
    CloudError,
    CloudServerError,
    CloudTimeoutError,
    QuotaExhaustedError,
    RateLimitedError,
)


async def test_a_read_outlives_two_faults_and_each_attempt_counts(
    cloud, client, replies, ledger, passing_fault
):
    cloud.reply(passing_fault, passing_fault, replies.good([]))
    assert await client.scenes() == []
    assert len(cloud.received) == 3
    assert ledger.used == 3


async def test_the_third_fault_is_the_last(cloud, client, ledger, passing_fault):
    cloud.reply(passing_fault)
    with pytest.raises(CloudError):
        await client.scenes()
    assert (len(cloud.received), ledger.used) == (3, 3)


@pytest.mark.parametrize(
    ("status_code", "message"),
    [
        (152, "device not found"),
        (161, "offline"),
        (171, "hub offline"),
        (190, "param is invalid"),
        (190, "Cannot read properties of undefined (reading 'x')"),
    ],
)
async def test_what_will_not_pass_is_not_asked_twice(
    cloud, client, status_code, message
):
    cloud.code(status_code, message)
    with pytest.raises(CloudError):
        await client.status("A1")
    assert len(cloud.received) == 1


async def test_waits_grow_with_full_jitter_and_come_from_the_clock(
    cloud, make_client, replies, clock
):
    cloud.reply(replies.gateway(500))
    policy = RetryPolicy(attempts=6, base_seconds=1.0, ceiling_seconds=4.0)
    start = clock.monotonic()
    with pytest.raises(CloudServerError):
        await make_client(retry=policy, random=random.Random(7)).scenes()
    expected = random.Random(7)
    ceilings = [1.0, 2.0, 4.0, 4.0, 4.0]
    waited = sum(expected.uniform(0.0, ceiling) for ceiling in ceilings)
    assert clock.monotonic() - start == pytest.approx(waited)


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_waited_out(cloud, client, replies, clock, status):
    cloud.reply(replies.gateway(status, "slow", Retry_After="30"), replies.good([]))
    start = clock.monotonic()
    await client.scenes()
    assert clock.monotonic() - start == 30


async def test_retry_after_as_a_date_is_waited_out(cloud, client, replies, clock):
    later = "Mon, 12 Jan 2026 00:00:20 GMT"
    cloud.reply(replies.gateway(429, "slow", Retry_After=later), replies.good([]))
    start = clock.monotonic()
    await client.scenes()
    assert clock.monotonic() - start == 20


async def test_more_patience_than_sane_is_left_to_the_caller(
    cloud, client, replies, clock
):
    cloud.reply(replies.gateway(429, "slow", Retry_After="86400"))
    with pytest.raises(RateLimitedError) as raised:
        await client.scenes()
    assert raised.value.retry_after_seconds == 86400
    assert clock.monotonic() == 0
    assert len(cloud.received) == 1


async def test_the_quota_can_run_out_between_attempts(
    cloud, make_client, replies, clock, ledger
):
    for _ in range(ledger.limit - 2):
        ledger.attempt()
    cloud.reply(replies.gateway(500))
    with pytest.raises(QuotaExhaustedError) as raised:
        await make_client(attempts=9).scenes()
    assert len(cloud.received) == 2
    assert isinstance(raised.value.__cause__, CloudServerError)


# --- commands -----------------------------------------------------------------------

UNSAFE = [
    ("press", "default", "command"),
    ("toggle", "default", "command"),
    ("volumeAdd", "default", "command"),
    ("createKey", {"name": "x"}, "command"),
    ("turnOn", "default", "customize"),
    ("someNewCommand", "default", "command"),
]


@pytest.mark.parametrize("command", UNSAFE)
async def test_a_command_that_acts_anew_each_time_is_sent_once(
    cloud, client, replies, passing_fault, command
):
    cloud.reply(passing_fault, replies.good({}))
    with pytest.raises(CloudError):
        await client.command("A1", *command)
    assert len(cloud.received) == 1


async def test_a_scene_is_sent_once(cloud, client, replies, passing_fault):
    cloud.reply(passing_fault, replies.good({}))
    with pytest.raises(CloudError):
        await client.run_scene("T02-1")
    assert len(cloud.received) == 1


@pytest.mark.parametrize("command", [("turnOff",), ("setAll", "26,1,3,on")])
async def test_a_command_that_repeats_harmlessly_is_sent_again(
    cloud, client, replies, passing_fault, command
):
    cloud.reply(passing_fault, replies.good({}))
    await client.command("02-202008110034-13", *command)
    assert (len(cloud.received), client.quota.used) == (2, 2)


async def test_the_listed_type_decides_whether_a_command_repeats_harmlessly(
    cloud, client, replies
):
    listed = {
        "deviceList": [{"deviceId": "A1", "deviceType": "Relay Switch 2PM"}],
        "infraredRemoteList": [{"deviceId": "02-1-1", "remoteType": "Others"}],
    }
    cloud.reply(
        replies.good(listed),
        replies.gateway(500),
        replies.good({}),
        replies.gateway(500),
        replies.good({}),
    )
    await client.devices()
    await client.command("A1", "turnOn", "1")
    assert len(cloud.received) == 3
    with pytest.raises(CloudServerError):
        await client.command("02-1-1", "turnOn")
    assert len(cloud.received) == 4


async def test_a_command_that_never_left_is_tried_again(make_client, ledger):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(CloudTimeoutError) as raised:
            await make_client(base_url=base_url).command("A1", "toggle")
    assert ledger.used == 3
    assert raised.value.maybe_sent is False


async def test_what_was_refused_for_its_signature_was_not_carried_out(
    cloud, client, replies
):
    cloud.reply(replies.gateway(401, "Unauthorized"))
    with pytest.raises(AuthError) as raised:
        await client.run_scene("T02-1")
    assert raised.value.maybe_sent is False
    assert len(cloud.received) == 1


def test_a_policy_without_attempts_is_refused():
    with pytest.raises(ValueError, match="attempts"):
        RetryPolicy(attempts=0)
