// Changing the settings: what would come of it is shown first, and one press undoes it.
import { answered, ask, sending } from "./api.js";
import { _, language } from "./language.js";
import { partOf, say } from "./said.js";
import { number, titleOf } from "./words.js";

const get = (id) => document.getElementById(id);
const YES_OR_NO = "true or false";
const yesOrNo = (value) => (value ? _("yes") : _("no"));
const isSwitch = (spec) => spec.type === YES_OR_NO;
// With spaces, so that a line can end between two parts.
const inJson = (value) => (value === undefined || value === null ? _("not set") : JSON.stringify(value, null, 1).replaceAll(/\n */g, " "));
const shown = (value) => (typeof value === "boolean" ? yesOrNo(value) : inJson(value));

// What is reviewed; an answer about one that was left says nothing of the next.
let reviewed = null;
// Of another revision than the one that was read, or with a secret that is another by now.
const isConflict = (error) => error.status === 412 || error.status === 409;

// Let `edit` change a copy of the document, or give another; resolve to whether it was saved.
// It is told again of a document that somebody else changed meanwhile. What `edit` calls
// its second argument with is said beside what changes.
export async function change(title, edit) {
  const review = get("review");
  const mine = (reviewed = {});
  const left = new Promise((resolve) => (review.onclose = () => resolve(false)));
  get("review-title").textContent = title;
  get("review-note").textContent = "";
  review.showModal();
  const saved = look(title, edit, mine, "").then(() => mine.saved);
  const done = await Promise.race([saved, left]);
  if (reviewed === mine) reviewed = null;
  review.onclose = null;
  if (review.open) review.close();
  return done;
}

// Read the document, show what changes, and save it once that is wanted. Ends once it is saved.
async function look(title, edit, mine, note) {
  get("review-changes").replaceChildren();
  tell(mine, _("Trying it on what was recorded…"));
  get("review-save").disabled = true;
  const notes = [note];
  let read;
  let after;
  try {
    read = await answered("api/settings");
    const copy = structuredClone(read.body);
    after = edit(copy, (text) => notes.push(text)) ?? copy;
  } catch (error) {
    // Trying again is what the button is for then.
    return again(mine, error.message, () => look(title, edit, mine, note));
  }
  if (reviewed !== mine) return undefined;
  get("review-note").textContent = notes.filter(Boolean).join(" ");
  tryOut(after, mine);
  return wanted(mine, async () => {
    try {
      await save(title, read.body, after, read.etag);
      mine.saved = true;
      return undefined;
    } catch (error) {
      if (isConflict(error)) return look(title, edit, mine, _("Somebody else changed the settings meanwhile. This is what your change does now."));
      return again(mine, error.message, () => look(title, edit, mine, note));
    }
  });
}

// Resolve once the button was pressed and what comes of that has ended.
const wanted = (mine, then) =>
  new Promise((resolve) => {
    get("review-save").onclick = () => {
      if (reviewed !== mine) return;
      get("review-save").disabled = true;
      resolve(then());
    };
  });

function again(mine, text, then) {
  tell(mine, text);
  if (reviewed === mine) get("review-save").disabled = false;
  return wanted(mine, then);
}

const tell = (mine, text) => {
  if (reviewed === mine) get("review-told").textContent = text;
};

// Put a document in place of the one of `etag`; one press puts that one back.
export async function save(title, before, after, etag) {
  const saved = await answered("api/settings", sending("PUT", after, { "If-Match": etag }));
  const told = () => dispatchEvent(new Event("settings-saved"));
  told();
  say(_("{change}: saved.", { change: title }), async () => {
    try {
      await answered("api/settings", sending("PUT", before, { "If-Match": saved.etag }));
    } catch (error) {
      throw isConflict(error) ? new Error(_("Somebody else changed the settings meanwhile; nothing was undone.")) : error;
    }
    say(_("The settings are as they were."));
    told();
  });
}

const BUSY = 429;
const AGAIN_MILLISECONDS = 2000;
const MOST_TRIES = 15;

// Another person's change may just be tried out; each has its turn.
async function triedOut(document_, mine) {
  for (let left = MOST_TRIES; ; left -= 1) {
    try {
      return await ask("api/settings?dry_run=true", sending("PUT", document_));
    } catch (error) {
      if (error.status !== BUSY || !left || reviewed !== mine) throw error;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MILLISECONDS));
    }
  }
}

async function tryOut(document_, mine) {
  try {
    const told = await triedOut(document_, mine);
    if (reviewed !== mine) return;
    const rows = told.changes.map(({ path, before, after }) => {
      const row = document.createElement("tr");
      const head = Object.assign(document.createElement("th"), { scope: "row", textContent: path });
      row.append(head, ...[before, after].map((value) => Object.assign(document.createElement("td"), { textContent: shown(value) })));
      return row;
    });
    get("review-changes").replaceChildren(...rows);
    tell(mine, rows.length ? [told.text, summaryWords(told)].filter(Boolean).join(" ") : _("Nothing would change."));
    get("review-save").disabled = !rows.length;
    get("review-save").focus();
  } catch (error) {
    tell(mine, error.status === 422 ? _("That cannot be: {why}.", { why: error.message }) : error.message);
    // What could not be tried out now may still be saved: the server checks it then as well.
    if (reviewed === mine && error.status !== 422) get("review-save").disabled = false;
  }
}

function summaryWords({ summary, no_summary: why }) {
  if (!summary) return why ? _("What it would have meant cannot be told: {why}.", { why }) : "";
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
  const figures = parts.join(_("; "));
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
    get("settings-title").textContent = zone === "default" ? _("Settings") : _("Settings, {room}", { room: titleOf(zone) });
    const part = { ...document_, ...partOf(document_, zone) };
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
const MOST_LINES = 20;

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

// What stands between `these` is written as it is.
const withCode = (text) => text.split("`").map((part, index) => (index % 2 ? Object.assign(document.createElement("code"), { textContent: part }) : part));
const valueOf = (part, name) => name.split(".").reduce((value, key) => value?.[key], part);
// What lies in a list or below a name of one's own is changed as a whole, with what holds it.
const isWithin = (spec) => /[[{*]/.test(spec.name);
const isWhole = (spec) => /^(object|list of (objects|rules)$)/.test(spec.type);

function entry(spec, part, zone) {
  const item = document.createElement("li");
  const name = Object.assign(document.createElement("strong"), { textContent: spec.name });
  const meaning = document.createElement("p");
  meaning.append(...withCode(spec.meaning));
  const set = isWithin(spec) ? undefined : valueOf(part, spec.name);
  const bounds = [[isSwitch(spec) ? _("yes or no") : spec.type_text, spec.unit_text].filter(Boolean).join(", "), spec.range_text && `(${spec.range_text})`].filter(Boolean).join(" ");
  const facts = Object.assign(document.createElement("p"), {
    className: "facts-of-setting",
    textContent: set === undefined || isWhole(spec)
      ? _("{bounds}; default: {value}", { bounds, value: shown(spec.default) })
      : _("{bounds}; default: {value}; here: {here}", { bounds, value: shown(spec.default), here: shown(set) }),
  });
  item.append(name, meaning, facts);
  if (!isWithin(spec)) item.append(editor(spec, set, zone));
  return item;
}

function editor(spec, set, zone) {
  const form = Object.assign(document.createElement("form"), { className: "setting" });
  const options = isSwitch(spec) ? [true, false] : spec.choices;
  const value = set ?? spec.default;
  let input;
  if (options.length) {
    input = document.createElement("select");
    input.append(...options.map((each) => new Option(isSwitch(spec) ? yesOrNo(each) : each, each)));
    input.value = String(value);
  } else if (isWhole(spec)) {
    input = Object.assign(document.createElement("textarea"), { spellcheck: false, value: value == null ? "" : JSON.stringify(value, null, 2) });
    input.rows = Math.min(MOST_LINES, input.value.split("\n").length);
    input.oninput = () => input.setCustomValidity("");
  } else {
    input = document.createElement("input");
    input.value = value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  }
  input.setAttribute("aria-label", spec.name);
  const button = Object.assign(document.createElement("button"), { type: "submit", textContent: _("Change") });
  button.setAttribute("aria-label", _("Change {name}", { name: spec.name }));
  form.append(input, button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isWhole(spec) && !isJson(input)) return;
    // The list stays behind what is looked at: whoever does not save it goes on there.
    const saved = await change(_("{setting} of {room}", { setting: spec.name, room: titleOf(zone) }), (document_) => {
      const whole = spec.per_zone ? partOf(document_, zone) : document_;
      const keys = spec.name.split(".");
      const last = keys.pop();
      const holder = keys.reduce((at, key) => (at[key] ??= {}), whole);
      if (input.value.trim() === "") delete holder[last];
      else holder[last] = read(input.value, spec);
    });
    if (saved) get("settings").close();
    else button.focus();
  });
  return form;
}

// Whether there is JSON, or nothing; else it is said at the field where it ends to be some.
function isJson(input) {
  try {
    if (input.value.trim()) JSON.parse(input.value);
    return true;
  } catch (error) {
    input.setCustomValidity(_("That is not JSON: {why}.", { why: error.message }));
    input.reportValidity();
    return false;
  }
}

function read(text, spec) {
  if (/number|list|object|true or false|auto/.test(spec.type)) {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
  return text;
}
