// What the engine's words are called on the page.
import { _, dates, language, whole } from "./language.js";

const OUTCOMES = {
  noop: _("Nothing to do"),
  disabled: _("Automation is off"),
  already_off: _("Off already"),
  turned_off_outside_window: _("Turned off, schedule over"),
  outside_window: _("Outside the schedule"),
  missing_meter: _("No reading"),
  invalid_temperature: _("Thermometer makes no sense"),
  invalid_profile: _("Temperatures are not set"),
  invalid_thresholds: _("Temperatures contradict each other"),
  invalid_mode: _("Mode is not set"),
  invalid_settings: _("Settings cannot be used"),
  cooldown: _("Waits for the compressor"),
  winter_on: _("Heating turned on"),
  winter_off: _("Heating turned off"),
  summer_on: _("Cooling turned on"),
  summer_off: _("Cooling turned off"),
  off_repeat_pending: _("Off is sent again soon"),
  no_action: _("Left as it is"),
  fan_neutral_zone: _("Fan only"),
  device_on: _("Turned on"),
  device_off: _("Turned off"),
  api_error: _("The cloud did not take it"),
};

const ACTIONS = {
  winter: _("Heating"),
  summer: _("Cooling"),
  fan: _("Fan"),
  off: _("Off"),
  dry: _("Drying"),
  humidify: _("Humidifying"),
  purify: _("Cleaning the air"),
  ventilate: _("Ventilating"),
  shade: _("Shading"),
  on: _("On"),
  quick_off: _("Off"),
};
// In what colour it is told that a unit works; of the others none is meant.
const KINDS = { winter: "heating", summer: "cooling" };

const ROOMS = {
  kept: _("The room is kept, but look at it"),
  recovering: _("On its way back into its band"),
  not_kept: _("The room is not kept"),
  blind: _("Nothing is known of the room"),
  paused: _("Paused"),
  off: _("Left alone"),
  unknown: _("Unknown whether the room is kept"),
};

const STATUSES = {
  decided: _("decided"),
  blocked: _("blocked"),
  sent: _("sent"),
  accepted: _("accepted"),
  confirmed: _("confirmed"),
  failed: _("failed"),
};

const LEVELS = {
  saving: _("saving"),
  critical: _("critical"),
  exhausted: _("exhausted"),
};

export const roomWord = (status) => ROOMS[status] ?? plain(status);
export const outcome = (word) => OUTCOMES[word] ?? plain(word ?? _("nothing yet"));
export const action = (word) => ACTIONS[word] ?? plain(word ?? "");
export const statusWord = (status) => STATUSES[status] ?? plain(status);
export const levelWord = (level) => LEVELS[level] ?? plain(level);
// A room's name as its settings have it.
export const titleOf = (name) => (name === "default" ? _("Home") : plain(name));
// What presets are usually called; all others are called as a person named them.
const PRESETS = { away: _("Away"), eco: _("Eco"), sleep: _("Sleep") };
export const presetWord = (name) => PRESETS[name] ?? plain(name);
export const plain = (word) => {
  const text = String(word).replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
};
// To make one is dear, and a page of many rooms writes thousands of numbers and times.
const plainNumber = new Intl.NumberFormat(language);
const oneDigit = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const clocks = new Map();

const percents = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 });
export const percent = (value) => percents.format(value / 100);
export const number = (value, digits = 1) => plainNumber.format(Number(value.toFixed(digits)));
export const degrees = (value) => (value == null ? "–" : oneDigit.format(value));

export function state(zone) {
  if (zone.power === "on") {
    const does = zone.action ?? zone.season;
    return [ACTIONS[does] ?? _("On"), KINDS[does] ?? "fan"];
  }
  if (zone.power === "off") return [ACTIONS.off, "off"];
  return [_("Unknown"), "unknown"];
}

export function clock(instant, timeZone, options = {}) {
  const shape = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone, ...options };
  const key = JSON.stringify(shape);
  if (!clocks.has(key)) clocks.set(key, new Intl.DateTimeFormat(dates, shape));
  return clocks.get(key).format(new Date(instant));
}

// The room of what may be a further unit of it: there its settings are.
export const roomOf = (zone) => zone.lead ?? zone.name;

// Until when, which may be farther off than the names of the days reach; "9999-" is for ever.
export const untilWords = (instant, timeZone) => (instant.startsWith("9999-") ? _("you resume") : dateAndClock(instant, timeZone));

// A time of day of a room's calendar as a field has it, and the instant that it is.
export const fieldOf = (instant, timeZone) => new Date(instant).toLocaleString("sv", { timeZone }).replace(" ", "T").slice(0, 16);
export function instantOf(field, timeZone) {
  const wall = Date.parse(`${field}Z`);
  let at = wall;
  // The second look is for a change of the clocks that lies between.
  for (let look = 0; look < 2; look += 1) at += wall - Date.parse(`${fieldOf(at, timeZone)}Z`);
  return new Date(at).toISOString();
}

export const dayAndClock = (instant, timeZone) => clock(instant, timeZone, { weekday: "short" });

// A hold may last longer than the names of the days reach.
export const dateAndClock = (instant, timeZone) =>
  clock(instant, timeZone, { weekday: "short", day: "numeric", month: "short" });

export function duration(seconds) {
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return _("{minutes} min", { minutes });
  const rest = minutes % 60;
  const hours = Math.floor(minutes / 60);
  return rest ? _("{hours} h {minutes} min", { hours, minutes: rest }) : _("{hours} h", { hours });
}

export function because(reasons) {
  return whole(reasons.map((each) => each.text).filter(Boolean).join(_("; ")));
}
