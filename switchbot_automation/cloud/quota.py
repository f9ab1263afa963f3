"""The ledger of calls, by the name that hosts import it by."""

from __future__ import annotations

from switchbot_automation.cloud.talk.quota import (
    DAILY_LIMIT,
    QuotaLedger,
    Standing,
)

__all__ = [
    "DAILY_LIMIT",
    "QuotaLedger",
    "Standing",
]
