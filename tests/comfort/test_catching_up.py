"""What becomes of a window that had begun before anybody looked."""

from datetime import timedelta

import pytest

EVERY_DAY = list(range(7))


def codes(decision):
    return [str(reason.code) for reason in decision.reasons]


def late(catch_up, *, seconds=300, begin="11:50"):
    """A window that began ten minutes before the first look."""
    return {
        "poll_interval_seconds": 60,
        "time_windows": [
            {
                "days": EVERY_DAY,
                "start": begin,
                "end": "13:00",
                "id": "noon",
                "catch_up": catch_up,
                "catch_up_seconds": seconds,
            }
        ],
    }


@pytest.mark.parametrize(
    ("settings", "joined"),
    [
        (late("current_slot"), True),
        (late("within", seconds=600), True),
        (late("within", seconds=599), False),
        (late("none"), False),
        (late("none", begin="11:59"), True),
        (late("none", begin="12:00"), True),
    ],
)
async def test_a_late_look_joins_as_the_policy_says(room, settings, joined):
    home = room(settings)
    decision = await home.live(minutes=30)
    assert home.running is joined
    assert ("window_missed" in codes(decision)) is not joined


async def test_what_was_missed_is_missed_for_that_day_only(room):
    home = room(late("none"))
    await home.live(hours=20)
    assert not home.sent
    await home.live(hours=4)
    assert home.running


async def test_what_was_joined_is_kept_after_an_outage_and_a_restart(room):
    home = room(late("within", begin="12:00"))
    await home.live(minutes=1)
    assert home.running
    home.restart()
    home.clock.advance(timedelta(minutes=40).total_seconds())
    decision = await home.tick()
    assert codes(decision)[0] == "in_window"
    assert "window_missed" not in codes(decision)


async def test_why_says_that_the_window_was_missed(room):
    home = room(late("none"))
    await home.live(minutes=2)
    assert "noon" in (await home.engine.explain()).text
