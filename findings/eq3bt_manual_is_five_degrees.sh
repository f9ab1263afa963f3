#!/usr/bin/env bash
# python-eq3bt 0.2 speaks with the radiator thermostat eQ-3 CC-RT-BLE. "Manual" holds the temperature
# that is wanted now; before the first status the package has -1 for it, which is no temperature.
#
# Seen: on a new Thermostat, `mode = Mode.Manual` sends 40 4a: manual, 5.0 °C, the lowest there is. A
# room that was at 21 °C is left to cool, without an error. After a status it sends 40 6a, 21.0 °C.
# The end of a holiday, too, is what was once heard: in automatic mode again, `away_end` is still the end
# of the holiday that was cancelled, and str() says "away: end:".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'python-eq3bt==0.2' 'construct==2.10.70'
"$folder/venv/bin/python" - <<'PY'
from datetime import datetime

from eq3bt import Mode, Thermostat


class Radio:
    """A connection that keeps what is sent."""

    def __init__(self, mac, interface):
        self.mac, self.sent = mac, []

    def set_callback(self, handle, function):
        self.heard = function

    def make_request(self, handle, value, *_, **__):
        self.sent.append(bytes(value).hex(" "))


def thermostat():
    return Thermostat("00:1A:22:00:00:00", connection_cls=Radio)


fresh = thermostat()
fresh.mode = Mode.Manual
print("manual, nothing heard yet:", fresh._conn.sent)
assert fresh._conn.sent == ["40 4a"], "something else is sent now"
assert (0x4A & 0x3F) / 2 == 5.0

known = thermostat()
known._conn.heard(bytes.fromhex("02 01 08 30 04 2a"))  # automatic, valve 48 %, 21.0 °C
assert known.target_temperature == 21.0
known.mode = Mode.Manual
print("manual, 21 °C heard:", known._conn.sent)
assert known._conn.sent == ["40 6a"]

holiday = thermostat()
# away until 31 December 2026, 12:00, at 12 °C; then, cancelled, automatic at 21 °C
holiday._conn.heard(bytes.fromhex("02 01 0a 00 04 18 1f 1a 18 0c"))
assert (holiday.mode, holiday.away_end) == (Mode.Away, datetime(2026, 12, 31, 12))
holiday._conn.heard(bytes.fromhex("02 01 08 30 04 2a 00 00 00 00"))
print(holiday)
assert (holiday.mode, holiday.target_temperature) == (Mode.Auto, 21.0)
assert holiday.away_end == datetime(2026, 12, 31, 12), "the end is forgotten now"
assert "away: end: 2026-12-31 12:00:00" in str(holiday)
PY
