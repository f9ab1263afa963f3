"""Ticks of many homes as jobs of procrastinate: one a home, at the instant it wants.

What is a queue's is procrastinate's: who takes which job, once and in turn. Here is said
what a job is. A home has one waiting tick, by its queueing lock, and one at work, by its
lock. What a person wants waits for no tick: its lock is another one. A job whose worker
died is taken up again before `LEASE_SECONDS` are over; a visit that is made twice commands
once all the same, see `switchbot_automation.fleet.visit`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import select
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self
from weakref import WeakKeyDictionary
from zlib import crc32

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status
from procrastinate.signals import on_stop
from psycopg_pool import AsyncConnectionPool

from switchbot_automation.core.state.values import encode_instant
from switchbot_automation.errors import (
    AutomationError,
    SettingsError,
    UnknownHomeError,
)
from switchbot_automation.fleet.clock import FleetClock
from switchbot_automation.fleet.errands import Errand, checked_errand
from switchbot_automation.fleet.jobs import LAST, WAITERS, GatheredJobs
from switchbot_automation.fleet.visit import (
    do_for_person,
    log_failure,
    tick_home,
    wait_after,
)
from switchbot_automation.languages import worded
from switchbot_automation.outside.bounds import Allowance
from switchbot_store import StoreConflictError, StoreUnavailableError, checked_home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from procrastinate.jobs import Job
    from procrastinate.tasks import Task

    from switchbot_automation.clock import Clock
    from switchbot_automation.fleet.visit import Place, Visit

_LOGGER = logging.getLogger(__name__)

UNANSWERED: Final[type[Exception]] = ConnectorException
"""What is raised where the queue does not answer; its cause says why."""
LEASE_SECONDS: Final = 30.0
"""So long after a worker died its homes are being ticked again."""
_BEAT_SECONDS: Final = LEASE_SECONDS / 6
_SILENT_SECONDS: Final = LEASE_SECONDS / 2
_LONGEST_VISIT_SECONDS: Final = 120.0
GRACE_SECONDS: Final = 8.0
"""So long visits under way may go on in a worker that ends; containers get 10 s."""
_LEAVING_SECONDS: Final = 2.0
"""So long the queue may take to hear that a worker ends."""
_CANCELS: Final = 5
_RECONNECT_SECONDS: Final = 1.0
_RESTED_SECONDS: Final = 1.0
"""A connection that was lent less than this ago is taken to live."""
_UNANSWERED_SECONDS: Final = 60.0
"""So long a visit's worker asks a queue that is away for the home's next one."""
_CLOCKS_DIFFER: Final = timedelta(seconds=1)
"""By less than this the clocks of machines that keep time may differ."""
_POLL_SECONDS: Final = 0.05
"""How late a job may be taken, when there was nothing to do."""
TICK: Final = "switchbot.tick"
ERRAND: Final = "switchbot.errand"
_WARDEN: Final = "switchbot.take_up_of_the_dead"
_COMMON: Final = "fleet"
_UNKNOWN_TRIES: Final = 20
"""So often, over half an hour, an errand waits for a worker that knows it."""
_AT_ONCE: Final = 100
"""The priority of what somebody waits for."""
# So many events go before the ticks of all homes, of one home and of all of them: others
# are heard after those, or whose devices talk without end would have every visit.
_PRESSING: Final = (30, 0.5)
_PRESSING_IN_ALL: Final = (500, 20.0)
_HOMES: Final = 50_000
_BATCH: Final = 500
_WAITING: Final = "todo"


class FleetQueue:
    """The jobs of a fleet in one procrastinate queue, for whoever works or asks.

    `conninfo` is where procrastinate has its tables: any database, the store's too.
    `place_of` gives what visits share in a process that works; who only asks gives none.
    With `shards` above 1 a home's jobs are in the queue ``homes-N`` of its name, and a
    worker may take some of the queues alone: so many indexes, so many databases.

    Use it as an async context manager. Raises what procrastinate raises.
    """

    def __init__(
        self,
        conninfo: str,
        place_of: Callable[[], Place] | None = None,
        *,
        shards: int = 1,
        connections: int = 4,
        on_visit: Callable[[Visit], object] = lambda _visit: None,
    ) -> None:
        if shards < 1:
            raise SettingsError(worded("at least 1"), path="shards")
        self._place_of = place_of
        self._shards = shards
        self._on_visit = on_visit
        self.app: App = App(
            connector=PsycopgConnector(
                conninfo=conninfo,
                min_size=1,
                max_size=connections,
                configure=_one_statement_each,
                pool_factory=_pool_of_checked,
            )
        )
        self.jobs: GatheredJobs = GatheredJobs(
            self.app.connector, unending={TICK}, wait_after=wait_after
        )
        self._differs = False
        at_once, per_second = _PRESSING_IN_ALL
        self._pressing = Allowance(
            *_PRESSING,
            now=time.monotonic,
            all_at_once=at_once,
            all_per_second=per_second,
            most_keys=_HOMES,
        )
        self.app.job_manager = self.jobs
        self._tick: Task[..., Any, Any] = self.app.task(name=TICK)(self._run_tick)
        self._errand: Task[..., Any, Any] = self.app.task(name=ERRAND)(self._run_errand)
        warden = self.app.task(name=_WARDEN, queue=_COMMON, queueing_lock=_WARDEN)(
            self._take_up
        )
        every = f"* * * * * */{_BEAT_SECONDS:.0f}"
        self.app.periodic(cron=every)(warden)
        self.jobs.tasks = list(self.app.tasks)

    async def __aenter__(self) -> Self:
        await self.app.open_async()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.app.close_async()

    async def install(self) -> None:
        """Make procrastinate's tables, and the index by which what is due is found."""
        if not await self.app.check_connection_async():
            await self.app.schema_manager.apply_schema_async()
        # With thousands of jobs that wait for their instant, those due are few.
        await self.app.connector.execute_query_async(_DUE_INDEX)

    @property
    def queues(self) -> list[str]:
        """The names of all queues."""
        if self._shards == 1:
            return ["homes"]
        return [f"homes-{number}" for number in range(self._shards)]

    def queue_of(self, home: str) -> str:
        """Return the name of the queue that has a home's jobs."""
        return self.queues[crc32(checked_home(home).encode()) % self._shards]

    # --- who asks --------------------------------------------------------------------

    async def sow(
        self, homes: Iterable[str], now: datetime, spread_seconds: float = 0.0
    ) -> int:
        """Let each of these homes be ticked that is not waiting for it; return how many.

        The first ticks lie over `spread_seconds`, each at its home's own share of it. What
        waits in a queue that is none of these `queues`, since there were others before,
        waits in its home's own from now on, or else nobody would take it.
        """
        await self._gather_stray()
        jobs = []
        for home in homes:
            share = crc32(checked_home(home).encode()) / 2**32
            due = now + timedelta(seconds=share * spread_seconds)
            jobs.append(self._job(home, due))
        sown = 0
        for start in range(0, len(jobs), _BATCH):
            sown += sum(await self.jobs.put(jobs[start : start + _BATCH]))
        return sown

    async def _gather_stray(self) -> None:
        query = self.app.connector.execute_query_all_async
        rows = await query(_STRAY, tasks=[TICK, ERRAND], queues=self.queues)
        for start in range(0, len(rows), _BATCH):
            some = rows[start : start + _BATCH]
            await query(
                _MOVE,
                ids=[row["id"] for row in some],
                queues=[self.queue_of(row["home"]) for row in some],
            )

    async def ask(self, home: str, errand: Mapping[str, Any]) -> int:
        """Let a home be visited at once for an errand; return the job's number.

        What a person wants goes before all; events do but for many of one home, or of all
        homes, which come after the ticks that are due. Raises SettingsError for what is
        none, see `switchbot_automation.fleet.errands`.
        """
        return await self._asked(checked_home(home), checked_errand(errand))

    async def wake(self, home: str, errand: Mapping[str, Any]) -> int:
        """Do as `ask`; raise StoreUnavailableError where the queue does not answer."""
        try:
            return await self.ask(home, errand)
        except ConnectorException as error:
            why = " ".join(str(error.__cause__ or error).split())
            raise StoreUnavailableError(
                worded("the queue does not answer: {why}", why=why)
            ) from error

    async def _asked(
        self,
        home: str,
        errand: Errand,
        at: datetime | None = None,
        failures: int = 0,
        *,
        lane: str = "person",
    ) -> int:
        # A home's name has no "/".
        lock = home if errand.is_of_events else f"{home}/{lane}"
        pressing = not errand.is_of_events or self._pressing.take(home)
        arguments: dict[str, Any] = {"home": home, "errand": errand.to_document()}
        if failures:
            arguments["failures"] = failures
        return await self._errand.configure(
            queue=self.queue_of(home),
            lock=lock,
            priority=_AT_ONCE if pressing else LAST,
            schedule_at=at,
        ).defer_async(**arguments)

    # --- who works -------------------------------------------------------------------

    async def work(
        self,
        *,
        concurrency: int = 8,
        queues: Sequence[str] | None = None,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        """Do what is due until SIGTERM or SIGINT, or until it is cancelled.

        `queues` are the shards that this worker takes, by default all of them. At its end
        it gives back at once what it had not begun, and after `grace_seconds` what it had
        begun and not come to the end of.

        Raises QueueVersionError where procrastinate or its tables are other ones.
        """
        stop = asyncio.Event()
        with on_stop(stop.set):
            while not stop.is_set():
                try:
                    await self.jobs.check()
                    await self._work(concurrency, queues, grace_seconds, stop)
                except ConnectorException as error:
                    # What it had begun is taken up by whoever looks after the silent:
                    # under the new number this worker is another one.
                    _LOGGER.warning("the queue does not answer: %s", error.__cause__)
                # Procrastinate ends a worker by itself whose heartbeat failed once.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _RECONNECT_SECONDS)

    async def _work(
        self,
        concurrency: int,
        queues: Sequence[str] | None,
        grace_seconds: float,
        stop: asyncio.Event,
    ) -> None:
        self.jobs.room = concurrency
        working = asyncio.ensure_future(
            self.app.run_worker_async(
                queues=[*(self.queues if queues is None else queues), _COMMON],
                concurrency=concurrency * WAITERS,
                fetch_job_polling_interval=_POLL_SECONDS,
                # A worker that is idle looks twenty times a second anyway.
                listen_notify=False,
                delete_jobs="always",
                update_heartbeat_interval=_BEAT_SECONDS,
                stalled_worker_timeout=_SILENT_SECONDS,
                shutdown_graceful_timeout=grace_seconds,
                install_signal_handlers=False,
            )
        )
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            # To cancel it is procrastinate's way of ending a worker in order.
            if working.cancel():
                await self._end(working, grace_seconds)
        if working.done() and not working.cancelled():
            working.result()

    async def _end(self, working: asyncio.Future[None], grace_seconds: float) -> None:
        """Give back what can be given back; a queue that is away is not waited for."""
        try:
            async with asyncio.timeout(_LEAVING_SECONDS):
                await self.jobs.let_go()
        except (TimeoutError, ConnectorException) as error:
            _LOGGER.warning("others take up what was taken here: %r", error)
        finally:
            await asyncio.wait({working}, timeout=grace_seconds + _LEAVING_SECONDS)
            # Procrastinate waits for the queue at several places, each of which takes one.
            for _ in range(_CANCELS):
                if not working.cancel():
                    break
                await asyncio.wait({working}, timeout=_LEAVING_SECONDS)
            if working.done() and not working.cancelled():
                working.exception()  # told by whoever asks for the result

    # A worker of another version may say more of a job than is known here: a home is
    # looked after all the same.
    async def _run_tick(
        self,
        home: str,
        due: str,
        zones: Sequence[str] = (),
        failures: int = 0,
        **_more: object,
    ) -> None:
        self._put_clock_right()
        wanted = datetime.fromisoformat(due) - self._ahead()
        await self._visit(home, wanted, zones, failures)

    async def _run_errand(
        self,
        home: str,
        errand: Mapping[str, Any],
        failures: int = 0,
        **_more: object,
    ) -> None:
        self._put_clock_right()
        now = self._place.clock.now()
        kind, sent, wanted = errand.get("kind"), 0, None
        try:
            try:
                wanted = checked_errand(errand)
            except SettingsError as error:
                # Who asked knows it: a newer version, of which others may be workers.
                if failures >= _UNKNOWN_TRIES or not isinstance(kind, str):
                    raise
                if Errand(kind, {}).is_of_events:
                    raise  # the home is looked at all the same
                _LOGGER.warning(
                    "%r for the home %s is not known here: %s", kind, home, error
                )
                said = {name: each for name, each in errand.items() if name != "kind"}
                # What is said meanwhile does not wait for it.
                await self._ask_again(
                    home, Errand(kind, said), failures, lane="unknown"
                )
                return
            if wanted.by_person:
                sent = await do_for_person(home, self._place, wanted)
                wanted = None
        except (StoreUnavailableError, StoreConflictError) as error:
            # A person's word stands: nobody would say it again.
            _LOGGER.warning("%r for the home %s waits: %s", kind, home, error)
            await self._ask_again(home, checked_errand(errand), failures)
            return
        except (AutomationError, ValueError) as error:
            _LOGGER.warning("%r for the home %s is refused: %s", kind, home, error)
            wanted = None
        except Exception as error:  # noqa: BLE001 - told, and the home is looked at
            log_failure(
                _LOGGER,
                error,
                f"{kind!r} for the home {home} came to nothing",
                then="the home is looked at all the same",
            )
            wanted = None
        await self._visit(home, now, (), 0, errand=wanted, sent=sent)

    async def _ask_again(
        self, home: str, errand: Errand, failures: int, *, lane: str = "person"
    ) -> None:
        """Let an errand be taken again in a while, by whoever comes first.

        While the queue is away this is asked again: once the job is told to be at its end,
        nobody would say it again.
        """
        wakeup = self._place.clock.now() + self._ahead() + wait_after(failures)
        began = time.monotonic()
        while True:
            try:
                await self._asked(home, errand, wakeup, failures + 1, lane=lane)
            except ConnectorException as error:
                await self._bear(error, began, f"{errand.kind!r} for the home {home}")
            else:
                return

    @staticmethod
    async def _bear(error: ConnectorException, began: float, what: str) -> None:
        """Wait for a queue that is away, or raise the error where that took too long."""
        if time.monotonic() - began > _UNANSWERED_SECONDS:
            raise error
        _LOGGER.warning("%s waits: %s", what, error.__cause__)
        await asyncio.sleep(_RECONNECT_SECONDS)

    @property
    def _place(self) -> Place:
        if self._place_of is None:
            raise RuntimeError("this FleetQueue was made to ask, not to work")
        return self._place_of()

    async def _visit(
        self,
        home: str,
        due: datetime,
        zones: Sequence[str],
        failures: int,
        *,
        errand: Errand | None = None,
        sent: int = 0,
    ) -> None:
        place = self._place
        began = place.clock.now(), place.clock.monotonic()
        try:
            visit = await tick_home(home, due, place, zones=zones, errand=errand)
        except UnknownHomeError as error:
            # A cloud posts on for an account whose home is gone.
            level = logging.WARNING if errand is None else logging.DEBUG
            _LOGGER.log(level, "%s: it is ticked no more", error)
            return
        except Exception as error:  # noqa: BLE001 - told, and the home is visited again
            wait = wait_after(failures)
            log_failure(
                _LOGGER,
                error,
                f"the home {home} could not be looked after",
                then=f"it is visited again in {wait.total_seconds():.0f} s",
            )
            wakeup = place.clock.now() + wait
            # Not by the queue's own retry: another tick of the home may wait by now. The
            # zones are found again; it may be they that nobody can read.
            await self._want(home, wakeup, (), failures + 1)
            return
        self._on_visit(visit._replace(commands=visit.commands + sent))
        wakeup = visit.next_wakeup
        if _was_set(place.clock, *began):
            wakeup = place.clock.now() + wait_after(
                0
            )  # by which time it is nobody knows
        await self._want(home, wakeup, visit.zones)

    async def _want(
        self, home: str, wakeup: datetime, zones: Sequence[str], failures: int = 0
    ) -> None:
        """Let the home be ticked at an instant of this machine, unless it is before that.

        While the queue is away this is asked again: once the job is told to be at its end,
        nothing else would tick the home.
        """
        job = self._job(home, wakeup + self._ahead(), zones, failures)
        began = time.monotonic()
        while True:
            try:
                if await self.jobs.put_soon(job) or await self._waits_before(job):
                    return
            except ConnectorException as error:
                await self._bear(error, began, f"the next tick of {home}")

    async def _waits_before(self, job: Job) -> bool:
        """Tell whether the home is ticked before that; what waits for later is taken out."""
        manager = self.app.job_manager
        for other in await manager.list_jobs_async(
            queueing_lock=job.queueing_lock, status=_WAITING
        ):
            if other.scheduled_at is None or job.scheduled_at is None:
                return True
            if other.scheduled_at <= job.scheduled_at:
                return True
            if other.id is not None:
                await manager.cancel_job_by_id_async(other.id, delete_job=True)
        return False

    def _ahead(self) -> timedelta:
        """Return by how much the queue's clock is before this machine's.

        Jobs are due by the queue's: where a worker's own is set back, what it wants in
        two minutes would be due at once, again and again.
        """
        told = self.jobs.now()
        if told is None:
            return timedelta(0)
        now, within = told
        clock = self._place.clock
        ahead = now - clock.now()
        differs = abs(ahead) > _CLOCKS_DIFFER + within
        if differs != self._differs:
            self._differs = differs
            if differs:
                _LOGGER.warning(
                    "this machine's clock is %+.1f s off the queue's",
                    -ahead.total_seconds(),
                )
        return ahead if differs else timedelta(0)

    def _put_clock_right(self) -> None:
        """Let a clock that can be show the queue's time: homes are looked after by it, too.

        Before a visit and not as it ends: its next wake-up is by this clock.
        """
        clock = self._place.clock
        if isinstance(clock, FleetClock) and (ahead := self._ahead()):
            clock.put_right(ahead)
            self._differs = False

    def _job(
        self, home: str, due: datetime, zones: Sequence[str] = (), failures: int = 0
    ) -> Job:
        arguments: dict[str, Any] = {"home": home, "due": encode_instant(due)}
        if zones:
            arguments["zones"] = list(zones)
        if failures:
            arguments["failures"] = failures
        return self._tick.configure(
            queue=self.queue_of(home),
            lock=home,
            queueing_lock=home,
            schedule_at=due,
            task_kwargs=arguments,
        ).job

    async def _take_up(self, timestamp: int) -> None:  # noqa: ARG002 - procrastinate's argument
        """Let others do what workers began that are silent."""
        manager = self.app.job_manager
        silent = await manager.get_stalled_jobs(seconds_since_heartbeat=_SILENT_SECONDS)
        # Where the end of a job could not be written its worker lives on.
        long = await manager.connector.execute_query_all_async(
            _LONG_AT_WORK, seconds=_LONGEST_VISIT_SECONDS
        )
        forgotten = [
            job for row in long for job in await manager.list_jobs_async(id=row["id"])
        ]
        for job in {job.id: job for job in (*silent, *forgotten)}.values():
            _LOGGER.warning("a worker died at %s", job.call_string)
            if job.task_name == _WARDEN:
                await manager.finish_job(job, Status.FAILED, delete_job=True)
            else:
                await self.jobs.again([job])


def _was_set(clock: Clock, now: datetime, monotonic: float) -> bool:
    """Tell whether a clock was set, or put right, since it showed these two."""
    passed = timedelta(seconds=clock.monotonic() - monotonic)
    return abs(clock.now() - now - passed) > _CLOCKS_DIFFER


async def _one_statement_each(connection: Any) -> None:
    """Let each call be a transaction by itself: procrastinate's are one statement."""
    await connection.set_autocommit(True)


def _pool_of_checked(**options: Any) -> AsyncConnectionPool[Any]:
    """Return procrastinate's pool, which asks connections that rested whether they live.

    Procrastinate would ask before each statement: with many homes a second every second
    statement would be that. A server that ended a connection said so; so what lies unread on
    one that was lent a moment ago is looked at instead, which is no round trip.
    """
    heard: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    async def check(connection: Any) -> None:
        now = time.monotonic()
        rested = now - heard.get(connection, -math.inf) >= _RESTED_SECONDS
        if rested or _has_unread(connection.fileno()):
            await AsyncConnectionPool.check_connection(connection)
        heard[connection] = now

    return AsyncConnectionPool(**{**options, "check": check})


def _has_unread(descriptor: int) -> bool:
    """Tell whether something came on a socket, or its end; True where nobody can tell."""
    if not hasattr(select, "poll"):  # as on Windows
        return True
    looked = select.poll()
    looked.register(descriptor, select.POLLIN)
    return bool(looked.poll(0))


_STRAY: Final = """
SELECT id, args ->> 'home' AS home FROM procrastinate_jobs
WHERE status = 'todo' AND task_name = ANY (%(tasks)s) AND queue_name <> ALL (%(queues)s)
"""
_MOVE: Final = """
UPDATE procrastinate_jobs job SET queue_name = moved.queue
FROM unnest(%(ids)s::bigint[], %(queues)s::text[]) AS moved(id, queue)
WHERE job.id = moved.id AND job.status = 'todo' RETURNING job.id
"""
_LONG_AT_WORK: Final = """
SELECT job.id FROM procrastinate_jobs job
JOIN procrastinate_events event ON event.job_id = job.id AND event.type = 'started'
WHERE job.status = 'doing'
GROUP BY job.id HAVING max(event.at) < now() - %(seconds)s * interval '1 second'
"""
_DUE_INDEX: Final = """
CREATE INDEX IF NOT EXISTS switchbot_fleet_due
ON procrastinate_jobs (queue_name, scheduled_at) WHERE status = 'todo'
"""
