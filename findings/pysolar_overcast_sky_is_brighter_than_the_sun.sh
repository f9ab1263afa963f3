#!/usr/bin/env bash
# pysolar 0.13: the sun's height, which get_altitude gives in degrees, goes into formulas of pysolar.util
# that are written for radians: 572 times the height is the irradiance under an overcast sky, and the
# sine of it the share of light that comes through.
#
# Seen at 51.5 degrees north, 2026-06-21 in UTC, in W/m2: under an overcast sky 35,432 at noon, where
# outside the atmosphere there are 1,167 on the same square metre; at midnight -8,617 overcast and -311
# clear. solarelevation_function_clear runs -1.58, 0.98, -1.52, 0.96, -0.63 at 6, 9, 12, 15 and 18 hours.
# get_radiation_direct of pysolar.radiation, which takes the height itself, is right: 859 at noon, 0 at night.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'pysolar==0.13'
"$folder/venv/bin/python" -W ignore - <<'PY'
from datetime import UTC, datetime

from pysolar import radiation, solar, util

PLACE = 51.5, 0.0
seen = {}
for hour in (0, 6, 9, 12, 15, 18):
    at = datetime(2026, 6, 21, hour, tzinfo=UTC)
    seen[hour] = (
        round(radiation.get_radiation_direct(at, solar.get_altitude(*PLACE, at))),
        round(util.extraterrestrial_irrad(*PLACE, at)),
        round(util.global_irradiance_clear(*PLACE, at)),
        round(util.global_irradiance_overcast(*PLACE, at)),
        round(float(util.solarelevation_function_clear(*PLACE, at)), 2),
    )
    print(f"{hour:2} h: direct, outside, clear, overcast, share:", seen[hour])
assert seen[12][0] == 859 and seen[0][0] == 0, "the direct beam was right"
assert seen[12][1] == 1167
assert seen[12][3] == 35432, "an overcast noon is no longer thirty times the sun"
assert seen[0][2:4] == (-311, -8617), "no light is taken away at night any more"
assert [seen[hour][4] for hour in (6, 9, 12, 15, 18)] == [-1.58, 0.98, -1.52, 0.96, -0.63]
PY
