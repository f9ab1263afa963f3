"""What is wished of a zone and still open: holds, wishes, waiting commands, repeats, intents.

Pure. The only writer of `manual_action_at`, `hold_until`, `hold_by`, `wish`, `switch`,
`skipped`, `quiet_until`, `quiet_by`, `pending_repeat`, `pending_manual` and `intent`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import inf
from typing import TYPE_CHECKING, TypeAlias

from switchbot_automation.core.control.season import AUTO
from switchbot_automation.core.state.zone import Intent, PendingManual, PendingRepeat
from switchbot_automation.languages import translated as _
from switchbot_automation.model import COLDEST, WARMEST, Action, CommandStatus

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.core.state.zone import (
        SkippedWindow,
        Switch,
        Wish,
        ZoneState,
    )
    from switchbot_automation.settings.model import ZoneSettings

Asked: TypeAlias = "tuple[datetime | None, str | None, PendingManual | None, Wish | None, Switch | None, tuple[SkippedWindow, ...], datetime | None, str | None]"
"""A hold, whose it is, what waits, the wish, what a button said, the windows skipped, until
when the fan is quiet, and whose wish that is.
"""

# For so long after the instant a person was told the wish is still theirs.
_WISH_LASTS = timedelta(hours=1)


def held(state: ZoneState, until: datetime | None, rule: str | None) -> ZoneState:
    """Return the state held until then, None for not held any more.

    `rule` is the id of the rule that holds it, None for a person.
    """
    return state._replace(hold_until=until, hold_by=rule if until else None)


def wished_anew(
    state: ZoneState, hold_until: datetime | None, rule: str | None
) -> ZoneState:
    """Return the state for a newer wish, which ends an older one and its hold."""
    return held(state, hold_until, rule)._replace(pending_manual=None)


def wished(state: ZoneState, wish: Wish | None) -> ZoneState:
    """Return the state with what a person wants for a time; None ends that.

    It is the newest word, so it ends a hold and a command that waits.
    """
    if wish is not None:
        state = wished_anew(state, None, None)
    return state if wish == state.wish else state._replace(wish=wish)


def skipping(state: ZoneState, window: SkippedWindow) -> ZoneState:
    """Return the state with one more window that people do without, once."""
    if any(each[:-1] == window[:-1] for each in state.skipped):
        return state
    return state._replace(skipped=(*state.skipped, window))


def skipping_from(state: ZoneState, now: datetime | None) -> ZoneState:
    """Return the state without the skipped windows that are over; None: without any."""
    left = tuple(each for each in state.skipped if now is not None and now < each.ends)
    return state if left == state.skipped else state._replace(skipped=left)


def quieted(
    state: ZoneState, until: datetime | None, rule: str | None = None
) -> ZoneState:
    """Return the state with the fan wanted low until then, None for not any more.

    `rule` is the id of the rule that wants it, None for a person.
    """
    by = rule if until else None
    if (until, by) == (state.quiet_until, state.quiet_by):
        return state
    return state._replace(quiet_until=until, quiet_by=by)


def switched(state: ZoneState, switch: Switch | None) -> ZoneState:
    """Return the state with what a button said of the automation; None: nothing does."""
    return state if switch == state.switch else state._replace(switch=switch)


def wish_in_force(state: ZoneState, now: datetime) -> Wish | None:
    """Return what a person wants of a zone at an instant, aware UTC; None for nothing."""
    wish = state.wish
    return wish if wish is not None and wish.since <= now < wish.until else None


def asks_otherwise(state: ZoneState) -> bool:
    """Return whether a person asked for a time what the settings do not say."""
    return (
        state.wish is not None or bool(state.skipped) or state.quiet_until is not None
    )


def degrees(value: float) -> float:
    """Return a temperature as `float`; what is too large for one is beyond every band."""
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def bands_wished(
    zone: ZoneSettings, low: float, high: float
) -> dict[str, tuple[float, float]]:
    """Return which band each season has to keep so that a zone stays within one, in °C.

    `zone` is as its settings say, before a season was chosen for `auto`: there heating
    begins at `low` and cooling at `high`, as on a thermostat with two setpoints, and each
    season keeps the width of its own band. Raises ValueError with what to change.
    """
    if not COLDEST <= low < high <= WARMEST:
        raise ValueError(
            _(
                "a band from {low:g} to {high:g} °C; wanted are two temperatures from "
                "{coldest_celsius:g} to {warmest_celsius:g}, the lower one first",
                low=float(low),
                high=float(high),
                coldest_celsius=COLDEST,
                warmest_celsius=WARMEST,
            )
        )
    if zone.mode != AUTO:
        _width(zone, zone.mode)
        return {zone.mode: (low, high)}
    winter = (low, low + _width(zone, "winter"))
    summer = (high - _width(zone, "summer"), high)
    if winter[1] > summer[0]:
        raise ValueError(
            _(
                "from {low:g} to {high:g} °C heating and cooling would meet: leave at "
                "least {least_kelvin:g} K between them",
                low=float(low),
                high=float(high),
                least_kelvin=least_width(zone),
            )
        )
    return {"winter": winter, "summer": summer}


def least_width(zone: ZoneSettings) -> float:
    """Return how far apart in kelvin the two temperatures of a wish have to be.

    `zone` is as its settings say. 0 where one season alone is kept, or has temperatures.
    """
    if zone.mode != AUTO or zone.winter is None or zone.summer is None:
        return 0.0
    return _width(zone, "winter") + _width(zone, "summer")


def _width(zone: ZoneSettings, season: str) -> float:
    profile = zone.summer if season == "summer" else zone.winter
    if profile is None:
        raise ValueError(
            _(
                "zone {zone} has no temperatures for {season}",
                zone=zone.name,
                season=season,
            )
        )
    return profile.max_temp - profile.min_temp


def wish_waits(state: ZoneState, action: Action, due_at: datetime) -> ZoneState:
    """Return the state with a person's command that waits until `due_at`."""
    return state._replace(pending_manual=PendingManual(action, due_at))


def after_wish(
    state: ZoneState, wish: PendingManual, later: datetime | None
) -> ZoneState:
    """Return the state once a waiting wish was not taken: put off, or given up.

    `later` is when it may be, None for never. It is given up an hour after the instant
    that the person was told, and with it the hold that was to keep what it never did: the
    room would be left as it is for the rest of that, to nobody's benefit.
    """
    promised = wish.promised_at or wish.due_at
    if later is None or later > promised + _WISH_LASTS:
        return wished_anew(state, None, None)
    waits = replace(wish, due_at=later, promised_at=promised)
    return state._replace(pending_manual=waits)


def unheld(state: ZoneState, before: ZoneState) -> ZoneState:
    """Return the state after a person's command failed: left alone as long as `before`.

    A hold that only kept what waited is over with it.
    """
    kept = before.pending_manual is None
    until, rule = (before.hold_until, before.hold_by) if kept else (None, None)
    return held(state, until, rule)._replace(wish=before.wish)


def is_late(wish: PendingManual, now: datetime) -> bool:
    """Tell whether a waiting wish is nobody's any more: an hour after what was told."""
    return now > (wish.promised_at or wish.due_at) + _WISH_LASTS


def still_wished(state: ZoneState, wish: PendingManual | None) -> ZoneState:
    """Return the state with a wish that a command of now was only the way to."""
    return state._replace(pending_manual=wish)


def asked_of(state: ZoneState) -> Asked:
    """Return what was asked of a zone and is still open."""
    return (
        state.hold_until,
        state.hold_by,
        state.pending_manual,
        state.wish,
        state.switch,
        state.skipped,
        state.quiet_until,
        state.quiet_by,
    )


def with_asked(state: ZoneState, asked: Asked) -> ZoneState:
    """Return the state with what was asked, as another one has it."""
    until, by, waits, wish, switch, skipped, quiet, quiet_by = asked
    return state._replace(
        hold_until=until,
        hold_by=by,
        pending_manual=waits,
        wish=wish,
        switch=switch,
        skipped=skipped,
        quiet_until=quiet,
        quiet_by=quiet_by,
    )


def acted(state: ZoneState, at: datetime) -> ZoneState:
    """Return the state after a person acted, who saw the room."""
    return state._replace(manual_action_at=at)


def after_remote(
    state: ZoneState,
    zone: ZoneSettings,
    at: datetime,
    *,
    longest: timedelta = timedelta.max,
) -> ZoneState:
    """Return the state after somebody used the unit's own remote or the cloud's app.

    That is a person's command: it ends what waits or repeats. It holds only where the
    settings say for how long, or its kind does, since a unit that lost its power shows
    the same, and no longer than `longest`.
    """
    seconds, until = zone.manual_hold_seconds, state.hold_until
    if seconds is None:
        seconds = zone.kind.by_hand_seconds
    if seconds:
        until = at + min(timedelta(seconds=seconds), longest)
    return state._replace(
        manual_action_at=at,
        hold_until=until,
        hold_by=None if seconds else state.hold_by,
        pending_repeat=None,
        pending_manual=None,
    )


def intended(state: ZoneState, intent: Intent | None) -> ZoneState:
    """Return the state with a command that is about to be sent."""
    return state._replace(intent=intent)


def fulfilled(state: ZoneState) -> ZoneState:
    """Return the state after a command was taken: nothing older waits any more."""
    return state._replace(pending_repeat=None, pending_manual=None, intent=None)


def not_fulfilled(state: ZoneState) -> ZoneState:
    """Return the state after a command failed.

    To repeat an OFF from before would undo what was wanted since.
    """
    return state._replace(pending_repeat=None, intent=None)


def with_repeats(
    state: ZoneState, zone: ZoneSettings, action: Action, at: datetime, label: str
) -> ZoneState:
    """Queue the OFF commands that follow the first, on their own due instants."""
    if zone.off_repeat_count <= 1:
        return state
    return state._replace(
        pending_repeat=PendingRepeat(
            remaining=zone.off_repeat_count - 1,
            interval_seconds=zone.off_repeat_interval_seconds,
            next_run_at=at + timedelta(seconds=zone.off_repeat_interval_seconds),
            state_reason=label,
            action=action,
        ),
    )


def after_repeat(
    state: ZoneState,
    repeat: PendingRepeat,
    status: CommandStatus,
    at: datetime,
    until: datetime | None = None,
) -> ZoneState:
    """Return the state after one of the repeats was tried at `at`.

    A blocked one is tried again, not before `until` where that is known; a failed one
    ends them.
    """
    left = repeat.remaining - 1
    if status is CommandStatus.BLOCKED:
        left = repeat.remaining
    elif status is CommandStatus.FAILED:
        left = 0
    following = at + timedelta(seconds=repeat.interval_seconds)
    if status is CommandStatus.BLOCKED and until is not None:
        following = max(following, until)
    return state._replace(
        pending_repeat=(
            replace(repeat, remaining=left, next_run_at=following) if left > 0 else None
        )
    )


def late_repeat(state: ZoneState) -> ZoneState:
    """Return the state without a repeat that came too late to be wanted."""
    return state._replace(pending_repeat=None)


def off_again(
    state: ZoneState,
    zone: ZoneSettings,
    now: datetime,
    label: str = "repeat_after_crash",
) -> ZoneState:
    """Return the state with one OFF due at once: a crash cut the first off, by default,
    or nobody knows whether it was heard last.
    """
    repeat = PendingRepeat(
        remaining=1,
        interval_seconds=max(zone.off_repeat_interval_seconds, 1),
        next_run_at=now,
        state_reason=label,
    )
    return state._replace(pending_repeat=repeat)
