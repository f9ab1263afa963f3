"""A pytest plugin for hosts: a home, a cloud, a clock, stores and an engine as fixtures.

Installed with the package (entry point ``switchbot_automation``); nothing has to be
imported or configured, and no asyncio plugin is needed by the fixtures themselves.
`pip install "switchbot-automation[testing]"` brings what they use. Each is made anew for
every test and everything lives on one `simulated_clock`, so a week passes in a moment::

    from datetime import timedelta
    from switchbot_automation.testing import run_for

    async def test_the_office_is_warm_all_week(switchbot_engine, switchbot_home):
        reports = await run_for(switchbot_engine, timedelta(days=7))
        assert any(report.outcome == "winter_on" for report in reports)
        assert 19 < switchbot_home.room.house.air < 23

Override a fixture to change what is built on it: `switchbot_settings` for other settings,
`switchbot_home` for another house, `memory_store` for another store.

`EquipmentContract` is what every kind of equipment promises, for whoever brings equipment
of another make; see `testing.equipment_contract`. `SeriesContract` is what a source of
prices of the hours to come promises; see `testing.series_contract`.

Loading this module imports pytest and nothing else: every pytest run of every project
that has the package installed does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta
    from pathlib import Path

    from switchbot_automation.engine import AutomationEngine
    from switchbot_automation.model import TickReport
    from switchbot_automation.simulation import (
        FakeSwitchBotCloud,
        SimulatedClock,
        SimulatedHome,
    )
    from switchbot_automation.testing.equipment_contract import EquipmentContract
    from switchbot_automation.testing.series_contract import SeriesContract
    from switchbot_store import JsonStore, MemoryStore, PostgresStore

__all__ = [
    "EquipmentContract",
    "SeriesContract",
    "json_store",
    "memory_store",
    "postgres_store",
    "run_for",
    "simulated_clock",
    "switchbot_cloud",
    "switchbot_engine",
    "switchbot_home",
    "switchbot_settings",
]

_SERVER_SECONDS = 10.0
# Fewer looks while nobody is at home, so that a week is over sooner.
_IDLE_SECONDS = 3600


def __getattr__(name: str) -> Any:
    if name == "EquipmentContract":
        from switchbot_automation.testing.equipment_contract import (  # noqa: PLC0415 - see the module
            EquipmentContract,
        )

        return EquipmentContract
    if name == "SeriesContract":
        from switchbot_automation.testing.series_contract import (  # noqa: PLC0415 - see the module
            SeriesContract,
        )

        return SeriesContract
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


@pytest.fixture
def simulated_clock() -> SimulatedClock:
    """Give a clock that stands still until the test moves it; a winter Monday, 00:00 UTC.

    `advance(seconds)` moves it, `jump(seconds)` sets only the wall clock.
    """
    from switchbot_automation.simulation import SimulatedClock  # noqa: PLC0415 - see the module

    return SimulatedClock()


@pytest.fixture
def switchbot_home(simulated_clock: SimulatedClock) -> SimulatedHome:
    """Give a home of one room: a `CloudApi` in process, with `faults` to inject.

    Its events wait in `push.due_events()` once `push.wanted` is set.
    """
    from switchbot_automation.simulation import SimulatedHome  # noqa: PLC0415 - see the module

    return SimulatedHome(simulated_clock)


@pytest.fixture
def switchbot_cloud(switchbot_home: SimulatedHome) -> Iterator[FakeSwitchBotCloud]:
    """Give the same home over HTTP on loopback: `base_url`, `token` and `secret`.

    It listens in a thread of its own, so a test need not be asynchronous and a test
    that is may run on any loop. Nothing in it moves but by the clock. Raises OSError
    where loopback may not be used.
    """
    import asyncio  # noqa: PLC0415 - see the module
    import threading  # noqa: PLC0415 - see the module

    from switchbot_automation.simulation import FakeSwitchBotCloud  # noqa: PLC0415 - see the module

    loop = asyncio.new_event_loop()
    thread = threading.Thread(
        target=loop.run_forever, name="switchbot-cloud", daemon=True
    )
    thread.start()
    cloud = FakeSwitchBotCloud(switchbot_home)
    try:
        starting = asyncio.run_coroutine_threadsafe(cloud.start(), loop)
        starting.result(_SERVER_SECONDS)
        yield cloud
        stopping = asyncio.run_coroutine_threadsafe(cloud.stop(), loop)
        stopping.result(_SERVER_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_SERVER_SECONDS)
        loop.close()


@pytest.fixture
def memory_store(simulated_clock: SimulatedClock) -> Iterator[MemoryStore]:
    """Give an empty store in memory, opened."""
    from switchbot_store import MemoryStore  # noqa: PLC0415 - see the module

    with MemoryStore(now=simulated_clock.now) as store:
        yield store


@pytest.fixture
def json_store(tmp_path: Path) -> Iterator[JsonStore]:
    """Give an empty store of plain files, opened, in the test's own directory."""
    from switchbot_store import JsonStore  # noqa: PLC0415 - see the module

    with JsonStore(tmp_path / "config") as store:
        yield store


@pytest.fixture
def postgres_store(request: pytest.FixtureRequest) -> Iterator[PostgresStore]:
    """Give a store in an empty database of the test's own, on a real PostgreSQL.

    The server is started once a session, from the binaries that the extra ``testing``
    brings or the system has, else `TEST_DATABASE_URL` names one. A test that asks for
    it where there is none fails; it is not skipped.
    """
    # By name: its module imports the store, which no run without this fixture needs.
    request.config.pluginmanager.import_plugin("switchbot_store.testing.fixtures")
    url: str = request.getfixturevalue("migrated_database_url")
    from switchbot_store import PostgresStore  # noqa: PLC0415 - see the module

    with PostgresStore(url) as store:
        yield store


@pytest.fixture
def switchbot_settings() -> dict[str, Any]:
    """Give the settings that `switchbot_engine` starts with; override it with your own.

    One zone for the simulated home's room: 20 to 22 degrees Celsius, 06:30 to 23:00.
    """
    from switchbot_automation.simulation import default_settings  # noqa: PLC0415 - see the module

    document = default_settings("winter")
    document["predictive_polling"] = True
    document["idle_poll_interval_seconds"] = _IDLE_SECONDS
    return document


@pytest.fixture
def switchbot_engine(
    switchbot_home: SimulatedHome,
    memory_store: MemoryStore,
    simulated_clock: SimulatedClock,
    switchbot_settings: dict[str, Any],
) -> AutomationEngine:
    """Give an engine that looks after `switchbot_home`, its settings in `memory_store`.

    It has not ticked yet: call `run_once`, or `run_for` to let time pass.
    """
    from switchbot_automation.engine import AutomationEngine  # noqa: PLC0415 - see the module

    memory_store.set("settings", switchbot_settings)
    return AutomationEngine(switchbot_home, memory_store, clock=simulated_clock)


async def run_for(engine: AutomationEngine, duration: timedelta) -> list[TickReport]:
    """Let `duration` pass for an engine, ticking whenever it asks for it.

    Returns the reports. The engine's clock must be a `SimulatedClock`; TypeError
    otherwise.
    """
    from switchbot_automation.simulation import SimulatedClock  # noqa: PLC0415 - see the module

    clock = engine.clock
    if not isinstance(clock, SimulatedClock):
        raise TypeError("only a SimulatedClock can be told to let time pass")
    end = clock.now() + duration
    reports = []
    while engine.next_wakeup < end:
        clock.advance_to(engine.next_wakeup)
        reports.append(await engine.run_once("test"))
    clock.advance_to(end)
    return reports
