#!/usr/bin/env bash
# iobroker.heatingcontrol 3.3.1 (npm) heats rooms by ioBroker; where an actuator is no thermostat, its regulator
# (plain, or with a hysteresis for on and for off) decides from the room's temperature and the target.
#
# Expected: without a temperature nothing is heated, and a number that came as a text is that number, as the adapter takes
# a target in its other places ("try to convert to a number").
#
# Seen on 2026-12-02: a temperature of null, as ioBroker has it until a sensor reported, and NaN are below every target,
# so the room is heated for as long as that lasts, by either regulator from off. A target of "21" with a hysteresis of 0.5
# is 210.5 ("21" and 0.5 joined) for going off: a room of 35 degrees that is being heated is heated on. Where both
# are texts the plain one compares letters: a room of "9.5" is warmer than "21" and stays cold.
#
# A stand-in for the adapter gives the regulator its settings and its two hystereses.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm --silent pack iobroker.heatingcontrol@3.3.1 >/dev/null
tar xzf iobroker.heatingcontrol-3.3.1.tgz
node - <<'JS'
const assert = require("assert");
const { regulator_start, regulator_GetStatus } = require("./package/lib/regulators.js");

const [PLAIN, HYSTERESIS] = [1, 2];
const quiet = { debug() {}, warn: assert.fail, error: assert.fail };

/** Whether a room is to be heated. */
function heats(regulatorType, on, current, target) {
  regulator_start({ config: { regulatorType }, log: quiet, getStateAsync: async () => ({ val: 0.5 }) });
  return regulator_GetStatus({ Name: "made up", ActorState: on }, current, target);
}

(async () => {
  for (const [what, type, on, current, target, expected] of [
    ["cold", PLAIN, false, 18, 21, true],
    ["warm", PLAIN, true, 22, 21, false],
    ["not reported yet", PLAIN, false, null, 21, true],
    ["no number", PLAIN, false, NaN, 21, true],
    ["two texts, cold", PLAIN, true, "9.5", "21", false],
    ["cold", HYSTERESIS, false, 18, 21, true],
    ["warm", HYSTERESIS, true, 22, 21, false],
    ["not reported yet", HYSTERESIS, false, null, 21, true],
    ["35 degrees, target a text", HYSTERESIS, true, 35, "21", true],
  ]) {
    const said = await heats(type, on, current, target);
    console.log(`${type === PLAIN ? "plain" : "hysteresis"}, ${what}: ${current} of`, target, said ? "heat" : "off");
    assert.strictEqual(said, expected, "it decides otherwise now");
  }
})();
JS
