"""decide and gate alone: no clock, no I/O, the whole home at once."""

import subprocess
import sys
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from switchbot_automation.core.decide import decide
from switchbot_automation.core.home import Snapshot, ZoneSnapshot
from switchbot_automation.core.protect.gate import (
    Ledger,
    equipment_wait,
    gate,
    person_wait,
)
from switchbot_automation.core.state.meter import Reading
from switchbot_automation.core.state.zone import ZoneState
from switchbot_automation.model import (
    Action,
    Decision,
    Outcome,
    Power,
    ReasonCode,
    ZoneDecision,
)
from switchbot_automation.schedule.windows import TimeWindow
from switchbot_automation.settings.model import Profile, Settings, ZoneSettings

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
ALL_DAY = (TimeWindow(frozenset(range(7)), time(1), time(0)),)
PROFILE = Profile(20.0, 22.0, 23.0, 3, 5)
OFF = ZoneState(power=Power.OFF, action=Action.OFF)
HEATING = ZoneState(power=Power.ON, action=Action.WINTER)
FAN = ZoneState(power=Power.ON, action=Action.FAN, mode=4)


def zone(name="default", **settings):
    return ZoneSettings(
        name,
        ZoneInfo("UTC"),
        **{
            "automation_enabled": True,
            "time_windows": ALL_DAY,
            "winter": PROFILE,
            "aircon_device_id": "02-1-13",
            "command_cooldown_seconds": 0,
            **settings,
        },
    )


def decided(settings, state, temperature):
    snapshot = Snapshot({settings.name: ZoneSnapshot(Reading(temperature), state)})
    (one,) = decide(snapshot, Settings({settings.name: settings}), NOON).zones
    return one


@pytest.mark.parametrize(
    ("settings", "outcome", "code"),
    [
        ({"mode": "autumn"}, "invalid_mode", "mode_unknown"),
        ({"winter": None}, "invalid_profile", "profile_missing"),
        ({"mode": "summer"}, "invalid_profile", "profile_missing"),
        (
            {"winter": Profile(25, 20, 23, 3, 5)},
            "invalid_thresholds",
            "thresholds_inverted",
        ),
    ],
)
def test_settings_that_make_no_sense_command_nothing(settings, outcome, code):
    one = decided(zone(**settings), OFF, 10.0)
    assert (one.outcome, one.action) == (outcome, None)
    assert code in [reason.code for reason in one.reasons]


@pytest.mark.parametrize("fan", [False, True])
@pytest.mark.parametrize("season", ["winter", "summer"])
@pytest.mark.parametrize("state", [OFF, HEATING, FAN, ZoneState()])
@pytest.mark.parametrize("temperature", [None, -40.0, 19.7, 21.0, 22.3, 60.0])
@pytest.mark.parametrize("windows", [(), ALL_DAY])
def test_every_decision_has_a_reason_and_a_word(
    state, *, fan, season, temperature, windows
):
    settings = zone(
        mode=season,
        summer=PROFILE,
        fan_mode_during_window=fan,
        time_windows=windows,
        turn_off_outside_windows=True,
    )
    one = decided(settings, state, temperature)
    assert one.outcome in Outcome
    assert one.reasons
    assert all(reason.code in ReasonCode for reason in one.reasons)


def test_one_decision_and_one_verdict_a_zone_in_the_order_of_the_settings():
    zones = {name: zone(name) for name in ("attic", "default", "office")}
    states = {"attic": OFF, "default": HEATING, "office": FAN}
    temperatures = {"attic": 19.0, "default": 23.0, "office": 21.0}
    snapshot = Snapshot(
        {
            name: ZoneSnapshot(Reading(temperatures[name]), states[name])
            for name in reversed(zones)
        }
    )
    settings = Settings(zones)
    decision = decide(snapshot, settings, NOON)
    verdict = gate(decision, settings, Ledger(states), NOON)
    assert [one.zone for one in decision.zones] == list(zones)
    assert [one.zone for one in verdict.zones] == list(zones)
    assert [one.action for one in decision.zones] == ["winter", "off", None]
    assert [one.allowed for one in verdict.zones] == [True, True, False]


def test_the_same_snapshot_gives_the_same_decision():
    assert decided(zone(), OFF, 19.0) == decided(zone(), OFF, 19.0)


AGO = [0, 59, 60, 119, 120, 10_000]


@pytest.mark.parametrize("ago", AGO)
@pytest.mark.parametrize(
    ("state", "code", "seconds"),
    [
        (HEATING, ReasonCode.MIN_ON_REMAINING, 120),
        (ZoneState(power=Power.ON), ReasonCode.MIN_ON_REMAINING, 120),
        (OFF, ReasonCode.MIN_OFF_REMAINING, 60),
        (FAN, ReasonCode.MIN_OFF_REMAINING, 60),
        (ZoneState(), ReasonCode.MIN_OFF_REMAINING, 60),
    ],
)
def test_the_wait_is_the_one_of_what_the_compressor_does(state, code, seconds, ago):
    since = NOON - timedelta(seconds=ago)
    state = state._replace(compressor_started_at=since, compressor_stopped_at=since)
    wait = equipment_wait(zone(min_on_seconds=120, min_off_seconds=60), state, NOON)
    if ago >= seconds:
        assert wait is None
    else:
        assert wait.code is code
        assert wait.until == since + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (Action.WINTER, ReasonCode.MIN_OFF_REMAINING),
        (Action.SUMMER, ReasonCode.MIN_OFF_REMAINING),
        (Action.OFF, ReasonCode.MIN_ON_REMAINING),
        (Action.FAN, ReasonCode.MIN_ON_REMAINING),
    ],
)
@pytest.mark.parametrize("state", [OFF, HEATING])
def test_in_doubt_the_wait_is_the_one_that_the_action_could_hurt(state, action, code):
    state = state._replace(
        uncertain=True, compressor_started_at=NOON, compressor_stopped_at=NOON
    )
    settings = zone(min_on_seconds=120, min_off_seconds=60)
    assert equipment_wait(settings, state, NOON, action).code is code


def test_a_person_waits_for_nothing_but_the_compressors_rest():
    settings = zone(min_on_seconds=120, min_off_seconds=60)
    stopped = OFF._replace(compressor_stopped_at=NOON)
    started = HEATING._replace(compressor_started_at=NOON)
    assert person_wait(settings, stopped, Action.OFF, NOON) is None
    assert person_wait(settings, stopped, Action.FAN, NOON) is None
    assert person_wait(settings, started, Action.OFF, NOON) is None
    assert person_wait(settings, started, Action.SUMMER, NOON) is None
    wait = person_wait(settings, stopped, Action.WINTER, NOON)
    assert wait.until == NOON + timedelta(seconds=60)


def test_what_does_not_touch_the_compressor_is_not_gated():
    one = ZoneDecision("default", Outcome.MISSING_METER)
    state = OFF._replace(compressor_stopped_at=NOON)
    settings = zone(min_off_seconds=60)
    verdict = gate(
        Decision(NOON, (one,)),
        Settings({"default": settings}),
        Ledger({"default": state}),
        NOON,
    )
    assert verdict.zones[0].outcome is Outcome.MISSING_METER
    assert verdict.zones[0].blocked_until is None


def test_the_pure_core_imports_no_event_loop_and_no_store():
    program = (
        "import sys, types\n"
        "import importlib.util, pathlib\n"
        # The packages' own __init__ import the engine: stand-ins keep them out.
        "root = pathlib.Path(importlib.util.find_spec('switchbot_automation').origin)\n"
        "for name, path in (('switchbot_automation', root.parent),\n"
        "                   ('switchbot_automation.engine', root.parent / 'engine')):\n"
        "    module = types.ModuleType(name)\n"
        "    module.__path__ = [str(path)]\n"
        "    sys.modules[name] = module\n"
        "import switchbot_automation.core.decide, switchbot_automation.core.protect.gate\n"
        "import switchbot_automation.core.pace\n"
        "barred = {'asyncio', 'socket', 'aiohttp', 'psycopg', 'voluptuous'}\n"
        # Which language is spoken is the store's answer, and the one thing asked of it.
        "known = {f'switchbot_store.{m}' for m in ('lazy', 'languages', 'errors')}\n"
        "ours = {m for m in sys.modules if m.startswith('switchbot_store.')} - known\n"
        "print(*sorted(ours | barred & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
