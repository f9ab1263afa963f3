"""A person does not wait for a cloud that is silent when a tick asks it."""

import asyncio

import pytest


@pytest.fixture
def silent(house):
    """A cloud whose meters say nothing; the event tells that one was asked."""
    asked = asyncio.Event()

    async def status(device_id):
        house.cloud.calls.append(f"status {device_id}")
        asked.set()
        await asyncio.Event().wait()

    house.cloud.status = status
    return asked


async def test_an_off_is_sent_while_a_tick_waits_for_a_meter(house, silent):
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    tick = asyncio.create_task(house.engine.run_once())
    await silent.wait()
    async with asyncio.timeout(10):
        command = await house.engine.act("default", "off")
        report = await tick
    assert command.status == "accepted"
    assert house.cloud.words == ["turnOff"]
    # What came in its midst counts in what the tick decides.
    assert "hold_manual" in [each.code for each in report.decisions[0].reasons]


async def test_a_hold_is_kept_while_a_tick_waits_for_a_meter(house, silent):
    tick = asyncio.create_task(house.engine.run_once())
    await silent.wait()
    async with asyncio.timeout(10):
        await house.engine.hold("default", "permanent")
        await tick
    assert house.store.get("state")["hold_until"]


async def test_nothing_else_is_asked_once_a_person_has_waited(house, silent):
    others = [f"C271111EC0{number}" for number in range(20)]
    house.configure(
        zones={f"room {each}": {"meter_device_id": each} for each in others}
    )
    tick = asyncio.create_task(house.engine.run_once())
    await silent.wait()
    async with asyncio.timeout(10):
        await house.engine.hold(f"room {others[0]}", "none")
        await tick
    # As many as are asked at once.
    assert len(house.cloud.calls) == 8


async def test_a_command_on_its_way_is_waited_for(house):
    under_way, arrived = asyncio.Event(), asyncio.Event()
    real = house.cloud.command

    async def slow(*arguments, **options):
        under_way.set()
        await arrived.wait()
        return await real(*arguments, **options)

    house.cloud.command = slow
    house.cloud.temperature = 19.0
    tick = asyncio.create_task(house.engine.run_once())
    await under_way.wait()
    # All but an OFF, which overtakes it: see test_overtaking.py.
    act = asyncio.create_task(house.engine.act("default", "fan"))
    # Longer than any reading would be let run.
    await asyncio.wait({act}, timeout=3)
    assert not act.done()
    arrived.set()
    assert (await tick).outcome == "winter_on"
    assert (await act).status == "accepted"
    winter, fan = house.cloud.words
    assert (winter, fan.split(",")[1]) == ("setAll 23,5,3,on", "4")
