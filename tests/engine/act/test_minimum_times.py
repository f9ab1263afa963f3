"""The cooldown word, the instants it names, and what starts and ends it."""

from datetime import UTC, datetime, timedelta

import pytest


def reasons(report):
    (decision,) = report.decisions
    return {str(reason.code): dict(reason.detail) for reason in decision.reasons}


@pytest.mark.parametrize(
    ("settings", "power", "seconds"),
    [
        ({"min_on_seconds": 300, "min_off_seconds": 60}, "on", 300),
        ({"min_on_seconds": 300, "min_off_seconds": 60}, "off", 60),
        ({"command_cooldown_seconds": 90}, "on", 90),
        ({"command_cooldown_seconds": 90}, "off", 90),
        ({"command_cooldown_seconds": 90, "min_on_seconds": 300}, "on", 300),
        ({"command_cooldown_seconds": 90, "min_on_seconds": 300}, "off", 90),
        ({"command_cooldown_seconds": 0}, "on", 0),
        ({"command_cooldown_seconds": 0}, "off", 0),
        # Names of the dashboard's own documents.
        ({"action_on_cooldown_seconds": 420}, "on", 420),
        ({"action_off_cooldown_seconds": 60}, "off", 60),
    ],
)
async def test_the_specific_time_counts_and_falls_back_to_the_general_one(
    house, settings, power, seconds
):
    house.configure(**settings)
    house.remember(
        assumed_aircon_power=power,
        assumed_aircon_mode=5 if power == "on" else None,
        last_action_at=house.clock.now().isoformat(),
    )
    wanted = 23.0 if power == "on" else 19.0
    allowed_at = house.clock.now() + timedelta(seconds=seconds)
    if seconds:
        report = await house.tick(wanted)
        assert report.outcome == "cooldown"
        (command,) = report.commands
        assert (command.status, command.blocked_until) == ("blocked", allowed_at)
        house.clock.advance_to(allowed_at - timedelta(seconds=1))
        assert (await house.tick(wanted)).outcome == "cooldown"
        assert house.engine.next_wakeup == allowed_at
        house.clock.advance_to(allowed_at)
    report = await house.tick(wanted)
    assert report.outcome == ("winter_off" if power == "on" else "winter_on")


async def test_cooldown_names_the_rule_the_rest_and_the_instant(house):
    house.configure(min_off_seconds=180)
    house.remember(
        assumed_aircon_power="off", compressor_stopped_at="2026-01-12T11:59:00+00:00"
    )
    found = reasons(await house.tick(19.0))
    assert found["temp_below_on_threshold"] == {
        "temperature_celsius": 19.0,
        "limit_celsius": 19.7,
    }
    assert found["min_off_remaining"] == {
        "until": "2026-01-12T12:02:00+00:00",
        "remaining_seconds": 120.0,
    }


async def test_the_word_is_cooldown_also_when_the_rule_wants_nothing(house):
    house.configure(min_off_seconds=180)
    house.remember(
        assumed_aircon_power="off", compressor_stopped_at="2026-01-12T11:59:00+00:00"
    )
    report = await house.tick(21.0)
    assert report.outcome == "cooldown"
    assert {"within_band", "min_off_remaining"} <= set(reasons(report))
    assert report.commands == ()
    # Nothing waits for the unlock, so no call is spent on it.
    assert report.next_wakeup == house.clock.now() + timedelta(seconds=60)


async def test_a_blocked_command_is_sent_at_the_very_instant_it_becomes_legal(house):
    house.configure(poll_interval_seconds=3600, min_off_seconds=180)
    house.remember(
        assumed_aircon_power="off", compressor_stopped_at="2026-01-12T11:59:30+00:00"
    )
    await house.tick(19.0)
    unlocked = datetime(2026, 1, 12, 12, 2, 30, tzinfo=UTC)
    assert house.engine.next_wakeup == unlocked
    await house.live(until=unlocked + timedelta(seconds=1))
    assert house.cloud.sent == [(unlocked, "setAll 23,5,3,on")]


async def test_minimum_times_count_from_the_answer_not_from_the_question(house):
    house.configure(min_on_seconds=300)
    house.remember(assumed_aircon_power="off")
    house.cloud.latency_seconds = 4.0
    await house.tick(19.0)
    accepted_at = house.cloud.sent[0][0]
    assert house.state["compressor_started_at"] == accepted_at.isoformat()


async def test_a_fan_or_an_off_unit_counts_as_a_stopped_compressor(house):
    house.configure(min_on_seconds=600, min_off_seconds=60)
    house.remember(
        assumed_aircon_power="on",
        assumed_aircon_mode=4,
        last_action_at="2026-01-12T11:59:00+00:00",
        last_action="scene(T02) (fan)",
    )
    assert (await house.tick(23.0)).outcome == "winter_off"


async def test_a_clock_set_back_does_not_lock_the_unit_for_the_hour(house):
    house.configure(min_off_seconds=180)
    house.remember(
        assumed_aircon_power="off", compressor_stopped_at="2026-01-12T13:00:00+00:00"
    )
    report = await house.tick(19.0)
    assert report.commands[0].blocked_until == house.clock.now() + timedelta(
        seconds=180
    )
    assert (await house.tick(19.0, after=180)).outcome == "winter_on"


async def test_changing_the_season_while_running_waits_for_the_minimum_on_time(house):
    house.configure(min_on_seconds=300)
    house.remember(assumed_aircon_power="off")
    await house.tick(19.0)
    house.configure(min_on_seconds=300, mode="summer", changeover_gap_seconds=0)
    assert (await house.tick(30.0, after=60)).outcome == "cooldown"
    assert (await house.tick(30.0, after=240)).outcome == "summer_on"
    assert house.state["compressor_started_at"] == house.clock.now().isoformat()


@pytest.mark.parametrize(("later", "comes"), [(50, True), (9 * 60, False)])
async def test_a_wish_that_waited_while_nobody_was_at_work(house, later, comes):
    """A host that slept over it does in the evening what was asked for at noon no more."""
    house.configure(min_off_seconds=600)
    for action in ("on", "off"):
        await house.engine.act("default", action, hold="none")
    command = await house.engine.act("default", "on", hold=timedelta(days=1))
    assert command.status == "blocked"
    house.restarted()
    report = await house.tick(21.0, after=600 + later * 60)
    assert [str(each.action) for each in report.commands] == ["winter"] * comes
    room = house.engine.zone_overview("default")
    assert room["waiting"] is None
    assert (room["hold_until"] is not None) is comes
