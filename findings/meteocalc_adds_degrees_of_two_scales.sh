#!/usr/bin/env bash
# meteocalc 1.1.0: a Temp knows its scale, converts by .c, .f and .k, and is made to be used in sums;
# a sum takes the numbers as they are and the scale of the left one.
#
# Seen: 20 °C and 68 °F are the same temperature; the mean of a meter in Celsius and one in Fahrenheit
# is Temp(44.0, unit="C"), their difference Temp(-48.0, unit="C"), 20 °C == 68 °F is False, and so is
# 20 °C == 20 °C; min() of two is a TypeError. By .c on both sides everything is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'meteocalc==1.1.0'
"$folder/venv/bin/python" - <<'PY'
from meteocalc import Temp

here, there = Temp(20, "C"), Temp(68, "F")
assert here.c == there.c == 20
mean = sum([here, there]) / 2
print("mean:", repr(mean), "difference:", repr(here - there), "the other way:", repr(there + here))
assert (mean.value, mean.unit) == (44, "c"), "the scales are looked at now"
assert (here - there).value == -48
assert ((there + here).value, (there + here).unit) == (88, "f")
print("equal:", here == there, Temp(20, "C") == Temp(20, "C"))
assert here != there
assert Temp(20, "C") != Temp(20, "C")
try:
    min(here, there)
    raise SystemExit("they can be compared now")
except TypeError as error:
    print("min:", error)
assert (here.c + there.c) / 2 == 20
PY
