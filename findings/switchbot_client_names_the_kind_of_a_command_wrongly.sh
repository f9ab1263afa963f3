#!/usr/bin/env bash
# switchbot-client 0.4.1: the kind of a command goes out as "command_type", where SwitchBot's
# API reads "commandType" (OpenWonderLabs/SwitchBotAPI, "Send device control commands").
#
# Seen: a learned button of an infrared remote, asked for with command_type="customize", is
# posted as {"command": "Cosy", "parameter": "default", "command_type": "customize"}. A cloud
# that reads only its own field takes the button's name for a standard command.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'switchbot-client==0.4.1'
HOME="$folder" "$folder/venv/bin/python" - <<'PY'
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from switchbot_client.api import SwitchBotAPIClient

heard = []


class Cloud(BaseHTTPRequestHandler):
    def do_POST(self):
        heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        answer = b'{"statusCode": 100, "message": "success", "body": {}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


cloud = HTTPServer(("127.0.0.1", 0), Cloud)
threading.Thread(target=cloud.serve_forever, daemon=True).start()
client = SwitchBotAPIClient(
    token="made-up", api_host_domain=f"http://127.0.0.1:{cloud.server_port}"
)
client.devices_commands(
    "02-202601010000-00000000", "Cosy", "default", command_type="customize"
)
cloud.shutdown()
(body,) = heard
print(body)
assert "commandType" not in body, "the field has the API's name now"
assert body["command_type"] == "customize"
PY
