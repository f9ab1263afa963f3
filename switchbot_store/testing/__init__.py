"""Contract suites, doubles and a real PostgreSQL for tests.

The suites need the extra `contracts`, the rest the extra `testing`. Names load on first
use, so that a JSON-only project needs no database driver and a pytest plugin can name
this package without importing it all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from switchbot_store.testing.blocking_view import BlockingView
    from switchbot_store.testing.history_contract import HistoryContract
    from switchbot_store.testing.postgres_server import PostgresServer
    from switchbot_store.testing.reading_contract import ReadingContract
    from switchbot_store.testing.store_contract import StoreContract
    from switchbot_store.testing.tcp_proxy import TcpProxy

__all__ = [
    "BlockingView",
    "HistoryContract",
    "PostgresServer",
    "ReadingContract",
    "StoreContract",
    "TcpProxy",
]

_HOMES = {
    "BlockingView": "blocking_view",
    "HistoryContract": "history_contract",
    "PostgresServer": "postgres_server",
    "ReadingContract": "reading_contract",
    "StoreContract": "store_contract",
    "TcpProxy": "tcp_proxy",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ModuleNotFoundError(
            f"{name} makes its examples up with Hypothesis:"
            " pip install 'switchbot-automation[contracts]'",
            name=error.name,
        ) from error
