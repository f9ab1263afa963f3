"""`init` and `doctor`: from nothing to a room that is kept, in processes of their own."""

import asyncio
import json
import os
import signal
import stat
import sys
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from switchbot_automation import SwitchBotClient
from switchbot_automation.clock import SystemClock
from switchbot_automation.simulation import (
    FakeSwitchBotCloud,
    SimulatedClock,
    SimulatedHome,
)
from switchbot_automation.simulation.faults import Call
from switchbot_automation.simulation.home import RoomSpec
from switchbot_store import JsonStore
from tests.cli.conftest import PATIENCE_SECONDS
from tests.cli.test_odd_accounts import NO_HUB, Account, listed, served

ROOMS = (
    RoomSpec("Bedroom"),
    RoomSpec("Office", meter_id="C271111EC0B0", aircon_id="02-202008110034-20"),
)


@pytest.fixture
async def cloud():
    async with FakeSwitchBotCloud(season="winter") as cloud:
        yield cloud


@pytest.fixture
def type_in(start):
    """Run a command with answers, one a line; return exit code, stdout and stderr."""

    async def type_in(*arguments, answers=(), env=None):
        running = await start(*arguments, env=env, stdin=asyncio.subprocess.PIPE)
        running.process.stdin.write("".join(f"{each}\n" for each in answers).encode())
        running.process.stdin.close()
        return await running.ended()

    return type_in


def account(cloud):
    return {
        "SWITCHBOT_TOKEN": cloud.token,
        "SWITCHBOT_SECRET": cloud.secret,
        "SWITCHBOT_BASE_URL": cloud.base_url,
    }


async def test_six_answers_lead_to_a_room_that_is_kept(type_in, cloud, tmp_path):
    code, out, err = await type_in(
        "init",
        answers=[cloud.token, cloud.secret, "y", "winter", "20.5-22", "00:00-00:00"],
        env={"SWITCHBOT_BASE_URL": cloud.base_url},
    )
    assert code == 0, err
    assert "living room" in out
    for secret in (cloud.token, cloud.secret):
        assert secret not in out + err
    assert err == "", "getpass warns where there is no terminal"
    assert "Where a command asks for the room, it is default." in out

    env_file, settings = tmp_path / ".env", tmp_path / "config" / "settings.json"
    for path in (env_file, settings):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((tmp_path / "config").stat().st_mode) == 0o700
    written = json.loads(settings.read_text())
    assert written["winter"]["min_temp"] == 20.5
    assert written["control"] == "auto"
    assert not cloud.calls[Call.COMMAND], "a set-up commands nothing"

    # What it wrote is all that is needed: no variable is set from here on.
    code, out, err = await type_in("once", "--json")
    assert code == 0, err
    assert json.loads(out)["decisions"][0]["zone"] == "default"


async def test_a_second_run_overwrites_nothing_and_looks_again(
    type_in, cloud, tmp_path
):
    env = {"SWITCHBOT_BASE_URL": cloud.base_url}
    await type_in("init", answers=[cloud.token, cloud.secret, *[""] * 4], env=env)
    files = [tmp_path / ".env", tmp_path / "config" / "settings.json"]
    before = [path.read_bytes() for path in files]
    code, out, err = await type_in("init", "--yes", "--json", "--band", "18-19")
    assert code == 0, err
    result = json.loads(out)
    assert result["written"] is False
    assert result["tick"][0]["text"].startswith("default: ")
    assert [path.read_bytes() for path in files] == before


async def test_a_script_is_asked_nothing(type_in, cloud, tmp_path):
    options = ("--season", "summer", "--band", "24-25,5", "--hours", "8:00-22:30")
    code, out, err = await type_in(
        "init",
        "--yes",
        "--json",
        *options,
        "--timezone",
        "Asia/Tokyo",
        env=account(cloud),
    )
    assert code == 0, err
    result = json.loads(out)
    assert result["written"] is True
    assert result["rooms"][0]["meter"]["name"] == "living room"
    assert result["settings"]["summer"]["max_temp"] == 25.5
    assert result["settings"]["time_windows"][0]["start"] == "08:00"
    assert result["settings"]["timezone"] == "Asia/Tokyo"
    assert result["tick"][0]["temperature"] is not None
    assert not (tmp_path / ".env").exists(), "the environment has the account"
    with JsonStore(tmp_path / "config") as store:
        assert store.get("settings") == result["settings"]


async def test_each_room_of_a_home_is_a_zone_of_its_own(type_in):
    home = SimulatedHome(SystemClock(), season="winter", rooms=ROOMS)
    async with FakeSwitchBotCloud(home) as cloud:
        code, out, err = await type_in("init", "--yes", "--json", env=account(cloud))
    assert code == 0, err
    zones = json.loads(out)["settings"]["zones"]
    assert {n: z["meter_device_id"] for n, z in zones.items()} == {
        spec.name: spec.meter_id for spec in ROOMS
    }


async def test_a_person_may_say_what_measures_which_room(type_in, cloud):
    cloud.home.add_device("Meter", "C271111EC0B1", "Meter A")
    code, out, err = await type_in(
        "init", answers=["n", "2", "winter", "", ""], env=account(cloud)
    )
    assert code == 0, err
    code, out, err = await type_in("init", "--yes", "--json", env=account(cloud))
    assert json.loads(out)["settings"]["meter_device_id"] == "C271111EC0B1"


async def test_an_account_without_a_room_says_what_is_missing(type_in, cloud, tmp_path):
    del cloud.account.devices[cloud.home.room.spec.aircon_id]
    code, out, err = await type_in("init", "--yes", env=account(cloud))
    assert code == 1, err
    assert "no air conditioner" in out
    assert not (tmp_path / "config" / "settings.json").exists()


async def test_meters_without_a_hub_are_named_with_what_to_do(type_in):
    account = Account()
    away = {"hubDeviceId": NO_HUB, "enableCloudService": False}
    account.devices = [listed("C271111EC0AB", "Bedroom Meter", "Meter", **away)]
    async with served(account) as url:
        code, out, _err = await type_in(
            "init",
            "--yes",
            env={
                "SWITCHBOT_TOKEN": "c271" * 24,
                "SWITCHBOT_SECRET": "0123456789abcdef" * 2,
                "SWITCHBOT_BASE_URL": url,
            },
        )
    assert code == 1
    told = " ".join(out.split())
    assert "Bedroom Meter are outdoors by their names or their Cloud Services" in told
    assert "hub" in told
    assert "nothing measures" not in told


async def test_a_place_that_cannot_be_written_is_told_before_anything_is_asked(
    type_in, cloud, tmp_path
):
    (tmp_path / "disk").symlink_to(tmp_path / "not-mounted")
    env = {**account(cloud), "STORE_DIRECTORY": "disk"}
    code, out, err = await type_in("init", answers=["y", "", "", ""], env=env)
    assert code == 2
    assert "Keep these rooms" not in out
    (told,) = err.strip().splitlines()
    assert "is a link to" in told
    assert "STORE_DIRECTORY" in told
    code, _out, err = await type_in("init", "--yes", "--json", env=env)
    assert code == 2
    assert "STORE_DIRECTORY" in json.loads(err)["message"]


async def test_a_wrong_token_is_asked_for_again(type_in, cloud):
    env = {"SWITCHBOT_BASE_URL": cloud.base_url}
    answers = ["wrong", "words", cloud.token, cloud.secret, *[""] * 4]
    code, out, err = await type_in("init", answers=answers, env=env)
    assert code == 0, err
    assert "Once more" in out
    code, _, err = await type_in(
        "init", "--yes", env={**env, "SWITCHBOT_TOKEN": "x", "SWITCHBOT_SECRET": "y"}
    )
    assert code == 1
    assert "Traceback" not in err


@pytest.mark.parametrize("answers", range(6))
async def test_ctrl_c_at_any_question_is_told_from_no_answer(
    start, cloud, tmp_path, answers
):
    given = [cloud.token, cloud.secret, "y", "winter", "20-22"]
    asked = ["Token", "Secret", "Keep these", "Season", "lowest", "From when"]
    env = {"SWITCHBOT_BASE_URL": cloud.base_url}
    running = await start("init", env=env, stdin=asyncio.subprocess.PIPE)
    running.process.stdin.write("".join(f"{e}\n" for e in given[:answers]).encode())
    told, question = b"", asked[answers].encode()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while question not in told or not told.endswith(b": "):
            told += await running.process.stdout.read(1)
    # The end of the line with ^C. Not before by `communicate`: since CPython 3.13 it closes
    # what is typed, and the end of that is no Ctrl-C.
    heard = asyncio.ensure_future(running.process.stderr.read(1))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not heard.done():
            # What comes between the question and the read is seen after the read alone: a
            # person presses once more.
            running.process.send_signal(signal.SIGINT)
            await asyncio.wait({heard}, timeout=5.0)
    code, _, err = await running.ended()
    err = heard.result().decode() + err
    assert code == 130
    assert "Abort" not in err
    assert "Traceback" not in err
    assert not (tmp_path / "config" / "settings.json").exists()


async def test_an_end_of_what_is_typed_is_no_ctrl_c(type_in, cloud):
    env = {"SWITCHBOT_BASE_URL": cloud.base_url}
    code, _, err = await type_in("init", answers=[cloud.token], env=env)
    assert code == 1
    assert "Aborted" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--json"], "--yes"),
        (["--yes"], "SWITCHBOT_TOKEN"),
        (["--yes", "--band", "22-20"], "lowest"),
        (["--yes", "--hours", "25:00-26:00"], "06:30-23:00"),
    ],
)
async def test_what_is_asked_wrongly_ends_with_2(type_in, arguments, words):
    code, _, err = await type_in("init", *arguments)
    assert code == 2
    assert words in err


# --- doctor ---------------------------------------------------------------------------


@pytest.fixture
def doctor(type_in):
    """Run it; return the exit code and its findings by what they are about."""

    async def doctor(env=None):
        code, out, err = await type_in("doctor", "--json", env=env)
        assert "Traceback" not in err
        found = json.loads(out)["findings"]
        assert all(e["advice"] for e in found if e["level"] != "ok")
        return code, {each["check"]: each for each in found}

    return doctor


async def test_what_init_set_up_is_found_well(type_in, doctor, cloud):
    env = account(cloud)
    await type_in("init", "--yes", env=env)
    code, found = await doctor(env)
    assert code == 0, found
    about = ("account", "clock", "quota", "settings", "webhook", "directory")
    assert [found[each]["level"] for each in about] == ["ok"] * len(about)


async def test_each_mistake_is_named_with_what_to_change(
    type_in, doctor, cloud, tmp_path
):
    code, found = await doctor()
    assert (code, found["account"]["level"]) == (1, "problem")

    env = account(cloud)
    code, found = await doctor(env)
    assert code == 1
    assert "init" in found["settings"]["advice"]

    code, found = await doctor({**env, "SWITCHBOT_SECRET": "wrong"})
    assert (code, found["account"]["level"]) == (1, "problem")

    an_hour_behind = SimulatedClock(datetime.now(UTC) - timedelta(hours=1))
    home = SimulatedHome(an_hour_behind, season="winter")
    async with FakeSwitchBotCloud(home) as elsewhere:
        code, found = await doctor(account(elsewhere))
    assert (code, found["clock"]["level"]) == (1, "problem")

    await type_in("init", "--yes", env=env)
    path = tmp_path / "config" / "settings.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps(settings | {"meter_device_id": "C271111EC0FF"}))
    code, found = await doctor(env)
    assert code == 1
    assert "C271111EC0FF" in found["settings"]["message"]


async def test_a_webhook_where_nobody_listens_is_told_of(doctor, cloud, type_in):
    env = account(cloud)
    await type_in("init", "--yes", env=env)
    async with aiohttp.ClientSession() as session:
        client = SwitchBotClient(
            session, cloud.token, cloud.secret, base_url=cloud.base_url
        )
        await client.setup_webhook("http://127.0.0.1:9/push/very-secret")
    _, found = await doctor(env)
    assert found["webhook"]["level"] == "warning"
    assert "very-secret" not in str(found)


# --- the file of variables --------------------------------------------------------------


async def test_the_environment_goes_before_the_file(type_in, cloud, tmp_path):
    path = tmp_path / "home.env"
    path.write_text(
        f"SWITCHBOT_TOKEN='{cloud.token}'\nexport SWITCHBOT_SECRET={cloud.secret}\n"
        "SWITCHBOT_BASE_URL=http://127.0.0.1:9\nSTORE_DIRECTORY='with $dollar'\n"
    )
    path.chmod(0o600)
    env = {"SWITCHBOT_ENV_FILE": str(path), "SWITCHBOT_BASE_URL": cloud.base_url}
    code, out, err = await type_in("init", "--yes", "--json", env=env)
    assert code == 0, err
    assert json.loads(out)["settings_at"] == "with $dollar/settings.json"


async def test_a_file_that_others_may_read_is_told_of(type_in, doctor, cloud, tmp_path):
    path = tmp_path / ".env"
    path.write_text(f"SWITCHBOT_TOKEN={cloud.token}\n")
    path.chmod(0o644)
    _, found = await doctor(account(cloud))
    assert found["environment"]
    _, out, _ = await type_in("doctor", "--json", env=account(cloud))
    said = [e for e in json.loads(out)["findings"] if e["check"] == "environment"]
    assert any("chmod 600" in each["advice"] for each in said)


async def test_a_file_that_others_may_replace_is_told_of(type_in, cloud, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    path = shared / "home.env"
    path.write_text(f"SWITCHBOT_TOKEN={cloud.token}\n")
    path.chmod(0o600)
    env = account(cloud) | {"SWITCHBOT_ENV_FILE": str(path)}
    for mode, level in ((0o700, "ok"), (0o777, "warning")):
        shared.chmod(mode)
        _, out, _ = await type_in("doctor", "--json", env=env)
        said = [e for e in json.loads(out)["findings"] if str(path) in e["message"]]
        assert [each["level"] for each in said] == [level]
    assert "another file" in said[0]["message"]
    assert "directory" in said[0]["advice"]


async def test_of_a_file_that_the_disk_refuses_no_half_is_left(cloud, tmp_path):
    """Half a file would pass for the account's, and `init` would leave it as it is."""
    pytest.importorskip("resource")
    small = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100));"
        "from switchbot_automation.cli.app import application; application()"
    )
    running = await asyncio.create_subprocess_exec(
        # -B: of what is imported no half is kept either.
        *(sys.executable, "-B", "-c", small, "init"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "SWITCHBOT_BASE_URL": cloud.base_url},
    )
    _, err = await running.communicate(f"{cloud.token}\n{cloud.secret}\n".encode())
    assert running.returncode == 2, err
    assert b".env: " in err
    assert b"Traceback" not in err
    assert not (tmp_path / ".env").exists()


async def test_a_file_that_was_named_and_is_not_there_is_an_error(type_in):
    env = {"SWITCHBOT_ENV_FILE": "nowhere.env"}
    code, _, err = await type_in("devices", env=env)
    assert code == 2
    assert "nowhere.env" in err
