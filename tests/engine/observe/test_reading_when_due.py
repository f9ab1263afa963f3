"""Ticks that read only what is due, and never spend what commands may need."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.engine import AutomationEngine
from switchbot_automation.errors import QuotaExhaustedError
from switchbot_automation.simulation import (
    SimulatedClock,
    SimulatedHome,
    default_settings,
    simulate,
)
from switchbot_automation.simulation.faults import Call
from switchbot_store import MemoryStore
from tests.cases import drawn, slow_after

READ = "status C271111EC0AB"


@pytest.fixture
def sparing(house):
    house.configure(predictive_polling=True)
    house.remember(assumed_aircon_power="off")
    return house


async def test_a_tick_before_the_reading_is_due_answers_from_the_last_one(sparing):
    first = await sparing.tick(21.0)
    assert sparing.cloud.calls == [READ]
    due = sparing.engine.next_wakeup
    early = await sparing.tick(15.0, after=30)
    assert sparing.cloud.calls == [READ]
    assert early.outcome == first.outcome == "no_action"
    assert sparing.engine.next_wakeup == due
    sparing.clock.advance_to(due)
    assert (await sparing.engine.run_once()).outcome == "winter_on"


@pytest.mark.parametrize("trigger", ["manual", "once", "refresh", "replay"])
async def test_who_wants_to_know_now_gets_a_new_reading(sparing, trigger):
    await sparing.tick(21.0)
    sparing.cloud.temperature = 19.0
    sparing.clock.advance(5)
    report = await sparing.engine.run_once(trigger)
    assert report.outcome == "winter_on"


async def test_with_fixed_intervals_every_tick_reads(house):
    for _ in range(3):
        await house.tick(21.0, after=5)
    assert house.cloud.calls == [READ] * 3


async def test_a_command_changes_which_threshold_the_next_reading_waits_for(sparing):
    await sparing.tick(22.2)
    resting = sparing.engine.next_wakeup
    await sparing.engine.act("default", "on", hold="none")
    await sparing.tick()
    assert sparing.engine.next_wakeup < resting


async def test_a_window_that_opens_is_met_with_a_new_reading(sparing):
    sparing.configure(
        predictive_polling=True,
        time_windows=[{"days": [0], "start": "12:05", "end": "23:00"}],
    )
    assert (await sparing.tick(15.0)).outcome == "outside_window"
    (report,) = await sparing.live(
        until=sparing.clock.now() + timedelta(seconds=300.001)
    )
    assert report.outcome == "winter_on"
    assert sparing.cloud.calls.count(READ) == 2


async def test_what_was_learned_outlives_a_restart(sparing):
    for temperature in (21.5, 21.4, 21.4, 21.3):
        await sparing.tick(temperature, after=700)
    bounds = sparing.state["slope_bounds"]
    assert bounds["version"] == 1
    sparing.restarted()
    await sparing.tick(21.3, after=700)
    assert sparing.state["slope_bounds"] == bounds
    await sparing.tick(21.3, after=700)
    assert sparing.state["slope_bounds"] != bounds


async def test_a_meter_of_two_zones_is_read_once_for_both(house):
    house.configure(
        predictive_polling=True,
        zones={"a": {}, "b": {"winter": {"min_temp": 19.0}}},
    )
    await house.tick(21.0)
    assert house.cloud.calls == [READ]


# --- the day's calls --------------------------------------------------------------


async def test_the_clients_own_ledger_is_the_one_that_counts(house):
    house.cloud.quota = QuotaLedger(clock=house.clock)
    house.restarted()
    await house.tick(21.0)
    assert house.cloud.quota.used == 0
    house.cloud.quota.attempt()
    await house.tick(21.0, after=60)
    assert house.state["api_requests_total"] == 1


async def test_the_reserve_of_the_settings_is_kept_by_whoever_shares_the_ledger(house):
    quota = QuotaLedger(clock=house.clock)
    house.restarted(quota=quota)
    await house.tick(21.0)
    assert quota.reserve == 500
    house.configure(quota_reserve=40)
    await house.tick(21.0)
    assert quota.reserve == 40


async def test_at_the_reserve_reading_ends_and_commands_go_on(house):
    quota = QuotaLedger(limit=1000, clock=house.clock)
    house.restarted(quota=quota)
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    await house.tick(21.0)
    for _ in range(700):
        quota.attempt()
    before = list(house.cloud.calls)
    report = await house.tick(25.0, after=60)
    assert report.outcome == "no_action"
    assert house.cloud.calls == before
    told = await house.engine.act("default", "off", hold="none")
    assert told.status == "accepted"
    unknown = await house.tick(25.0, after=3600)
    assert unknown.outcome == "missing_meter"
    assert "quota_reserve" in [
        str(reason.code) for reason in unknown.decisions[0].reasons
    ]


async def test_a_day_the_cloud_refuses_is_tried_once_an_hour_and_webhooks_go_on(
    house, webhooks
):
    house.configure(webhooks={"off": "https://maker.ifttt.com/x"})
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    house.cloud.broken["status"] = QuotaExhaustedError("daily limit")
    await house.tick(21.0)
    assert house.state["api_requests_remaining"] == 0
    tries = house.cloud.calls.count(READ)
    await house.live(until=house.clock.now() + timedelta(hours=4, minutes=1))
    assert house.cloud.calls.count(READ) - tries == 4
    command = await house.engine.act("default", "off")
    assert (command.status, command.rungs[0].rung) == ("accepted", "webhook")
    house.cloud.broken.clear()
    await house.live(until=house.clock.now() + timedelta(hours=1, minutes=1))
    assert (await house.engine.health())["quota"]["level"] == "normal"


async def test_two_engines_on_one_account_count_together(house):
    other = AutomationEngine(
        house.cloud, house.store, clock=house.clock, state_key="state"
    )
    for _ in range(5):
        # One that does not lead reads only for a program that wants it of this engine.
        house.clock.advance(60)
        await house.engine.run_once("once")
        await other.run_once("once")
    house.clock.advance(60)
    await house.engine.run_once("once")
    assert house.state["api_requests_total"] == len(house.cloud.calls) == 11
    health = await house.engine.health()
    assert health["quota"]["foreign"] == 5


@settings(max_examples=drawn(5, many=15), deadline=None)
@given(
    limit=st.integers(420, 900),
    poll=st.sampled_from([15, 60, 120]),
    predictive=st.booleans(),
    spent=st.integers(0, 400),
)
async def test_however_often_it_may_read_the_reserve_is_left_to_commands(
    limit, poll, predictive, spent
):
    clock = SimulatedClock()
    home = SimulatedHome(clock, season="winter", seed=3)
    store = MemoryStore()
    quota = QuotaLedger(limit=limit, clock=clock)
    for _ in range(spent):
        quota.attempt()
    document = default_settings("winter")
    document |= {"poll_interval_seconds": poll, "predictive_polling": predictive}
    document |= {"idle_poll_interval_seconds": poll, "quota_reserve": 300}
    store.set("settings", document)
    engine = AutomationEngine(Counted(home, quota), store, clock=clock, quota=quota)
    end = clock.now() + timedelta(hours=23)
    while clock.now() < end:
        await engine.run_once()
        clock.advance_to(engine.next_wakeup)
    calls = home.account.calls
    commands = calls[Call.COMMAND] + calls[Call.RUN_SCENE]
    assert spent + calls.total() - commands <= max(spent, limit - 300)


class Counted:
    """A client that counts its calls in a ledger, as the real one does."""

    def __init__(self, home, quota):
        self._home, self._quota = home, quota

    def __getattr__(self, name):
        self._quota.attempt()
        return getattr(self._home, name)


@pytest.mark.parametrize("season", slow_after(1, ["winter", "summer"]))
async def test_a_simulated_week_takes_few_calls_a_day(season):
    document = default_settings(season) | {"predictive_polling": True}
    sparing = await simulate(document, days=4, season=season, seed=5)
    plain = await simulate(default_settings(season), days=4, season=season, seed=5)
    assert sparing.api_calls_per_day <= 150
    assert sparing.api_calls_per_day < plain.api_calls_per_day / 3
    assert sparing.percent_out_of_band <= plain.percent_out_of_band + 1.0
