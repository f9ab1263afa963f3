#!/usr/bin/env bash
# pythermalcomfort 4.8.1: wind_chill_temperature is the index of North America and the United Kingdom, which its
# makers give for 10 degrees and less and for more than 4.8 km/h (Environment Canada, US National Weather
# Service). Outside of that the formula is used all the same, where other models of this package answer nan
# (heat_index_rothfusz below 27 degrees does).
#
# Seen: in still air 0 degrees feel like 13.1, -10 like 6.9 and 15 like 22.4; at 1 km/h frost of -1 feels
# like 0.7. From 4.8 km/h on it is right: 0 degrees feel like -1.5.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'pythermalcomfort==4.8.1'
"$folder/venv/bin/python" -W ignore - <<'PY'
from math import isnan

from pythermalcomfort.models import heat_index_rothfusz, wind_chill_temperature

seen = {}
for degrees, wind in ((0, 0), (-10, 0), (15, 0), (-1, 1), (0, 4.8), (-5, 5.5)):
    seen[degrees, wind] = float(wind_chill_temperature(tdb=degrees, v=wind).wct)
    print(f"{degrees} degrees at {wind} km/h feel like {seen[degrees, wind]}")
assert isnan(float(heat_index_rothfusz(tdb=20, rh=50).hi)), "another model does not say nan"
assert seen[-5, 5.5] == -7.5, "the example of its documentation"
assert seen[0, 4.8] == -1.5
assert [seen[each] for each in ((0, 0), (-10, 0), (15, 0), (-1, 1))] == [13.1, 6.9, 22.4, 0.7]
PY
