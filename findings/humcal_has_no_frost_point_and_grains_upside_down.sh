#!/usr/bin/env bash
# humcal 1.1.2 (PyPI) computes humidities: saturation over water and ice (by Sonntag and by Hardy), dew and frost points,
# relative humidity, and the imperial units of each.
#
# Expected: its two formulas for one thing agree, and each function answers what it says.
#
# Seen on 2026-12-02: over water they do (2339 Pa at 20 °C, without the enhancement). Over ice Sonntag's has e times as
# much: at -10 °C 706 Pa where Hardy's has 260, more than the 611 that air holds at 0 °C. A frost point is
# nan for any vapour there is: it begins to look at -100 °C and asks for a factor that is defined from -50 °C on.
# relative_humidity is a TypeError for whatever it is given. And three units are converted the other way round:
# 8 g/kg are 1.14 grains a pound (56), 10 g/m³ are 22.9 grains a cubic foot (4.37), 50 kJ/kg are 116 Btu a pound (21.5).
#
# Needs CPython 3.11 or 3.12 as PYTHON (for the pinned wheels).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'humcal==1.1.2' 'numpy==1.26.4' 'scipy==1.11.4'
"$folder/venv/bin/python" - <<'PY'
import math

from humcal import humcal

SEA = 101325


def near(value, expected):
    return abs(value - expected) < expected / 200


for name, sonntag, hardy, celsius, times in (
    ("water", humcal.saturation_pressure_water, humcal.saturation_vapor_pressure_water_Hardy, 20, 1),
    ("ice", humcal.saturation_pressure_ice, humcal.saturation_vapor_pressure_ice_Hardy, -10, math.e),
):
    one, other = (said(celsius + 273.15, SEA, use_effective=False) for said in (sonntag, hardy))
    print(f"over {name} at {celsius} °C: {one:.1f} and {other:.1f} Pa")
    assert near(one / other, times), "the two say something else now"

for pascal in (50, 200, 400, 600):
    said = humcal.frost_point_temperature(pascal, SEA)
    print(f"frost point of {pascal} Pa: {said}")
    assert math.isnan(said), "there is a frost point now"
dew = humcal.dew_point_temperature(1170, SEA) - 273.15
print(f"dew point of 1170 Pa: {dew:.1f} °C")
assert 9.1 < dew < 9.4

for over_ice in (False, True):
    try:
        said = humcal.relative_humidity(200, 263.15, over_ice)
    except TypeError as error:
        print("relative_humidity:", error)
    else:
        raise SystemExit(f"relative humidity is {said} now")

for function, value, expected, meant in (
    (humcal.mixing_ratio_to_grains_per_pound, 8, 1.1429, 8 * 7),
    (humcal.absolute_humidity_to_grains_per_cubic_foot, 10, 22.883, 10 * 15.4324 / 35.3147),
    (humcal.enthalpy_to_btu_per_pound, 50, 116.2, 50 / 2.326),
):
    said = function(value)
    print(f"{function.__name__}({value}): {said:.2f}, meant {meant:.2f}")
    assert near(said, expected), "the unit is another one now"
PY
