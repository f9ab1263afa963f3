"""Several engines on one state, as the workers of a web server are: one leads, all obey.

Each reads and writes the store for itself; they share nothing else.
"""

from datetime import timedelta

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.engine.scheduler import SchedulerService
from switchbot_automation.model import ReasonCode

OFF_ROOM = {"min_off_seconds": 600}


@pytest.fixture
def engines(house):
    """Three engines, of which the last one leads."""
    house.configure(**OFF_ROOM)
    house.remember(assumed_aircon_power="off")
    return [
        house.engine,
        *(
            AutomationEngine(house.cloud, house.store, clock=house.clock)
            for _ in range(2)
        ),
    ]


async def begin(house, engines):
    for engine in engines:
        await engine.run_once()
        house.clock.advance(1)
    for engine in engines:
        await engine.look()


async def a_second(house, engines):
    """Let a second pass, in which every worker's scheduler looks."""
    house.clock.advance(1)
    for engine in engines:
        await engine.look()
        if engine.next_wakeup <= house.clock.now():
            await engine.run_once()


async def live(house, engines, seconds):
    """Let time pass, of which every worker sees each half minute."""
    end = house.clock.now() + timedelta(seconds=seconds)
    while house.clock.now() < end:
        house.clock.advance(29)
        await a_second(house, engines)


def truth(engine):
    shown = engine.overview()
    shown.pop("at")
    return shown


async def test_followers_ask_the_cloud_for_nothing(house, engines):
    *followers, leader = engines
    await begin(house, engines)
    house.cloud.calls.clear()
    for _ in range(120):
        house.clock.advance(1)
        for engine in followers:
            assert await engine.look()
            if engine.next_wakeup <= house.clock.now():
                await engine.run_once()
    assert house.cloud.calls == []
    await leader.run_once()
    assert house.cloud.calls


async def test_all_show_what_the_leader_did_within_a_second(house, engines):
    *_, leader = engines
    await begin(house, engines)
    await live(house, engines, 660)
    house.cloud.temperature = 19.0
    await leader.run_once()
    assert house.cloud.words == ["setAll 23,5,3,on"]
    await a_second(house, engines)
    first, *others = [truth(engine) for engine in engines]
    assert first["zones"][0]["outcome"] == "winter_on"
    assert first["zones"][0]["power"] == "on"
    assert others == [first, first]
    texts = [(await engine.explain()).text for engine in engines]
    assert len({text.partition(";")[0] for text in texts}) == 1


@pytest.mark.parametrize("celsius", [19.0, 21.0, 25.0])
async def test_who_only_watches_shows_at_once_what_the_leader_read(house, celsius):
    """It takes nothing for unread that is stored, though the leader told it nothing yet."""
    house.configure(**OFF_ROOM)
    house.remember(assumed_aircon_power="off")
    house.cloud.temperature = celsius
    await house.engine.run_once()
    house.clock.advance(1)
    house.cloud.calls.clear()
    watcher = AutomationEngine(
        house.cloud, house.store, clock=house.clock, watches_while=lambda: True
    )
    seen = await watcher.run_once()
    assert house.cloud.calls == []
    told = {reason.code for each in seen.decisions for reason in each.reasons}
    assert ReasonCode.METER_UNREACHABLE not in told
    assert ReasonCode.NO_READING not in told
    [zone] = watcher.overview()["zones"]
    assert (zone["temperature"], zone["stale"]) == (celsius, False)


@pytest.mark.parametrize("asked", [0, 1, 2])
async def test_a_command_works_on_any_worker_and_shows_on_all(house, engines, asked):
    await begin(house, engines)
    await live(house, engines, 660)
    command = await engines[asked].act("default", "winter", hold="permanent")
    assert command.status == "accepted"
    await a_second(house, engines)
    await a_second(house, engines)
    shown = [truth(engine) for engine in engines]
    assert shown[0]["zones"][0]["power"] == "on"
    assert shown[0]["zones"][0]["hold_until"]
    assert shown == [shown[0]] * 3
    assert len(house.cloud.words) == 1


@pytest.mark.parametrize("asked", [0, 1, 2])
async def test_what_any_worker_promised_is_kept_to_the_second(house, engines, asked):
    await begin(house, engines)
    await engines[0].act("default", "off")
    await a_second(house, engines)
    house.cloud.sent.clear()
    command = await engines[asked].act("default", "winter")
    assert command.status == "blocked"
    promised = command.blocked_until
    await a_second(house, engines)
    assert all(
        truth(engine)["zones"][0]["waiting"]["due_at"] == promised.isoformat()
        for engine in engines
    )
    while house.clock.now() < promised:
        assert house.cloud.words == []
        await a_second(house, engines)
    await a_second(house, engines)
    ((at, what),) = house.cloud.sent
    assert what == "setAll 23,5,3,on"
    assert timedelta(0) <= at - promised <= timedelta(seconds=1)


async def test_what_was_promised_is_kept_when_the_leader_died(house, engines):
    first, second, _dead = engines
    await begin(house, engines)
    await first.act("default", "off")
    house.cloud.sent.clear()
    command = await first.act("default", "winter")
    living = [first, second]
    while house.clock.now() < command.blocked_until + timedelta(seconds=20):
        await a_second(house, living)
    assert house.cloud.words == ["setAll 23,5,3,on"]
    await a_second(house, living)
    assert truth(first)["zones"][0]["power"] == "on"
    assert truth(second)["zones"][0]["power"] == "on"


async def test_the_leader_that_goes_is_replaced_at_the_next_look(house, engines):
    first, second, leader = engines
    async with leader:
        await begin(house, engines)
    await a_second(house, [first, second])
    await a_second(house, [first, second])
    leads = [each._parts.leadership.leads for each in (first, second)]
    assert sorted(leads) == [False, True]


async def test_a_hold_on_a_follower_is_respected_at_once(house, engines):
    first, _, leader = engines
    await begin(house, engines)
    await live(house, engines, 660)
    house.cloud.temperature = 19.0
    await first.hold("default", "permanent")
    await leader.look()
    await leader.run_once()
    assert house.cloud.words == []
    await first.hold("default", "none")
    await leader.look()
    assert leader.next_wakeup <= house.clock.now()
    await leader.run_once()
    assert house.cloud.words == ["setAll 23,5,3,on"]


async def test_a_followers_page_is_told_when_the_leader_did_something(house, engines):
    first, _, leader = engines
    await begin(house, engines)
    await live(house, engines, 660)
    await first.look()
    told = []
    first.subscribe(told.append)
    await first.look()
    assert told == []
    house.cloud.temperature = 19.0
    await leader.run_once()
    await first.look()
    (decision,) = [event for event in told if event.kind == "decision"]
    assert decision.decision.outcome == "winter_on"


async def test_a_temperature_wished_on_any_worker_holds_on_all(house, engines):
    first, _, leader = engines
    await begin(house, engines)
    await live(house, engines, 660)
    await first.set_temperature("default", 24.0, 25.0, until=timedelta(hours=1))
    await leader.look()
    assert leader.next_wakeup <= house.clock.now()
    await a_second(house, engines)
    await a_second(house, engines)
    assert house.cloud.words == ["setAll 27,5,3,on"]
    bands = [truth(engine)["zones"][0]["band"] for engine in engines]
    assert bands == [{"low": 24.0, "high": 25.0}] * 3


async def test_settings_of_any_worker_come_into_force_at_once(house, engines):
    first, second, leader = engines
    await begin(house, engines)
    document = house.store.get("settings")
    await first.apply_settings({**document, "hysteresis_celsius": 0.7})
    await a_second(house, engines)
    assert leader.overview()["zones"][0]["hysteresis"] == 0.7
    assert second.overview()["zones"][0]["hysteresis"] == 0.7


async def test_a_promise_made_while_the_leader_writes_is_not_written_over(
    house, engines
):
    first, _, leader = engines
    await begin(house, engines)
    await first.act("default", "off")
    await leader.look()
    status, promised = house.cloud.status, []

    async def meanwhile(device_id):
        house.cloud.status = status
        promised.append(await first.act("default", "winter"))
        return await status(device_id)

    house.cloud.status = meanwhile
    house.clock.advance(60)
    await leader.run_once()
    assert promised[0].status == "blocked"
    await leader.look()
    waiting = leader.overview()["zones"][0]["waiting"]
    assert waiting["due_at"] == promised[0].blocked_until.isoformat()


def event_of(house, temperature):
    return {
        "eventType": "changeReport",
        "eventVersion": "1",
        "context": {
            "deviceType": "WoMeter",
            "deviceMac": house.store.get("settings")["meter_device_id"],
            "temperature": temperature,
            "humidity": 50,
            "scale": "CELSIUS",
            "timeOfSample": round(house.clock.now().timestamp() * 1000),
        },
    }


@pytest.mark.parametrize("heard", [0, 1, 2])
async def test_an_event_that_reached_any_worker_reaches_the_leader(
    house, engines, heard
):
    *_, leader = engines
    await begin(house, engines)
    await live(house, engines, 660)
    told = []
    leader.subscribe(told.append)
    house.clock.advance(5)
    await engines[heard].handle_webhook(event_of(house, 19.0))
    await leader.look()
    assert leader.next_wakeup <= house.clock.now()
    await leader.run_once()
    assert leader.overview()["zones"][0]["temperature"] == 19.0
    assert house.cloud.words == ["setAll 23,5,3,on"]
    for _ in range(3):
        await a_second(house, engines)
    assert [event.kind for event in told].count("webhook") == 1


@pytest.mark.parametrize("trigger", ["manual", "refresh"])
async def test_a_person_who_wants_a_look_gets_it_from_the_leader(
    house, engines, trigger
):
    first, _, leader = engines
    await begin(house, engines)
    await live(house, engines, 660)
    house.cloud.temperature = 20.4
    await first.run_once(trigger)
    await a_second(house, engines)
    await a_second(house, engines)
    shown = [truth(engine)["zones"][0] for engine in engines]
    assert [zone["temperature"] for zone in shown] == [20.4] * 3
    assert leader.overview()["last_tick"] == first.overview()["last_tick"]


async def test_an_event_passed_on_is_not_taken_again_by_the_next_leader(house, engines):
    first, second, leader = engines
    async with leader:
        await begin(house, engines)
        await second.handle_webhook(event_of(house, 20.5))
        for engine in engines:
            await engine.look()
    told = []
    first.subscribe(told.append)
    await a_second(house, [first, second])
    await a_second(house, [first, second])
    assert "webhook" not in [event.kind for event in told]


async def test_a_promise_of_a_room_nobody_else_wrote_of_stands_too(house):
    """The home's own document is written by all; another room's by its first writer."""
    house.configure(
        min_off_seconds=1800,
        zones={"office": {}, "study": {"meter_device_id": "D00000000002"}},
    )
    stopped = house.clock.now() - timedelta(seconds=10)
    for zone in ("office", "study"):
        house.store.set(
            f"state/{zone}",
            {
                "assumed_aircon_power": "off",
                "compressor_stopped_at": stopped.isoformat(),
            },
        )
    first, leader = (
        house.engine,
        AutomationEngine(house.cloud, house.store, clock=house.clock),
    )
    await begin(house, [first, leader])
    await live(house, [first, leader], 600)
    status, promised = house.cloud.status, []

    async def meanwhile(device_id):
        house.cloud.status = status
        promised.append(await first.act("study", "winter"))
        return await status(device_id)

    house.cloud.status = meanwhile
    house.clock.advance(60)
    await leader.run_once()
    assert promised[0].status == "blocked"
    await leader.look()
    assert leader.zone_overview("study")["waiting"] is not None


async def test_a_promise_stands_where_another_wrote_first(house, engines):
    first, *_ = engines
    await begin(house, engines)
    await first.act("default", "off")
    write = house.store.compare_and_set

    def too_late(key, data, revision):
        house.store.compare_and_set = write
        house.store.set(key, {**house.store.get(key), "somebody": 1})
        return write(key, data, revision)

    house.store.compare_and_set = too_late
    command = await first.act("default", "winter")
    assert command.status == "blocked"
    assert house.state["somebody"] == 1
    due = first.overview()["zones"][0]["waiting"]["due_at"]
    assert due == command.blocked_until.isoformat()
    await engines[2].look()
    assert engines[2].overview()["zones"][0]["waiting"]["due_at"] == due


async def test_a_promise_made_while_the_leaders_command_goes_out_stands(house, engines):
    first, _, leader = engines
    await begin(house, engines)
    await live(house, engines, 660)
    command, promised = house.cloud.command, []

    async def meanwhile(*words):
        house.cloud.command = command
        promised.append(await first.act("default", "fan"))
        return await command(*words)

    house.cloud.command = meanwhile
    house.cloud.temperature = 19.0
    await leader.run_once()
    assert promised[0].status == "blocked"
    await leader.look()
    assert leader.overview()["zones"][0]["waiting"]["action"] == "fan"


async def test_a_home_alone_looks_no_more_after_a_while(house):
    reads = []
    get_many = house.store.get_many
    house.store.get_many = lambda keys: reads.append(1) or get_many(keys)
    await house.tick(21.0)
    assert await house.engine.look()
    house.clock.advance(301)
    reads.clear()
    assert not await house.engine.look()
    assert reads == []
    await house.tick(21.0)
    assert house.store.get("_told/state") == {}


async def test_a_store_that_is_away_is_not_asked_every_second(house, engines):
    await begin(house, engines)

    def away(keys):
        raise OSError("away")

    house.store.get_many = away
    assert not await engines[0].look()


async def test_the_scheduler_looks_every_second(house, engines):
    first, _, leader = engines
    await begin(house, engines)
    async with SchedulerService(first) as scheduler:
        house.cloud.temperature = 19.0
        house.clock.advance(660)
        await leader.run_once()
        asked = house.clock.now()
        while first.overview()["zones"][0]["power"] != "on":
            await house.clock.sleep(0.1)
        assert house.clock.now() - asked <= timedelta(seconds=2)
        assert scheduler.running
