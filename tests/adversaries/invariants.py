"""What must hold of every day, whatever came between the rooms and their words.

Each check reads a `Chronicle` and returns what it found wrong, in words, one line each.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import inf
from typing import Any

from tests.adversaries.adversaries import Episode, MetersSwapped
from tests.adversaries.home import Home, Room, local_minutes
from tests.adversaries.life import PARIS, SETBACK, Chronicle, Household

MARGIN = 1.0
"""Kelvin beside the band that a meter's lag, hysteresis and a unit's own sensor cost."""

TOLD_WITHIN = 60
"""Minutes within which health has to say why a room is not in its band."""

DEGRADED_WITHIN = 360
"""Minutes after which "recovering" is no longer an answer: no warm-up takes so long."""

OF_HISTORY, BESIDE_HISTORY = 1.5, 30
"""A room that came back before may take half as long again, and so many minutes more."""

SHORTEST = 120
"""Minutes that every room may take, however quickly it once came back."""

EXCURSION = 0.3
"""Kelvin beside the band from which on a room's way back teaches how long it needs."""

SETTLES = 240
"""Minutes that a room may need once nothing interferes any more."""

BLAMED = 45
"""Minutes for which a unit that gave or took heat is to blame for too much of it."""

REPAIRS_IN_SIX_HOURS = 6
ACCEPTED_A_DAY = 36
REFUSED_AN_HOUR = 12
REFUSED_FOR_GOOD_A_DAY = 24
_FOR_GOOD = ("not supported", "not found", "wrong deviceId", "param is invalid")

PLAIN_WITHIN = 60
"""Minutes within which words that are plainly nonsense have to degrade health."""

BELIEF_WITHIN = 30
"""Minutes for which a belief about a unit may stand against an honest plug."""


def faults(chronicle: Chronicle) -> list[str]:
    """Return everything that was wrong with these days."""
    found: list[str] = []
    for room in chronicle.home.rooms:
        found += kept_or_told(chronicle, room)
        found += bearable(chronicle, room)
        found += beliefs(chronicle, room)
        found += unharmed(chronicle, room)
    found += plainly_told(chronicle)
    found += rules_not_fooled(chronicle)
    found += chronicle.home.overspent
    found += chronicle.tracebacks
    return found


# --- (a) the room was kept, or health said why not ------------------------------------


def kept_or_told(chronicle: Chronicle, room: Room) -> list[str]:
    """A room out of its band for an hour is named by health at every look from then on.

    The hour begins when the band is left, and where the home's words cannot yet show why,
    once they can.
    """
    found = []
    episodes = episodes_of(chronicle, room)
    since, late = minutes_out(chronicle, room), minutes_needed(chronicle, room)
    for sample in chronicle.samples:
        out = since[sample.minute] if sample.minute < len(since) else 0
        if out <= TOLD_WITHIN or not _could_be_seen(sample.minute, episodes, room):
            continue
        names = [room.plan.name, *_mixed_up(room, episodes, sample.minute)]
        if not any(told(sample.health, name) for name in names):
            found.append(
                f"{room.plan.name} minute {sample.minute}: out of its band for {out}"
                f" minutes, health says {said(sample.health, room.plan.name)}"
            )
            continue
        counted, enough = _seen_out(sample.minute, out, late[sample.minute], episodes)
        if counted > enough and sample.health["status"] == "ok":
            found.append(
                f"{room.plan.name} minute {sample.minute}: out of its band for {counted}"
                f" minutes, {enough:.0f} are enough, and health is not degraded"
            )
    return found[:1]


def _seen_out(
    minute: int, out: int, needed: float, episodes: Sequence[Episode]
) -> tuple[int, float]:
    """Return for how many minutes a room was seen to be out, and how many are enough.

    While its words are hidden, its past says nothing of the way back; that begins once
    they are not.
    """
    hiding = [each for each in episodes if each.adversary.hides]
    if any(each.begin <= minute < each.end for each in hiding):
        return out, DEGRADED_WITHIN
    ended = max((each.end for each in hiding if each.end <= minute), default=None)
    if ended is None or minute - ended >= out:
        return out, needed
    return minute - ended, min(needed, SETTLES)


def minutes_needed(chronicle: Chronicle, room: Room) -> list[float]:
    """Return for each minute after how many out of its band a room has to be degraded.

    By its own history: the slowest of its ways back from at least half as far, with
    nothing striking it, and an hour to say so. Without one six hours, whoever struck it
    and whether or not that is over.
    """
    low, high = bands(chronicle.household, chronicle.home, room)
    recording = room.house.recording
    assert recording is not None
    struck = {
        minute
        for each in episodes_of(chronicle, room)
        for minute in range(each.begin, each.end + 1)
    }
    winter, needed = chronicle.household.season == "winter", []
    known: list[tuple[float, int]] = []
    began, furthest, honest = None, 0.0, True
    for minute in range(min(len(recording.room), len(low))):
        air = recording.room[minute]
        beyond = low[minute] - air if winter else air - high[minute]
        if beyond <= 0.0:
            if began is not None and honest and furthest > EXCURSION:
                known.append((furthest, minute - began))
            began, furthest, honest = None, 0.0, True
        else:
            began = minute if began is None else began
            furthest, honest = max(furthest, beyond), honest and minute not in struck
        ways = [
            took * max(1.0, furthest / far)
            for far, took in known
            if far >= furthest / 2.0
        ]
        within = max(SHORTEST, OF_HISTORY * max(ways, default=inf) + BESIDE_HISTORY)
        needed.append(min(DEGRADED_WITHIN, within + TOLD_WITHIN))
    return needed


def _mixed_up(room: Room, episodes: Sequence[Episode], minute: int) -> list[str]:
    """Return the rooms whose meters are now mixed up with others'.

    A room whose meter hangs in a room that is kept looks kept. What can be seen is that
    the other one does not follow its unit, and that has to be told.
    """
    swapped = any(
        isinstance(each.adversary, MetersSwapped)
        and each.begin <= minute < each.end + SETTLES
        for each in episodes
    )
    return [each.plan.name for each in room.home.rooms] if swapped else []


def told(health: dict[str, Any], zone: str) -> bool:
    """Return whether health says that this room is not kept, and why."""
    room = health["zones"][zone].get("room")
    if room is None:
        return health["status"] != "ok"
    return room["status"] not in {"kept", "off"} and bool(room["reasons"])


def said(health: dict[str, Any], zone: str) -> str:
    """Return what health says of a room, in short."""
    room = health["zones"][zone].get("room") or {}
    return f"{health['status']}, {room.get('status')} {room.get('reasons')}"


def minutes_out(chronicle: Chronicle, room: Room) -> list[int]:
    """Return for each minute for how many the room has been out of its band."""
    low, high = bands(chronicle.household, chronicle.home, room)
    recording = room.house.recording
    assert recording is not None
    winter = chronicle.household.season == "winter"
    since, out, blamed_until = [], 0, -1
    for minute in range(min(len(recording.room), len(low))):
        air, heat = recording.room[minute], recording.heat[minute]
        if (heat > 50.0) if winter else (heat < -50.0):
            blamed_until = minute + BLAMED
        blamed = minute <= blamed_until
        cold = air < low[minute] - MARGIN and (winter or blamed)
        warm = air > high[minute] + MARGIN and (not winter or blamed)
        out = out + 1 if cold or warm else 0
        since.append(out)
    return since


def bands(
    household: Household, home: Home, room: Room
) -> tuple[list[float], list[float]]:
    """Return the lower and the upper edge that are owed at each minute.

    Nobody there for half an hour allows the wider of both bands, where it may be known.
    """
    winter = household.season == "winter"
    band = (20.0, 22.0) if winter else (23.0, 26.0)
    recording = room.house.recording
    assert recording is not None
    low, high = [], []
    minutes = local_minutes(home.start, len(recording.room), PARIS)
    for minute, local in enumerate(minutes):
        hour = local.hour + local.minute / 60.0
        day = 6.5 <= hour < 23.0
        saved = SETBACK if not day and household.windows == "night preset" else 0.0
        if household.windows == "day only" and not day:
            low.append(-inf)
            high.append(inf)
            continue
        if room.plan.presence and not room.house.somebody_at(minute):
            saved = SETBACK
        low.append(band[0] - saved if winter else band[0])
        high.append(band[1] if winter else band[1] + saved)
    return low, high


def episodes_of(chronicle: Chronicle, room: Room) -> list[Episode]:
    """Return the episodes that strike this room."""
    rooms = len(chronicle.home.rooms)
    return [
        each
        for each in chronicle.script
        if each.adversary.wide
        or isinstance(each.adversary, MetersSwapped)
        or each.room % rooms == room.number
    ]


def _could_be_seen(minute: int, episodes: Sequence[Episode], room: Room) -> bool:
    for each in episodes:
        shows = each.adversary.evidence(room) / 60.0
        # Once it is over, the room needs its time to come back.
        over = each.end + SETTLES
        until = min(each.begin + shows + TOLD_WITHIN, over)
        if shows > 0.0 and each.begin <= minute < until:
            return False
    return True


def bearable(chronicle: Chronicle, room: Room) -> list[str]:
    """Count repeats in any six hours, what was sent in any day, and what was refused.

    A repeat is what the unit was told last, told again: the beep that repairs nothing.
    """
    attempts = [each for each in chronicle.home.attempts if each.device == room.unit_id]
    accepted = [each for each in attempts if each.error is None]
    repeats = [
        after.at.timestamp()
        for before, after in pairwise(accepted)
        if before.word == after.word
    ]
    refused = [each.at.timestamp() for each in attempts if each.error is not None]
    for_good = [
        each.at.timestamp()
        for each in attempts
        if each.error is not None and any(word in each.error for word in _FOR_GOOD)
    ]
    name = room.plan.name
    counts = (
        ("repeats in six hours", repeats, 6, REPAIRS_IN_SIX_HOURS),
        ("commands in a day", [e.at.timestamp() for e in accepted], 24, ACCEPTED_A_DAY),
        ("refusals in an hour", refused, 1, REFUSED_AN_HOUR),
        ("refusals for good in a day", for_good, 24, REFUSED_FOR_GOOD_A_DAY),
    )
    return [
        f"{name}: {most} {what}, bearable are {limit}"
        for what, instants, hours, limit in counts
        if (most := most_within(instants, hours * 3600.0)) > limit
    ]


def most_within(instants: Sequence[float], seconds: float) -> int:
    """Return the most of these ascending instants that lie within so many seconds."""
    most = first = 0
    for last, at in enumerate(instants):
        while at - instants[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


# --- (c) no belief is older than its evidence allows ----------------------------------


def beliefs(chronicle: Chronicle, room: Room) -> list[str]:
    """Hold what health believes of a unit against what the home's words said.

    The one place that reads `health()["zones"][name]["unit"]`: believed, source, since,
    uncertain. A belief that stands against an honest plug for half an hour, or that is
    certain of more than was told, is a fault.
    """
    found: list[str] = []
    contradicted = 0
    for before, sample in pairwise(chronicle.samples):
        unit = sample.health["zones"][room.plan.name].get("unit")
        if unit is None:
            return []
        if _plug_is_honest(chronicle, room, sample.minute):
            runs = _ran_throughout(room, before.minute, sample.minute)
            wrong = runs is not None and unit["believed"] == ("off" if runs else "on")
            stands = wrong and not unit["uncertain"]
            contradicted = contradicted + sample.minute - before.minute if stands else 0
        else:
            contradicted = 0
        if contradicted > BELIEF_WITHIN:
            found.append(
                f"{room.plan.name} minute {sample.minute}: believed {unit['believed']}"
                f" ({unit['source']}) for {contradicted} minutes against its plug"
            )
        if unit["believed"] != "unknown" and unit["since"] is None:
            found.append(f"{room.plan.name} minute {sample.minute}: a belief of no age")
    return found[:1]


def _plug_is_honest(chronicle: Chronicle, room: Room, minute: int) -> bool:
    if not room.plan.plug:
        return False
    blinding = {
        "PlugOffline",
        "PlugFrozen",
        "CloudDown",
        "SlowCloud",
        "TooManyRequests",
    }
    return not any(
        type(each.adversary).__name__ in blinding and each.begin <= minute <= each.end
        for each in episodes_of(chronicle, room)
    )


def _ran_throughout(room: Room, begin: int, end: int) -> bool | None:
    """Return whether the unit gave or took heat all the time, or never; else None."""
    recording = room.house.recording
    assert recording is not None
    heat = recording.heat[begin : end + 1]
    if all(abs(each) > 300.0 for each in heat):
        return True
    told = recording.conditioning[begin : end + 1]
    return (
        False if not any(told) and not any(abs(each) > 1.0 for each in heat) else None
    )


# --- nonsense is named ----------------------------------------------------------------


def plainly_told(chronicle: Chronicle) -> list[str]:
    """Words that are plainly nonsense degrade health within the hour, room kept or not."""
    found = []
    for episode in chronicle.script:
        if not episode.adversary.plain:
            continue
        silent = [
            sample.minute
            for sample in chronicle.samples
            if episode.begin + PLAIN_WITHIN < sample.minute < episode.end
            and sample.health["status"] == "ok"
        ]
        if silent:
            found.append(f"{episode} goes unnamed at minute {silent[0]}")
    return found


def rules_not_fooled(chronicle: Chronicle) -> list[str]:
    """The heater that a rule turns on in frost stays off: no room was that cold."""
    if not chronicle.home.heater_on_at:
        return []
    recording = chronicle.home.rooms[0].house.recording
    assert recording is not None
    return [
        f"a rule turned the heater on at minute {seconds / 60:.0f} in a room of {air:.1f}"
        for seconds in chronicle.home.heater_on_at
        if (air := recording.room[min(int(seconds // 60), len(recording.room) - 1)]) > 8
    ]


# --- (d) nobody else is harmed --------------------------------------------------------


def unharmed(chronicle: Chronicle, room: Room) -> list[str]:
    """A room that nothing strikes is kept, not merely spoken of."""
    if episodes_of(chronicle, room) or _shares_a_unit(chronicle):
        return []
    out = minutes_out(chronicle, room)
    longest = max(out, default=0)
    if longest <= SETTLES:
        return []
    name = room.plan.name
    return [f"{name}: nothing strikes it, and it is out of its band {longest} minutes"]


def _shares_a_unit(chronicle: Chronicle) -> bool:
    return chronicle.household.group and bool(chronicle.script)
