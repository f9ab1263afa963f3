#!/usr/bin/env bash
# node-switchbot 3.5.1 (npm), beside PySwitchbot 3.1.0: of a Contact Sensor, whose service data
# are the letter d, flags, battery, state of the door, ..., node-switchbot reads each a byte
# early. Whether the door is open is taken from the battery, the battery from the flags, and
# movement from the letter, which always has that bit.
#
# Seen: a closed door is "close" at 96 %, "open" at 98 % and "timeout no closed" at 100 %; an
# open door is "close" at 96 %. The battery is 0 all the time, and something always moves. Of a
# Motion Sensor the letter s says the same. PySwitchbot reads the same bytes as they are meant.
#
# Needs node 20 or newer and npm.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'PySwitchbot==3.1.0'
npm install --silent --ignore-scripts --omit=optional --no-audit --no-fund \
    --prefix "$folder" 'node-switchbot@3.5.1' > /dev/null
cat > "$folder/read.mjs" <<'JS'
import { WoContact, WoPresence } from './node_modules/node-switchbot/dist/device.js'

const quiet = () => {}
for (const [battery, door] of [[96, 0], [98, 0], [100, 0], [96, 2]]) {
  const bytes = Buffer.from([0x64, 0, battery, door, 0, 0, 0, 0, 0])
  const said = await WoContact.parseServiceData(bytes, quiet)
  console.log(bytes.toString('hex'), said.doorState, said.battery, said.movement)
}
const still = Buffer.from([0x73, 0, 96, 0, 0, 2])
const said = await WoPresence.parseServiceData(still, quiet)
console.log(still.toString('hex'), 'motion', said.battery, said.movement)
process.exit(0)
JS
node "$folder/read.mjs" > "$folder/node.txt"
"$folder/venv/bin/python" - > "$folder/python.txt" <<'PY'
from switchbot.adv_parsers.contact import process_wocontact
from switchbot.adv_parsers.motion import process_wopresence

for battery, door in ((96, 0), (98, 0), (100, 0), (96, 2)):
    data = bytes([0x64, 0, battery, door, 0, 0, 0, 0, 0])
    said = process_wocontact(data, None)
    word = "open" if said["contact_open"] else "close"
    print(data.hex(), word, said["battery"], str(said["motion_detected"]).lower())
data = bytes([0x73, 0, 96, 0, 0, 2])
said = process_wopresence(data, None)
print(data.hex(), "motion", said["battery"], str(said["motion_detected"]).lower())
PY
echo "bytes, door, battery, movement by node-switchbot:"
cat "$folder/node.txt"
echo "and by PySwitchbot:"
cat "$folder/python.txt"
diff - "$folder/python.txt" <<'TXT'
640060000000000000 close 96 false
640062000000000000 close 98 false
640064000000000000 close 100 false
640060020000000000 open 96 false
730060000002 motion 96 false
TXT
diff - "$folder/node.txt" <<'TXT' || { echo "node-switchbot reads other bytes now"; exit 1; }
640060000000000000 close 0 true
640062000000000000 open 0 true
640064000000000000 timeout no closed 0 true
640060020000000000 close 0 true
730060000002 motion 0 true
TXT
