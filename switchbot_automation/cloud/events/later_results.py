"""Commands that are answered twice: accepted at once, carried out or not later. Pure.

Keypads and locks with a keypad accept `createKey` and `deleteKey` and tell the result by
a webhook event: success, failed, or timeout after a minute (official documentation). The
call may leave out the `commandId` (SwitchBotAPI#360, #367) and the event may never come
(#345), so a result is also matched by what was asked, and silence is a result of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from switchbot_automation.cloud.events.passcodes import read_passcode_result

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchbot_automation.cloud.events.passcodes import PasscodeResult
    from switchbot_automation.model import CommandResult

# The cloud gives up after 60 s and its events were seen up to a minute late.
PATIENCE_SECONDS = 150.0

_LATER = frozenset({"createKey", "deleteKey"})
# As many passcodes as one keypad holds.
_MOST_PENDING = 100


class LaterOutcome(StrEnum):
    """What became of a command in the end."""

    SUCCESS = "success"
    FAILED = "failed"
    TIMEOUT = "timeout"
    """The hub did not reach the keypad within a minute."""
    SILENT = "silent"
    """No event came: the device's `keyList` tells whether it was done."""


@dataclass(frozen=True, slots=True)
class PendingCommand:
    """A command whose result is still to come. `name` is the passcode's, or its id."""

    device_id: str
    command: str
    command_id: str
    name: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class LaterResult:
    """What became of one command. `at` is the aware instant this was learned."""

    sent: PendingCommand
    outcome: LaterOutcome
    at: datetime

    @property
    def ok(self) -> bool:
        """Whether it was carried out."""
        return self.outcome is LaterOutcome.SUCCESS


class LaterResults:
    """Waits for the results of an account's passcode commands.

    Tell it every accepted command and every event; ask it now and then what is overdue.
    """

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience = timedelta(seconds=patience_seconds)
        self._pending: list[PendingCommand] = []

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def pending(self) -> tuple[PendingCommand, ...]:
        """What is still to come, the oldest first."""
        return tuple(self._pending)

    def accepted(
        self, command: str, parameter: Any, result: CommandResult
    ) -> PendingCommand | None:
        """Remember a command the cloud accepted; None for one that is answered once."""
        if command not in _LATER or not isinstance(parameter, dict):
            return None
        sent = PendingCommand(
            device_id=result.device_id,
            command=command,
            command_id=result.command_id or "",
            name=str(parameter.get("name", parameter.get("id", ""))),
            sent_at=result.accepted_at,
        )
        self._pending.append(sent)
        del self._pending[:-_MOST_PENDING]
        return sent

    def heard(self, context: Mapping[str, Any], at: datetime) -> LaterResult | None:
        """Return what an event's `context` says of a pending command.

        None for every other event, a repeated one, and one of somebody else's command.
        """
        told = read_passcode_result(context)
        sent = self._meant(told) if told is not None else None
        if told is None or sent is None:
            return None
        self._pending.remove(sent)
        known = set(LaterOutcome)
        outcome = (
            LaterOutcome(told.result) if told.result in known else LaterOutcome.FAILED
        )
        return LaterResult(sent, outcome, at)

    def overdue(self, now: datetime) -> tuple[LaterResult, ...]:
        """Give up on what has been silent for too long, and return it."""
        late = [sent for sent in self._pending if now - sent.sent_at >= self._patience]
        for sent in late:
            self._pending.remove(sent)
        return tuple(LaterResult(sent, LaterOutcome.SILENT, now) for sent in late)

    def _meant(self, told: PasscodeResult) -> PendingCommand | None:
        alike = [
            sent
            for sent in self._pending
            if sent.device_id == told.device_id and sent.command == told.command
        ]
        if told.command_id:
            for sent in alike:
                if sent.command_id == told.command_id:
                    return sent
        # Without an id on either side: the oldest of that name, or the oldest at all.
        alike = [sent for sent in alike if not (sent.command_id and told.command_id)]
        named = [sent for sent in alike if told.name and sent.name == told.name]
        if named or not alike:
            return named[0] if named else None
        return None if told.name and alike[0].command == "createKey" else alike[0]
