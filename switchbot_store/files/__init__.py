"""Documents as plain JSON files, and the files of lines that outlive a power cut."""

from __future__ import annotations

from switchbot_store.files.store import (
    JsonStore,
)

__all__ = [
    "JsonStore",
]
