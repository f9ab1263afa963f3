"""A process that works for a fleet: what its visits share, opened and closed."""

from __future__ import annotations

import asyncio
import importlib
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import ClientSession, TCPConnector

from switchbot_automation.clock import SystemClock
from switchbot_automation.engine.act.http_hook import WebhookSender
from switchbot_automation.errors import SettingsError
from switchbot_automation.fleet.accounts import AccountClients, AccountsFile
from switchbot_automation.fleet.clock import FleetClock
from switchbot_automation.fleet.shared_store import for_a_fleet
from switchbot_automation.fleet.visit import Place
from switchbot_automation.languages import worded
from switchbot_store import GatheringStore, ThreadedHistory, get_history, get_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from switchbot_automation.clock import Clock
    from switchbot_automation.model import CloudApi
    from switchbot_store import StoreConfig

    ClientsOf = Callable[[ClientSession], Callable[[str], CloudApi]]

_CONNECTIONS: Final = 64


def clients_of(accounts: str) -> ClientsOf:
    """Return what gives the cloud of each home, on a session that it is handed.

    `accounts` is the path of a JSON file, see `AccountsFile`, or ``module:name`` of a
    callable that takes the session and returns a callable of a home's name. Raises
    SettingsError, OSError.
    """
    module, colon, name = accounts.partition(":")
    if colon and all(part.isidentifier() for part in [*module.split("."), name]):
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise SettingsError(
                worded("{accounts}: {error}", accounts=accounts, error=error),
                path="accounts",
            ) from error
        if not callable(found):
            raise SettingsError(
                worded("{accounts} cannot be called", accounts=accounts),
                path="accounts",
            )
        made: ClientsOf = found
        return made
    known = AccountsFile(Path(accounts))
    return lambda session: AccountClients(known, session)


@asynccontextmanager
async def opened_place(
    config: StoreConfig, make_clients: ClientsOf
) -> AsyncIterator[Place]:
    """Open store, history and one HTTP session, and close them again.

    Raises what opening them raises.
    """
    config = for_a_fleet(config)
    store = GatheringStore(await asyncio.to_thread(get_store, config))
    try:
        history = ThreadedHistory(await asyncio.to_thread(get_history, config))
        try:
            connector = TCPConnector(limit=_CONNECTIONS)
            async with ClientSession(connector=connector) as session:
                clients = make_clients(session)
                clock: Clock = SystemClock()
                if isinstance(clients, AccountClients):
                    # A host's own clients tell the time by the machine.
                    clients.clock = clock = FleetClock(clock)
                yield Place(
                    store,
                    clients,
                    history,
                    clock,
                    webhook_sender=WebhookSender(),
                )
        finally:
            await history.close()
    finally:
        await store.close()
