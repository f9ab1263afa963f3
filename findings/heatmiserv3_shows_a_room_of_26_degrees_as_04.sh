#!/usr/bin/env bash
# heatmiserv3 3.0.1 (PyPI) reads and sets Heatmiser's wired thermostats (PRT, DT and others; V3 protocol, RS485).
#
# Expected: `get_floor_temp` is the room's temperature in its README's example ("Room Temperature"), the floor's with
# a floor sensor. A temperature is two bytes in tenths, the high one first: the table of the data block that the
# package itself brings (config.yml) names 30 and 31 for the floor, 32 and 33 for the built-in sensor.
#
# Seen on 2026-12-02: the low byte alone is read. Up to 25.5 degrees it is right; a room of 25.6 is 0.0, one of 26.0
# is 0.4, a floor of 29.0 is 3.4: who heats or warns of frost by it does so in the hottest room. A frame whose checksum
# does not fit, as noise on the bus makes it, is read all the same (21.3 as 8.5), and set_target_temp says True when
# no thermostat answered, while the wish is nowhere.
#
# A stand-in for the bus answers with frames that the package's own check finds good (but for the one with noise).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'heatmiserv3==3.0.1'
"$folder/venv/bin/python" - <<'PY'
from heatmiserv3 import heatmiser

BUILT_IN, WITH_FLOOR = 0, 3


class Bus:
    """A master's interface with one programmable thermostat (PRT) behind it."""

    def __init__(self, sensor, room=0, floor=0, noise=0, dead=False):
        block = [0] * 64
        block[0:2], block[4], block[13], block[18] = divmod(len(block), 256), 2, sensor, 21
        block[30:32], block[32:34] = divmod(floor, 256), divmod(room, 256)
        self.block, self.noise, self.dead = block, noise, dead

    def registerThermostat(self, thermostat):
        return None

    def transact(self, message, read_length):
        if self.dead:
            return []
        size = len(self.block)
        head = [message[2], (size + 11) & 255, (size + 11) >> 8, message[0], 0, 0, 0, size & 255, size >> 8]
        frame = head + self.block
        frame += heatmiser.CRC16().run(frame)
        frame[9 + 33] ^= self.noise
        return frame


def thermostat(**bus):
    return heatmiser.HeatmiserThermostat(1, "prt", Bus(**bus))


print(heatmiser.yaml.safe_load(heatmiser.config_yml.read_text())["prt"]["keys"][32], "is byte 32")
for tenths, read in ((213, 21.3), (255, 25.5), (256, 0.0), (260, 0.4), (305, 4.9)):
    said = thermostat(sensor=BUILT_IN, room=tenths).get_floor_temp()
    print(f"a room of {tenths / 10} is {said}")
    assert said == read, "a room is read otherwise now"
for tenths, read in ((240, 24.0), (290, 3.4)):
    said = thermostat(sensor=WITH_FLOOR, floor=tenths).get_floor_temp()
    print(f"a floor of {tenths / 10} is {said}")
    assert said == read, "a floor is read otherwise now"

said = thermostat(sensor=BUILT_IN, room=213, noise=0x80).get_floor_temp()
print("\na room of 21.3 in a frame with a wrong checksum is", said)
assert said == 8.5, "a wrong checksum is heeded now"

gone = thermostat(sensor=BUILT_IN, room=213)
gone.uh1.dead = True
said = gone.set_target_temp(23)
print("\nset_target_temp without an answer:", said)
assert said is True, "silence is told now"
PY
