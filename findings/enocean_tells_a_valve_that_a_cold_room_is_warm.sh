#!/usr/bin/env bash
# enocean 0.60.1 (PyPI, under many gateways and bridges to MQTT) makes and reads telegrams by EnOcean's equipment profiles.
# A5-20-01 is a radiator's battery powered valve: it tells its state (direction 1) and is told what to do (direction 2).
#
# Expected (EnOcean Equipment Profiles, A5-20-01, direction 2): the room's temperature, measured by the controller, goes
# out upside down, 255 to 0 for 0 to 40 degrees; the set point is 0 to 100 for a valve's per cent where SPS is 0, and 0 to
# 255 for 0 to 40 degrees where SPS is 1. (Direction 1 has its temperature the right way up.)
#
# Seen: the room goes out the right way up, so the valve hears of 40 less what it is: of a room of 16 degrees it hears that
# it has 24, of one of 24 that it has 16, and 20 alone is right. A set point of 21 degrees is sent as 21, which is 3.3
# degrees, and read back as 21 "%". Nothing is raised: a radiator in a cold room stays shut, in a warm one it opens.
#
# Held against: the bytes that the library makes, read by the profile's own figures.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'enocean==0.60.1' 'beautifulsoup4==4.14.3' 'pyserial==3.5'
"$folder/venv/bin/python" - <<'PY'
import logging
import warnings

warnings.simplefilter("ignore")  # of its parser, about an XML that it reads as HTML
logging.disable(logging.WARNING)  # no receiver and no sender is given here

from enocean.protocol.constants import PACKET, RORG
from enocean.protocol.packet import Packet


def told(**fields):
    """The four bytes that the valve is told, and what the library reads of them itself."""
    sent = Packet.create(PACKET.RADIO_ERP1, RORG.BS4, rorg_func=0x20, rorg_type=0x01, direction=2, **fields)
    sent.parse_eep(0x20, 0x01, direction=2)
    return sent.data[1:5], sent.parsed


# What the valve hears of what a room has.
for room, hears in ((16, 24.0), (20, 20.1), (24, 16.0)):
    data, _ = told(SPS=1, SP=21, TMP=room)
    heard = (255 - data[1]) * 40 / 255
    print(f"a room of {room} degrees: byte {data[1]}, which the profile calls {heard:.1f}")
    assert abs(heard - hears) < 0.1, "the room goes out otherwise now"

data, parsed = told(SPS=1, SP=21, TMP=20)
wish = data[0] * 40 / 255
print(f"a set point of 21 degrees: byte {data[0]}, which the profile calls {wish:.1f}; read back as", end=" ")
print(parsed["SP"]["value"], parsed["SP"]["unit"], f"({parsed['SPS']['value']})")
assert data[0] == 21 and abs(wish - 3.3) < 0.1, "a set point of a temperature goes out otherwise now"
assert (parsed["SP"]["unit"], parsed["SPS"]["value"]) == ("%", "Temperature set point")
data, _ = told(SPS=0, SP=60, TMP=20)
assert data[0] == 60  # a valve's per cent are right
PY
