#!/usr/bin/env bash
# switchbot-utility 0.4.10: the body of a command is one dictionary that a class shares among all
# its objects, and only some methods set every field of it.
#
# Seen: the brightness of one strip light is set to 5; another strip light, just made, that is
# then turned on is sent {"command": "turnOn", "parameter": 5}, where a first turnOn is sent
# "default". With two air purifiers the second is turned off with {"mode": 1, "fanGear": 3}.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'switchbot-utility==0.4.10'
cd "$folder"
echo '{"token": "made-up", "secret": "made-up"}' >settings.json
"$folder/venv/bin/python" - <<'PY'
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from switchbot_utility.switchbot_air_purifier_voc import SwitchbotAirPurifierVOC
from switchbot_utility.switchbot_device import SwitchbotDevice
from switchbot_utility.switchbot_strip_light import SwitchbotStripLight

heard = []


class Cloud(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        heard.append((self.path.split("/")[-2], body["command"], body["parameter"]))
        answer = b'{"statusCode": 100, "message": "success", "body": {}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


cloud = HTTPServer(("127.0.0.1", 0), Cloud)
threading.Thread(target=cloud.serve_forever, daemon=True).start()
SwitchbotDevice._baseurl = f"http://127.0.0.1:{cloud.server_port}/v1.1/devices/"
SwitchbotStripLight("HALL").turn_on()
SwitchbotStripLight("HALL").set_brightness(5)
SwitchbotStripLight("STAIRS").turn_on()
SwitchbotAirPurifierVOC("BEDROOM").set_mode(1, 3)
SwitchbotAirPurifierVOC("KITCHEN").turn_off()
cloud.shutdown()
for sent in heard:
    print(sent)
assert heard[0] == ("HALL", "turnOn", "default")
assert heard[2] == ("STAIRS", "turnOn", 5), "each device has a body of its own now"
assert heard[4] == ("KITCHEN", "turnOff", {"mode": 1, "fanGear": 3})
PY
