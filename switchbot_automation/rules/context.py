"""What an action has at hand while it runs, by the name that plug-ins import it by."""

from __future__ import annotations

from switchbot_automation.rules.definition.context import Context, Notifier

__all__ = ["Context", "Notifier"]
