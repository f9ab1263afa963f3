#!/usr/bin/env bash
# energy-tariff-scheduler 0.0.8 (PyPI) fetches a day's prices of a tariff and plans what to switch in its cheap hours.
#
# For the tariff "Go" the end of a day is the same date with one added to the number of the day. On the last day of
# every month there is no such date: making the plan raises ValueError, so that nothing is switched on that day.
# For the tariff "Agile", whose day ends at 23:00, the plan is made.
#
# Seen at noon of 2026-01-30 (planned: cheap, then expensive), and of 2026-01-31 and 2026-02-28:
# "ValueError: day is out of range for month".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    energy-tariff-scheduler==0.0.8 freezegun==1.5.5
"$folder/venv/bin/python" - <<'PY'
from datetime import datetime, timedelta, timezone

from apscheduler.schedulers.background import BackgroundScheduler
from energy_tariff_scheduler.config import (
    OctopusAgileScheduleConfig,
    OctopusGoScheduleConfig,
    TrackedScheduleConfigCreator,
)
from energy_tariff_scheduler.prices import Price
from energy_tariff_scheduler.schedules import (
    OctopusAgileScheduleProvider,
    OctopusGoScheduleProvider,
)
from freezegun import freeze_time


class Prices:
    """Stands for the library's client of the web service: two periods of the day asked for."""

    def get_prices_for_users_tariff_and_product(self, product_prefix, date_from, date_to):
        start = datetime.fromisoformat(date_from).replace(tzinfo=timezone.utc)
        night, end = start + timedelta(hours=5), start + timedelta(days=1)
        return [
            Price(value=8.5, datetime_from=start, datetime_to=night),
            Price(value=30.1, datetime_from=night, datetime_to=end),
        ]


def planned(provider, config_of, prices, day):
    config = config_of(
        prices_to_include=1,
        action_when_cheap=lambda price: None,
        action_when_expensive=lambda price: None,
    )
    tracked = TrackedScheduleConfigCreator(config=config)
    with freeze_time(f"{day} 12:00:00"):
        try:
            provider(prices, config, BackgroundScheduler(), tracked).run()
        except ValueError as error:
            return f"ValueError: {error}"
    return [call.action for call in tracked.calls]


GO = (OctopusGoScheduleProvider, OctopusGoScheduleConfig, Prices())
AGILE = (OctopusAgileScheduleProvider, OctopusAgileScheduleConfig, Prices())
plan = ["action_when_cheap", "action_when_expensive"]
for day, expected in (
    ("2026-01-30", plan),
    ("2026-01-31", "ValueError: day is out of range for month"),
    ("2026-02-28", "ValueError: day is out of range for month"),
):
    seen = planned(*GO, day)
    print(day, "Go:", seen)
    assert seen == expected, "Go plans the last day of a month now"
    assert planned(*AGILE, day) == plan
PY
