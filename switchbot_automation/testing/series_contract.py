"""What every series of the hours to come promises, as tests.

Whoever brings one, as a plug-in of the group ``series``, proves with a subclass and one fixture
that a home can live on it::

    class TestMyMarket(SeriesContract):
        @pytest.fixture
        def source(self):
            return MyMarket(...)

`source` has ``async read() -> Series``. No asyncio plugin is needed.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import pytest

from switchbot_automation.core.overlay import after_surroundings, zone_overlaid
from switchbot_automation.core.requests import Around
from switchbot_automation.core.state.zone import ZoneState
from switchbot_automation.series import Series
from switchbot_automation.settings import parse_settings

__all__ = ["SeriesContract", "SeriesSource"]

_READ_SECONDS = 5.0
_BAND = (20.0, 23.0)
_ROOM = {
    "timezone": "UTC",
    "winter": {"min_temp": _BAND[0], "max_temp": _BAND[1], "target_temp": 22.0},
    "price": {"source": "it"},
}


class SeriesSource(Protocol):
    """What a plug-in of the group ``series`` makes."""

    async def read(self) -> Series:
        """Return what is known now; raise anything where nothing is."""
        ...


class SeriesContract:
    """The suite; see the module's docstring for how to run it.

    >>> import pytest
    >>> from switchbot_automation.testing import SeriesContract
    >>> class TestMyMarket(SeriesContract):  # in a file that pytest collects
    ...     @pytest.fixture
    ...     def source(self): ...
    """

    @pytest.fixture
    def source(self) -> SeriesSource:
        """Give a source that knows something, as new for every test."""
        raise NotImplementedError("a subclass gives its source")

    def test_it_is_read_as_a_series_in_time(self, source: SeriesSource) -> None:
        """What is read is a `Series`, within the five seconds that an engine waits."""
        assert isinstance(_read(source), Series)

    def test_it_is_read_again(self, source: SeriesSource) -> None:
        """A second reading is not older than the first."""
        first, second = _read(source), _read(source)
        assert second.issued_at >= first.issued_at

    def test_it_was_issued_before_it_ends(self, source: SeriesSource) -> None:
        """What is over when it is issued says nothing of the hours to come."""
        series = _read(source)
        assert series.issued_at < series.ends

    def test_a_room_that_has_it_stays_in_its_band(self, source: SeriesSource) -> None:
        """Whatever it says, a room is kept within the band that was asked for."""
        zone, series = parse_settings(_ROOM).default, _read(source)
        low, high = _BAND
        for at, _ in series.points:
            around = Around(series={"it": series})
            state = after_surroundings(zone, ZoneState(), None, around, at)
            winter = zone_overlaid(zone, state, at).winter
            assert winter is not None
            assert low <= winter.min_temp < winter.max_temp <= high


def _read(source: SeriesSource) -> Series:
    async def read() -> Series:
        async with asyncio.timeout(_READ_SECONDS):
            return await source.read()

    return asyncio.run(read())
