"""How the engine fares, as one JSON-able mapping: the dashboard's keys and more."""

from __future__ import annotations

from datetime import UTC, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.core.overlay import in_force
from switchbot_automation.core.pace import is_stale
from switchbot_automation.core.price import level_in_force, store_of
from switchbot_automation.core.state.around import sign_beliefs
from switchbot_automation.core.state.evidence import unit_belief
from switchbot_automation.core.state.kept import doubted_meters, room_health
from switchbot_automation.core.state.refusals import READ, is_for_good, told
from switchbot_automation.core.state.values import encode_instant
from switchbot_automation.engine.act.cascade import all_refused
from switchbot_automation.explain.words import advice_words, reason_words
from switchbot_automation.languages import reworded
from switchbot_store.zone_rules import differs_from, zone_rules

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from switchbot_automation.cloud.talk.quota import QuotaLedger
    from switchbot_automation.core.state.around import SignBelief
    from switchbot_automation.core.state.evidence import UnitBelief
    from switchbot_automation.core.state.kept import RoomHealth
    from switchbot_automation.core.state.zone import Refusal, ZoneState
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.tell.record import Recorder
    from switchbot_automation.model import TickReport
    from switchbot_automation.settings.model import ZoneSettings
    from switchbot_store import StoreStatus

PRICE_LEVELS: Final = ("stores", "coasts", "whole", "unknown")
"""What a price asks of a room, see `price_as_json`."""

# Three times the longest a wake-up may be late before the tick counts as stale.
_STALE_AFTER = timedelta(minutes=3)


def health_report(
    *,
    documents: Documents,
    recorder: Recorder,
    quota: QuotaLedger,
    level: str,
    store: StoreStatus,
    report: TickReport | None,
    last_tick: datetime | None,
    next_wakeup: datetime,
    now: datetime,
    performance: Mapping[str, Any],
    rules: Mapping[str, Any],
    left_units: list[dict[str, Any]],
    plugins: Mapping[str, Any],
    beside: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    refused: Collection[Refusal] = (),
) -> dict[str, Any]:
    """Return the health; `status` is ``ok``, ``degraded`` or ``error``.

    `watches`: another `run` on the directory looks after the home until it ends.
    Error: no usable settings, or the wake-up the engine asked for is long past. Degraded:
    the store or the history does not take writes, the stored settings are not the ones
    in force, a person left a document unreadable, the database lost documents or the
    local disk refuses (`store.warnings` say what to do), a meter does not answer or was not
    asked for too long, one of several meters of a zone is not believed (the zone's
    `doubted_meters` say which, why and since when), a room is not kept or needs a person for another reason (the
    zone's `room` has advice then, see `room_as_json`), the settings give no way to
    command a zone or the cloud refuses every way for good, or refuses a device of a zone,
    rules run away or fail (`rules.problems`), a part of the stored settings that cannot
    be read here was set aside (`set_aside`), or a unit that the settings no longer have
    was left running (`left_units`; it ends when the unit is turned off, seen off, or
    configured again, and after a week), no price is known for a zone that has one set
    (`price`, see `price_as_json`), or something beside the engine tells of a problem
    (`beside`, such as the connection that events come by).
    """
    settings = documents.life.settings
    stale = now - next_wakeup > _STALE_AFTER
    zones = _zones(documents, report, now, refused)
    store_down = documents.store_error is not None or store.degraded_since is not None
    degraded = bool(
        store_down
        or recorder.error is not None
        or documents.life.error is not None
        or documents.problems
        or store.problems
        or store.warnings
        or any(
            zone["temperature_stale"]
            or zone["room"]["advice"]
            or zone["cannot_command"]
            or zone["refused_readings"]
            or (report and zone["enabled"] and _unpriced(zone))
            for zone in zones.values()
        )
        or bool(left_units)
        or rules.get("problems")
        or (settings is not None and settings.set_aside)
        or any(each.get("problem") for each in beside.values())
    )
    if (settings is None and report is not None) or stale:
        status = "error"
    else:
        status = "degraded" if degraded else "ok"
    return {
        "status": status,
        "automation_enabled": any(zone["enabled"] for zone in zones.values()),
        "last_tick": encode_instant(last_tick) if last_tick else None,
        "last_outcome": str(report.outcome) if report else None,
        "last_tick_duration_seconds": report.duration_seconds if report else None,
        "next_wakeup": encode_instant(next_wakeup),
        "tick_stale": stale,
        "watches": documents.watches,
        "timestamp_utc": encode_instant(now),
        "settings_error": _text(documents.life.error),
        "set_aside": [each._asdict() for each in settings.set_aside]
        if settings
        else [],
        "document_problems": list(documents.problems.values()),
        "zones": zones,
        "quota": quota_report(quota, level),
        "store": {
            "backend": store.backend,
            "reachable": documents.store_error is None,
            "acknowledged_by": store.acknowledged_by,
            "degraded_since": (
                encode_instant(store.degraded_since) if store.degraded_since else None
            ),
            "pending": store.pending,
            "last_error": store.last_error or _text(documents.store_error),
            "problems": [str(each) for each in store.problems],
            "journal": store.journal,
            "local_error": store.local_error,
            "behind": store.behind,
            "left_over": list(store.left_over),
            "warnings": list(store.warnings),
        },
        "history_error": _text(recorder.error),
        "rules": rules,
        "left_units": left_units,
        "plugins": plugins,
        "beside": {name: dict(each) for name, each in beside.items()},
        "zone_rules": _zone_rules(documents, now),
        "performance": dict(performance),
    }


def quota_report(quota: QuotaLedger, level: str) -> dict[str, Any]:
    """Return the day's calls, JSON-able; `level` says how scarce they are."""
    seen_at = quota.reset_seen_at
    return {
        "level": level,
        "used": quota.used,
        "remaining": quota.remaining,
        "limit": quota.limit,
        "reserve": quota.reserve,
        "foreign": quota.foreign,
        "resets_at": encode_instant(quota.resets_at),
        "reset_seen_at": encode_instant(seen_at) if seen_at else None,
    }


def _zones(
    documents: Documents,
    report: TickReport | None,
    now: datetime,
    refused: Collection[Refusal],
) -> Mapping[str, dict[str, Any]]:
    settings = documents.life.settings
    outcomes = {each.zone: each.outcome for each in report.decisions} if report else {}
    zones: dict[str, dict[str, Any]] = {}
    if settings is None:
        return zones
    as_kept = in_force(settings, documents.states.__getitem__, now).zones
    for name, zone in settings.zones.items():
        state = documents.states[name]
        zones[name] = {
            "enabled": zone.automation_enabled,
            "outcome": str(outcomes[name]) if name in outcomes else None,
            "temperature": state.last_temperature,
            "temperature_stale": bool(
                zone.meter_device_id and report and is_stale(zone, state, now)
            ),
            "last_read_at": (
                encode_instant(state.last_read_at) if state.last_read_at else None
            ),
            "assumed_aircon_power": str(state.power),
            "error_count": state.error_count,
            "last_error": state.last_error,
            "room": room_as_json(room_health(as_kept[name], state, now)),
            "price": price_as_json(
                as_kept[name], documents.states[zone.lead or name], now
            ),
            "doubted_meters": [
                {
                    "device_id": meter,
                    "because": str(why),
                    "message": reason_words({"code": str(why)}, UTC),
                    "since": encode_instant(since),
                }
                for meter, (why, since) in doubted_meters(zone, state, now).items()
            ],
            "unit": _unit(unit_belief(zone, state, now)),
            "around": [_sign(each, now) for each in sign_beliefs(zone, state, now)],
            "cannot_command": [
                str(action)
                for action in (
                    # A heater has no summer, and that is no fault of the settings.
                    *filter(zone.is_made_to, zone.without_way),
                    *all_refused(zone, state.refusals),
                )
            ],
            "refusals": [
                _refusal(each)
                for each in state.refusals
                if each.way.rung != READ and is_for_good(each)
            ],
            "refused_readings": [
                _refusal(each)
                for each in refused
                if each.way.rung == READ and each.way.device in zone.devices
            ],
        }
    return zones


def room_as_json(room: RoomHealth) -> dict[str, Any]:
    """Return whether a room is kept: `status`, `since`, `reasons`, `advice`, `expected_back`.

    `status` is ``kept``, ``recovering``, ``not_kept``, ``blind`` (nothing is known of the
    room), ``paused``, ``off`` or ``unknown``; `reasons` are codes, the cause first; `advice`
    says what a person can do, "" while there is nothing to be done; `expected_back` when a
    room on its way back may be in its band again, None where nobody knows.
    """
    back = room.expected_back
    return {
        "status": room.status,
        "since": encode_instant(room.since) if room.since else None,
        "reasons": [str(code) for code in room.reasons],
        "advice": advice_words(room.advice, room.cause),
        "expected_back": encode_instant(back) if back else None,
    }


def price_as_json(
    zone: ZoneSettings, state: ZoneState, now: datetime
) -> dict[str, Any] | None:
    """Return what the price asks of a room: `level`, `until`, `price`, `dear`.

    None without the setting `price`. `level` is ``stores`` (the conditioned end of the band),
    ``coasts`` (the other), ``whole``, or ``unknown`` where no price is known now: then the
    rest is None. `until` is when it may be another; `dear` the price of the dear hours.
    `zone` is as it is in force, `state` that of its room.
    """
    if zone.price is None:
        return None
    around, overlay = state.surroundings, zone.overlay
    said = around.price if around else None
    level = level_in_force(zone, said, now, store_of(zone, state))
    if level is None:
        return {"level": "unknown", "until": None, "price": None, "dear": None}
    # A room whose heating rests for an opening has no part of its band to be kept in.
    moves = overlay is None or overlay.paused_since is None
    words = "stores" if level.stores else "coasts" if level.coasts else "whole"
    return {
        "level": words if moves else "whole",
        "until": encode_instant(level.until),
        "price": level.price,
        "dear": level.dear,
    }


def _zone_rules(documents: Documents, now: datetime) -> dict[str, Any]:
    """Return which rules of timezones are in use, and since when others differ.

    `differs_from` has the timezones of zones alone that the other rules read otherwise.
    """
    settings = documents.life.settings
    zones = settings.zones.values() if settings is not None else ()
    names = {zone.timezone.key for zone in zones if zone.timezone.key}
    apart = {name: at for name in sorted(names) if (at := differs_from(name, now))}
    rules = zone_rules()
    return {
        "in_use": rules.in_use,
        "system": rules.system,
        "tzdata": rules.installed,
        "differs_from": {name: encode_instant(at) for name, at in apart.items()},
    }


def _refusal(refusal: Refusal) -> dict[str, Any]:
    """Name what is refused for good, since when and what to change, JSON-able."""
    reason = told(refusal)
    found = {"code": str(reason.code), **reason.detail}
    return {**found, "message": reason_words(found, UTC)}


def _sign(belief: SignBelief, now: datetime) -> dict[str, Any]:
    """Return what is believed of a window or of presence, by which sensor and how old."""
    heard_at = belief.heard_at
    return {
        "about": belief.about,
        "source": belief.device_id,
        "active": belief.active,
        "since": encode_instant(belief.since) if belief.since else None,
        "age_seconds": round((now - heard_at).total_seconds()) if heard_at else None,
    }


def _unit(belief: UnitBelief) -> dict[str, Any]:
    """Return what a unit is believed to do, and by what."""
    return {
        "believed": str(belief.power),
        "source": belief.source,
        "since": encode_instant(belief.since) if belief.since else None,
        "uncertain": belief.uncertain,
        "contradicted_by": belief.contradicted_by,
    }


def _unpriced(zone: Mapping[str, Any]) -> bool:
    price = zone["price"]
    return price is not None and price["level"] == "unknown"


def _text(error: Exception | None) -> str | None:
    return None if error is None else reworded(error)
