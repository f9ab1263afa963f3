"""An asyncio engine for SwitchBot climate control that hosts embed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from switchbot_automation.backtest import backtest
    from switchbot_automation.clock import Clock, SystemClock
    from switchbot_automation.cloud.talk.client import SwitchBotClient
    from switchbot_automation.engine import AutomationEngine
    from switchbot_automation.engine.scheduler import SchedulerService
    from switchbot_automation.engine.thread import EngineThread
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
    "backtest",
]


# Loaded on first use: the client brings aiohttp, which a host with a cloud of its own may
# do without, most hosts need one of the two schedulers or none, and pytest loads the
# plugin of this package for every test run of every project that has it installed.
_HOMES = {
    "Action": "model",
    "AutomationEngine": "engine",
    "AutomationError": "errors",
    "Clock": "clock",
    "CloudApi": "model",
    "CloudError": "errors",
    "Command": "model",
    "CommandStatus": "model",
    "EngineThread": "engine.thread",
    "Outcome": "model",
    "ReasonCode": "model",
    "SchedulerService": "engine.scheduler",
    "SettingsError": "errors",
    "SwitchBotClient": "cloud.talk.client",
    "SystemClock": "clock",
    "TickReport": "model",
    "UnknownZoneError": "errors",
    "ZoneDecision": "model",
    "backtest": "backtest",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
