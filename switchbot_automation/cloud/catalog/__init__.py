"""Every product of the SwitchBot Cloud API: its fields, commands and events."""

from __future__ import annotations

from switchbot_automation.cloud.catalog.catalog import (
    CommandSpec,
    DeviceType,
    StatusField,
    device_types,
    find,
    find_by_webhook_type,
    is_idempotent,
    lookup,
    validate_command,
)
from switchbot_automation.cloud.catalog.infrared import is_infrared_id

__all__ = [
    "CommandSpec",
    "DeviceType",
    "StatusField",
    "device_types",
    "find",
    "find_by_webhook_type",
    "is_idempotent",
    "is_infrared_id",
    "lookup",
    "validate_command",
]
