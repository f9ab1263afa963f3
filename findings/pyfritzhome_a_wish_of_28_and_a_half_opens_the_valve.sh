#!/usr/bin/env bash
# pyfritzhome 0.6.21: a FRITZ!Box takes the target of a radiator valve in steps of half a degree from 8 to 28
# degrees (16 to 56), and two words of its own: 253 shuts the valve, 254 opens it for good (AVM's
# AHA-HTTP-Interface, sethkrtsoll). A target a little outside the range becomes one of the two words, not
# the nearest target; and what lies between two steps is cut down, not rounded.
#
# Seen: 28.4 is sent as 56 (28 degrees), 28.5 as 254: the valve stays open however warm the room is. 8 is
# sent as 16, 7.9 as 253: no target at all, where 7.9 asks to keep frost out. 20.9 is sent as 41 (20.5).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'pyfritzhome==0.6.21'
"$folder/venv/bin/python" - <<'PY'
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from pyfritzhome import Fritzhome

asked = []


class Box(BaseHTTPRequestHandler):
    """Lets everybody in, and notes what a valve is told."""

    def do_GET(self):
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        answer = "0"
        if url.path == "/login_sid.lua":
            sid = "1111111111111111" if "response" in query else "0" * 16
            answer = (
                f"<SessionInfo><SID>{sid}</SID><Challenge>12345678</Challenge>"
                "<BlockTime>0</BlockTime></SessionInfo>"
            )
        elif query["switchcmd"] == ["sethkrtsoll"]:
            asked.append(int(query["param"][0]))
            answer = query["param"][0]
        body = answer.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Box)
Thread(target=server.serve_forever, daemon=True).start()
box = Fritzhome(f"http://127.0.0.1:{server.server_port}", "user", "password")
box.login()
for degrees in (7.9, 8, 20.4, 20.5, 20.9, 28, 28.4, 28.5):
    box.set_target_temperature("09995 0000001", degrees)
    print(f"{degrees} degrees are sent as {asked[-1]}")
server.shutdown()
assert asked == [253, 16, 40, 41, 41, 56, 56, 254], "a target beyond the ends is one of the ends now"
PY
