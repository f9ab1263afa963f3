"""Everything a home knows in one portable file, and back."""

from __future__ import annotations

from switchbot_store.backup.archive import (
    Progress,
    Readable,
    ReadingSource,
    Restored,
    RestorePlan,
    Source,
    StoreSource,
    back_up,
    back_up_source,
    plan_restore,
    restore,
)
from switchbot_store.backup.homes import (
    HomeRemoved,
    delete_home,
    export_home,
    list_homes,
)
from switchbot_store.backup.interruption import interrupted

__all__ = [
    "HomeRemoved",
    "Progress",
    "Readable",
    "ReadingSource",
    "RestorePlan",
    "Restored",
    "Source",
    "StoreSource",
    "back_up",
    "back_up_source",
    "delete_home",
    "export_home",
    "interrupted",
    "list_homes",
    "plan_restore",
    "restore",
]
