"""Which zone's state holds what is known of which device, after the settings changed. Pure.

What is known of a unit (what it was told, its starts and stops, what is still to be sent)
belongs to that unit, and a reading to its meter. Where the settings give a zone another
unit, what was known of it goes with the unit to the zone that has it now, with its
minimum times; what nobody knows of the new one is unknown. A unit that no zone has any
more is left: kept here by itself, so that it can be turned off.

A unit is its `aircon_device_id`. Where a zone has none, it is what its scenes and webhooks
act on, so that two settings mean the same unit as long as they share one of them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from switchbot_automation.core.state.values import (
    encode_instant,
    instant,
    integer,
    text,
)
from switchbot_automation.core.state.zone import Learned, UnitId, ZoneState
from switchbot_automation.model import Action, Power

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from switchbot_automation.model import PluginPart
    from switchbot_automation.settings.model import Settings, ZoneSettings

OF_UNIT = (
    "power",
    "mode",
    "parameter",
    "action",
    "uncertain",
    "last_aircon_poll_at",
    "last_action",
    "last_action_at",
    "compressor_started_at",
    "compressor_stopped_at",
    "fan_started_at",
    "pending_repeat",
    "intent",
    "conditioned",
    "equipment",
    "check",
    "shown_as",
    "refusals",
    "evidence",
)
"""The fields of a state that are about its unit."""

_OF_METERS = (
    "last_temperature",
    "last_humidity",
    "last_co2",
    "last_read_at",
    "last_temperature_stale",
    "last_temperature_stale_reason",
    "value_since",
    "sensing",
    "last_asked_at",
    "meters_seen",
)
_but_devices = attrgetter(
    *(each for each in ZoneState._fields if each not in ("unit", "meters"))
)
_NOTHING = ZoneState()
# A zone without a unit has these too.
_TELLS_NOTHING = frozenset({"equipment", "last_aircon_poll_at", "refusals", "evidence"})
_UNREACHABLE = "api_error"
_LONGEST_WAIT = timedelta(hours=6)
_PLUGIN = "plugin:"
_DIGITS = 12


# --- what a zone's settings name -------------------------------------------------------


class Identity(NamedTuple):
    """What a zone's settings name: its unit, None without any, and its meters."""

    unit: UnitId | None
    meters: tuple[str, ...]


def identities(settings: Settings) -> dict[str, Identity]:
    """Return what each zone of the settings names."""
    return {
        name: Identity(unit_of(zone, settings.plugins), zone.meters)
        for name, zone in settings.zones.items()
    }


def unit_of(zone: ZoneSettings, plugins: Mapping[str, PluginPart]) -> UnitId | None:
    """Return the unit that a zone commands, None for one that commands none."""
    starts: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    if zone.scenes or zone.webhooks:
        starts = tuple(
            sorted(
                {
                    way
                    for action in Action
                    if action is not Action.OFF
                    for way in _ways(zone, action)
                }
            )
        )
        stops = tuple(sorted(_ways(zone, Action.OFF)))
    if not zone.aircon_device_id and not starts and not stops:
        return None
    part = plugins.get(zone.aircon_device_id.removeprefix(_PLUGIN))
    plugged = part if zone.aircon_device_id.startswith(_PLUGIN) else None
    return UnitId(
        zone.aircon_device_id,
        starts,
        stops,
        _digest(plugged.fingerprint) if plugged else "",
    )


def _ways(zone: ZoneSettings, action: Action) -> Iterator[str]:
    scene, webhook = zone.scenes.get(action), zone.webhooks.get(action)
    if scene:
        yield f"scene:{scene}"
    if webhook:
        yield f"webhook:{_digest(webhook)}"


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()[:_DIGITS]


# --- what is known, and where it belongs ----------------------------------------------


class LeftUnit(NamedTuple):
    """A unit that no zone of the settings has any more, and what is known of it.

    `zone` had it, until `at`. `attempts` counts how often it was to be turned off,
    `next_at` is when that is tried again, None for never; `error` says what the last
    one came to. Of `state` only what is about the unit.
    """

    unit: UnitId
    zone: str
    at: datetime
    state: ZoneState
    attempts: int = 0
    next_at: datetime | None = None
    error: str | None = None

    @property
    def running(self) -> bool:
        """Whether it runs, or may, as far as is known."""
        state = self.state
        return (
            state.power is Power.ON
            or state.uncertain
            or state.pending_repeat is not None
            or (state.check is not None and state.check.given_up)
        )

    def not_later_than(self, now: datetime) -> LeftUnit:
        """Pull instants back that a clock set back has left in the future."""
        due = self.next_at and min(self.next_at, now + _LONGEST_WAIT)
        return self._replace(
            at=min(self.at, now), next_at=due, state=self.state.not_later_than(now)
        )

    def to_document(self) -> dict[str, Any]:
        """Return it as a document, without what is unknown."""
        written = self.state.merged_into({}, _NOTHING)
        return {
            "unit": self.unit.to_document(),
            "zone": self.zone,
            "left_at": encode_instant(self.at),
            "attempts": self.attempts,
            "next_at": encode_instant(self.next_at) if self.next_at else None,
            "error": self.error,
            "state": {
                key: value
                for key, value in written.items()
                if value is not None and value is not False
            },
        }

    @classmethod
    def from_document(cls, value: Any) -> LeftUnit | None:
        """Read a document; None for garbage."""
        if not isinstance(value, dict):
            return None
        unit, at = (
            UnitId.from_document(value.get("unit")),
            instant(value.get("left_at")),
        )
        state = value.get("state")
        if unit is None or at is None or not isinstance(state, dict):
            return None
        return cls(
            unit,
            text(value.get("zone")) or "",
            at,
            ZoneState.from_document(state),
            max(0, integer(value.get("attempts")) or 0),
            instant(value.get("next_at")),
            text(value.get("error")),
        )


class Settled(NamedTuple):
    """The states that changed, by zone, and all units that are left, by their name.

    `moved`: something known went from one place to another.
    """

    states: Mapping[str, ZoneState]
    left: Mapping[str, LeftUnit]
    moved: bool


def is_settled(state: ZoneState, wanted: Identity) -> bool:
    """Tell whether all a state holds is of the devices that its zone has."""
    return state.unit == wanted.unit and state.meters == wanted.meters


def holds(state: ZoneState) -> bool:
    """Tell whether a state says of which devices it is."""
    return state.unit is not None or bool(state.meters)


def knows_a_unit(state: ZoneState) -> bool:
    """Tell whether anything is known of a unit, whichever that is."""
    return any(
        getattr(state, name) != getattr(_NOTHING, name)
        for name in OF_UNIT
        if name not in _TELLS_NOTHING
    )


def as_known(state: ZoneState, wanted: Identity) -> ZoneState:
    """Return what a zone's state says of the devices that the zone has, by itself."""
    return _Homes({"": wanted}, {"": _adopted(state, wanted)}, {}).state_of("")


def settle(
    wanted: Mapping[str, Identity],
    states: Mapping[str, ZoneState],
    left: Mapping[str, LeftUnit],
    now: datetime,
) -> Settled:
    """Give every zone what is known of the devices it has.

    `states` are those of the zones of the settings, whose devices are `wanted`, and of
    zones that the settings no longer have. A state that does not say of which devices
    it is was written by an older release: it is of those that the zone has.
    """
    own = {
        name: _adopted(state, wanted[name]) if name in wanted else state
        for name, state in states.items()
    }
    homes = _Homes(wanted, own, left)
    changed = {
        name: settled
        for name in states
        if (settled := homes.state_of(name)) != states[name]
    }
    kept = {name: unit for name, unit in left.items() if not homes.is_wanted(unit.unit)}
    kept |= homes.newly_left(now)
    moved = kept != left or any(
        _but_devices(own[name]) != _but_devices(settled)
        for name, settled in changed.items()
    )
    return Settled(changed, kept, moved)


class _Homes:
    """Where everything is now, and where it belongs."""

    def __init__(
        self,
        wanted: Mapping[str, Identity],
        own: Mapping[str, ZoneState],
        left: Mapping[str, LeftUnit],
    ) -> None:
        self._wanted = wanted
        self._own = own
        self._left = left
        self._units = [each.unit for each in wanted.values() if each.unit is not None]
        self._known = [(name, state) for name, state in own.items() if holds(state)]

    def is_wanted(self, unit: UnitId) -> bool:
        return any(unit.is_same(each) for each in self._units)

    def state_of(self, name: str) -> ZoneState:
        """Return a zone's state as it should be."""
        own, wanted = self._own[name], self._wanted.get(name)
        if wanted is None:
            return self._after_leaving(name) if holds(own) else own
        if own.unit == wanted.unit and own.meters == wanted.meters:
            return own
        base = own
        if not holds(own) and not knows_a_unit(own) and own.last_read_at is None:
            # A zone of a new name may be one of an old name: with all it has.
            base = self._renamed_to(wanted) or own
        unit_stays, state = self._with_unit(name, base, wanted.unit)
        meters_stay, state = self._with_meters(name, state, base, wanted.meters)
        if unit_stays and meters_stay:
            return state
        together = self._both(name, wanted)
        if together is not None and not unit_stays and not meters_stay:
            # The whole room has another name.
            return state._replace(
                learned=together.learned,
                slope_bounds=together.slope_bounds,
                check=together.check,
            )
        return _unpaired(state, base, unit=unit_stays, meters=meters_stay)

    def _both(self, name: str, wanted: Identity) -> ZoneState | None:
        """Return the state of another zone that had the same unit and meters."""
        return next(
            (
                state
                for other, state in self._known
                if other != name
                and state.meters == wanted.meters
                and state.unit is not None
                and wanted.unit is not None
                and state.unit.is_same(wanted.unit)
            ),
            None,
        )

    def _after_leaving(self, name: str) -> ZoneState:
        own = self._own[name]
        if any(self._renamed_to(each) is own for each in self._wanted.values()):
            return _NOTHING
        blank = {each: getattr(_NOTHING, each) for each in (*OF_UNIT, *_OF_METERS)}
        return own._replace(
            **blank, unit=None, meters=(), learned=None, slope_bounds=None
        )

    def _renamed_to(self, wanted: Identity) -> ZoneState | None:
        """Return the state of a zone that is gone and had this zone's unit."""
        if wanted.unit is None:
            return None
        return _latest(
            state
            for name, state in self._known
            if name not in self._wanted
            and state.unit is not None
            and state.unit.is_same(wanted.unit)
        )

    def _with_unit(
        self, name: str, base: ZoneState, wanted: UnitId | None
    ) -> tuple[bool, ZoneState]:
        """Return whether the unit stays the same, and the state with what is known."""
        unit = base.unit
        if unit is None and wanted is None:
            return True, base
        if unit is not None and wanted is not None and unit.stays(wanted):
            # What stands behind a plug-in's name may be another thing now.
            unsure = unit.part != wanted.part and base.power is not Power.UNKNOWN
            known_id = wanted.device_id or unit.device_id
            return True, base._replace(
                unit=wanted._replace(device_id=known_id),
                uncertain=base.uncertain or unsure,
            )
        source = self._known_of(name, wanted) if wanted is not None else None
        state = base._replace(
            unit=wanted,
            **{each: getattr(source or _NOTHING, each) for each in OF_UNIT},
        )
        if unit is not None and base.last_temperature_stale_reason != _UNREACHABLE:
            # What went wrong went wrong with the other unit.
            state = state._replace(last_error=None, error_count=0)
        if state.check is not None:
            # Another room's temperature shows nothing of what a command does in this one.
            state = state._replace(check=replace(state.check, temperature=None))
        return False, state

    def _known_of(self, name: str, wanted: UnitId) -> ZoneState | None:
        """Return the state that knows most of a unit: that of who had it last."""
        let_go: list[ZoneState] = []
        shared: list[ZoneState] = []
        for other, state in self._known:
            if other == name or state.unit is None or not state.unit.is_same(wanted):
                continue
            (shared if self._stays(other) else let_go).append(state)
        let_go += [
            each.state for each in self._left.values() if each.unit.is_same(wanted)
        ]
        return _latest(let_go or shared)

    def _stays(self, name: str) -> bool:
        unit, wanted = self._own[name].unit, self._wanted.get(name)
        return (
            unit is not None
            and wanted is not None
            and wanted.unit is not None
            and unit.stays(wanted.unit)
        )

    def _with_meters(
        self,
        name: str,
        state: ZoneState,
        base: ZoneState,
        wanted: tuple[str, ...],
    ) -> tuple[bool, ZoneState]:
        """Return whether the meters stay the same, and the state with what they gave."""
        if base.meters == wanted:
            return True, state
        source = next(
            (
                other
                for zone, other in self._known
                if zone != name and wanted and other.meters == wanted
            ),
            None,
        )
        if source is None and not base.meters:
            # Never read: there is nothing to take away.
            return False, state._replace(meters=wanted)
        from_meter = base.last_temperature_stale_reason == _UNREACHABLE
        around = state.surroundings
        return False, state._replace(
            surroundings=around and replace(around, readings=(), suspected_at=None),
            meters=wanted,
            last_error=None if from_meter else state.last_error,
            error_count=0 if from_meter else state.error_count,
            check=state.check and replace(state.check, temperature=None),
            **{each: getattr(source or _NOTHING, each) for each in _OF_METERS},
        )

    def newly_left(self, now: datetime) -> dict[str, LeftUnit]:
        """Return the units that no zone has any more, each as its zone knew it."""
        found: dict[str, LeftUnit] = {}
        for name, state in self._known:
            unit = state.unit
            if unit is None or self._stays(name) or self.is_wanted(unit):
                continue
            if not knows_a_unit(state):
                continue
            kept = _NOTHING._replace(**{each: getattr(state, each) for each in OF_UNIT})
            if kept.intent is not None:
                # Nobody knows whether it was sent.
                kept = kept._replace(intent=None, uncertain=True)
            before = found.get(unit.name)
            if before is None or _latest((before.state, kept)) is kept:
                found[unit.name] = LeftUnit(unit, name, now, kept, next_at=now)
        return found


def _adopted(state: ZoneState, wanted: Identity) -> ZoneState:
    """Return the state of an older release, which is of what the zone has."""
    if state.unit is None and wanted.unit is not None and knows_a_unit(state):
        state = state._replace(unit=wanted.unit)
    if not state.meters and wanted.meters and _was_read(state):
        state = state._replace(meters=wanted.meters)
    return state


def _was_read(state: ZoneState) -> bool:
    return state.last_read_at is not None or state.last_temperature is not None


def _unpaired(
    state: ZoneState, base: ZoneState, *, unit: bool, meters: bool
) -> ZoneState:
    """Return the state without what was learned of the two together.

    The readings are the meters', the starts the unit's, the season the room's.
    """
    learned = base.learned
    if learned is None:
        none = state.slope_bounds is None
        return state if none else state._replace(slope_bounds=None)
    season = learned.season
    if season is not None and not meters:
        season = replace(season, asked=None)
    kept = Learned(season=season)
    if unit:
        kept = replace(kept, starts=learned.starts)
    if meters:
        kept = replace(
            kept,
            trend=learned.trend,
            reports=learned.reports,
            lateness=learned.lateness,
        )
    return state._replace(slope_bounds=None, learned=kept)


def _latest(states: Iterable[ZoneState]) -> ZoneState | None:
    """Return the state whose unit was told something last, None of none."""
    found: ZoneState | None = None
    for state in states:
        if found is None or _told_at(state) > _told_at(found):
            found = state
    return found


def _told_at(state: ZoneState) -> float:
    return state.last_action_at.timestamp() if state.last_action_at else 0.0


def of_unit(state: ZoneState, unit: UnitId) -> ZoneState:
    """Return a state of an older release with the unit that it is of."""
    return state._replace(unit=unit)


def seen_off(state: ZoneState, at: datetime) -> ZoneState:
    """Return the state of a unit that was left and is off: nothing is owed to it."""
    stopped = at if state.compressor_running else state.compressor_stopped_at
    return state._replace(
        power=Power.OFF,
        mode=None,
        parameter=None,
        action=Action.OFF,
        uncertain=False,
        pending_repeat=None,
        check=None,
        compressor_stopped_at=stopped,
    )
