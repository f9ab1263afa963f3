#!/usr/bin/env bash
# eurotronic-cometblue-ha 1.4.0 reads and writes a Comet Blue radiator valve. A weekday has up to four
# periods, in eight bytes of ten minutes each; what it wrote itself it does not read back.
#
# Expected (its README, and each method's words): what was set is what is read, get_weekday gives start1 to
# end4 as set_weekday took them, and get_temperature the tempOffset in degrees as set_temperature took it.
#
# Seen: of four periods the second comes back as the second and the third, the third as the fourth, and
# the fourth never. Two periods come back as three, and who writes that again has the second twice in
# the valve. An offset of +2.0 comes back as +1.0, one of +0.5 as 0.0, one of -2.0 as -2.0. A holiday
# that ends on a 31st is written, and raises InvalidByteValueError on every reading.
#
# Held against: the bytes that the same library wrote to a stand-in valve, which keeps them. Whoever shows
# or copies a week of heating by it shows or copies another one, and an offset that is read and set again
# is halved each time. On Python 3.11, which its metadata admits, importing it needs a name of 3.12.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'eurotronic-cometblue-ha==1.4.0' 'typing-extensions'
"$folder/venv/bin/python" - <<'PY'
import asyncio
import collections.abc
from datetime import datetime

from typing_extensions import Buffer

collections.abc.Buffer = Buffer  # 1.4.0 wants it of Python 3.12, and says that it runs from 3.10 on

from bleak.backends.device import BLEDevice
from eurotronic_cometblue_ha import AsyncCometBlue, InvalidByteValueError, Weekday, const


class Valve:
    """Keeps what is written to it; 0x80 leaves a byte of the temperatures as it is."""

    def __init__(self):
        self.kept = {const.CHARACTERISTIC_TEMPERATURE: bytearray([40, 40, 34, 42, 0, 4, 10])}

    async def read_gatt_char(self, characteristic, **_):
        return bytearray(self.kept[characteristic])

    async def write_gatt_char(self, characteristic, data, response=None):
        old = self.kept.get(characteristic)
        if characteristic == const.CHARACTERISTIC_TEMPERATURE:
            data = bytes(o if n == const.UNCHANGED_VALUE else n for o, n in zip(old, data))
        self.kept[characteristic] = bytearray(data)


def week(*periods):
    return {f"{edge}{i}": at for i, pair in enumerate(periods, 1) for edge, at in zip(("start", "end"), pair)}


async def main():
    blue = AsyncCometBlue(BLEDevice("00:00:00:00:00:00", "valve", None))
    blue.client = valve = Valve()
    a, b, c, d = ("05:00", "06:00"), ("08:00", "09:00"), ("12:00", "13:00"), ("18:00", "22:00")
    for wanted, read in ((week(a, b, c, d), week(a, b, b, c)), (week(a, b), week(a, b, b))):
        await blue.set_weekday_async(Weekday.MONDAY, wanted)
        print("written", valve.kept[const.CHARACTERISTIC_MONDAY].hex(), "said", wanted)
        said = await blue.get_weekday_async(Weekday.MONDAY)
        print("read   ", said)
        assert said == read, "a week is read otherwise now"
    await blue.set_weekday_async(Weekday.MONDAY, said)
    assert valve.kept[const.CHARACTERISTIC_MONDAY] == bytes([30, 36, 48, 54, 48, 54, 0, 0])
    for wanted, read in ((2.0, 1.0), (0.5, 0.0), (-2.0, -2.0)):
        await blue.set_temperature_async({"manualTemp": 20.0, "tempOffset": wanted})
        said = (await blue.get_temperature_async())["tempOffset"]
        print("offset", wanted, "comes back as", said)
        assert said == read, "an offset comes back otherwise now"
    away = {"start": datetime(2026, 12, 24, 8), "end": datetime(2026, 12, 30, 18), "temperature": 16.0}
    await blue.set_holiday_async(1, away)
    assert await blue.get_holiday_async(1) == away
    await blue.set_holiday_async(1, away | {"end": datetime(2026, 12, 31, 18)})
    try:
        await blue.get_holiday_async(1)
    except InvalidByteValueError as error:
        print("a holiday until the 31st:", error)
    else:
        raise SystemExit("a 31st is read now")


asyncio.run(main())
PY
