"""Whose belief is it: the pure part, and two writers of the units that were left."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.core.state.belonging import Identity, LeftUnit, settle
from switchbot_automation.core.state.merging import newest_of
from switchbot_automation.core.state.zone import Equipment, UnitId, ZoneState
from switchbot_automation.engine.documents.documents import LeftBook
from switchbot_automation.model import Action, Power
from tests.engine.documents.test_zone_state import JSON

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
ONE, OTHER = UnitId("02-202008110031-13"), UnitId("02-202008110032-13")


def on(unit: UnitId, **more: Any) -> ZoneState:
    return ZoneState(
        power=Power.ON,
        action=Action.WINTER,
        compressor_started_at=NOON,
        last_action_at=NOON,
        unit=unit,
        meters=("M",),
        **more,
    )


def test_two_zones_with_one_unit_each_keep_what_they_know():
    states = {"a": on(ONE), "b": on(ONE)}
    wanted = dict.fromkeys("ab", Identity(ONE, ("M",)))
    assert settle(wanted, states, {}, NOON) == ({}, {}, False)
    # One of them lets it go: it is not left.
    settled = settle({"a": Identity(ONE, ("M",))}, states, {}, NOON)
    assert settled.left == {}
    assert settled.states["b"].unit is None


def test_a_new_zone_that_shares_a_unit_knows_what_the_other_one_knows():
    states = {"a": on(ONE), "b": ZoneState()}
    wanted = dict.fromkeys("ab", Identity(ONE, ("M",)))
    settled = settle(wanted, states, {}, NOON)
    assert settled.states["b"].power is Power.ON
    assert "a" not in settled.states


def test_another_thing_behind_a_plug_ins_name_leaves_nothing_sure():
    before = UnitId("plugin:stove", part="abc")
    after = before._replace(part="def")
    settled = settle({"a": Identity(after, ("M",))}, {"a": on(before)}, {}, NOON)
    state = settled.states["a"]
    assert state.uncertain
    assert state.compressor_started_at == NOON
    assert settled.left == {}


def test_an_off_scene_that_everybody_uses_is_no_identity():
    one = UnitId(starts=("scene:S1",), stops=("scene:ALL",))
    other = UnitId(starts=("scene:S2",), stops=("scene:ALL",))
    assert not one.is_same(other)
    settled = settle(
        {"b": Identity(other, ())}, {"a": on(one), "b": ZoneState()}, {}, NOON
    )
    assert settled.states["b"].power is Power.UNKNOWN
    assert settled.left.keys() == {"scene:S1"}


def test_of_two_writers_of_different_units_the_later_command_is_believed_whole():
    equipment = Equipment().started(NOON, Action.WINTER)
    ours = on(ONE, equipment=equipment)
    late = NOON + timedelta(minutes=1)
    theirs = ZoneState(unit=OTHER, power=Power.OFF, compressor_stopped_at=late)
    joined = newest_of(ours, theirs)
    assert (joined.unit, joined.power) == (ONE, Power.ON)
    assert joined.compressor_stopped_at is None
    theirs = theirs._replace(last_action_at=late)
    joined = newest_of(ours, theirs)
    assert (joined.unit, joined.power, joined.equipment) == (OTHER, Power.OFF, None)


def left(unit: UnitId) -> LeftUnit:
    return LeftUnit(unit, "a", NOON, on(unit)._replace(unit=None, meters=()))


def test_what_two_writers_left_is_all_kept():
    ours, theirs = LeftBook(), LeftBook()
    both = theirs.over({"last_tick": "now"})
    ours.take(both)
    theirs.units = {OTHER.name: left(OTHER)}
    stored = theirs.over({"last_tick": "now"})
    ours.units = {ONE.name: left(ONE)}
    ours.take(stored)
    assert ours.units.keys() == {ONE.name, OTHER.name}
    written = ours.over(stored)
    ours.written(written)
    assert ours.over(written) == written
    again = LeftBook()
    again.take(written)
    assert again.units == ours.units
    assert again.units[ONE.name].running
    # What one of them resolved is not brought back by the other.
    again.units = {ONE.name: again.units[ONE.name]}
    ours.take(again.over(written))
    assert ours.units.keys() == {ONE.name}


@settings(deadline=None)
@given(
    JSON, st.sampled_from(["unit", "zone", "left_at", "attempts", "next_at", "state"])
)
def test_units_that_were_left_are_read_from_any_document(garbage, key):
    good = left(ONE).to_document()
    for document in (garbage, {"x": garbage}, {"x": good | {key: garbage}}):
        book = LeftBook()
        book.take({"left_units": document})
        for unit in book.units.values():
            assert unit.not_later_than(NOON).at <= NOON
