"""An `AsyncStore` seen as a `StoreInterface`, so that one suite tests both."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Self, TypeVar

from switchbot_store.interface import StoreInterface

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping

    from switchbot_store.interface import AsyncStore
    from switchbot_store.model import Change, Document, Entry, StoreStatus

T = TypeVar("T")


class BlockingView(StoreInterface):
    """Calls an asyncio store from any thread, on an event loop of its own.

    `end` closes the store and the loop.

    >>> from switchbot_store import MemoryStore, ThreadedStore
    >>> from switchbot_store.testing import BlockingView
    >>> view = BlockingView(ThreadedStore(MemoryStore()))
    >>> view.set("settings", {"mode": "winter"})
    >>> view.get("settings")
    {'mode': 'winter'}
    >>> view.end()
    """

    def __init__(self, store: AsyncStore) -> None:
        self.store = store
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="blocking view", daemon=True
        )
        self._thread.start()

    def get_entry(self, key: str) -> Entry:
        """See `StoreInterface`."""
        return self._wait(self.store.get_entry(key))

    def get(self, key: str) -> Document:
        """See `StoreInterface`."""
        return self._wait(self.store.get(key))

    def get_many(self, keys: Iterable[str]) -> dict[str, Entry]:
        """See `StoreInterface`."""
        return self._wait(self.store.get_many(keys))

    def set(self, key: str, data: Document) -> None:
        """See `StoreInterface`."""
        self._wait(self.store.set(key, data))

    def set_many(self, documents: Mapping[str, Document]) -> None:
        """See `StoreInterface`."""
        self._wait(self.store.set_many(documents))

    def compare_and_set(self, key: str, data: Document, revision: str) -> str:
        """See `StoreInterface`."""
        return self._wait(self.store.compare_and_set(key, data, revision))

    def update(self, key: str, change: Change) -> Document:
        """See `StoreInterface`."""
        return self._wait(self.store.update(key, change))

    def delete(self, key: str) -> bool:
        """See `StoreInterface`."""
        return self._wait(self.store.delete(key))

    def keys(self) -> list[str]:
        """See `StoreInterface`."""
        return self._wait(self.store.keys())

    def health_check(self) -> bool:
        """See `StoreInterface`."""
        return self._wait(self.store.health_check())

    def status(self) -> StoreStatus:
        """See `StoreInterface`."""
        return self.store.status()

    def open(self) -> Self:
        """See `StoreInterface`."""
        self._wait(self.store.open())
        return self

    def close(self) -> None:
        """Close the store; the loop goes on, to say that it was closed."""
        self._wait(self.store.close())

    def end(self) -> None:
        """Close the store and the loop."""
        if not self._loop.is_closed():
            self.close()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _wait(self, call: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()
