#!/usr/bin/env bash
# switchbot-cloud 0.2.5: what a device object does not carry is looked up in its status, anew for
# each attribute, and every look is one of an account's 10,000 calls a day.
#
# Seen: the temperature, the humidity and the temperature in Fahrenheit of one meter are three calls,
# of three moments; hasattr() for a name that no device has is one more; and copy.copy() of a meter
# makes none and ends in a RecursionError, since an object without its client asks itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'switchbot-cloud==0.2.5' 'requests==2.32.5'
"$folder/venv/bin/python" - <<'PY'
import copy
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from switchbot_cloud import SwitchBot
from switchbot_cloud.client import SwitchBotClient

METER = {"deviceId": "METER", "deviceType": "Meter", "hubDeviceId": "00005E005301"}
calls = []


class Cloud(BaseHTTPRequestHandler):
    def do_GET(self):
        calls.append(self.path)
        if self.path.endswith("/devices"):
            body = {"deviceList": [{**METER, "deviceName": "room"}], "infraredRemoteList": []}
        else:
            body = {**METER, "temperature": 20 + len(calls), "humidity": 45, "battery": 90}
        said = {"statusCode": 100, "message": "success", "body": body}
        answer = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


cloud = HTTPServer(("127.0.0.1", 0), Cloud)
threading.Thread(target=cloud.serve_forever, daemon=True).start()
SwitchBotClient.API_ROOT = f"http://127.0.0.1:{cloud.server_port}"
(meter,) = SwitchBot("made-up").devices()


def cost(look):
    before = len(calls)
    return look(), len(calls) - before


read, spent = cost(lambda: (meter.temperature, meter.humidity, meter.temperature_fahrenheit))
print("temperature, humidity, fahrenheit:", read, f"{spent} calls")
assert spent == 3
assert read[2] != read[0] * 9 / 5 + 32, "the two are of one moment now"
has, spent = cost(lambda: hasattr(meter, "no_such_thing"))
print("hasattr:", has, f"{spent} call")
assert (has, spent) == (False, 1)
try:
    copy.copy(meter)
    raise SystemExit("it can be copied now")
except RecursionError as error:
    print("copy:", type(error).__name__)
cloud.shutdown()
PY
