"""How the processes of a fleet open the store that they share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from switchbot_store import StoreConfig

_HISTORY_ROWS: Final = 500
_HISTORY_SECONDS: Final = 5.0
_DEFAULT_ROWS: Final = 4
_DEFAULT_SECONDS: Final = 60.0


def for_a_fleet(config: StoreConfig) -> StoreConfig:
    """Return the configuration of a store that many processes share.

    The whole store, and no mirror on one host's disk; rows of many homes go together.
    """
    whole = config.whole
    changes: dict[str, Any] = {"fallback": "refuse"}
    if whole.history_batch_size == _DEFAULT_ROWS:
        changes["history_batch_size"] = _HISTORY_ROWS
    if whole.history_flush_interval_seconds == _DEFAULT_SECONDS:
        changes["history_flush_interval_seconds"] = _HISTORY_SECONDS
    return replace(whole, **changes)
