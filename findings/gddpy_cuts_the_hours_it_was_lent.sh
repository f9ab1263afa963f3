#!/usr/bin/env bash
# gddpy 1.0.3 counts growing degree days from a day's extremes or from its hours. The mean of the hours
# may be cut at a highest temperature; without the cut-off the same hours are to be counted as they are.
#
# Seen with 24 hours of which six are at 35 °C, above 10 °C: 15.0; cut at 30 °C, 13.75; and then, again
# without the cut, 13.75: the hours were changed where they lie, in the object and in the caller's own
# list, whose hottest is now 30. Baskerville and Emin's method has a TypeError for each day that is
# warmer than the threshold all through, as most of a summer is; the simple method says 10 for it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'gddpy==1.0.3'
"$folder/venv/bin/python" - <<'PY'
import contextlib
import io

from gddPy import GDD


def counted(day, **cut):
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its arguments
        return day.calcHourlyUtilization(**cut)


hours = [20.0] * 12 + [25.0] * 6 + [35.0] * 6
day = GDD({"hourly_temps": hours, "threshold_low": 10, "max_temp_cutoff": 30})
before = counted(day)
cut = counted(day, cutoff_max_temp=True)
after = counted(day)
print(f"no cut: {before}, cut at 30 °C: {cut}, no cut again: {after}, hottest hour: {max(hours)} °C")
assert (before, cut) == (15.0, 13.75), "it is counted otherwise now"
assert after == cut, "the hours are left alone now"
assert max(hours) == 30

warm = GDD({"min_temp": 15, "max_temp": 25, "threshold_low": 10})
assert warm.calcDailyAverage() == 10
try:
    said = warm.calcBaskervilleEmin()
except TypeError as error:
    print("Baskerville and Emin, 15 to 25 °C over 10 °C:", error)
else:
    raise SystemExit(f"a warm day counts {said} now")
PY
