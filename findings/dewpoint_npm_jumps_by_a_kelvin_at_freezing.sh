#!/usr/bin/env bash
# dewpoint 1.0.0 (npm) gives dew point and mixing ratio from a temperature and a relative humidity.
# Below 0 °C it takes the Magnus constants over ice, from 0 °C on those over water.
#
# Meters, SwitchBot's too, say relative humidity over water also below 0 °C (WMO-No. 8, part I,
# chapter 4: that is the convention for sensors), so the constants of ice do not fit.
#
# Seen at 50 %: at 0.0 °C the dew point is -9.20 °C, at -0.1 °C it is -8.26 °C: the air gets colder
# by a tenth of a degree and its dew point rises by nearly a kelvin. At -15 °C and 60 % the mixing ratio is
# 14 % lower than over water.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm --silent init --yes >/dev/null
npm --silent install dewpoint@1.0.0
node - <<'JS'
const assert = require("assert");
const DewPoint = require("dewpoint");
const air = new DewPoint(0);
const above = air.Calc(0.0, 50).dp;
const below = air.Calc(-0.1, 50).dp;
console.log(`50 %: dew point at 0.0 °C ${above.toFixed(2)}, at -0.1 °C ${below.toFixed(2)}`);
assert(Math.abs(air.Calc(0.1, 50).dp - above - 0.09) < 0.02, "0.1 K of air are 0.09 K of dew point");
assert(below - above > 0.9 && below - above < 1.0, "the dew point goes down with the air now");

// Magnus over water, Sonntag 1990: 17.62 and 243.12 °C, the same constants as the library's own
const vapour = (celsius, percent) =>
  ((6.112 * Math.exp((17.62 * celsius) / (243.12 + celsius))) * percent) / 100;
const water = (621.98 * vapour(-15, 60)) / (1013.25 - vapour(-15, 60));
const said = air.Calc(-15, 60).x;
console.log(`-15 °C, 60 %: ${said.toFixed(3)} g/kg, over water ${water.toFixed(3)} g/kg`);
assert(said / water < 0.88 && said / water > 0.84, "the mixing ratio is that over water now");
JS
