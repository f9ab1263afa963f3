"""What a rule is made of, by the name that plug-ins import it by."""

from __future__ import annotations

from switchbot_automation.rules.definition.context import (
    ZONE_ATTRIBUTES,
    DeviceEvent,
    Home,
    Subject,
)
from switchbot_automation.rules.definition.model import (
    LATEST,
    Condition,
    Look,
    Rule,
    RunMode,
    Step,
    Trigger,
)
from switchbot_automation.rules.definition.model import RuleAction as Action

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
