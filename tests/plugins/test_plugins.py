"""Plug-ins: a complete package, installed and used; broken ones, survived and told of."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from switchbot_automation import AutomationEngine
from switchbot_automation.errors import PluginError, SettingsError
from switchbot_automation.plugins import API_VERSION, Plugin, Registry, registry
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import SimulatedClock, SimulatedHome
from switchbot_store import MemoryStore, StoreConfig, StoreConfigError, get_store

PACKAGE = Path(__file__).parents[2] / "examples" / "plugin_package"
NOTIFY = {"action": "notify", "message": "x"}

HOUSE = """
from switchbot_automation.plugins import Plugin
from switchbot_automation.rules.definition.model import Look

class Moody:
    subjects = ()
    def look(self, memory, home, now):
        if memory.get("looks", 0) > 1:
            raise RuntimeError("not today")
        looks = memory.get("looks", 0) + 1
        return Look({"looks": looks, "huge": 1e300, "odd": object()}, {"nan": float("nan")})

class Action:
    once = True
    async def run(self, context):
        return {"said": context.cause["trigger"], "odd": {1: object()}}

class Liar:
    subjects = ()
    def look(self, memory, home, now):
        return None

class Naive(Liar):
    def look(self, memory, home, now):
        from datetime import datetime
        return Look([1], {}, datetime(2026, 1, 1))

def raising(read):
    raise RuntimeError("no")

class Blind:
    def look(self, memory, home, now):
        return Look({})

class Odd(Blind):
    subjects = ("Lamp",)

liar = Plugin(schema=dict, factory=lambda read: Liar(), api_version=1)
naive = Plugin(schema=dict, factory=lambda read: Naive(), api_version=1)
angry = Plugin(schema=raising, factory=dict, api_version=1)
clumsy = Plugin(schema=dict, factory=raising, api_version=1)
blind = Plugin(schema=dict, factory=lambda read: Blind(), api_version=1)
odd = Plugin(schema=dict, factory=lambda read: Odd(), api_version=1)
moody = Plugin(schema=dict, factory=lambda read: Moody(), api_version=1)
act = Plugin(schema=dict, factory=lambda read: Action(), api_version=1)
old = Plugin(schema=dict, factory=dict, api_version=0)
half = object()

from switchbot_store import MemoryStore

class Shelf(MemoryStore):
    pass

def where(config):
    return {"place": str(config.directory)}

def build(read):
    made = Shelf()
    made.place = read["place"]
    return made

shelf = Plugin(schema=where, factory=build, api_version=1)
past = Plugin(schema=where, factory=build, api_version=0)
"""
ENTRIES = """
[switchbot_store.backends]
shelf = strange_house:shelf
past = strange_house:past
lost = strange_house:nothing
[switchbot_automation.triggers]
moody = strange_house:moody
liar = strange_house:liar
naive = strange_house:naive
angry = strange_house:angry
clumsy = strange_house:clumsy
blind = strange_house:blind
odd = strange_house:odd
old = strange_house:old
half = strange_house:half
gone = no_such_module:thing
[switchbot_automation.actions]
act = strange_house:act
"""


async def run(*command, **environment):
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(120):
        out, _ = await process.communicate()
    return process.returncode, out.decode()


async def test_a_third_partys_package_is_installed_and_used(tmp_path):
    target = tmp_path / "site"
    pip = (sys.executable, "-m", "pip", "install", "--no-index", "--no-deps")
    code, out = await run(
        *pip, "--no-build-isolation", "--target", str(target), str(PACKAGE)
    )
    assert code == 0, out
    # Its own tests use it in an engine; they need no copy of the repository.
    tests = str(PACKAGE / "tests")
    code, out = await run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *("-o", "asyncio_mode=auto", "--rootdir", tests, tests),
        PYTHONPATH=str(target),
    )
    assert code == 0, out
    assert "5 passed" in out


@pytest.fixture
def strange_house(tmp_path, monkeypatch):
    """Have a package installed whose plug-ins are of mixed quality."""
    info = tmp_path / "strange_house-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: strange-house\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text(ENTRIES)
    (tmp_path / "strange_house.py").write_text(HOUSE)
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.cache_clear()
    yield
    registry.cache_clear()
    sys.modules.pop("strange_house", None)


def rule(trigger, *actions):
    return {
        "rules": [
            {
                "id": "it",
                "triggers": {"trigger": trigger},
                "actions": [*actions, NOTIFY],
            }
        ]
    }


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("gone", "No module named 'no_such_module'"),
        ("old", f"written for API version 0; this is {API_VERSION}"),
        ("half", "written for API version None"),
        ("moudy", "did you mean 'moody'?"),
    ],
)
def test_settings_say_why_a_plugin_cannot_be_used(strange_house, word, said):
    with pytest.raises(SettingsError) as caught:
        parse_settings(rule(word))
    assert caught.value.path == "rules[0].triggers.trigger"
    assert said in str(caught.value)


async def test_broken_plugins_are_told_of_in_health_and_stop_nothing(strange_house):
    clock = SimulatedClock()
    store = MemoryStore(now=clock.now)
    document = rule("moody", {"action": "act"})
    document["rules"][0]["actions"].pop()
    store.set("settings", {"timezone": "UTC", **document})
    engine = AutomationEngine(SimulatedHome(clock), store, clock=clock)
    for _ in range(4):
        report = await engine.run_once()
        assert report.outcome == "disabled"
        clock.advance(60)
    health = await engine.health()
    assert health["plugins"]["available"]["actions"] == ["act"]
    assert health["plugins"]["available"]["backends"] == ["shelf"]
    assert set(health["plugins"]["broken"]) == {
        "backends.lost",
        "backends.past",
        "triggers.gone",
        "triggers.half",
        "triggers.old",
    }
    traces = store.get("rules_state")["traces"]
    assert [(trace["outcome"], trace.get("count")) for trace in traces] == [
        ("finished", None),
        ("finished", None),
        ("broken", 2),
    ]
    assert traces[0]["steps"][0]["said"] == "moody"
    assert "not today" in traces[2]["error"]


@pytest.mark.parametrize(
    ("at_import", "said"),
    [
        ("raise SystemExit('not without a licence')", "SystemExit: not without"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        (
            "raise OSError('no https://u:hush@feed.example/hush?key=hush')",
            "feed.example",
        ),
        (
            "class Mute(Exception):\n    def __str__(self): raise self\nraise Mute",
            "Mute",
        ),
        ("1 / 0", "ZeroDivisionError"),
        ("def", "SyntaxError"),
    ],
)
async def test_whatever_a_plugin_does_at_import_ends_nothing_and_tells_no_secret(
    strange_house, tmp_path, caplog, at_import, said
):
    (tmp_path / "no_such_module.py").write_text(at_import)
    report = await registry().report_beside()
    why = report["broken"]["triggers.gone"]
    assert said in why
    assert "hush" not in why + caplog.text
    assert "moody" in report["available"]["triggers"]


def test_without_plugins_the_registry_is_empty_and_imports_nothing():
    registry.cache_clear()
    report = registry().report()
    assert report["broken"] == {}


def test_a_backend_of_the_store_has_a_schema_a_factory_and_a_version(
    strange_house, tmp_path
):
    config = StoreConfig(backend="shelf", directory=tmp_path)
    with get_store(config) as store:
        assert store.place == str(tmp_path)
    with pytest.raises(StoreConfigError, match="written for API version 0; this is 1"):
        get_store(StoreConfig(backend="past"))


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("angry", "the plug-in 'angry' failed: RuntimeError: no"),
        ("clumsy", "the plug-in 'clumsy' failed: RuntimeError: no"),
        ("blind", "made a Blind without 'subjects'"),
        ("odd", "the subjects of the plug-in 'odd' are none"),
    ],
)
def test_a_plugin_that_cannot_do_its_work_is_refused(strange_house, word, said):
    with pytest.raises(SettingsError) as caught:
        parse_settings(rule(word))
    assert caught.value.path == "rules[0].triggers"
    assert said in str(caught.value)


@pytest.mark.parametrize("word", ["liar", "naive"])
async def test_a_trigger_that_answers_nonsense_is_told_of_and_stops_nothing(
    strange_house, word
):
    clock = SimulatedClock()
    store = MemoryStore(now=clock.now)
    store.set("settings", {"timezone": "UTC", **rule(word)})
    engine = AutomationEngine(SimulatedHome(clock), store, clock=clock)
    for _ in range(3):
        assert (await engine.run_once()).outcome == "disabled"
        clock.advance(60)
    (trace,) = store.get("rules_state")["traces"]
    assert (trace["outcome"], trace["count"]) == ("broken", 3)


class Greenhouse:
    async def read(self):
        return {"temperature": 12.5, "humidity": 80}


@pytest.fixture
def hosts_own():
    """The registry of this process, without what a test brought into it."""
    registry.cache_clear()
    yield registry()
    registry.cache_clear()


async def test_a_host_brings_a_sensor_of_its_own_without_a_package(hosts_own):
    hosts_own.add(
        "sensors", "greenhouse", Plugin(dict, lambda _: Greenhouse(), API_VERSION)
    )
    store = MemoryStore()
    store.set(
        "settings",
        {
            "automation_enabled": False,
            "meter_device_id": "plugin:glass",
            "plugins": {"glass": {"sensor": "greenhouse"}},
        },
    )
    clock = SimulatedClock()
    async with AutomationEngine(SimulatedHome(clock), store, clock=clock) as engine:
        await engine.run_once()
        assert (await engine.health())["zones"]["default"]["temperature"] == 12.5
        assert hosts_own.report()["available"]["sensors"] == [
            *hosts_own.names("sensors")
        ]


@pytest.mark.parametrize(
    ("group", "name", "version", "error"),
    [
        ("meters", "x", API_VERSION, ValueError),
        ("sensors", "installed", API_VERSION, ValueError),
        ("sensors", "x", API_VERSION + 1, PluginError),
    ],
)
def test_what_a_host_cannot_bring_is_refused(group, name, version, error):
    found = Registry({"sensors": {"installed": None}})
    with pytest.raises(error):
        found.add(group, name, Plugin(dict, dict, version))
    assert found.names("sensors") == ("installed",)
