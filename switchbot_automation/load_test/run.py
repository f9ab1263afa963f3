"""Run the system under load, watch it from outside, and count what it kept."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import platform
import sys
import tempfile
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.clock import SystemClock
from switchbot_automation.errors import AutomationError
from switchbot_automation.load_test.faults import PlannedFault, play
from switchbot_automation.load_test.kept import Kept, connections_of, kept
from switchbot_automation.load_test.plan import (
    LoadPlan,
    own_server,
    settings_of,
    variables_of,
)
from switchbot_automation.load_test.report import (
    LoadReport,
    LoadSeries,
    mean,
    percentile,
)
from switchbot_automation.load_test.users import Requests, look
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import FakeSwitchBotCloud
from switchbot_automation.simulation.run import build_home
from switchbot_automation.simulation.scenarios import HOUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from switchbot_store.testing import PostgresServer

_LOGGER = logging.getLogger(__name__)

_SUBJECT: Final = "switchbot_automation.load_test.subject"
_CONNECTIONS_EVERY_SECONDS: Final = 2.0
_READY_SECONDS: Final = 60.0
_ENDING_SECONDS: Final = 90.0
_LINE_BYTES: Final = 1 << 20
_RECOVERY_SECONDS: Final = 5.0
"""What was away is looked for again within so long."""


class SubjectFailedError(AutomationError):
    """The process under load ended before its time; what it said last is told."""


@dataclass(slots=True)
class Heard:
    """What the process under load has said so far; instants are of its own clock."""

    url: str = ""
    began: float = 0.0
    ticks: list[tuple[float, float]] = field(default_factory=list)
    rows: int = 0
    vitals: list[Mapping[str, float]] = field(default_factory=list)
    pending: int = 0
    failure: str = ""
    done: bool = False
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, line: Mapping[str, Any]) -> None:
        """Take one line."""
        kind = line["kind"]
        if kind == "ready":
            self.url, self.began = line["url"], line["at"]
            self.ready.set()
        elif kind == "tick":
            self.ticks.append((line["at"] - self.began, line["seconds"]))
            self.rows += line["zones"]
        elif kind == "vitals":
            self.vitals.append({**line, "at": line["at"] - self.began})
        elif kind == "store":
            self.pending = line["pending"]
        elif kind == "failed":
            self.failure = line["error"]
        elif kind == "done":
            self.done = True


@dataclass(frozen=True, slots=True)
class Progress:
    """How it goes: for somebody who watches."""

    elapsed_seconds: float
    ticks: int
    requests: Requests
    fault: PlannedFault | None
    vitals: Mapping[str, float] | None


async def load_test(
    plan: LoadPlan, on_progress: Callable[[Progress], None] | None = None
) -> LoadReport:
    """Run a load test and return what was measured.

    Cancelling it ends what was started. Raises SettingsError for a plan that cannot be
    run or a store that already holds settings, SubjectFailedError, StoreError.
    """
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = own_server(plan, stack)
        variables = variables_of(plan, server, directory)
        settings = settings_of(plan)
        clock = SystemClock()
        home = build_home(
            clock, parse_settings(settings), house=HOUSES["default"], seed=0
        )
        # The day's calls are what another test is about.
        home.account.daily_limit = 10_000_000
        cloud = await stack.enter_async_context(FakeSwitchBotCloud(home, clock=clock))
        await asyncio.to_thread(kept, variables, check_empty=True)
        run = _Run(plan, cloud, server, variables, on_progress)
        return await run.to_the_end(settings)


class _Run:
    def __init__(
        self,
        plan: LoadPlan,
        cloud: FakeSwitchBotCloud,
        server: PostgresServer | None,
        variables: Mapping[str, str],
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self._plan = plan
        self._cloud = cloud
        self._server = server
        self._variables = dict(variables)
        self._on_progress = on_progress
        self._told = Heard()
        self._requests = Requests()
        self._connections: list[tuple[float, int]] = []
        self._fault: PlannedFault | None = None
        self._away: list[tuple[float, float]] = []
        self._began = 0.0

    async def to_the_end(self, settings: Mapping[str, Any]) -> LoadReport:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", _SUBJECT),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=None
            if _LOGGER.isEnabledFor(logging.INFO)
            else asyncio.subprocess.DEVNULL,
            env={**os.environ, **self._variables},
            limit=_LINE_BYTES,
            start_new_session=True,  # Ctrl-C is for us, who then end it in order
        )
        reading = asyncio.create_task(self._read(process))
        try:
            await self._begin(process, settings)
            await self._under_load(reading)
        finally:
            with suppress(OSError):
                if process.stdin is not None:
                    process.stdin.close()
            try:
                async with asyncio.timeout(_ENDING_SECONDS):
                    await process.wait()
            finally:
                with suppress(ProcessLookupError):
                    process.kill()
            await reading
        if not self._told.done:
            raise SubjectFailedError(
                self._told.failure or f"it ended with {process.returncode}"
            )
        found = await asyncio.to_thread(kept, self._variables, check_empty=False)
        return self._report(found)

    async def _begin(
        self, process: asyncio.subprocess.Process, settings: Mapping[str, Any]
    ) -> None:
        if process.stdin is None:
            raise RuntimeError("the process under load has no stdin")
        line = {
            "settings": settings,
            "base_url": self._cloud.base_url,
            "token": self._cloud.token,
            "secret": self._cloud.secret,
            "daily_limit": self._cloud.account.daily_limit,
            "tick_interval_seconds": self._plan.tick_interval_seconds,
        }
        process.stdin.write(json.dumps(line).encode() + b"\n")
        await process.stdin.drain()
        ready = asyncio.create_task(self._told.ready.wait())
        ended = asyncio.create_task(process.wait())
        done, waiting = await asyncio.wait(
            {ready, ended}, timeout=_READY_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        for task in waiting:
            task.cancel()
        if ready not in done:
            raise SubjectFailedError(self._told.failure or "it did not start")

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            raise RuntimeError("the process under load has no stdout")
        async for line in process.stdout:
            self._told.take(json.loads(line))

    async def _under_load(self, reading: asyncio.Task[None]) -> None:
        self._began = perf_counter()
        zones = ["default", *(f"room-{n}" for n in range(1, self._plan.zones))]
        others = [
            asyncio.create_task(
                look(self._told.url, zones, self._plan.users, self._requests)
            ),
            asyncio.create_task(self._count_connections()),
            asyncio.create_task(
                play(self._plan.faults, self._cloud, self._server, self._note)
            ),
            asyncio.create_task(self._show()),
        ]
        ended = asyncio.create_task(asyncio.sleep(self._plan.duration_seconds))
        try:
            waiting = {ended, reading, *others[:1], others[1], others[3]}
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {ended, reading}:
                await task  # raises what ended it
        finally:
            for task in (*others, ended):
                task.cancel()
            results = await asyncio.gather(*others, ended, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _note(self, fault: PlannedFault | None) -> None:
        self._fault = fault
        if fault is not None:
            self._away.append((perf_counter(), math.inf))
        elif self._away:
            self._away[-1] = (self._away[-1][0], perf_counter() + _RECOVERY_SECONDS)

    def _ticks_taken(self, *, in_faults: bool) -> list[float]:
        """Return how long the ticks took that met a fault, or that did not."""
        taken = []
        for at, seconds in self._told.ticks:
            ended = self._told.began + at
            met = any(
                begin <= ended and ended - seconds <= end for begin, end in self._away
            )
            if met is in_faults:
                taken.append(seconds)
        return taken

    async def _count_connections(self) -> None:
        url = self._variables.get("POSTGRES_URL")
        while True:
            if url is not None:
                count = await asyncio.to_thread(connections_of, url)
                if count is not None:
                    self._connections.append((perf_counter() - self._began, count))
            await asyncio.sleep(_CONNECTIONS_EVERY_SECONDS)

    async def _show(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            if self._on_progress is not None:
                vitals = self._told.vitals[-1] if self._told.vitals else None
                self._on_progress(
                    Progress(
                        perf_counter() - self._began,
                        len(self._told.ticks),
                        self._requests,
                        self._fault,
                        vitals,
                    )
                )

    def _report(self, found: Kept) -> LoadReport:
        plan, told, asked = self._plan, self._told, self._requests
        took = [seconds for _, seconds in told.ticks]
        memory = [each["resident_bytes"] / 1e6 for each in told.vitals]
        lags = [each["lag_seconds"] for each in told.vitals]
        return LoadReport(
            duration_seconds=plan.duration_seconds,
            users=plan.users,
            zones=plan.zones,
            tick_interval_seconds=plan.tick_interval_seconds,
            store="postgres" if "POSTGRES_URL" in self._variables else "json",
            machine=f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"
            f" {platform.release()}, Python {platform.python_version()}",
            ticks=len(took),
            tick_mean_seconds=mean(self._ticks_taken(in_faults=False)),
            tick_mean_in_faults_seconds=mean(self._ticks_taken(in_faults=True)),
            tick_p50_seconds=percentile(took, 0.5),
            tick_p95_seconds=percentile(took, 0.95),
            tick_p99_seconds=percentile(took, 0.99),
            requests=asked.count,
            requests_failed=asked.failed,
            failures=asked.failures,
            request_p50_seconds=percentile(asked.seconds, 0.5),
            request_p95_seconds=percentile(asked.seconds, 0.95),
            request_p99_seconds=percentile(asked.seconds, 0.99),
            cpu_percent=_cpu_percent(told.vitals),
            memory_megabytes=max(memory, default=0.0),
            memory_drift_megabytes=_drift(memory),
            lag_p99_seconds=percentile(lags, 0.99),
            lag_worst_seconds=max(lags, default=0.0),
            connections_most=max((count for _, count in self._connections), default=0),
            rows_expected=told.rows,
            rows_found=found.rows,
            documents_lost=found.pending,
            faults=tuple(plan.faults.to_list()),
            series=LoadSeries(
                tick_at=tuple(at for at, _ in told.ticks),
                tick_seconds=tuple(took),
                request_at=tuple(at - self._began for at in asked.at),
                request_seconds=tuple(asked.seconds),
                vital_at=tuple(each["at"] for each in told.vitals),
                memory_megabytes=tuple(memory),
                lag_seconds=tuple(lags),
                connections_at=tuple(at for at, _ in self._connections),
                connections=tuple(count for _, count in self._connections),
            ),
        )


def _cpu_percent(vitals: list[Mapping[str, float]]) -> float:
    """Return the share of one core, from the first second on to the last."""
    if len(vitals) < 2:  # noqa: PLR2004 - a difference needs two
        return 0.0
    first, last = vitals[0], vitals[-1]
    spent = last["cpu_seconds"] - first["cpu_seconds"]
    return 100.0 * spent / (last["at"] - first["at"])


def _drift(memory: list[float]) -> float:
    """Return how much more the last fifth took than the second, in megabytes."""
    fifth = len(memory) // 5
    if not fifth:
        return 0.0
    return mean(memory[-fifth:]) - mean(memory[fifth : 2 * fifth])
