"""The owner's answers while 5,000 people without a token knock, all at the same time.

Half of them connect and say nothing, half ask and are refused; each comes back as soon as
it was shown out, so the server is never without them. The owner asks anew for each
answer, from the same address as one of the strangers; and once more from the same as all
of them, as behind a proxy.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from contextlib import suppress
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from measuring import Figure

from switchbot_automation import AutomationEngine, SystemClock
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import default_settings
from switchbot_automation.simulation.run import build_home
from switchbot_automation.simulation.scenarios import HOUSES
from switchbot_automation.web import serve
from switchbot_store import MemoryStore

STRANGERS = 5000
# So long a stranger that nobody answers waits before it knocks again.
PATIENCE_SECONDS = 5.0
CROWDS = ("5000 of 5000 addresses", "5000 of one address")
TOKEN = "a-token-of-the-benchmark-0123456789"


async def measured(*, quick: bool) -> list[Figure]:
    seconds = 8.0 if quick else 30.0
    document = default_settings("winter")
    home = build_home(
        SystemClock(), parse_settings(document), house=HOUSES["default"], seed=0
    )
    store = MemoryStore()
    store.set("settings", document)
    async with (
        AutomationEngine(home, store) as engine,
        serve(engine, port=0, token=TOKEN) as url,
    ):
        await engine.run_once()
        alone = await owner(url, 2.0)
        figures = [
            Figure("the owner is answered, nobody knocks, p50", alone["p50"], "ms")
        ]
        for crowd in CROWDS:
            knocking = await started("strangers", url, crowd)
            beside = await owner(url, seconds)
            told = await ended(knocking)
            figures += [
                Figure(f"{crowd}: the owner is answered, p50", beside["p50"], "ms"),
                Figure(f"{crowd}: slowest", beside["most"], "ms", 1000),
                Figure(f"{crowd}: answers that failed", beside["failed"], "", 0),
                Figure(
                    f"{crowd}: knocks", told["knocks"] / told["seconds"], "a second"
                ),
            ]
    return figures


async def owner(url: str, seconds: float) -> dict[str, Any]:
    """Be the owner in a process of one's own, for so long."""
    return await ended(await started("owner", url, str(seconds)))


async def started(*what: str) -> asyncio.subprocess.Process:
    """Start a process, and wait until it says that it began."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, *what),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    if process.stdout is None:
        raise RuntimeError("the process has no output")
    await process.stdout.readline()
    return process


async def ended(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """Ask a process to end, and return what it tells."""
    out, _ = await process.communicate(b"\n")
    return json.loads(out)


def measure(*, quick: bool = False) -> list[Figure]:
    return asyncio.run(measured(quick=quick))


# --- in processes of their own ------------------------------------------------------


def request(*headers: str) -> bytes:
    lines = ["GET /api/zones HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]
    return "\r\n".join(lines).encode()


async def be_owner(url: str, seconds: float) -> dict[str, Any]:
    parts = urlsplit(url)
    took, failed = [], 0
    asked = request(f"Authorization: Bearer {TOKEN}", "Connection: close")
    print("begins", flush=True)
    end = perf_counter() + seconds
    while perf_counter() < end:
        began = perf_counter()
        try:
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            writer.write(asked)
            failed += b" 200 " not in (await reader.read()).partition(b"\r\n")[0]
            writer.close()
        except ConnectionError:
            failed += 1
        took.append((perf_counter() - began) * 1000)
        await asyncio.sleep(0.05)
    took.sort()
    return {"p50": took[len(took) // 2], "most": took[-1], "failed": failed}


class Crowd:
    """Strangers that come back whenever they were shown out."""

    def __init__(self, url: str, crowd: str) -> None:
        parts = urlsplit(url)
        self._one_address = crowd == CROWDS[1]
        self._where = parts.hostname, parts.port
        self.knocks = 0

    async def knock(self, number: int) -> None:
        source = f"127.0.{number // 200}.{number % 200 + 1}"
        if self._one_address:
            source = "127.0.0.1"
        while True:
            self.knocks += 1
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    reader, writer = await asyncio.open_connection(
                        *self._where, local_addr=(source, 0)
                    )
                    try:
                        if number % 2:
                            writer.write(request())
                        await reader.read()
                    finally:
                        writer.close()
            await asyncio.sleep(0.5)


async def be_strangers(url: str, crowd: str) -> dict[str, Any]:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, STRANGERS + 1000), hard))
    found = Crowd(url, crowd)
    tasks = [asyncio.create_task(found.knock(number)) for number in range(STRANGERS)]
    await asyncio.sleep(0)  # each of them begins
    print("all knock", flush=True)
    began, before = perf_counter(), found.knocks
    await asyncio.to_thread(sys.stdin.readline)
    told = {"seconds": perf_counter() - began, "knocks": found.knocks - before}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return told


if __name__ == "__main__":
    role, where, *rest = sys.argv[1:]
    being = (
        be_owner(where, float(rest[0]))
        if role == "owner"
        else be_strangers(where, rest[0])
    )
    print(json.dumps(asyncio.run(being)))
