// One of many rooms, by a part of its name.
import { _ } from "./language.js";
import { number, titleOf } from "./words.js";

const get = (id) => document.getElementById(id);
let cards = new Map();

// Letters alike for whoever types: neither accents, nor capitals, nor the width of a sign count.
const folded = (text) => text.normalize("NFKD").replaceAll(/\p{M}/gu, "").toLowerCase();

// Show of the rooms' cards those whose names have every word that is looked for.
export function showFound(now) {
  cards = now;
  if (get("find").hidden) get("find-room").value = "";
  const words = folded(get("find-room").value).split(/\s+/).filter(Boolean);
  let found = 0;
  for (const [name, card] of cards) {
    const text = words.length ? folded(`${titleOf(name)} ${name}`) : "";
    card.hidden = !words.every((word) => text.includes(word));
    found += !card.hidden;
  }
  const values = { found: number(found, 0), all: number(cards.size, 0) };
  const told = !words.length ? "" : found ? _("{found} of {all} rooms", values) : _("No room has this name.");
  // What is not news is not read aloud again.
  if (get("found").textContent !== told) get("found").textContent = told;
}

export function clear() {
  get("find-room").value = "";
  showFound(cards);
}

get("find-room").addEventListener("input", () => showFound(cards));
get("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const first = [...get("rooms").children].find((card) => !card.hidden)?.querySelector(".name");
  if (!first) return;
  first.click();
  first.focus();
});
