"""What went wrong with schedules in other people's homes; see `test_user_reports`."""

from datetime import UTC, datetime, timedelta

import pytest

EVERY_DAY = [0, 1, 2, 3, 4, 5, 6]


def window(start, end, **more):
    return {"days": EVERY_DAY, "start": start, "end": end, **more}


async def test_a_slot_that_began_while_the_engine_was_down(flat):
    """scheduler-component#277; AppDaemon#2401."""
    flat.configure(time_windows=[window("14:00", "18:00")])
    await flat.tick(19.0)
    flat.clock.advance_to(datetime(2026, 1, 12, 14, 20, tzinfo=UTC))
    flat.started()
    await flat.tick(19.0)
    assert flat.minutes_of("setAll") == [140.0]


@pytest.mark.parametrize(
    ("day", "utc"),
    [
        ("2026-03-28", "05:30"),
        ("2026-03-29", "04:30"),
        ("2026-10-24", "04:30"),
        ("2026-10-25", "05:30"),
    ],
)
async def test_an_hour_late_on_the_day_the_clocks_change(flat, day, utc):
    """home-assistant/core#68726, #90293; scheduler-component#94; AppDaemon#1378."""
    flat.configure(
        timezone="Europe/Paris",
        time_windows=[window("06:30", "23:00")],
        idle_poll_interval_seconds=86400,
        poll_warmup_minutes=0,
    )
    at = datetime.fromisoformat(f"{day}T{utc}:00+00:00")
    # Not quite the evening before: one idle sleep spans the change.
    flat.clock.advance_to(at - timedelta(hours=6))
    flat.started()
    flat.reads(19.0)
    await flat.live(7 * 3600)
    assert flat.cloud.starts == [at]


async def test_a_clock_set_by_a_time_server_that_made_every_schedule_wrong(flat):
    """AppDaemon#2390, #2400; hassio-addons/app-appdaemon#428 (17:00 fired at 18:42)."""
    flat.configure(time_windows=[window("17:00", "19:00")])
    await flat.tick(19.0)
    flat.clock.jump(6120)
    flat.reads(19.0)
    await flat.live(4 * 3600)
    assert flat.cloud.starts == [datetime(2026, 1, 12, 17, tzinfo=UTC)]


async def test_a_schedule_that_fought_a_change_made_by_hand(flat):
    """scheduler-component#156, #316; lovelace-thermostat-pro-timeline#13."""
    windows = [window("10:00", "14:00"), window("16:00", "20:00")]
    flat.configure(time_windows=windows)
    await flat.tick(19.0)
    await flat.engine.act("default", "off", hold="until_next_change")
    flat.reads(19.0)
    await flat.live(5 * 3600)
    assert flat.minutes_of("setAll") == [0.0, 240.0]


@pytest.mark.parametrize("hold", ["permanent", timedelta(days=2)])
async def test_a_hold_that_a_restart_forgot(flat, hold):
    """scheduler-card#706, #757; climate-scheduler#78."""
    await flat.tick(19.0)
    await flat.engine.act("default", "off", hold=hold)
    for _ in range(5):
        flat.started()
        await flat.live(4 * 3600)
    assert len(flat.cloud.starts) == 1


async def test_heating_that_began_when_the_window_opened_instead_of_before(flat):
    """versatile_thermostat#675: the room is to be warm when it is wanted."""
    flat.configure(time_windows=[window("16:00", "20:00")], optimum_start=True)
    flat.reads(17.0)
    await flat.live(4 * 3600)
    assert 30.0 < flat.minutes_of("setAll")[0] < 240.0
