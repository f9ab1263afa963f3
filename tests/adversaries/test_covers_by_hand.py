"""Covers that people move by hand, that are stuck, or that do not know where they are.

Who opens a shade wants to see out of the window: it was closed again within the hour, eleven
times a day. A cover that a hand moved stays as it is for four hours, or for as long as the
settings say; one that cannot move is no such wish, and is told of.
"""

from __future__ import annotations

import pytest

from tests.cases import slow_after
from tests.equipment.homes import AIRCON, DEVICE, SECOND, Home, roomed

WARM = {"min_temp": 18, "max_temp": 25, "target_temp": 24}
MORNING, HELD_HOURS, MOST_MOVES_A_DAY = 8, 4, 8


def sunny(kind, **more):
    entry = {"kind": kind, "device_id": DEVICE}
    document = roomed(AIRCON, entry, season="summer", summer=WARM, **more)
    home = Home(document, season="summer")
    home.device = home.cloud.account.devices[DEVICE]
    return home


def moved_by_hand(home):
    """Somebody pulls it to its other end."""
    name = home.device._field
    home.device.change({name: 100 - home.device.state[name]})


def told(home, since=0):
    return [each for each in home.sent[since:] if each.zone == SECOND]


KINDS = slow_after(1, ["shade", "blind", "curtain"])


@pytest.mark.parametrize(
    ("kind", "says", "held"),
    [
        ("shade", {}, HELD_HOURS),
        pytest.param("curtain", {}, HELD_HOURS, marks=pytest.mark.slow),
        pytest.param("blind", {}, HELD_HOURS, marks=pytest.mark.slow),
        ("shade", {"manual_hold_seconds": 0}, 0),
        pytest.param("blind", {"manual_hold_seconds": 7200}, 2, marks=pytest.mark.slow),
    ],
)
async def test_what_a_hand_opened_stays_open_for_a_while(kind, says, held):
    home = sunny(kind, **says)
    await home.live(MORNING)
    assert home.unit().on
    moved_by_hand(home)
    sent = len(home.sent)
    await home.live(held)
    assert not told(home, sent)
    assert not home.unit().on
    home.restart()
    await home.live(3)
    assert told(home, sent)
    assert home.unit().on


@pytest.mark.parametrize("kind", KINDS)
async def test_a_hand_every_hour_is_not_fought(kind):
    home = sunny(kind)
    await home.live(MORNING)
    sent = len(home.sent)
    for _hour in range(12):
        moved_by_hand(home)
        await home.live(1)
    assert len(told(home, sent)) <= 12 / HELD_HOURS
    assert len(told(home)) <= MOST_MOVES_A_DAY


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_stuck_is_no_hand_and_is_told_of(kind):
    home = sunny(kind)
    home.device._move = lambda target, travel: None
    while not told(home):
        await home.live(0.25)
    minutes, health = 0, {"status": "ok"}
    while health["status"] == "ok":
        await home.live(0.25)
        minutes, health = minutes + 15, await home.engine.health()
    assert minutes <= 75  # two ways to be told, half an hour apart, and a look
    assert health["zones"][SECOND]["unit"]["uncertain"]
    await home.live(12)
    assert len(told(home)) <= MOST_MOVES_A_DAY
    assert not home.unit().on
