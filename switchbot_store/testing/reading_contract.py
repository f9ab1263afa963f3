"""What every place for readings of devices promises, as tests.

A place proves itself with a subclass and one fixture::

    class TestMyReadings(ReadingContract):
        @pytest.fixture
        def make_readings(self, tmp_path):
            return lambda: MyReadings(tmp_path)

`make_readings` may be called several times and gives the same place each time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from switchbot_store.history.readings.model import (
    DeviceReading,
    ReadingKey,
    checked_reading,
)
from switchbot_store.history.readings.service import DeviceHistory
from switchbot_store.instants import EARLIEST, LATEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchbot_store.history.readings.model import ReadingBackend

START = datetime(2026, 3, 10, 12, tzinfo=UTC)


def _at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def _said(
    minutes: float, value: float | str, *, device: str = "C1", attribute: str = "CO2"
) -> DeviceReading:
    return checked_reading(DeviceReading(_at(minutes), device, attribute, value))


def _values(rows: list[Any]) -> list[Any]:
    return [row.value for row in rows]


class ReadingContract:
    """The suite; subclass it with a fixture `make_readings`.

    >>> import pytest
    >>> from switchbot_store import SqliteReadings
    >>> from switchbot_store.testing import ReadingContract
    >>> class TestMyReadings(ReadingContract):  # in a file that pytest collects
    ...     @pytest.fixture
    ...     def make_readings(self, tmp_path):
    ...         return lambda: SqliteReadings(tmp_path / "readings.sqlite")
    """

    @pytest.fixture
    def make_readings(self) -> Callable[[], ReadingBackend]:
        """Return what makes the place; every subclass has its own."""
        raise NotImplementedError("a subclass has the fixture make_readings")

    @pytest.fixture
    def place(
        self, make_readings: Callable[[], ReadingBackend]
    ) -> Iterator[ReadingBackend]:
        """Open a place, and close it."""
        place = make_readings()
        place.open()
        yield place
        place.close()

    def test_what_was_written_is_there_anew(
        self, place: ReadingBackend, make_readings: Callable[[], ReadingBackend]
    ) -> None:
        """Numbers and words keep their kind; another opening sees them."""
        given = [_said(0, 725), _said(1, -8.5, attribute="temperature")]
        given.append(_said(2, "öffnet", device="D 2", attribute="openState"))
        assert place.write(given) == 3
        again = make_readings()
        rows = again.rows(EARLIEST, LATEST)
        again.close()
        assert [DeviceReading(**row) for row in rows] == given
        assert [type(row.value) for row in rows] == [float, float, str]
        assert all(row.timestamp.tzinfo is UTC for row in rows)

    def test_a_repeated_write_does_nothing(self, place: ReadingBackend) -> None:
        """The first word of an instant stays."""
        assert place.write([_said(0, 1), _said(1, 2)]) == 2
        assert place.write([_said(0, 9), _said(2, 3)]) == 1
        assert _values(place.rows(EARLIEST, LATEST)) == [1, 2, 3]
        assert place.write([]) == 0

    def test_a_range_has_its_start_and_not_its_end(self, place: ReadingBackend) -> None:
        """A device and an attribute narrow it."""
        place.write([_said(minute, minute) for minute in range(4)])
        place.write([_said(1, 7, device="C2"), _said(1, 8, attribute="power")])
        found = place.rows(_at(1), _at(3), device_id="C1", attribute="CO2")
        assert _values(found) == [1, 2]
        assert _values(place.rows(_at(1), _at(2), device_id="C2")) == [7]
        assert _values(place.rows(_at(1), _at(2), attribute="power")) == [8]

    def test_pages_meet_every_reading_once(self, place: ReadingBackend) -> None:
        """Those of one instant, too."""
        given = [
            _said(minute, minute, device=device, attribute=attribute)
            for minute in (0, 1)
            for device in ("A", "b", "É")
            for attribute in ("CO2", "power")
        ]
        place.write(given)
        met: list[DeviceReading] = []
        after = None
        while rows := place.rows(EARLIEST, LATEST, after=after, limit=5):
            met += [DeviceReading(**row) for row in rows]
            last = rows[-1]
            after = ReadingKey(last.timestamp, last.device_id, last.attribute)
        assert met == given

    def test_the_newest_of_each_attribute(self, place: ReadingBackend) -> None:
        """Of devices whose ids begin so."""
        place.write([_said(0, 1), _said(5, 2), _said(3, "open", attribute="openState")])
        place.write([_said(1, 9, device="D_1"), _said(1, 8, device="Dx1")])
        found = place.latest(prefix="C")
        assert [(row.attribute, row.value) for row in found] == [
            ("CO2", 2.0),
            ("openState", "open"),
        ]
        assert _values(place.latest(prefix="D_")) == [9]
        assert len(place.latest()) == 4

    def test_deleted_readings_leave_their_hours(self, place: ReadingBackend) -> None:
        """Whole hours go, with count, mean, bounds and the last word."""
        place.write([_said(0, 600), _said(20, 900), _said(61, 400)])
        place.write([_said(5, "open", attribute="openState")])
        place.write([_said(50, "close", attribute="openState")])
        assert place.purge(_at(70), limit=1000) == 4
        assert _values(place.rows(EARLIEST, LATEST)) == [400]
        (hour,) = place.hours(EARLIEST, LATEST, device_id="C1", attribute="CO2")
        assert (hour.timestamp, hour.value) == (START, 750)
        assert (hour.min_value, hour.max_value, hour.count) == (600, 900, 2)
        (door,) = place.hours(EARLIEST, LATEST, device_id="C1", attribute="openState")
        assert (door.value, door.count, door.min_value) == ("close", 2, None)
        assert place.purge(_at(70), limit=1000) == 0

    def test_a_late_reading_joins_its_hour(self, place: ReadingBackend) -> None:
        """The mean weighs all of them."""
        place.write([_said(0, 600), _said(20, 900)])
        place.purge(_at(60), limit=1000)
        place.write([_said(30, 1200)])
        assert place.purge(_at(60), limit=1000) == 1
        (hour,) = place.hours(EARLIEST, LATEST, device_id="C1", attribute="CO2")
        assert (hour.value, hour.max_value, hour.count) == (900, 1200, 3)

    def test_deleting_in_steps_loses_nothing(self, place: ReadingBackend) -> None:
        """No step takes half an hour of an attribute."""
        place.write(
            [
                _said(minute, minute, attribute=name)
                for minute in range(240)
                for name in ("CO2", "power")
            ]
        )
        gone = 0
        while step := place.purge(_at(240), limit=100):
            gone += step
        assert gone == 480
        for name in ("CO2", "power"):
            hours = place.hours(EARLIEST, LATEST, device_id="C1", attribute=name)
            assert [(row.count, row.value) for row in hours] == [
                (60, 29.5 + 60 * number) for number in range(4)
            ]

    def test_hours_without_readings_move_to_another_place(
        self, place: ReadingBackend
    ) -> None:
        """Page by page, of the devices that are asked for, and each once."""
        place.write([_said(0, 600), _said(20, 900), _said(61, 400)])
        place.write([_said(5, "open", attribute="openState")])
        place.write([_said(5, 1.5, device="home/D2")])
        place.purge(_at(120), limit=1000)
        after, found = None, []
        while page := place.all_hours(after=after, limit=1):
            (hour,) = page
            after = ReadingKey(hour.timestamp, hour.device_id, hour.attribute)
            found.append(hour)
        assert found == place.all_hours()
        assert len(found) == 4
        (other,) = place.all_hours(prefix="home/")
        assert (other.device_id, other.mean, other.count) == ("home/D2", 1.5, 1)
        assert place.add_hours(found) == 0
        for device in ("C1", "home/D2"):
            place.delete_device(device)
        # Of an hour that has readings of its own they tell.
        place.write([_said(7, 1.0, device="home/D2")])
        assert place.add_hours(found) == 3
        assert place.all_hours(prefix="home/") == []
        assert [each for each in found if each != other] == place.all_hours()

    def test_a_device_is_deleted_for_good(self, place: ReadingBackend) -> None:
        """With its hours, and no other's."""
        place.write([_said(0, 1), _said(61, 2), _said(0, 5, device="C11")])
        place.purge(_at(60), limit=1000)
        assert place.delete_device("C1") == 1
        assert place.hours(EARLIEST, LATEST, device_id="C1", attribute="CO2") == []
        assert place.hours(EARLIEST, LATEST, device_id="C11", attribute="CO2") != []

    def test_exactly_the_named_readings_are_discarded(
        self, place: ReadingBackend
    ) -> None:
        """What is not there is passed over."""
        place.write([_said(0, 1), _said(1, 2), _said(0, 3, attribute="power")])
        place.discard([_said(0, 1), _said(7, 1)])
        assert _values(place.rows(EARLIEST, LATEST)) == [3, 2]

    def test_a_chart_goes_back_beyond_what_was_deleted(
        self, place: ReadingBackend
    ) -> None:
        """Buckets come from readings and from hours."""
        service = DeviceHistory(place, retention_days=1, now=lambda: _at(60 * 30))
        for minute in range(0, 240, 10):
            service.record(_said(minute, 400 + minute))
        service.record(_said(60 * 30, 1, attribute="power"))  # days count back from it
        service.flush()
        ends = (START, _at(240), "C1", "CO2")
        before = service.query(*ends, bucket="hour")
        assert service.cleanup() == 24
        after = service.query(*ends, bucket="hour")
        assert (before.source, after.source) == ("raw", "rollup")
        assert [row.count for row in after.rows] == [6, 6, 6, 6]
        for one, other in zip(before.rows, after.rows, strict=True):
            assert other.value == pytest.approx(one.value, abs=10.1)
            assert (one.min_value, one.max_value) == (other.min_value, other.max_value)
