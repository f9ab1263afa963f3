"""Curves, skipped windows and a quiet fan, in what is explained and what would change it."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest

from switchbot_automation.explain.words import change_words, reason_words

EVERY_DAY = list(range(7))
POINTS = [
    {"after_minutes": 0, "winter_kelvin": 0},
    {"after_minutes": 360, "winter_kelvin": -3},
]
MORNING = {"days": EVERY_DAY, "start": "06:00", "end": "12:10"}
REST = {"days": EVERY_DAY, "start": "12:10", "end": "23:00"}


async def skip(engine):
    await engine.skip_next_window("default")


async def hush(engine):
    await engine.quiet_fan("default", timedelta(hours=3))


async def leave_as_it_is(_engine):
    pass


WINDOW_CURVE = {"time_windows": [{**MORNING, "end": "23:00", "curve": POINTS}]}
PRESET_CURVE = {
    "time_windows": [{**MORNING, "end": "23:00", "preset": "sleep"}],
    "presets": {"sleep": {"curve": POINTS}},
}
SKIPPED = {"time_windows": [{**MORNING, "end": "11:00"}, REST]}
CASES = [
    pytest.param(
        WINDOW_CURVE,
        leave_as_it_is,
        "the curve of the window 06:00-23:00 moves the band by -3.0 K just now",
        "winter would have been sent (winter_on) if no curve had moved the band",
        id="window-curve",
    ),
    pytest.param(
        PRESET_CURVE,
        leave_as_it_is,
        "the curve of the preset sleep moves the band by -3.0 K just now",
        "winter would have been sent (winter_on) if no curve had moved the band",
        id="preset-curve",
    ),
    pytest.param(
        SKIPPED,
        skip,
        "the window 12:10-23:00 of 2026-01-12 is skipped",
        "winter would have been sent (winter_on) if no window had been skipped",
        id="skipped",
    ),
    pytest.param(
        {}, hush, "a person wants the fan low until 15:00:00", None, id="quiet-fan"
    ),
]


async def explained(room, settings, wish):
    """Return what is explained twenty minutes after the wish."""
    room.configure(**settings)
    await wish(room.engine)
    await room.tick(18.5)
    await room.tick(18.6, after=1200)
    return await room.engine.explain()


@pytest.mark.parametrize(("settings", "wish", "said", "without"), CASES)
async def test_it_is_told_beside_what_was_decided(room, settings, wish, said, without):
    answer = await explained(room, settings, wish)
    assert said in [reason_words(each, UTC, answer.asked_at) for each in answer.reasons]
    told = [change_words(each) for each in answer.changes]
    assert without is None or without in told, told


async def test_what_a_curve_moved_the_band_to_is_what_a_change_is_measured_by(room):
    answer = await explained(room, WINDOW_CURVE, leave_as_it_is)
    told = [change_words(each) for each in answer.changes]
    assert (
        "winter would have been sent (winter_on)"
        " if the meter had shown 16.7 °C or less, not 18.6 °C"
    ) in told
    # The settings say 20 °C: no sentence takes what the curve made of it for a setting.
    assert not [each for each in told if "winter.m" in each]


async def test_another_wish_than_the_settings_is_named_as_one(room):
    async def warmer(engine):
        await engine.set_temperature("default", 22.5, 24, timedelta(hours=3))

    room.configure()
    await warmer(room.engine)
    await room.tick(20.5)
    answer = await room.engine.explain()
    assert (
        "nothing would have been sent (no_action) if nothing else had been wished for a time"
        in [change_words(each) for each in answer.changes]
    )
