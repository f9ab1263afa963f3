"""What a tick leaves behind: the home's keys in the state, a history sample a zone."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

from switchbot_automation.engine.state import encode_instant
from switchbot_automation.model import CommandStatus
from switchbot_store import HistorySample

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.engine.documents import Documents
    from switchbot_automation.engine.tick import ZoneTick
    from switchbot_automation.model import Command, Reason

_LOGGER = logging.getLogger(__name__)


class AsyncHistory(Protocol):
    """What the engine needs of a history; `ThreadedHistory` is one."""

    async def record(self, sample: HistorySample) -> object:
        """Take one sample."""
        ...


class Recorder:
    """Gives every tick's outcome to the history, whatever class of tick it was."""

    def __init__(self, documents: Documents, history: AsyncHistory | None) -> None:
        self._documents = documents
        self._history = history
        self.error: Exception | None = None

    async def record(
        self, ticks: list[ZoneTick], trigger: str, now: datetime, used: int
    ) -> None:
        """Record one sample a zone. A history that fails is noted, never raised.

        `used` counts the calls to the cloud today.
        """
        if self._history is None:
            return
        try:
            for tick in ticks:
                await self._history.record(self._sample(tick, trigger, now, used))
        except Exception as error:  # noqa: BLE001 - any history, also a host's own
            if self.error is None:
                _LOGGER.warning("history does not take rows: %s", error)
            self.error = error
        else:
            self.error = None

    def _sample(
        self, tick: ZoneTick, trigger: str, now: datetime, used: int
    ) -> HistorySample:
        state = self._documents.book(tick.zone.name).state
        metadata: dict[str, Any] = {
            "trigger": trigger,
            "outcome": str(tick.decision.outcome),
            "reasons": reasons_as_json(tick.decision.reasons),
        }
        if tick.commands:
            metadata["commands"] = [_command_as_json(each) for each in tick.commands]
        return HistorySample(
            timestamp=now,
            zone=tick.zone.name,
            temperature=tick.temperature,
            humidity=tick.humidity,
            assumed_aircon_power=str(state.power),
            last_action=state.last_action,
            api_requests_today=used,
            error_count=state.error_count,
            last_temperature_stale=state.last_temperature_stale,
            timezone=tick.zone.timezone.key,
            metadata=metadata,
        )


def reasons_as_json(reasons: tuple[Reason, ...]) -> list[dict[str, Any]]:
    """Return reasons as JSON: the code, and the numbers behind it."""
    return [
        {
            "code": str(reason.code),
            **{key: _plain(value) for key, value in reason.detail.items()},
        }
        for reason in reasons
    ]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


def _command_as_json(command: Command) -> dict[str, Any]:
    sent = {
        "action": str(command.action),
        "status": str(command.status),
        "rungs": [
            {"rung": rung.rung, "ok": rung.ok, "error": rung.error}
            for rung in command.rungs
        ],
    }
    if command.status is CommandStatus.BLOCKED and command.blocked_until:
        sent["blocked_until"] = encode_instant(command.blocked_until)
    return sent
