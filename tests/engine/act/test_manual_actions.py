"""What a person asks for."""

from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.errors import (
    CloudTimeoutError,
    DeviceOfflineError,
    UnknownZoneError,
)
from switchbot_automation.model import ReasonCode
from switchbot_store import StoreUnavailableError


def codes(command):
    return [str(reason.code) for reason in command.reasons]


@pytest.mark.parametrize(
    ("season", "action", "sent", "power", "mode"),
    [
        ("winter", "on", "setAll 23,5,3,on", "on", 5),
        ("summer", "on", "setAll 24,2,3,on", "on", 2),
        ("summer", "winter", "setAll 23,5,3,on", "on", 5),
        ("winter", "summer", "setAll 24,2,3,on", "on", 2),
        ("winter", "fan", "setAll 23,4,3,on", "on", 4),
        ("winter", "off", "turnOff", "off", None),
        ("winter", "quick_off", "turnOff", "off", None),
    ],
)
async def test_each_action_is_sent_and_remembered(
    house, *, season, action, sent, power, mode
):
    house.configure(mode=season)
    command = await house.engine.act("default", action)
    assert command.status == "accepted"
    assert codes(command) == ["manual"]
    assert house.cloud.words == [sent]
    assert house.state["assumed_aircon_power"] == power
    assert house.state["assumed_aircon_mode"] == mode
    assert house.state["manual_action_at"] == "2026-01-12T12:00:00+00:00"
    assert house.state["last_action_at"] == "2026-01-12T12:00:00+00:00"


@pytest.mark.parametrize("action", ["winter", "summer", "fan"])
async def test_without_a_profile_the_dashboards_fixed_values_are_sent(house, action):
    house.store.set("settings", {"aircon_device_id": "02-1-13"})
    await house.engine.act("default", action)
    mode = {"winter": 5, "summer": 2, "fan": 4}[action]
    assert house.cloud.words == [f"setAll 22,{mode},3,on"]


async def test_quick_off_disables_the_automation_for_good(house):
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    await house.engine.act("default", "quick_off")
    assert house.store.get("settings")["automation_enabled"] is False
    assert (await house.tick(10.0, after=60)).outcome == "disabled"
    assert house.cloud.words == ["turnOff"]


async def test_quick_off_disables_one_zone_of_several(house):
    house.configure(zones={"office": {}, "attic": {"meter_device_id": "M2"}})
    await house.engine.act("attic", "quick_off")
    report = await house.tick(19.0)
    assert {each.zone: str(each.outcome) for each in report.decisions} == {
        "office": "winter_on",
        "attic": "disabled",
    }
    zones = house.store.get("settings")["zones"]
    assert zones["attic"] == {"meter_device_id": "M2", "automation_enabled": False}


async def test_quick_off_holds_while_the_store_is_away_and_is_stored_later(house):
    house.remember(assumed_aircon_power="on")
    await house.tick(21.0)
    update = house.store.update
    get_many = house.store.get_many

    def away(*_args):
        raise StoreUnavailableError("away")

    house.store.update = house.store.get_many = away
    command = await house.engine.act("default", "quick_off")
    assert command.status == "accepted"
    assert "store_unavailable" in codes(command)
    assert house.cloud.words == ["turnOff"]
    assert (await house.tick(10.0, after=60)).outcome == "disabled"
    house.store.update, house.store.get_many = update, get_many
    assert (await house.tick(10.0, after=60)).outcome == "disabled"
    assert house.store.get("settings")["automation_enabled"] is False


async def test_a_persons_off_is_never_blocked(house):
    house.configure(min_on_seconds=600)
    await house.engine.act("default", "on")
    command = await house.engine.act("default", "off")
    assert command.status == "accepted"
    assert house.cloud.words[-1] == "turnOff"


async def test_a_persons_on_waits_for_the_minimum_off_time_and_is_then_sent(house):
    house.configure(min_off_seconds=300, automation_enabled=False)
    house.remember(
        assumed_aircon_power="off", compressor_stopped_at="2026-01-12T11:59:00+00:00"
    )
    await house.tick(21.0)
    command = await house.engine.act("default", "on")
    unlocked = house.clock.now() + timedelta(seconds=240)
    assert (command.status, command.blocked_until) == ("blocked", unlocked)
    assert "min_off_remaining" in codes(command)
    assert house.cloud.words == []
    house.restarted()
    await house.engine.run_once()
    reports = await house.live(until=unlocked + timedelta(seconds=1))
    assert house.cloud.sent == [(unlocked, "setAll 23,5,3,on")]
    assert codes(reports[-1].commands[0]) == ["manual_deferred"]
    assert house.state["pending_manual_action"] is None


async def test_a_persons_on_is_not_held_up_by_a_running_compressor(house):
    house.configure(min_on_seconds=600)
    await house.engine.act("default", "winter")
    assert (await house.engine.act("default", "summer")).status == "accepted"


async def test_off_takes_back_an_on_that_still_waits(house):
    house.configure(min_off_seconds=300)
    house.remember(
        assumed_aircon_power="off", compressor_stopped_at="2026-01-12T11:59:00+00:00"
    )
    await house.engine.act("default", "on")
    house.cloud.broken["command"] = DeviceOfflineError("gone", status_code=161)
    await house.engine.act("default", "off")
    house.cloud.broken.clear()
    house.cloud.temperature = 21.0
    await house.live(until=house.clock.now() + timedelta(minutes=10))
    assert house.cloud.words == []


async def test_waiting_for_a_persons_on_moves_the_wake_up_and_says_so(house):
    house.configure(min_off_seconds=300, poll_interval_seconds=3600)
    house.remember(
        assumed_aircon_power="off", compressor_stopped_at="2026-01-12T11:59:00+00:00"
    )
    await house.tick(21.0)
    told = []
    house.engine.subscribe(
        lambda event: told.append(event) if event.kind == "next_wakeup_changed" else 0
    )
    command = await house.engine.act("default", "on")
    assert house.engine.next_wakeup == command.blocked_until
    assert [event.next_wakeup for event in told] == [command.blocked_until]


async def test_a_manual_command_starts_the_minimum_times_for_the_automation(house):
    house.configure(min_on_seconds=300)
    await house.engine.act("default", "on", hold="none")
    assert (await house.tick(23.0, after=60)).outcome == "cooldown"


async def test_a_manual_off_queues_no_repeats(house):
    house.configure(off_repeat_count=3)
    await house.engine.act("default", "off", hold="none")
    assert house.state["pending_off_repeat"] is None


async def test_a_hold_keeps_the_automation_away_until_its_end_also_after_a_restart(
    house,
):
    await house.tick(21.0)
    await house.engine.act("default", "off", hold=timedelta(minutes=30))
    ends = house.clock.now() + timedelta(minutes=30)
    house.restarted()
    house.cloud.temperature = 19.0
    reports = await house.live(until=ends)
    assert {str(report.outcome) for report in reports} == {"no_action"}
    assert [str(each.code) for each in reports[0].decisions[0].reasons] == [
        "hold_manual"
    ]
    assert (await house.engine.run_once()).outcome == "winter_on"


async def test_a_newer_command_with_no_hold_ends_the_hold(house):
    await house.engine.act("default", "off", hold=house.clock.now() + timedelta(days=1))
    await house.engine.act("default", "off", hold="none")
    assert (await house.tick(19.0, after=60)).outcome == "winter_on"


@pytest.mark.parametrize(
    "hold",
    [
        timedelta(0),
        timedelta(seconds=-5),
        timedelta.max,
        0,
        -1.5,
        float("nan"),
        1e30,
        10**400,
        True,
        [],
        datetime(2026, 1, 12, 11, 59, tzinfo=UTC),
        datetime(2026, 1, 12, 13),  # noqa: DTZ001 - the refusal of it is what is tested
    ],
)
async def test_a_hold_of_no_length_is_refused(house, hold):
    with pytest.raises(ValueError, match="hold"):
        await house.engine.act("default", "off", hold=hold)
    assert house.cloud.words == []


async def test_an_unknown_zone_or_action_is_refused(house):
    with pytest.raises(UnknownZoneError, match="default") as caught:
        await house.engine.act("cellar", "on")
    assert caught.value.known == ("default",)
    with pytest.raises(ValueError, match="toast"):
        await house.engine.act("default", "toast")


async def test_a_manual_command_that_fails_says_which_rungs_did(house):
    house.cloud.broken["command"] = DeviceOfflineError("gone", status_code=161)
    command = await house.engine.act("default", "on")
    assert command.status == "failed"
    assert [rung.rung for rung in command.rungs] == ["command"]
    assert "gone" in command.rungs[0].error
    assert house.state["assumed_aircon_power"] == "unknown"


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (CloudTimeoutError("no answer in 15 s"), True),
        (DeviceOfflineError("gone", status_code=161), False),
    ],
)
async def test_who_asked_is_told_whether_it_may_have_been_heard(house, error, lost):
    house.cloud.broken["command"] = error
    command = await house.engine.act("default", "on", hold="permanent")
    assert command.status == "failed"
    codes = [reason.code for reason in command.reasons]
    assert (ReasonCode.ANSWER_LOST in codes) is lost
    assert house.engine.zone_overview("default")["hold_until"] is None


@pytest.mark.parametrize("action", ["on", "off", "fan"])
async def test_a_manual_command_that_fails_holds_nothing(house, action):
    """Else a cloud that was away for a minute leaves the room alone for the day."""
    house.cloud.broken["command"] = DeviceOfflineError("gone", status_code=161)
    assert (await house.engine.act("default", action)).status == "failed"
    assert house.engine.zone_overview("default")["hold_until"] is None
    house.cloud.broken.clear()
    await house.engine.act("default", "off", hold="permanent")
    house.cloud.broken["command"] = DeviceOfflineError("gone", status_code=161)
    await house.engine.act("default", action)
    # What held before still does: that was done.
    assert house.engine.zone_overview("default")["hold_until"] is not None
