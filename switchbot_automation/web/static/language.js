// The language of this page, and what its scripts say in it.
import { SYMBOL } from "./unit.js";

export const language = document.documentElement.lang;
// With hours from 0 to 23, and the day before the month.
export const dates = language === "en" ? "en-GB" : language;
const catalogue = JSON.parse(document.getElementById("catalogue").textContent);

// A number and its unit stay on one line.
export const whole = (text) => text.replaceAll(/(\d) (?=(?:°[CF]|%|k?Wh?|h|min)(?!\p{L})|時間|分)/gu, "$1\u00a0");

// A message in that language, its {names} filled in. The English one is its name.
export const _ = (message, values = {}) =>
  whole((catalogue[message] ?? message).replaceAll("°C", SYMBOL).replace(/\{(\w+)\}/g, (same, name) => values[name] ?? same));

// The name of a day of the week, Monday being 0.
export const dayName = (day, width) =>
  new Intl.DateTimeFormat(language, { weekday: width, timeZone: "UTC" }).format(Date.UTC(2024, 0, 1 + day));
