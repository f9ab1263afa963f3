#!/usr/bin/env bash
# nonlineartemppy 0.201 (PyPI) makes degree days, and the share of a day spent in each degree, of a day's least and
# greatest temperature. Who estimates heating hours, or which outdoor temperatures a heat pump has to be built for, counts with
# such shares.
#
# Expected: both take the day for a sine between the two. `degree_days` does: over a base of 0 a day from 0 to 20 degrees
# has 10 degree days. So the shares of such a day are alike above and below its middle (a sine spends as long near 0 as near
# 20), and the temperatures weighed by their shares come to its middle, 10.
#
# Seen: `degree_time` gives the degree around 0 a share of 0.016 and the one around 20 one of 0.143, nine times as much. The
# shares add up to 1, so nothing looks wrong, but their mean is 12.7 degrees where `degree_days` of the same day says 10. A
# day from -10 to 10 is below -0.5 for 0.315 of its time (a sine: 0.484). The share of a sine below x is 2/pi times the arcsine of
# the *square root* of (x - min) / (max - min); with it the shares are those of the sampled sine, without it those seen.
#
# Held against: a sine that is sampled here, and the package's own `degree_days`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'nonlineartemppy==0.201' 'numpy==1.26.4' 'pandas==2.2.3'
"$folder/venv/bin/python" - <<'PY'
import warnings

import numpy as np
import pandas as pd
from nonlineartemppy import degree_days, degree_time

warnings.simplefilter("ignore")


def day(tmin, tmax):
    return pd.DataFrame({"date": ["2026-01-12"], "tmin": [tmin], "tmax": [tmax]})


def said(tmin, tmax):
    degrees = list(range(int(tmin), int(tmax) + 1))
    row = degree_time(day(tmin, tmax), degrees).iloc[0]
    return {degree: float(row[f"tdegree{degree}C"]) for degree in degrees}


def sampled(tmin, tmax):
    turn = (np.arange(1_000_000) + 0.5) / 1_000_000
    air = (tmin + tmax) / 2 + (tmax - tmin) / 2 * np.sin(2 * np.pi * turn)
    near = np.rint(air).astype(int)
    return {degree: float(np.mean(near == degree)) for degree in range(int(tmin), int(tmax) + 1)}


shares, truth = said(0.0, 20.0), sampled(0.0, 20.0)
print("around 0 and 20, said:", shares[0], shares[20], "- a sine:", round(truth[0], 3), round(truth[20], 3))
mean = sum(degree * share for degree, share in shares.items())
true_mean = sum(degree * share for degree, share in truth.items())
days = float(degree_days(day(0.0, 20.0), [0])["dday0C"].iloc[0])
print("mean by its shares:", round(mean, 2), "- of the sine:", round(true_mean, 2), "- its own degree days:", days)
assert abs(sum(shares.values()) - 1.0) < 1e-3
assert abs(days - 10.0) < 1e-3 and abs(true_mean - 10.0) < 0.05
assert abs(truth[0] - truth[20]) < 1e-3
assert abs(shares[0] - 0.01592) < 1e-4 and abs(shares[20] - 0.14265) < 1e-3, "the shares changed"
assert abs(mean - 12.7) < 0.1, "the mean changed"

frost = sum(share for degree, share in said(-10.0, 10.0).items() if degree < 0)
print("of a day from -10 to 10 below -0.5, said:", round(frost, 3))
true_frost = sum(share for degree, share in sampled(-10.0, 10.0).items() if degree < 0)
print("... of a sine:", round(true_frost, 3))
assert frost < 0.35 < 0.45 < true_frost


def below(x, tmin, tmax, root):
    part = (x - tmin) / (tmax - tmin)
    return 2 / np.pi * np.arcsin(np.sqrt(part) if root else part)


assert abs(below(0.5, 0.0, 20.0, root=True) - truth[0]) < 1e-3
assert abs(below(0.5, 0.0, 20.0, root=False) - shares[0]) < 1e-4
PY
