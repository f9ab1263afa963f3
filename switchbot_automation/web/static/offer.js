// What `control: auto` would bring to rooms that are kept otherwise, and the way there.
import { answered, settingsPart } from "./api.js";
import { _ } from "./language.js";
import { change, say } from "./said.js";
import { titleOf } from "./words.js";

const get = (id) => document.getElementById(id);
const DECLINED = "declined";

let offered = null;

// Look whether there is something to offer; a page that may not write offers nothing.
export async function showOffer(readOnly) {
  get("offer").hidden = true;
  if (readOnly) return;
  try {
    const { body, etag } = await answered("api/settings/auto");
    offered = { ...body, etag };
  } catch {
    return; // nobody asked for it, so nobody is told that it cannot be had now
  }
  const rooms = offered.zones.map(titleOf).join(", ");
  if (!offered.better || !rooms || localStorage.getItem(DECLINED) === rooms) return;
  get("offer-who").textContent = _("Not kept by `control: auto`: {rooms}.", { rooms });
  get("offer-what").textContent = offered.change.text;
  get("offer").hidden = false;
}

const title = () => _("Every room is kept by `control: auto`");

function done() {
  get("offer").hidden = true;
  document.querySelector(".name")?.focus();
}

async function take() {
  try {
    const { body: before, etag } = await answered("api/settings");
    if (etag !== offered.etag) throw Object.assign(new Error(), { status: 412 });
    await (await settingsPart()).save(title(), before, offered.settings, etag);
    done();
  } catch (error) {
    if (error.status !== 412) return say(error.message);
    say(_("Somebody else changed the settings meanwhile; look again."));
    await showOffer(false);
  }
}

get("offer-take").addEventListener("click", take);
get("offer-look").addEventListener("click", async () => {
  if (await change(title(), () => offered.settings)) done();
});
get("offer-decline").addEventListener("click", () => {
  localStorage.setItem(DECLINED, offered.zones.map(titleOf).join(", "));
  done();
});
// Settings that were changed, or changed back, make another offer.
addEventListener("settings-saved", () => showOffer(false));
