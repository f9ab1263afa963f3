# The hosts as they are deployed: several processes, forks, reloads, ends. Real servers,
# a real database and the simulated cloud.
import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest
from aiohttp import web

from switchbot_automation.simulation import FakeSwitchBotCloud, default_settings
from switchbot_automation.simulation.faults import Call, Fault
from switchbot_store import PostgresStore

HERE = Path(__file__).parent
PATIENCE_SECONDS = 60.0
SETTINGS = {
    **default_settings("winter"),
    "command_cooldown_seconds": 0,
    "time_windows": [
        {"days": list(range(7)), "start": "00:00", "end": "12:00"},
        {"days": list(range(7)), "start": "12:00", "end": "00:00"},
    ],
}
GUNICORN = (
    *(
        "gunicorn",
        "--chdir",
        str(HERE),
        "-c",
        str(HERE / "deploy" / "gunicorn.conf.py"),
    ),
    *("--bind", "127.0.0.1:{port}"),
)
FLASK = "flask_host:create_app()"
UVICORN = (
    *("uvicorn", "--app-dir", str(HERE), "fastapi_host:app", "--port", "{port}"),
)


class Site:
    """A server that runs an example, and what it wrote to its database."""

    def __init__(
        self, process: asyncio.subprocess.Process, port: int, url: str, log: Path
    ) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self._database = url
        self.log = log
        self.browser = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True)
        )

    async def ask(self, method: str, path: str) -> tuple[int, str]:
        """Ask on a connection of its own, which any of the workers takes."""
        async with self.browser.request(method, self.url + path) as answer:
            return answer.status, await answer.text()

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:

        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                # Another process tells nobody when it is so far.
                while not await condition():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        except TimeoutError:
            log = self.log.read_text()[-3000:]
            raise AssertionError(f"not before the deadline; see\n{log}") from None

    async def answers(self) -> bool:
        with contextlib.suppress(aiohttp.ClientError, OSError):
            return (await self.ask("GET", "/"))[0] == 200
        return False

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._database) as connection:
            return connection.execute(statement).fetchall()

    def state(self) -> dict[str, Any]:
        found = self.rows("SELECT data FROM json_store WHERE kind = 'state'")
        return found[0][0] if found else {}

    async def end(self, number: int = signal.SIGTERM) -> None:
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.process.wait()

    async def close(self) -> None:
        await self.browser.close()
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()


@pytest.fixture
async def cloud() -> AsyncIterator[FakeSwitchBotCloud]:
    async with FakeSwitchBotCloud(season="winter") as cloud:
        yield cloud


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


Serve = Callable[..., Awaitable[Site]]


@pytest.fixture
async def serve(
    cloud: FakeSwitchBotCloud, database_url: str, tmp_path: Path
) -> AsyncIterator[Serve]:
    sites: list[Site] = []

    async def serve(*command: str, **environment: str) -> Site:
        port = free_port()
        log = tmp_path / "log"
        program, *arguments = (each.format(port=port) for each in command)
        module = {"gunicorn": "gunicorn.app.wsgiapp"}.get(program, program)
        how = (module,) if program.endswith(".py") else ("-m", module)
        with log.open("w") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-u", *how, *arguments),
                cwd=tmp_path,
                start_new_session=True,
                # A shell that runs the tests in the background ignores Ctrl+C for them,
                # and so would the server.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
                env={
                    "PATH": os.environ["PATH"],
                    "PORT": str(port),
                    "STORE_BACKEND": "postgres",
                    "STORE_DIRECTORY": str(tmp_path / "config"),
                    "POSTGRES_URL": database_url,
                    "SWITCHBOT_TOKEN": cloud.token,
                    "SWITCHBOT_SECRET": cloud.secret,
                    "SWITCHBOT_BASE_URL": cloud.base_url,
                    **environment,
                },
                stdout=output,
                stderr=output,
            )
        site = Site(process, port, database_url, log)
        sites.append(site)
        await site.until(site.answers)
        return site

    settle(database_url)
    yield serve
    for site in sites:
        await site.close()


def settle(url: str, more: dict[str, Any] | None = None) -> None:
    with PostgresStore(url) as store:
        store.set("settings", {**SETTINGS, **(more or {})})


async def heats(site: Site, cloud: FakeSwitchBotCloud) -> None:
    """Wait until the room was found cold, without a request for a page."""

    async def on() -> bool:
        return site.state().get("assumed_aircon_power") == "on"

    await site.until(on)
    assert cloud.calls[Call.COMMAND] >= 1


async def obeys(site: Site, path: str) -> None:
    """Turn off by whichever worker answers; all show it."""
    status, answer = await site.ask("POST", path)
    assert status == 200, answer
    assert json.loads(answer)["status"] == "accepted"
    assert site.state()["assumed_aircon_power"] == "off"


def ended_well(site: Site) -> None:
    """No claim is left, no row is lost, nobody was killed."""
    assert site.process.returncode in {0, -signal.SIGTERM}, site.log.read_text()
    assert site.state()["engine"]["id"] is None, site.log.read_text()[-3000:]
    ((count,),) = site.rows("SELECT count(*) FROM state_history")
    assert count >= 1
    text = site.log.read_text()
    assert "Traceback" not in text, text


@pytest.mark.parametrize(
    "options",
    [
        ("-w", "1"),
        ("-w", "2"),
        ("-w", "4"),
        ("-w", "2", "--preload"),
        ("-w", "2", "-k", "gthread", "--threads", "4"),
        ("-w", "2", "--preload", "-k", "gthread", "--threads", "4"),
    ],
    ids=" ".join,
)
async def test_gunicorn(
    serve: Serve, cloud: FakeSwitchBotCloud, options: tuple[str, ...]
) -> None:
    site = await serve(*GUNICORN, *options, FLASK)
    await heats(site, cloud)
    await obeys(site, "/actions/off")
    for _ in range(20):
        status, text = await site.ask("GET", "/")
        assert status == 200
        assert "air conditioner off" in text
    await site.end()
    ended_well(site)


async def test_gunicorn_is_reloaded_while_a_request_is_in_flight(
    serve: Serve, cloud: FakeSwitchBotCloud
) -> None:
    site = await serve(*GUNICORN, "-w", "2", FLASK)
    await heats(site, cloud)
    before = site.state()["engine"]["id"]
    cloud.faults.inject(Fault.SLOW, calls=[Call.COMMAND], times=1, seconds=2.0)
    asked = asyncio.create_task(site.ask("POST", "/actions/off"))
    commands = cloud.calls[Call.COMMAND]

    async def in_flight() -> bool:
        return cloud.calls[Call.COMMAND] > commands

    await site.until(in_flight)
    site.process.send_signal(signal.SIGHUP)
    status, answer = await asked
    assert status == 200, answer
    assert json.loads(answer)["status"] == "accepted"

    async def led_anew() -> bool:
        return site.state()["engine"]["id"] not in {None, before}

    await site.until(led_anew)
    await site.until(site.answers)
    await obeys(site, "/actions/off")
    await site.end()
    ended_well(site)


async def test_gunicorn_ends_workers_after_some_requests(
    serve: Serve, cloud: FakeSwitchBotCloud
) -> None:
    site = await serve(*GUNICORN, "-w", "2", "--max-requests", "5", FLASK)
    await heats(site, cloud)
    for _ in range(25):
        await site.until(site.answers)
    await obeys(site, "/actions/off")
    await site.end()
    ended_well(site)
    assert "Booting worker" in site.log.read_text()


HANGS = """
import sys, time
sys.path.insert(0, {here!r})
from flask_host import create_app
app = create_app()
app.get("/hang")(lambda: time.sleep(1000))
"""


async def test_gunicorn_kills_a_worker_that_hangs(
    serve: Serve, cloud: FakeSwitchBotCloud, tmp_path: Path
) -> None:
    (tmp_path / "hangs.py").write_text(HANGS.format(here=str(HERE)))
    site = await serve(
        *GUNICORN, "-w", "1", "--timeout", "2", "hangs:app", PYTHONPATH=str(tmp_path)
    )
    await heats(site, cloud)
    before = site.state()["engine"]["id"]
    with contextlib.suppress(aiohttp.ClientError):
        await site.ask("GET", "/hang")

    async def led_anew() -> bool:
        return site.state()["engine"]["id"] not in {None, before}

    await site.until(led_anew)
    await site.until(site.answers)
    await obeys(site, "/actions/off")
    await site.end()
    assert site.state()["engine"]["id"] is None


async def test_uvicorn_with_workers_shows_one_truth(
    serve: Serve, cloud: FakeSwitchBotCloud
) -> None:
    site = await serve(*UVICORN, "--workers", "2")
    await heats(site, cloud)
    for action, power in (("off", "off"), ("winter", "on"), ("off", "off")):
        status, _answer = await site.ask("POST", f"/rooms/default/{action}")
        assert status == 200
        if site.state()["assumed_aircon_power"] != power:
            continue  # the minimum time is over later
        # Within a second every worker has looked; a loaded machine is given more.
        seen: list[str] = []

        async def agree(seen: list[str] = seen, power: str = power) -> bool:
            _status, text = await site.ask("GET", "/")
            seen.append(json.loads(text)["zones"][0]["power"])
            return seen[-20:] == [power] * 20

        await site.until(agree)
    await site.end()
    ended_well(site)


async def test_uvicorn_reloads(
    serve: Serve, cloud: FakeSwitchBotCloud, tmp_path: Path
) -> None:
    copy = tmp_path / "fastapi_host.py"
    copy.write_text((HERE / "fastapi_host.py").read_text())
    site = await serve(
        *(
            "uvicorn",
            "--app-dir",
            str(tmp_path),
            "fastapi_host:app",
            "--port",
            "{port}",
        ),
        *(
            "--reload",
            "--reload-dir",
            str(tmp_path),
            "--reload-include",
            "fastapi_host.py",
        ),
    )
    await heats(site, cloud)
    before = site.state()["engine"]["id"]
    copy.write_text(copy.read_text() + "\n# changed\n")

    async def led_anew() -> bool:
        return site.state()["engine"]["id"] not in {None, before}

    await site.until(led_anew)
    await site.until(site.answers)
    await obeys(site, "/rooms/default/off")
    await site.end()
    ended_well(site)


async def test_hypercorn_with_workers(serve: Serve, cloud: FakeSwitchBotCloud) -> None:
    site = await serve(
        *("hypercorn", "-w", "2", "--bind", "127.0.0.1:{port}", "fastapi_host:app"),
        PYTHONPATH=str(HERE),
    )
    await heats(site, cloud)
    await obeys(site, "/rooms/default/off")
    await site.end()
    ended_well(site)


async def test_flasks_reloader(
    serve: Serve, cloud: FakeSwitchBotCloud, tmp_path: Path
) -> None:
    copy = tmp_path / "flask_host.py"
    copy.write_text((HERE / "flask_host.py").read_text())
    site = await serve(
        *(
            "flask",
            "--app",
            "flask_host:create_app",
            "run",
            "--reload",
            "--extra-files",
            str(copy),
            "--exclude-patterns",
            f"{HERE.parent}:*/lib/python3*",
            "--port",
            "{port}",
        )
    )
    await heats(site, cloud)
    before = site.state()["engine"]["id"]
    copy.write_text(copy.read_text() + "\n# changed\n")

    async def led_anew() -> bool:
        await site.answers()
        return site.state()["engine"]["id"] not in {None, before}

    await site.until(led_anew)
    await obeys(site, "/actions/off")


async def test_gunicorn_with_aiohttps_worker_and_apscheduler(
    serve: Serve, cloud: FakeSwitchBotCloud
) -> None:
    site = await serve(
        *("gunicorn", "--chdir", str(HERE), "--bind", "127.0.0.1:{port}", "-w", "2"),
        *("-k", "aiohttp.GunicornWebWorker", "aiohttp_host:create_app"),
    )
    await heats(site, cloud)
    await obeys(site, "/off")
    await site.end()
    ended_well(site)


@pytest.mark.parametrize(
    ("name", "off"),
    [
        ("flask_host.py", "/actions/off"),
        ("fastapi_host.py", "/rooms/default/off"),
        ("aiohttp_host.py", "/off"),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_host_ends_with_its_rows_kept_and_its_claim_released(
    serve: Serve, cloud: FakeSwitchBotCloud, name: str, off: str, number: int
) -> None:
    site = await serve(str(HERE / name))
    await heats(site, cloud)
    await obeys(site, off)
    await site.end(number)
    assert site.state()["engine"]["id"] is None, site.log.read_text()[-3000:]
    ((count,),) = site.rows("SELECT count(*) FROM state_history")
    assert count >= 1


@pytest.mark.parametrize(
    "name", ["flask_host.py", "fastapi_host.py", "aiohttp_host.py"]
)
async def test_a_hosts_rules_reach_the_notifiers_of_the_settings(
    serve: Serve, database_url: str, name: str
) -> None:
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def hear(request: web.Request) -> web.Response:
        told.put_nowait(await request.json())
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/hook", hear)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        place = web.TCPSite(runner, "127.0.0.1", 0)
        await place.start()
        hook = {
            "type": "webhook",
            "url": f"http://127.0.0.1:{runner.addresses[0][1]}/hook",
            "allowed_hosts": ["127.0.0.1"],
        }
        rule = {
            "id": "it",
            "triggers": {"trigger": "cron", "cron": "* * * * *"},
            "actions": [{"action": "notify", "message": "told"}],
        }
        settle(
            database_url,
            {"timezone": "UTC", "notifiers": {"hook": hook}, "rules": [rule]},
        )
        await serve(str(HERE / name))
        async with asyncio.timeout(2 * PATIENCE_SECONDS):
            assert (await told.get())["message"] == "told"
    finally:
        await runner.cleanup()


async def looked_again(site: Site, cloud: FakeSwitchBotCloud) -> None:
    """Wait until the engine reads its meter once more."""
    before = cloud.calls[Call.STATUS]

    async def read() -> bool:
        return cloud.calls[Call.STATUS] > before

    await site.until(read)


async def test_apscheduler_overlaps_lose_no_tick(
    serve: Serve, cloud: FakeSwitchBotCloud, database_url: str
) -> None:
    settle(database_url, {"poll_interval_seconds": 15})
    site = await serve(str(HERE / "aiohttp_host.py"))
    await heats(site, cloud)
    # The engine is commanded, and wants to be called, while a tick is under way.
    cloud.faults.inject(Fault.SLOW, calls=[Call.STATUS], times=1, seconds=3.0)
    await looked_again(site, cloud)
    await obeys(site, "/off")
    await looked_again(site, cloud)
    await looked_again(site, cloud)
    await site.end()
    ended_well(site)


async def test_apscheduler_makes_up_for_a_machine_that_slept(
    serve: Serve, cloud: FakeSwitchBotCloud, database_url: str
) -> None:
    settle(database_url, {"poll_interval_seconds": 15})
    site = await serve(str(HERE / "aiohttp_host.py"))
    await heats(site, cloud)
    await looked_again(site, cloud)
    until = datetime.now(UTC) + timedelta(seconds=20)  # its next tick is missed
    site.process.send_signal(signal.SIGSTOP)

    async def slept() -> bool:
        return datetime.now(UTC) > until

    await site.until(slept)
    site.process.send_signal(signal.SIGCONT)
    await looked_again(site, cloud)
    await obeys(site, "/off")
    await site.end()
    ended_well(site)
