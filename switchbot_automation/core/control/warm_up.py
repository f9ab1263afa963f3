"""When to begin so that a room is in its band when the window opens. Pure.

Learned per season and distance: how many seconds a kelvin takes, from every time the room
was brought up. A surprise counts at once, an improvement by and by; the deviation is kept
too, so that an erratic room is begun earlier than a reliable one.

The distance is that of the whole room, not of its air: air follows a unit within the hour,
walls that were left cold for days take a day. Walls are taken to be what the air was on
average over the last day. A room that was never brought back from so far is begun as if it
were of stone. That is too early, and half as much so after each return. No long way is faster than
a short one, so what this season's weather does to the daily one holds for the rare one too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from switchbot_automation.core.control.room_model import UNKNOWN, Foreseen, TwoNodes
from switchbot_automation.core.control.trend import number, numbers
from switchbot_automation.instants import from_unix

if TYPE_CHECKING:
    from collections.abc import Mapping

EARLIEST = timedelta(hours=24)
"""No start is earlier than this before its window."""
# Nor than this by its pace where the walls are near: what takes longer then was a bad
# night, and the room would be done long before its window. A weak unit or a floor may
# really take the night, which the room's model knows (see `room_model`).
_EARLIEST_NEAR = timedelta(hours=3)
LONGEST_FORESEEN = timedelta(hours=14)

_VERSION = 1
_PACE_BOUNDS = (60.0, 7200.0)
# Ways are told apart by how cold the walls are: up to each of these, and beyond, in kelvin.
_REACHES = (2.5, 5.0)
_NAMES = ("near", "far", "farthest")
# What a kelvin of the walls takes beside the air's, while it was never seen: as in old
# stone behind a common unit on a cold night, the slowest pace there is.
_WALLS_PACE = _PACE_BOUNDS[1]
_WALLS_SECONDS = 86400.0
_LEAST_SHARE = 0.5
# What a common room with a common unit does; wrong for a day at most.
_PRIOR_PACE, _PRIOR_DEVIATION = 1500.0, 600.0
# Until the unit blows warm and the meter has noticed.
_DEAD_SECONDS = 420.0
_EARLY_SECONDS = 480.0
_LEAST_KELVIN = 0.4
_LEAST_RISE = 0.1
_GIVE_UP = timedelta(hours=5)
_LONG_KELVIN = 12.0
_A_MOMENT = timedelta(seconds=60)
_SLOWER, _FASTER = 0.7, 0.5
# What a kelvin to the outdoors costs of a unit's power, roughly, and what is usual.
_LOSS_SHARE, _USUAL_AWAY, _LARGEST_AWAY = 0.012, 15.0, 50.0
# How much faster than seen a room may begin to drift, in kelvin a second.
_DRIFT_DOUBT = 0.15 / 3600.0
# What will be missing of a room that cannot be brought up in time is told from here on.
_SHORT_KELVIN = 0.3
_LOOK_SOONEST, _LOOK_LATEST = 180.0, 1800.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds a kelvin, their deviation, and how often it was measured."""

    seconds_per_kelvin: float = _PRIOR_PACE
    deviation: float = _PRIOR_DEVIATION
    runs: int = 0

    @property
    def cautious(self) -> float:
        """The seconds a kelvin to be reckoned with."""
        return self.seconds_per_kelvin + self.deviation

    def after(self, measured: float) -> Pace:
        """Return it after one more measurement, within bounds."""
        low, high = _PACE_BOUNDS
        measured = max(low, min(high, measured))
        if self.runs == 0:
            return Pace(measured, 0.25 * measured, 1)
        error = measured - self.seconds_per_kelvin
        gain = _SLOWER if error > 0.0 else _FASTER
        deviation = self.deviation + 0.4 * (max(0.0, error) - self.deviation)
        return Pace(
            self.seconds_per_kelvin + gain * error,
            max(0.1 * measured, deviation),
            min(self.runs + 1, 1000),
        )


@dataclass(frozen=True, slots=True)
class Paces:
    """The paces of a season, by how far the whole room is from its goal."""

    near: Pace = Pace()
    far: Pace = Pace()
    farthest: Pace = Pace()

    def after(self, measured: float, depth: float) -> Paces:
        """Return them after one more measurement with the walls `depth` kelvin away."""
        reach = _NAMES[_place(depth)]
        return replace(self, **{reach: getattr(self, reach).after(measured)})

    def seconds(self, kelvin: float, depth: float) -> float:
        """Return how long `kelvin` are to be reckoned with, the walls being `depth` away."""
        paces, place = (self.near, self.far, self.farthest), _place(depth)
        known = [pace.cautious for pace in paces[: place + 1] if pace.runs]
        beyond = [pace.cautious for pace in paces[place + 1 :] if pace.runs]
        at_most = min(beyond, default=math.inf)
        least = kelvin * (max(known) if known else min(Pace().cautious, at_most))
        if place == 0:
            return least
        # One return says little of the next, on a colder night.
        doubt = 0.5 ** (self.far.runs + self.farthest.runs)
        foretold = least + doubt * min(depth, kelvin) * _WALLS_PACE
        return max(least, min(foretold, kelvin * at_most))


def _place(depth: float) -> int:
    return sum(depth > reach for reach in _REACHES)


@dataclass(frozen=True, slots=True)
class Episode:
    """A warm-up (or cool-down) being measured: begun when, from where, to where.

    `depth`: how many kelvin away the walls were.
    """

    at: datetime
    temperature: float
    goal: float
    depth: float = 0.0


@dataclass(frozen=True, slots=True)
class Watch:
    """What a reading adds to an episode. `before` is the reading before this one.

    `running_since` is since when the unit runs at what it was told last, None while it
    does not run. `outdoor` is None where nobody measures it.
    """

    heating: bool
    goal: float
    at: datetime
    temperature: float
    running_since: datetime | None
    before: tuple[datetime, float] | None
    outdoor: float | None = None


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What was learned of how fast a room follows its unit.

    Paces are as at a usual difference to the outdoors, and scaled from there. `walls`:
    their temperature as far as the air tells, None while nothing was read. `begun`: when the
    window opens that the room is being brought up for.
    """

    heating: Paces = Paces()
    cooling: Paces = Paces()
    episode: Episode | None = None
    walls: float | None = None
    begun: datetime | None = None
    heated_room: TwoNodes = UNKNOWN
    cooled_room: TwoNodes = UNKNOWN

    def room(self, *, heating: bool) -> TwoNodes:
        """Return the model of a season."""
        return self.heated_room if heating else self.cooled_room

    def having_lived(self, room: TwoNodes, *, heating: bool) -> WarmUp:
        """Return it with a season's model after another reading."""
        if heating:
            return replace(self, heated_room=room)
        return replace(self, cooled_room=room)

    def paces(self, *, heating: bool) -> Paces:
        """Return a season's paces."""
        return self.heating if heating else self.cooling

    def depth(self, goal: float, *, heating: bool) -> float:
        """Return how many kelvin the walls are away from a goal."""
        if self.walls is None:
            return 0.0
        return max(0.0, goal - self.walls if heating else self.walls - goal)

    def having_begun(self, opens: datetime | None) -> WarmUp:
        """Return it with the opening that the room is being brought up for."""
        return replace(self, begun=opens)

    def felt(
        self,
        temperature: float,
        goal: float,
        seconds: float,
        *,
        heating: bool,
    ) -> WarmUp:
        """Return it with the walls after `seconds` in air of that temperature.

        Of a room that is seen for the first time they are taken to be warm.
        """
        if self.walls is None:
            return replace(self, walls=(max if heating else min)(temperature, goal))
        share = 1.0 - math.exp(-max(0.0, seconds) / _WALLS_SECONDS)
        return replace(self, walls=self.walls + share * (temperature - self.walls))

    def watched(self, seen: Watch) -> WarmUp:
        """Return what is known after a reading."""
        sign = 1.0 if seen.heating else -1.0
        episode = self._episode(seen, sign)
        if episode is None:
            return replace(self, episode=None) if self.episode else self
        risen = sign * (seen.temperature - episode.temperature)
        wanted = sign * (episode.goal - episode.temperature)
        took = (seen.at - episode.at).total_seconds()
        if risen < wanted:
            # A long way is not given up before the slowest pace there is would be there.
            long = min(wanted, _LONG_KELVIN) * _PACE_BOUNDS[1]
            if took < max(_GIVE_UP.total_seconds(), long):
                return replace(self, episode=episode)
            return self._learned(seen, took / max(risen, _LEAST_RISE), episode.depth)
        if seen.before is not None and seen.before[0] > episode.at:
            had = sign * (seen.before[1] - episode.temperature)
            gap = (seen.at - seen.before[0]).total_seconds()
            if had < wanted:
                # The goal was crossed somewhere between the last two readings.
                took -= gap * (risen - wanted) / (risen - had)
        measured = max(0.0, took - _DEAD_SECONDS) / wanted
        return self._learned(seen, measured, episode.depth)

    def _episode(self, seen: Watch, sign: float) -> Episode | None:
        if seen.running_since is None:
            return None
        if self.episode is not None and self.episode.at == seen.running_since:
            return self.episode
        if seen.before is None or seen.before[0] > seen.running_since + _A_MOMENT:
            return None
        kelvin = sign * (seen.goal - seen.before[1])
        if kelvin < _LEAST_KELVIN:
            return None
        depth = self.depth(seen.goal, heating=seen.heating)
        if _place(depth) and kelvin < _LEAST_SHARE * depth:
            # A short way in front of cold walls is like neither kind.
            return None
        return Episode(seen.running_since, seen.before[1], seen.goal, depth)

    def _learned(self, seen: Watch, measured: float, depth: float) -> WarmUp:
        factor = _outdoor_factor(seen.goal, seen.outdoor)
        paces = self.paces(heating=seen.heating).after(measured / factor, depth)
        if seen.heating:
            return replace(self, heating=paces, episode=None)
        return replace(self, cooling=paces, episode=None)

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""
        document: dict[str, Any] = {"version": _VERSION}
        for season, paces in (("heating", self.heating), ("cooling", self.cooling)):
            for reach in _NAMES:
                pace: Pace = getattr(paces, reach)
                if pace.runs:
                    document[_key(season, reach)] = {
                        "seconds_per_kelvin": pace.seconds_per_kelvin,
                        "deviation": pace.deviation,
                        "runs": pace.runs,
                    }
        if self.walls is not None:
            document["walls"] = self.walls
        if self.begun is not None:
            document["begun"] = self.begun.timestamp()
        for name, room in (("heated", self.heated_room), ("cooled", self.cooled_room)):
            if room.models:
                document[name] = room.to_document()
        if self.episode is not None:
            document["episode"] = {
                "at": self.episode.at.timestamp(),
                "temperature": self.episode.temperature,
                "goal": self.episode.goal,
                "depth": self.episode.depth,
            }
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> WarmUp:
        """Read a document; another version or garbage counts as nothing learned."""
        if document.get("version") != _VERSION:
            return cls()
        return cls(
            _read_paces(document, "heating"),
            _read_paces(document, "cooling"),
            _read_episode(document.get("episode")),
            number(document.get("walls"), -100.0, 100.0),
            from_unix(number(document.get("begun"))),
            TwoNodes.from_document(document.get("heated")),
            TwoNodes.from_document(document.get("cooled")),
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """When to begin, if at all.

    `begin`: now. `look_at`: when the next reading is wanted at the latest.
    `lead_seconds`: how long it is expected to take, for `kelvin`; `short_kelvin` is what
    will be missing all the same.
    """

    begin: bool
    look_at: datetime
    lead_seconds: float
    kelvin: float = 0.0
    short_kelvin: float = 0.0

    def detail(self, opens: datetime) -> dict[str, Any]:
        """Return it as the detail of a reason, for the window that opens then."""
        found: dict[str, Any] = {
            "opens": opens.isoformat(),
            "lead_seconds": round(self.lead_seconds),
        }
        if self.lead_seconds > 0.0 and self.kelvin > 0.0:
            begins = opens - timedelta(seconds=self.lead_seconds)
            found |= {
                "begins": begins.isoformat(),
                "hours": round(self.lead_seconds / 3600.0, 1),
                "kelvin": round(self.kelvin, 1),
            }
            if self.short_kelvin >= _SHORT_KELVIN:
                found["short_kelvin"] = round(self.short_kelvin, 1)
        return found


class WeatherChange(NamedTuple):
    """The extreme outdoors that is forecast, and what it was of late, degrees Celsius."""

    extreme: float
    usual: float


def plan_start(
    warm_up: WarmUp,
    *,
    heating: bool,
    goal: float,
    temperature: float,
    slope: float | None,
    now: datetime,
    opens: datetime,
    since: datetime | None = None,
    outdoor: float | None = None,
    foreseen: Foreseen | None = None,
    longest: timedelta | None = None,
    change: WeatherChange | None = None,
) -> Plan:
    """Say whether to begin now for a window that opens at `opens`.

    `goal` is the least the room should have by then; `slope` how it drifts by itself,
    in kelvin an hour. `since` is when it had that `temperature`, by default now: from
    there the next reading is counted, or it would be put off each time this is asked.
    `foreseen` is what the room's model says of the seconds it takes, None while it knows
    nothing: the longer of the two counts, since a room that is late is cold. `longest` is how
    early it may begin by its pace, by default as long as a usual unit may need. `change` is how
    the weather gets worse than it was while that was learned, None where it is not known to.
    """
    since = since or now
    sign = 1.0 if heating else -1.0
    left = (opens - now).total_seconds()
    # What is still to be lost until then; a room that gains by itself may stop doing so.
    drift = max(0.0, -sign * (slope or 0.0)) / 3600.0
    missing = sign * (goal - temperature)
    # What a room loses meanwhile is brought back at the pace of a whole kelvin.
    way = max(1.0, missing)
    depth = warm_up.depth(goal, heating=heating)
    per_kelvin = warm_up.paces(heating=heating).seconds(way, depth) / way
    per_kelvin *= _outdoor_factor(goal, outdoor)
    harder = _harder(goal, change)
    per_kelvin *= harder
    if longest is None:
        longest = EARLIEST if _place(depth) else _EARLIEST_NEAR
    lead = _lead(missing, per_kelvin, longest)
    seconds, short = foreseen or (0.0, 0.0)
    seconds = min(seconds * harder, LONGEST_FORESEEN.total_seconds())
    if lead > 0.0 or left <= seconds:
        lead = max(lead, seconds)
    kelvin = max(0.0, missing)
    if lead > 0.0 and left <= lead:
        return Plan(
            begin=True,
            look_at=now,
            lead_seconds=lead,
            kelvin=kelvin,
            short_kelvin=short,
        )
    # Loses it goes on at this pace, and half again: then this is when lead meets left.
    falling = 1.5 * drift + _DRIFT_DOUBT
    left = (opens - since).total_seconds()
    if missing <= 0.0:
        spare = left - _EARLY_SECONDS - _DEAD_SECONDS + missing / falling
        spare = max(spare, -missing / falling)
    else:
        spare = left - lead
    wait = spare / (1.0 + falling * per_kelvin)
    wait = max(_LOOK_SOONEST, min(wait, _LOOK_LATEST))
    look_at = min(since + timedelta(seconds=wait), opens)
    soonest = since + timedelta(seconds=_LOOK_SOONEST)
    earliest = opens - longest
    if since < earliest < look_at:
        look_at = max(earliest, soonest)
    if seconds > 0.0:
        look_at = max(soonest, min(look_at, opens - timedelta(seconds=seconds)))
    return Plan(
        begin=False,
        look_at=look_at,
        lead_seconds=max(lead, seconds, 0.0),
        kelvin=kelvin,
        short_kelvin=short,
    )


def _lead(missing: float, per_kelvin: float, longest: timedelta) -> float:
    if missing <= 0.0:
        return 0.0
    lead = _EARLY_SECONDS + _DEAD_SECONDS + missing * per_kelvin
    return min(lead, longest.total_seconds())


def _outdoor_factor(goal: float, outdoor: float | None) -> float:
    """Return how much slower it goes than at the usual difference to the outdoors."""
    if outdoor is None:
        return 1.0
    away = min(_LARGEST_AWAY, abs(goal - outdoor))
    return (1.0 - _LOSS_SHARE * _USUAL_AWAY) / (1.0 - _LOSS_SHARE * away)


def _harder(goal: float, change: WeatherChange | None) -> float:
    """Return how much slower it goes than of late; never faster, a forecast may be wrong."""
    if change is None:
        return 1.0
    extreme, usual = (_outdoor_factor(goal, each) for each in change)
    return max(1.0, extreme / usual)


def _key(season: str, reach: str) -> str:
    # What was learned before ways were told apart is the near one, the usual one.
    return season if reach == _NAMES[0] else f"{season}_{reach}"


def _read_paces(document: Mapping[str, Any], season: str) -> Paces:
    return Paces(*(_read_pace(document.get(_key(season, reach))) for reach in _NAMES))


def _read_pace(value: Any) -> Pace:
    if not isinstance(value, dict):
        return Pace()
    found = numbers(
        value,
        {
            "seconds_per_kelvin": _PACE_BOUNDS,
            "deviation": (0.0, _PACE_BOUNDS[1]),
            "runs": (1, 1000),
        },
    )
    if len(found) < 3:  # noqa: PLR2004 - all or nothing
        return Pace()
    return Pace(found["seconds_per_kelvin"], found["deviation"], int(found["runs"]))


def _read_episode(value: Any) -> Episode | None:
    if not isinstance(value, dict):
        return None
    at = from_unix(number(value.get("at")))
    temperature = number(value.get("temperature"), -100.0, 100.0)
    goal = number(value.get("goal"), -100.0, 100.0)
    if at is None or temperature is None or goal is None:
        return None
    depth = number(value.get("depth"), 0.0, 200.0)
    return Episode(at, temperature, goal, 0.0 if depth is None else depth)
