"""Infrared cannot be read back: what was sent is assumed, and it says who says so."""

from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.cloud import SwitchBotClient
from switchbot_automation.cloud.catalog.infrared import AssumedSource, AssumedStates
from switchbot_automation.errors import CloudError
from switchbot_automation.model import Power
from switchbot_automation.simulation import FakeSwitchBotCloud, Fault
from switchbot_automation.simulation.home import AIRCON_ID, METER_ID

AT = datetime(2026, 1, 12, 6, tzinfo=UTC)
REMOTE = "02-202008110034-13"


@pytest.fixture
async def simulated(clock):
    async with FakeSwitchBotCloud(clock=clock) as running:
        yield running


@pytest.fixture
async def client(simulated, clock):
    async with aiohttp.ClientSession() as session:
        yield SwitchBotClient(
            session,
            simulated.token,
            simulated.secret,
            base_url=simulated.base_url,
            clock=clock,
            attempts=1,
        )


async def test_an_accepted_command_is_what_is_assumed(client, clock):
    assert client.assumed.get(AIRCON_ID) is None
    await client.command(AIRCON_ID, "setAll", "24,5,3,on")
    state = client.assumed.get(AIRCON_ID)
    assert (state.power, state.setpoint_celsius, state.mode, state.fan) == (
        Power.ON, 24.0, 5, 3,
    )  # fmt: skip
    assert (state.source, state.at) == (AssumedSource.SENT, clock.now())
    await client.command(AIRCON_ID, "turnOff")
    state = client.assumed.get(AIRCON_ID)
    assert (state.power, state.setpoint_celsius) == (Power.OFF, 24.0)


async def test_a_refused_command_changes_nothing(client, simulated):
    await client.command(AIRCON_ID, "turnOff")
    simulated.faults.inject(Fault.PARAM_INVALID)
    with pytest.raises(CloudError):
        await client.command(AIRCON_ID, "setAll", "24,5,3,on")
    state = client.assumed.get(AIRCON_ID)
    assert (state.power, state.source) == (Power.OFF, AssumedSource.SENT)


async def test_a_command_without_an_answer_leaves_it_open(client, simulated):
    await client.command(AIRCON_ID, "turnOff")
    simulated.faults.inject(Fault.ANSWER_LOST)
    with pytest.raises(CloudError):
        await client.command(AIRCON_ID, "setAll", "24,5,3,on")
    state = client.assumed.get(AIRCON_ID)
    assert (state.power, state.source) == (Power.UNKNOWN, AssumedSource.MAYBE_SENT)


async def test_nothing_is_assumed_of_a_device_that_can_be_asked(client, simulated):
    simulated.home.add_device("Bot", "C0FFEE0000AA")
    await client.command("C0FFEE0000AA", "press")
    assert client.assumed.get("C0FFEE0000AA") is None
    assert client.assumed.get(METER_ID) is None


def test_a_learned_button_may_do_anything():
    states = AssumedStates()
    states.note(REMOTE, "turnOn", "default", "command", at=AT)
    assert states.note(REMOTE, "sleep", "default", "customize", at=AT).power is (
        Power.UNKNOWN
    )


def test_volume_and_channel_say_nothing_of_power():
    states = AssumedStates()
    assert states.note(REMOTE, "volumeAdd", "default", "command", at=AT).power is (
        Power.UNKNOWN
    )
    states.note(REMOTE, "turnOn", "default", "command", at=AT)
    state = states.note(REMOTE, "SetChannel", "15", "command", at=AT)
    assert (state.power, state.command, state.parameter) == (
        Power.ON, "SetChannel", "15",
    )  # fmt: skip


def test_a_repeat_that_changes_nothing_is_known_even_without_an_answer():
    states = AssumedStates()
    states.note(REMOTE, "setAll", "24,5,3,on", "command", at=AT)
    state = states.note(
        REMOTE, "setAll", "24,5,3,on", "command", at=AT, source=AssumedSource.MAYBE_SENT
    )
    assert (state.power, state.setpoint_celsius) == (Power.ON, 24.0)


def test_a_person_s_word_is_taken_as_such():
    states = AssumedStates()
    states.note(REMOTE, "setAll", "24,0,3,on", "command", at=AT)
    state = states.tell(REMOTE, Power.OFF, AT + timedelta(minutes=1))
    assert (state.power, state.source, state.mode) == (Power.OFF, AssumedSource.TOLD, 1)


COMMANDS = st.sampled_from(
    [
        ("turnOn", "default", "command"),
        ("turnOff", "default", "command"),
        ("setAll", "26,2,1,on", "command"),
        ("setAll", "26,2,1,off", "command"),
        ("setAll", "junk", "command"),
        ("setAll", {"not": "text"}, "command"),
        ("swing", "default", "command"),
        ("my button", "default", "customize"),
    ]
)


@given(st.lists(st.tuples(COMMANDS, st.sampled_from(AssumedSource))))
def test_what_is_kept_in_a_document_comes_back_the_same(steps):
    states = AssumedStates()
    for number, (sent, source) in enumerate(steps):
        at = AT + timedelta(seconds=number)
        states.note(REMOTE, *sent, at=at, source=source)
    assert AssumedStates(states.as_document()).get(REMOTE) == states.get(REMOTE)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.dictionaries(
        st.sampled_from(["power", "at", "source", "mode", "x"]), inner, max_size=4
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), JUNK, max_size=3))
def test_a_document_that_holds_junk_is_read_without_it(document):
    states = AssumedStates(document)
    assert all(states.get(name) is None for name in document)
