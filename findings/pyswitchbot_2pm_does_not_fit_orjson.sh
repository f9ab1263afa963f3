#!/usr/bin/env bash
# PySwitchbot 3.1.0 and orjson 3.11.4: what the parser gives of a Relay Switch 2PM has the
# numbers 1 and 2 as keys, beside a key that is a text. The standard library's json writes
# it, with the numbers as texts; orjson refuses it unless it is told OPT_NON_STR_KEYS.
#
# Seen: json.loads(json.dumps(parsed)) != parsed, and orjson raises JSONEncodeError
# "Dict key must be str". Whoever keeps such readings turns the channels into texts first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'PySwitchbot==3.1.0' 'orjson==3.11.4'
"$folder/venv/bin/python" - <<'PY'
import json

import orjson
from switchbot.adv_parsers.relay_switch import process_relay_switch_2pm

data = bytes(6) + bytes([7, 0b11000000, 0, 0, 0x01, 0x2C, 0x00, 0x64])
parsed = process_relay_switch_2pm(None, data)
print("parsed:", parsed)
print("keys:  ", [type(key).__name__ for key in parsed])
assert [type(key) for key in parsed] == [int, int, str]
assert json.loads(json.dumps(parsed)) != parsed
try:
    orjson.dumps(parsed)
except orjson.JSONEncodeError as error:
    print("orjson:", error)
else:
    raise SystemExit("orjson writes it now")
print("orjson with OPT_NON_STR_KEYS:", orjson.dumps(parsed, option=orjson.OPT_NON_STR_KEYS))
PY
