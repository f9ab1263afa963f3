#!/usr/bin/env bash
# PySwitchbot 3.1.0: an advertisement of a CO2 meter whose temperature and humidity are
# zero yields nothing at all, though the same bytes hold a good CO2 value.
#
# Seen: with 21.3 degrees and 45 % the parser gives co2 = 812; with 0.0 and 0 % it gives {}.
# A host that reads zeros as "no climate" still loses the one value that was measured; the
# cloud, for the same meter, sends the zeros beside the CO2 value.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'PySwitchbot==3.1.0'
"$folder/venv/bin/python" - <<'PY'
from switchbot.adv_parsers.meter import process_wosensorth_c


def advertisement(tenths, degrees, humidity, co2):
    """Manufacturer data: address, sequence, battery, climate, two spare bytes, CO2."""
    climate = bytes([tenths, 0x80 | degrees, humidity])
    return bytes(6) + bytes([1, 90]) + climate + bytes(2) + co2.to_bytes(2, "big")


good = process_wosensorth_c(None, advertisement(3, 21, 45, 812))
zeros = process_wosensorth_c(None, advertisement(0, 0, 0, 812))
print("with a climate:", good)
print("with zeros:    ", zeros)
assert good["co2"] == 812 and good["temperature"] == 21.3
assert zeros == {}, "the CO2 value is given now"
PY
