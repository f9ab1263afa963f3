// Asking this server: every request the page makes goes through here.
export const pathOf = (name) => `api/zones/${encodeURIComponent(name)}`;

export async function answered(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { Accept: "application/json", ...options.headers } });
  if (answer.status === 401) {
    location.assign("login");
    throw new Error("Log in again.");
  }
  const body = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(body.message ?? `The answer was ${answer.status}.`), { status: answer.status, body });
  return { body, etag: answer.headers.get("ETag") };
}

export const ask = async (path, options) => (await answered(path, options)).body;

export const sending = (method, body, headers = {}) => ({
  method,
  headers: { "Content-Type": "application/json", ...headers },
  body: JSON.stringify(body),
});
