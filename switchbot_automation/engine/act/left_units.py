"""Units that the settings no longer have: turned off, or named until that is no matter.

A unit that was believed to run when its zone was given another one, or went, would run
on for ever. It gets one OFF by the ways that are still known: its device id, and the
scenes and webhooks of the settings before, unless a zone of now has them. What fails is
tried again for a day, at growing intervals, and so is what can be asked and does not show
that it heard. While it may run, `report` names it. A cover stays as it is.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from switchbot_automation.cloud.catalog.infrared import looks_infrared
from switchbot_automation.core.state.belonging import (
    LeftUnit,
    holds,
    identities,
    is_settled,
    knows_a_unit,
    of_unit,
    seen_off,
    settle,
    unit_of,
)
from switchbot_automation.core.state.check import with_check
from switchbot_automation.core.state.unit import after_command, power_of
from switchbot_automation.core.state.unit import unsure as unsure_of
from switchbot_automation.core.state.values import encode_instant
from switchbot_automation.core.state.zone import DAY, after_jump
from switchbot_automation.model import (
    DEFAULT_ZONE,
    Action,
    CommandStatus,
    Power,
    Reason,
    ReasonCode,
)
from switchbot_automation.settings.model import ZoneSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.core.state.belonging import Identity
    from switchbot_automation.core.state.zone import UnitId, ZoneState
    from switchbot_automation.engine.act.commander import Commander
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.observe.gateway import Observer
    from switchbot_automation.model import Command
    from switchbot_automation.settings.model import Settings

_LOGGER = logging.getLogger(__name__)

_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=1)
_DOUBLINGS = 6
# So long a unit that cannot be told may be the one that was left running. Who uses it
# after that has found it, and no OFF is to surprise them.
_TOLD_FOR = timedelta(days=1)
# What a unit did a week ago says nothing of what it does.
_BELIEVED_FOR = timedelta(days=7)
_LOOKED_AT_EVERY = timedelta(hours=6)
# What took so many OFFs and shows that it is on is deaf, or somebody wants it on.
_TAKEN_IN_VAIN: Final = 5
_DEAF: Final = "it takes every command and goes on"


class LeftUnits:
    """Settles what is known of which device, and looks after those that were left."""

    def __init__(
        self,
        documents: Documents,
        observer: Observer,
        commander: Commander,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._observer = observer
        self._commander = commander
        self._clock = clock
        self._settings: Settings | None = None
        self._wanted: Mapping[str, Identity] = {}
        self._units_of_old: dict[str, UnitId | None] = {}

    # --- whose state is of which device ------------------------------------------------

    def settle(self, settings: Settings, now: datetime) -> frozenset[str]:
        """Give every zone what is known of the devices it has now.

        Returns the zones where that changed anything that is known.
        """
        now_known = self._documents.states
        if settings is not self._settings:
            self._settings, self._wanted = settings, identities(settings)
            self._units_of_old.clear()
        may_be_gone = not self._documents.named.issubset(settings.zones) or (
            DEFAULT_ZONE not in settings.zones
        )
        gone = self._gone() if may_be_gone else {}
        if not gone and all(
            is_settled(now_known[name], wanted) for name, wanted in self._wanted.items()
        ):
            return frozenset()
        states = {name: now_known[name] for name in self._wanted} | gone
        left = self._documents.left
        settled = settle(self._wanted, states, left.units, now)
        now_known.update(settled.states)
        left.units = settled.left
        self._wanted = {
            name: wanted._replace(unit=now_known[name].unit)
            if wanted.unit is not None and now_known[name].unit is not None
            else wanted
            for name, wanted in self._wanted.items()
        }
        return frozenset(settled.states) if settled.moved else frozenset()

    def _gone(self) -> dict[str, ZoneState]:
        """Return the states of zones that the settings no longer have, to be settled."""
        found: dict[str, ZoneState] = {}
        for name in self._documents.gone:
            state = self._documents.states[name]
            if not holds(state) and knows_a_unit(state):
                # By an older release: of what the zone had when it was last there.
                if name not in self._units_of_old:
                    self._units_of_old[name] = self._unit_of_old(name)
                unit = self._units_of_old[name]
                state = state if unit is None else of_unit(state, unit)
            if holds(state):
                found[name] = state
        return found

    def _unit_of_old(self, name: str) -> UnitId | None:
        for settings in self._documents.life.before():
            if name in settings.zones:
                return unit_of(settings.zones[name], settings.plugins)
        return None

    # --- units that were left ----------------------------------------------------------

    def bring_up_to(self, now: datetime, jump: float) -> None:
        """Take in time that went by, or a clock set by `jump` seconds, as states do.

        What is too old is forgotten.
        """
        left = self._documents.left
        if not left.units:
            return
        kept = {}
        for name, unit in left.units.items():
            lasts = _BELIEVED_FOR if unit.running else DAY
            if now - unit.at < lasts:
                state = after_jump(unit.state, jump, now)
                kept[name] = unit._replace(state=state).not_later_than(now)
            elif unit.running:
                _LOGGER.warning("nobody knows any more what the unit %s does", name)
        if kept != left.units:
            left.units = kept

    @property
    def next_at(self) -> datetime | None:
        """When something is due with a unit that was left, None for never."""
        due = (each.next_at for each in self._running() if each.next_at is not None)
        return min(due, default=None)

    async def turn_off(self, now: datetime) -> tuple[Command, ...]:
        """Do what is due with the units that were left; return what was sent."""
        commands = []
        for unit in tuple(self._running()):
            if unit.next_at is not None and unit.next_at <= now:
                command = await self._turn_off(unit, now)
                if command is not None:
                    commands.append(command)
        return tuple(commands)

    def report(self) -> list[dict[str, Any]]:
        """Name the units that may run although no zone has them, JSON-able."""
        return [
            {
                "unit": each.unit.name,
                "zone": each.zone,
                "message": f"unit {each.unit.name} was left running",
                "since": encode_instant(each.at),
                "attempts": each.attempts,
                "next_attempt_at": (
                    encode_instant(each.next_at) if each.next_at else None
                ),
                "last_error": each.error,
            }
            for each in self._running()
        ]

    def _running(self) -> Iterator[LeftUnit]:
        return (each for each in self._documents.left.units.values() if each.running)

    def _keep(self, unit: LeftUnit) -> None:
        left = self._documents.left
        left.units = {**left.units, unit.unit.name: unit}

    async def _turn_off(self, unit: LeftUnit, now: datetime) -> Command | None:
        before = self._zone_before(unit)
        if before.kind.fails == "stays":
            # A curtain harms nobody where it is, and nobody wants it to move for an edit.
            left = self._documents.left
            left.units = {
                name: each for name, each in left.units.items() if each is not unit
            }
            return None
        readable = not looks_infrared(unit.unit.device_id)
        deaf = unit.attempts >= _TAKEN_IN_VAIN and unit.error in (None, _DEAF)
        tells = not before.observe_only and now - unit.at < _TOLD_FOR and not deaf
        tried = unit._replace(
            attempts=unit.attempts + 1,
            next_at=_next_at(unit, now, tells=tells, readable=readable),
        )
        if readable and (unit.attempts or not tells) and await self._is_off(unit):
            _LOGGER.info("the unit %s, which was left, is off", unit.unit.name)
            self._keep(tried._replace(state=seen_off(unit.state, now), error=None))
            return None
        if not tells:
            words = "its zone only observed" if before.observe_only else unit.error
            words = _DEAF if deaf else words
            self._complain(tried, words or "it does not answer")
            return None
        zone = self._with_free_ways(before, unit)
        if zone.buttons:
            # Pressed twice it may be on again: kept before, whatever comes.
            self._keep(tried)
            await self._documents.keep()
        detail = {"unit": unit.unit.name, "since": unit.at.isoformat()}
        command, sent = await self._commander.turn_off_left(
            zone, Reason(ReasonCode.UNIT_LEFT, detail)
        )
        if command.status is CommandStatus.BLOCKED:
            return None
        if sent is None:
            self._complain(
                tried._replace(next_at=None), "no way is known to turn it off"
            )
            return command if unit.error is None else None
        rung = sent.accepted
        if rung is None:
            unsure = unsure_of(tried.state) if sent.maybe else tried.state
            self._complain(tried._replace(state=unsure), sent.error)
            return command
        _LOGGER.info("the unit %s, which was left running, is told off", unit.unit.name)
        if readable:
            # It can be asked: until it shows that it heard, it may run on.
            self._keep(tried._replace(state=unsure_of(tried.state), error=None))
            return command
        state = after_command(
            unit.state, zone, Action.OFF, rung, at=sent.answered_at, label="left"
        )
        self._keep(tried._replace(state=with_check(state, None), error=None))
        return command

    def _complain(self, unit: LeftUnit, words: str) -> None:
        if unit.error is None:
            _LOGGER.warning(
                "unit %s was left running: %s has it no longer, and it cannot be turned"
                " off: %s",
                unit.unit.name,
                unit.zone,
                words,
            )
        self._keep(unit._replace(error=words))

    async def _is_off(self, unit: LeftUnit) -> bool:
        fields = await self._observer.fields_of(unit.unit.device_id)
        zone = self._zone_before(unit)
        shown = None if fields is None else zone.kind.shown(fields, zone.unit_channel)
        return shown is not None and power_of(shown) is Power.OFF

    def _zone_before(self, unit: LeftUnit) -> ZoneSettings:
        """Return the newest settings of a zone that had the unit."""
        for settings in self._documents.life.before():
            having = [
                zone
                for zone in settings.zones.values()
                if (had := unit_of(zone, settings.plugins)) and had.is_same(unit.unit)
            ]
            for zone in having:
                if zone.name == unit.zone or zone is having[-1]:
                    return zone
        return ZoneSettings(unit.zone, ZoneInfo("UTC"), cascade=())

    def _with_free_ways(self, before: ZoneSettings, unit: LeftUnit) -> ZoneSettings:
        """Return a zone's settings with the ways that act on this unit alone.

        What a zone of now has too acts on that zone's unit. A button that is pressed
        again, or on a unit that is off, may turn it on.
        """
        settings = self._documents.life.settings
        zones = settings.zones.values() if settings else ()
        taken = {
            way
            for zone in zones
            for ways in (zone.scenes, zone.webhooks)
            for way in ways.values()
        }
        surely_on = unit.state.power is Power.ON and not unit.state.uncertain
        return replace(
            before,
            name=unit.zone,
            aircon_device_id=unit.unit.device_id,
            scenes=_without(before.scenes, taken),
            webhooks=_without(before.webhooks, taken),
            buttons=before.buttons if surely_on and not unit.attempts else {},
            cascade=tuple(dict.fromkeys((*before.cascade, "command"))),
        )


def _next_at(
    unit: LeftUnit, now: datetime, *, tells: bool, readable: bool
) -> datetime | None:
    if tells:
        doubled = _FIRST_WAIT * (1 << min(unit.attempts, _DOUBLINGS))
        return now + min(_LONGEST_WAIT, doubled)
    return now + _LOOKED_AT_EVERY if readable else None


def _without(ways: Mapping[Action, str], taken: set[str]) -> dict[Action, str]:
    return {action: way for action, way in ways.items() if way not in taken}
