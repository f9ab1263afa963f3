"""What the commands about a range of history share."""

from __future__ import annotations

import functools
import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from switchbot_store.cli import opening
from switchbot_store.cli.output import Misuse
from switchbot_store.errors import StoreConfigError
from switchbot_store.factory import make_readings
from switchbot_store.history.query.buckets import timezone_of
from switchbot_store.history.service import HistoryService
from switchbot_store.instants import checked_instant
from switchbot_store.languages import error_words, later
from switchbot_store.languages import translated as _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from switchbot_store.config import StoreConfig

_Command = TypeVar("_Command", bound="Callable[..., Any]")
_AGO = re.compile(r"(\d+)\s*([hdwmy])")
_UNITS = {
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(days=7),
    "m": timedelta(days=30),
    "y": timedelta(days=365),
}
_WHEN = later("YYYY-MM-DD, with THH:MM if wanted, or how long ago: 24h, 30d, 1y")


@dataclass(frozen=True, slots=True)
class RangeOptions:
    """`--zone`, `--from`, `--to` and `--timezone` as they were given."""

    zone: str | None
    start: str | None
    end: str | None
    timezone: str | None
    default_span: timedelta | None

    def resolved(self, service: HistoryService) -> tuple[datetime, datetime]:
        """Return the range in UTC; a time of day is that of the home.

        Without `--from` it begins `default_span` before its end, or with the oldest
        row that any backend can have. Raises Misuse.
        """
        now = datetime.now(UTC)
        end = now if self.end is None else self._moment(self.end, "--to", service, now)
        if self.start is not None:
            start = self._moment(self.start, "--from", service, now)
        elif self.default_span is not None:
            start = end - self.default_span
        else:
            start = datetime(1970, 1, 1, tzinfo=UTC)
        if start >= end:
            raise Misuse(
                _("--from {start:%Y-%m-%d %H:%M} is not before --to", start=start)
            )
        return start, end

    def _moment(
        self, text: str, option: str, service: HistoryService, now: datetime
    ) -> datetime:
        if found := _AGO.fullmatch(text.strip().lower()):
            try:
                return checked_instant(now - int(found[1]) * _UNITS[found[2]])
            except (OverflowError, ValueError) as error:
                raise Misuse(
                    _("{option}: {text!r} is too long ago", option=option, text=text)
                ) from error
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError as error:
            raise Misuse(
                _(
                    "{option}: {text!r} is not {what}",
                    option=option,
                    text=text,
                    what=_(_WHEN),
                )
            ) from error
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self._home(service))
        try:
            return checked_instant(moment)
        except ValueError as error:
            raise Misuse(f"{option}: {error_words(error)}") from error

    def _home(self, service: HistoryService) -> Any:
        if self.timezone is not None:
            try:
                return timezone_of(self.timezone)
            except StoreConfigError as error:
                raise Misuse(f"--timezone: {error_words(error)}") from error
        newest = service.latest(1, zone=self.zone)
        try:
            return timezone_of(newest[0].timezone if newest else "UTC")
        except StoreConfigError:
            return UTC  # a row may hold any text


def range_options(default_span: timedelta | None) -> Callable[[_Command], _Command]:
    """Give a command the options of `RangeOptions`, passed as `range_`."""
    beginning = (
        "the oldest row" if default_span is None else f"{default_span.days} days before"
    )

    def decorate(command: _Command) -> _Command:
        @functools.wraps(command)
        def ranged(
            *args: Any,
            zone: str | None,
            start: str | None,
            end: str | None,
            timezone: str | None,
            **options: Any,
        ) -> Any:
            given = RangeOptions(zone, start, end, timezone, default_span)
            return command(*args, range_=given, **options)

        decorated: Any = ranged
        for option in (
            click.option("--timezone", metavar="TZ", help="Default: the newest row's."),
            click.option("--to", "end", metavar="WHEN", help="Default: now."),
            click.option(
                "--from",
                "start",
                metavar="WHEN",
                help=f"{_WHEN}. Default: {beginning}.",
            ),
            click.option("--zone", metavar="NAME", help="The zone, such as living."),
        ):
            decorated = option(decorated)
        return cast("_Command", decorated)

    return decorate


@contextmanager
def open_service(
    config: StoreConfig, *, quarantine: Path | None = None
) -> Iterator[HistoryService]:
    """Give the history for reading: no spill, which a running program holds.

    No file is made for it, but for rows that were set aside in a `quarantine`.
    """
    creating = quarantine is not None
    with (
        opening.history(config, creating=creating) as backend,
        HistoryService(
            backend,
            quarantine=quarantine,
            retention_days=config.history_retention_days or None,
            readings=make_readings(config, creating=creating),
        ) as service,
    ):
        yield service
