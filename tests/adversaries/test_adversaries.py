"""Homes whose truth and whose words differ: days in which anything may come between them.

The gate lives half a day with each adversary alone, here or in what was reported of it, and
a few homes drawn at random; the slow session lives whole days and ten thousand of the drawn
(`nox -s slow`). What has to hold is in `invariants`.
"""

import asyncio
import re
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from switchbot_automation.simulation.house.aircon import AirconMode
from tests.adversaries import adversaries as of
from tests.adversaries.adversaries import Adversary, Episode, episodes
from tests.adversaries.home import RoomPlan
from tests.adversaries.invariants import beliefs, faults, kept_or_told, minutes_needed
from tests.adversaries.life import WINDOWS, Household, Life, households
from tests.cases import slow_after

GATE_DAYS, GATE_HOMES = 1, 2
SLOW_DAYS = 4
SLOW_HOMES = 10_000 // SLOW_DAYS // (2 * len(WINDOWS)) + 1

# The same homes at each run: what a change broke is seen by it, and by no luck. A failure
# is shown as it was drawn, since to make it smaller takes minutes; the slow session does.
gate = settings(
    max_examples=GATE_HOMES,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
)
slow = settings(
    max_examples=SLOW_HOMES,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@dataclass(frozen=True)
class Day:
    """A winter's day with one adversary, from a minute on, in a home with these rooms."""

    adversary: Adversary
    rooms: tuple[RoomPlan, ...] = (RoomPlan(contact=True),)
    begin: int = 200
    outdoors: float = 14.0

    def __str__(self) -> str:
        plan = self.rooms[0]
        has = [each for each in ("plug", "buttons", "presence") if getattr(plan, each)]
        meters = [f"{plan.meters} meters"] if plan.meters > 1 else []
        return " ".join([str(self.adversary), *has, *meters])


BESIDE = (RoomPlan(contact=True), RoomPlan("bed"))
PLUG = (RoomPlan(plug=True),)
TWO_METERS = (RoomPlan(meters=2),)
COLD, COLD_WITH_PLUG = (
    (RoomPlan(begins_at=19.0),),
    (RoomPlan(plug=True, begins_at=19.0),),
)
PEOPLE = (RoomPlan(presence=True),)
BUTTONS = (RoomPlan(buttons=True),)
# Unlike rooms, so that one is cold where the other is warm.
UNLIKE = (
    RoomPlan(house="light", begins_at=18.0),
    RoomPlan("bed", "heavy", begins_at=24.0),
)
# The unit rests in it, and a hand can only turn it on.
MILD = 26.0

DAYS = [
    Day(of.RemoteOff(), BESIDE),
    Day(of.RemoteOff(), PLUG),
    Day(of.RemoteOn()),
    Day(of.RemoteOn(), outdoors=MILD),
    Day(of.RemoteOn(), PLUG, outdoors=MILD),
    Day(of.RemoteMode(AirconMode.COOL)),
    Day(of.RemoteMode(AirconMode.FAN)),
    Day(of.RemoteMode(AirconMode.DRY), PLUG),
    Day(of.RemoteSetpoint(16.0)),
    Day(of.RemoteSetpoint(30.0), PLUG),
    Day(of.MainsDip()),
    Day(of.MainsDip(), PLUG),
    Day(of.MainsDip(comes_back_on=True), outdoors=MILD),
    Day(of.BurstsLost(1), COLD, begin=0),
    Day(of.BurstsLost(1), COLD_WITH_PLUG, begin=0),
    Day(of.BurstsLost(3), COLD, begin=0),
    Day(of.HardOfHearing(60), COLD, begin=0),
    Day(of.HardOfHearing(95), COLD_WITH_PLUG, begin=0),
    Day(of.UnitDead(), BESIDE),
    Day(of.UnitDead(), PLUG),
    Day(of.Defrosting()),
    Day(of.Defrosting(), PLUG),
    Day(of.PlugOffline(), COLD_WITH_PLUG, begin=0),
    Day(of.PlugFrozen(), COLD_WITH_PLUG, begin=0),
    Day(of.MeterFrozen()),
    Day(of.MeterFrozen(), TWO_METERS),
    Day(of.MeterFrozen(1), TWO_METERS),
    Day(of.MeterDead(), BESIDE),
    Day(of.MeterDead(), TWO_METERS),
    Day(of.MeterZeros(), BESIDE),
    Day(of.MeterZeros(0, None)),
    Day(of.MeterZeros(1, "FA731076"), TWO_METERS),
    Day(of.MeterEmpty()),
    Day(of.MeterText()),
    Day(of.MeterText(0, whole=True)),
    Day(of.MeterNone()),
    Day(of.MeterStale()),
    Day(of.MeterStale(1), TWO_METERS),
    Day(of.MeterDrifts(0, 0.5), TWO_METERS),
    Day(of.MeterJumps()),
    Day(of.MetersSwapped(), UNLIKE, begin=0),
    Day(of.WindowOpen(), BESIDE),
    Day(of.WindowOpen(), PLUG),
    Day(of.ContactStuck()),
    Day(of.ContactSilent()),
    Day(of.MotionSilent(), PEOPLE),
    *[Day(of.CommandsRefused(each), COLD, begin=0) for each in sorted(of.REFUSALS)],
    Day(of.CommandsRefused("unsupported"), BUTTONS),
    Day(of.SlowCloud(8.0)),
    Day(of.SlowCloud(20.0)),
    Day(of.AnswersLost(100), COLD, begin=0),
    Day(of.TooManyRequests(30)),
    Day(of.TooManyRequests(80)),
    Day(of.CloudDown(), COLD, begin=0),
    Day(of.SlowCloud(8.0), BESIDE),
    Day(of.ListBroken()),
    Day(of.ListEmpty()),
]


def lived(household: Household, script: list[Episode], days: float) -> list[str]:
    """Return what was wrong with these days."""
    life = Life(household, script)
    return faults(asyncio.run(life.live(days=days)))


def _reported() -> set[str]:
    """Return whom somebody reported: those have a day in one room there, judged alike."""
    reports = Path(__file__).with_name("test_public_reports.py").read_text("utf-8")
    return set(re.findall(r"lived\(\s*of\.(\w+)", reports))


HALF, WHOLE = 12, 24


def _first_of_each(days: list[Day]) -> list[Any]:
    """Return them all as whole days that are slow, and half a day with each adversary.

    The half is with the first of an adversary's, which is struck for as much of it.
    """
    had: set[type[Adversary]] = set()
    found = []
    reported = _reported()
    for day in days:
        kind = type(day.adversary)
        again = kind in had or (len(day.rooms) == 1 and kind.__name__ in reported)
        had.add(kind)
        if not again:
            found.append(pytest.param(day, HALF, id=f"half a day, {day}"))
        found.append(pytest.param(day, WHOLE, id=str(day), marks=pytest.mark.slow))
    return found


@pytest.mark.parametrize(("day", "hours"), _first_of_each(DAYS))
def test_a_day_with_one_adversary(day, hours):
    struck = hours * 60 * 7 // 8
    script = [Episode(day.adversary, 0, begin=day.begin, minutes=struck)]
    household = Household(day.rooms, outdoors=day.outdoors, seed=3)
    assert lived(household, script, hours / 24) == []


def test_a_full_bucket_in_a_heat_wave():
    script = [Episode(of.BucketFull(), 0, begin=720, minutes=720)]
    household = Household((RoomPlan(plug=True),), "summer", outdoors=19.0)
    assert lived(household, script, 1) == []


@pytest.mark.parametrize("plug", slow_after(1, [False, True]))
def test_a_night_in_which_the_answer_to_every_stop_is_lost(plug):
    script = [Episode(of.AnswersLost(100), 0, begin=20 * 60, minutes=600)]
    household = Household((RoomPlan(plug=plug, begins_at=19.0),), windows="day only")
    assert lived(household, script, 1.25) == []


@pytest.mark.parametrize(
    "windows", slow_after(1, ["night preset", "always", "day only"])
)
@pytest.mark.parametrize("season", slow_after(1, ["winter", "summer"]))
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


@pytest.mark.parametrize(
    ("uncertain", "found"), [(False, 1), (True, 0)], ids=["certain", "uncertain"]
)
def test_a_belief_that_stands_against_an_honest_plug_is_found(uncertain, found):
    life = Life(Household((RoomPlan(plug=True, begins_at=18.0),)))
    chronicle = asyncio.run(life.live(hours=2))
    belief = {"believed": "off", "source": "told", "since": "2026-01-12T00:00:00+00:00"}
    for sample in chronicle.samples:
        unit = belief | {"uncertain": uncertain}
        sample.health["zones"]["living"]["unit"] = unit
    assert len(beliefs(chronicle, life.room)) == found


def test_a_room_that_is_out_of_its_band_and_called_kept_is_found():
    life = Life(Household(), [Episode(of.UnitDead(), 0, 0, 600)])
    chronicle = asyncio.run(life.live(hours=8))
    for status, reasons, found in (
        ("kept", ["temp_within"], 1),
        ("not_kept", [], 1),
        ("not_kept", ["unit_unresponsive"], 0),
    ):
        for sample in chronicle.samples:
            sample.health["status"] = "degraded"
            room = {"status": status, "reasons": reasons}
            sample.health["zones"]["living"]["room"] = room
        assert len(kept_or_told(chronicle, life.room)) == found


@pytest.mark.parametrize(("status", "found"), [("ok", 1), ("degraded", 0)])
def test_a_room_that_needs_longer_than_ever_before_and_is_not_degraded_is_found(
    status, found
):
    """It warmed up within two hours once; what then struck it is over for long."""
    household = Household((RoomPlan(begins_at=18.0),), outdoors=4.0)
    life = Life(household, [Episode(of.UnitDead(), 0, 240, 170)])
    chronicle = asyncio.run(life.live(hours=10))
    for sample in chronicle.samples:
        sample.health["status"] = status
        room = {"status": "recovering", "reasons": ["room_out_of_band"]}
        sample.health["zones"]["living"]["room"] = room
    # And yet it does not come back.
    recording = life.room.house.recording
    recording.room[240:] = array("d", [18.5] * len(recording.room[240:]))
    assert minutes_needed(chronicle, life.room)[-1] <= 240
    wrong = kept_or_told(chronicle, life.room)
    assert len(wrong) == found
    assert all("are enough" in each for each in wrong)


def _live_drawn(data, season, windows, days):
    windows = windows or data.draw(st.sampled_from(sorted(WINDOWS)))
    household = data.draw(households(season, windows))
    script = data.draw(episodes(len(household.rooms), days))
    assert lived(household, script, days) == []
