"""The sender of webhooks, by the name that hosts import it by."""

from __future__ import annotations

from switchbot_automation.engine.act.http_hook import WebhookSender, mask_url

__all__ = ["WebhookSender", "mask_url"]
