"""A steered room is kept as well among others, and by any host, as it is alone."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, time, timedelta

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import SimulatedClock, default_settings
from switchbot_automation.simulation.account.products import make_device
from switchbot_automation.simulation.comfort import measure_comfort, window_spans
from switchbot_automation.simulation.run import build_home
from switchbot_automation.simulation.scenarios import HOUSES, SEASON_STARTS
from switchbot_store import MemoryStore
from tests.cases import slow_after

CONTACT, MOTION = "E1CONTACT001", "E2MOTION0001"
ECO = {
    "eco": {
        "winter": {"min_temp": 18.0, "max_temp": 20.0, "target_temp": 20.0},
        "summer": {"min_temp": 25.0, "max_temp": 28.0, "target_temp": 27.0},
    }
}
OPENINGS = {"openings": {"sensors": [CONTACT], "poll_interval_seconds": 60}}
PRESENCE = {
    "presence": {"sensors": [MOTION], "preset": "eco", "poll_interval_seconds": 60}
}
# Of the longest wait that is asked for inside a window.
LONGEST_SECONDS = 1500.0
DAYS = 0.75


class Driven:
    """A simulated home whose windows stay closed and where somebody always moves."""

    def __init__(self, season, zones, **changes):
        document = default_settings(season) | {"control": "modulate", "presets": ECO}
        document |= changes
        if zones:
            document["zones"] = {
                name: {
                    "meter_device_id": f"C{number}71111EC0AB",
                    "aircon_device_id": f"02-20200811003{number}-13",
                    **zone,
                }
                for number, (name, zone) in enumerate(zones.items())
            }
        self.settings = parse_settings(document)
        self.season = season
        midnight = datetime.combine(
            SEASON_STARTS[season], time(), self.settings.default.timezone
        )
        self.start = midnight.astimezone(UTC)
        self.clock = SimulatedClock(self.start)
        self.home = build_home(
            self.clock, self.settings, house=HOUSES["default"], seed=1
        )
        contact = make_device("Contact Sensor", CONTACT)
        motion = make_device("Motion Sensor", MOTION)
        contact.state["openState"] = "close"
        motion.state["moveDetected"] = True
        for device in (contact, motion):
            self.home.account.add(device)
        self.read_at = {}
        store = MemoryStore()
        store.set("settings", document)
        self.engine = AutomationEngine(self, store, clock=self.clock)

    def __getattr__(self, name):
        return getattr(self.home, name)

    async def status(self, device_id):
        self.read_at.setdefault(device_id, []).append(self.clock.now())
        return await self.home.status(device_id)

    async def live(self, days, every=None):
        """Tick as the engine asks, or every so many seconds whatever it asks."""
        end = self.start + timedelta(days=days)
        while self.clock.now() < end:
            await self.engine.run_once()
            wanted = (self.engine.next_wakeup - self.clock.now()).total_seconds()
            left = (end - self.clock.now()).total_seconds()
            self.clock.advance(min(left, every or max(1.0, wanted)))
        self.home.advance()
        return {name: self.percent_out(name) for name in self.settings.zones}

    def percent_out(self, name):
        zone, recording = (
            self.settings.zones[name],
            self.home.rooms[name].house.recording,
        )
        profile = zone.summer if self.season == "summer" else zone.winter
        minute = timedelta(minutes=1)
        times = [self.start + minute * each for each in range(len(recording.room))]
        spans = window_spans(
            zone.time_windows, zone.timezone, times[0], times[-1] + minute
        )
        return measure_comfort(
            recording.room,
            recording.conditioning,
            [any(begin <= at < end for begin, end in spans) for at in times],
            (profile.min_temp, profile.max_temp),
            heating=self.season == "winter",
        ).percent_out_of_band

    def longest_gap_in_windows(self, name):
        zone = self.settings.zones[name]
        reads = self.read_at[zone.meter_device_id]
        spans = window_spans(zone.time_windows, zone.timezone, reads[0], reads[-1])
        return max(
            (after - at).total_seconds()
            for at, after in itertools.pairwise(reads)
            if any(begin <= at and after < end for begin, end in spans)
        )


@pytest.mark.parametrize(
    ("zones", "every"),
    slow_after(
        3,
        [
            pytest.param({"a": {"mode": "auto"}, "b": OPENINGS}, 300, id="all_of_it"),
            pytest.param({}, 600, id="host_by_10_min"),
            pytest.param({"a": {}, "b": PRESENCE}, None, id="presence"),
            pytest.param({}, 60, id="host"),
            pytest.param({}, 15, id="host_by_15_s"),
            pytest.param({"a": {}, "b": {}, "c": {}}, None, id="three_rooms"),
            pytest.param({"a": {}, "b": {"control": "switch"}}, None, id="switched"),
            pytest.param({"a": {}, "b": OPENINGS}, None, id="openings"),
        ],
    ),
)
async def test_it_is_in_its_band_and_read_as_often_as_alone(zones, every):
    alone = await Driven("winter", {}, optimum_start=True).live(DAYS)
    driven = Driven("winter", zones, optimum_start=True)
    found = await driven.live(DAYS, every)
    for name, zone in driven.settings.zones.items():
        if zone.control == "modulate":
            assert found[name] <= alone["default"] + 0.5
            longest = driven.longest_gap_in_windows(name)
            assert longest <= LONGEST_SECONDS + (every or 1)
            calls = len(driven.read_at[zone.meter_device_id])
            assert calls <= 150


async def test_a_cooled_room_of_a_host_by_the_minute_is_in_its_band():
    found = await Driven("summer", {"a": {}, "b": {}}, optimum_start=True).live(
        DAYS, 60
    )
    assert max(found.values()) <= 0.5
