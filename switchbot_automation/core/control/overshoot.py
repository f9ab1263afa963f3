"""Ask for less than the profile where a room is overrun, for more where it stays short. Pure.

Both sides of an error, under `control: switch`. A room that settles below its band although
its unit runs has a unit that reads its own warm air, or was asked for too little: it is
asked for more, step by step, until the room is in its band. `Softening` counts that as
less than nothing.

The meter lags, so a light room is overrun before it says so, and drops as fast once the
unit is off. What helps is to ask for less: a unit whose setpoint lies only as far beyond
the band as the room needs runs on instead of being switched off. How much less is
learned from the runs that ended at the threshold too soon, and from how far the room
went on afterwards; it is taken back when the room is not kept by it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from switchbot_automation.core.control.trend import numbers
from switchbot_automation.model import HIGHEST_SETPOINT, LOWEST_SETPOINT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.core.control.steer import Aim

_VERSION = 1
MOST_KELVIN = 6.0
MOST_RAISED_KELVIN = 6.0
"""How much more than the profile's setpoint is asked for at most."""
# A run that ends sooner than this was too strong; one that lasts was ended by the sun,
# unless the room is back at the other threshold this soon after.
_SHORT_RUN_SECONDS = 3.0 * 3600.0
_SHORT_REST_SECONDS = 3600.0
# How long the room goes on after a stop.
_RUN_ON_SECONDS = 540.0
_KEEPS = 0.5
# A softened setpoint keeps the room this far inside its band, else it is taken back.
_INSIDE = 0.15
_SETTLED_SECONDS = 2400.0
_STILL_COMING = 0.5
# How near the edge a setpoint may come, in kelvin.
_SHORT_OF_EDGE, _PAST_EDGE = 1.0, 1.0


@dataclass(frozen=True, slots=True)
class Softening:
    """How much less is asked for than the profile says, in kelvin, by season.

    Below zero, more is asked for.
    `overshoot` is how far the room goes on past the threshold, in kelvin. `counted` is
    the last stop that was learned from, in POSIX seconds; `lasted` the last one at the
    threshold after a long run, 0 for none.
    """

    heating: float = 0.0
    cooling: float = 0.0
    overshoot: float = 0.0
    counted: float = 0.0
    lasted: float = 0.0

    def kelvin(self, *, heating: bool) -> float:
        """Return the softening of a season."""
        return self.heating if heating else self.cooling

    def by(self, kelvin: float, *, heating: bool) -> Softening:
        """Return it with so much more softening, within bounds."""
        value = self.kelvin(heating=heating) + kelvin
        value = max(-MOST_RAISED_KELVIN, min(MOST_KELVIN, value))
        return replace(self, heating=value) if heating else replace(self, cooling=value)

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""
        return {
            "version": _VERSION,
            "heating": self.heating,
            "cooling": self.cooling,
            "overshoot": self.overshoot,
            "counted": self.counted,
            "lasted": self.lasted,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Softening:
        """Read a document; another version or garbage counts as nothing learned."""
        if document.get("version") != _VERSION:
            return cls()
        bounds = {
            "heating": (-MOST_RAISED_KELVIN, MOST_KELVIN),
            "cooling": (-MOST_RAISED_KELVIN, MOST_KELVIN),
            "overshoot": (0.0, MOST_KELVIN),
            "counted": (0.0, 1e11),
            "lasted": (0.0, 1e11),
        }
        return cls(**numbers(document, bounds))


@dataclass(frozen=True, slots=True)
class Run:
    """The last time the unit was on, and the room since. POSIX seconds and Celsius.

    `stopped` is None while it runs. `latest` is the last reading, `at_stop` the one
    before the stop, `furthest` the one conditioned most since then; `most` the one
    conditioned most in the last half hour, None before there were some; `slope` is in
    kelvin an hour. `shown`: the meter lives, and nothing says that the unit does not take
    what it is told.
    """

    now: float
    started: float
    stopped: float | None
    at_stop: float | None = None
    furthest: float | None = None
    latest: float | None = None
    most: float | None = None
    settled_seconds: float = 0.0
    setpoint: float | None = None
    slope: float | None = None
    shown: bool = True


def softened(aim: Aim, softening: Softening) -> float:
    """Return the setpoint to send, Celsius: the profile's less what was learned.

    Never so near the edge that the unit works away from that it would do nothing there:
    when heating it reads its own warm air, when cooling hardly its own cold.
    """
    less = softening.kelvin(heating=aim.heating)
    asked = aim.sign * aim.asked
    least = aim.near + (_SHORT_OF_EDGE if aim.heating else -_PAST_EDGE)
    effort = max(min(asked, least), asked - less)
    setpoint = aim.sign * math.ceil(round(effort / aim.step, 6)) * aim.step
    if less >= 0.0:
        return setpoint
    return max(LOWEST_SETPOINT, min(HIGHEST_SETPOINT, setpoint))


def is_at_limit(aim: Aim, softening: Softening) -> bool:
    """Tell whether no more may be asked for than is."""
    if softening.kelvin(heating=aim.heating) >= 0.0:
        return False
    more = softening.by(-aim.step, heating=aim.heating)
    return softened(aim, more) == softened(aim, softening)


def is_at_end(aim: Aim, softening: Softening) -> bool:
    """Tell whether a unit is asked for all that any takes."""
    end = HIGHEST_SETPOINT if aim.heating else LOWEST_SETPOINT
    return is_at_limit(aim, softening) and softened(aim, softening) == end


def learn_softening(
    aim: Aim, softening: Softening, hysteresis: float, run: Run
) -> Softening:
    """Return what is known after a reading."""
    if run.stopped is None:
        return _taken_back(aim, softening, run)
    if softening.lasted:
        return _after_a_long_run(aim, softening, hysteresis, run)
    if run.stopped <= softening.counted or run.now - run.stopped < _RUN_ON_SECONDS:
        return softening
    counted = replace(softening, counted=run.stopped)
    if run.at_stop is None or run.furthest is None:
        return counted
    threshold = aim.far + hysteresis
    if aim.sign * run.at_stop < threshold - _KEEPS * aim.step:
        return counted
    beyond = max(0.0, aim.sign * run.furthest - threshold)
    overshoot = 0.5 * (softening.overshoot + min(beyond, MOST_KELVIN))
    counted = replace(counted, overshoot=overshoot)
    if run.stopped - run.started > _SHORT_RUN_SECONDS:
        return replace(counted, lasted=run.stopped)
    less = aim.step * max(1, round(beyond / aim.step))
    return counted.by(less, heating=aim.heating)


def _after_a_long_run(
    aim: Aim, softening: Softening, hysteresis: float, run: Run
) -> Softening:
    """Ask for less where the room falls back at once: it was no sun that held it."""
    if run.stopped is None or run.latest is None:
        return softening
    over = replace(softening, lasted=0.0)
    if run.now - softening.lasted > _SHORT_REST_SECONDS:
        return over
    if aim.sign * run.latest > aim.near - hysteresis:
        return softening
    return over.by(aim.step, heating=aim.heating)


def _taken_back(aim: Aim, softening: Softening, run: Run) -> Softening:
    """Ask for more where the room has settled too near the edge, or beyond it.

    All of the last half hour has to show it: a unit that defrosts while the room is
    still coming looks settled for a moment.
    """
    # What nobody has softened is a person's: it is only raised once it does not do.
    inside = _INSIDE if softening.kelvin(heating=aim.heating) > 0.0 else 0.0
    if (
        run.most is None
        or run.setpoint is None
        or run.slope is None
        or aim.sign * run.slope > _STILL_COMING
        or run.settled_seconds < _SETTLED_SECONDS
        or aim.sign * run.most >= aim.near + inside
        or run.setpoint != softened(aim, softening)
        # More than a person asked for is no cure for a dead meter or a deaf unit.
        or (not run.shown and softening.kelvin(heating=aim.heating) <= 0.0)
    ):
        return softening
    return softening.by(-aim.step, heating=aim.heating)
