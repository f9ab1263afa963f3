"""A thousand zones in one process: one read, one write, few calls at a time."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.engine import AutomationEngine
from switchbot_automation.model import (
    CommandResult,
    CommandStatus,
    DeviceList,
    DeviceStatus,
    ReasonCode,
)
from switchbot_automation.simulation import SimulatedClock
from switchbot_store import MemoryStore

ZONES = 1000


class Crowd:
    """A cloud of so many meters that answer after a turn of the loop."""

    def __init__(self, clock):
        self.clock = clock
        self.temperatures: dict[str, float] = {}
        self.reads: list[str] = []
        self.sent: list[str] = []
        self.now = self.most = 0

    async def devices(self):
        return DeviceList((), ())

    async def status(self, device_id):
        self.reads.append(device_id)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        temperature = self.temperatures.get(device_id, 21.0)
        return DeviceStatus(
            device_id, "Meter", {"temperature": temperature}, self.clock.now()
        )

    async def command(self, device_id, *_):
        self.sent.append(device_id)
        return CommandResult(device_id, self.clock.now())

    async def scenes(self):
        return []

    async def run_scene(self, scene_id):
        return CommandResult(scene_id, self.clock.now())


class Watched:
    """An `AsyncStore` that says what was asked of it."""

    def __init__(self, store):
        self._store = store
        self.calls: list[tuple[str, int]] = []

    def __getattr__(self, name: str) -> Any:
        target = getattr(self._store, name)
        if name not in {"get_many", "set_many", "compare_and_set", "set", "get_entry"}:
            return target

        async def call(*args):
            self.calls.append((name, len(args[0])))
            return target(*args)

        return call


def document(**changes):
    return {
        "automation_enabled": True,
        "mode": "winter",
        "timezone": "UTC",
        "hysteresis_celsius": 0.3,
        "winter": {"min_temp": 20, "max_temp": 22, "target_temp": 23},
        "time_windows": [
            {"days": [0, 1, 2, 3, 4, 5, 6], "start": "06:00", "end": "23:00"}
        ],
        "zones": {
            f"room {number}": {
                "meter_device_id": f"C{number:011}",
                "aircon_device_id": f"02-{number:012}-13",
            }
            for number in range(ZONES)
        },
        **changes,
    }


@pytest.fixture
def crowd():
    clock = SimulatedClock(datetime(2026, 1, 12, 12, tzinfo=UTC))
    cloud = Crowd(clock)
    backend = MemoryStore(now=clock.now)
    store = Watched(backend)

    def engine(**changes):
        backend.set("settings", document(**changes))
        quota = QuotaLedger(limit=10**9, clock=clock)
        return AutomationEngine(cloud, store, clock=clock, quota=quota)

    return clock, cloud, store, engine


async def test_a_tick_is_one_read_and_one_write_of_what_changed(crowd):
    clock, cloud, store, engine = crowd
    made = engine()
    await made.run_once()
    clock.advance(120)
    cloud.temperatures["C00000000007"] = 20.5
    store.calls.clear()
    report = await made.run_once()
    assert len(report.decisions) == ZONES
    reads = [count for name, count in store.calls if name == "get_many"]
    writes = [count for name, count in store.calls if name == "set_many"]
    assert (len(reads), len(writes), len(store.calls)) == (1, 1, 2)
    assert len(cloud.reads) == 2 * ZONES
    assert cloud.most <= 8


async def test_a_cloud_may_say_that_it_takes_more_readings_at_once(crowd):
    _clock, cloud, _store, engine = crowd
    for said, most in ((40, 40), (0, 8), ("many", 8), (5000, 8)):
        cloud.reads_at_once, cloud.most = said, 0
        await engine().run_once()
        assert cloud.most == most


async def test_a_persons_command_reads_and_writes_its_zone_alone(crowd):
    _clock, cloud, store, engine = crowd
    made = engine()
    await made.run_once()
    cloud.sent.clear()
    store.calls.clear()
    assert (await made.act("room 7", "winter")).status is CommandStatus.ACCEPTED
    assert cloud.sent == ["02-000000000007-13"]
    await made.hold("room 8", timedelta(hours=1))
    counts = {name: [] for name in ("get_many", "set_many")}
    for name, count in store.calls:
        if name in counts:
            counts[name].append(count)
    # The settings, the home, the zone and the runs of rules; of a zone its own and the home.
    assert 0 < max(counts["get_many"]) <= 5
    assert 0 < max(counts["set_many"]) <= 2
    await made.run_once()
    zones = {each["name"]: each for each in made.overview()["zones"]}
    assert zones["room 7"]["power"] == "on"
    assert zones["room 8"]["hold_until"] is not None


async def test_a_persons_command_sees_what_others_wrote_of_its_group(crowd):
    _clock, _cloud, store, engine = crowd
    groups = {"outside": {"zones": ["room 1", "room 2"]}}
    made, other = engine(groups=groups), engine(groups=groups)
    await made.run_once()
    await other.act("room 2", "winter")
    store.calls.clear()
    # What the other engine told room 2 keeps room 1 from turning the unit around.
    told = await made.act("room 1", "summer")
    assert told.status is CommandStatus.BLOCKED
    assert ReasonCode.GROUP_OTHERS_WAIT in {each.code for each in told.reasons}
    assert max(count for name, count in store.calls if name == "get_many") <= 6


async def test_of_a_thousand_zones_only_those_whose_reading_is_due_are_read(crowd):
    clock, cloud, store, engine = crowd
    made = engine(predictive_polling=True)
    for number in range(5):
        cloud.temperatures[f"C{number:011}"] = 19.9
    await made.run_once()
    cloud.reads.clear()
    clock.advance_to(made.next_wakeup)
    store.calls.clear()
    await made.run_once()
    assert cloud.reads == [f"C{number:011}" for number in range(5)]
    assert ("set_many", 6) in store.calls  # theirs, and the home's


async def test_each_zone_gets_its_own_command(crowd):
    _, cloud, _, engine = crowd
    for number in range(0, ZONES, 100):
        cloud.temperatures[f"C{number:011}"] = 19.0
    report = await engine().run_once()
    wanted = [f"02-{number:012}-13" for number in range(0, ZONES, 100)]
    assert cloud.sent == wanted
    assert [command.status for command in report.commands] == ["accepted"] * 10


async def test_ticks_of_a_thousand_changing_zones_read_each_meter_once(crowd):
    """How long they take is a matter of `nox -s bench`."""
    clock, cloud, _, engine = crowd
    made = engine()
    for number in range(3):
        cloud.temperatures = {
            f"C{each:011}": 21.0 + number / 10 for each in range(ZONES)
        }
        cloud.reads.clear()
        await made.run_once()
        assert sorted(cloud.reads) == sorted(cloud.temperatures)
        assert made.next_wakeup - clock.now() <= timedelta(seconds=120)
        clock.advance_to(made.next_wakeup)
