"""The JSON API of what was: the chart, the days, the decisions; and the rows as CSV."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import UTC, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.core.control.band import aim_of
from switchbot_automation.explain.trace import Decisions, told_at
from switchbot_automation.languages import (
    CELSIUS,
    error_words,
    from_celsius,
    spoken,
    worded,
)
from switchbot_automation.upkeep.ledger import POWER
from switchbot_automation.web.api.encoding import in_words
from switchbot_automation.web.guard import RequestRefusedError
from switchbot_automation.web.request import (
    as_csv,
    as_known_json,
    check_range,
    instant_of,
    number_of,
    site_of,
)
from switchbot_store import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, tzinfo

    from aiohttp import web

    from switchbot_automation.settings.model import ZoneSettings
    from switchbot_automation.web.request import Site
    from switchbot_store import ThreadedHistory

_LONGEST_HOURS = 400 * 24
_MOST_POINTS = 2000
_MOST_DECISIONS = 200
_FIELDS = ("temperature", "humidity", "assumed_aircon_power", "last_temperature_stale")
_EXPORTED = ("temperature", "humidity", "assumed_aircon_power", "last_action")
_OUTDOORS: Final = ("temperature",)
_DAY = 24.0
_DECIDED_HOURS = 14 * _DAY
_EXPORTED_HOURS = 31 * _DAY
_MOST_DAYS = 31
# The whole decision is written again after so long, its band with it.
_REPEATED: Final = timedelta(hours=1)
_AT_ONCE: Final = timedelta(hours=6)
"""As many rows as are read while others wait no longer than some milliseconds."""
# A reading counts until the next one, but no longer; as the history has it.
_HELD: Final = timedelta(hours=1)
SHAPES: Final = ("rows", "columns")


async def history(request: web.Request) -> web.Response:
    """Return what a room measured and when its unit ran, in at most `points` rows.

    With `shape=columns` there is a list a quantity in place of rows, an element a bucket
    from `origin` on: a twentieth of the bytes. While the database is away it is the last
    chart known, and `unavailable` says why.
    """
    site = site_of(request)
    zone = site.engine.zone_in_force(request.match_info["zone"])
    now = site.engine.clock.now()
    points = int(number_of(request, "points", 288, 1, _MOST_POINTS))
    shape = request.query.get("shape", SHAPES[0])
    if shape not in SHAPES:
        raise RequestRefusedError(
            422, "shape", worded("shape: one of {shapes}", shapes=", ".join(SHAPES))
        )
    start, end = instant_of(request, "start"), instant_of(request, "end")
    hours = number_of(request, "hours", _DAY, 0.1, _LONGEST_HOURS)
    key = ("history", zone.name, points, start, end, hours)

    async def ask() -> dict[str, Any]:
        last = end or now
        first = start or last - timedelta(hours=hours)
        chart = await _chart(site, zone, first, last, points, present=min(last, now))
        return _as_columns(chart) if shape == "columns" else chart

    chart, unavailable = await site.shared.get_or_last((*key, shape), ask)
    return as_known_json(request, chart | {"unavailable": unavailable})


async def _chart(
    site: Site,
    zone: ZoneSettings,
    start: datetime,
    end: datetime,
    points: int,
    *,
    present: datetime,
) -> dict[str, Any]:
    check_range(start, end, _LONGEST_HOURS)
    aim = aim_of(zone)
    source, width = "none", None
    rows: list[dict[str, Any]] = []
    if site.history is not None:
        found = await site.history.query(
            start, end, zone=zone.name, fields=_FIELDS, points=points
        )
        source, width = found.source, found.bucket_seconds
        rows = _whole(found.rows, timedelta(seconds=width or 0), present)
    return {
        "zone": zone.name,
        "start": start,
        "end": end,
        "band": {"low": aim.low, "high": aim.high} if aim else None,
        "source": source,
        "bucket_seconds": width,
        "on_seconds": round(sum(row.get("aircon_on_seconds") or 0 for row in rows)),
        "rows": rows,
    }


def _whole(
    rows: Sequence[Mapping[str, Any]], width: timedelta, present: datetime
) -> list[dict[str, Any]]:
    """Return rows as JSON whose times with the unit on reach to the next row.

    Buckets narrower than the pauses between looks leave some without a row, and what
    the unit ran in those would be lost.
    """
    told = []
    nexts = [*(row["timestamp"] for row in rows), present][1:]
    for row, following in zip(rows, nexts, strict=True):
        told.append(dict(row))
        ends = row["timestamp"] + width
        held = min(following, row["timestamp"] + _HELD)
        if row.get("assumed_aircon_power") == "on" and held > ends:
            ran = row.get("aircon_on_seconds") or 0
            told[-1]["aircon_on_seconds"] = ran + (held - ends).total_seconds()
    return told


# What is drawn: (key of the row, name of the column, digits).
_DRAWN: Final = (
    ("temperature", "temperature", 2),
    ("min_temperature", "min_temperature", 2),
    ("max_temperature", "max_temperature", 2),
    ("humidity", "humidity", 1),
    ("aircon_on_seconds", "on_seconds", 0),
)


def _as_columns(chart: dict[str, Any]) -> dict[str, Any]:
    """Return a chart with lists instead of rows, without what nobody sees of a line."""
    rows = chart["rows"]
    chart = chart | {"rows": []}
    if not rows:
        return chart | {"origin": None, "columns": {}}
    stamps = [row["timestamp"] for row in rows]
    width = timedelta(seconds=chart["bucket_seconds"] or 1)
    places = [(stamp - stamps[0]) // width for stamp in stamps]
    columns = {}
    for key, name, digits in _DRAWN:
        values: list[float | None] = [None] * (places[-1] + 1)
        for place, row in zip(places, rows, strict=True):
            value = row.get(key)
            # The spread of one reading is none, and an hour without the unit a rest.
            alone = name.endswith("_temperature") and value == row.get("temperature")
            if value is not None and not alone and (digits or value):
                values[place] = round(value, digits or None)
        if any(value is not None for value in values):
            columns[name] = values
    return chart | {"origin": rows[0]["timestamp"], "columns": columns}


async def beside(request: web.Request) -> web.Response:
    """Return what was beside a room: the temperature outdoors, and watts of its unit.

    Both from the devices that its settings name, in at most `points` each; empty where
    none is named or nothing was recorded.
    """
    site = site_of(request)
    zone = site.engine.zone_in_force(request.match_info["zone"])
    points = int(number_of(request, "points", 288, 1, _MOST_POINTS))
    asked = instant_of(request, "start"), instant_of(request, "end")
    hours = number_of(request, "hours", _DAY, 0.1, _LONGEST_HOURS)

    async def ask() -> dict[str, Any]:
        end = asked[1] or site.engine.clock.now()
        start = asked[0] or end - timedelta(hours=hours)
        check_range(start, end, _LONGEST_HOURS)
        answer: dict[str, Any] = {
            "zone": zone.name,
            "start": start,
            "end": end,
            "bucket_seconds": None,
        }
        wanted = (
            ("outdoor", "temperature", zone.outdoor_device_id, _OUTDOORS),
            ("power", "watts", zone.power_meter_device_id, POWER),
        )
        for name, key, device, attributes in wanted:
            answer[name] = []
            if site.history is None or not device:
                continue
            for attribute in attributes:
                found = await site.history.query_readings(
                    start, end, device, attribute, points=points
                )
                told = [
                    {"at": row["timestamp"], key: round(row["value"], 2)}
                    for row in found.rows
                    if isinstance(row["value"], int | float)
                ]
                if told:
                    answer |= {name: told, "bucket_seconds": found.bucket_seconds}
                    break
        return answer

    key = ("beside", zone.name, points, *asked, hours)
    found, unavailable = await site.shared.get_or_last(key, ask)
    return as_known_json(request, found | {"unavailable": unavailable})


async def rows_as_csv(request: web.Request) -> web.Response:
    """Return the recorded rows of a range as CSV that a spreadsheet opens unharmed.

    A month at most; `switchbot-store history export` writes whatever there is.
    """
    site = site_of(request)
    zone = site.engine.zone_in_force(request.match_info["zone"])
    hours = number_of(request, "hours", _DAY, 0.1, _EXPORTED_HOURS)
    end = instant_of(request, "end") or site.engine.clock.now()
    start = instant_of(request, "start") or end - timedelta(hours=hours)
    check_range(start, end, _EXPORTED_HOURS)
    unit = site.engine.unit
    file = io.BytesIO()
    async with site.heavy:
        if site.history is not None:
            await site.history.export(
                file,
                start,
                end,
                zone=zone.name,
                fields=_EXPORTED,
                format="csv",
                spreadsheet=True,
            )
    body = file.getvalue()
    if unit != CELSIUS:
        body = await asyncio.to_thread(_csv_in, body, unit)
    day = start.astimezone(zone.timezone).date().isoformat()
    name = f"{zone.name} {day}.csv"
    return as_csv(body, name)


def _csv_in(body: bytes, unit: str) -> bytes:
    """Return exported rows with their temperatures in a unit, which the header names."""
    rows = list(csv.reader(io.StringIO(body.decode(), newline="")))
    if not rows:
        return body
    place = rows[0].index("temperature")
    rows[0][place] = f"temperature_{unit}"
    for row in rows[1:]:
        if row[place]:
            row[place] = f"{from_celsius(float(row[place]), unit):g}"
    told = io.StringIO(newline="")
    csv.writer(told, lineterminator="\n").writerows(rows)
    return told.getvalue().encode()


async def days(request: web.Request) -> web.Response:
    """Return a room's days, oldest first: temperatures, how long its unit ran, starts.

    A start is a row with the unit on after one with it off. Days are those of the room's
    clock; the first and the last may not be whole.
    """
    site = site_of(request)
    zone = site.engine.zone_in_force(request.match_info["zone"])
    number = int(number_of(request, "days", 7, 1, _MOST_DAYS))
    end = instant_of(request, "end") or site.engine.clock.now()

    async def ask() -> list[dict[str, Any]]:
        if site.history is None:
            return []
        return await _days(site.history, zone, end, number)

    key = ("days", zone.name, number, request.query.get("end"))
    told, unavailable = await site.shared.get_or_last(key, ask)
    return as_known_json(
        request, {"zone": zone.name, "days": told, "unavailable": unavailable}
    )


async def _days(
    history: ThreadedHistory, zone: ZoneSettings, end: datetime, number: int
) -> list[dict[str, Any]]:
    today = end.astimezone(zone.timezone).replace(hour=0, minute=0, second=0)
    start = today.replace(microsecond=0) - timedelta(days=number - 1)
    end += timedelta(milliseconds=1)
    found = await history.query(
        start,
        end,
        zone=zone.name,
        fields=_FIELDS[:3],
        bucket="day",
        timezone=zone.timezone.key,
    )
    rows = await history.query(
        start, end, zone=zone.name, fields=("assumed_aircon_power",)
    )
    starts = await asyncio.to_thread(_starts, rows.rows, zone.timezone)
    told = []
    for row in found.rows:
        day = row["timestamp"].astimezone(zone.timezone).date().isoformat()
        told.append(
            {
                "day": day,
                "temperature": row.temperature,
                "min_temperature": row.min_temperature,
                "max_temperature": row.max_temperature,
                "humidity": row.humidity,
                "on_seconds": round(row.aircon_on_seconds or 0),
                "starts": starts.get(day, 0),
            }
        )
    return told


def _starts(rows: Sequence[Mapping[str, Any]], tz: tzinfo) -> dict[str, int]:
    counted: dict[str, int] = {}
    known = [row for row in rows if row["assumed_aircon_power"] in {"on", "off"}]
    for before, row in pairwise(known):
        if (
            before["assumed_aircon_power"] == "off"
            and row["assumed_aircon_power"] == "on"
        ):
            day = row["timestamp"].astimezone(tz).date().isoformat()
            counted[day] = counted.get(day, 0) + 1
    return counted


async def decisions(request: web.Request) -> web.Response:
    """Return decisions up to `end`, newest first; looks that decided the same are one.

    `bands` are those that were wanted, each from its instant on, as far as that was
    recorded. While the database is away the decisions are those since the start, or the
    last ones known.
    """
    site = site_of(request)
    zone = site.engine.zone_in_force(request.match_info["zone"])
    limit = int(number_of(request, "limit", 20, 1, _MOST_DECISIONS))
    hours = number_of(request, "hours", _DAY, 0.1, _DECIDED_HOURS)
    asked = instant_of(request, "start"), instant_of(request, "end")
    name = zone.name

    async def ask() -> dict[str, Any]:
        end = asked[1] or site.engine.clock.now() + timedelta(milliseconds=1)
        start = asked[0] or end - timedelta(hours=hours)
        check_range(start, end, _DECIDED_HOURS)
        made: dict[str, Any] = {"start": start, "bands": []}
        if site.history is None:
            return made | {"decisions": _remembered(site, name)}
        return made | await told(site.history, name, zone.timezone, start, end)

    key = ("decisions", name, hours, *asked, spoken())
    try:
        made, unavailable = await site.shared.get_or_last(key, ask)
    except StoreUnavailableError as error:
        made = {"start": None, "bands": [], "decisions": _remembered(site, name)}
        unavailable = error_words(error)
    return as_known_json(
        request,
        {
            "zone": name,
            **made,
            "decisions": made["decisions"][:limit],
            "unavailable": unavailable,
        },
        apart=("start",),
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


async def told(
    history: ThreadedHistory, zone: str, tz: tzinfo, start: datetime, end: datetime
) -> dict[str, list[dict[str, Any]]]:
    """Return what a zone's rows tell of decisions and bands, however many there are.

    In pieces: weeks of rows at once would hold the event loop up, in whatever thread.
    """
    found = _Told(tz, start)
    since = start - _REPEATED
    while since < end:
        until = min(since + _AT_ONCE, end)
        piece = await history.query(
            since, until, zone=zone, fields=("temperature", "metadata")
        )
        await asyncio.to_thread(found.take, piece.rows)
        since = until
    return found.document()


class _Told:
    """What a zone's rows tell from `start` on, taken as they come, ascending."""

    def __init__(self, tz: tzinfo, start: datetime) -> None:
        self._tz = tz
        self._start = start
        self._rows = Decisions()
        self._runs: list[dict[str, Any]] = []
        self._bands: list[dict[str, Any]] = []
        self._last: tuple[Any, ...] | None = None

    def document(self) -> dict[str, list[dict[str, Any]]]:
        """Return runs of equal decisions, newest first, and the bands."""
        return {"decisions": self._runs[::-1], "bands": self._bands}

    def take(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take the next rows."""
        for row in self._rows.of(rows):
            metadata = row.get("metadata")
            # One whose decision is gone tells none.
            if isinstance(metadata, dict) and told_at(row) is None:
                self._take_band(row, metadata.get("band"))
                if row["timestamp"] >= self._start:
                    self._take_decision(row, metadata)

    def _take_band(self, row: Mapping[str, Any], band: object) -> None:
        if not isinstance(band, list) or len(band) != 2:  # noqa: PLR2004 - both ends
            return
        bands = self._bands
        if bands and [bands[-1]["low"], bands[-1]["high"]] == band:
            return
        since = max(row["timestamp"], self._start)
        if bands and bands[-1]["since"] == since:
            bands.pop()
        bands.append({"since": since, "low": band[0], "high": band[1]})

    def _take_decision(
        self, row: Mapping[str, Any], metadata: Mapping[str, Any]
    ) -> None:
        reasons = [each for each in metadata.get("reasons") or () if "code" in each]
        commands = metadata.get("commands") or []
        key = (metadata.get("outcome"), *(each["code"] for each in reasons))
        at = row["timestamp"]
        if key == self._last and not commands:
            run = self._runs[-1]
            run["until"] = at
            run["looks"] += 1
            run["temperature"] = row.get("temperature")
            return
        self._last = key
        self._runs.append(
            {
                "since": at,
                "until": at,
                "looks": 1,
                "outcome": metadata.get("outcome"),
                "temperature": row.get("temperature"),
                "reasons": in_words(reasons, self._tz, row["timestamp"]),
                "commands": commands,
            }
        )
