#!/usr/bin/env bash
# liquid-pid 1.0.0 (npm), a controller for heaters.
#
# Seen: `tune(Kp, Ki, Kd)` with numbers changes nothing (its check of the arguments is the wrong way
# round: it goes on only with three values that are no numbers), so the gains of the constructor
# stay. And a gain of 0 cannot be had: `Ki: 0` becomes the default of 1000. A heater of 1000 W with
# Kp 5 alone, 0.5 K below its wish, is asked for 507 W instead of 2.5 W.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm --silent init --yes >/dev/null
npm --silent install liquid-pid@1.0.0
node - <<'JS'
const assert = require("assert");
const LiquidPID = require("liquid-pid");
const made = (gains) => new LiquidPID({ temp: { ref: 20 }, Pmax: 1000, ...gains });

const untouched = made({ Kp: 5, Ki: 1, Kd: 1 });
const tuned = made({ Kp: 5, Ki: 1, Kd: 1 });
tuned.tune(200, 1, 1);
const [before, after] = [untouched.calculate(19.5), tuned.calculate(19.5)];
console.log(`Kp 5: ${before} W; after tune(200, 1, 1): ${after} W`);
assert.strictEqual(before, after, "tune() changes the output now");

const proportional = made({ Kp: 5, Ki: 0, Kd: 0 });
const nearly = made({ Kp: 5, Ki: 1e-9, Kd: 1e-9 });
const [said, meant] = [proportional.calculate(19.5), nearly.calculate(19.5)];
console.log(`Ki 0 and Kd 0: ${said} W; with gains of 1e-9: ${meant} W`);
assert(meant < 10 && said > 100, "a gain of 0 is 0 now");
JS
