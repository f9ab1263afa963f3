"""When a zone wants to be looked at again. Pure, and in true time: instants only."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.engine.safety import next_stage
from switchbot_automation.timewindows import in_window, next_boundary, next_start

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.engine.pacing import Quota
    from switchbot_automation.engine.state import ZoneState
    from switchbot_automation.settings_model import ZoneSettings

# The floor of the dashboard's interval while it waits for a window.
_SHORTEST_IDLE_SECONDS = 15.0
_OVERDUE = timedelta(seconds=60)


def next_look(
    zone: ZoneSettings,
    state: ZoneState,
    now: datetime,
    blocked_until: datetime | None = None,
    look_at: datetime | None = None,
    *,
    read_at: datetime | None = None,
    quota: Quota | None = None,
) -> datetime:
    """Return the next instant at which this zone has something to do, after `now`.

    The next reading: at `read_at` where it is predicted, when a controller asked for it
    with `look_at`, otherwise after the regular interval, which `quota` may stretch. Or
    sooner: a due OFF repeat, a person's waiting command, the end of a minimum time that
    blocks something, a stage of safety, the start or end of a window.
    """
    if look_at is not None:
        # Overdue, because it could not be made: it is tried again before long.
        look_at = max(look_at, now + _OVERDUE)
    look = read_at or look_at or _regular(zone, state, now, quota)
    boundary = None
    if zone.automation_enabled:
        boundary = next_boundary(zone.time_windows, now, zone.timezone)
    for at in (
        boundary,
        zone.overlay.until if zone.overlay else None,
        blocked_until,
        state.hold_until,
        next_stage(zone, state, now) if zone.automation_enabled else None,
        state.pending_repeat.next_run_at if state.pending_repeat else None,
        state.check.due_at if state.check else None,
        state.pending_manual.due_at if state.pending_manual else None,
    ):
        if at is not None and now < at < look:
            look = at
    return look


def _regular(
    zone: ZoneSettings, state: ZoneState, now: datetime, quota: Quota | None
) -> datetime:
    seconds = poll_interval_seconds(zone, state, now)
    return now + timedelta(seconds=quota.stretched(seconds) if quota else seconds)


def poll_interval_seconds(zone: ZoneSettings, state: ZoneState, now: datetime) -> float:
    """Return how long to wait for the next regular poll.

    The base interval, except when idle: enabled, adaptive, with windows, outside them,
    not warming up for one and with no OFF repeat pending.
    """
    base = float(zone.poll_interval_seconds)
    if (
        not zone.adaptive_polling_enabled
        or not zone.automation_enabled
        or not zone.time_windows
        or state.pending_repeat is not None
        or in_window(zone.time_windows, now, zone.timezone) is not None
    ):
        return base
    start = next_start(zone.time_windows, now, zone.timezone)
    if start is None:
        return base
    until_warm_up = (start - now).total_seconds() - 60.0 * zone.poll_warmup_minutes
    if until_warm_up <= 0:
        return base
    idle = float(zone.idle_poll_interval_seconds)
    return max(min(idle, until_warm_up), min(_SHORTEST_IDLE_SECONDS, base))
