"""A host's own mistake is a failed call, and is shown once to whoever can mend it."""

import logging
from datetime import timedelta

import pytest

from switchbot_automation.errors import CloudServerError, CloudTimeoutError
from switchbot_automation.model import DeviceStatus

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
    await ticks(house, 4)
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
