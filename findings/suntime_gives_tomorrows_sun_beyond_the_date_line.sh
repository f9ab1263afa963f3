#!/usr/bin/env bash
# suntime 1.4.0 beside astral 3.2: sunrise and sunset of a day in a place that lies west of 180
# degrees on the map and east of the date line on the calendar (Samoa, Tonga, Chatham, Kiritimati)
# are those of the day after.
#
# Seen: asked for 15 June 2026 in Apia suntime answers 16 June 06:48 to 18:07, astral 15 June 06:48
# to 18:06. So it is on each day of the year in Apia, Tongatapu, Kiritimati and Chatham, and on
# none in Auckland, Tokyo, Berlin, Honolulu and Adak. "Until sunset" lasts until tomorrow's.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'suntime==1.4.0' 'astral==3.2' tzdata
"$folder/venv/bin/python" - <<'PY'
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from astral import Observer
from astral.sun import sunrise
from suntime import Sun

BEYOND = {
    "Pacific/Apia": (-13.8, -171.8),
    "Pacific/Tongatapu": (-21.1, -175.2),
    "Pacific/Kiritimati": (1.9, -157.4),
    "Pacific/Chatham": (-44.0, -176.5),
}
ELSEWHERE = {
    "Pacific/Auckland": (-36.9, 174.8),
    "Asia/Tokyo": (35.7, 139.7),
    "Europe/Berlin": (52.5, 13.4),
    "Pacific/Honolulu": (21.3, -157.9),
    "America/Adak": (51.9, -176.7),
}


def days_off(name, place):
    """By how many days suntime's and astral's sunrise miss the days of 2026."""
    zone, found = ZoneInfo(name), []
    for number in range(365):
        noon = datetime(2026, 1, 1, 12, tzinfo=zone) + timedelta(days=number)
        ours = (
            Sun(*place).get_sunrise_time(noon, zone),
            sunrise(Observer(*place), noon.date(), tzinfo=zone),
        )
        found.append(tuple((one.date() - noon.date()).days for one in ours))
    return set(found)


for name, place in {**BEYOND, **ELSEWHERE}.items():
    print(name, "(suntime, astral):", days_off(name, place))
assert all(days_off(name, place) == {(1, 0)} for name, place in BEYOND.items())
assert all(days_off(name, place) == {(0, 0)} for name, place in ELSEWHERE.items())
PY
