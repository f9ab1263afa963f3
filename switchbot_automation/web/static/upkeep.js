// Batteries, filters, hours and energy: what equipment needs of a person.
import { ask, sending } from "./api.js";
import { _, whole } from "./language.js";
import { say } from "./said.js";
import { number, percent, titleOf } from "./words.js";

const get = (id) => document.getElementById(id);

const NEEDS = { battery: _("battery low"), filter: _("clean the filter") };

function cells([name, ...rest], needs) {
  const row = document.createElement("tr");
  const texts = [needs.length ? `${name} – ${needs.map((each) => NEEDS[each] ?? each).join(", ")}` : name, ...rest];
  texts.forEach((text, place) => {
    const cell = document.createElement(place ? "td" : "th");
    if (!place) cell.scope = "row";
    cell.textContent = text;
    row.append(cell);
  });
  if (needs.length) row.className = "needs";
  return row;
}

const last = (days) => Object.values(days).at(-1);
const hours = (value, digits = 0) => (value === null ? "–" : _("{hours} h", { hours: number(value, digits) }));
const energy = (value) => (value === null || value === undefined ? "–" : whole([number(value, 0), _("Wh")].join(" ")));

function filterWords(device) {
  if (device.filter_used_hours === null) return "–";
  if (device.filter_life_hours === null) return hours(device.filter_used_hours);
  return _("{used} of {life} h", { used: number(device.filter_used_hours, 0), life: number(device.filter_life_hours, 0) });
}

const USES = {
  meter: _("meter"),
  unit: _("keeps the room"),
  power: _("meter of the unit's power"),
  outdoor: _("meter outdoors"),
  opening: _("window or door"),
  presence: _("motion sensor"),
};

// What nobody gave a name is known by the rooms that it serves.
const called = ({ name, device_id: id, zones }) => name || (zones.length ? `${zones.map(titleOf).join(", ")} (${id})` : id);

export async function showUpkeep(readOnly) {
  const told = await ask("api/upkeep");
  const devices = told.devices.map((device) =>
    cells([called(device), device.battery == null ? "–" : percent(device.battery), filterWords(device), energy(last(device.energy_wh))], device.needs),
  );
  get("upkeep-devices").replaceChildren(...devices);
  const used = told.rooms.flatMap((room) =>
    room.devices.map(({ device_id: id, name, uses }) => cells([name || id, titleOf(room.zone), uses.map((each) => USES[each] ?? each).join(", ")], [])),
  );
  get("upkeep-rooms").replaceChildren(...used);
  const units = told.units.map((unit) => {
    const row = cells([titleOf(unit.zone), hours(unit.running_hours, 1), hours(unit.hours_since_upkeep, 1), number(unit.starts, 0)], unit.needs);
    const cell = document.createElement("td");
    if (!readOnly) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = _("Filter cleaned");
      button.setAttribute("aria-label", _("{room}: filter cleaned", { room: titleOf(unit.zone) }));
      button.addEventListener("click", async () => {
        try {
          await ask(`api/upkeep/${encodeURIComponent(unit.zone)}/done`, sending("POST", {}));
        } catch (error) {
          say(error.message);
          return;
        }
        say(_("{room}: the hours begin anew.", { room: titleOf(unit.zone) }));
        await showUpkeep(readOnly);
      });
      cell.append(button);
    }
    row.append(cell);
    return row;
  });
  get("upkeep-units").replaceChildren(...units);
}
