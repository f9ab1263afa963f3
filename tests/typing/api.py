"""The public names as others use them: checked by mypy, never run."""

from switchbot_store.interface import AsyncStore, StoreInterface


def a_store(store: StoreInterface) -> str:
    with store as opened:
        opened.set("settings", {"a": 1})
        entry = opened.get_entry("settings")
        return opened.compare_and_set("settings", {"a": 2}, entry.revision)


async def an_async_store(store: AsyncStore) -> bool:
    entries = await store.get_many(["settings", "state"])
    await store.set_many({key: entry.data for key, entry in entries.items()})
    return await store.health_check()
