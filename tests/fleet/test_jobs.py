"""Jobs of a worker, many in a statement, by the queue's own rules of who may."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from procrastinate import sql
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status
from psycopg import AsyncConnection

from switchbot_automation.errors import QueueVersionError
from switchbot_automation.fleet import jobs as jobs_module
from switchbot_automation.fleet.jobs import LAST
from switchbot_automation.fleet.queue import TICK, FleetQueue


class Counted:
    """A connector that counts what goes to the server."""

    def __init__(self, connector):
        self._connector = connector
        self.statements = []

    def __getattr__(self, name):
        found = getattr(self._connector, name)
        if not name.startswith("execute_query"):
            return found

        def counted(query, **arguments):
            self.statements.append(query)
            return found(query, **arguments)

        return counted


@pytest.fixture
async def queue(database_url):
    async with FleetQueue(database_url) as made:
        await made.install()
        made.jobs.connector = Counted(made.jobs.connector)
        yield made


def ticks(queue, homes, due=None):
    due = due or datetime.now(UTC) - timedelta(seconds=1)
    return [queue._job(str(home), due) for home in homes]


async def taken(queue, worker):
    found = []
    while (job := await queue.jobs.fetch_job(queue.queues, worker)) is not None:
        found.append(job)
    return found


async def test_as_many_are_taken_in_one_statement_as_there_is_room_for(queue):
    await queue.jobs.put(ticks(queue, range(20)))
    queue.jobs.room = 8
    queue.jobs.connector.statements.clear()
    worker = await queue.jobs.register_worker()
    first = [await queue.jobs.fetch_job(queue.queues, worker) for _ in range(8)]
    assert [job.lock for job in first] == [str(home) for home in range(8)]
    assert len(queue.jobs.connector.statements) == 2  # registering, and taking
    # Three places are free again: so many are taken, and no more.
    await asyncio.gather(
        *(
            queue.jobs.finish_job(job, Status.SUCCEEDED, delete_job=True)
            for job in first[:3]
        )
    )
    assert len(queue.jobs.connector.statements) == 3
    second = await queue.jobs.fetch_job(queue.queues, worker)
    at_work = await queue.jobs.list_jobs_async(status="doing")
    assert second.lock == "8"
    assert len(at_work) == 8


async def test_what_is_not_due_or_of_another_queue_stays(queue):
    later = datetime.now(UTC) + timedelta(hours=1)
    await queue.jobs.put(ticks(queue, [1]))
    await queue.jobs.put(ticks(queue, [2], later))
    (other,) = ticks(queue, [3])
    await queue.jobs.put([other.evolve(queue="elsewhere")])
    queue.jobs.room = 8
    worker = await queue.jobs.register_worker()
    assert [job.lock for job in await taken(queue, worker)] == ["1"]


async def test_of_one_home_one_job_is_at_work_however_many_are_taken(queue):
    """The urgent one first, then the older; the next once that one ended."""
    (tick,) = ticks(queue, [1])
    old, new, urgent = (
        tick.evolve(queueing_lock=None, task_kwargs={"home": name}, priority=priority)
        for name, priority in (("old", 0), ("new", 0), ("urgent", 100))
    )
    await queue.jobs.put([old, new, urgent])
    queue.jobs.room = 8
    worker = await queue.jobs.register_worker()
    for name in ("urgent", "old", "new"):
        (job,) = await taken(queue, worker)
        assert job.task_kwargs == {"home": name}
        await queue.jobs.finish_job(job, Status.SUCCEEDED, delete_job=True)
    assert await queue.jobs.list_jobs_async() == []


async def test_a_home_s_many_events_come_after_the_ticks_of_all_homes(queue):
    """Its own tick too, once that is due; until then they do not wait for it."""
    (later,) = ticks(queue, ["busy"], datetime.now(UTC) + timedelta(hours=1))
    await queue.jobs.put([later])
    event = {"kind": "webhook", "payload": {}}
    for _ in range(32):
        await queue.ask("busy", event)
    await queue.ask("busy", {"kind": "resume", "zone": "default"})
    await queue.jobs.put(ticks(queue, ["1", "2"]))
    await queue.ask("quiet", event)
    queue.jobs.room = 99
    worker = await queue.jobs.register_worker()
    first = await taken(queue, worker)
    assert [job.lock for job in first] == ["busy", "busy/person", "quiet", "1", "2"]
    ended = first[0]
    for _ in range(30):
        await queue.jobs.finish_job(ended, Status.SUCCEEDED, delete_job=True)
        (ended,) = await taken(queue, worker)
    assert ended.priority == LAST  # while its tick is not due
    await queue.jobs.finish_job(ended, Status.SUCCEEDED, delete_job=True)
    await queue.jobs.connector.execute_query_async(
        "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE task_name = %(tick)s",
        tick=later.task_name,
    )
    (tick,) = await taken(queue, worker)
    assert tick.task_name == later.task_name
    await queue.jobs.finish_job(tick, Status.SUCCEEDED, delete_job=True)
    assert [job.priority for job in await taken(queue, worker)] == [LAST]


async def test_who_comes_second_to_a_home_takes_nothing_and_looks_again(
    queue, database_url
):
    """Its tick is taken while another worker looks and finds an event that goes before."""
    await queue.jobs.put(ticks(queue, ["1"]))
    await queue.ask("1", {"kind": "webhook", "payload": {}})
    await queue.jobs.put(ticks(queue, ["2"]))
    queue.jobs.room = 9
    worker = await queue.jobs.register_worker()
    async with await AsyncConnection.connect(database_url) as other:
        await other.execute(
            "UPDATE procrastinate_jobs SET status = 'doing' WHERE lock = '1'"
            " AND task_name = %s",
            [TICK],
        )
        looking = asyncio.create_task(queue.jobs.fetch_job(queue.queues, worker))
        async with await AsyncConnection.connect(
            database_url, autocommit=True
        ) as watching:
            while not looking.done():
                waits = await watching.execute(
                    "SELECT FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))",
                    [other.info.backend_pid],
                )
                if waits.rowcount:
                    break
        assert not looking.done()
        await other.commit()
    assert await looking is None
    assert [job.lock for job in await taken(queue, worker)] == ["2"]


async def test_two_workers_take_each_job_once(queue, database_url):
    await queue.jobs.put(ticks(queue, range(60)))
    async with FleetQueue(database_url) as other:
        both = []
        for each in (queue, other):
            each.jobs.room = 60
            worker = await each.jobs.register_worker()
            both.append(taken(each, worker))
        found = [job.lock for jobs in await asyncio.gather(*both) for job in jobs]
    assert sorted(found, key=int) == [str(home) for home in range(60)]


async def test_of_many_put_at_once_each_hears_whether_its_place_was_free(queue):
    await queue.jobs.put(ticks(queue, [3, 11]))
    queue.jobs.connector.statements.clear()
    told = await asyncio.gather(*map(queue.jobs.put_soon, ticks(queue, range(16))))
    assert [home for home, free in enumerate(told) if not free] == [3, 11]
    assert len(await queue.jobs.list_jobs_async()) == 16
    queue.jobs.connector.statements.clear()
    later = ticks(queue, range(100, 140))
    assert all(await asyncio.gather(*map(queue.jobs.put_soon, later)))
    assert len(queue.jobs.connector.statements) == 1


async def test_the_end_of_what_others_took_up_is_theirs_to_tell(queue):
    """And holds the ends of other jobs up no more than itself."""
    await queue.jobs.put(ticks(queue, range(3)))
    queue.jobs.room = 3
    worker = await queue.jobs.register_worker()
    jobs = await taken(queue, worker)
    await queue.jobs.connector.execute_query_async(
        "DELETE FROM procrastinate_jobs WHERE id = %(job)s", job=jobs[1].id
    )
    ends = (
        queue.jobs.finish_job(job, Status.SUCCEEDED, delete_job=True) for job in jobs
    )
    await asyncio.gather(*ends)
    assert await queue.jobs.list_jobs_async() == []


async def test_whoever_waits_hears_of_a_queue_that_does_not_answer(queue):
    class AwayError(Exception):
        pass

    async def fails(*_arguments, **_named):
        raise AwayError

    queue.jobs.batch_defer_jobs_async = fails
    told = await asyncio.gather(
        *map(queue.jobs.put_soon, ticks(queue, range(5))), return_exceptions=True
    )
    assert [type(each) for each in told] == [AwayError] * 5
    del queue.jobs.batch_defer_jobs_async
    assert await queue.jobs.put_soon(ticks(queue, [1])[0])


class _FailedError(Exception):
    def __init__(self, sqlstate):
        super().__init__("no\nroute")
        self.sqlstate = sqlstate


def _failing(queue, sqlstate, times=1000):
    class Failing(Counted):
        failed = 0
        heard = asyncio.Event()

        async def execute_query_all_async(self, *arguments, **named):
            self.heard.set()
            self.failed += 1
            if self.failed > times:
                return await self._connector.execute_query_all_async(
                    *arguments, **named
                )
            raise ConnectorException from _FailedError(sqlstate)

    return Failing(queue.jobs.connector)


@pytest.mark.parametrize("sqlstate", [None, "57P01", "08006"])
async def test_the_end_of_a_job_is_told_again_until_the_queue_heard_of_it(
    queue, monkeypatch, caplog, sqlstate
):
    """Its worker lives on: until then nobody may look after the home."""
    monkeypatch.setattr(jobs_module, "_RETRY_SECONDS", 0)
    await queue.jobs.put(ticks(queue, [1, 2]))
    queue.jobs.room = 2
    found = await taken(queue, await queue.jobs.register_worker())
    whole, queue.jobs.connector = queue.jobs.connector, _failing(queue, sqlstate, 3)
    ends = (
        queue.jobs.finish_job(job, Status.SUCCEEDED, delete_job=True) for job in found
    )
    await asyncio.gather(*ends)
    queue.jobs.connector = whole
    assert await queue.jobs.list_jobs_async() == []
    assert not caplog.records


async def test_a_worker_that_leaves_asks_no_queue_that_is_away_again(queue, caplog):
    await queue.jobs.put(ticks(queue, [1]))
    (job,) = await taken(queue, await queue.jobs.register_worker())
    away = queue.jobs.connector = _failing(queue, "57P01")
    ending = asyncio.create_task(
        queue.jobs.finish_job(job, Status.SUCCEEDED, delete_job=True)
    )
    await asyncio.wait_for(away.heard.wait(), 30)
    await queue.jobs.let_go()
    await asyncio.wait_for(ending, 30)
    assert "it is done again" in caplog.text


@pytest.mark.parametrize("sqlstate", [None, "57P01", "08006"])
async def test_the_end_of_a_job_is_told_in_one_line_where_the_queue_stays_away(
    queue, monkeypatch, caplog, sqlstate
):
    """And the job is neither lost nor over: it can be told of, or taken up, afterwards."""
    monkeypatch.setattr(jobs_module, "_UNTOLD_SECONDS", 0)
    await queue.jobs.put(ticks(queue, [1]))
    (job,) = await taken(queue, await queue.jobs.register_worker())
    whole, queue.jobs.connector = queue.jobs.connector, _failing(queue, sqlstate)
    await queue.jobs.finish_job(job, Status.SUCCEEDED, delete_job=True)
    (told,) = [each for each in caplog.records if "end of" in each.getMessage()]
    assert told.exc_info is None
    assert "no route; it is done again" in told.getMessage()
    queue.jobs.connector = whole
    assert [each.id for each in await queue.jobs.list_jobs_async()] == [job.id]
    await queue.jobs.finish_job(job, Status.SUCCEEDED, delete_job=True)
    assert await queue.jobs.list_jobs_async() == []


async def test_a_statement_that_is_wrong_is_no_queue_that_is_away(queue):
    await queue.jobs.put(ticks(queue, [1]))
    (job,) = await taken(queue, await queue.jobs.register_worker())
    queue.jobs.connector = _failing(queue, "42883")
    with pytest.raises(ConnectorException):
        await queue.jobs.finish_job(job, Status.SUCCEEDED, delete_job=True)


async def test_a_new_worker_begins_nothing_that_an_old_one_took(queue):
    await queue.jobs.put(ticks(queue, range(4)))
    queue.jobs.room = 4
    old = await queue.jobs.register_worker()
    assert (await queue.jobs.fetch_job(queue.queues, old)).lock == "0"
    new = await queue.jobs.register_worker()
    assert await queue.jobs.fetch_job(queue.queues, new) is None
    # As after any worker that ended: once it is gone, they are anybody's.
    await queue.jobs.unregister_worker(old)
    assert len(await taken(queue, new)) == 4


async def test_who_leaves_gives_back_what_was_taken_and_takes_no_more(queue):
    """Also what comes in by a statement that was on its way; what was begun stays."""
    await queue.jobs.put(ticks(queue, range(4)))
    queue.jobs.room = 3
    worker = await queue.jobs.register_worker()
    begun = await queue.jobs.fetch_job(queue.queues, worker)
    await queue.jobs.put(ticks(queue, [1]))  # another of one that was taken
    await queue.jobs.let_go()
    assert await queue.jobs.fetch_job(queue.queues, worker) is None
    waiting = await queue.jobs.list_jobs_async(status="todo")
    assert sorted(job.lock for job in waiting) == ["1", "2", "3"]
    assert [job.id for job in await queue.jobs.list_jobs_async(status="doing")] == [
        begun.id
    ]
    new = await queue.jobs.register_worker()
    execute = queue.jobs.connector.execute_query_all_async

    async def leaves_meanwhile(query, **arguments):
        rows = await execute(query, **arguments)
        if "candidates" in query:
            await queue.jobs.let_go()
        return rows

    queue.jobs.connector.execute_query_all_async = leaves_meanwhile
    assert await queue.jobs.fetch_job(queue.queues, new) is None
    del queue.jobs.connector.execute_query_all_async
    assert len(await queue.jobs.list_jobs_async(status="todo")) == 3


async def test_the_end_of_what_waits_for_others_does_not_take_it_away(queue):
    """A worker that was silent for a while comes to the end of what others were given."""
    await queue.jobs.put(ticks(queue, [1]))
    worker = await queue.jobs.register_worker()
    job = await queue.jobs.fetch_job(queue.queues, worker)
    await queue.jobs.again([job, job])
    await queue.jobs.finish_job(job, Status.SUCCEEDED, delete_job=True)
    (waiting,) = await queue.jobs.list_jobs_async()
    assert (waiting.id, waiting.status) == (job.id, "todo")


async def test_a_queue_of_another_version_is_told_by_what_it_lacks(
    database_url, monkeypatch
):
    async with FleetQueue(database_url) as queue:
        with pytest.raises(QueueVersionError, match=r"no tables.*fleet install"):
            await queue.work()
        await queue.install()
        await queue.jobs.check()
        await queue.app.connector.execute_query_async(
            "ALTER TABLE procrastinate_jobs RENAME COLUMN worker_id TO worker"
        )
        with pytest.raises(QueueVersionError, match=r"jobs\.worker_id: apply the migr"):
            await queue.work()
        monkeypatch.setitem(
            sql.queries, "fetch_job", "SELECT * FROM procrastinate_fetch_job_v3(...)"
        )
        with pytest.raises(QueueVersionError, match="procrastinate_fetch_job_v2"):
            await queue.work()


@pytest.mark.parametrize("took", [0.0, 0.5, 30.0])
def test_an_answer_that_is_long_on_its_way_tells_of_no_other_clock(took):
    """The queue's clock is known to within how long the shortest answer took."""
    jobs = FleetQueue("", None).jobs
    assert jobs.now() is None
    began = time.monotonic()
    shows = datetime.now(UTC).timestamp()
    jobs._hear(shows, began, began + took)
    now, within = jobs.now()
    assert within.total_seconds() == pytest.approx(took / 2, abs=0.001)
    assert abs(now - datetime.now(UTC)) <= within + timedelta(seconds=1)
    jobs._hear(shows + 1.0, began + 0.9, began + 1.1)
    assert jobs.now()[1].total_seconds() <= 0.101


def test_a_queue_s_clock_that_is_set_is_believed_from_then_on():
    jobs = FleetQueue("", None).jobs
    began = time.monotonic()
    shows = datetime.now(UTC).timestamp()
    jobs._hear(shows, began, began + 0.01)
    jobs._hear(shows + 3600.0, began, began + 0.02)
    now, _within = jobs.now()
    assert (now - datetime.now(UTC)).total_seconds() > 3000
