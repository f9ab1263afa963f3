#!/usr/bin/env bash
# pyepw 0.1 (PyPI) reads and writes weather files for simulations of buildings (EPW, of EnergyPlus), each field with its type.
#
# Expected: a file that was read and saved says what it said before.
#
# Seen on 2026-12-02: an hour's present weather is nine digits, one for each kind of weather, the first for storms and
# the second for rain, 9 being none. It is read as a number, so an hour of thunder and light rain, 009999999, is
# saved as 9999999, which from the left is no storm and no rain. A comment is cut at its first comma: of
# the source and its licence the beginning is left, with a quotation mark that is never closed. And a second
# read() of the same object adds the second file's hours to those of the first, under the second one's place.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'setuptools==80.9.0' 'wheel==0.45.1'
"$folder/venv/bin/pip" --quiet install --no-build-isolation 'pyepw==0.1'
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
from pyepw.epw import EPW

CODES = ["999999999", "909999999", "009999999"]
HEADER = """LOCATION,{place},-,DEU,Made Up,103840,52.47,13.40,1.0,49.0
DESIGN CONDITIONS,0
TYPICAL/EXTREME PERIODS,0
GROUND TEMPERATURES,0
HOLIDAYS/DAYLIGHT SAVINGS,No,0,0,0
COMMENTS 1,"Original data (c) 2001 A Society of Engineers, Inc., all rights reserved"
COMMENTS 2, -- made up
DATA PERIODS,1,1,Data,Sunday, 1/ 1,12/31
"""
HOUR = (
    "2001,1,1,{hour},60,?9?9?9?9E0?9?9?9?9?9?9?9?9?9?9?9?9?9?9?9*9*9?9?9?9,-1.9,-6.0,75,100800,0,1415,245,"
    "0,0,0,0,0,0,0,90,2.1,10,10,20.0,77777,0,{codes},70,0.0990,0,88,0.000,0.0,0.0\n"
)


def write(path, place):
    with open(path, "w") as file:
        file.write(HEADER.format(place=place))
        file.writelines(HOUR.format(hour=k + 1, codes=codes) for k, codes in enumerate(CODES))


write("berlin.epw", "Berlin")
weather = EPW()
weather.read("berlin.epw")
weather.save("saved.epw")

with open("saved.epw") as file:
    saved = file.read().splitlines()
codes = [line.split(",")[27] for line in saved[8:]]
print("present weather:", CODES, "\nsaved:          ", codes)
assert codes == ["999999999", "909999999", "9999999"], "the nine digits are kept now"
print(saved[5])
assert saved[5] == 'COMMENTS 1,"Original data (c) 2001 A Society of Engineers', "a comment is kept whole now"

write("other.epw", "Elsewhere")
weather.read("other.epw")
print(weather.location.city, len(weather.weatherdata), "hours, of which the file has", len(CODES))
assert weather.location.city == "Elsewhere" and len(weather.weatherdata) == 6, "a file is read by itself now"
PY
