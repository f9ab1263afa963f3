// The week of a room: seen as seven bars, drawn by pointer or written in fields.
import { ask } from "./api.js";
import { element } from "./chart.js";
import { _, dayName } from "./language.js";
import { change, partOf } from "./said.js";
import { plain, presetWord, roomOf, titleOf } from "./words.js";

const WEEK = [0, 1, 2, 3, 4, 5, 6];
const DAYS = WEEK.map((day) => dayName(day, "short"));
const LONG = WEEK.map((day) => dayName(day, "long"));
const MINUTES = 1440;
const STEP = 15;
const get = (id) => document.getElementById(id);
const title = (zone) => titleOf(roomOf(zone));

const minutesOf = (clock) => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3, 5));
const clockOf = (minutes) => {
  const at = ((Math.round(minutes / STEP) * STEP) % MINUTES + MINUTES) % MINUTES;
  return `${String(Math.floor(at / 60)).padStart(2, "0")}:${String(at % 60).padStart(2, "0")}`;
};
const isClock = (text) => /^\d\d:\d\d$/.test(text);

// The bars of a window: one a day, two where it runs past midnight.
function spans(window_) {
  if (!isClock(window_.start) || !isClock(window_.end)) return [];
  const [start, end] = [minutesOf(window_.start), minutesOf(window_.end)];
  return window_.days.flatMap((day) =>
    end > start ? [[day, start, end]] : [[day, start, MINUTES], ...(end ? [[(day + 1) % 7, 0, end]] : [])],
  );
}

export function words(windows) {
  if (!windows.length) return _("No hours are set: the automation never acts.");
  return windows.map((each) => `${daysWords(each.days)} ${each.start}–${each.end}${each.preset ? `, ${presetWord(each.preset)}` : ""}`).join(_("; "));
}

function daysWords(days) {
  const sorted = [...days].sort();
  if (sorted.length === 7) return _("Every day");
  const run = sorted.every((day, index) => index === 0 || day === sorted[index - 1] + 1);
  if (run && sorted.length > 2) return `${DAYS[sorted[0]]}–${DAYS[sorted.at(-1)]}`;
  return sorted.map((day) => DAYS[day]).join(", ");
}

function bars(windows, holder) {
  const width = Math.max(260, Math.round(holder.clientWidth || 720));
  const [left, row] = [44, 26];
  const svg = element("svg", { viewBox: `0 0 ${width} ${7 * row + 20}`, role: "img", class: "week" });
  svg.setAttribute("aria-label", words(windows));
  const x = (minutes) => left + (minutes / MINUTES) * (width - left - 6);
  for (let day = 0; day < 7; day += 1) {
    svg.append(element("text", { x: 0, y: day * row + 16, class: "tick" }, DAYS[day]));
    svg.append(element("rect", { x: left, y: day * row + 4, width: width - left - 6, height: row - 9, rx: 5, class: "ribbon", "data-day": day }));
  }
  windows.forEach((each, index) => {
    for (const [day, start, end] of spans(each)) {
      svg.append(element("rect", { x: x(start), y: day * row + 4, width: Math.max(2, x(end) - x(start)), height: row - 9, rx: 5, class: each.preset ? "open preset" : "open", "data-window": index }));
    }
  });
  for (let hour = 0; hour <= 24; hour += 6) {
    svg.append(element("text", { x: x(hour * 60), y: 7 * row + 14, "text-anchor": hour === 24 ? "end" : hour ? "middle" : "start", class: "tick" }, `${String(hour % 24).padStart(2, "0")}:00`));
  }
  svg.minutesAt = (clientX) => {
    const box = svg.getBoundingClientRect();
    const at = ((clientX - box.left) / box.width) * width;
    return Math.min(MINUTES, Math.max(0, ((at - left) / (width - left - 6)) * MINUTES));
  };
  return svg;
}

export function showWeek(zone, readOnly) {
  const room = roomOf(zone);
  get("week-title").textContent = room === "default" ? _("Schedule") : _("Schedule, {room}", { room: plain(room) });
  const shown = JSON.stringify([zone.name, zone.windows]);
  get("week-edit").hidden = readOnly;
  get("week-edit").onclick = () => openWeek(zone);
  if (showWeek.shown === shown) return;
  showWeek.shown = shown;
  get("week-bars").replaceChildren(bars(zone.windows, get("week-bars")));
  get("week-words").textContent = words(zone.windows);
}

// --- changing it -----------------------------------------------------------------------

let windows = [];
let editing = null;
// What the document had when this was opened; null where that could not be read.
let basis = null;

function openWeek(zone) {
  editing = zone;
  basis = ask("api/settings").then((document_) => windowsIn(document_, roomOf(zone))).catch(() => null);
  windows = zone.windows.map((each) => ({ ...structuredClone(each), was: each }));
  get("plan-title").textContent = _("The week of {room}", { room: title(zone) });
  const dialog = get("plan");
  // What was drawn stays behind what is looked at, until it is saved or left.
  dialog.querySelector("form").onsubmit = async (event) => {
    event.preventDefault();
    if (await save(zone)) dialog.close();
  };
  dialog.showModal();
  showPlan();
}

// The windows of a room as a document has them.
const windowsIn = (document_, name) => partOf(document_, name).time_windows ?? document_.time_windows ?? [];

async function save(zone) {
  const wanted = windows.filter((each) => each.days.length);
  const was = await basis;
  return change(_("The week of {room}", { room: title(zone) }), (document_, note) => {
    const old = windowsIn(document_, roomOf(zone));
    if (was && JSON.stringify(was) !== JSON.stringify(old)) {
      note(_("Somebody else changed this schedule meanwhile. It is now: {words}. Saving puts yours in its place.", { words: words(old) }));
    }
    const part = partOf(document_, roomOf(zone));
    part.time_windows = wanted.map((each) => {
      // Keys that this page does not show stay with the window that has them.
      const made = { ...(each.was && old.find((one) => one.start === each.was.start && one.end === each.was.end)) };
      Object.assign(made, { days: [...each.days].sort(), start: each.start, end: each.end });
      if (each.preset) made.preset = each.preset;
      else delete made.preset;
      return made;
    });
  });
}

function showPlan() {
  const svg = bars(windows, get("plan-bars"));
  svg.addEventListener("pointerdown", (event) => draw(event, svg));
  get("plan-bars").replaceChildren(svg);
  get("plan-rows").replaceChildren(...windows.map(row));
  get("plan-words").textContent = words(windows);
}

// Drawing on an empty day makes a window; an end of one that is there is moved.
function draw(event, svg) {
  const target = event.target;
  const begin = svg.minutesAt(event.clientX);
  let move;
  if (target.dataset.window !== undefined) {
    const chosen = windows[Number(target.dataset.window)];
    if (!isClock(chosen.start) || !isClock(chosen.end)) return;
    const near = (edge) => Math.min(Math.abs(begin - minutesOf(chosen[edge])), MINUTES - Math.abs(begin - minutesOf(chosen[edge])));
    // Both ends of a whole day are one instant: that of the nearer side is meant.
    const early = near("start") === near("end") && begin < MINUTES / 2;
    const edge = early || near("start") < near("end") ? "start" : "end";
    const [other, whole] = edge === "start" ? ["end", 0] : ["start", MINUTES];
    move = (at) => {
      const clock = clockOf(at);
      // Drawn over the whole day they meet at midnight; elsewhere nothing would be left.
      const day = clock === "00:00" && Math.round(at / STEP) * STEP === whole;
      if (clock !== chosen[other] || day) chosen[edge] = clock;
    };
  } else if (target.dataset.day !== undefined) {
    const made = { days: [Number(target.dataset.day)], start: clockOf(begin), end: clockOf(begin + 60) };
    windows.push(made);
    move = (at) => {
      const [low, high] = [Math.min(begin, at), Math.max(begin, at)];
      if (high - low >= STEP) [made.start, made.end] = [clockOf(low), clockOf(high)];
    };
  } else return;
  event.preventDefault();
  const moved = (each) => {
    move(svg.minutesAt(each.clientX));
    const fresh = bars(windows, get("plan-bars"));
    svg.replaceChildren(...fresh.childNodes);
  };
  const ended = () => {
    removeEventListener("pointermove", moved);
    showPlan();
  };
  addEventListener("pointermove", moved);
  addEventListener("pointerup", ended, { once: true });
  addEventListener("pointercancel", ended, { once: true });
}

function row(window_, index) {
  const item = get("plan-row").content.firstElementChild.cloneNode(true);
  const days = item.querySelector(".days");
  DAYS.forEach((name, day) => {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: window_.days.includes(day) });
    box.setAttribute("aria-label", _("{day}, hours {number}", { day: LONG[day], number: index + 1 }));
    box.onchange = () => {
      window_.days = box.checked ? [...window_.days, day] : window_.days.filter((each) => each !== day);
      refresh();
    };
    label.append(box, name);
    days.append(label);
  });
  for (const edge of ["start", "end"]) {
    const input = item.querySelector(`.${edge}`);
    input.setAttribute("aria-label", edge === "start" ? _("From, hours {number}", { number: index + 1 }) : _("Until, hours {number}", { number: index + 1 }));
    // By the sun, as sunset-30, is written, not picked.
    input.type = isClock(window_[edge]) ? "time" : "text";
    input.value = window_[edge];
    input.onchange = () => {
      window_[edge] = input.value || window_[edge];
      refresh();
    };
  }
  const preset = item.querySelector(".preset");
  preset.setAttribute("aria-label", _("Preset, hours {number}", { number: index + 1 }));
  preset.replaceChildren(...["", ...editing.presets].map((name) => new Option(name ? presetWord(name) : _("no preset"), name)));
  preset.value = window_.preset ?? "";
  preset.hidden = !editing.presets.length;
  preset.onchange = () => {
    window_.preset = preset.value;
    refresh();
  };
  const copy = item.querySelector(".copy");
  copy.setAttribute("aria-label", _("Copy hours {number} to the other days", { number: index + 1 }));
  copy.onclick = () => {
    window_.days = [0, 1, 2, 3, 4, 5, 6];
    showPlan();
    get("plan-rows").children[index].querySelector(".copy").focus();
  };
  const remove = item.querySelector(".remove");
  remove.setAttribute("aria-label", _("Remove hours {number}", { number: index + 1 }));
  remove.onclick = () => {
    windows.splice(index, 1);
    showPlan();
    get("plan-add").focus();
  };
  return item;
}

function refresh() {
  const svg = get("plan-bars").firstElementChild;
  svg.setAttribute("aria-label", words(windows));
  svg.replaceChildren(...bars(windows, get("plan-bars")).childNodes);
  get("plan-words").textContent = words(windows);
}

get("plan-add").addEventListener("click", () => {
  windows.push({ days: [0, 1, 2, 3, 4, 5, 6], start: "07:00", end: "22:00" });
  showPlan();
  get("plan-rows").lastElementChild.querySelector("input").focus();
});
get("plan-cancel").addEventListener("click", () => get("plan").close(""));
