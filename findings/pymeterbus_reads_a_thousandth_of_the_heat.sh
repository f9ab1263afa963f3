#!/usr/bin/env bash
# pyMeterBus 0.8.5 (PyPI) reads M-Bus telegrams of heat meters and the like, wired or by radio.
#
# Expected ("The M-Bus: A Documentation", 8.4.5, and EN 13757-3, on the codes that follow a unit): a code E111 0nnn behind
# the unit multiplies the value by 10 to the (nnn - 6), and E111 1101 by 1000. In a date with time (type F) the highest
# bit of the first byte says that the time is invalid, the highest of the second that it is summer time.
#
# Seen: the factors are passed over. 12345 kWh with "times 1000" behind it, as a house of many flats has it, are 12345 kWh;
# so they are with "times 0.001". An UNKNOWN_ENHANCEMENT is told beside it, the same for each of them, so nobody can make
# up for it. A meter that says its clock is invalid has its time told as any other, and of an autumn night's two readings
# at 2:30 both are at 2:30.
#
# So a heat bill is a thousandth or a thousandfold, and a day's heat is put where a clock without its battery had it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'pyMeterBus==0.8.5' 'pyserial==3.5' 'simplejson==3.20.2' 'PyYAML==6.0.3' 'future==1.0.0'
"$folder/venv/bin/python" - <<'PY'
import meterbus


def read(record):
    """What the library says of one record of an answer (address 1, a meter of heat)."""
    body = bytes.fromhex("08 01 72 78 56 34 12 2D 2C 1B 04 01 00 00 00" + record)
    frame = bytes([0x68, len(body), len(body), 0x68, *body, sum(body) & 0xFF, 0x16])
    (only,) = meterbus.load(frame).records
    return only.interpreted


KWH = 12345 * 1000  # in Wh, as the library says energy
for what, record in (
    ("12345 kWh", "04 06 39 30 00 00"),
    ("12345 kWh times 1000", "04 86 7D 39 30 00 00"),
    ("12345 kWh times 10", "04 86 77 39 30 00 00"),
    ("12345 kWh times 0.001", "04 86 73 39 30 00 00"),
):
    said = read(record)
    print(f"{what}: {said['value']} {said['unit']} {said.get('unit_enh', '')}")
    assert said["value"] == KWH, "a factor is read now"
    assert said.get("unit_enh", "") in ("", "VIFUnitEnhExt.UNKNOWN_ENHANCEMENT"), "a factor has a name now"

# 2026-10-25 02:30: minutes, hours, day with the year's low bits, month with its high ones.
NIGHT = "2026-10-25T02:30"
for what, record in (
    ("winter time", "04 6D 1E 02 59 3A"),
    ("summer time", "04 6D 1E 82 59 3A"),
    ("an invalid time", "04 6D 9E 02 59 3A"),
):
    said = read(record)
    print(f"{what}: {said['value']}")
    assert said["value"] == NIGHT and "unit_enh" not in said, "the clock's bits are told now"
PY
