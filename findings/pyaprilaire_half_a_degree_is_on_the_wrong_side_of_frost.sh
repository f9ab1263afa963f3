#!/usr/bin/env bash
# pyaprilaire 0.9.1: an Aprilaire thermostat keeps a temperature in one byte: six bits of whole degrees, a bit for
# half a degree more, a bit for frost. The library reads bytes of frost rightly. What it sends of frost it splits
# by the remainder that Python takes towards minus infinity, while the whole degrees are cut towards zero.
#
# Seen: 1.2, 1.5 and 1.7 degrees arrive as 1.0, 1.5 and 1.5; -1.2 arrives as -1.5, -1.5 as -1.5 and -1.7 as -1.0:
# of two outdoor temperatures below freezing the colder arrives as the warmer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'pyaprilaire==0.9.1'
"$folder/venv/bin/python" - <<'PY'
from pyaprilaire.const import Action, Attribute, FunctionalDomain
from pyaprilaire.packet import Packet


def arrives(celsius):
    """What the library itself reads of the outdoor temperature that it sent."""
    sent = Packet(Action.READ_RESPONSE, FunctionalDomain.SENSORS, 4)
    sent.data = {Attribute.OUTDOOR_SENSOR_STATUS: 0, Attribute.OUTDOOR_SENSOR: celsius}
    (read,) = Packet.parse(sent.serialize())
    return read.data[Attribute.OUTDOOR_SENSOR]


seen = {celsius: arrives(celsius) for celsius in (1.2, 1.5, 1.7, -1.2, -1.5, -1.7)}
print(seen)
assert [seen[1.2], seen[1.5], seen[1.7]] == [1.0, 1.5, 1.5]
assert [seen[-1.2], seen[-1.5], seen[-1.7]] == [-1.5, -1.5, -1.0], "frost is split like warmth now"
PY
