#!/usr/bin/env bash
# cronsim 2.8: `*/30 2 * * *` and `0,30 2 * * *` name the same minutes and give different
# instants on the days on which the clock changes.
#
# Seen (Europe/Paris): on the day that skips 2:00 to 3:00 the one with the star gives nothing
# that day, the list runs at 3:00; on the day that has 2:00 to 3:00 twice the star runs in
# both hours, the list in the first alone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'cronsim==2.8' 'tzdata==2026.6'
"$folder/venv/bin/python" - <<'PY'
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

ZONE = ZoneInfo("Europe/Paris")


def on(expression, day):
    begin = datetime(*day, tzinfo=ZONE) - timedelta(seconds=1)
    found = []
    for moment in CronSim(expression, begin):
        if moment.date() != datetime(*day).date():
            return found
        found.append(moment.isoformat())


different = 0
for day in ((2026, 3, 29), (2026, 10, 25)):
    star, listed = on("*/30 2 * * *", day), on("0,30 2 * * *", day)
    print(day, "star:", star)
    print(day, "list:", listed)
    different += star != listed
assert different == 2, "they agree now"
PY
