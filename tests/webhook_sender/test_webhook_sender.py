"""The webhook rung against real servers on loopback, TLS included."""

from __future__ import annotations

import asyncio
import ssl
import traceback
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver

from switchbot_automation.engine.act.http_hook import WebhookSender
from switchbot_automation.errors import AutomationError, WebhookError

LOOPBACK = frozenset({"127.0.0.1"})
SECRET = "with/key/s3cr3t"
CERTIFICATE = Path(__file__).with_name("loopback.pem")


class Hook:
    """A webhook host. It counts connections, which a refusal must not even cause."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer = answer
        self.connections = 0
        self.requests: list[bytes] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{SECRET}"

    async def serve(self, reader, writer) -> None:
        self.connections += 1
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            if self.answer is None:
                await reader.read()  # until the caller gives up
            else:
                writer.write(self.answer)
                await writer.drain()
        finally:
            writer.close()


def status(code: int, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {code} x", "Content-Length: 0", *headers, "", ""]
    return "\r\n".join(lines).encode()


@asynccontextmanager
async def hook(answer: bytes | None = status(200), tls=None):
    served = Hook(answer)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=tls)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        await server.wait_closed()


class Names(AbstractResolver):
    """A resolver whose answers the test chooses, each lookup the next of a list."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.lookups: list[str] = []

    async def resolve(self, host, port=0, family=0):
        self.lookups.append(host)
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": 10 if ":" in address else 2,
                "proto": 6,
                "flags": 0,
            }
            for address in self.answers.pop(0)
        ]

    async def close(self) -> None:
        pass


async def failure_of(sender: WebhookSender, url: str, **rest) -> WebhookError:
    with pytest.raises(WebhookError) as caught:
        await sender.send(url, **rest)
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "s3cr3t" not in text
    assert isinstance(caught.value, AutomationError)
    return caught.value


async def test_a_success_is_any_2xx_and_posts_once():
    async with hook(status(202)) as served:
        assert await WebhookSender().send(served.url, allowed_hosts=LOOPBACK) == 202
    assert len(served.requests) == 1
    assert served.requests[0].startswith(b"POST /with/key/s3cr3t HTTP/1.1\r\n")


@pytest.mark.parametrize("code", [400, 404, 500, 503])
async def test_another_answer_is_a_failure_that_may_have_acted(code):
    async with hook(status(code)) as served:
        error = await failure_of(WebhookSender(), served.url, allowed_hosts=LOOPBACK)
    assert error.status == code
    assert error.maybe_sent
    assert len(served.requests) == 1


async def test_a_redirect_is_not_followed():
    async with hook() as elsewhere:
        answer = status(302, f"Location: {elsewhere.url}")
        async with hook(answer) as served:
            error = await failure_of(
                WebhookSender(), served.url, allowed_hosts=LOOPBACK
            )
    assert error.status == 302
    assert "not followed" in str(error)
    assert elsewhere.connections == 0


async def test_a_host_that_does_not_answer_fails_in_time():
    async with hook(answer=None) as served:
        sender = WebhookSender(timeout_seconds=0.05)
        error = await failure_of(sender, served.url, allowed_hosts=LOOPBACK)
    assert "0.05 s" in str(error)
    assert error.maybe_sent
    assert isinstance(error.__cause__, TimeoutError)


async def test_a_host_that_is_not_there_was_not_sent_to():
    async with hook() as served:
        gone = served.url
    error = await failure_of(WebhookSender(), gone, allowed_hosts=LOOPBACK)
    assert not error.maybe_sent
    assert error.status is None


async def test_waiting_for_a_name_sent_nothing():
    class Silent(Names):
        async def resolve(self, host, port=0, family=0):
            return await asyncio.get_running_loop().create_future()

    sender = WebhookSender(timeout_seconds=0.3, resolver=Silent())
    error = await failure_of(sender, f"https://hook.test/{SECRET}")
    assert "no connection in time" in str(error)
    assert not error.maybe_sent


async def test_an_answer_that_is_no_http_is_a_failure_without_the_url():
    async with hook(b"what?\r\n\r\n") as served:
        error = await failure_of(WebhookSender(), served.url, allowed_hosts=LOOPBACK)
    assert str(error).startswith("http://127.0.0.1/…: ")
    assert error.maybe_sent


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "\uff11\uff12\uff17.0.0.1",  # full-width digits
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "user:password@127.0.0.1",
        "example.com\\@127.0.0.1",
        "0.0.0.0",
    ],
)
async def test_no_way_to_write_this_machine_reaches_it(host):
    async with hook() as served:
        url = f"https://{host}:{served.port}/{SECRET}"
        error = await failure_of(WebhookSender(), url)
    assert served.connections == 0
    assert not error.maybe_sent


@pytest.mark.parametrize(
    "address", ["10.0.0.8", "192.168.1.2", "172.16.0.9", "100.64.0.1", "fd00::1"]
)
async def test_a_name_that_leads_to_a_private_address_is_refused(address):
    names = Names([address])
    error = await failure_of(
        WebhookSender(resolver=names), f"https://hook.test/{SECRET}"
    )
    assert address in str(error)
    assert "webhook_allowed_hosts" in str(error)


async def test_one_private_address_among_public_ones_refuses_the_name():
    names = Names(["93.184.215.14", "127.0.0.1"])
    error = await failure_of(
        WebhookSender(resolver=names), f"https://hook.test/{SECRET}"
    )
    assert "127.0.0.1" in str(error)


async def test_the_connection_uses_the_answer_that_was_checked():
    # A name server that would answer differently the second time is not asked twice.
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    async with hook() as served:
        url = f"http://hook.test:{served.port}/{SECRET}"
        sent = await WebhookSender(resolver=names).send(
            url, allowed_hosts=frozenset({"hook.test"})
        )
    assert sent == 200
    assert names.lookups == ["hook.test"]
    assert served.connections == 1


async def test_rebinding_between_two_calls_does_not_reach_a_private_address():
    names = Names(["127.0.0.1"], ["127.0.0.1"])
    async with hook() as served:
        sender = WebhookSender(resolver=names)
        url = f"http://hook.test:{served.port}/{SECRET}"
        await sender.send(url, allowed_hosts=frozenset({"hook.test"}))
        await failure_of(sender, url.replace("http:", "https:"))
    assert len(names.lookups) == 2
    assert served.connections == 1


async def test_an_allowed_host_opens_that_host_alone():
    async with hook() as served:
        url = f"http://localhost:{served.port}/{SECRET}"
        error = await failure_of(WebhookSender(), url, allowed_hosts=LOOPBACK)
    assert "https" in str(error)
    assert served.connections == 0


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "0xa9fea9fe", "[::ffff:a9fe:a9fe]", "my.test"],
)
async def test_no_allowed_host_leads_to_the_metadata_of_a_cloud(host):
    bare = host.strip("[]")
    sender = WebhookSender(resolver=Names(["169.254.169.254"]))
    error = await failure_of(
        sender, f"http://{host}/with/key/s3cr3t", allowed_hosts=frozenset({bare})
    )
    assert "passwords" in str(error)
    assert not error.maybe_sent


async def test_a_public_host_needs_https():
    error = await failure_of(WebhookSender(), f"http://example.com/{SECRET}")
    assert "not https" in str(error)


@pytest.mark.parametrize(
    "url",
    ["", "ftp://example.com/s3cr3t", "https:///s3cr3t", "https://a:x/s3cr3t", "s3cr3t"],
)
async def test_what_is_no_url_is_refused(url):
    await failure_of(WebhookSender(), url)


async def test_the_certificate_of_a_host_is_checked():
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(CERTIFICATE)
    async with hook(tls=server) as served:
        url = served.url.replace("http:", "https:")
        error = await failure_of(WebhookSender(), url, allowed_hosts=LOOPBACK)
        assert not error.maybe_sent
        assert served.requests == []
        trusting = ssl.create_default_context(cafile=CERTIFICATE)
        sender = WebhookSender(ssl_context=trusting)
        assert await sender.send(url, allowed_hosts=LOOPBACK) == 200
