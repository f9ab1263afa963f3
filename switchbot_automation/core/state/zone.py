"""What is kept of a zone, and how its document is read and written. Pure.

Typed inside, one tolerant document outside: the dashboard's flat `state` with a few keys
of our own. Reading accepts anything: a value of the wrong kind counts as absent. Writing
changes only the keys whose value changed, so keys we do not know survive untouched. First
the parts of several fields, each with its document, then `ZoneState`, which holds them all.

Here too, since it moves whole states: somebody set the wall clock, and the equipment is
kept safe from it. Instants are stored in UTC by the wall clock, waits run on the monotonic
one. When the two part, the wall clock was set (or the machine slept, which looks the same):
what is due at an instant is derived anew, and a rest the compressor had begun is not cut
short.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache, partial
from itertools import compress
from operator import attrgetter, is_not
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from switchbot_automation.core.control.lateness import NEVER_STARTED, Lateness
from switchbot_automation.core.control.overshoot import Softening
from switchbot_automation.core.control.reports import NEVER_READ, Reports
from switchbot_automation.core.control.resting import Resting
from switchbot_automation.core.control.season import Season
from switchbot_automation.core.control.slopes import SlopeBounds
from switchbot_automation.core.control.steer import Steering
from switchbot_automation.core.control.trend import Trend
from switchbot_automation.core.control.warm_up import WarmUp
from switchbot_automation.core.state.misread import Misread
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
from switchbot_automation.model import COLDEST, WARMEST, Action, Power, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping


# --- the parts, each with its document ------------------------------------------------


class _Instants:
    """The instants among a part's fields that lie in the past, unless the clock was wrong."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.of = attrgetter(*names)

    def late(self, part: object, now: datetime) -> dict[str, Any]:
        """Return `now` for each that lies after it."""
        # At every tick, of every part, and nearly always there is none.
        if max(filter(None, self.of(part)), default=now) <= now:
            return {}
        return {
            name: now
            for name, at in zip(self.names, self.of(part), strict=True)
            if at is not None and at > now
        }


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


class Doubt(NamedTuple):
    """What contradicts what a unit is believed to do.

    `by`: ``plug``, ``room`` or ``seen``, its own status. `action` is what it was told.
    `tries` counts how often it was told again since, not before `next_at` the next time;
    `told`: notice was given.
    """

    by: str
    since: datetime
    action: Action
    tries: int = 0
    next_at: datetime | None = None
    told: bool = False


class Warmth(NamedTuple):
    """A radiator that is warmer than its room although its valve was told to close.

    `since` is from when on it has been so and has not cooled, `kelvin` by how much at most,
    `seen_at` when it was read so last. `first` is when it was read so first, where it has
    cooled since: with a boiler that comes and goes it does each time. None: at `since`.
    """

    since: datetime
    kelvin: float
    seen_at: datetime
    first: datetime | None = None

    def not_later_than(self, now: datetime) -> Warmth:
        """Pull instants from the future back to `now`, after the clock was set back."""
        first = None if self.first is None else min(self.first, now)
        since, seen_at = min(self.since, now), min(self.seen_at, now)
        return self._replace(since=since, seen_at=seen_at, first=first)

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""
        document: dict[str, Any] = {
            "since": encode_instant(self.since),
            "kelvin": self.kelvin,
            "seen_at": encode_instant(self.seen_at),
        }
        if self.first is not None:
            document["first"] = encode_instant(self.first)
        return document


class Evidence(NamedTuple):
    """What shows what a unit does, besides what it was told. Instants are aware UTC.

    `plug` is what the watts of its plug say since `plug_since`, when the room was at
    `plug_from` degrees Celsius; `plug_at` is when it last answered, `plug_asked_at` when
    it was asked. `agreed_at`: when plug or status last showed it at what it was believed
    to do. `repairs`: when it was told again, of the last hours. `course`: the room's
    last temperatures, as POSIX seconds and degrees Celsius. `wish` is the
    `setAll` that was asked for when it was told last, `changed_at` when that was another
    one while it ran; `runs_since`: from when on it may have run, however often it was told
    again. `said` is the action that was sent last, whatever became of it; `unanswered`
    counts the orders in a row whose answer was lost, the last at `unanswered_at`, with
    the `setAll` parameter `asked`, where it had one, and `asked_since` the first that
    said just that.
    `responds`: in how many seconds the room was seen to follow its start, the last time at
    `room_at`, and `best` how far it came since it was told last, degrees Celsius.
    `overrun`: by how many kelvin the room went past the band by itself while it rested,
    learned at `overrun_at`. `hindered`: what the unit said last that keeps it from its work.
    `resting`: how the room leaves its band while the unit rests, and whether it does now.
    `mended`: when telling it again had helped, of the last hours, and `mending` when it
    seemed to, for now. `defied` counts the stops in
    a row after which it was seen to run on, the last of them told at `defied_at`. `warmth`:
    its radiator is warm although it is to be closed, and was told so once more at
    `warm_told_at`; `usual` is by how many kelvin that was found to be nothing, at `usual_at`.
    `misread`: whether its plug's watts are to be believed, by what the room does.
    `idled_at`: when a heater whose relay was on last drew nothing in a room that had not enough.
    `hot_at`: when its radiator was last seen to be warm while it was to be, and `cold_since`
    from when on it was seen not to be, though it has not enough. `content_at`:
    when its own thermometer was last seen to be as far as it was set, None where it was not.
    `rested_at`: when the room was last seen to go back while the unit was told to rest, and
    `held` the setpoint that it worked at before, degrees Celsius, None where nobody knows.
    """

    plug: Power = Power.UNKNOWN
    plug_since: datetime | None = None
    plug_from: float | None = None
    plug_at: datetime | None = None
    plug_asked_at: datetime | None = None
    agreed_at: datetime | None = None
    doubt: Doubt | None = None
    repairs: tuple[datetime, ...] = ()
    course: tuple[tuple[float, float], ...] = ()
    wish: str | None = None
    changed_at: datetime | None = None
    runs_since: datetime | None = None
    said: Action | None = None
    unanswered: int = 0
    unanswered_at: datetime | None = None
    asked: str | None = None
    asked_since: datetime | None = None
    responds: float | None = None
    room_at: datetime | None = None
    best: float | None = None
    overrun: float | None = None
    overrun_at: datetime | None = None
    hindered: ReasonCode | None = None
    resting: Resting | None = None
    mended: tuple[datetime, ...] = ()
    mending: datetime | None = None
    defied: int = 0
    defied_at: datetime | None = None
    warmth: Warmth | None = None
    warm_told_at: datetime | None = None
    usual: float | None = None
    usual_at: datetime | None = None
    misread: Misread | None = None
    hot_at: datetime | None = None
    content_at: datetime | None = None
    rested_at: datetime | None = None
    held: float | None = None
    idled_at: datetime | None = None
    cold_since: datetime | None = None

    def to_document(self, course: str | None = None) -> dict[str, Any]:
        """Return it as a document, without what is unknown.

        `course` is the room's course as it is written, where that is known already.
        """
        document: dict[str, Any] = {
            name: encode_instant(at)
            for name, at in zip(
                _EVIDENCE_INSTANTS.names, _EVIDENCE_INSTANTS.of(self), strict=True
            )
            if at is not None
        }
        document |= self._values()
        learned = {"resting": self.resting, "misread": self.misread}
        document |= {
            name: each.to_document()
            for name, each in learned.items()
            if each is not None
        }
        if self.warmth is not None:
            document["warmth"] = self.warmth.to_document()
        if self.course:
            # One text: two dozen lists would be most of what a tick reads and writes.
            document["course"] = course or " ".join(map(_written_sample, self.course))
        if self.doubt is not None:
            doubt = self.doubt
            document["doubt"] = {
                "by": doubt.by,
                "since": encode_instant(doubt.since),
                "action": str(doubt.action),
                "tries": doubt.tries,
                "next_at": encode_instant(doubt.next_at) if doubt.next_at else None,
                "told": doubt.told,
            }
        return document

    def _values(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            name: getattr(self, name)
            for name in _EVIDENCE_VALUES
            if getattr(self, name) is not None
        }
        for name in ("plug", "said", "hindered"):
            if getattr(self, name) not in (None, Power.UNKNOWN):
                found[name] = str(getattr(self, name))
        for name in ("unanswered", "defied"):
            if getattr(self, name):
                found[name] = getattr(self, name)
        for name in ("repairs", "mended"):
            if getattr(self, name):
                found[name] = [encode_instant(at) for at in getattr(self, name)]
        return found

    def as_after(self, before: Evidence | None, stored: Any) -> dict[str, Any]:
        """Return it as a document where `before` is what was `stored`.

        A course goes on by one sample. To write all of them again takes as long as a
        fifth of what else a tick does for a zone.
        """
        written = stored.get("course") if isinstance(stored, dict) else None
        if before is None or not isinstance(written, str):
            return self.to_document()
        known, course = before.course, self.course
        if course is known:
            return self.to_document(written)
        kept = course[:-1]
        dropped = len(known) - len(kept)
        if not kept or dropped < 0 or known[dropped:] != kept:
            return self.to_document()
        texts = written.split(" ")
        # A document that somebody else wrote may have them in another order.
        as_known = len(texts) == len(known) and all(
            texts[place] == _written_sample(known[place]) for place in (dropped, -1)
        )
        if not as_known:
            return self.to_document()
        return self.to_document(
            " ".join([*texts[dropped:], _written_sample(course[-1])])
        )

    @classmethod
    def from_document(cls, value: Any) -> Evidence | None:
        """Read a document, however damaged; None where there is none."""
        if not isinstance(value, dict):
            return None
        instants = {name: instant(value.get(name)) for name in _EVIDENCE_INSTANTS.names}
        responds = number(value.get("responds"))
        return cls(
            plug=enum(Power, value.get("plug")) or Power.UNKNOWN,
            plug_from=number(value.get("plug_from")),
            doubt=_doubt(value.get("doubt")),
            repairs=_instants_of(value.get("repairs")),
            mended=_instants_of(value.get("mended")),
            defied=max(0, integer(value.get("defied")) or 0),
            warmth=_warmth(value.get("warmth")),
            usual=number(value.get("usual")),
            course=_course(value.get("course")),
            wish=text(value.get("wish")),
            asked=text(value.get("asked")),
            said=enum(Action, value.get("said")),
            hindered=enum(ReasonCode, value.get("hindered")),
            resting=Resting.from_document(value.get("resting")),
            misread=Misread.from_document(value.get("misread")),
            unanswered=max(0, integer(value.get("unanswered")) or 0),
            responds=responds if responds is None else max(0.0, min(responds, 86400.0)),
            best=number(value.get("best")),
            overrun=number(value.get("overrun")),
            held=number(value.get("held")),
            **instants,
        )

    def not_later_than(self, now: datetime) -> Evidence:
        """Pull instants from the future back to `now`, after the clock was set back."""
        late = _EVIDENCE_INSTANTS.late(self, now)
        for name in ("repairs", "mended"):
            instants = getattr(self, name)
            if instants and instants[-1] > now:
                late[name] = tuple(min(at, now) for at in instants)
        warmth = self.warmth
        if warmth is not None and max(warmth.since, warmth.seen_at) > now:
            late["warmth"] = warmth.not_later_than(now)
        if self.misread is not None:
            misread = self.misread.not_later_than(now)
            if misread is not self.misread:
                late["misread"] = misread
        if self.course and self.course[-1][0] > now.timestamp():
            late["course"] = ()
        doubt = self.doubt
        if doubt is not None and doubt.since > now:
            late["doubt"] = doubt._replace(since=now, next_at=None)
        return self._replace(**late) if late else self


_EVIDENCE_VALUES = [
    "plug_from",
    "wish",
    "asked",
    "responds",
    "best",
    "overrun",
    "usual",
    "held",
]
_EVIDENCE_INSTANTS = _Instants(
    "plug_since",
    "plug_at",
    "plug_asked_at",
    "agreed_at",
    "changed_at",
    "runs_since",
    "unanswered_at",
    "asked_since",
    "room_at",
    "overrun_at",
    "usual_at",
    "mending",
    "defied_at",
    "warm_told_at",
    "hot_at",
    "content_at",
    "rested_at",
    "idled_at",
    "cold_since",
)
_KEPT_REPAIRS = 12


def _instants_of(value: Any) -> tuple[datetime, ...]:
    if not isinstance(value, list):
        return ()
    found = [instant(each) for each in value[-_KEPT_REPAIRS:]]
    return tuple(sorted(at for at in found if at is not None))


def _warmth(value: Any) -> Warmth | None:
    if not isinstance(value, dict):
        return None
    since, kelvin = instant(value.get("since")), number(value.get("kelvin"))
    if since is None or kelvin is None:
        return None
    seen_at, first = instant(value.get("seen_at")), instant(value.get("first"))
    return Warmth(since, kelvin, seen_at or since, first)


def _doubt(value: Any) -> Doubt | None:
    if not isinstance(value, dict):
        return None
    by, since = text(value.get("by")), instant(value.get("since"))
    action = enum(Action, value.get("action"))
    if by is None or since is None or action is None:
        return None
    return Doubt(
        by,
        since,
        action,
        max(0, integer(value.get("tries")) or 0),
        instant(value.get("next_at")),
        value.get("told") is True,
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
    times. `quiet` is for how many seconds it was seen to say the same lately, `watched_since`
    from when on it was looked at without a gap. `beside`: what the room's other meters said
    when this one last said something else, by device id. `doubt`: why the last judgement
    did not believe it, `doubted_at` since when. `base` is what it said before it jumped,
    at `leapt_at`; `leaps` how often lately it came back from a jump, fading.
    `turns` is how often the unit was started or stopped since `changed_at`, the last time at
    `turned_at`; `most_turns` how often it was lately before the value moved, fading, and
    `turns_seen` from how many of its turns that is known. `co2` in ppm;
    `humidity_at` and `co2_at` are when these last were another, `humidity_dead` and `co2_dead`
    that they are not believed, see `core.state.meter`.
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
    quiet: float = 0.0
    watched_since: datetime | None = None
    beside: tuple[tuple[str, float], ...] = ()
    doubt: ReasonCode | None = None
    doubted_at: datetime | None = None
    base: float | None = None
    leaps: float = 0.0
    leapt_at: datetime | None = None
    turns: int = 0
    turned_at: datetime | None = None
    most_turns: float = 0.0
    turns_seen: int = 0
    humidity_at: datetime | None = None
    humidity_dead: bool = False
    co2: float | None = None
    co2_at: datetime | None = None
    co2_dead: bool = False

    def to_document(self) -> dict[str, Any]:
        """Return it as a document; what is unknown is left out."""
        return {
            key: encode_instant(value)
            if type(value) is datetime
            else value
            if type(value) in _AS_THEY_ARE
            else _plain(value)
            for key, value in zip(self._fields, self, strict=True)
            if value
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
            quiet=max(0.0, min(number(value.get("quiet")) or 0.0, 1e7)),
            watched_since=instant(value.get("watched_since")),
            beside=_temperatures(value.get("beside")),
            doubt=enum(ReasonCode, value.get("doubt")),
            doubted_at=instant(value.get("doubted_at")),
            base=number(value.get("base")),
            leaps=max(0.0, min(number(value.get("leaps")) or 0.0, 1e3)),
            leapt_at=instant(value.get("leapt_at")),
            turns=min(_count(value.get("turns")), 10_000),
            turned_at=instant(value.get("turned_at")),
            most_turns=max(0.0, min(number(value.get("most_turns")) or 0.0, 1e4)),
            turns_seen=min(_count(value.get("turns_seen")), 10_000),
            humidity_at=instant(value.get("humidity_at")),
            humidity_dead=value.get("humidity_dead") is True,
            co2=number(value.get("co2")),
            co2_at=instant(value.get("co2_at")),
            co2_dead=value.get("co2_dead") is True,
        )

    def not_later_than(self, now: datetime) -> SensorRecord:
        """Pull instants from the future back to `now`, after the clock was set back."""
        late = _SENSOR_INSTANTS.late(self, now)
        return self._replace(**late) if late else self


_SENSOR_INSTANTS = _Instants(
    "since",
    "good_at",
    "changed_at",
    "looked_at",
    "watched_since",
    "doubted_at",
    "leapt_at",
    "turned_at",
    "humidity_at",
    "co2_at",
)


_AS_THEY_ARE = frozenset((float, int, str))


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return dict(value)
    return str(value) if isinstance(value, StrEnum) else value


def _temperatures(value: Any) -> tuple[tuple[str, float], ...]:
    """Return the temperatures by device id of a document, Celsius."""
    found = value.items() if isinstance(value, dict) else ()
    read = ((str(key), number(each)) for key, each in found)
    return tuple((key, each) for key, each in read if each is not None)


def meters_seen_of(value: Any) -> tuple[tuple[str, SensorRecord], ...]:
    """Read what is kept of each meter of a document, without garbage."""
    found = value.items() if isinstance(value, dict) else ()
    read = ((str(key), SensorRecord.from_document(each)) for key, each in found)
    return tuple((key, each) for key, each in read if each is not None)


def _encode_meters(value: tuple[tuple[str, SensorRecord], ...]) -> dict[str, Any]:
    return {key: each.to_document() for key, each in value}


def _count(value: Any) -> int:
    return max(0, integer(value) or 0)


_NOTHING: Mapping[str, Any] = MappingProxyType({})


KEPT_READINGS = 60


MOST_FLAPS = 6
"""From here on it does not matter how often a sign flapped."""


@dataclass(frozen=True, slots=True)
class Sign:
    """What a contact, motion or presence sensor showed, aware UTC.

    `active`: open, or something moves. `since`: when that began. `heard_at`: when it was
    last said. `moved_at`: when it was last active. `held_seconds`: how long what was
    before it had lasted. `told_at`: when it last said something by itself. `watched_since`:
    from when on nothing that it shows can have been missed, None where nobody knows.
    `flaps`: how often in a row what had paused opened again soon after it was closed.
    """

    active: bool
    since: datetime
    heard_at: datetime
    moved_at: datetime
    held_seconds: float = 0.0
    told_at: datetime | None = None
    watched_since: datetime | None = None
    flaps: int = 0

    def to_document(self) -> dict[str, Any]:
        """Return it as a document; what is unknown is left out."""
        instants = {
            name: encode_instant(at)
            for name in _SIGN_INSTANTS
            if (at := getattr(self, name)) is not None
        }
        return {
            "active": self.active,
            **instants,
            "held_seconds": self.held_seconds,
            **({"flaps": self.flaps} if self.flaps else {}),
        }

    def not_later_than(self, now: datetime) -> Sign:
        """Pull instants from the future back to `now`, after the clock was set back."""
        if self.heard_at <= now:
            return self
        late: dict[str, Any] = {
            name: min(at, now)
            for name in _SIGN_INSTANTS
            if (at := getattr(self, name)) is not None
        }
        return replace(self, **late)


_SIGN_INSTANTS = ("since", "heard_at", "moved_at", "told_at", "watched_since")


@dataclass(frozen=True, slots=True)
class OffsetValue:
    """What a source last gave, in kelvin, until when it holds."""

    kelvin: float
    until: datetime


@dataclass(frozen=True, slots=True)
class PriceLevel:
    """What a price asks for, until when: the conditioned end of the band, or the other.

    Neither `stores` nor `coasts`: the whole band. `price` is the one in force, `dear` that
    of the hours it is stored for or that are coasted through.
    """

    stores: bool
    coasts: bool
    price: float
    dear: float
    until: datetime

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""
        return {
            "stores": self.stores,
            "coasts": self.coasts,
            "price": self.price,
            "dear": self.dear,
            "until": encode_instant(self.until),
        }

    @classmethod
    def from_document(cls, value: Any) -> PriceLevel | None:
        """Read a document, however damaged; None where there is none."""
        if not isinstance(value, dict):
            return None
        price, dear = number(value.get("price")), number(value.get("dear"))
        until = instant(value.get("until"))
        if price is None or dear is None or until is None:
            return None
        stores, coasts = value.get("stores") is True, value.get("coasts") is True
        return cls(stores, coasts and not stores, price, dear, until)


@dataclass(frozen=True, slots=True)
class OutdoorForecast:
    """What was forecast `at` an instant of the next half day, in degrees Celsius.

    `usual_coldest` and `usual_warmest` are what forecasts of a day said of late.
    """

    at: datetime
    coldest: float
    warmest: float
    usual_coldest: float
    usual_warmest: float

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""
        return {
            "at": encode_instant(self.at),
            "coldest": self.coldest,
            "warmest": self.warmest,
            "usual_coldest": self.usual_coldest,
            "usual_warmest": self.usual_warmest,
        }

    @classmethod
    def from_document(cls, value: Any) -> OutdoorForecast | None:
        """Read a document, however damaged; None where there is none."""
        if not isinstance(value, dict):
            return None
        at = instant(value.get("at"))
        coldest, warmest = number(value.get("coldest")), number(value.get("warmest"))
        cold = number(value.get("usual_coldest"))
        warm = number(value.get("usual_warmest"))
        if at is None or coldest is None or warmest is None:
            return None
        if cold is None or warm is None:
            return None
        return cls(at, coldest, warmest, cold, warm)


@dataclass(frozen=True, slots=True)
class SunForecast:
    """What was forecast of the sun `at` an instant, in W/m2 on level ground.

    `hours` are means of the hours from then on, as many as are known in a row;
    `brightest` is the most of the coming day, `usual_brightest` what forecasts said of
    that of late.
    """

    at: datetime
    hours: tuple[float, ...]
    brightest: float
    usual_brightest: float

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""
        return {
            "at": encode_instant(self.at),
            "hours": list(self.hours),
            "brightest": self.brightest,
            "usual_brightest": self.usual_brightest,
        }

    @classmethod
    def from_document(cls, value: Any) -> SunForecast | None:
        """Read a document, however damaged; None where there is none."""
        if not isinstance(value, dict) or not isinstance(value.get("hours"), list):
            return None
        at = instant(value.get("at"))
        most, usual = (
            number(value.get("brightest")),
            number(value.get("usual_brightest")),
        )
        hours = [number(each) for each in value["hours"]]
        known = tuple(each for each in hours if each is not None)
        if at is None or most is None or usual is None or len(known) != len(hours):
            return None
        return cls(at, known, most, usual)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known around one zone.

    `signs` by device id, `offsets` by source. `readings` of the last minutes, as POSIX
    seconds and degrees Celsius, are kept where a sudden loss is looked for;
    `suspected_at` is when there was one; `dip` is the deepest fall that was none, in kelvin,
    as it was at `dip_at`. `joined` and `missed` are the start of the
    occurrence of a window, by its name, that is in force or came too late, as dates.
    `outdoor` is the temperature outdoors in degrees Celsius, heard at `outdoor_at`;
    `outdoor_least` the least of the last hour, heard at `outdoor_least_at`. `price`
    is what a series of prices asks for, None where none is known, `forecast` what is forecast
    of the temperature outdoors, `sun` of the sun.
    """

    signs: Mapping[str, Sign] = field(default_factory=lambda: _NOTHING)
    offsets: Mapping[str, OffsetValue] = field(default_factory=lambda: _NOTHING)
    readings: tuple[tuple[float, float], ...] = ()
    suspected_at: datetime | None = None
    dip: float = 0.0
    dip_at: datetime | None = None
    joined: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    missed: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    outdoor: float | None = None
    outdoor_at: datetime | None = None
    outdoor_least: float | None = None
    outdoor_least_at: datetime | None = None
    price: PriceLevel | None = None
    forecast: OutdoorForecast | None = None
    sun: SunForecast | None = None

    def to_document(self) -> dict[str, Any]:
        """Return it as a document, without what is empty."""
        document: dict[str, Any] = {
            "signs": {
                device_id: sign.to_document() for device_id, sign in self.signs.items()
            },
            "offsets": {
                source: {"kelvin": value.kelvin, "until": encode_instant(value.until)}
                for source, value in self.offsets.items()
            },
            "readings": [list(each) for each in self.readings],
            "suspected_at": encode_instant(self.suspected_at)
            if self.suspected_at
            else None,
            "dip": self.dip,
            "dip_at": encode_instant(self.dip_at) if self.dip_at else None,
            "joined": dict(self.joined),
            "missed": dict(self.missed),
        }
        document = {key: value for key, value in document.items() if value}
        if self.outdoor is not None and self.outdoor_at is not None:
            document["outdoor"] = self.outdoor
            document["outdoor_at"] = encode_instant(self.outdoor_at)
        if self.outdoor_least_at is not None:
            document["outdoor_least"] = self.outdoor_least
            document["outdoor_least_at"] = encode_instant(self.outdoor_least_at)
        if self.price is not None:
            document["price"] = self.price.to_document()
        if self.forecast is not None:
            document["forecast"] = self.forecast.to_document()
        if self.sun is not None:
            document["sun"] = self.sun.to_document()
        return document

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
            dip=max(0.0, min(number(value.get("dip")) or 0.0, 50.0)),
            dip_at=instant(value.get("dip_at")),
            joined=_days(value.get("joined")),
            missed=_days(value.get("missed")),
            outdoor=number(value.get("outdoor")),
            outdoor_at=instant(value.get("outdoor_at")),
            outdoor_least=number(value.get("outdoor_least")),
            outdoor_least_at=instant(value.get("outdoor_least_at")),
            price=PriceLevel.from_document(value.get("price")),
            forecast=OutdoorForecast.from_document(value.get("forecast")),
            sun=SunForecast.from_document(value.get("sun")),
        )

    def not_later_than(self, now: datetime) -> Surroundings:
        """Pull instants from the future back to `now`, after the clock was set back."""
        late = {
            key: sign.not_later_than(now)
            for key, sign in self.signs.items()
            if sign.heard_at > now
        }
        suspected = self.suspected_at
        ahead = self.readings and self.readings[-1][0] > now.timestamp()
        dip_at, outdoor_at = self.dip_at, self.outdoor_at
        least_at = self.outdoor_least_at
        if (
            not late
            and not ahead
            and (suspected is None or suspected <= now)
            and (dip_at is None or dip_at <= now)
            and (outdoor_at is None or outdoor_at <= now)
            and (least_at is None or least_at <= now)
        ):
            return self
        return replace(
            self,
            signs={**self.signs, **late},
            readings=() if ahead else self.readings,
            suspected_at=min(suspected, now) if suspected else None,
            dip_at=min(dip_at, now) if dip_at else None,
            outdoor_at=min(outdoor_at, now) if outdoor_at else None,
            outdoor_least_at=min(least_at, now) if least_at else None,
        )


EMPTY = Surroundings()


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
    return Sign(
        active,
        since,
        heard_at,
        moved_at,
        max(0.0, min(held, 1e9)),
        instant(value.get("told_at")),
        instant(value.get("watched_since")),
        int(max(0.0, min(number(value.get("flaps")) or 0.0, MOST_FLAPS))),
    )


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
    return tuple(sorted(_pairs_of(value, KEPT_READINGS)))


def _course(value: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, str):
        return _readings(value)  # as it was written before
    texts = (each.partition(":") for each in value.split()[-KEPT_READINGS:])
    pairs = ((_float(at), _float(temperature)) for at, _colon, temperature in texts)
    return tuple(
        sorted((at, each) for at, each in pairs if at is not None and each is not None)
    )


def _written_sample(sample: tuple[float, float]) -> str:
    at, temperature = sample
    return f"{at!r}:{temperature!r}"


def _float(value: str) -> float | None:
    try:
        return number(float(value))
    except ValueError:
        return None


def _pairs_of(value: Any, most: int) -> tuple[tuple[float, float], ...]:
    """Return the last pairs of numbers of a document's list, however damaged."""
    found = []
    for each in value[-most:] if isinstance(value, list) else ():
        pair = [number(one) for one in each] if isinstance(each, list) else []
        if len(pair) == 2 and None not in pair:  # noqa: PLR2004 - an instant and a temperature
            found.append((float(pair[0] or 0.0), float(pair[1] or 0.0)))
    return tuple(each for each in found if math.isfinite(each[1]))


class Excursion(NamedTuple):
    """A time in which a room that should be in its band is not. Instants are aware UTC.

    `low`: it is too cold, else too warm. `furthest` is how far it went beyond the band
    at most, in kelvin. `turned` is the temperature that it last turned at, `moved_at`
    when it last came nearer from there. `lost` is where it was found not to come back,
    None while it may. `helped`: nothing but the unit was at work, so that how long it
    takes can be learned. `fell`: by how many kelvin it fell within an hour, for good, while
    its unit was believed to run: no weather does that. `was_lost`: it was found lost once,
    so it takes longer than it needs, also where it comes back now.
    """

    since: datetime
    low: bool
    furthest: float
    turned: float
    moved_at: datetime
    lost: float | None = None
    helped: bool = True
    fell: float = 0.0
    was_lost: bool = False


class Notice(NamedTuple):
    """What a person was told of a zone: the code of it, and since when it was so."""

    kind: ReasonCode
    since: datetime

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""
        return {"kind": str(self.kind), "since": encode_instant(self.since)}


class Share(NamedTuple):
    """For which share of the last day a room, or its air, was out of its bounds.

    `of` from 0 to 1, what is longer ago counting less; up to `at`, when it was `past` them
    or not. `much`: so much that a person is to know, since `since`. Instants are aware UTC.
    """

    of: float
    at: datetime
    past: bool
    since: datetime
    much: bool = False


KEPT_RECOVERIES = 8


class Keeping(NamedTuple):
    """Whether a room is kept, and what that is judged by. Instants are aware UTC.

    `status` is the last word, `since` from when on it was that. `warmed` and `cooled`
    are how far the room was out of its band and in how many seconds it was back.
    `blind_why`: why nothing is known of the room since `blind_since`, as a look found at
    `blind_found`. `unsure_since`: from when on nobody knew whether the unit does as it was
    told. `failed` counts the commands in a row that failed since `failed_since`, to the
    unit called `failed_unit`. `told` are the notices of what lasts; `well_since`: from when
    on nothing does. `turned` is another word for it since then, which is told once it lasts.
    `over` are those whose end was told last, each with when: what comes again soon was not.
    `swings`: how much of the time short excursions took, `air` the same of its air.
    """

    status: str = "unknown"
    since: datetime | None = None
    excursion: Excursion | None = None
    warmed: tuple[tuple[float, float], ...] = ()
    cooled: tuple[tuple[float, float], ...] = ()
    blind_since: datetime | None = None
    blind_found: datetime | None = None
    blind_why: ReasonCode | None = None
    unsure_since: datetime | None = None
    failed: int = 0
    failed_since: datetime | None = None
    failed_at: datetime | None = None
    failed_error: str | None = None
    failed_unit: str = ""
    told: tuple[Notice, ...] = ()
    well_since: datetime | None = None
    turned: Notice | None = None
    over: tuple[Notice, ...] = ()
    swings: Share | None = None
    air: Share | None = None

    def to_document(self) -> dict[str, Any]:
        """Return it as a document, without what is unknown."""
        document: dict[str, Any] = {
            name: encode_instant(at)
            for name, at in zip(
                _KEEPING_INSTANTS.names, _KEEPING_INSTANTS.of(self), strict=True
            )
            if at is not None
        }
        document["status"] = self.status
        for name in ("blind_why", "failed", "failed_error", "failed_unit"):
            if getattr(self, name):
                document[name] = _plain(getattr(self, name))
        for name in ("warmed", "cooled"):
            if getattr(self, name):
                document[name] = [list(each) for each in getattr(self, name)]
        for name in ("excursion", "swings", "air"):
            found: Excursion | Share | None = getattr(self, name)
            if found is not None:
                document[name] = {
                    key: encode_instant(each) if isinstance(each, datetime) else each
                    for key, each in found._asdict().items()
                }
        for name, notices in (("told", self.told), ("over", self.over)):
            if notices:
                document[name] = [each.to_document() for each in notices]
        if self.turned is not None:
            document["turned"] = self.turned.to_document()
        return document

    @classmethod
    def from_document(cls, value: Any) -> Keeping | None:
        """Read a document, however damaged; None where there is none."""
        if not isinstance(value, dict):
            return None
        instants = {name: instant(value.get(name)) for name in _KEEPING_INSTANTS.names}
        return cls(
            status=text(value.get("status")) or "unknown",
            excursion=_excursion(value.get("excursion")),
            warmed=_pairs_of(value.get("warmed"), KEPT_RECOVERIES),
            cooled=_pairs_of(value.get("cooled"), KEPT_RECOVERIES),
            blind_why=enum(ReasonCode, value.get("blind_why")),
            failed=_count(value.get("failed")),
            failed_error=text(value.get("failed_error")) or None,
            failed_unit=text(value.get("failed_unit")) or "",
            told=_notices(value.get("told")),
            turned=next(iter(_notices([value.get("turned")])), None),
            over=_notices(value.get("over")),
            swings=_share(value.get("swings")),
            air=_share(value.get("air")),
            **instants,
        )

    def not_later_than(self, now: datetime) -> Keeping:
        """Pull instants from the future back to `now`, after the clock was set back."""
        late = _KEEPING_INSTANTS.late(self, now)
        out = self.excursion
        if out is not None and max(out.since, out.moved_at) > now:
            late["excursion"] = out._replace(
                since=min(out.since, now), moved_at=min(out.moved_at, now)
            )
        turned = self.turned
        if turned is not None and turned.since > now:
            late["turned"] = turned._replace(since=now)
        if any(each.since > now for each in self.over):
            late["over"] = tuple(
                each._replace(since=min(each.since, now)) for each in self.over
            )
        for name in ("swings", "air"):
            share: Share | None = getattr(self, name)
            if share is not None and max(share.at, share.since) > now:
                late[name] = share._replace(
                    at=min(share.at, now), since=min(share.since, now)
                )
        return self._replace(**late) if late else self


_KEEPING_INSTANTS = _Instants(
    "since",
    "blind_since",
    "blind_found",
    "unsure_since",
    "failed_since",
    "failed_at",
    "well_since",
)


def _excursion(value: Any) -> Excursion | None:
    if not isinstance(value, dict):
        return None
    since, moved_at = instant(value.get("since")), instant(value.get("moved_at"))
    furthest, turned = number(value.get("furthest")), number(value.get("turned"))
    if since is None or moved_at is None or furthest is None or turned is None:
        return None
    return Excursion(
        since,
        value.get("low") is True,
        furthest,
        turned,
        moved_at,
        number(value.get("lost")),
        value.get("helped") is True,
        number(value.get("fell")) or 0.0,
        value.get("was_lost") is True,
    )


def _share(value: Any) -> Share | None:
    if not isinstance(value, dict):
        return None
    of, at, since = (
        number(value.get("of")),
        instant(value.get("at")),
        instant(value.get("since")),
    )
    if of is None or at is None or since is None or not 0.0 <= of <= 1.0:
        return None
    return Share(
        of, at, value.get("past") is True, since, much=value.get("much") is True
    )


def _notices(value: Any) -> tuple[Notice, ...]:
    found = []
    for each in value if isinstance(value, list) else ():
        kind = enum(ReasonCode, each.get("kind")) if isinstance(each, dict) else None
        since = instant(each.get("since")) if kind else None
        if kind and since:
            found.append(Notice(kind, since))
    return tuple(found)


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
    """A person's command that waits for the equipment, its own or what it shares.

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
    reports: Reports = NEVER_READ
    lateness: Lateness = NEVER_STARTED

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""
        season = {"season": self.season.to_document()} if self.season else {}
        return season | {
            "readings": self.trend.to_list(),
            "steering": self.steering.to_document(),
            "warm_up": self.warm_up.to_document(),
            "softening": self.softening.to_document(),
            "starts": list(self.starts),
            "reports": self.reports.to_list(),
            "lateness": self.lateness.to_list(),
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
            Reports.from_list(value.get("reports")),
            Lateness.from_list(value.get("lateness")),
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


class Way(NamedTuple):
    """One way to reach a device: its id or what stands for it, the rung, the kind of value.

    Of a webhook a digest stands for its URL, which is a password.
    """

    device: str
    rung: str
    kind: str = ""


class Refusal(NamedTuple):
    """A way that the cloud refuses, for good or for a while, see `core.state.refusals`.

    `since` and `at`: when it first and last was; `times` how often, `next_at` when it is
    tried again. `words` are the cloud's. `listed`: the type that the account's list had
    for the device, "" for none, None where the list was not looked at. `settings` is the
    fingerprint of those it was refused under. `maybe`: nobody answered, so it may have
    arrived. Instants are aware UTC.
    """

    way: Way
    code: ReasonCode
    words: str
    since: datetime
    at: datetime
    times: int
    next_at: datetime
    listed: str | None = None
    settings: str = ""
    maybe: bool = False

    def not_later_than(self, now: datetime, longest: timedelta) -> Refusal:
        """Pull back what a clock set back has left in the future."""
        if self.at <= now and self.next_at <= now + longest:
            return self
        return self._replace(
            since=min(self.since, now),
            at=min(self.at, now),
            next_at=min(self.next_at, now + longest),
        )

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""
        return {
            **self.way._asdict(),
            "code": str(self.code),
            "words": self.words,
            "since": encode_instant(self.since),
            "at": encode_instant(self.at),
            "times": self.times,
            "next_at": encode_instant(self.next_at),
            "listed": self.listed,
            "settings": self.settings,
            **({"maybe": True} if self.maybe else {}),
        }

    @classmethod
    def from_document(cls, value: Any) -> Refusal | None:
        """Read a document, however damaged; None for garbage."""
        if not isinstance(value, dict):
            return None
        since, at = instant(value.get("since")), instant(value.get("at"))
        next_at, code = (
            instant(value.get("next_at")),
            enum(ReasonCode, value.get("code")),
        )
        device, rung = text(value.get("device")), text(value.get("rung"))
        if not (since and at and next_at and code and device and rung):
            return None
        listed = value.get("listed")
        return cls(
            Way(device, rung, text(value.get("kind")) or ""),
            code,
            text(value.get("words")) or "",
            since,
            at,
            max(1, integer(value.get("times")) or 1),
            next_at,
            listed if isinstance(listed, str) else None,
            text(value.get("settings")) or "",
            value.get("maybe") is True,
        )


def _refusals(value: Any) -> tuple[Refusal, ...] | None:
    read = map(Refusal.from_document, value if isinstance(value, list) else ())
    return tuple(each for each in read if each is not None) or None


def _refusals_as_documents(refusals: Iterable[Refusal]) -> list[dict[str, Any]]:
    return [each.to_document() for each in refusals]


class UnitId(NamedTuple):
    """What tells one unit from another.

    `starts` and `stops` are the scenes and webhooks that make it run and that turn it
    off, a webhook as a digest, since its URL is a password. `part` is a digest of a
    plug-in's own settings, which say what stands behind its name.
    """

    device_id: str = ""
    starts: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    part: str = ""

    @property
    def name(self) -> str:
        """What to call it: its device id, else what acts on it."""
        return self.device_id or " ".join(self.starts or self.stops)

    def is_same(self, other: UnitId) -> bool:
        """Tell whether two zones mean one unit.

        Not for a shared OFF alone: a scene that turns everything off is no identity.
        """
        if self.device_id and other.device_id:
            return self.device_id == other.device_id
        return not set(self.starts).isdisjoint(other.starts)

    def stays(self, wanted: UnitId) -> bool:
        """Tell whether a zone's own unit is still meant by its new settings."""
        if self.is_same(wanted):
            return True
        both = self.device_id and wanted.device_id
        return not both and not set(self.stops).isdisjoint(wanted.stops)

    def to_document(self) -> dict[str, Any]:
        """Return it as a document, without what is empty."""
        parts = {
            "device_id": self.device_id,
            "starts": list(self.starts),
            "stops": list(self.stops),
            "part": self.part,
        }
        return {key: value for key, value in parts.items() if value}

    @classmethod
    def from_document(cls, value: Any) -> UnitId | None:
        """Read a document, however damaged; None where it names no unit."""
        if not isinstance(value, dict):
            return None
        device_id, part = value.get("device_id"), value.get("part")
        unit = cls(
            device_id if isinstance(device_id, str) else "",
            texts(value.get("starts")),
            texts(value.get("stops")),
            part if isinstance(part, str) else "",
        )
        return unit if unit.name else None


def texts(value: Any) -> tuple[str, ...]:
    """Return the texts of a document's list, without what is anything else."""
    found: Iterable[Any] = value if isinstance(value, list) else ()
    return tuple(each for each in found if isinstance(each, str))


class Wish(NamedTuple):
    """What a person wants of a zone for a time, over what its settings say.

    In force from `since` until `until`, aware UTC. `preset` is put in force by name;
    `winter` and `summer` are what that season keeps instead of its own temperatures: the
    lowest and the highest, degrees Celsius. `by` is the id of the rule that wishes in a
    person's place.
    """

    since: datetime
    until: datetime
    preset: str | None = None
    winter: tuple[float, float] | None = None
    summer: tuple[float, float] | None = None
    by: str | None = None

    def to_document(self) -> dict[str, Any]:
        """Return it as a document, without what is not wished."""
        document: dict[str, Any] = {
            "since": encode_instant(self.since),
            "until": encode_instant(self.until),
        }
        for name in ("preset", "by"):
            if getattr(self, name) is not None:
                document[name] = getattr(self, name)
        for name in ("winter", "summer"):
            if getattr(self, name) is not None:
                document[name] = list(getattr(self, name))
        return document

    @classmethod
    def from_document(cls, value: Any) -> Wish | None:
        """Read a document, however damaged; None where nothing is wished."""
        if not isinstance(value, dict):
            return None
        since, until = instant(value.get("since")), stored_hold(value.get("until"))
        preset = text(value.get("preset"))
        winter, summer = _band_of(value.get("winter")), _band_of(value.get("summer"))
        nothing = preset is None and winter is None and summer is None
        if since is None or until is None or until <= since or nothing:
            return None
        return cls(since, until, preset, winter, summer, text(value.get("by")))


class SkippedWindow(NamedTuple):
    """An occurrence of a time window that a person does without.

    `window` is its name, `day` the day that it starts on by the zone's clock; it would be in
    force from `begins` to `ends`, aware UTC, and with that instant the wish is over. `by` is
    the id of the rule that does without it in a person's place.
    """

    window: str
    day: date
    begins: datetime
    ends: datetime
    by: str | None = None

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""
        return {
            "window": self.window,
            "day": self.day.isoformat(),
            "begins": encode_instant(self.begins),
            "ends": encode_instant(self.ends),
            **({"by": self.by} if self.by is not None else {}),
        }


def _skipped_windows(value: Any) -> tuple[SkippedWindow, ...] | None:
    """Read those of a document, however damaged; None where there are none."""
    found = []
    for each in value if isinstance(value, list) else ():
        if not isinstance(each, dict):
            continue
        name, written = text(each.get("window")), text(each.get("day"))
        begins, ends = instant(each.get("begins")), instant(each.get("ends"))
        try:
            day = date.fromisoformat(written or "")
        except ValueError:
            continue
        if not name or begins is None or ends is None or not begins < ends:
            continue
        # By whatever clock, it begins on its day or beside it.
        if abs((begins.date() - day).days) <= 1:
            by = text(each.get("by"))
            found.append(SkippedWindow(name, day, begins, ends, by))
    return tuple(found) or None


def _skipped_as_documents(skipped: tuple[SkippedWindow, ...]) -> list[dict[str, Any]]:
    return [each.to_document() for each in skipped]


class Switch(NamedTuple):
    """A button's word on a zone's automation, over what the settings say of it.

    `on` since `at`, aware UTC. `written`: the stored settings say so too, so that it is
    they who count as soon as they are in force.
    """

    on: bool
    at: datetime
    written: bool = False

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""
        return {
            "on": self.on,
            "at": encode_instant(self.at),
            "written": self.written,
        }

    @classmethod
    def from_document(cls, value: Any) -> Switch | None:
        """Read a document, however damaged; None where nothing was said.

        Of an off whose instant is lost the off stands: nobody is to be heated who
        switched it off.
        """
        if not isinstance(value, dict) or not isinstance(value.get("on"), bool):
            return None
        at = instant(value.get("at"))
        if at is None and value["on"]:
            return None
        return cls(value["on"], at or LONG_AGO, value.get("written") is True)


LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""When a button was pressed of which only that is known."""


def _band_of(value: Any) -> tuple[float, float] | None:
    """Read a band within what settings allow; None where it is none."""
    match [number(each) for each in value] if isinstance(value, list) else None:
        case [float(low), float(high)] if COLDEST <= low < high <= WARMEST:
            return low, high
    return None


# --- the state ------------------------------------------------------------------------


# Air-conditioner modes of the `setAll` parameter, SwitchBot API v1.1.
MODE_COOL = 2
MODE_DRY = 3
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
    and none where nobody has said so yet. `refusals`: what the cloud refuses.
    `evidence` is what shows what the unit does, `keeping` whether the room is kept.
    `last_read_at` is when the last temperature was read, `last_asked_at` when the meter was
    last asked, whatever came of it. `wish` is what a person wants for a time,
    `skipped` the windows that they do without, `quiet_until` until when they want the fan
    low and `quiet_by` the id of the rule that wants it for them, `switch` what a button said of the
    automation.
    `meters_seen` is what is kept of each meter where the
    zone has several.
    """

    last_temperature: float | None = None
    last_humidity: float | None = None
    last_co2: float | None = None
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
    hold_by: str | None = None
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
    refusals: tuple[Refusal, ...] = ()
    evidence: Evidence | None = None
    last_asked_at: datetime | None = None
    meters_seen: tuple[tuple[str, SensorRecord], ...] = ()
    keeping: Keeping | None = None
    wish: Wish | None = None
    switch: Switch | None = None
    guarding: ReasonCode | None = None
    skipped: tuple[SkippedWindow, ...] = ()
    quiet_until: datetime | None = None
    quiet_by: str | None = None

    @property
    def asked_at(self) -> datetime | None:
        """When the meter was last asked, also by an older release."""
        return _later(self.last_asked_at, self.last_read_at)

    @property
    def compressor_running(self) -> bool:
        """Power on and not known to be in fan mode: the compressor counts as running."""
        return self.power is Power.ON and self.action is not Action.FAN

    @property
    def commands_failed(self) -> int:
        """How many commands in a row the unit of this zone did not take."""
        keeping = self.keeping
        if keeping is None or not keeping.failed:
            return 0
        unit = self.unit.name if self.unit else ""
        return keeping.failed if keeping.failed_unit == unit else 0

    @property
    def setting(self) -> AirconSetting | None:
        """What the unit was told, None where nobody knows."""
        return AirconSetting.parse(self.parameter)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> ZoneState:
        """Read a state document, the dashboard's or ours, however damaged."""
        found = []
        for (key, read, _write), unknown in zip(_DOCUMENT, _UNKNOWN, strict=True):
            value = document.get(key)
            kept = None if value is None else read(value)
            found.append(unknown if kept is None else kept)
        state = cls._make(found)
        action, off = state.action, state.power is Power.OFF
        if action is None or (action is Action.OFF) is not off:
            action = _action_from_dashboard(state)
        if action is not state.action:
            state = state._replace(action=action)
        return _seeded(state)

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
                key, _read, write = _DOCUMENT[index]
                if value is None or write is None:
                    merged[key] = value
                elif index == _EVIDENCE and self.evidence is not None:
                    stored = document.get(key)
                    merged[key] = self.evidence.as_after(before.evidence, stored)
                else:
                    merged[key] = write(value)
        if not merged.keys() >= _DASHBOARD_KEYS:
            for key in _DASHBOARD_KEYS - merged.keys():
                write, index = _BY_KEY[key]
                value = self[index]
                merged[key] = value if value is None or write is None else write(value)
        return merged

    def not_later_than(self, now: datetime) -> ZoneState:
        """Pull instants from the future back to `now`.

        After the wall clock was set back, a start "in an hour" would keep the unit
        locked for that hour; counted from now it is locked for its minimum time. An OFF
        repeat more than a day away was written by a clock that was wrong.
        """
        late = _PAST.late(self, now)
        for part, kept in zip(_DATED_PARTS, _dated_parts(self), strict=True):
            if kept is not None and (pulled := kept.not_later_than(now)) is not kept:
                late[part] = pulled
        if self.meters_seen:
            each = tuple(
                (key, one.not_later_than(now)) for key, one in self.meters_seen
            )
            if each != self.meters_seen:
                late["meters_seen"] = each
        wish = self.wish
        if wish is not None and wish.since > now:
            late["wish"] = wish._replace(since=now)
        pending = self.pending_repeat
        if pending is not None:
            due = now + timedelta(seconds=pending.interval_seconds)
            if pending.next_run_at > due + _LONGEST_REPEAT:
                late["pending_repeat"] = replace(pending, next_run_at=due)
        return self._replace(**late) if late else self


_LONGEST_REPEAT = timedelta(days=1)
_PAST = _Instants(
    "compressor_started_at", "compressor_stopped_at", "last_aircon_poll_at"
)
_DATED_PARTS = ("sensing", "equipment", "surroundings", "evidence", "keeping")
_dated_parts = attrgetter(*_DATED_PARTS)


def _encode_parts(value: Any) -> dict[str, Any]:
    parts = {part.name: _plain(getattr(value, part.name)) for part in fields(value)}
    return {
        name: encode_instant(part) if isinstance(part, datetime) else part
        for name, part in parts.items()
    }


def _is_true(value: Any) -> bool | None:
    return True if value is True else None


_power, _action = partial(enum, Power), partial(enum, Action)
_Row: TypeAlias = "tuple[str, Callable[[Any], Any], Callable[[Any], Any] | None]"

# In the order of the fields: the key in the document; how a value that is there is read,
# None where it is none; how one is written, None as it is.
_DOCUMENT: tuple[_Row, ...] = (
    ("last_temperature", number, None),
    ("last_humidity", number, None),
    ("last_co2", number, None),
    ("last_read_at", instant, encode_instant),
    ("last_error", text, None),
    ("last_temperature_stale", _is_true, None),
    ("last_temperature_stale_reason", text, None),
    ("error_count", integer, None),
    ("assumed_aircon_power", _power, str),
    ("assumed_aircon_mode", integer, None),
    ("assumed_aircon_parameter", text, None),
    ("assumed_aircon_action", _action, str),
    ("assumed_aircon_uncertain", _is_true, None),
    ("last_aircon_poll_at", instant, encode_instant),
    ("last_action", text, None),
    ("last_action_at", instant, encode_instant),
    ("compressor_started_at", instant, encode_instant),
    ("compressor_stopped_at", instant, encode_instant),
    ("fan_started_at", instant, encode_instant),
    ("manual_action_at", instant, encode_instant),
    ("hold_until", stored_hold, encode_instant),
    ("hold_by", text, None),
    ("pending_off_repeat", repeat_of, _encode_parts),
    ("pending_manual_action", manual_of, _encode_parts),
    ("command_intent", intent_of, _encode_parts),
    ("value_since", instant, encode_instant),
    ("slope_bounds", SlopeBounds.from_document, SlopeBounds.to_document),
    ("conditioned", _action, str),
    ("group_waits_since", instant, encode_instant),
    ("learned", Learned.from_document, Learned.to_document),
    ("sensing", SensorRecord.from_document, SensorRecord.to_document),
    ("equipment", Equipment.from_document, Equipment.to_document),
    ("command_check", Check.from_document, Check.to_document),
    ("surroundings", Surroundings.from_document, Surroundings.to_document),
    ("aircon_shows", pairs, dict),
    ("unit", UnitId.from_document, UnitId.to_document),
    ("meters", texts, list),
    ("refusals", _refusals, _refusals_as_documents),
    ("evidence", Evidence.from_document, Evidence.to_document),
    ("last_asked_at", instant, encode_instant),
    ("meters_seen", meters_seen_of, _encode_meters),
    ("kept", Keeping.from_document, Keeping.to_document),
    ("wish", Wish.from_document, Wish.to_document),
    ("automation_switch", Switch.from_document, Switch.to_document),
    ("guarding", partial(enum, ReasonCode), str),
    ("skipped_windows", _skipped_windows, _skipped_as_documents),
    ("quiet_fan_until", stored_hold, encode_instant),
    ("quiet_fan_by", text, None),
)
_UNKNOWN = ZoneState()
_INDEXES = range(len(_DOCUMENT))
_EVIDENCE = ZoneState._fields.index("evidence")
_BY_KEY = {key: (write, index) for index, (key, _read, write) in enumerate(_DOCUMENT)}
_INSTANTS = tuple(
    (key, read) for key, read, write in _DOCUMENT if write is encode_instant
)
_PART_KEYS = (
    "pending_off_repeat",
    "pending_manual_action",
    "command_intent",
    "sensing",
    "equipment",
    "command_check",
    "surroundings",
    "meters_seen",
    "refusals",
    "evidence",
    "kept",
    "wish",
    "automation_switch",
)
_INSTANT_NAMES = frozenset({"at", "since", "until", "rest_until", "locked_until"})
_OF_SECONDS = frozenset({"resting"})
"""What is below them is numbers, seconds too."""


def unreadable_instants(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands in a state document where an instant should, by its path.

    Each counts as absent. Keys that are not the engine's are not looked at.
    """
    found: dict[str, Any] = {}
    for key, read in _INSTANTS:
        value = document.get(key)
        if value is not None and read(value) is None:
            found[key] = value
    for key in _PART_KEYS:
        part = document.get(key)
        if part is not None:
            found.update(_unreadable_inside(part, key))
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
            if key not in _OF_SECONDS:
                yield from _unreadable_inside(each, name)
        elif (
            (key in _INSTANT_NAMES or key.endswith(("_at", "_since")))
            and each is not None
            # What somebody wants may have no end.
            and (stored_hold(each) if key == "until" else instant(each)) is None
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


def _action_from_dashboard(state: ZoneState) -> Action | None:
    """Name the action a dashboard's state stands for, None where it does not say."""
    power, mode = state.power, state.mode
    if power is Power.OFF:
        return Action.OFF
    if power is not Power.ON:
        return None
    if mode == MODE_FAN or (mode is None and "fan" in (state.last_action or "")):
        return Action.FAN
    return {MODE_HEAT: Action.WINTER, MODE_COOL: Action.SUMMER}.get(mode or 0)


def _seeded(state: ZoneState) -> ZoneState:
    """Split the dashboard's single timestamp by what the unit was assumed to do."""
    told_at = state.last_action_at
    ours = (
        state.compressor_started_at,
        state.compressor_stopped_at,
        state.fan_started_at,
    )
    if told_at is None or any(ours):
        return state
    if state.compressor_running:
        return state._replace(compressor_started_at=told_at)
    if state.power is Power.ON:
        return state._replace(fan_started_at=told_at)
    return state._replace(compressor_stopped_at=told_at)


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
    """Return the state after a command was taken: no error is open, and none counts."""
    silent = max(0, state.error_count - state.commands_failed)
    return state._replace(last_error=None, error_count=silent)


def read_well(state: ZoneState, *, forget_error: bool) -> ZoneState:
    """Return the state after a meter answered; what commands failed by stays open."""
    failed = state.commands_failed
    error = None if forget_error else state.last_error
    if failed and state.keeping is not None:
        error = state.keeping.failed_error
    return state._replace(last_error=error, error_count=failed)


def supposed(state: ZoneState, **fields: Any) -> ZoneState:
    """Return the state as if: for questions, never to be kept."""
    return state._replace(**fields)


def with_learned(state: ZoneState, learned: Learned) -> ZoneState:
    """Return the state with what was learned."""
    return state._replace(learned=learned)


def with_slopes(state: ZoneState, bounds: SlopeBounds) -> ZoneState:
    """Return the state with how fast its room was found to move."""
    return (
        state if bounds is state.slope_bounds else state._replace(slope_bounds=bounds)
    )
