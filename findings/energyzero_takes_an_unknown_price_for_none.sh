#!/usr/bin/env bash
# energyzero 5.1.1: `current_price` is None where the prices end before now, as at midnight until
# the next day's are fetched; what compares the current price with the others takes 0 euro then.
#
# Seen, with the prices of yesterday alone (0.10, 0.20, 0.30 euro): current_price None,
# pct_of_max_price 0.0, which is what a free hour is, and 0 ranges that are as cheap or cheaper.
# With today's -0.40, -0.30 and -0.10 (hours of much sun), -0.30 being now: 300.0 per cent of the
# highest price, and 2 ranges as cheap or cheaper.
#
# Needs CPython 3.12 or newer as PYTHON (the package asks for it).
set -euo pipefail
python=${PYTHON:-python3.12}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'energyzero==5.1.1'
"$folder/venv/bin/python" - <<'PY'
from datetime import UTC, datetime, timedelta

from energyzero.models import EnergyPrices, TimeRange

now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def prices(first, *euro):
    """Return the prices of hours in a row."""
    hour = timedelta(hours=1)
    ranges = (TimeRange(first + k * hour, first + (k + 1) * hour) for k in range(len(euro)))
    return EnergyPrices(dict(zip(ranges, euro, strict=True)), sum(euro) / len(euro))


def told(found):
    return found.current_price, found.pct_of_max_price, found.time_ranges_priced_equal_or_lower


yesterday = told(prices(now - timedelta(hours=24), 0.10, 0.20, 0.30))
print("yesterday's alone:", yesterday)
assert yesterday == (None, 0.0, 0), "what is unknown is told as unknown now"
sunny = told(prices(now - timedelta(hours=1), -0.40, -0.30, -0.10))
print("all below zero:", sunny)
assert sunny == (-0.30, 300.0, 2)
PY
