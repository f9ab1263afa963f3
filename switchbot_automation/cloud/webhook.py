"""Pushed events, by the name that hosts import them by."""

from __future__ import annotations

from switchbot_automation.cloud.events.events import (
    CHANGE_REPORT,
    MAX_BODY_BYTES,
    RefusedWebhook,
    WebhookEvent,
    WebhookReceiver,
    WebhookRefusal,
    new_webhook_secret,
    same_secret,
)

__all__ = [
    "CHANGE_REPORT",
    "MAX_BODY_BYTES",
    "RefusedWebhook",
    "WebhookEvent",
    "WebhookReceiver",
    "WebhookRefusal",
    "new_webhook_secret",
    "same_secret",
]
