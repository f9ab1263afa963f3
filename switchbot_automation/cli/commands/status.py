"""`status`: every room as the engine left it, and every device as it is now."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from switchbot_automation.cli.commands.account import ask
from switchbot_automation.cli.output import (
    FAILURE,
    OK,
    echo,
    json_option,
    logging_options,
    print_json,
    print_table,
    timestamp,
)
from switchbot_automation.cli.readings import COLUMNS, look, targets
from switchbot_automation.core.overlay import in_force, paused_since
from switchbot_automation.core.pace import is_stale
from switchbot_automation.core.state.belonging import as_known, identities
from switchbot_automation.core.state.kept import room_health
from switchbot_automation.core.state.meter import doubts_of_meters
from switchbot_automation.core.state.values import instant
from switchbot_automation.core.state.zone import ZoneState, unreadable_instants
from switchbot_automation.engine.documents.keys import past_key
from switchbot_automation.engine.documents.settings_life import SettingsLife
from switchbot_automation.engine.tell.health import price_as_json, room_as_json
from switchbot_automation.explain.words import (
    STATUS_WORDS,
    day_words,
    reason_words,
    skipped_words,
    told_words,
    weekday,
    word_of,
)
from switchbot_automation.instants import FOR_EVER
from switchbot_automation.languages import later, measure
from switchbot_automation.languages import translated as _
from switchbot_automation.model import DEFAULT_ZONE
from switchbot_store import StoreConfig, get_store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation import SwitchBotClient
    from switchbot_automation.cli.readings import Row
    from switchbot_automation.settings.model import ZoneSettings

_ROOM_COLUMNS = (
    later("room"),
    later("read"),
    later("air conditioner"),
    later("automation"),
    later("kept"),
)


@click.command()
@click.argument("devices", nargs=-1, metavar="[DEVICE]...")
@json_option("Print one object with `rooms`, `devices`, `calls_today`, `problems`.")
@logging_options("warning")
@click.pass_context
def status(ctx: click.Context, devices: tuple[str, ...], as_json: bool) -> None:
    """Show the rooms, and what every DEVICE (a name or an id; default: all) says.

    The rooms come from the store of the environment, as the engine left them, by the
    last good settings where a person left others that cannot be used; an air
    conditioner behind an infrared remote cannot be asked, so its state is what the
    engine assumes. The devices are asked now, one call each and one for the list. The
    exit code is 1 when one of them could not be read.
    """
    rooms, problems = read_rooms()
    for problem in problems:
        echo(_("warning: {problem}", problem=problem), err=True)
    assumed = {room.aircon_id: room.assumed for room in rooms if room.aircon_id}

    async def answer(client: SwitchBotClient) -> tuple[list[Row], int]:
        rows = await look(client, await targets(client, devices))
        return rows, client.quota.used

    rows, calls = ask(answer)
    rows = [
        replace(row, text=assumed[row.device_id]) if row.device_id in assumed else row
        for row in rows
    ]
    if devices:
        rooms = []
    if as_json:
        print_json(
            {
                "rooms": [room.as_json() for room in rooms],
                "devices": [row.as_json() for row in rows],
                "calls_today": calls,
                "problems": problems,
            }
        )
    else:
        if rooms:
            columns = [_(each) for each in _ROOM_COLUMNS]
            print_table(_("Rooms"), columns, [room.cells() for room in rooms])
        columns = [_(each) for each in COLUMNS]
        print_table(_("Devices"), columns, [row.cells() for row in rows])
    ctx.exit(FAILURE if any(row.error for row in rows) else OK)


class RoomRow:
    """A zone as the store has it."""

    def __init__(
        self,
        zone: ZoneSettings,
        state: ZoneState,
        document: Mapping[str, Any],
        now: datetime,
    ) -> None:
        self._name = zone.name
        self._tz = zone.timezone
        self._enabled = zone.automation_enabled
        self._state = state
        self._unreadable = sorted(unreadable_instants(document))
        self._skipped = [each for each in state.skipped if now < each.ends]
        self._stale = is_stale(zone, state, now)
        self._room = room_as_json(room_health(zone, state, now))
        self._doubts = doubts_of_meters(zone, state)
        self._paused = paused_since(zone, state, now)
        self._price = price_as_json(zone, state, now)
        self.aircon_id: str = zone.aircon_device_id

    @property
    def assumed(self) -> str:
        """What the air conditioner is assumed to be, and from what."""
        return _("assumed {unit}", unit=self._unit())

    def as_json(self) -> dict[str, Any]:
        """Return it as an object; `power` is assumed, from `last_action`."""
        state = self._state
        return {
            "zone": self._name,
            "automation_enabled": self._enabled,
            "temperature": state.last_temperature,
            "humidity": state.last_humidity,
            "read_at": _instant(state.last_read_at),
            "stale": self._stale,
            "doubts": {
                meter: {"because": str(why), "since": _instant(since)}
                for meter, (why, since) in self._doubts.items()
            },
            "paused_since": _instant(self._paused[0]) if self._paused else None,
            "power": str(state.power),
            "uncertain": state.uncertain,
            "last_action": state.last_action,
            "last_action_at": _instant(state.last_action_at),
            "hold_until": _instant(state.hold_until),
            "quiet_fan_until": _instant(state.quiet_until),
            "skipped_windows": [each.to_document() for each in self._skipped],
            "room": self._room,
            "price": self._price,
            "unreadable": self._unreadable,
        }

    def cells(self) -> tuple[str, ...]:
        """Return what stands in the table, instants in local time."""
        state = self._state
        read = _("never")
        if state.last_temperature is not None:
            read = _("{celsius:g} °C", celsius=float(state.last_temperature))
            if state.last_humidity is not None:
                read += _(", {percent:g} %", percent=float(state.last_humidity))
            read = self._at(read, state.last_read_at)
            if self._stale:
                read += _(", not known since")
        for meter, (why, since) in self._doubts.items():
            words = reason_words({"code": str(why)}, UTC)
            meter_then = self._at(_("{meter} not believed", meter=meter), since)
            read += f"; {meter_then}: {words}"
        automation = word_of("power", "on" if self._enabled else "off")
        if state.hold_until is not None and state.hold_until > datetime.now(UTC):
            local = state.hold_until.astimezone(self._tz)
            until = f"{day_words(local)} {local:%H:%M}"
            automation += (
                _(", held until resumed")
                if state.hold_until == FOR_EVER
                else _(", held until {until}", until=until)
            )
        if state.quiet_until is not None and state.quiet_until > datetime.now(UTC):
            automation += (
                _(", fan low until resumed")
                if state.quiet_until == FOR_EVER
                else _(", fan low until {until}", until=self._clock(state.quiet_until))
            )
        if self._skipped:
            automation += f"; {skipped_words(self._skipped)}"
        if self._paused is not None:
            automation += _(
                ", paused since {since}", since=self._clock(self._paused[0])
            )
        automation += self._priced()
        if self._unreadable:
            names = ", ".join(self._unreadable)
            automation += _("; no instants: {names}", names=names)
        return (self._name, read, self._unit(), automation, self._kept())

    def _priced(self) -> str:
        price = self._price
        if price is None or price["level"] == "whole":
            return ""
        if price["level"] == "unknown":
            return _(", the price of energy unknown")
        at = instant(price["until"])
        until = self._clock(at) if at else ""
        if price["level"] == "stores":
            return _(", stores cheap energy until {until}", until=until)
        return _(", spares dear energy until {until}", until=until)

    def _at(self, what: str, at: datetime | None) -> str:
        """Return what was so, and when, if that is known."""
        return _("{what} at {at}", what=what, at=self._clock(at)) if at else what

    def _clock(self, at: datetime) -> str:
        """Return an instant on the room's clock: its windows and wishes go by that."""
        local = at.astimezone(self._tz)
        return f"{weekday(local)} {local:%H:%M}"

    def _kept(self) -> str:
        room = self._room
        word = _(STATUS_WORDS[room["status"]])
        since = instant(room["since"])
        if room["status"] != "kept" and since is not None:
            local = since.astimezone(self._tz)
            day = f"{day_words(local)} {local:%H:%M}"
            word = _("{status} since {since}", status=word, since=day)
        back = instant(room["expected_back"])
        if back is not None:
            word = _("{room}, back about {until}", room=word, until=self._clock(back))
        return f"{word}: {room['advice']}" if room["advice"] else word

    def _unit(self) -> str:
        state = self._state
        unit = str(word_of("power", state.power))
        if state.uncertain:
            unit = _("{unit}, uncertain", unit=unit)
        if state.last_action:
            sent = _("{action} sent", action=told_words(state.last_action))
            unit = _(
                "{unit}: {sent}", unit=unit, sent=self._at(sent, state.last_action_at)
            )
        return unit


class Rooms(NamedTuple):
    """The rooms, and why a document in the store is not the one in force."""

    rooms: list[RoomRow]
    problems: list[str]


def read_rooms() -> Rooms:
    """Read the zones of the environment's store by the settings in force there.

    Those are the last good ones where a person left a document that cannot be used.
    Raises StoreError, StoreConfigError.
    """
    life = SettingsLife()
    with get_store(StoreConfig.from_env()) as store:
        life.take_past(store.get(past_key("settings")))
        entry = store.get_entry("settings")
        if entry.data or entry.problem:
            life.take(entry)
        problems = []
        if life.error:
            problems.append(_("the stored settings: {error}", error=life.error))
        problems += [
            _("set aside: {error}", error=each.error)
            for each in (life.settings.set_aside if life.settings else ())
        ]
        if life.settings is None:
            return Rooms([], problems)
        measure(life.settings.unit)
        zones = life.settings.zones
        keys = {
            name: "state" if name == DEFAULT_ZONE else f"state/{name}" for name in zones
        }
        entries = store.get_many(list(keys.values()))
        problems += [str(each.problem) for each in entries.values() if each.problem]
        wanted = identities(life.settings)
        now = datetime.now(UTC)
        states = {
            name: as_known(ZoneState.from_document(entries[key].data), wanted[name])
            for name, key in keys.items()
        }
        life.switch(
            {
                name: state.switch.on
                for name, state in states.items()
                if state.switch is not None
            }
        )
        kept = in_force(life.settings, states.__getitem__, now).zones
        rooms = [
            RoomRow(kept[name], states[name], entries[key].data, now)
            for name, key in keys.items()
        ]
        return Rooms(rooms, problems)


def _instant(at: datetime | None) -> str | None:
    return timestamp(at) if at else None
