// What was done is said in one place, and can be undone there for a while.
import { settingsPart } from "./api.js";
import { _ } from "./language.js";

const get = (id) => document.getElementById(id);
const SHOWN_MILLISECONDS = 8000;
const UNDO_MILLISECONDS = 60000;

// From where a person came to what is said: there the keyboard is again once that was pressed.
let cameFrom = null;
addEventListener("focusin", ({ target }) => {
  if (!get("said").contains(target)) cameFrom = target;
});

export function say(text, undo = null, { label = _("Undo"), doing = _("Undoing…") } = {}) {
  const place = get("said");
  // Behind an open dialog nothing is seen, heard or pressed.
  const dialog = [...document.querySelectorAll("dialog[open]")].at(-1);
  if (text && dialog && !dialog.contains(place)) {
    dialog.append(place);
    dialog.addEventListener("close", () => document.body.append(place), { once: true });
  }
  place.querySelector("span").textContent = text;
  place.classList.toggle("shown", Boolean(text));
  const button = get("undo");
  button.hidden = !undo;
  button.textContent = label;
  button.onclick = async () => {
    (cameFrom?.checkVisibility() && !cameFrom.disabled ? cameFrom : get("rooms")).focus();
    say(doing);
    try {
      await undo();
    } catch (error) {
      say(error.message);
    }
  };
  clearTimeout(say.timer);
  if (text) say.timer = setTimeout(() => say(""), undo ? UNDO_MILLISECONDS : SHOWN_MILLISECONDS);
}

// The part of the settings that is a room's; of what is a further unit of it, that room's.
// A room that they no longer have must not stand for all of them.
export function partOf(document_, room) {
  const { zones } = document_;
  if (!zones || !Object.keys(zones).length) return document_;
  if (!Object.hasOwn(zones, room)) throw new Error(_("The settings no longer have the room {room}.", { room }));
  return zones[room];
}

// Let `edit` change the settings; see `change` of settings.js. Resolves to whether it was saved.
export async function change(title, edit) {
  try {
    return await (await settingsPart()).change(title, edit);
  } catch (error) {
    say(error.message);
    return false;
  }
}
