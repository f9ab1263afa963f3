#!/usr/bin/env bash
# PySwitchbot 3.1.0: a packet without service data is told by the company in it and by its
# length. The Humidifier goes by company 741, which is Espressif's, the maker of the ESP32, and
# by six bytes. Any board of anybody's that says six bytes of its own, such as its address, is a
# SwitchBot Humidifier.
#
# Seen: a packet of company 741 with six bytes gives modelName WoHumi, with isOn and level None
# and switchMode True; with five or seven bytes, or of another company, nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'PySwitchbot==3.1.0'
"$folder/venv/bin/python" - <<'PY'
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from switchbot import parse_advertisement_data

BOARD = BLEDevice("AA:BB:CC:DD:EE:01", "board", None)


def told(company, body):
    packet = AdvertisementData("board", {company: body}, {}, [], None, -60, ())
    found = parse_advertisement_data(BOARD, packet)
    return found and (found.data["modelName"].value, found.data["data"])


OWN = bytes.fromhex("aa bb cc dd ee 01 00")
found = {(company, size): told(company, OWN[:size]) for company in (741, 2409) for size in (5, 6, 7)}
for (company, size), said in found.items():
    print(f"company {company}, {size} bytes: {said}")
assert [key for key, said in found.items() if said] == [(741, 6)], "it is not taken for one now"
assert found[741, 6] == ("WoHumi", {"isOn": None, "level": None, "switchMode": True})
PY
