#!/usr/bin/env bash
# heatmiser-wifi 1.4.0 (PyPI) reads Heatmiser's Wi-Fi thermostats. During a holiday such a thermostat keeps frost away
# until a day and time, which get_info gives as holiday_return_date_... with holiday_enable.
#
# Expected: the end of the holiday is read from byte 25 of the block on (year, month, day, hour, minute, enabled): so the
# comment above the line itself ("24/25 (Write/Read)"), and so a second, independent reader of these thermostats
# (HeatmiserWiFi of Robin Elvin). From 22 to 24 lie the key lock, the run mode and the away mode.
#
# Seen on 2026-12-02: it reads from 22. A holiday until 28 December 2026, 18:30, that is on is one until the day 0 of
# the month 0 of 2001, 26:12, and off (True on the first of a month alone). With the keys locked the year is 2001, else
# 2000. And in_floor_limit_state is True with most versions of the firmware (12, not 16): its mask (0x8F, the flag being
# 0x80) takes four bits of the version as well.
#
# The thermostat is a server on loopback that sends one block in the thermostat's own frame, with its checksum.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'heatmiser-wifi==1.4.0'
"$folder/venv/bin/python" - <<'PY'
import socket
import threading

from heatmiser_wifi import Heatmiser
from heatmiser_wifi.heatmiser_wifi import CRC16

LOCKED, NORMAL, AT_HOME = 1, 0, 0


def info(holiday, version=12, keys=LOCKED):
    block = [0] * 72
    block[0:2], block[3], block[4] = (72, 0), version, 2  # a PRT
    block[18], block[21:25] = 21, (1, keys, NORMAL, AT_HOME)
    block[25:31] = holiday
    block[37:39] = 213, 0
    frame = [0x94, len(block) + 9, 0, 0, 0, len(block), 0, *block]
    frame += CRC16().CRC16(frame)

    def answer(server):
        connection, _ = server.accept()
        with connection:
            connection.recv(100)
            connection.sendall(bytes(frame))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        thermostat = Heatmiser("127.0.0.1", server.getsockname()[1], 0)
        thermostat.connect()
        said = thermostat.get_info()
        thermostat.disconnect()
        thread.join()
    assert (said["model"], said["set_room_temp"], said["air_temp"]) == ("PRT", 21, 21.3)
    return said


def end(said):
    return tuple(said["holiday_return_date_" + part] for part in ("year", "month", "day_of_month", "hour", "minute"))


said = info((26, 12, 28, 18, 30, 1))
print("until 2026-12-28 18:30, on:", end(said), said["holiday_enable"])
assert (end(said), said["holiday_enable"]) == ((2001, 0, 0, 26, 12), False), "the end is read otherwise now"
said = info((26, 12, 1, 18, 30, 0), keys=0)
print("until 2026-12-01 18:30, off, keys free:", end(said), said["holiday_enable"])
assert (end(said), said["holiday_enable"]) == ((2000, 0, 0, 26, 12), True)

limits = {version: info((0,) * 6, version=version)["in_floor_limit_state"] for version in (0, 12, 16, 0x80 | 12)}
print("floor limit reached, by the byte of the version (128 is its bit):", limits)
assert limits == {0: False, 12: True, 16: False, 140: True}, "the floor's limit is read otherwise now"
PY
