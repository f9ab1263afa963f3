"""The SwitchBot Cloud API v1.1: client, quota and device catalogue.

`SwitchBotClient` and `QuotaLedger` are loaded when first asked for: whoever needs only
the catalogue, the ledger or the reading of answers does without aiohttp.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from switchbot_automation.cloud.talk.client import SwitchBotClient
    from switchbot_automation.cloud.talk.quota import QuotaLedger

__all__ = ["QuotaLedger", "SwitchBotClient"]

_HOMES = {"QuotaLedger": "talk.quota", "SwitchBotClient": "talk.client"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
