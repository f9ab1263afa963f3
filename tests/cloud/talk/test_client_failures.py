"""Each refusal becomes the error that says what to do about it."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from switchbot_automation.cloud.talk.quota import QuotaLedger
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
    UnsupportedCommandError,
)

DAILY = "Requests reached the daily limit"


@pytest.mark.parametrize(
    ("status_code", "message", "error"),
    [
        (151, "device type error", UnsupportedCommandError),
        (152, "device not found", BadParameterError),
        (160, "command is not supported", UnsupportedCommandError),
        (161, "device offline", DeviceOfflineError),
        (171, "hub device is offline", HubOfflineError),
        (190, DAILY, QuotaExhaustedError),
        (190, "Too many Request", RateLimitedError),
        (190, "Too Many Requests", RateLimitedError),
        (190, "param is invalid", BadParameterError),
        (190, "No this command", BadParameterError),
        (190, "invalid infrared command format", BadParameterError),
        (190, "Command is not supported", UnsupportedCommandError),
        (190, "Cannot read properties of undefined (reading 'x')", CloudServerError),
        (190, "ExpressionAttributeValues must not be empty", CloudServerError),
        (190, "System error", CloudServerError),
        (190, "", CloudServerError),
        (401, "Unauthorized", AuthError),
        (429, "Too Many Requests", RateLimitedError),
        (777, "what is this", CloudServerError),
    ],
)
async def test_a_code_becomes_its_own_error(
    cloud, make_client, status_code, message, error
):
    cloud.code(status_code, message)
    with pytest.raises(CloudError) as raised:
        await make_client(attempts=1).command("A1", "turnOff")
    assert type(raised.value) is error
    assert raised.value.status_code == status_code
    assert raised.value.http_status == 200
    assert "turnOff to A1" in str(raised.value)


ODD_ANSWERS = [
    (200, b"<html>hello</html>", CloudServerError),
    (200, b"", CloudServerError),
    (200, b"\xff\xfe\x00", CloudServerError),
    (200, b'{"message":"Internal server error"}', CloudServerError),
    (200, b'{"message":"Too Many Requests"}', RateLimitedError),
    (200, b"[1, 2]", CloudServerError),
    (200, b'{"statusCode": true, "body": {}}', CloudServerError),
    (302, b"", CloudServerError),
    (400, b'{"message":"Bad Request"}', BadParameterError),
    (403, b'{"message":"Forbidden"}', AuthError),
    (404, b"not found", BadParameterError),
    (404, b'{"statusCode":152,"message":"x"}', BadParameterError),
    (415, b"", BadParameterError),
    (422, b"", BadParameterError),
    (429, b"Too Many Requests", RateLimitedError),
    (429, b'{"message":"Too Many Requests"}', RateLimitedError),
    (429, b"<h1>Daily limit reached</h1>", QuotaExhaustedError),
    (500, b'{"message":"Internal server error"}', CloudServerError),
    (500, b'{"errorMessage":"Task timed out after 10.02 s"}', CloudServerError),
    (500, b'{"statusCode":171,"message":"hub"}', HubOfflineError),
    (503, b"<html>", CloudServerError),
]


@pytest.mark.parametrize(("status", "content", "error"), ODD_ANSWERS)
async def test_the_http_status_is_judged_before_the_body(
    cloud, make_client, status, content, error
):
    cloud.raw(status, content, Content_Type="text/html")
    with pytest.raises(CloudError) as raised:
        await make_client(attempts=1).status("A1")
    assert type(raised.value) is error
    assert raised.value.http_status == status


async def test_the_content_type_of_a_good_answer_does_not_matter(
    cloud, client, replies
):
    good = replies.good({"temperature": 20.0}, Content_Type="text/plain")
    cloud.reply(replies.raw(200, b"\xef\xbb\xbf" + good.content, good.headers))
    assert (await client.status("A1")).fields["temperature"] == 20.0


async def test_a_code_written_as_text_counts(cloud, client, replies):
    cloud.reply(replies.raw(200, b'{"statusCode":"100","body":{"battery":7}}'))
    assert (await client.status("A1")).fields["battery"] == 7


# --- 401 is not taken at face value -------------------------------------------------


async def test_a_single_401_is_forgiven(cloud, client, replies, ledger):
    cloud.reply(replies.gateway(401, "Unauthorized"), replies.good([]))
    assert await client.scenes() == []
    first, second = cloud.received
    assert first.headers["nonce"] != second.headers["nonce"]
    assert int(second.headers["t"]) > int(first.headers["t"])
    assert ledger.used == 2


async def test_the_second_401_in_a_row_is_believed(cloud, client, replies, ledger):
    cloud.reply(replies.gateway(401, "Unauthorized"))
    with pytest.raises(AuthError) as raised:
        await client.scenes()
    assert (len(cloud.received), ledger.used) == (2, 2)
    assert raised.value.http_status == 401
    assert raised.value.maybe_sent is False


@pytest.mark.parametrize("off_seconds", [3600.0, -3600.0, 400.0])
async def test_a_401_under_a_wrong_clock_says_how_far_off_it_is(
    cloud, client, replies, clock, off_seconds
):
    right = clock.now() - timedelta(seconds=off_seconds)
    date = format_datetime(right, usegmt=True)
    cloud.reply(replies.gateway(401, "Unauthorized", Date=date))
    with pytest.raises(ClockSkewError) as raised:
        await client.scenes()
    assert raised.value.skew_seconds == pytest.approx(off_seconds, abs=1)
    assert len(cloud.received) == 1


async def test_a_401_once_the_ledger_is_empty_is_the_quota(
    cloud, make_client, replies, clock
):
    ledger = QuotaLedger(limit=1, clock=clock)
    client = make_client(quota=ledger)
    cloud.reply(replies.good({}), replies.gateway(401, "Unauthorized"))
    await client.command("A1", "turnOff")
    with pytest.raises(QuotaExhaustedError) as raised:
        await client.command("A1", "turnOff")
    assert raised.value.resets_at == datetime(2026, 1, 13, tzinfo=UTC)


async def test_a_401_on_the_last_call_of_the_ledger_is_no_quota_matter(
    cloud, make_client, replies, clock
):
    client = make_client(quota=QuotaLedger(limit=1, clock=clock), attempts=1)
    cloud.reply(replies.gateway(401, "Unauthorized"))
    with pytest.raises(AuthError):
        await client.scenes()


@pytest.mark.parametrize("status", [401, 429])
async def test_headers_that_say_empty_tell_the_quota_from_the_rest(
    cloud, client, replies, ledger, status
):
    cloud.reply(replies.gateway(status, "no", X_RateLimit_Remaining="0"))
    with pytest.raises(QuotaExhaustedError):
        await client.scenes()
    assert len(cloud.received) == 1
    assert ledger.refused


async def test_a_429_with_calls_left_is_a_burst(cloud, make_client, replies, ledger):
    cloud.reply(
        replies.gateway(429, "slow", X_RateLimit_Remaining="9000", Retry_After="7")
    )
    with pytest.raises(RateLimitedError) as raised:
        await make_client(attempts=1).scenes()
    assert raised.value.retry_after_seconds == 7
    assert ledger.remaining == 9000


# --- the quota ----------------------------------------------------------------------


async def test_after_the_daily_limit_nothing_is_asked_until_midnight(
    cloud, client, replies, clock, ledger
):
    cloud.reply(replies.code(190, DAILY), replies.good([]))
    with pytest.raises(QuotaExhaustedError):
        await client.scenes()
    for refused in (client.devices(), client.command("A1", "turnOff")):
        with pytest.raises(QuotaExhaustedError) as raised:
            await refused
        assert raised.value.maybe_sent is False
        assert raised.value.resets_at == datetime(2026, 1, 13, tzinfo=UTC)
    assert len(cloud.received) == 1
    clock.advance_to(datetime(2026, 1, 13, tzinfo=UTC))
    assert await client.scenes() == []
    assert ledger.used == 1


async def test_reads_leave_the_reserve_to_commands(cloud, make_client, replies, clock):
    client = make_client(quota=QuotaLedger(limit=3, reserve=2, clock=clock))
    cloud.reply(replies.good({}))
    await client.status("A1")
    with pytest.raises(QuotaExhaustedError, match="2 calls are kept for commands"):
        await client.status("A1")
    for _ in range(3):
        await client.command("A1", "turnOff")
    assert len(cloud.received) == 4


async def test_headers_of_good_answers_correct_the_ledger(
    cloud, client, replies, ledger
):
    cloud.reply(replies.good([], X_RateLimit_Remaining="9876"))
    await client.scenes()
    assert (ledger.remaining, ledger.foreign) == (9876, 123)


# --- no answer at all ---------------------------------------------------------------


@pytest.mark.parametrize("hang", ["before", "after"])
async def test_the_time_limit_covers_the_body(cloud, make_client, replies, hang):
    cloud.reply(replies.raw(200, b'{"statusCode":', hang=hang))
    client = make_client(timeout_seconds=0.05, attempts=1)
    with pytest.raises(CloudTimeoutError, match=r"within 0\.05 s") as raised:
        await client.status("A1")
    assert raised.value.maybe_sent is True
    assert isinstance(raised.value.__cause__, TimeoutError)


@pytest.mark.parametrize("drop", ["before", "after"])
async def test_a_broken_connection_leaves_the_outcome_open(
    cloud, make_client, replies, drop
):
    cloud.reply(replies.raw(200, b'{"statusCode":', drop=drop))
    with pytest.raises(CloudTimeoutError) as raised:
        await make_client(attempts=1).command("A1", "press")
    assert raised.value.maybe_sent is True


async def test_a_closed_port_means_nothing_was_sent(make_client):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(CloudTimeoutError) as raised:
            await make_client(base_url=base_url, attempts=1).command("A1", "press")
    assert raised.value.maybe_sent is False


@pytest.mark.parametrize("base_url", ["ftp://127.0.0.1", "nonsense", ""])
async def test_an_unusable_base_url_is_named(make_client, base_url):
    with pytest.raises(CloudError, match="base URL") as raised:
        await make_client(base_url=base_url, attempts=1).scenes()
    assert raised.value.maybe_sent is False


async def test_an_endless_answer_is_given_up(cloud, make_client, replies):
    cloud.reply(replies.raw(200, b" " * (9 * 1024 * 1024)))
    with pytest.raises(CloudServerError, match="more than"):
        await make_client(attempts=1).scenes()


GARBAGE = [
    b"",
    b"\x00\x01\x02\r\n\r\n",
    b"220 mail.example.net ESMTP\r\n",
    b"HTTP/1.1 abc OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 20_000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
async def test_a_server_that_speaks_no_http_is_a_cloud_error(make_client, garbage):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(garbage)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        client = make_client(base_url=f"http://127.0.0.1:{port}", attempts=1)
        with pytest.raises((CloudServerError, CloudTimeoutError)):
            await client.scenes()
