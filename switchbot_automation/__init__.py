"""An asyncio engine for SwitchBot climate control that hosts embed."""

from __future__ import annotations

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
    "SwitchBotClient",
    "SystemClock",
    "TickReport",
    "UnknownZoneError",
    "ZoneDecision",
]


def __getattr__(name: str) -> Any:
    # The client brings aiohttp, which a host with a cloud of its own may do without.
    if name == "SwitchBotClient":
        from switchbot_automation.cloud.client import SwitchBotClient  # noqa: PLC0415 - on first use

        return SwitchBotClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
