// Changing the settings: what would come of it is shown first, and one press undoes it.
import { answered, ask, sending } from "./api.js";
import { _, language } from "./language.js";
import { say } from "./said.js";
import { number, titleOf } from "./words.js";

const get = (id) => document.getElementById(id);
const shown = (value) => (value === undefined || value === null ? _("not set") : JSON.stringify(value));

// Let `edit` change a copy of the document, or give another; resolve to whether it was saved.
export async function change(title, edit) {
  try {
    const { body: before, etag } = await answered("api/settings");
    const copy = structuredClone(before);
    const after = edit(copy) ?? copy;
    const review = get("review");
    get("review-title").textContent = title;
    get("review-changes").replaceChildren();
    get("review-told").textContent = _("Trying it on what was recorded…");
    get("review-save").disabled = true;
    const decided = new Promise((resolve) => (review.onclose = () => resolve(review.returnValue === "ok")));
    review.returnValue = "";
    review.showModal();
    tryOut(after, review);
    if (!(await decided)) return false;
    await save(title, before, after, etag);
    return true;
  } catch (error) {
    if (get("review").open) get("review").close("");
    say(error.status === 412 || error.status === 409 ? _("Somebody else changed the settings meanwhile; look again.") : error.message);
    return false;
  }
}

// Put a document in place of the one of `etag`; one press puts that one back.
export async function save(title, before, after, etag) {
  const saved = await answered("api/settings", sending("PUT", after, { "If-Match": etag }));
  const told = () => dispatchEvent(new Event("settings-saved"));
  told();
  say(_("{change}: saved.", { change: title }), async () => {
    await answered("api/settings", sending("PUT", before, { "If-Match": saved.etag }));
    say(_("The settings are as they were."));
    told();
  });
}

async function tryOut(document_, review) {
  try {
    const told = await ask("api/settings?dry_run=true", sending("PUT", document_));
    const rows = told.changes.map(({ path, before, after }) => {
      const row = document.createElement("tr");
      const head = Object.assign(document.createElement("th"), { scope: "row", textContent: path });
      row.append(head, ...[before, after].map((value) => Object.assign(document.createElement("td"), { textContent: shown(value) })));
      return row;
    });
    get("review-changes").replaceChildren(...rows);
    get("review-told").textContent = rows.length ? [told.text, summaryWords(told)].filter(Boolean).join(" ") : _("Nothing would change.");
    get("review-save").disabled = !rows.length;
    if (review.open) get("review-save").focus();
  } catch (error) {
    get("review-told").textContent = _("That cannot be: {why}", { why: error.message });
  }
}

function summaryWords({ summary, no_summary: why }) {
  if (!summary) return why ? _("What it would have meant cannot be told: {why}", { why }) : "";
  const { current, candidate, observed_days: days } = summary;
  const parts = [];
  const compared = (key, told, digits = 0) => {
    const [now, then] = [current[key], candidate[key]];
    if (now == null || then == null) return;
    parts.push(told({ then: number(then, digits), now: number(now, digits) }));
  };
  compared("percent_in_band", (values) => _("% in the band: {then} (now {now})", values), 1);
  compared("starts", (values) => _("starts: {then} (now {now})", values));
  compared("energy_kwh", (values) => _("kWh, estimated: {then} (now {now})", values), 1);
  compared("api_calls", (values) => _("calls: {then} (now {now})", values));
  const figures = parts.join("; ");
  if (!figures) return "";
  return days ? _("In the last {days} recorded days: {figures}.", { days: number(days, 0), figures }) : `${figures}.`;
}

// --- every setting, behind a search box ------------------------------------------------

let table = null;

export async function openSettings(zone) {
  const dialog = get("settings");
  try {
    const [document_, listed] = await Promise.all([ask("api/settings"), table ?? ask("api/settings/table")]);
    table = listed;
    const part = { ...document_, ...document_.zones?.[zone] };
    const search = get("settings-search");
    search.value = "";
    const list = () => show(found(search.value), part, zone);
    search.oninput = list;
    list();
    dialog.showModal();
    search.focus();
  } catch (error) {
    say(error.message);
  }
}

const MOST = 30;

function found(text) {
  const words = text.toLocaleLowerCase(language).split(/\s+/).filter(Boolean);
  const toldOf = (spec) => [spec.name, spec.meaning, ...spec.aliases, spec.unit === "°C" ? _("temperature") : ""].join(" ").toLocaleLowerCase(language);
  return table.settings.filter((each) => words.every((word) => toldOf(each).includes(word)));
}

function show(specs, part, zone) {
  get("settings-count").textContent = specs.length > MOST
    ? _("{found} of {all} settings, the first {most} shown", { found: specs.length, all: table.settings.length, most: MOST })
    : _("{found} of {all} settings", { found: specs.length, all: table.settings.length });
  get("settings-list").replaceChildren(...specs.slice(0, MOST).map((spec) => entry(spec, part, zone)));
}

const valueOf = (part, name) => name.split(".").reduce((value, key) => value?.[key], part);
// What lies in a list or below a name of one's own is changed as a whole.
const isPlain = (spec) => !/[[{*]/.test(spec.name) && !/^(object|list of objects)$/.test(spec.type);

function entry(spec, part, zone) {
  const item = document.createElement("li");
  const name = Object.assign(document.createElement("strong"), { textContent: spec.name });
  const meaning = Object.assign(document.createElement("p"), { textContent: spec.meaning });
  const set = isPlain(spec) ? valueOf(part, spec.name) : undefined;
  const bounds = [[spec.type_text, spec.unit_text].filter(Boolean).join(", "), spec.range && `(${spec.range})`].filter(Boolean).join(" ");
  const facts = Object.assign(document.createElement("p"), {
    className: "facts-of-setting",
    textContent: set === undefined
      ? _("{bounds}; default: {value}", { bounds, value: shown(spec.default) })
      : _("{bounds}; default: {value}; here: {here}", { bounds, value: shown(spec.default), here: shown(set) }),
  });
  item.append(name, meaning, facts);
  if (isPlain(spec)) item.append(editor(spec, set, zone));
  return item;
}

function editor(spec, set, zone) {
  const form = Object.assign(document.createElement("form"), { className: "setting" });
  const options = spec.type === "true or false" ? ["true", "false"] : spec.choices;
  const value = set ?? spec.default;
  let input;
  if (options.length) {
    input = document.createElement("select");
    input.append(...options.map((each) => new Option(each, each)));
    input.value = String(value);
  } else {
    input = document.createElement("input");
    input.value = value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  }
  input.setAttribute("aria-label", spec.name);
  const button = Object.assign(document.createElement("button"), { type: "submit", textContent: _("Change") });
  button.setAttribute("aria-label", _("Change {name}", { name: spec.name }));
  form.append(input, button);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    get("settings").close();
    change(_("{setting} of {room}", { setting: spec.name, room: titleOf(zone) }), (document_) => {
      const whole = (spec.per_zone && document_.zones?.[zone]) || document_;
      const keys = spec.name.split(".");
      const last = keys.pop();
      const holder = keys.reduce((at, key) => (at[key] ??= {}), whole);
      if (input.value === "") delete holder[last];
      else holder[last] = read(input.value, spec);
    });
  });
  return form;
}

function read(text, spec) {
  if (/number|list|true or false|auto/.test(spec.type)) {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
  return text;
}
