#!/usr/bin/env bash
# psychro 1.0.0 computes with moist air. Temperatures are objects with a unit; its functions turn the
# object that they are handed to the unit that they need, and leave it so.
#
# Seen: a Temperature(20, "C") says 20; after the water in a cubic metre of that air was asked for, the
# same object says 293.15, without a word, and so does one of 68 °F; a list of readings that is kept holds
# both scales. Pressure(1, "atm") says 101325 after. And the relative humidity jumps: at 20 °C a dew point
# 10.00 K lower is 52.5 %, one 9.99 K lower 54.3 %; 60 %, made a dew point, come back as 61.7 %.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'psychro==1.0.0'
"$folder/venv/bin/python" - <<'PY'
from psychro import lib
from psychro.src.Pressure import Pressure
from psychro.src.Temperature import Temperature

for value, unit in ((20, "C"), (68, "F")):
    room, air = Temperature(value, unit), Pressure(1, "atm")
    assert (room.getValue(), room.getUnit()) == (value, unit)
    water, _ = lib.volumetricHumidity(room, 50, air)
    print(f"{value} {unit}: {water * 1000:.1f} g/m³; the temperature is now", room.getValue())
    assert 8.5 < water * 1000 < 8.8
    assert abs(room.getValue() - 293.15) < 1e-9, "the temperature is left alone now"
    assert abs(air.getValue() - 101325) < 1


def percent(dew_point):
    return lib.relativeHumidity(Temperature(20.0, "C"), Temperature(dew_point, "C"))


lower, higher = percent(10.0), percent(10.01)
print(f"dew point 10.00 °C: {lower:.1f} %, 10.01 °C: {higher:.1f} %")
assert 1.8 < higher - lower < 2.0, "the jump is gone"
back = percent(lib.dewPoint(Temperature(20.0, "C"), 60).getValue())
print(f"60 % to a dew point and back: {back:.1f} %")
assert 61.5 < back < 61.9
PY
