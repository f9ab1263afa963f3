#!/usr/bin/env bash
# ITRDegreeDays 0.1 counts degree days by the single sine method, with a lower and an upper threshold:
# what the day's sine (from its lowest and highest temperature) has above the lower one, cut at the
# upper one. So no day can count more than upper minus lower.
#
# Seen with 10 and 30 °C: 15 to 29 °C counts 22 (its mean, the lower threshold not taken off; the plain
# sum is 12), 15 to 31 °C counts 26.5 (12.9), more than the 20 that a day can have at most. 5 to 35 °C,
# across both, counts 0.7 (10). A day whose lowest or highest is just a threshold counts None: 10 to
# 20 °C, 20 to 30 °C. Right are only days that stay below the upper threshold and begin below the lower
# one, and days that are all above the upper one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'ITRDegreeDays==0.1'
"$folder/venv/bin/python" - <<'PY'
import math

from ITRDegreeDays.degreedays import DegreeDays

LOW, HIGH = 10, 30


def said(lowest, highest):
    return DegreeDays(HIGH, LOW, highest, lowest).define_case()


def summed(lowest, highest, steps=100_000):
    """The day's sine in small steps, each cut at both thresholds."""
    mean, half = (highest + lowest) / 2, (highest - lowest) / 2
    total = 0
    for step in range(steps):
        now = mean + half * math.sin(2 * math.pi * (step + 0.5) / steps)
        total += min(max(now, LOW), HIGH) - LOW
    return total / steps


def show(*day):
    print(f"{day[0]} to {day[1]} °C: {said(*day)}, summed {summed(*day):.2f}")


for day in ((0, 8), (5, 25), (31, 40)):
    show(*day)
    assert abs(said(*day) - summed(*day)) < 0.01, day
show(15, 29)
assert said(15, 29) == 22 and abs(summed(15, 29) - 12) < 0.01, "the threshold is taken off now"
show(15, 31)
assert 26.4 < said(15, 31) < 26.5 and 12.8 < summed(15, 31) < 13, "it is another number now"
assert said(15, 31) > HIGH - LOW
show(5, 35)
assert 0.7 < said(5, 35) < 0.72 and abs(summed(5, 35) - 10) < 0.01, "it is another number now"
for day in ((10, 20), (20, 30)):
    show(*day)
    assert said(*day) is None, day
PY
