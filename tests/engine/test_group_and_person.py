"""A person's command among zones that share one outdoor unit."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from switchbot_automation.core.protect.groups import turn_of_person
from switchbot_automation.core.state.zone import PendingManual, ZoneState
from switchbot_automation.errors import DeviceOfflineError
from switchbot_automation.explain.trace import reasons_as_json
from switchbot_automation.explain.words import reason_words
from switchbot_automation.model import Action, Power
from switchbot_automation.settings.read import parse_settings
from tests.cases import examples

HEAT, COOL, OFF = "setAll 23,5,3,on", "setAll 24,2,3,on", "turnOff"
ROOMS = {
    "living": {"meter_device_id": "M1", "aircon_device_id": "02-1-13"},
    "bed": {"meter_device_id": "M2", "aircon_device_id": "02-2-13"},
}
GAP, DWELL, PATIENCE = (timedelta(seconds=each) for each in (600, 1800, 5400))


def codes(command):
    return [str(reason.code) for reason in command.reasons]


def others(command):
    """What a command says of whom it takes the unit from."""
    found = [each for each in command.reasons if each.code == "group_others_wait"]
    return found[0].detail if found else None


def seasons_at_work(sent, begin):
    """Return how long both rested between one season and the other.

    A unit rests from the OFF that stopped it; the OFF that a person says once more to a
    unit at rest stops nothing.
    """
    running, last, stopped = {}, None, None
    gaps = []
    for at, device, what in sent:
        if what == OFF:
            if running.pop(device, None) is not None:
                stopped = at
            continue
        season = "heat" if what.split(",")[1] == "5" else "cool"
        assert set(running.values()) <= {season}, (at - begin, running, season)
        if last not in (None, season):
            gaps.append(at - stopped)
        running[device], last = season, season
    return gaps


@pytest.fixture
def flat(house):
    """Two rooms on one unit; who heats and who cools stands beside each command."""
    house.configure(mode="auto", zones=ROOMS, groups={"outdoor": {"zones": [*ROOMS]}})
    for key in ("state/living", "state/bed"):
        house.store.set(key, {"assumed_aircon_power": "off"})
    house.cloud.temperatures = {"M1": 19.0, "M2": 21.5}
    house.restarted()
    house.commands = []
    command = house.cloud.command

    async def noted(device, *words):
        done = await command(device, *words)
        house.commands.append(
            (*house.cloud.sent[-1][:1], device, house.cloud.words[-1])
        )
        return done

    house.cloud.command = noted
    return house


async def test_a_command_that_turns_the_unit_says_who_pays_and_waits_for_the_gap(flat):
    await flat.engine.run_once()
    assert flat.cloud.words == [HEAT]
    flat.clock.advance(600)
    await flat.engine.run_once()
    flat.cloud.temperatures["M2"] = 27.0
    asked = flat.clock.now()
    command = await flat.engine.act("bed", "summer", hold=timedelta(hours=3))
    assert (command.status, command.blocked_until) == ("blocked", asked + GAP)
    assert codes(command)[1:] == ["group_changeover", "group_others_wait"]
    told = others(command)
    assert (told["zones"], told["wants"], told["has"]) == (
        ["living"],
        "winter",
        "summer",
    )
    latest = datetime.fromisoformat(told["until"])
    assert latest == asked + PATIENCE + GAP
    words = reason_words(reasons_as_json(command.reasons)[-1], UTC)
    assert words.startswith("living cannot have heating while bed has cooling of the")
    assert f"{latest:%H:%M:%S} at the latest" in words

    # It need not wait for the next poll: the others make way at once.
    assert flat.engine.next_wakeup <= asked + timedelta(seconds=1)
    flat.restarted()
    await flat.live(until=latest + timedelta(minutes=2))
    gaps = seasons_at_work(flat.commands, asked)
    assert len(gaps) == 2
    assert all(gap >= GAP for gap in gaps)
    cooled = next(at for at, _room, what in flat.commands if what == COOL)
    assert GAP <= cooled - asked <= GAP + timedelta(seconds=5)
    warm = max(at for at, _room, what in flat.commands if what == HEAT)
    assert asked < warm <= latest
    # The hold went with the command that it kept, or the other room would be the one
    # that is left alone for the rest of the three hours.
    assert flat.store.get("state/bed")["hold_until"] is None
    assert flat.engine.zone_overview("living")["action"] == "winter"


async def test_the_end_of_a_hold_for_others_is_said_where_it_ends(flat):
    await flat.engine.run_once()
    flat.cloud.temperatures["M2"] = 27.0
    await flat.engine.act("bed", "summer", hold="permanent")
    until = flat.clock.now() + PATIENCE + timedelta(minutes=1)
    reports = await flat.live(until=until)
    said = [
        reason
        for report in reports
        for decided in report.decisions
        for reason in decided.reasons
        if decided.zone == "bed" and reason.code == "group_hold_ends"
    ]
    assert said[0].detail["zones"] == ["living"]


async def test_who_needs_nothing_of_the_unit_is_not_named_and_nothing_waits(flat):
    flat.cloud.temperatures = {"M1": 21.0, "M2": 21.5}
    await flat.engine.run_once()
    command = await flat.engine.act("bed", "summer", hold=timedelta(hours=1))
    assert (command.status, others(command)) == ("accepted", None)
    again = await flat.engine.act("bed", "summer", hold=timedelta(hours=1))
    assert again.status == "accepted"


async def test_the_same_season_or_off_takes_nothing_from_anybody(flat):
    await flat.engine.run_once()
    for action in ("winter", "fan", "off"):
        command = await flat.engine.act("bed", action, hold=timedelta(hours=1))
        assert (command.status, others(command)) == ("accepted", None)


async def test_a_unit_that_nobody_may_turn_off_keeps_its_season_and_is_named(flat):
    rooms = {**ROOMS, "living": {**ROOMS["living"], "automation_enabled": False}}
    flat.configure(mode="auto", zones=rooms, groups={"outdoor": {"zones": [*ROOMS]}})
    await flat.engine.act("living", "winter")
    command = await flat.engine.act("bed", "summer", hold=timedelta(hours=1))
    assert (command.status, command.blocked_until) == ("blocked", None)
    assert command.reasons[-1].detail["zones"] == ["living"]
    await flat.live(until=flat.clock.now() + timedelta(hours=1))
    assert flat.cloud.words == [HEAT]


async def test_while_another_cannot_be_turned_off_the_wish_waits_on(flat):
    """The gap is counted from when it really stopped, not from what was promised."""
    await flat.engine.run_once()
    asked = flat.clock.now()
    await flat.engine.act("bed", "summer", hold=timedelta(hours=3))
    flat.cloud.broken["command"] = DeviceOfflineError("gone", status_code=161)
    await flat.live(until=asked + timedelta(minutes=20))
    flat.cloud.broken.clear()
    await flat.live(until=asked + timedelta(minutes=50))
    assert flat.cloud.words == [HEAT, OFF, COOL]
    assert all(gap >= GAP for gap in seasons_at_work(flat.commands, asked))


async def test_a_wish_that_is_given_up_leaves_no_hold_behind(flat):
    """Else the room that asked goes without for the rest of it, and nobody keeps it."""
    await flat.engine.run_once()
    flat.cloud.temperatures["M2"] = 27.0
    asked = flat.clock.now()
    await flat.engine.act("bed", "summer", hold=timedelta(hours=6))
    flat.cloud.broken["command"] = DeviceOfflineError("gone", status_code=161)
    await flat.live(until=asked + GAP + timedelta(minutes=50))
    assert flat.engine.zone_overview("bed")["waiting"]
    given_up = asked + GAP + timedelta(minutes=75)
    await flat.live(until=given_up)
    room = flat.engine.zone_overview("bed")
    assert (room["waiting"], room["hold_until"]) == (None, None)
    # What the automation wants there is the same, and comes once the other one stops.
    flat.cloud.broken.clear()
    await flat.live(until=given_up + timedelta(hours=3))
    assert COOL in flat.cloud.words
    assert all(gap >= GAP for gap in seasons_at_work(flat.commands, asked))


async def test_a_waiting_command_that_fails_leaves_no_hold_behind(flat):
    zones = {name: room | {"min_off_seconds": 600} for name, room in ROOMS.items()}
    flat.configure(mode="auto", zones=zones, groups={"outdoor": {"zones": [*ROOMS]}})
    await flat.engine.act("bed", "winter", hold="none")
    await flat.engine.act("bed", "off", hold="none")
    command = await flat.engine.act("bed", "winter", hold=timedelta(hours=6))
    assert command.status == "blocked"
    flat.cloud.broken["command"] = DeviceOfflineError("gone", status_code=161)
    await flat.live(until=command.blocked_until + timedelta(minutes=2))
    assert flat.engine.zone_overview("bed")["hold_until"] is None


async def test_of_two_persons_the_newer_word_counts(flat):
    await flat.engine.act("living", "winter", hold=timedelta(hours=3))
    command = await flat.engine.act("bed", "summer", hold=timedelta(hours=3))
    assert others(command)["zones"] == ["living"]
    await flat.live(until=flat.clock.now() + timedelta(minutes=5))
    assert flat.cloud.words == [HEAT, OFF]
    newest = await flat.engine.act("living", "winter", hold=timedelta(hours=3))
    assert newest.status == "accepted"  # it was at this work last
    assert others(newest)["zones"] == ["bed"]
    await flat.live(until=flat.clock.now() + timedelta(minutes=30))
    assert flat.cloud.words == [HEAT, OFF, HEAT]


async def test_a_zone_that_is_itself_at_the_other_work_rests_for_its_own_wish(flat):
    flat.cloud.temperatures = {"M1": 19.0, "M2": 19.0}
    await flat.live(until=flat.clock.now() + timedelta(minutes=10))
    assert flat.cloud.words == [HEAT, HEAT]
    asked = flat.clock.now()
    command = await flat.engine.act("bed", "summer", hold=timedelta(hours=1))
    assert command.status == "blocked"
    await flat.live(until=asked + timedelta(minutes=15))
    assert flat.cloud.words == [HEAT, HEAT, OFF, OFF, COOL]
    assert all(gap >= GAP for gap in seasons_at_work(flat.commands, asked))


@examples(5, many=100)
@given(
    asks=st.lists(
        st.tuples(
            st.integers(0, 120),
            st.sampled_from(["living", "bed"]),
            st.sampled_from(["winter", "summer", "on", "off"]),
            st.sampled_from([0.5, 3.0, None]),
        ),
        min_size=1,
        max_size=4,
    ),
    rooms=st.tuples(st.sampled_from([19.0, 21.0, 27.0]), st.sampled_from([19.0, 27.0])),
)
@example(asks=[(92, "bed", "off", 0.5)], rooms=(27.0, 19.0))
async def test_whoever_asks_for_what_the_unit_does_one_season_and_nobody_is_stranded(
    new_house, asks, rooms
):
    house = new_house()
    house.configure(mode="auto", zones=ROOMS, groups={"outdoor": {"zones": [*ROOMS]}})
    for key in ("state/living", "state/bed"):
        house.store.set(key, {"assumed_aircon_power": "off"})
    house.cloud.temperatures = dict(zip(("M1", "M2"), rooms, strict=True))
    house.restarted()
    begin, sent = house.clock.now(), []
    command = house.cloud.command

    async def noted(device, *words):
        done = await command(device, *words)
        sent.append((house.clock.now(), device, house.cloud.words[-1]))
        return done

    house.cloud.command = noted
    await house.engine.run_once()
    for after, room, action, hours in asks:
        await house.live(until=house.clock.now() + timedelta(minutes=after))
        hold = "permanent" if hours is None else timedelta(hours=hours)
        told = await house.engine.act(room, action, hold)
        if told.status == "blocked":
            assert told.blocked_until > house.clock.now()
    await house.live(until=house.clock.now() + timedelta(hours=5))
    gaps = seasons_at_work(sent, begin)
    assert all(gap >= GAP for gap in gaps)
    for room in ROOMS:
        waits = house.store.get(f"state/{room}").get("group_waits_since")
        if waits is not None:
            since = house.clock.now() - datetime.fromisoformat(waits)
            assert since <= PATIENCE + DWELL + GAP


@given(
    works=st.lists(
        st.sampled_from([None, Action.WINTER, Action.SUMMER]), min_size=3, max_size=3
    ),
    waits=st.lists(st.booleans(), min_size=3, max_size=3),
    wish=st.sampled_from([None, Action.WINTER, Action.SUMMER]),
    action=st.sampled_from([Action.WINTER, Action.SUMMER]),
    ago=st.integers(0, 7200),
)
def test_everyone_who_works_against_a_command_is_named_and_waited_for(
    works, waits, wish, action, ago
):
    now = datetime(2026, 4, 13, 12, tzinfo=UTC)
    names = ["a", "b", "c"]
    band = {"min_temp": 20, "max_temp": 22, "target_temp": 23}
    zone = {"automation_enabled": True, "winter": band}
    document = {"zones": dict.fromkeys(names, zone)}
    made = parse_settings(document | {"groups": {"duct": {"zones": names}}})
    states = {}
    for name, work, waiting in zip(names, works, waits, strict=True):
        states[name] = ZoneState(
            power=Power.ON if work else Power.OFF,
            action=work or Action.OFF,
            compressor_started_at=now - timedelta(seconds=ago) if work else None,
            group_waits_since=now if waiting and not work else None,
        )
    if wish is not None:
        pending = PendingManual(wish, now + timedelta(minutes=5))
        states["b"] = states["b"]._replace(pending_manual=pending)
    turn = turn_of_person(made, states, made.zones["a"], action, now)
    against = {
        name
        for name, work in zip(names, works, strict=True)
        if work not in (None, action) and name != "a"
    }
    named = set(turn.others.detail["zones"]) if turn.others else set()
    assert against <= named
    assert "a" not in named
    if against or works[0] not in (None, action):
        assert turn.until >= now + GAP
    assert turn.overruled == (("b",) if wish not in (None, action) else ())
