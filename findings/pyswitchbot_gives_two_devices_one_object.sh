#!/usr/bin/env bash
# PySwitchbot 3.1.0: two devices that send equal bytes are given one and the same object.
#
# Seen: the parser caches by the bytes, not by the device, and hands out the cached mapping
# itself. Whoever writes into what was parsed of one meter, as to keep its last battery,
# writes into that of every other meter that says the same.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'PySwitchbot==3.1.0'
"$folder/venv/bin/python" - <<'PY'
from types import SimpleNamespace

from switchbot import parse_advertisement_data

SERVICE = "0000fd3d-0000-1000-8000-00805f9b34fb"
METER = bytes.fromhex("54 00 64 05 98 30")  # a Meter: 24.5 degrees, 48 %, battery 100 %


def parsed(address):
    packet = SimpleNamespace(service_data={SERVICE: METER}, manufacturer_data={}, rssi=-60)
    return parse_advertisement_data(SimpleNamespace(address=address), packet).data["data"]


living, attic = parsed("AA:BB:CC:DD:EE:01"), parsed("AA:BB:CC:DD:EE:02")
living["battery"] = 7
print("the attic's battery after the living room's was written:", attic["battery"])
assert attic is living, "each device has an object of its own now"
PY
