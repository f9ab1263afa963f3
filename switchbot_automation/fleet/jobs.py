"""Jobs of one worker, many in a statement: taken, put into the queue, and finished.

Procrastinate asks for one job at a time, and tells of the end of each. With a hundred
homes a second those statements cost more than the homes. Here as many are taken as the
worker has room for, by procrastinate's own rule of who may; and what is to be said while
a statement is on its way goes out with the next one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Job
from procrastinate.manager import JobManager

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from procrastinate.connector import BaseConnector
    from procrastinate.jobs import Status

C = TypeVar("C")
R = TypeVar("R")
_MOST: Final = 200
"""So many go out in one statement."""

# Who may be taken is who procrastinate's own function would take, one after the other. Of
# one lock none is taken twice: the second has the first before it.
_TAKE: Final = """
WITH candidates AS (
    SELECT job.id FROM procrastinate_jobs job
    WHERE job.status = 'todo'
        AND (%(queues)s::varchar[] IS NULL OR job.queue_name = ANY (%(queues)s))
        AND (job.scheduled_at IS NULL OR job.scheduled_at <= now())
        AND NOT EXISTS (
            SELECT FROM procrastinate_jobs other
            WHERE job.lock IS NOT NULL AND other.lock = job.lock AND (
                other.status = 'doing' OR other.status = 'todo' AND (
                    other.priority > job.priority
                    OR other.priority = job.priority AND other.id < job.id)))
    ORDER BY job.priority DESC, job.id LIMIT %(room)s
    FOR UPDATE OF job SKIP LOCKED
)
UPDATE procrastinate_jobs job SET status = 'doing', worker_id = %(worker)s
FROM candidates WHERE job.id = candidates.id
RETURNING job.id, job.status, job.task_name, job.priority, job.lock, job.queueing_lock,
    job.args, job.scheduled_at, job.queue_name, job.attempts, job.worker_id
"""
# One that others took up meanwhile is theirs to finish.
_FINISH: Final = """
SELECT procrastinate_finish_job_v1(
    job.id, ended.status::procrastinate_job_status, ended.removed)
FROM unnest(%(ids)s::bigint[], %(statuses)s::text[], %(removed)s::boolean[])
    AS ended(id, status, removed)
JOIN procrastinate_jobs job ON job.id = ended.id AND job.status IN ('todo', 'doing')
"""


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

    `room` is how many jobs the worker of this process does at the same time. Raises what
    procrastinate raises.
    """

    def __init__(self, connector: BaseConnector) -> None:
        super().__init__(connector)
        self.room: int = 1
        self._worker: int | None = None
        self._taken: deque[Job] = deque()
        self._at_work: set[int] = set()
        self._ending = _Together(self._finish)
        self._coming = _Together(self.put)

    async def fetch_job(
        self, queues: Iterable[str] | None, worker_id: int
    ) -> Job | None:
        """Return a job for the worker to do, None where there is none for it."""
        if worker_id != self._worker:
            # What another one has not begun is taken up as if that one had died.
            self._worker = worker_id
            self._taken.clear()
            self._at_work.clear()
        if not self._taken:
            rows = await self.connector.execute_query_all_async(
                _TAKE,
                queues=None if queues is None else list(queues),
                worker=worker_id,
                room=max(1, self.room - len(self._at_work)),
            )
            found = sorted(
                map(Job.from_row, rows), key=lambda job: (-job.priority, job.id or 0)
            )
            self._taken.extend(found)
            self._at_work.update(job.id for job in found if job.id is not None)
        return self._taken.popleft() if self._taken else None

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """Note the end of a job."""
        assert job.id is not None  # noqa: S101 - it was taken
        self._at_work.discard(job.id)
        await self._ending.ask((job.id, status, delete_job))

    async def _finish(self, ended: list[tuple[int, Status, bool]]) -> list[None]:
        await self.connector.execute_query_all_async(
            _FINISH,
            ids=[number for number, _, _ in ended],
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
