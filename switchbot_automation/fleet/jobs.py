"""Jobs of one worker, many in a statement: taken, put into the queue, and finished.

Procrastinate asks for one job at a time, and tells of the end of each. With a hundred
homes a second those statements cost more than the homes. Here as many are taken as the
worker has room for, by procrastinate's own rule of who may; and what is to be said while
a statement is on its way goes out with the next one. A worker that ends gives back what
it took and did not come to the end of.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from procrastinate import sql
from procrastinate.exceptions import (
    AlreadyEnqueued,
    ConnectorException,
    UniqueViolation,
)
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

from switchbot_automation.errors import QueueVersionError
from switchbot_automation.languages import worded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Iterable, Sequence

    from procrastinate.connector import BaseConnector

_LOGGER = logging.getLogger(__name__)

C = TypeVar("C")
R = TypeVar("R")
_MOST: Final = 200
"""So many go out in one statement."""
WAITERS: Final = 4
"""So many times as many jobs as there is room for are at work where all but those wait."""
_WAITS_SECONDS: Final = 5.0
"""Who is at work for longer waits for somebody, and takes no place from who works."""
_UNTOLD_SECONDS: Final = 60.0
"""So long a queue that is away is asked again to note the end of a job."""
_RETRY_SECONDS: Final = 1.0
_ROOM_SECONDS: Final = 0.05
"""So long is waited for room, before the worker looks whether it is to end."""
LAST: Final = 1
"""The priority of what is done where nothing else is due; to procrastinate above ticks."""
_AT_ONCE: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Whatever this machine's clock shows."""

# By these functions procrastinate itself takes and finishes a job: it gives a function
# whose meaning changes another number. The statements below say what these two say.
_RULES: Final = {
    "fetch_job": "procrastinate_fetch_job_v2",
    "finish_job": "procrastinate_finish_job_v1",
}
# What the statements below ask of the table, and the functions that they or the library's
# own ones call; a row for each that the database lacks.
_LACKING: Final = """
SELECT 'the column procrastinate_jobs.' || wanted.name AS lacks
FROM unnest(%(columns)s::text[]) AS wanted(name)
WHERE NOT EXISTS (
    SELECT FROM pg_attribute
    WHERE attrelid = to_regclass('procrastinate_jobs') AND attname = wanted.name
        AND NOT attisdropped)
UNION ALL
SELECT 'the function ' || wanted.name FROM unnest(%(functions)s::text[]) AS wanted(name)
WHERE NOT EXISTS (SELECT FROM pg_proc WHERE proname = wanted.name)
"""
_COLUMNS: Final = (
    *("id", "status", "task_name", "priority", "lock", "queueing_lock", "args"),
    *("scheduled_at", "queue_name", "attempts", "worker_id"),
)
_FUNCTIONS: Final = (
    *_RULES.values(),
    "procrastinate_defer_jobs_v1",
    "procrastinate_retry_job_v2",
)

# Who may be taken is who procrastinate's own function would take, one after the other. Of
# one lock none is taken twice: the second has the first before it. What this worker does
# not know stays for one that does, a newer one: procrastinate would count it as failed.
# What comes last waits for what is due of all homes, its own as well; for what is due later
# it does not wait, or else it would until then.
_TAKE: Final = """
WITH candidates AS (
    SELECT job.id FROM procrastinate_jobs job
    WHERE job.status = 'todo' AND job.task_name = ANY (%(tasks)s)
        AND (%(queues)s::varchar[] IS NULL OR job.queue_name = ANY (%(queues)s))
        AND (job.scheduled_at IS NULL OR job.scheduled_at <= now())
        AND NOT EXISTS (
            SELECT FROM procrastinate_jobs other
            WHERE job.lock IS NOT NULL AND other.lock = job.lock AND (
                other.status = 'doing'
                OR other.status = 'todo' AND other.task_name = ANY (%(tasks)s) AND CASE
                    WHEN job.priority = %(last)s AND other.priority < %(last)s
                    THEN other.scheduled_at IS NULL OR other.scheduled_at <= now()
                    WHEN job.priority < %(last)s AND other.priority = %(last)s
                    THEN false
                    ELSE other.priority > job.priority
                        OR other.priority = job.priority AND other.id < job.id
                END))
    ORDER BY job.priority = %(last)s, job.priority DESC, job.id LIMIT %(room)s
    FOR UPDATE OF job SKIP LOCKED
)
UPDATE procrastinate_jobs job SET status = 'doing', worker_id = %(worker)s
FROM candidates WHERE job.id = candidates.id
RETURNING job.id, job.status, job.task_name, job.priority, job.lock, job.queueing_lock,
    job.args, job.scheduled_at, job.queue_name, job.attempts, job.worker_id,
    clock_timestamp() AS told_at
"""
# One that others took up meanwhile, or that waits for them, is theirs to finish.
_FINISH: Final = """
SELECT procrastinate_finish_job_v1(
    job.id, ended.status::procrastinate_job_status, ended.removed)
FROM unnest(%(ids)s::bigint[], %(workers)s::bigint[], %(statuses)s::text[],
    %(removed)s::boolean[]) AS ended(id, worker, status, removed)
JOIN procrastinate_jobs job ON job.id = ended.id AND job.status = 'doing'
    AND (job.worker_id IS NULL OR job.worker_id = ended.worker)
"""
_AWAY: Final = frozenset({"", "08", "57"})
"""How the codes begin of a database that is not there, or ends; a driver has none then."""
_REFUSED: Final = "P0001"
"""What the database says where procrastinate's functions find a job otherwise."""


class _Together(Generic[C, R]):
    """Calls of which those go out together that came while others were on their way."""

    def __init__(self, send: Callable[[list[C]], Awaitable[list[R]]]) -> None:
        self._send = send
        self._waiting: deque[tuple[C, asyncio.Future[R]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def ask(self, call: C) -> R:
        """Let it go out, and return its answer, or raise what all of them met."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((call, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        await asyncio.sleep(0)  # whoever asks in this turn of the loop goes along
        while self._waiting:
            count = min(_MOST, len(self._waiting))
            going = [self._waiting.popleft() for _ in range(count)]
            try:
                answers = await self._send([call for call, _ in going])
            except Exception as error:  # noqa: BLE001 - told to whoever waits for it
                for _, future in going:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), answer in zip(going, answers, strict=True):
                if not future.done():
                    future.set_result(answer)


class GatheredJobs(JobManager):
    """Procrastinate's manager of jobs, with few statements for many jobs.

    `room` is how many jobs the worker of this process does at the same time, those that
    wait for somebody not counted, of which there are three times as many at most; `tasks`
    are the names of those that it can do. A job of one of the `unending` that failed is done
    again, after `wait_after` so many attempts. Raises what procrastinate raises.
    """

    def __init__(
        self,
        connector: BaseConnector,
        *,
        unending: Container[str] = (),
        wait_after: Callable[[int], timedelta] = lambda _attempts: timedelta(0),
    ) -> None:
        super().__init__(connector)
        self.room: int = 1
        self.tasks: Sequence[str] = ()
        self._unending = unending
        self._wait_after = wait_after
        self._ahead: tuple[float, float] | None = None
        self._worker: int | None = None
        self._leaving = asyncio.Event()
        self._taken: deque[Job] = deque()
        self._at_work: dict[int, float] = {}
        self._ended = asyncio.Event()
        self._ending = _Together(self._finish)
        self._coming = _Together(self.put)

    async def check(self) -> None:
        """Raise QueueVersionError where procrastinate, or its tables, are other ones."""
        for name, function in _RULES.items():
            if f"{function}(" not in sql.queries[name]:
                raise QueueVersionError(
                    worded(
                        "procrastinate {value} has another rule than {function} by which "
                        "jobs are taken and finished: install a version that the extra "
                        "`fleet` allows",
                        value=version("procrastinate"),
                        function=function,
                    )
                )
        rows = await self.connector.execute_query_all_async(
            _LACKING, columns=list(_COLUMNS), functions=list(_FUNCTIONS)
        )
        lacking = sorted(row["lacks"] for row in rows)
        if len(lacking) == len(_COLUMNS) + len(_FUNCTIONS):
            raise QueueVersionError(
                worded(
                    "the queue has no tables: `switchbot-automation fleet install` "
                    "makes them"
                )
            )
        if lacking:
            raise QueueVersionError(
                worded(
                    "the queue's tables are another version's, they lack {lacking}: "
                    "apply the migrations of procrastinate {value}, `procrastinate "
                    "schema --migrations-path` tells where they are",
                    lacking=", ".join(lacking),
                    value=version("procrastinate"),
                )
            )

    async def fetch_job(
        self, queues: Iterable[str] | None, worker_id: int
    ) -> Job | None:
        """Return a job for the worker to do, None where there is none for it."""
        if worker_id != self._worker:
            # What another one has not begun is taken up as if that one had died.
            self._worker = worker_id
            self._leaving.clear()
            self._taken.clear()
            self._at_work.clear()
        if self._leaving.is_set():
            return None
        if not self._taken:
            room = await self._room()
            if not room:
                return None
            asked = time.monotonic()
            try:
                rows = await self.connector.execute_query_all_async(
                    _TAKE,
                    queues=None if queues is None else list(queues),
                    tasks=list(self.tasks),
                    worker=worker_id,
                    last=LAST,
                    room=room,
                )
            except UniqueViolation:
                # Of one home another worker took another job in the same moment: nothing
                # was taken here, and the next look sees it.
                return None
            if rows:
                self._hear(rows[0]["told_at"].timestamp(), asked, time.monotonic())
            found = sorted(
                map(Job.from_row, rows), key=lambda job: (-job.priority, job.id or 0)
            )
            self._taken.extend(found)
            began = time.monotonic()
            self._at_work |= {job.id: began for job in found if job.id is not None}
            if self._leaving.is_set():  # since the statement went out
                await self.let_go()
        return self._taken.popleft() if self._taken else None

    async def _room(self) -> int:
        """Return how many more jobs may be taken; waits a little where it is none."""
        room = self._room_now()
        if not room:
            self._ended.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _ROOM_SECONDS)
            room = self._room_now()
        return room

    def _room_now(self) -> int:
        since = time.monotonic() - _WAITS_SECONDS
        working = sum(began > since for began in self._at_work.values())
        most = WAITERS * self.room - len(self._at_work)
        return max(0, min(self.room - working, most))

    def _hear(self, told: float, asked: float, heard: float) -> None:
        """Note what the queue's clock showed at an instant between two of this process."""
        ahead = told - heard, told - asked
        if self._ahead is not None:
            # The truth lies in both, unless one of the clocks was set.
            both = max(self._ahead[0], ahead[0]), min(self._ahead[1], ahead[1])
            ahead = both if both[0] <= both[1] else ahead
        self._ahead = ahead

    def now(self) -> tuple[datetime, timedelta] | None:
        """Return what the queue's clock shows, and to within what; None before it told.

        By it jobs are due, whatever the clock of this machine shows.
        """
        if self._ahead is None:
            return None
        least, most = self._ahead
        shows = time.monotonic() + (least + most) / 2
        within = timedelta(seconds=(most - least) / 2)
        return datetime.fromtimestamp(shows, UTC), within

    async def let_go(self) -> None:
        """Give back what was taken and not begun; the worker of now takes no more."""
        self._leaving.set()
        left, self._taken = self._taken, deque()
        await self.again(left)

    async def again(self, jobs: Iterable[Job], at: datetime = _AT_ONCE) -> None:
        """Let whoever comes first do these jobs, that were taken already, by the queue's clock."""
        for job in jobs:
            try:
                await self.retry_job(job, at)
            except UniqueViolation:
                # Another one of its home waits already.
                await self._ending.ask((job, Status.FAILED, True))
            except ConnectorException as error:
                if getattr(error.__cause__, "sqlstate", None) != _REFUSED:
                    raise  # else others were first

    async def unregister_worker(self, worker_id: int) -> None:
        """Forget a worker that ends; what it has not come to the end of is given back."""
        if worker_id == self._worker:
            self._leaving.set()
            self._taken.clear()
        await self.again(
            await self.list_jobs_async(worker_id=worker_id, status=Status.DOING.value)
        )
        await super().unregister_worker(worker_id)

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """Note the end of a job; not of one that was broken off, since its worker ends.

        A queue that is away is asked again: until it has heard of it nobody else may look
        after the home, however soon its next tick is due.
        """
        assert job.id is not None  # noqa: S101 - it was taken
        self._at_work.pop(job.id, None)
        self._ended.set()
        if self._leaving.is_set() and status is Status.ABORTED:
            return
        until = time.monotonic() + _UNTOLD_SECONDS
        while (away := await self._not_noted(job, status, delete_job)) is not None:
            if time.monotonic() >= until or self._leaving.is_set():
                # Procrastinate lets nobody hear of it: each job would leave a traceback.
                _LOGGER.warning(
                    "the queue was not told of the end of %s: %s; it is done again once "
                    "it is taken for one of a worker that died",
                    job.call_string,
                    " ".join(str(away.__cause__ or away).split()),
                )
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), _RETRY_SECONDS)

    async def _not_noted(
        self, job: Job, status: Status, delete_job: bool
    ) -> ConnectorException | None:
        """Note the end of a job; return why that failed where the queue is away."""
        try:
            await self._note_end(job, status, delete_job)
        except ConnectorException as error:
            state = getattr(error.__cause__, "sqlstate", None) or ""
            if state[:2] not in _AWAY:
                raise
            return error
        return None

    async def _note_end(self, job: Job, status: Status, delete_job: bool) -> None:
        if status is Status.FAILED and job.task_name in self._unending:
            told = self.now()
            now = datetime.now(UTC) if told is None else told[0]
            await self.again([job], now + self._wait_after(job.attempts))
        else:
            await self._ending.ask((job, status, delete_job))

    async def _finish(self, ended: list[tuple[Job, Status, bool]]) -> list[None]:
        await self.connector.execute_query_all_async(
            _FINISH,
            ids=[job.id for job, _, _ in ended],
            workers=[job.worker_id for job, _, _ in ended],
            statuses=[status.value for _, status, _ in ended],
            removed=[removed for _, _, removed in ended],
        )
        return [None] * len(ended)

    async def put_soon(self, job: Job) -> bool:
        """Put a job into the queue, with others; tell whether its place was free."""
        return await self._coming.ask(job)

    async def put(self, jobs: list[Job]) -> list[bool]:
        """Put jobs into the queue; tell of each whether its queueing lock was free."""
        try:
            await self.batch_defer_jobs_async(jobs)
        except AlreadyEnqueued:
            if len(jobs) == 1:
                return [False]
            half = len(jobs) // 2
            return [*await self.put(jobs[:half]), *await self.put(jobs[half:])]
        return [True] * len(jobs)
