#!/usr/bin/env bash
# hvacpy 0.4.1 (PyPI) computes with moist air, loads and equipment, with units.
#
# Expected: `process_type` of an AirProcess tells heating from cooling and wetting from drying; of an air source heat pump
# `binding_mode` says which of cooling and heating "determined nominal size".
#
# Seen on 2026-12-02: what warms and dries, or cools and wets, is "no_change". Air of 35 °C and 15 % that an evaporative
# cooler makes 24 °C and 60 % is (11 kW less of it and 6.0 g/s of water, says the same object), and so is air of 26 °C and
# 60 % that a desiccant makes 45 °C and 10 %. And of a heat pump for 3 kW of cooling and 14 kW of heating
# the binding mode is "heating" and its size 3.5 kW, the one that the cooling needs and 1 kW of heating gets as well.
#
# The loads of the heat pump are stand-ins with what it asks of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'hvacpy==0.4.1'
"$folder/venv/bin/python" - <<'PY'
from types import SimpleNamespace

from hvacpy import AirProcess, AirState, Q_
from hvacpy.equipment import AirSourceHeatPump


def air(celsius, humidity):
    return AirState(dry_bulb=Q_(celsius, "degC"), rh=humidity)


for name, before, after, expected in (
    ("radiator", (18, 0.50), None, "heating"),
    ("cold coil", (28, 0.65), (13, 0.95), "cooling_dehumidification"),
    ("evaporative cooler", (35, 0.15), (24, 0.60), "no_change"),
    ("desiccant", (26, 0.60), (45, 0.10), "no_change"),
):
    first = air(*before)
    second = AirState(dry_bulb=Q_(24, "degC"), humidity_ratio=first.humidity_ratio) if after is None else air(*after)
    process = AirProcess(first, second, Q_(1, "kg/s"))
    grams = process.moisture_added.to("g/s").magnitude
    print(f"{name}: {process.process_type}, sensible {process.sensible_heat.to('kW'):.1f~}, {grams:+.1f} g/s of water")
    assert process.process_type == expected, "it is called something else now"

sizes = []
for kilowatts in (1, 14):
    cooling = SimpleNamespace(peak_total=Q_(3, "kW"), peak_sensible=Q_(2.5, "kW"))
    unit = AirSourceHeatPump(cooling, SimpleNamespace(total=Q_(kilowatts, "kW")))
    sizes.append((unit.binding_mode, unit.nominal_capacity_kw.magnitude))
    print(f"3 kW of cooling, {kilowatts} kW of heating: {sizes[-1]}, which covers {unit.heating_coverage:.0%} of the heating")
assert sizes == [("cooling", 3.5), ("heating", 3.5)], "heating makes the size now"
PY
