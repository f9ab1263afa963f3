"""Rooms and air that are out of their bounds for much of the day, never for long. Pure."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.core.state.kept import (
    after_look,
    after_thorough_look,
    news_of,
    room_health,
    thorough_health,
)
from switchbot_automation.core.state.zone import Keeping, ZoneState
from switchbot_automation.model import ReasonCode
from switchbot_automation.settings.read import parse_settings
from tests.core.state.test_air_kept import state_of, zone_of
from tests.core.state.test_room_kept import ALWAYS, NOON, ROOM, seen
from tests.core.state.test_room_kept import zone_of as room_of

LOOK = timedelta(minutes=10)
A_DAY = 144
WINDOWS = {"time_windows": ALWAYS}
WARM, DRIES = room_of(**WINDOWS), {"mode": "summer", "humidity": {"max_percent": 60}}


def units(*kinds):
    """The settings of the first unit of a room of these kinds, and of the second."""
    ids = {"aircon": "02-1"}
    entries = [
        {"kind": kind, "device_id": ids.get(kind, f"B0E9FE00000{number}")}
        for number, kind in enumerate(kinds)
    ]
    document = {k: v for k, v in ROOM.items() if k != "aircon_device_id"}
    document |= WINDOWS | DRIES | {"equipment": entries, "air": {"max_co2_ppm": 1000}}
    zones = parse_settings(document).zones
    return zones["default"], zones.get("default 2")


def told(zone, states):
    """Each health, and each word to a person, of looks every ten minutes."""
    state, found, news = ZoneState(keeping=Keeping()), [], []
    for number, made in enumerate(states):
        now = NOON + number * LOOK
        state = made(state, now)
        looked = after_look(zone, state, None, now)
        assert looked == after_thorough_look(zone, state, None, now)
        state, new = news_of(zone, looked.state, now)
        found.append(room_health(zone, state, now))
        assert found[-1] == thorough_health(zone, state, now)
        if new is not None:
            news.append(new)
        document = state.keeping.to_document()
        assert Keeping.from_document(document) == state.keeping
    return found, news


def at_degrees(*values, on=True):
    return [lambda state, now, one=one: seen(state, one, now, on=on) for one in values]


def at_percent(*values):
    return [
        lambda state, now, one=one: seen(state, 24.5, now, on=False)._replace(
            last_humidity=one
        )
        for one in values
    ]


def at_ppm(*values):
    return [
        lambda state, now, one=one: state_of(
            "purifier", one, now, runs=one > 1000, before=state
        )
        for one in values
    ]


# Out of ten looks four are out: 0.3 to 1 K each half hour.
SWINGS = {
    "too cold": [20.5, 20.5, 20.5, 19.5, 19.3, 20.5, 20.5, 20.5, 19.2, 19.6],
    "too warm": [21.5, 21.5, 21.5, 22.7, 22.9, 21.5, 21.5, 21.5, 22.6, 22.8],
    "both": [20.5, 20.5, 20.5, 19.5, 19.3, 21.5, 21.5, 21.5, 22.6, 22.8],
}


@pytest.mark.parametrize("swing", SWINGS)
def test_a_room_that_swings_about_the_end_of_its_band_is_not_kept(swing):
    out, within = SWINGS[swing] * 40, [21.0] * 3 * A_DAY
    found, news = told(WARM, at_degrees(*out, *within))
    of_swings = found[2 * A_DAY : len(out)]
    assert {each.status for each in of_swings} == {"not_kept"}
    assert {each.advice for each in of_swings} == {ReasonCode.ROOM_SWINGS}
    assert 30 <= int(of_swings[-1].cause) <= 45
    assert [(each.kind, each.ended) for each in news] == [
        (ReasonCode.ROOM_SWINGS, False),
        (ReasonCode.ROOM_SWINGS, True),
    ]
    assert found[-1].status == "kept"
    assert found[-1].advice is None


@pytest.mark.parametrize("swing", SWINGS)
def test_a_room_that_is_out_for_a_twentieth_of_its_time_is_kept(swing):
    day = [21.0] * 38 + SWINGS[swing][3:5]
    found, news = told(WARM, at_degrees(*day * 20))
    assert not news
    assert not any(each.degraded for each in found)


def test_no_swing_is_what_begins_far_away_or_is_the_sun_s():
    holidays = [12.0 + 0.5 * n for n in range(18)] + [21.0] * 18
    found, news = told(WARM, at_degrees(*holidays * 8))
    assert not news
    assert not any(each.degraded for each in found)
    sun = [21.0] * 6 + [22.7, 22.9, 22.9, 22.7]
    found, news = told(WARM, at_degrees(*sun * 60, on=False))
    assert not news
    assert not any(each.degraded for each in found)


def test_dry_mode_alone_that_leaves_the_air_too_wet_is_told_of():
    zone, _none = units("aircon")
    wet, dry = [55.0] * 94 + [66.0] * 50, [55.0] * 3 * A_DAY
    found, news = told(zone, at_percent(*wet * 6, *dry))
    assert [(each.kind, each.ended) for each in news] == [
        (ReasonCode.AIR_BEYOND_UNIT, False),
        (ReasonCode.AIR_BEYOND_UNIT, True),
    ]
    assert found[6 * A_DAY - 1][:3:2] == (
        "not_kept",
        (ReasonCode.AIR_BEYOND_UNIT, ReasonCode.HUMIDITY_ABOVE),
    )
    assert found[-1].status == "kept"


def test_a_purifier_alone_in_stale_air_is_told_of():
    stale, fresh = [600.0] * 50 + [1500.0] * 94, [600.0] * 3 * A_DAY
    found, news = told(zone_of("purifier"), at_ppm(*stale * 4, *fresh))
    assert [(each.kind, each.ended) for each in news] == [
        (ReasonCode.AIR_BEYOND_UNIT, False),
        (ReasonCode.AIR_BEYOND_UNIT, True),
    ]
    assert found[-1].status == "kept"


def test_nobody_is_told_of_air_that_is_seldom_past_its_limit():
    wet, stale = [55.0] * 38 + [66.0] * 2, [600.0] * 38 + [1500.0] * 2
    for found, news in (
        told(units("aircon")[0], at_percent(*wet * 20)),
        told(zone_of("purifier"), at_ppm(*stale * 20)),
    ):
        assert not news
        assert not any(each.degraded for each in found)


def test_where_another_unit_of_the_room_keeps_the_air_that_one_is_asked():
    dries, _other = units("aircon", "dehumidifier")
    assert not any(
        each.degraded for each in told(dries, at_percent(*[70.0] * A_DAY))[0]
    )
    document = {k: v for k, v in ROOM.items() if k != "aircon_device_id"}
    entries = [
        {"kind": kind, "device_id": f"B0E9FE00000{number}"}
        for number, kind in enumerate(("heater", "purifier", "fan"))
    ]
    document |= WINDOWS | {"equipment": entries, "air": {"max_co2_ppm": 1000}}
    purifier = parse_settings(document).zones["default 2"]
    found, news = told(purifier, at_ppm(*[1500.0] * A_DAY))
    assert not news
    assert not any(each.degraded for each in found)


def test_nor_in_winter_where_dry_mode_has_no_turn():
    zone = room_of(humidity={"max_percent": 60}, **WINDOWS)
    wet = [
        lambda state, now: seen(state, 21.0, now)._replace(last_humidity=75.0)
    ] * A_DAY
    assert {each.status for each in told(zone, wet)[0]} == {"kept"}


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 72)), max_size=20))
def test_two_words_of_it_are_never_near_each_other(runs):
    """Whatever the air does: at once after the end of one there is no other."""
    values = [1500.0 if past else 600.0 for past, long in runs for _ in range(long)]
    _found, news = told(zone_of("purifier"), at_ppm(*values))
    began = [each.since for each in news if not each.ended]
    assert all(
        later - earlier >= timedelta(hours=12) for earlier, later in pairwise(began)
    )
