#!/usr/bin/env bash
# switchbotpy 0.1.8 reads the timers of a Bot from its twelve bytes and writes them again. A timer
# that works at intervals carries days too, and is read without them.
#
# Seen: a daily timer of 07:30 is read and written back, on or off, byte for byte in what it says. A
# timer at intervals (every 2 h 15 min, three times, daily) is read, and both to_dict() and writing it
# back raise: its mode is a number and no Mode, its days are None. The status "cannot connect" has no words either: msg() raises ValueError,
# since its line asks for "does not respond" a second time.
#
# Its Bluetooth library has to be compiled and is not needed to read bytes: an empty name stands in.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install --no-deps 'switchbotpy==0.1.8'
"$folder/venv/bin/python" - <<'PY'
import sys
from unittest.mock import MagicMock

for name in ("pygatt", "pygatt.backends", "pygatt.backends.bgapi", "pygatt.exceptions"):
    sys.modules[name] = MagicMock()

from switchbotpy.switchbot_timer import parse_timer_cmd
from switchbotpy.switchbot_util import ActionStatus

EVERY_DAY = 0b1111111
# status, timers, -, days, hour, minute, mode, action, times, hours and minutes between
daily = bytes([1, 1, 0, EVERY_DAY, 7, 30, 0, 1, 0, 0, 0])
interval = bytes([1, 1, 0, EVERY_DAY, 7, 30, 1, 0, 3, 2, 15])

timer, count = parse_timer_cmd(daily)
print("daily:", timer.to_dict(), timer.to_cmd(0, count).hex())
assert timer.to_cmd(0, count)[3:] == daily[3:]

timer, count = parse_timer_cmd(interval)
print("interval:", timer.interval_hour, timer.interval_min, timer.mode, timer.weekdays)
try:
    timer.to_dict()
    raise SystemExit("it can be shown now")
except AttributeError as error:
    print("shown:", error)
try:
    timer.to_cmd(0, count)
    raise SystemExit("it can be written back now")
except TypeError as error:
    print("written back:", error)

print(ActionStatus.unable_resp.msg())
try:
    ActionStatus.unable_connect.msg()
    raise SystemExit("it has words now")
except ValueError as error:
    print(error)
PY
