"""When the engine wants to be called: the dashboard's intervals, in true time."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from switchbot_automation.core.pace import next_look, poll_interval_seconds
from switchbot_automation.core.state.zone import PendingManual, PendingRepeat, ZoneState
from switchbot_automation.model import Action
from switchbot_automation.schedule.windows import TimeWindow
from switchbot_automation.settings.model import ZoneSettings

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
EVERY_DAY = frozenset(range(7))
QUIET = ZoneState()
REPEAT = PendingRepeat(1, 10, NOON + timedelta(seconds=10), "off")


def zone(opens=None, closes=None, **settings):
    windows = ()
    if opens is not None:
        windows = (TimeWindow(EVERY_DAY, time(opens), time(closes)),)
    return ZoneSettings(
        "default",
        ZoneInfo("UTC"),
        **{
            "automation_enabled": True,
            "poll_interval_seconds": 120,
            "idle_poll_interval_seconds": 600,
            "poll_warmup_minutes": 15,
            "time_windows": windows,
            **settings,
        },
    )


@pytest.mark.parametrize(
    ("settings", "state", "at", "seconds"),
    [
        pytest.param({"adaptive_polling_enabled": False}, QUIET, NOON, 120, id="fixed"),
        pytest.param(
            {"automation_enabled": False}, QUIET, NOON, 120, id="automation_disabled"
        ),
        pytest.param({"opens": None}, QUIET, NOON, 120, id="no_windows"),
        pytest.param(
            {}, QUIET._replace(pending_repeat=REPEAT), NOON, 120, id="pending_repeat"
        ),
        pytest.param({}, QUIET, NOON.replace(hour=19), 120, id="in_window"),
        pytest.param({}, QUIET, NOON.replace(hour=17, minute=45), 120, id="warmup"),
        pytest.param({}, QUIET, NOON, 600, id="idle"),
        pytest.param(
            {}, QUIET, NOON.replace(hour=17, minute=40), 300, id="idle_until_warmup"
        ),
        pytest.param(
            {"idle_poll_interval_seconds": 86400}, QUIET, NOON, 20700, id="long_idle"
        ),
        pytest.param(
            {"poll_warmup_minutes": 0},
            QUIET,
            NOON.replace(hour=17, minute=55),
            300,
            id="no_warmup",
        ),
        pytest.param(
            {},
            QUIET,
            NOON.replace(hour=17, minute=44, second=59),
            15,
            id="floor",
        ),
    ],
)
def test_the_interval_is_the_dashboards(settings, state, at, seconds):
    made = zone(**{"opens": 18, "closes": 22} | settings)
    assert poll_interval_seconds(made, state, at) == seconds


@pytest.mark.parametrize(
    ("state", "blocked_seconds", "at", "seconds"),
    [
        (QUIET, None, NOON, 600),
        (QUIET, 42.5, NOON, 42.5),
        (QUIET, 900, NOON, 600),
        (QUIET._replace(pending_repeat=REPEAT), None, NOON, 10),
        (
            QUIET._replace(
                pending_manual=PendingManual(Action.WINTER, NOON + timedelta(seconds=7))
            ),
            None,
            NOON,
            7,
        ),
        (QUIET._replace(hold_until=NOON + timedelta(seconds=9)), None, NOON, 9),
        # What is past already does not count.
        (QUIET._replace(hold_until=NOON - timedelta(seconds=9)), None, NOON, 600),
        # A window opens or closes within the interval.
        (QUIET, None, NOON.replace(hour=17, minute=59, second=30), 30),
        (QUIET, None, NOON.replace(hour=21, minute=59, second=1), 59),
    ],
)
def test_what_is_due_sooner_comes_first(state, blocked_seconds, at, seconds):
    until = None if blocked_seconds is None else at + timedelta(seconds=blocked_seconds)
    look = next_look(zone(18, 22), state, at, until)
    assert (look - at).total_seconds() == seconds


async def test_before_the_first_tick_it_wants_to_be_called_at_once(house):
    assert house.engine.next_wakeup == house.clock.now()
    assert house.engine.next_wakeup.tzinfo is UTC


async def test_the_cadence_does_not_drift_with_the_time_a_tick_takes(house):
    house.cloud.latency_seconds = 2.0
    began = house.clock.now()
    for tick in range(1, 4):
        await house.tick(21.0)
        assert house.engine.next_wakeup == began + timedelta(seconds=60 * tick)
        house.clock.advance_to(house.engine.next_wakeup)


async def test_a_tick_longer_than_the_interval_does_not_ask_for_the_past(house):
    house.cloud.latency_seconds = 50.0
    house.configure(poll_interval_seconds=15)
    report = await house.tick(21.0)
    assert report.next_wakeup > house.clock.now()


async def test_of_several_zones_the_earliest_counts(house):
    house.configure(
        zones={
            "office": {"poll_interval_seconds": 300},
            "attic": {"poll_interval_seconds": 90},
        }
    )
    report = await house.tick(21.0)
    assert report.next_wakeup == house.clock.now() + timedelta(seconds=90)
