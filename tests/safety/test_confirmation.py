"""Accepted is not confirmed: what shows a command, what repairs it, what gives it up."""

import pytest

PLUG = "PLUG"
READABLE = "AC-1"


def kinds(flat, kind):
    return [event for event in flat.events if event.kind == kind]


def statuses(reports):
    return [str(c.status) for report in reports for c in report.commands]


@pytest.fixture
def plugged(flat):
    """The unit hangs on a plug that measures; `flat.watts` is what it draws."""
    flat.configure(power_meter_device_id=PLUG, confirm_within_seconds=120)
    flat.cloud.answers[PLUG] = {"weight": 3.0}
    return flat


async def test_a_plug_confirms_a_start(plugged):
    await plugged.tick(19.0)
    plugged.cloud.answers[PLUG] = {"power": 800.0}
    reports = await plugged.live(180)
    assert statuses(reports) == ["confirmed"]
    assert plugged.minutes_of("setAll") == [0.0]
    # Once before it was told, and once to see that it obeys.
    assert plugged.cloud.asked.count(PLUG) == 2


async def test_a_start_that_does_not_show_is_repaired_twice_and_given_up(plugged):
    await plugged.tick(19.0)
    reports = await plugged.live(3600)
    assert plugged.minutes_of("setAll") == [0.0, 2.0, 6.0]
    assert statuses(reports) == ["accepted", "accepted", "failed"]
    (event,) = kinds(plugged, "device_unresponsive")
    assert event.command.reasons[0].code == "device_unresponsive"
    assert len(plugged.state["equipment"]["starts"]) == 1


async def test_a_repair_outlives_a_restart(plugged):
    await plugged.tick(19.0)
    for _ in range(10):
        plugged.started()
        await plugged.live(60)
        await plugged.engine.run_once()
    assert plugged.minutes_of("setAll") == [0.0, 2.0, 6.0]


async def test_an_off_that_does_not_show_is_sent_again(plugged):
    await plugged.tick(19.0)
    plugged.cloud.answers[PLUG] = {"weight": 900}
    await plugged.live(180)
    await plugged.tick(23.0)
    plugged.reads(22.5)
    plugged.cloud.on_command = lambda _word: None
    await plugged.live(150)
    plugged.cloud.answers[PLUG] = {"weight": 1}
    await plugged.live(600)
    assert len(plugged.minutes_of("turnOff")) == 2


async def test_a_newer_command_ends_the_repair_of_the_older(plugged):
    await plugged.tick(19.0)
    await plugged.engine.act("default", "off", hold="permanent")
    await plugged.live(3600)
    assert plugged.cloud.words == ["setAll 24,5,3,on", "turnOff"]


async def test_a_plug_that_does_not_answer_proves_nothing(plugged):
    plugged.reads(None, PLUG)
    await plugged.tick(19.0)
    plugged.reads(21.0)
    await plugged.live(3600)
    assert plugged.cloud.words == ["setAll 24,5,3,on"]
    assert kinds(plugged, "device_unresponsive") == []


async def test_a_readable_unit_that_was_turned_off_by_hand_is_told_once_more(flat):
    flat.configure(aircon_device_id=READABLE)
    flat.cloud.answers[READABLE] = {"power": "off"}
    await flat.tick(19.0)
    await flat.tick(19.0, after=60)
    flat.cloud.answers[READABLE] = {
        "power": "on",
        "mode": 5,
        "temperature": 24,
        "fanSpeed": 3,
    }
    await flat.live(900)
    assert flat.cloud.words == ["setAll 24,5,3,on"] * 2


async def test_a_readable_unit_that_never_obeys_is_given_up(flat):
    flat.configure(aircon_device_id=READABLE)
    flat.cloud.answers[READABLE] = {"power": "off"}
    await flat.tick(19.0)
    await flat.live(3600)
    assert flat.minutes_of("setAll") == [0.0, 1.0, 2.0]
    assert len(kinds(flat, "device_unresponsive")) == 1


@pytest.mark.parametrize(("later", "sent"), [(20.0, 1), (19.1, 3)])
async def test_the_room_shows_whether_it_is_heated(flat, later, sent):
    flat.configure(thermal_response_seconds=900)
    await flat.tick(19.0)
    flat.reads(later)
    await flat.live(2 * 3600)
    assert len(flat.cloud.starts) == sent
    assert len(kinds(flat, "device_unresponsive")) == (sent > 1)


async def test_safety_stops_the_repair_of_a_start(plugged):
    plugged.configure(
        power_meter_device_id=PLUG,
        confirm_within_seconds=1200,
        sensor_stale_hold_seconds=60,
        sensor_stale_conservative_seconds=0,
    )
    await plugged.tick(19.0)
    plugged.reads(None)
    await plugged.live(1500)
    assert plugged.cloud.words == ["setAll 24,5,3,on"]
