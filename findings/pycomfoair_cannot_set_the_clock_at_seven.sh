#!/usr/bin/env bash
# pycomfoair 0.2.0 (PyPI, package comfoair) talks to Zehnder's ventilation units (ComfoAir 350 and kin, WHR930) by RS232.
# A message ends with a checksum: the sum of command, length and data, plus 173. A byte 7 opens a control sequence, so
# one in the data is sent twice.
#
# Expected: the checksum is made of the data as they are, and doubled afterwards (so openHAB's binding, calculateRequest in
# ComfoAirSerialConnector, and so this package reads what it receives).
#
# Seen on 2026-12-02: it is made after the doubling, so each 7 counts twice. set_rtc at 18:07 and at any minute from 07:00
# to 07:59 sends a checksum that is 7 too large (14 at 07:07), and the package's own reader rejects such data. set_rtc
# returns as after any other. A clock that is set each morning at seven, before the day's program of the fans begins,
# is set by a message that no reader of this protocol takes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'pycomfoair==0.2.0'
"$folder/venv/bin/python" - <<'PY'
import asyncio
from datetime import datetime

from comfoair import ComfoAirBase
from comfoair.asyncio import ComfoAir

sent = []


async def note(transaction):
    """Take what would be queued for the line."""
    sent.append(transaction.tx)


def meant(command, data):
    """Return the message with its checksum as the binding of openHAB makes it."""
    block = bytes([0, command, len(data), *data])
    block += bytes([(sum(block) + 173) & 0xFF])
    return b"\x07\xf0" + block.replace(b"\x07", b"\x07\x07") + b"\x07\x0f"


unit = ComfoAir("socket://127.0.0.1:9")
unit._transaction = note
for clock, off in (("06:15", 0), ("07:15", 7), ("18:07", 7), ("07:07", 14), ("08:00", 0)):
    hour, minute = map(int, clock.split(":"))
    asyncio.run(unit.set_rtc(datetime(2026, 12, 1, hour, minute)))
    command = sent.pop()
    written, right = ComfoAirBase._create_msg(command.cmd, command.data), meant(command.cmd, command.data)
    print(f"{clock}: {written.hex()}, meant {right.hex()}")
    assert written[:-3] == right[:-3]
    assert (written[-3] - right[-3]) % 256 == off, "the checksum is made otherwise now"

# the reader knows the answers' commands alone: the same data under one of them
for data in (b"\x03\x06\x0f", b"\x03\x07\x0f"):
    own, other = (ComfoAirBase._parse_msg(made(0x9C, data)) for made in (ComfoAirBase._create_msg, meant))
    print(f"{data.hex()}: reads its own {'msg' in own}, reads the other {'msg' in other}")
    assert "msg" in other
    assert ("msg" in own) == (b"\x07" not in data), "it reads what it wrote now"
PY
