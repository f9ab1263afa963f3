#!/usr/bin/env bash
# govee-bt-client 1.0.14 (npm), beside govee-ble 1.5.2 (PyPI): what a Govee H5179, a hygrometer in both their lists of
# devices, says by Bluetooth. Behind a head of six bytes it sends the temperature and the humidity in hundredths, each in
# two bytes with the low one first, then the battery.
#
# Expected: the temperature that the device measured, as govee-ble reads it (and govee-bt-client the humidity).
#
# Seen on 2026-12-02: behind the high byte of the temperature comes the low one of the humidity instead of its own. One
# and the same 21.3 °C is 21.96 at 45 %, 22.06 at 45.1 %, 22.96 at 46 % and 20.5 at 46.1 %: who heats by it heats by
# the humidity. And whatever has "0100" anywhere in its hexadecimal bytes is taken for an H5101: an H5179 at 20.48,
# 23.04 or 25.6 °C is at 6.5792 °C and 79.2 %, with a battery of 8, 9 or 10 %.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'govee-ble==1.5.2'
cd "$folder"
npm --silent init --yes >/dev/null
npm --silent install --ignore-scripts govee-bt-client@1.0.14
cat >python_reads.py <<'PY'
import sys

from govee_ble import GoveeBluetoothDeviceData
from home_assistant_bluetooth import BluetoothServiceInfo

for line in sys.argv[1:]:
    said = bytes.fromhex(line)
    heard = BluetoothServiceInfo(
        name="GV5179",
        address="00:00:00:00:00:00",
        rssi=-60,
        manufacturer_data={int.from_bytes(said[:2], "little"): said[2:]},
        service_data={},
        service_uuids=[],
        source="",
    )
    values = {
        key.key: value.native_value
        for key, value in GoveeBluetoothDeviceData().update(heard).entity_values.items()
    }
    print(values["temperature"], values["humidity"], values["battery"])
PY
node - <<'JS'
const assert = require("assert");
const { execFileSync } = require("child_process");
const { decodeAny } = require("govee-bt-client/dist/decode.js");

function advertisement(celsius, percent) {
  const bytes = Buffer.from([0x01, 0x88, 0xec, 0x00, 0x01, 0x01, 0, 0, 0, 0, 100]);
  bytes.writeInt16LE(Math.round(celsius * 100), 6);
  bytes.writeUInt16LE(Math.round(percent * 100), 8);
  return bytes.toString("hex");
}

const READ = [
  [21.3, 45, 21.96, 45, 100],
  [21.3, 45.1, 22.06, 45.1, 100],
  [21.3, 46, 22.96, 46, 100],
  [21.3, 46.1, 20.5, 46.1, 100],
  [-5.2, 45, -6.2, 45, 100],
  [20.48, 45, 6.5792, 79.2, 8],
  [23.04, 50, 6.5792, 79.2, 9],
  [25.6, 40, 6.5792, 79.2, 10],
];
const lines = READ.map(([celsius, percent]) => advertisement(celsius, percent));
const beside = execFileSync("venv/bin/python", ["python_reads.py", ...lines], { encoding: "utf8" }).trim().split("\n");
READ.forEach(([celsius, percent, ...expected], at) => {
  const { tempInC, humidity, battery } = decodeAny(lines[at]);
  console.log(`${celsius} °C, ${percent} %, 100 %: govee-ble ${beside[at]}; govee-bt-client ${tempInC} ${humidity} ${battery}`);
  assert.deepEqual(beside[at].split(" ").map(Number), [celsius, percent, 100], "govee-ble reads it otherwise now");
  assert.deepEqual([tempInC, humidity, battery], expected, "govee-bt-client reads it otherwise now");
});
JS
