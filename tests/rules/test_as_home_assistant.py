"""What fires compared with what Home Assistant's documentation says of the same words.

The other side is written here from the documentation: event by event, with timers.
"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.rules.definition.context import Home
from switchbot_automation.settings.read import parse_settings
from tests.cases import drawn

T0 = datetime(2026, 1, 12, 12, tzinfo=UTC)
WORDS = ("open", "close", "ajar")
DOOR = {"trigger": "state", "device": "Door", "attribute": "openState"}
ROOM = {"trigger": "numeric_state", "zone": "default"}
HOME = parse_settings({"timezone": "UTC"})


def minutes(number):
    # Never at the instant of a change, where either answer would be right.
    return {"minutes": number, "seconds": 30}


def firing_of(trigger, changes):
    """Return at which minute the trigger fires, looked at whenever it asks for it."""
    rule = {
        "id": "it",
        "triggers": trigger,
        "actions": [{"action": "notify", "message": "x", "unchecked": True}],
    }
    (read,) = parse_settings({"rules": [rule]}).rules[0].triggers
    memory, fired, value, due = {}, [], None, None

    def look(at):
        nonlocal memory, due
        seen = {"temperature": value} if "zone" in trigger else {}
        door = {"Door": {"openState": value}} if "device" in trigger else {}
        found = read.look(memory, Home(HOME, UTC, {"default": seen}, door), at)
        memory, due = found.memory, found.due_at
        if found.fired is not None:
            fired.append((at - T0) / timedelta(minutes=1))

    for after, new in changes:
        at = T0 + timedelta(minutes=after)
        while due is not None and due < at:
            look(due)
        value = new
        look(at)
    while due is not None:
        look(due)
    return fired


def documented(meant, stays, lasting, changes):
    """Return the same by the documentation: a timer that what no longer fits stops."""
    fired, began, last = [], None, None
    for index, (at, new) in enumerate(changes):
        if began is not None and began[0] + lasting < at:
            fired.append(began[0] + lasting)
            began = None
        if began is not None and not stays(began[1], began[2], new):
            began = None
        if index and meant(last, new):
            began = (at, last, new)
        last = new
    return [*fired, *([began[0] + lasting] if began else [])]


def changes_of(values):
    """Draw what becomes of something, at whole minutes that only grow."""
    steps = st.lists(st.tuples(st.integers(1, 9), values), min_size=1, max_size=14)

    def summed(found):
        at, told = 0, []
        for after, value in found:
            at += after
            told.append((at, value))
        return told

    return steps.map(summed)


some = st.lists(st.sampled_from(WORDS), min_size=1, max_size=2, unique=True)


@settings(max_examples=drawn(150, many=5000), deadline=None)
@given(
    changes_of(st.sampled_from(WORDS)),
    st.fixed_dictionaries(
        {},
        optional={
            "from": st.none() | st.sampled_from(WORDS),
            "to": st.none() | some,
            "not_from": some,
            "not_to": some,
        },
    ),
    st.integers(0, 12),
)
def test_a_state_fires_when_the_documentation_says(changes, asked, lasting):
    for end in ("from", "to"):
        if asked.get(end) is not None:
            asked.pop(f"not_{end}", None)
    trigger = {**DOOR, **asked, "for": minutes(lasting)}

    def fits(end, value):
        wanted = asked.get(end)
        among = [wanted] if isinstance(wanted, str) else wanted
        return (among is None or value in among) and value not in asked.get(
            f"not_{end}", ()
        )

    def meant(old, new):
        return old != new and fits("from", old) and fits("to", new)

    def stays(old, new, now):
        # Who asks only what it was is content with whatever it is now but that.
        return now != old if "from" in asked and "to" not in asked else now == new

    found = documented(meant, stays, lasting + 0.5, changes)
    assert firing_of(trigger, changes) == found


@settings(max_examples=drawn(100, many=5000), deadline=None)
@given(
    changes_of(st.integers(17, 24)),
    st.sampled_from(({"above": 20}, {"below": 20}, {"above": 19, "below": 22})),
    st.integers(0, 12),
)
def test_a_number_fires_when_the_documentation_says(changes, limits, lasting):
    def inside(value):
        return limits.get("above", -99) < value < limits.get("below", 99)

    found = documented(
        lambda old, new: inside(new) and not inside(old),
        lambda _old, _new, now: inside(now),
        lasting + 0.5,
        changes,
    )
    assert firing_of({**ROOM, **limits, "for": minutes(lasting)}, changes) == found


@pytest.mark.parametrize(
    ("asked", "fired"),
    [({"from": "close"}, [6.5]), ({"from": "close", "to": None}, [])],
)
def test_a_for_of_from_alone_goes_on_while_it_is_anything_else(asked, fired):
    changes = [(0, "close"), (1, "open"), (3, "ajar"), (40, "ajar")]
    assert firing_of({**DOOR, **asked, "for": minutes(5)}, changes) == fired
