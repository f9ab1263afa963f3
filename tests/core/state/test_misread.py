"""A plug is disbelieved by what the room does, and not for a heater's own thermostat."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from switchbot_automation.core.state.misread import Misread
from switchbot_automation.model import Action, Power

START = datetime(2026, 1, 12, tzinfo=UTC)
SETTLES = timedelta(minutes=3)


def lived(turns, words, misread=None):
    """Let a unit be told to work and to rest in turns of half an hour.

    The room gains 0.3 K and loses it again; `words(works)` are what the plug says, every
    ten minutes of a turn.
    """
    found, at = misread or Misread(), START
    for turn in range(turns):
        works = turn % 2 == 0
        order = Action.WINTER if works else Action.OFF
        before = 20.0 if works else 20.3
        found = found.turned(order, before, at, settles=SETTLES, heats=True)
        for word in words(works):
            at += timedelta(minutes=10)
            found = found.heard(word, at)
    return found, at


def test_one_that_draws_and_then_stops_by_itself_is_believed():
    own = [Power.ON, Power.OFF, Power.OFF]
    found, at = lived(40, lambda works: own if works else [Power.OFF] * 3)
    assert not found.stands(at)
    assert found.worked == 0.0


def test_one_that_never_draws_is_not():
    found, at = lived(12, lambda _works: [Power.OFF] * 3)
    assert found.stands(at)


def test_nor_is_one_that_draws_while_its_unit_rests():
    found, at = lived(
        12, lambda works: [Power.ON, Power.OFF, Power.OFF if works else Power.ON]
    )
    assert found.stands(at)


def test_what_happened_since_it_was_asked_last_shows_nothing_of_it():
    known = Misread(Power.OFF, START, Action.WINTER, START, 20.0, agrees=0, drew=False)
    heard = known.heard(Power.OFF, START + timedelta(minutes=10))
    later = heard.turned(
        Action.OFF, 20.3, START + timedelta(minutes=45), settles=SETTLES, heats=True
    )
    assert later.worked == 0.0


def test_it_is_kept_and_damaged_words_of_it_are_read():
    found, _at = lived(7, lambda works: [Power.ON if works else Power.OFF] * 3)
    assert Misread.from_document(found.to_document()) == found
    old = found.to_document()
    del old["drew"], old["rests"]
    assert Misread.from_document(old).rests == Misread().rests
