"""`devices`, `scenes` and `cloud`, each in a process of its own."""

import json
import os
import shlex
import signal
import stat

import pytest

from switchbot_automation.simulation import FakeSwitchBotCloud


@pytest.fixture
async def cloud():
    async with FakeSwitchBotCloud() as cloud:
        yield cloud


def account(cloud):
    return {
        "SWITCHBOT_TOKEN": cloud.token,
        "SWITCHBOT_SECRET": cloud.secret,
        "SWITCHBOT_BASE_URL": cloud.base_url,
    }


async def test_devices_and_scenes_are_listed(start, cloud):
    code, out, _ = await (await start("devices", env=account(cloud))).ended()
    assert code == 0
    assert "C271111EC0AB" in out
    assert "Air Conditioner" in out

    code, out, _ = await (await start("devices", "--json", env=account(cloud))).ended()
    listed = json.loads(out)
    assert {"device_id", "name", "device_type"} <= listed["devices"][0].keys()
    assert [remote["remote_type"] for remote in listed["remotes"]] == [
        "Air Conditioner"
    ]

    code, out, _ = await (await start("scenes", "--json", env=account(cloud))).ended()
    assert {"scene_id": "T02-20250101-01", "name": "Winter"} in json.loads(out)


@pytest.mark.parametrize("command", ["devices", "scenes", "once", "run"])
async def test_a_missing_variable_is_named(start, command):
    code, _, err = await (
        await start(command, env={"SWITCHBOT_TOKEN": "T0KEN"})
    ).ended()
    assert code == 2
    assert "SWITCHBOT_SECRET" in err
    assert "T0KEN" not in err


async def test_a_refused_account_fails_and_is_not_shown(start, cloud):
    env = account(cloud) | {"SWITCHBOT_SECRET": "WR0NGSECRET"}
    running = await start("devices", "--log-level", "debug", env=env)
    code, out, err = await running.ended()
    assert code == 1
    assert "WR0NGSECRET" not in out + err
    assert cloud.token not in out + err


@pytest.mark.parametrize("command", [("init", "--yes"), ("devices",), ("scenes",)])
async def test_whoever_is_refused_is_told_the_way_out(start, cloud, command):
    env = account(cloud) | {"SWITCHBOT_SECRET": "wrong"}
    code, _, err = await (await start(*command, env=env)).ended()
    assert code == 1
    assert "copy token and secret from the app once more" in err
    code, _, err = await (await start(*command, "--json", env=env)).ended()
    assert code == 1
    assert json.loads(err)["hint"].startswith("copy token and secret")


async def test_a_cloud_that_is_away_is_a_failure_in_words(start, cloud):
    env = account(cloud)
    await cloud.stop()
    code, _, err = await (await start("devices", env=env)).ended()
    assert code == 1
    assert err.startswith("Error: ")
    assert "reaches the internet" in err
    assert "Traceback" not in err


async def test_the_cloud_command_prints_what_another_shell_needs(start, tmp_path):
    serving = await start(
        "cloud", "--port", 0, "--settings-out", "config/settings.json"
    )
    env = {}
    while len(env) < 4:
        words = shlex.split(await serving.line(), comments=True)
        if words:
            name, _, value = words[1].partition("=")
            env[name] = value
    assert json.loads((tmp_path / "config" / "settings.json").read_text())
    code, out, _ = await (await start("scenes", env=env)).ended()
    assert code == 0
    assert "Winter" in out
    assert (await serving.end(signal.SIGTERM))[0] == 0


async def test_what_the_cloud_command_writes_is_its_owners_alone(start, tmp_path):
    """Webhooks' keys are written into it later, and a store keeps a file's rights."""
    before = os.umask(0)
    try:
        serving = await start(
            "cloud", "--port", 0, "--settings-out", "home/config/settings.json"
        )
    finally:
        os.umask(before)
    await serving.line_with("settings.json: written")
    home = tmp_path / "home"
    modes = {
        str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode)
        for path in (home, *home.rglob("*"))
    }
    assert modes == {
        "home": 0o700,
        "home/config": 0o700,
        "home/config/settings.json": 0o600,
    }
    assert (await serving.end(signal.SIGTERM))[0] == 0


async def test_the_cloud_command_leaves_a_settings_file_alone(start, tmp_path):
    file = tmp_path / "settings.json"
    file.write_text("{}")
    serving = await start("cloud", "--port", 0, "--settings-out", file)
    await serving.line_with("left as it is")
    assert file.read_text() == "{}"
    code, _, err = await serving.end(signal.SIGINT)
    assert code == 130
    assert "Traceback" not in err


async def test_a_port_that_is_taken_is_a_failure_in_words(start, cloud):
    port = cloud.base_url.rpartition(":")[2]
    code, _, err = await (await start("cloud", "--port", port)).ended()
    assert code == 1
    assert err.startswith("Error: cannot listen")
