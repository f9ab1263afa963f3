#!/usr/bin/env bash
# zambretti-py 0.0.6 (PyPI) foretells the weather from the air pressure of the last three hours; it reads the file that
# Home Assistant gives of a sensor's history, by a function of its own (README, "from_home_assistant_csv").
#
# Expected: one file, read at one moment, says the same everywhere. Its instants are in UTC and say so ("...Z");
# what is older than three hours is left out.
#
# Seen on 2026-12-02: they are taken for the clock of the house. Of pressure that fell for hours and has been rising for
# three the forecast is "Fairly Fine, Possibly Showers Early" where the clock is UTC. West of there hours before those
# are counted in: in New York it is falling still ("Unsettled, Rain Later"). In Tokyo all
# readings are left out: the file that was written just now is a ValueError (at least six are required).
#
# And where every reading is 1035 hPa, the finest weather there is, or pressure rose by 1.6 hPa just so, it
# cannot tell the trend; 1.61 has one. 1033 has a trend (steady) and no forecast.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'zambretti-py==0.0.6'
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import os
import time
from datetime import UTC, datetime, timedelta

from zambretti_py import PressureData, Zambretti


def forecast(data):
    try:
        return Zambretti().forecast(elevation=0, temperature=15, pressure_data=data)
    except ValueError as error:
        return str(error)


now = datetime.now(UTC)
with open("history.csv", "w") as file:
    file.write("entity_id,state,last_changed\n")
    for minutes in range(595, 0, -10):
        hours = minutes / 60
        hectopascals = 1005 - hours if hours <= 3 else 1002 + 3 * (hours - 3)
        at = (now - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        file.write(f"sensor.pressure,{hectopascals:.1f},{at}Z\n")

# Zones as POSIX writes them (the sign is that of the way to UTC) need no files of the machine.
for place, zone, expected in (
    ("UTC", "UTC0", "Fairly Fine, Possibly Showers Early"),
    ("New York", "EST5", "Unsettled, Rain Later"),
    ("Tokyo", "JST-9", "Minimum 6 pressure readings are required."),
):
    os.environ["TZ"] = zone
    time.tzset()
    said = forecast(PressureData.from_home_assistant_csv("history.csv"))
    print(f"{place}: {said}")
    assert said == expected, "it says something else now"

UNKNOWN = "Could not determine the pressure trend from available data"
now = datetime.now()
for values, expected in (
    ([1035.0] * 6, UNKNOWN),
    ([1033.0] * 6, "Could not forecast the weather from available data"),
    ([1000.0] * 3 + [1001.6] * 3, UNKNOWN),
    ([1000.0] * 3 + [1001.61] * 3, "Fairly Fine, Possibly Showers Early"),
):
    points = [(now - timedelta(minutes=170 - 30 * k), value) for k, value in enumerate(values)]
    said = forecast(PressureData(points))
    print(f"{values}: {said}")
    assert said == expected, "it says something else now"
PY
