#!/usr/bin/env bash
# bsbgateway 1.2.0 reads and writes the parameters of heating controllers on the BSB bus (Siemens,
# Brötje, Elco). A date on that bus has one byte for the year, counted from 1900: 124 is 2024, 128 is
# 2028 (so BSB-LAN reads it, year byte plus 1900). The package takes the byte as a signed one.
#
# Seen: the controller's clock on 31 December 2027 is read right; a second later, at 1 January 2028, it
# is 1 January 1772, without an error, and so is the year alone. A clock of 2028 cannot be set:
# struct.error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'bsbgateway==1.2.0'
"$folder/venv/bin/python" - <<'PY'
import datetime as dt
import struct

from bsbgateway.bsb.model import BsbCommand, BsbDatatype, BsbType
from bsbgateway.bsb.payload_decode import decode
from bsbgateway.bsb.payload_encode import encode


def kind(name):
    return BsbType(
        unit="",
        name=name,
        datatype=BsbDatatype.Datetime,
        payload_length=8,
    )


CLOCK, YEAR = kind("DATETIME"), kind("YEAR")


def on_the_bus(moment, subtype=0):
    """What a controller answers: a flag, the year from 1900, and the rest as plain bytes."""
    return bytes(
        [0, moment.year - 1900, moment.month, moment.day, moment.isoweekday()]
        + [moment.hour, moment.minute, moment.second, subtype]
    )


last = dt.datetime(2027, 12, 31, 23, 59, 59)
first = last + dt.timedelta(seconds=1)
print(last, "is read as", decode(on_the_bus(last), CLOCK))
print(first, "is read as", decode(on_the_bus(first), CLOCK))
assert decode(on_the_bus(last), CLOCK) == last
assert decode(on_the_bus(first), CLOCK) == dt.datetime(1772, 1, 1), "2028 is read now"
assert decode(on_the_bus(first, 0x0F), YEAR) == 1772, "the year 2028 is read now"

setting = BsbCommand(parameter=0, command="0x053D000B", type=CLOCK, description="clock")
written = encode(last, CLOCK, setting)
assert written[1] == 127, written
try:
    encode(first, CLOCK, setting)
except struct.error as error:
    print("to set", first, "-", error)
else:
    raise SystemExit("2028 can be set now")
PY
