#!/usr/bin/env bash
# knx 2.5.4 and knxultimate 5.4.0 (npm) and knxpy 0.2.7 (PyPI), beside xknx 4.0.0 (PyPI): four readers of what a KNX bus
# says.
#
# Expected (KNX Standard 03_07_02, Datapoint Types, 3.10): of every type 9.xxx the two bytes 7F FF say that the data are
# invalid, as a sensor does whose probe is broken. In 10.001, time of day, the day 1 is Monday, 7 Sunday, and 0 is none.
#
# Seen on 2026-12-02: xknx refuses 7F FF ("Invalid data"); the three others read a temperature of 670760.96 °C, a
# number like any other, without a word: a mean of rooms, a "too warm" and a chart take it for one. And knx puts 07:30
# of no day on the last Sunday, and on a Sunday the time of a Sunday, as it writes it itself, on the one in a week, so
# that a clock's telegram is up to seven days off. knxultimate, its descendant, has the day right in both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'xknx==4.0.0' 'knxpy==0.2.7'
"$folder/venv/bin/python" - <<'PY'
from knxpy.dpts import dpt9
from xknx.dpt import DPTArray, DPTTemperature
from xknx.exceptions import ConversionError

WARM, INVALID = (0x0C, 0x29), (0x7F, 0xFF)

assert DPTTemperature.from_knx(DPTArray(WARM)) == dpt9.decode(bytes(WARM)) == 21.3
try:
    said = DPTTemperature.from_knx(DPTArray(INVALID))
except ConversionError as error:
    print("xknx:", error)
else:
    raise SystemExit(f"xknx reads {said} now")
said = dpt9.decode(bytes(INVALID))
print("knxpy:", said)
assert said == 670760.96, "knxpy knows invalid data now"
PY
cd "$folder"
npm --silent init --yes >/dev/null
npm --silent install --ignore-scripts knx@2.5.4 knxultimate@5.4.0
TZ=Europe/Berlin node - <<'JS'
const assert = require("assert");
const READERS = { knx: require("knx/src/dptlib"), knxultimate: require("knxultimate").dptlib };
const read = (name, bytes, type) => {
  const { fromBuffer, resolve } = READERS[name];
  return fromBuffer(Buffer.from(bytes), resolve(type));
};

for (const name of Object.keys(READERS)) {
  assert.equal(read(name, [0x0c, 0x29], "DPT9.001"), 21.3);
  const said = read(name, [0x7f, 0xff], "DPT9.001");
  console.log(`${name}: ${said}`);
  assert.equal(said, 670760.96, `${name} knows invalid data now`);
}

const Clock = Date;
function itIs(...noon) {
  const now = new Clock(...noon).getTime();
  global.Date = class Date extends Clock {
    constructor(...when) {
      when.length ? super(...when) : super(now);
    }
    static now() {
      return now;
    }
  };
}
const dayAndTime = (date) => date.toString().slice(0, 21);

itIs(2026, 11, 2, 12); // a Wednesday
const NO_DAY = [0x07, 30, 0];
console.log("Wednesday 2 December, 07:30 of no day is");
for (const [name, day] of [["knx", "Sun Nov 29 2026 07:30"], ["knxultimate", "Wed Dec 02 2026 07:30"]]) {
  const said = dayAndTime(read(name, NO_DAY, "DPT10.001"));
  console.log(`  ${name}: ${said}`);
  assert.equal(said, day, `${name} puts it elsewhere now`);
}

itIs(2026, 11, 6, 12); // a Sunday
const written = READERS.knx.resolve("DPT10.001").formatAPDU(new Date(2026, 11, 6, 7, 30));
assert.deepEqual([...written], [(7 << 5) | 7, 30, 0]);
console.log("Sunday 6 December, 07:30 of a Sunday is");
for (const [name, day] of [["knx", "Sun Dec 13 2026 07:30"], ["knxultimate", "Sun Dec 06 2026 07:30"]]) {
  const said = dayAndTime(read(name, written, "DPT10.001"));
  console.log(`  ${name}: ${said}`);
  assert.equal(said, day, `${name} puts it elsewhere now`);
}
JS
