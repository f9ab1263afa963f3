"""What is laid over a zone's settings for a time. Pure: settings, state and now.

First the season that `auto` stands for. Then a preset, chosen by a person for a time, by
absence, by the window in force or by the zone, in this order; offsets on top of it; the
band that a person wants for a time, which also opens a window of its own; a pause while
something is open; windows that were missed; and which part of the band the price asks for. Computed
anew each time from the settings as they stand in the document and from what the state
knows of the surroundings, so there is nothing to restore afterwards.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from switchbot_automation.core.control.air import felt_kelvin
from switchbot_automation.core.control.band import aim_of
from switchbot_automation.core.control.season import AUTO, season_of
from switchbot_automation.core.control.warm_up import EARLIEST
from switchbot_automation.core.curve import curve_kelvin
from switchbot_automation.core.forecast import after_forecast, after_sun_forecast
from switchbot_automation.core.price import level_said, store_of, with_price
from switchbot_automation.core.protect.safety import may_run
from switchbot_automation.core.state.around import (
    ICES_BELOW_CELSIUS,
    after_outdoor,
    after_sign,
    after_temperature,
    falls_until,
    is_momentary,
    offset_of,
    open_until,
    outdoor_of,
    shown_by,
    with_surroundings,
)
from switchbot_automation.core.state.evidence import runs_since
from switchbot_automation.core.state.said import believable
from switchbot_automation.core.state.wishes import asks_otherwise, wish_in_force
from switchbot_automation.core.state.zone import (
    EMPTY,
    Learned,
    OffsetValue,
    with_learned,
)
from switchbot_automation.equipment.table import KINDS
from switchbot_automation.model import Reason, ReasonCode
from switchbot_automation.schedule.windows import (
    CATCH_UPS,
    day_in_force,
    in_window,
    next_boundary,
    next_start,
    only_during,
    spans_of,
)
from switchbot_automation.settings.model import Overlay

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from switchbot_automation.core.control.season import Season
    from switchbot_automation.core.requests import Around
    from switchbot_automation.core.state.meter import Reading
    from switchbot_automation.core.state.zone import (
        Sign,
        SkippedWindow,
        Surroundings,
        Wish,
        ZoneState,
    )
    from switchbot_automation.schedule.windows import CurvePoint, TimeWindow
    from switchbot_automation.settings.model import (
        Profile,
        Settings,
        ZoneSettings,
    )

_TICK_SECONDS = 120
# A room is kept from frost within this of where its heating begins.
_FROST_BAND_KELVIN = 2.0
# Of `setAll`: 1 automatic, 2 low, 3 medium, 4 high.
_FAN_LOW = 2
# What every unit can be set to.
_LOWEST_SETPOINT = 16.0


def overlaid(
    settings: Settings, state_of: Callable[[str], ZoneState], now: datetime
) -> Settings:
    """Return the settings as they are in force at an instant, aware UTC.

    Settings that were overlaid before are overlaid anew.
    """
    changed = {
        name: zone_overlaid(zone, state_of(zone.lead or name), now)
        for name, zone in settings.zones.items()
        # What lies over a room lies over all its units.
        if asks_otherwise(state_of(zone.lead or name))
        or name in settings.overlaid
        # A wish that is over lies there still.
        or zone.overlay is not None
    }
    if not changed:
        return settings
    return replace(settings, zones={**settings.zones, **changed})


def in_force(
    settings: Settings, state_of: Callable[[str], ZoneState], now: datetime
) -> Settings:
    """Return the settings with the season that is on and all that lies over them."""
    return overlaid(in_season(settings, state_of, now), state_of, now)


def zone_in_force(
    settings: Settings, name: str, state: ZoneState, now: datetime
) -> ZoneSettings:
    """Return one zone's settings as `in_force` gives them, without the others'."""
    zone = _in_season(settings.zones[name], state, now)
    laid = asks_otherwise(state) or name in settings.overlaid
    return zone_overlaid(zone, state, now) if laid else zone


def zone_overlaid(zone: ZoneSettings, state: ZoneState, now: datetime) -> ZoneSettings:
    """Return a zone's settings as they are in force at an instant, aware UTC."""
    base = zone.overlay.base if zone.overlay else zone
    laid = _laid(base, state, now)
    laid = _felt(laid, state)
    laid = _looking_ahead(laid, base, state, now)
    if laid.price is None:
        return laid
    around = state.surroundings or EMPTY
    return with_price(laid, around.price, now, store_of(laid, state))


def _felt(zone: ZoneSettings, state: ZoneState) -> ZoneSettings:
    """Move the bands so that they are of what the air feels like."""
    celsius, percent = state.last_temperature, state.last_humidity
    overlay = zone.overlay
    if (
        not zone.feels_like
        or overlay is None
        or celsius is None
        or percent is None
        or state.last_temperature_stale
    ):
        return zone
    kelvin = felt_kelvin(celsius, percent)
    if not kelvin:
        return zone
    why = Reason(ReasonCode.FEELS_LIKE, {"kelvin": kelvin})
    return zone.with_laid(
        winter=zone.winter.shifted(-kelvin) if zone.winter else None,
        summer=zone.summer.shifted(-kelvin) if zone.summer else None,
        overlay=replace(overlay, reasons=(*overlay.reasons, why)),
    )


def _laid(base: ZoneSettings, state: ZoneState, now: datetime) -> ZoneSettings:
    around, told = state.surroundings or EMPTY, _Told(now)
    wish = _in_force(state.wish, base, told)
    zone = _with_skipped(base, state.skipped, told)
    zone = _with_windows(zone, around, told)
    zone = _with_preset(zone, around, wish, told)
    zone = _with_window_curve(zone, wish, told)
    zone = _with_offsets(zone, around, told)
    zone = _with_quiet_fan(zone, state, told)
    zone = _with_wish(zone, wish, told)
    overlay = _with_openings(Overlay(base), around, told)
    if overlay.pause is None and overlay.paused_since is not None:
        zone = _kept_from_frost(zone)
    overlay = replace(overlay, reasons=tuple(told.reasons), until=told.until)
    return zone.with_laid(overlay=overlay)


def paused_since(
    zone: ZoneSettings, state: ZoneState, now: datetime
) -> tuple[datetime, Reason] | None:
    """Return since when an opening keeps a zone from its band, and why; None for none.

    The reason is `OPENING_TOO_LONG` once the pause is longer than
    `openings.longest_pause_seconds`: the pure fact for health and explanations.
    """
    overlay = zone_overlaid(zone, state, now).overlay
    if overlay is None or overlay.paused_since is None:
        return None
    codes = (ReasonCode.OPENING_TOO_LONG,)
    long = next((each for each in overlay.reasons if each.code in codes), None)
    why = long or overlay.pause
    return (overlay.paused_since, why) if why else None


# --- the season --------------------------------------------------------------------


def in_season(
    settings: Settings, state_of: Callable[[str], ZoneState], now: datetime
) -> Settings:
    """Return the settings with every `auto` replaced by the season in force."""
    if all(zone.mode != AUTO for zone in settings.zones.values()):
        return settings
    zones = {
        name: _in_season(zone, state_of(zone.lead or name), now)
        for name, zone in settings.zones.items()
    }
    return replace(settings, zones=zones)


def _in_season(zone: ZoneSettings, state: ZoneState, now: datetime) -> ZoneSettings:
    if zone.mode != AUTO:
        return zone
    return replace(zone, mode=_season(zone, state, now).name)


def _season(zone: ZoneSettings, state: ZoneState, now: datetime) -> Season:
    learned = state.learned
    season = learned.season if learned else None
    if season is None:
        temperature = None if state.last_temperature_stale else state.last_temperature
        season = season_of(
            with_wished_bands(zone, wish_in_force(state, now)),
            None,
            temperature,
            now=now.timestamp(),
            rested_seconds=0.0,
        )
    return season


def after_season(zone: ZoneSettings, state: ZoneState, now: datetime) -> ZoneState:
    """Return the state of an `auto` zone with the season that a reading asks for."""
    if zone.mode != AUTO or state.last_temperature_stale:
        return state
    stopped = _rests_since(state)
    rested = (now - stopped).total_seconds() if stopped else math.inf
    if state.compressor_running or state.uncertain:
        rested = 0.0
    learned = state.learned or Learned()
    season = season_of(
        with_wished_bands(zone, wish_in_force(state, now)),
        learned.season,
        state.last_temperature,
        now=now.timestamp(),
        rested_seconds=rested,
    )
    if season == learned.season:
        return state
    return with_learned(state, replace(learned, season=season))


def _rests_since(state: ZoneState) -> datetime | None:
    """Return since when the unit rests, as far as that tells of its own heat.

    A room that goes on as if the unit worked has it told OFF again and again. With each the
    unit would seem to have rested from then on, and what the sun does be waited for anew.
    """
    stopped = state.compressor_stopped_at
    doubt = state.evidence.doubt if state.evidence else None
    if stopped is None or doubt is None or doubt.by != "room":
        return stopped
    return min(stopped, doubt.since)


class _Told:
    """Collects the reasons, and the first instant at which something changes."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.reasons: list[Reason] = []
        self.until: datetime | None = None

    def changes(self, at: datetime | None) -> None:
        if at is not None and at > self.now and (self.until is None or at < self.until):
            self.until = at


# --- windows -----------------------------------------------------------------------


def window_name(window: TimeWindow) -> str:
    """Return what tells a window from the others in the state."""
    return window.id or f"{window.start:%H:%M}-{window.end:%H:%M}"


def after_windows(
    zone: ZoneSettings, around: Surroundings, now: datetime
) -> Surroundings:
    """Return the surroundings with the windows that began and are joined, or missed."""
    for window in zone.time_windows:
        if window.policy.catch_up == CATCH_UPS[0]:
            continue
        day = day_in_force(replace(window, missed=None), now, zone.timezone)
        name = window_name(window)
        if day is None or day.isoformat() in (
            around.joined.get(name),
            around.missed.get(name),
        ):
            continue
        began = min(span[0] for span in spans_of(window, day, zone.timezone))
        # A tick on time may still be as late as the interval that hosts tick at.
        grace = float(max(_TICK_SECONDS, zone.poll_interval_seconds))
        if window.policy.catch_up == "within":
            grace = float(window.policy.catch_up_seconds)
        if (now - began).total_seconds() <= grace:
            joined = {**around.joined, name: day.isoformat()}
            around = replace(around, joined=joined)
        else:
            missed = {**around.missed, name: day.isoformat()}
            around = replace(around, missed=missed)
    return around


def _with_windows(
    zone: ZoneSettings, around: Surroundings, told: _Told
) -> ZoneSettings:
    """Leave out the occurrences that came too late to be caught up with."""
    if not around.missed:
        return zone
    windows = []
    for window in zone.time_windows:
        day = around.missed.get(window_name(window))
        if day is not None and window.policy.catch_up != CATCH_UPS[0]:
            missed = replace(window, missed=date.fromisoformat(day))
            if in_window((window,), told.now, zone.timezone) and not in_window(
                (missed,), told.now, zone.timezone
            ):
                detail = {"window": window_name(window), "day": day}
                told.reasons.append(Reason(ReasonCode.WINDOW_MISSED, detail))
            windows.append(missed)
        else:
            windows.append(window)
    return zone.with_laid(time_windows=tuple(windows))


def without_skipped(
    zone: ZoneSettings, skipped: Sequence[SkippedWindow], now: datetime
) -> ZoneSettings:
    """Return a zone whose windows leave out what a person does without, while that lasts."""
    return _with_skipped(zone, skipped, _Told(now))


def _with_skipped(
    zone: ZoneSettings, skipped: Sequence[SkippedWindow], told: _Told
) -> ZoneSettings:
    days: dict[int, set[date]] = {}
    for each in skipped:
        places = _places_of(each, zone) if told.now < each.ends else []
        for place in places:
            days.setdefault(place, set()).add(each.day)
        if places:
            told.changes(each.begins)
            told.changes(each.ends)
        if places and each.begins <= told.now:
            detail = {"window": each.window, "day": each.day.isoformat()}
            if each.by is not None:
                detail["rule"] = each.by
            told.reasons.append(Reason(ReasonCode.WINDOW_SKIPPED, detail))
    if not days:
        return zone
    windows = tuple(
        replace(window, skipped=frozenset(days[place])) if place in days else window
        for place, window in enumerate(zone.time_windows)
    )
    return zone.with_laid(time_windows=windows)


def _places_of(skipped: SkippedWindow, zone: ZoneSettings) -> list[int]:
    """Return which windows are meant: names are not unique, and edited it is another."""
    day, found = skipped.day, []
    for place, window in enumerate(zone.time_windows):
        if window_name(window) == skipped.window and window.starts_on(day):
            spans = spans_of(window, day, zone.timezone)
            if spans and spans[0][0] == skipped.begins:
                found.append(place)
    return found


# --- presets and offsets -----------------------------------------------------------


def _in_force(wish: Wish | None, zone: ZoneSettings, told: _Told) -> Wish | None:
    """Return a wish while it is in force; one for a preset that is gone is not."""
    if wish is None or not wish.since <= told.now < wish.until:
        return None
    told.changes(wish.until)
    return None if wish.preset and wish.preset not in zone.presets else wish


def _with_quiet_fan(zone: ZoneSettings, state: ZoneState, told: _Told) -> ZoneSettings:
    """Let the fan run low where a person or the window in force wants it; see `_quiet`."""
    until = state.quiet_until
    told.changes(until)
    detail: dict[str, Any] = {}
    if until is not None and told.now < until:
        detail["until"] = until.isoformat()
        if state.quiet_by is not None:
            detail["rule"] = state.quiet_by
    else:
        for each in zone.time_windows:
            if each.quiet_fan:
                told.changes(next_boundary((each,), told.now, zone.timezone))
        window = in_window(zone.time_windows, told.now, zone.timezone)
        if window is None or not window.quiet_fan:
            return zone
    told.reasons.append(Reason(ReasonCode.QUIET_FAN, detail))
    return zone.with_laid(winter=_quiet(zone.winter), summer=_quiet(zone.summer))


def _quiet(profile: Profile | None) -> Profile | None:
    """Return a profile whose fan runs low: by itself (`auto`) it may be as loud as any."""
    return replace(profile, fan_speed=_FAN_LOW) if profile else None


def _with_wish(zone: ZoneSettings, wish: Wish | None, told: _Told) -> ZoneSettings:
    """Keep what a person wants, also where no window of the settings is open."""
    if wish is None:
        return zone
    detail: dict[str, Any] = {"until": wish.until.isoformat()}
    if wish.by is not None:
        detail["rule"] = wish.by
    band = _band_wished(zone, wish)
    if wish.preset:
        detail["preset"] = wish.preset
    elif band is not None:
        detail |= {"low": band[0], "high": band[1]}
    told.reasons.append(Reason(ReasonCode.WISHED, detail))
    own = only_during(wish.since, wish.until, zone.timezone, name="wish")
    zone = with_wished_bands(zone, wish)
    return zone.with_laid(time_windows=(own, *zone.time_windows))


def _band_wished(zone: ZoneSettings, wish: Wish) -> tuple[float, float] | None:
    return wish.summer if zone.mode == "summer" else wish.winter


def with_wished_bands(zone: ZoneSettings, wish: Wish | None) -> ZoneSettings:
    """Return a zone with the bands of a wish, where it names any."""
    if wish is None:
        return zone
    winter, summer = zone.winter, zone.summer
    if wish.winter is not None and winter is not None:
        winter = winter.within(*wish.winter)
    if wish.summer is not None and summer is not None:
        summer = summer.within(*wish.summer)
    if winter is zone.winter and summer is zone.summer:
        return zone
    return zone.with_laid(winter=winter, summer=summer)


def _with_preset(
    zone: ZoneSettings, around: Surroundings, wish: Wish | None, told: _Told
) -> ZoneSettings:
    if wish is not None and wish.preset:
        name, code = wish.preset, None
    else:
        name, code = _preset(zone, around, told)
    preset = zone.presets.get(name) if name else None
    if preset is None:
        return zone
    if code is not None:
        told.reasons.append(Reason(code, {"preset": name}))
    began = wish.since if wish is not None and code is None else _opened(zone, told.now)
    winter, summer = preset.winter, preset.summer
    if preset.quiet_fan:
        winter, summer = _quiet(winter), _quiet(summer)
    zone = zone.with_laid(
        winter=winter,
        summer=summer,
        hysteresis_celsius=preset.hysteresis_celsius,
        fan_mode_during_window=preset.fan_mode_during_window,
    )
    window = _meant(zone, told.now)
    if code is ReasonCode.PRESET and window is not None and window.curve:
        # What is nearer counts: that of the window.
        return zone
    return _curved(zone, preset.curve, {"preset": name}, began, told)


def _with_window_curve(
    zone: ZoneSettings, wish: Wish | None, told: _Told
) -> ZoneSettings:
    """Move the bands as the window says that is in force, or that is warmed up for.

    Not where a person, or that nobody is there, chose what the bands are.
    """
    for each in zone.time_windows:
        if each.curve:
            told.changes(next_boundary((each,), told.now, zone.timezone))
    window = _meant(zone, told.now)
    if window is None or not window.curve or _chosen_otherwise(zone, wish, told):
        return zone
    detail = {"window": window_name(window)}
    return _curved(zone, window.curve, detail, _opened(zone, told.now), told)


def _chosen_otherwise(zone: ZoneSettings, wish: Wish | None, told: _Told) -> bool:
    """Return whether what is wanted is not what the window in force says."""
    if wish is not None and (wish.preset or _band_wished(zone, wish)):
        return True
    return any(why.code is ReasonCode.NOBODY_THERE for why in told.reasons)


def _curved(
    zone: ZoneSettings,
    points: Sequence[CurvePoint],
    detail: Mapping[str, Any],
    began: datetime | None,
    told: _Told,
) -> ZoneSettings:
    """Return a zone whose bands are moved as a curve says; `detail` is whose it is."""
    if not points:
        return zone
    moved: list[Profile | None] = []
    for season, profile in (("winter", zone.winter), ("summer", zone.summer)):
        kelvin, changes = curve_kelvin(
            points,
            season,
            began,
            told.now,
            zone.timezone,
            step=0.5 if zone.half_degrees else 1.0,
        )
        if season == zone.mode and profile is not None:
            told.changes(changes)
            if kelvin:
                why = Reason(ReasonCode.CURVE, {**detail, "kelvin": kelvin})
                told.reasons.append(why)
        moved.append(profile.shifted(kelvin) if profile and kelvin else profile)
    return zone.with_laid(winter=moved[0], summer=moved[1])


def _meant(zone: ZoneSettings, now: datetime) -> TimeWindow | None:
    """Return the window in force, else the one that the room is brought up for."""
    windows, tz = zone.time_windows, zone.timezone
    window = in_window(windows, now, tz)
    if window is None and zone.optimum_start:
        opens = next_start(windows, now, tz)
        window = in_window(windows, opens, tz) if opens is not None else None
    return window


def _opened(zone: ZoneSettings, now: datetime) -> datetime | None:
    """Return when the window in force began, else the one the room is brought up for begins."""
    windows, tz = zone.time_windows, zone.timezone
    window = in_window(windows, now, tz)
    day = day_in_force(window, now, tz) if window else None
    if window is not None and day is not None:
        return min(span[0] for span in spans_of(window, day, tz))
    return next_start(windows, now, tz) if zone.optimum_start else None


def _preset(
    zone: ZoneSettings, around: Surroundings, told: _Told
) -> tuple[str, ReasonCode]:
    for each in zone.time_windows:
        if each.preset:
            told.changes(next_boundary((each,), told.now, zone.timezone))
    if zone.presence is not None and _away(zone, around, told):
        return zone.presence.preset, ReasonCode.NOBODY_THERE
    window = _meant(zone, told.now)
    return (window.preset if window else "") or zone.preset, ReasonCode.PRESET


def _away(zone: ZoneSettings, around: Surroundings, told: _Told) -> bool:
    """Return whether all sensors are known to have shown nothing for long enough."""
    presence = zone.presence
    if presence is None:
        return False
    leaves, known = None, True
    for device_id in presence.sensors:
        sign = around.signs.get(f"presence:{device_id}")
        if sign is None or sign.active or sign.watched_since is None:
            # Nobody knows what it showed while nobody looked.
            return False
        unknown_at = sign.heard_at + timedelta(seconds=presence.unknown_after_seconds)
        told.changes(unknown_at)
        asked_at = sign.heard_at + timedelta(seconds=presence.poll_interval_seconds)
        told.changes(asked_at)
        known = known and told.now < unknown_at
        still_since = max(sign.moved_at, sign.watched_since)
        gone = still_since + timedelta(seconds=presence.away_after_seconds)
        leaves = gone if leaves is None else max(leaves, gone)
    told.changes(leaves)
    return known and leaves is not None and told.now >= leaves


def _with_offsets(
    zone: ZoneSettings, around: Surroundings, told: _Told
) -> ZoneSettings:
    moved = 0.0
    for wanted in zone.offsets:
        kelvin, until = offset_of(wanted, around, told.now)
        told.changes(until)
        if kelvin:
            detail = {"source": wanted.source, "kelvin": round(kelvin, 3)}
            told.reasons.append(Reason(ReasonCode.OFFSET, detail))
        moved += kelvin
    if not moved:
        return zone
    return zone.with_laid(
        winter=zone.winter.shifted(moved) if zone.winter else None,
        summer=zone.summer.shifted(moved) if zone.summer else None,
    )


# --- the window after this one ------------------------------------------------------


def _looking_ahead(
    zone: ZoneSettings, base: ZoneSettings, state: ZoneState, now: datetime
) -> ZoneSettings:
    """Say within a window what a later one wants, where that is more than this one.

    What a person wants for a time is such a window, and what comes after it another.
    Not while nobody is there, or a window stands open: the hour ends neither.
    """
    windows, tz, aim = zone.time_windows, zone.timezone, aim_of(zone)
    overlay, wish = zone.overlay, state.wish
    if (
        overlay is None
        or aim is None
        or not zone.optimum_start
        or not (wish or any(each.preset or each.curve for each in windows))
        or overlay.paused_since is not None
        or any(why.code is ReasonCode.NOBODY_THERE for why in overlay.reasons)
        or in_window(windows, now, tz) is None
    ):
        return zone
    starts = {next_start((each,), now, tz) for each in windows}
    if wish is not None:
        starts.add(wish.until if wish.until > now else None)
    for at in sorted(at for at in starts if at is not None and at - now <= EARLIEST):
        then = _laid(base, state, at)
        wanted = aim_of(then)
        opened = in_window(then.time_windows, at, tz) is not None
        if opened and wanted is not None and wanted.near > aim.near:
            return zone.with_laid(overlay=replace(overlay, ahead=(at, then)))
    return zone


# --- openings ----------------------------------------------------------------------


def _with_openings(overlay: Overlay, around: Surroundings, told: _Told) -> Overlay:
    openings = overlay.base.openings
    if openings is None:
        return overlay
    for device_id in openings.sensors:
        sign = around.signs.get(f"opening:{device_id}")
        if sign is None:
            continue
        told.changes(sign.heard_at + timedelta(seconds=openings.poll_interval_seconds))
        paused, until = open_until(sign, openings, told.now)
        told.changes(until)
        detail = {
            "device_id": device_id,
            "since": sign.since.isoformat(),
            "closed": not sign.active,
        }
        why = Reason(ReasonCode.OPENING_OPEN, detail)
        since = overlay.paused_since
        if paused and (since is None or sign.since < since):
            overlay = replace(overlay, pause=why, paused_since=sign.since)
        elif not paused and sign.active and until is not None:
            overlay = replace(overlay, opened=overlay.opened or why)
    if openings.drop_kelvin:
        told.changes(falls_until(around, told.now))
    if overlay.pause is not None and overlay.paused_since is not None:
        return _bounded(overlay, overlay.pause, overlay.paused_since, told)
    suspected = around.suspected_at
    if openings.drop_kelvin and suspected is not None:
        ends = suspected + timedelta(seconds=openings.drop_pause_seconds)
        told.changes(ends)
        if overlay.pause is None and told.now < ends:
            detail = {"since": suspected.isoformat(), "until": ends.isoformat()}
            why = Reason(ReasonCode.OPENING_SUSPECTED, detail)
            overlay = replace(overlay, pause=why, paused_since=suspected)
    return overlay


def _bounded(overlay: Overlay, pause: Reason, since: datetime, told: _Told) -> Overlay:
    """Return the overlay without a pause that lasts too long to be believed.

    A window forgotten open, or a contact whose battery died open: what was paused stays
    paused but for frost, and it is told. Cooling, which frost does not need, stays paused.
    """
    openings = overlay.base.openings
    longest = openings.longest_pause_seconds if openings else 0
    if openings is None or not longest:
        return overlay
    ends = since + timedelta(seconds=longest)
    told.changes(ends)
    if told.now < ends:
        return overlay
    detail = {
        "device_id": pause.detail["device_id"],
        "since": since.isoformat(),
        "frost_celsius": openings.frost_celsius,
    }
    told.reasons.append(Reason(ReasonCode.OPENING_TOO_LONG, detail))
    if overlay.base.mode == "summer":
        return overlay
    return replace(overlay, pause=None, opened=None)


def _kept_from_frost(zone: ZoneSettings) -> ZoneSettings:
    """Return a zone that keeps no more than frost off."""
    if zone.winter is None or zone.openings is None:
        return zone
    low = min(zone.winter.min_temp, zone.openings.frost_celsius)
    winter = replace(
        zone.winter,
        min_temp=low,
        max_temp=low + _FROST_BAND_KELVIN,
        target_temp=_LOWEST_SETPOINT,
    )
    # Nor is air blown into a room whose window is open.
    return zone.with_laid(winter=winter, fan_mode_during_window=False)


# --- what is new around a zone -------------------------------------------------------


def after_surroundings(
    zone: ZoneSettings,
    state: ZoneState,
    reading: Reading | None,
    new: Around,
    now: datetime,
) -> ZoneState:
    """Return the state with what is new around its zone at `now`."""
    around = before = state.surroundings or EMPTY
    signs = around.signs
    for device_id, fields, at, told in new.signs:
        said = believable(fields)
        if device_id == zone.outdoor_device_id:
            around = after_outdoor(around, said.get("temperature"), min(at, now))
        signs = _with_sign(zone, signs, device_id, said, min(at, now), told=told)
    offsets = _offset_values(zone, around, new, now)
    around = replace(around, signs=signs, offsets=offsets)
    if zone.outdoor_forecast:
        series = new.series.get(zone.outdoor_forecast)
        forecast = after_forecast(around.forecast, series, now)
        around = replace(around, forecast=forecast)
    if zone.sun_forecast:
        series = new.series.get(zone.sun_forecast)
        around = replace(around, sun=after_sun_forecast(around.sun, series, now))
    wanted = zone.price
    if wanted is not None and wanted.source:
        series = new.series.get(wanted.source)
        level = level_said(wanted, series, now, store_of(zone, state))
        around = replace(around, price=level)
    openings = zone.openings
    if (
        openings is not None
        and openings.drop_kelvin
        and reading is not None
        and reading.temperature is not None
        and reading.received_at is not None
    ):
        around = after_temperature(
            around,
            openings,
            reading.temperature,
            reading.received_at,
            heating=zone.mode == "winter",
            running=may_run(state),
            ices=_may_ice(zone, around, now),
            changed_at=_changed_at(state),
        )
    if zone.automation_enabled:
        around = after_windows(zone, around, now)
    return state if around == before else with_surroundings(state, around)


def _may_ice(zone: ZoneSettings, around: Surroundings, now: datetime) -> bool:
    """Tell whether a unit of the room may have to melt ice, which takes heat from it.

    Only a heat pump does, and none in mild weather; where nobody knows that it may.
    """
    kinds = [zone.kind, *(KINDS[unit.kind] for unit in zone.equipment)]
    if all(kind.cost != "compressor" for kind in kinds):
        return False
    outdoor = outdoor_of(around, now)
    return outdoor is None or outdoor < ICES_BELOW_CELSIUS


def _changed_at(state: ZoneState) -> datetime | None:
    """Return when the unit was last started, stopped or told otherwise.

    What it was told again, since the room contradicts it, changes nothing: an open window
    contradicts it too.
    """
    told = state.evidence.changed_at if state.evidence else None
    changes = (runs_since(state), state.compressor_stopped_at, told)
    return max((at for at in changes if at is not None), default=None)


def _offset_values(
    zone: ZoneSettings, around: Surroundings, new: Around, now: datetime
) -> Mapping[str, OffsetValue]:
    values = around.offsets
    for wanted in zone.offsets:
        kelvin, told = new.offsets.get((wanted.source, zone.name), (None, False))
        if kelvin is None:
            continue
        before, lasts = values.get(wanted.source), wanted.expires_seconds
        # The same number again is written only once half of its time is over.
        if (
            told
            or before is None
            or before.kelvin != kelvin
            or (before.until - now).total_seconds() < lasts / 2
        ):
            until = now + timedelta(seconds=lasts)
            values = {**values, wanted.source: OffsetValue(kelvin, until)}
    return values


def _with_sign(
    zone: ZoneSettings,
    signs: Mapping[str, Sign],
    device_id: str,
    fields: Mapping[str, Any],
    at: datetime,
    *,
    told: bool,
) -> Mapping[str, Sign]:
    openings, presence = zone.openings, zone.presence
    if openings is not None and device_id in openings.sensors:
        active = shown_by(fields, opening=True)
        if active is not None:
            key = f"opening:{device_id}"
            signs = after_sign(
                signs, key, active=active, at=at, openings=openings, told=told
            )
    if presence is not None and device_id in presence.sensors:
        active = shown_by(fields, opening=False)
        if active is not None:
            signs = after_sign(
                signs,
                f"presence:{device_id}",
                active=active,
                at=at,
                told=told,
                momentary=is_momentary(fields),
            )
    return signs
