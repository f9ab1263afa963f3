"""Every start is asked of the gate right before it is sent, whoever ordered it."""

from datetime import timedelta

import pytest

from switchbot_automation.core.requests import Order
from switchbot_automation.model import Action, CommandStatus, Reason, ReasonCode

# The compressor stopped a minute ago and has to rest for half an hour.
RESTS = {
    "assumed_aircon_power": "off",
    "assumed_aircon_action": "off",
    "compressor_stopped_at": "2026-01-12T11:59:00+00:00",
    "last_action_at": "2026-01-12T11:59:00+00:00",
    "equipment": {"starts": [["2026-01-12T11:00:00+00:00", "winter"]]},
}


@pytest.fixture
def shut(house):
    """Return a house whose room is cold and whose compressor has to rest."""
    house.configure(min_off_seconds=1800)
    house.remember(**RESTS)
    house.cloud.temperature = 18.0
    return house


def starts(house):
    return [what for what in house.cloud.words if not what.startswith("turnOff")]


async def test_by_the_tick(shut):
    report = await shut.engine.run_once()
    assert [each.status for each in report.commands] == [CommandStatus.BLOCKED]
    assert starts(shut) == []


@pytest.mark.parametrize("action", ["on", "winter", "summer"])
async def test_by_a_person(shut, action):
    command = await shut.engine.act("default", action)
    assert command.status is CommandStatus.BLOCKED
    assert command.blocked_until is not None
    assert starts(shut) == []


async def test_by_a_person_who_was_told_to_wait(shut):
    due = shut.clock.now() - timedelta(seconds=1)
    shut.remember(
        **RESTS, pending_manual_action={"action": "winter", "due_at": due.isoformat()}
    )
    await shut.engine.run_once()
    assert starts(shut) == []
    waits = shut.state["pending_manual_action"]
    assert waits["due_at"] == "2026-01-12T12:29:00+00:00"


async def test_by_a_rule(shut):
    shut.configure(
        min_off_seconds=1800,
        automation_enabled=False,
        rules=[
            {
                "id": "warm",
                "triggers": {"trigger": "time", "at": "03:00"},
                "actions": {"action": "command", "zone": "default", "command": "on"},
            }
        ],
    )
    trace = await shut.engine.run_rule("warm")
    assert trace["steps"][0]["status"] == "blocked"
    assert starts(shut) == []


async def test_by_a_repair(shut):
    shut.configure(
        min_off_seconds=1800,
        power_meter_device_id="PLUG00000001",
        confirm_within_seconds=60,
        repair_attempts=2,
        automation_enabled=False,
    )
    shut.cloud.aircon = {"weight": 0.0}
    shut.remember(
        **RESTS
        | {
            "assumed_aircon_power": "on",
            "assumed_aircon_action": "winter",
            "assumed_aircon_mode": 5,
            "assumed_aircon_uncertain": True,
        },
        command_check={
            "id": "1",
            "action": "winter",
            "since": "2026-01-12T11:58:00+00:00",
            "due_at": "2026-01-12T11:59:30+00:00",
        },
    )
    await shut.engine.run_once()
    assert "status PLUG00000001" in shut.cloud.calls
    assert starts(shut) == []
    assert shut.state["command_check"] is not None


async def test_by_a_repeat(shut):
    """Only OFF and fan are repeated; a document may say anything."""
    shut.remember(
        **RESTS,
        pending_off_repeat={
            "remaining": 1,
            "interval_seconds": 10,
            "next_run_at": "2026-01-12T11:59:59+00:00",
            "state_reason": "winter_off",
            "action": "winter",
        },
    )
    shut.cloud.temperature = 21.0
    await shut.engine.run_once()
    assert starts(shut) == []


async def test_by_a_group(shut):
    shut.configure(
        min_off_seconds=1800,
        zones={"default": {}, "b": {"aircon_device_id": "02-202008110034-14"}},
        groups={"outdoor": {"zones": ["default", "b"]}},
    )
    shut.store.set("state/b", RESTS)
    report = await shut.engine.run_once()
    assert report.commands
    assert {each.status for each in report.commands} == {CommandStatus.BLOCKED}
    assert starts(shut) == []


@pytest.mark.parametrize("person", [True, False])
@pytest.mark.parametrize("waited", [True, False])
@pytest.mark.parametrize("attempt", [0, 1])
@pytest.mark.parametrize("action", [Action.WINTER, Action.SUMMER])
async def test_by_any_order(shut, person, waited, attempt, action):
    await shut.engine.run_once()
    settings = shut.engine._parts.documents.life.settings
    order = Order(
        settings.default,
        action,
        label="any",
        reasons=(Reason(ReasonCode.IN_WINDOW),),
        person=person,
        waited=waited,
        attempt=attempt,
    )
    command = await shut.engine._parts.commander.carry_out(order)
    assert command.status is CommandStatus.BLOCKED
    assert command.reasons[-1].code is ReasonCode.MIN_OFF_REMAINING
    assert starts(shut) == []


async def test_what_is_no_start_goes(shut):
    for action in ("off", "fan"):
        assert (await shut.engine.act("default", action)).status == "accepted"
    shut.clock.advance(1800)
    assert (await shut.engine.act("default", "on")).status == "accepted"
