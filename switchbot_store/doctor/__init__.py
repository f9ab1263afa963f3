"""Finds the usual mistakes in how a store is set up, and says what to change.

Names load on first use: only looking at a server needs the database driver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_store.lazy import HandedOn, handed_on

if TYPE_CHECKING:
    from switchbot_store.doctor.findings import SetupFinding
    from switchbot_store.doctor.inspection import DatabaseFacts, Documents, Inspection
    from switchbot_store.doctor.local import examine

__all__ = ["DatabaseFacts", "Documents", "Inspection", "SetupFinding", "examine"]

__getattr__: HandedOn = handed_on(
    __name__,
    {
        "DatabaseFacts": "inspection",
        "Documents": "inspection",
        "Inspection": "inspection",
        "SetupFinding": "findings",
        "examine": "local",
    },
)
