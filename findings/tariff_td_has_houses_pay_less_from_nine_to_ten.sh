#!/usr/bin/env bash
# tariff-td 1.1 (PyPI) says period and price of an hour in Spain's tariffs 2.0TD (homes) and 3.0TD (over 15 kW: houses
# with several flats and a common heat pump).
#
# Expected: on a working day 3.0TD is in the dearer of the season's two periods from 9 to 14 and from 18 to 22 on the
# mainland (Circular 3/2020 of the CNMC; 2.0TD has 10 to 14). Without a date get_period() and get_price() are of now, as
# their default, datetime.now(), reads.
#
# Seen on 2026-12-02: 3.0TD is given the hours of 2.0TD, so from 9 to 10 on each working day of each month a common heat
# pump runs at a price that is a period too low. The default is read when the module is imported: a service that was
# started at three in the night hears of the cheapest period all day long. freezegun moves the clock here.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'tariff-td==1.1' 'holidays==0.109' 'freezegun==1.5.5'
"$folder/venv/bin/python" - <<'PY'
from datetime import datetime

from freezegun import freeze_time

with freeze_time("2026-12-02 03:00"):  # a Wednesday
    from tariff_td import Tariff20TD, Tariff30TD

    home = Tariff20TD(0.20, 0.15, 0.10)
    print("at 03:00:", home.get_period(), home.get_price())
    assert (home.get_period(), home.get_price()) == ("P3", 0.10)
with freeze_time("2026-12-02 20:00"):
    now = datetime.now()
    print("at 20:00:", home.get_period(), home.get_price(), "; asked with the date:", home.get_period(now), home.get_price(now))
    assert (home.get_period(now), home.get_price(now)) == ("P1", 0.20)
    assert (home.get_period(), home.get_price()) == ("P3", 0.10), "now is now"

# the dearer and the cheaper period of a working day by month, as the Circular has them
SEASONS = ["12", "12", "23", "45", "45", "34", "12", "34", "34", "45", "23", "12"]
DEAR = {*range(9, 14), *range(18, 22)}
large = Tariff30TD(6, 5, 4, 3, 2, 1)
wrong = []
for month, (dear, cheap) in enumerate(SEASONS, start=1):
    day = next(day for day in (14, 15, 16, 17) if datetime(2027, month, day).weekday() < 5)
    for hour in range(24):
        meant = "P6" if hour < 8 else f"P{dear if hour in DEAR else cheap}"
        if large.get_period(datetime(2027, month, day, hour)) != meant:
            wrong.append((month, hour))
print("3.0TD is wrong at (month, hour):", wrong)
assert wrong == [(month, 9) for month in range(1, 13)], "other hours are wrong now, or none"
PY
