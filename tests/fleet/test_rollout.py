"""New settings for a part of the homes, and back."""

from copy import deepcopy
from datetime import timedelta
from itertools import pairwise, permutations

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
    JsonStore,
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


def test_a_rollout_that_was_broken_off_goes_on_with_what_it_began_with(store):
    """With other changes it would be two things under one name, and go back as both."""
    going = roll_out(store, "wider", CHANGES, HOMES)
    assert [next(going).what for _ in range(2)] == ["applied"] * 2
    going.close()
    other = list(roll_out(store, "wider", {"hysteresis_celsius": 0.9}, HOMES[:2]))
    assert [each.what for each in other] == ["failed"] * 2
    assert settings_of(store, "0") == WINTER_ROOM | CHANGES
    again = list(roll_out(store, "wider", CHANGES, HOMES))
    assert [each.what for each in again] == ["left"] * 2 + ["applied"] * 3


def test_what_was_changed_since_stays(store):
    list(roll_out(store, "wider", CHANGES, ["0"]))
    HomeStore(store, "0").update(
        "settings", lambda found: found | {"poll_interval_seconds": 45}
    )
    (back,) = roll_back(store, "wider", ["0"])
    assert back.why == "changed since: poll_interval_seconds"
    assert settings_of(store, "0") == WINTER_ROOM | {"poll_interval_seconds": 45}


@pytest.mark.parametrize("middle", [0.4, 0.5, 0.3], ids=["other", "same", "as before"])
@pytest.mark.parametrize("order", list(permutations(["a", "b", "c"])), ids="".join)
def test_rollouts_of_one_setting_go_back_in_whatever_order(store, order, middle):
    """All gone, what stood before the first stands again; until then the newest left."""
    values = {"a": 0.5, "b": middle, "c": 0.6}
    for name, value in values.items():
        list(roll_out(store, name, {"hysteresis_celsius": value}, ["0"]))
    left = list(values)
    for name in order:
        (back,) = roll_back(store, name, ["0"])
        assert (back.what, back.why) == ("back", "")
        left.remove(name)
        wanted = values[left[-1]] if left else WINTER_ROOM["hysteresis_celsius"]
        assert settings_of(store, "0")["hysteresis_celsius"] == wanted
    assert settings_of(store, "0") == WINTER_ROOM
    assert HomeStore(store, "0").get(ROLLOUTS) == {}


def test_what_a_person_changed_between_two_rollouts_is_what_the_second_goes_back_to(
    store,
):
    list(roll_out(store, "a", {"hysteresis_celsius": 0.5}, ["0"]))
    HomeStore(store, "0").update(
        "settings", lambda found: found | {"hysteresis_celsius": 0.2}
    )
    list(roll_out(store, "b", {"hysteresis_celsius": 0.6}, ["0"]))
    list(roll_back(store, "a", ["0"]))
    list(roll_back(store, "b", ["0"]))
    assert settings_of(store, "0")["hysteresis_celsius"] == 0.2


def test_records_of_rollouts_made_before_they_had_an_order_go_back(store):
    list(roll_out(store, "old", CHANGES, ["0"]))
    HomeStore(store, "0").update(ROLLOUTS, _without_order)
    list(roll_out(store, "new", {"hysteresis_celsius": 0.6}, ["0"]))
    list(roll_back(store, "old", ["0"]))
    list(roll_back(store, "new", ["0"]))
    assert settings_of(store, "0") == WINTER_ROOM


def _without_order(done):
    del done["old"]["order"]
    return done


def test_a_home_without_settings_gets_none_by_going_back(store):
    """Deleted meanwhile: nothing of it comes to be again."""
    list(roll_out(store, "wider", CHANGES, ["0", "1"]))
    HomeStore(store, "0").delete("settings")
    list(roll_back(store, "wider", ["0", "1"]))
    assert HomeStore(store, "0").keys() == []
    assert store.get_entry("homes/0/settings").revision == ""
    assert settings_of(store, "1") == WINTER_ROOM


def test_a_home_whose_document_cannot_be_read_holds_no_other_up(tmp_path):
    """In the midst of the others, on the way there and back."""
    with JsonStore(tmp_path) as store:
        for home in HOMES:
            HomeStore(store, home).set("settings", deepcopy(WINTER_ROOM))
        (file,) = tmp_path.glob("homes%2f2%2fsettings.json")
        whole = file.read_bytes()
        file.write_bytes(b"{")
        others = [home for home in HOMES if home != "2"]
        done = {
            each.home: each.what for each in roll_out(store, "wider", CHANGES, HOMES)
        }
        assert done == dict.fromkeys(others, "applied") | {"2": "failed"}
        file.write_bytes(whole)
        back = {each.home: each.what for each in roll_back(store, "wider", HOMES)}
        assert back == dict.fromkeys(others, "back")
        assert settings_of(store, "2") == WINTER_ROOM


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
            options = {"spread": alone, "span": span}
            what = store, "wider", {"hysteresis_celsius": 0.5}
            done = list(roll_out(*what, ["long", "new"], **options))
        # What a home cannot have is no matter of its history.
        wrong = store, "wrong", {"hysteresis_celsius": -3}
        (never,) = roll_out(*wrong, ["long"], spread=pytest.fail, span=span)
        assert never.what == "failed"
        assert "hysteresis_celsius" in never.why
        # Broken off and called again it asks nothing of who has it.
        (again,) = roll_out(*what, ["long"], spread=pytest.fail, span=span)
        assert again.what == "left"
        assert [(each.home, each.what) for each in done] == [
            ("long", "applied"),
            ("new", "worse"),
        ]
        assert "days of readings" in done[1].why
