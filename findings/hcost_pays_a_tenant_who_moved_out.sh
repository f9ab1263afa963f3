#!/usr/bin/env bash
# hcost 0.1.0 (PyPI) shares a house's heating costs among its tenants, by the oil that was delivered in a span of time, the
# area of each flat and the part of the span that each lived there.
#
# Expected: who did not live there in the span pays nothing, and the shares of a flat's tenants are together the flat's.
#
# Seen on 2026-12-02: a span that ends before it begins counts as time below zero. Of 3570 euro of oil in 2027, in a
# house of one flat, the tenant of the whole year pays 3570; one who moved out at the end of 2025 pays -3570, one who moves
# in on 1 July 2028 pays -1780. Two tenants who follow each other in the span are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'hcost==0.1.0' 'python-dateutil==2.9.0.post0'
"$folder/venv/bin/python" - <<'PY'
import logging
from datetime import datetime
from decimal import Decimal

from hcost.business import get_tenant_cost
from hcost.models import Bill, Delivery, Tenant

logging.disable(logging.CRITICAL)
FLAT = Decimal(100)
START, END = datetime(2027, 1, 1), datetime(2028, 1, 1)


def tenant(name, since, until=None):
    return Tenant(name, "Made-Up", FLAT, since, until)


tenants = {
    "all year": tenant("A", datetime(2024, 1, 1)),
    "moved out in 2025": tenant("B", datetime(2020, 1, 1), datetime(2026, 1, 1)),
    "moves in in 2028": tenant("C", datetime(2028, 7, 1)),
    "until April": tenant("D", datetime(2024, 1, 1), datetime(2027, 4, 1)),
    "since April": tenant("E", datetime(2027, 4, 1)),
}
bill = Bill(FLAT, tenants, [Delivery(Decimal(3000), Decimal(1), datetime(2027, 2, 1))])
said = {name: round(float(get_tenant_cost(bill, name, START, END)), 2) for name in tenants}
for name, euro in said.items():
    print(f"{name}: {euro:.2f} euro")
assert said["all year"] == 3570
assert said["until April"] + said["since April"] == 3570
assert said["moved out in 2025"] == -3570, "who is gone pays nothing now"
assert said["moves in in 2028"] == -1780.11, "who is to come pays nothing now"
PY
