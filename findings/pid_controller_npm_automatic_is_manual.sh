#!/usr/bin/env bash
# pid-controller 1.0.5 (npm), a port of Arduino's PID library. It keeps the library's constants
# (AUTOMATIC 1, MANUAL 0), but `setMode` takes 0 for automatic and 1 for manual.
#
# Seen: after setMode(PID.AUTOMATIC) the controller says "Manual" and compute() gives false for
# ever, so a heater in a cold room stays at 0; setMode(PID.MANUAL), or the word "automatic", starts
# it. And its integral has no bound (Arduino's is held to the output's limits): after five hours a
# kelvin below its wish the output stays at 100 % for 416 minutes in which the room is half a kelvin
# above it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm --silent init --yes >/dev/null
npm --silent install pid-controller@1.0.5
node - <<'JS'
const assert = require("assert");
const PID = require("pid-controller");

let now = 0; // milliseconds, the controller's own idea of the time
PID.prototype.millis = () => now;

function controller(mode) {
  const pid = new PID(20, 20, 20, 0.02, 0, "direct"); // input and wish 20 °C
  pid.setSampleTime(60000);
  pid.setOutputLimits(0, 100); // per cent
  pid.setMode(mode);
  return pid;
}

function minute(pid, celsius) {
  now += 60000;
  pid.setInput(celsius);
  return pid.compute();
}

for (const [name, mode, works] of [
  ["PID.AUTOMATIC", PID.AUTOMATIC, false],
  ["PID.MANUAL", PID.MANUAL, true],
  ['"automatic"', "automatic", true],
]) {
  const pid = controller(mode);
  const computed = minute(pid, 17);
  console.log(`setMode(${name}): ${pid.getMode()}, at 17 °C compute() ${computed}, ${pid.getOutput()} %`);
  assert.strictEqual(computed, works, `${name} does what it says now`);
  assert.strictEqual(pid.getOutput() > 0, works);
}

const pid = controller("automatic");
for (let i = 0; i < 300; i++) minute(pid, 19); // five hours a kelvin below
let late = 0;
while (minute(pid, 20.5) && pid.getOutput() === 100) late += 1;
console.log(`after five hours at 19 °C: ${late} minutes at 100 % while the room has 20.5 °C`);
assert(late > 300, "the integral has a bound now");
JS
