#!/usr/bin/env bash
# airtouch3 0.9 (PyPI) speaks with the AirTouch 3, a controller of ducted heating and cooling with groups of rooms, by TCP
# on port 8899.
#
# Expected: an object per controller has the groups and units of that controller, as its name and id are.
#
# Seen on 2026-12-02: groups, units and sensors lie in the class, so all controllers of a program share them. Of a house
# with two, one a floor, the ground floor's object shows the attic and its target once the other was read; and a room
# keeps the controller that it was first read from, so the attic's toggle goes to the ground floor and switches a room
# there. Nothing is raised or logged. Two servers on loopback stand for the controllers here, with a status of 492 bytes by the
# package's own offsets.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'airtouch3==0.9'
"$folder/venv/bin/python" - <<'PY'
import socketserver
import threading

from airtouch3 import constants
from airtouch3.airtouch3 import AirTouch3


class Controller(socketserver.ThreadingTCPServer):
    """Says a status of one group, and notes the commands that came."""

    allow_reuse_address = True

    def __init__(self, system, room, setpoint):
        super().__init__(("127.0.0.1", 0), Answer)
        self.commands, self.status = [], bytearray(constants.RESPONSE_LEN)
        for offset, text in ((constants.DAOF_SYS_NAME, system), (constants.DAOF_GRP_NAME, room)):
            self.status[offset : offset + len(text)] = text.encode()
        self.status[constants.DAOF_GRP_COUNT] = 1
        self.status[constants.DAOF_GRP_SETPOINT] = setpoint - 1
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        command = self.request.recv(64)
        if command[1] != constants.CMD_1_STATUS:
            self.server.commands.append(command.hex())
        self.request.sendall(self.server.status)


def of(controller):
    """Return the package's object of a controller."""
    found = AirTouch3("127.0.0.1")
    found._TCP_PORT = controller.server_address[1]
    return found


below, above = Controller("Ground", "Kitchen", 18), Controller("Upstairs", "Attic", 23)
ground, upstairs = of(below), of(above)
assert ground.update_status()
print("read:", ground.name, ground.groups[0].name, ground.groups[0].temperature_sp)
assert (ground.groups[0].name, ground.groups[0].temperature_sp) == ("Kitchen", 18)
assert upstairs.update_status()
print("then the other:", upstairs.name, upstairs.groups[0].name, upstairs.groups[0].temperature_sp)
print("now the first:", ground.name, ground.groups[0].name, ground.groups[0].temperature_sp)
assert (ground.name, ground.groups[0].name, ground.groups[0].temperature_sp) == ("Ground", "Attic", 23), "each has its own now"
assert ground.groups is upstairs.groups
assert ground.ac_units is upstairs.ac_units

upstairs.groups[0].toggle()
print("the attic's toggle: to the ground floor", len(below.commands), "to upstairs", len(above.commands))
assert (len(below.commands), len(above.commands)) == (1, 0), "it goes where it is meant now"
for controller in (below, above):
    controller.shutdown()
PY
