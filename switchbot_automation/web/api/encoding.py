"""The engine's words as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from switchbot_automation.engine.tell.events import (
    CommandHandled,
    DecisionMade,
    DeviceUnresponsive,
    WebhookReceived,
)
from switchbot_automation.explain.trace import reasons_as_json, rungs_as_json
from switchbot_automation.explain.words import reason_words
from switchbot_automation.instants import zulu
from switchbot_automation.settings.secrets import masked

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

    from switchbot_automation.model import Command, Reason


def in_words(
    reasons: Iterable[Mapping[str, Any]], tz: tzinfo, at: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the reasons of a decision made `at` that instant, each with its text."""
    return [{**each, "text": reason_words(each, tz, at)} for each in reasons]


def reasons_in_words(reasons: tuple[Reason, ...], tz: tzinfo) -> list[dict[str, Any]]:
    """Return reasons as JSON, each with its text."""
    return in_words(reasons_as_json(reasons), tz)


def command_as_json(command: Command, tz: tzinfo = UTC) -> dict[str, Any]:
    """Return a command and how far it came."""
    return {
        "id": command.id,
        "zone": command.zone,
        "action": str(command.action),
        "status": str(command.status),
        "sent_at": zulu(command.sent_at),
        "blocked_until": zulu(command.blocked_until),
        "reasons": reasons_in_words(command.reasons, tz),
        "rungs": rungs_as_json(command),
    }


def event_as_json(event: object) -> dict[str, Any]:
    """Return an event of the engine. One of a plug-in is told by its plain fields."""
    if isinstance(event, DecisionMade):
        decision = event.decision
        return {
            "at": zulu(event.at),
            "zone": decision.zone,
            "outcome": str(decision.outcome),
            "action": str(decision.action) if decision.action else None,
            "reasons": reasons_in_words(decision.reasons, UTC),
        }
    if isinstance(event, CommandHandled | DeviceUnresponsive):
        return {"at": zulu(event.at), **command_as_json(event.command)}
    if isinstance(event, WebhookReceived):
        pushed = event.event
        return {
            "at": zulu(pushed.received_at),
            "device_id": pushed.device_id,
            "device_type": pushed.device_type,
            "zones": list(event.zones),
            "values": masked(_plain(pushed.values)),
        }
    if is_dataclass(event) and not isinstance(event, type):
        told: dict[str, Any] = masked(
            {each.name: _plain(getattr(event, each.name)) for each in fields(event)}
        )
        return told
    return {}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, datetime):
        return zulu(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value)
