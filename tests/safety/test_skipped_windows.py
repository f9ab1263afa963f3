"""A window that a person does without, once, and a hold until the end of the day."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.safety.conftest import NOON

EVERY = [0, 1, 2, 3, 4, 5, 6]
MORNING = {"days": EVERY, "start": "07:00", "end": "09:00", "id": "up"}
EVENING = {"days": EVERY, "start": "18:00", "end": "21:00"}
DAY = 86400.0


def at(day, hour, minute=0):
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


def begun(flat):
    """Return when it was first heated of each morning and each evening."""
    first = {}
    for each in flat.cloud.starts:
        first.setdefault((each.date(), each.hour < 12), each)
    return list(first.values())


@pytest.fixture
def cold(flat):
    """A flat that is heated whenever a window is in force, which is never at first."""
    flat.configure(time_windows=[MORNING, EVENING], turn_off_outside_windows=True)
    flat.reads(19.0)
    return flat


async def test_the_next_window_takes_no_force_once_also_after_a_restart(cold):
    await cold.tick()
    skipped = await cold.engine.skip_next_window("default")
    assert (skipped.window, skipped.day) == ("18:00-21:00", date(2026, 1, 12))
    cold.started()
    await cold.tick()
    for celsius in (19.1, 19.2, 19.1):
        await cold.live(DAY / 2)
        cold.reads(celsius)
    await cold.live(DAY / 2)
    # Not on the first evening; the morning after it and the next evening are as ever.
    assert begun(cold) == [at(13, 7), at(13, 18), at(14, 7)]
    assert cold.engine.zone_overview("default")["skipped_windows"] == []


async def test_it_is_shown_until_its_end_and_wakes_nobody_to_heat(cold):
    cold.configure(time_windows=[MORNING, EVENING], optimum_start=True)
    await cold.tick()
    skipped = await cold.engine.skip_next_window("default")
    reports = await cold.live(8 * 3600)
    assert cold.cloud.starts == []
    assert any(report.next_wakeup == at(12, 18) for report in reports)
    shown = cold.engine.zone_overview("default")
    assert shown["skipped_windows"] == [skipped.to_document()]
    assert shown["in_window"] is None
    assert "the window 18:00-21:00 of 2026-01-12 is skipped" in [
        each["text"] for each in shown["reasons"]
    ]


async def test_a_window_that_runs_goes_on_and_the_one_after_it_is_skipped(cold):
    cold.clock.advance_to(at(12, 19))
    await cold.tick()
    assert len(cold.cloud.starts) == 1
    skipped = await cold.engine.skip_next_window("default")
    assert (skipped.window, skipped.day) == ("up", date(2026, 1, 13))
    await cold.tick()
    assert cold.engine.zone_overview("default")["in_window"] is not None
    await cold.live(DAY)
    assert begun(cold) == [at(12, 19), at(13, 18)]


async def test_resume_takes_it_back_also_in_its_midst_and_no_other_wish_does(cold):
    await cold.tick()
    await cold.engine.skip_next_window("default")
    await cold.engine.act("default", "off", hold=timedelta(minutes=30))
    await cold.engine.set_temperature("default", 15, 16, timedelta(hours=1))
    await cold.engine.hold("default", "none")
    await cold.live(7 * 3600)
    assert cold.cloud.starts == []
    await cold.engine.resume("default")
    await cold.tick()
    assert begun(cold) == [at(12, 19)]


async def test_asked_twice_it_is_the_same_and_in_its_midst_the_one_after_it(cold):
    first = await cold.engine.skip_next_window("default")
    assert await cold.engine.skip_next_window("default") == first
    cold.clock.advance_to(at(12, 19))
    second = await cold.engine.skip_next_window("default")
    assert second.window == "up"
    await cold.tick()
    await cold.live(DAY)
    assert begun(cold) == [at(13, 18)]


async def test_a_wish_until_the_next_change_does_not_end_with_a_skipped_window(cold):
    await cold.engine.skip_next_window("default")
    await cold.engine.set_temperature("default", 15, 16, "until_next_change")
    assert cold.engine.zone_overview("default")["wish"]["until"] == (
        at(13, 7).isoformat()
    )


async def test_windows_of_one_name_are_told_apart(cold):
    both = [{**MORNING, "id": "home"}, {**EVENING, "id": "home"}]
    cold.configure(time_windows=both, turn_off_outside_windows=True)
    cold.clock.advance_to(at(13, 0))
    await cold.tick()
    skipped = await cold.engine.skip_next_window("default")
    assert skipped.begins == at(13, 7)
    await cold.live(DAY - 60)
    assert begun(cold) == [at(13, 18)]


async def test_a_window_edited_meanwhile_is_another_one(cold):
    await cold.tick()
    await cold.engine.skip_next_window("default")
    cold.configure(
        time_windows=[MORNING, {**EVENING, "start": "18:30"}],
        turn_off_outside_windows=True,
    )
    await cold.live(8 * 3600)
    assert begun(cold) == [at(12, 18, 30)]


@pytest.mark.parametrize(
    ("day", "window", "ends"),
    [
        # Forward: an hour less of it; back: an hour more.
        (date(2026, 3, 28), ("22:00", "06:00"), datetime(2026, 3, 29, 4, tzinfo=UTC)),
        (date(2026, 10, 24), ("22:00", "06:00"), datetime(2026, 10, 25, 5, tzinfo=UTC)),
    ],
)
async def test_over_a_clock_change_it_ends_when_its_window_would(
    cold, day, window, ends
):
    nights = {"days": EVERY, "start": window[0], "end": window[1]}
    cold.configure(timezone="Europe/Paris", time_windows=[nights])
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    cold.clock.advance_to(noon)
    skipped = await cold.engine.skip_next_window("default")
    assert (skipped.day, skipped.ends) == (day, ends)


async def test_a_zone_skips_alone(cold):
    cold.configure(
        zones={"a": {}, "b": {"aircon_device_id": "02-202008110034-14"}},
        time_windows=[MORNING, EVENING],
    )
    await cold.tick()
    await cold.engine.skip_next_window("a")
    await cold.live(7 * 3600)
    assert [
        cold.engine.zone_overview(name)["in_window"] is None for name in ("a", "b")
    ] == [True, False]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"time_windows": []}, "no time windows"),
        ({"time_windows": [{**EVENING, "until": "2026-01-11"}]}, "begins any more"),
        ({"time_windows": [EVENING], "automation_enabled": False}, "is off"),
    ],
)
async def test_it_is_refused_where_there_is_nothing_to_skip(flat, settings, words):
    flat.configure(**settings)
    with pytest.raises(ValueError, match=words):
        await flat.engine.skip_next_window("default")


# --- until the end of the day ---------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "now", "ends"),
    [
        ("UTC", "2026-01-12T12:00", "2026-01-13T00:00"),
        # Neither 24 hours after the last midnight: the clock changed in between.
        ("Europe/Paris", "2026-03-29T00:30", "2026-03-29T22:00"),
        ("Europe/Paris", "2026-10-24T23:30", "2026-10-25T23:00"),
        # The clock skips midnight, and reads an hour before it twice.
        ("Africa/Cairo", "2026-04-23T12:00", "2026-04-23T22:00"),
        ("America/Havana", "2026-11-01T03:30", "2026-11-01T04:00"),
        ("Africa/Cairo", "2026-10-29T20:30", "2026-10-29T22:00"),
        ("Africa/Cairo", "2026-10-29T21:30", "2026-10-29T22:00"),
    ],
)
async def test_a_hold_for_the_day_ends_with_the_day_of_the_zone(flat, zone, now, ends):
    flat.configure(timezone=zone)
    flat.clock.advance_to(datetime.fromisoformat(now).replace(tzinfo=UTC))
    await flat.engine.hold("default", "until_end_of_day")
    until = datetime.fromisoformat(flat.engine.zone_overview("default")["hold_until"])
    assert until == datetime.fromisoformat(ends).replace(tzinfo=UTC)


async def test_the_end_of_the_day_is_an_end_of_every_wish(flat):
    midnight = (NOON + timedelta(hours=12)).isoformat()
    flat.configure(presets={"a": {}})
    await flat.engine.set_temperature("default", 15, 16, "until_end_of_day")
    assert flat.engine.zone_overview("default")["wish"]["until"] == midnight
    await flat.engine.set_preset_mode("default", "a", "until_end_of_day")
    assert flat.engine.zone_overview("default")["wish"]["until"] == midnight
    await flat.engine.act("default", "off", "until_end_of_day")
    assert flat.engine.zone_overview("default")["hold_until"] == midnight
