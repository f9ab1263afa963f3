"""A zone's state: typed inside, one tolerant document outside.

The document is the dashboard's flat `state` with a few keys of our own. Reading accepts
anything: a value of the wrong kind counts as absent. Writing changes only the keys whose
value changed, so keys we do not know survive untouched. Pure.

Notice that somebody set the wall clock, and keep the equipment safe from it. Pure.

Instants are stored in UTC by the wall clock, waits run on the monotonic one. When the
two part, the wall clock was set (or the machine slept, which looks the same): what is
due at an instant is derived anew, and a rest the compressor had begun is not cut short.
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime, timedelta
from itertools import compress
from operator import is_not
from typing import TYPE_CHECKING, Any, NamedTuple

from switchbot_automation.core.control.slopes import SlopeBounds
from switchbot_automation.core.state.identity import UnitId, texts
from switchbot_automation.core.state.records import (
    AirconSetting,
    Check,
    Equipment,
    Intent,
    Learned,
    PendingManual,
    PendingRepeat,
    SensorRecord,
    Surroundings,
    intent_of,
    manual_of,
    repeat_of,
)
from switchbot_automation.core.state.values import (
    encode_instant,
    enum,
    instant,
    integer,
    number,
    pairs,
    text,
)
from switchbot_automation.instants import stored_hold
from switchbot_automation.model import Action, Power

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


# Air-conditioner modes of the `setAll` parameter, SwitchBot API v1.1.
MODE_COOL = 2
MODE_FAN = 4
MODE_HEAT = 5


class ZoneState(NamedTuple):
    """What is known or assumed of one zone. Instants are aware UTC.

    A named tuple: it is copied with a change and compared at every tick, and a frozen
    dataclass of this many fields takes ten times as long for that.

    `action` is the last action that was acknowledged and still holds; None when nobody
    knows. `uncertain`: the last command may or may not have arrived, so neither "already
    off" nor "already on" may be concluded from this state. `value_since`: when the meter
    last was seen to show another value than now. `conditioned`: what the compressor did
    when it last ran. `group_waits_since`: since when the zone's group keeps it waiting.
    `shown_as`: what the unit was told, each with what it shows of that, see `told`.
    `unit` and `meters` are the devices that all this is known of, see `belonging`; None
    and none where nobody has said so yet.
    """

    last_temperature: float | None = None
    last_humidity: float | None = None
    last_read_at: datetime | None = None
    last_error: str | None = None
    last_temperature_stale: bool = False
    last_temperature_stale_reason: str | None = None
    error_count: int = 0
    power: Power = Power.UNKNOWN
    mode: int | None = None
    parameter: str | None = None
    action: Action | None = None
    uncertain: bool = False
    last_aircon_poll_at: datetime | None = None
    last_action: str | None = None
    last_action_at: datetime | None = None
    compressor_started_at: datetime | None = None
    compressor_stopped_at: datetime | None = None
    fan_started_at: datetime | None = None
    manual_action_at: datetime | None = None
    hold_until: datetime | None = None
    pending_repeat: PendingRepeat | None = None
    pending_manual: PendingManual | None = None
    intent: Intent | None = None
    value_since: datetime | None = None
    slope_bounds: SlopeBounds | None = None
    conditioned: Action | None = None
    group_waits_since: datetime | None = None
    learned: Learned | None = None
    sensing: SensorRecord | None = None
    equipment: Equipment | None = None
    check: Check | None = None
    surroundings: Surroundings | None = None
    shown_as: tuple[tuple[str, str], ...] = ()
    unit: UnitId | None = None
    meters: tuple[str, ...] = ()

    @property
    def compressor_running(self) -> bool:
        """Power on and not known to be in fan mode: the compressor counts as running."""
        return self.power is Power.ON and self.action is not Action.FAN

    @property
    def setting(self) -> AirconSetting | None:
        """What the unit was told, None where nobody knows."""
        return AirconSetting.parse(self.parameter)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> ZoneState:
        """Read a state document, the dashboard's or ours, however damaged."""
        power = enum(Power, document.get("assumed_aircon_power")) or Power.UNKNOWN
        mode = integer(document.get("assumed_aircon_mode"))
        last_action = text(document.get("last_action"))
        action = enum(Action, document.get("assumed_aircon_action"))
        if action is None or (action is Action.OFF) is not (power is Power.OFF):
            action = _action_from_dashboard(power, mode, last_action)
        state = cls(
            last_temperature=number(document.get("last_temperature")),
            last_humidity=number(document.get("last_humidity")),
            last_read_at=instant(document.get("last_read_at")),
            last_error=text(document.get("last_error")),
            last_temperature_stale=document.get("last_temperature_stale") is True,
            last_temperature_stale_reason=text(
                document.get("last_temperature_stale_reason")
            ),
            error_count=integer(document.get("error_count")) or 0,
            power=power,
            mode=mode,
            parameter=text(document.get("assumed_aircon_parameter")),
            action=action,
            uncertain=document.get("assumed_aircon_uncertain") is True,
            last_aircon_poll_at=instant(document.get("last_aircon_poll_at")),
            last_action=last_action,
            last_action_at=instant(document.get("last_action_at")),
            compressor_started_at=instant(document.get("compressor_started_at")),
            compressor_stopped_at=instant(document.get("compressor_stopped_at")),
            fan_started_at=instant(document.get("fan_started_at")),
            manual_action_at=instant(document.get("manual_action_at")),
            hold_until=stored_hold(document.get("hold_until")),
            pending_repeat=repeat_of(document.get("pending_off_repeat")),
            pending_manual=manual_of(document.get("pending_manual_action")),
            intent=intent_of(document.get("command_intent")),
            value_since=instant(document.get("value_since")),
            slope_bounds=SlopeBounds.from_document(document.get("slope_bounds")),
            conditioned=enum(Action, document.get("conditioned")),
            group_waits_since=instant(document.get("group_waits_since")),
            learned=Learned.from_document(document.get("learned")),
            sensing=SensorRecord.from_document(document.get("sensing")),
            equipment=Equipment.from_document(document.get("equipment")),
            check=Check.from_document(document.get("command_check")),
            surroundings=Surroundings.from_document(document.get("surroundings")),
            shown_as=pairs(document.get("aircon_shows")),
            unit=UnitId.from_document(document.get("unit")),
            meters=texts(document.get("meters")),
        )
        return state._seeded_from_last_action()

    def _seeded_from_last_action(self) -> ZoneState:
        """Split the dashboard's single timestamp by what the unit was assumed to do."""
        ours = (
            self.compressor_started_at,
            self.compressor_stopped_at,
            self.fan_started_at,
        )
        if self.last_action_at is None or any(ours):
            return self
        if self.compressor_running:
            return self._replace(compressor_started_at=self.last_action_at)
        if self.power is Power.ON:
            return self._replace(fan_started_at=self.last_action_at)
        return self._replace(compressor_stopped_at=self.last_action_at)

    def merged_into(
        self, document: Mapping[str, Any], before: ZoneState
    ) -> dict[str, Any]:
        """Return the document with what changed since `before`; the rest as it was.

        The dashboard's own keys are always there, null where nothing is known.
        """
        merged = dict(document)
        # At every tick: the fields that are still the same object cost next to nothing.
        for index in compress(_INDEXES, map(is_not, self, before)):
            value = self[index]
            if value != before[index]:
                key, encode = _KEYS[index]
                merged[key] = None if value is None else encode(value)
        if not merged.keys() >= _DASHBOARD_KEYS:
            for key in _DASHBOARD_KEYS - merged.keys():
                encode, index = _BY_KEY[key]
                merged[key] = None if self[index] is None else encode(self[index])
        return merged

    def not_later_than(self, now: datetime) -> ZoneState:
        """Pull instants from the future back to `now`.

        After the wall clock was set back, a start "in an hour" would keep the unit
        locked for that hour; counted from now it is locked for its minimum time. An OFF
        repeat more than a day away was written by a clock that was wrong.
        """
        late: dict[str, Any] = {
            name: now
            for name in _PAST
            if (at := getattr(self, name)) is not None and at > now
        }
        for part in ("sensing", "equipment", "surroundings"):
            kept = getattr(self, part)
            if kept is not None and (pulled := kept.not_later_than(now)) is not kept:
                late[part] = pulled
        pending = self.pending_repeat
        if pending is not None:
            due = now + timedelta(seconds=pending.interval_seconds)
            if pending.next_run_at > due + _LONGEST_REPEAT:
                late["pending_repeat"] = replace(pending, next_run_at=due)
        return self._replace(**late) if late else self


_LONGEST_REPEAT = timedelta(days=1)
_PAST = (
    "compressor_started_at",
    "compressor_stopped_at",
    "last_aircon_poll_at",
)


def _same(value: Any) -> Any:
    return value


def _encode_parts(value: Any) -> dict[str, Any]:
    parts = {part.name: getattr(value, part.name) for part in fields(value)}
    return {
        name: encode_instant(part) if isinstance(part, datetime) else _plain(part)
        for name, part in parts.items()
    }


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Action) else value


# In the order of the fields: the key in the document, how the value is written.
_KEYS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("last_temperature", _same),
    ("last_humidity", _same),
    ("last_read_at", encode_instant),
    ("last_error", _same),
    ("last_temperature_stale", _same),
    ("last_temperature_stale_reason", _same),
    ("error_count", _same),
    ("assumed_aircon_power", str),
    ("assumed_aircon_mode", _same),
    ("assumed_aircon_parameter", _same),
    ("assumed_aircon_action", str),
    ("assumed_aircon_uncertain", _same),
    ("last_aircon_poll_at", encode_instant),
    ("last_action", _same),
    ("last_action_at", encode_instant),
    ("compressor_started_at", encode_instant),
    ("compressor_stopped_at", encode_instant),
    ("fan_started_at", encode_instant),
    ("manual_action_at", encode_instant),
    ("hold_until", encode_instant),
    ("pending_off_repeat", _encode_parts),
    ("pending_manual_action", _encode_parts),
    ("command_intent", _encode_parts),
    ("value_since", encode_instant),
    ("slope_bounds", SlopeBounds.to_document),
    ("conditioned", str),
    ("group_waits_since", encode_instant),
    ("learned", Learned.to_document),
    ("sensing", SensorRecord.to_document),
    ("equipment", Equipment.to_document),
    ("command_check", Check.to_document),
    ("surroundings", Surroundings.to_document),
    ("aircon_shows", dict),
    ("unit", UnitId.to_document),
    ("meters", list),
)
_INDEXES = range(len(_KEYS))
_BY_KEY = {key: (encode, index) for index, (key, encode) in enumerate(_KEYS)}
_INSTANT_KEYS = tuple(key for key, encode in _KEYS if encode is encode_instant)
_PART_KEYS = (
    "pending_off_repeat",
    "pending_manual_action",
    "command_intent",
    "sensing",
    "equipment",
    "command_check",
    "surroundings",
)
_INSTANT_NAMES = frozenset({"at", "since", "until", "rest_until", "locked_until"})


def unreadable_instants(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands in a state document where an instant should, by its path.

    Each counts as absent. Keys that are not the engine's are not looked at.
    """
    found: dict[str, Any] = {}
    for key in _INSTANT_KEYS:
        value = document.get(key)
        read = stored_hold if key == "hold_until" else instant
        if value is not None and read(value) is None:
            found[key] = value
    for key in _PART_KEYS:
        found.update(_unreadable_inside(document.get(key), key))
    return found


def _unreadable_inside(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _unreadable_inside(each, f"{path}[{index}]")
    if not isinstance(value, dict):
        return
    for key, each in value.items():
        name = f"{path}.{key}"
        if isinstance(each, dict | list):
            yield from _unreadable_inside(each, name)
        elif (
            (key in _INSTANT_NAMES or key.endswith("_at"))
            and each is not None
            and instant(each) is None
        ):
            yield name, each


_DASHBOARD_KEYS = frozenset(
    {
        "last_temperature",
        "last_humidity",
        "last_read_at",
        "last_error",
        "last_temperature_stale",
        "last_temperature_stale_reason",
        "assumed_aircon_power",
        "assumed_aircon_mode",
        "assumed_aircon_parameter",
        "last_aircon_poll_at",
        "last_action",
        "last_action_at",
        "pending_off_repeat",
    }
)


def _action_from_dashboard(
    power: Power, mode: int | None, last_action: str | None
) -> Action | None:
    """Name the action a dashboard's state stands for, None where it does not say."""
    if power is Power.OFF:
        return Action.OFF
    if power is not Power.ON:
        return None
    if mode == MODE_FAN or (mode is None and "fan" in (last_action or "")):
        return Action.FAN
    return {MODE_HEAT: Action.WINTER, MODE_COOL: Action.SUMMER}.get(mode or 0)


# No minimum time is longer, so what is older than this protects nothing any more.
_LONGEST_REST = timedelta(hours=1)

_EQUIPMENT = ("compressor_started_at", "compressor_stopped_at", "fan_started_at")


def after_jump(state: ZoneState, seconds: float, now: datetime) -> ZoneState:
    """Return the state once the wall clock was set by `seconds`; `now` is by the new one.

    A compressor that stopped a minute ago has still rested but a minute, and its starts
    of the last hour are of the last hour. Set back, the clock only makes rests longer,
    which `ZoneState.not_later_than` bounds.
    """
    if not seconds:
        return state
    jump = timedelta(seconds=seconds)
    moved: dict[str, Any] = {}
    if seconds > 0.0:
        moved = {
            name: min(now, at + jump)
            for name in _EQUIPMENT
            if (at := getattr(state, name)) is not None
            and now - jump - at < _LONGEST_REST
        }
    if state.equipment is not None:
        moved["equipment"] = state.equipment.after_jump(jump, now)
    return state._replace(**moved) if moved else state


# --- what is of no facet -------------------------------------------------------------


def with_error(state: ZoneState, error: str | None) -> ZoneState:
    """Return the state after something failed, a reading or a command."""
    return state._replace(last_error=error, error_count=state.error_count + 1)


def well(state: ZoneState) -> ZoneState:
    """Return the state after a command was taken: no error is open."""
    return state._replace(last_error=None)


def read_well(state: ZoneState, *, forget_error: bool) -> ZoneState:
    """Return the state after a meter answered; a command's error stays open."""
    error = None if forget_error else state.last_error
    return state._replace(last_error=error, error_count=0)


def supposed(state: ZoneState, **fields: Any) -> ZoneState:
    """Return the state as if: for questions, never to be kept."""
    return state._replace(**fields)
