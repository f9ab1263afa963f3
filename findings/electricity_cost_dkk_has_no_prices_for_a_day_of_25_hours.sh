#!/usr/bin/env bash
# electricity-cost-dkk 0.1.1 adds Danish spot prices (by the hour of delivery) and the grid's charges (by
# the hour of the clock: position 1 is 00:00 to 01:00). It joins the two, and names the hours, by counting.
#
# Seen, with what both services answer given here: on 25 October 2026 (25 hours) all there is is
# {"error": "No price data available"}, though all 25 prices are there. On 29 March 2026 (23 hours) there
# is a 02:00, which does not exist, and from then on each price is named an hour too early: delivery at
# 17:00, when the grid's dear hours begin, is "16:00" and has the cheap charge; "23:00" is missing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'electricity-cost-dkk==0.1.1' 'tzdata==2025.2'
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import contextlib
import datetime as dt
import io
import json
import os
import sys
from unittest import mock
from zoneinfo import ZoneInfo

from electricity_cost_dkk import app

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
os.environ |= {"REGION": "EAST", "PROVIDER_MARKUP": "0", "VAT_RATE": "0"}
os.environ |= {"ELOVERBLIK_TOKEN": "token", "ELOVERBLIK_METERING_POINT_ID": "571313100000000000"}
DEAR = (17, 18, 19, 20)  # the grid's dear hours, by the clock


def hours_of(day):
    """The beginnings of a day's hours, as moments."""
    now = dt.datetime.combine(day, dt.time(), COPENHAGEN).astimezone(dt.timezone.utc)
    while now.astimezone(COPENHAGEN).date() == day:
        yield now
        now += dt.timedelta(hours=1)


class Answer:
    ok, status_code = True, 200

    def __init__(self, body):
        self.json = lambda: body


def get(url, params=None, **_):
    if params is None:
        return Answer({"result": "token"})
    day = dt.date.fromisoformat(params["date"])
    prices = [
        # the price says the hour of the clock that it is for: 17 DKK/kWh at 17:00
        {
            "deliveryStart": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            "entryPerArea": {"DK2": 1000.0 * moment.astimezone(COPENHAGEN).hour},
        }
        for moment in hours_of(day)
    ]
    return Answer({"currency": "DKK", "multiIndexEntries": prices})


def post(url, **_):
    prices = [
        {"position": str(hour + 1), "price": 0.9 if hour in DEAR else 0.1} for hour in range(24)
    ]
    tariff = {"name": "Nettarif C time", "owner": "5790000000000", "periodType": "PT1H"}
    return Answer({"result": [{"success": True, "result": {"tariffs": [tariff | {"prices": prices}]}}]})


def asked(day):
    """What the command prints on that day."""

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.combine(day, dt.time(12), tz)

    said = io.StringIO()
    with (
        mock.patch.object(app, "datetime", Clock),
        mock.patch("requests.get", get),
        mock.patch("requests.post", post),
        mock.patch.object(sys, "argv", ["electricity-cost-dkk", "--json"]),
        contextlib.redirect_stdout(said),
        contextlib.suppress(SystemExit),
    ):
        app.main()
    return json.loads(said.getvalue())


ordinary = asked(dt.date(2026, 3, 28))["hours"]
assert [round(each["components"]["spot"]) for each in ordinary] == list(range(24))
assert [each["hour"] for each in ordinary if each["components"]["distribution"] == 0.9] == list(DEAR)

long = asked(dt.date(2026, 10, 25))
print("25 October 2026:", long)
assert long == {"error": "No price data available"}, "a day of 25 hours has prices now"

short = asked(dt.date(2026, 3, 29))["hours"]
five = next(each for each in short if each["components"]["spot"] == 17)
print("29 March 2026, delivery at 17:00:", five)
assert [each["hour"] for each in short] == list(range(23)), "the hours are named otherwise now"
assert short[2]["components"]["spot"] == 3
assert (five["hour"], five["components"]["distribution"]) == (16, 0.1)
PY
