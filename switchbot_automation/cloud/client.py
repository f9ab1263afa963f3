"""The client, by the name that hosts import it by."""

from __future__ import annotations

from switchbot_automation.cloud.talk.client import (
    DEFAULT_BASE_URL,
    DEFAULT_IOT_BASE_URL,
    SwitchBotClient,
)

__all__ = [
    "DEFAULT_BASE_URL",
    "DEFAULT_IOT_BASE_URL",
    "SwitchBotClient",
]
