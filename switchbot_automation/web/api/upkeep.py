"""The JSON API of upkeep, and of what devices said."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.instants import zulu
from switchbot_automation.languages import CELSIUS, from_celsius, worded
from switchbot_automation.web.guard import RequestRefusedError
from switchbot_automation.web.request import (
    as_csv,
    as_json,
    as_known_json,
    check_range,
    instant_of,
    number_of,
    site_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

_DAY: Final = 24.0
_LONGEST_HOURS: Final = 400 * _DAY
_EXPORTED_HOURS: Final = 31 * _DAY
_MOST_POINTS: Final = 2000
_TEMPERATURE: Final = "temperature"
_LONGEST_NAME: Final = 100


async def upkeep(request: web.Request) -> web.Response:
    """Return batteries, filters, hours, starts, energy a day, and each newest reading.

    `needs` says what a person should do: ``battery``, ``filter``.
    """
    site = site_of(request)

    async def ask() -> list[dict[str, Any]]:
        if site.history is None:
            return []
        return [_told(row) for row in await site.history.latest_readings()]

    readings, unavailable = await site.shared.get_or_last(("readings",), ask)
    return as_known_json(
        request,
        {**site.engine.upkeep(), "readings": readings, "unavailable": unavailable},
    )


async def done(request: web.Request) -> web.Response:
    """Note that a zone's unit or a device was looked after: its hours begin anew."""
    name = request.match_info["name"]
    if not await site_of(request).engine.upkeep_done(name):
        raise RequestRefusedError(
            404, "unknown_device", worded("nothing is known of {name!r}", name=name)
        )
    return as_json(site_of(request).engine.upkeep())


async def device_history(request: web.Request) -> web.Response:
    """Return what a device said of an attribute, in at most `points` rows."""
    site = site_of(request)
    device, attribute = request.match_info["device"], _attribute(request)
    points = int(number_of(request, "points", 288, 1, _MOST_POINTS))
    start, end = instant_of(request, "start"), instant_of(request, "end")
    hours = number_of(request, "hours", _DAY, 0.1, _LONGEST_HOURS)

    async def ask() -> dict[str, Any]:
        last = end or site.engine.clock.now()
        first = start or last - timedelta(hours=hours)
        check_range(first, last, _LONGEST_HOURS)
        answer: dict[str, Any] = {
            "device_id": device,
            "attribute": attribute,
            "start": zulu(first),
            "end": zulu(last),
            "source": "none",
            "bucket_seconds": None,
            "rows": [],
        }
        if site.history is None:
            return answer
        found = await site.history.query_readings(
            first, last, device, attribute, points=points
        )
        return answer | {
            "source": found.source,
            "bucket_seconds": found.bucket_seconds,
            "rows": [_told(row) for row in found.rows],
        }

    key = ("readings", device, attribute, points, start, end, hours)
    chart, unavailable = await site.shared.get_or_last(key, ask)
    return as_known_json(request, chart | {"unavailable": unavailable})


async def device_rows_as_csv(request: web.Request) -> web.Response:
    """Return what a device said as CSV, of one attribute or of all; a month at most.

    Of a home in another unit than Celsius temperatures are in that, and say so.
    """
    site = site_of(request)
    device = request.match_info["device"]
    attribute = _attribute(request) if "attribute" in request.query else None
    hours = number_of(request, "hours", _DAY, 0.1, _EXPORTED_HOURS)
    end = instant_of(request, "end") or site.engine.clock.now()
    start = instant_of(request, "start") or end - timedelta(hours=hours)
    check_range(start, end, _EXPORTED_HOURS)
    unit = site.engine.unit
    file = io.BytesIO()
    async with site.heavy:
        if site.history is not None:
            await site.history.export_readings(
                file,
                start,
                end,
                device_id=device,
                attribute=attribute,
                format="csv",
                spreadsheet=True,
            )
    body = file.getvalue()
    if unit != CELSIUS:
        body = await asyncio.to_thread(_csv_in, body, unit)
    name = f"{device} {start.date().isoformat()}.csv"
    return as_csv(body, name)


def _csv_in(body: bytes, unit: str) -> bytes:
    """Return exported readings with temperatures in a unit, which their attribute names."""
    rows = list(csv.reader(io.StringIO(body.decode(), newline="")))
    if not rows:
        return body
    attribute, value = rows[0].index("attribute"), rows[0].index("value")
    for row in rows[1:]:
        if row[attribute] == _TEMPERATURE and row[value]:
            row[attribute] = f"{_TEMPERATURE}_{unit}"
            row[value] = f"{from_celsius(float(row[value]), unit):g}"
    told = io.StringIO(newline="")
    csv.writer(told, lineterminator="\n").writerows(rows)
    return told.getvalue().encode()


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "timestamp": zulu(row["timestamp"])}


def _attribute(request: web.Request) -> str:
    attribute = request.query.get("attribute", "")
    if not 0 < len(attribute) <= _LONGEST_NAME:
        raise RequestRefusedError(422, "attribute", worded("attribute: a name, as CO2"))
    return attribute
