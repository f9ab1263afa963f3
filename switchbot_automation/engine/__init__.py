"""One tick, one straight line: observe, decide, gate, act, record."""

from __future__ import annotations

from switchbot_automation.engine.engine import AutomationEngine

__all__ = ["AutomationEngine"]
