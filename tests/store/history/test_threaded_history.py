"""History as asyncio code sees it: nothing ever holds the loop up."""

import asyncio
import itertools
from datetime import timedelta

import pytest

from switchbot_store import (
    HistorySample,
    HistoryService,
    StoreClosedError,
    StoreDataError,
    ThreadedHistory,
)


@pytest.fixture
async def history(backend):
    async with ThreadedHistory(HistoryService(backend)) as opened:
        yield opened
        backend.open_gate.set()


async def test_everything_a_service_does_can_be_awaited(history, samples, stored):
    for sample in samples[:3]:
        await history.record(sample)
    await history.flush()
    assert stored() == [0, 1, 2]
    start = samples[0].timestamp
    found = await history.query(start, start + timedelta(hours=1), points=1)
    assert [row["count"] for row in found.rows] == [3]
    rows = await history.latest(2, zone="default")
    assert [row.error_count for row in rows] == [1, 2]
    assert (await history.aggregates(24 * 3650))["count"] == 3
    assert await history.cleanup() == 0
    assert history.status().written == 3


async def test_a_hanging_backend_does_not_hold_the_loop_up(history, backend, samples):
    backend.open_gate.clear()
    beats = []

    async def beat():
        while True:
            beats.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.005)

    heart = asyncio.create_task(beat())
    await history.record(samples[0])
    flush = asyncio.create_task(history.flush())
    for sample in samples[1:200]:
        await history.record(sample)
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0.005)
    assert not flush.done()
    backend.open_gate.set()
    await flush
    heart.cancel()
    pauses = [later - earlier for earlier, later in itertools.pairwise(beats)]
    assert sorted(pauses)[len(pauses) // 2] < 0.05


async def test_errors_reach_the_caller(history, samples):
    with pytest.raises(StoreDataError):
        await history.record(HistorySample(samples[0].timestamp.replace(tzinfo=None)))


async def test_close_writes_what_is_left(backend, samples, stored):
    history = ThreadedHistory(HistoryService(backend))
    await history.record(samples[0])
    await history.close()
    await history.close()
    assert stored() == [0]
    with pytest.raises(StoreClosedError):
        await history.record(samples[1])
    with pytest.raises(StoreClosedError):
        await history.latest()


async def test_detach_leaves_the_service_open(backend, samples):
    with HistoryService(backend) as service:
        history = ThreadedHistory(service)
        await history.record(samples[0])
        await history.detach()
        service.record(samples[1])
        assert len(service.latest(5)) == 2


async def test_with_a_journal_record_waits_for_the_disk_on_the_thread(
    backend, samples, tmp_path
):
    service = HistoryService(
        backend, spill=tmp_path / "spill", journal=True, batch_size=99
    )
    async with ThreadedHistory(service) as history:
        await history.record(samples[0])
        assert history.status().spilled == 1
