"""Zones on one outdoor unit: one season at a time, starts apart, nobody waits for ever."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.core.decide import decide
from switchbot_automation.core.home import Snapshot, ZoneSnapshot
from switchbot_automation.core.protect.groups import after_arbitration
from switchbot_automation.core.state.meter import Reading
from switchbot_automation.core.state.zone import ZoneState
from switchbot_automation.errors import SettingsError
from switchbot_automation.model import Action, Power
from switchbot_automation.schedule.windows import TimeWindow
from switchbot_automation.settings.model import (
    GroupSettings,
    Profile,
    Settings,
    ZoneSettings,
)
from switchbot_automation.settings.read import check_settings, parse_settings

NOON = datetime(2026, 4, 13, 12, tzinfo=UTC)
HOURS_AGO = NOON - timedelta(hours=5)
ALL_DAY = TimeWindow(frozenset(range(7)), time(6), time(23))
RESTING = ZoneState(power=Power.OFF, action=Action.OFF)


def zone(name, mode, **changes):
    return ZoneSettings(
        name,
        ZoneInfo("UTC"),
        automation_enabled=True,
        mode=mode,
        hysteresis_celsius=0.0,
        command_cooldown_seconds=0,
        aircon_device_id=f"02-{name}-13",
        meter_device_id=name,
        time_windows=(ALL_DAY,),
        winter=Profile(20.0, 22.0, 23.0, 3, 5),
        summer=Profile(23.0, 26.0, 24.0, 3, 2),
        **changes,
    )


def running(action, since=HOURS_AGO, **changes):
    return ZoneState(
        power=Power.ON,
        action=action,
        conditioned=action,
        compressor_started_at=since,
        **changes,
    )


def decided(zones, group=None, now=NOON, **rules):
    """Decide for zones given as name: (settings, state, temperature)."""
    settings = Settings(
        {name: made for name, (made, _state, _t) in zones.items()},
        groups={"duct": group or GroupSettings("duct", tuple(zones), **rules)},
    )
    snapshot = Snapshot(
        {
            name: ZoneSnapshot(Reading(temperature, 50, now), state)
            for name, (_made, state, temperature) in zones.items()
        }
    )
    return {each.zone: each for each in decide(snapshot, settings, now).zones}


def codes(decision):
    return [str(reason.code) for reason in decision.reasons]


def home(*wants):
    """Return zones a, b, c... that want to heat (h), cool (c) or nothing (-)."""
    kinds = {"h": ("winter", 19.0), "c": ("summer", 27.0), "-": ("winter", 21.0)}
    zones = {}
    for name, want in zip("abcdef", wants, strict=False):
        mode, temperature = kinds[want]
        zones[name] = (zone(name, mode), RESTING, temperature)
    return zones


@pytest.mark.parametrize(
    ("wants", "policy", "heats"),
    [
        ("hhc", "majority", True),
        ("hcc", "majority", False),
        ("chh", "priority", False),
        ("-hc", "priority", True),
        ("hc", "largest_error", False),
    ],
)
def test_the_policy_says_whose_season_it_is(wants, policy, heats):
    # Heating zones are 3 K from done, cooling ones 4 K.
    made = decided(home(*wants), policy=policy, stagger_seconds=0)
    for name, want in zip("abc", wants, strict=False):
        wins = want == ("h" if heats else "c")
        starts = {"h": Action.WINTER, "c": Action.SUMMER}.get(want)
        assert made[name].action == (starts if wins else None)
        conflict = "group_mode_conflict" in codes(made[name])
        assert conflict == (want != "-" and not wins)


def test_without_a_group_each_has_its_way():
    zones = home("h", "c")
    settings = Settings({name: each[0] for name, each in zones.items()})
    snapshot = Snapshot(
        {
            name: ZoneSnapshot(Reading(temperature, 50, NOON), state)
            for name, (_made, state, temperature) in zones.items()
        }
    )
    actions = [each.action for each in decide(snapshot, settings, NOON).zones]
    assert actions == [Action.WINTER, Action.SUMMER]


def test_a_running_loser_goes_off_and_the_winner_waits_for_the_changeover():
    zones = home("c", "c", "h")
    zones["c"] = (zone("c", "winter"), running(Action.WINTER), 21.0)
    made = decided(zones)
    assert made["c"].action is Action.OFF
    assert made["c"].outcome == "winter_off"
    for name in "ab":
        assert made[name].action is None
        assert "group_changeover" in codes(made[name])
        assert made[name].blocked_until == NOON + timedelta(seconds=600)


def test_after_a_changeover_the_start_comes_at_the_exact_instant():
    zones = home("c", "-")
    stopped = NOON - timedelta(seconds=200)
    rested = RESTING._replace(conditioned=Action.WINTER, compressor_stopped_at=stopped)
    zones["b"] = (zone("b", "winter"), rested, 21.0)
    ready = stopped + timedelta(seconds=600)
    early = decided(zones, now=ready - timedelta(seconds=1))
    assert early["a"].blocked_until == ready
    assert decided(zones, now=ready)["a"].action is Action.SUMMER


def test_a_loser_blows_where_its_zone_wants_the_fan():
    zones = home("c", "c")
    fan = zone("z", "winter", fan_mode_during_window=True)
    zones["z"] = (fan, RESTING, 19.0)
    made = decided(zones)
    assert made["z"].action is Action.FAN
    assert made["z"].outcome == "fan_neutral_zone"
    zones["z"] = (fan, running(Action.WINTER), 21.0)
    assert decided(zones)["z"].action is Action.FAN


def test_the_season_stays_until_it_has_dwelt():
    zones = home("c", "c")
    since = NOON - timedelta(seconds=100)
    zones["w"] = (zone("w", "winter"), running(Action.WINTER, since), 21.0)
    made = decided(zones, dwell_seconds=1800)
    assert made["w"].action is None
    assert "group_mode_conflict" in codes(made["a"])
    assert made["a"].blocked_until == since + timedelta(seconds=1800)
    later = decided(zones, now=since + timedelta(seconds=1800), dwell_seconds=1800)
    assert later["w"].action is Action.OFF


def test_who_waited_long_enough_wins_against_the_policy():
    zones = home("c", "c", "c")
    for name in "abc":
        zones[name] = (zone(name, "summer"), running(Action.SUMMER), 25.0)
    since = NOON - timedelta(seconds=5400)
    patient = RESTING._replace(group_waits_since=since)
    zones["p"] = (zone("p", "winter"), patient, 19.0)
    before = decided(zones, now=NOON - timedelta(seconds=1))
    assert before["a"].action is None
    assert before["p"].blocked_until == NOON
    assert decided(zones)["a"].action is Action.OFF


def test_starts_come_one_after_another_each_at_its_instant():
    zones = home("h", "h", "h")
    made = decided(zones, stagger_seconds=30)
    assert made["a"].action is Action.WINTER
    for place, name in enumerate("bc", start=1):
        assert codes(made[name])[-1] == "group_stagger"
        assert made[name].blocked_until == NOON + timedelta(seconds=30 * place)
    zones["a"] = (zone("a", "winter"), running(Action.WINTER, NOON), 19.0)
    later = NOON + timedelta(seconds=30)
    made = decided(zones, now=later, stagger_seconds=30)
    assert made["b"].action is Action.WINTER
    assert made["c"].blocked_until == later + timedelta(seconds=30)


def test_a_zone_the_gate_holds_back_does_not_take_the_turn_of_another():
    zones = home("h", "h")
    resting = RESTING._replace(compressor_stopped_at=NOON, conditioned=Action.WINTER)
    zones["a"] = (zone("a", "winter", min_off_seconds=300), resting, 19.0)
    assert decided(zones)["b"].action is Action.WINTER


def test_who_a_person_holds_is_not_told_to_make_room():
    zones = home("c", "c")
    hold = NOON + timedelta(hours=1)
    held = running(Action.WINTER, hold_until=hold)
    zones["h"] = (zone("h", "winter"), held, 21.0)
    made = decided(zones)
    assert made["h"].action is None
    assert "group_mode_conflict" not in codes(made["h"])
    assert made["a"].action is None


@given(
    wants=st.lists(st.sampled_from("hc-"), min_size=1, max_size=6),
    runs=st.lists(st.sampled_from(["off", "own"]), min_size=6, max_size=6),
    ages=st.lists(st.integers(0, 20000), min_size=6, max_size=6),
    policy=st.sampled_from(["majority", "priority", "largest_error"]),
    stagger=st.integers(1, 100),
)
def test_never_both_seasons_and_never_two_starts_at_once(
    wants, runs, ages, policy, stagger
):
    zones = home(*wants)
    for (name, (made, _, temperature)), run, age in zip(
        list(zones.items()), runs, ages, strict=False
    ):
        at = NOON - timedelta(seconds=age)
        action = Action.WINTER if made.mode == "winter" else Action.SUMMER
        state = RESTING._replace(compressor_stopped_at=at, conditioned=action)
        if run == "own":
            state = running(action, at)
        zones[name] = (made, state, temperature)
    result = decided(zones, policy=policy, stagger_seconds=stagger)
    starts = {
        each.action
        for each in result.values()
        if each.action in (Action.WINTER, Action.SUMMER)
    }
    goes_on = {
        state.action
        for name, (_, state, _) in zones.items()
        if state.compressor_running and result[name].action is None
    }
    assert len(starts | goes_on) <= 1
    begun = [
        name
        for name, each in result.items()
        if each.action is not None
        and each.action is not Action.OFF
        and not zones[name][1].compressor_running
    ]
    assert len(begun) <= 1
    for each in result.values():
        if "group_stagger" in codes(each) or "group_changeover" in codes(each):
            assert each.blocked_until > NOON


def test_what_a_group_remembers_are_instants_that_end():
    zones = home("c", "c", "h")
    made = decided(zones)
    waits = after_arbitration(RESTING, made["c"], NOON)
    assert waits.group_waits_since == NOON
    assert after_arbitration(waits, made["c"], NOON + timedelta(60)) == waits
    served = after_arbitration(waits, made["a"], NOON)
    assert served.group_waits_since is None
    works = after_arbitration(running(Action.WINTER), made["a"], NOON)
    stopped = works._replace(power=Power.OFF, action=Action.OFF)
    assert after_arbitration(stopped, made["a"], NOON).conditioned is Action.WINTER


# --- whole ticks ------------------------------------------------------------------

ROOMS = {
    "north": {"meter_device_id": "M1", "aircon_device_id": "02-1-13"},
    "south": {
        "meter_device_id": "M2",
        "aircon_device_id": "02-2-13",
        "mode": "summer",
    },
}


async def test_two_rooms_that_want_both_take_turns_with_the_gap_between(house):
    house.configure(
        zones=ROOMS,
        groups={
            "duct": {
                "zones": ["north", "south"],
                "policy": "largest_error",
                "dwell_seconds": 900,
                "max_wait_seconds": 1800,
            }
        },
    )
    for key in ("state/north", "state/south"):
        house.store.set(key, {"assumed_aircon_power": "off"})
    house.cloud.temperatures = {"M1": 19.0, "M2": 29.0}
    house.restarted()
    begin = house.clock.now()
    await house.live(until=begin + timedelta(seconds=2500))
    assert [(at - begin, what) for at, what in house.cloud.sent] == [
        (timedelta(0), "setAll 24,2,3,on"),
        (timedelta(seconds=1800), "turnOff"),
        (timedelta(seconds=2400), "setAll 23,5,3,on"),
    ]


def test_a_group_names_zones_there_are_and_each_once():
    document = {
        "zones": {"north": {}, "south": {}},
        "groups": {
            "one": {"zones": ["north", "sout"]},
            "two": {"zones": ["north"]},
        },
    }
    errors = {error.path: str(error) for error in check_settings(document)}
    assert errors.keys() == {"groups.one.zones[1]", "groups.two.zones[0]"}
    assert "south" in errors["groups.one.zones[1]"]
    with pytest.raises(SettingsError, match="policy"):
        parse_settings({"groups": {"one": {"zones": ["default"], "policy": "x"}}})


def test_a_group_has_defaults_for_all_but_its_zones():
    settings = parse_settings({"groups": {"one": {"zones": ["default"]}}})
    assert settings.groups["one"] == GroupSettings("one", ("default",))
