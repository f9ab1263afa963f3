#!/usr/bin/env bash
# pyStrompris 0.0.11 (PyPI) reads Norway's hourly prices of electricity from hvakosterstrommen.no.
#
# Expected (its README): get_current_price is the price of the hour that is now; with it come the day's max, avg and
# min, and a level from VERY_CHEAP to VERY_EXPENSIVE.
#
# Seen on 2026-12-02: prices are fetched once, and of what is kept the hour of the clock is taken, whatever its day.
# Asked at 20:30 on the next day it says yesterday's 2.50 NOK, in force until yesterday at 21:00; today's, 12.50, is
# never fetched. The day's figures have the tax of 25 % twice: of a day whose dearest hour is 2.50 the max is
# 3.125, and its cheapest hour is told as dearer than it is as well. A price below zero is never cheap: the one
# hour at -0.50 in a day of 1.25 is AVERAGE, as the others are; where that hour costs 0.50 it is VERY_CHEAP.
#
# A stand-in for the web service answers on loopback, and time-machine sets the clock.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install \
    'pyStrompris==0.0.11' 'pytz==2025.2' 'aiohttp==3.13.2' 'time-machine==2.19.0' 'tzdata==2026.3'
"$folder/venv/bin/python" - <<'PY'
import asyncio
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import time_machine
from aiohttp import web
from strompris.const import SOURCE_HVAKOSTERSTROMMEN
from strompris.strompris import Strompris

OSLO, HOUR = ZoneInfo("Europe/Oslo"), timedelta(hours=1)
ORDINARY = {13: [0.8] * 18 + [2.0] * 6, 14: [10.0] * 24}


async def served(prices, *instants):
    """Ask one client at each instant, and return what it says and the days that it fetched."""
    fetched = []

    async def answer(request):
        month, day = (int(part) for part in request.match_info["day"].split("_")[0].split("-"))
        fetched.append(day)
        midnight = datetime(2027, month, day, tzinfo=OSLO)
        hours = [midnight + k * HOUR for k in range(25)]
        return web.json_response(
            [
                {"NOK_per_kWh": price, "EUR_per_kWh": price / 11, "EXR": 11.0}
                | {"time_start": start.isoformat(), "time_end": end.isoformat()}
                for price, start, end in zip(prices[day], hours, hours[1:])
            ]
        )

    app = web.Application()
    app.router.add_get("/{year}/{day}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = Strompris(source=SOURCE_HVAKOSTERSTROMMEN, zone=1)
    client.priceSource.api_url = "http://127.0.0.1:%d/" % runner.addresses[0][1]
    said = []
    for instant in instants:
        with time_machine.travel(instant):
            said.append(await client.async_get_price_attrs())
    await runner.cleanup()
    return said, fetched


wednesday, thursday = (datetime(2027, 1, day, 20, 30, tzinfo=OSLO) for day in ORDINARY)
(first, second), fetched = asyncio.run(served(ORDINARY, wednesday, thursday))
for at, said in ((wednesday, first), (thursday, second)):
    print(f"{at:%d %H:%M}:", {name: said[name] for name in ("start", "end", "total", "max", "min")})
print("days fetched:", fetched)
assert first["total"] == 2.5
assert second == first and fetched == [13], "the next day has its own prices now"
assert first["max"] == 3.125 and first["min"] == 1.25, "the tax is in the day's figures once now"

night = datetime(2027, 1, 13, 3, 30, tzinfo=OSLO)
levels = []
for price in (0.4, -0.4):
    (said,), _ = asyncio.run(served({13: [1.0] * 3 + [price] + [1.0] * 20}, night))
    print(f"one hour at {said['total']}, the others at 1.25:", said["price_level"])
    levels.append(said["price_level"])
assert levels == ["VERY_CHEAP", "AVERAGE"], "a price below zero has another level now"
PY
