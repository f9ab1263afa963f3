#!/usr/bin/env bash
# agrometeorologiapy 1.0.1 (PyPI) counts degree days from a day's extremes until a sum is reached (maturity_date).
#
# Expected: a day that stays below the base temperature as a whole counts nothing. Its words have a rule for a base
# below the day's least temperature, and one for a base at or above that, the triangle (greatest - base)^2 / (2 span).
#
# Seen on 2026-12-02: the second rule is also taken where the base lies above the greatest temperature, and a square has
# no sign. With a base of 10, a day from 0 to 2 counts 16, more than one from 20 to 30 (15); from -6 to -2 it counts 18:
# the colder, the more. A sum of 300 is reached after 19 of the first, and after 20 of the warm ones. Who heats a
# greenhouse until such a sum is reached stops in the frost.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'agrometeorologiapy==1.0.1'
"$folder/venv/bin/python" - <<'PY'
import pandas as pd
from agrometeorologiapy.en.degree_days import maturity_date

BASE = 10


def of_days(least, greatest, total):
    """Count a January of equal days until the sum is reached."""
    days = pd.DataFrame({"day": range(1, 32), "month": 1, "Tmin": float(least), "Tmax": float(greatest)})
    days["Tmean"] = (days["Tmin"] + days["Tmax"]) / 2
    return maturity_date(days, BASE, total, 1, 1, verbose=False)


seen = {(20, 30): 15, (5, 15): 1.25, (9, 10): 0, (4, 9): 0.1, (0, 2): 16, (-6, -2): 18}
for (least, greatest), counted in seen.items():
    try:
        said = of_days(least, greatest, 0.0001)["GDD"].iloc[0]
    except ValueError as error:
        said = 0
        print(error)
    print(f"a day from {least} to {greatest}: {said}")
    assert said == counted, "such a day counts otherwise now"
    if greatest < BASE:
        assert said > 0

warm, frost = (len(of_days(*days, 300)) for days in ((20, 30), (0, 2)))
print(f"a sum of 300 takes {warm} days from 20 to 30, and {frost} days from 0 to 2")
assert (warm, frost) == (20, 19)
PY
