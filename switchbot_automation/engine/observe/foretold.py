"""What is said of the hours to come: series of plug-ins, and those that a host tells.

A plug-in's is read once an hour, and a quarter of an hour after it failed; what it said
before goes on counting until its end or until it is too old. Nothing it raises, and no time it
takes, holds a tick up for long.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.engine.cancellation import unless_broken_off
from switchbot_automation.instants import encode_instant
from switchbot_automation.languages import worded
from switchbot_automation.outside.wording import error_words
from switchbot_automation.series import Series

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from datetime import datetime

    from switchbot_automation.clock import Clock

_LOGGER = logging.getLogger(__name__)

_EVERY_SECONDS, _RETRY_SECONDS = 3600.0, 900.0
# A tick waits for it, and so do the rooms.
_READ_SECONDS: Final = 5.0
_MOST_TOLD: Final = 100


class Foretold:
    """The series that one engine knows, by name.

    `reader` returns what reads a plug-in's series now, None where no plug-in has that name;
    `changed` is called when a host told one.
    """

    def __init__(
        self,
        clock: Clock,
        reader: Callable[[str], Callable[[], Awaitable[object]] | None],
        changed: Callable[[], object],
    ) -> None:
        self._clock = clock
        self._reader = reader
        self._changed = changed
        self._known: dict[str, Series] = {}
        self._due: dict[str, float] = {}
        self._problems: dict[str, str] = {}

    def tell(self, source: str, series: Series | None) -> None:
        """Know a series from now on, in place of what was known; None: it is unknown.

        Raises TypeError for what is no `Series`, ValueError where that would be more than
        a hundred.
        """
        if series is not None and not isinstance(series, Series):
            raise TypeError(f"expected a Series, got a {type(series).__name__}")
        if series is None:
            self._known.pop(source, None)
        elif source not in self._known and len(self._known) >= _MOST_TOLD:
            raise ValueError(
                worded("{most_told} series are known already", most_told=_MOST_TOLD)
            )
        else:
            self._known[source] = series
        self._changed()

    async def known(self, sources: Iterable[str]) -> Mapping[str, Series]:
        """Return what is known of these sources; plug-ins that are due are read."""
        wanted = dict.fromkeys(sources)
        now = self._clock.monotonic()
        due = [each for each in wanted if self._due.get(each, now) <= now]
        if due:
            await asyncio.gather(*(self._read(each) for each in due))
        return {each: self._known[each] for each in wanted if each in self._known}

    async def _read(self, source: str) -> None:
        """Read a plug-in's series; whatever becomes of it, the tick goes on."""
        try:
            read = self._reader(source)
            if read is None:  # a host's, or nobody's
                return
            async with asyncio.timeout(_READ_SECONDS):
                found = await unless_broken_off(read())
            if not isinstance(found, Series):
                kind = type(found).__name__
                raise TypeError(f"read() gave a {kind}, no Series")  # noqa: TRY301 - told as any failure of a plug-in
        except Exception as error:  # noqa: BLE001 - a stranger's code
            if source not in self._problems:
                _LOGGER.warning(
                    "series %s cannot be read: %s", source, error_words(error)
                )
            self._problems[source] = error_words(error)
            self._due[source] = self._clock.monotonic() + _RETRY_SECONDS
            return
        self._problems.pop(source, None)
        self._known[source] = found
        self._due[source] = self._clock.monotonic() + _EVERY_SECONDS

    def report(self, now: datetime) -> dict[str, Any]:
        """Return what is known of each source, JSON-able."""
        found: dict[str, Any] = {}
        for source in sorted(self._known.keys() | self._problems.keys()):
            series = self._known.get(source)
            found[source] = {
                "now": series.at(now) if series else None,
                "known_until": encode_instant(series.ends) if series else None,
                "issued_at": encode_instant(series.issued_at) if series else None,
                "problem": self._problems.get(source),
            }
        return found
