#!/usr/bin/env bash
# pythermalcomfort 4.8.1: pmv_ppd_ashrae replaces air that moves by colder air that stands still. Where it
# finds that the two differ by less than it looks for (cooling_effect answers 0), it keeps the moving air,
# so between 0.1 and some 0.14 m/s one method is used and above the other, and they do not meet.
#
# Seen in a room of 25 degrees and 50 % (1.2 met, 0.5 clo): the vote falls from 0.084 at 0.10 m/s to -0.021 at
# 0.135 and rises to 0.069 at 0.14: a little more wind makes the room warmer. It is
# below zero again only from some 0.16 m/s. pmv_ppd_iso falls all the way, and is the same up to 0.135.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'pythermalcomfort==4.8.1'
"$folder/venv/bin/python" -W ignore - <<'PY'
from pythermalcomfort.models import cooling_effect, pmv_ppd_ashrae, pmv_ppd_iso

SPEEDS = (0.10, 0.12, 0.13, 0.135, 0.14, 0.15, 0.16, 0.20)
ROOM = {"tdb": 25, "tr": 25, "rh": 50, "met": 1.2, "clo": 0.5}
ashrae, iso = [], []
for speed in SPEEDS:
    ashrae.append(round(float(pmv_ppd_ashrae(vr=speed, **ROOM, round_output=False).pmv), 3))
    iso.append(round(float(pmv_ppd_iso(vr=speed, **ROOM, round_output=False).pmv), 3))
    less = float(cooling_effect(vr=speed, **ROOM).ce)
    print(f"{speed:.3f} m/s: ASHRAE {ashrae[-1]:6.3f}, ISO {iso[-1]:6.3f}, colder by {less} K")
assert iso == sorted(iso, reverse=True), "ISO falls with the wind"
assert ashrae[:4] == iso[:4] == [0.084, 0.021, -0.007, -0.021]
assert ashrae[4] == 0.069, "0.14 m/s is no longer warmer than 0.135"
assert ashrae[5] > 0 > ashrae[7]
PY
