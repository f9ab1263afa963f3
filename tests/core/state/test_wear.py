"""A compressor that starts so often that it wears: told of where nothing else is the matter."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from switchbot_automation.core.protect.wear import FEW_STARTS, MANY_STARTS
from switchbot_automation.core.state.kept import after_look, news_of, room_health
from switchbot_automation.core.state.zone import Equipment, Start
from switchbot_automation.explain.words import advice_words
from switchbot_automation.model import Action, ReasonCode
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation.scenarios import HOUSES, default_settings
from tests.core.state.test_room_kept import ALWAYS, NOON, ROOM, ZONE, lived, zone_of
from tests.equipment.homes import Home

OFTEN = ReasonCode.UNIT_STARTS_OFTEN


def started(count, *, within=timedelta(hours=20), until=NOON, state=None):
    """A room in its band whose unit started so often, the last time just now."""
    state, _at = lived([21.0] * 3, state=state, begin=until - timedelta(minutes=15))
    each = within / max(1, count - 1)
    starts = [until - each * n for n in reversed(range(count))]
    kept = Equipment(tuple(Start(at, Action.WINTER) for at in starts))
    return state._replace(equipment=kept)


@pytest.mark.parametrize(
    ("count", "within", "told"),
    [
        (MANY_STARTS, timedelta(hours=20), True),
        (MANY_STARTS, timedelta(hours=3), True),
        (MANY_STARTS - 1, timedelta(hours=3), False),
        (MANY_STARTS, timedelta(hours=25), False),
    ],
)
def test_a_day_of_many_starts_is_told_of_though_the_room_is_kept(count, within, told):
    looked = after_look(ZONE, started(count, within=within), None, NOON)
    room = room_health(ZONE, looked.state, NOON)
    assert room.status == "kept"
    assert room.advice is (OFTEN if told else None)
    assert looked.tells is told


def test_what_bears_its_starts_is_not_counted():
    document = {key: each for key, each in ROOM.items() if key != "aircon_device_id"}
    plug = {"kind": "heater", "device_id": "B0E9FE000002"}
    heated = parse_settings(document | {"equipment": [plug]}).zones["default"]
    assert room_health(heated, started(MANY_STARTS), NOON).advice is None


def test_it_is_told_once_with_how_often_and_ends_only_when_much_better():
    state = after_look(ZONE, started(MANY_STARTS + 3), None, NOON).state
    state, news = news_of(ZONE, state, NOON)
    assert (news.kind, news.ended) == (OFTEN, False)
    assert news.since == NOON - timedelta(hours=20)
    words = advice_words(news.kind, news.room.cause)
    assert "control: auto" in words
    assert str(MANY_STARTS + 3) in words
    # A little better is no end, or it would be told every other day.
    later = NOON + timedelta(days=1)
    state = started(FEW_STARTS + 1, until=later, state=state)
    assert room_health(ZONE, state, later).advice is OFTEN
    state, news = news_of(ZONE, state, later)
    assert news is None
    state = started(FEW_STARTS - 1, until=later, state=state)
    assert room_health(ZONE, state, later).advice is None
    for minutes in (0, 11):
        at = later + timedelta(minutes=minutes)
        state, news = news_of(ZONE, state, at)
    assert (news.kind, news.ended) == (OFTEN, True)


def test_who_only_observes_is_told_nothing_of_it():
    watching = zone_of(observe_only=True)
    assert room_health(watching, started(MANY_STARTS), NOON).advice is None


@pytest.mark.parametrize(("control", "told"), [(None, True), ("auto", False)])
def test_a_meter_in_the_warm_air_of_its_unit_is_told_of(control, told):
    """Its room was kept and its unit started and stopped 22 times a day, with health `ok`."""
    document = default_settings("winter") | {"time_windows": ALWAYS}
    if control is not None:
        document |= {"control": control}
    light = HOUSES["light"]
    warm = replace(light, meter=replace(light.meter, offset=1.5))
    home = Home(document, seed=1, parameters=warm)

    async def live():
        await home.live(24)
        return await home.engine.health()

    health = asyncio.run(live())
    room = health["zones"]["default"]["room"]
    assert (str(OFTEN) in room["reasons"]) is told
    assert health["status"] == ("degraded" if told else "ok")
