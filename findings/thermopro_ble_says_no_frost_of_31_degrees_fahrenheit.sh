#!/usr/bin/env bash
# thermopro-ble 1.1.4: a TP972 sends its temperatures in degrees Fahrenheit, those of the probe as floats and
# that of the air around it as a whole number with 54 added. The probe's become tenths of a degree Celsius;
# the air's is cut to a whole degree, towards zero: warmer below freezing, colder above it.
#
# Seen: air of 31, 32 and 33 degrees Fahrenheit (-0.6, 0.0 and 0.6 degrees Celsius) is 0 each time, 67
# (19.4) is 19, 25 (-3.9) is -3. The tip of the probe says -0.6, 0.0, 0.6, 19.4 and -3.9 of the same.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'thermopro-ble==1.1.4' 'habluetooth==7.2.0' 'home-assistant-bluetooth==2.0.0'
"$folder/venv/bin/python" - <<'PY'
from struct import pack

from home_assistant_bluetooth import BluetoothServiceInfo
from thermopro_ble import ThermoProBluetoothDeviceData


def said(fahrenheit, millivolts=2600):
    raw = fahrenheit + 54
    body = pack("<BHHfffHHH", 0, raw, millivolts, float(raw), float(raw), float(raw), 0, 0, 0)
    packet = BluetoothServiceInfo(
        name="TP972",
        address="00:00:5E:00:53:01",
        rssi=-60,
        manufacturer_data={int.from_bytes(body[:2], "little"): body[2:]},
        service_data={},
        service_uuids=[],
        source="local",
    )
    values = ThermoProBluetoothDeviceData().update(packet).entity_values
    by_name = {key.key: value.native_value for key, value in values.items()}
    return by_name["ambient_temperature_probe_1"], by_name["internal_temperature_probe_1"]


seen = {each: said(each) for each in (25, 31, 32, 33, 67)}
for fahrenheit, (air, tip) in seen.items():
    print(f"{fahrenheit} F: air {air} C, tip of the probe {tip} C")
assert [tip for _, tip in seen.values()] == [-3.9, -0.6, 0.0, 0.6, 19.4]
assert [air for air, _ in seen.values()] == [-3, 0, 0, 0, 19], "the air has its tenths now"
PY
