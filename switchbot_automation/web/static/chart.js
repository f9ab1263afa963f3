// Temperature, the band that is wanted, and when the unit ran, as SVG.
import { _ } from "./language.js";
import { clock, degrees, duration, number } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const EDGE = { left: 38, right: 10, top: 10, bottom: 24, ribbon: 10 };

export function element(name, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

// A room's temperature against the band, as one bar.
export function gauge(zone) {
  const width = 240;
  const svg = element("svg", { viewBox: `0 0 ${width} 26`, "aria-hidden": "true" });
  const { low, high } = zone.band;
  const margin = Math.max(1.5, (high - low) * 0.75);
  const from = low - margin;
  const scale = (value) => Math.min(width - 6, Math.max(6, ((value - from) / (high + margin - from)) * width));
  svg.append(element("rect", { x: 0, y: 6, width, height: 6, rx: 3, class: "gauge-track" }));
  svg.append(element("rect", { x: scale(low), y: 6, width: scale(high) - scale(low), height: 6, rx: 3, class: "gauge-band" }));
  for (const [value, anchor] of [[low, "middle"], [high, "middle"]]) {
    svg.append(element("text", { x: scale(value), y: 25, "text-anchor": anchor, class: "gauge-text" }, `${number(value)}°`));
  }
  if (zone.temperature != null) {
    svg.append(element("circle", { cx: scale(zone.temperature), cy: 9, r: 6.5, class: zone.stale ? "gauge-dot stale" : "gauge-dot" }));
  }
  return svg;
}

function niceStep(span, most) {
  const steps = [0.2, 0.5, 1, 2, 5, 10];
  return steps.find((step) => span / step <= most) ?? 20;
}

function timeStep(hours, most) {
  const steps = [0.5, 1, 2, 3, 6, 12, 24, 48];
  return steps.find((step) => hours / step <= most) ?? 96;
}

export function draw(holder, history, zone) {
  const width = Math.max(280, Math.round(holder.clientWidth || 640));
  const height = width < 500 ? 220 : 330;
  const start = Date.parse(history.start);
  const end = Date.parse(history.end);
  const bucket = (history.bucket_seconds ?? 0) * 1000;
  const rows = history.rows.map((row) => ({ ...row, at: Math.max(start, Date.parse(row.timestamp)) }));
  const known = rows.filter((row) => row.temperature != null);
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img" });
  svg.setAttribute("aria-label", summary(history, known, zone));
  const values = known.flatMap((row) => [row.temperature, row.min_temperature ?? row.temperature, row.max_temperature ?? row.temperature]);
  if (history.band) values.push(history.band.low, history.band.high);
  if (!values.length) values.push(18, 24);
  const bottom = Math.min(...values) - 0.4;
  const top = Math.max(...values) + 0.4;
  const plotBottom = height - EDGE.bottom - EDGE.ribbon - 6;
  const x = (at) => EDGE.left + ((at - start) / (end - start)) * (width - EDGE.left - EDGE.right);
  const y = (value) => EDGE.top + ((top - value) / (top - bottom)) * (plotBottom - EDGE.top);

  if (history.band) {
    const { low, high } = history.band;
    svg.append(element("rect", { x: EDGE.left, y: y(high), width: width - EDGE.left - EDGE.right, height: Math.max(1, y(low) - y(high)), class: "band" }));
    for (const value of [low, high]) {
      svg.append(element("line", { x1: EDGE.left, x2: width - EDGE.right, y1: y(value), y2: y(value), class: "band-edge" }));
    }
  }
  const step = niceStep(top - bottom, 6);
  for (let value = Math.ceil(bottom / step) * step; value <= top; value += step) {
    svg.append(element("line", { x1: EDGE.left, x2: width - EDGE.right, y1: y(value), y2: y(value), class: "grid" }));
    svg.append(element("text", { x: EDGE.left - 6, y: y(value) + 4, "text-anchor": "end", class: "tick" }, `${number(value)}°`));
  }
  const ribbon = height - EDGE.bottom - EDGE.ribbon;
  drawTimes(svg, x, start, end, zone.timezone, { ribbon, height, width });
  svg.append(element("rect", { x: EDGE.left, y: ribbon, width: width - EDGE.left - EDGE.right, height: EDGE.ribbon, rx: 2, class: "ribbon" }));
  for (const [from, until] of timesOn(rows, end)) {
    svg.append(element("rect", { x: x(from), y: ribbon, width: Math.max(1, x(until) - x(from)), height: EDGE.ribbon, class: zone.season === "summer" ? "on cool" : "on" }));
  }
  for (const run of unbroken(known, bucket)) {
    const middle = (row) => x(Math.min(end, row.at + bucket / 2));
    if (run.some((row) => row.max_temperature > row.min_temperature)) {
      const upper = run.map((row) => `${middle(row)},${y(row.max_temperature)}`);
      const lower = run.map((row) => `${middle(row)},${y(row.min_temperature)}`).reverse();
      svg.append(element("polygon", { points: [...upper, ...lower].join(" "), class: "spread" }));
    }
    svg.append(element("polyline", { points: run.map((row) => `${middle(row)},${y(row.temperature)}`).join(" "), class: "line" }));
  }
  const cursor = element("g", { class: "cursor", visibility: "hidden" });
  cursor.append(element("line", { y1: EDGE.top, y2: ribbon + EDGE.ribbon }), element("circle", { r: 4.5 }));
  svg.append(cursor);
  holder.replaceChildren(svg);

  return {
    rows: known,
    // Move the cursor to a row and say what it shows.
    look(index) {
      const row = known[index];
      if (!row) return "";
      const at = x(Math.min(end, row.at + bucket / 2));
      cursor.setAttribute("visibility", "visible");
      cursor.firstChild.setAttribute("x1", at);
      cursor.firstChild.setAttribute("x2", at);
      cursor.lastChild.setAttribute("cx", at);
      cursor.lastChild.setAttribute("cy", y(row.temperature));
      return told(row, zone);
    },
    // The row under a pointer.
    at(clientX) {
      const box = svg.getBoundingClientRect();
      const share = ((clientX - box.left) / box.width) * width;
      const wanted = start + ((share - EDGE.left) / (width - EDGE.left - EDGE.right)) * (end - start);
      let best = 0;
      known.forEach((row, index) => {
        if (Math.abs(row.at - wanted) < Math.abs(known[best].at - wanted)) best = index;
      });
      return best;
    },
  };
}

export function told(row, zone) {
  const when = clock(row.timestamp, zone.timezone, { weekday: "short" });
  const temperature = degrees(row.temperature);
  if (!row.aircon_on_seconds) return _("{when}: {temperature} °C", { when, temperature });
  return _("{when}: {temperature} °C, unit on for {length}", { when, temperature, length: duration(row.aircon_on_seconds) });
}

function drawTimes(svg, x, start, end, timeZone, { ribbon, height, width }) {
  const hours = (end - start) / 3600e3;
  const step = timeStep(hours, width < 500 ? 4 : 8) * 3600e3;
  const offset = zoneOffset(start, timeZone);
  for (let at = Math.ceil((start + offset) / step) * step - offset; at <= end; at += step) {
    if (x(at) > width - EDGE.right - 12) break;
    svg.append(element("line", { x1: x(at), x2: x(at), y1: EDGE.top, y2: ribbon - 6, class: "grid" }));
    const label = step >= 24 * 3600e3 ? clock(at, timeZone, { weekday: "short", hour: undefined, minute: undefined }) : clock(at, timeZone);
    svg.append(element("text", { x: x(at), y: height - 6, "text-anchor": "middle", class: "tick" }, label));
  }
}

// Milliseconds by which the room's clock is ahead of UTC.
function zoneOffset(at, timeZone) {
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric",
  }).formatToParts(new Date(at));
  const get = (type) => Number(parts.find((part) => part.type === type).value);
  const local = Date.UTC(get("year"), get("month") - 1, get("day"), get("hour"), get("minute"));
  return local - Math.floor(at / 60e3) * 60e3;
}

// When the unit ran, what touches joined: seams between buckets would look like rests.
function timesOn(rows, end) {
  const times = [];
  for (const row of rows) {
    const seconds = row.aircon_on_seconds ?? 0;
    if (seconds <= 0) continue;
    const until = Math.min(end, row.at + seconds * 1000);
    const last = times.at(-1);
    if (last && row.at - last[1] < 1000) last[1] = until;
    else times.push([row.at, until]);
  }
  return times;
}

// A line is not drawn over the time when nobody measured.
function unbroken(rows, bucket) {
  const runs = [];
  const gap = Math.max(3600e3, bucket * 2.5);
  for (const row of rows) {
    const last = runs.at(-1);
    if (last && row.at - last.at(-1).at <= gap) last.push(row);
    else runs.push([row]);
  }
  return runs;
}

function summary(history, known, zone) {
  const room = zone.name;
  if (!known.length) return _("{room}: nothing was recorded in this time", { room });
  const values = known.map((row) => row.temperature);
  return _("{room}: between {low} and {high} °C, now {now} °C; the unit was on for {length}", {
    room, low: degrees(Math.min(...values)), high: degrees(Math.max(...values)), now: degrees(values.at(-1)), length: duration(history.on_seconds),
  });
}
