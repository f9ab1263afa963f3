"""Series of the hours to come from a file, CSV or JSON, that something else keeps fresh.

The plug-in `file` of the group ``switchbot_automation.series``::

    "plugins": {"day-ahead": {"series": "file", "path": "/var/lib/prices.json"}},
    "price": {"source": "day-ahead"}

Who may change the settings chooses the file. So no error says anything of what is in it: it might
be one of secrets, of which the page shows none.

A line of CSV, or an object of JSON, is a value from its start on. The file was issued when it was
written last, so one that nobody writes any more is not believed for ever.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import voluptuous as vol

from switchbot_automation.errors import PluginError
from switchbot_automation.instants import RANGE, checked_instant, from_unix
from switchbot_automation.languages import reworded, worded
from switchbot_automation.plugins import API_VERSION, Plugin
from switchbot_automation.series import MOST_POINTS, Series
from switchbot_store.files.custody import read_in_custody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_MOST_BYTES: Final = 5_000_000
# What a `Series` takes at most, with what is over since yesterday.
_BEFORE, _AHEAD = timedelta(days=1), timedelta(days=12)
_HOUR: Final = timedelta(hours=1)
# Seconds since 1970 have ten digits for a long time yet.
_MILLISECONDS: Final = 1e11

# What the files of markets and weather services call them.
_STARTS: Final = ("start", "start_timestamp", "startsAt", "starts_at", "time", "at")
_ENDS: Final = ("end", "end_timestamp", "endsAt", "ends_at")
_VALUES: Final = ("value", "price", "total", "marketprice", "temperature", "co2")


def _timezone(value: Any) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, TypeError, OSError):
        raise vol.Invalid(
            worded("no timezone is called {value!r}", value=value)
        ) from None


_NAME: Final = vol.All(str, vol.Length(min=1, max=80))
_SCHEMA: Final = vol.Schema(
    {
        vol.Required("path"): vol.All(str, vol.Length(min=1, max=4096)),
        vol.Optional("list", default=""): vol.All(str, vol.Length(max=200)),
        vol.Optional("start", default=None): vol.Any(None, _NAME),
        vol.Optional("end", default=None): vol.Any(None, _NAME),
        vol.Optional("value", default=None): vol.Any(None, _NAME),
        vol.Optional("factor", default=1.0): vol.All(
            vol.Any(int, float), vol.Range(-1e6, 1e6)
        ),
        vol.Optional("timezone", default=None): vol.Any(None, _timezone),
    }
)


class SeriesFile:
    """A file as what a plug-in of the group ``series`` makes.

    `config` has `path`; `start`, `end` and `value`, the names of columns or keys, where they are
    none of the usual; `list`, where in JSON the list is, as ``data.today``; `factor`, which each
    value is multiplied by, as 0.001 for a price of a MWh; `timezone`, of instants without one.
    `now` returns an aware instant.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._config = config
        self._path = Path(config["path"]).expanduser()
        self._now = now

    async def read(self) -> Series:
        """Return what the file says. Raises PluginError that names what is wrong with it."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> Series:
        try:
            written = datetime.fromtimestamp(self._path.stat().st_mtime, UTC)
            content = read_in_custody(self._path, most_bytes=_MOST_BYTES).data
            spans = self._spans(_rows(content.decode("utf-8-sig"), self._config))
            return _series(spans, written, self._now())
        except OSError as error:
            why = error.strerror or str(error)
        except (ValueError, RecursionError, csv.Error) as error:
            why = reworded(error)
        raise PluginError(f"{self._path}: {why}", plugin="file")

    def _spans(
        self, rows: Sequence[Mapping[str, Any]]
    ) -> list[tuple[datetime, datetime | None, float]]:
        """Return from when, until when where that is said, which value counts."""
        start = _key(rows, self._config["start"], _STARTS, "start")
        value = _key(rows, self._config["value"], _VALUES, "value")
        end = self._config["end"] or next((one for one in _ENDS if one in rows[0]), "")
        found: list[tuple[datetime, datetime | None, float]] = []
        for number, row in enumerate(rows, 1):
            where = f"entry {number}"
            before = found[-1][0] if found else None
            at = self._instant(row.get(start), f"{where}, {start}", before)
            until = None
            if end and row.get(end) not in (None, ""):
                until = self._instant(row.get(end), f"{where}, {end}", at)
            found.append((at, until, self._number(row.get(value), f"{where}, {value}")))
        return found

    def _instant(self, said: Any, where: str, after: datetime | None) -> datetime:
        seconds = _as_number(said)
        if seconds is not None:
            seconds = seconds / 1000.0 if abs(seconds) > _MILLISECONDS else seconds
            at = from_unix(seconds)
        else:
            try:
                at = datetime.fromisoformat(str(said).strip())
            except ValueError:
                at = None
        if at is None:
            raise ValueError(
                worded(
                    "{where}: this is no instant, as 2026-01-12T22:00+01:00",
                    where=where,
                )
            )
        zone = self._config["timezone"]
        if at.tzinfo is None and zone is None:
            raise ValueError(
                worded(
                    "{where}: this has no timezone; write its offset, or set `timezone`",
                    where=where,
                )
            )
        try:
            first = checked_instant(at, timezone=zone)
            # The hour that clocks set back have twice.
            again = checked_instant(at.replace(fold=1), timezone=zone)
        except ValueError:
            raise ValueError(
                worded("{where}: this is not within {range}", where=where, range=RANGE)
            ) from None
        return again if after is not None and first <= after else first

    def _number(self, said: Any, where: str) -> float:
        number = _as_number(said)
        if number is None:
            raise ValueError(worded("{where}: this is no number", where=where))
        return number * float(self._config["factor"])


def _as_number(said: Any) -> float | None:
    if isinstance(said, bool):
        return None
    try:
        return float(said) if isinstance(said, int | float | str) else None
    except (OverflowError, ValueError):  # no float holds every whole number
        return None


def _rows(content: str, config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the lines of a CSV with a header, or the objects of JSON."""
    text = content.lstrip()
    if not text:
        raise ValueError(worded("it is empty"))
    rows: list[Any]
    if text[0] in "[{":
        rows = _listed(json.loads(text), config["list"])
    else:
        header = text.partition("\n")[0]
        mark = max(";\t,", key=header.count)
        rows = list(csv.DictReader(io.StringIO(text), delimiter=mark))
        if mark != ",":
            rows = [
                {key: _pointed(each) for key, each in row.items() if key}
                for row in rows
            ]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise ValueError(worded("expected a list of objects, or lines below a header"))
    return rows


def _pointed(said: Any) -> Any:
    """Return a number with a decimal comma as one with a point."""
    return said.replace(",", ".") if isinstance(said, str) else said


def _listed(document: Any, place: str) -> list[Any]:
    """Return the list at a place, as ``data.today``, or the only one there is."""
    for name in filter(None, place.split(".")):
        document = document.get(name) if isinstance(document, dict) else None
    if isinstance(document, dict) and not place:
        lists = {key: each for key, each in document.items() if isinstance(each, list)}
        if len(lists) != 1:
            raise ValueError(
                worded(
                    "`list` has to say which list it is, as data.today; of {number} "
                    "that are there",
                    number=len(lists),
                )
            )
        (document,) = lists.values()
    if not isinstance(document, list):
        raise ValueError(worded("there is no list at {place!r}", place=place))  # noqa: TRY004 - of a file's content
    return document


def _key(
    rows: Sequence[Mapping[str, Any]],
    named: str | None,
    usual: Iterable[str],
    what: str,
) -> str:
    for each in (named,) if named else usual:
        if each in rows[0]:
            return each
    raise ValueError(
        worded(
            "`{what}` has to name one of its {number} columns, or keys",
            what=what,
            number=len(rows[0]),
        )
    )


def _series(
    spans: list[tuple[datetime, datetime | None, float]],
    written: datetime,
    now: datetime,
) -> Series:
    """Return the part without a gap that is in force, or begins next."""
    spans = sorted(spans, key=lambda each: each[0])
    starts = [at for at, _, _ in spans]
    step = starts[-1] - starts[-2] if len(starts) > 1 else _HOUR
    following = [*starts[1:], starts[-1] + step]
    runs: list[list[tuple[datetime, datetime, float]]] = [[]]
    for (at, until, value), then in zip(spans, following, strict=True):
        ends = then if until is None else until
        if ends <= at:
            raise ValueError(
                worded(
                    "{value} is there twice, or ends before it starts",
                    value=at.isoformat(),
                )
            )
        runs[-1].append((at, ends, value))
        if ends < then:
            runs.append([])
    known = [run for run in runs if run]
    run = next((each for each in known if each[-1][1] > now), known[-1])
    kept = [
        each for each in run if each[1] > now - _BEFORE and each[0] < now + _AHEAD
    ] or run[-1:]
    kept = kept[:MOST_POINTS]
    points = tuple((at, value) for at, _, value in kept)
    return Series(points, ends=kept[-1][1], issued_at=min(written, now))


series: Final = Plugin(_SCHEMA, SeriesFile, API_VERSION)
