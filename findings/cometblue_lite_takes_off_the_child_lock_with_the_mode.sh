#!/usr/bin/env bash
# cometblue-lite 0.7.0 (PyPI) reads and sets the radiator valves Comet Blue, Sygonix and Xavax by Bluetooth. A valve's
# state is three bytes: in the first the highest bit is the child lock, the lowest manual mode.
#
# Expected: manual_mode sets the mode ("set manual/auto mode"), and is_off switches the valve off ("Mode: manual, Target
# temperature: 7.5"); the child lock, of which the library knows (`locked`), stays as it is.
#
# Seen: a valve locked and in automatic mode says 80; setting manual mode writes 01 00 00, setting automatic mode 00 00 00:
# only what was set goes into the bytes, and all else is written as off. is_off does it too. Nothing is raised.
#
# So the valve in a child's room that is switched off while its window is open is unlocked from then on.
#
# Held against: a stand-in for the valve that keeps the bytes written, and the library's own reading of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'cometblue-lite==0.7.0' 'bleak==3.1.0' 'bleak-retry-connector==4.7.1'
"$folder/venv/bin/python" - <<'PY'
import asyncio

from bleak.backends.device import BLEDevice
from cometblue_lite import CometBlue
from cometblue_lite.cometblue import BATTERY_CHAR, STATUS_CHAR, TEMPERATURE_CHAR

LOCKED, LOCKED_AND_MANUAL = 0x80, 0x81


class Valve:
    """Keeps what is written to it; 0x80 leaves a byte of the temperatures as it is."""

    is_connected = True

    def __init__(self, state):
        temperatures = bytes([40, 42, 34, 42, 0, 4, 10])
        self.kept = {TEMPERATURE_CHAR: temperatures, STATUS_CHAR: bytes([state, 0, 8]), BATTERY_CHAR: bytes([80])}

    async def read_gatt_char(self, characteristic, **_):
        return self.kept.get(characteristic, b"stand-in")

    async def write_gatt_char(self, characteristic, data, response=None):
        if characteristic == TEMPERATURE_CHAR:
            data = bytes(old if new == 0x80 else new for old, new in zip(self.kept[characteristic], data))
        self.kept[characteristic] = bytes(data)


async def after(state, **wanted):
    """What the valve has, and what the library says of its lock, before and after a wish."""
    device = BLEDevice("00:00:00:00:00:00", "valve", None)
    blue = CometBlue(0)
    blue._client = valve = Valve(state)
    blue._device = device
    await blue.update(device)
    assert blue.locked, "it does not know the lock"
    for name, value in wanted.items():
        setattr(blue, name, value)
    await blue.update(device)
    blue._disconnect_timer.cancel()
    print(f"{state:#x}, {wanted}: {valve.kept[STATUS_CHAR].hex()}, locked: {blue.locked}, manual: {blue.manual_mode}")
    return valve.kept[STATUS_CHAR].hex(), blue.locked


async def main():
    assert await after(LOCKED, target_temperature=22.0) == ("800008", True)  # without a mode it stays
    assert await after(LOCKED, manual_mode=True) == ("010000", False), "the lock stays now"
    assert await after(LOCKED_AND_MANUAL, manual_mode=False) == ("000000", False), "the lock stays now"
    assert await after(LOCKED, is_off=True) == ("010000", False), "the lock stays now"


asyncio.run(main())
PY
