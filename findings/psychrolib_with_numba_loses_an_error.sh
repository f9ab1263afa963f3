#!/usr/bin/env bash
# psychrolib 2.5.0 with and without numba 0.68.1, which pythermalcomfort brings along: psychrolib
# compiles itself where it finds numba, and an error that an inner function raises is lost on the
# way through an outer one.
#
# Seen without numba: the dew point of air with no water at all (20 degrees, 0 %) is a ValueError,
# directly and by the relative humidity. With numba the direct way still raises; by the relative
# humidity it is 0.0 degrees, where 0.01 % gives -70.8. A humidity outside 0 to 1 raises either way.
# A lost meter that reports zeros turns into air that wets a cold wall, once another package is installed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/ask.py" <<'PY'
import sys

import psychrolib

psychrolib.SetUnitSystem(psychrolib.SI)
compiled = sys.argv[1] == "numba"


def answer(function, *arguments):
    try:
        return round(float(function(*arguments)), 1)
    except ValueError:
        return "ValueError"


found = {
    "pressure 0 Pa": answer(psychrolib.GetTDewPointFromVapPres, 20.0, 0.0),
    "0 %": answer(psychrolib.GetTDewPointFromRelHum, 20.0, 0.0),
    "0.01 %": answer(psychrolib.GetTDewPointFromRelHum, 20.0, 0.0001),
    "45 %": answer(psychrolib.GetTDewPointFromRelHum, 20.0, 0.45),
    "150 %": answer(psychrolib.GetTDewPointFromRelHum, 20.0, 1.5),
}
print("with numba:" if compiled else "without:", found)
assert found["pressure 0 Pa"] == found["150 %"] == "ValueError"
assert (found["0.01 %"], found["45 %"]) == (-70.8, 7.7)
assert found["0 %"] == (0.0 if compiled else "ValueError"), "both say the same now"
PY
for with in nothing numba; do
    python3 -m venv "$folder/$with"
    "$folder/$with/bin/pip" --quiet install 'psychrolib==2.5.0'
    if [ "$with" = numba ]; then
        "$folder/$with/bin/pip" --quiet install 'numba==0.68.1' 'numpy==2.4.6'
    fi
    "$folder/$with/bin/python" "$folder/ask.py" "$with"
done
