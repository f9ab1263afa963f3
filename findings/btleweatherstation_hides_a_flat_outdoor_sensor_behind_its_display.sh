#!/usr/bin/env bash
# btleWeatherStation 3.1.0 (PyPI) reads the Oregon Scientific stations IDTW211R and IDTW213R by Bluetooth: a display (sensor 0)
# and up to three outdoor sensors, each with a temperature, a humidity and whether its battery is low.
#
# Expected: every sensor whose battery is low is said to be so. So the words of the method that reads them ("the numbers
# of the sensors which currently have" the alarm, "This includes sensor 0 - the display"), and so the bytes
# by its own comment: a bit for the display in the first, a bit for each sensor in the sixth, which do not depend on each other.
#
# Seen on 2026-12-03: of one and the same sixth byte (sensors 1 and 3 low) both are low while the display's battery is
# good, and neither is as soon as the display's is low too: the outdoor sensor that warns of frost goes out unannounced.
#
# The radio is not needed: what the station sends is given as get_raw_data gives it, and bluepy (which compiles a
# helper for BlueZ) is a module with the names that are imported.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install --no-deps 'btleWeatherStation==3.1.0'
"$folder/venv/bin/python" - <<'PY'
import struct
import sys
from types import ModuleType

bluepy = ModuleType("bluepy")
bluepy.btle = ModuleType("bluepy.btle")
bluepy.btle.DefaultDelegate = object
sys.modules.update({"bluepy": bluepy, "bluepy.btle": bluepy.btle})

from btleWeatherStation.station import CLOCK_HANDLE, SENSORS_HANDLE, STATUS_HANDLE, WeatherStation

CLIMATE = (
    struct.pack("<4h", 213, -12, 48, 35)
    + bytes([45, 80, 70, 75, 0xFF, 0xFF])
    + bytes([50, 40, 90, 60, 80, 60, 85, 65])
    + struct.pack("<8h", 220, 200, 30, -40, 90, 20, 80, 10)
)


class Station(WeatherStation):
    def __init__(self, status):
        super().__init__("00:00:00:00:00:00")
        self.status = status

    def get_raw_data(self):
        clock = bytes([26, 12, 3, 5, 0, 0])
        return {CLOCK_HANDLE: clock, SENSORS_HANDLE: CLIMATE, STATUS_HANDLE: self.status}


def low(display, outdoor):
    status = bytes([0x80 if display else 0, 0b111, 0, 0, 0, outdoor])
    sensors = Station(status).measure_once().sensors
    assert [sensors[number].temp_current for number in range(4)] == [21.3, -1.2, 4.8, 3.5]
    return [number for number, sensor in sensors.items() if sensor.low_battery]


for display, outdoor, expected in (
    (False, 0b000, []),
    (False, 0b101, [1, 3]),
    (True, 0b000, [0]),
    (True, 0b101, [0]),
):
    said = low(display, outdoor)
    print(f"display low: {display}, outdoor sensors {outdoor:03b}: low batteries of {said}")
    assert said == expected, "the batteries are told otherwise now"
PY
