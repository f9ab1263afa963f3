// What the engine's words are called on the page.
const OUTCOMES = {
  noop: "Nothing to do",
  disabled: "Automation is off",
  already_off: "Off already",
  turned_off_outside_window: "Turned off, schedule over",
  outside_window: "Outside the schedule",
  missing_meter: "No reading",
  invalid_temperature: "Thermometer makes no sense",
  invalid_profile: "Temperatures are not set",
  invalid_thresholds: "Temperatures contradict each other",
  invalid_mode: "Mode is not set",
  invalid_settings: "Settings cannot be used",
  cooldown: "Waits for the compressor",
  winter_on: "Heating turned on",
  winter_off: "Heating turned off",
  summer_on: "Cooling turned on",
  summer_off: "Cooling turned off",
  off_repeat_pending: "Off is sent again soon",
  no_action: "Left as it is",
  fan_neutral_zone: "Fan only",
  api_error: "The cloud did not take it",
};

const ACTIONS = { winter: "Heating", summer: "Cooling", fan: "Fan", off: "Off" };

const ROOMS = {
  kept: "The room is kept, but look at it",
  recovering: "On its way back into its band",
  not_kept: "The room is not kept",
  blind: "Nothing is known of the room",
  paused: "Paused",
  off: "Left alone",
  unknown: "Unknown whether the room is kept",
};

export const roomWord = (status) => ROOMS[status] ?? plain(status);
export const outcome = (word) => OUTCOMES[word] ?? plain(word ?? "nothing yet");
export const action = (word) => ACTIONS[word] ?? plain(word ?? "");
export const plain = (word) => {
  const text = String(word).replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
};
export const number = (value, digits = 1) => Number(value.toFixed(digits)).toLocaleString("en");
export const degrees = (value) => (value == null ? "–" : value.toFixed(1));

export function state(zone) {
  if (zone.power === "on") {
    const mode = ACTIONS[zone.action] ?? (zone.season === "summer" ? "Cooling" : "Heating");
    return [mode, mode.toLowerCase()];
  }
  if (zone.power === "off") return ["Off", "off"];
  return ["Unknown", "unknown"];
}

export function clock(instant, timeZone, options = {}) {
  const shape = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone, ...options };
  return new Intl.DateTimeFormat("en-GB", shape).format(new Date(instant));
}

export const dayAndClock = (instant, timeZone) => clock(instant, timeZone, { weekday: "short" });

// A hold may last longer than the names of the days reach.
export const dateAndClock = (instant, timeZone) =>
  clock(instant, timeZone, { weekday: "short", day: "numeric", month: "short" });

export function duration(seconds) {
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const rest = minutes % 60;
  return `${Math.floor(minutes / 60)} h${rest ? ` ${rest} min` : ""}`;
}

export function because(reasons) {
  // A number and its unit stay on one line.
  return reasons.map((each) => each.text).filter(Boolean).join("; ").replaceAll(" °C", "\u00a0°C");
}
