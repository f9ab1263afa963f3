"""Jobs of procrastinate, taken by workers of this very process from a real database."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException

from switchbot_automation.errors import SettingsError
from switchbot_automation.fleet import queue as queue_module
from switchbot_automation.fleet.queue import ERRAND, TICK, FleetQueue
from switchbot_store import (
    StoreUnavailableError,
)


@pytest.fixture
def fleet(working):
    return working


def ends_its_worker(_session):
    """Give clients: whoever asks for the first one ends the process in order."""
    asked = []

    def client_of(home):
        asked.append(home)
        if len(asked) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        raise SettingsError("no account", path=home)

    return client_of


async def test_every_home_is_ticked_and_waits_for_when_it_wants_to_be_again(fleet):
    homes = [str(number) for number in range(7)]
    for home in homes:
        fleet.add(home)
    assert await fleet.queue.sow(homes, fleet.clock.now()) == 7
    assert await fleet.queue.sow(homes, fleet.clock.now()) == 0
    assert await fleet.do_all_that_is_due() == homes
    wanted = {visit.home: visit.next_wakeup for visit in fleet.visits}
    waiting = await fleet.jobs()
    assert {job.lock: job.scheduled_at for job in waiting} == wanted
    assert {job.queue for job in waiting} == {
        fleet.queue.queue_of(home) for home in homes
    }
    assert len({job.queue for job in waiting}) > 1
    assert await fleet.do_all_that_is_due() == []


async def test_homes_that_come_later_are_sown_beside_those_that_wait(fleet):
    """In one statement where none waits, and however many do."""
    for number in range(40):
        fleet.add(str(number))
    later = fleet.clock.now() + timedelta(hours=1)
    assert await fleet.queue.sow(map(str, range(0, 40, 3)), later, 60.0) == 14
    assert await fleet.queue.sow(map(str, range(40)), later, 60.0) == 26
    jobs = await fleet.jobs()
    assert len({job.lock for job in jobs}) == len(jobs) == 40
    spread = [(job.scheduled_at - later).total_seconds() for job in jobs]
    assert min(spread) >= 0
    assert 30 < max(spread) - min(spread) < 60


@pytest.mark.parametrize("shards", [1, 2, 5])
async def test_with_another_number_of_queues_no_home_is_left_in_one_of_before(
    fleet, shards
):
    """What waits there nobody takes any more, and by its lock it would wait for ever."""
    homes = [str(number) for number in range(12)]
    for home in homes:
        fleet.add(home)
    await fleet.queue.sow(homes, fleet.clock.now())
    await fleet.queue.ask("7", {"kind": "refresh"})
    async with FleetQueue(
        fleet.url,
        lambda: fleet.place,
        shards=shards,
        on_visit=fleet.visits.append,
    ) as queue:
        assert await queue.sow(homes, fleet.clock.now()) == 0
        fleet.queue = queue
        assert len(await fleet.jobs()) == 13
        assert await fleet.do_all_that_is_due() == sorted([*homes, "7"])


@pytest.mark.parametrize("rested_seconds", [0.0, 3600.0])
async def test_a_connection_that_ended_is_replaced_unseen(
    fleet, monkeypatch, rested_seconds
):
    """Whether it rested for long, and is asked first, or was lent a moment ago."""
    monkeypatch.setattr(queue_module, "_RESTED_SECONDS", rested_seconds)
    fleet.add("42")
    query = fleet.queue.app.connector.execute_query_all_async
    (mine,) = await query("SELECT pg_backend_pid() AS pid")
    with psycopg.connect(fleet.url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 10000)", [mine["pid"]])
    assert await fleet.queue.sow(["42"], fleet.clock.now()) == 1
    assert await fleet.do_all_that_is_due() == ["42"]


async def test_what_a_person_asks_goes_out_at_once_and_is_ticked_anew(fleet):
    cloud = fleet.add("42")
    await fleet.queue.sow(["42"], fleet.clock.now())
    await fleet.do_all_that_is_due()
    await fleet.queue.ask("42", {"kind": "act", "zone": "default", "action": "on"})
    assert await fleet.do_all_that_is_due() == ["42"]
    assert cloud.words[-1].startswith("setAll")
    (waiting,) = await fleet.jobs()
    assert waiting.task_name == TICK
    assert waiting.scheduled_at <= fleet.visits[0].next_wakeup
    with pytest.raises(SettingsError):
        await fleet.queue.ask("42", {"kind": "act"})


async def test_an_errand_is_done_while_a_tick_of_its_home_hangs(fleet):
    """A person's OFF waits for no cloud that does not answer."""
    fleet.add("42")
    job = fleet.queue._job("42", fleet.clock.now())
    await fleet.queue.app.job_manager.defer_job_async(job)
    worker = await fleet.queue.app.job_manager.register_worker()
    taken = await fleet.queue.app.job_manager.fetch_job(
        queues=fleet.queue.queues, worker_id=worker
    )
    assert taken.lock == "42"
    await fleet.queue.ask("42", {"kind": "webhook", "payload": {}})
    assert await fleet.do_all_that_is_due() == []
    await fleet.queue.ask("42", {"kind": "act", "zone": "default", "action": "off"})
    assert await fleet.do_all_that_is_due() == ["42"]
    assert fleet.clouds["42"].words == ["turnOff"]


async def test_a_home_that_fails_is_tried_again_later_and_later(fleet, caplog):
    fleet.add("42")
    whole = fleet.clouds.pop("42")
    await fleet.queue.sow(["42"], fleet.clock.now())
    waits = []
    for failures in (1, 2, 3):
        began = datetime.now(UTC)
        assert await fleet.do_all_that_is_due() == []
        (job,) = await fleet.jobs()
        assert job.task_kwargs["failures"] == failures
        waits.append((job.scheduled_at - began).total_seconds())
        await fleet.queue.app.job_manager.cancel_job_by_id_async(
            job.id, delete_job=True
        )
        await fleet.queue.app.job_manager.defer_job_async(
            job.evolve(id=None, status=None, scheduled_at=None)
        )
    assert waits == sorted(waits)
    assert waits[0] >= 5
    fleet.clouds["42"] = whole
    assert await fleet.do_all_that_is_due() == ["42"]
    assert "failures" not in (await fleet.jobs())[0].task_kwargs


async def test_a_home_that_was_deleted_is_ticked_no_more_and_leaves_nothing(fleet):
    fleet.add("42")
    await fleet.queue.sow(["42"], fleet.clock.now())
    fleet.store.forget("homes/42/")
    assert await fleet.do_all_that_is_due() == []
    assert await fleet.jobs() == []
    assert fleet.store.keys_with("homes/") == []


@pytest.mark.parametrize("waits", [False, True], ids=["alone", "another waits"])
async def test_what_a_dead_worker_began_is_taken_up(fleet, waits):
    """By whoever looks after it, once the dead one was silent; never twice."""
    cloud = fleet.add("42", 17.5)
    manager = fleet.queue.app.job_manager
    await fleet.queue.sow(["42"], fleet.clock.now())
    dead = await manager.register_worker()
    assert (await manager.fetch_job(queues=None, worker_id=dead)).lock == "42"
    assert await fleet.do_all_that_is_due() == []
    if waits:
        await fleet.queue.sow(["42"], fleet.clock.now())
    await fleet.queue._take_up(0)
    assert await fleet.do_all_that_is_due() == []
    await manager.connector.execute_query_async(
        "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'"
        " WHERE id = %(dead)s",
        dead=dead,
    )
    await fleet.queue._take_up(0)
    assert await fleet.do_all_that_is_due() == ["42"]
    assert len(cloud.words) == 1
    assert [job.task_name for job in await fleet.jobs()] == [TICK]
    assert not await fleet.jobs(task=ERRAND)


async def test_a_home_that_failed_for_days_still_waits_for_its_next_tick(fleet):
    fleet.add("42")
    fleet.clouds.pop("42")
    job = fleet.queue._job("42", fleet.clock.now(), failures=5000)
    await fleet.queue.app.job_manager.defer_job_async(job)
    assert await fleet.do_all_that_is_due() == []
    (waiting,) = await fleet.jobs()
    assert waiting.task_kwargs["failures"] == 5001
    wait = (waiting.scheduled_at - fleet.clock.now()).total_seconds()
    assert 60 < wait <= 120


class _Away:
    """A store of which only what is `whole` answers."""

    def __init__(self, store, *whole):
        self._store, self._whole = store, whole

    def __getattr__(self, name):
        if name == "status" or name in self._whole:
            return getattr(self._store, name)

        def fails(*_args, **_options):
            raise StoreUnavailableError("no route")

        return fails


@pytest.mark.parametrize("whole", [(), ("get", "get_entry", "get_many")])
@pytest.mark.parametrize(
    "errand",
    [
        {"kind": "hold", "zone": "default", "hold": "permanent"},
        {"kind": "set_temperature", "zone": "default", "low": 18.0, "high": 19.0},
        {"kind": "resume", "zone": "default"},
    ],
    ids=lambda errand: errand["kind"],
)
async def test_a_person_s_word_outlives_a_store_that_is_away(fleet, whole, errand):
    """Whether it can be read meanwhile or not: it is kept once it can be written."""
    fleet.add("42")
    await fleet.queue.sow(["42"], fleet.clock.now())
    await fleet.do_all_that_is_due()
    calls = fleet.place.store
    await fleet.queue.ask("42", {"kind": "hold", "zone": "default", "hold": 3600.0})
    await fleet.do_all_that_is_due()
    before = fleet.store.get("homes/42/state")
    await fleet.queue.ask("42", errand)
    store, calls.store = calls.store, _Away(calls.store, *whole)
    assert await fleet.do_all_that_is_due() == []
    calls.store = store
    assert fleet.store.get("homes/42/state") == before
    (waiting,) = await fleet.jobs(task=ERRAND)
    assert waiting.lock == "42/person"
    assert waiting.task_kwargs == {"home": "42", "errand": errand, "failures": 1}
    await fleet.queue.app.job_manager.connector.execute_query_async(
        "UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE id = %(job)s",
        job=waiting.id,
    )
    assert await fleet.do_all_that_is_due() == ["42"]
    assert fleet.store.get("homes/42/state") != before
    assert not await fleet.jobs(task=ERRAND)


async def test_a_person_s_word_outlives_a_store_that_goes_away_as_it_is_taken_up(fleet):
    """After the look whether there is such a home, before its settings were read."""
    fleet.add("42")
    await fleet.queue.ask("42", {"kind": "act", "zone": "default", "action": "off"})
    calls = fleet.place.store
    store = calls.store
    calls.store = _Away(store, "get_entry")
    assert await fleet.do_all_that_is_due() == []
    calls.store = store
    (waiting,) = await fleet.jobs(task=ERRAND)
    assert waiting.task_kwargs["failures"] == 1
    assert fleet.clouds["42"].words == []


async def test_a_person_s_word_outlives_a_queue_that_is_away_with_the_store(
    fleet, monkeypatch
):
    """They are often one database, and it may be back before the job is told to be over."""
    monkeypatch.setattr(queue_module, "_RECONNECT_SECONDS", 0.0)
    fleet.add("42")
    errand = {"kind": "hold", "zone": "default", "hold": "permanent"}
    await fleet.queue.ask("42", errand)
    calls = fleet.place.store
    store, calls.store = calls.store, _Away(calls.store)
    asked, left = fleet.queue._asked, [1, 2]

    async def breaks_off(*words, **options):
        if left:
            left.pop()
            raise ConnectorException
        return await asked(*words, **options)

    monkeypatch.setattr(fleet.queue, "_asked", breaks_off)
    assert await fleet.do_all_that_is_due() == []
    calls.store = store
    (waiting,) = await fleet.jobs(task=ERRAND)
    assert waiting.task_kwargs == {"home": "42", "errand": errand, "failures": 1}


@pytest.mark.parametrize("kind", [None, "refresh", "hold"])
async def test_a_store_that_dies_is_told_of_in_one_line_that_says_when_again(
    fleet, caplog, kind
):
    """Hundreds of visits are cut off at once; a traceback of each would hide the cause."""
    fleet.add("42")
    await fleet.queue.sow(["42"], fleet.clock.now())
    if kind:
        await fleet.do_all_that_is_due()
        more = {"zone": "default", "hold": "permanent"} if kind == "hold" else {}
        await fleet.queue.ask("42", {"kind": kind, **more})
    fleet.place.store.store = _Away(fleet.place.store.store)
    assert await fleet.do_all_that_is_due() == []
    told = [each for each in caplog.records if "42" in each.getMessage()]
    assert told
    assert [each.exc_info for each in told] == [None] * len(told)
    assert "no route" in caplog.text
    if kind != "hold":  # which waits itself
        assert "the home 42 could not be looked after: no route; it is visited " in (
            caplog.text
        )
        assert "again in 5 s" in caplog.text


async def test_a_mistake_in_the_code_keeps_its_traceback(fleet, caplog):
    fleet.add("42")
    fleet.clouds.pop("42")
    await fleet.queue.sow(["42"], fleet.clock.now())
    assert await fleet.do_all_that_is_due() == []
    (told,) = [each for each in caplog.records if "looked after" in each.getMessage()]
    assert told.exc_info[0] is KeyError
    assert told.getMessage().endswith("it is visited again in 5 s")


async def test_whoever_wakes_homes_hears_of_a_queue_that_is_away(fleet, monkeypatch):
    async def breaks_off(*_words, **_options):
        raise ConnectorException from OSError("no\nroute")

    monkeypatch.setattr(fleet.queue, "_asked", breaks_off)
    with pytest.raises(StoreUnavailableError, match="does not answer: no route"):
        await fleet.queue.wake("42", {"kind": "refresh"})


async def test_what_was_sent_for_a_person_is_not_asked_for_again(fleet):
    """Whatever could be kept of it: a button that is pressed twice undoes it.

    OFF itself may go out once more, by a tick that finds its intent without an end.
    """
    cloud = fleet.add("42")
    await fleet.queue.sow(["42"], fleet.clock.now())
    await fleet.do_all_that_is_due()
    calls = fleet.place.store
    store = calls.store
    command = cloud.command

    async def goes_away(*words):
        calls.store = _Away(store, "get", "get_entry", "get_many")
        return await command(*words)

    cloud.command = goes_away
    await fleet.queue.ask("42", {"kind": "act", "zone": "default", "action": "off"})
    await fleet.do_all_that_is_due()
    calls.store = store
    assert set(cloud.words) == {"turnOff"}
    assert not await fleet.jobs(task=ERRAND)


@pytest.mark.parametrize(
    "errand",
    [
        {"kind": "hold", "zone": "nowhere", "hold": "permanent"},
        {"kind": "hold", "zone": "default", "hold": "soon"},
        {"kind": "set_temperature", "zone": "default", "low": None, "high": 22.0},
    ],
)
async def test_an_errand_that_is_refused_puts_no_home_off(fleet, errand, caplog):
    """Its home is ticked all the same, and nothing is asked again."""
    fleet.add("42")
    await fleet.queue.ask("42", errand)
    assert await fleet.do_all_that_is_due() == ["42"]
    (waiting,) = await fleet.jobs()
    assert "failures" not in waiting.task_kwargs
    assert errand["kind"] in caplog.text


async def test_a_worker_that_is_ended_gives_back_at_once_what_it_had_not_begun(
    fleet, database_url, tmp_path
):
    """A process of its own, ended by SIGTERM while it begins the first of twelve."""
    homes = [str(number) for number in range(12)]
    for home in homes:
        fleet.add(home)
    await fleet.queue.sow(homes, fleet.clock.now())
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "switchbot_automation.cli", "fleet", "work"),
        *("--shards", "3", "--accounts", f"{__name__}:ends_its_worker"),
        env=os.environ
        | {"STORE_BACKEND": "postgres", "POSTGRES_URL": database_url}
        | {"STORE_DIRECTORY": str(tmp_path)},
    )
    assert await worker.wait() == 0
    jobs = await fleet.jobs()
    assert {job.lock for job in jobs} == set(homes)
    assert {job.status for job in jobs} == {"todo"}
    assert len(jobs) == len(homes)
    given_back = [job for job in jobs if "failures" not in job.task_kwargs]
    assert given_back
    assert {job.attempts for job in given_back} == {1}


async def test_a_visit_that_is_broken_off_at_a_worker_s_end_is_made_by_another(fleet):
    """Its home would be ticked no more otherwise."""
    cloud = fleet.add("42")
    begun, status = asyncio.Event(), cloud.status

    async def hangs(*_words):
        begun.set()
        await asyncio.Event().wait()

    cloud.status = hangs
    await fleet.queue.sow(["42"], fleet.clock.now())
    working = asyncio.create_task(fleet.queue.work(grace_seconds=0.0))
    await begun.wait()
    working.cancel()
    await asyncio.wait({working})
    (job,) = await fleet.jobs()
    assert job.status == "todo"
    cloud.status = status
    assert await fleet.do_all_that_is_due() == ["42"]


async def test_a_worker_goes_on_that_procrastinate_ended_by_itself(fleet, monkeypatch):
    """As it does where one heartbeat of it comes to nothing."""
    monkeypatch.setattr(queue_module, "_RECONNECT_SECONDS", 0.0)
    fleet.add("42")
    run, begun = fleet.queue.app.run_worker_async, []

    async def ends_once(**options):
        begun.append(options)
        if len(begun) > 1:
            await run(**options)

    monkeypatch.setattr(fleet.queue.app, "run_worker_async", ends_once)
    visited = asyncio.Event()
    fleet.queue._on_visit = lambda _visit: visited.set()
    await fleet.queue.sow(["42"], fleet.clock.now())
    working = asyncio.create_task(fleet.queue.work())
    await visited.wait()
    working.cancel()
    await asyncio.wait({working})
    assert len(begun) == 2
