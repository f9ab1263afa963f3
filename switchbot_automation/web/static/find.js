// One of many rooms, by a part of its name.
import { _ } from "./language.js";
import { number, titleOf } from "./words.js";

const get = (id) => document.getElementById(id);
let cards = new Map();
let selected = null;

// Letters alike for whoever types: neither accents, nor capitals, nor the width of a sign count.
const folded = (text) => text.normalize("NFKD").replaceAll(/\p{M}/gu, "").toLowerCase();

// Show of the rooms' cards those whose names have every word that is looked for.
export function showFound(cardsNow, selectedNow) {
  [cards, selected] = [cardsNow, selectedNow];
  get("to-rooms").hidden = get("find").hidden;
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

// Far down, at the chart of one room, the others are a long way off.
get("to-rooms").addEventListener("click", () => {
  const card = cards.get(selected);
  if (card.hidden) {
    get("find-room").value = "";
    showFound(cards, selected);
  }
  card.scrollIntoView({ block: "center" });
  card.querySelector(".name").focus();
});
get("find-room").addEventListener("input", () => showFound(cards, selected));
get("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const first = [...get("rooms").children].find((card) => !card.hidden)?.querySelector(".name");
  if (!first) return;
  first.click();
  first.focus();
});
