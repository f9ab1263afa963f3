"""Which part of its band a room is kept in for a price: told from the prices alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.core.control.band import aim_of, as_asked
from switchbot_automation.core.overlay import zone_overlaid
from switchbot_automation.core.price import level_of, tariff_of
from switchbot_automation.core.state.zone import Surroundings, ZoneState
from switchbot_automation.errors import SettingsError
from switchbot_automation.model import ReasonCode
from switchbot_automation.series import Series
from switchbot_automation.settings import parse_settings

MIDNIGHT = datetime(2026, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LEAD = timedelta(hours=2)
NIGHT = {
    "windows": [{"start": "22:00", "end": "06:00", "price": 0.15}],
    "otherwise": 0.3,
}
ROOM = {
    "timezone": "UTC",
    "control": "auto",
    "aircon_device_id": "02-202008110034-13",
    "winter": {"min_temp": 20.0, "max_temp": 23.0, "target_temp": 22.0},
    "summer": {"min_temp": 23.0, "max_temp": 26.0, "target_temp": 24.0},
    "time_windows": [{"days": list(range(7)), "start": "00:00", "end": "00:00"}],
}


def zone(price=NIGHT, **changes):
    return parse_settings({**ROOM, "price": price, **changes}).default


def laid(at, price=NIGHT, **changes):
    return zone_overlaid(zone(price, **changes), ZoneState(), at)


def of_hours(*prices, begin=MIDNIGHT, step=HOUR):
    points = tuple((begin + step * n, price) for n, price in enumerate(prices))
    return Series(points, ends=begin + step * len(prices), issued_at=begin)


def asked(series, at, lead=LEAD):
    level = level_of(series, at, lead)
    return level and ("stores" if level.stores else "coasts" if level.coasts else "")


@pytest.mark.parametrize(
    ("hour", "band", "why"),
    [
        (3, (20.0, 23.0), None),
        (4, (21.5, 23.0), ReasonCode.PRICE_STORES),
        (6, (20.0, 21.5), ReasonCode.PRICE_COASTS),
        (21, (20.0, 21.5), ReasonCode.PRICE_COASTS),
        (22, (20.0, 23.0), None),
    ],
)
def test_a_two_level_tariff_moves_heat_into_its_cheap_hours(hour, band, why):
    found = laid(MIDNIGHT + hour * HOUR)
    assert (found.winter.min_temp, found.winter.max_temp) == band
    assert [each.code for each in found.overlay.reasons] == ([why] if why else [])
    whole = as_asked(found).winter
    assert (whole.min_temp, whole.max_temp) == (20.0, 23.0)


def test_a_cooled_room_is_cooled_ahead():
    stores, coasts = (
        laid(MIDNIGHT + hour * HOUR, mode="summer").summer for hour in (5, 12)
    )
    assert (stores.min_temp, stores.max_temp) == (23.0, 24.5)
    assert (coasts.min_temp, coasts.max_temp) == (24.5, 26.0)


def test_it_is_looked_at_again_when_the_price_asks_for_something_else():
    assert laid(MIDNIGHT + 3 * HOUR).overlay.until == MIDNIGHT + 4 * HOUR
    assert laid(MIDNIGHT + 4 * HOUR).overlay.until == MIDNIGHT + 6 * HOUR
    assert laid(MIDNIGHT + 12 * HOUR).overlay.until == MIDNIGHT + 22 * HOUR


def test_the_tariff_is_read_on_the_clock_of_the_zone_on_days_of_a_change_too():
    paris = zone(timezone="Europe/Paris")
    before = datetime(2026, 3, 29, 3, 59, tzinfo=UTC)
    series = tariff_of(paris, before)
    assert series.at(before) == 0.15
    assert series.at(before + timedelta(minutes=1)) == 0.3


def test_of_hours_that_overlap_the_first_count_and_days_are_kept():
    price = {
        "windows": [
            {"days": [0], "start": "10:00", "end": "11:00", "price": 1.0},
            {"start": "09:00", "end": "12:00", "price": 2.0},
        ],
        "otherwise": 3.0,
    }
    series = tariff_of(zone(price), MIDNIGHT)
    day = [series.at(MIDNIGHT + hour * HOUR) for hour in (8, 9, 10, 11, 12)]
    assert day == [3.0, 2.0, 1.0, 2.0, 3.0]
    assert series.at(MIDNIGHT + 34 * HOUR) == 2.0


def test_a_steered_room_keeps_as_far_inside_a_part_as_inside_the_whole():
    assert aim_of(laid(MIDNIGHT + 7 * HOUR)).inside == aim_of(zone()).inside


def test_a_switched_room_is_started_at_the_edge_of_its_band_while_it_coasts():
    switched = laid(MIDNIGHT + 7 * HOUR, control="switch", hysteresis_celsius=0.3)
    assert (switched.winter.min_temp, switched.winter.max_temp) == (20.3, 21.5)
    cooled = laid(
        MIDNIGHT + 7 * HOUR, control="switch", hysteresis_celsius=0.3, mode="summer"
    )
    assert (cooled.summer.min_temp, cooled.summer.max_temp) == (24.5, 25.7)


def test_a_narrow_band_is_not_divided():
    narrow = {"min_temp": 20.0, "max_temp": 21.0, "target_temp": 21.0}
    assert laid(MIDNIGHT + 7 * HOUR, winter=narrow).winter.max_temp == 21.0


def test_a_band_that_keeps_frost_off_is_left_alone():
    open_long = {"sensors": ["C1"], "longest_pause_seconds": 3600}
    given = zone(openings=open_long)
    sign = {
        "active": True,
        "since": "2026-01-12T00:00:00Z",
        "heard_at": "2026-01-12T06:59:00Z",
    }
    around = Surroundings.from_document({"signs": {"opening:C1": sign}})
    found = zone_overlaid(given, ZoneState(surroundings=around), MIDNIGHT + 7 * HOUR)
    assert (found.winter.min_temp, found.winter.max_temp) == (8.0, 10.0)


@pytest.mark.parametrize(
    "prices",
    [[0.3] * 24, [0.3, 0.31] * 12, [0.0] * 24],
    ids=["one price", "hardly different", "nothing"],
)
def test_prices_that_hardly_differ_move_nothing(prices):
    series = of_hours(*prices)
    assert {asked(series, MIDNIGHT + hour * HOUR) for hour in range(24)} == {""}


def test_prices_below_nothing_are_the_cheapest():
    series = of_hours(*[-0.05] * 10, *[0.1] * 4, *[-0.05] * 10)
    found = [asked(series, MIDNIGHT + hour * HOUR) for hour in range(7, 15)]
    assert found == ["", "stores", "stores", *["coasts"] * 4, ""]


def test_what_is_not_known_asks_for_nothing():
    series = of_hours(*[0.1] * 6, *[0.3] * 6)
    assert asked(series, MIDNIGHT - HOUR) is None
    assert asked(series, MIDNIGHT + 12 * HOUR) is None
    assert asked(series, MIDNIGHT + 11 * HOUR) == "coasts"


def test_a_moment_of_dear_energy_is_let_pass():
    quarter = timedelta(minutes=15)
    prices = [0.1] * 95
    prices[40] = 0.4
    series = of_hours(*prices, step=quarter)
    found = [asked(series, MIDNIGHT + n * quarter) for n in range(95)]
    changes = sum(one != other for one, other in pairwise(found))
    assert changes <= 4


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.floats(-1, 2), min_size=8, max_size=8),
    st.integers(0, 48 * 60),
    st.floats(0, 0.9),
    st.sampled_from(["winter", "summer"]),
)
def test_whatever_it_costs_a_room_is_kept_within_its_band(prices, minute, share, mode):
    windows = [
        {"start": f"{3 * n:02}:00", "end": f"{(3 * n + 3) % 24:02}:00", "price": price}
        for n, price in enumerate(prices[:8])
    ]
    price = {"windows": windows, "otherwise": 0.0, "share": share}
    at = MIDNIGHT + timedelta(minutes=minute)
    found = laid(at, price, mode=mode)
    for season in ("winter", "summer"):
        part, whole = getattr(found, season), ROOM[season]
        assert whole["min_temp"] <= part.min_temp < part.max_temp <= whole["max_temp"]
        assert part.max_temp - part.min_temp >= 1.2 - 1e-3
    assert found.overlay.until is None or found.overlay.until > at


def test_without_a_price_nothing_is_laid_over_a_zone():
    plain = parse_settings(ROOM)
    assert not plain.overlaid
    assert not plain.changing
    assert replace(plain.default, price=None) == plain.default


@pytest.mark.parametrize(
    ("price", "path"),
    [
        ({"windows": NIGHT["windows"]}, "price.otherwise"),
        (NIGHT | {"share": 1}, "price.share"),
        (
            NIGHT | {"windows": [{"start": "25:00", "end": "06:00", "price": 1}]},
            "price.windows[0].start",
        ),
        (
            NIGHT | {"windows": [{"start": "22:00", "end": "06:00"}]},
            "price.windows[0].price",
        ),
    ],
)
def test_a_tariff_that_cannot_be_used_is_refused_where_it_is_wrong(price, path):
    with pytest.raises(SettingsError) as error:
        zone(price)
    assert error.value.path == path
