#!/usr/bin/env bash
# pychonet 2.8.2: ECHONET Lite has words among its numbers (Appendix "Detailed requirements for ECHONET device
# objects", home air conditioner 0x0130): 0x7E of a measured temperature is "cannot be measured", 0x7F and 0x80
# are beyond the range, and 0xFD of a set temperature or a humidity is "undefined", as it is in automatic mode
# of many units. The library reads all of them as signed numbers.
#
# Seen: a room, and the air outdoors, of 21 degrees are 21, ones that cannot be measured 126 degrees, and
# beyond the ends 127 and -128; a target that is undefined is -3 degrees, a humidity that is none 253 %.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'pychonet==2.8.2'
"$folder/venv/bin/python" - <<'PY'
import asyncio

from pychonet import HomeAirConditioner

HOST, ROOM, OUTDOORS, TARGET, HUMIDITY = "192.0.2.1", 0xBB, 0xBE, 0xB3, 0xBA
WANTED = (ROOM, OUTDOORS, TARGET, HUMIDITY)


class Heard:
    """What stands for the network: one air conditioner that told these properties."""

    def __init__(self, *values):
        told = dict(zip(WANTED, (bytes([each]) for each in values)))
        self._state = {HOST: {"instances": {0x01: {0x30: {0x01: told}}}}}


async def read(*values):
    unit = HomeAirConditioner(HOST, api_connector=Heard(*values))
    found = await unit.update(list(WANTED), no_request=True)
    return [found[each] for each in WANTED]


async def main():
    known = await read(21, 21, 22, 45)
    unknown = await read(0x7E, 0x7E, 0xFD, 0xFD)
    beyond = await read(0x7F, 0x80, 22, 45)
    print("room, outdoors, target, humidity:", known)
    print("none of them known:", unknown)
    print("beyond the ends:", beyond[:2])
    assert known == [21, 21, 22, 45]
    assert unknown == [126, 126, -3, 253], "what is not known is no number now"
    assert beyond[:2] == [127, -128]


asyncio.run(main())
PY
