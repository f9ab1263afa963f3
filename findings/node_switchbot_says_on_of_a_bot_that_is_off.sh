#!/usr/bin/env bash
# node-switchbot 3.5.1 (npm), TheengsDecoder 2.5.0 and PySwitchbot 3.1.0: three readers of the three
# bytes of a Bot, whose second has a bit for the mode (set where it moves a switch) and a bit for
# the state, which is *unset* while it is on.
#
# Seen: of a Bot that moves a switch Theengs and PySwitchbot say on and off alike, node-switchbot
# the opposite (its comment beside the bit knows better). Of one that only presses, which has
# neither, PySwitchbot says off always, Theengs what the bit happens to be.
#
# Needs node 20 or newer and npm.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'PySwitchbot==3.1.0' 'TheengsDecoder==2.5.0'
npm install --silent --ignore-scripts --omit=optional --no-audit --no-fund \
    --prefix "$folder" 'node-switchbot@3.5.1' > /dev/null
cat > "$folder/read.mjs" <<'JS'
import { WoHand } from './node_modules/node-switchbot/dist/device.js'

const found = {}
for (const flags of [0x80, 0xC0, 0x00, 0x40]) {
  const said = await WoHand.parseServiceData(Buffer.from([0x48, flags, 90]), () => {})
  found[flags] = said.state ? 'on' : 'off'
}
console.log(JSON.stringify(found))
process.exit(0)
JS
node "$folder/read.mjs" > "$folder/node.json"
"$folder/venv/bin/python" - "$folder/node.json" <<'PY' > "$folder/said.txt"
import json
import sys
from pathlib import Path

from switchbot.adv_parsers.bot import process_wohand
from TheengsDecoder import decodeBLE

by_node = json.loads(Path(sys.argv[1]).read_text())
for flags in (0x80, 0xC0, 0x00, 0x40):
    data = bytes([0x48, flags, 90])
    theengs = json.loads(decodeBLE(json.dumps({
        "id": "C0:FF:EE:12:34:BC", "rssi": -60, "servicedata": data.hex(),
        "servicedatauuid": "fd3d", "manufacturerdata": "6909c0ffee1234bc",
    })))
    python = process_wohand(data, None)
    mode = "switch" if python["switchMode"] else "press"
    print(mode, data.hex(), "node-switchbot", by_node[str(flags)], "Theengs", theengs["state"],
          "PySwitchbot", "on" if python["isOn"] else "off")
PY
cat "$folder/said.txt"
diff - "$folder/said.txt" <<'TXT' || { echo "they read otherwise now"; exit 1; }
switch 48805a node-switchbot off Theengs on PySwitchbot on
switch 48c05a node-switchbot on Theengs off PySwitchbot off
press 48005a node-switchbot off Theengs on PySwitchbot off
press 48405a node-switchbot on Theengs off PySwitchbot off
TXT
