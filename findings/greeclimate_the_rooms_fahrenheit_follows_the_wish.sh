#!/usr/bin/env bash
# greeclimate 4.1.0: a Gree unit measures its room in whole degrees Celsius (TemSen, plus 40) and keeps a wish in
# Fahrenheit as a whole degree Celsius (SetTem) and a bit that says which of two Fahrenheit degrees is meant
# (TemRec). The library reads the room with the bit of the wish.
#
# Seen: a room that stays at 21 degrees is 69 while the wish is 71, 70 while it is 70 or 72, 69 again at 73; of
# 41 wishes from 46 to 86 degrees Fahrenheit 23 have it so, and 18 the other way. A room of 20 is 68 at any wish.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'greeclimate==4.1.0'
"$folder/venv/bin/python" - <<'PY'
import asyncio
from collections import Counter

from greeclimate.air_conditioner import AirConditionerDevice
from greeclimate.deviceinfo import DeviceInfo


def readings(room_celsius):
    """The room in Fahrenheit as the library tells it, by the wish in Fahrenheit."""
    unit = AirConditionerDevice(DeviceInfo("192.0.2.1", 7000, "aabbcc112233", "unit"))
    unit.handle_state_update(Pow=1, Mod=4, TemUn=1, TemSen=room_celsius + 40, SetTem=21, TemRec=0)
    told = {}
    for wish in range(46, 87):
        unit.target_temperature = wish
        told[wish] = unit.current_temperature
    return told


async def main():
    room = readings(21)
    print("21 degrees, by the wish:", {wish: room[wish] for wish in range(68, 76)})
    print("how often each:", dict(Counter(room.values())), "| 20 degrees:", set(readings(20).values()))
    return room


room = asyncio.run(main())
assert set(room.values()) == {69, 70}, "the room no longer follows the wish"
PY
