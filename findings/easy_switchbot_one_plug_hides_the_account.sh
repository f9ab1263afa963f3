#!/usr/bin/env bash
# easy-switchbot 0.0.4 reads an account as a whole: each kind of device is built from fields that it
# takes for given, and of a Plug Mini it asks those of a Keypad ("lockDeviceId", "keyList"), which
# the cloud does not list for a plug (OpenWonderLabs/SwitchBotAPI, "Get device list").
#
# Seen: an account with a Meter alone is listed, and with a Plug Mini (JP) too; with a Plug Mini (US)
# beside it nothing is, the meter neither: KeyError 'lockDeviceId'. The status of a Bot is asked for a field whose name
# ends in a tab, and that of a Contact Sensor is put into the class of a Motion Sensor: with the
# documents' own fields, KeyError 'hubDeviceId\t' and TypeError.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'easy-switchbot==0.0.4' 'requests==2.32.5'
"$folder/venv/bin/python" - <<'PY'
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from easy_switchbot import api
from easy_switchbot.devices import Bot, ContactSensor

HUB = "00005E005301"
listed, statuses = [], {
    "BOT": {
        "deviceId": "BOT",
        "deviceType": "Bot",
        "power": "off",
        "battery": 90,
        "version": "V6.3",
        "deviceMode": "pressMode",
        "hubDeviceId": HUB,
    },
    "CONTACT": {
        "deviceId": "CONTACT",
        "deviceType": "Contact Sensor",
        "hubDeviceId": HUB,
        "battery": 90,
        "version": "V1.1",
        "moveDetected": False,
        "openState": "close",
        "brightness": "dim",
    },
}


class Cloud(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.endswith("/devices"):
            body = {"deviceList": listed, "infraredRemoteList": []}
        else:
            body = statuses[self.path.split("/")[-2]]
        said = {"statusCode": 100, "message": "success", "body": body}
        answer = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def device(name, kind):
    return {
        "deviceId": name,
        "deviceName": name.lower(),
        "deviceType": kind,
        "enableCloudService": True,
        "hubDeviceId": HUB,
    }


def tried(call):
    try:
        return call()
    except (KeyError, TypeError) as error:
        return error


cloud = HTTPServer(("127.0.0.1", 0), Cloud)
threading.Thread(target=cloud.serve_forever, daemon=True).start()
api.ROOT_URL = f"http://127.0.0.1:{cloud.server_port}"
account = api.SwitchbotAPI("made-up", "made-up")

listed.append(device("METER", "Meter"))
alone = account.devices
print("a meter:", alone)
assert [each.device_id for each in alone] == ["METER"]
listed.append(device("PLUG", "Plug Mini (JP)"))
print("a meter and a Plug Mini (JP):", account.devices)
assert [each.device_id for each in account.devices] == ["METER", "PLUG"]
listed[1] = device("PLUG", "Plug Mini (US)")
found = tried(lambda: account.devices)
print("a meter and a Plug Mini (US):", repr(found))
assert isinstance(found, KeyError) and found.args == ("lockDeviceId",)

bot = tried(lambda: account.status(Bot("BOT", "bot", True, HUB)))
print("status of a Bot:", repr(bot))
assert isinstance(bot, KeyError) and bot.args == ("hubDeviceId\t",)
contact = tried(lambda: account.status(ContactSensor("CONTACT", "contact", True, HUB)))
print("status of a Contact Sensor:", repr(contact))
assert isinstance(contact, TypeError)
cloud.shutdown()
PY
