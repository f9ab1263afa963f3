// What a person wants of a room: other temperatures or a preset, for a time or for good.
import { _, language } from "./language.js";
import { change, partOf } from "./said.js";
import { fromCelsius } from "./unit.js";
import { dateAndClock, degrees, fieldOf, instantOf, number, plain, presetWord, titleOf, untilWords } from "./words.js";

const STEP = 0.5;
const COLDEST = fromCelsius(10);
const WARMEST = fromCelsius(35);
// A wish is sent once, when the last press is over: every call of the day counts.
const SETTLED_MILLISECONDS = 900;

const OFF = "off";
const MODES = { winter: _("Heat"), summer: _("Cool"), auto: _("Heat and cool"), [OFF]: _("Off") };

const get = (id) => document.getElementById(id);
const pressed = new Map();
const title = (zone) => titleOf(zone.name);

export const bandWords = ({ low, high }) => _("{low} to {high} °C", { low: number(low), high: number(high) });

export function wishWords(zone) {
  const { wish, timezone } = zone;
  const what = wish.preset ? _("preset {preset}", { preset: presetWord(wish.preset) }) : bandWords(inSeason(zone, zone.wanted ?? zone.band));
  const until = untilWords(wish.until, timezone);
  if (wish.rule) return _("Rule {rule} wants {what} until {until}.", { rule: wish.rule, what, until });
  return _("You want {what} until {until}.", { what, until });
}

export function quietWords({ quiet_fan_until: until, timezone }) {
  if (until.startsWith("9999-")) return _("The fan runs low until you resume.");
  return _("The fan runs low until {until}.", { until: dateAndClock(until, timezone) });
}

// The day is one of the room's own calendar, whatever the clock here reads.
export function skippedWords({ window, day }) {
  const weekday = new Date(`${day}T12:00Z`).toLocaleDateString(language, { weekday: "long", timeZone: "UTC" });
  return _("The window {window} of {day} is skipped.", { window: plain(window), day: weekday });
}

// What is no room with a temperature of its own to keep: a further unit, which goes by its
// room's, or a room in which nothing heats or cools.
export const isPart = (zone) => Boolean(zone.lead) || zone.without_unit;

// What comes of a band at the temperature that was read last; nothing where that is unsure.
function willWords(zone, { low, high }) {
  const { temperature, hysteresis } = zone;
  if (temperature === null || zone.stale || zone.mode === "auto" || zone.without_unit) return "";
  const heats = zone.mode !== "summer";
  const round = (value) => Number(value.toFixed(2));
  const [cold, warm] = [temperature <= round(low - hysteresis), temperature >= round(high + hysteresis)];
  const values = { temperature: degrees(temperature), low: degrees(low - hysteresis), high: degrees(high + hysteresis) };
  if (heats ? cold : warm) {
    if (zone.power === "on") return _("At {temperature} °C it stays on.", values);
    return heats ? _("At {temperature} °C the heating turns on.", values) : _("At {temperature} °C the cooling turns on.", values);
  }
  if (heats ? warm : cold) {
    if (zone.power === "off") return _("At {temperature} °C it stays off.", values);
    return heats ? _("At {temperature} °C the heating turns off.", values) : _("At {temperature} °C the cooling turns off.", values);
  }
  return _("At {temperature} °C it stays as it is, from {low} to {high} °C.", values);
}

// What stands there already is not read aloud again.
function tell(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

// What is kept now of a band that is wished. In a room that heats and cools, as the weather
// has it, that begins where it is heated and ends where it is cooled: 21 to 27 says of neither.
function inSeason(zone, band) {
  if (zone.mode !== "auto" || !zone.band || !zone.wanted) return band;
  const moved = band.low - zone.wanted.low;
  return { low: zone.band.low + moved, high: zone.band.high + moved };
}

// Show the band of a room between its two buttons; what was pressed and not sent yet goes first.
export function showDial(card, zone, { readOnly, send }) {
  const dial = card.querySelector(".dial");
  const band = pressed.get(zone.name)?.band ?? zone.wanted;
  dial.hidden = !band || !zone.enabled || readOnly || isPart(zone);
  if (dial.hidden) return;
  dial.setAttribute("aria-label", _("Wanted in {room}", { room: title(zone) }));
  const wanted = dial.querySelector(".wanted");
  tell(wanted, bandWords(inSeason(zone, band)));
  wanted.classList.toggle("pending", pressed.has(zone.name));
  const will = card.querySelector(".will");
  tell(will, pressed.has(zone.name) ? willWords(zone, band) : "");
  will.hidden = !will.textContent;
  const labels = { cooler: _("Cooler by half a degree, {room}", { room: title(zone) }), warmer: _("Warmer by half a degree, {room}", { room: title(zone) }) };
  for (const [name, sign] of [["cooler", -1], ["warmer", 1]]) {
    const button = dial.querySelector(`.${name}`);
    button.disabled = band.low + sign * STEP < COLDEST || band.high + sign * STEP > WARMEST;
    button.setAttribute("aria-label", labels[name]);
    button.onclick = () => press(card, zone, sign * STEP, { readOnly, send });
  }
}

function press(card, zone, kelvin, options) {
  const before = pressed.get(zone.name);
  clearTimeout(before?.timer);
  const from = before?.band ?? zone.wanted;
  const band = { low: from.low + kelvin, high: from.high + kelvin };
  const timer = setTimeout(async () => {
    const wish = { action: "set_temperature", ...pressed.get(zone.name).band };
    await options.send(zone.name, wish, () => pressed.delete(zone.name));
  }, SETTLED_MILLISECONDS);
  pressed.set(zone.name, { band, timer });
  showDial(card, zone, options);
}

const endOf = (until) => (until.startsWith("9999-") ? "permanent" : until);

// What puts a room back to how it was before it is asked for something; null where nothing
// does so alone: what takes a skipped window back ends all other wishes with it.
export function wayBack(zone, asked) {
  if (asked === "quiet_fan") {
    const until = zone.quiet_fan_until;
    return { action: "quiet_fan", hold: until ? endOf(until) : "none" };
  }
  if (asked === "skip_next_window") {
    const others = zone.wish || zone.hold_until || zone.quiet_fan_until || zone.skipped_windows.length;
    return zone.enabled && !others ? { action: "resume" } : null;
  }
  // A further unit is held by itself; what is wished is its room's.
  if (zone.lead) return { action: "hold", hold: zone.hold_until ? endOf(zone.hold_until) : "none" };
  if (zone.wish) {
    const hold = endOf(zone.wish.until);
    return zone.wish.preset
      ? { action: "set_preset_mode", preset: zone.wish.preset, hold }
      : { action: "set_temperature", ...zone.wanted, hold };
  }
  if (zone.hold_until) return { action: "hold", hold: endOf(zone.hold_until) };
  if (!zone.enabled) return null;
  // To resume would also bring back a window that is skipped.
  return zone.skipped_windows.length || zone.quiet_fan_until ? { action: "hold", hold: "none" } : { action: "resume" };
}

// --- until when ------------------------------------------------------------------------

// Say in a form when the schedule changes next, and let an instant be picked.
export function choiceOfEnds(form, { next_change: next, timezone }) {
  const { until, instant } = form.elements;
  form.querySelector(".next").textContent = next ? ` (${dateAndClock(next, timezone)})` : "";
  instant.value = next ? fieldOf(next, timezone) : "";
  const chosen = () => (instant.required = until.value === "instant");
  for (const choice of until) choice.onchange = chosen;
  instant.oninput = instant.onfocus = () => {
    until.value = "instant";
    chosen();
  };
  chosen();
}

// What was chosen there, as the server takes it.
export function holdOf(form, { timezone }) {
  const until = form.elements.until.value;
  if (until === "instant") return instantOf(form.elements.instant.value, timezone);
  return /^\d+$/.test(until) ? Number(until) : until;
}

// --- the dialog: a band by two handles, a preset, and until when -----------------------

export function openChange(zone, zones, send) {
  const dialog = get("change");
  const form = dialog.querySelector("form");
  const field = (name) => form.elements.namedItem(name);
  form.reset();
  get("change-title").textContent = _("What {room} is to keep", { room: title(zone) });
  const mode = zone.enabled ? zone.mode : OFF;
  const modes = zone.without_unit ? { [zone.mode]: _("On"), [OFF]: MODES[OFF] } : MODES;
  field("mode").replaceChildren(...Object.entries(modes).map(([value, text]) => new Option(text, value)));
  field("mode").value = mode;
  field("mode").onchange = () => preview();
  const { low, high } = zone.wanted ?? { low: fromCelsius(20), high: fromCelsius(22) };
  // With both seasons there have to be some degrees between heating and cooling.
  const gap = Math.max(STEP, Math.ceil(zone.least_width / STEP) * STEP);
  const set = (name, value) => {
    const within = Math.min(WARMEST, Math.max(COLDEST, value));
    field(name).value = field(`${name}-handle`).value = within;
    field(`${name}-handle`).setAttribute("aria-valuetext", _("{temperature} °C", { temperature: number(within) }));
  };
  for (const name of ["low", "high", "low-handle", "high-handle"]) [field(name).min, field(name).max] = [COLDEST, WARMEST];
  set("low", low);
  set("high", high);
  const moved = (name, value) => {
    set(name, Number(value));
    const [least, most] = [Number(field("low").value), Number(field("high").value)];
    if (most - least < gap) name === "low" ? set("high", least + gap) : set("low", most - gap);
    field("preset").value = "";
    preview();
  };
  for (const name of ["low", "high"]) {
    field(name).oninput = field(`${name}-handle`).oninput = (event) => event.target.value && moved(name, event.target.value);
  }
  choiceOfEnds(form, zone);
  const choices = ["", ...zone.presets].map((name) => new Option(name ? presetWord(name) : _("none"), name));
  field("preset").replaceChildren(...choices);
  field("preset").value = zone.wish?.preset ?? "";
  field("preset").onchange = () => preview();
  const sharing = (preset) => zones.filter((each) => each.enabled && each.presets.includes(preset)).map((each) => each.name);
  field("everywhere").checked = false;
  const band = () => ({ low: Number(field("low").value), high: Number(field("high").value) });
  const preview = () => {
    const other = field("mode").value !== mode;
    const kept = !other && zone.enabled;
    get("change-band").hidden = !kept || !zone.wanted || zone.without_unit;
    get("change-presets").hidden = !kept || !zone.presets.length;
    get("change-until").hidden = !kept || !((zone.wanted && !zone.without_unit) || zone.presets.length);
    get("change-everywhere").hidden = sharing(field("preset").value).length < 2;
    get("change-will").textContent = other ? _("This changes the settings; you see what it means first.") : kept && !field("preset").value ? willWords(zone, band()) : "";
    get("change-band").classList.toggle("unused", Boolean(field("preset").value));
    // What was chosen for another room must not count for one that has no temperature to keep.
    get("change-for-good").hidden = Boolean(field("preset").value) || !zone.wanted || zone.without_unit;
    if (get("change-for-good").hidden && form.elements.until.value === "good") form.elements.until.value = "until_next_change";
  };
  preview();
  dialog.returnValue = "";
  dialog.onclose = () => {
    if (dialog.returnValue !== "ok") return;
    const [preset, until] = [field("preset").value, form.elements.until.value];
    const chosen = field("mode");
    if (chosen.value !== mode) return changeMode(zone, chosen.value, chosen.selectedOptions[0].text, send);
    if (!zone.enabled) return;
    if (until === "good") return keepForGood(zone, band(), send);
    const hold = holdOf(form, zone);
    if (!preset && (!zone.wanted || zone.without_unit)) return;
    if (!preset) return send(zone.name, { action: "set_temperature", ...band(), hold });
    send(field("everywhere").checked ? sharing(preset) : zone.name, { action: "set_preset_mode", preset, hold });
  };
  dialog.showModal();
}

// What the unit is for, from now on; off is also sent to it.
function changeMode(zone, mode, words, send) {
  change(_("{room}: {mode} from now on", { room: title(zone), mode: words }), (document) => {
    const part = partOf(document, zone.name);
    part.automation_enabled = mode !== OFF;
    if (mode !== OFF) part.mode = mode;
  }).then((saved) => saved && send(zone.name, { action: mode === OFF ? "off" : "resume" }));
}

// As the engine does it for a time: where both seasons are kept, each keeps the width of its
// own band, and the setpoint moves with the middle of the band.
function keepForGood(zone, { low, high }, send) {
  const words = _("{room} keeps {band} from now on", { room: title(zone), band: bandWords({ low, high }) });
  change(words, (document) => {
    const part = partOf(document, zone.name);
    const old = (season) => ({ ...document[season], ...part[season] });
    const width = (season) => old(season).max_temp - old(season).min_temp;
    const bands = zone.mode === "auto"
      ? { winter: [low, low + width("winter")], summer: [high - width("summer"), high] }
      : { [zone.mode]: [low, high] };
    for (const [season, band] of Object.entries(bands)) {
      const { min_temp: least, max_temp: most, target_temp: target } = old(season);
      const [min_temp, max_temp] = band.map((each) => Number(each.toFixed(2)));
      if (min_temp === least && max_temp === most) continue;
      part[season] = { ...part[season], min_temp, max_temp };
      // Without the old ones there is nothing that would move.
      const moved = Math.min(fromCelsius(30), Math.max(fromCelsius(16), target + (min_temp + max_temp - least - most) / 2));
      if (Number.isFinite(moved)) part[season].target_temp = moved;
    }
  }).then((saved) => saved && zone.wish && send(zone.name, { action: "resume" }));
}
