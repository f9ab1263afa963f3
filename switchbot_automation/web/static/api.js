// Asking this server: every request the page makes goes through here.
import { _, language } from "./language.js";
import { told, wished } from "./unit.js";

export const pathOf = (name) => `api/zones/${encodeURIComponent(name)}`;

export async function answered(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { Accept: "application/json", "Accept-Language": language, ...options.headers } });
  if (answer.status === 401) {
    location.assign("login");
    throw new Error(_("Log in again."));
  }
  const body = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(body.text ?? body.message ?? _("The answer was {status}.", { status: answer.status })), { status: answer.status, body });
  // A settings document has a unit of its own.
  return { body: path.startsWith("api/zones") ? told(body) : body, etag: answer.headers.get("ETag") };
}

export const ask = async (path, options) => (await answered(path, options)).body;

export const sending = (method, body, headers = {}) => ({
  method,
  headers: { "Content-Type": "application/json", ...headers },
  body: JSON.stringify(wished(body)),
});
