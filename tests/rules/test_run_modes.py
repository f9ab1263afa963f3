"""Run modes and timers compared with a model, through random crashes of the engine."""

import asyncio
import importlib.util
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases import drawn

_SPEC = importlib.util.spec_from_file_location(
    "ruled_house", Path(__file__).with_name("conftest.py")
)
ruled_house = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(ruled_house)

DELAY = 100
BELL = "BE1100000001"


def ring(house, mode, most):
    rule = {
        "id": "bell",
        "triggers": {"trigger": "webhook", "device": BELL},
        "actions": [
            {"action": "notify", "message": "begin"},
            {"action": "delay", "for": {"seconds": DELAY}},
            {"action": "notify", "message": "end"},
        ],
        "mode": mode,
    }
    many = mode in {"queued", "parallel"}
    house.rules(rule | ({"max": most} if many else {}))


def modelled(rings, mode, most):
    """Return what is told and when, in seconds, as Home Assistant's modes have it."""
    told, ends = [], []
    for at in rings:
        ends = [end for end in ends if end > at]
        if mode == "single":
            if ends:
                continue
            start = at
        elif mode == "restart":
            told = [each for each in told if each[0] <= at]
            ends, start = [], at
        elif mode == "parallel":
            if len(ends) >= most:
                continue
            start = at
        else:
            if len(ends) >= most:
                continue
            start = max([at, *ends])
        told += [(start, "begin"), (start + DELAY, "end")]
        ends.append(start + DELAY)
    return sorted(told)


async def told_by(rings, crashes, mode, most):
    house = ruled_house.RuledHouse()
    start = house.clock.now()
    told = []

    async def notify(message, *, title=None):
        told.append((round((house.clock.now() - start).total_seconds()), message))

    house.told.notify = notify
    ring(house, mode, most)
    await house.tick()
    for at in sorted({*rings, *crashes}):
        await house.live(
            (start + timedelta(seconds=at) - house.clock.now()).total_seconds()
        )
        if at in crashes:
            house.restarted()
            await house.tick()
        if at in rings:
            await house.push(BELL, "WoDoorbell", ringEvent=True, count=at)
            await house.engine.run_once()
    await house.live(DELAY * (len(rings) + 2))
    return told


# Not at the very instant a run ends, where it is anybody's guess which comes first.
_SECONDS = st.integers(1, 60).map(lambda n: n * 7)


@settings(max_examples=drawn(15, many=40), deadline=None)
@given(
    st.lists(_SECONDS, max_size=8, unique=True),
    st.sets(st.integers(0, 500), max_size=3),
    st.sampled_from(["single", "restart", "queued", "parallel"]),
    st.integers(2, 4),
)
def test_modes_do_what_home_assistants_do_through_crashes(rings, crashes, mode, most):
    rings = sorted(each for each in rings if each % DELAY)
    told = asyncio.run(told_by(rings, crashes, mode, most))
    assert sorted(told) == modelled(rings, mode, most)


def held(temperatures, minutes):
    """Return the minutes at which `for` is over: so long above, from below before."""
    fired, armed, since = [], False, None
    for minute, temperature in enumerate(temperatures):
        if temperature <= 25:
            armed, since = True, None
        elif armed:
            since = minute if since is None else since
            if minute - since >= minutes:
                fired.append(minute)
                armed, since = False, None
    return fired


async def fired_at(temperatures, crashes, minutes):
    house = ruled_house.RuledHouse()
    hot = {"trigger": "numeric_state", "zone": "default", "above": 25}
    house.rules(
        {
            "id": "hot",
            "triggers": {**hot, "for": {"minutes": minutes}},
            "actions": {"action": "notify", "message": "hot"},
        }
    )
    fired = []
    for minute, temperature in enumerate(temperatures):
        house.cloud.temperature = temperature
        if minute in crashes:
            house.restarted()
        before = len(house.told.messages)
        await house.engine.run_once()
        fired += [minute] * (len(house.told.messages) - before)
        house.clock.advance(60)
    return fired


@settings(max_examples=drawn(15, many=40), deadline=None)
@given(
    st.lists(st.sampled_from([24, 26]), min_size=1, max_size=25),
    st.sets(st.integers(0, 25), max_size=5),
    st.integers(0, 5),
)
def test_for_is_over_when_it_says_through_crashes(temperatures, crashes, minutes):
    fired = asyncio.run(fired_at(temperatures, crashes, minutes))
    assert fired == held(temperatures, minutes)
