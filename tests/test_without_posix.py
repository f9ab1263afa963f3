"""Both packages where there is no `fcntl`, and nothing else that Windows lacks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SETTINGS = ROOT / "examples" / "sample_settings.json"

IMPORTS = """
import importlib, pkgutil
import switchbot_automation, switchbot_store
failed = []
for package in (switchbot_store, switchbot_automation):
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        # psutil has another module of its own there, which is not here.
        if found.name.endswith("__main__") or ".load_test." in found.name:
            continue
        try:
            importlib.import_module(found.name)
        except BaseException as error:
            failed.append(f"{found.name}: {type(error).__name__}: {error}")
assert not failed, failed
"""
DOCUMENTS = """
import sys
from switchbot_store import JsonStore
with JsonStore(sys.argv[1]) as store:
    store.set("settings", {"a": 1})
    revision = store.get_entry("settings").revision
    store.compare_and_set("settings", {"a": 2}, revision)
with JsonStore(sys.argv[1]) as store:
    assert store.get("settings") == {"a": 2}
"""
HELP = """
import click
from click.testing import CliRunner
from switchbot_automation.cli.app import application as automation
from switchbot_store.cli.app import application as store

def below(command, path):
    done = CliRunner().invoke(application, [*path, "--help"])
    assert done.exit_code == 0 and "Usage:" in done.output, (path, done.output)
    shown.append(path)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below(command.get_command(context, name), [*path, name])

for application in (store, automation):
    shown = []
    below(application, [])
    print(len(shown))
"""
WITH_A_CLOUD = """
import asyncio, os, sys, threading
from switchbot_automation.cli.app import application
from switchbot_automation.simulation import FakeSwitchBotCloud, default_settings
from switchbot_automation.simulation.server.broker import SimulatedBroker
from switchbot_store import JsonStore

os.environ["STORE_DIRECTORY"] = sys.argv[1]
with JsonStore(sys.argv[1]) as store:
    store.set("settings", default_settings("winter"))
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
broker = SimulatedBroker()
cloud = FakeSwitchBotCloud(season="winter", broker=broker)
for each in (broker, cloud):
    asyncio.run_coroutine_threadsafe(each.start(), loop).result()
os.environ |= {
    "SWITCHBOT_PUSH": "mqtt",
    "SWITCHBOT_TOKEN": cloud.token,
    "SWITCHBOT_SECRET": cloud.secret,
    "SWITCHBOT_BASE_URL": cloud.base_url,
}
try:
    application.main([sys.argv[2], "--json"], standalone_mode=False)
finally:
    for each in (cloud, broker):
        asyncio.run_coroutine_threadsafe(each.stop(), loop).result()
"""
LOCKS = """
import os, subprocess, sys
from switchbot_store.files.portable import OPEN_FLAGS, lock, unlock
path, asked = sys.argv[1:]
file = os.open(path, os.O_RDWR | os.O_CREAT | OPEN_FLAGS)
try:
    lock(file)
except BlockingIOError:
    print("taken by", os.read(file, 20).decode())
    raise SystemExit
os.write(file, b"the first")
if asked == "first":
    again = [sys.executable, *sys.orig_argv[1:-1], "second"]
    print(subprocess.run(again, capture_output=True, text=True).stdout.strip())
    unlock(file)
    print(subprocess.run(again, capture_output=True, text=True).stdout.strip())
print("locked")
"""


@pytest.fixture
def windows(tmp_path):
    """Run a program as on Windows; return what it prints."""

    def run(text, *arguments):
        program = tmp_path / "program.py"
        program.write_text(text)
        done = subprocess.run(
            [sys.executable, ROOT / "tests/without_posix.py", program, *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_every_module_can_be_imported(windows):
    windows(IMPORTS)


def test_documents_are_kept(windows, tmp_path):
    windows(DOCUMENTS, str(tmp_path / "documents"))


def test_a_document_is_checked_from_the_command_line(windows):
    program = "from switchbot_automation.cli import main\nmain()\n"
    said = windows(program, "check-config", str(SETTINGS))
    assert "Traceback" not in said


def test_every_command_says_what_it_does(windows):
    of_store, of_automation = map(int, windows(HELP).split())
    assert of_store > 20
    assert of_automation > 30


def test_a_home_is_ticked_from_the_command_line(windows, tmp_path):
    said = windows(WITH_A_CLOUD, str(tmp_path / "documents"), "once")
    assert [each["zone"] for each in json.loads(said)["decisions"]] == ["default"]


def test_a_set_up_with_events_by_mqtt_is_found_well(windows, tmp_path):
    said = windows(WITH_A_CLOUD, str(tmp_path / "documents"), "doctor")
    found = {each["check"]: each for each in json.loads(said)["findings"]}
    assert found["push"]["level"] == "ok"
    assert found["directory"]["level"] == "ok"


def test_a_lock_keeps_another_process_out_and_says_whose_it_is(windows, tmp_path):
    said = windows(LOCKS, str(tmp_path / "lock"), "first")
    assert said.splitlines() == ["taken by the first", "locked", "locked"]
