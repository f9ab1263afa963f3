#!/usr/bin/env bash
# node-red-contrib-aggregator 2.0.0 (npm), a node for Node-RED: the mean of several sensors over a span of time, such as
# a house's temperature from those of its rooms (use cases 1 to 3 of its README, which also calls it a simple redundancy).
#
# Expected (its README, "topic and error handling"): a message without a number raises an exception that the Catch node
# sees, and topics are the same whether written large or small.
#
# Seen on 2026-12-02: one "unavailable", as Home Assistant says of a sensor that is gone, raises nothing, and makes NaN of
# the span's mean: of its own topic where each has its message, else of the whole house, however many rooms were well.
# The least is NaN where it came first, and right where it came between; the median of 21, "unavailable" and 22
# is 22. A push button's `true` is NaN as well. And "hall" 24 and "Hall" 22 count twice beside a kitchen's 20: 22 instead
# of 21.5.
#
# A stand-in for Node-RED keeps what the node sends and the errors that it tells.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm --silent init --yes >/dev/null
npm --silent install --ignore-scripts node-red-contrib-aggregator@2.0.0
node - <<'JS'
const assert = require("assert");
const { EventEmitter } = require("events");

let Aggregator;
require("node-red-contrib-aggregator/aggregator/aggregator.js")({
  nodes: { createNode() {}, registerType: (_, type) => (Aggregator = type) },
});

/** What one span of a second says, by topic, of the messages that came in it. */
async function span(messages, aggregationType, submitPerTopic) {
  const node = new EventEmitter();
  const sent = [];
  node.error = (error) => assert.fail(`the node tells an error now: ${error}`);
  const first = new Promise((resolve) => {
    node.send = (message) => resolve(sent.push([message.topic, message.payload]));
  });
  const span = { intervalCount: 1, intervalUnits: "s", submitIncompleteInterval: true };
  Aggregator.call(node, { ...span, aggregationType, submitPerTopic, topic: "house" });
  for (const [topic, payload] of messages) node.emit("input", { topic, payload });
  await first;
  await null; // the other topics of the same span
  node.emit("close");
  return Object.fromEntries(sent);
}

const WELL = [["kitchen", 20], ["hall", 21], ["hall", 22]];
const ONE_DEAD = [["kitchen", 20], ["hall", 21], ["hall", "unavailable"], ["hall", 22]];
const IN_TWO_WAYS = [["kitchen", 20], ["hall", 24], ["Hall", 22]];

(async () => {
  for (const [what, messages, type, perTopic, expected] of [
    ["all well", WELL, "mean", false, { house: 20.75 }],
    ["one says unavailable", ONE_DEAD, "mean", false, { house: NaN }],
    ["one says unavailable", ONE_DEAD, "mean", true, { kitchen: 20, hall: NaN }],
    ["one says unavailable", ONE_DEAD, "median", true, { kitchen: 20, hall: 22 }],
    ["one says unavailable", ONE_DEAD, "min", false, { house: 20 }],
    ["one says unavailable first", [ONE_DEAD[2], ...WELL], "min", false, { house: NaN }],
    ["a button", [["button", true]], "mean", false, { house: NaN }],
    ["hall and Hall", IN_TWO_WAYS, "mean", false, { house: 22 }],
  ]) {
    const said = await span(messages, type, perTopic);
    console.log(`${what}, ${type}${perTopic ? " of each" : ""}:`, said);
    assert.deepStrictEqual(said, expected, "the node says something else now");
  }
})();
JS
