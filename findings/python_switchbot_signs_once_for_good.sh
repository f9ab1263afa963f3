#!/usr/bin/env bash
# python-switchbot 2.3.1: the time, the nonce and the signature are made when the client is made
# and stand in its session from then on. SwitchBot's API wants the time of the request ("t: 13 digit
# timestamp (standard time)" in OpenWonderLabs/SwitchBotAPI), and refuses one that is too old.
#
# Seen: two requests on a loopback server, the clock a day later for the second, carry the same
# `t`, the same `nonce` and the same `sign`. A program that runs for long is refused until it is
# started again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'python-switchbot==2.3.1' 'time-machine==2.19.0'
"$folder/venv/bin/python" - <<'PY'
import threading
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer

import switchbot.client
import time_machine
from switchbot import SwitchBot

heard = []


class Cloud(BaseHTTPRequestHandler):
    def do_GET(self):
        heard.append({name: self.headers[name] for name in ("t", "nonce", "sign")})
        answer = (
            b'{"statusCode": 100, "message": "success",'
            b' "body": {"deviceList": [], "infraredRemoteList": []}}'
        )
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


cloud = HTTPServer(("127.0.0.1", 0), Cloud)
threading.Thread(target=cloud.serve_forever, daemon=True).start()
switchbot.client.switchbot_host = f"http://127.0.0.1:{cloud.server_port}/v1.1"
start = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
with time_machine.travel(start, tick=False):
    account = SwitchBot(token="made-up", secret="made-up")
    account.devices()
with time_machine.travel(start + timedelta(days=1), tick=False):
    account.devices()
cloud.shutdown()
first, second = heard
print(first["t"], second["t"], "for", int(start.timestamp() * 1000), "and a day later")
assert int(first["t"]) == int(start.timestamp() * 1000)
assert first == second, "each request is signed anew now"
PY
