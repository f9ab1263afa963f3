"""Learn how a unit's own sensor differs from the meter, and how the room dips. Pure."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from switchbot_automation.core.control.steer import (
    AHEAD_HOURS,
    CAUTION_LEAST,
    CAUTION_MOST,
    DRIVEN,
    DRIVEN_MOST,
    OFFSET_BOUNDS,
    RESTS_PAST,
    RISING_MOST,
    SETTLED_SECONDS,
    SHORT_REST_SECONDS,
    Trial,
    is_asked_nothing,
    is_full,
    is_let_rest,
    is_needed,
    is_surely_asked,
    is_to_rest,
    never_throttles,
    offset_of_a_step_less,
    overruns,
)

if TYPE_CHECKING:
    from switchbot_automation.core.control.steer import Aim, Situation, Steering

_HOUR = 3600.0
_STEADY = 0.5
_CAUTION_STEP, _CAUTION_HOURS, _CALM_HOURS = 0.15, 24.0, 12.0
# How much further a room dips than its meter shows, which lags and rounds.
_DIP_UNSEEN = 0.15
# A room that the sun had held falls no faster, in kelvin an hour, once its meter follows.
_FALLS_BACK, _METER_FOLLOWS_SECONDS = 2.0, 900.0
# Over half an hour it falls less than in its first minutes.
_FALLS_BACK_LATE = 0.8
# A room follows a setpoint within this, by this share of it; and whether one that does
# not would follow tomorrow is tried again.
_FOLLOWS_SECONDS, _FOLLOWS, _FULL_SECONDS = 3000.0, 0.5, 72000.0
_GOES_ON = 0.7
# A command goes out so long after the reading that it follows from, at most.
_TOLD_LATE_SECONDS = 60.0
_REVERSAL_HOURS, _FORGOTTEN = 4.0, 0.1
# Whether a unit that did not throttle still does not is tried again after a week.
_DRIVEN_HOURS = 171.0


def learn(
    aim: Aim, steering: Steering, seen: Situation, elapsed_seconds: float
) -> Steering:
    """Return what is known after a reading `elapsed_seconds` after the one before.

    Only a unit that has been left to itself for a while tells something. A room colder
    than was asked for is believed soon; one that is warmer only slowly, for that may be
    the sun, and hardly at all once the unit must be resting.
    """
    steering = _count_reversals(aim, steering, seen, elapsed_seconds)
    steering = _try_capacity(aim, steering, seen, elapsed_seconds)
    steering = _count_driven(aim, steering, seen, elapsed_seconds)
    if not seen.running:
        return _learn_rest(aim, steering, seen)
    if seen.setpoint is None or seen.slope is None:
        return steering
    if steering.held is not None and is_asked_nothing(aim, steering, seen):
        steering = _learn_rest(aim, steering, seen)
    elif is_let_rest(aim, steering, seen):
        return _note_let_rest(aim, steering, seen)
    if seen.settled_seconds < SETTLED_SECONDS:
        return steering
    elapsed = min(elapsed_seconds, 1200.0)
    steering = _learn_caution(aim, steering, seen, elapsed)
    steering = _learn_offset(aim, steering, seen, elapsed)
    return _note_rest(aim, steering, seen)


def _count_reversals(
    aim: Aim, steering: Steering, seen: Situation, elapsed: float
) -> Steering:
    """Count how often the setpoint was changed the one way and then the other, lately."""
    reversals = steering.reversals * math.exp(-elapsed / _HOUR / _REVERSAL_HOURS)
    reversals = reversals if reversals > _FORGOTTEN else 0.0
    told = None if seen.setpoint is None else aim.sign * seen.setpoint
    turned = steering.turned
    if told is not None and steering.told is not None and told != steering.told:
        turned = math.copysign(1.0, told - steering.told)
        reversals += turned == -steering.turned
    if not seen.running:
        told, turned = None, 0.0
    return replace(steering, told=told, turned=turned, reversals=reversals)


def _count_driven(
    aim: Aim, steering: Steering, seen: Situation, elapsed: float
) -> Steering:
    """Count how often a unit worked on although it was asked for nothing.

    The sun may drive a room as well; one that falls back once the unit was stopped it did not.
    """
    driven = steering.driven * math.exp(-elapsed / _HOUR / _DRIVEN_HOURS)
    driven = driven if driven > _FORGOTTEN else 0.0
    drives = steering.drives
    if seen.running:
        drives = drives or never_throttles(aim, seen)
    elif drives:
        drives = seen.settled_seconds <= SHORT_REST_SECONDS + seen.apart_seconds
        if drives and _falls_back(aim, seen):
            drives, driven = False, driven + 1.0
            driven = DRIVEN_MOST if driven >= DRIVEN else driven
    return replace(steering, driven=driven, drives=drives)


def _falls_back(aim: Aim, seen: Situation) -> bool:
    """Tell whether a room falls, or is to be worked for again, soon after its unit stopped."""
    falls = seen.settled_seconds >= _METER_FOLLOWS_SECONDS and -aim.sign * (
        seen.slope or 0.0
    ) >= (_FALLS_BACK_LATE if seen.apart_seconds else _FALLS_BACK)
    # One that falls as fast may not have left a wide band yet.
    return falls or is_needed(aim, seen)


def _try_capacity(
    aim: Aim, steering: Steering, seen: Situation, elapsed: float
) -> Steering:
    """Tell a unit whose sensor reads otherwise from one that has no more to give.

    Both leave the room short of what was asked for. But where the setpoint is raised, the
    room of the first follows and that of the second does not; what was learned of the
    offset meanwhile is then taken back.
    """
    steering = _grown_older(aim, steering, seen, elapsed)
    if not seen.running or seen.setpoint is None or seen.level is None:
        return replace(steering, trial=None) if not seen.running else steering
    # The most of the last half hour: a unit that defrosts takes a dip of its own.
    present, level = aim.sign * seen.setpoint, aim.sign * (seen.most or seen.level)
    offset, trial = aim.offset(steering), steering.trial
    slope = aim.sign * (seen.slope or 0.0)
    if trial is None or present <= trial.setpoint:
        if seen.settled_seconds < SETTLED_SECONDS:
            # One that was taken back was not tried: the next raise begins anew.
            broken_off = trial is not None and trial.seconds > 0.0
            return replace(steering, trial=None) if broken_off else steering
        return replace(steering, trial=Trial(present, level, offset, slope))
    if trial.again and seen.settled_seconds > trial.seconds + _TOLD_LATE_SECONDS:
        # It could not be told yet, as in quiet hours: until then it shows nothing.
        trial = replace(trial, seconds=0.0)
    if trial.seconds < _FOLLOWS_SECONDS:
        return replace(steering, trial=trial)
    settled = Trial(present, level, offset, slope)
    asked = present - trial.setpoint
    near = level >= aim.near + aim.inside
    # What it would have come up anyway is no answer.
    anyway = _GOES_ON * max(0.0, trial.slope) * trial.seconds / _HOUR
    if level - trial.level - anyway >= _FOLLOWS * asked:
        # It has more to give, whatever was found before.
        return replace(steering, trial=settled, full_seconds=0.0)
    if near:
        return replace(steering, trial=settled)
    if not trial.again and not seen.shows:
        # It may as well not have heard it, which costs one beep to find out.
        steering = steering.with_offset(trial.offset, heating=aim.heating)
        return replace(steering, trial=replace(trial, seconds=0.0, again=True))
    if not is_surely_asked(present, level):
        # It may rest by its own sensor: more has to be asked for before that tells.
        return replace(steering, trial=replace(settled, offset=trial.offset))
    steering = steering.with_offset(trial.offset, heating=aim.heating)
    settled = replace(settled, offset=trial.offset)
    return replace(steering, trial=settled, full_seconds=_FULL_SECONDS)


def _grown_older(
    aim: Aim, steering: Steering, seen: Situation, elapsed: float
) -> Steering:
    """Count the time of a raise, and what is left of what was found of the unit.

    Also by readings too soon after the raise to tell anything: were these left out, the
    command that repeats it would seem to be late, and go out anew each time.
    """
    left = max(0.0, steering.full_seconds - elapsed)
    if left != steering.full_seconds:
        steering = replace(steering, full_seconds=left)
    trial, setpoint = steering.trial, seen.setpoint
    if not seen.running or trial is None or setpoint is None:
        return steering
    if aim.sign * setpoint <= trial.setpoint:
        return steering
    return replace(steering, trial=replace(trial, seconds=trial.seconds + elapsed))


def _learn_offset(
    aim: Aim, steering: Steering, seen: Situation, elapsed: float
) -> Steering:
    slope = aim.sign * (seen.slope or 0.0)
    offset = aim.offset(steering)
    level = seen.temperature if seen.level is None else seen.level
    error = aim.sign * ((seen.setpoint or 0.0) - level) - offset
    if error > 0.0:
        present = aim.sign * (seen.setpoint or 0.0)
        full = is_full(steering, present, offset, aim.sign * level)
        # What was not seen to follow may not have heard what it was told.
        deaf = not seen.followed or (
            steering.trial is not None and steering.trial.again
        )
        # One that comes up will settle nearer; one that falls, further off still.
        if full or deaf or slope > _STEADY:
            return steering
        hours = 0.75 if error > _STEADY else 1.5
    elif slope < -_STEADY:
        return steering
    elif error > -RESTS_PAST:
        hours = 1.5
    elif is_asked_nothing(aim, steering, seen):
        return steering  # it rests, and shows nothing
    else:
        hours = 6.0
    gain = 1.0 - math.exp(-elapsed / _HOUR / hours)
    return steering.with_offset(offset + gain * error, heating=aim.heating)


def _note_rest(aim: Aim, steering: Steering, seen: Situation) -> Steering:
    """Note, with a unit that is put to rest, what its offset is if it held the room.

    All of what the room had overrun its band; half of what it was off within it, where
    it may have been the sun that has just gone.
    """
    # One that falls already, as after a step down or to the night's band, it does not hold.
    falls = aim.sign * (seen.slope or 0.0) < -_STEADY
    if seen.setpoint is None or falls or not is_to_rest(aim, steering, seen):
        return replace(steering, held=None)
    x = aim.sign * seen.temperature
    offset = aim.offset(steering)
    rising = max(0.0, min(RISING_MOST, aim.sign * (seen.slope or 0.0))) * AHEAD_HOURS
    held = aim.sign * seen.setpoint - x - rising
    if not overruns(aim, x):
        held = (held + offset) / 2.0
    low, high = OFFSET_BOUNDS
    return replace(steering, held=max(low, min(high, held)))


def _note_let_rest(aim: Aim, steering: Steering, seen: Situation) -> Steering:
    """Note the same of a unit that is told to rest by a weak setpoint, not to stop.

    A step less than what overran the band holds the room within it. Were no more believed
    than what the room shows, the same setpoint would be asked for again, and the room
    swing between it and rest, too fast for anything else to be learned.
    """
    present = seen.setpoint or 0.0
    held = min(
        aim.offset(steering),
        aim.sign * (present - seen.temperature),
        offset_of_a_step_less(aim, steering, present),
    )
    low, high = OFFSET_BOUNDS
    return replace(steering, held=max(low, min(high, held)))


def _learn_rest(aim: Aim, steering: Steering, seen: Situation) -> Steering:
    """Tell a room that its unit held from one that the sun held.

    The sun holds it on; without the unit, or with one asked for nothing, it falls back at
    once, and then the setpoint had been stronger than was thought.
    """
    held = steering.held
    if held is None:
        return steering
    if seen.settled_seconds > SHORT_REST_SECONDS + seen.apart_seconds:
        return replace(steering, held=None)
    if not _falls_back(aim, seen):
        return steering
    steering = replace(steering, held=None)
    if held >= aim.offset(steering):
        return steering
    return steering.with_offset(held, heating=aim.heating)


def _learn_caution(
    aim: Aim, steering: Steering, seen: Situation, elapsed: float
) -> Steering:
    """Settle further inside a room that dips although it was settled; forget slowly.

    One that does not dip for hours needs less than is usual, and takes less.
    """
    x = aim.sign * seen.temperature
    caution = steering.caution
    settles = aim.sign * (seen.setpoint or 0.0) - aim.offset(steering)
    known = steering.offset(heating=aim.heating) is not None
    # A room that has not come up yet, or settles elsewhere, does not dip.
    level = x if seen.level is None else aim.sign * seen.level
    arrived = abs(level - settles) < _STEADY
    dip = settles - x + _DIP_UNSEEN - aim.inside
    if known and arrived and dip > caution:
        caution = min(CAUTION_MOST, caution + _CAUTION_STEP, dip)
    else:
        calm = max(CAUTION_LEAST, min(0.0, dip)) if known and arrived else 0.0
        hours = _CAUTION_HOURS if caution > 0.0 else _CALM_HOURS
        caution = calm + (caution - calm) * math.exp(-elapsed / _HOUR / hours)
    return replace(steering, caution=caution)
