"""Everything a home knows in one portable file, and back."""

from __future__ import annotations

from switchbot_store.backup.archive import (
    Progress,
    Readable,
    Restored,
    RestorePlan,
    Source,
    StoreSource,
    back_up,
    back_up_source,
    plan_restore,
    restore,
)

__all__ = [
    "Progress",
    "Readable",
    "RestorePlan",
    "Restored",
    "Source",
    "StoreSource",
    "back_up",
    "back_up_source",
    "plan_restore",
    "restore",
]
