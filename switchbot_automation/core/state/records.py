"""What a zone's state is made of: its parts of several fields, how they are written and read. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from switchbot_automation.core.control.overshoot import Softening
from switchbot_automation.core.control.season import Season
from switchbot_automation.core.control.steer import Steering
from switchbot_automation.core.control.trend import Trend
from switchbot_automation.core.control.warm_up import WarmUp
from switchbot_automation.core.state.values import (
    encode_instant,
    enum,
    instant,
    integer,
    number,
    text,
)
from switchbot_automation.model import Action, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Check:
    """A command whose effect is still to be seen, at the latest at `due_at`.

    `attempt` counts how often it was sent again; `temperature` is the room's when it
    was sent, Celsius. `given_up`: the unit counts as unresponsive. `parameter` is that
    of the `setAll` that was sent, None for OFF and where a scene or webhook did it.
    """

    id: str
    action: Action
    since: datetime
    due_at: datetime
    attempt: int = 0
    temperature: float | None = None
    given_up: bool = False
    parameter: str | None = None

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""
        return {
            "id": self.id,
            "action": str(self.action),
            "since": encode_instant(self.since),
            "due_at": encode_instant(self.due_at),
            "attempt": self.attempt,
            "temperature": self.temperature,
            "given_up": self.given_up,
            "parameter": self.parameter,
        }

    @classmethod
    def from_document(cls, value: Any) -> Check | None:
        """Read a document, however damaged; None where there is none."""
        if not isinstance(value, dict):
            return None
        since, due_at = instant(value.get("since")), instant(value.get("due_at"))
        action = enum(Action, value.get("action"))
        if since is None or due_at is None or action is None:
            return None
        return cls(
            id=str(value.get("id") or ""),
            action=action,
            since=since,
            due_at=due_at,
            attempt=max(0, integer(value.get("attempt")) or 0),
            temperature=number(value.get("temperature")),
            given_up=value.get("given_up") is True,
            parameter=text(value.get("parameter")),
        )


DAY = timedelta(hours=24)


# More than any cap allows within a day.
_KEPT_EQUIPMENT_STARTS = 300


class Start(NamedTuple):
    """A start of the compressor, and what for: `winter` heats, `summer` cools."""

    at: datetime
    action: Action


class Equipment(NamedTuple):
    """A zone's compressor over the last day. Instants are aware UTC.

    `starts` in ascending order. `rest_until`: after it ran as long as it may.
    `locked_until`: while nobody knows when it last stopped.
    """

    starts: tuple[Start, ...] = ()
    rest_until: datetime | None = None
    locked_until: datetime | None = None

    def started(self, at: datetime, action: Action) -> Equipment:
        """Return it with one more start; those over a day old are forgotten.

        The last one always stays: it says whether the compressor heated or cooled.
        """
        kept = tuple(one for one in self.starts if at - one.at < DAY)
        return self._replace(
            starts=(*kept[-_KEPT_EQUIPMENT_STARTS:], Start(at, action))
        )

    def joined(self, other: Equipment | None) -> Equipment:
        """Return what two writers know together; the longer wait stands."""
        if other is None or other == self:
            return self
        starts = sorted({*self.starts, *other.starts})
        return Equipment(
            tuple(starts[-_KEPT_EQUIPMENT_STARTS:]),
            _later(self.rest_until, other.rest_until),
            _later(self.locked_until, other.locked_until),
        )

    def after_jump(self, jump: timedelta, now: datetime) -> Equipment:
        """Return it once the wall clock was set by `jump`; `now` is by the new one.

        No start is longer ago than before, and no wait gets shorter or longer.
        """
        starts = self.starts
        if jump > timedelta(0):
            starts = tuple(
                one._replace(at=min(now, one.at + jump))
                if now - jump - one.at < DAY
                else one
                for one in starts
            )
        rest, locked = self.rest_until, self.locked_until
        return Equipment(starts, rest and rest + jump, locked and locked + jump)

    def not_later_than(self, now: datetime) -> Equipment:
        """Pull starts from the future back to `now`, after the clock was set back."""
        if not self.starts or self.starts[-1].at <= now:
            return self
        pulled = tuple(one._replace(at=min(one.at, now)) for one in self.starts)
        return self._replace(starts=pulled)

    def to_document(self) -> dict[str, Any]:
        """Return it as a document; what is unknown is left out."""
        document: dict[str, Any] = {
            "starts": [[encode_instant(one.at), str(one.action)] for one in self.starts]
        }
        for key in ("rest_until", "locked_until"):
            at = getattr(self, key)
            if at is not None:
                document[key] = encode_instant(at)
        return document

    @classmethod
    def from_document(cls, value: Any) -> Equipment | None:
        """Read a document, however damaged; None where there is none."""
        if not isinstance(value, dict):
            return None
        listed = value.get("starts")
        found = [_start(one) for one in listed] if isinstance(listed, list) else []
        return cls(
            tuple(
                sorted(one for one in found if one is not None)[
                    -_KEPT_EQUIPMENT_STARTS:
                ]
            ),
            instant(value.get("rest_until")),
            instant(value.get("locked_until")),
        )


NONE = Equipment()


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return max(one, other)


def _start(value: Any) -> Start | None:
    if not isinstance(value, list) or len(value) != len(Start._fields):
        return None
    at, action = instant(value[0]), enum(Action, value[1])
    return Start(at, action) if at and action else None


class SensorRecord(NamedTuple):
    """What is kept of a zone's readings. Instants are aware UTC.

    `since` is where the age of what is known counts from: the last contact that gave a
    usable temperature, or the first look while there was none. `temperature` and
    `humidity` are what that contact gave, `changed_at` when either last was another.
    `distrust`: why readings are not enough for a start yet; `good` counts the usable
    ones in a row since. `odd` is a value too far from the last one, seen `odd_count`
    times.
    """

    since: datetime
    good_at: datetime | None = None
    temperature: float | None = None
    humidity: float | None = None
    changed_at: datetime | None = None
    distrust: ReasonCode | None = None
    good: int = 0
    odd: float | None = None
    odd_count: int = 0
    looked_at: datetime | None = None

    def to_document(self) -> dict[str, Any]:
        """Return it as a document; what is unknown is left out."""
        return {
            key: encode_instant(value) if isinstance(value, datetime) else _plain(value)
            for key, value in zip(self._fields, self, strict=True)
            if value is not None and value != 0
        }

    @classmethod
    def from_document(cls, value: Any) -> SensorRecord | None:
        """Read a document, however damaged; None where there is none."""
        if not isinstance(value, dict):
            return None
        since = instant(value.get("since"))
        if since is None:
            return None
        return cls(
            since=since,
            good_at=instant(value.get("good_at")),
            temperature=number(value.get("temperature")),
            humidity=number(value.get("humidity")),
            changed_at=instant(value.get("changed_at")),
            distrust=enum(ReasonCode, value.get("distrust")),
            good=_count(value.get("good")),
            odd=number(value.get("odd")),
            odd_count=_count(value.get("odd_count")),
            looked_at=instant(value.get("looked_at")),
        )

    def not_later_than(self, now: datetime) -> SensorRecord:
        """Pull instants from the future back to `now`, after the clock was set back."""
        late: dict[str, Any] = {
            name: now
            for name in ("since", "good_at", "changed_at", "looked_at")
            if (at := getattr(self, name)) is not None and at > now
        }
        return self._replace(**late) if late else self


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, ReasonCode) else value


def _count(value: Any) -> int:
    return max(0, integer(value) or 0)


_NOTHING: Mapping[str, Any] = MappingProxyType({})


_KEPT_READINGS = 60


@dataclass(frozen=True, slots=True)
class Sign:
    """What a contact, motion or presence sensor showed, aware UTC.

    `active`: open, or something moves. `since`: when that began. `heard_at`: when it was
    last said. `moved_at`: when it was last active. `held_seconds`: how long what was
    before it had lasted.
    """

    active: bool
    since: datetime
    heard_at: datetime
    moved_at: datetime
    held_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class OffsetValue:
    """What a source last gave, in kelvin, until when it holds."""

    kelvin: float
    until: datetime


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known around one zone.

    `signs` by device id, `offsets` by source. `readings` of the last minutes, as POSIX
    seconds and degrees Celsius, are kept where a sudden loss is looked for;
    `suspected_at` is when there was one. `joined` and `missed` are the start of the
    occurrence of a window, by its name, that is in force or came too late, as dates.
    """

    signs: Mapping[str, Sign] = field(default_factory=lambda: _NOTHING)
    offsets: Mapping[str, OffsetValue] = field(default_factory=lambda: _NOTHING)
    readings: tuple[tuple[float, float], ...] = ()
    suspected_at: datetime | None = None
    joined: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    missed: Mapping[str, str] = field(default_factory=lambda: _NOTHING)

    def to_document(self) -> dict[str, Any]:
        """Return it as a document, without what is empty."""
        document: dict[str, Any] = {
            "signs": {
                device_id: {
                    "active": sign.active,
                    "since": _written(sign.since),
                    "heard_at": _written(sign.heard_at),
                    "moved_at": _written(sign.moved_at),
                    "held_seconds": sign.held_seconds,
                }
                for device_id, sign in self.signs.items()
            },
            "offsets": {
                source: {"kelvin": value.kelvin, "until": _written(value.until)}
                for source, value in self.offsets.items()
            },
            "readings": [list(each) for each in self.readings],
            "suspected_at": _written(self.suspected_at) if self.suspected_at else None,
            "joined": dict(self.joined),
            "missed": dict(self.missed),
        }
        return {key: value for key, value in document.items() if value}

    @classmethod
    def from_document(cls, value: Any) -> Surroundings | None:
        """Read a document, however damaged; None where there is none."""
        if not isinstance(value, dict):
            return None
        signs = {key: _sign(each) for key, each in _items(value.get("signs"))}
        offsets = {key: _offset(each) for key, each in _items(value.get("offsets"))}
        return cls(
            signs={key: each for key, each in signs.items() if each},
            offsets={key: each for key, each in offsets.items() if each},
            readings=_readings(value.get("readings")),
            suspected_at=instant(value.get("suspected_at")),
            joined=_days(value.get("joined")),
            missed=_days(value.get("missed")),
        )

    def not_later_than(self, now: datetime) -> Surroundings:
        """Pull instants from the future back to `now`, after the clock was set back."""
        late = {
            key: replace(
                sign,
                since=min(sign.since, now),
                heard_at=min(sign.heard_at, now),
                moved_at=min(sign.moved_at, now),
            )
            for key, sign in self.signs.items()
            if sign.heard_at > now
        }
        suspected = self.suspected_at
        ahead = self.readings and self.readings[-1][0] > now.timestamp()
        if not late and not ahead and (suspected is None or suspected <= now):
            return self
        return replace(
            self,
            signs={**self.signs, **late},
            readings=() if ahead else self.readings,
            suspected_at=min(suspected, now) if suspected else None,
        )


EMPTY = Surroundings()


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _items(value: Any) -> list[tuple[str, dict[str, Any]]]:
    found = value.items() if isinstance(value, dict) else ()
    return [(key, each) for key, each in found if isinstance(each, dict)]


def _sign(value: dict[str, Any]) -> Sign | None:
    since, heard_at = instant(value.get("since")), instant(value.get("heard_at"))
    active = value.get("active")
    if since is None or heard_at is None or not isinstance(active, bool):
        return None
    held = number(value.get("held_seconds")) or 0.0
    moved_at = instant(value.get("moved_at")) or heard_at
    return Sign(active, since, heard_at, moved_at, max(0.0, min(held, 1e9)))


def _offset(value: dict[str, Any]) -> OffsetValue | None:
    kelvin, until = number(value.get("kelvin")), instant(value.get("until"))
    if kelvin is None or until is None:
        return None
    return OffsetValue(kelvin, until)


def _days(value: Any) -> dict[str, str]:
    """Return the days by window, each as ISO 8601 writes it."""
    found = value.items() if isinstance(value, dict) else ()
    return {key: each for key, each in found if _is_day(each)}


def _readings(value: Any) -> tuple[tuple[float, float], ...]:
    found = []
    for each in value[-_KEPT_READINGS:] if isinstance(value, list) else ():
        pair = [number(one) for one in each] if isinstance(each, list) else []
        if len(pair) == 2 and None not in pair:  # noqa: PLR2004 - an instant and a temperature
            found.append((float(pair[0] or 0.0), float(pair[1] or 0.0)))
    ordered = sorted(found)
    return tuple(each for each in ordered if math.isfinite(each[1]))


@dataclass(frozen=True, slots=True)
class PendingRepeat:
    """OFF commands still to be sent again, as the dashboard writes them.

    `action` is ours: `fan` where fan was sent in place of OFF.
    """

    remaining: int
    interval_seconds: float
    next_run_at: datetime
    state_reason: str
    action: Action = Action.OFF


@dataclass(frozen=True, slots=True)
class Intent:
    """A command about to be sent, recorded before it is.

    `token` is that of the engine's lead, None without one; `owner` its process.
    `idempotent`: sending it twice does what
    sending it once does.
    """

    id: str
    at: datetime
    action: Action
    token: int | None
    idempotent: bool
    source: str
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class PendingManual:
    """A person's command that waits for the equipment's minimum off time.

    `promised_at`: when it was first due, where safety has put it off since.
    """

    action: Action
    due_at: datetime
    promised_at: datetime | None = None


def repeat_of(value: Any) -> PendingRepeat | None:
    """Read the repeats of a document; None for none, or garbage."""
    if not isinstance(value, dict):
        return None
    remaining = integer(value.get("remaining")) or 0
    due = instant(value.get("next_run_at"))
    if remaining <= 0 or due is None:
        return None
    return PendingRepeat(
        remaining=min(remaining, 10),
        interval_seconds=min(
            max(number(value.get("interval_seconds")) or 10, 1), 86400
        ),
        next_run_at=due,
        state_reason=text(value.get("state_reason")) or "off_repeat",
        action=enum(Action, value.get("action")) or Action.OFF,
    )


def manual_of(value: Any) -> PendingManual | None:
    """Read the waiting command of a document; None for none, or garbage."""
    if not isinstance(value, dict):
        return None
    action = enum(Action, value.get("action"))
    due = instant(value.get("due_at"))
    promised = instant(value.get("promised_at"))
    return PendingManual(action, due, promised) if action and due else None


def intent_of(value: Any) -> Intent | None:
    """Read the intent of a document; None for none, or garbage."""
    if not isinstance(value, dict):
        return None
    action = enum(Action, value.get("action"))
    at = instant(value.get("at"))
    if action is None or at is None:
        return None
    return Intent(
        id=text(value.get("id")) or "",
        at=at,
        action=action,
        token=integer(value.get("token")),
        idempotent=value.get("idempotent") is True,
        source=text(value.get("source")) or "",
        owner=text(value.get("owner")),
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter gave this tick.

    `temperature` in degrees Celsius is None when there is none, and then `problem` says
    why. `humidity` in percent. `received_at` is when the answer came. `source`: ``push``
    for what an event said; None for an answer that was asked for.
    """

    temperature: float | None = None
    humidity: float | None = None
    received_at: datetime | None = None
    problem: ReasonCode | None = None
    error: str | None = None
    source: str | None = None

    def made_at(self, now: datetime) -> datetime:
        """Return when the temperature was read; `now` where nobody knows that."""
        at = self.received_at
        return now if at is None or at > now else at


def _is_day(value: Any) -> bool:
    try:
        return bool(date.fromisoformat(value).isoformat() == value)
    except (TypeError, ValueError):
        return False


@dataclass(frozen=True, slots=True)
class AirconSetting:
    """What a unit is told or shows: a `setAll` parameter, read once.

    SwitchBot API v1.1: ``temperature,mode,fan,power`` as in ``26,5,3,on``. Two are equal
    that mean the same: ``26.0,5,3,ON`` is ``26,5,3,on``. `temperature` in degrees Celsius,
    `mode` (2 cool, 4 fan, 5 heat) and `fan` (1 auto to 4 high) are None where the text does
    not say them.

        AirconSetting.parse("26,5,3,on").temperature  # 26.0
    """

    text: str = field(compare=False)
    parts: tuple[float | str, ...]

    @staticmethod
    @lru_cache(maxsize=512)
    def parse(text: str | None) -> AirconSetting | None:
        """Read a parameter, whoever wrote it; None for None."""
        if text is None:
            return None
        parts: list[float | str] = []
        for part in text.split(","):
            word = part.strip().lower()
            try:
                parts.append(float(word))
            except ValueError:
                parts.append(word)
        return AirconSetting(text, tuple(parts))

    @property
    def temperature(self) -> float | None:
        """The setpoint in degrees Celsius."""
        first = self.parts[0]
        is_number = isinstance(first, float) and math.isfinite(first)
        return float(first) if is_number else None

    @property
    def mode(self) -> int | None:
        """The unit's mode as the API counts them."""
        return self._whole(1)

    @property
    def fan(self) -> int | None:
        """The fan speed as the API counts them."""
        return self._whole(2)

    def _whole(self, index: int) -> int | None:
        if len(self.parts) <= index:
            return None
        part = self.parts[index]
        whole = isinstance(part, float) and part.is_integer() and part >= 0
        return int(part) if whole else None


@dataclass(frozen=True, slots=True)
class Learned:
    """What a zone has learned of its room, its unit and its meter."""

    trend: Trend = field(default_factory=Trend)
    steering: Steering = field(default_factory=Steering)
    warm_up: WarmUp = field(default_factory=WarmUp)
    softening: Softening = field(default_factory=Softening)
    season: Season | None = None
    starts: tuple[float, ...] = ()
    """When the compressor was started lately, POSIX seconds, ascending."""

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""
        season = {"season": self.season.to_document()} if self.season else {}
        return season | {
            "readings": self.trend.to_list(),
            "steering": self.steering.to_document(),
            "warm_up": self.warm_up.to_document(),
            "softening": self.softening.to_document(),
            "starts": list(self.starts),
        }

    @classmethod
    def from_document(cls, value: Any) -> Learned | None:
        """Read a document, however damaged; None where there is none."""
        if not isinstance(value, dict):
            return None
        return cls(
            Trend.from_list(value.get("readings")),
            Steering.from_document(_section(value, "steering")),
            WarmUp.from_document(_section(value, "warm_up")),
            Softening.from_document(_section(value, "softening")),
            Season.from_document(_section(value, "season")),
            _starts_of(value.get("starts")),
        )


def _section(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    section = value.get(key)
    return section if isinstance(section, dict) else {}


def _starts_of(value: Any) -> tuple[float, ...]:
    found = value[-KEPT_STARTS:] if isinstance(value, list) else ()
    return tuple(
        sorted(
            float(one)
            for one in found
            if isinstance(one, int | float)
            and not isinstance(one, bool)
            and 0 <= one < 1e11  # noqa: PLR2004 - within datetime's years
        )
    )


KEPT_STARTS = 24
