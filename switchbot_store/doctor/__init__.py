"""Finds the usual mistakes in how a store is set up, and says what to change.

Names load on first use: only looking at a server needs the database driver.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from switchbot_store.doctor.findings import SetupFinding
    from switchbot_store.doctor.inspection import DatabaseFacts, Documents, Inspection
    from switchbot_store.doctor.local import examine

__all__ = ["DatabaseFacts", "Documents", "Inspection", "SetupFinding", "examine"]

_HOMES = {
    "DatabaseFacts": "inspection",
    "Documents": "inspection",
    "SetupFinding": "findings",
    "Inspection": "inspection",
    "examine": "local",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
