#!/usr/bin/env bash
# switchbotmeter 1.1.0 beside PySwitchbot 3.1.0: a meter's advertisement carries the degrees in seven
# bits, the sign in the eighth (set: above zero), and beside the humidity one bit that says the
# display shows Fahrenheit.
#
# Seen, for 21.3, 0.4 and -5.2 degrees at 45 %: PySwitchbot says 21.3, 0.4, -5.2 and 45;
# switchbotmeter 21.3, 0.4, -122.8 and 45. With the display set to Fahrenheit it says 173 %. Zero
# degrees without the bit of the sign ("-0.4") is -127.6.
#
# bluepy, which it scans with, has to be compiled and is not needed to read bytes: three empty
# names stand in for it, and a list of what a scan gives.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'PySwitchbot==3.1.0'
"$folder/venv/bin/pip" --quiet install --no-deps 'switchbotmeter==1.1.0'
"$folder/venv/bin/python" - <<'PY'
import sys
import types

bluepy, btle = types.ModuleType("bluepy"), types.ModuleType("bluepy.btle")
for name in ("DefaultDelegate", "ScanEntry", "Scanner"):
    setattr(btle, name, type(name, (), {}))
bluepy.btle = btle
sys.modules.update({"bluepy": bluepy, "bluepy.btle": btle})

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from switchbot.adv_parser import parse_advertisement_data
from switchbotmeter import SERVICE_UUID, Device

ADDRESS = "00:00:5E:00:53:01"


def packet(tenths, humidity, fahrenheit=False):
    """The six bytes of a meter's service data."""
    whole, part = divmod(abs(tenths), 10)
    sign = 0 if tenths < 0 else 0x80
    return bytes([0x54, 0, 100, part, sign | whole, fahrenheit << 7 | humidity])


def one(data):
    class Entry:
        addr = ADDRESS

        def getScanData(self):
            uuid = "3dfd" + data.hex()
            return [(22, "16b Service Data", uuid), (7, "Complete 128b Services", SERVICE_UUID)]

    found = Device(Entry())
    return round(found.temp, 1), found.humidity


def other(data):
    said = parse_advertisement_data(
        BLEDevice(ADDRESS, "WoSensorTH", {}),
        AdvertisementData(
            local_name="WoSensorTH",
            manufacturer_data={},
            service_data={"0000fd3d-0000-1000-8000-00805f9b34fb": data},
            service_uuids=[],
            tx_power=None,
            rssi=-60,
            platform_data=(),
        ),
    ).data["data"]
    return round(said["temperature"], 1), said["humidity"]


found = {}
for tenths, fahrenheit in ((213, False), (4, False), (-52, False), (-4, False), (213, True)):
    data = packet(tenths, 45, fahrenheit)
    found[tenths, fahrenheit] = one(data)
    print(data.hex(), "switchbotmeter:", one(data), "PySwitchbot:", other(data))
    assert other(data) == (tenths / 10, 45)
assert found[213, False] == (21.3, 45)
assert found[4, False] == (0.4, 45)
assert found[-52, False] == (-122.8, 45), "the sign is read now"
assert found[-4, False] == (-127.6, 45)
assert found[213, True] == (21.3, 173), "the bit of the display is left out now"
PY
