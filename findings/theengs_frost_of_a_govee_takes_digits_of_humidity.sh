#!/usr/bin/env bash
# TheengsDecoder 2.5.0 beside govee-ble 1.5.2: a Govee H5075 packs temperature and humidity into
# one number, tenths of a degree before the last three digits, tenths of a percent in them, and
# a bit of its own for the sign. Above zero TheengsDecoder cuts the last three digits off, below
# zero it divides by them as well: the drier or wetter the air, the colder the frost.
#
# Seen: at 5.2 degrees both say 5.2 whatever the humidity. At -5.2 degrees govee-ble says -5.2
# three times, TheengsDecoder -5.201 at 1 %, -5.245 at 45 % and -5.2999 at 99.9 %. A room that
# only gets damper looks as if it cooled down by a tenth.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'TheengsDecoder==2.5.0' 'govee-ble==1.5.2'
"$folder/venv/bin/python" - <<'PY'
import json

from govee_ble.parser import decode_temp_humid
from TheengsDecoder import decodeBLE


def packed(tenths, thousandths):
    """The three bytes of a packet: sign, degrees, humidity."""
    return (abs(tenths) * 1000 + thousandths | (tenths < 0) << 23).to_bytes(3, "big")


def theengs(body):
    packet = {"name": "GVH5075_0000", "manufacturerdata": f"88ec00{body.hex()}6400"}
    said = json.loads(decodeBLE(json.dumps(packet)))
    return said["tempc"], said["hum"]


found = {}
for tenths in (52, -52):
    for thousandths in (10, 450, 999):
        body = packed(tenths, thousandths)
        one, other = theengs(body), decode_temp_humid(body)
        print(body.hex(), "TheengsDecoder:", one, "govee-ble:", other)
        assert one[1] == other[1] == thousandths / 10
        assert other[0] == tenths / 10
        found.setdefault(tenths, set()).add(one[0])
assert found[52] == {5.2}
assert found[-52] == {-5.201, -5.245, -5.2999}, "frost is cut off to tenths now"
PY
