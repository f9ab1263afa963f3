#!/usr/bin/env bash
# awattar 0.8.1 (PyPI) reads the hourly prices of aWATTar and finds the cheapest hours between two instants, for what
# can wait: a boiler, a car, a floor that is warmed ahead.
#
# The end is not looked at for the last slot that the prices allow: where the end is the beginning of the last hour
# (tomorrow's prices not being published yet), the slot that is returned ends an hour after it. With one hour more of
# prices behind it the same question gets another answer. And the start is cut to its whole hour, so that
# at 10:30 a slot of 10:00 is proposed, half of which is over.
#
# Seen, with prices of one day in which the last hour is the cheapest: one hour up to 23:00 -> 23:00 to 24:00;
# with the next day's first hour behind it -> 22:00 to 23:00; from 10:30 on -> 10:00.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    awattar==0.8.1 responses==0.25.8
TZ=UTC "$folder/venv/bin/python" - <<'PY'
from datetime import datetime, timedelta, timezone

import responses
from awattar.client import AwattarClient

MIDNIGHT = datetime(2026, 1, 14, tzinfo=timezone.utc)


def client_with(prices):
    """Let the client read prices of an hour each from midnight on, as the web service gives them."""
    hours = [MIDNIGHT + timedelta(hours=hour) for hour in range(len(prices) + 1)]
    data = [
        {
            "start_timestamp": int(start.timestamp()) * 1000,
            "end_timestamp": int(end.timestamp()) * 1000,
            "marketprice": price,
            "unit": "Eur/MWh",
        }
        for start, end, price in zip(hours, hours[1:], prices)
    ]
    client = AwattarClient("AT")
    with responses.RequestsMock() as web:
        web.get("https://api.awattar.com/v1/marketdata", json={"data": data})
        client.request()
    return client


def seen(what, slot):
    print(f"{what}: {slot.start_datetime:%H:%M} to {slot.end_datetime:%d %H:%M}")
    return slot.start_datetime, slot.end_datetime


falling = [100.0 - hour for hour in range(24)]
end = MIDNIGHT + timedelta(hours=23)
slot = seen("one hour until 23:00", client_with(falling).best_slot(1, MIDNIGHT, end))
assert slot[1] == end + timedelta(hours=1), "the end is kept now"
more = client_with([*falling, 200.0])
slot = seen("the same, one hour more known", more.best_slot(1, MIDNIGHT, end))
assert slot[1] == end

rising = [100.0 + hour for hour in range(24)]
start = MIDNIGHT + timedelta(hours=10, minutes=30)
slot = seen("one hour from 10:30 on", client_with(rising).best_slot(1, start))
assert slot[0] == MIDNIGHT + timedelta(hours=10), "no slot begins before the start now"
PY
