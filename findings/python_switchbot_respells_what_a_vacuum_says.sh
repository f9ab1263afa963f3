#!/usr/bin/env bash
# python-switchbot 2.3.1 (with pyhumps 3.8.0): Device.status() gives the fields of a status Python's spelling,
# and sends their values through the same function. A value that is one word of capitals and small letters is
# no longer what SwitchBot documents.
#
# Seen, of the words that OpenWonderLabs/SwitchBotAPI lists as workingStatus of a Robot Vacuum Cleaner S1:
# "ChargeDone" is "charge_done", "GotoChargeBase" "goto_charge_base", "InTrouble" "in_trouble", "StandBy"
# "stand_by"; the deviceType "Hub Mini" of a status is "hub_mini", while devices() says "Hub Mini" of
# the same device. Numbers, "on" and ids in capitals come through.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'python-switchbot==2.3.1' 'pyhumps==3.8.0'
"$folder/venv/bin/python" - <<'PY'
import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import switchbot.client
from switchbot import SwitchBot

DEVICE = {"deviceId": "A0B1C2D3E4F5", "deviceName": "Hub", "deviceType": "Hub Mini", "hubDeviceId": ""}
status = {}


class Cloud(BaseHTTPRequestHandler):
    def do_GET(self):
        listed = {"deviceList": [DEVICE], "infraredRemoteList": []}
        body = dict(status) if self.path.endswith("/status") else listed
        answer = json.dumps({"statusCode": 100, "message": "success", "body": body}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Cloud)
Thread(target=server.serve_forever, daemon=True).start()
switchbot.client.switchbot_host = f"http://127.0.0.1:{server.server_port}/v1.1"
hub = SwitchBot("token", "secret").device(DEVICE["deviceId"])


def read(**fields):
    status.clear()
    status.update(fields)
    return hub.status()


seen = {}
for word in ("ChargeDone", "GotoChargeBase", "InTrouble", "StandBy", "Paused"):
    seen[word] = read(workingStatus=word)["working_status"]
    print(word, "->", seen[word])
kind = read(deviceId=DEVICE["deviceId"], deviceType="Hub Mini", power="on", battery=87)
print(kind, "and in the list of devices:", hub.type)
server.shutdown()
assert list(seen.values()) == ["charge_done", "goto_charge_base", "in_trouble", "stand_by", "paused"]
assert hub.type == "Hub Mini" and kind["device_type"] == "hub_mini", "a kind is spelled once now"
assert (kind["device_id"], kind["power"], kind["battery"]) == ("A0B1C2D3E4F5", "on", 87)
PY
