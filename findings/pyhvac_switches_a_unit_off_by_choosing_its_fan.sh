#!/usr/bin/env bash
# pyhvac 0.1.7 (PyPI, here in its wheel for Python 3.11) makes infrared frames of air conditioners, of most makers by the
# IRremoteESP8266 that it carries; each unit names its modes, its temperatures and its fan's speeds (capabilities).
#
# Expected: set_fan sets the fan's speed and leaves the mode. So it is in IRremoteESP8266, whose state has
# fanspeed beside mode, in the package's own command line ("Fan mode"), and in its own classes without that library.
#
# Seen on 2026-12-03: set_fan writes the mode. A Gree (YAN1F1) or a Fujitsu (AR-RAH2E) that is to heat to 22 °C with the
# fan high gets, bit for bit, the frame of "off"; a Toshiba, whose list of modes has no "off" in front, that of "auto", which may
# cool. Of the command line, which sets the mode last, all speeds make one and the same frame. It is so in all 411 models
# that are made by that library; with the speed in its place (status["fan"]) the frame is another.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'pyhvac==0.1.7'
"$folder/venv/bin/python" - <<'PY'
from importlib import import_module
from pkgutil import iter_modules

from pyhvac import plugins
from pyhvac.plugins.hvaclib import IRGHVAC

makers = {
    found.name: module.PluginObject.MODELS
    for found in iter_modules(plugins.__path__)
    if hasattr(module := import_module(f"pyhvac.plugins.{found.name}"), "PluginObject")
}


def frame(unit, mode, fan=None):
    unit.set_mode(mode)
    unit.set_temperature(22)
    if fan is not None:
        unit.set_fan(fan)
    (timings,) = unit.build_ircode()
    return list(timings)


for maker, model, becomes in (
    ("gree", "YAN1F1 remote", "off"),
    ("fujitsu", "AR-RAH2E remote", "off"),
    ("toshiba", "generic", "auto"),
):
    kind = makers[maker][model]
    for fan in ("high", "medium", "low"):
        unit = kind()
        assert fan in unit.capabilities["fan"]
        told = frame(unit, "heat", fan)
        print(f"{maker}: heat, 22 °C, fan {fan}: the frame of {unit.status['mode']}")
        assert unit.status == {"mode": becomes, "temperature": 22}, "the fan's speed is kept now"
        assert told == frame(kind(), becomes), "the frame is another now"
        assert told != frame(kind(), "heat")
    unit = kind()
    unit.status["fan"] = "high"
    assert frame(unit, "heat") not in (frame(kind(), "heat"), told), "the library knows no fan"

models = [kind for models in makers.values() for kind in models.values() if issubclass(kind, IRGHVAC)]
same = [kind for kind in models if kind.set_fan is IRGHVAC.set_fan]
print(f"{len(same)} of {len(models)} models")
assert (len(same), len(models)) == (411, 411)
PY
spoken() {
    "$folder/venv/bin/gaccode" -c gree -M 'YAN1F1 remote' -m cool -t 22 -f "$1" -l
}
test -n "$(spoken high)"
for speed in auto medium low; do
    test "$(spoken high)" = "$(spoken "$speed")" || { echo "the command line knows the fan now"; exit 1; }
done
echo "gaccode: --fan auto, high, medium and low are one frame"
