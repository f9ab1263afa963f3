#!/usr/bin/env bash
# switchbotble 0.3.0 hears SwitchBot's sensors by Bluetooth and hands a device to whoever listens for
# "found", "opened", "motion" and so on. What a device says lies in the dict `device.status`; its
# text, and the method that ends a motion's time, still look for attributes.
#
# Seen: `str(device)` raises AttributeError for a meter, a Meter Pro, a contact sensor and a motion
# sensor, so a listener that prints or logs what it was handed raises. So does
# `clear_current_motion_timeout()`, the only way to end a longer `motion_timeout` before its time.
# The values themselves are read right: 21.5 °C, 53 %.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'switchbotble==0.3.0' 'bleak==1.1.1' 'blinker==1.9.0'
"$folder/venv/bin/python" - <<'PY'
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from switchbotble.devices.factory import SwitchBotDeviceFactory

UUID = "0000fd3d-0000-1000-8000-00805f9b34fb"
METER = bytes([0x54, 0x00, 0x64, 0x05, 0x95, 0x35])  # 100 %, 21.5 °C, 53 %
CONTACT = bytes([0x64, 0x00, 0x64, 0x01, 0x00, 0x0A, 0x00, 0x0A, 0x50])  # closed, light
MOTION = bytes([0x73, 0x40, 0x64, 0x00, 0x00, 0x02])  # someone moves, bright
# a Meter Pro's lies in the manufacturer's part: MAC, a counter, battery, 21.5 °C, 53 %
PRO = bytes([0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x01, 0x64, 0x05, 0x95, 0x35, 0x00])


def heard(service, manufacturer=PRO, **options):
    device = BLEDevice("11:22:33:44:55:66", "", None)
    said = AdvertisementData("", {0x0969: manufacturer}, {UUID: service}, [], None, -60, ())
    sensor = SwitchBotDeviceFactory.create(service[0], device, **options)
    sensor.update(said)
    return sensor


def raised(call):
    try:
        call()
    except AttributeError:
        return "AttributeError"
    return "nothing"


sensors = {
    "meter": heard(METER),
    "Meter Pro": heard(bytes([0x35, 0x00, 0x64])),
    "contact sensor": heard(CONTACT),
    "motion sensor": heard(MOTION, motion_timeout=300),
}
for name in ("meter", "Meter Pro"):
    status = sensors[name].status
    assert (round(status["temperature"], 1), status["humidity"]) == (21.5, 53), status
assert sensors["contact sensor"].status["closed"] and sensors["motion sensor"].status["motion"]
for name, sensor in sensors.items():
    seen = raised(sensor.__str__)
    print(f"str() of a {name}: {seen}")
    assert seen == "AttributeError", name
seen = raised(sensors["motion sensor"].clear_current_motion_timeout)
print(f"clear_current_motion_timeout(): {seen}")
assert seen == "AttributeError"
PY
