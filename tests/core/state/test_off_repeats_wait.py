"""When a repeat of OFF that could not be sent is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.core.state.wishes import after_repeat
from switchbot_automation.core.state.zone import PendingRepeat, ZoneState
from switchbot_automation.model import CommandStatus

NOW = datetime(2026, 1, 12, 6, 0, tzinfo=UTC)
REPEAT = PendingRepeat(
    remaining=3, interval_seconds=10, next_run_at=NOW, state_reason="repeat"
)


@pytest.mark.parametrize(
    ("until", "waits"),
    [
        (None, timedelta(seconds=10)),
        (NOW + timedelta(seconds=3), timedelta(seconds=10)),
        (NOW + timedelta(hours=4), timedelta(hours=4)),
    ],
)
def test_a_blocked_one_is_tried_again_when_it_may_be_sent(until, waits):
    after = after_repeat(ZoneState(), REPEAT, CommandStatus.BLOCKED, NOW, until)
    assert after.pending_repeat.next_run_at == NOW + waits
    assert after.pending_repeat.remaining == REPEAT.remaining
