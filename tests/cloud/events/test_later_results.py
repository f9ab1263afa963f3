"""Passcode commands: accepted at once, and what became of them later."""

from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.cloud import SwitchBotClient
from switchbot_automation.cloud.events.later_results import LaterOutcome, LaterResults
from switchbot_automation.cloud.events.passcodes import read_passcodes
from switchbot_automation.model import CommandResult
from switchbot_automation.simulation import FakeSwitchBotCloud, Fault

KEYPAD = "C0FFEE0000AA"
KEY = {"name": "guest", "type": "permanent", "password": "73912864"}


class Door:
    """A keypad behind the simulated cloud, its client, and the results that come."""

    def __init__(self, cloud, client, clock):
        self.cloud, self.client, self.clock = cloud, client, clock
        self.results = LaterResults()

    async def do(self, command, parameter):
        result = await self.client.command(KEYPAD, command, parameter)
        return self.results.accepted(command, parameter, result)

    def after(self, seconds):
        """Let time pass; return what became of the commands."""
        self.clock.advance(seconds)
        self.cloud.home.advance()
        now = self.clock.now()
        came = [
            self.results.heard(event["context"], now)
            for event in self.cloud.home.push.due_events()
        ]
        return [each for each in (*came, *self.results.overdue(now)) if each]


@pytest.fixture
async def door(clock):
    async with (
        FakeSwitchBotCloud(clock=clock) as cloud,
        aiohttp.ClientSession() as http,
    ):
        cloud.home.add_device("Keypad Touch", KEYPAD)
        cloud.home.push.wanted = True
        client = SwitchBotClient(
            http, cloud.token, cloud.secret, base_url=cloud.base_url, clock=clock
        )
        yield Door(cloud, client, clock)


async def test_a_passcode_is_made_and_deleted_and_each_is_confirmed(door):
    sent = await door.do("createKey", KEY)
    assert sent.command_id
    assert door.after(1) == []
    (made,) = door.after(20)
    assert (made.sent, made.outcome, made.ok) == (sent, LaterOutcome.SUCCESS, True)
    device = next(
        each
        for each in (await door.client.devices()).devices
        if each.device_id == KEYPAD
    )
    (listed,) = read_passcodes(device)
    await door.do("deleteKey", {"id": listed.passcode_id})
    (deleted,) = door.after(20)
    assert (deleted.sent.command, deleted.ok) == ("deleteKey", True)
    assert not door.results.pending


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fault.KEY_FAILED, LaterOutcome.FAILED),
        (Fault.KEY_TIMEOUT, LaterOutcome.TIMEOUT),
        (Fault.KEY_SILENT, LaterOutcome.SILENT),
    ],
)
async def test_what_did_not_work_says_how(door, fault, outcome):
    door.cloud.faults.inject(fault)
    await door.do("createKey", KEY)
    (came,) = door.after(100) or door.after(100)
    assert (came.outcome, came.ok) == (outcome, False)


async def test_without_an_id_a_result_is_known_by_the_name(door):
    door.cloud.faults.inject(Fault.NO_COMMAND_ID)
    for name in ("guest", "cleaner"):
        await door.do("createKey", KEY | {"name": name})
    door.cloud.faults.clear()
    came = door.after(30)
    assert [each.sent.name for each in came] == ["guest", "cleaner"]
    assert all(each.ok for each in came)


async def test_a_repeated_event_and_somebody_else_s_are_nobody_s(door):
    await door.do("createKey", KEY)
    door.clock.advance(30)
    door.cloud.home.advance()
    (event,) = [
        each["context"]
        for each in door.cloud.home.push.due_events()
        if each["context"]["deviceMac"] == KEYPAD
    ]
    now = door.clock.now()
    assert door.results.heard(event | {"commandId": "CMD-of-another"}, now) is None
    assert door.results.heard(event | {"deviceMac": "C0FFEE0000BB"}, now) is None
    assert door.results.heard(event, now).ok
    assert door.results.heard(event, now) is None


async def test_other_commands_are_answered_once(door):
    door.cloud.home.add_device("Bot", "C0FFEE0000BB")
    result = await door.client.command("C0FFEE0000BB", "press")
    assert door.results.accepted("press", "default", result) is None


CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "deviceMac": st.sampled_from([KEYPAD, "x", 3, None]),
        "eventName": st.sampled_from(["createKey", "deleteKey ", "", 1, None]),
        "commandId": st.sampled_from(["1", "2", "", None, 7]),
        "result": st.sampled_from(["success", "failed", "TIMEOUT", "odd", None]),
        "keyName": st.sampled_from(["guest", "", None]),
    },
)


@given(
    st.lists(st.sampled_from(["1", "2", None]), max_size=4),
    st.lists(CONTEXTS, max_size=8),
)
def test_each_command_has_one_result_whatever_comes(ids, contexts):
    now = datetime(2026, 1, 12, tzinfo=UTC)
    results = LaterResults()
    for command_id in ids:
        results.accepted("createKey", KEY, CommandResult(KEYPAD, now, command_id))
    came = [each for context in contexts if (each := results.heard(context, now))]
    late = results.overdue(now + timedelta(hours=1))
    assert len(came) + len(late) == len(ids)
    assert not results.pending
