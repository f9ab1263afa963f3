"""When rows reach the backend, and that none is lost on the way."""

import logging

import pytest

from switchbot_store import (
    HistoryError,
    HistorySample,
    HistoryService,
    HistorySpill,
    StoreUnavailableError,
)

WAIT_SECONDS = 30


@pytest.fixture
def service(backend):
    with HistoryService(backend) as opened:
        yield opened
        backend.away = False
        backend.open_gate.set()


class TestBackendAway:
    def test_rows_are_kept_and_arrive_in_order_later(
        self, service, backend, samples, stored
    ):
        backend.away = True
        for sample in samples[:6]:
            service.record(sample)
        with pytest.raises(HistoryError) as caught:
            service.flush()
        assert caught.value.unwritten == 6
        assert isinstance(caught.value.__cause__, StoreUnavailableError)
        status = service.status()
        assert (status.buffered, status.written) == (6, 0)
        assert status.degraded_since is not None
        assert "the way is cut" in status.last_error
        service.record(samples[6])
        backend.away = False
        service.flush()
        assert stored() == list(range(7))
        status = service.status()
        assert (status.buffered, status.written) == (0, 7)
        assert (status.degraded_since, status.last_error) == (None, None)

    def test_rows_arrive_by_themselves_when_it_is_back(self, backend, samples, stored):
        with HistoryService(backend, batch_size=1) as service:
            backend.away = True
            backend.open_gate.clear()
            service.record(samples[0])
            assert backend.entered.wait(WAIT_SECONDS)
            backend.open_gate.set()
            service.record(samples[1])
            backend.away = False
            assert backend.wrote.acquire(timeout=WAIT_SECONDS)
        assert stored() == [0, 1]

    def test_rows_that_another_thread_could_not_write_arrive_by_themselves(
        self, backend, samples, stored
    ):
        with HistoryService(backend, batch_size=2) as service:
            service.record(samples[0])
            service.record(samples[1])
            assert backend.wrote.acquire(timeout=WAIT_SECONDS)  # the thread idles now
            backend.away = True
            service.record(samples[2])
            with pytest.raises(HistoryError):
                service.flush()
            backend.away = False
            assert backend.wrote.acquire(timeout=WAIT_SECONDS)
        assert stored() == [0, 1, 2]

    def test_a_reader_does_not_wait_for_a_write_that_hangs(self, backend, samples):
        with HistoryService(backend, batch_size=1) as service:
            backend.open_gate.clear()
            service.record(samples[0])
            assert backend.entered.wait(WAIT_SECONDS)
            assert service.latest() == []
            assert not backend.wrote.acquire(blocking=False)
            backend.open_gate.set()

    def test_close_without_a_spill_counts_what_is_lost(self, backend, samples):
        service = HistoryService(backend)
        backend.away = True
        for sample in samples[:3]:
            service.record(sample)
        with pytest.raises(HistoryError, match="the way is cut") as caught:
            service.close()
        assert caught.value.unwritten == 3
        service.close()

    def test_close_does_not_wait_for_ever(self, backend, samples):
        service = HistoryService(backend, close_timeout_seconds=0.05)
        backend.open_gate.clear()
        for sample in samples[:5]:
            service.record(sample)
        assert backend.entered.wait(WAIT_SECONDS)
        with pytest.raises(HistoryError) as caught:
            service.close()
        assert caught.value.unwritten == 5
        backend.open_gate.set()

    def test_memory_is_bounded_and_the_oldest_rows_go_loudly(
        self, backend, samples, stored, caplog
    ):
        with HistoryService(backend, batch_size=99, max_buffered_rows=5) as service:
            for sample in samples[:8]:
                service.record(sample)
            assert service.status().dropped == 3
            assert "rows of history were lost" in caplog.text
        assert stored() == [3, 4, 5, 6, 7]

    def test_memory_is_bounded_by_bytes_too(self, backend, moments, stored):
        limit = 100_000
        with HistoryService(
            backend, batch_size=999, max_buffered_bytes=limit
        ) as service:
            for number, moment in enumerate(moments[:100]):
                service.record(
                    HistorySample(
                        moment, error_count=number, metadata={"text": "x" * 2000}
                    )
                )
            assert service.status().dropped > 80
        assert stored() == list(range(100 - len(stored()), 100))

    def test_one_outage_is_logged_twice(self, service, backend, samples, caplog):
        caplog.set_level(logging.INFO)
        backend.away = True
        for number in range(3):
            service.record(samples[number])
            with pytest.raises(HistoryError):
                service.flush()
        backend.away = False
        service.flush()
        told = [record.getMessage() for record in caplog.records]
        assert len(told) == 2
        assert "kept back" in told[0]
        assert "written again" in told[1]

    def test_a_bug_in_a_backend_does_not_end_the_thread(
        self, backend, samples, stored, caplog
    ):
        def broken(*_, **__):
            backend.write = original
            raise ZeroDivisionError

        original = backend.write
        with HistoryService(backend, batch_size=1) as service:
            backend.write = broken
            service.record(samples[0])
            assert backend.wrote.acquire(timeout=WAIT_SECONDS)
        assert stored() == [0]
        assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("damaged", ["header", "pages"])
def test_a_damaged_spill_is_kept_aside_and_begun_anew(
    backend, samples, stored, tmp_path, damaged
):
    spill_path = tmp_path / "spill.sqlite3"
    spill = HistorySpill(spill_path)
    spill.append(samples[:500])
    spill.close()
    content = spill_path.read_bytes()
    cut = 0 if damaged == "header" else 4096
    bad = content[:cut] + b"garbage!" * ((len(content) - cut) // 8)
    spill_path.write_bytes(bad)
    with HistoryService(backend, spill=spill_path) as service:
        service.record(samples[0])
        service.flush()
    assert stored() == [0]
    (evidence,) = spill_path.parent.glob("*.corrupt-*Z")
    assert evidence.read_bytes() == bad
