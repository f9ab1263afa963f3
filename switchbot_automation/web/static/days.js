// A room's days, each with its temperatures, and how long and how often its unit ran.
import { ask, pathOf } from "./api.js";
import { _, dates } from "./language.js";
import { degrees, duration, number } from "./words.js";

// The rows of the days before an instant, the newest first.
export async function daysOf(name, end) {
  const { days } = await ask(`${pathOf(name)}/days?days=7&end=${new Date(end).toISOString()}`);
  const longest = Math.max(1, ...days.map((each) => each.on_seconds));
  return days.toReversed().map((each) => dayLine(each, longest));
}

const cell = (tag, textContent, more = {}) => Object.assign(document.createElement(tag), { textContent, ...more });

function dayLine(each, longest) {
  const date = new Intl.DateTimeFormat(dates, { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" }).format(Date.parse(each.day));
  const ran = cell("td", duration(each.on_seconds));
  const bar = Object.assign(document.createElement("progress"), { max: longest, value: each.on_seconds });
  bar.setAttribute("aria-hidden", "true");
  ran.append(bar);
  const range = each.temperature === null ? "–" : _("{low} to {high} °C", { low: degrees(each.min_temperature), high: degrees(each.max_temperature) });
  const row = document.createElement("tr");
  row.append(cell("th", date, { scope: "row" }), cell("td", range), ran, cell("td", number(each.starts, 0)));
  return row;
}
