#!/usr/bin/env bash
# psypy 0.0.2 (PyPI) gives the state of moist air from two of dry bulb, wet bulb, relative humidity, humidity ratio,
# volume and enthalpy, in SI or imperial units, from 0 to 200 °C.
#
# Expected: air below 0 °C is refused, or found at the edge; a dry bulb that is searched for is one at which the
# two that were given hold.
#
# Seen on 2026-12-02: at 80 % it is found at 106.35 °C, without an error. A winter's outdoor air of 80 % and 1.82 g/kg (by
# psychrolib -6 °C) has 106 °C and a wet bulb of 33 °C; one of 80 % and 5 kJ/kg has 106 °C too, a negative volume and a
# humidity ratio of -119,684. The search halves between 0 and 200 °C, and there is a pole where 80 % of saturation is the
# air's whole pressure: a change of sign that is no solution. At +3 °C all is well. A heat recovery that is steered by
# such states takes frost for steam.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'psypy==0.0.2' 'psychrolib==2.5.0'
"$folder/venv/bin/python" - <<'PY'
import psychrolib
from psypy import psySI

PRESSURE = 101_325
psychrolib.SetUnitSystem(psychrolib.SI)

for celsius in (3.0, -3.0, -6.0, -15.0):
    ratio = psychrolib.GetHumRatioFromRelHum(celsius, 0.8, PRESSURE)
    dry, enthalpy, humidity, volume, water, wet = psySI.state("RH", 0.8, "W", ratio, PRESSURE)
    print(f"{celsius} °C, 80 %, {1000 * ratio:.2f} g/kg: {dry - 273.15:.2f} °C, wet bulb {wet - 273.15:.2f} °C")
    if celsius > 0:
        assert abs(dry - 273.15 - celsius) < 0.01
    else:
        assert abs(dry - 273.15 - 106.348) < 0.01, "frost is something else now"
        assert psychrolib.GetRelHumFromHumRatio(dry - 273.15, water, PRESSURE) < 0.01, "it holds now"

dry, enthalpy, humidity, volume, water, wet = psySI.state("RH", 0.8, "H", 5.0, PRESSURE)
print(f"80 %, 5 kJ/kg: {dry - 273.15:.2f} °C, {water:.0f} kg/kg, {volume:.0f} m3/kg")
assert abs(dry - 273.15 - 106.348) < 0.01
assert water < 0
assert volume < 0
PY
