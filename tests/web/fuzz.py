"""`nox -s fuzz`: strangers' software asks the page whatever its own document allows.

A lived home is served on loopback, and schemathesis makes requests from the OpenAPI
document until there were as many as wanted. Every answer of 500 and more is a failure;
503 is none where the document promises it. `--requests N`, `--minutes N` (whichever is
over first), `--seed N`, `--json`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from aiohttp import web

sys.path.insert(0, str(Path(__file__).parents[2]))

from switchbot_automation.simulation import SimulatedClock
from switchbot_automation.web import create_app
from switchbot_store import HistoryService, SqliteHistory
from tests.web.conftest import MONDAY, SECRET, LivedHome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.typedefs import Handler

FIRST_FAILURE = 500
_EXAMPLES = 300

# What only a person of this home can know; else nearly every answer would be a 404.
KNOWN = """
[[operations]]
include-path-regex = "/webhook/"
[operations.parameters]
"path.secret" = "{secret}"

[[operations]]
include-path-regex = "/api/zones/"
[operations.parameters]
"path.zone" = "office"

[[operations]]
include-path-regex = "/api/settings"
[operations.parameters]
"header.If-Match" = "*"
"""


class Counted:
    """The page behind a counter of its answers; `failed` keeps those that failed.

    Settings that were stored are taken back at once: they would leave no room to ask for.
    """

    def __init__(self, home: LivedHome) -> None:
        self._home = home
        self._settings = home.store.get("settings")
        self.statuses: Counter[int] = Counter()
        self.failed: list[str] = []

    @web.middleware
    async def count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        self.statuses[response.status] += 1
        if response.status >= FIRST_FAILURE:
            self.failed.append(
                f"{request.method} {request.raw_path}: {response.status}"
            )
        if request.method == "PUT" and response.status == web.HTTPOk.status_code:
            self._home.store.set("settings", self._settings)
            await self._home.engine.run_once("manual")
        return response


async def lived(directory: Path) -> AsyncIterator[LivedHome]:
    """Give a home that was lived in for an hour, with a history."""
    clock = SimulatedClock(MONDAY)
    history = HistoryService(SqliteHistory(directory / "history.sqlite"), now=clock.now)
    home = LivedHome(history, clock)
    with history:
        async with home.engine:
            await home.live(1)
            yield home


async def fuzz(requests: int, seed: int, minutes: float) -> dict[str, Any]:
    """Ask until there were so many requests or minutes, and tell how it went."""
    began = perf_counter()
    ends = began + minutes * 60
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        config = directory / "schemathesis.toml"
        config.write_text(KNOWN.format(secret=SECRET), encoding="utf-8")
        async for home in lived(directory):
            counted = Counted(home)
            app = create_app(home.engine, history=home.history, webhook_secret=SECRET)
            app.middlewares.insert(0, counted.count)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            try:
                while (
                    counted.statuses.total() < requests
                    and perf_counter() < ends
                    and not counted.failed
                ):
                    before = counted.statuses.total()
                    ended = await one_run(url, config, seed, ends - perf_counter())
                    if ended and counted.statuses.total() - before < _EXAMPLES:
                        raise RuntimeError("schemathesis asks nothing; see above")
                    seed += 1
                    home.clock.advance(600)
                    await home.engine.run_once("manual")
            finally:
                await runner.cleanup()
    return {
        "requests": counted.statuses.total(),
        "seconds": round(perf_counter() - began),
        "statuses": dict(sorted(counted.statuses.items())),
        "failed": counted.failed[:20],
    }


async def one_run(url: str, config: Path, seed: int, seconds: float) -> bool:
    """Let schemathesis ask until it has no more or the time is over; whether it ended."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
        *("run", f"{url}/api/openapi.json", "--url", url),
        *("--checks", "not_a_server_error", "--phases", "examples,coverage,fuzzing"),
        *("--max-examples", str(_EXAMPLES), "--seed", str(seed)),
        *("--exclude-path", "/api/events", "--request-timeout", "30"),
        *("--generation-database", "none", "--continue-on-failure", "--no-color"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=config.parent,  # it leaves a folder behind
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), max(1.0, seconds))
    except TimeoutError:
        process.kill()
        await process.wait()
        return False
    if process.returncode:
        print(out.decode(errors="replace")[-4000:], file=sys.stderr)
    return True


def main() -> int:
    """Fuzz, and return 1 where an answer was a failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one object")
    options = parser.parse_args()
    found = asyncio.run(fuzz(options.requests, options.seed, options.minutes))
    if options.json:
        print(json.dumps(found))
    else:
        print(*(f"{name}: {value}" for name, value in found.items()), sep="\n")
    return 1 if found["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
