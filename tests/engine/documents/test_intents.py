"""The record made before sending: who may send, and what a crash leaves."""

import asyncio
import signal
import subprocess
import sys
from datetime import timedelta

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.simulation import SimulatedClock
from switchbot_automation.simulation.clock import DEFAULT_START
from switchbot_store import JsonStore, StoreConflictError, StoreUnavailableError


def codes(command):
    return [str(reason.code) for reason in command.reasons]


class Crash(BaseException):
    """The process ends here."""


async def crash_while_sending(house, temperature):
    """Let the process end after the intent was recorded, before the answer came."""

    def crash():
        raise Crash

    house.cloud.on_send = crash
    house.cloud.temperature = temperature
    with pytest.raises(Crash):
        await house.engine.run_once()
    house.cloud.on_send = lambda: None
    house.cloud.sent.clear()
    house.restarted()


async def test_the_intent_lies_in_the_store_before_anything_is_sent(house):
    house.remember(assumed_aircon_power="off")
    seen = []
    house.cloud.on_send = lambda: seen.append(house.state["command_intent"])
    await house.tick(19.0)
    (intent,) = seen
    assert intent["action"] == "winter"
    assert intent["at"] == "2026-01-12T12:00:00+00:00"
    assert intent["token"] == 1
    assert intent["id"]
    assert house.state["command_intent"] is None


async def test_an_on_cut_off_by_a_crash_counts_as_a_start_and_is_sent_again(house):
    house.configure(min_on_seconds=300)
    house.remember(assumed_aircon_power="off")
    await crash_while_sending(house, 19.0)
    report = await house.tick(19.0, after=30)
    assert report.outcome == "winter_on"
    assert house.cloud.words == ["setAll 23,5,3,on"]
    assert house.state["assumed_aircon_power"] == "on"
    assert (await house.tick(19.0, after=60)).outcome == "cooldown"
    assert len(house.cloud.words) == 1


async def test_an_on_cut_off_by_a_crash_is_not_forgotten_when_it_is_warm_again(house):
    house.configure(min_on_seconds=300)
    house.remember(assumed_aircon_power="off")
    await crash_while_sending(house, 19.0)
    # It may have started at noon: OFF waits until five past.
    assert (await house.tick(23.0, after=30)).outcome == "cooldown"
    assert house.engine.next_wakeup <= house.clock.now() + timedelta(seconds=270)
    assert (await house.tick(23.0, after=270)).outcome == "winter_off"


async def test_a_scene_cut_off_by_a_crash_is_not_run_twice(house):
    house.configure(aircon_scenes={"winter": "S-TOGGLE"})
    house.remember(assumed_aircon_power="off")
    await crash_while_sending(house, 19.0)
    report = await house.tick(19.0, after=60)
    assert report.outcome == "no_action"
    assert house.cloud.words == []
    assert house.state["compressor_started_at"] == "2026-01-12T12:00:00+00:00"


async def test_an_off_cut_off_by_a_crash_is_sent_again_even_while_disabled(house):
    house.configure(min_off_seconds=180)
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    await crash_while_sending(house, 23.0)
    house.configure(automation_enabled=False)
    report = await house.tick(after=30)
    assert report.outcome == "disabled"
    assert house.cloud.words == ["turnOff"]
    assert house.state["assumed_aircon_power"] == "off"
    await house.tick(after=30)
    assert len(house.cloud.words) == 1


async def test_a_task_cancelled_while_sending_leaves_an_intent_that_counts(house):
    house.remember(assumed_aircon_power="off")
    blocked = asyncio.Event()

    async def hang(call):
        house.cloud.calls.append(call)
        if call == "command":
            blocked.set()
            await asyncio.Event().wait()

    answer, house.cloud._answer = house.cloud._answer, hang
    house.cloud.temperature = 19.0
    tick = asyncio.create_task(house.engine.run_once())
    await blocked.wait()
    tick.cancel()
    with pytest.raises(asyncio.CancelledError):
        await tick
    house.cloud._answer = answer
    # The same engine, not restarted: it knows that the command was its own.
    assert (await house.tick(19.0, after=10)).outcome == "winter_on"
    assert house.cloud.words == ["setAll 23,5,3,on"]


class Racing:
    """Lets another writer touch the state between the read and the intent."""

    def __init__(self, house):
        self.house = house
        self.times = 1
        compare_and_set = house.store.compare_and_set

        def racing(key, data, revision):
            if key == "state" and self.times:
                self.times -= 1
                house.store.set("state", {**house.state, "somebody": self.times})
            return compare_and_set(key, data, revision)

        house.store.compare_and_set = racing


async def test_who_loses_the_race_does_not_send_and_does_not_overwrite(house):
    house.remember(assumed_aircon_power="off")
    Racing(house)
    report = await house.tick(19.0)
    (command,) = report.commands
    assert command.status == "blocked"
    assert "lost_race" in codes(command)
    assert report.outcome == "noop"
    assert house.cloud.words == []
    assert house.state["somebody"] == 0
    assert (await house.tick(19.0, after=60)).outcome == "winter_on"
    assert house.state["somebody"] == 0


async def test_a_persons_off_is_sent_although_it_loses_every_race(house):
    house.remember(assumed_aircon_power="on")
    Racing(house).times = 20
    command = await house.engine.act("default", "off")
    assert command.status == "accepted"
    assert house.cloud.words == ["turnOff"]
    assert house.state["assumed_aircon_power"] == "off"


async def test_a_persons_on_looks_again_after_a_lost_race(house):
    house.remember(assumed_aircon_power="off")
    Racing(house)
    assert (await house.engine.act("default", "on")).status == "accepted"
    assert house.state["assumed_aircon_power"] == "on"
    assert house.state["somebody"] == 0


async def test_of_two_engines_on_one_store_one_commands(house):
    house.remember(assumed_aircon_power="off")
    house.cloud.temperature = 19.0
    other = AutomationEngine(house.cloud, house.store, clock=house.clock)
    house.cloud.latency_seconds = 0.1
    reports = await asyncio.gather(house.engine.run_once(), other.run_once())
    assert house.cloud.words == ["setAll 23,5,3,on"]
    statuses = sorted(each.status for report in reports for each in report.commands)
    assert statuses[-1:] == ["blocked"] or statuses == ["accepted"]
    for _tick in range(5):
        house.clock.advance(60)
        await house.engine.run_once()
        await other.run_once()
    assert house.cloud.words == ["setAll 23,5,3,on"]


async def test_another_engines_command_under_way_is_left_alone_until_it_is_too_old(
    house,
):
    house.remember(assumed_aircon_power="off")
    await house.tick(21.0)
    intent = {
        "id": "somebody-else",
        "at": house.clock.now().isoformat(),
        "action": "winter",
        "token": 7,
        "idempotent": True,
        "source": "automation_winter_on",
    }
    house.store.set("state", {**house.state, "command_intent": intent})
    report = await house.tick(19.0, after=30)
    assert "intent_in_flight" in codes(report.commands[0])
    assert house.cloud.words == []
    assert house.state["command_intent"]["id"] == "somebody-else"
    # Two minutes later whoever it was has crashed: it counts as sent, and is repeated.
    assert (await house.tick(19.0, after=90)).outcome == "winter_on"


@pytest.mark.parametrize("error", [StoreUnavailableError("away"), OSError("disk")])
async def test_without_a_recorded_intent_on_is_not_sent_but_off_is(house, error):
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)

    def away(key, data, revision):
        raise error

    house.store.compare_and_set = away
    assert (await house.tick(23.0)).outcome == "winter_off"
    assert house.cloud.words == ["turnOff"]
    report = await house.tick(19.0, after=60)
    assert report.outcome == "noop"
    assert "store_unavailable" in codes(report.commands[0])
    assert house.cloud.words == ["turnOff"]


async def test_a_conflict_at_the_intent_is_told_from_an_outage(house):
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)

    def conflict(key, data, revision):
        raise StoreConflictError(key, "other")

    house.store.compare_and_set = conflict
    report = await house.tick(23.0)
    assert "lost_race" in codes(report.commands[0])
    assert house.cloud.words == []


KILLED_WHILE_SENDING = """
import asyncio, sys
from switchbot_automation.engine import AutomationEngine
from switchbot_automation.model import DeviceList, DeviceStatus
from switchbot_automation.simulation import SimulatedClock
from switchbot_store import JsonStore

class Cloud:
    async def devices(self):
        return DeviceList((), ())
    async def status(self, device_id):
        return DeviceStatus(device_id, "Meter", {"temperature": 19.0}, clock.now())
    async def command(self, *_args):
        print("sending", flush=True)
        await asyncio.Event().wait()

async def main():
    async with AutomationEngine(Cloud(), JsonStore(sys.argv[1]), clock=clock) as engine:
        await engine.run_once()

clock = SimulatedClock()
asyncio.run(main())
"""


def test_a_process_killed_while_sending_leaves_its_intent_on_the_disk(house, tmp_path):
    house.configure(
        time_windows=[{"days": [0], "start": "00:00", "end": "23:00"}],
        min_on_seconds=300,
    )
    settings = house.store.get("settings")
    with JsonStore(tmp_path) as store:
        store.set("settings", settings)
        store.set("state", {"assumed_aircon_power": "off"})
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED_WHILE_SENDING, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "sending\n"
        process.send_signal(signal.SIGKILL)

    async def after_the_restart():
        clock = SimulatedClock()
        house.clock, house.cloud.clock = clock, clock
        clock.advance(20)
        house.store = JsonStore(tmp_path)
        async with house.restarted():
            return await house.tick(23.0)

    report = asyncio.run(after_the_restart())
    # It may have started, so it must run its time before it is turned off.
    assert report.outcome == "cooldown"
    assert report.commands[0].blocked_until == DEFAULT_START + timedelta(seconds=300)
    assert house.state["assumed_aircon_power"] == "on"
    house.store.close()
