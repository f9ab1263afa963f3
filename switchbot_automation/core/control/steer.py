"""Steer the setpoint of an inverter so that the *meter* settles inside the band. Pure.

An inverter keeps its own return air at its setpoint. That sensor hangs under the ceiling
in the warm air the unit makes, so the room settles some kelvin beside what was asked
for. The difference is learned, and the setpoint sent is the wanted temperature plus it.

All reckoning is in *effort* degrees: Celsius when heating, Celsius with the sign turned
when cooling. There "more" is always what the unit works for: `near` is the edge of the
band that is lost without the unit, `far` the one that is overrun by it.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from switchbot_automation.core.control.trend import numbers
from switchbot_automation.model import HIGHEST_SETPOINT, LOWEST_SETPOINT

if TYPE_CHECKING:
    from collections.abc import Mapping

# Beyond this it is not the sensor: the unit is too weak, or it is not the unit's work.
OFFSET_BOUNDS = (-4.0, 6.0)
# A person's setpoint further than this from the band tells of haste, not of the unit.
_IMPLIED_MOST = 3.0
_VERSION = 1
_HOUR, _DAY = 3600.0, 86400.0

# How far inside the band the room has to settle, as a share of the band and at most.
_INSIDE_SHARE, _INSIDE_MOST = 0.3, 0.6
# A setpoint in force is kept until it is this much too weak, or a weaker one this much
# stronger than needed: a step more than needed costs less than flickering.
_TOO_WEAK, _TOO_STRONG = 0.15, 0.12
# The weakest setpoint worth having settles this far inside, of what is usual.
_WEAKEST = 0.3
# No more is asked for until the room has settled this much too low.
_ENOUGH = 0.1
AHEAD_HOURS, _AHEAD_MOST, RISING_MOST = 0.3, 0.6, 1.5
# A unit and the air around it have settled this long after a command; until then the
# trend shows nothing but the command.
SETTLED_SECONDS = 1500.0
_CHANGE_SECONDS, _URGENT_SECONDS, _SOONEST_SECONDS = 1500.0, 900.0, 420.0
# A room that comes back this fast, in kelvin an hour, needs no more and no less than it has.
RECOVERS = 0.5
# A unit whose return air is this far past its setpoint rests (makers use about 1 K).
RESTS_PAST = 1.15
_NARROWEST = 0.8
# So far over its band a room will not want its unit for hours, as when the band was moved
# for the night: to stop it is worth a start, and one beep instead of one a step.
_FAR_OVER = 1.0
# A room whose median of the last half hour is so near the end of its band is over it.
_OVER_LASTS = 0.1
# A rest that is over sooner than this was none.
SHORT_REST_SECONDS = 2700.0
# A room that comes back into its band by this, in kelvin an hour, is given the time.
_COMES_BACK = 0.05
_PROBE_SECONDS = 3600.0
# A unit whose room is this much colder than its setpoint would settle it gives all it has.
FULL_ERROR = 1.2
# Asked for less than this beyond what its room has, a unit may rest: its own sensor hangs in
# the air that it makes, and reads up to so much further on.
_SURELY_ASKED = 3.0
# How much is asked for at once before it is seen whether the room follows.
_TRIED_STEPS = 2.0
_NEAR_EDGE, _FAR_EDGE, _OVERRUN = 0.05, 0.2, 0.3
# So many reversals of late, and the room swings by itself: its unit is too strong for it, or
# its meter too late. Who answered each swing would only add to it.
_SWINGS = 1.5
_SWING_SECONDS, _FAR_OUT = 2400.0, 0.5
_LOOK_SOONEST, _LOOK_LATEST = 300.0, 900.0
_LOOK_LATEST_OFF = 1500.0
# How slowly a room may be assumed to drift at most, in kelvin an hour: people come home
# and cook, whether its unit runs or rests.
_DRIFT = 1.5
# From so far outside its band a room is brought up a step stronger.
_LONG_WAY, _FAR_OFF = 1.0, 2.5
CAUTION_MOST, CAUTION_LEAST = 0.6, -0.2
DRIVEN, DRIVEN_MOST = 1.5, 4.0
"""From so often on a unit counts as one that does not throttle; after the second time for a
week, see `Steering`."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A setpoint that is being raised, to see whether the room follows it.

    In effort degrees: the `setpoint` before, where the room stood (`level`), how fast it
    came up by itself (`slope`, kelvin an hour) and which offset was believed then;
    `seconds` since the first raise. `again`: the room had not followed, and the unit is
    told the same once more, since it may not have heard it; `seconds` are since then.
    """

    setpoint: float
    level: float
    offset: float
    slope: float = 0.0
    seconds: float = 0.0
    again: bool = False


@dataclass(frozen=True, slots=True)
class Steering:
    """What was learned of a unit in its room, in effort degrees; None: nothing yet.

    `heating` and `cooling` are how much more has to be asked for than is wanted;
    `caution` is how much further inside its band a room has to settle that dips; below
    zero: how much less far one has to that was seen to stand still where it settles.
    `held` is what the offset is if the unit held the room that was then put to rest;
    None where it was not. `trial` is the raise that is being watched; `full_seconds` how
    long yet a unit that did not follow one counts as giving all it has. `told` is the
    setpoint it ran at last, `turned` which way that was changed (1.0 up, -1.0 down),
    `reversals` how often the other way was taken next, lately: each fades within hours.
    `driven` is how often lately a unit worked on however little was asked, and the room fell
    back once it was stopped; it fades within days. `drives`: this run seems to be such a one.
    """

    heating: float | None = None
    cooling: float | None = None
    caution: float = 0.0
    held: float | None = None
    trial: Trial | None = None
    full_seconds: float = 0.0
    told: float | None = None
    turned: float = 0.0
    reversals: float = 0.0
    driven: float = 0.0
    drives: bool = False

    def offset(self, *, heating: bool) -> float | None:
        """Return the offset of a season."""
        return self.heating if heating else self.cooling

    def with_offset(self, value: float, *, heating: bool) -> Steering:
        """Return it with a season's offset, within bounds."""
        low, high = OFFSET_BOUNDS
        value = max(low, min(high, value))
        return replace(self, heating=value) if heating else replace(self, cooling=value)

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""
        known = {
            "heating": self.heating,
            "cooling": self.cooling,
            "caution": self.caution,
            "held": self.held,
            "full_seconds": self.full_seconds or None,
            "told": self.told,
            "turned": self.turned or None,
            "reversals": self.reversals or None,
            "driven": self.driven or None,
            "drives": self.drives or None,
            "trial": asdict(self.trial) if self.trial else None,
        }
        return {"version": _VERSION} | {
            key: value for key, value in known.items() if value is not None
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Steering:
        """Read a document; another version or garbage counts as nothing learned."""
        if document.get("version") != _VERSION:
            return cls()
        bounds = {
            "heating": OFFSET_BOUNDS,
            "cooling": OFFSET_BOUNDS,
            "caution": (CAUTION_LEAST, CAUTION_MOST),
            "held": OFFSET_BOUNDS,
            "full_seconds": (0.0, _DAY),
            "told": (-100.0, 100.0),
            "turned": (-1.0, 1.0),
            "reversals": (0.0, 100.0),
            "driven": (0.0, DRIVEN_MOST),
        }
        found = numbers(document, bounds)
        drives = document.get("drives") is True
        trial = _read_trial(document.get("trial"))
        return cls(**found, drives=drives, trial=trial)


def _read_trial(value: Any) -> Trial | None:
    if not isinstance(value, dict):
        return None
    found = numbers(
        value,
        {
            "setpoint": (-100.0, 100.0),
            "level": (-100.0, 100.0),
            "offset": OFFSET_BOUNDS,
            "slope": (-100.0, 100.0),
            "seconds": (0.0, _DAY),
        },
    )
    if len(found) != 5:  # noqa: PLR2004 - all or nothing
        return None
    return Trial(**found, again=value.get("again") is True)


@dataclass(frozen=True, slots=True)
class Aim:
    """What the room is wanted to be. Celsius; `asked` is the profile's own setpoint.

    `width` is that of the whole band in kelvin, where `low` to `high` is a part of it.
    """

    heating: bool
    low: float
    high: float
    asked: float
    step: float = 1.0
    width: float | None = None

    @property
    def sign(self) -> float:
        """From Celsius to effort degrees and back."""
        return 1.0 if self.heating else -1.0

    @property
    def near(self) -> float:
        """The edge that is lost without the unit, in effort degrees."""
        return self.low if self.heating else -self.high

    @property
    def far(self) -> float:
        """The other edge, in effort degrees."""
        return self.high if self.heating else -self.low

    @property
    def inside(self) -> float:
        """How far inside the near edge the room has to settle, in kelvin."""
        width = self.far - self.near if self.width is None else self.width
        return min(_INSIDE_MOST, _INSIDE_SHARE * width)

    @property
    def wake(self) -> float:
        """Where a unit that is off is wanted again, in effort degrees."""
        return self.near + 0.6 * self.inside

    def offset(self, steering: Steering) -> float:
        """Return the learned offset, before that what the person's setpoint implies.

        One that the band lies wholly beyond implies no unit that much stronger than it is
        set: too little would be asked of it, and it be taken for one that has no more.
        """
        learned = steering.offset(heating=self.heating)
        if learned is not None:
            return learned
        asked = max(self.sign * self.asked, self.near)
        implied = asked - (self.near + self.far) / 2.0
        return max(OFFSET_BOUNDS[0], min(_IMPLIED_MOST, implied))


@dataclass(frozen=True, slots=True)
class Situation:
    """What is seen now. `slope` in kelvin an hour since the last command, None unknown.

    `setpoint` is the one in force, None while the unit is off or nobody knows;
    `settled_seconds` is how long the last command is ago. Of the readings since then, and of
    the last half hour, `least` is the one conditioned least, `most` the one conditioned
    most, `level` their median.
    `spared`: another start today is to be avoided. `suspect`: the meter has stood still
    for so long that it may be dead. `hurries`: a long way is begun a step stronger.
    `unanswered`: that it was told this setpoint nothing confirmed. `followed`: the room was
    seen to follow since the unit was started. `shows`: the unit says itself at which
    setpoint it runs. `sunlit`: how warm
    the room would get within the next hours by the sun that is forecast, in effort degrees,
    if its unit kept it where the usual setpoint settles it; None where nobody knows.
    `apart_seconds` lie between two reports of a meter that reports seldom, 0.0 for others: then
    `settled_seconds` are those until its last report, and `temperature` is where the room has
    gone since.
    """

    temperature: float
    slope: float | None
    running: bool
    setpoint: float | None = None
    settled_seconds: float = math.inf
    least: float | None = None
    level: float | None = None
    spared: bool = False
    suspect: bool = False
    most: float | None = None
    hurries: bool = False
    unanswered: bool = False
    followed: bool = True
    shows: bool = False
    sunlit: float | None = None
    apart_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do: the `setpoint` to run at, Celsius, None for off.

    `settles` is where the meter is expected to settle with it, `offset` what was
    learned, both Celsius; `look_seconds`: when to look again at the latest. `sunlit`: how
    warm the sun would make the room that is kept low for it, Celsius; None where it is not.
    `again`: it runs at that setpoint, and is told so once more.
    """

    setpoint: float | None
    look_seconds: float
    settles: float | None
    offset: float
    why: str
    sunlit: float | None = None
    again: bool = False


def steer(aim: Aim, steering: Steering, seen: Situation) -> Advice:
    """Say whether the unit should run and with which setpoint."""
    x = aim.sign * seen.temperature
    if not seen.running:
        return _resting(aim, steering, seen, x)
    offset, target = aim.offset(steering), _target(aim, steering)
    floor = _up(aim, target + offset - _TOO_WEAK)
    if seen.setpoint is None:
        return _untold(aim, steering, seen, x, floor)
    advice = _running(aim, steering, seen, x, target)
    if advice.setpoint == seen.setpoint and _is_told_again(steering, seen):
        return replace(advice, why="may_not_have_heard", again=True)
    low = advice.setpoint is not None and aim.sign * advice.setpoint < floor
    if low and before_sun(aim, seen):
        return replace(advice, sunlit=aim.sign * (seen.sunlit or 0.0))
    return advice


def _running(
    aim: Aim, steering: Steering, seen: Situation, x: float, target: float
) -> Advice:
    """Say what a unit should do that runs at a setpoint that is known."""
    offset = aim.offset(steering)
    floor = _up(aim, target + offset - _TOO_WEAK)
    present = aim.sign * (seen.setpoint or 0.0)
    if is_to_rest(aim, steering, seen):
        return _advice(aim, steering, None, "holds_without", _LOOK_SOONEST)
    wanted, least = _wanted(aim, steering, seen, x, target)
    if seen.unanswered:
        # A room that stays cold may have heard nothing; once it does it would be too warm.
        wanted = min(wanted, max(present, floor))
    drift = max(_DRIFT, abs(seen.slope or 0.0))
    look = _look(min(x - aim.near, aim.far - x), drift, _LOOK_LATEST)
    if wanted == present and seen.suspect and seen.settled_seconds >= _PROBE_SECONDS:
        probe = _probe(aim, present, offset)
        return _advice(aim, steering, probe, "probes_meter", _LOOK_SOONEST)
    if wanted == present:
        return _advice(aim, steering, present, "settles_in_band", look)
    if seen.settled_seconds < least:
        look = min(look, max(_LOOK_SOONEST, least - seen.settled_seconds))
        return _advice(aim, steering, present, "settling", look)
    why = "settles_too_low" if (wanted > present) is aim.heating else "settles_too_high"
    if wanted < present and before_sun(aim, seen):
        why = "sun_ahead"
    return _advice(aim, steering, wanted, why, 2.0 * _LOOK_SOONEST)


def _is_told_again(steering: Steering, seen: Situation) -> bool:
    """Tell whether a unit whose room did not follow is told its setpoint once more."""
    trial = steering.trial
    if trial is None or not trial.again:
        return False
    return trial.seconds < SETTLED_SECONDS <= seen.settled_seconds


def _target(aim: Aim, steering: Steering) -> float:
    """Return where the room is to settle, in effort degrees."""
    # As far inside as leaves room for where a whole step may come to lie.
    middle = (aim.near + aim.far) / 2.0 - 0.35 * aim.step
    target = aim.near + aim.inside
    return min(target + steering.caution, max(target, middle))


def _untold(
    aim: Aim, steering: Steering, seen: Situation, x: float, floor: float
) -> Advice:
    """Say what a unit should do that runs at nobody knows what.

    It cannot be told to do a little less. So it is stopped before the room is over its
    band, unless it was started often enough today.
    """
    comes_up = aim.sign * (seen.slope or 0.0) > 0.0
    early = not seen.spared and comes_up and x >= aim.far - _FAR_EDGE
    if early or overruns(aim, x):
        return _advice(aim, steering, None, "holds_without", _LOOK_SOONEST)
    look = _look(min(x - aim.near, aim.far - x), _DRIFT, _LOOK_LATEST)
    # A room that would be in its band a step lower, too, is told to come down that step.
    spare = x - aim.step >= aim.wake
    wanted = floor - aim.step if spare else floor
    return _advice(aim, steering, wanted, "setpoint_unknown", look)


def _resting(aim: Aim, steering: Steering, seen: Situation, x: float) -> Advice:
    slope = aim.sign * (seen.slope or 0.0)
    if is_needed(aim, seen):
        wanted = aim.near + aim.inside + aim.offset(steering)
        setpoint = _up(aim, wanted - _TOO_WEAK)
        if seen.hurries and _is_long_way(aim, steering, x, setpoint):
            setpoint += aim.step
        return _advice(aim, steering, setpoint, "needed", _LOOK_SOONEST)
    look = _look(x - aim.wake, max(_DRIFT, -1.5 * slope), _LOOK_LATEST_OFF)
    return _advice(aim, steering, None, "holds_without", look)


def _is_long_way(aim: Aim, steering: Steering, x: float, setpoint: float) -> bool:
    """Tell whether a cold room is begun a step stronger, since its band bears that.

    Its walls take more at first, and its unit defrosts the most then. Only of a unit that
    reads its own warm air by far: the harder it works, the further the room stays behind.
    """
    offset = steering.offset(heating=aim.heating)
    if offset is None or offset < _FAR_OFF or x > aim.near - _LONG_WAY:
        return False
    settles = setpoint + aim.step - offset
    return settles <= aim.far - _FAR_EDGE


def is_needed(aim: Aim, seen: Situation) -> bool:
    """Tell whether a unit that is off is wanted, now or by the time it would help."""
    slope = aim.sign * (seen.slope or 0.0)
    ahead = max(-_AHEAD_MOST, min(0.0, slope * AHEAD_HOURS))
    x = aim.sign * seen.temperature
    return x + ahead <= aim.wake


def _wanted(
    aim: Aim, steering: Steering, seen: Situation, x: float, target: float
) -> tuple[float, float]:
    """Return the setpoint wanted, as effort, and how long the last one must have had."""
    present, offset = aim.sign * (seen.setpoint or 0.0), aim.offset(steering)
    floor = _up(aim, target + offset - _TOO_WEAK)
    slope = aim.sign * (seen.slope or 0.0)
    level = x if seen.level is None else aim.sign * seen.level
    if steering.reversals >= _SWINGS:
        return _wanted_of_a_swing(aim, steering, seen, present, level)
    # One low reading is a unit that defrosts, and comes back by itself.
    if max(x, level) < aim.near + _NEAR_EDGE and slope < RECOVERS:
        if present >= floor and _asked_enough(aim, steering, present, level):
            return present, _CHANGE_SECONDS
        return max(present + aim.step, floor), _URGENT_SECONDS
    rising = max(0.0, min(RISING_MOST, slope)) * AHEAD_HOURS
    # A unit that comes back from defrosting runs over for a moment; that is no sun.
    held = max(level, x - _OVERRUN)
    if held + rising > aim.far - _FAR_EDGE and held - present + offset > _FAR_EDGE:
        return _wanted_over(aim, seen, x, present, offset)
    weakest = _weakest(aim, offset)
    if min(level, x) > aim.far and slope > -_COMES_BACK and present > weakest:
        # It works, and holds the room where nobody wants it: whole steps are coarse.
        return max(weakest, present - aim.step), _CHANGE_SECONDS
    if before_sun(aim, seen):
        return min(present, _least_kept(aim, steering)), _CHANGE_SECONDS
    if present < floor and level < target - _ENOUGH:
        return floor, _CHANGE_SECONDS
    # What the room shows now may be more than is known of the unit yet.
    shown = max(offset, present - max(level, x))
    if is_full(steering, present, offset, level):
        shown = offset
    if present - aim.step >= target + shown + _TOO_STRONG and level > target:
        return max(floor, _up(aim, target + offset)), _CHANGE_SECONDS
    return present, _CHANGE_SECONDS


def _wanted_over(
    aim: Aim, seen: Situation, x: float, present: float, offset: float
) -> tuple[float, float]:
    """Return the same of a room that is carried over its band."""
    slope = aim.sign * (seen.slope or 0.0)
    if slope < -RECOVERS:
        return present, _CHANGE_SECONDS
    weakest = _weakest(aim, offset)
    spared = seen.spared and overruns(aim, x)
    if present > weakest:
        wanted = min(weakest, _at_rest(aim, x, offset)) if spared else weakest
        return wanted, _SOONEST_SECONDS
    # A unit that is not to be stopped rests by itself when little enough is asked:
    # at once, not by a beep for every step.
    past = x - (present - offset)
    if not spared or slope < -_COMES_BACK or past > RESTS_PAST + aim.step:
        return present, _CHANGE_SECONDS
    return min(present - aim.step, _at_rest(aim, x, offset)), _CHANGE_SECONDS


def _wanted_of_a_swing(
    aim: Aim, steering: Steering, seen: Situation, present: float, level: float
) -> tuple[float, float]:
    """Return the same of a room that swings: what its middle needs, the later the more so."""
    middle = level
    if seen.least is not None and seen.most is not None:
        middle = aim.sign * (seen.least + seen.most) / 2.0
    out = max(aim.near - middle, middle - aim.far)
    calm = _SWING_SECONDS * steering.reversals
    least = _CHANGE_SECONDS if out > _FAR_OUT else calm
    if out <= 0.0:
        return present, least
    return present + (aim.step if middle < aim.near else -aim.step), least


def usual_level(aim: Aim, steering: Steering) -> float:
    """Return where the setpoint that is usual settles the room, in effort degrees."""
    offset = aim.offset(steering)
    return _up(aim, _target(aim, steering) + offset - _TOO_WEAK) - offset


def before_sun(aim: Aim, seen: Situation) -> bool:
    """Tell whether the sun is coming that would carry the room over its band.

    Then it is kept as low as its band allows, so that it takes more of the sun. That
    setpoint keeps a room in its band for itself: sun that does not come costs nothing.
    """
    return seen.sunlit is not None and seen.sunlit > aim.far - _FAR_EDGE


def _least_kept(aim: Aim, steering: Steering) -> float:
    """Return the least that holds a room, one that was seen to dip further inside."""
    offset, dips = aim.offset(steering), max(0.0, steering.caution)
    return _up(aim, aim.near + _WEAKEST * aim.inside + dips + offset)


def is_full(steering: Steering, present: float, offset: float, level: float) -> bool:
    """Tell whether the unit gives all it has: a higher setpoint would change nothing.

    That it was found out lately, and that there is a way yet to where it would settle.
    """
    found = steering.full_seconds > 0.0 and is_surely_asked(present, level)
    return found and present - offset - level >= FULL_ERROR


def is_surely_asked(present: float, level: float) -> bool:
    """Tell whether a unit works at this setpoint whatever its own sensor reads.

    A setpoint nearer to what the room has may be met there, and the unit at rest: a room
    that does not follow says nothing of how much it has to give.
    """
    return present - level >= _SURELY_ASKED


def _asked_enough(aim: Aim, steering: Steering, present: float, level: float) -> bool:
    trial = steering.trial
    if trial is not None and present - trial.setpoint >= _TRIED_STEPS * aim.step:
        return True
    return is_full(steering, present, aim.offset(steering), level)


def _probe(aim: Aim, present: float, offset: float) -> float:
    """Return a setpoint that has to show on the meter without leaving the band.

    A room that is kept well stands as still as a dead meter; only a change tells.
    """
    weaker = present - aim.step
    inside = weaker - offset >= aim.near + _WEAKEST * aim.inside
    return weaker if inside else present + aim.step


def is_to_rest(aim: Aim, steering: Steering, seen: Situation) -> bool:
    """Tell whether the room holds without the unit, or overruns the band with it.

    Only where the setpoint in force is the weakest useful one. A room that stays further
    off from where that would settle it than the unit's own rest allows is held by
    something else.
    """
    x = aim.sign * seen.temperature
    if never_throttles(aim, seen):
        return True
    if seen.setpoint is None or seen.settled_seconds < SETTLED_SECONDS:
        return False
    # Where it would be wanted again at once it does not rest.
    if x <= aim.wake:
        return False
    if _is_rest_proved(aim, steering, seen, x) or _works_past_its_least(aim, seen, x):
        return True
    if seen.spared and x - aim.far <= _FAR_OVER:
        return False
    offset = aim.offset(steering)
    present = aim.sign * seen.setpoint
    settles, slope = present - offset, aim.sign * (seen.slope or 0.0)
    carried = x - settles > RESTS_PAST and slope > 0.0 and x + slope >= aim.far
    if present > _weakest(aim, offset):
        # It gives nothing already: to ask for less would be one more beep.
        return carried and seen.least is not None
    # One high reading is a compressor at the top of its cycle, or the meter's noise.
    lasts = seen.level is None or aim.sign * seen.level >= aim.far - _OVER_LASTS
    if overruns(aim, x) and (
        x - aim.far > _FAR_OVER or (lasts and x + slope / 2.0 > aim.far)
    ):
        return True
    if seen.least is None:
        return False
    stays = slope > -RECOVERS and aim.sign * seen.least - settles > RESTS_PAST
    return carried or stays


def _is_rest_proved(aim: Aim, steering: Steering, seen: Situation, x: float) -> bool:
    """Tell whether a unit that was asked for nothing was not missed for so long.

    Then something else holds the room: to stop it costs no start that is soon needed.
    """
    if seen.settled_seconds < SHORT_REST_SECONDS or x < aim.far:
        return False
    falls = aim.sign * (seen.slope or 0.0) < -_COMES_BACK
    return is_asked_nothing(aim, steering, seen) and not falls


def never_throttles(aim: Aim, seen: Situation) -> bool:
    """Tell whether a room goes on over its band, and the unit should long be at rest.

    By all that a sensor of its own may be off. One that measures another room works on,
    and so does one speed alone: no step less changes anything, and to wait for it nothing.
    """
    if seen.setpoint is None or seen.settled_seconds < _SOONEST_SECONDS:
        return False
    x = aim.sign * seen.temperature
    rises = aim.sign * (seen.slope or 0.0) >= RECOVERS
    past = x - aim.sign * seen.setpoint
    return overruns(aim, x) and rises and past >= RESTS_PAST - OFFSET_BOUNDS[0]


def _works_past_its_least(aim: Aim, seen: Situation, x: float) -> bool:
    """Tell whether a room is held over its band by a unit that can be asked for no less.

    One that does not throttle, as by a sensor of its own in the cold or with one speed
    alone: only a stop takes back what it gives, also where a start is to be spared.
    """
    lowest = aim.sign * (LOWEST_SETPOINT if aim.heating else HIGHEST_SETPOINT)
    if aim.sign * (seen.setpoint or 0.0) > lowest or not overruns(aim, x):
        return False
    level = x if seen.level is None else aim.sign * seen.level
    falls = aim.sign * (seen.slope or 0.0) < -_COMES_BACK
    return level >= aim.far + _OVERRUN and not falls


def is_let_rest(aim: Aim, steering: Steering, seen: Situation) -> bool:
    """Tell whether a room overruns its band with a unit that is told to rest, not stopped.

    Told so once a day has had its starts, see `_wanted`.
    """
    if seen.setpoint is None or not seen.spared:
        return False
    asked = not is_asked_nothing(aim, steering, seen)
    return asked and overruns(aim, aim.sign * seen.temperature)


def is_asked_nothing(aim: Aim, steering: Steering, seen: Situation) -> bool:
    """Tell whether a unit runs at a setpoint that would not hold the room in its band."""
    if seen.setpoint is None:
        return False
    present, offset = aim.sign * seen.setpoint, aim.offset(steering)
    return present < _weakest(aim, offset)


def offset_of_a_step_less(aim: Aim, steering: Steering, setpoint: float) -> float:
    """Return the most that the offset can be where a step less than `setpoint` is enough."""
    less = aim.sign * setpoint - aim.step
    return less - _target(aim, steering) + _TOO_WEAK


def _weakest(aim: Aim, offset: float) -> float:
    return _up(aim, aim.near + _WEAKEST * aim.inside + offset)


def overruns(aim: Aim, x: float) -> bool:
    """Tell whether a room is over its band, in effort degrees."""
    # A band may be narrower than what a meter and a unit can keep.
    return x >= max(aim.far, aim.wake + _NARROWEST)


def _advice(
    aim: Aim, steering: Steering, effort: float | None, why: str, look: float
) -> Advice:
    offset = aim.offset(steering)
    setpoint = None
    if effort is not None:
        setpoint = max(LOWEST_SETPOINT, min(HIGHEST_SETPOINT, aim.sign * effort))
    return Advice(
        setpoint=setpoint,
        look_seconds=look,
        settles=None if setpoint is None else setpoint - aim.sign * offset,
        offset=aim.sign * offset,
        why=why,
    )


def _look(distance: float, slope: float, latest: float) -> float:
    return max(_LOOK_SOONEST, min(latest, _HOUR * max(0.0, distance) / slope))


def _at_rest(aim: Aim, x: float, offset: float) -> float:
    """Return the setpoint, as effort, at which a unit surely rests in a room at `x`.

    A step more than it takes, since what was learned of a unit that rests is vague.
    """
    steps = math.floor(round((x + offset - RESTS_PAST) / aim.step, 6))
    return (steps - 1) * aim.step


def _up(aim: Aim, effort: float) -> float:
    return math.ceil(round(effort / aim.step, 6)) * aim.step
