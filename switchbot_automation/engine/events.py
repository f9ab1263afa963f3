"""The engine's events, by the name that hosts import them by."""

from __future__ import annotations

from switchbot_automation.engine.tell.events import (
    ClockJumped,
    CommandHandled,
    DecisionMade,
    DeviceUnresponsive,
    Event,
    Listeners,
    NextWakeupChanged,
    QuotaLevelChanged,
    RuleRan,
    SafetyLevelChanged,
    SettingsApplied,
    SettingsRejected,
    StoreDegraded,
    StoreRecovered,
    WebhookReceived,
)

__all__ = [
    "ClockJumped",
    "CommandHandled",
    "DecisionMade",
    "DeviceUnresponsive",
    "Event",
    "Listeners",
    "NextWakeupChanged",
    "QuotaLevelChanged",
    "RuleRan",
    "SafetyLevelChanged",
    "SettingsApplied",
    "SettingsRejected",
    "StoreDegraded",
    "StoreRecovered",
    "WebhookReceived",
]
