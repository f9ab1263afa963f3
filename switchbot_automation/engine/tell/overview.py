"""The home as it is at this moment, as one JSON-able mapping: what a page shows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from switchbot_automation.core.control.band import aim_of, as_asked
from switchbot_automation.core.control.season import AUTO
from switchbot_automation.core.overlay import in_force
from switchbot_automation.core.pace import is_stale
from switchbot_automation.core.state.around import outdoor_of
from switchbot_automation.core.state.kept import room_health
from switchbot_automation.core.state.values import encode_instant
from switchbot_automation.core.state.wishes import least_width, wish_in_force
from switchbot_automation.engine.act.wishes import possible_for
from switchbot_automation.engine.tell.health import price_as_json, room_as_json
from switchbot_automation.explain.explain import instant_or_none, power_since
from switchbot_automation.explain.trace import reasons_as_json
from switchbot_automation.explain.words import reason_words
from switchbot_automation.languages import CELSIUS, error_words
from switchbot_automation.languages import translated as _
from switchbot_automation.schedule.windows import foreseen_boundary, in_window

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime

    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.model import TickReport, ZoneDecision
    from switchbot_automation.schedule.windows import TimeWindow
    from switchbot_automation.settings.model import Settings, ZoneSettings
    from switchbot_store import StoreStatus

_T = TypeVar("_T")

_IN_A_TURN = 50
"""How many zones are looked at before others have their turn: a few milliseconds."""


def overview(
    documents: Documents,
    report: TickReport | None,
    last_tick: datetime | None,
    next_wakeup: datetime,
    now: datetime,
    *,
    store: StoreStatus,
    by_settings: BySettings,
) -> Generator[None, None, dict[str, Any]]:
    """Return every zone with what is known, wanted and decided of it. No I/O.

    It stops after every few zones, for `at_once` or `in_turns` to go on. Instants are ISO
    8601 in UTC, temperatures degrees Celsius. `band` is what the
    season in force wants, None without temperatures; `reasons` those of the last tick,
    in words too. `lead` names the room of what is a further unit of it, whose wishes and
    settings it shares; in one `without_unit` nothing heats or cools. `possible` are the
    actions and wishes that its equipment and settings can carry out. `hold_until` None while no person's command holds. `settings_error`
    says why the stored settings are not those in force, `document_problems` what is
    wrong with other documents that a person edited, `store_problems` what a person should
    do about the store. `unit` is that of the settings, in which a person is told. `watches`: another `run` looks after the home.
    """
    settings = documents.life.settings
    zones: list[dict[str, Any]] = []
    if settings is not None:
        made = {each.zone: each for each in report.decisions} if report else {}
        seasonal = in_force(settings, lambda name: documents.states[name], now)
        schedules = _Schedules(now)
        for number, (name, zone) in enumerate(seasonal.zones.items(), start=1):
            state, decision = documents.states[name], made.get(name)
            as_set = settings.zones[name]
            zones.append(
                _zone(
                    by_settings.of(settings, as_set, zone),
                    as_set,
                    zone,
                    state,
                    decision,
                    now=now,
                    room=documents.states[zone.lead or name],
                    schedules=schedules,
                )
            )
            if not number % _IN_A_TURN:
                yield
    return {
        "at": encode_instant(now),
        "last_tick": instant_or_none(last_tick),
        "next_wakeup": encode_instant(next_wakeup),
        "watches": documents.watches,
        "unit": settings.unit if settings is not None else CELSIUS,
        "settings_error": (
            error_words(documents.life.error) if documents.life.error else None
        ),
        "document_problems": [error_words(e) for e in documents.problems.values()],
        "store_problems": _store_problems(documents, store),
        "zones": zones,
    }


def _store_problems(documents: Documents, store: StoreStatus) -> list[str]:
    problems = [error_words(each) for each in store.warnings]
    if not problems and documents.store_error is not None:
        words = _(
            "The store does not answer: {error}. What was last known is used.",
            error=error_words(documents.store_error),
        )
        problems.append(words)
    return problems


def at_once(looking: Generator[None, None, _T]) -> _T:
    """Return what a look comes to that is not stopped at."""
    while True:
        try:
            next(looking)
        except StopIteration as ended:
            return cast("_T", ended.value)


async def in_turns(looking: Generator[None, None, _T]) -> _T:
    """Return what a look comes to, others having their turn on the event loop between.

    Of a thousand zones it takes longer than a tick, or a person's word, should wait. Each
    zone is as it is when it is looked at.
    """
    while True:
        try:
            next(looking)
        except StopIteration as ended:
            return cast("_T", ended.value)
        await asyncio.sleep(0)


def zone_overview(
    documents: Documents,
    report: TickReport | None,
    zone: ZoneSettings,
    now: datetime,
    *,
    by_settings: BySettings,
) -> dict[str, Any]:
    """Return one zone as in `overview`, out of its settings in force."""
    settings, name = documents.life.settings, zone.name
    assert settings is not None  # noqa: S101 - the zone was found in them
    as_set = settings.zones[name]
    decisions = report.decisions if report else ()
    made = next((each for each in decisions if each.zone == name), None)
    return _zone(
        by_settings.of(settings, as_set, zone),
        as_set,
        zone,
        documents.states[name],
        made,
        now=now,
        room=documents.states[zone.lead or name],
        schedules=_Schedules(now),
    )


class BySettings:
    """What is told of zones that hangs on their settings alone, found once for these.

    A home of a thousand rooms is told at every tick, and its settings change once a week.
    """

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._known: dict[str, tuple[ZoneSettings, dict[str, Any]]] = {}

    def of(
        self, settings: Settings, as_set: ZoneSettings, zone: ZoneSettings
    ) -> dict[str, Any]:
        """Return it of a zone as it is set and as it is in force: what a host may change."""
        if self._settings is not settings:
            self._settings, self._known = settings, {}
        known = self._known.get(zone.name)
        # By identity: what lies over a zone for a time makes other settings of it.
        if known is None or known[0] is not zone:
            known = self._known[zone.name] = zone, _as_ever(settings, as_set, zone)
        told = known[1].copy()
        for name in _CHANGEABLE:
            each = told[name]
            if each is not None:
                told[name] = each.copy()
        return told


_CHANGEABLE = ("band", "wanted", "beside", "presets", "possible")


def _as_ever(
    settings: Settings, as_set: ZoneSettings, zone: ZoneSettings
) -> dict[str, Any]:
    aim = aim_of(zone)
    return {
        "name": zone.name,
        "lead": zone.lead or None,
        "without_unit": zone.without_unit,
        "timezone": zone.timezone.key,
        "enabled": zone.automation_enabled,
        "observe_only": zone.observe_only,
        "mode": as_set.mode,
        "season": zone.mode,
        "band": {"low": aim.low, "high": aim.high} if aim else None,
        "target": aim.asked if aim else None,
        "wanted": _wanted(as_set, zone),
        "least_width": least_width(as_set),
        "hysteresis": zone.hysteresis_celsius,
        "beside": [
            name
            for name, device in (
                ("outdoor", zone.outdoor_device_id),
                ("power", zone.power_meter_device_id),
            )
            if device
        ],
        "presets": list(zone.presets),
        "possible": possible_for(settings, as_set, zone),
    }


def _zone(
    as_ever: dict[str, Any],
    as_set: ZoneSettings,
    zone: ZoneSettings,
    state: ZoneState,
    decision: ZoneDecision | None,
    *,
    now: datetime,
    room: ZoneState,
    schedules: _Schedules,
) -> dict[str, Any]:
    """Return what is told of one unit; `room` is the state of the first unit of its room.

    With that are kept the wishes, and the price.
    """
    schedule = schedules.of(zone)
    pending = state.pending_manual
    reasons = reasons_as_json(decision.reasons) if decision else []
    held = state.hold_until is not None and state.hold_until > now
    return as_ever | {
        "windows": schedules.of(as_set).windows,
        "in_window": schedule.in_window,
        "next_change": schedule.next_change,
        "temperature": state.last_temperature,
        "humidity": state.last_humidity,
        "outdoor": outdoor_of(state.surroundings, now),
        "read_at": instant_or_none(state.last_read_at),
        "stale": bool(zone.meters) and is_stale(zone, state, now),
        "power": str(state.power),
        "action": str(state.action) if state.action else None,
        "power_since": instant_or_none(power_since(state)),
        "uncertain": state.uncertain,
        "last_action": state.last_action,
        "last_action_at": instant_or_none(state.last_action_at),
        "hold_until": instant_or_none(state.hold_until) if held else None,
        "wish": _wish(room, now),
        "quiet_fan_until": (
            encode_instant(room.quiet_until)
            if room.quiet_until is not None and now < room.quiet_until
            else None
        ),
        "skipped_windows": [
            each.to_document() for each in room.skipped if now < each.ends
        ],
        "waiting": (
            {
                "action": str(pending.action),
                "due_at": encode_instant(pending.due_at),
            }
            if pending
            else None
        ),
        "outcome": str(decision.outcome) if decision else None,
        "reasons": [
            {**each, "text": reason_words(each, zone.timezone, now)} for each in reasons
        ],
        "room": room_as_json(room_health(zone, state, now)),
        "error_count": state.error_count,
        "last_error": state.last_error,
        "price": price_as_json(zone, room, now),
    }


def _wanted(as_set: ZoneSettings, zone: ZoneSettings) -> dict[str, float] | None:
    """Return the band as `engine.set_temperature` takes it; None without temperatures."""
    zone = as_asked(zone)
    winter, summer = zone.winter, zone.summer
    if as_set.mode == AUTO:
        if winter is None or summer is None:
            return None
        return {"low": winter.min_temp, "high": summer.max_temp}
    profile = summer if as_set.mode == "summer" else winter
    return {"low": profile.min_temp, "high": profile.max_temp} if profile else None


def _wish(state: ZoneState, now: datetime) -> dict[str, Any] | None:
    """Return what a person wants for a time; its temperatures are those of the zone."""
    wish = wish_in_force(state, now)
    if wish is None:
        return None
    return {
        "preset": wish.preset,
        "since": encode_instant(wish.since),
        "until": encode_instant(wish.until),
        "rule": wish.by,
    }


class _Schedule(NamedTuple):
    """What one look at the home tells of windows."""

    windows: list[dict[str, Any]]
    in_window: dict[str, Any] | None
    next_change: str | None


class _Schedules:
    """The windows of a home at one instant: zones that share theirs are told alike."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._known: dict[tuple[int, int], _Schedule] = {}

    def of(self, zone: ZoneSettings) -> _Schedule:
        """Return what is told of a zone's windows."""
        # By identity: the settings of this look keep them alive, and to compare windows
        # by their values takes longer than to tell them.
        key = id(zone.time_windows), id(zone.timezone)
        found = self._known.get(key)
        if found is None:
            windows, now, tz = zone.time_windows, self._now, zone.timezone
            window = in_window(windows, now, tz)
            found = self._known[key] = _Schedule(
                [_window(each) for each in windows],
                _window(window) if window else None,
                instant_or_none(foreseen_boundary(windows, now, tz)),
            )
        return found


def _window(window: TimeWindow) -> dict[str, Any]:
    return {
        "days": sorted(window.days),
        "start": f"{window.start:%H:%M}",
        "end": f"{window.end:%H:%M}",
        "id": window.id,
        "preset": window.preset,
    }
