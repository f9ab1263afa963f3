"""A small real HTTP server whose answers a test writes down beforehand."""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from switchbot_automation.cloud.talk.client import SwitchBotClient
from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.simulation import SimulatedClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

TOKEN = "c271" * 24
SECRET = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Reply:
    """What the server does with one request.

    `drop`: "before" or "after" an answer began, the connection is cut. `hang`: likewise
    nothing more comes.
    """

    status: int = 200
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    drop: str = ""
    hang: str = ""


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    header_names: tuple[str, ...]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedCloud:
    """Answers with the replies given, in order; the last one for ever."""

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.received: list[Received] = []
        self.base_url = ""
        self._replies: deque[Reply] = deque()
        self._released = asyncio.Event()
        self._arrived = asyncio.Condition()

    def reply(self, *replies: Reply) -> None:
        self._replies.extend(replies)

    def body(self, body: Any, **headers: str) -> None:
        self.reply(envelope(body, **headers))

    def code(self, status_code: int, message: str = "", body: Any = None) -> None:
        self.reply(code(status_code, message, body))

    async def until_received(self, count: int) -> None:
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.received) >= count)

    def raw(self, status: int, content: bytes, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.reply(Reply(status, content, named))

    def release(self) -> None:
        self._released.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.received.append(
            Received(
                request.method,
                request.rel_url.raw_path_qs,
                tuple(name.decode() for name, _ in request.raw_headers),
                dict(request.headers),
                await request.read(),
            )
        )
        async with self._arrived:
            self._arrived.notify_all()
        reply = self._replies.popleft() if len(self._replies) > 1 else self._replies[0]
        if reply.hang == "before":
            await self._released.wait()
        if reply.drop == "before":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        response = web.StreamResponse(status=reply.status)
        response.headers["Date"] = format_datetime(self.clock.now(), usegmt=True)
        response.headers.update(reply.headers)
        if reply.drop or reply.hang:
            response.content_length = len(reply.content) + 100
        await response.prepare(request)
        await response.write(reply.content)
        if reply.hang == "after":
            await self._released.wait()
        if reply.drop == "after":
            assert request.transport is not None
            request.transport.abort()
            return response
        await response.write_eof()
        return response


def envelope(body: Any, **headers: str) -> Reply:
    text = json.dumps({"statusCode": 100, "message": "success", "body": body})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(content=text.encode(), headers=named)


def code(
    status_code: int, message: str = "", body: Any = None, *, http: int = 200
) -> Reply:
    document = {"statusCode": status_code, "message": message, "body": body or {}}
    return Reply(http, json.dumps(document).encode())


def gateway(status: int, message: str = "", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps({"message": message}).encode(), named)


@pytest.fixture
def replies() -> type:
    """The makers of replies, for tests that mix them."""

    class Replies:
        raw = Reply
        good = staticmethod(envelope)
        code = staticmethod(code)
        gateway = staticmethod(gateway)

    return Replies


def passing_faults() -> dict[str, Reply]:
    """Faults after which the next attempt may succeed."""
    return {
        "500": gateway(500, "Internal server error"),
        "429": gateway(429, "Too Many Requests"),
        "190 burst": code(190, "Too many Request"),
        "190": code(190, "System error"),
        "html": Reply(200, b"<html>"),
        "dropped": Reply(drop="before"),
        "cut": Reply(200, b"{", drop="after"),
    }


@pytest.fixture(params=sorted(passing_faults()))
def passing_fault(request: pytest.FixtureRequest) -> Reply:
    """Each of them in turn."""
    return passing_faults()[request.param]


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def ledger(clock: SimulatedClock) -> QuotaLedger:
    return QuotaLedger(clock=clock)


@pytest.fixture
async def cloud(clock: SimulatedClock) -> AsyncIterator[ScriptedCloud]:
    scripted = ScriptedCloud(clock)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", scripted.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    scripted.base_url = f"http://127.0.0.1:{port}"
    yield scripted
    scripted.release()
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def make_client(
    cloud: ScriptedCloud,
    session: aiohttp.ClientSession,
    clock: SimulatedClock,
    ledger: QuotaLedger,
) -> Callable[..., SwitchBotClient]:
    def make(**options: Any) -> SwitchBotClient:
        settings: dict[str, Any] = {
            "base_url": cloud.base_url,
            "quota": ledger,
            "clock": clock,
            "random": random.Random(1),
            "timeout_seconds": 5.0,
        } | options
        return SwitchBotClient(session, TOKEN, SECRET, **settings)

    return make


@pytest.fixture
def client(make_client: Callable[..., SwitchBotClient]) -> SwitchBotClient:
    return make_client()
