#!/usr/bin/env bash
# ucumvert 0.3.2 with Pint 0.25.3 (PyPI) reads units as UCUM writes them (openHAB, FHIR, exports of building controls) and
# makes quantities of Pint of them.
#
# Expected: a unit is what UCUM's own table says of it (ucum-essence.xml, which the package brings along): a cubic foot
# [cft_i] is [ft_i]3, a cubic yard [cyd_i] is [yd_i]3, a minute ' is deg/60 (of an angle), [Cal] is kcal_th, an inch of
# mercury [in_i'Hg] is one of the column m[Hg].
#
# Seen on 2026-12-03: the table's [cft_i] is a "centifoot", since "cft" is c and ft to Pint: a fan's [cft_i]/min is a speed, of
# 0.005 m/s, and asking for m3/h raises DimensionalityError. [cyd_i] is a "centiyard"; [cin_i] is right. ' and '' are a minute
# and a second of time: a sun that is 30' high is half an hour. [Cal] is a thousandth of what it is. The inch of
# mercury is the one of 60 °F, so that 29.92 of them are 1010.4 hPa and not 1013.2.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'ucumvert==0.3.2' 'pint==0.25.3'
"$folder/venv/bin/python" - <<'PY'
from importlib.resources import files
from xml.etree import ElementTree

from pint import DimensionalityError
from ucumvert import PintUcumRegistry

table = ElementTree.fromstring(files("ucumvert").joinpath("vendor/ucum-essence.xml").read_bytes())
said = {
    unit.get("Code"): value.get("Unit")
    for unit in table
    for value in unit
    if value.tag.endswith("value") and unit.tag.endswith("}unit")
}
registry = PintUcumRegistry()


def metric(code):
    quantity = registry.from_ucum(code).to_base_units()
    return quantity.magnitude, quantity.dimensionality


for code, definition, dimension in (
    ("[cft_i]", "[ft_i]3", "[length]"),
    ("[cyd_i]", "[yd_i]3", "[length]"),
    ("'", "deg/60", "[time]"),
    ("''", "'/60", "[time]"),
):
    assert said[code] == definition, said[code]
    print(f"{code} is {definition} in the table, here {registry.from_ucum(code):.0f}")
    assert dict(registry.from_ucum(code).dimensionality) == {dimension: 1}, f"{code} is something else now"
assert metric("[cin_i]") == metric("[in_i]3"), "the cubic inch"

try:
    registry.from_ucum("[cft_i]/min").to("meter ** 3 / hour")
except DimensionalityError as error:
    print("[cft_i]/min in m3/h:", error)
else:
    raise SystemExit("a flow of cubic feet is one now")

assert said["[Cal]"] == "kcal_th"
kilo, label = metric("kcal_th")[0], metric("[Cal]")[0]
print(f"[Cal]: {label} J, kcal_th: {kilo} J")
assert abs(kilo / label - 1000) < 1e-6, "the Calorie is something else now"

assert said["[in_i'Hg]"] == "m[Hg].[in_i]/m"
inch, column = metric("[in_i'Hg]")[0], metric("m[Hg].[in_i]/m")[0]
print(f"29.92 [in_i'Hg]: {29.92 * inch / 100:.1f} hPa, by the table {29.92 * column / 100:.1f} hPa")
assert round(29.92 * inch / 100, 1) == 1010.4
assert round(29.92 * column / 100, 1) == 1013.2
PY
