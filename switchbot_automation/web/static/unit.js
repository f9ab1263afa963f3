// The degrees that this page speaks. The server's JSON is in degrees Celsius: what comes in
// is put into the page's unit here, and what goes out back, so that nobody else has to care.
const fahrenheit = document.documentElement.dataset.unit === "fahrenheit";
export const SYMBOL = fahrenheit ? "°F" : "°C";
const DEGREES = new Set(["temperature", "min_temperature", "max_temperature", "low", "high", "target", "outdoor"]);
const KELVIN = new Set(["hysteresis", "least_width"]);
const hundredths = (value) => Math.round(value * 100) / 100;

export const fromCelsius = (value) => (fahrenheit ? hundredths(value * 1.8 + 32) : value);
export const toCelsius = (value) => (fahrenheit ? Math.round(((value - 32) / 1.8) * 1e6) / 1e6 : value);

const each = (value, convert) => (Array.isArray(value) ? value.map((one) => each(one, convert)) : typeof value === "number" ? convert(value) : value);

// What the server told of rooms, in the page's unit.
export function told(node) {
  if (!fahrenheit || node === null || typeof node !== "object") return node;
  if (Array.isArray(node)) return node.map(told);
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => {
      if (DEGREES.has(key) && (typeof value === "number" || Array.isArray(value))) return [key, each(value, fromCelsius)];
      if (KELVIN.has(key) && typeof value === "number") return [key, hundredths(value * 1.8)];
      return [key, told(value)];
    }),
  );
}

// A wish for temperatures, in degrees Celsius.
export const wished = (body) =>
  fahrenheit && typeof body?.low === "number" ? { ...body, low: toCelsius(body.low), high: toCelsius(body.high) } : body;
