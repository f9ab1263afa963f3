"""`run` as a service: what systemd is told, logs by line, and the files to deploy with."""

import asyncio
import json
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from switchbot_automation.simulation import FakeSwitchBotCloud, default_settings

DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"


@pytest.fixture
async def manager(tmp_path):
    """Listen as systemd does; give the address and what was heard, in order."""
    path = tmp_path / "notify"
    heard = asyncio.Queue()

    class Listener(asyncio.DatagramProtocol):
        def datagram_received(self, data, addr):
            del addr
            heard.put_nowait(data.decode())

    bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    bound.bind(str(path))
    bound.setblocking(False)  # noqa: FBT003 - the standard library's signature
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Listener, sock=bound
    )
    yield str(path), heard
    transport.close()


@pytest.fixture
async def home(tmp_path):
    async with FakeSwitchBotCloud(season="winter") as cloud:
        settings = tmp_path / "config" / "settings.json"
        settings.parent.mkdir()
        settings.write_text(json.dumps(default_settings("winter")))
        yield {
            "SWITCHBOT_TOKEN": cloud.token,
            "SWITCHBOT_SECRET": cloud.secret,
            "SWITCHBOT_BASE_URL": cloud.base_url,
            "STORE_DIRECTORY": str(settings.parent),
        }


async def told(heard):
    async with asyncio.timeout(60):
        return await heard.get()


async def test_systemd_is_told_of_the_start_the_life_and_the_end(start, manager, home):
    path, heard = manager
    env = {**home, "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"}
    running = await start("run", env=env)
    assert await told(heard) == "READY=1"
    for _ in range(3):
        assert await told(heard) == "WATCHDOG=1"
    code, _, err = await running.end()
    assert code == 0, err
    last = [await told(heard)]
    while not heard.empty():
        last.append(heard.get_nowait())
    assert last[-1] == "STOPPING=1"


async def test_without_a_watchdog_only_start_and_end_are_told(start, manager, home):
    path, heard = manager
    # Another process's watchdog is none of ours.
    env = {
        **home,
        "NOTIFY_SOCKET": path,
        "WATCHDOG_USEC": "1000",
        "WATCHDOG_PID": "1",
    }
    running = await start("run", env=env)
    assert await told(heard) == "READY=1"
    await running.end()
    assert await told(heard) == "STOPPING=1"


async def test_a_manager_that_is_gone_ends_nothing(start, home, tmp_path):
    running = await start(
        "run", "--json", env={**home, "NOTIFY_SOCKET": str(tmp_path / "gone")}
    )
    await running.event(event="decision")
    code, _, err = await running.end()
    assert code == 0
    assert "the service manager is not reached" in err


async def test_logs_can_be_one_json_object_a_line(start, home):
    running = await start("run", env={**home, "SWITCHBOT_LOG_FORMAT": "json"})
    await running.line_with("default")
    code, _, err = await running.end()
    assert code == 0
    lines = [json.loads(line) for line in err.splitlines()]
    assert {"at", "level", "logger", "message"} <= lines[0].keys()
    assert any(line["message"] == "stopping" for line in lines)


# --- the files to deploy with -----------------------------------------------------------


def test_systemd_takes_the_unit_and_refuses_calls_instead_of_killing(tmp_path):
    unit = DEPLOY / "switchbot-automation.service"
    text = unit.read_text()
    # SQLite and a file of root's ask for fchown, which is of @privileged.
    assert "SystemCallFilter=~@privileged" in text
    assert "SystemCallErrorNumber=EPERM" in text
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip(
            "systemd-analyze is not installed (Debian: apt-get install systemd)"
        )
    # What it starts has to be there to be verified.
    there = tmp_path / unit.name
    there.write_text(text.replace("/opt/switchbot-automation/bin/", "/usr/bin/env "))
    done = subprocess.run(
        [analyze, "verify", "--man=no", there],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_promtool_takes_the_queries_of_the_dashboard(tmp_path):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    dashboard = json.loads(
        (DEPLOY / "grafana" / "dashboards" / "climate.json").read_text()
    )
    asked = [
        target["expr"].replace("$__rate_interval", "5m")
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    ]
    assert asked
    rules = [{"record": f"query:{n}", "expr": expr} for n, expr in enumerate(asked)]
    # JSON is YAML.
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(
        [promtool, "check", "rules", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_the_alerts_and_they_fire_when_they_should():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    for command in ("check rules alerts.yml", "test rules alerts_test.yml"):
        done = subprocess.run(
            [promtool, *command.split()],
            cwd=DEPLOY,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
