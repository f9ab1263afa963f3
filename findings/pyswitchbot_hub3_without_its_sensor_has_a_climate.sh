#!/usr/bin/env bash
# PySwitchbot 3.1.0: the sensor of a SwitchBot Hub 3 sits in its cable, and a bit of the
# advertisement says that it is not there. The parser tells that, and gives a temperature and a
# humidity beside it all the same: whatever the bytes hold.
#
# Seen: without its sensor the bytes of 21.3 degrees and 45 % are told as they were, and zeros as
# -0.0 degrees (the bit that is set for "above zero" is missing as well) and 0 %. Of the same
# zeros the parser of a Hub 2 says nothing. Whoever reads a Hub 3 asks for sensor_inserted first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'PySwitchbot==3.1.0'
"$folder/venv/bin/python" - <<'PY'
from switchbot.adv_parsers.hub2 import process_wohub2
from switchbot.adv_parsers.hub3 import process_hub3


def hub3(climate, *, inserted):
    """Address, sequence, five bytes of other things, light and sensor, climate, motion."""
    return bytes(6) + bytes([1, 0, 0, 0, 0, 0, 5 | (not inserted) << 5]) + climate + bytes(1)


WARM, ZEROS = bytes([3, 0x80 | 21, 45]), bytes(3)
there = process_hub3(None, hub3(WARM, inserted=True))
found = [process_hub3(None, hub3(climate, inserted=False)) for climate in (WARM, ZEROS)]
for said in (there, *found):
    print({name: said[name] for name in ("sensor_inserted", "temperature", "humidity")})
print("Hub 2, zeros:", process_wohub2(None, bytes(12) + bytes([5]) + ZEROS))
assert there["sensor_inserted"] and not any(said["sensor_inserted"] for said in found)
assert process_wohub2(None, bytes(12) + bytes([5]) + ZEROS) == {}
climates = [(said.get("temperature"), said.get("humidity")) for said in found]
assert climates == [(21.3, 45), (-0.0, 0)], "nothing is told without the sensor now"
assert str(climates[1][0]) == "-0.0"
PY
