#!/usr/bin/env bash
# agro-met-equations-dynalogic 2.0.3 (PyPI) has formulas for fields and greenhouses; get_degree_day gives the degree
# days of a day from its extremes and a lower and an upper base temperature.
#
# Expected: half the span of the day plus the least temperature, less the base, where the whole day lies between the
# bases; more on a warmer day; a number for each day, as its branches are by the triangle of a day.
#
# Seen on 2026-12-02: the base is added where the whole day lies above it. With bases of 10 and 30, a day from 12 to 20
# counts 26 instead of 6, one from 12 to 35 (cut at the upper base, another branch) 12.96, one from 5 to 20 3.33. A day
# whose least temperature is exactly 10.0, as any meter with tenths will say, counts None, and so does one that lies
# above 30 as a whole. Who heats a greenhouse by such a sum counts four times too much in a mild week.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'agro-met-equations-dynalogic==2.0.3'
"$folder/venv/bin/python" - <<'PY'
from AgroMetEquations.auxiliary import get_degree_day

LOWER, UPPER = 10, 30


def of_triangle(least, greatest, steps=100_000):
    """Degree days of a day that rises and falls in straight lines, by summing it."""
    hours = (least + (greatest - least) * (step + 0.5) / steps for step in range(steps))
    return sum(min(max(hour, LOWER), UPPER) - LOWER for hour in hours) / steps


for least, greatest, seen in (
    (12, 20, 26),
    (5, 20, 3.3333),
    (12, 35, 12.9565),
    (5, 35, 10),
    (2, 8, 0),
    (10, 20, None),
    (31, 36, None),
):
    said = get_degree_day(
        (least + greatest) / 2, LOWER, temperature_basal_superior=UPPER, temperature_max=greatest, temperature_min=least
    )
    meant = of_triangle(least, greatest)
    print(f"a day from {least} to {greatest}: {said}, summed {meant:.3f}")
    if seen is None:
        assert said is None, "such a day has a number now"
    else:
        assert abs(said - seen) < 0.001, "such a day counts otherwise now"
        assert (abs(said - meant) < 0.001) == ((least, greatest) != (12, 20))
PY
