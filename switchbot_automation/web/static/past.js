// A room's past: near and far, beside other rooms, day by day, and why it was so.
import { ask, pathOf } from "./api.js";
import { draw, lineClass } from "./chart.js";
import { _ } from "./language.js";
import { say } from "./said.js";
import { action, because, clock, dateAndClock, dayAndClock, duration, outcome, plain, statusWord, titleOf } from "./words.js";

const get = (id) => document.getElementById(id);
const HOUR = 3600e3;
const SHORTEST = HOUR / 2;
const LONGEST = 31 * 24 * HOUR;
// The server tells of so many days of decisions at once.
const DECIDED = 14 * 24 * HOUR;
const AGAIN_MILLISECONDS = 60000;
// Where no answer came, as on a phone that has just woken up, it is asked for soon.
const SOON_MILLISECONDS = 5000;
const DRAG_PIXELS = 8;
const LISTED = 5;
const MORE = 20;
const MOST_DECISIONS = 200;

let zone = null;
let home = null;
let hours = 24;
// The part of the past that is shown; null follows the present.
let span = null;
const beside = new Set();
let chart = null;
let shownAs = "";
let drawnAt = 0;
let decisions = [];
let listed = LISTED;
// From here on older decisions are looked for.
let before = 0;

// Show a room as the engine tells of it now.
export function showPast(zoneNow, homeNow) {
  const other = zone?.name !== zoneNow.name;
  [zone, home] = [zoneNow, homeNow];
  get("detail").classList.toggle("cooled", zone.season === "summer");
  get("detail-title").textContent = zone.name === "default" ? _("Temperature") : _("Temperature, {room}", { room: plain(zone.name) });
  if (other) {
    span = null;
    get("why-then").hidden = true;
    get("days-part").open = false;
  }
  showChoices();
  const now = JSON.stringify([zone.name, zone.outcome, zone.reasons.map((each) => each.code), zone.last_action_at]);
  const due = !span && Date.now() - drawnAt > AGAIN_MILLISECONDS;
  if (now !== shownAs || due) {
    shownAs = now;
    show();
  }
}

// --- which part of it ------------------------------------------------------------------

// What follows the present ends at a round time, so that asking again is often no news.
function shown() {
  if (span) return span;
  const step = hours > 24 ? HOUR : HOUR / 12;
  const end = (Math.floor(Date.parse(home.at) / step) + 1) * step;
  return { start: end - hours * HOUR, end };
}

function go(start, end) {
  const now = Date.parse(home.at);
  const width = Math.min(LONGEST, Math.max(SHORTEST, end - start));
  const middle = (start + end) / 2;
  span = { start: Math.round(middle - width / 2), end: Math.round(middle + width / 2) };
  const following = hours * HOUR === width && span.end >= now;
  if (following) span = null;
  else if (span.end > now + width / 2) span = { start: Math.round(now - width / 2), end: Math.round(now + width / 2) };
  show();
}

function move(share) {
  const { start, end } = shown();
  go(start + share * (end - start), end + share * (end - start));
}

function zoom(factor) {
  const { start, end } = shown();
  const at = chart?.points[Number(get("look-at").value)]?.middle ?? (start + end) / 2;
  go(at - (at - start) * factor, at + (end - at) * factor);
}

function reset() {
  span = null;
  show();
}

function showChoices() {
  const { start, end } = shown();
  for (const button of document.querySelectorAll("[data-hours]")) {
    button.setAttribute("aria-pressed", String(!span && Number(button.dataset.hours) === hours));
  }
  get("later").disabled = !span || end >= Date.parse(home.at);
  get("zoom-in").disabled = end - start <= SHORTEST;
  get("zoom-out").disabled = end - start >= LONGEST;
  get("shown-span").textContent = _("{start} to {end}", { start: dateAndClock(start, zone.timezone), end: dateAndClock(end, zone.timezone) });
  const range = `start=${new Date(start).toISOString()}&end=${new Date(end).toISOString()}`;
  get("csv").href = `${pathOf(zone.name)}/history.csv?${range}`;
  get("csv").setAttribute("aria-label", _("CSV of {room}", { room: titleOf(zone.name) }));
  if (get("beside-part").open) showBeside();
}

// Boxes to draw other rooms beside this one: as many as there are rooms, so only once they are looked at.
function showBeside() {
  const others = home.zones.filter((each) => each.name !== zone.name);
  const wanted = JSON.stringify([zone.name, zone.beside, others.map((each) => each.name)]);
  if (showBeside.shown === wanted) return;
  showBeside.shown = wanted;
  const boxes = others.map((each) => choice(titleOf(each.name), beside.has(each.name), (on) => (on ? beside.add(each.name) : beside.delete(each.name))));
  const more = (key, text) => choice(text, showChoices[key] ?? false, (on) => (showChoices[key] = on));
  boxes.push(more("humidity", _("Humidity")));
  if (zone.beside.includes("outdoor")) boxes.push(more("outdoor", _("Outdoors")));
  if (zone.beside.includes("power")) boxes.push(more("power", _("Power")));
  get("beside").replaceChildren(...boxes);
}

function choice(text, on, set) {
  const label = document.createElement("label");
  const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: on });
  box.onchange = () => {
    set(box.checked);
    show();
  };
  label.append(box, text);
  return label;
}

// --- the chart -------------------------------------------------------------------------

async function show() {
  clearTimeout(show.again);
  drawnAt = Date.now();
  showChoices();
  const asked = (show.asked = (show.asked ?? 0) + 1);
  const { start, end } = shown();
  const range = (from) => `start=${new Date(from).toISOString()}&end=${new Date(end).toISOString()}`;
  const points = get("chart").clientWidth < 500 ? 144 : 288;
  const rooms = [zone, ...home.zones.filter((each) => each.name !== zone.name && beside.has(each.name))];
  const decidedFrom = Math.max(start, end - DECIDED);
  const kind = JSON.stringify([zone.name, span, hours]);
  const same = show.kind === kind;
  if (!same) listed = LISTED;
  show.kind = kind;
  try {
    const wanted = zone.beside.filter((key) => showChoices[key]);
    const [told, near, ...histories] = await Promise.all([
      ask(`${pathOf(zone.name)}/decisions?${range(decidedFrom)}&limit=${MOST_DECISIONS}`),
      wanted.length ? ask(`${pathOf(zone.name)}/beside?${range(start)}&points=${points}`) : {},
      ...rooms.map((each) => ask(`${pathOf(each.name)}/history?${range(start)}&points=${points}&shape=columns`)),
    ]);
    // Somebody has gone on meanwhile.
    if (asked !== show.asked) return;
    show.missed = false;
    // Where nothing heats or cools no temperature is wanted.
    const historyOf = (each, index) => (each.without_unit ? { ...histories[index], band: null } : histories[index]);
    const drawn = rooms.map((each, index) => ({ zone: each, history: historyOf(each, index) }));
    const bands = zone.without_unit ? [] : told.bands;
    const besides = Object.fromEntries(["outdoor", "power"].map((key) => [key, (wanted.includes(key) && near[key]) || []]));
    show.last = { rooms: drawn, beside: besides, bands, marks: told.decisions.map((made) => ({ at: Date.parse(made.since), made })) };
    redraw(true);
    const late = histories.find((each) => each.unavailable);
    if (late) say(_("The history does not answer now; this is what was known at {at}.", { at: dayAndClock(late.end, zone.timezone) }));
    const oldest = told.decisions.at(-1)?.since ?? "";
    const whole = told.decisions.length < MOST_DECISIONS;
    const reached = whole ? decidedFrom : Date.parse(oldest);
    // What was looked up beyond stays listed while the present goes on.
    const kept = same ? decisions.filter((each) => each.since < oldest) : [];
    decisions = [...told.decisions, ...kept];
    before = same ? Math.min(before, reached) : reached;
    showDecisions();
  } catch (error) {
    drawnAt = 0;
    shownAs = "";
    if (!show.missed) say(error.message);
    show.missed = !error.status;
    if (show.missed && asked === show.asked) show.again = setTimeout(show, SOON_MILLISECONDS);
  }
}

function redraw(fresh = false) {
  if (!show.last) return;
  const slider = get("look-at");
  const following = !chart || (fresh && Number(slider.value) === chart.points.length - 1);
  const at = chart?.points[Number(slider.value)]?.middle;
  chart = draw(get("chart"), { ...show.last, humidity: showChoices.humidity });
  slider.max = Math.max(0, chart.points.length - 1);
  slider.disabled = !chart.points.length;
  slider.value = following || at === undefined ? slider.max : chart.at(at);
  lookAt(Number(slider.value));
  showLegend();
  showTable();
}

function lookAt(index) {
  const text = chart?.look(index) ?? "";
  get("looked-at").textContent = text || _("Nothing was recorded in this time.");
  get("look-at").setAttribute("aria-valuetext", text);
}

function showLegend() {
  const { rooms, bands, marks, beside: near } = show.last;
  const entries = rooms.length > 1
    ? rooms.map((each, index) => [lineClass(index), titleOf(each.zone.name)])
    : [[lineClass(0), _("temperature")]];
  if (showChoices.humidity) entries.push(["of-damp", _("humidity")]);
  if (near.outdoor.length) entries.push(["of-outdoor", _("outdoors")]);
  if (near.power.length) entries.push(["of-watts", _("power")]);
  if (!zone.without_unit) entries.push(["of-band", bands.length ? _("wanted") : _("wanted, as set now")], ["of-on", _("unit on")]);
  if (marks.length) entries.push(["of-mark", _("something was sent")]);
  get("legend").replaceChildren(...entries.map(([className, textContent]) => Object.assign(document.createElement("li"), { className, textContent })));
}

const cell = (tag, textContent, more = {}) => Object.assign(document.createElement(tag), { textContent, ...more });

async function showTable() {
  if (!get("table-part").open) return;
  try {
    // Few read it, so nobody waits for it.
    const { tableOf } = await import("./table.js");
    const { head, rows } = tableOf(chart, show.last.beside, showChoices.humidity, zone);
    get("table-head").replaceChildren(head);
    get("table").replaceChildren(...rows);
  } catch (error) {
    say(error.message);
  }
}

// --- day by day ------------------------------------------------------------------------

async function showDays() {
  const { name } = zone;
  try {
    // Few open them, so nobody waits for it.
    const { daysOf } = await import("./days.js");
    const days = await daysOf(name, Math.min(shown().end, Date.parse(home.at)));
    if (zone.name === name) get("days").replaceChildren(...days);
  } catch (error) {
    say(error.message);
  }
}

// --- what was decided, and why ---------------------------------------------------------

function showDecisions() {
  const shown = decisions.slice(0, listed).map(decisionItem);
  get("decisions").replaceChildren(...(shown.length ? shown : [cell("li", _("Nothing was decided in this time."))]));
  get("older").hidden = !decisions.length && !home.history;
}

async function older() {
  if (listed >= decisions.length && !(await findOlder())) {
    say(_("Nothing older was recorded."));
    return;
  }
  const first = listed;
  listed = Math.min(decisions.length, listed + MORE);
  showDecisions();
  say(_("Older decisions shown: {count}.", { count: listed - first }));
}

// A quiet day has few; where a day had none, the two weeks before it are looked through.
async function findOlder() {
  const name = zone.name;
  for (const width of [24 * HOUR, DECIDED]) {
    const end = new Date(before).toISOString();
    const start = new Date(before - width).toISOString();
    const told = await ask(`${pathOf(name)}/decisions?start=${start}&end=${end}&limit=${MOST_DECISIONS}`);
    if (zone.name !== name) return true;
    if (!told.decisions.length) continue;
    decisions = [...decisions, ...told.decisions];
    before = told.decisions.length === MOST_DECISIONS ? Date.parse(told.decisions.at(-1).since) : before - width;
    return true;
  }
  return false;
}

function decisionItem(made) {
  const item = document.createElement("li");
  const far = Date.parse(home.at) - Date.parse(made.since) > 6 * 24 * HOUR;
  const time = cell("time", (far ? dateAndClock : dayAndClock)(made.since, zone.timezone), { dateTime: made.since });
  const what = cell("strong", outcome(made.outcome));
  const why = cell("p", because(made.reasons));
  const seconds = (Date.parse(made.until) - Date.parse(made.since)) / 1000;
  const looks = made.looks > 1 ? _("for {length}, {count} looks", { length: duration(seconds), count: made.looks }) : "";
  const words = document.createElement("div");
  words.append(what, " ", looks, why);
  if (made.commands.length) {
    const sent = made.commands.map((each) => `${action(each.action)} ${statusWord(each.status)}`).join(", ");
    words.append(cell("p", _("Sent: {commands}", { commands: sent }), { className: "sent" }));
  }
  item.append(time, words);
  return item;
}

async function whyThen() {
  const point = chart?.points[Number(get("look-at").value)];
  if (!point) return;
  const name = zone.name;
  const panel = get("why-then");
  try {
    // The end of what the point stands for, so that what was decided in it counts.
    const at = Math.min(2 * point.middle - point.at, Date.parse(home.at));
    const told = await ask(`${pathOf(name)}/explain?at=${new Date(at).toISOString()}`);
    if (zone.name !== name) return;
    panel.hidden = false;
    const heading = cell("strong", _("{when}: {outcome}", { when: dateAndClock(told.decided_at ?? told.asked_at, zone.timezone), outcome: outcome(told.outcome) }));
    panel.replaceChildren(heading, ...told.text.split("\n").map((text) => cell("p", text)));
  } catch (error) {
    say(error.message);
  }
}

// --- hands -----------------------------------------------------------------------------

for (const button of document.querySelectorAll("[data-hours]")) {
  button.addEventListener("click", () => {
    hours = Number(button.dataset.hours);
    reset();
  });
}
get("earlier").addEventListener("click", () => move(-1));
get("later").addEventListener("click", () => move(1));
get("zoom-in").addEventListener("click", () => zoom(0.5));
get("zoom-out").addEventListener("click", () => zoom(2));
get("older").addEventListener("click", () => older().catch((error) => say(error.message)));
get("why-at").addEventListener("click", whyThen);
get("beside-part").addEventListener("toggle", () => get("beside-part").open && showBeside());
get("table-part").addEventListener("toggle", () => show.last && showTable());
get("days-part").addEventListener("toggle", () => get("days-part").open && showDays());
get("look-at").addEventListener("input", (event) => lookAt(Number(event.target.value)));
get("look-at").addEventListener("keydown", (event) => {
  const done = { "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: reset, Enter: whyThen }[event.key];
  if (!done || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  done();
});

let drag = null;
get("chart").addEventListener("pointerdown", (event) => {
  if (event.button || !chart) return;
  drag = { x: event.clientX, from: chart.timeAt(event.clientX), far: false };
  // Only what moves sideways is ours; up and down scrolls the page.
  get("chart").setPointerCapture(event.pointerId);
});
get("chart").addEventListener("pointermove", (event) => {
  if (!chart?.points.length) return;
  const at = chart.timeAt(event.clientX);
  if (drag && Math.abs(event.clientX - drag.x) > DRAG_PIXELS) drag.far = true;
  if (drag?.far) return chart.choose(drag.from, at);
  get("look-at").value = chart.at(at);
  lookAt(Number(get("look-at").value));
});
get("chart").addEventListener("pointerup", (event) => {
  const was = drag;
  drag = null;
  if (!was?.far) return;
  const until = chart.timeAt(event.clientX);
  chart.choose();
  go(Math.min(was.from, until), Math.max(was.from, until));
});
get("chart").addEventListener("pointercancel", () => {
  drag = null;
  chart?.choose();
});
get("chart").addEventListener("dblclick", reset);
new ResizeObserver(() => redraw()).observe(get("detail"));
