"""ThreadedStore beyond the contract: order, cancellation, threads."""

import asyncio
import sys
import threading

import pytest

from switchbot_store import MemoryStore, StoreClosedError, ThreadedStore
from switchbot_store.threaded.views import PrivateThread

PATIENCE_SECONDS = 30


class GatedStore(MemoryStore):
    """A store whose writes wait until the gate opens, as on a slow disk."""

    def __init__(self):
        super().__init__()
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.threads = set()
        self.order = []

    def set(self, key, data):
        self.threads.add(threading.current_thread().name)
        self.entered.set()
        assert self.gate.wait(PATIENCE_SECONDS)
        self.order.append(data["n"])
        super().set(key, data)


@pytest.fixture
async def gated():
    store = GatedStore()
    async with ThreadedStore(store) as threaded:
        yield store, threaded
        store.gate.set()


async def entered(store):
    while not store.entered.is_set():  # noqa: ASYNC110 - set by another thread
        await asyncio.sleep(0)


async def test_calls_keep_their_order_on_one_thread(gated):
    store, threaded = gated
    store.gate.set()
    await asyncio.gather(*(threaded.set("a", {"n": n}) for n in range(50)))
    assert store.order == list(range(50))
    assert store.threads == {"GatedStore calls"}
    assert threading.current_thread().name not in store.threads


async def test_cancelling_a_call_neither_undoes_nor_reorders(gated):
    store, threaded = gated
    calls = [asyncio.create_task(threaded.set("a", {"n": n})) for n in range(4)]
    await entered(store)
    for cancelled in (calls[0], calls[2]):
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
    store.gate.set()
    await asyncio.gather(calls[1], calls[3])
    assert store.order == [0, 1, 2, 3]


async def test_a_blocked_store_leaves_the_loop_and_its_executor_free(gated):
    store, threaded = gated
    writing = asyncio.create_task(threaded.set("a", {"n": 1}))
    await entered(store)
    loop = asyncio.get_running_loop()
    assert await loop.getaddrinfo("127.0.0.1", 80)
    assert threaded.status().backend == "memory"
    assert not writing.done()
    store.gate.set()
    await writing


async def test_close_finishes_what_was_asked_and_ends_the_thread():
    store = GatedStore()
    threaded = await ThreadedStore(store).open()
    writing = asyncio.create_task(threaded.set("a", {"n": 1}))
    await entered(store)
    closing = asyncio.create_task(threaded.close())
    store.gate.set()
    await closing
    assert writing.done()
    assert store.order == [1]
    assert "GatedStore calls" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(StoreClosedError):
        await threaded.get("a")
    with pytest.raises(StoreClosedError):
        store.get("a")
    assert await threaded.health_check() is False
    await threaded.close()


async def test_detach_leaves_the_store_to_its_owner():
    store = GatedStore()
    store.gate.set()
    threaded = ThreadedStore(store)
    await threaded.set("a", {"n": 1})
    await threaded.detach()
    assert store.get("a") == {"n": 1}
    with pytest.raises(StoreClosedError):
        await threaded.get("a")
    assert "GatedStore calls" not in {thread.name for thread in threading.enumerate()}


async def test_a_memory_store_needs_no_thread():
    before = threading.active_count()
    async with ThreadedStore(MemoryStore()) as store:
        await store.set("state", {"n": 1})
        assert await store.get("state") == {"n": 1}
        assert threading.active_count() == before


async def test_errors_of_the_store_reach_the_task_that_asked(gated):
    store, threaded = gated
    store.gate.set()
    with pytest.raises(KeyError):
        await threaded.set("a", {})
    with pytest.raises(ZeroDivisionError):
        await threaded.update("a", lambda old: {"n": len(old) // 0})
    await threaded.set("a", {"n": 1})


def test_one_store_serves_one_loop_after_the_other():
    store = GatedStore()
    store.gate.set()
    threaded = ThreadedStore(store)
    asyncio.run(threaded.set("a", {"n": 1}))
    assert asyncio.run(threaded.get("a")) == {"n": 1}
    asyncio.run(threaded.close())


def test_an_answer_for_a_loop_that_ended_is_dropped():
    store = GatedStore()
    threaded = ThreadedStore(store)

    async def ask_and_leave():
        task = asyncio.create_task(threaded.set("a", {"n": 1}))
        await entered(store)
        task.cancel()

    asyncio.run(ask_and_leave())
    store.gate.set()
    asyncio.run(threaded.close())
    assert store.order == [1]


async def test_a_private_thread_serves_any_blocking_object():
    thread = PrivateThread("work")
    assert await thread.run(max, 1, 2, key=lambda n: -n) == 1
    with pytest.raises(RuntimeError) as caught:
        await thread.run(next, iter(()))
    assert isinstance(caught.value.__cause__, StopIteration)
    await thread.close()
    await thread.close()
    with pytest.raises(StoreClosedError):
        await thread.run(len, "")


async def test_closing_just_as_a_call_ends_is_not_waited_for_for_ever():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for _ in range(300):
                thread = PrivateThread("work")
                await thread.run(len, "")
                await asyncio.gather(thread.close(), thread.close())
    finally:
        sys.setswitchinterval(interval)
