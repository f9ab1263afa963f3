"""New settings for a part of the homes, and back."""

from copy import deepcopy
from datetime import timedelta
from itertools import pairwise

import pytest

from switchbot_automation.errors import SettingsError
from switchbot_automation.fleet.rollout import (
    ROLLOUTS,
    homes_within,
    roll_back,
    roll_out,
    worse,
)
from switchbot_automation.fleet.spread import spreading
from switchbot_store import (
    HistorySample,
    HomeStore,
    MemoryStore,
    StoreConfig,
    get_history,
    get_store,
)
from tests.engine.conftest import MONDAY_NOON, WINTER_ROOM

HOMES = [str(number) for number in range(5)]
CHANGES = {"hysteresis_celsius": 0.5, "poll_interval_seconds": 90}


@pytest.fixture
def store():
    made = MemoryStore()
    for home in HOMES:
        HomeStore(made, home).set("settings", deepcopy(WINTER_ROOM))
    return made


def settings_of(store, home):
    return HomeStore(store, home).get("settings")


def test_what_is_rolled_out_goes_back(store):
    done = list(roll_out(store, "wider", CHANGES, HOMES[:3]))
    assert [(each.home, each.what) for each in done] == [
        (home, "applied") for home in HOMES[:3]
    ]
    assert settings_of(store, "0") == WINTER_ROOM | CHANGES
    assert settings_of(store, "4") == WINTER_ROOM
    again = list(roll_out(store, "wider", CHANGES, HOMES))
    assert [each.what for each in again] == ["left"] * 3 + ["applied"] * 2
    back = list(roll_back(store, "wider", HOMES))
    assert [each.what for each in back] == ["back"] * 5
    assert [settings_of(store, home) for home in HOMES] == [WINTER_ROOM] * 5
    assert HomeStore(store, "0").get(ROLLOUTS) == {}
    assert list(roll_back(store, "wider", HOMES)) == []


def test_what_was_changed_since_stays(store):
    list(roll_out(store, "wider", CHANGES, ["0"]))
    HomeStore(store, "0").update(
        "settings", lambda found: found | {"poll_interval_seconds": 45}
    )
    (back,) = roll_back(store, "wider", ["0"])
    assert back.why == "changed since: poll_interval_seconds"
    assert settings_of(store, "0") == WINTER_ROOM | {"poll_interval_seconds": 45}


def test_a_key_that_was_absent_is_absent_again(store):
    changes = {"language": "fr"}
    list(roll_out(store, "french", changes, ["0"]))
    assert settings_of(store, "0")["language"] == "fr"
    list(roll_back(store, "french", ["0"]))
    assert settings_of(store, "0") == WINTER_ROOM


def test_a_home_that_cannot_have_it_is_left_as_it_is(store):
    """And says why; the others have it."""
    HomeStore(store, "1").set("settings", WINTER_ROOM | {"mode": "nonsense"})
    done = list(roll_out(store, "wider", CHANGES, ["0", "1", "never"]))
    assert [each.what for each in done] == ["applied", "failed", "failed"]
    assert "mode" in done[1].why
    assert "hysteresis_celsius" not in settings_of(store, "1") or (
        settings_of(store, "1")["hysteresis_celsius"] == 0.3
    )


def test_a_dry_run_writes_nothing(store):
    done = list(roll_out(store, "wider", CHANGES, HOMES, dry_run=True))
    assert [each.what for each in done] == ["applied"] * 5
    assert settings_of(store, "0") == WINTER_ROOM
    with pytest.raises(SettingsError):
        list(roll_out(store, "nothing", {}, HOMES))


def test_a_larger_share_has_all_of_a_smaller_one():
    homes = [str(number) for number in range(1000)]
    shares = [set(homes_within(homes, "wider", each)) for each in (0, 0.1, 0.5, 1)]
    assert all(less < more for less, more in pairwise(shares))
    assert shares[0] == set()
    assert shares[3] == set(homes)
    assert homes_within(homes, "other", 0.1) != homes_within(homes, "wider", 0.1)


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        ((100, 10), (100, 10), False),
        ((100, 10), (169, 14), False),
        ((100, 10), (171, 10), True),
        ((100, 10), (0, 15), True),
        ((0, 0), (0, 4), True),
    ],
)
def test_worse_is_less_comfortable_or_more_starts(before, after, refused):
    sides = ("degree_minutes", "starts")
    report = {
        "current": dict(zip(sides, before, strict=True)),
        "candidate": dict(zip(sides, after, strict=True)),
    }
    assert bool(worse(report)) is refused


def test_each_home_s_own_history_is_asked_first(tmp_path, monkeypatch):
    """One of which nothing can be said is left as it is."""
    monkeypatch.setenv("STORE_BACKEND", "json")
    monkeypatch.setenv("STORE_DIRECTORY", str(tmp_path))
    config = StoreConfig.from_env()
    with get_store(config) as store, get_history(config) as history:
        for home, days in (("long", 4), ("new", 1)):
            HomeStore(store, home).set("settings", deepcopy(WINTER_ROOM))
            rows = history.of_home(home)
            for step in range(6 * 24 * days):
                at = MONDAY_NOON + timedelta(minutes=10 * step)
                rows.record(
                    HistorySample(at, temperature=21.0, assumed_aircon_power="off")
                )
        history.flush()
        span = (MONDAY_NOON, MONDAY_NOON + timedelta(days=4))
        with spreading() as alone:
            done = list(
                roll_out(
                    store,
                    "wider",
                    {"hysteresis_celsius": 0.5},
                    ["long", "new"],
                    spread=alone,
                    span=span,
                )
            )
        assert [(each.home, each.what) for each in done] == [
            ("long", "applied"),
            ("new", "worse"),
        ]
        assert "days of readings" in done[1].why
