#!/usr/bin/env bash
# vevor-heater-ble 0.1.3 (PyPI) reads and switches Vevor's diesel heaters by Bluetooth: by a power level from 1 to 10, or by
# a temperature from 8 to 36 degrees for which the heater chooses its level itself.
#
# Expected (its README, "Response format"): byte 9 is the target, a temperature or a level by the mode; byte 10, in the mode
# of a temperature only, is the level that the heater has, from 0, one less than levels are counted.
#
# Seen: the mode is compared with itself, not with what the heater said, so the level of byte 10 is never read. A heater
# that holds 22 degrees with level 4 is said to have the current power level 22, one that roars with level 10 as well.
#
# Who reckons with the level (fuel an hour, noise at night, a battery that lasts until morning) reckons with more than
# twice of what the heater can do, and sees no difference when the room is warm.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'vevor-heater-ble==0.1.3' 'bleak==3.1.0' 'bleak-retry-connector==4.7.1'
"$folder/venv/bin/python" - <<'PY'
from vevor_heater_ble.heater import OperationalMode, VevorHeaterStatus, VevorHeaterStatusBle


def said(mode, target, level):
    """What the library says of a heater that heats: 200 m, 12.5 V, the element at 120 degrees, the room at 19."""
    body = bytes([1, 0, 3, 200, 0, mode, target, level, 125, 0, 120, 0, 19, 0, 0, 0])
    answer = bytes([0xAA, 0x55, 1]) + body + bytes([sum(body) & 0xFF])
    return VevorHeaterStatus.from_ble_status(VevorHeaterStatusBle.from_ble_data_array(bytearray(answer)))


for byte_10, level in ((0, 1), (3, 4), (9, 10)):
    status = said(2, 22, byte_10)
    assert (status.operational_mode, status.target_temperature) == (OperationalMode.TARGET_TEMPERATURE, 22)
    assert (status.room_temperature, status.input_voltage) == (19, 12.5)
    print(f"holds 22 degrees with level {level}: current power level {status.current_power_level}")
    assert status.current_power_level == 22, "the level is read now"
assert said(1, 6, 0).current_power_level == 6  # a heater set to a level
PY
