#!/usr/bin/env bash
# eddc 0.1.5 (PyPI, "Energy Degree Day Calculator", package hdd_cdd_calculator) counts the heating and cooling degree days
# of a day from its extremes, to hold a home's fuel against the weather.
#
# Expected (calculate_degree_days' own words): the base is 65 °F if unit is "F", and 18.3 °C if unit is "C", where none is
# given; the answer is in Fahrenheit degree days both times.
#
# Seen: the default is the number 65 in either unit, and 65 °C are 149 °F. A day of 4 to 12 °C has 102.6 heating degree
# days instead of the 18.6 that the same day has in Fahrenheit, a summer's day of 20 to 32 °C has 70.2 instead of none,
# and none of the 13.8 that would have to be cooled. With base_temp=18.3 it is right.
#
# A house that is billed or rated by fuel per degree day, or whose heating is planned by it, comes out as five times as
# thrifty in winter, and no day ever is a day without heating.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install --no-deps 'eddc==0.1.5'
"$folder/venv/bin/pip" --quiet install 'requests==2.32.5' 'pandas==2.3.3' 'matplotlib==3.10.7' 'scikit-learn==1.7.2'
"$folder/venv/bin/python" - <<'PY'
from hdd_cdd_calculator.utils import calculate_degree_days, celsius_to_fahrenheit

assert "18.3°C if unit='C'" in calculate_degree_days.__doc__, "it promises something else now"
for high, low, by_default, right in ((12, 4, (102.6, 0), (18.6, 0)), (32, 20, (70.2, 0), (0, 13.8))):
    said = calculate_degree_days(high, low, unit="C")
    given = calculate_degree_days(high, low, 18.3, unit="C")
    fahrenheit = calculate_degree_days(celsius_to_fahrenheit(high), celsius_to_fahrenheit(low))
    print(f"{low} to {high} °C: {said} by default, {given} with 18.3 °C, {fahrenheit} in Fahrenheit")
    assert all(abs(a - b) < 0.01 for a, b in zip(fahrenheit, right))
    assert all(abs(a - b) < 0.1 for a, b in zip(given, right))
    assert all(abs(a - b) < 0.01 for a, b in zip(said, by_default)), "the default of Celsius is another one now"
PY
