"""The part of the suite where several callers meet; `StoreContract` includes it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from switchbot_store.errors import StoreConflictError

if TYPE_CHECKING:
    from switchbot_store.interface import StoreInterface
    from switchbot_store.model import Document

_WRITERS: Final = 4
_ROUNDS: Final = 15
_PATIENCE_SECONDS: Final = 60


class ConcurrencyContract:
    """Tests for the fixtures `store` and `other` of `StoreContract`."""

    def test_readers_never_see_half_of_a_set_many(
        self, store: StoreInterface, other: StoreInterface
    ) -> None:
        """Both documents always carry the same number."""
        store.set_many({"a": {"n": 0}, "b": {"n": 0}})
        done = threading.Event()

        def write() -> None:
            try:
                for number in range(1, 2 * _ROUNDS):
                    store.set_many({"a": {"n": number}, "b": {"n": number}})
            finally:
                done.set()

        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write)
            while not done.is_set():
                found = other.get_many(["b", "a"])
                assert found["a"].data == found["b"].data
            writing.result(_PATIENCE_SECONDS)

    def test_update_runs_again_when_somebody_wrote_between(
        self, store: StoreInterface, other: StoreInterface
    ) -> None:
        """On what that somebody wrote."""
        store.set("a", {"n": 1})
        seen = []

        def change(old: Document) -> Document:
            seen.append(old["n"])
            if len(seen) == 1:
                interfere()
            return {"n": old["n"] + 1}

        def interfere() -> None:
            thread = threading.Thread(target=other.set, args=("a", {"n": 10}))
            thread.start()
            thread.join(_PATIENCE_SECONDS)

        assert other.update("a", lambda _: None) == {"n": 1}
        assert store.update("a", change) == {"n": 11}
        assert seen == [1, 10]

    def test_updates_of_many_writers_all_count(
        self, store: StoreInterface, other: StoreInterface
    ) -> None:
        """From threads and from two stores on one place."""

        def count(which: StoreInterface) -> None:
            for _ in range(_ROUNDS):
                which.update("counter", lambda old: {"n": old.get("n", 0) + 1})

        with ThreadPoolExecutor(_WRITERS) as pool:
            writers = [pool.submit(count, each) for each in (store, other) * 2]
            for writer in writers:
                writer.result(_PATIENCE_SECONDS)
        assert store.get("counter") == {"n": _WRITERS * _ROUNDS}

    def test_only_one_of_many_creators_wins(self, store: StoreInterface) -> None:
        """Of a document that was never set."""
        start = threading.Barrier(_WRITERS)

        def create(number: int) -> str | None:
            start.wait(_PATIENCE_SECONDS)
            try:
                return store.compare_and_set("a", {"by": number}, "")
            except StoreConflictError:
                return None

        with ThreadPoolExecutor(_WRITERS) as pool:
            made = list(pool.map(create, range(_WRITERS)))
        winners = [number for number, revision in enumerate(made) if revision]
        assert len(winners) == 1
        assert store.get("a") == {"by": winners[0]}
        assert store.get_entry("a").revision == made[winners[0]]

    def test_threads_never_read_a_torn_document(
        self, store: StoreInterface, other: StoreInterface
    ) -> None:
        """Writers of one key, readers of the same."""
        store.set("a", {"head": 0, "body": "0" * 5000, "tail": 0})

        def write(number: int) -> None:
            for _ in range(_ROUNDS):
                body = str(number) * 5000
                store.set("a", {"head": number, "body": body, "tail": number})

        def read() -> None:
            for _ in range(2 * _ROUNDS):
                found = other.get("a")
                assert found["head"] == found["tail"]
                assert found["body"] == str(found["head"]) * 5000

        with ThreadPoolExecutor(_WRITERS) as pool:
            work = [pool.submit(write, 1), pool.submit(write, 2)]
            work += [pool.submit(read), pool.submit(read)]
            for each in work:
                each.result(_PATIENCE_SECONDS)
