"""An asyncio engine for SwitchBot climate control that hosts embed.

A host needs no more than these names: the engine, a way to call it, and what goes in and
comes out. For a cloud of its own it writes the five methods of `CloudApi`, which return
`DeviceList`, `DeviceStatus`, `CommandResult` and `Scene`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from switchbot_automation.backtest import BacktestError, BacktestReport, backtest
    from switchbot_automation.clock import Clock, SystemClock
    from switchbot_automation.cloud.talk.client import SwitchBotClient
    from switchbot_automation.cloud.talk.quota import QuotaLedger
    from switchbot_automation.engine import AutomationEngine
    from switchbot_automation.engine.act.http_hook import WebhookSender
    from switchbot_automation.engine.configure import SettingsChange
    from switchbot_automation.engine.scheduler import SchedulerService
    from switchbot_automation.engine.thread import EngineThread
    from switchbot_automation.errors import (
        AuthError,
        AutomationError,
        BadParameterError,
        BrokerError,
        ClockSkewError,
        CloudError,
        CloudServerError,
        CloudTimeoutError,
        DeviceOfflineError,
        EngineClosedError,
        HubOfflineError,
        PluginError,
        QueueVersionError,
        QuotaExhaustedError,
        RateLimitedError,
        RuleActionError,
        SettingsError,
        UnknownHomeError,
        UnknownZoneError,
        UnsupportedCommandError,
        WebhookConflictError,
        WebhookError,
    )
    from switchbot_automation.explain.explain import Explanation
    from switchbot_automation.model import (
        Action,
        CloudApi,
        Command,
        CommandResult,
        CommandStatus,
        Device,
        DeviceList,
        DeviceStatus,
        ManualAction,
        Outcome,
        Reason,
        ReasonCode,
        Remote,
        Scene,
        TickReport,
        ZoneDecision,
    )
    from switchbot_automation.settings import parse_settings

__all__ = [
    "Action",
    "AuthError",
    "AutomationEngine",
    "AutomationError",
    "BacktestError",
    "BacktestReport",
    "BadParameterError",
    "BrokerError",
    "Clock",
    "ClockSkewError",
    "CloudApi",
    "CloudError",
    "CloudServerError",
    "CloudTimeoutError",
    "Command",
    "CommandResult",
    "CommandStatus",
    "Device",
    "DeviceList",
    "DeviceOfflineError",
    "DeviceStatus",
    "EngineClosedError",
    "EngineThread",
    "Explanation",
    "HubOfflineError",
    "ManualAction",
    "Outcome",
    "PluginError",
    "QueueVersionError",
    "QuotaExhaustedError",
    "QuotaLedger",
    "RateLimitedError",
    "Reason",
    "ReasonCode",
    "Remote",
    "RuleActionError",
    "Scene",
    "SchedulerService",
    "SettingsChange",
    "SettingsError",
    "SwitchBotClient",
    "SystemClock",
    "TickReport",
    "UnknownHomeError",
    "UnknownZoneError",
    "UnsupportedCommandError",
    "WebhookConflictError",
    "WebhookError",
    "WebhookSender",
    "ZoneDecision",
    "backtest",
    "parse_settings",
]


# Loaded on first use: the client brings aiohttp, which a host with a cloud of its own may
# do without, most hosts need one of the two schedulers or none, and pytest loads the
# plugin of this package for every test run of every project that has it installed.
_HOMES = {
    "Action": "model",
    "AuthError": "errors",
    "AutomationEngine": "engine",
    "AutomationError": "errors",
    "BacktestError": "backtest",
    "BacktestReport": "backtest",
    "BadParameterError": "errors",
    "BrokerError": "errors",
    "Clock": "clock",
    "ClockSkewError": "errors",
    "CloudApi": "model",
    "CloudError": "errors",
    "CloudServerError": "errors",
    "CloudTimeoutError": "errors",
    "Command": "model",
    "CommandResult": "model",
    "CommandStatus": "model",
    "Device": "model",
    "DeviceList": "model",
    "DeviceOfflineError": "errors",
    "DeviceStatus": "model",
    "EngineThread": "engine.thread",
    "Explanation": "explain.explain",
    "HubOfflineError": "errors",
    "ManualAction": "model",
    "Outcome": "model",
    "EngineClosedError": "errors",
    "PluginError": "errors",
    "QuotaExhaustedError": "errors",
    "QueueVersionError": "errors",
    "QuotaLedger": "cloud.talk.quota",
    "RateLimitedError": "errors",
    "Reason": "model",
    "ReasonCode": "model",
    "Remote": "model",
    "RuleActionError": "errors",
    "Scene": "model",
    "SchedulerService": "engine.scheduler",
    "SettingsChange": "engine.configure",
    "SettingsError": "errors",
    "SwitchBotClient": "cloud.talk.client",
    "SystemClock": "clock",
    "TickReport": "model",
    "UnknownHomeError": "errors",
    "UnknownZoneError": "errors",
    "UnsupportedCommandError": "errors",
    "WebhookConflictError": "errors",
    "WebhookError": "errors",
    "WebhookSender": "engine.act.http_hook",
    "ZoneDecision": "model",
    "backtest": "backtest",
    "parse_settings": "settings",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
