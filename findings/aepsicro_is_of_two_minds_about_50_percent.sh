#!/usr/bin/env bash
# aepsicro 0.0.7 (PyPI) computes states of moist air by ASHRAE's equations: a state is given by two of dry bulb, wet
# bulb, dew point, relative humidity, humidity ratio W, enthalpy and volume, and knows all the others.
#
# Expected: a state that is given by what another state says of itself is that state.
#
# Seen on 2026-12-02, air of 30 °C and 50 %: it has W 0.01360; air of 30 °C with that W is at 51.1 %, and so is the one
# with its wet bulb. By its dew point it is at 50 % again. By its enthalpy and 50 % it says 50 % and a humidity ratio of
# 0.02501, near saturation, with a vapour pressure of 3.92 kPa where 50 % are 2.12. And the water in a cubic metre is
# divided by the density in the place of multiplied: 11.6 g where W and the volume that it says make 15.5.
#
# numpy, scipy and matplotlib are older ones (with those of 2026 no state can be made at all), so CPython 3.11 or 3.12
# is needed as PYTHON.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python=${PYTHON:-python3.11}
"$python" -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install \
    'aepsicro==0.0.7' 'numpy==1.26.4' 'scipy==1.11.4' 'matplotlib==3.8.4'
cd "$folder"
MPLBACKEND=agg "$folder/venv/bin/python" -W ignore - <<'PY'
from aepsicro.aepsicro import AIRE_HUMEDO


def near(value, expected):
    return abs(value - expected) < abs(expected) / 1000


def value(of):
    return float(of[0])


room = AIRE_HUMEDO(tseca=30, humrel=0.5)
print(f"30 °C, 50 %: W {value(room.W):.5f}, vapour {value(room.pw):.2f} kPa")
assert near(value(room.W), 0.013601), "the humidity ratio is another one now"
for name, given, expected in (
    ("dew point", {"trocio": value(room.trocio)}, 0.5),
    ("humidity ratio", {"W": value(room.W)}, 0.5107),
    ("wet bulb", {"tbh": value(room.tbh)}, 0.5107),
):
    said = value(AIRE_HUMEDO(tseca=30, **given).humrel)
    print(f"by its {name}: {said:.2%}")
    assert near(said, expected), "it comes back otherwise now"

back = AIRE_HUMEDO(h=value(room.h), humrel=0.5)
print(f"by its enthalpy: {value(back.humrel):.0%}, W {value(back.W):.5f}, vapour {value(back.pw):.2f} kPa")
print(f"saturated it is {value(back.Ws):.5f}")
assert value(back.humrel) == 0.5 and near(value(back.W), 0.025007), "enthalpy makes another state now"
assert near(value(back.pw), 3.9166) and near(value(room.pw), 2.1234)

grams, meant = 1000 * value(room.humabs), 1000 * value(room.W) / value(room.v)
print(f"water in a cubic metre: {grams:.1f} g; by W and volume {meant:.1f} g")
assert near(grams, 11.618) and 15.4 < meant < 15.6, "the water is counted otherwise now"
PY
