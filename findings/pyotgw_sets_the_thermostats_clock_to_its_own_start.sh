#!/usr/bin/env bash
# pyotgw 2.2.3 (PyPI) talks to an OpenTherm Gateway, which sits between a room's thermostat and its boiler.
#
# Expected (its README): set_clock gives the thermostat time and weekday, "a datetime object which defaults to now()";
# set_outside_temp with 99 clears the outside temperature that was set.
#
# Seen on 2026-12-02: its now() is the instant at which the module was imported. Imported on a Wednesday at 06:00, it
# sends SC=06:00/3 whenever it is asked, so a home that corrects the thermostat's clock each night turns it back to
# when the program started, and the thermostat's own programme runs at wrong hours of a wrong day. With a datetime it sends
# that. And when the outside temperature was cleared, the status says 0.0 degrees of it, not that it is unknown.
#
# A stand-in for the gateway answers on loopback (pyserial's socket://); time-machine sets the clock for the import.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install \
    'pyotgw==2.2.3' 'pyserial-asyncio-fast==0.16' 'pyserial==3.5' 'time-machine==2.19.0'
"$folder/venv/bin/python" - <<'PY'
import asyncio
from datetime import datetime

import time_machine

with time_machine.travel(datetime(2027, 1, 13, 6, 0)):
    import pyotgw
    from pyotgw import vars as names

got = []


async def gateway(reader, writer):
    while line := (await reader.readline()).decode().strip():
        command, _, value = line.partition("=")
        got.append(line)
        if command == "OT" and float(value) > 64:
            value = "-"
        writer.write(f"{command}: {value}\r\n".encode())


async def main():
    server = await asyncio.start_server(gateway, "127.0.0.1", 0)
    client = pyotgw.OpenThermGateway()
    await client.connect("socket://127.0.0.1:%d" % server.sockets[0].getsockname()[1], skip_init=True)
    said = await client.set_clock()
    print("set_clock():", said)
    assert said == "06:00/3", "it is the time of the call now"
    friday = datetime(2027, 1, 15, 21, 30)
    print("set_clock(Friday, 21:30):", await client.set_clock(friday))
    assert [line for line in got if line.startswith("SC")] == ["SC=06:00/3", "SC=21:30/5"]

    for celsius, expected in ((-7.5, -7.5), (99, 0.0)):
        said = await client.set_outside_temp(celsius)
        status = client.status.status[names.THERMOSTAT][names.DATA_OUTSIDE_TEMP]
        print(f"set_outside_temp({celsius}): {said}, status {status}")
        assert status == expected, "what was cleared is told otherwise now"
    await client.disconnect()
    server.close()


asyncio.run(main())
PY
