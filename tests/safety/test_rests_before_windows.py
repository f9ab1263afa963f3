"""A unit that never stops in a cold week rests while its window is closed, not within it."""

from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.core.control.warm_up import WarmUp
from switchbot_automation.core.decide import decide
from switchbot_automation.core.home import Snapshot, ZoneSnapshot
from switchbot_automation.core.protect.safety import rest_before_window
from switchbot_automation.core.state.meter import Reading
from switchbot_automation.core.state.unit import rests_until
from switchbot_automation.core.state.zone import Learned, ZoneState
from switchbot_automation.explain.words import reason_words
from switchbot_automation.model import Action, Power, ReasonCode
from switchbot_automation.settings import parse_settings
from switchbot_automation.simulation import default_settings
from tests.equipment.homes import AIRCON, COLD, Home, codes, house, roomed

DAYS = [0, 1, 2, 3, 4, 5, 6]
WINDOW = {"days": DAYS, "start": "07:00", "end": "23:00"}
CLOSES = datetime(2026, 1, 19, 23, tzinfo=UTC)
OPENS = CLOSES + timedelta(hours=8)
DAY = 86400


def settings_of(*windows, **changes):
    document = default_settings("winter") | {
        "timezone": "UTC",
        "control": "auto",
        "optimum_start": True,
        "time_windows": list(windows or (WINDOW,)),
    }
    return parse_settings(document | changes)


def since(at, **changes):
    """Return the state of a unit that runs since then, and warms the room up."""
    state = ZoneState(
        power=Power.ON,
        action=Action.WINTER,
        parameter="24,5,3,on",
        last_action_at=at,
        compressor_started_at=at,
        learned=Learned(warm_up=WarmUp(begun=OPENS)),
    )
    return state._replace(**changes)


def decided(settings, state, now, temperature=20.6):
    snapshot = Snapshot(
        {"default": ZoneSnapshot(Reading(temperature, received_at=now), state)}
    )
    return decide(snapshot, settings, now).zones[0]


def test_it_rests_when_the_window_has_closed_and_says_why():
    state = since(CLOSES - timedelta(hours=11))
    found = decided(settings_of(), state, CLOSES)
    assert found.action is Action.OFF
    (why,) = [each for each in found.reasons if each.code == "max_continuous_on"]
    assert why.detail["due"] == (CLOSES + timedelta(hours=13)).isoformat()
    words = reason_words({"code": why.code, **why.detail}, UTC, CLOSES)
    assert words == (
        "it has run since 12:00:00 and rests while its window is closed, as it would"
        " have to at Tue 2026-01-20 12:00:00"
    )


def test_it_rests_early_in_the_night_rather_than_late():
    now = CLOSES + timedelta(hours=1)
    state = since(now - timedelta(hours=22))
    assert decided(settings_of(), state, now).action is Action.OFF


def test_it_rests_once_a_night():
    state = since(CLOSES + timedelta(minutes=10))
    for hours in range(1, 8):
        now = CLOSES + timedelta(hours=hours)
        assert rest_before_window(settings_of().default, state, now) is None
        assert decided(settings_of(), state, now).action is not Action.OFF


@pytest.mark.parametrize(
    ("hours_ago", "limit", "now"),
    [
        # It would not have to within the window.
        (0.5, DAY, CLOSES + timedelta(hours=1)),
        # Resting now would spare the window no rest.
        (5.0, 12 * 3600, CLOSES + timedelta(hours=1)),
        # The room could not make up for it before the window opens.
        (11.0, DAY, OPENS - timedelta(minutes=30)),
        # Within the window nothing is put forward.
        (23.0, DAY, OPENS + timedelta(hours=1)),
        # It may run for ever.
        (11.0, 0, CLOSES),
    ],
)
def test_nothing_is_won_by_a_rest(hours_ago, limit, now):
    zone = settings_of(max_continuous_on_seconds=limit).default
    state = since(now - timedelta(hours=hours_ago))
    assert rest_before_window(zone, state, now) is None


def test_one_that_is_kept_on_outside_its_windows_is_left_alone():
    settings = settings_of(turn_off_outside_windows=False)
    state = since(CLOSES - timedelta(hours=11))
    assert decided(settings, state, CLOSES).action is not Action.OFF


def test_a_resting_unit_needs_no_rest():
    state = since(
        CLOSES - timedelta(hours=11),
        power=Power.OFF,
        action=Action.OFF,
        parameter=None,
        compressor_started_at=None,
        compressor_stopped_at=CLOSES,
    )
    assert rest_before_window(settings_of().default, state, CLOSES) is None
    assert ReasonCode.MAX_CONTINUOUS_ON not in [
        each.code for each in decided(settings_of(), state, CLOSES).reasons
    ]


@pytest.mark.parametrize("min_off_seconds", [120, 900])
async def test_it_lasts_ten_minutes_as_any_rest_of_one_that_never_stops(
    min_off_seconds,
):
    """It lasted as long as the minimum off time; the setting speaks of ten minutes."""
    home = Home(
        roomed(
            AIRCON,
            optimum_start=True,
            min_off_seconds=min_off_seconds,
            predictive_polling=False,
            poll_interval_seconds=60,
            idle_poll_interval_seconds=60,
            time_windows=[{"days": DAYS, "start": "06:30", "end": "22:00"}],
        ),
        climate=COLD,
        parameters=house(heating_watts=2600.0),
    )
    await home.live(47)
    stops = [each for each in home.sent if "max_continuous_on" in codes([each])]
    assert len(stops) == 1
    (stop,) = stops
    again = min(each.sent_at for each in home.sent if each.sent_at > stop.sent_at)
    rested = (again - stop.sent_at).total_seconds()
    assert max(600, min_off_seconds) <= rested <= max(600, min_off_seconds) + 300


def rested(at, **changes):
    """Return the state of a unit that was told to rest then, from what it had begun."""
    return since(
        at,
        power=Power.OFF,
        action=Action.OFF,
        parameter=None,
        compressor_started_at=at - timedelta(hours=5),
        compressor_stopped_at=at,
        **changes,
    )


@pytest.mark.parametrize(
    ("minutes", "action"), [(10, Action.WINTER), (25, Action.WINTER), (240, None)]
)
def test_what_was_begun_for_the_walls_goes_on_after_the_rest(minutes, action):
    """Its air alone would take but minutes, and so it waited until shortly before."""
    state = rests_until(rested(CLOSES), CLOSES + timedelta(minutes=10))
    found = decided(settings_of(), state, CLOSES + timedelta(minutes=minutes), 19.0)
    assert found.action is action


def test_one_that_stopped_since_it_was_done_begins_no_sooner():
    found = decided(settings_of(), rested(CLOSES), CLOSES + timedelta(minutes=10), 19.0)
    assert found.action is None
    state = rests_until(rested(CLOSES), CLOSES + timedelta(minutes=10))
    state = state._replace(learned=Learned(warm_up=WarmUp()))
    found = decided(settings_of(), state, CLOSES + timedelta(minutes=10), 19.0)
    assert found.action is None
