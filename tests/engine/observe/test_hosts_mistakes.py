"""A host's own mistake is a failed call, and is shown once to whoever can mend it."""

import asyncio
import logging
from datetime import timedelta

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.errors import CloudServerError, CloudTimeoutError
from switchbot_automation.model import DeviceStatus
from switchbot_store import MemoryStore, ThreadedStore

SHOWN = "a mistake in the code that makes calls for the engine"


class Mistaken:
    """A host's `CloudApi` around another, with a mistake in one of its calls."""

    def __init__(self, cloud, call, raised):
        self._cloud, self._call, self._raised = cloud, call, raised

    def __getattr__(self, name):
        async def called(*arguments):
            if name == self._call:
                raise self._raised("the host's own")
            return await getattr(self._cloud, name)(*arguments)

        return called


def shown(caplog):
    """Return what was logged as a mistake, each with its traceback."""
    found = [each for each in caplog.records if each.message == SHOWN]
    assert all(each.levelno == logging.ERROR and each.exc_info for each in found)
    return found


def shown_once(caplog):
    assert len(shown(caplog)) == 1


async def ticks(house, count):
    async with house.engine as engine:
        for _ in range(count):
            await engine.run_once()
            house.clock.advance(timedelta(minutes=20).total_seconds())


@pytest.mark.parametrize("raised", [TypeError, KeyError, AttributeError, ValueError])
async def test_a_mistake_in_reading_is_an_unknown_reading(house, caplog, raised):
    house.configure()
    house.cloud = Mistaken(house.cloud, "status", raised)
    house.restarted()
    await ticks(house, 3)
    assert house.state["last_temperature"] is None
    assert raised.__name__ in house.state["last_error"]
    shown_once(caplog)
    assert "in called" in caplog.text


@pytest.mark.parametrize("raised", [TypeError, IndexError, NotImplementedError])
async def test_a_mistake_in_commanding_is_a_failed_command(house, caplog, raised):
    house.configure()
    house.cloud.temperature = 15.0
    house.cloud = Mistaken(house.cloud, "command", raised)
    house.restarted()
    async with house.engine as engine:
        report = await engine.run_once()
    (command,) = report.commands
    assert str(command.status) == "failed"
    shown_once(caplog)


async def test_an_answer_of_another_kind_is_a_mistake_too(house, caplog):
    house.configure()

    async def status(_device_id):
        return None

    house.cloud.status = status
    house.restarted()
    await ticks(house, 3)
    shown_once(caplog)


@pytest.mark.parametrize(
    "error", [CloudTimeoutError("x"), CloudServerError("x"), OSError(), TimeoutError()]
)
async def test_a_network_that_fails_is_no_mistake(house, caplog, error):
    house.configure()
    house.cloud.broken["status"] = error
    await ticks(house, 2)
    assert not shown(caplog)


async def test_two_mistakes_are_shown_each_once(house, caplog):
    house.configure()

    async def status(device_id):
        if house.clock.now().minute % 40 == 0:
            return DeviceStatus(device_id, "Meter", {}["temperature"], None)
        return DeviceStatus(device_id)

    house.cloud.status = status
    house.restarted()
    await ticks(house, 6)
    assert len(shown(caplog)) == 2


async def broken_off(*_arguments, **_named):
    """Wait for something that somebody else cancels, as a shared task or a scope."""
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


@pytest.mark.parametrize("call", ["status", "command", "devices"])
async def test_a_call_that_was_cancelled_from_within_is_a_failed_call(house, call):
    house.cloud.temperature = 15.0
    setattr(house.cloud, call, broken_off)
    async with house.engine as engine:
        report = await engine.run_once()
    assert report.decisions
    assert [str(each.status) for each in report.commands] == (
        {"status": [], "command": ["failed"], "devices": ["accepted"]}[call]
    )
    if call == "status":
        assert "was cancelled" in house.state["last_error"]


class Cancelled:
    """Any part of a host's, each of whose calls ends by a cancellation of its own."""

    notify = record = send = post_json = staticmethod(broken_off)


@pytest.mark.parametrize("part", ["notifier", "history"])
async def test_no_part_of_a_host_ends_a_tick_by_a_cancellation_of_its_own(house, part):
    house.cloud.temperature = 15.0
    async with house.restarted(**{part: Cancelled()}) as engine:
        report = await engine.run_once()
        health = await engine.health()
    assert [str(each.status) for each in report.commands] == ["accepted"]
    assert (health["history_error"] is not None) == (part == "history")


@pytest.mark.parametrize(
    "call", ["get_many", "get_entry", "set_many", "compare_and_set", "update"]
)
async def test_a_store_that_breaks_off_is_one_that_is_away(house, call):
    house.cloud.temperature = 15.0
    async with house.engine as engine:
        await engine.run_once()
        store = ThreadedStore(house.store)
        setattr(store, call, broken_off)
        async with AutomationEngine(house.cloud, store, clock=house.clock) as second:
            house.clock.advance(600)
            report = await second.run_once()
    assert report.next_wakeup > house.clock.now()


async def test_who_ends_a_tick_ends_it(house):
    begun, never = asyncio.Event(), asyncio.Event()

    async def waits(_device_id):
        begun.set()
        await never.wait()

    house.cloud.status = waits
    async with house.engine as engine:
        ticking = asyncio.create_task(engine.run_once())
        await begun.wait()
        ticking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ticking


REENTRANT = {
    "run_once": lambda house: house.engine.run_once(),
    "act": lambda house: house.engine.act("default", "on"),
    "apply_settings": lambda house: house.engine.apply_settings(
        house.store.get("settings")
    ),
}


@pytest.mark.parametrize("asked", REENTRANT)
@pytest.mark.parametrize("call", ["status", "command"])
async def test_a_call_that_waits_for_the_engine_which_waits_for_it_is_refused_at_once(
    house, call, asked
):
    """It was waited for until the call's time was over, a minute at every tick."""
    house.cloud.temperature = 15.0
    within = getattr(house.cloud, call)
    refused = []

    async def called(*arguments):
        if not refused:
            try:
                await REENTRANT[asked](house)
            except RuntimeError as error:
                refused.append(str(error))
                raise
        return await within(*arguments)

    setattr(house.cloud, call, called)
    async with house.engine as engine, asyncio.timeout(20):
        await engine.run_once()
        house.clock.advance(600)
        report = await engine.run_once()
    assert report.decisions
    assert "waits for this very call" in refused[0]


async def test_what_a_call_starts_and_does_not_await_has_its_turn(house):
    started = []
    within = house.cloud.status

    async def status(device_id):
        if not started:
            started.append(asyncio.ensure_future(house.engine.run_once()))
            await asyncio.sleep(0)
        return await within(device_id)

    house.cloud.status = status
    async with house.engine as engine, asyncio.timeout(20):
        await engine.run_once()
        assert (await started[0]).decisions


async def test_a_second_engine_may_be_asked_within_a_call_of_the_first(house):
    within, answers = house.cloud.status, []
    other = AutomationEngine(house.cloud, MemoryStore(), clock=house.clock)

    async def status(device_id):
        if not answers:
            answers.append(None)
            answers[0] = await other.run_once()
        return await within(device_id)

    house.cloud.status = status
    async with other, house.engine as engine, asyncio.timeout(20):
        assert (await engine.run_once()).decisions
    assert answers[0] is not None
