#!/usr/bin/env bash
# govee-ble 1.5.2: Govee's meat thermometers (here the H5182 with two probes) advertise a signed 16-bit number of
# hundredths of a degree Celsius for each probe and for its alarm; a probe that is not plugged in, like an alarm
# that is not set, is -1 (0xFFFF). The library reads every negative number as 0 degrees.
#
# Seen: 23.00 degrees is 23.0; an empty socket is 0.0, an alarm that is not set is 0.0, a freezer at -18.00 is
# 0.0. Nothing tells the three apart, nor from a probe in ice water.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'govee-ble==1.5.2'
"$folder/venv/bin/python" - <<'PY'
import struct

from govee_ble import GoveeBluetoothDeviceData
from home_assistant_bluetooth import BluetoothServiceInfo


def told(first, second):
    """What the library tells of two probes, each (hundredths of a degree, alarm)."""
    frame = bytes(8) + struct.pack(">hhbhh", *first, 6, *second)
    heard = BluetoothServiceInfo(
        name="GVH5182_0000",
        address="AA:BB:CC:DD:EE:FF",
        rssi=-60,
        manufacturer_data={0x2730: frame},
        service_data={},
        service_uuids=["00008251-0000-1000-8000-00805f9b34fb"],
        source="local",
    )
    values = GoveeBluetoothDeviceData().update(heard).entity_values
    return {key.key: value.native_value for key, value in values.items() if key.key != "signal_strength"}


warm = told((2300, 6000), (-1, -1))
cold = told((0, -1), (-1800, -1))
print("one probe at 23.00, the other socket empty:", warm)
print("one in ice water, the other in a freezer at -18.00:", cold)
assert (warm["temperature_probe_1"], warm["temperature_alarm_probe_1"]) == (23.0, 60.0)
assert (warm["temperature_probe_2"], warm["temperature_alarm_probe_2"]) == (0.0, 0.0), "absence is told now"
assert (cold["temperature_probe_1"], cold["temperature_probe_2"]) == (0.0, 0.0), "frost is told now"
PY
