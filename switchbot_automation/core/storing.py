"""Whether heat that is stored before dear hours pays, by how well a room keeps it. Pure.

What is stored is not all had back: while the room is warmer it loses more, and what went deep
into its walls comes out after the dear hours, when it is worth less. An inverter that has to
hurry is less efficient, too. So the two nodes of `room_model` are lived through twice, as the
room is kept anyway and with it stored; only the difference of both counts, in kelvin and hours::

    air' = a (walls - air) - k air + p        walls' = e (air - walls)

`p` is what is given more than anyway, as kelvin an hour, at the least all of what is given
anyway (`load`): a unit that rests can give no less. `k` is the loss to the outdoors. Both are
told from what a room at rest falls by. A room that was not seen at rest yet is taken for a
common one.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchbot_automation.core.control.room_model import TwoNodes

Span: TypeAlias = "tuple[float, float, float]"
"""From when to when, in hours, and at which price."""

_STEP_HOURS = 0.25
# Heat comes back out of walls for so long after dear hours.
_AFTER_HOURS = 12.0
# How far it is to the outdoors while the losses were learned, in kelvin.
_AWAY = 15.0
_ENOUGH_REST = 4.0
# Which share of its power a unit gives that was never seen at full power.
_SHARE = 0.3
# How much less efficient an inverter is at full power than at hardly any.
_BENDS = 0.25
# What is foreseen to be saved by less is within what is not known.
_LEAST_SAVING = 0.005
# Falls by so much at least, in kelvin an hour, else there is nothing to move.
_LEAST_LOAD = 0.02


class Keeps(NamedTuple):
    """How a room keeps heat: `a` and `e` per hour, `load` and `full` in kelvin an hour.

    `k` is what a kelvin more loses, per hour, `load` what the room loses all in all while it
    is kept and `full` what its unit can give.
    """

    a: float
    e: float
    k: float
    load: float
    full: float


COMMON = Keeps(a=2.4, e=1.0 / 12.0, k=0.5, load=7.5, full=25.0)
"""A room of brick behind a common unit."""


def keeps(room: TwoNodes) -> Keeps:
    """Return how a room keeps heat, that of a common one where it is not known.

    It is rounded to what matters, so that each reading does not change it.
    """
    model = room.best
    if model is None or room.rest < _ENOUGH_REST:
        return COMMON
    a, b, c = model.numbers
    # In the hours that are stored for the sun of now is gone, as a rule, if not all of it.
    load = max(_LEAST_LOAD, -(c + model.worst) / 2.0)
    full = max(load, b) if room.known else load / _SHARE
    # By the worst of late: what the sun gives is no better insulation.
    k = max(load, -model.worst) / _AWAY
    return Keeps(*(float(f"{each:.1g}") for each in (a, model.e, k, load, full)))


class Moves(NamedTuple):
    """Which part of its band a room is kept in: warm before dear hours, cool in them."""

    stores: bool
    coasts: bool


@lru_cache(maxsize=512)  # asked at every tick, and the same for hours
def best_moves(
    kept: Keeps,
    spans: tuple[Span, ...],
    kelvin: tuple[float, float],
    *,
    stores_at: float,
    dear: tuple[float, float],
    inverter: bool,
) -> Moves:
    """Return what pays: to store heat from an hour on before dear hours, and to coast in them.

    `kelvin` is how far a room is brought up meanwhile, and how much lower than otherwise it is
    kept in the dear hours. An inverter's setpoint is moved for both or for neither: one is
    told too coarsely to be worth its beeps without the other. `spans` are prices from
    `stores_at` on; those after the last one are taken to be as the cheapest, so that what
    comes back then is not made more of than it is.
    """
    begins, ends = dear
    cheapest = min(price for _, _, price in spans)

    def price(at: float) -> float:
        found = (each for begin, end, each in spans if begin <= at < end)
        return next(found, cheapest)

    instants, (up, down) = (stores_at, begins, ends), kelvin
    both, anyway = _saved(kept, (up, down), instants, price, inverter)
    least = _LEAST_SAVING * anyway
    if inverter:
        return Moves(both > least, both > least)
    alone, _ = _saved(kept, (0.0, down), instants, price, inverter)
    stores = both > least + max(0.0, alone)
    return Moves(stores, stores or alone > least)


def _saved(
    kept: Keeps,
    moves: tuple[float, float],
    instants: tuple[float, float, float],
    price: Callable[[float], float],
    inverter: bool,
) -> tuple[float, float]:
    """Return what is saved, and what the time until the end of the dear hours costs anyway."""
    stores_at, begins, ends = instants
    air = walls = saved = anyway = 0.0
    bends = _BENDS if inverter else 0.0
    steps = math.ceil((ends + _AFTER_HOURS - stores_at) / _STEP_HOURS)
    edges = [stores_at + number * _STEP_HOURS for number in range(steps + 1)]
    for at, after in pairwise(edges):
        hours, now = after - at, price((at + after) / 2.0)
        goal = moves[0] if after <= begins else -moves[1] if after <= ends else 0.0
        gives = _needed(kept, air, walls, goal, hours)
        gives = max(-kept.load, min(kept.full - kept.load, gives))
        later = _after(kept, air, walls, gives, hours)
        walls += ((air + later) / 2.0 - walls) * (1.0 - math.exp(-kept.e * hours))
        air = later
        made = kept.load + gives
        dearer = 1.0 + bends * gives / kept.full
        saved += now * hours * (kept.load - made * dearer)
        if after <= ends:
            anyway += abs(now) * hours * kept.load
    return saved, anyway


def _needed(kept: Keeps, air: float, walls: float, goal: float, hours: float) -> float:
    """Return what must be given more for the air to be at a goal after so many hours."""
    middle = (air + goal) / 2.0
    return (goal - air) / hours + kept.a * (middle - walls) + kept.k * middle


def _after(kept: Keeps, air: float, walls: float, gives: float, hours: float) -> float:
    half = (kept.a + kept.k) * hours / 2.0
    return (air * (1.0 - half) + hours * (kept.a * walls + gives)) / (1.0 + half)
