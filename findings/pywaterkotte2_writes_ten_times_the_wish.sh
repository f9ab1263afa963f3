#!/usr/bin/env bash
# pywaterkotte2 0.0.14 (PyPI) reads and writes Waterkotte's heat pumps: those with EcoTouch, and by its class Easycon the
# older ones with EasyCon. Temperatures are variables with an A; EcoTouch says them in tenths.
#
# Expected: what write_value sets is what read_value reads, and write_value answers with the state and the value set, as
# write_values' own code makes them.
#
# Seen: reading, Easycon takes a variable's number as degrees (21.0 is 21.0 degrees); writing, it sends tenths as to an
# EcoTouch. A wish of 22 degrees goes out as 220, and is read back as 220.0. The answer is empty, whether the pump did it
# or refused: it waits for S_OK, and Easycon says E_OK.
#
# The return water of a floor that was to be one degree warmer is asked to be 220 degrees, so the heat pump runs up to
# whatever its own limits are, and the program is told nothing that it could see that by.
#
# Held against: a server on loopback that stands for the heat pump, keeps what is written and says it again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'pywaterkotte2==0.0.14' 'aiohttp==3.13.2'
"$folder/venv/bin/python" - <<'PY'
import asyncio
import contextlib
import io
import logging
from urllib.parse import unquote

from aiohttp import web
from pywaterkotte import ecotouch
from pywaterkotte.easycon import Easycon
from pywaterkotte.ecotouch import EcotouchTag

ecotouch._LOGGER = logging.getLogger("pywaterkotte")  # None until a host gives it one
kept, written, refuses = {"31": "21.0"}, [], []


async def read(request):
    said = "".join(f"<VARIABLE><INDEX>{i}</INDEX><VALUE>{v}</VALUE></VARIABLE>" for i, v in kept.items())
    return web.Response(text=f"<PCOWEB><PCO><ANALOG>{said}</ANALOG></PCO></PCOWEB>")


async def write(request):
    _, kind, index, value, _ = unquote(request.query_string).split("|")
    written.append((kind, index, value))
    if not refuses:
        kept[index] = value
    return web.Response(text="<p>Refused</p>" if refuses else "<p>Operation completed succesfully</p>")


async def main():
    app = web.Application()
    app.router.add_get("/config/xml.cgi", read)
    app.router.add_get("/config/query.cgi", write)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    pump, wish = Easycon(f"127.0.0.1:{port}"), EcotouchTag.TEMPERATURE_HEATING_SET
    pump.auth_cookies = None
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does
        before = await pump.read_value(wish)
        answer = await pump.write_value(wish, 22.0)
        after = await pump.read_value(wish)
        refuses.append(True)
        refused = await pump.write_value(wish, 22.0)
    await runner.cleanup()
    print("before:", before["value"], "; written for 22.0:", written[0], "; answer:", answer, "; after:", after["value"])
    print("answer where the pump refuses:", refused)
    assert before["value"] == 21.0
    assert written[0] == ("A", "31", "220"), "it goes out otherwise now"
    assert after["value"] == 220.0, "it is read otherwise now"
    assert answer == refused == {}, "it answers now"


asyncio.run(main())
PY
