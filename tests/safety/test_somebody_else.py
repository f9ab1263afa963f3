"""A unit that somebody told with its own remote, and what listeners hear of safety."""

import pytest

AC = "AC0001"
HEATING = {"power": "on", "mode": 5, "temperature": 24, "fanSpeed": 3}


@pytest.fixture
def readable(flat):
    """A unit that can be asked; a command in the cloud is seen at the unit."""

    def obey(word):
        off = {"power": "off"}
        flat.cloud.answers[AC] = off if word == "turnOff" else HEATING

    flat.cloud.on_command = obey
    flat.cloud.answers[AC] = {"power": "off"}
    flat.settings = {"aircon_device_id": AC, "aircon_poll_cooldown_minutes": 1}
    flat.configure(**flat.settings)
    return flat


async def test_a_change_by_remote_starts_the_hold_of_the_settings(readable):
    readable.configure(**readable.settings, manual_hold_seconds=7200)
    await readable.tick(19.0)
    await readable.live(600)
    # In the middle of the band, somebody turns it off; then it gets cold.
    await readable.tick(21.0)
    readable.cloud.answers[AC] = {"power": "off"}
    report = await readable.tick(21.0, after=60)
    assert report.outcome == "no_action"
    assert "hold_manual" in [str(r.code) for r in report.decisions[0].reasons]
    off_at = readable.clock.now()
    readable.reads(19.0)
    await readable.live(3 * 3600)
    assert (readable.cloud.starts[-1] - off_at).total_seconds() == 7200


async def test_without_a_hold_the_rule_goes_on_after_the_rest(readable):
    readable.configure(**readable.settings, min_off_seconds=300)
    await readable.tick(19.0)
    await readable.live(600)
    readable.cloud.answers[AC] = {"power": "off"}
    await readable.tick(21.0, after=60)
    off_at = readable.clock.now()
    readable.reads(19.0)
    await readable.live(900)
    assert (readable.cloud.starts[-1] - off_at).total_seconds() == 300


async def test_off_repeats_do_not_undo_what_somebody_turned_on(readable):
    repeats = {"off_repeat_count": 5, "off_repeat_interval_seconds": 600}
    readable.configure(**readable.settings, **repeats, manual_hold_seconds=7200)
    await readable.tick(19.0)
    await readable.tick(23.0, after=600)
    readable.reads(21.0)
    await readable.live(300)
    readable.cloud.answers[AC] = HEATING
    await readable.live(2 * 3600)
    assert len(readable.minutes_of("turnOff")) == 1


async def test_a_start_by_remote_counts(readable):
    readable.configure(**readable.settings, max_starts_per_hour=1)
    await readable.tick(21.0)
    readable.cloud.answers[AC] = HEATING
    await readable.tick(21.0, after=120)
    readable.cloud.answers[AC] = {"power": "off"}
    await readable.tick(21.0, after=120)
    readable.reads(19.0)
    await readable.live(5400)
    assert readable.minutes_of("setAll") == [62.0]


async def test_listeners_hear_of_every_level_and_of_the_recovery(flat):
    await flat.tick(19.0)
    flat.reads(None)
    await flat.live(2 * 3600)
    flat.reads(21.0)
    await flat.live(600)
    told = [each for each in flat.events if each.kind == "safety_level_changed"]
    assert [each.level for each in told] == [
        "no_new_start",
        "conservative",
        "off",
        "no_new_start",
        "fresh",
    ]
    assert [str(each.reason.code) for each in told[:-1]] == [
        "sensor_stale_no_new_start",
        "sensor_stale_conservative",
        "sensor_stale_off",
        "sensor_recovering",
    ]
    assert {each.zone for each in told} == {"default"}
