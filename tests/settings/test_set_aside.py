"""What was good when it was stored and cannot be read now costs itself, not the heating."""

import importlib.util
import sys
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.errors import SettingsError
from switchbot_automation.plugins import Plugin, Registry
from switchbot_automation.rules.definition import clock
from switchbot_automation.settings.read import check_settings, parse_settings
from switchbot_automation.settings.salvage import salvage

_SPEC = importlib.util.spec_from_file_location(
    "house_with_parts", Path(__file__).parent.parent / "rules" / "conftest.py"
)
ruled_house = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(ruled_house)

EVERY_DAY = [0, 1, 2, 3, 4, 5, 6]
WINDOWS = [
    {"days": EVERY_DAY, "start": "00:00", "end": "12:00"},
    {"days": EVERY_DAY, "start": "12:00", "end": "00:00"},
]
HEATED = {"automation_enabled": True, "mode": "winter", "time_windows": WINDOWS}
TELL = {"action": "notify", "message": "x"}
CRON = {
    "id": "seven",
    "triggers": {"trigger": "cron", "cron": "0 7 * * *"},
    "actions": [TELL],
}
OPENED = {
    "id": "door",
    "triggers": {
        "trigger": "state",
        "device": "Front door",
        "attribute": "openState",
        "to": "open",
    },
    "actions": [TELL],
}


@pytest.fixture
def without_cronsim(monkeypatch):
    """Take the extra `rules` away, and give it back at the end."""

    def take():
        clock._checked.cache_clear()
        monkeypatch.setitem(sys.modules, "cronsim", None)

    yield take
    clock._checked.cache_clear()


@pytest.fixture
def house():
    return ruled_house.RuledHouse()


@pytest.mark.parametrize("before", [True, False])
async def test_a_restart_without_an_extra_goes_on_heating(
    house, without_cronsim, before
):
    if before:
        house.rules(**HEATED)
        await house.live(600)
        house.rules(CRON, OPENED, **HEATED)
        await house.live(600)
    without_cronsim()
    house.rules(CRON, OPENED, **HEATED)
    house.restarted()
    house.cloud.temperature = 17.0
    await house.live(1800)
    assert house.cloud.sent == ["setAll 23,5,3,on"]
    health = await house.engine.health()
    assert (health["status"], health["settings_error"]) == ("degraded", None)
    (told,) = health["set_aside"]
    assert (told["path"], told["name"]) == ("rules[0]", "seven")
    assert "switchbot-automation[rules]" in told["error"]
    # The other rule goes on too.
    house.cloud.door = "open"
    await house.live(400)
    assert len(house.told.messages) == 1


async def test_a_waiting_run_of_a_rule_set_aside_waits_for_its_return(
    house, without_cronsim, monkeypatch
):
    lamp = {"action": "command", "device": "Lamp", "command": "turnOn"}
    delay = {"action": "delay", "for": {"hours": 1}}
    off = {**lamp, "command": "turnOff"}
    twice = [CRON["triggers"], {"trigger": "time", "at": "12:05"}]
    house.rules({**CRON, "triggers": twice, "actions": [lamp, delay, off]}, OPENED)
    await house.live(600)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "cronsim", None)
        clock._checked.cache_clear()
        house.restarted()
        await house.live(600)
        assert house.document["rules"]["seven"]["runs"]
    house.restarted()
    await house.live(3600)
    assert house.cloud.sent == ["turnOn", "turnOff"]


async def test_what_is_set_aside_may_stay_and_nothing_wrong_may_be_added(
    house, without_cronsim
):
    house.rules(CRON, **HEATED)
    await house.live(60)
    without_cronsim()
    house.restarted()
    await house.live(60)
    document = house.store.get("settings")
    warmer = deepcopy(document)
    warmer["winter"]["min_temp"] = 20.5
    await house.engine.apply_settings(warmer)
    await house.live(60)
    assert house.engine.zone_in_force("default").winter.min_temp == 20.5
    assert (await house.engine.health())["set_aside"]
    two = deepcopy(warmer)
    two["rules"].append({**CRON, "id": "eight"})
    with pytest.raises(SettingsError, match="cronsim"):
        await house.engine.apply_settings(two)
    with pytest.raises(SettingsError, match="colour"):
        await house.engine.apply_settings({**warmer, "colour": "red"})
    gone = {**warmer, "rules": []}
    await house.engine.apply_settings(gone)
    await house.live(60)
    health = await house.engine.health()
    assert (health["set_aside"], health["status"]) == ([], "ok")


async def test_a_typo_in_the_store_leaves_the_last_good_settings_in_force(house):
    house.rules(OPENED, **HEATED)
    await house.live(60)
    house.rules({**OPENED, "triggerz": 1}, **HEATED, poll_interval_seconds=300)
    await house.live(120)
    health = await house.engine.health()
    assert "triggerz" in health["settings_error"]
    assert health["set_aside"] == []
    assert house.engine.zone_in_force("default").poll_interval_seconds == 60


# What an older version, or one without a package, does not know; where it stands.
LATER = {
    "a setting": ((), "later_setting", 5),
    "of a season": (("winter",), "later_key", 5),
    "a rule": (("rules", 0), "later_word", True),
    "a trigger": (("rules", 0, "triggers"), "trigger", "moonrise"),
    "a preset": (("presets", "away"), "later_key", 1),
    "a window": (("time_windows", 0), "later_key", 1),
    "a plug-in": (("plugins", "roof"), "sensor", "gone_plugin"),
    "a shadow": (("shadow",), "later_setting", 1),
    "an opening": (("openings",), "later_key", 1),
    "presence": (("presence",), "later_key", 1),
}
WHOLE = {
    **ruled_house.ROOM,
    **HEATED,
    "rules": [deepcopy(OPENED), {**deepcopy(OPENED), "id": "other"}],
    "presets": {"away": {"winter": {"min_temp": 16.0}}, "eve": {}},
    "preset": "away",
    "plugins": {"roof": {"sensor": "my_meter"}},
    "shadow": {"poll_interval_seconds": 90},
    "openings": {"sensors": ["D00000000001"]},
    "presence": {"sensors": ["D00000000001"], "preset": "away"},
}


class Meter:
    """What the one plug-in makes."""

    async def read(self):
        return {"temperature": 20.0}


@pytest.fixture
def meters(monkeypatch):
    """Have one plug-in installed, a sensor."""
    plugin = Plugin(lambda read: read, lambda _read: Meter(), 1)
    known = {("sensors", "my_meter"): plugin}
    monkeypatch.setattr(
        Registry, "get", lambda _self, group, name: known.get((group, name))
    )


def with_later(document, where):
    path, key, value = LATER[where]
    at = document
    for each in path:
        at = at[each]
    at[key] = value


@pytest.mark.parametrize("where", LATER)
async def test_no_optional_part_takes_the_heating_with_it(house, meters, where):
    document = deepcopy(WHOLE)
    assert parse_settings(document).set_aside == ()
    with_later(document, where)
    assert check_settings(document)
    # The newer version kept it as good; then this one was installed again.
    house.store.set("settings", document)
    entry = house.store.get_entry("settings")
    past = {"versions": [{"revision": entry.revision, "settings": document}]}
    house.store.set("_past/settings", past)
    house.cloud.temperature = 15.0
    await house.live(600)
    assert house.cloud.sent[:1] == ["setAll 23,5,3,on"]
    health = await house.engine.health()
    assert (health["status"], health["settings_error"]) == ("degraded", None)
    assert health["set_aside"]
    assert health["rules"]["count"] == (1 if "rule" in where or "trig" in where else 2)
    # Here and for good, it is refused where it is new.
    house.store.delete("_past/settings")
    with pytest.raises(SettingsError):
        parse_settings(document)


@settings(max_examples=30, deadline=None)
@given(st.sets(st.sampled_from(sorted(set(LATER) - {"a plug-in"})), min_size=1))
def test_what_is_salvaged_is_everything_else(places):
    document = deepcopy(WHOLE)
    del document["plugins"]
    untouched = parse_settings(document)
    for where in sorted(places):
        with_later(document, where)
    before = deepcopy(document)
    found = salvage(document)
    assert document == before
    assert found.settings.set_aside
    kept = found.settings.default
    assert kept.winter == untouched.default.winter
    assert kept.meter_device_id == untouched.default.meter_device_id
    if not places & {"a rule", "a trigger"}:
        assert found.settings.rules == untouched.rules
    else:
        assert [each.id for each in found.settings.rules] == ["other"]


def test_what_a_zone_hangs_on_is_never_set_aside():
    for wrong in (
        {"winter": {"min_temp": "warm"}},
        {"mode": "autumn"},
        {"groups": {"g": {"zones": ["nowhere"]}}},
        {"min_off_seconds": -1},
    ):
        assert salvage(deepcopy(WHOLE) | wrong | {"plugins": {}}) is None
