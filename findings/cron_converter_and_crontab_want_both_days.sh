#!/usr/bin/env bash
# "0 7 1 * 1" in crontab(5): a line that restricts both the day of the month and the weekday runs
# when either fits: each Monday and each first of a month. So does cronsim 2.8. cron-converter 2.0.2
# and crontab 1.0.5 (parse-crontab) run it when both fit.
#
# Seen from 2 March to 31 December 2026: cronsim 51 times, the two others once (1 June is a Monday,
# the next is 1 February 2027), without a word. On the night the clock goes forward both also name 02:30 with the
# offset of winter, an instant that a clock on the wall never shows.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'cronsim==2.8' 'cron-converter==2.0.2' 'crontab==1.0.5' 'tzdata==2026.3'
"$folder/venv/bin/python" - <<'PY'
from datetime import datetime
from zoneinfo import ZoneInfo

from cron_converter import Cron
from cronsim import CronSim
from crontab import CronTab

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 2, 8, tzinfo=BERLIN)
END = datetime(2027, 1, 1, tzinfo=BERLIN)


def of_cronsim(line, at):
    return next(CronSim(line, at))


def of_cron_converter(line, at):
    return Cron(line).schedule(at).next()


def of_crontab(line, at):
    return CronTab(line).next(at, default_utc=False, return_datetime=True)


def runs(following, line):
    seen, at = [], START
    while (at := following(line, at)) < END:
        seen.append(at)
        assert len(seen) < 1000
    return seen


BOTH = "0 7 1 * 1"
counts = {f.__name__[3:]: len(runs(f, BOTH)) for f in (of_cronsim, of_cron_converter, of_crontab)}
print(BOTH, counts)
either = {at.date() for at in runs(of_cronsim, "0 7 * * 1")}
either |= {at.date() for at in runs(of_cronsim, "0 7 1 * *")}
assert counts["cronsim"] == len(either), "cronsim is no longer as crontab(5) says"
assert counts["cron_converter"] == counts["crontab"] == 1, "they run when either fits now"

night = datetime(2026, 3, 28, 12, tzinfo=BERLIN)
for following in (of_cron_converter, of_crontab):
    gap = following("30 2 * * *", night)
    print(f"30 2 * * *: {following.__name__[3:]} says {gap.isoformat()}")
    assert gap.isoformat() == "2026-03-29T02:30:00+01:00"
assert of_cronsim("30 2 * * *", night).isoformat() == "2026-03-29T03:00:00+02:00"
PY
