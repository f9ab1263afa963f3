"""`status`, `send` and `watch` against the simulated cloud, over HTTP."""

import asyncio
import json
import os
import pty
import signal

import pytest

from switchbot_automation.simulation import FakeSwitchBotCloud, Fault, default_settings
from switchbot_automation.simulation.faults import Call
from switchbot_automation.simulation.home import AIRCON_ID, METER_ID

PLUG = "C0FFEE0000AA"
KEYPAD = "C0FFEE0000BB"


@pytest.fixture
async def cloud():
    async with FakeSwitchBotCloud(speed=3600) as cloud:
        cloud.home.add_device("Plug Mini (JP)", PLUG, "Lamp plug")
        cloud.home.add_device("Keypad", KEYPAD, "Front door")
        yield cloud


@pytest.fixture
def run(invoke, cloud, tmp_path):
    """Run a command to its end on another thread: exit code, stdout, stderr."""
    env = {
        "SWITCHBOT_TOKEN": cloud.token,
        "SWITCHBOT_SECRET": cloud.secret,
        "SWITCHBOT_BASE_URL": cloud.base_url,
        "STORE_DIRECTORY": str(tmp_path / "config"),
    }

    async def run(*arguments):
        ended = await asyncio.to_thread(invoke, *arguments, env=env)
        return ended.exit_code, ended.stdout, ended.stderr

    run.env = env
    return run


# --- send -----------------------------------------------------------------------------


@pytest.mark.parametrize("device", [PLUG, PLUG.lower(), "Lamp plug", "LAMP PLUG "])
async def test_a_device_is_commanded_by_name_or_id(run, cloud, device):
    code, out, err = await run("send", device, "turnOn", "--json")
    assert code == 0, err
    sent = json.loads(out)
    assert (sent["device_id"], sent["status"]) == (PLUG, "accepted")
    async with asyncio.timeout(20):
        while cloud.account.devices[PLUG].state["power"] != "on":
            await asyncio.sleep(0)
            cloud.home.advance()


async def test_a_remote_takes_a_whole_state(run, cloud):
    code, out, _ = await run("send", AIRCON_ID, "setAll", "24, 5,3,on")
    assert code == 0
    assert out.startswith("accepted: setAll 24,5,3,on to ")
    assert cloud.calls[Call.COMMAND] == 1


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("Lamp plugg", "turnOn"), "'Lamp plug'"),
        (("plug", "turnOn"), "'Lamp plug'"),
        (("nothing like it", "turnOn"), "switchbot-automation devices"),
        (("Lamp plug", "turnon"), "did you mean 'turnOn'"),
        (("Lamp plug", "turnOn", "loud"), "no parameter"),
        ((AIRCON_ID, "setAll", "24,9,3,on"), "mode"),
        ((AIRCON_ID, "setAll", "24"), "temperature,mode"),
        ((METER_ID, "turnOn"), "takes no commands"),
    ],
)
async def test_a_mistake_is_named_before_the_call_is_spent(run, cloud, arguments, hint):
    code, out, err = await run("send", *arguments)
    assert code == 2
    assert hint in err
    assert not out
    assert cloud.calls[Call.COMMAND] == 0


async def test_two_devices_of_one_name_are_told_apart_by_id(run, cloud):
    cloud.home.add_device("Bot", "C0FFEE0000CC", "Lamp plug")
    code, _, err = await run("send", "Lamp plug", "turnOn")
    assert code == 2
    assert PLUG in err
    assert "C0FFEE0000CC" in err


async def test_a_dry_run_sends_nothing(run, cloud):
    code, out, _ = await run("send", PLUG, "turnOn", "--dry-run")
    assert (code, out) == (0, "checked: turnOn to Lamp plug\n")
    assert cloud.calls[Call.COMMAND] == 0


async def test_what_the_catalogue_lacks_can_be_sent_unchecked(run, cloud):
    code, _, err = await run("send", PLUG, "danceNow", "--unchecked")
    assert code == 1
    assert err.startswith("Error: ")
    assert cloud.calls[Call.COMMAND] == 1


async def test_a_passcode_is_sent_and_never_shown(run, cloud):
    key = '{"name": "guest", "type": "permanent", "password": "73912864"}'
    code, out, err = await run("send", "Front door", "createKey", key, "-vv")
    assert code == 0
    assert "its result comes by webhook as CMD" in out
    assert "73912864" not in out + err
    code, out, err = await run("send", "Front door", "createKey", key + "x")
    assert code == 2
    assert "73912864" not in out + err


async def test_an_offline_device_is_a_failure_in_words(run, cloud):
    cloud.faults.inject(Fault.OFFLINE, device_id=PLUG)
    code, _, err = await run("send", PLUG, "turnOn")
    assert code == 1
    assert "offline" in err


# --- status ---------------------------------------------------------------------------


async def test_status_shows_what_every_device_says(run, cloud):
    code, out, _ = await run("status")
    assert code == 0
    assert "temperature" in out
    assert "°C" in out
    assert "power off" in out
    assert "cannot be read" in out

    code, out, _ = await run("status", "Lamp plug", METER_ID, "--json")
    shown = json.loads(out)
    plug, meter = shown["devices"]
    assert plug["values"]["power"] == "off"
    assert isinstance(meter["values"]["temperature"], float)
    assert shown["calls_today"] == cloud.account.used_today
    assert shown["rooms"] == []


async def test_status_shows_the_rooms_as_the_engine_left_them(run, tmp_path):
    config = tmp_path / "config"
    config.mkdir()
    (config / "settings.json").write_text(json.dumps(default_settings("winter")))
    code, _, err = await run("once")
    assert code == 0, err
    code, out, _ = await run("status", "--json")
    (room,) = json.loads(out)["rooms"]
    assert room["zone"] == "default"
    assert room["temperature"] is not None
    assert room["power"] in {"on", "off", "unknown"}
    shown = (await run("status"))[1]
    assert "Rooms" in shown
    assert "assumed on: " in shown or "assumed off" in shown
    shown = (await run("status", AIRCON_ID))[1]
    assert "Rooms" not in shown
    assert "assumed " in shown


async def test_status_knows_nothing_of_a_unit_that_was_exchanged(run, tmp_path):
    config = tmp_path / "config"
    config.mkdir()
    document = default_settings("winter")
    (config / "settings.json").write_text(json.dumps(document))
    (config / "state.json").write_text(
        json.dumps(
            {"assumed_aircon_power": "on", "unit": {"device_id": "02-202008110034-99"}}
        )
    )
    (room,) = json.loads((await run("status", "--json"))[1])["rooms"]
    assert room["power"] == "unknown"


async def test_status_goes_by_the_last_good_settings_and_says_what_is_wrong(
    run, tmp_path
):
    path = tmp_path / "config" / "settings.json"
    path.parent.mkdir()
    good = json.dumps(default_settings("winter"))
    path.write_text(good)
    code, _, err = await run("once")
    assert code == 0, err
    for bad, told in (
        (good.replace(",", "", 1), "settings.json: line 1 column "),
        (good.replace('"mode"', '"mood"'), "the stored settings: mood: "),
    ):
        path.write_text(bad)
        code, out, err = await run("status", "--json")
        assert code == 0
        assert [room["zone"] for room in json.loads(out)["rooms"]] == ["default"]
        (problem,) = json.loads(out)["problems"]
        assert told in problem
        assert f"warning: {problem}" in err
        assert path.read_text() == bad
    path.write_text(good)
    code, out, err = await run("status", "--json")
    assert json.loads(out)["problems"] == []


async def test_a_device_that_is_offline_is_shown_beside_the_others(run, cloud):
    cloud.faults.inject(Fault.OFFLINE, device_id=PLUG)
    code, out, _ = await run("status", "--json")
    assert code == 1
    by_id = {row["device_id"]: row for row in json.loads(out)["devices"]}
    assert "offline" in by_id[PLUG]["error"]
    assert by_id[METER_ID]["error"] is None


# --- watch ----------------------------------------------------------------------------


async def test_watch_prints_a_line_a_round_and_ends_by_itself(start, run):
    running = await start(
        *("watch", PLUG, "--every", 2, "--rounds", 2, "--json"), env=run.env
    )
    code, out, _ = await running.ended()
    assert code == 0
    rounds = [json.loads(line) for line in out.splitlines()]
    assert [line["calls_today"] for line in rounds] == [2, 3]
    assert rounds[0]["devices"][0]["values"]["power"] == "off"


@pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)]
)
async def test_watch_ends_cleanly_on_a_signal(start, run, number, expected):
    running = await start("watch", "--json", env=run.env)
    await running.line()
    code, _, err = await running.end(number)
    assert (code, err) == (expected, "")


async def test_on_a_terminal_the_table_is_drawn_in_its_place(start, run):
    """A real pseudo terminal: rich draws only on one, and must give it back."""
    ours, theirs = pty.openpty()
    running = await start(
        "watch", PLUG, env=run.env | {"TERM": "xterm-256color"}, stdout=theirs
    )
    os.close(theirs)
    loop = asyncio.get_running_loop()
    shown = b""
    async with asyncio.timeout(30):
        while b"calls today" not in shown:
            shown += await loop.run_in_executor(None, os.read, ours, 4096)
    running.process.send_signal(signal.SIGINT)
    async with asyncio.timeout(30):
        code = await running.process.wait()
    assert code == 130
    assert b"Lamp plug" in shown
    try:
        while rest := os.read(ours, 4096):
            shown += rest
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert shown.count(b"\x1b[?25l") == shown.count(b"\x1b[?25h")


async def test_watch_survives_a_cloud_that_goes_away(start, run, cloud):
    running = await start("watch", PLUG, "--every", 2, "--json", env=run.env)
    assert json.loads(await running.line())["error"] is None
    cloud.faults.inject(Fault.UNAUTHORIZED)
    told = await running.event()
    while told["error"] is None:
        told = await running.event()
    assert told["devices"][0]["values"]["power"] == "off"
    cloud.faults.clear()
    while told["error"] is not None:
        told = await running.event()
    assert (await running.end())[0] == 0
