#!/usr/bin/env bash
# pychonet 2.8.2: a temperature sensor of ECHONET Lite (object 0x0011) sends tenths of a degree in two signed
# bytes, 0xF554 to 0x7FFE for -273.2 to 3,276.6 degrees. The library reads them without a sign. Its air
# conditioners, whose one byte it reads with a sign, know frost.
#
# Seen: 0x00D2 is 21.0, 0x0000 is 0.0; 0xFFFB (-0.5 degrees) is 6553.1 and 0xFF9C (-10.0) is 6543.6. The air
# outdoors of an air conditioner at -5 is -5.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'pychonet==2.8.2'
"$folder/venv/bin/python" - <<'PY'
from pychonet import HomeAirConditioner
from pychonet.EchonetInstance import call_epc_function
from pychonet.TemperatureSensor import TemperatureSensor


def read(kind, prop, said):
    """What the library makes of the bytes of a property."""
    return call_epc_function(kind.EPC_FUNCTIONS[prop], said)


seen = {}
for degrees in (21.0, 0.0, -0.5, -10.0):
    said = round(degrees * 10).to_bytes(2, "big", signed=True)
    seen[degrees] = read(TemperatureSensor, 0xE0, said)
    print(f"{said.hex()}, {degrees} degrees: {seen[degrees]}")
assert (seen[21.0], seen[0.0]) == (21.0, 0.0)
assert (seen[-0.5], seen[-10.0]) == (6553.1, 6543.6), "a sensor knows frost now"
assert read(HomeAirConditioner, 0xBE, bytes([0xFB])) == -5
PY
