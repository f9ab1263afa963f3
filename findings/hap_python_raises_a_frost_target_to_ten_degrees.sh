#!/usr/bin/env bash
# HAP-python 5.2.0: HomeKit's Target Temperature runs from 10 to 38 degrees unless an accessory says
# otherwise, and a value outside is moved to the edge without an error, a warning or a sign.
#
# Seen: a thermostat that keeps frost away at 5.0 shows 10 in the Home app's data, one set to 40
# shows 38; the current temperature (from -273.1) keeps -5.2. 21.25 becomes 21.2 and 21.35 21.4, the
# next even tenth. With minValue=5 the 5.0 stays.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'HAP-python==5.2.0'
"$folder/venv/bin/python" - <<'PY'
import logging

from pyhap.loader import get_loader

heard = []
handler = logging.Handler()
handler.emit = heard.append
logging.getLogger().addHandler(handler)
logging.getLogger().setLevel(logging.WARNING)

thermostat = get_loader().get_service("Thermostat")


def shown(name, value):
    characteristic = thermostat.get_characteristic(name)
    characteristic.set_value(value)
    return characteristic.value


for target in (5.0, 21.3, 21.25, 21.35, 40.0):
    print("target", target, "->", shown("TargetTemperature", target))
print("current", -5.2, "->", shown("CurrentTemperature", -5.2))
assert shown("TargetTemperature", 5.0) == 10, "a target below ten degrees is kept now"
assert shown("TargetTemperature", 40.0) == 38
assert shown("TargetTemperature", 21.25) == 21.2
assert shown("TargetTemperature", 21.35) == 21.4
assert shown("CurrentTemperature", -5.2) == -5.2
assert not heard, "the change is told of now"
target = thermostat.get_characteristic("TargetTemperature")
target.override_properties(properties={"minValue": 5})
assert shown("TargetTemperature", 5.0) == 5.0
PY
