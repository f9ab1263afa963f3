# A year of a room that never was, written as the engine would have: the picture in the
# README was drawn from it. Run: python examples/year_of_readings.py DIRECTORY
import argparse
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from switchbot_store import HistorySample, HistoryService, SqliteHistory

START = datetime(2025, 11, 1, tzinfo=UTC)
STEP = timedelta(minutes=10)
READINGS = 365 * 144
AWAY = range(274 * 144, 285 * 144)  # eleven days in August without electricity
COLD, WARM = 20, 26
AWAKE = range(6, 22)  # the hours, in UTC, at which the unit may run


def readings() -> Iterator[HistorySample]:
    chance = random.Random(7)  # noqa: S311 - weather, not a secret
    room, weather, running = 20.0, 0.0, False
    for number in range(READINGS):
        moment = START + number * STEP
        year = 2 * math.pi * (number / READINGS + 0.545)
        day = 2 * math.pi * (moment.hour * 60 + moment.minute - 540) / 1440
        weather = 0.998 * weather + chance.gauss(0, 0.15)
        outdoor = 12.5 + 9.5 * math.sin(year) + 4 * math.sin(day) + weather
        room += 0.012 * (outdoor + 4.5 - room) + chance.gauss(0, 0.05)
        awake = moment.hour in AWAKE
        if room < COLD or (running and room < COLD + 1):
            running = awake
            room += 0.3 if running else 0
        elif room > WARM or (running and room > WARM - 1):
            running = awake
            room -= 0.3 if running else 0
        else:
            running = False
        if number not in AWAY:
            yield HistorySample(
                moment,
                zone="living",
                temperature=round(room, 1),
                humidity=round(52 + 9 * math.sin(year - 0.5) + weather + day % 3),
                assumed_aircon_power="on" if running else "off",
                timezone="Europe/Paris",
            )


def main() -> None:
    arguments = argparse.ArgumentParser(description="Write a year of made-up readings.")
    arguments.add_argument("directory", nargs="?", default="year", type=Path)
    directory = arguments.parse_args().directory
    backend = SqliteHistory(directory / "history.sqlite3")
    with HistoryService(backend, batch_size=10_000) as history:
        for sample in readings():
            history.record(sample)
        history.flush()
        history.roll_up()
    print(f"STORE_DIRECTORY={directory} switchbot-store history plot --zone living")


if __name__ == "__main__":
    main()
