#!/usr/bin/env bash
# sunrisesunset 1.0.2 (PyPI) says sunrise and sunset of a day, from an aware datetime of it, a latitude and a longitude.
#
# Expected: whoever asks on a day, at midnight or at noon, hears of the same sun; asked after midnight is what a
# home does that plans its blinds and its heating for the day.
#
# Seen on 2026-12-02: on the two days on which clocks change, whoever asks before the change hears the sun's times by
# the offset of before, with the offset of after written on them. Berlin, 2027-03-28: asked at 00:30 the sun rises at
# 05:49+02:00, asked at 04:30 at 06:49+02:00 (astral: 06:51). 2027-10-31: 07:59+01:00, then 06:59+01:00 (07:00).
#
# And the sun's day leaps between months, most after February: from the 28th to 1 March sunrise in Oslo gets ten
# minutes earlier (astral: three); before it is nearly five minutes late, after it two early.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'sunrisesunset==1.0.2' 'astral==3.2' 'tzdata==2026.3'
"$folder/venv/bin/python" - <<'PY'
from datetime import date, datetime
from zoneinfo import ZoneInfo

from astral import Observer
from astral.sun import sunrise
from sunrisesunset import SunriseSunset


def rise(place, at, zone):
    said, _sunset = SunriseSunset(at.replace(tzinfo=ZoneInfo(zone)), *place).sun_rise_set
    other = sunrise(Observer(*place), at.date(), tzinfo=ZoneInfo(zone))
    return said, other


def minutes(later, earlier):
    return (later - earlier).total_seconds() / 60


BERLIN, OSLO = (52.52, 13.405), (59.91, 10.75)
for day, hour_off in ((date(2027, 3, 28), -60), (date(2027, 10, 31), 60), (date(2027, 6, 1), 0)):
    off = []
    for hour in (0, 4, 12, 23):
        said, other = rise(BERLIN, datetime(day.year, day.month, day.day, hour, 30), "Europe/Berlin")
        print(f"{day}, asked at {hour:02}:30: {said:%H:%M%z}, astral {other:%H:%M%z}")
        off.append(minutes(said, other))
    assert abs(off[0] - hour_off) < 3, "the change is heeded now"
    assert all(abs(each) < 3 for each in off[1:])

said, other = zip(*(rise(OSLO, datetime(2027, *day, 12), "Europe/Oslo") for day in ((2, 28), (3, 1))))
steps = [24 * 60 - minutes(after, before) for before, after in (said, other)]
print(f"Oslo, 28 February to 1 March: {steps[0]:.1f} minutes earlier, astral {steps[1]:.1f}")
assert 9 < steps[0] < 11 and 2 < steps[1] < 4, "the year has no leap there now"
PY
