#!/usr/bin/env bash
# aemo-to-tariff 0.7.28: the price of an Australian network tariff at an instant. The hour is looked up in
# the network's own time zone; whether it is a weekend, or which month it is, in some networks in
# the zone of the datetime that was handed in.
#
# Seen, at a spot price of 100 AUD/MWh: one instant, Monday 2027-02-01 07:05 in Sydney (in UTC a Sunday),
# costs 33.52 c/kWh with Essential's BLNT3AU where it is given in Sydney's zone and 17.99 where it is
# given in UTC; TAS94 of TasNetworks 30.69 and 22.56. On 1 April 07:05 Evoenergy's 015 is 18.65 and
# 28.38 (another month in UTC). Energex, Ausgrid and SA Power say one price for both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'aemo-to-tariff==0.7.28' 'tzdata==2026.3'
"$folder/venv/bin/python" - <<'PY'
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from aemo_to_tariff import spot_to_tariff

MONDAY, APRIL = datetime(2027, 2, 1, 7, 5), datetime(2027, 4, 1, 7, 5)
seen = {}
for network, tariff, city, local in (
    ("essential", "BLNT3AU", "Sydney", MONDAY),
    ("tasnetworks", "TAS94", "Hobart", MONDAY),
    ("evoenergy", "015", "Sydney", APRIL),
    ("energex", "6900", "Brisbane", MONDAY),
    ("ausgrid", "EA025", "Sydney", MONDAY),
    ("sapn", "RTOU", "Adelaide", MONDAY),
):
    at = local.replace(tzinfo=ZoneInfo(f"Australia/{city}"))
    prices = [spot_to_tariff(each, network, tariff, 100) for each in (at, at.astimezone(UTC))]
    seen[network] = [round(each, 2) for each in prices]
    print(network, tariff, at.isoformat(), "local and UTC:", seen[network])
assert seen["essential"] == [33.52, 17.99]
assert seen["tasnetworks"] == [30.69, 22.56]
assert seen["evoenergy"] == [18.65, 28.38]
for network in ("energex", "ausgrid", "sapn"):
    here, utc = seen[network]
    assert here == utc
PY
