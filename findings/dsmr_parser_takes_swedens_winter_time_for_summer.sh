#!/usr/bin/env bash
# dsmr-parser 1.11.2 (PyPI) reads telegrams of electricity meters (the P1 port, in Sweden the HAN port), those of Sweden by a
# specification of its own. An instant ends with W or S, which its own words call standard time and daylight saving time.
#
# Expected: 12:00:00W is 11:00 in UTC, in July as in January. Swedish meters keep standard time all year and
# write W all year (EIFS 2016:2).
#
# Seen on 2026-12-02: the letter is heeded in one hour a year, when clocks go back. 2027-07-15 12:00:00W is 10:00 in UTC,
# as 12:00:00S is; from March to October every instant of a Swedish meter is an hour early. In the night of 28 March two
# telegrams ten seconds apart (01:59:50W and 02:00:00W) are an hour apart the wrong way round, on 31 October an hour
# and ten seconds: a power that is reckoned from energy and time is below zero once, and near nothing once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'dsmr-parser==1.11.2' 'tzdata==2026.3'
"$folder/venv/bin/python" - <<'PY'
from datetime import UTC, datetime, timedelta

from dsmr_parser.parsers import TelegramParser
from dsmr_parser.telegram_specifications import SWEDEN

HOUR = timedelta(hours=1)


def read(instant):
    """Return the instant of a whole telegram with its checksum."""
    lines = ("/XYZ5\\1234567_A", "", f"0-0:1.0.0({instant})", "1-0:1.8.0(00006678.394*kWh)", "1-0:1.7.0(0001.023*kW)")
    telegram = "\r\n".join((*lines, "!"))
    telegram += f"{TelegramParser.crc16(telegram):04X}\r\n"
    said = TelegramParser(SWEDEN).parse(telegram, throw_ex=True).P1_MESSAGE_TIMESTAMP.value
    meant = datetime.strptime(instant[:12], "%y%m%d%H%M%S").replace(tzinfo=UTC)
    meant -= 2 * HOUR if instant.endswith("S") else HOUR
    print(f"{instant}: {said:%Y-%m-%d %H:%M:%S}, meant {meant:%Y-%m-%d %H:%M:%S} UTC")
    return said, said - meant


for instant, off in (
    ("270115120000W", 0 * HOUR),
    ("270715120000S", 0 * HOUR),
    ("270715120000W", -HOUR),
    ("271031023000W", 0 * HOUR),
    ("271031023000S", 0 * HOUR),
):
    assert read(instant)[1] == off, "the letter is heeded now"

for day, apart in (("270328", 10 - 3600), ("271031", 10 + 3600)):
    before, after = (read(day + clock)[0] for clock in ("015950W", "020000W"))
    print(f"ten seconds of {day}: {(after - before).total_seconds():.0f}")
    assert (after - before).total_seconds() == apart, "ten seconds are ten now"
PY
