"""The session is a host's: how it waits, and what it defaults to, changes no meaning."""

import asyncio
import gzip
import socket
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver

from switchbot_automation.cloud.talk.client import SwitchBotClient
from switchbot_automation.cloud.talk.retry import RetryPolicy
from switchbot_automation.errors import (
    CloudError,
    CloudTimeoutError,
    DeviceOfflineError,
)

TOKEN, SECRET = "c271" * 24, "0123456789abcdef" * 2
IMPATIENT = 0.3


def client_of(session, base_url, clock, **options):
    options = {"timeout_seconds": IMPATIENT, "attempts": 1, **options}
    return SwitchBotClient(
        session, TOKEN, SECRET, base_url=base_url, clock=clock, **options
    )


async def failure_of(session, base_url, clock, **options):
    with pytest.raises(CloudError) as raised:
        await client_of(session, base_url, clock, **options).command("A1", "press")
    return raised.value


# --- where a call failed says whether it may have been sent --------------------------


class Silent(AbstractResolver):
    """A name server that never answers."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        return await asyncio.get_running_loop().create_future()

    async def close(self):
        """Nothing is open."""


class Empty(Silent):
    """A name server that knows no such name."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        raise OSError(socket.EAI_NONAME, "no such name")


@asynccontextmanager
async def listening(answer):
    """Serve raw bytes on loopback: `answer` is called for each connection."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize("resolver", [Silent, Empty])
async def test_without_an_address_nothing_was_sent(clock, resolver):
    connector = aiohttp.TCPConnector(resolver=resolver(), use_dns_cache=False)
    async with aiohttp.ClientSession(connector=connector) as session:
        error = await failure_of(session, "http://cloud.invalid", clock)
    assert type(error) is CloudTimeoutError
    assert not error.maybe_sent


async def test_waiting_for_a_free_connection_sent_nothing(cloud, clock, replies):
    cloud.reply(replies.raw(hang="before"))
    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=connector) as session:
        patient = client_of(session, cloud.base_url, clock, timeout_seconds=60.0)
        first = asyncio.create_task(patient.status("A1"))
        await cloud.until_received(1)
        error = await failure_of(session, cloud.base_url, clock)
        first.cancel()
    assert not error.maybe_sent
    assert len(cloud.received) == 1


class Noted(RetryPolicy):
    """Patience that shows when an attempt has failed."""

    def __post_init__(self):
        object.__setattr__(self, "failed", asyncio.Event())

    def wait_seconds(self, failures, retry_after_seconds, random):
        self.failed.set()
        return super().wait_seconds(failures, retry_after_seconds, random)


async def test_a_command_that_never_left_is_sent_again(cloud, clock, replies):
    """A press is not idempotent: it is repeated only because the first never left."""
    cloud.reply(replies.raw(hang="before"), replies.good({}))
    connector, policy = aiohttp.TCPConnector(limit=1), Noted(attempts=100)
    async with aiohttp.ClientSession(connector=connector) as session:
        patient = client_of(session, cloud.base_url, clock, timeout_seconds=60.0)
        first = asyncio.create_task(patient.status("A1"))
        await cloud.until_received(1)
        client = client_of(session, cloud.base_url, clock, retry=policy)
        press = asyncio.create_task(client.command("A1", "press"))
        await policy.failed.wait()
        first.cancel()
        assert (await press).device_id == "A1"
    assert [each.method for each in cloud.received] == ["GET", "POST"]


async def test_a_server_that_speaks_no_tls_was_told_nothing(clock):
    async def answer(_reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with listening(answer) as port, aiohttp.ClientSession() as session:
        error = await failure_of(session, f"https://127.0.0.1:{port}", clock)
    assert not error.maybe_sent


async def test_a_handshake_that_hangs_told_nothing(clock):
    held = []

    async def answer(_reader, writer):
        held.append(writer)

    async with listening(answer) as port, aiohttp.ClientSession() as session:
        error = await failure_of(session, f"https://127.0.0.1:{port}", clock)
        for writer in held:
            writer.close()
    assert type(error) is CloudTimeoutError
    assert not error.maybe_sent


async def test_a_proxy_that_refuses_the_tunnel_passed_nothing_on(clock, monkeypatch):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with listening(answer) as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        async with aiohttp.ClientSession(trust_env=True) as session:
            error = await failure_of(session, "https://cloud.invalid", clock)
    assert not error.maybe_sent


@pytest.mark.parametrize("silence", ["hang", "drop"])
async def test_what_was_received_and_not_answered_may_have_acted(
    cloud, session, clock, replies, silence
):
    cloud.reply(replies.raw(**{silence: "before"}))
    error = await failure_of(session, cloud.base_url, clock)
    assert error.maybe_sent
    assert len(cloud.received) == 1


# --- a session's defaults -------------------------------------------------------------


async def refuse(response):
    """Raise for any answer, as a host may want for its own calls."""
    await response.read()
    raise RuntimeError(response.status)


SESSIONS = [
    {"raise_for_status": True},
    {"raise_for_status": refuse},
    {"auto_decompress": False},
    {"headers": {"Accept-Encoding": "compress, identity;q=0"}},
    {"headers": {"Authorization": "Bearer of-the-host", "t": "1", "sign": "x"}},
    {"skip_auto_headers": {"Content-Type", "User-Agent"}},
    {"timeout": aiohttp.ClientTimeout(total=1e-9, connect=1e-9, sock_read=1e-9)},
    {"json_serialize": repr},
    {"cookies": {"session": "of the host"}},
    {"read_bufsize": 1},
]


@pytest.mark.parametrize("options", SESSIONS, ids=lambda each: next(iter(each)))
@pytest.mark.parametrize("packed", [False, True])
async def test_a_good_answer_is_read_whatever_the_session_defaults_to(
    cloud, clock, replies, options, packed
):
    good = replies.good({"temperature": 20.0})
    if packed:
        headers = {"Content-Encoding": "gzip"}
        good = replies.raw(200, gzip.compress(good.content), headers)
    cloud.reply(good)
    async with aiohttp.ClientSession(**options) as session:
        status = await client_of(
            session, cloud.base_url, clock, timeout_seconds=5.0
        ).status("A1")
    assert status.fields["temperature"] == 20.0
    (received,) = cloud.received
    assert received.headers["Authorization"] == TOKEN
    assert received.headers["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize("options", SESSIONS, ids=lambda each: next(iter(each)))
async def test_a_failure_keeps_its_kind_whatever_the_session_defaults_to(
    cloud, clock, replies, options
):
    content = b'{"statusCode":161,"message":"device offline"}'
    headers = {"Content-Encoding": "gzip"}
    cloud.reply(replies.raw(500, gzip.compress(content), headers))
    async with aiohttp.ClientSession(**options) as session:
        error = await failure_of(session, cloud.base_url, clock, timeout_seconds=5.0)
    assert type(error) is DeviceOfflineError
    assert error.http_status == 500
