#!/usr/bin/env bash
# cronsim 2.8 and croniter 7.0.0: a schedule that names both days of the month and days of the
# week runs where either fits, unless one of the two begins with a star. Both libraries do so
# of a lone star; of a star with a step, as in `0 6 */2 * 1`, cronsim wants both, croniter either.
#
# Seen: cronsim, which follows Debian's cron, runs on Mondays with an odd date, 26 times in
# 2026, and croniter on every odd date and every Monday as well, 212 times. Asked for
# implement_cron_bug croniter runs as cronsim does. `1-31/2`, which names the same days without
# a star, is either to both: who moves a line from the one library to the other writes it so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'cronsim==2.8' 'croniter==7.0.0'
"$folder/venv/bin/python" - <<'PY'
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from croniter import croniter
from cronsim import CronSim

BEGIN = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(seconds=1)


def in_2026(moments):
    return list(takewhile(lambda moment: moment.year == 2026, moments))


def sim(expression):
    return in_2026(CronSim(expression, BEGIN))


def iter_(expression, **options):
    return in_2026(croniter(expression, BEGIN, ret_type=datetime, **options))


def told(moments):
    first = ", ".join(f"{moment:%a %d %b}" for moment in moments[:4])
    return f"{len(moments):3} times, {first}, ..."


step = "0 6 */2 * 1"
print("cronsim:                  ", told(sim(step)))
print("croniter:                 ", told(iter_(step)))
print("croniter, with cron's bug:", told(iter_(step, implement_cron_bug=True)))
print("both, 1-31/2:             ", told(sim("0 6 1-31/2 * 1")))
both = [moment for moment in sim(step) if moment.weekday() == 0 and moment.day % 2]
assert sim(step) == both == iter_(step, implement_cron_bug=True)
assert sim("0 6 1-31/2 * 1") == iter_("0 6 1-31/2 * 1")
assert iter_(step) == iter_("0 6 1-31/2 * 1") != sim(step), "they agree now"
PY
