from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
from contextlib import asynccontextmanager

import pytest

from switchbot_automation.engine.engine import AutomationEngine
from switchbot_automation.engine.thread import EngineThread
from switchbot_automation.errors import EngineClosedError
from switchbot_automation.model import DeviceList
from switchbot_store import HistoryService, MemoryStore, SqliteHistory


class NoCloud:
    async def devices(self):
        return DeviceList((), ())

    async def scenes(self):
        return []


@pytest.fixture
def engine(clock):
    """A real engine with nothing to do; a day passes between its wishes."""
    return AutomationEngine(NoCloud(), MemoryStore())


async def thread_id() -> int:
    return threading.get_ident()


async def fail() -> None:
    raise LookupError("nothing there")


def test_calls_run_on_one_thread_of_their_own(engine):
    with EngineThread(engine) as thread:
        found = {thread.call(thread_id()) for _ in range(3)}
    assert len(found) == 1
    assert threading.get_ident() not in found


def test_calls_come_from_many_threads_at_once(engine):
    results = []
    with EngineThread(engine) as thread:

        def ask(number: int) -> None:
            report = thread.call(engine.run_once(f"web {number}"))
            results.append(report.trigger)

        askers = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
    assert sorted(results) == [f"web {number}" for number in range(8)]


def test_an_exception_reaches_the_caller(engine):
    with EngineThread(engine) as thread, pytest.raises(LookupError, match="nothing"):
        thread.call(fail())


def test_the_scheduler_ticks_inside(engine):
    ticked = threading.Event()
    with EngineThread(engine) as thread:
        thread.call(_subscribe(engine, ticked))
        thread.call(engine.run_once("web"))
        assert ticked.wait(10)
        status = thread.status()
    assert status.running
    assert status.ticks >= 1


async def _subscribe(engine, ticked) -> None:
    engine.subscribe(lambda event: ticked.set())


def test_without_a_schedule_only_the_host_ticks(engine):
    with EngineThread(engine, schedule=False) as thread:
        assert thread.status() is None
        assert thread.call(engine.run_once("web")).trigger == "web"


def test_a_call_that_takes_too_long_is_cancelled(engine):
    cancelled = threading.Event()

    async def wait_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with EngineThread(engine) as thread:
        with pytest.raises(TimeoutError):
            thread.call(wait_for_ever(), timeout_seconds=0.01)
        assert cancelled.wait(10)


def test_a_call_from_the_engines_own_thread_is_refused_not_deadlocked(engine):
    with EngineThread(engine) as thread:

        async def call_again() -> int:
            return thread.call(thread_id())

        with pytest.raises(RuntimeError, match="await instead"):
            thread.call(call_again(), timeout_seconds=10)


def test_stop_from_the_engines_own_thread_is_refused(engine):
    with EngineThread(engine) as thread:

        async def stop() -> None:
            thread.stop()

        with pytest.raises(RuntimeError, match="own thread"):
            thread.call(stop(), timeout_seconds=10)
        assert thread.running


def test_calls_before_start_and_after_stop_say_so(engine):
    thread = EngineThread(engine)
    with pytest.raises(RuntimeError, match="does not run"):
        thread.call(thread_id())
    with thread:
        pass
    with pytest.raises(RuntimeError, match="does not run"):
        thread.call(thread_id())


def test_start_and_stop_may_be_repeated(engine):
    thread = EngineThread(engine)
    thread.stop()
    thread.start()
    first = thread.call(thread_id())
    thread.start()
    assert thread.call(thread_id()) == first
    thread.stop()
    thread.stop()
    assert not thread.running
    names = [each.name for each in threading.enumerate()]
    assert "switchbot-engine" not in names


def test_what_must_be_made_on_the_loop_is_made_there_and_closed():
    story = []

    @asynccontextmanager
    async def house():
        loop = asyncio.get_running_loop()
        story.append("made")
        yield AutomationEngine(NoCloud(), MemoryStore())
        assert asyncio.get_running_loop() is loop
        story.append("closed")

    with EngineThread(house) as thread:
        assert thread.call(thread.engine.run_once("web")).trigger == "web"
    assert story == ["made", "closed"]


def test_an_engine_that_cannot_be_opened_fails_start_and_leaves_no_thread():
    @asynccontextmanager
    async def broken():
        raise OSError("no network")
        yield

    thread = EngineThread(broken)
    for _ in range(2):
        with pytest.raises(OSError, match="no network"):
            thread.start()
    assert not thread.running
    thread.stop()


def test_stop_lets_a_running_tick_finish(engine):
    began, go_on, finished = threading.Event(), threading.Event(), threading.Event()
    ticked = engine.run_once

    async def slow_tick(trigger="scheduler"):
        began.set()
        await asyncio.to_thread(go_on.wait)
        report = await ticked(trigger)
        finished.set()
        return report

    engine.run_once = slow_tick
    thread = EngineThread(engine)
    thread.start()
    assert began.wait(10)
    stopping = threading.Thread(target=thread.stop)
    stopping.start()
    assert not finished.is_set()
    go_on.set()
    stopping.join(10)
    assert finished.is_set()
    assert not thread.running


def test_the_end_of_the_interpreter_closes_the_engine(tmp_path):
    left = tmp_path / "left"
    script = f"""
        from contextlib import asynccontextmanager
        from pathlib import Path
        from switchbot_automation.engine.engine import AutomationEngine
        from switchbot_automation.engine.thread import EngineThread
        from switchbot_automation.model import DeviceList
        from switchbot_store import HistoryService, MemoryStore, SqliteHistory

        class NoCloud:
            async def devices(self):
                return DeviceList((), ())
            async def scenes(self):
                return []

        @asynccontextmanager
        async def house():
            yield AutomationEngine(NoCloud(), MemoryStore())
            Path({str(left)!r}).write_text("closed")

        thread = EngineThread(house)
        thread.start()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert left.read_text() == "closed"


def in_a_fork(check) -> str:
    """Return what `check` says in a forked child; its exit code is its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # pytest's own ends must not run here.
        try:
            said = check()
        except BaseException as error:  # noqa: BLE001 - the parent asserts on its words
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        ready, _, _ = select.select([pipe], [], [], 60)
        if not ready:
            os.kill(child, signal.SIGKILL)
        said = pipe.read()
    assert os.waitpid(child, 0)[1] == 0, "it hung"
    return said


def refusal(call) -> str:
    with pytest.raises(RuntimeError) as caught:
        call()
    return str(caught.value)


def test_the_end_of_the_interpreter_leaves_a_host_time_for_its_last_rows(tmp_path):
    """What a host makes and closes beside the loop, as the documentation has it."""
    program = """
        import asyncio, sys
        from contextlib import asynccontextmanager
        from switchbot_automation import AutomationEngine, EngineThread
        from switchbot_automation.simulation import SimulatedHome, default_settings
        from switchbot_store import HistoryService, MemoryStore, SqliteHistory

        @asynccontextmanager
        async def house():
            rows = HistoryService(SqliteHistory(sys.argv[1]))
            await asyncio.to_thread(rows.open)
            home, store = SimulatedHome(), MemoryStore()
            store.set("settings", default_settings("winter"))
            try:
                yield AutomationEngine(home, store, history=rows, clock=home.clock)
            finally:
                await asyncio.to_thread(rows.close)

        thread = EngineThread(house, schedule=False)
        thread.start()
        thread.call(thread.engine.run_once("manual"))
    """
    place = tmp_path / "rows.sqlite3"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(place)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    with HistoryService(SqliteHistory(place)) as rows:
        assert rows.latest()


def test_after_a_fork_it_does_not_run_and_calls_raise(engine):
    with EngineThread(engine) as thread:

        def child() -> str:
            assert not thread.running
            told = refusal(lambda: thread.call(thread_id()))
            assert refusal(lambda: thread.engine) == told
            assert refusal(thread.status) == told
            thread.stop()
            return told

        assert "stayed in the process that forked" in in_a_fork(child)
        assert thread.running
        assert thread.call(engine.run_once("parent")).trigger == "parent"


def test_a_fork_while_another_thread_starts_or_stops_it_does_not_hang(engine):
    thread = EngineThread(engine)
    thread.start()
    with thread._lock:
        assert (
            in_a_fork(lambda: str(thread.running) + str(thread.stop())) == "FalseNone"
        )
    thread.stop()


def test_after_a_fork_one_made_by_a_function_begins_anew():
    @asynccontextmanager
    async def house():
        yield AutomationEngine(NoCloud(), MemoryStore())

    with EngineThread(house) as thread:

        def child() -> str:
            with thread:
                return thread.call(thread.engine.run_once("child")).trigger

        assert in_a_fork(child) == "child"
        assert thread.call(thread.engine.run_once("parent")).trigger == "parent"


def test_an_open_engine_is_not_opened_again_in_a_fork(engine):
    with EngineThread(engine) as thread:
        assert "make another one after the fork" in in_a_fork(thread.start)


def test_an_engine_that_was_closed_is_not_opened_again(engine):
    thread = EngineThread(engine)
    with thread:
        pass
    with pytest.raises(EngineClosedError, match="make another one"):
        thread.start()
    assert not thread.running


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_what_ends_a_program_reaches_the_caller_and_ends_no_thread(engine, error):
    async def end() -> None:
        raise error

    with EngineThread(engine) as thread:
        with pytest.raises(type(error)):
            thread.call(end())
        assert thread.call(engine.run_once("web")).trigger == "web"


def test_a_listener_that_ends_the_program_ends_neither_thread_nor_scheduler(
    engine, caplog
):
    def leave(event):
        raise SystemExit("enough")

    with EngineThread(engine) as thread:
        engine.subscribe(leave)
        for number in range(3):
            assert thread.call(engine.run_once(f"web {number}"))
        assert thread.status().running
    assert "a listener failed" in caplog.text


def test_without_a_thread_it_does_not_start_and_does_later(engine, monkeypatch):
    thread = EngineThread(engine)

    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for _ in range(2):
            with pytest.raises(RuntimeError, match=r"not started.*new thread"):
                thread.start()
        assert not thread.running
        thread.stop()  # there is nothing to wait for
        with pytest.raises(RuntimeError, match="does not run"):
            thread.call(thread_id())
    with thread:
        assert thread.call(thread_id()) != threading.get_ident()
