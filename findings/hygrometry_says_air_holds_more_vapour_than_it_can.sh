#!/usr/bin/env bash
# hygrometry 1.1.1 (PyPI) computes with humid air: dew point, absolute humidity, wet bulb and others.
#
# Expected (the words of calc_es_v_dew): vapour pressure, saturation vapour pressure and dew point, in this order.
#
# Seen on 2026-12-02: the first two are the other way round, also in the example beside those words. Who unpacks them
# as they are named gets twice the vapour at 50 %, a relative humidity of 199 % and a deficit below zero, so a
# humidifier's rule by vapour pressure never finds the room dry and one against mould finds it always wet. psychrolib
# says 1183 Pa of 2353 Pa at the same air. The third is a true dew point.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'hygrometry==1.1.1' 'psychrolib==2.5.0'
"$folder/venv/bin/python" - <<'PY'
import hygrometry
import psychrolib

words = " ".join(hygrometry.calc_es_v_dew.__doc__.split())
assert "[vapor pressure, saturation vapor pressure, dew point]" in words, "its words name another order now"

psychrolib.SetUnitSystem(psychrolib.SI)
for celsius, percent in ((20.1, 50.3), (5.0, 80.0), (28.0, 35.0)):
    vapour, saturation, dew = hygrometry.calc_es_v_dew(celsius, percent)
    real = psychrolib.GetVapPresFromRelHum(celsius, percent / 100) / 100
    most = psychrolib.GetSatVapPres(celsius) / 100
    print(f"{celsius} °C, {percent} %: vapour {vapour:.2f} hPa of {saturation:.2f}", end=", ")
    print(f"{100 * vapour / saturation:.0f} %; by psychrolib {real:.2f} of {most:.2f}; dew point {dew:.2f}")
    assert abs(vapour - most) < 0.05, "the first is no longer the saturation"
    assert abs(saturation - real) < 0.05, "the second is no longer the vapour"
    assert vapour > saturation
    assert abs(dew - psychrolib.GetTDewPointFromRelHum(celsius, percent / 100)) < 0.1
PY
