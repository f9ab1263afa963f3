"""A run that is edited or fails on its way: what still matches goes on, nothing stays on."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchbot_automation.errors import (
    BadParameterError,
    CloudTimeoutError,
    QuotaExhaustedError,
    RateLimitedError,
)
from switchbot_automation.plugins import API_VERSION, Plugin, registry
from switchbot_automation.simulation import SimulatedClock
from tests.cases import drawn

OPENED = {
    "trigger": "state",
    "device": "Front door",
    "attribute": "openState",
    "to": "open",
}
ON = {"action": "command", "device": "Lamp", "command": "turnOn"}
OFF = {**ON, "command": "turnOff"}
TELL = {"action": "notify", "message": "$value"}
TWO_HOURS = {"action": "delay", "for": {"hours": 2}}
WAITS = {"id": "it", "triggers": OPENED, "actions": [ON, TWO_HOURS, OFF]}
WEEK = [0, 1, 2, 3, 4, 5, 6]
HEATED = {
    "automation_enabled": True,
    "mode": "winter",
    "time_windows": [{"days": WEEK, "start": "00:00", "end": "12:00"}],
}


async def opened(house, rule=WAITS, **settings_more):
    """Have the door open, so that the rule turns the lamp on and waits."""
    house.rules(rule, **settings_more)
    await house.tick()
    house.cloud.door = "open"
    await house.live(400)
    house.cloud.door = "close"


def sent_at(house):
    """Collect when something was sent."""
    found = []
    house.cloud.on_send = lambda: found.append(house.clock.now())
    return found


EDITS = {
    "alias": {"alias": "Nicer"},
    "mode": {"mode": "restart"},
    "id": {"id": "renamed"},
    "triggers in a list": {"triggers": [OPENED]},
    "enabled, as it was": {"enabled": True},
    "conditions": {"conditions": {"condition": "time", "after": "06:00"}},
    "another trigger": {"triggers": [OPENED, {"trigger": "time", "at": "03:00"}]},
    "a step behind": {"actions": [ON, TWO_HOURS, OFF, TELL]},
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("restart", [False, True])
async def test_a_waiting_run_goes_on_through_an_edit(house, edit, restart):
    await opened(house)
    due = house.clock.now() + timedelta(hours=2)
    house.rules({**WAITS, **EDITS[edit]})
    if restart:
        house.restarted()
    times = sent_at(house)
    await house.live(4 * 3600)
    assert house.cloud.sent == ["turnOn", "turnOff"]
    assert due - timedelta(minutes=7) <= times[0] <= due
    assert "rule_changed" not in house.outcomes


CUTS = {
    "switched off": [{**WAITS, "enabled": False}],
    "deleted": [],
    "deleted, with another": [{**WAITS, "id": "x", "actions": [TELL]}],
    "other steps": [{**WAITS, "actions": [TELL, TWO_HOURS, TELL]}],
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("restart", [False, True])
async def test_what_a_cut_run_turned_on_is_turned_off_when_it_was_due(
    house, cut, restart
):
    await opened(house)
    due = house.clock.now() + timedelta(hours=2)
    house.rules(*CUTS[cut])
    if restart:
        house.restarted()
    times = sent_at(house)
    await house.live(3600)
    (told,) = [t for t in house.document["traces"] if t["outcome"] == "rule_changed"]
    assert told["still_off"][0]["device"] == "Lamp"
    await house.live(3 * 3600)
    assert house.cloud.sent == ["turnOn", "turnOff"]
    assert due - timedelta(minutes=7) <= times[0] <= due
    assert house.outcomes[-1] == "turned_off"


async def test_a_zones_heater_is_turned_off_too_and_a_failure_is_tried_again(house):
    heats = {"action": "command", "zone": "default", "command": "winter"}
    stops = {**heats, "command": "off"}
    rule = {**WAITS, "actions": [heats, TWO_HOURS, stops]}
    await opened(house, rule)
    house.rules()
    house.cloud.broken["command"] = CloudTimeoutError("no answer")
    await house.live(3 * 3600)
    assert house.cloud.sent == ["setAll 23,5,3,on"]
    house.cloud.broken.clear()
    await house.live(1800)
    assert house.cloud.sent == ["setAll 23,5,3,on", "turnOff"]


async def test_what_a_rule_turned_on_anew_is_not_turned_off_for_the_one_before(house):
    await opened(house)
    longer = {"action": "delay", "for": {"hours": 6}}
    await house.live(600)
    # Its next step is another one, so the run is cut, and the rule runs anew.
    house.rules({**WAITS, "actions": [ON, longer, TELL]})
    await house.live(400)
    house.cloud.door = "open"
    await house.live(4 * 3600)
    assert house.cloud.sent == ["turnOn", "turnOn"]


async def test_a_for_goes_on_through_an_edit(house):
    lasting = {**OPENED, "for": {"hours": 1}}
    rule = {"id": "it", "triggers": lasting, "actions": [TELL]}
    house.rules(rule)
    await house.tick()
    house.cloud.door = "open"
    await house.live(3000)
    same = {**OPENED, "for": "01:00:00"}
    house.rules({**rule, "alias": "Nicer", "triggers": [{**HOT, "above": 90}, same]})
    await house.live(1200)
    assert house.told.messages == [(None, "open")]


HOT = {"trigger": "numeric_state", "zone": "default", "above": 25}


@pytest.mark.parametrize(
    "error", [CloudTimeoutError("no answer"), QuotaExhaustedError("used up")]
)
async def test_an_off_that_fails_is_tried_again_until_it_is_done(house, error):
    await opened(house)
    house.cloud.broken["command"] = error
    await house.live(5 * 3600)
    health = await house.engine.health()
    assert health["status"] == "degraded"
    assert any("tried again" in each for each in health["rules"]["problems"])
    house.restarted()
    await house.live(1800)
    house.cloud.broken.clear()
    await house.live(3600)
    assert house.cloud.sent == ["turnOn", "turnOff"]
    assert house.outcomes == ["finished"]
    assert (await house.engine.health())["rules"]["problems"] == []


async def test_a_step_is_given_up_once_it_makes_no_sense_and_a_person_is_told(house):
    house.rules({**WAITS, "actions": [ON, TELL]})
    await house.tick()
    house.cloud.broken["command"] = CloudTimeoutError("no answer")
    house.cloud.door = "open"
    await house.live(3 * 3600)
    assert house.outcomes == ["failed"]
    ((title, words),) = house.told.messages
    assert (title, "no answer" in words) == ("Rule failed", True)
    tries = house.cloud.calls.count("command")
    assert 5 <= tries <= 12
    await house.live(3 * 3600)
    assert house.cloud.calls.count("command") == tries


async def test_what_may_have_been_done_is_not_done_twice(house):
    toggle = {**ON, "command": "toggle"}
    house.rules({**WAITS, "actions": [toggle]})
    await house.tick()
    house.cloud.broken["command"] = CloudTimeoutError("no answer")
    house.cloud.door = "open"
    await house.live(3600)
    assert house.cloud.calls.count("command") == 1
    # One that never left is.
    house.cloud.broken["command"] = RateLimitedError("too many")
    house.cloud.door = "close"
    await house.live(400)
    house.cloud.door = "open"
    await house.live(600)
    house.cloud.broken.clear()
    await house.live(1800)
    assert house.cloud.sent == ["toggle"]


async def test_a_failure_for_good_still_turns_off_what_was_turned_on(house):
    wrong = {**ON, "command": "setBrightness", "parameter": 500}
    await opened(house, {**WAITS, "actions": [ON, wrong, TWO_HOURS, OFF]})
    await house.live(3 * 3600)
    assert house.cloud.sent == ["turnOn", "turnOff"]
    assert house.outcomes == ["failed", "turned_off"]


@pytest.mark.parametrize("edited", [None, [], [{**WAITS, "enabled": False}]])
async def test_what_an_on_without_an_answer_turned_on_is_turned_off(house, edited):
    taken, lost = house.cloud.command, [True]

    async def command(*said):
        result = await taken(*said)
        if lost:
            raise CloudTimeoutError("no answer")
        return result

    house.cloud.command = command
    await opened(house)
    if edited is not None:
        house.rules(*edited)
    else:
        await house.live(2 * 3600)
        assert house.outcomes == ["failed"]
    lost.clear()
    house.restarted()
    await house.live(4 * 3600)
    assert (house.cloud.sent[0], house.cloud.sent[-1]) == ("turnOn", "turnOff")


@pytest.mark.parametrize("rounds", [3, 40])
async def test_a_run_that_a_bound_ends_turns_off_and_is_told_of(
    house, rounds, monkeypatch
):
    monkeypatch.setattr("switchbot_automation.rules.running.flow.MOST_ROUNDS", rounds)
    clock = {"condition": "time", "after": "00:00"}
    loop = {"repeat": {"while": clock, "sequence": [{"delay": {"minutes": 1}}]}}
    await opened(house, {**WAITS, "actions": [ON, loop, OFF]})
    await house.live(rounds * 60 + 3600)
    assert house.cloud.sent == ["turnOn", "turnOff"]
    assert house.outcomes == ["failed", "turned_off"]
    ((title, words),) = house.told.messages
    assert (title, f"went round {rounds} times" in words) == ("Rule failed", True)


async def test_a_stop_that_is_an_error_is_told_of_and_ends_as_it_is_written(house):
    stop = {"stop": "too warm", "error": True}
    await opened(house, {**WAITS, "actions": [ON, stop, OFF]})
    await house.live(3600)
    assert house.cloud.sent == ["turnOn"]
    assert house.told.messages == [("Rule failed", "Rule it failed: stop: too warm")]


async def test_a_step_may_fail_where_it_says_so(house):
    house.cloud.broken["command"] = BadParameterError("152")
    may = {**ON, "continue_on_error": True}
    await opened(house, {**WAITS, "actions": [may, TELL]})
    assert house.told.messages == [(None, "open")]


async def test_a_failing_rule_is_told_of_once_and_not_where_it_says_so(house):
    house.cloud.broken["command"] = BadParameterError("152")
    for quiet in (False, True):
        rule = {**WAITS, "actions": [ON], "notify_on_failure": not quiet}
        house.rules(rule if not quiet else {**rule, "id": "quiet"})
        await house.tick()
        for word in ("open", "close", "open", "close"):
            house.cloud.door = word
            await house.live(400)
    assert len(house.told.messages) == 1


async def test_a_run_by_hand_respects_the_mode(house):
    toggle = {**ON, "command": "toggle"}
    rule = {"id": "it", "triggers": OPENED, "actions": [toggle, TWO_HOURS, TELL]}
    house.rules(rule)
    await house.tick()
    assert (await house.engine.run_rule("it"))["outcome"] == "waiting"
    assert (await house.engine.run_rule("it"))["outcome"] == "already_running"
    assert house.cloud.sent == ["toggle"]
    assert (await house.engine.run_rule("it", dry_run=True))["outcome"] == "finished"
    house.rules({**rule, "mode": "restart"})
    assert (await house.engine.run_rule("it"))["outcome"] == "waiting"
    assert house.outcomes[-1] == "restarted"
    house.rules({**rule, "mode": "queued"})
    queued = await house.engine.run_rule("it")
    assert (queued["outcome"], queued["queued"]) == ("waiting", True)
    assert house.cloud.sent == ["toggle", "toggle"]


@pytest.mark.parametrize("restart", [False, True])
async def test_a_clock_set_back_hangs_no_delay(house, restart):
    await opened(house)
    house.clock = SimulatedClock(house.clock.now() - timedelta(days=2))
    house.cloud.clock = house.clock
    house.restarted()
    await house.live(600)
    if restart:
        house.restarted()
    await house.live(2 * 3600)
    assert house.cloud.sent == ["turnOn", "turnOff"]


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("back", [1800, 86400])
async def test_a_clock_set_back_makes_no_delay_longer(house, back, cut):
    """Nor what is still owed of a run that an edit ended."""
    await opened(house)
    began = house.clock.monotonic()
    await house.live(4000)
    if cut:
        house.rules(*CUTS["deleted"])
        await house.tick()
    house.clock.jump(-back)
    await house.tick()
    times = []
    house.cloud.on_send = lambda: times.append(house.clock.monotonic() - began)
    await house.live(3600)
    assert house.cloud.sent == ["turnOn", "turnOff"]
    assert 6700 <= times[0] <= 7210


@settings(
    max_examples=drawn(5, many=15),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    st.lists(st.sampled_from(sorted({*EDITS, *CUTS, "restart", "fault"})), max_size=5)
)
async def test_whatever_is_edited_the_lamp_does_not_stay_on(changes):
    house = type_of_house()
    await opened(house)
    for change in changes:
        if change == "restart":
            house.restarted()
        elif change == "fault":
            house.cloud.broken["command"] = CloudTimeoutError("no answer")
            await house.live(300)
            house.cloud.broken.clear()
        else:
            house.rules(*CUTS.get(change, [{**WAITS, **EDITS.get(change, {})}]))
        await house.live(600)
    await house.live(4 * 3600)
    assert house.cloud.sent[-1] == "turnOff"


def type_of_house():
    from tests.rules.conftest import RuledHouse  # noqa: PLC0415 - a fixture is one for all examples

    return RuledHouse()


class Quoting:
    """A condition of a host's own whose database says its whole address."""

    subjects = ()

    def holds(self, home, now):
        raise OSError("cannot reach https://u:pw@db.lan/rows?key=s3cret")


@pytest.fixture
def quoting():
    registry.cache_clear()
    plugin = Plugin(dict, lambda config: Quoting(), API_VERSION)
    registry().add("conditions", "quoting", plugin)
    yield
    registry.cache_clear()


@pytest.mark.usefixtures("quoting")
async def test_a_broken_condition_s_trace_names_no_more_of_a_url_than_its_host(house):
    house.rules(
        {
            "id": "warm",
            "triggers": [{"trigger": "time", "at": "12:05"}],
            "conditions": [{"condition": "quoting"}],
            "actions": [{"action": "notify", "message": "x"}],
        }
    )
    await house.tick()
    await house.live(600)
    (trace,) = [
        each for each in house.document["traces"] if each["outcome"] == "broken"
    ]
    assert "db.lan" in trace["error"]
    assert "s3cret" not in trace["error"]
    assert "pw" not in trace["error"]
