"""Whether stored heat pays: by how well a room keeps it, against what it is dearer by."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.core.control.room_model import Model, TwoNodes
from switchbot_automation.core.control.warm_up import WarmUp
from switchbot_automation.core.overlay import zone_overlaid
from switchbot_automation.core.state.zone import Learned, ZoneState
from switchbot_automation.core.storing import COMMON, Keeps, best_moves, keeps
from switchbot_automation.settings import parse_settings

FLOOR = Keeps(a=0.08, e=1.0 / 12.0, k=0.035, load=0.5, full=0.9)
SHED = Keeps(a=0.5, e=0.2, k=2.0, load=20.0, full=40.0)
MIDNIGHT = datetime(2026, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def worth(kept, dear, *, cheap=0.1, kelvin=1.0, down=0.0, inverter=True):
    """Two hours of storing before six dear ones."""
    spans = ((0.0, 6.0, cheap), (6.0, 12.0, dear), (12.0, 24.0, cheap))
    return best_moves(
        kept,
        spans,
        (kelvin, down),
        stores_at=4.0,
        dear=(6.0, 12.0),
        inverter=inverter,
    ).stores


@pytest.mark.parametrize(
    ("kept", "least", "most"),
    [(FLOOR, 1.05, 1.4), (COMMON, 1.4, 2.2), (SHED, 3.0, 100.0)],
    ids=["floor", "common", "shed"],
)
def test_what_keeps_heat_badly_needs_dearer_hours(kept, least, most):
    assert not worth(kept, 0.1 * least)
    assert worth(kept, 0.1 * most)


rooms = st.builds(
    Keeps,
    a=st.floats(0.05, 8.0),
    e=st.floats(0.03, 0.2),
    k=st.floats(0.0, 2.0),
    load=st.floats(0.02, 15.0),
    full=st.floats(15.0, 40.0),
)


@given(rooms, st.floats(0.05, 1.0), st.floats(0.0, 0.5), st.booleans())
def test_one_price_is_never_worth_it(kept, price, kelvin, inverter):
    assert not worth(kept, price, cheap=price, kelvin=kelvin, inverter=inverter)


@given(rooms, st.floats(0.1, 1.0), st.floats(0.0, 1.0), st.floats(0.1, 2.0))
def test_what_pays_goes_on_to_pay_where_it_is_dearer_still(kept, dear, more, kelvin):
    if worth(kept, dear, kelvin=kelvin):
        assert worth(kept, dear + more, kelvin=kelvin)


@given(rooms, st.floats(0.1, 1.0), st.floats(0.0, 2.0))
def test_what_does_not_pay_is_no_better_in_a_room_that_loses_more(kept, dear, more):
    # The loss alone: what a room at rest loses anyway is the same.
    leaky = kept._replace(k=kept.k + more)
    if not worth(kept, dear):
        assert not worth(leaky, dear)


def model(a, e, b, c, worst=None):
    return Model(e, 20.0, numbers=(a, b, c), worst=c if worst is None else worst)


def test_a_room_that_was_never_seen_at_rest_is_a_common_one():
    seen = TwoNodes(models=(model(0.1, 0.05, 1.0, -0.4),), full=9.0, rest=3.0)
    assert keeps(TwoNodes()) == COMMON
    assert keeps(seen) == COMMON
    assert keeps(replace(seen, rest=4.0)) != COMMON


def test_the_sun_is_no_insulation():
    sunny = TwoNodes((model(2.0, 0.1, 20.0, -0.5, worst=-6.0),), 9.0, 9.0)
    dull = TwoNodes((model(2.0, 0.1, 20.0, -6.0),), 9.0, 9.0)
    assert keeps(sunny).k == keeps(dull).k
    assert keeps(sunny).load < keeps(dull).load


def test_another_reading_that_says_much_the_same_decides_no_differently():
    one, other = (
        TwoNodes((model(a, 0.1, 20.0, -6.02),), 9.0, 9.0) for a in (2.01, 2.04)
    )
    assert keeps(one) == keeps(other)


ROOM = {
    "timezone": "UTC",
    "control": "auto",
    "meter_device_id": "C271111EC0AB",
    "winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 21.0},
    "time_windows": [{"days": list(range(7)), "start": "00:00", "end": "00:00"}],
}
UNIT = {"aircon_device_id": "02-202008110034-13"}
HEATER = {"equipment": [{"kind": "heater", "device_id": "B0E9FE000001"}]}


def asked(kind, cheap, room=None):
    """Return the reasons of a day, hour by hour, where dear hours cost 0.30."""
    price = {
        "windows": [{"start": "22:00", "end": "06:00", "price": cheap}],
        "otherwise": 0.3,
    }
    zone = parse_settings({**ROOM, **kind, "price": price}).default
    learned = Learned(warm_up=WarmUp(heated_room=room or TwoNodes()))
    found = set()
    for hour in range(24):
        laid = zone_overlaid(zone, ZoneState(learned=learned), MIDNIGHT + hour * HOUR)
        found |= {each.code for each in laid.overlay.reasons}
    return {str(each) for each in found}


BOTH = {"price_stores", "price_coasts"}


def test_whether_a_price_moves_anything_is_told_from_the_room():
    floor = TwoNodes((model(0.08, 0.08, 0.75, -0.5),), 9.0, 9.0)
    tent = TwoNodes((model(0.3, 0.2, 40.0, -15.0),), 9.0, 9.0)
    assert asked(HEATER, 0.2, floor) == BOTH
    # What is kept cooler in dear hours costs less, whatever is kept of what is stored.
    assert asked(HEATER, 0.2, tent) == {"price_coasts"}
    assert asked(UNIT, 0.2, tent) == set()


def test_a_common_room_stores_for_a_price_twice_as_high_and_not_for_a_quarter_more():
    assert asked(UNIT, 0.15) == BOTH
    assert asked(UNIT, 0.24) == set()
