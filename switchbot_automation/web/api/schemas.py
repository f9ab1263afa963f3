"""The JSON Schemas of the API's document."""

from __future__ import annotations

from typing import Any, Final

from switchbot_automation.core.state.kept import STATUSES
from switchbot_automation.engine.act.wishes import ASKED_BY_PEOPLE, HOLDS
from switchbot_automation.engine.tell.health import PRICE_LEVELS
from switchbot_automation.languages import LANGUAGES, UNITS
from switchbot_automation.settings.model import USES

_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "number"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_BOOLEAN: dict[str, Any] = {"type": "boolean"}
_VALUE: dict[str, Any] = {"type": ["number", "string"]}
_INSTANT: dict[str, Any] = {"type": "string", "format": "date-time"}


def _maybe(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    """Every property is always there; there may be more."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "at": {"schema": _INSTANT, "description": "When; now by default."},
    "hours": {"schema": _NUMBER, "description": "How far back; 24 by default."},
    "start": {"schema": _INSTANT, "description": "In place of `hours`."},
    "end": {"schema": _INSTANT, "description": "Until when; now by default."},
    "points": {
        "schema": {"type": "integer", "minimum": 1, "maximum": 2000},
        "description": "At most so many rows; 288 by default.",
    },
    "shape": {
        "schema": {"enum": ["rows", "columns"]},
        "description": "`columns` is a list a quantity instead of `rows`.",
    },
    "attribute": {
        "schema": _TEXT,
        "description": "The catalogue's name of what a device says, as CO2.",
    },
    "changes": {
        "schema": {"enum": ["1"]},
        "description": "The whole home once, then what of it is another than before.",
    },
    "days": {
        "schema": {"type": "integer", "minimum": 1, "maximum": 31},
        "description": "So many days, the last one with them; 7 by default.",
    },
    "lang": {
        "schema": {"enum": list(LANGUAGES)},
        "description": "In which language; before `Accept-Language`.",
    },
    "limit": {
        "schema": {"type": "integer", "minimum": 1, "maximum": 200},
        "description": "At most so many decisions; 20 by default.",
    },
    "dry_run": {
        "schema": _BOOLEAN,
        "description": "Only tell what would change, and what it would have meant.",
    },
    "If-Match": {
        "schema": _TEXT,
        "description": "The ETag that was read, or *; needed without dry_run.",
    },
}

SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "Error": _object(error=_TEXT, message=_TEXT, text=_TEXT),
    "Reason": _object(code=_TEXT, text=_TEXT),
    "Band": _object(low=_NUMBER, high=_NUMBER),
    "Window": _object(
        days=_list({"type": "integer", "minimum": 0, "maximum": 6}),
        start=_TEXT,
        end=_TEXT,
        id=_TEXT,
        preset=_TEXT,
    ),
    "SkippedWindow": _object(
        window=_TEXT,
        day={"type": "string", "format": "date"},
        begins=_INSTANT,
        ends=_INSTANT,
    ),
    "Zone": _object(
        name=_TEXT,
        lead=_maybe(_TEXT),
        without_unit=_BOOLEAN,
        timezone=_TEXT,
        enabled=_BOOLEAN,
        observe_only=_BOOLEAN,
        mode=_TEXT,
        season=_TEXT,
        band=_maybe(_ref("Band")),
        target=_maybe(_NUMBER),
        wanted=_maybe(_ref("Band")),
        least_width=_NUMBER,
        hysteresis=_NUMBER,
        windows=_list(_ref("Window")),
        in_window=_maybe(_ref("Window")),
        next_change=_maybe(_INSTANT),
        temperature=_maybe(_NUMBER),
        humidity=_maybe(_NUMBER),
        outdoor=_maybe(_NUMBER),
        price=_maybe(_ref("PriceLevel")),
        beside=_list({"enum": ["outdoor", "power"]}),
        read_at=_maybe(_INSTANT),
        stale=_BOOLEAN,
        power={"enum": ["on", "off", "unknown"]},
        action=_maybe(_TEXT),
        power_since=_maybe(_INSTANT),
        uncertain=_BOOLEAN,
        last_action=_maybe(_TEXT),
        last_action_at=_maybe(_INSTANT),
        hold_until=_maybe(_INSTANT),
        wish=_maybe({"type": "object"}),
        quiet_fan_until=_maybe(_INSTANT),
        skipped_windows=_list(_ref("SkippedWindow")),
        presets=_list(_TEXT),
        possible={
            **_list({"enum": list(ASKED_BY_PEOPLE)}),
            "description": "Which actions of `Wish` its equipment and settings can "
            "carry out: `quiet_fan` only of what is told a fan speed.",
        },
        waiting=_maybe({"type": "object"}),
        outcome=_maybe(_TEXT),
        reasons=_list(_ref("Reason")),
        room=_ref("Room"),
        error_count=_COUNT,
        last_error=_maybe(_TEXT),
    ),
    "Room": _object(
        status={"enum": list(STATUSES)},
        since=_maybe(_INSTANT),
        reasons=_list(_TEXT),
        advice=_TEXT,
    ),
    "PriceLevel": _object(
        level={"enum": list(PRICE_LEVELS)},
        until=_maybe(_INSTANT),
        price=_maybe(_NUMBER),
        dear=_maybe(_NUMBER),
    ),
    "Quota": _object(
        level={"enum": ["normal", "saving", "critical", "exhausted"]},
        used=_COUNT,
        remaining=_COUNT,
        limit=_COUNT,
        resets_at=_INSTANT,
    ),
    "Home": _object(
        at=_INSTANT,
        last_tick=_maybe(_INSTANT),
        next_wakeup=_INSTANT,
        watches=_BOOLEAN,
        unit={"enum": list(UNITS)},
        settings_error=_maybe(_TEXT),
        document_problems=_list(_TEXT),
        store_problems=_list(_TEXT),
        zones=_list(_ref("Zone")),
        quota=_ref("Quota"),
        read_only=_BOOLEAN,
        login=_BOOLEAN,
        history=_BOOLEAN,
    ),
    "Explanation": _object(
        zone=_TEXT,
        asked_at=_INSTANT,
        decided_at=_maybe(_INSTANT),
        since=_maybe(_INSTANT),
        outcome=_maybe(_TEXT),
        state={"type": "object"},
        because=_list({"type": "object"}),
        commands=_list({"type": "object"}),
        nearly_stopped_by=_list({"type": "object"}),
        would_have_changed_if=_list({"type": "object"}),
        text=_TEXT,
    ),
    "HistoryRow": _object(timestamp=_INSTANT, temperature=_maybe(_NUMBER)),
    "History": _object(
        zone=_TEXT,
        start=_INSTANT,
        end=_INSTANT,
        band=_maybe(_ref("Band")),
        source={"enum": ["raw", "rollup", "none"]},
        bucket_seconds=_maybe(_COUNT),
        on_seconds=_COUNT,
        rows=_list(_ref("HistoryRow")),
        unavailable=_maybe(_TEXT),
    ),
    "Beside": _object(
        zone=_TEXT,
        start=_INSTANT,
        end=_INSTANT,
        bucket_seconds=_maybe(_COUNT),
        outdoor=_list(_object(at=_INSTANT, temperature=_NUMBER)),
        power=_list(_object(at=_INSTANT, watts=_NUMBER)),
        unavailable=_maybe(_TEXT),
    ),
    "Run": _object(
        since=_INSTANT,
        until=_INSTANT,
        looks=_COUNT,
        outcome=_maybe(_TEXT),
        reasons=_list(_ref("Reason")),
        commands=_list({"type": "object"}),
    ),
    "Decisions": _object(
        zone=_TEXT,
        start=_maybe(_INSTANT),
        decisions=_list(_ref("Run")),
        bands=_list(_object(since=_INSTANT, low=_NUMBER, high=_NUMBER)),
        unavailable=_maybe(_TEXT),
    ),
    "Day": _object(
        day={"type": "string", "format": "date"},
        temperature=_maybe(_NUMBER),
        min_temperature=_maybe(_NUMBER),
        max_temperature=_maybe(_NUMBER),
        humidity=_maybe(_NUMBER),
        on_seconds=_COUNT,
        starts=_COUNT,
    ),
    "Days": _object(zone=_TEXT, days=_list(_ref("Day")), unavailable=_maybe(_TEXT)),
    "Reading": _object(
        timestamp=_INSTANT, device_id=_TEXT, attribute=_TEXT, value=_VALUE
    ),
    "Readings": _object(
        device_id=_TEXT,
        attribute=_TEXT,
        start=_INSTANT,
        end=_INSTANT,
        source={"enum": ["raw", "rollup", "none"]},
        bucket_seconds=_maybe(_COUNT),
        rows=_list(_ref("Reading")),
        unavailable=_maybe(_TEXT),
    ),
    "Upkeep": _object(
        battery_below=_NUMBER,
        filter_after_hours=_NUMBER,
        devices=_list(
            _object(
                device_id=_TEXT,
                name=_TEXT,
                zones=_list(_TEXT),
                battery=_maybe(_NUMBER),
                battery_at=_maybe(_INSTANT),
                filter_used_hours=_maybe(_NUMBER),
                filter_life_hours=_maybe(_NUMBER),
                energy_wh={"type": "object"},
                needs=_list({"enum": ["battery", "filter"]}),
            )
        ),
        units=_list(
            _object(
                zone=_TEXT,
                running_hours=_NUMBER,
                hours_since_upkeep=_NUMBER,
                upkeep_at=_maybe(_INSTANT),
                starts=_COUNT,
                starts_by_day={"type": "object"},
                running_hours_by_day={"type": "object"},
                needs=_list({"enum": ["filter"]}),
            )
        ),
        rooms=_list(
            _object(
                zone=_TEXT,
                devices=_list(
                    _object(
                        device_id=_TEXT, name=_TEXT, uses=_list({"enum": list(USES)})
                    )
                ),
            )
        ),
    ),
    "Wish": {
        "type": "object",
        "additionalProperties": False,
        "required": ["action"],
        "properties": {
            "action": {
                "enum": list(ASKED_BY_PEOPLE),
                "description": "`quick_off` also switches the automation off until "
                "`resume`, and writes nothing into settings that are a file; `hold` "
                "leaves the unit as it is; `set_temperature` and `set_preset_mode` "
                "say what is kept for a time; `skip_next_window` does without "
                "the next window to begin, once; `quiet_fan` runs the fan low for a "
                "time; `resume` ends all of these.",
            },
            "low": {
                "type": "number",
                "description": "Of `set_temperature`: the lowest of the band, °C.",
            },
            "high": {
                "type": "number",
                "description": "Of `set_temperature`: the highest of the band, °C.",
            },
            "preset": {"type": "string", "description": "Of `set_preset_mode`."},
            "hold": {
                "description": "How long the automation keeps away, or keeps what is "
                "wished: seconds, an instant, or a word; null is what "
                "`manual_hold_seconds` says, of a wish until the next change.",
                "anyOf": [
                    {"type": "number", "exclusiveMinimum": 0},
                    _INSTANT,
                    {"enum": list(HOLDS)},
                    {"type": "null"},
                ],
            },
        },
    },
    "Command": _object(zone=_TEXT, action=_TEXT, status=_TEXT),
    "Settings": {
        "type": "object",
        "description": "The settings document. What is secret is masked when read; "
        "a mask that is put back stands for its secret, wherever it stands.",
    },
    "SettingsTable": _object(
        settings=_list(_object(name=_TEXT, type=_TEXT, unit=_TEXT, meaning=_TEXT))
    ),
    "SettingsChange": _object(
        changes=_list(_object(path=_TEXT, before={}, after={})),
        secrets=_list(_object(path=_TEXT, before=_maybe(_TEXT), after=_maybe(_TEXT))),
        dry_run=_BOOLEAN,
        summary=_maybe({"type": "object"}),
        no_summary=_maybe(_TEXT),
        text=_maybe(_TEXT),
    ),
    "KeptByAuto": _object(
        zones=_list(_TEXT),
        settings=_maybe({"type": "object"}),
        better=_BOOLEAN,
        change=_maybe(_ref("SettingsChange")),
    ),
    "Health": _object(
        status={"enum": ["ok", "degraded", "error"]},
        healthy=_BOOLEAN,
        live=_BOOLEAN,
        ready=_BOOLEAN,
    ),
    "PushedEvent": {"type": "object", "description": "As the cloud sends it."},
    "Taken": _object(taken=_BOOLEAN),
    "OpenAPI": {"type": "object"},
}
