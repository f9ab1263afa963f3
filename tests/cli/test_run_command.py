"""`run` and `once` against a cloud over HTTP, each in a process of its own."""

import asyncio
import json
import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.cli.commands.live import OnlyRun, sentence
from switchbot_automation.model import (
    Action,
    Command,
    CommandStatus,
    Reason,
    ReasonCode,
)
from switchbot_automation.simulation import FakeSwitchBotCloud, default_settings
from switchbot_automation.simulation.faults import Call
from switchbot_store import JsonStore, PostgresStore, StoreConfig, get_history

# Never in a window, and OFF ten times, a second apart: a tick each second.
BUSY = default_settings("winter") | {
    "time_windows": [],
    "off_repeat_count": 10,
    "off_repeat_interval_seconds": 1,
    "poll_interval_seconds": 15,
    "idle_poll_interval_seconds": 15,
}
# Rows leave the buffer at the end only.
AT_THE_END = {"HISTORY_BATCH_SIZE": "1000", "HISTORY_FLUSH_INTERVAL": "3600"}


@pytest.fixture
async def cloud():
    async with FakeSwitchBotCloud(season="winter") as cloud:
        yield cloud


@pytest.fixture
def home(tmp_path, cloud):
    """A directory with busy settings, and the environment that leads there."""
    (tmp_path / "config").mkdir()
    write(tmp_path, BUSY)
    return {
        "SWITCHBOT_TOKEN": cloud.token,
        "SWITCHBOT_SECRET": cloud.secret,
        "SWITCHBOT_BASE_URL": cloud.base_url,
        "STORE_DIRECTORY": str(tmp_path / "config"),
        **AT_THE_END,
    }


def write(directory, settings):
    (directory / "config" / "settings.json").write_text(json.dumps(settings))


def test_a_command_that_was_blocked_says_why_and_never_in_empty_brackets():
    blocked = Command(
        "1",
        "default",
        Action.WINTER,
        CommandStatus.BLOCKED,
        reasons=(Reason(ReasonCode.MIN_OFF_REMAINING),),
    )
    told = "default: winter blocked (the compressor must rest for a while)"
    assert sentence(blocked) == told
    assert sentence(replace(blocked, reasons=())) == "default: winter blocked"


def rows_of(env):
    history = get_history(StoreConfig.from_env(env))
    try:
        now = datetime.now(UTC)
        return history.query(now - timedelta(hours=1), now + timedelta(hours=1)).rows
    finally:
        history.close()


@pytest.mark.parametrize(
    ("number", "expected"),
    [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGHUP, 0)],
)
async def test_a_signal_ends_run_with_every_tick_in_the_history(
    start, cloud, home, number, expected
):
    running = await start("run", "--json", env=home)
    for _ in range(4):
        await running.event(event="command", action="off", status="accepted")
    code, _, err = await running.end(number)
    assert code == expected, err
    assert "Traceback" not in err
    rows = rows_of(home)
    # One look at the meter a tick.
    assert len(rows) == cloud.calls[Call.STATUS] >= 4
    assert {row.zone for row in rows} == {"default"}
    assert cloud.token not in err
    assert cloud.secret not in err


async def test_run_keeps_settings_state_and_history_in_postgresql(
    start, cloud, home, database_url
):
    env = home | {"STORE_BACKEND": "postgres", "POSTGRES_URL": database_url}
    with PostgresStore(database_url) as store:
        store.set("settings", BUSY)
        running = await start("run", "--json", env=env)
        for _ in range(2):
            await running.event(event="command", status="accepted")
        code, _, err = await running.end()
        assert code == 0, err
        assert store.get("state")["assumed_aircon_power"] == "off"
    assert len(rows_of(env)) == cloud.calls[Call.STATUS] >= 2


async def test_run_survives_the_cloud_being_stopped_and_started(start, tmp_path):
    serving = await start("cloud", "--port", 0, "--json")
    announced = json.loads(await serving.line())
    port = announced["base_url"].rpartition(":")[2]
    (tmp_path / "config").mkdir()
    write(tmp_path, BUSY)
    env = {
        "SWITCHBOT_TOKEN": announced["token"],
        "SWITCHBOT_SECRET": announced["secret"],
        "SWITCHBOT_BASE_URL": announced["base_url"],
        **AT_THE_END,
    }
    running = await start("run", "--json", env=env)
    await running.event(event="command", status="accepted")
    assert (await serving.end())[0] == 0

    away = await running.event(event="command", status="failed")
    serving = await start("cloud", "--port", port, "--json")
    await serving.line()
    # An account that was away may hold the same home in another state.
    write(tmp_path, BUSY | {"automation_enabled": False})
    back = await running.event(event="decision", outcome="disabled")
    assert back["at"] > away["at"]
    code, _, err = await running.end()
    assert code == 0, err
    assert "can be read again" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_second_run_only_watches_until_the_first_ends(
    start, home, tmp_path, number
):
    state = tmp_path / "config" / "state.json"
    first = await start("run", "--json", env=home, alone=True)
    await first.event(event="command", status="accepted")
    holder = json.loads(state.read_text())["engine"]
    second = await start("run", "--json", env=home, stderr=asyncio.subprocess.PIPE)
    await second.event(event="decision")
    assert json.loads(state.read_text())["engine"] == holder
    assert not [line for line in second.lines if '"command"' in line]
    first.process.send_signal(number)
    await second.event(event="command", status="accepted")
    assert json.loads(state.read_text())["engine"]["id"] != holder["id"]
    _, _, err = await second.end()
    assert "this process leads now" in err
    await first.ended()


@pytest.mark.parametrize("options", [(), ("--json",)])
async def test_a_second_run_says_first_and_once_that_it_only_watches(
    start, home, options
):
    first = await start("run", "--json", env=home, alone=True)
    await first.event(event="command", status="accepted")
    second = await start("run", *options, env=home, stderr=asyncio.subprocess.PIPE)
    told, after = await second.line(), await second.line()
    if options:
        told = json.loads(told)
        assert told["event"] == "watching"
        assert told["process"] == str(first.process.pid)
    else:
        assert f"another process ({first.process.pid}) looks after this home" in told
        assert "this one only watches" in told
    assert "meter" not in after
    _, out, err = await second.end()
    assert "watch" not in out + err
    await first.end()


async def test_a_hand_edit_of_the_settings_is_seen_while_running(start, home, tmp_path):
    running = await start("run", "--json", env=home)
    await running.event(event="command", status="accepted")
    write(tmp_path, BUSY | {"automation_enabled": False})
    await running.event(event="decision", outcome="disabled")
    write(tmp_path, {"mode": "spring"})
    code, _, err = await running.end()
    assert code == 0, err


async def test_once_reports_one_tick_and_keeps_it(start, cloud, home):
    running = await start("once", "--json", env=home)
    code, out, err = await running.ended()
    assert code == 0, err
    report = json.loads(out)
    assert report["trigger"] == "once"
    assert [command["status"] for command in report["commands"]] == ["accepted"]
    assert cloud.calls[Call.COMMAND] == 1
    assert len(rows_of(home)) == 1
    with JsonStore(home["STORE_DIRECTORY"]) as store:
        assert store.get("state")["assumed_aircon_power"] == "off"


async def test_once_that_cannot_read_fails_in_words(start, cloud, home):
    await cloud.stop()
    running = await start("once", env=home)
    code, out, err = await running.ended()
    assert code == 1
    assert "Traceback" not in err
    assert "default: " in out


async def test_a_wrong_variable_is_named_before_anything_runs(start, home):
    running = await start("run", env=home | {"STORE_BACKEND": "redis"})
    code, _, err = await running.ended()
    assert code == 2
    assert "STORE_BACKEND" in err


async def test_settings_that_are_missing_are_said_to_be(start, home, tmp_path):
    (tmp_path / "config" / "settings.json").unlink()
    running = await start("run", "--json", env=home)
    await running.event(event="decision", outcome="disabled")
    code, _, err = await running.end()
    assert code == 0
    assert "no settings" in err


async def test_a_settings_file_with_a_typo_does_not_end_run(start, home, tmp_path):
    file = tmp_path / "config" / "settings.json"
    file.write_text("{")
    running = await start("run", "--json", env=home)
    await running.event(event="decision", outcome="invalid_settings")
    code, _, err = await running.end()
    assert code == 0
    assert "settings.json" in err
    assert "Traceback" not in err


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links are followed here")
def test_a_link_in_the_place_of_its_lock_has_nothing_written_over(tmp_path):
    """Somebody who may write into the directory put it there."""
    other = tmp_path / "other.json"
    other.write_text("{}")
    config = tmp_path / "config"
    config.mkdir()
    (config / ".run.lock").symlink_to(other)
    only = OnlyRun(config)
    assert not only.another()
    only.close()
    assert other.read_text() == "{}"
