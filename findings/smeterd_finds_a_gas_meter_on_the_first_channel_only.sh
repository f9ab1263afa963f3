#!/usr/bin/env bash
# smeterd 2.9.2 (PyPI) reads the P1 telegrams of smart meters in the Netherlands, Belgium and Luxembourg.
#
# Expected (DSMR P1 Companion Standard 5.0.2, 6.12): the meters of gas, heat, cold and water that hang on the electricity meter
# are on any of the channels 1 to 4 (0-n:24.1.0 says which kind: 003 is gas, 012 heat, 002 electricity, and 0-n:24.2.1
# what was used). Belgium says gas that is not corrected for temperature as 0-n:24.2.3 (e-MUCS P1). Power goes either
# way, phase by phase: 21.7.0 is drawn, 22.7.0 is fed in.
#
# Seen: a gas meter on channel 1 is read. On channel 2, as after a meter was exchanged, the gas used is 0, beside a number
# and an hour that are None; Belgium's is 0 too, beside a number that is right. A heat meter on channel 1 is a gas meter of
# kind 2 that has used 0. A phase that feeds in 1.5 kW has 0.0 watts.
#
# So a house's gas falls to 0 in the telegram after the fitter was there and, once somebody moves it back, has burnt 1234
# m3 in ten seconds; a home heated from the street has gas that it never uses.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'smeterd==2.9.2'
"$folder/venv/bin/python" - <<'PY'
from smeterd.meter import P1Packet

ELECTRICITY = ["1-3:0.2.8(50)", "0-0:1.0.0(261204083000W)", "1-0:1.8.1(000123.456*kWh)"]


def read(*lines):
    """A telegram without a checksum, as meters before version 4 send it."""
    text = "/ISk5\\2MT382-1000\r\n\r\n" + "".join(line + "\r\n" for line in [*ELECTRICITY, *lines]) + "!\r\n"
    return P1Packet(text.encode())


def meter(channel, kind, value, register="24.2.1"):
    packet = read(
        f"0-{channel}:24.1.0({kind})",
        f"0-{channel}:96.1.0(4730)",
        f"0-{channel}:{register}(261204080000W)({value})",
    )
    assert packet["kwh"]["low"]["consumed"] == 123.456
    return {name: packet["gas"][name] for name in ("eid", "device_type", "total")}


for what, said, seen in (
    ("gas, channel 1", meter(1, "003", "01234.567*m3"), {"eid": "4730", "device_type": 3, "total": 1234.567}),
    ("gas, channel 2", meter(2, "003", "01234.567*m3"), {"eid": None, "device_type": None, "total": 0}),
    ("gas in Belgium", meter(1, "003", "01234.567*m3", "24.2.3"), {"eid": "4730", "device_type": 3, "total": 0}),
    ("heat, channel 1", meter(1, "012", "0012.345*GJ"), {"eid": "4730", "device_type": 2, "total": 0}),
):
    print(f"{what}: {said}")
    assert said == seen, "it is read otherwise now"

watts = read("1-0:21.7.0(00.000*kW)", "1-0:22.7.0(01.500*kW)")["instantaneous"]["l1"]["watts"]
print("a phase that feeds in 1.5 kW:", watts, "W")
assert watts == 0, "what is fed in is read now"
PY
