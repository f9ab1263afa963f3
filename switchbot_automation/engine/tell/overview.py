"""The home as it is at this moment, as one JSON-able mapping: what a page shows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar, cast

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
from switchbot_automation.explain.words import is_timeless, reason_words
from switchbot_automation.languages import CELSIUS, error_words
from switchbot_automation.languages import translated as _
from switchbot_automation.schedule.windows import foreseen_boundary, in_window

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime

    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.model import Reason, TickReport, ZoneDecision
    from switchbot_automation.schedule.windows import TimeWindow
    from switchbot_automation.settings.model import Settings, ZoneSettings
    from switchbot_store import StoreStatus

_T = TypeVar("_T")
Reasons: TypeAlias = "tuple[Reason, ...]"

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
        look = _Look(now)
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
                    look=look,
                    room=documents.states[zone.lead or name],
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
        look=_Look(now),
        room=documents.states[zone.lead or name],
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
        """Return it of a zone as it is set and as it is in force: what a host may change.

        What is to be told of it now is None in it.
        """
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
_OF_NOW = (
    "windows",
    "in_window",
    "next_change",
    "temperature",
    "humidity",
    "outdoor",
    "read_at",
    "stale",
    "power",
    "action",
    "power_since",
    "uncertain",
    "last_action",
    "last_action_at",
    "hold_until",
    "wish",
    "quiet_fan_until",
    "skipped_windows",
    "waiting",
    "outcome",
    "reasons",
    "room",
    "error_count",
    "last_error",
    "price",
)
"""In this order a zone's values follow those of its settings."""


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
        **dict.fromkeys(_OF_NOW),
    }


def _zone(
    told: dict[str, Any],
    as_set: ZoneSettings,
    zone: ZoneSettings,
    state: ZoneState,
    decision: ZoneDecision | None,
    *,
    look: _Look,
    room: ZoneState,
) -> dict[str, Any]:
    """Return `told` with what is to be told of one unit now; see `BySettings.of`.

    `room` is the state of the first unit of its room. With that are kept the wishes, and
    the price. A home of a thousand rooms is told at every tick, so each of its values is
    put where it belongs, as it would cost a third more to put two mappings together.
    """
    now, schedule, pending = look.now, look.schedule(zone), state.pending_manual
    hold, quiet = state.hold_until, room.quiet_until
    told["windows"] = look.schedule(as_set).windows
    told["in_window"] = schedule.in_window
    told["next_change"] = schedule.next_change
    told["temperature"] = state.last_temperature
    told["humidity"] = state.last_humidity
    told["outdoor"] = outdoor_of(state.surroundings, now)
    told["read_at"] = instant_or_none(state.last_read_at)
    told["stale"] = bool(zone.meters) and is_stale(zone, state, now)
    told["power"] = str(state.power)
    told["action"] = str(state.action) if state.action else None
    told["power_since"] = instant_or_none(power_since(state))
    told["uncertain"] = state.uncertain
    told["last_action"] = state.last_action
    told["last_action_at"] = instant_or_none(state.last_action_at)
    told["hold_until"] = encode_instant(hold) if hold and hold > now else None
    told["wish"] = _wish(room, now)
    told["quiet_fan_until"] = encode_instant(quiet) if quiet and now < quiet else None
    told["skipped_windows"] = [
        each.to_document() for each in room.skipped if now < each.ends
    ]
    if pending is not None:
        action, due_at = str(pending.action), encode_instant(pending.due_at)
        told["waiting"] = {"action": action, "due_at": due_at}
    if decision is not None:
        told["outcome"] = str(decision.outcome)
    told["reasons"] = look.reasons(zone, decision.reasons if decision else ())
    told["room"] = room_as_json(room_health(zone, state, now))
    told["error_count"] = state.error_count
    told["last_error"] = state.last_error
    told["price"] = price_as_json(zone, room, now)
    return told


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


class _Look:
    """One look at the home: what zones share is told once for all of them.

    All of it is said in the language and the unit that are spoken when it begins.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._schedules: dict[tuple[int, int], _Schedule] = {}
        self._reasons: dict[tuple[str, str], dict[str, Any]] = {}

    def schedule(self, zone: ZoneSettings) -> _Schedule:
        """Return what is told of a zone's windows."""
        # By identity: the settings of this look keep them alive, and to compare windows
        # by their values takes longer than to tell them.
        key = id(zone.time_windows), id(zone.timezone)
        found = self._schedules.get(key)
        if found is None:
            windows, now, tz = zone.time_windows, self.now, zone.timezone
            window = in_window(windows, now, tz)
            found = self._schedules[key] = _Schedule(
                [_window(each) for each in windows],
                _window(window) if window else None,
                instant_or_none(foreseen_boundary(windows, now, tz)),
            )
        return found

    def reasons(self, zone: ZoneSettings, reasons: Reasons) -> list[dict[str, Any]]:
        """Return the reasons of a zone's decision, in words too."""
        told = []
        for each in reasons:
            # By its text, as 1, 1.0 and True are one key and are not written alike.
            key = each.code, repr(each.detail)
            found = self._reasons.get(key)
            if found is None:
                (found,) = reasons_as_json((each,))
                found["text"] = reason_words(found, zone.timezone, self.now)
                if is_timeless(found):
                    self._reasons[key] = found
            told.append(found.copy())
        return told


def _window(window: TimeWindow) -> dict[str, Any]:
    return {
        "days": sorted(window.days),
        "start": f"{window.start:%H:%M}",
        "end": f"{window.end:%H:%M}",
        "id": window.id,
        "preset": window.preset,
    }
