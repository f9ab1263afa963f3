#!/usr/bin/env bash
# thermofeel 2.1.1 (PyPI, of ECMWF) has two heat indices. The simplified one takes the regression from 20 °C on; it was
# fitted to 80 °F (26.7 °C) and more, and the adjusted one of the same library takes it only there (below it a milder formula).
#
# In the range of living rooms it is of no use for a control by "feels like": one hundredth of a degree more is 5.2 K
# more at 40 % and 1.5 K less at 90 %, and damper air feels cooler.
#
# Seen (20.00 °C -> 20.01 °C): 40 %: 20.00 -> 25.20; 90 %: 20.00 -> 18.49. At 22 °C: 40 % 24.97, 90 % 20.40.
# The adjusted index at 22 °C: 40 % 21.30, 90 % 22.61.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    thermofeel==2.1.1 numpy==2.2.6
"$folder/venv/bin/python" - <<'PY'
import numpy as np
import thermofeel

ZERO = 273.15


def simplified(celsius, percent):
    kelvin = thermofeel.calculate_heat_index_simplified(
        np.array([celsius + ZERO]), np.array([float(percent)])
    )
    return float(kelvin[0]) - ZERO


def adjusted(celsius, percent):
    dew_point = thermofeel.calculate_dew_point_from_relative_humidity(
        np.array([float(percent)]), np.array([celsius + ZERO])
    )
    kelvin = thermofeel.calculate_heat_index_adjusted(
        np.array([celsius + ZERO]), dew_point
    )
    return float(np.atleast_1d(kelvin)[0]) - ZERO


for percent, jump in ((40, 5.2), (90, -1.5)):
    before, after = simplified(20.0, percent), simplified(20.01, percent)
    print(f"{percent} %: {before:.2f} at 20.00 °C, {after:.2f} at 20.01 °C")
    assert abs(after - before - jump) < 0.1, "there is another edge now"

dry, damp = simplified(22.0, 40), simplified(22.0, 90)
print(f"22 °C, simplified: 40 % {dry:.2f}, 90 % {damp:.2f}")
assert dry - damp > 4, "damper air feels warmer now"
dry, damp = adjusted(22.0, 40), adjusted(22.0, 90)
print(f"22 °C, adjusted: 40 % {dry:.2f}, 90 % {damp:.2f}")
assert 0.5 < damp - dry < 2
assert abs(adjusted(20.01, 40) - adjusted(20.0, 40)) < 0.1
PY
