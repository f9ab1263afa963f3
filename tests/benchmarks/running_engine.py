"""A process of its own: an engine runs some ticks and prints its peak memory."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path


def peak_megabytes() -> float:
    """Return this process's peak; unlike `ru_maxrss` it knows nothing of the parent."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no VmHWM")


def import_dependencies() -> None:
    """Import what an engine on PostgreSQL depends on, and nothing of ours."""
    import aiohttp  # noqa: F401, PLC0415 - the import is what is measured
    import orjson  # noqa: F401, PLC0415 - likewise
    import psycopg  # noqa: F401, PLC0415 - likewise
    import psycopg_pool  # noqa: F401, PLC0415 - likewise
    import voluptuous  # noqa: F401, PLC0415 - likewise


async def run_engine(place: dict, ticks: int) -> None:
    import aiohttp  # noqa: PLC0415 - not in the process that measures dependencies

    from switchbot_automation import (  # noqa: PLC0415 - likewise
        AutomationEngine,
        SwitchBotClient,
    )
    from switchbot_store import (  # noqa: PLC0415 - likewise
        StoreConfig,
        ThreadedHistory,
        get_history,
        get_store,
    )

    config = StoreConfig.from_env(place["environment"])
    async with aiohttp.ClientSession() as session:
        client = SwitchBotClient(
            session, place["token"], place["secret"], base_url=place["base_url"]
        )
        with get_store(config) as store, get_history(config) as service:
            store.set("settings", place["settings"])
            history = ThreadedHistory(service)
            async with AutomationEngine(client, store, history=history) as engine:
                for _ in range(ticks):
                    await engine.run_once()


def main() -> None:
    place = json.load(sys.stdin)
    if place["base_url"]:
        asyncio.run(run_engine(place, place["ticks"]))
    else:
        import_dependencies()
    driver = "psycopg" in sys.modules
    print(json.dumps({"peak_megabytes": peak_megabytes(), "psycopg": driver}))


if __name__ == "__main__":
    main()
