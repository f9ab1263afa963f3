"""A call `status` of the cloud's client, against aiohttp alone; CPU of the client's thread.

The cloud is a process of its own that answers each request with the same bytes.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import subprocess
import sys
from datetime import UTC, datetime
from time import thread_time
from typing import TYPE_CHECKING

import aiohttp
import orjson
from measuring import Figure

from switchbot_automation import SwitchBotClient
from switchbot_automation.simulation.clock import SimulatedClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

DEVICE = "C271111EC0AB"
TOKEN, SECRET = "t" * 96, "s" * 32
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
BODY = orjson.dumps(
    {
        "statusCode": 100,
        "body": {
            "deviceId": DEVICE,
            "deviceType": "Meter",
            "hubDeviceId": "FA7310762361",
            "temperature": 21.4,
            "humidity": 47,
            "battery": 88,
            "version": "V2.5",
        },
        "message": "success",
    }
)
HEAD = (
    b"HTTP/1.1 200 OK\r\nDate: Mon, 30 Nov 2026 20:00:00 GMT\r\n"
    b"Content-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n"
    b"Connection: keep-alive\r\nX-RateLimit-Remaining: 9000\r\n"
    b"x-amzn-RequestId: 5f6d3f6e-1111-2222-3333-444455556666\r\n"
    b"x-amz-apigw-id: abcdefgh=\r\n\r\n" % len(BODY)
)


def measure(*, quick: bool = False) -> list[Figure]:
    command = [sys.executable, __file__]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as cloud:
        try:
            if cloud.stdout is None:
                raise RuntimeError("the process has no output")
            url = f"http://127.0.0.1:{int(cloud.stdout.readline())}"
            return asyncio.run(_measured(url, 200 if quick else 1500))
        finally:
            cloud.terminate()


async def _measured(url: str, calls: int) -> list[Figure]:
    address = f"{url}/v1.1/devices/{DEVICE}/status"
    async with aiohttp.ClientSession() as session:
        # Around midnight an answer's date is read as well.
        clock = SimulatedClock(NOON)
        client = SwitchBotClient(session, TOKEN, SECRET, base_url=url, clock=clock)

        async def bare() -> None:
            async with session.get(address) as response:
                await response.json()

        async def signed() -> None:
            async with session.get(address, headers=_signed("once")) as response:
                await response.json()

        async def ours() -> None:
            await client.status(DEVICE)

        taken = await _taken((bare, signed, ours), calls)
    return [
        Figure("aiohttp alone", taken[0] * 1e6, "us"),
        Figure("SwitchBotClient.status", taken[2] * 1e6, "us"),
        Figure("SwitchBotClient.status", taken[2] / taken[0], "x aiohttp", 1.07),
        Figure("SwitchBotClient.status", taken[2] / taken[1], "x signed"),
    ]


def _signed(nonce: str) -> dict[str, str]:
    """Return the headers of a call as the documentation has them, and nothing else."""
    message = f"{TOKEN}1700000000000{nonce}".encode()
    digest = hmac.digest(SECRET.encode(), message, "sha256")
    sign = base64.b64encode(digest).decode()
    return {"Authorization": TOKEN, "t": "1700000000000", "nonce": nonce, "sign": sign}


async def _taken(
    asking: tuple[Callable[[], Awaitable[None]], ...], calls: int
) -> list[float]:
    """Return the CPU seconds of each, in turns: the twentieth part that took least."""
    spent: list[list[float]] = [[] for _ in asking]
    for _ in range(calls):
        for ask, times in zip(asking, spent, strict=True):
            began = thread_time()
            await ask()
            times.append(thread_time() - began)
    return [sorted(times)[calls // 20] for times in spent]


class _Cloud(asyncio.Protocol):
    """Answers every request alike."""

    def __init__(self) -> None:
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(b"\r\n\r\n")
        if self._transport is not None:
            self._transport.write((HEAD + BODY) * len(whole))


async def _be_cloud() -> None:
    server = await asyncio.get_running_loop().create_server(_Cloud, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_be_cloud())
