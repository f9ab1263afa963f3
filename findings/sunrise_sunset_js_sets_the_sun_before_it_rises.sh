#!/usr/bin/env bash
# sunrise-sunset-js 3.2.1 (npm), beside astral 3.2 (PyPI), says sunrise and sunset of a day in a place.
#
# Expected: of one day, the sun rises before it sets, whatever clock the computer has; the answers are instants, and the
# README's own examples give a place and a day alone (New York, Stonehenge).
#
# Seen on 2026-12-02: without an option the day is the one of the computer's zone, and each event is looked for within
# its 24 hours. A container or server on UTC has New York's sun of 15 June rise at 09:24 and set at 00:28, nine hours
# before: last evening's. So it is on every day of 2026 in Honolulu, Tokyo and Auckland, on 290 in Denver, on 95 in New York
# (May to August), and never in London and Berlin. A blind that is up "from sunrise to sunset" stays down. With timezoneId all
# is right and agrees with astral within two minutes.
#
# Needs node 18 or newer and npm.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'astral==3.2' 'tzdata==2026.3'
npm install --silent --ignore-scripts --omit=optional --no-audit --no-fund \
    --prefix "$folder" 'sunrise-sunset-js@3.2.1' > /dev/null
cat > "$folder/sun.mjs" <<'JS'
import { getSunrise, getSunset } from './node_modules/sunrise-sunset-js/dist/index.js'

const said = []
for (const [zone, latitude, longitude] of JSON.parse(process.argv[2])) {
  for (let day = 0; day < 365; day += 1) {
    const noon = new Date(Date.UTC(2026, 0, 1 + day, 12))
    const both = (options) => [getSunrise, getSunset].map((of) => of(latitude, longitude, noon, options).getTime() / 1000)
    said.push([zone, day, both(undefined), both({ timezoneId: zone })])
  }
}
console.log(JSON.stringify(said))
JS
cat > "$folder/compare.py" <<'PY'
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from astral import Observer
from astral.sun import sunrise, sunset

PLACES = {
    "America/New_York": (40.7128, -74.0060),
    "America/Denver": (39.7, -105.0),
    "Pacific/Honolulu": (21.3, -157.9),
    "Asia/Tokyo": (35.7, 139.7),
    "Pacific/Auckland": (-36.9, 174.8),
    "Europe/London": (51.5, -0.1),
    "Europe/Berlin": (52.5, 13.4),
}
places = json.dumps([[zone, *place] for zone, place in PLACES.items()])
said = subprocess.run(
    ["node", "sun.mjs", places], cwd=sys.argv[1], env={**os.environ, "TZ": "UTC"}, stdout=subprocess.PIPE, check=True
)

before, months = Counter(), set()
for zone, number, (rises, sets), (right_rises, right_sets) in json.loads(said.stdout):
    observer, local = Observer(*PLACES[zone]), ZoneInfo(zone)
    day = (datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=number)).astimezone(local).date()
    for event, instant in ((sunrise, right_rises), (sunset, right_sets)):
        assert abs(event(observer, day, tzinfo=local).timestamp() - instant) < 120, f"{zone} {day}: wrong with a zone too"
    if sets < rises:
        before[zone] += 1
        if zone == "America/New_York":
            months.add(day.month)
    if (zone, day) == ("America/New_York", date(2026, 6, 15)):
        print("New York, 15 June, UTC:", *(datetime.fromtimestamp(one, UTC).strftime("%d %H:%M") for one in (rises, sets)))

print("days of 2026 on which it sets before it rises:", dict(before))
print("months of New York:", sorted(months))
assert before == {
    "America/New_York": 95,
    "America/Denver": 290,
    "Pacific/Honolulu": 365,
    "Asia/Tokyo": 365,
    "Pacific/Auckland": 365,
}, "it sets otherwise now"
assert months == {5, 6, 7, 8}
PY
"$folder/venv/bin/python" "$folder/compare.py" "$folder"
