"""What a rule is made of, by the name that plug-ins import it by."""

from __future__ import annotations

from switchbot_automation.rules.definition.model import (
    LATEST,
    ZONE_ATTRIBUTES,
    Action,
    Condition,
    DeviceEvent,
    Home,
    Look,
    Rule,
    RunMode,
    Step,
    Subject,
    Trigger,
)

__all__ = [
    "LATEST",
    "ZONE_ATTRIBUTES",
    "Action",
    "Condition",
    "DeviceEvent",
    "Home",
    "Look",
    "Rule",
    "RunMode",
    "Step",
    "Subject",
    "Trigger",
]
