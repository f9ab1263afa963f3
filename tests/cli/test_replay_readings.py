from datetime import UTC, datetime

import pytest

from switchbot_automation.simulation.replay import (
    BadRow,
    ReadingsError,
    RecordedReading,
    read_readings,
)

HEADER = "timestamp,temperature_c,humidity_pct\n"


def read(*rows):
    return read_readings([HEADER, *(f"{row}\n" for row in rows)])


def test_a_row_becomes_a_reading_in_utc():
    recording = read("2026-06-15T11:54:21.368+02:00,23.7,92")
    assert recording.readings == (
        RecordedReading(
            datetime(2026, 6, 15, 9, 54, 21, 368_000, tzinfo=UTC), 23.7, 92.0
        ),
    )


def test_an_empty_humidity_is_unknown():
    assert read("2026-06-15T09:54:21Z,23.7,").readings[0].humidity is None


def test_other_columns_are_left_alone():
    recording = read_readings(
        [
            "battery,humidity_pct,temperature_c,timestamp\n",
            "88,50,21,2026-06-15T09:54:21Z\n",
        ]
    )
    assert recording.readings[0].temperature == 21.0


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("yesterday,23.7,92", "timestamp 'yesterday' is not ISO 8601"),
        ("2026-06-15T09:54:21,23.7,92", "has no UTC offset"),
        ("2026-06-15T09:54:21Z,,92", "temperature_c is empty"),
        ("2026-06-15T09:54:21Z,warm,92", "temperature_c 'warm' is not a number"),
        ("2026-06-15T09:54:21Z,nan,92", "temperature_c 'nan' is not finite"),
        ("2026-06-15T09:54:21Z,23.7,damp", "humidity_pct 'damp' is not a number"),
        ("2026-06-15T09:54:21Z", "temperature_c is empty"),
        (",23.7,92", "timestamp '' is not ISO 8601"),
    ],
)
def test_a_bad_row_is_left_out_with_its_line_and_reason(row, words):
    recording = read(
        "2026-06-15T09:54:06Z,23.6,92", row, "2026-06-15T09:54:36Z,23.8,92"
    )
    assert [reading.temperature for reading in recording.readings] == [23.6, 23.8]
    (bad,) = recording.bad_rows
    assert bad.line == 3
    assert words in bad.message


def test_time_that_goes_back_is_a_bad_row_and_the_same_instant_is_not():
    recording = read(
        "2026-06-15T09:54:21Z,23.7,92",
        "2026-06-15T09:54:21Z,23.8,92",
        "2026-06-15T09:54:20Z,23.9,92",
    )
    assert len(recording.readings) == 2
    assert recording.bad_rows == (
        BadRow(4, "timestamp '2026-06-15T09:54:20Z' is earlier than the row before"),
    )


def test_a_missing_column_is_named():
    with pytest.raises(ReadingsError, match="column temperature_c is missing"):
        read_readings(["timestamp,humidity_pct\n", "2026-06-15T09:54:21Z,92\n"])


def test_an_empty_file_lacks_its_columns():
    with pytest.raises(ReadingsError, match="timestamp, temperature_c, humidity_pct"):
        read_readings([])
