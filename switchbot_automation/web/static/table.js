// What the chart shows, as a table.
import { _, whole } from "./language.js";
import { SYMBOL } from "./unit.js";
import { dayAndClock, degrees, duration, number, percent, titleOf } from "./words.js";

const HOUR = 3600e3;
const cell = (tag, textContent, more = {}) => Object.assign(document.createElement(tag), { textContent, ...more });

const inDegrees = (value) => whole(`${degrees(value)} ${SYMBOL}`);

function line(cells) {
  const row = document.createElement("tr");
  row.append(...cells);
  return row;
}

// Its head and rows of a chart that was drawn, with what stands beside the room.
export function tableOf(chart, { outdoor, power }, damp, zone) {
  const { lines } = chart;
  const named = lines.length > 1;
  const heads = [_("Time"), ...lines.map((each) => (named ? titleOf(each.zone.name) : _("Temperature"))), ...(damp ? [_("Humidity")] : []), ...(outdoor.length ? [_("Outdoors")] : []), ...(power.length ? [_("Power")] : []), _("Unit on")];
  const head = line(heads.map((text) => cell("th", text, { scope: "col" })));
  // A row an hour is what a person reads; the chart has them all.
  const every = Math.max(1, Math.round(chart.points.length / 24));
  const rows = chart.points.filter((_point, index) => index % every === 0).map((point) => {
    const temperatures = lines.map(({ points }) => points.find((each) => Math.abs(each.at - point.at) < HOUR / 4)?.temperature ?? null);
    temperatures[0] = point.temperature;
    const cells = [dayAndClock(point.at, zone.timezone), ...temperatures.map((value) => inDegrees(value))];
    if (damp) cells.push(point.humidity === null ? "–" : percent(point.humidity));
    const [outside, watts] = chart.besideAt(point.middle);
    if (outdoor.length) cells.push(inDegrees(outside));
    if (power.length) cells.push(watts === null ? "–" : _("{watts} W", { watts: number(watts, 0) }));
    cells.push(point.on ? duration(point.on) : "–");
    return line(cells.map((text) => cell("td", text)));
  });
  return { head, rows };
}
