"""A fall while the unit heats: a defrost where there may be ice, else something is open."""

from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.core.state.around import after_temperature
from switchbot_automation.core.state.zone import EMPTY
from switchbot_automation.settings.model import Openings

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
FALLS = [21.0] * 8 + [20.9, 20.7, 20.5, 20.3, 20.1, 19.9, 19.7, 19.5, 19.3, 19.1, 18.9]
DIPS = [21.0] * 8 + [20.7, 20.3, 20.0, 20.3, 20.8, 21.0, 21.0, 21.0]


def suspected(minutely, *, ices):
    around = EMPTY
    for minute, temperature in enumerate(minutely):
        around = after_temperature(
            around,
            Openings(drop_kelvin=0.7),
            temperature,
            NOON + timedelta(minutes=minute),
            heating=True,
            running=True,
            ices=ices,
            changed_at=NOON - timedelta(hours=2),
        )
        if around.suspected_at is not None:
            return True
    return False


@pytest.mark.parametrize(
    ("course", "ices", "found"),
    [(FALLS, False, True), (FALLS, True, False), (DIPS, False, False)],
    ids=["mild", "cold", "soon-over"],
)
def test_two_kelvin_in_ten_minutes_are_a_window_where_no_ice_melts(course, ices, found):
    assert suspected(course, ices=ices) is found
