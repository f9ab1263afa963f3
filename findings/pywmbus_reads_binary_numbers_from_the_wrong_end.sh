#!/usr/bin/env bash
# pywmbus 0.0.7 (PyPI) reads wireless M-Bus telegrams of heat, water and gas meters, with a CUL stick or without.
#
# Expected (EN 13757-3, and "The M-Bus: A Documentation", 4.3 and 6.3): numbers of several bytes begin with the least one,
# binary ones (data field 1 to 4, 6 and 7) with a sign, and decimal ones (9 to 12 and 14) as well.
#
# Seen: decimal ones are read so, binary ones from the other end and without a sign. 12345 kWh as eight decimal digits are
# 12345, as 32 bits 959447040. A flow of 21.5 degrees (215 tenths, 16 bits: D7 00) is 55040 tenths, outdoor air of -5.0 is
# 52991. One byte is right as long as it is above zero.
#
# Heat meters send temperatures as 16 bits as a rule, so a home's flow is 5504 degrees, and what it used this month is a
# difference of numbers that leap with every 256th kWh.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'pywmbus==0.0.7'
"$folder/venv/bin/python" - <<'PY'
from pywmbus.datagram_record import DataRecord

for what, record, right, seen in (
    ("energy in kWh, 8 decimal digits", "0C 06 45 23 01 00", 12345, "12345"),
    ("energy in kWh, 32 bits", "04 06 39 30 00 00", 12345, "959447040"),
    ("the same one kWh later", "04 06 3A 30 00 00", 12346, "976224256"),
    ("flow in tenths of a degree, 16 bits", "02 5A D7 00", 215, "55040"),
    ("outdoor air in tenths of a degree, 16 bits", "02 66 CE FF", -50, "52991"),
    ("flow in whole degrees, 8 bits", "01 5B 15", 21, "21"),
):
    record = bytes.fromhex(record)
    width = len(record) - 2
    if record[0] < 8:  # plain arithmetic: what the same bytes are from the least one on, with a sign
        assert int.from_bytes(record[2:], "little", signed=True) == right, width
    said = repr(DataRecord.parse(record))
    print(f"{what}: {record.hex(' ')} is {right}, said {said}")
    assert said == seen, "it is read otherwise now"
PY
