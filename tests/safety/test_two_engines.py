"""Two engines on one state never command twice."""

import asyncio
import platform
from contextlib import ExitStack

import aiohttp
import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.web import serve
from switchbot_store import JsonStore, MemoryStore, PostgresStore


@pytest.fixture(params=["memory", "json", "postgres"])
def stores(request, tmp_path):
    """Give two views of the same documents, as two processes have them."""
    with ExitStack() as stack:
        if request.param == "memory":
            store = MemoryStore()
            yield store, store
        elif request.param == "json":
            yield (
                stack.enter_context(JsonStore(tmp_path)),
                stack.enter_context(JsonStore(tmp_path)),
            )
        else:
            conninfo = request.getfixturevalue("migrated_database_url")
            yield (
                stack.enter_context(PostgresStore(conninfo)),
                stack.enter_context(PostgresStore(conninfo)),
            )


@pytest.fixture
async def pair(flat, stores):
    """Two engines at the same flat; their commands take a second each."""
    flat.store = stores[0]
    flat.configure(min_off_seconds=180, min_on_seconds=60)
    flat.cloud.latency_seconds = 1.0
    engines = [
        AutomationEngine(flat.cloud, store, clock=flat.clock) for store in stores
    ]
    async with engines[0], engines[1]:
        yield engines


async def test_both_at_the_same_instant_start_it_once(flat, pair):
    flat.reads(19.0)
    await asyncio.gather(*[engine.run_once() for engine in pair])
    await asyncio.gather(*[engine.run_once() for engine in pair])
    assert flat.cloud.words == ["setAll 24,5,3,on"]


async def test_turn_by_turn_they_command_like_one(flat, pair):
    for value in (19.0, 19.5, 23.0, 22.5, 19.0, 19.0, 21.0):
        flat.reads(value)
        for engine in pair:
            await engine.run_once()
            flat.clock.advance(60)
    assert flat.cloud.words == ["setAll 24,5,3,on", "turnOff", "setAll 24,5,3,on"]


async def test_the_older_one_observes_and_says_so(flat, pair):
    older, newer = pair
    flat.reads(21.0)
    await older.run_once()
    await newer.run_once()
    flat.clock.advance(60)
    flat.reads(19.0)
    # By itself it asks the cloud for nothing; somebody may look once with it.
    assert (await older.run_once()).commands == ()
    report = await older.run_once("once")
    assert [command.status for command in report.commands] == ["blocked"]
    assert "not_lease_holder" in [r.code for r in report.commands[0].reasons]
    assert flat.cloud.words == []
    await newer.run_once()
    assert flat.cloud.words == ["setAll 24,5,3,on"]


async def test_a_person_is_heard_by_either(flat, pair):
    older, newer = pair
    await older.run_once()
    await newer.run_once()
    assert (await older.act("default", "on")).status == "accepted"
    assert (await older.act("default", "off")).status == "accepted"
    command = await newer.act("default", "on")
    assert (command.status, command.reasons[-1].code) == (
        "blocked",
        "min_off_remaining",
    )


async def test_the_older_one_takes_over_when_the_newer_one_closes(flat, pair):
    older, newer = pair
    await older.run_once()
    await newer.run_once()
    await newer.__aexit__(None, None, None)
    flat.reads(19.0)
    await older.run_once()
    assert flat.cloud.words == ["setAll 24,5,3,on"]


async def test_the_older_one_takes_over_when_the_newer_one_falls_silent(flat, pair):
    older, newer = pair
    await older.run_once()
    await newer.run_once()
    flat.reads(19.0)
    for _ in range(20):
        await older.run_once()
        flat.clock.advance(60)
    assert flat.cloud.words == []
    for _ in range(5):
        await older.run_once()
        flat.clock.advance(60)
    assert flat.cloud.words == ["setAll 24,5,3,on"]


async def test_tokens_only_grow(flat, pair):
    tokens = []
    flat.cloud.on_command = lambda _word: tokens.append(
        flat.store.get("state")["command_intent"]["token"]
    )
    older, newer = pair
    flat.reads(19.0)
    await older.run_once()
    flat.reads(23.0)
    flat.clock.advance(120)
    await newer.run_once()
    assert tokens == [1, 2]


# --- an engine that sleeps through its replacement --------------------------------


class Sleeper:
    """Lets one engine's tick stand still where it reads its meter."""

    def __init__(self, flat, monkeypatch):
        self.asleep, self.wake = asyncio.Event(), asyncio.Event()
        status = flat.cloud.status
        first = [True]

        async def answer(device_id):
            found = await status(device_id)
            if first:
                first.clear()
                self.asleep.set()
                await self.wake.wait()
            return found

        monkeypatch.setattr(flat.cloud, "status", answer)


async def replaced(flat, pair, monkeypatch, value):
    """Let the older one sleep in its tick while the newer one takes over and ticks."""
    older, newer = pair
    flat.reads(value)
    sleeper = Sleeper(flat, monkeypatch)
    ticking = asyncio.ensure_future(older.run_once())
    await sleeper.asleep.wait()
    await newer.run_once()
    sleeper.wake.set()
    return await ticking


async def test_one_that_slept_does_not_send_what_its_successor_sent(
    flat, pair, monkeypatch
):
    await pair[0].run_once()
    report = await replaced(flat, pair, monkeypatch, 19.0)
    assert [command.status for command in report.commands] == ["blocked"]
    assert flat.cloud.words == ["setAll 24,5,3,on"]


async def test_what_one_that_slept_saves_makes_no_start_forgotten(
    flat, pair, monkeypatch
):
    await pair[0].run_once()
    await replaced(flat, pair, monkeypatch, 19.0)
    started = flat.cloud.starts[0].isoformat()
    flat.reads(23.0)
    # Too early for a stop: the start counts, for either of them and for a third.
    for engine in (*pair, flat.started()):
        flat.clock.advance(10)
        await engine.run_once()
        assert flat.store.get("state")["compressor_started_at"] == started
    assert flat.cloud.words == ["setAll 24,5,3,on"]
    assert flat.store.get("state")["engine"]["token"] == 3


async def test_its_other_rooms_are_fenced_as_well(flat, pair, monkeypatch):
    flat.configure(zones={"a": {}, "b": {"meter_device_id": "OTHER"}})
    flat.reads(19.0, "OTHER")
    await replaced(flat, pair, monkeypatch, 19.0)
    assert flat.cloud.words == ["setAll 24,5,3,on"] * 2
    for engine in (*pair, *pair):
        flat.clock.advance(60)
        await engine.run_once()
    assert len(flat.cloud.words) == 2


async def test_a_successor_commands_at_its_first_tick(flat, pair):
    older, newer = pair
    flat.reads(21.0)
    await older.run_once()
    flat.reads(19.0)
    # The older one is gone without a word.
    report = await newer.run_once()
    assert [command.status for command in report.commands] == ["accepted"]


async def test_calls_that_the_other_counts_hold_no_command_back(
    flat, pair, monkeypatch
):
    follower, leader = pair
    flat.reads(21.0)
    await follower.run_once()
    await leader.run_once()
    flat.reads(19.0)
    sleeper = Sleeper(flat, monkeypatch)
    ticking = asyncio.ensure_future(leader.run_once())
    await sleeper.asleep.wait()
    # It writes the calls it made between the leader's look and its intent.
    used = flat.store.get("state")["api_requests_total"]
    await follower.run_once("once")
    assert flat.store.get("state")["api_requests_total"] > used
    sleeper.wake.set()
    report = await ticking
    assert [command.status for command in report.commands] == ["accepted"]
    assert flat.cloud.words == ["setAll 24,5,3,on"]


async def test_two_stop_and_start_for_hours_like_one(flat, pair):
    # Of who commands, not of a meter that goes to and fro by 4 K: that is not believed.
    flat.configure(min_off_seconds=180, min_on_seconds=60, sensor_slew_kelvin=0)
    alive = list(pair)
    for minute in range(240):
        flat.reads(19.0 if minute % 20 < 10 else 23.0)
        flat.clock.advance(60)
        await asyncio.gather(*[engine.run_once() for engine in alive])
        if minute == 120:
            await alive.pop().__aexit__(None, None, None)
    # Every ten minutes the other word: not one is missing, none is there twice.
    assert len(flat.cloud.words) == 24
    assert all(
        one != other
        for one, other in zip(flat.cloud.words, flat.cloud.words[1:], strict=False)
    )


# --- an intent somebody is sending ------------------------------------------------


async def test_a_newcomer_does_not_send_what_another_is_sending(flat, pair):
    older, newer = pair
    flat.reads(19.0)
    reports = []

    async def come_in() -> None:
        reports.append(await newer.run_once())

    tasks = []
    flat.cloud.on_command = lambda _word: tasks.append(asyncio.ensure_future(come_in()))
    await older.run_once()
    flat.cloud.on_command = lambda _word: None
    await asyncio.gather(*tasks)
    await newer.run_once()
    assert flat.cloud.words == ["setAll 24,5,3,on"]


async def test_a_newcomer_does_not_send_what_was_answered_and_not_yet_written(
    flat, pair
):
    older, newer = pair
    flat.reads(19.0)
    save = older._documents.save

    async def save_later(home) -> None:
        older._documents.save = save
        await newer.run_once()
        await save(home)

    older._documents.save = save_later
    await older.run_once()
    await newer.run_once()
    assert flat.cloud.words == ["setAll 24,5,3,on"]


def intent(flat, owner):
    return {
        "id": "one",
        "at": flat.clock.now().isoformat(),
        "action": "winter",
        "token": 1,
        "idempotent": True,
        "source": "automation",
        "owner": owner,
    }


async def test_what_another_host_began_is_left_to_it_for_a_while(flat):
    flat.store.set("state", {"command_intent": intent(flat, "elsewhere:1")})
    await flat.tick(19.0)
    assert flat.cloud.words == []
    await flat.tick(19.0, after=121)
    assert flat.cloud.words == ["setAll 24,5,3,on"]


async def test_what_a_dead_process_began_counts_as_begun(flat):
    owner = f"{platform.node()}:999999999"
    flat.store.set("state", {"command_intent": intent(flat, owner)})
    await flat.tick(21.0)
    assert flat.state["compressor_started_at"] == flat.clock.now().isoformat()
    assert flat.state["equipment"]["starts"][0][1] == "winter"


def hooked(name):
    """Return a rule with a secret of its own."""
    return {
        "id": name,
        "triggers": {"trigger": "time", "at": "00:00"},
        "actions": [{"action": "webhook", "url": f"https://hooks.example.com/{name}"}],
        "enabled": False,
    }


async def add_rules(engine, names):
    """Add them one by one over the page, again where somebody else was first."""
    async with serve(engine, port=0) as url, aiohttp.ClientSession() as http:
        for name in names:
            answered = None
            while answered != 200:
                async with http.get(f"{url}api/settings") as answer:
                    document = await answer.json()
                    match = {"If-Match": answer.headers["ETag"]}
                # Of the others' rules it has the masks alone.
                document.setdefault("rules", []).append(hooked(name))
                async with http.put(
                    f"{url}api/settings", json=document, headers=match
                ) as answer:
                    answered = answer.status
                    assert answered in {200, 409, 412}, await answer.text()


async def test_two_pages_that_change_the_settings_at_once_lose_no_change_and_no_secret(
    pair,
):
    names = [[f"{who}{number}" for number in range(5)] for who in ("a", "b")]
    for engine in pair:
        await engine.run_once()
    await asyncio.gather(*map(add_rules, pair, names))
    stored = (await pair[0].stored_settings()).data["rules"]
    assert sorted(each["id"] for each in stored) == sorted(names[0] + names[1])
    for each in stored:
        assert each == hooked(each["id"])
