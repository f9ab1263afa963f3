// The language of this page, and what its scripts say in it.
import { SYMBOL } from "./unit.js";

export const language = document.documentElement.lang;
// With hours from 0 to 23, and the day before the month.
export const dates = language === "en" ? "en-GB" : language;
const catalogue = JSON.parse(document.getElementById("catalogue").textContent);

// A message in that language, its {names} filled in. The English one is its name.
export const _ = (message, values = {}) =>
  (catalogue[message] ?? message).replaceAll("°C", SYMBOL).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

// The name of a day of the week, Monday being 0.
export const dayName = (day, width) =>
  new Intl.DateTimeFormat(language, { weekday: width, timeZone: "UTC" }).format(Date.UTC(2024, 0, 1 + day));
