"""The JSON API of what was: the chart's rows and the last decisions."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from switchbot_automation.core.control.band import aim_of
from switchbot_automation.instants import zulu
from switchbot_automation.languages import spoken
from switchbot_automation.web.api.encoding import in_words
from switchbot_automation.web.request import (
    RequestRefusedError,
    as_json,
    instant_of,
    number_of,
    site_of,
)
from switchbot_store import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, tzinfo

    from aiohttp import web

    from switchbot_automation.settings.model import ZoneSettings
    from switchbot_automation.web.request import Site

_LONGEST_HOURS = 400 * 24
_MOST_POINTS = 2000
_MOST_DECISIONS = 200
_FIELDS = ("temperature", "humidity", "assumed_aircon_power", "last_temperature_stale")
_DAY = 24.0


async def history(request: web.Request) -> web.Response:
    """Return what a room measured and when its unit ran, in at most `points` rows.

    While the database is away it is the last chart known, and `unavailable` says why.
    """
    site = site_of(request)
    zone = site.engine.zone_in_force(request.match_info["zone"])
    points = int(number_of(request, "points", 288, 1, _MOST_POINTS))
    start, end = instant_of(request, "start"), instant_of(request, "end")
    hours = number_of(request, "hours", _DAY, 0.1, _LONGEST_HOURS)
    key = ("history", zone.name, points, start, end, hours)

    async def ask() -> dict[str, Any]:
        last = end or site.engine.clock.now()
        first = start or last - timedelta(hours=hours)
        return await _rows(site, zone, first, last, points)

    chart, unavailable = await site.shared.get_or_last(key, ask)
    return as_json(chart | {"unavailable": unavailable})


async def _rows(
    site: Site, zone: ZoneSettings, start: datetime, end: datetime, points: int
) -> dict[str, Any]:
    if not start < end or end - start > timedelta(hours=_LONGEST_HOURS):
        raise RequestRefusedError(
            422, "range", "start must be before end, by 400 days at most"
        )
    aim = aim_of(zone)
    answer: dict[str, Any] = {
        "zone": zone.name,
        "start": zulu(start),
        "end": zulu(end),
        "band": {"low": aim.low, "high": aim.high} if aim else None,
        "source": "none",
        "bucket_seconds": None,
        "on_seconds": 0,
        "rows": [],
    }
    if site.history is None:
        return answer
    found = await site.history.query(
        start, end, zone=zone.name, fields=_FIELDS, points=points
    )
    rows = [{**row, "timestamp": zulu(row["timestamp"])} for row in found.rows]
    on_seconds = sum(row.get("aircon_on_seconds") or 0 for row in rows)
    return answer | {
        "source": found.source,
        "bucket_seconds": found.bucket_seconds,
        "on_seconds": round(on_seconds),
        "rows": rows,
    }


async def decisions(request: web.Request) -> web.Response:
    """Return the last decisions, newest first; looks that decided the same are one.

    While the database is away they are those since the start, or the last ones known.
    """
    site = site_of(request)
    zone = site.engine.zone_in_force(request.match_info["zone"])
    limit = int(number_of(request, "limit", 20, 1, _MOST_DECISIONS))
    hours = number_of(request, "hours", _DAY, 0.1, 14 * _DAY)
    name = zone.name

    async def ask() -> list[dict[str, Any]]:
        if site.history is None:
            return _remembered(site, name)
        end = site.engine.clock.now()
        found = await site.history.query(
            end - timedelta(hours=hours),
            end + timedelta(milliseconds=1),
            zone=name,
            fields=("temperature", "metadata"),
        )
        return _runs(found.rows, zone.timezone)

    key = ("decisions", name, hours, spoken())
    try:
        made, unavailable = await site.shared.get_or_last(key, ask)
    except StoreUnavailableError as error:
        made, unavailable = _remembered(site, name), str(error)
    return as_json(
        {"zone": name, "decisions": made[:limit], "unavailable": unavailable}
    )


def _remembered(site: Site, name: str) -> list[dict[str, Any]]:
    kept = site.live.decisions.get(name, ())
    return [
        {key: value for key, value in _said(each).items() if key != "key"}
        for each in reversed(kept)
    ]


def _said(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was remembered in the language that is spoken now."""
    commands = [
        {**each, "reasons": in_words(each["reasons"], UTC)}
        for each in facts["commands"]
    ]
    return {
        **facts,
        "reasons": in_words(facts["reasons"], UTC),
        "commands": commands,
    }


def _runs(rows: Iterable[Mapping[str, Any]], tz: tzinfo) -> list[dict[str, Any]]:
    """Return runs of equal decisions out of a zone's rows, newest first."""
    runs: list[dict[str, Any]] = []
    last: tuple[Any, ...] | None = None
    for row in rows:
        metadata = row.get("metadata")
        if not isinstance(metadata, dict):
            continue
        reasons = [each for each in metadata.get("reasons") or () if "code" in each]
        commands = metadata.get("commands") or []
        key = (metadata.get("outcome"), *(each["code"] for each in reasons))
        at = zulu(row["timestamp"])
        if key == last and not commands:
            run = runs[-1]
            run["until"] = at
            run["looks"] += 1
            run["temperature"] = row.get("temperature")
            continue
        last = key
        runs.append(
            {
                "since": at,
                "until": at,
                "looks": 1,
                "outcome": metadata.get("outcome"),
                "temperature": row.get("temperature"),
                "reasons": in_words(reasons, tz, row["timestamp"]),
                "commands": commands,
            }
        )
    runs.reverse()
    return runs
