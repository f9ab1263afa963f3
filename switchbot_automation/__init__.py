"""An asyncio engine for SwitchBot climate control that hosts embed."""

from __future__ import annotations

from switchbot_automation.clock import Clock, SystemClock
from switchbot_automation.engine import AutomationEngine
from switchbot_automation.errors import (
    AutomationError,
    CloudError,
    SettingsError,
    UnknownZoneError,
)
from switchbot_automation.model import (
    Action,
    CloudApi,
    Command,
    CommandStatus,
    Outcome,
    ReasonCode,
    TickReport,
    ZoneDecision,
)

__all__ = [
    "Action",
    "AutomationEngine",
    "AutomationError",
    "Clock",
    "CloudApi",
    "CloudError",
    "Command",
    "CommandStatus",
    "Outcome",
    "ReasonCode",
    "SettingsError",
    "SystemClock",
    "TickReport",
    "UnknownZoneError",
    "ZoneDecision",
]
