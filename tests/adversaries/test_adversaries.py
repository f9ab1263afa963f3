"""Homes whose truth and whose words differ: days in which anything may come between them.

The gate lives one day with each adversary alone, and a few homes drawn at random; the
slow session lives ten thousand days (`nox -s slow`). What has to hold is in `invariants`.
"""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from switchbot_automation.simulation.house.aircon import AirconMode
from tests.adversaries import adversaries as of
from tests.adversaries.adversaries import Adversary, Episode, episodes
from tests.adversaries.home import RoomPlan
from tests.adversaries.invariants import faults
from tests.adversaries.life import WINDOWS, Household, Life, households

GATE_DAYS, GATE_HOMES = 1, 12
SLOW_DAYS = 4
SLOW_HOMES = 10_000 // SLOW_DAYS // (2 * len(WINDOWS)) + 1

# The same homes at each run: what a change broke is seen by it, and by no luck.
gate = settings(max_examples=GATE_HOMES, derandomize=True, database=None)
slow = settings(
    max_examples=SLOW_HOMES,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

TWO_ROOMS = (RoomPlan(contact=True), RoomPlan("bed"))
PLUG = (RoomPlan(plug=True), RoomPlan("bed"))
TWO_METERS = (RoomPlan(meters=2), RoomPlan("bed"))
PEOPLE = (RoomPlan(presence=True),)
BUTTONS = (RoomPlan(buttons=True),)

NOON, DAY = 12 * 60, 24 * 60

ALONE: list[tuple[Adversary, tuple[RoomPlan, ...]]] = [
    (of.RemoteOff(), TWO_ROOMS),
    (of.RemoteOff(), PLUG),
    (of.RemoteOn(), TWO_ROOMS),
    (of.RemoteOn(), PLUG),
    (of.RemoteMode(AirconMode.COOL), TWO_ROOMS),
    (of.RemoteMode(AirconMode.FAN), TWO_ROOMS),
    (of.RemoteMode(AirconMode.DRY), PLUG),
    (of.RemoteSetpoint(16.0), TWO_ROOMS),
    (of.RemoteSetpoint(30.0), PLUG),
    (of.MainsDip(), TWO_ROOMS),
    (of.MainsDip(), PLUG),
    (of.MainsDip(comes_back_on=True), TWO_ROOMS),
    (of.BurstsLost(1), TWO_ROOMS),
    (of.BurstsLost(3), TWO_ROOMS),
    (of.HardOfHearing(60), TWO_ROOMS),
    (of.HardOfHearing(95), PLUG),
    (of.UnitDead(), TWO_ROOMS),
    (of.UnitDead(), PLUG),
    (of.Defrosting(), TWO_ROOMS),
    (of.Defrosting(), PLUG),
    (of.PlugOffline(), PLUG),
    (of.PlugFrozen(), PLUG),
    (of.MeterFrozen(), TWO_ROOMS),
    (of.MeterFrozen(), TWO_METERS),
    (of.MeterFrozen(1), TWO_METERS),
    (of.MeterDead(), TWO_ROOMS),
    (of.MeterDead(), TWO_METERS),
    (of.MeterZeros(), TWO_ROOMS),
    (of.MeterZeros(0, None), TWO_ROOMS),
    (of.MeterZeros(1, "FA731076"), TWO_METERS),
    (of.MeterEmpty(), TWO_ROOMS),
    (of.MeterText(), TWO_ROOMS),
    (of.MeterText(0, whole=True), TWO_ROOMS),
    (of.MeterNone(), TWO_ROOMS),
    (of.MeterStale(), TWO_ROOMS),
    (of.MeterStale(1), TWO_METERS),
    (of.MeterDrifts(0, 0.5), TWO_ROOMS),
    (of.MeterDrifts(0, 0.5), TWO_METERS),
    (of.MeterJumps(), TWO_ROOMS),
    (of.MetersSwapped(), TWO_ROOMS),
    (of.WindowOpen(), TWO_ROOMS),
    (of.WindowOpen(), PLUG),
    (of.ContactStuck(), TWO_ROOMS),
    (of.ContactSilent(), TWO_ROOMS),
    (of.MotionSilent(), PEOPLE),
    *[(of.CommandsRefused(each), TWO_ROOMS) for each in sorted(of.REFUSALS)],
    (of.CommandsRefused("unsupported"), BUTTONS),
    (of.SlowCloud(8.0), TWO_ROOMS),
    (of.SlowCloud(20.0), TWO_ROOMS),
    (of.AnswersLost(100), TWO_ROOMS),
    (of.TooManyRequests(30), TWO_ROOMS),
    (of.TooManyRequests(80), TWO_ROOMS),
    (of.CloudDown(), TWO_ROOMS),
    (of.ListBroken(), TWO_ROOMS),
    (of.ListEmpty(), TWO_ROOMS),
]


def lived(household: Household, script: list[Episode], days: float) -> list[str]:
    """Return what was wrong with these days."""
    life = Life(household, script)
    return faults(asyncio.run(life.live(days=days)))


@pytest.mark.parametrize(
    ("adversary", "rooms"), ALONE, ids=lambda each: str(each)[:60].replace(" ", "")
)
def test_a_day_with_one_adversary(adversary, rooms):
    # From the small hours on, so that the unit has to start while it is about.
    script = [Episode(adversary, 0, begin=200, minutes=DAY)]
    assert lived(Household(rooms, seed=3), script, 1.2) == []


def test_a_full_bucket_in_a_heat_wave():
    script = [Episode(of.BucketFull(), 0, begin=NOON, minutes=DAY)]
    household = Household((RoomPlan(plug=True),), "summer", outdoors=19.0)
    assert lived(household, script, 1.2) == []


@pytest.mark.parametrize("windows", sorted(WINDOWS))
@pytest.mark.parametrize("season", ["winter", "summer"])
def test_nothing_is_said_and_little_is_sent_where_nobody_interferes(season, windows):
    life = Life(Household((RoomPlan(plug=True), RoomPlan("bed")), season, windows))
    chronicle = asyncio.run(life.live(days=1))
    assert faults(chronicle) == []
    # The first warm-up aside, nobody is alarmed by a calm day.
    assert {each.health["status"] for each in chronicle.samples[24:]} == {"ok"}


@pytest.mark.parametrize("season", ["winter", "summer"])
def test_any_day_with_any_adversaries(season):
    @gate
    @given(data=st.data())
    def any_day(data):
        _live_drawn(data, season, None, GATE_DAYS)

    any_day()


@pytest.mark.slow
@pytest.mark.parametrize("windows", sorted(WINDOWS))
@pytest.mark.parametrize("season", ["winter", "summer"])
def test_ten_thousand_days(season, windows):
    @slow
    @given(data=st.data())
    def any_days(data):
        _live_drawn(data, season, windows, SLOW_DAYS)

    any_days()


def _live_drawn(data, season, windows, days):
    windows = windows or data.draw(st.sampled_from(sorted(WINDOWS)))
    household = data.draw(households(season, windows))
    script = data.draw(episodes(len(household.rooms), days))
    assert lived(replace(household), script, days) == []
