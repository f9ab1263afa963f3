"""Workers whose machine or version differs, and a queue that is away while they work."""

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException

from switchbot_automation.clock import SystemClock
from switchbot_automation.fleet import queue as queue_module
from switchbot_automation.fleet.clock import FleetClock
from switchbot_automation.fleet.errands import Errand
from switchbot_automation.fleet.queue import ERRAND, TICK, FleetQueue


class WrongClock(SystemClock):
    """A machine's clock that is off by so much."""

    def __init__(self, off):
        self.off = off

    def now(self):
        return super().now() + self.off


def on_a_machine_that_is_off(working, off):
    working.place = replace(working.place, clock=WrongClock(off))
    for cloud in working.clouds.values():
        cloud.clock = working.place.clock


@pytest.mark.parametrize("minutes", [-600, -10, 10, 600])
async def test_a_home_is_due_by_the_queue_s_clock_whatever_a_worker_s_shows(
    working, minutes, caplog
):
    """Set back it would be visited again and again, set forward hours late."""
    off = timedelta(minutes=minutes)
    working.add("42")
    await working.queue.sow(["42"], datetime.now(UTC))
    on_a_machine_that_is_off(working, off)
    assert await working.do_all_that_is_due() == ["42"]
    (visit,) = working.visits
    assert visit.late_seconds < 60
    (waiting,) = await working.jobs()
    wanted = visit.next_wakeup - off
    assert abs(waiting.scheduled_at - wanted) < timedelta(seconds=2)
    assert waiting.scheduled_at > datetime.now(UTC)
    assert "off the queue's" in caplog.text
    assert await working.do_all_that_is_due() == []


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_a_home_that_fails_on_such_a_machine_waits_no_longer_than_elsewhere(
    working, minutes
):
    working.add("42")
    del working.clouds["42"]
    await working.queue.sow(["42"], datetime.now(UTC))
    on_a_machine_that_is_off(working, timedelta(minutes=minutes))
    assert await working.do_all_that_is_due() == []
    (waiting,) = await working.jobs()
    wait = (waiting.scheduled_at - datetime.now(UTC)).total_seconds()
    # By what the queue's clock was taken for, to some milliseconds.
    assert 0 < wait < 6


@pytest.mark.parametrize("off", [timedelta(hours=1), timedelta(days=-3650)])
async def test_a_worker_whose_clock_can_be_put_right_judges_homes_by_the_queue_s(
    working, off
):
    """Windows, holds and minimum times; and what it notes is read by the others."""
    machine = WrongClock(off)
    clock = FleetClock(machine)
    for home in ("ticked", "asked"):
        cloud = working.add(home)
        cloud.clock = clock
    working.place = replace(working.place, clock=clock)
    await working.queue.sow(["ticked"], datetime.now(UTC))
    await working.queue.ask("asked", {"kind": "refresh"})
    assert await working.do_all_that_is_due() == ["asked", "ticked"]
    for visit in working.visits:
        assert abs(visit.at - datetime.now(UTC)) < timedelta(seconds=60)
        assert 0 <= visit.late_seconds < 60
    for waiting in await working.jobs():
        wait = (waiting.scheduled_at - datetime.now(UTC)).total_seconds()
        assert 0 < wait <= 61
    machine.off = timedelta(0)  # somebody sets it
    working.queue._put_clock_right()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=2)


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(hours=-1)])
async def test_a_clock_that_is_set_during_a_visit_puts_no_home_off(working, step):
    """Nobody knows by which of both times it wants its next visit: it is visited soon."""
    machine = WrongClock(timedelta(0))
    clock = FleetClock(machine)
    cloud = working.add("42")
    cloud.clock = clock
    status = cloud.status

    async def set_meanwhile(device_id):
        machine.off = step
        return await status(device_id)

    cloud.status = set_meanwhile
    working.place = replace(working.place, clock=clock)
    await working.queue.sow(["42"], datetime.now(UTC))
    assert await working.do_all_that_is_due() == ["42"]
    (waiting,) = await working.jobs()
    wait = (waiting.scheduled_at - datetime.now(UTC)).total_seconds()
    assert 0 < wait <= 61


async def test_what_a_leaving_machine_gives_back_is_due_at_once(working):
    """By the queue's clock, not by that of a machine that is fast."""
    working.add("42")
    await working.queue.sow(["42"], datetime.now(UTC))
    manager = working.queue.jobs
    worker = await manager.register_worker()
    job = await manager.fetch_job(working.queue.queues, worker)
    await manager.again([job])
    (waiting,) = await working.jobs()
    assert waiting.scheduled_at < datetime.now(UTC) - timedelta(days=1)


@pytest.mark.parametrize(
    "more",
    [{"wanted_by": "a newer one"}, {"zones": 7}, {"failures": "many"}, {"due": "soon"}],
    ids=lambda more: next(iter(more)),
)
async def test_no_home_is_lost_for_what_another_version_says_of_it(
    working, more, caplog
):
    """Whatever of a job nobody here can read: its home has one that waits."""
    working.add("42")
    job = working.queue._job("42", datetime.now(UTC))
    await working.queue.jobs.defer_job_async(
        job.evolve(task_kwargs={**job.task_kwargs, **more})
    )
    await working.do_all_that_is_due()
    (waiting,) = await working.jobs()
    assert (waiting.task_name, waiting.status) == (TICK, "todo")
    assert waiting.scheduled_at > datetime.now(UTC)


async def test_an_errand_of_which_a_newer_version_says_more_is_done(working):
    cloud = working.add("42")
    job = working.queue._errand.configure(
        queue=working.queue.queue_of("42"), lock="42/person"
    ).job
    errand = {"kind": "act", "zone": "default", "action": "off"}
    await working.queue.jobs.defer_job_async(
        job.evolve(task_kwargs={"home": "42", "errand": errand, "by": "the owner"})
    )
    assert await working.do_all_that_is_due() == ["42"]
    assert cloud.words == ["turnOff"]


@pytest.mark.parametrize(
    "errand",
    [
        {"kind": "act", "zone": "default", "action": "off", "reason": "of tomorrow"},
        {"kind": "of_tomorrow", "zone": "default"},
    ],
    ids=lambda errand: errand["kind"],
)
async def test_an_errand_that_only_a_newer_version_knows_waits_for_it(
    working, errand, monkeypatch
):
    """A person's word is not lost to the worker that happens to be first."""
    cloud = working.add("42")
    job = working.queue._errand.configure(
        queue=working.queue.queue_of("42"), lock="42/person", priority=100
    ).job
    await working.queue.jobs.defer_job_async(
        job.evolve(task_kwargs={"home": "42", "errand": errand})
    )
    await working.queue.sow(["42"], datetime.now(UTC))
    assert await working.do_all_that_is_due() == ["42"]  # it holds up no tick
    (waiting,) = await working.jobs(task=ERRAND)
    assert waiting.task_kwargs == {"home": "42", "errand": errand, "failures": 1}
    assert waiting.scheduled_at > datetime.now(UTC)
    assert cloud.words == []
    # Nor does it what is said meanwhile.
    await working.queue.ask("42", {"kind": "act", "zone": "default", "action": "on"})
    assert await working.do_all_that_is_due() == ["42"]
    assert len(cloud.words) == 1
    # The one that knows it.
    known = Errand("act", {"zone": "default", "action": "off"})
    monkeypatch.setattr(queue_module, "checked_errand", lambda _document: known)
    await working.queue.jobs.connector.execute_query_async(
        "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE id = %(id)s",
        id=waiting.id,
    )
    assert await working.do_all_that_is_due() == ["42"]
    assert cloud.words[1:] == ["turnOff"]


async def test_events_of_a_home_that_is_gone_leave_nothing_and_fill_no_log(
    working, caplog
):
    for errand in ({"kind": "webhook", "payload": {}}, {"kind": "refresh"}):
        await working.queue.ask("gone", errand)
        assert await working.do_all_that_is_due() == []
    assert await working.jobs() == []
    assert list(working.store.keys_with("homes/")) == []
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
    await working.queue.sow(["gone"], datetime.now(UTC))
    assert await working.do_all_that_is_due() == []
    assert await working.jobs() == []
    assert "ticked no more" in caplog.text


async def test_an_errand_that_nobody_knows_is_refused_in_the_end(working, caplog):
    working.add("42")
    job = working.queue._errand.configure(queue=working.queue.queue_of("42")).job
    await working.queue.jobs.defer_job_async(
        job.evolve(task_kwargs={"home": "42", "errand": {"kind": "?"}, "failures": 20})
    )
    assert await working.do_all_that_is_due() == ["42"]
    assert await working.jobs(task=ERRAND) == []
    assert "is refused" in caplog.text


async def test_work_of_a_newer_version_waits_for_it_and_holds_nobody_up(
    working, database_url
):
    """The older workers leave it where it is; the newer one does it."""
    working.add("42")
    done = []
    async with FleetQueue(database_url, lambda: working.place, shards=3) as newer:
        task = newer.app.task(name="switchbot.of_tomorrow")(done.append)
        newer.jobs.tasks = list(newer.app.tasks)
        where = {"queue": newer.queue_of("42"), "lock": "42", "priority": 100}
        await newer.jobs.defer_job_async(
            task.configure(**where, task_kwargs={"object": "42"}).job
        )
        await working.queue.sow(["42"], datetime.now(UTC))
        assert await working.do_all_that_is_due() == ["42"]
        assert {job.task_name for job in await working.jobs()} == {
            TICK,
            "switchbot.of_tomorrow",
        }
        worker = await newer.jobs.register_worker()
        taken = await newer.jobs.fetch_job(newer.queues, worker)
        assert taken.task_name == "switchbot.of_tomorrow"


async def test_a_home_is_not_lost_where_its_queue_breaks_off_under_a_visit(
    working, database_url, monkeypatch
):
    """What tells of the end of its tick comes through again: its next one has to as well."""
    monkeypatch.setattr(queue_module, "_RECONNECT_SECONDS", 0.0)
    homes = [str(number) for number in range(5)]
    for home in homes:
        working.add(home)
    await working.queue.sow(homes, datetime.now(UTC))
    broken = []

    def break_off(visit):
        working.visits.append(visit)
        broken.append(visit.home)
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    async with FleetQueue(
        database_url,
        lambda: working.place,
        shards=3,
        connections=1,
        on_visit=break_off,
    ) as working.queue:
        for _ in range(3):
            try:
                await working.do_all_that_is_due()
            except ConnectorException:  # of a statement of procrastinate's own
                await working.queue._take_up(0)
        assert broken
        assert {job.lock for job in await working.jobs()} == set(homes)


async def test_a_worker_ends_though_its_queue_is_away(working, monkeypatch):
    """It gives back nothing then: others find what it took, as after any that died."""
    monkeypatch.setattr(queue_module, "_LEAVING_SECONDS", 0.01)
    working.add("42")
    begun = asyncio.Event()

    async def hangs(*_words):
        begun.set()
        await asyncio.Event().wait()

    working.clouds["42"].status = hangs
    await working.queue.sow(["42"], datetime.now(UTC))
    ending = asyncio.create_task(working.queue.work(grace_seconds=0.0))
    await begun.wait()

    async def never(*_words, **_named):
        await asyncio.Event().wait()

    monkeypatch.setattr(working.queue.jobs.connector, "execute_query_all_async", never)
    monkeypatch.setattr(working.queue.jobs.connector, "execute_query_async", never)
    ending.cancel()
    await asyncio.wait({ending})
    monkeypatch.undo()
    (job,) = await working.jobs()
    assert (job.lock, job.status) == ("42", "doing")
