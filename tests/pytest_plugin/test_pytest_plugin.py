"""The plugin as a host uses it: in a pytest run of the host's own."""

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIXTURES = [
    "json_store",
    "memory_store",
    "postgres_store",
    "simulated_clock",
    "switchbot_cloud",
    "switchbot_engine",
    "switchbot_home",
]
# Every warning is an error, but for one of pytest-asyncio's own about its settings.
ASYNCIO = "ignore:The configuration option:pytest.PytestDeprecationWarning"
STRICT = ["-W", "error", "-W", ASYNCIO, "-p", "no:randomly"]


@pytest.fixture
def host(pytester, monkeypatch):
    """A project with tests of its own, run in a process of its own."""
    # Set by this run for its own tests, and no part of a host's.
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(*options: str, **files: str) -> pytest.RunResult:
        pytester.makepyfile(**files)
        return pytester.runpytest_subprocess(*STRICT, *options)

    return run


def test_the_entry_point_is_declared_and_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = project["entry-points"]["pytest11"]
    assert declared == {"switchbot_automation": "switchbot_automation.testing"}
    installed = {each.name: each.value for each in entry_points(group="pytest11")}
    assert declared.items() <= installed.items()


def test_loading_the_plugin_imports_nothing_but_pytest():
    program = (
        "import sys, typing, pytest\n"
        "before = set(sys.modules)\n"
        "import switchbot_automation.testing\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == [
        "switchbot_automation",
        "switchbot_automation.testing",
    ]


def test_a_run_that_uses_no_fixture_loads_nothing_of_the_package(host):
    result = host(test_host=LOADS_NOTHING)
    result.assert_outcomes(passed=1)


LOADS_NOTHING = """
import sys

def test_nothing():
    ours = {name for name in sys.modules if name.startswith("switchbot")}
    assert ours == {"switchbot_automation", "switchbot_automation.testing"}
    assert not {"aiohttp", "psycopg", "voluptuous", "orjson"} & set(sys.modules)
"""

SHARED = """
def test_one_home_and_one_clock(
    simulated_clock, switchbot_home, switchbot_engine, switchbot_cloud
):
    assert switchbot_home.clock is simulated_clock
    assert switchbot_engine.clock is simulated_clock
    assert switchbot_cloud.home is switchbot_home

def test_new_for_every_test(simulated_clock, memory_store):
    assert simulated_clock.monotonic() == 0
    assert memory_store.keys() == []
"""

WEEK = """
import asyncio
from datetime import timedelta

from switchbot_automation.testing import run_for

def test_a_week(switchbot_engine, switchbot_home):
    reports = asyncio.run(run_for(switchbot_engine, timedelta(days=7)))
    assert switchbot_home.clock.monotonic() == 7 * 86400
    assert {report.outcome for report in reports} >= {"winter_on", "no_action"}
    assert 15 < switchbot_home.room.house.air < 26
    # Time goes on to when something is due, so that a week has few ticks.
    assert len(reports) < 1000
"""

POSTGRES = """
import pytest

@pytest.mark.parametrize("number", [1, 2])
def test_real_and_empty_for_every_test(postgres_store, number):
    assert postgres_store.keys() == []
    postgres_store.set("settings", {"number": number})
    assert postgres_store.get("settings") == {"number": number}
    assert type(postgres_store).__name__ == "PostgresStore"
"""

OVERRIDES = """
import asyncio

import pytest

from switchbot_automation.simulation import SimulatedHome

@pytest.fixture
def switchbot_settings(switchbot_settings):
    return switchbot_settings | {"automation_enabled": False}

@pytest.fixture
def switchbot_home(simulated_clock):
    return SimulatedHome(simulated_clock, season="summer")

def test_disabled(switchbot_engine, memory_store):
    report = asyncio.run(switchbot_engine.run_once())
    assert report.outcome == "disabled"
    assert memory_store.get("settings")["automation_enabled"] is False
"""

OTHER_CLOCK = """
import asyncio
from datetime import timedelta

import pytest

from switchbot_automation import AutomationEngine
from switchbot_automation.testing import run_for

def test_time_passes_only_on_a_clock_that_can_be_moved(switchbot_home, memory_store):
    engine = AutomationEngine(switchbot_home, memory_store)
    with pytest.raises(TypeError, match="SimulatedClock"):
        asyncio.run(run_for(engine, timedelta(days=1)))
"""

OVER_HTTP = """
import aiohttp
import pytest

from switchbot_automation import AutomationEngine, SwitchBotClient

pytestmark = pytest.mark.asyncio

async def test_tick(switchbot_engine):
    report = await switchbot_engine.run_once()
    assert report.outcome == "turned_off_outside_window"

async def test_over_http(switchbot_cloud, json_store, simulated_clock):
    async with aiohttp.ClientSession() as session:
        client = SwitchBotClient(
            session,
            switchbot_cloud.token,
            switchbot_cloud.secret,
            base_url=switchbot_cloud.base_url,
            clock=simulated_clock,
        )
        assert (await client.devices()).devices
        async with AutomationEngine(
            client, json_store, clock=simulated_clock
        ) as engine:
            await engine.run_once()
"""

SYNCHRONOUS = """
import json
import urllib.error
import urllib.request

def test_unsigned(switchbot_cloud):
    try:
        urllib.request.urlopen(switchbot_cloud.base_url + "/v1.1/devices")
    except urllib.error.HTTPError as error:
        with error:
            assert error.code == 401
            assert json.load(error) == {"message": "Unauthorized"}
    else:
        raise AssertionError("it answered without a signature")

def test_files(json_store, tmp_path):
    json_store.set("settings", {"a": 1})
    assert json_store.get("settings") == {"a": 1}
    assert (tmp_path / "config" / "settings.json").is_file()
"""


def test_a_host_with_every_fixture_in_automatic_mode(host):
    result = host(
        "-o",
        "asyncio_mode=auto",
        test_shared=SHARED,
        test_week=WEEK,
        test_postgres=POSTGRES,
        test_overrides=OVERRIDES,
        test_other_clock=OTHER_CLOCK,
        test_over_http=OVER_HTTP,
    )
    result.assert_outcomes(passed=9)


def test_a_host_in_strict_mode_uses_them_all_the_same(host):
    result = host("-o", "asyncio_mode=strict", test_over_http=OVER_HTTP)
    result.assert_outcomes(passed=2)


def test_a_synchronous_host_without_an_asyncio_plugin_uses_them(host):
    result = host("-p", "no:asyncio", test_host=SYNCHRONOUS)
    result.assert_outcomes(passed=2)


def test_every_fixture_is_listed_with_what_it_gives(host):
    others = ("-p", "no:asyncio", "-p", "no:anyio")
    result = host("--fixtures", *others, test_host="")
    text = result.stdout.str()
    for name in [*FIXTURES, "switchbot_settings"]:
        assert f"{name} -- " in text
    assert "no docstring available" not in text
