"""When is the next look: at a zone, and with it when is its meter read. Pure: instants only.

`next_look` is when a zone has something to do again. Its next reading is part of that: by
the settings' interval, or by prediction (`next_read`). A reading is worth its call only
where it could change the decision: not before the temperature can have reached the
threshold that matters now. That is the OFF edge while the unit runs and the ON edge while
it rests; both where nobody knows. How fast it can get there is learned for each zone, see
`slopes`. How much of the day's calls reading may cost is `Quota`'s word.
"""

from __future__ import annotations

import math
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from switchbot_automation.core.control.band import edges_of
from switchbot_automation.core.control.slopes import FRESH, Regime, SlopeBounds
from switchbot_automation.core.protect.safety import (
    CAP_SECONDS,
    first_stage,
    may_run,
    next_stage,
)
from switchbot_automation.core.protect.stages import beside, helps
from switchbot_automation.core.state.evidence import plug_interval
from switchbot_automation.core.state.meter import APP_START, value_known_since
from switchbot_automation.core.state.zone import with_slopes
from switchbot_automation.model import Power
from switchbot_automation.schedule.windows import in_window, next_boundary, next_start

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.core.control.band import Edges
    from switchbot_automation.core.state.zone import Evidence, ZoneState
    from switchbot_automation.settings.model import ZoneSettings

FLOOR_SECONDS = 60.0
"""A real meter's value changed no sooner than 61 s after its last change, so reading
more often than about once a minute buys nothing."""

KEPT_SECONDS = 1800.0
"""How old a temperature may get of a room that is looked after. After that it counts
as unknown: a room nobody looks at is not a warm room."""

PROBE_SECONDS = 3600.0
"""How often a used-up day is looked at again; the cloud's word may be a fault."""

# What a meter shows is taken to be up to this old. Half of the changes came within 165 s,
# few later than 300 s; more than this costs more calls than it gains seconds.
_VALUE_AGE_SECONDS = 120.0
# How much of the time until a silent meter is distrusted may pass between two readings.
_OF_PATIENCE = 2.0 / 3.0
_RETRY_SECONDS = 60.0
_RETRY_DOUBLINGS = 4
_DAY_SECONDS = 86400.0
# Below this share of what an even spread would leave, reading is spread evenly.
_SAVING_SHARE = 0.5
# So long before it counts no more a reading is made anew: a tick may come late.
_SPARE_SECONDS = 60.0
# The floor of the dashboard's interval while it waits for a window.
_SHORTEST_IDLE_SECONDS = 15.0
_OVERDUE = timedelta(seconds=60)


# --- the next look at a zone -------------------------------------------------------------


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
    look, boundary, seconds = read_at or look_at, None, 0.0
    if look is None:
        seconds = poll_interval_seconds(zone, state, now)
    if zone.automation_enabled:
        boundary = next_boundary(zone.time_windows, now, zone.timezone)
    if look is None:
        look = now + timedelta(seconds=quota.stretched(seconds) if quota else seconds)
    kept = state.evidence
    for at in (
        boundary,
        zone.overlay.until if zone.overlay else None,
        blocked_until,
        state.hold_until,
        next_stage(zone, state, now) if zone.automation_enabled else None,
        state.pending_repeat.next_run_at if state.pending_repeat else None,
        state.check.due_at if state.check else None,
        state.pending_manual.due_at if state.pending_manual else None,
        kept.doubt.next_at if kept and kept.doubt else None,
        _plug_due(zone, state, kept, now, quota) if kept else None,
    ):
        if at is not None and now < at < look:
            look = at
    return look


def _plug_due(
    zone: ZoneSettings,
    state: ZoneState,
    kept: Evidence,
    now: datetime,
    quota: Quota | None,
) -> datetime | None:
    """Return when the plug is asked next, None where it is not."""
    if kept.plug_asked_at is None:
        return None
    interval = plug_interval(zone, state, now)
    if interval is None:
        return None
    wait = interval if quota is None else quota.stretched(interval)
    return kept.plug_asked_at + timedelta(seconds=wait)


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


# --- the next reading, by prediction -----------------------------------------------------


class Due(NamedTuple):
    """When a meter is to be read, and of what that was found: nothing else bears on it.

    It belongs to the note that has it.
    """

    at: datetime
    zone: ZoneSettings
    state: ZoneState
    quota: Quota | None

    def holds(
        self, zone: ZoneSettings, state: ZoneState, now: datetime, quota: Quota | None
    ) -> bool:
        """Tell whether the same would be found again."""
        return (
            self.state is state
            and self.zone is zone
            and self.quota == quota
            and (last := state.asked_at) is not None
            and last <= now
            and state.last_temperature_stale_reason != APP_START
        )


class Note(NamedTuple):
    """What the ticks since a reading left for the next one, aware UTC.

    `since` is that reading, see `counted_from`. `blocked_until` and `review_at`, see
    `next_read`, are what the last tick said, but never later than what a tick said before
    it: what was wanted then stays due until it was made, however often something else
    calls for a tick. `wanted_at` is the earliest such review, which counts again as
    soon as a controller wants one at all. `due` is what came of them at the last tick.
    """

    since: datetime | None = None
    blocked_until: datetime | None = None
    review_at: datetime | None = None
    wanted_at: datetime | None = None
    due: Due | None = None

    @property
    def instants(self) -> tuple[datetime | None, ...]:
        """What has to outlive the process; the rest is found anew."""
        return (self.since, self.blocked_until, self.review_at, self.wanted_at)

    def after(
        self,
        since: datetime | None,
        blocked_until: datetime | None,
        review_at: datetime | None,
    ) -> Note:
        """Return it after a tick that counts from `since`."""
        if self.since != since:
            return Note(since, blocked_until, review_at, review_at)
        wanted = _earlier(self.wanted_at, review_at)
        if blocked_until is not None:
            blocked_until = _earlier(self.blocked_until, blocked_until)
        review_at = None if review_at is None else wanted
        return Note(since, blocked_until, review_at, wanted)


def counted_from(
    zone: ZoneSettings, read_at: datetime | None, now: datetime
) -> datetime | None:
    """Return from when on the wait for the next reading counts: the last reading.

    Or the start or end of a window since then: what is wanted inside it is another thing
    than outside.
    """
    if read_at is None or read_at >= now:
        return read_at
    boundary = next_boundary(zone.time_windows, read_at, zone.timezone)
    return read_at if boundary is None or boundary > now else boundary


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)


def seconds_to_crossings(
    edges: Edges, state: ZoneState, temperature: float, at: datetime
) -> list[float]:
    """Return the earliest times in seconds until the thresholds that matter, ascending.

    One, or both where nobody knows what the unit does. `at` is the instant of the
    reading. 0.0 at a threshold or beyond it. An air conditioner in fan mode rests.
    """
    bounds = state.slope_bounds or SlopeBounds()
    both = state.uncertain or state.power is Power.UNKNOWN
    waits = []
    for running in (True, False) if both else (state.compressor_running,):
        ahead = edges.ahead(temperature, running=running)
        if ahead <= 0.0:
            waits.append(0.0)
            continue
        regime = regime_of(state, at, heating=edges.heating, running=running)
        waits.append(ahead / bounds.expected(regime) * 60.0)
    return sorted(waits)


def after_new_reading(
    before: ZoneState, after: ZoneState, zone: ZoneSettings
) -> ZoneState:
    """Return the state after a reading with what it says of the meter and the room.

    `before` is the state at the reading before it. Between two readings with a start or
    a stop in between nothing is learned.
    """
    at, earlier = after.last_read_at, before.last_read_at
    old, new = before.last_temperature, after.last_temperature
    if at is None or new is None or after.last_temperature_stale:
        return after
    if earlier is None or old is None or before.last_temperature_stale or at <= earlier:
        return value_known_since(after, None)
    value_since = before.value_since if new == old else earlier
    state = value_known_since(after, value_since)
    edges = edges_of(zone)
    started, stopped = before.compressor_started_at, before.compressor_stopped_at
    changed = (started is not None and started > earlier) or (
        stopped is not None and stopped > earlier
    )
    unclear = before.uncertain or before.power is Power.UNKNOWN
    bounds = before.slope_bounds or SlopeBounds()
    if edges is None or changed or unclear:
        return with_slopes(state, bounds.calm())
    running = before.compressor_running
    regime = regime_of(before, earlier, heating=edges.heating, running=running)
    nearer = edges.ahead(old, running=running) - edges.ahead(new, running=running)
    seconds = (at - earlier).total_seconds() + value_age(before, earlier)
    return with_slopes(state, bounds.after(regime, nearer, seconds))


def next_read(
    zone: ZoneSettings,
    state: ZoneState,
    now: datetime,
    *,
    quota: Quota | None = None,
    blocked_until: datetime | None = None,
    review_at: datetime | None = None,
) -> datetime:
    """Return when the zone's meter has to be read, `now` or earlier where it is due.

    Counted from the last reading, so the answer is the same whenever it is asked.
    `blocked_until`: nothing can be sent before, which a threshold already passed has to
    wait for. `review_at` is when a controller wants a reading: instead of a predicted
    crossing where it steers, at the latest where it waits.
    """
    last = state.asked_at
    if last is None or last > now or state.last_temperature_stale_reason == APP_START:
        return now
    opened = (
        zone.automation_enabled
        and in_window(zone.time_windows, last, zone.timezone) is not None
    )
    wait = _wait(zone, state, last, blocked_until, opened=opened)
    steered = review_at is not None and zone.steers
    if review_at is not None:
        asked = max(FLOOR_SECONDS, (review_at - last).total_seconds())
        wait = asked if steered else min(wait, asked)
    # A controller counts from the end of its window, and the reading is older than that.
    wait = min(
        wait, _borne(zone, state), _kept_seconds(zone, state, now) - _SPARE_SECONDS
    )
    stretched = wait if quota is None else quota.stretched(wait)
    due = last + timedelta(seconds=stretched)
    if zone.automation_enabled and not opened:
        opens = next_start(zone.time_windows, last, zone.timezone)
        # What a window needs first is a reading.
        if opens is not None and (quota is None or quota.readable > 0):
            due = min(due, opens)
    return due


def unit_reads_at(
    zone: ZoneSettings, state: ZoneState, first: ZoneState, quota: Quota | None
) -> datetime | None:
    """Return when a further unit of a room needs the room's meter read at the latest.

    The room's `first` unit says when its meter is read; where that one rests it may be
    long until then, and safety would doubt a meter that nobody asked. Where it runs and
    this one helps, the room crosses thresholds that are this one's alone. None where this
    unit does not mind.
    """
    last = state.asked_at
    if last is None:
        return None
    seconds = _borne(zone, state)
    if helps(state, first, last):
        seconds = min(seconds, _until_it_acts(zone, state, last))
    if seconds == math.inf:
        return None
    return last + timedelta(seconds=quota.stretched(seconds) if quota else seconds)


def _until_it_acts(zone: ZoneSettings, state: ZoneState, last: datetime) -> float:
    """Return for how many seconds a unit that helps another needs no reading."""
    edges, temperature = edges_of(beside(zone)), state.last_temperature
    if edges is None or temperature is None or state.last_temperature_stale:
        return math.inf
    waits = seconds_to_crossings(edges, state, temperature, last)
    if waits[0] <= 0.0:
        return float(zone.poll_interval_seconds)
    return max(FLOOR_SECONDS, waits[0] - value_age(state, last))


def _borne(zone: ZoneSettings, state: ZoneState) -> float:
    """Return for how many seconds safety bears no reading, for what its unit may do."""
    if not may_run(state):
        return math.inf
    return max(FLOOR_SECONDS, _OF_PATIENCE * first_stage(zone))


def too_old(zone: ZoneSettings, state: ZoneState, now: datetime) -> bool:
    """Tell whether a zone's last reading counts no more at `now`.

    After half an hour; where readings are further apart on purpose, outside windows, in
    a hold or by a long interval, once two of them are missing. A meter that never gave a
    temperature is as old as the first look at it.
    """
    at = state.last_read_at
    if at is None and state.sensing is not None and state.asked_at is not None:
        at = state.sensing.since
    if at is None:
        return False
    age = (now - at).total_seconds()
    return age > KEPT_SECONDS and age > _kept_seconds(zone, state, now)


def _kept_seconds(zone: ZoneSettings, state: ZoneState, now: datetime) -> float:
    """Return how old a reading of a zone may get at `now` before it counts no more."""
    if (
        not zone.automation_enabled
        or (state.hold_until is not None and now < state.hold_until)
        or in_window(zone.time_windows, now, zone.timezone) is None
    ):
        pace = max(zone.poll_interval_seconds, zone.idle_poll_interval_seconds)
        return max(KEPT_SECONDS, 2.0 * pace)
    if not zone.predictive:
        return max(KEPT_SECONDS, 2.0 * zone.poll_interval_seconds)
    return KEPT_SECONDS


def is_stale(zone: ZoneSettings, state: ZoneState, now: datetime) -> bool:
    """Tell whether a zone's last temperature is known no more, for whatever reason."""
    return state.last_temperature_stale or too_old(zone, state, now)


def _wait(
    zone: ZoneSettings,
    state: ZoneState,
    last: datetime,
    blocked_until: datetime | None,
    *,
    opened: bool,
) -> float:
    """Return for how many seconds from the last reading on none is needed.

    `opened`: a window was open at the last reading, and the zone is looked after in it.
    """
    idle = float(max(zone.poll_interval_seconds, zone.idle_poll_interval_seconds))
    if state.last_temperature is None or state.last_temperature_stale:
        silent = state.error_count - state.commands_failed
        doublings = max(0, min(silent - 1, _RETRY_DOUBLINGS))
        return min(_RETRY_SECONDS * 2.0**doublings, max(idle, _RETRY_SECONDS))
    edges = edges_of(zone)
    if edges is None or not opened:
        return idle
    if state.hold_until is not None and last < state.hold_until:
        return min(idle, (state.hold_until - last).total_seconds())
    waits = seconds_to_crossings(edges, state, state.last_temperature, last)
    longest = cap = _cap(
        zone.sensor_stale_hold_seconds,
        zone.sensor_stale_conservative_seconds,
        zone.sensor_stale_off_seconds,
    )
    if waits[0] <= 0.0:
        longest = min(longest, float(zone.poll_interval_seconds))
        if blocked_until is not None and blocked_until > last:
            longest = min(cap, (blocked_until - last).total_seconds())
    # Ascending, and one at a threshold already is not ahead.
    ahead = next((wait for wait in waits if wait > 0.0), math.inf)
    return max(FLOOR_SECONDS, min(longest, ahead - value_age(state, last)))


@lru_cache(maxsize=256)  # at every reading, and few zones have other ones
def _cap(*stages: float) -> float:
    """Return the longest time between readings that no stage of safety minds."""
    least = min((seconds for seconds in stages if seconds), default=math.inf)
    return min(CAP_SECONDS, least * _OF_PATIENCE)


def value_age(state: ZoneState, at: datetime) -> float:
    """Return how many seconds old a value read at `at` may have been then.

    At most what a meter takes to send a new one, and no more than since another value
    was seen.
    """
    if state.value_since is None:
        return _VALUE_AGE_SECONDS
    since = (at - state.value_since).total_seconds()
    return min(_VALUE_AGE_SECONDS, max(0.0, since))


def regime_of(
    state: ZoneState, at: datetime, *, heating: bool, running: bool
) -> Regime:
    """Return the regime at an instant, the unit running or resting as given."""
    started, stopped = state.compressor_started_at, state.compressor_stopped_at
    if started is None and stopped is None:
        return Regime(heating, running, fresh=True)
    fresh = (started is not None and at - started < FRESH) or (
        stopped is not None and at - stopped < FRESH
    )
    return Regime(heating, running, fresh)


# --- the day's calls ---------------------------------------------------------------------


class Quota(NamedTuple):
    """The day's calls at one instant; `meters` are all that are read from them."""

    limit: int
    remaining: int
    reserve: int
    seconds_to_reset: float
    meters: int = 1

    @property
    def readable(self) -> int:
        """How many calls may be spent on reading."""
        return max(0, self.remaining - self.reserve)

    @property
    def fair_seconds(self) -> float:
        """The time between two readings of a meter that lasts until the reset."""
        return self.meters * self.seconds_to_reset / max(1, self.readable)

    def level(self, warning_threshold: int = 0) -> str:
        """Return ``normal``, ``saving``, ``critical`` or ``exhausted``.

        Saving: the calls run out before the day does, so readings are spread over what
        is left of it. Critical: nothing but the reserve is left, or no more than the
        warning threshold. Exhausted: no call at all, or the cloud refuses them.
        """
        if self.remaining <= 0:
            return "exhausted"
        if self.remaining <= max(self.reserve, warning_threshold):
            return "critical"
        even = (self.limit - self.reserve) * self.seconds_to_reset / _DAY_SECONDS
        return "saving" if self.readable < _SAVING_SHARE * even else "normal"

    def where_scarce(self) -> Quota | None:
        """Return it where it stretches any interval, None where it lets all be.

        A tick asks once, for all its zones.
        """
        return None if self.level() == "normal" else self

    def stretched(self, seconds: float) -> float:
        """Return an interval as long as this level lets it be, in seconds.

        Nothing to spend: an hour, or until the day's calls are given anew.
        """
        if self.readable <= 0:
            return max(seconds, min(PROBE_SECONDS, self.seconds_to_reset))
        if self.level() == "normal":
            return seconds
        return max(seconds, self.fair_seconds)
