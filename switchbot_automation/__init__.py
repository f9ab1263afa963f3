"""An asyncio engine for SwitchBot climate control that hosts embed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from switchbot_automation.cloud.client import SwitchBotClient
    from switchbot_automation.engine.scheduler import SchedulerService
    from switchbot_automation.engine.thread import EngineThread

__all__ = [
    "Action",
    "AutomationEngine",
    "AutomationError",
    "Clock",
    "CloudApi",
    "CloudError",
    "Command",
    "CommandStatus",
    "EngineThread",
    "Outcome",
    "ReasonCode",
    "SchedulerService",
    "SettingsError",
    "SwitchBotClient",
    "SystemClock",
    "TickReport",
    "UnknownZoneError",
    "ZoneDecision",
]


# Loaded on first use: the client brings aiohttp, which a host with a cloud of its own may
# do without, and most hosts need one of the two schedulers or none.
_HOMES = {
    "EngineThread": "engine.thread",
    "SchedulerService": "engine.scheduler",
    "SwitchBotClient": "cloud.client",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
