"""Documents as plain JSON files, and the files of lines that outlive a power cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_store.lazy import HandedOn, handed_on

if TYPE_CHECKING:
    from switchbot_store.files.store import JsonStore

__all__ = ["JsonStore"]

__getattr__: HandedOn = handed_on(
    __name__,
    {
        "JsonStore": "store",
    },
)
