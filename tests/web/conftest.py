"""A simulated home of two rooms that was lived in for a day, and its page on loopback."""

import os
import shutil
from contextlib import asynccontextmanager
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import SimulatedClock
from switchbot_automation.simulation.run import build_home
from switchbot_automation.simulation.scenarios import HOUSES
from switchbot_automation.testing import run_for
from switchbot_automation.web import serve
from switchbot_store import (
    DeviceHistory,
    DeviceReading,
    HistoryService,
    MemoryStore,
    SqliteHistory,
    SqliteReadings,
)

MONDAY = datetime(2026, 1, 12, 0, tzinfo=UTC)
TOKEN = "a-token-of-the-tests-0123456789"
SECRET = "a-secret-path-of-the-tests-0123456789"
HOOK = "https://hooks.example.com/trigger/winter/with/key/s3cr3t"

EVERY_DAY = [0, 1, 2, 3, 4, 5, 6]
SETTINGS: dict[str, Any] = {
    "automation_enabled": True,
    "mode": "winter",
    "timezone": "Europe/Berlin",
    "poll_interval_seconds": 300,
    "command_cooldown_seconds": 0,
    "turn_off_outside_windows": True,
    "winter": {"min_temp": 20.5, "max_temp": 21.5, "target_temp": 23},
    "time_windows": [{"days": EVERY_DAY, "start": "06:30", "end": "22:30"}],
    "zones": {
        "living room": {
            "meter_device_id": "C271111EC0AB",
            "aircon_device_id": "02-202008110034-13",
        },
        "office": {
            "meter_device_id": "C271111EC0AC",
            "aircon_device_id": "02-202008110034-14",
            "min_off_seconds": 600,
            "winter": {"min_temp": 19.5, "max_temp": 20.5, "target_temp": 22},
        },
    },
}


class LivedHome:
    """The engine, its clock, its home and its history; `serve` gives the page."""

    def __init__(
        self,
        history: HistoryService | None,
        clock: SimulatedClock,
        settings: dict[str, Any] = SETTINGS,
    ) -> None:
        self.clock = clock
        self.history = history
        self.store = MemoryStore(now=clock.now)
        self.store.set("settings", deepcopy(settings))
        self.home = build_home(
            clock, parse_settings(settings), house=HOUSES["default"], seed=3
        )
        self.engine = AutomationEngine(
            self.home, self.store, history=history, clock=clock
        )

    async def live(self, hours: float) -> None:
        """Let time pass, with a tick whenever the engine wants one."""
        await run_for(self.engine, timedelta(hours=hours))

    def serve(self, **options: Any) -> Any:
        """Serve the page on a free port of loopback, unless one is given."""
        options = {"port": 0, "history": self.history} | options
        return serve(self.engine, **options)


@pytest.fixture
async def home(tmp_path):
    """A winter Monday until nine, UTC: it was off until half past six in Berlin."""
    clock = SimulatedClock(MONDAY + timedelta(hours=3))
    history = HistoryService(
        SqliteHistory(tmp_path / "history.sqlite"), now=clock.now, batch_size=50
    )
    lived = LivedHome(history, clock)
    with history:
        async with lived.engine:
            await lived.live(6)
            yield lived


@pytest.fixture
async def pictured(tmp_path):
    """Three rooms on a Tuesday evening in winter: what the README's picture shows."""
    settings = deepcopy(SETTINGS)
    bedroom = {
        "meter_device_id": "C271111EC0AD",
        "aircon_device_id": "02-202008110034-15",
        "winter": {"min_temp": 17, "max_temp": 18.5, "target_temp": 19},
    }
    settings["zones"]["bedroom"] = bedroom
    clock = SimulatedClock(MONDAY)
    history = HistoryService(
        SqliteHistory(tmp_path / "history.sqlite"), now=clock.now, batch_size=100
    )
    lived = LivedHome(history, clock, settings)
    with history:
        async with lived.engine:
            await lived.live(43)
            await lived.engine.act("bedroom", "off", timedelta(hours=3))
            await lived.live(0.2)
            yield lived


@pytest.fixture
async def loosely_kept(tmp_path):
    """A room that was kept for some days as a person's first settings would."""
    settings = {
        **deepcopy(SETTINGS),
        "hysteresis_celsius": 1.0,
        "poll_interval_seconds": 900,
        "webhooks": {"winter": HOOK},
    }
    del settings["zones"]["office"]
    clock = SimulatedClock(MONDAY)
    history = HistoryService(
        SqliteHistory(tmp_path / "history.sqlite"), now=clock.now, batch_size=500
    )
    lived = LivedHome(history, clock, settings)
    with history:
        async with lived.engine:
            await lived.live(80)
            yield lived


OUTDOORS, PLUG = "D40E84863006", "6055F92BCC46"


@pytest.fixture
async def measured():
    """A room with a meter outdoors and a plug, for some hours of a winter's day."""
    settings = deepcopy(SETTINGS)
    settings["zones"]["office"] |= {
        "outdoor_device_id": OUTDOORS,
        "power_meter_device_id": PLUG,
    }
    clock = SimulatedClock(MONDAY + timedelta(hours=3))
    readings = DeviceHistory(
        SqliteReadings(":memory:"), now=clock.now, monotonic=clock.monotonic
    )
    history = HistoryService(
        SqliteHistory(":memory:"), now=clock.now, readings=readings
    )
    lived = LivedHome(history, clock, settings)
    for minutes in range(0, 300, 10):
        at = clock.now() + timedelta(minutes=minutes)
        readings.record(DeviceReading(at, PLUG, "weight", 300.0 + minutes))
        readings.record(DeviceReading(at, OUTDOORS, "temperature", 2 + minutes / 100))
    with history:
        async with lived.engine:
            await lived.live(5)
            yield lived


@pytest.fixture
async def equipped():
    """A room with a heater that joins its air conditioner, and one that is only dried."""
    settings = deepcopy(SETTINGS)
    settings["zones"] = {
        "living room": {
            "meter_device_id": "C271111EC0AB",
            "equipment": [
                {"kind": "aircon", "device_id": "02-202008110034-13"},
                {"kind": "heater", "device_id": "6055F92BCC47"},
            ],
        },
        "cellar": {
            "meter_device_id": "C271111EC0AC",
            "equipment": [{"kind": "dehumidifier", "device_id": "6055F92BCC46"}],
            "humidity": {"max_percent": 55},
        },
    }
    clock = SimulatedClock(MONDAY + timedelta(hours=9))
    history = HistoryService(SqliteHistory(":memory:"), now=clock.now)
    lived = LivedHome(history, clock, settings)
    with history:
        async with lived.engine:
            await lived.engine.run_once()
            yield lived


@pytest.fixture
async def bare():
    """The same home before its first tick, without a history."""
    lived = LivedHome(None, SimulatedClock(MONDAY))
    async with lived.engine:
        yield lived


@pytest.fixture
async def looked(bare):
    """The same after one tick."""
    await bare.engine.run_once()
    return bare


@pytest.fixture
async def http():
    """A client that keeps no cookies, so that each test sends what it means to."""
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield session


@pytest.fixture
def get(http):
    """Ask for JSON; the status is what the test expects."""

    async def asked(url, status=200, **options):
        async with http.get(url, allow_redirects=False, **options) as answer:
            body = await answer.json()
            assert answer.status == status, body
            return body

    return asked


@pytest.fixture
def send(http):
    """Send JSON; the status is what the test expects."""

    async def sent(url, body, status=200, method="POST", **options):
        async with http.request(method, url, json=body, **options) as answer:
            told = await answer.json()
            assert answer.status == status, told
            return told

    return sent


@pytest.fixture
async def aiohttp_address():
    """Serve a host's application on loopback; return its address."""
    runners = []

    async def served(app):
        runner = web.AppRunner(app)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/"

    yield served
    for runner in runners:
        await runner.cleanup()


# --- a browser, of the session that has one ----------------------------------------------

WIDE = 1280, 900
# Without these it looks for its maker's servers at every start.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
async def chromium():
    """Give the system's Chromium; without one the test fails and says so."""
    try:
        # Only this session has it; the others collect this file all the same.
        from playwright.async_api import async_playwright  # noqa: PLC0415 - see above
    except ImportError:
        pytest.fail("playwright is not installed: run `nox -s browser`")
    found = os.environ.get("CHROMIUM") or next(
        filter(
            None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
        ),
        None,
    )
    if found is None:
        pytest.fail(
            "there is no Chromium: install one (Debian: apt-get install chromium) or "
            "name it in CHROMIUM"
        )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=found, args=ARGUMENTS
        )
        yield browser
        await browser.close()


@pytest.fixture
def open_page(chromium):
    """Open pages. Whatever they complain of, or ask of another host, fails the test."""

    @asynccontextmanager
    async def opened(url, size=WIDE, scheme="light", forgiven="nothing", **options):
        complaints = []
        context = await chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            reduced_motion="reduce",
            **options,
        )
        page = await context.new_page()
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if message.type in {"error", "warning"}
                else None
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(url)
                else complaints.append(f"asked {request.url}")
            ),
        )
        await page.goto(url)
        yield page
        await context.close()
        assert [each for each in complaints if forgiven not in each] == []

    return opened
