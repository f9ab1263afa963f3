// The page: rooms as the engine tells of them, and what a person wants of them.
import { ask, pathOf, sending, settingsPart } from "./api.js";
import { gauge } from "./chart.js";
import { _, language } from "./language.js";
import { showOffer } from "./offer.js";
import { showPast } from "./past.js";
import { say } from "./said.js";
import { told } from "./unit.js";
import { choiceOfEnds, holdOf, isPart, openChange, quietWords, showDial, skippedWords, wayBack, wishWords } from "./wants.js";
import { showWeek } from "./week.js";
import { action, because, clock, dateAndClock, dayAndClock, degrees, levelWord, number, outcome, roomOf, roomWord, state, statusWord, titleOf, untilWords } from "./words.js";

const get = (id) => document.getElementById(id);
const FOR_EVER = "9999-";
const LATEST_ANSWER_MILLISECONDS = 60000;
// So many rooms are drawn before anything is on the screen, and so long at a time afterwards.
const FIRST_CARDS = 24;
const SLICE_MILLISECONDS = 12;
const MOST_LOST = 8;
const AGAIN_MILLISECONDS = 5000;

let home = null;
let selected = null;
let holding = null;

let byName = new Map();
const zoneOf = (name) => byName.get(name);

function problem(text) {
  // What is said again and again is not said anew to who listens.
  if (get("problem").textContent === text) return;
  get("problem").hidden = !text;
  get("problem").textContent = text;
}

// Rooms that are not kept, or of which nothing is known: they come first.
const LOST = new Set(["not_kept", "blind"]);
const isLost = (zone) => LOST.has(zone.room?.status);

function lostWords(zone) {
  const { status, since } = zone.room;
  const values = { room: titleOf(zone.name), status: roomWord(status), since: since && dayAndClock(since, zone.timezone) };
  return since ? _("{room}: {status} since {since}.", values) : _("{room}: {status}.", values);
}

function problemsOf(home) {
  const found = (home.document_problems ?? []).map((each) => _("A file cannot be read: {file}. What was last good is used.", { file: each }));
  found.push(...(home.store_problems ?? []));
  if (home.watches) found.push(_("Another process looks after this home; this one only watches, and takes over when that one ends."));
  if (!home.settings_error) return found;
  const why = home.settings_error;
  if (!home.zones.length) return [_("The settings cannot be used: {why}.", { why }), ...found];
  return [_("The settings cannot be used: {why}. The last good ones stay in force.", { why }), ...found];
}

// --- rooms ---------------------------------------------------------------------------

// How a room was told, as text: what did not change is neither kept anew nor drawn anew.
const texts = new WeakMap();

function textOf(zone) {
  if (!texts.has(zone)) texts.set(zone, JSON.stringify(zone));
  return texts.get(zone);
}

function withKnown(zones) {
  return zones.map((zone) => {
    const before = zoneOf(zone.name);
    return before && (before === zone || textOf(before) === textOf(zone)) ? before : zone;
  });
}

function showHome(given) {
  // An answer that was made before what is shown, and came after it, is old news. One much
  // older is from a clock that was set back.
  const late = given.at && home?.at ? Date.parse(home.at) - Date.parse(given.at) : 0;
  if (late > 0 && late < LATEST_ANSWER_MILLISECONDS) return;
  home = { ...home, ...given, zones: withKnown(given.zones ?? home.zones) };
  byName = new Map(home.zones.map((zone) => [zone.name, zone]));
  const lost = home.zones.filter(isLost);
  const zones = [...lost, ...home.zones.filter((zone) => !isLost(zone))];
  problem([...problemsOf(home), ...lostOnes(lost)].join(" "));
  if (!zoneOf(selected)) selected = zones[0]?.name ?? null;
  const focused = document.activeElement;
  const rooms = get("rooms");
  rooms.classList.toggle("one", home.zones.length === 1);
  let place = rooms.firstElementChild;
  for (const { name } of zones) {
    if (!cards.has(name)) cards.set(name, newCard(name));
    const card = cards.get(name);
    if (card === place) place = place.nextElementSibling;
    else rooms.insertBefore(card, place);
  }
  while (place) {
    const gone = place;
    place = place.nextElementSibling;
    cards.delete(gone.dataset.zone);
    seen.unobserve(gone);
    gone.remove();
  }
  showRooms(zones);
  showFound();
  // What is moved loses the keyboard.
  if (focused !== document.activeElement && focused?.isConnected) focused.focus();
  showFacts();
  showDetail();
}

// A long list of rooms says no more than its beginning and how many there are.
function lostOnes(lost) {
  // One more is told as well as counted.
  const most = lost.length === MOST_LOST + 1 ? lost.length : MOST_LOST;
  const told = lost.slice(0, most).map(lostWords);
  if (lost.length > most) told.push(_("{count} more rooms are not kept.", { count: number(lost.length - MOST_LOST, 0) }));
  return told;
}

// Cards that are on the screen, or nearly, are drawn at once; all others soon after, a few at
// a time, so that hundreds of rooms hold up neither a hand nor what is looked at.
const cards = new Map();
const near = new Set();
const drawn = new WeakMap();
let others = null;

const seen = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      near[isIntersecting ? "add" : "delete"](target);
      if (isIntersecting && zoneOf(target.dataset.zone)) showRoom(target, zoneOf(target.dataset.zone));
    }
  },
  { rootMargin: "50%" },
);

function showRooms(zones) {
  const waiting = [];
  zones.forEach((zone, index) => {
    const card = cards.get(zone.name);
    if (near.has(card) || (index < FIRST_CARDS && !drawn.has(card)) || zones.length <= FIRST_CARDS) showRoom(card, zone);
    else waiting.push(card);
  });
  clearTimeout(others);
  const some = () => {
    const until = performance.now() + SLICE_MILLISECONDS;
    while (waiting.length && performance.now() < until) {
      const card = waiting.shift();
      showRoom(card, zoneOf(card.dataset.zone));
    }
    if (waiting.length) others = setTimeout(some);
  };
  if (waiting.length) others = setTimeout(some);
}

function newCard(name) {
  const card = document.createElement("article");
  card.classList.add("card", "room");
  card.dataset.zone = name;
  seen.observe(card);
  return card;
}

function showRoom(card, zone) {
  const skips = zone.skipped_windows.some((each) => Date.parse(each.begins) > Date.parse(home.at));
  const as = [zone, zone.name === selected, home.zones.length > 1, home.read_only, card.classList.contains("busy"), skips];
  if (drawn.get(card)?.every((each, index) => each === as[index])) return;
  if (!drawn.has(card)) fill(card, zone.name);
  drawn.set(card, as);
  draw(card, zone, skips);
}

function fill(card, name) {
  card.append(get("room").content.cloneNode(true));
  card.querySelector(".name").addEventListener("click", (event) => select(name, event.detail > 0));
  card.querySelector(".do-change").addEventListener("click", () => openChange(zoneOf(name), home.zones, act));
  card.querySelector(".do-hold").addEventListener("click", () => openHold(name));
  card.querySelector(".do-skip").addEventListener("click", () => act(name, { action: "skip_next_window" }));
  card.querySelector(".do-resume").addEventListener("click", () => act(name, zoneOf(name).lead ? { action: "hold", hold: "none" } : { action: "resume" }));
  card.querySelector(".do-off").addEventListener("click", () => act(name, { action: "quick_off" }));
}

function draw(card, zone, skips) {
  const part = (name) => card.querySelector(name);
  const title = titleOf(zone.name);
  part(".name").textContent = title;
  part(".name").setAttribute("aria-pressed", String(zone.name === selected));
  card.classList.toggle("lost", isLost(zone));
  card.classList.toggle("selected", zone.name === selected && home.zones.length > 1);
  const [word, kind] = state(zone);
  part(".state").textContent = zone.uncertain ? `${word}?` : word;
  part(".state").className = `state pill ${kind}`;
  part(".state").hidden = zone.without_unit;
  part(".degrees").textContent = degrees(zone.temperature);
  part(".now").classList.toggle("stale", zone.stale);
  part(".humidity").textContent = zone.humidity == null ? "" : _("{percent} % humidity", { percent: Math.round(zone.humidity) });
  part(".gauge").classList.toggle("idle", !zone.in_window || !zone.enabled);
  if (zone.band && !isPart(zone)) part(".gauge").replaceChildren(gauge(zone));
  else part(".gauge").replaceChildren();
  part(".reason").textContent = zone.outcome
    ? _("{outcome}: {why}.", { outcome: outcome(zone.outcome), why: because(zone.reasons) })
    : _("Not looked at yet.");
  const note = noteOf(zone);
  part(".note").hidden = !note;
  part(".note").textContent = note;
  showDial(card, zone, { readOnly: home.read_only, send: act });
  part(".do-change").hidden = Boolean(zone.lead) || (zone.observe_only && !zone.wanted);
  const asked = zone.wish !== null || zone.quiet_fan_until !== null || zone.skipped_windows.length > 0;
  const held = zone.hold_until !== null || (asked && !zone.lead);
  const off = !zone.enabled && zone.power === "off";
  for (const button of card.querySelectorAll(".buttons button")) {
    button.disabled = home.read_only || card.classList.contains("busy");
    button.setAttribute("aria-label", `${button.textContent.replace("…", "")}, ${title}`);
  }
  part(".buttons").hidden = home.read_only;
  part(".do-hold").hidden = !zone.possible.includes("hold");
  part(".do-skip").hidden = Boolean(zone.lead) || !zone.possible.includes("skip_next_window") || skips;
  part(".do-resume").hidden = !held && (zone.enabled || Boolean(zone.lead));
  part(".do-off").hidden = Boolean(zone.lead) || off;
}

function noteOf(zone) {
  const notes = [];
  if (zone.room?.advice) {
    const { status, since, advice } = zone.room;
    const values = { status: roomWord(status), since: since && dayAndClock(since, zone.timezone), advice };
    notes.push(since ? _("{status} since {since}. {advice}", values) : _("{status}. {advice}", values));
  }
  if (zone.room?.expected_back) notes.push(_("Expected back in its band about {until}.", { until: clock(zone.room.expected_back, zone.timezone) }));
  if (zone.price) notes.push(priceWords(zone));
  if (zone.stale) notes.push(zone.read_at ? _("No reading since {since}.", { since: dayAndClock(zone.read_at, zone.timezone) }) : _("No reading yet."));
  if (!zone.enabled && zone.outcome !== "disabled") notes.push(_("The automation is switched off."));
  if (zone.observe_only) notes.push(_("Only observes; nothing is sent."));
  // What is wanted of a room is told there, and not once more by each of its units.
  if (!zone.lead) {
    if (zone.wish) notes.push(wishWords(zone));
    if (zone.quiet_fan_until) notes.push(quietWords(zone));
    notes.push(...zone.skipped_windows.map(skippedWords));
  }
  if (zone.waiting) notes.push(_("{action} waits until {until}.", { action: action(zone.waiting.action), until: clock(zone.waiting.due_at, zone.timezone) }));
  if (zone.hold_until) {
    const forEver = zone.hold_until.startsWith(FOR_EVER);
    notes.push(forEver ? _("Held until you resume.") : _("Held until {until}.", { until: dateAndClock(zone.hold_until, zone.timezone) }));
  }
  return notes.filter(Boolean).join(" ");
}

function priceWords(zone) {
  const until = zone.price.until && clock(zone.price.until, zone.timezone);
  return {
    stores: _("Stores while energy is cheap, until {until}.", { until }),
    coasts: _("Spares dear energy until {until}.", { until }),
    unknown: _("The price of energy is unknown; kept as without one."),
  }[zone.price.level];
}

function showFacts() {
  const zone = home.zones[0];
  get("next-look").textContent = clock(home.next_wakeup, zone?.timezone, { second: "2-digit" });
  get("logout").hidden = !home.login;
  get("upkeep").hidden = !home.zones.length;
  get("no-rooms").hidden = Boolean(home.zones.length || home.settings_error);
  get("open-settings").hidden = home.read_only || !home.zones.length;
  if (!home.quota) return;
  const { remaining, limit, reserve, level } = home.quota;
  get("quota-left").textContent = quotaWords(remaining, limit, level);
  const meter = get("quota");
  meter.max = limit;
  meter.low = Math.max(reserve ?? 0, limit * 0.1);
  meter.high = limit * 0.3;
  meter.optimum = limit;
  meter.value = remaining;
}

function quotaWords(remaining, limit, level) {
  const values = { left: number(remaining, 0), limit: number(limit, 0), level: levelWord(level) };
  return level === "normal" ? _("{left} of {limit}", values) : _("{left} of {limit} ({level})", values);
}

// --- finding one of many -------------------------------------------------------------

// So many rooms are seen at a look; few homes have more, so nobody else waits for the rest.
const FEW = 8;
let finding = null;

function showFound() {
  get("find").hidden = home.zones.length <= FEW;
  if (finding) finding.showFound(cards, selected);
  else if (!get("find").hidden) import("./find.js").then((part) => (finding = part).showFound(cards, selected), (error) => say(error.message));
}

// --- one room ------------------------------------------------------------------------

function select(name, pointed) {
  selected = name;
  showHome({});
  // On a small screen nobody would see that more of it stands far below.
  if (pointed && get("detail").getBoundingClientRect().top > innerHeight * 0.8) get("detail").scrollIntoView();
}

function showDetail() {
  const zone = zoneOf(selected);
  get("detail").hidden = get("why").hidden = get("week").hidden = !zone;
  if (!zone) return;
  showWeek(zone, home.read_only);
  showPast(zone, home);
}

// --- what a person wants ---------------------------------------------------------------

const WISHES = new Set(["set_temperature", "set_preset_mode", "hold", "quiet_fan", "skip_next_window"]);

// Tell a room, or several the same, what is wished.
const act = (names, wish, sent) => actAll([names].flat().map((name) => [name, wish]), sent);

async function actAll(wishes, sent = () => {}) {
  const rooms = wishes.map(([name]) => name);
  // How the rooms were wished once this was done: what is another by then is somebody else's.
  let made = null;
  const backs = wishes.map(([name, wish]) => [name, wayBack(zoneOf(name), wish.action)]);
  const asking = rooms.map((name) => cards.get(name));
  const focused = document.activeElement;
  asking.forEach((card, index) => {
    card.classList.add("busy");
    showRoom(card, zoneOf(rooms[index]));
  });
  try {
    const told = await Promise.all(wishes.map(async ([name, wish]) => toldOf(await ask(`${pathOf(name)}/actions`, sending("POST", wish)), name)));
    const undone = wishes.every(([, wish]) => WISHES.has(wish.action)) && backs.every(([, back]) => back);
    const skips = wishes.some(([, wish]) => wish.action === "skip_next_window");
    if (skips && !undone) told.push(_("Resume takes it back, with all else that is wished."));
    say(told.join(" "), undone ? () => undo(backs, made) : null);
  } catch (error) {
    // To say the same once more does no harm, but to skip: the hours after those would be next.
    const again = error.lost && wishes.every(([, wish]) => wish.action !== "skip_next_window");
    say(error.message, again ? () => actAll(wishes) : null, { label: _("Try again"), doing: _("Trying again…") });
  } finally {
    sent();
    asking.forEach((card) => card.classList.remove("busy"));
    // Also where the server does not answer: the buttons can be pressed again.
    if (!(await refresh())) rooms.forEach((name) => zoneOf(name) && showRoom(cards.get(name), zoneOf(name)));
    made = rooms.map(wished);
    // A button that went away must not leave the keyboard nowhere.
    if (!focused?.isConnected || focused.hidden || focused.disabled) asking[0].querySelector(".name").focus();
    else focused.focus();
  }
}

const wished = (name) => {
  const { wish, hold_until, enabled, wanted, quiet_fan_until, skipped_windows } = zoneOf(name) ?? {};
  return JSON.stringify([wish, hold_until, enabled, wish && wanted, quiet_fan_until, skipped_windows]);
};

// Put rooms back, but none that somebody else wished otherwise meanwhile.
async function undo(backs, made) {
  await refresh();
  const own = backs.filter(([name], index) => made?.[index] === wished(name));
  const others = backs.filter((each) => !own.includes(each)).map(([name]) => titleOf(name));
  if (own.length) await actAll(own);
  if (others.length) say(_("{rooms}: somebody else changed what is wanted meanwhile; that was left.", { rooms: others.join(", ") }));
}

// Which reasons whoever asked is told beside how far it came.
const TOLD_MORE = new Set(["group_others_wait", "answer_lost"]);

function toldOf(done, name) {
  const zone = zoneOf(name);
  const room = titleOf(name);
  const freed = done.action === "hold" && done.hold_until === null;
  if (done.action === "resume" || freed) return _("{room}: the automation looks after it again.", { room });
  if (done.action === "quiet_fan") return _("{room}: {what}", { room, what: quietWords({ ...zone, ...done }) });
  if (done.action === "skip_next_window") return _("{room}: {what}", { room, what: done.skipped_windows.map(skippedWords).join(" ") });
  if (done.wish) {
    const until = untilWords(done.wish.until, zone?.timezone);
    return _("{room}: kept until {until}.", { room, until });
  }
  if (done.action === "hold") return _("{room}: held.", { room });
  const more = done.reasons?.find((each) => TOLD_MORE.has(each.code));
  const told = more ? ` ${more.text[0].toUpperCase()}${more.text.slice(1)}.` : "";
  if (done.status === "blocked" && done.blocked_until) {
    return _("{room}: waits for the compressor until {until}.", { room, until: clock(done.blocked_until, zone?.timezone) }) + told;
  }
  return _("{room}: {action} {status}.", { room, action: action(done.action), status: statusWord(done.status) }) + told;
}

function openHold(name) {
  holding = name;
  get("hold-title").textContent = _("Hold {room}", { room: titleOf(name) });
  const form = get("hold").querySelector("form");
  // Neither what was chosen for another room counts for this one, nor what it cannot do.
  form.reset();
  for (const choice of form.elements.action) choice.closest("label").hidden = !zoneOf(name).possible.includes(choice.value);
  [...form.elements.action].find((choice) => !choice.closest("label").hidden).checked = true;
  choiceOfEnds(form, zoneOf(name));
  get("hold").returnValue = "";
  get("hold").showModal();
}

get("upkeep-part").addEventListener("toggle", async (event) => {
  if (!event.target.open) return;
  try {
    // Few open it, so nobody waits for it.
    const { showUpkeep } = await import("./upkeep.js");
    await showUpkeep(Boolean(home?.read_only));
  } catch (error) {
    say(error.message);
  }
});
get("open-settings").addEventListener("click", async () => {
  try {
    await (await settingsPart()).openSettings(roomOf(zoneOf(selected)));
  } catch (error) {
    say(error.message);
  }
});
for (const name of ["change", "review"]) get(`${name}-cancel`).addEventListener("click", () => get(name).close(""));
get("settings-close").addEventListener("click", () => get("settings").close());
// Not a submit button: the first of those is what Enter presses.
get("hold-cancel").addEventListener("click", () => get("hold").close(""));
get("hold").addEventListener("close", () => {
  if (get("hold").returnValue !== "ok") return;
  const form = get("hold").querySelector("form");
  act(holding, { action: form.elements.action.value, hold: holdOf(form, zoneOf(holding)) });
});

// --- keeping up --------------------------------------------------------------------------

async function refresh() {
  clearTimeout(refresh.again);
  try {
    showHome(await ask("api/zones"));
    return true;
  } catch (error) {
    problem(error.message);
    // The stream may live on, and nothing else would tell that the server answers again.
    if (!error.status) refresh.again = setTimeout(refresh, AGAIN_MILLISECONDS);
    return false;
  }
}

function connect() {
  const source = new EventSource(`api/events?changes=1&lang=${language}`);
  const shown = (text, kind) => {
    // Every attempt says so; who listens hears it once.
    if (get("connection").textContent === text) return;
    get("connection").textContent = text;
    get("connection").className = `pill ${kind}`;
  };
  // What is told only when it is asked for may have changed while nobody listened.
  let again = false;
  source.addEventListener("open", () => {
    shown(_("Live"), "live");
    if (again) refresh();
    again = true;
  });
  let known = null;
  const show = (given) => {
    known = given;
    showHome(told(given));
  };
  source.addEventListener("home", (event) => show(JSON.parse(event.data)));
  source.addEventListener("changes", (event) => {
    const { zones, ...rest } = JSON.parse(event.data);
    show({ ...known, ...rest, zones: known.zones.map((zone) => (zones[zone.name] ? { ...zone, ...zones[zone.name] } : zone)) });
  });
  source.addEventListener("quota_level_changed", refresh);
  source.addEventListener("error", () => {
    shown(_("Reconnecting…"), "lost");
    // After an answer that is no stream the browser gives up; sessions end like that.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => refresh().then(connect), AGAIN_MILLISECONDS);
  });
  connect.source = source;
}

addEventListener("pagehide", () => connect.source?.close());
// A page that comes back as it was left has no stream any more.
addEventListener("pageshow", (event) => event.persisted && refresh().then(connect));
// Nor does a phone that slept wait for the next look to tell what it missed.
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refresh());
addEventListener("online", () => refresh());
setInterval(async () => {
  // A stream whose other end is gone without a word looks alive.
  if ((await refresh()) || connect.source?.readyState !== EventSource.OPEN) return;
  connect.source.close();
  connect();
}, 60000);
if (sessionStorage.getItem("undone")) {
  sessionStorage.removeItem("undone");
  say(_("You were logged out before that was done. Nothing was changed: ask for it again."));
}
refresh().then(connect).then(() => home?.zones.length && showOffer(home.read_only));
