// Temperatures, the band that was wanted, what was decided and when the unit ran, as SVG.
import { SYMBOL } from "./unit.js";
import { _, whole } from "./language.js";
import { because, clock, degrees, duration, number, outcome, percent, titleOf } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const EDGE = { left: 38, right: 10, top: 10, bottom: 24, ribbon: 10 };
const MARK_PIXELS = 6;
// Lines are told apart by their dashes too, not by colour alone.
const STYLES = 6;
export const lineClass = (index) => ["line", `line-${index % STYLES}`].join(" ");

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

// What the server sends as a list a quantity, as points in time.
export function pointsOf(history) {
  const { columns = {}, origin } = history;
  const width = history.bucket_seconds * 1000;
  const [first, start, end] = [Date.parse(origin), Date.parse(history.start), Date.parse(history.end)];
  const size = Math.max(0, ...Object.values(columns).map((each) => each.length));
  const points = [];
  for (let index = 0; index < size; index += 1) {
    const value = (name) => columns[name]?.[index] ?? null;
    const temperature = value("temperature");
    const humidity = value("humidity");
    const on = value("on_seconds") ?? 0;
    if (temperature === null && humidity === null && !on) continue;
    const at = Math.max(start, first + index * width);
    points.push({ at, middle: Math.min(end, at + width / 2), temperature, low: value("min_temperature") ?? temperature, high: value("max_temperature") ?? temperature, humidity, on });
  }
  return points;
}

function niceStep(span, most) {
  const steps = [0.2, 0.5, 1, 2, 5, 10, 20];
  return steps.find((step) => span / step <= most) ?? 50;
}

function timeStep(hours, most) {
  const steps = [1 / 12, 0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 96, 168];
  return steps.find((step) => hours / step <= most) ?? 720;
}

// The bands that were wanted, each with its two ends in time.
function bandsOf({ bands, history, start, end }) {
  if (!bands.length) return history.band ? [{ ...history.band, from: start, until: end }] : [];
  return bands.map((each, index) => {
    const next = bands[index + 1];
    return { ...each, from: Math.max(start, Date.parse(each.since)), until: next ? Date.parse(next.since) : end };
  });
}

const POWER_HEIGHT = 46;

// What is beside a room, as points in time.
const besideOf = (rows, key) => rows.map((row) => ({ at: Date.parse(row.at), middle: Date.parse(row.at), value: row[key] }));

// `rooms` are [{ zone, history }], the one that was chosen first; `beside` is what was
// outdoors and drawn by its unit, each a list that may be empty.
export function draw(holder, { rooms, bands, marks, humidity, beside }) {
  const [{ zone, history }] = rooms;
  const width = Math.max(280, Math.round(holder.clientWidth || 640));
  const height = width < 500 ? 220 : 330;
  const [start, end] = [Date.parse(history.start), Date.parse(history.end)];
  const bucket = (history.bucket_seconds ?? 0) * 1000;
  const lines = rooms.map((each) => ({ ...each, points: pointsOf(each.history) }));
  const known = lines[0].points.filter((point) => point.temperature !== null);
  const wanted = bandsOf({ bands, history, start, end });
  const values = lines.flatMap(({ points }) => points.filter((point) => point.temperature !== null).flatMap((point) => [point.low, point.high]));
  values.push(...wanted.flatMap(({ low, high }) => [low, high]));
  const outdoors = besideOf(beside.outdoor, "temperature");
  const drawn = besideOf(beside.power, "watts");
  values.push(...outdoors.map((point) => point.value));
  if (!values.length) values.push(18, 24);
  const bottom = Math.min(...values) - 0.4;
  const top = Math.max(...values) + 0.4;
  const damp = humidity ? lines[0].points.filter((point) => point.humidity !== null) : [];
  const right = width - (damp.length ? 36 : EDGE.right);
  const ribbon = height - EDGE.bottom - EDGE.ribbon;
  const plotBottom = ribbon - 12;
  const x = (at) => EDGE.left + ((at - start) / (end - start)) * (right - EDGE.left);
  const y = (value) => EDGE.top + ((top - value) / (top - bottom)) * (plotBottom - EDGE.top);

  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img" });
  svg.setAttribute("aria-label", summary(lines, marks));
  for (const { low, high, from, until } of wanted) {
    svg.append(element("rect", { x: x(from), y: y(high), width: Math.max(0, x(until) - x(from)), height: Math.max(1, y(low) - y(high)), class: "band" }));
    for (const value of [low, high]) svg.append(element("line", { x1: x(from), x2: x(until), y1: y(value), y2: y(value), class: "band-edge" }));
  }
  const step = niceStep(top - bottom, 6);
  for (let value = Math.ceil(bottom / step) * step; value <= top; value += step) {
    svg.append(element("line", { x1: EDGE.left, x2: right, y1: y(value), y2: y(value), class: "grid" }));
    svg.append(element("text", { x: EDGE.left - 6, y: y(value) + 4, "text-anchor": "end", class: "tick" }, `${number(value)}°`));
  }
  drawTimes(svg, x, start, end, zone.timezone, { ribbon, height, right });
  svg.append(element("rect", { x: EDGE.left, y: ribbon, width: right - EDGE.left, height: EDGE.ribbon, rx: 2, class: "ribbon" }));
  for (const [from, until] of timesOn(lines[0].points, end)) {
    svg.append(element("rect", { x: x(from), y: ribbon, width: Math.max(1, x(until) - x(from)), height: EDGE.ribbon, class: zone.season === "summer" ? "on cool" : "on" }));
  }
  if (damp.length) drawHumidity(svg, damp, { x, bucket, right, plotBottom });
  if (drawn.length) drawPower(svg, drawn, { x, bucket, right, plotBottom });
  for (const run of unbroken(outdoors, bucket)) {
    svg.append(element("polyline", { points: run.map((point) => `${x(point.middle)},${y(point.value)}`).join(" "), class: "outdoor" }));
  }
  lines.reverse().forEach(({ points }, back) => {
    const index = lines.length - 1 - back;
    for (const run of unbroken(points.filter((point) => point.temperature !== null), bucket)) {
      if (!index && run.some((point) => point.high > point.low)) {
        const upper = run.map((point) => `${x(point.middle)},${y(point.high)}`);
        const lower = run.map((point) => `${x(point.middle)},${y(point.low)}`).reverse();
        svg.append(element("polygon", { points: [...upper, ...lower].join(" "), class: "spread" }));
      }
      const path = run.map((point) => `${x(point.middle)},${y(point.temperature)}`).join(" ");
      svg.append(element("polyline", { points: path, class: lineClass(index) }));
    }
  });
  lines.reverse();
  const shownMarks = marks.filter((mark) => mark.at >= start && mark.at <= end);
  for (const mark of shownMarks) {
    const [at, under] = [x(mark.at), ribbon - 2];
    const sent = mark.made.commands.length > 0;
    const shape = sent ? `M${at - 5},${under - 9}h10l-5,9z` : `M${at - 1},${under - 5}h2v5h-2z`;
    const drawn = element("path", { d: shape, class: sent ? "sent-mark" : "mark" });
    drawn.append(element("title", {}, markWords(mark, zone)));
    svg.append(drawn);
  }
  const chosen = element("rect", { y: EDGE.top, height: ribbon - EDGE.top, class: "chosen", visibility: "hidden" });
  const cursor = element("g", { class: "cursor", visibility: "hidden" });
  cursor.append(element("line", { y1: EDGE.top, y2: ribbon + EDGE.ribbon }), element("circle", { r: 4.5 }));
  svg.append(chosen, cursor);
  holder.replaceChildren(svg);

  const timeAt = (clientX) => {
    const box = svg.getBoundingClientRect();
    const share = ((clientX - box.left) / box.width) * width;
    return Math.min(end, Math.max(start, start + ((share - EDGE.left) / (right - EDGE.left)) * (end - start)));
  };
  const nearest = (points, at) => points.reduce((best, each) => (!best || Math.abs(each.middle - at) < Math.abs(best.middle - at) ? each : best), null);
  // Outdoors and watts at an instant; null where nobody measured near it.
  const besideAt = (at) => [outdoors, drawn].map((points) => {
    const there = nearest(points, at);
    return there && Math.abs(there.middle - at) <= Math.max(bucket, 3600e3) ? there.value : null;
  });

  return {
    points: known,
    lines,
    besideAt,
    timeAt,
    // Move the cursor to a point and say what it shows.
    look(index) {
      const point = known[index];
      if (!point) return "";
      const at = x(point.middle);
      cursor.setAttribute("visibility", "visible");
      cursor.firstChild.setAttribute("x1", at);
      cursor.firstChild.setAttribute("x2", at);
      cursor.lastChild.setAttribute("cx", at);
      cursor.lastChild.setAttribute("cy", y(point.temperature));
      const said = [told(point, zone, lines.length > 1, humidity)];
      for (const { zone: other, points } of lines.slice(1)) {
        const there = nearest(points.filter((each) => each.temperature !== null), point.middle);
        if (there && Math.abs(there.middle - point.middle) <= Math.max(bucket, 3600e3)) said.push(_("{room} {temperature} °C", { room: titleOf(other.name), temperature: degrees(there.temperature) }));
      }
      const [outside, watts] = besideAt(point.middle);
      if (outside !== null) said.push(_("outdoors {temperature} °C", { temperature: degrees(outside) }));
      if (watts !== null) said.push(_("{watts} W", { watts: number(watts, 0) }));
      const mark = shownMarks.filter((each) => Math.abs(x(each.at) - at) <= MARK_PIXELS).at(-1);
      return said.join(_("; ")) + (mark ? `. ${markWords(mark, zone)}` : "");
    },
    // The point under a pointer, or at an instant.
    at(instant) {
      let best = 0;
      known.forEach((point, index) => {
        if (Math.abs(point.middle - instant) < Math.abs(known[best].middle - instant)) best = index;
      });
      return best;
    },
    // Show what a drag has chosen so far; nothing without two ends.
    choose(from, until) {
      chosen.setAttribute("visibility", from === undefined ? "hidden" : "visible");
      if (from === undefined) return;
      chosen.setAttribute("x", Math.min(x(from), x(until)));
      chosen.setAttribute("width", Math.abs(x(until) - x(from)));
    },
  };
}

function told(point, zone, named, humidity) {
  const when = clock(point.at, zone.timezone, { weekday: "short" });
  const temperature = degrees(point.temperature);
  const parts = [named ? _("{room} {temperature} °C", { room: titleOf(zone.name), temperature }) : whole(`${temperature} ${SYMBOL}`)];
  if (humidity && point.humidity !== null) parts.push(_("{percent} % humidity", { percent: Math.round(point.humidity) }));
  if (point.on) parts.push(_("unit on for {length}", { length: duration(point.on) }));
  return `${when}: ${parts.join(", ")}`;
}

function markWords({ at, made }, zone) {
  return [clock(at, zone.timezone), _("{outcome}: {why}.", { outcome: outcome(made.outcome), why: because(made.reasons) })].join(" ");
}

function drawHumidity(svg, damp, { x, bucket, right, plotBottom }) {
  const values = damp.map((point) => point.humidity);
  const [low, high] = [Math.max(0, Math.min(...values) - 5), Math.min(100, Math.max(...values) + 5)];
  const y = (value) => EDGE.top + ((high - value) / (high - low || 1)) * (plotBottom - EDGE.top);
  const step = niceStep(high - low, 5);
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
    svg.append(element("text", { x: right + 5, y: y(value) + 4, class: "tick" }, percent(value)));
  }
  for (const run of unbroken(damp, bucket)) {
    svg.append(element("polyline", { points: run.map((point) => `${x(point.middle)},${y(point.humidity)}`).join(" "), class: "damp" }));
  }
}

// Watts, as an area at the foot of the chart with a scale of its own.
function drawPower(svg, drawn, { x, bucket, right, plotBottom }) {
  const most = Math.max(1, ...drawn.map((point) => point.value));
  const y = (value) => plotBottom - (Math.max(0, value) / most) * POWER_HEIGHT;
  for (const run of unbroken(drawn, bucket)) {
    const edge = run.map((point) => `${x(point.middle)},${y(point.value)}`);
    const [first, last] = [x(run[0].middle), x(run.at(-1).middle)];
    svg.append(element("polygon", { points: [`${first},${plotBottom}`, ...edge, `${last},${plotBottom}`].join(" "), class: "watts" }));
  }
  svg.append(element("text", { x: right - 4, y: plotBottom - POWER_HEIGHT - 4, "text-anchor": "end", class: "tick" }, _("at most {watts} W", { watts: number(most, 0) })));
}

function drawTimes(svg, x, start, end, timeZone, { ribbon, height, right }) {
  const hours = (end - start) / 3600e3;
  const step = timeStep(hours, right < 490 ? 4 : 8) * 3600e3;
  const offset = zoneOffset(start, timeZone);
  for (let at = Math.ceil((start + offset) / step) * step - offset; at <= end; at += step) {
    if (x(at) > right - 12) break;
    svg.append(element("line", { x1: x(at), x2: x(at), y1: EDGE.top, y2: ribbon - 12, class: "grid" }));
    const long = hours > 24 * 8 ? { day: "numeric", month: "short" } : { weekday: "short" };
    const label = step >= 24 * 3600e3 ? clock(at, timeZone, { ...long, hour: undefined, minute: undefined }) : clock(at, timeZone);
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
function timesOn(points, end) {
  const times = [];
  for (const point of points) {
    if (point.on <= 0) continue;
    const until = Math.min(end, point.at + point.on * 1000);
    const last = times.at(-1);
    if (last && point.at - last[1] < 1000) last[1] = until;
    else times.push([point.at, until]);
  }
  return times;
}

// A line is not drawn over the time when nobody measured.
function unbroken(points, bucket) {
  const runs = [];
  const gap = Math.max(3600e3, bucket * 2.5);
  for (const point of points) {
    const last = runs.at(-1);
    if (last && point.at - last.at(-1).at <= gap) last.push(point);
    else runs.push([point]);
  }
  return runs;
}

function summary(lines, marks) {
  const told = lines.map(({ zone, history, points }) => {
    const room = titleOf(zone.name);
    const values = points.map((point) => point.temperature).filter((value) => value !== null);
    if (!values.length) return _("{room}: nothing was recorded in this time", { room });
    return _("{room}: between {low} and {high} °C, at the end {end} °C; the unit was on for {length}", {
      room, low: degrees(Math.min(...values)), high: degrees(Math.max(...values)), end: degrees(values.at(-1)), length: duration(history.on_seconds),
    });
  });
  if (marks.length) told.push(_("decisions marked: {count}", { count: marks.length }));
  return told.join(". ");
}
