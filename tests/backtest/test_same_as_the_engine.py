"""One recording, fed to the engine itself and to the backtest's home: the same commands."""

import math
import random
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from switchbot_automation import AutomationEngine, backtest
from switchbot_automation.backtest.dry_home import DryHome
from switchbot_automation.cloud.quota import QuotaLedger
from switchbot_automation.errors import DeviceOfflineError
from switchbot_automation.settings import parse_settings
from switchbot_automation.simulation import SimulatedClock, default_settings
from switchbot_automation.simulation.replay import RecordedCloud
from switchbot_automation.simulation.replay import RecordedReading as Recorded
from switchbot_store import MemoryStore
from tests.cases import drawn, slow_after

START = datetime(2026, 1, 12, tzinfo=UTC)
UNKNOWN = -1
BASE = default_settings("winter") | {
    "aircon_device_id": "02-202601010000-01",
    "poll_interval_seconds": 300,
}
SUMMER = {"min_temp": 23, "max_temp": 25, "target_temp": 24, "fan_speed": 2}
CURVE = [
    {"after_minutes": 0, "winter_kelvin": 0, "summer_kelvin": 0},
    {"after_minutes": 300, "winter_kelvin": -2.5, "summer_kelvin": 1.5},
]
PRESETS = {
    "eco": {"winter": {"min_temp": 17, "max_temp": 18.5}},
    "night": {
        "curve": [
            {"at": "12:30", "winter_kelvin": 1, "summer_kelvin": -1},
            {"at": "19:00", "winter_kelvin": -2},
        ]
    },
}
WINDOWS = (
    [{"days": list(range(7)), "start": "00:00", "end": "23:59"}],
    [{"days": list(range(7)), "start": "06:30", "end": "09:00"},
     {"days": list(range(7)), "start": "16:00", "end": "22:30"}],
    [{"days": list(range(7)), "start": "05:00", "end": "12:00", "preset": "eco"},
     {"days": list(range(7)), "start": "12:00", "end": "20:00"}],
    [{"days": list(range(7)), "start": "05:00", "end": "12:00", "curve": CURVE},
     {"days": list(range(7)), "start": "12:00", "end": "20:00", "preset": "night",
      "quiet_fan": True}],
)  # fmt: skip

documents = st.fixed_dictionaries(
    {"time_windows": st.sampled_from(WINDOWS)},
    optional={
        "mode": st.sampled_from(["winter", "summer", "auto"]),
        "summer": st.just(SUMMER),
        "control": st.sampled_from(["switch", "modulate"]),
        "predictive_polling": st.booleans(),
        "optimum_start": st.booleans(),
        "overshoot_learning": st.booleans(),
        "hysteresis_celsius": st.sampled_from([0.0, 0.3, 0.8]),
        "min_on_seconds": st.sampled_from([0, 180, 1800]),
        "min_off_seconds": st.sampled_from([0, 300, 1800]),
        "max_starts_per_hour": st.sampled_from([1, 2, 6]),
        "max_starts_per_day": st.sampled_from([3, 20]),
        "max_continuous_on_seconds": st.sampled_from([3600, 14400]),
        "unknown_history_lockout_seconds": st.sampled_from([0, 900]),
        "changeover_gap_seconds": st.sampled_from([0, 1800]),
        "off_repeat_count": st.sampled_from([1, 3]),
        "turn_off_outside_windows": st.booleans(),
        "fan_mode_during_window": st.booleans(),
        "thermal_response_seconds": st.sampled_from([0, 900]),
        "sensor_slew_kelvin": st.sampled_from([1.0, 5.0]),
        "sensor_stale_off_seconds": st.sampled_from([3600, 10800]),
        "half_degrees": st.booleans(),
        "automation_enabled": st.sampled_from([True, True, True, False]),
        "openings": st.just({"drop_kelvin": 0.5}),
    },
)


def room(seed, hours=50):
    """Return what the meter shows at an instant, None while it is silent."""
    rng = random.Random(seed)
    steps, value = [], rng.uniform(16.0, 26.0)
    for number in range(hours * 12):
        value += rng.gauss(0.03 * math.sin(number / 40), 0.12)
        value += rng.choice([0.0] * 60 + [-1.5, 1.5])
        value = min(max(value, 12.0), 29.0)
        steps.append(None if rng.random() < 0.02 else round(value, 1))
    silent = rng.randrange(len(steps))
    steps[silent : silent + 20] = [None] * len(steps[silent : silent + 20])
    last = len(steps) - 1
    return lambda at: steps[min(last, int((at - START).total_seconds() // 300))]


class SilentCloud(RecordedCloud):
    """A recording's meter may be silent for a while, and the cloud says so."""

    silent = False

    async def status(self, device_id):
        if self.silent:
            raise DeviceOfflineError(device_id)
        return await super().status(device_id)


async def engine_commands(document, shown, hours):
    clock = SimulatedClock(START)
    cloud, store = SilentCloud(clock), MemoryStore()
    store.set("settings", document)
    quota = QuotaLedger(limit=sys.maxsize, clock=clock)
    sent = []
    engine = AutomationEngine(cloud, store, clock=clock, quota=quota)
    async with engine:
        while clock.now() < START + timedelta(hours=hours):
            temperature = shown(clock.now())
            cloud.silent = temperature is None
            if temperature is not None:
                cloud.show(Recorded(clock.now(), temperature))
            report = await engine.run_once()
            sent += [_told(clock.now(), each) for each in report.commands]
            clock.advance_to(engine.next_wakeup)
    return sent


def dry_commands(document, shown, hours, zone="default"):
    home = DryHome(parse_settings(document), zone, START, UNKNOWN)
    sent = []
    while home.wakes_at < START + timedelta(hours=hours):
        at = home.wakes_at
        ticks = home.step(shown(at))
        sent += [_told(at, each) for tick in ticks for each in tick.commands]
    return sent


def _told(at, command):
    rung = command.rungs[0] if command.rungs else None
    parameter = rung.parameter if rung else None
    codes = [str(reason.code) for reason in command.reasons]
    return at, command.zone, str(command.action), str(command.status), parameter, codes


@example(
    document={
        "time_windows": WINDOWS[0],
        "mode": "auto",
        "summer": SUMMER,
        "optimum_start": True,
        "max_continuous_on_seconds": 3600,
        "openings": {"drop_kelvin": 0.5},
    },
    seed=0,
)
@example(document={"time_windows": WINDOWS[3], "half_degrees": True}, seed=3)
@example(document={"time_windows": WINDOWS[0]}, seed=96)
@given(document=documents, seed=st.integers(0, 10_000))
@settings(max_examples=drawn(4, many=12))
async def test_a_zone_is_commanded_alike(document, seed):
    document = BASE | {"presets": PRESETS} | document
    shown = room(seed)
    live = await engine_commands(document, shown, 24)
    assert dry_commands(document, shown, 24) == live


WEEKS = [
    {
        "time_windows": WINDOWS[number % 4],
        "control": ("switch", "modulate")[number % 2],
        "mode": ("winter", "summer", "auto")[number % 3],
        "summer": SUMMER,
        "optimum_start": number % 4 < 2,
        "half_degrees": number > 5,
        "thermal_response_seconds": (0, 900)[number // 5],
    }
    for number in (3, 1, 0, 2, *range(4, 10))
]


@pytest.mark.parametrize(
    ("seed", "document"), slow_after(2, list(enumerate(WEEKS, start=1)))
)
def test_one_unit_is_commanded_alike_by_its_id_and_as_equipment(seed, document):
    """Ten recorded weeks: who wrote `aircon_device_id` before there was more sees no change."""
    document = BASE | {"presets": PRESETS} | document
    for key in ("min_on_seconds", "min_off_seconds", "command_cooldown_seconds"):
        del document[key]  # what a kind presumes in their place would show
    unit = {"kind": "aircon", "device_id": document["aircon_device_id"]}
    as_equipment = {**document, "equipment": [unit]}
    del as_equipment["aircon_device_id"]
    shown = room(seed, hours=7 * 24)
    sent = dry_commands(document, shown, 7 * 24)
    assert len(sent) > 2
    assert dry_commands(as_equipment, shown, 7 * 24) == sent


GROUPS = {
    "outdoor": {
        "zones": ["default", "b"],
        "policy": "largest_error",
        "dwell_seconds": 1800,
    }
}


@given(
    document=documents.map(
        lambda each: {key: each[key] for key in each if key != "time_windows"}
    ),
    other=st.sampled_from(["winter", "summer"]),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=drawn(3, many=8))
async def test_zones_that_share_an_outdoor_unit_are_commanded_alike(
    document, other, seed
):
    shared = BASE | {"time_windows": WINDOWS[0], "summer": SUMMER}
    document = shared | document | {
        "zones": {
            "default": {},
            "b": {"aircon_device_id": "02-202601010000-02", "mode": other},
        },
        "groups": GROUPS,
    }  # fmt: skip
    shown = room(seed)
    live = await engine_commands(document, shown, 24)
    assert dry_commands(document, shown, 24) == live


def test_a_candidate_that_differs_in_mode_auto_alone_is_foretold_as_the_engine_does():
    rng = random.Random(3)
    readings = [
        Recorded(
            START + timedelta(minutes=5 * number),
            round(20.4 + 1.6 * math.sin(number / 9) + rng.gauss(0, 0.05), 1),
        )
        for number in range(6 * 288)
    ]
    candidate = BASE | {"mode": "auto", "summer": SUMMER}
    report = backtest(readings, BASE, candidate, START, START + timedelta(days=6))
    assert report.candidate.starts == report.current.starts > 0
    assert report.candidate.percent_in_band == report.current.percent_in_band
    assert report.candidate.energy_kwh == pytest.approx(report.current.energy_kwh)
