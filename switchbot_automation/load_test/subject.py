"""The system under load: engine, store, history and page in a process of its own.

Told by one line of JSON on stdin, it tells lines of JSON on stdout, and ends when stdin
does. Run by `run`, never by a person.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import closing, suppress
from time import perf_counter, process_time
from typing import Any, Final

import aiohttp
import psutil

from switchbot_automation import AutomationEngine, SwitchBotClient
from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.web import serve
from switchbot_store import (
    StoreConfig,
    StoreError,
    ThreadedHistory,
    get_history,
    get_store,
)

_VITALS_EVERY_SECONDS: Final = 1.0
_LAG_EVERY_SECONDS: Final = 0.05


def tell(kind: str, **values: Any) -> None:
    """Tell the process that pulls the strings."""
    sys.stdout.write(json.dumps({"kind": kind, "at": perf_counter(), **values}) + "\n")
    sys.stdout.flush()


async def tick(
    engine: AutomationEngine, every_seconds: float, stop: asyncio.Event
) -> None:
    """Tick by the clock, not by the end of the tick before, until told to stop."""
    began = perf_counter()
    number = 0
    while not stop.is_set():
        started = perf_counter()
        report = await engine.run_once()
        took = perf_counter() - started
        tell("tick", seconds=took, zones=len(report.decisions), outcome=report.outcome)
        number = max(number + 1, int((perf_counter() - began) / every_seconds))
        with suppress(TimeoutError):
            async with asyncio.timeout(began + number * every_seconds - perf_counter()):
                await stop.wait()


async def watch_loop() -> None:
    """Measure how late the loop is, and tell the worst of each second."""
    worst, told = 0.0, perf_counter()
    process = psutil.Process(os.getpid())
    while True:
        due = perf_counter() + _LAG_EVERY_SECONDS
        await asyncio.sleep(_LAG_EVERY_SECONDS)
        worst = max(worst, perf_counter() - due)
        if perf_counter() - told >= _VITALS_EVERY_SECONDS:
            tell(
                "vitals",
                lag_seconds=worst,
                cpu_seconds=process_time(),
                resident_bytes=process.memory_info().rss,
            )
            worst, told = 0.0, perf_counter()


async def _until_told(engine: AutomationEngine, every_seconds: float) -> None:
    """Tick until stdin ends; the last tick is finished, so that its row is counted."""
    stop = asyncio.Event()
    ticking = asyncio.create_task(tick(engine, every_seconds, stop))
    watching = asyncio.create_task(watch_loop())
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    await asyncio.wait([ticking, watching, ended], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await ticking
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def live(plan: dict[str, Any]) -> None:
    """Live until stdin ends."""
    with get_store(StoreConfig.from_env()) as store:
        store.set("settings", plan["settings"])
        with closing(get_history(StoreConfig.from_env())) as history:
            quota = QuotaLedger(limit=plan["daily_limit"])
            async with aiohttp.ClientSession() as session:
                client = SwitchBotClient(
                    session,
                    plan["token"],
                    plan["secret"],
                    base_url=plan["base_url"],
                    quota=quota,
                )
                view = ThreadedHistory(history)
                async with (
                    AutomationEngine(client, store, history=view) as engine,
                    serve(engine, "127.0.0.1", 0, history=view) as url,
                ):
                    tell("ready", url=url)
                    await _until_told(engine, plan["tick_interval_seconds"])
                await view.detach()
        status = store.status()
        tell("store", pending=status.pending, last_error=status.last_error)


def main() -> None:
    """Read the plan, live, and say goodbye."""
    plan = json.loads(sys.stdin.readline())
    try:
        asyncio.run(live(plan))
    except StoreError as error:
        tell("failed", error=str(error))
        sys.exit(1)
    tell("done")


if __name__ == "__main__":
    main()
