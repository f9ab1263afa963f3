// Asking this server: every request the page makes goes through here.
import { _, language } from "./language.js";
import { told, wished } from "./unit.js";

export const pathOf = (name) => `api/zones/${encodeURIComponent(name)}`;

// What was only asked can be asked again, and so can settings, which name the ones they follow. Of
// a wish that was sent nobody knows how far it came.
function unanswered(method) {
  if (method !== "POST") return new Error(_("The server does not answer; look again in a moment."));
  return Object.assign(new Error(_("No answer came: it may have been done or not. Look once the page is live again.")), { lost: true });
}

let leaving = false;
// A page that comes back as it was left is not on its way any more.
addEventListener("pageshow", () => (leaving = false));

export async function answered(path, options = {}) {
  let answer;
  let body;
  try {
    answer = await fetch(path, { ...options, headers: { Accept: "application/json", "Accept-Language": language, ...options.headers } });
    body = await answer.json();
  } catch {
    // No answer, or the page of a proxy in its place: what a browser says of that is for programmers.
    if (!answer || answer.ok) throw unanswered(options.method);
    body = {};
  }
  if (answer.status === 401) {
    // Whoever is at a change keeps it, and logs in beside it.
    const changing = document.querySelector("dialog[open]");
    if (!changing) {
      // Whoever wished for something must not take it for done once they are back.
      if (options.method) sessionStorage.setItem("undone", options.method);
      // Several answers say it at once; a second time would break the first one off.
      if (!leaving) location.assign("login");
      leaving = true;
    }
    throw Object.assign(new Error(changing ? _("You are logged out. Log in in another tab, then go on here.") : _("Log in again.")), { status: 401 });
  }
  if (!answer.ok) throw Object.assign(new Error(body.text ?? body.message ?? _("The answer was {status}.", { status: answer.status })), { status: answer.status, body });
  // A settings document has a unit of its own.
  return { body: path.startsWith("api/zones") ? told(body) : body, etag: answer.headers.get("ETag") };
}

// What settings are changed by; few visits do, so nobody waits for it. A browser may keep that a
// module could not be had, which is therefore asked for by another name then.
let settings = null;
let misses = 0;

export async function settingsPart() {
  try {
    settings ??= await import(misses ? `./settings.js?${misses}` : "./settings.js");
  } catch {
    misses += 1;
    throw new Error(_("The server does not answer; look again in a moment."));
  }
  return settings;
}

export const ask = async (path, options) => (await answered(path, options)).body;

export const sending = (method, body, headers = {}) => ({
  method,
  headers: { "Content-Type": "application/json", ...headers },
  body: JSON.stringify(wished(body)),
});
