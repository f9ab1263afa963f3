"""May it go now? Pure: equipment protection between a decision and its sending.

The compressor's own start and stop count, nothing else: not the fan, not a resend. A
minimum time that is 0 falls back to `command_cooldown_seconds`; both 0 is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.model import (
    Action,
    Decision,
    Reason,
    ReasonCode,
    Verdict,
    ZoneDecision,
    ZoneVerdict,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchbot_automation.engine.state import ZoneState
    from switchbot_automation.settings_model import Settings, ZoneSettings

_OPEN = (Reason(ReasonCode.GATE_OPEN),)
_NOTHING = (Reason(ReasonCode.NOTHING_TO_SEND),)
_AGAIN = (Reason(ReasonCode.REPEAT_AFTER_CRASH),)
_STARTS = frozenset({Action.WINTER, Action.SUMMER})


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the equipment has been through: each zone's state, by name."""

    zones: Mapping[str, ZoneState]


@dataclass(frozen=True, slots=True)
class Wait:
    """A minimum time that is still running, until an aware UTC instant."""

    code: ReasonCode
    until: datetime

    def reason(self, now: datetime) -> Reason:
        """Say what is waited for, how long and until when."""
        return Reason(
            self.code,
            {
                "until": self.until.isoformat(),
                "remaining_seconds": (self.until - now).total_seconds(),
            },
        )


def gate(
    decision: Decision, settings: Settings, ledger: Ledger, now: datetime
) -> Verdict:
    """Judge every zone's decision. `now` is aware UTC."""
    return Verdict(
        now,
        tuple(
            _judge(one, settings.zones[one.zone], ledger.zones[one.zone], now)
            for one in decision.zones
        ),
    )


def equipment_wait(
    zone: ZoneSettings,
    state: ZoneState,
    now: datetime,
    action: Action | None = None,
) -> Wait | None:
    """Return the minimum time that runs at `now`, None when none does.

    At the very instant it ends it no longer runs. Where it is uncertain whether the
    compressor runs, `action` decides what could hurt: ON a compressor that may have
    stopped just now, OFF one that may have started.
    """
    running = state.compressor_running
    if state.uncertain and action is not None:
        running = action not in _STARTS
    if running:
        code, since = ReasonCode.MIN_ON_REMAINING, state.compressor_started_at
        seconds = zone.min_on_seconds
    else:
        code, since = ReasonCode.MIN_OFF_REMAINING, state.compressor_stopped_at
        seconds = zone.min_off_seconds
    if since is None:
        return None
    if seconds <= 0:
        seconds = zone.command_cooldown_seconds
    until = since + timedelta(seconds=seconds)
    return Wait(code, until) if now < until else None


def person_wait(
    zone: ZoneSettings, state: ZoneState, action: Action, now: datetime
) -> Wait | None:
    """Return what a person's command has to wait for.

    OFF and fan never wait. ON waits for the minimum off time, which protects the
    compressor from the person too; the minimum on time is for the automation alone.
    """
    if action not in _STARTS:
        return None
    wait = equipment_wait(zone, state, now, action)
    return wait if wait and wait.code is ReasonCode.MIN_OFF_REMAINING else None


def _judge(
    decision: ZoneDecision, zone: ZoneSettings, state: ZoneState, now: datetime
) -> ZoneVerdict:
    action = decision.action
    if decision.if_blocked is not None:
        wait = equipment_wait(zone, state, now, action)
        if wait is not None:
            return ZoneVerdict(
                decision.zone,
                allowed=False,
                outcome=decision.if_blocked,
                reasons=(wait.reason(now),),
                blocked_until=wait.until,
            )
    if action is None:
        reasons = _NOTHING
    else:
        reasons = _AGAIN if state.uncertain and action is state.action else _OPEN
    return ZoneVerdict(
        decision.zone,
        allowed=action is not None,
        outcome=decision.outcome,
        reasons=reasons,
    )
