"""Offline work in one process and on workers of Dask: the same to the digit."""

import json
from copy import deepcopy
from datetime import timedelta

import dask
import pytest

from switchbot_automation.errors import SettingsError
from switchbot_automation.fleet.spread import (
    backtest_homes,
    over_homes,
    simulate_home,
    simulate_homes,
    spreading,
)
from switchbot_automation.simulation import default_settings
from switchbot_store import (
    HistorySample,
    HomeStore,
    StoreConfig,
    get_history,
    get_store,
)
from tests.engine.conftest import MONDAY_NOON, WINTER_ROOM

pytestmark = pytest.mark.filterwarnings(
    # Of Dask and tornado, as they end their processes.
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore::ResourceWarning",
    "ignore::DeprecationWarning",
)
DAYS = 4


@pytest.fixture(scope="module")
def workers():
    with spreading(2) as spread:
        yield spread


def test_homes_simulated_on_workers_are_those_of_one_process(workers):
    settings = default_settings("winter")
    how = {"days": 0.25, "season": "winter", "seed": 3}
    told = []
    with spreading() as alone:
        here = simulate_homes(alone, settings, 7, **how)
    there = simulate_homes(workers, settings, 7, on_progress=told.append, **how)
    assert here == there
    assert json.dumps(over_homes(here)) == json.dumps(over_homes(there))
    assert [each["seed"] for each in here] == list(range(3, 10))
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert json.loads(json.dumps(here[0])) == here[0]


def whether_it_is_sampled(_asked):
    return {"sampled": dask.config.get("distributed.worker.profile.enabled")}


def test_workers_work_and_are_not_looked_at_meanwhile(workers):
    """A sampler of its stack would take a good part of what the work itself takes."""
    assert list(workers(whether_it_is_sampled, [{}])) == [{"sampled": False}]


def test_an_error_comes_back_from_a_worker_as_itself(workers):
    broken = {"settings": {"mode": 7}, "days": 0.1, "season": "winter", "seed": 0}
    with pytest.raises(SettingsError) as raised:
        list(workers(simulate_home, [broken]))
    assert raised.value.path == "mode"


def test_a_change_is_tried_over_every_home_s_own_history(tmp_path, monkeypatch):
    """One without enough of it says so, and holds up nobody."""
    monkeypatch.setenv("STORE_BACKEND", "json")
    monkeypatch.setenv("STORE_DIRECTORY", str(tmp_path))
    config = StoreConfig.from_env()
    end = MONDAY_NOON + timedelta(days=DAYS)
    with get_store(config) as store, get_history(config) as history:
        for number, home in enumerate(("1", "2", "new")):
            HomeStore(store, home).set("settings", deepcopy(WINTER_ROOM))
            rows = history.of_home(home)
            for step in range(6 * 24 * (DAYS if home != "new" else 1)):
                rows.record(
                    HistorySample(
                        MONDAY_NOON + timedelta(minutes=10 * step),
                        temperature=20.6 + number * 0.5 + 0.2 * (step % 5),
                        assumed_aircon_power="off",
                    )
                )
    changes = {"hysteresis_celsius": 0.5}
    homes = ["1", "2", "new", "never"]
    with spreading() as alone:
        here = backtest_homes(alone, homes, MONDAY_NOON, end, changes=changes)
    assert [each["home"] for each in here] == homes
    assert ["report" in each for each in here] == [True, True, False, False]
    assert "days of readings" in here[2]["problem"]
    assert here[0]["report"]["band_celsius"] == [20.0, 22.0]
    assert json.loads(json.dumps(here)) == here
    # Its processes have the environment of this one.
    with spreading(2) as two:
        there = backtest_homes(two, homes, MONDAY_NOON, end, changes=changes)
    assert there == here
