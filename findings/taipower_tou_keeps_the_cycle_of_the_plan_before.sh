#!/usr/bin/env bash
# taipower-tou 0.1.0 (PyPI) bills a home's consumption by Taiwan Power Company's tariffs. What the home is (phase,
# capacity, power factor) is one object, BillingInputs, and `billing_cycle_months` None in it asks for the plan's own.
#
# Expected: one home's consumption is billed by one plan after another, to find the cheapest, and each bill is
# that of its plan; its README says that tiers are doubled where two months are read at once.
#
# Seen on 2026-12-02 with 1.6 kWh an hour in January and February 2027: the two-tier plan by time of use bills each month,
# 8186.54 New Taiwan dollars together. After the plan without times, which is read every two months, was billed with the same
# object, the same call bills both at once, 8462.77: the surcharge from 2000 kWh on, which neither month reaches, is
# charged. Of January alone the basic fee is 150 in the place of 75. Asked the other way round, nothing changes.
# The two months of the plan without times cost 12546.47 by calculate_bill, which takes the tiers of one month;
# with the tiers of two, as plan.calculate_costs has them, 9165.77.
#
# Needs CPython 3.11 or 3.12 as PYTHON (for the wheels of numpy 1.26).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python=${PYTHON:-python3.11}
"$python" -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'taipower-tou==0.1.0' 'pandas==2.2.3' 'numpy==1.26.4'
"$folder/venv/bin/python" -W ignore - <<'PY'
import pandas as pd
import taipower_tou as tou

TIMES, TIERS = "residential_simple_2_tier", "residential_non_tou"
calendar = tou.custom_calendar()  # without holidays: it asks no server
hours = pd.date_range("2027-01-01", "2027-03-01", freq="h", inclusive="left")
usage = pd.Series(1.6, index=hours)


def bill(plan, inputs, of=usage):
    said = tou.calculate_bill(of, plan, inputs=inputs, calendar_instance=calendar)
    return {name: round(float(said[name].sum()), 2) for name in ("basic_cost", "surcharge", "total")}


home = tou.BillingInputs()
alone = bill(TIMES, home)
assert home.billing_cycle_months is None
tiers = bill(TIERS, home)
print("asked for:", None, "then in the object:", home.billing_cycle_months)
after = bill(TIMES, home)
print("by time of use:", alone, "\nby tiers:", tiers, "\nby time of use, the same call:", after)
assert alone == {"basic_cost": 150.0, "surcharge": 0.0, "total": 8186.54}
assert home.billing_cycle_months == 2, "the object is left alone now"
assert after == {"basic_cost": 150.0, "surcharge": 276.22, "total": 8462.77}

january = usage[:"2027-01-31"]
fees = [bill(TIMES, inputs, january)["basic_cost"] for inputs in (tou.BillingInputs(), home)]
print("basic fee of January, before and after:", fees)
assert fees == [75.0, 150.0]

even = tou.plan(TIERS, calendar, billing_cycle_type=tou.BillingCycleType.EVEN_MONTH)
doubled = round(float(even.calculate_costs(usage).sum()), 2)
print("by tiers, calculate_bill and calculate_costs:", tiers["total"], doubled)
assert (tiers["total"], doubled) == (12546.47, 9165.77), "both count the same tiers now"
PY
