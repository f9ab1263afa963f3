"""Homes whose cloud refuses something for good: bounded, told, tried the other ways."""

from copy import deepcopy
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchbot_automation.errors import (
    BadParameterError,
    CloudServerError,
    CloudTimeoutError,
    DeviceOfflineError,
    HubOfflineError,
    RateLimitedError,
    UnsupportedCommandError,
    WebhookError,
)
from switchbot_automation.model import Device, DeviceList
from tests.cases import drawn
from tests.engine.conftest import AIRCON, METER, WINTER_ROOM, House

UNSUPPORTED = UnsupportedCommandError(
    "not supported", status_code=160, maybe_sent=False
)

NOT_FOUND = BadParameterError("no such device", status_code=152, maybe_sent=False)
WRONG_ID = BadParameterError('"wrong deviceId"', status_code=190, maybe_sent=False)
WRONG_VALUE = BadParameterError("param is invalid", status_code=190, maybe_sent=False)

FOR_A_WHILE = [
    HubOfflineError("hub", status_code=171, maybe_sent=False),
    DeviceOfflineError("unit", status_code=161, maybe_sent=False),
    CloudServerError("System error", status_code=190, maybe_sent=False),
    RateLimitedError("slow down", maybe_sent=False),
]


def refusing(house, refuses):
    """Let the cloud refuse what `refuses` gives an error for; return all attempts."""
    tried, accept = [], house.cloud.command

    async def command(device_id, command, parameter="default", command_type="command"):
        word = command if parameter == "default" else f"{command} {parameter}"
        tried.append((house.clock.now(), word))
        error = refuses(device_id, word)
        if error is not None:
            raise error
        return await accept(device_id, command, parameter, command_type)

    house.cloud.command = command
    return tried


def set_all(error):
    return lambda _device, word: error if word.startswith("setAll") else None


async def live(house, temperature, *, hours, every=120):
    """Tick every so often at a temperature; return the last report."""
    report = None
    for _ in range(int(hours * 3600 / every)):
        report = await house.tick(temperature, after=every)
    return report


@pytest.mark.parametrize("error", [UNSUPPORTED, NOT_FOUND, WRONG_ID, WRONG_VALUE])
async def test_a_unit_that_refuses_to_start_is_told_a_few_times_a_day(house, error):
    tried = refusing(house, set_all(error))
    await live(house, 15.0, hours=10)
    assert 4 <= len(tried) <= 6
    await live(house, 15.0, hours=24)
    assert len(tried) <= 10
    health = await house.engine.health()
    zone = health["zones"]["default"]
    assert health["status"] == "degraded"
    assert zone["cannot_command"] == ["winter"]
    (refusal,) = zone["refusals"]
    assert refusal["times"] == len(tried)
    assert refusal["since"].startswith("2026-01-12T12:0")
    assert str(error) in refusal["message"]


async def test_the_blocked_command_says_why_and_until_when(house):
    refusing(house, set_all(UNSUPPORTED))
    await house.tick(15.0, after=60)
    report = await house.tick(15.0, after=60)
    (command,) = report.commands
    assert command.status == "blocked"
    assert command.reasons[-1].code == "command_refused"
    assert command.blocked_until == house.clock.now() + timedelta(minutes=4)
    told = str(await house.engine.explain())
    assert "refuses setAll for good: configure another way" in told
    assert "nothing stood against" not in told


async def test_off_still_goes_where_on_is_refused(house):
    tried = refusing(house, set_all(UNSUPPORTED))
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    await house.tick(19.0, after=60)
    await house.tick(25.0, after=60)
    assert tried[-1][1] == "turnOff"
    assert house.state["assumed_aircon_power"] == "off"


@pytest.mark.parametrize("error", [UNSUPPORTED, WRONG_VALUE])
async def test_the_button_stands_in_and_the_room_is_kept(house, error):
    house.configure(buttons={"winter": "heat", "off": "off"})
    tried = refusing(house, set_all(error))
    report = await house.tick(15.0, after=60)
    assert report.commands[0].status == "accepted"
    assert [word for _at, word in tried] == ["setAll 23,5,3,on", "heat"]
    await live(house, 21.0, hours=2)
    assert len(tried) == 2
    health = await house.engine.health()
    assert health["status"] == "ok"
    assert health["zones"]["default"]["refusals"]


async def test_half_degrees_that_are_refused_become_whole_ones(house):
    house.configure(
        half_degrees=True, winter={"min_temp": 20, "max_temp": 22, "target_temp": 22.5}
    )
    half = lambda _device, word: WRONG_VALUE if ".5," in word else None  # noqa: E731
    tried = refusing(house, half)
    report = await house.tick(15.0, after=60)
    assert report.outcome == "winter_on"
    assert house.cloud.words == ["setAll 23,5,3,on"]
    await live(house, 21.0, hours=2)
    assert len(tried) == 2  # what it runs at counts as what was wished
    assert (await house.engine.health())["status"] == "ok"
    await house.tick(25.0, after=60)
    await house.tick(15.0, after=60)
    assert [word for _at, word in tried][-2:] == [
        "setAll 22.5,5,3,on",
        "setAll 23,5,3,on",
    ]


@pytest.mark.parametrize("target", [10, 12, 14.5, 31, 35])
async def test_a_stored_setpoint_that_no_unit_takes_is_sent_as_the_nearest(
    house, target
):
    house.configure(winter={"min_temp": 20, "max_temp": 22, "target_temp": target})
    report = await house.tick(15.0, after=60)
    sent = 16 if target < 16 else 30
    assert house.cloud.words == [f"setAll {sent},5,3,on"]
    clamped = [r for r in report.commands[0].reasons if r.code == "setpoint_clamped"]
    assert clamped[0].detail == {"asked_celsius": target, "sent_celsius": sent}
    await live(house, 15.0, hours=3)
    assert len(house.cloud.words) == 1


async def test_a_frost_preset_of_twelve_degrees_heats_at_sixteen(house):
    house.configure(
        preset="frost",
        presets={
            "frost": {"winter": {"min_temp": 10, "max_temp": 12, "target_temp": 12}}
        },
    )
    await live(house, 5.0, hours=1)
    assert house.cloud.words == ["setAll 16,5,3,on"]


async def test_other_settings_are_tried_at_once_and_the_same_are_not(house):
    tried = refusing(house, set_all(UNSUPPORTED))
    await live(house, 15.0, hours=9)
    count = len(tried)
    house.configure(poll_interval_seconds=90)
    await house.tick(15.0, after=60)
    assert len(tried) == count
    house.configure(winter={"min_temp": 20, "max_temp": 22, "target_temp": 24})
    await house.tick(15.0, after=60)
    assert [word for _at, word in tried[count:]] == ["setAll 24,5,3,on"]


async def test_a_restart_forgets_nothing(house):
    tried = refusing(house, set_all(UNSUPPORTED))
    await live(house, 15.0, hours=9)
    count = len(tried)
    house.restarted()
    await live(house, 15.0, hours=1)
    assert len(tried) == count
    since = (await house.engine.health())["zones"]["default"]["refusals"][0]["since"]
    assert since.startswith("2026-01-12T12:0")


async def test_a_person_may_always_try_and_their_success_ends_it(house):
    error = [UNSUPPORTED]
    tried = refusing(house, lambda *_: error[0])
    await live(house, 15.0, hours=1)
    count = len(tried)
    assert (await house.engine.act("default", "winter")).status == "failed"
    assert len(tried) == count + 1
    error[0] = None
    assert (await house.engine.act("default", "winter")).status == "accepted"
    health = await house.engine.health()
    assert health["zones"]["default"]["refusals"] == []
    assert health["zones"]["default"]["cannot_command"] == []


async def test_repeats_of_an_off_that_is_refused_end(house):
    house.configure(off_repeat_count=5, off_repeat_interval_seconds=10)
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    refused = []
    tried = refusing(house, lambda *_: UNSUPPORTED if refused else None)
    await house.tick(25.0, after=60)
    refused.append(True)
    await live(house, 25.0, hours=1, every=10)
    assert len(tried) <= 4
    assert house.state["pending_off_repeat"] is None


async def test_a_repeat_left_over_from_a_crash_ends_where_off_is_refused(house):
    tried = refusing(house, lambda *_: UNSUPPORTED)
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    await house.tick(25.0, after=60)
    assert [word for _at, word in tried] == ["turnOff"]
    due = house.clock.now().isoformat()
    left = {"remaining": 3, "interval_seconds": 10, "next_run_at": due}
    house.store.set("state", house.state | {"pending_off_repeat": left})
    await house.tick(25.0, after=10)
    assert house.state["pending_off_repeat"] is None
    assert len(tried) == 1


@pytest.mark.parametrize("error", FOR_A_WHILE, ids=lambda error: type(error).__name__)
async def test_what_fails_for_a_while_is_tried_ever_less_often(house, error):
    fails = [error]
    tried = refusing(house, lambda *_: fails[0] if fails else None)
    await live(house, 15.0, hours=1)
    assert 5 <= len(tried) <= 8
    health = await house.engine.health()
    zone = health["zones"]["default"]
    assert health["status"] == "degraded"
    assert zone["room"]["reasons"][0] == "commands_fail"
    # Nothing of it is for good.
    assert (zone["refusals"], zone["cannot_command"]) == ([], [])
    await live(house, 15.0, hours=5)
    assert len(tried) <= 8 + 5 * 5
    fails.clear()
    await live(house, 15.0, hours=0.3)
    assert house.cloud.words == ["setAll 23,5,3,on"]
    assert not house.state.get("refusals")


async def test_what_failed_is_tried_at_once_when_something_answers_again(house):
    fails = [HubOfflineError("hub", status_code=171)]
    refusing(house, lambda *_: fails[0] if fails else None)
    await live(house, 15.0, hours=1)
    status, silent = house.cloud.status, [True]

    async def hanging(device_id):
        if silent:
            raise HubOfflineError("hub", status_code=171)
        return await status(device_id)

    house.cloud.status = hanging
    await live(house, 15.0, hours=0.3)
    fails.clear()
    silent.clear()
    await house.tick(15.0, after=400)
    await house.tick(15.0, after=60)
    assert house.cloud.words == ["setAll 23,5,3,on"]


def going_silent(house, silent):
    """Let readings go unanswered while "readings" is in `silent`, commands likewise."""
    late = CloudTimeoutError("no answer")
    tried = refusing(house, lambda *_: late if "commands" in silent else None)
    status = house.cloud.status

    async def hanging(device_id):
        if "readings" in silent:
            raise CloudTimeoutError("no answer")
        return await status(device_id)

    house.cloud.status = hanging
    return tried


@pytest.mark.parametrize("hours", [0.1, 1, 2.5, 5, 8])
async def test_after_a_long_silence_a_cold_room_is_tried_within_minutes(house, hours):
    silent = {"commands"}
    tried = going_silent(house, silent)
    for tenth in range(round(hours * 10)):
        await live(house, 15.0 + tenth % 5 / 10, hours=0.1)
    silent.add("readings")
    await live(house, 15.0, hours=0.5)
    before = len(tried)
    assert before >= 2
    silent.clear()
    await live(house, 15.0, hours=0.2)
    assert house.cloud.words == ["setAll 23,5,3,on"]
    assert len(tried) == before + 1


@pytest.mark.parametrize("minutes", [5, 20, 40, 90])
async def test_a_cloud_that_falls_silent_again_and_again_makes_no_more_beeps(
    house, minutes
):
    """What is asked is answered by turns, and no command ever is."""
    tried = refusing(house, lambda *_: CloudTimeoutError("no answer"))
    status = house.cloud.status

    async def by_turns(device_id):
        if house.clock.now().timestamp() // 60 // minutes % 2:
            raise CloudTimeoutError("no answer")
        return await status(device_id)

    house.cloud.status = by_turns
    await live(house, 15.0, hours=24)
    repeats = [after for before, after in pairwise(tried) if before[1] == after[1]]
    for first, _word in repeats:
        last = first + timedelta(hours=6)
        assert len([at for at, _word in repeats if first <= at < last]) <= 6


async def test_a_person_may_always_try_what_fails_for_a_while(house):
    tried = refusing(house, lambda *_: HubOfflineError("hub", status_code=171))
    await live(house, 15.0, hours=1)
    before = len(tried)
    await house.engine.act("default", "winter")
    assert len(tried) == before + 1


async def test_a_webhook_that_is_closed_is_asked_a_few_times_a_day(house, webhooks):
    url = "https://hooks.example.com/key/SECRET"
    house.configure(webhooks={"winter": url, "off": url}, aircon_device_id="")
    asked = []

    async def send(url, *, allowed_hosts):
        asked.append(url)
        raise WebhookError("answered 410", status=410)

    webhooks.send = send
    await live(house, 15.0, hours=10)
    assert 4 <= len(asked) <= 6
    assert "SECRET" not in repr(house.state)
    assert "SECRET" not in repr(await house.engine.health())


async def test_a_steered_unit_that_takes_no_setpoint_gets_the_other_ways(house):
    house.configure(control="modulate", buttons={"winter": "heat", "off": "off"})
    refusing(house, set_all(UNSUPPORTED))
    await live(house, 15.0, hours=1)
    assert "heat" in house.cloud.words


@pytest.mark.parametrize("error", FOR_A_WHILE)
async def test_a_steered_unit_that_is_not_reached_gets_the_other_ways_too(house, error):
    """A room went cold for days beside a button that worked, as its command failed "a while"."""
    house.configure(control="modulate", buttons={"winter": "heat", "off": "off"})
    tried = refusing(house, set_all(error))
    await live(house, 15.0, hours=1)
    assert house.cloud.words == ["heat"]
    # One wait after the second failure, and no key is pressed twice.
    assert len([word for _at, word in tried if word.startswith("setAll")]) <= 3


async def test_a_steered_unit_is_commanded_again_once_it_is_reached(house):
    house.configure(control="modulate", buttons={"winter": "heat", "off": "off"})
    failing = [FOR_A_WHILE[0]]
    refusing(
        house,
        lambda _device, word: failing[0] if failing and "setAll" in word else None,
    )
    await live(house, 15.0, hours=1)
    failing.clear()
    await live(house, 25.0, hours=1)
    assert house.cloud.words == ["heat", "turnOff"]
    await live(house, 15.0, hours=1)
    assert house.cloud.words[2].startswith("setAll")


@pytest.mark.parametrize("error", [NOT_FOUND, WRONG_ID])
async def test_a_meter_that_is_not_found_is_read_a_few_times_a_day(house, error):
    house.cloud.broken["status"] = error
    await live(house, None, hours=10)
    asked = [call for call in house.cloud.calls if call == f"status {METER}"]
    assert 4 <= len(asked) <= 6
    health = await house.engine.health()
    assert health["status"] == "degraded"
    (refusal,) = health["zones"]["default"]["refused_readings"]
    assert (refusal["code"], refusal["device"]) == ("device_not_found", METER)
    house.restarted()
    await live(house, None, hours=1)
    assert len([call for call in house.cloud.calls if METER in call]) == len(asked)
    house.cloud.broken.clear()
    house.configure(poll_interval_seconds=61)
    await house.tick(15.0, after=60)
    assert house.state["last_temperature"] == 15.0
    health = await house.engine.health()
    assert health["zones"]["default"]["refused_readings"] == []


async def test_a_meter_that_is_offline_is_read_at_every_tick(house):
    house.cloud.broken["status"] = HubOfflineError("hub", status_code=171)
    await live(house, None, hours=1)
    assert len([call for call in house.cloud.calls if METER in call]) == 30


async def test_the_accounts_list_ends_what_was_refused(house):
    refusing(house, set_all(NOT_FOUND))
    await house.tick(15.0, after=60)
    observer = house.engine._parts.observer
    await observer.devices()
    assert (await house.engine.health())["zones"]["default"]["refusals"]

    async def devices():
        unit = Device(AIRCON, "AC", "Air Conditioner", None, cloud_service=True)
        return DeviceList((unit,), ())

    house.cloud.devices = devices
    await observer.devices()
    assert not (await house.engine.health())["zones"]["default"]["refusals"]


@pytest.mark.parametrize("by_person", [False, True])
async def test_a_rule_sends_what_is_refused_a_few_times_a_day(house, by_person):
    lamp = Device("C0FFEE", "Lamp", "Plug Mini (US)", None, cloud_service=True)
    house.configure(
        rules=[
            {
                "id": "lamp",
                "triggers": [{"trigger": "time", "at": "03:00"}],
                "actions": [
                    {"action": "command", "device": "Lamp", "command": "turnOn"}
                ],
            }
        ]
    )

    async def devices():
        return DeviceList((lamp,), ())

    house.cloud.devices = devices
    tried = refusing(house, lambda *_: NOT_FOUND)
    await house.tick(21.0, after=60)
    observer = house.engine._parts.observer
    for _ in range(20):
        house.clock.advance(60)
        if by_person:
            await house.engine.run_rule("lamp")
        else:
            with pytest.raises(BadParameterError):
                await observer.command("C0FFEE", "turnOn")
    assert len(tried) == (20 if by_person else 2)


async def test_a_zone_without_any_way_is_degraded(house):
    house.configure(aircon_device_id="")
    await house.tick(21.0, after=60)
    health = await house.engine.health()
    assert health["status"] == "degraded"
    assert health["zones"]["default"]["cannot_command"] == ["winter", "off"]
    house.configure(aircon_device_id="", observe_only=True)
    await house.tick(21.0, after=60)
    assert (await house.engine.health())["status"] == "ok"


words = st.sampled_from(["setAll", "turnOff", "heat", "off", ".5,", "scene"])
answers = st.sampled_from([UNSUPPORTED, NOT_FOUND, WRONG_ID, WRONG_VALUE])


@settings(
    max_examples=drawn(8, many=25),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    refused=st.dictionaries(words, answers, max_size=5),
    extra=st.fixed_dictionaries(
        {},
        optional={
            "buttons": st.just({"winter": "heat", "off": "off"}),
            "aircon_scenes": st.just({"winter": "scene-on", "off": "scene-off"}),
            "half_degrees": st.just(True),  # noqa: FBT003 - a strategy's value
            "control": st.sampled_from(["switch", "modulate"]),
            "off_repeat_count": st.sampled_from([1, 3]),
        },
    ),
    temperatures=st.lists(
        st.sampled_from([15.0, 19.0, 21.0, 25.0]), min_size=1, max_size=4
    ),
)
async def test_whatever_is_refused_no_way_is_tried_at_every_tick(
    refused, extra, temperatures
):
    house = House()
    winter = {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 22.5}
    house.store.set("settings", deepcopy(WINTER_ROOM) | {"winter": winter} | extra)
    failed = []

    def answer(_device, word):
        error = next((refused[each] for each in refused if each in word), None)
        if error is not None:
            failed.append(word)
        return error

    refusing(house, answer)
    run_scene = house.cloud.run_scene

    async def scene(scene_id):
        error = answer("", scene_id)
        if error is not None:
            raise error
        return await run_scene(scene_id)

    house.cloud.run_scene = scene
    for hour in range(24):
        for _ in range(12):
            await house.tick(temperatures[hour % len(temperatures)], after=300)
    for word in set(failed):
        assert failed.count(word) <= 7, (word, failed)
    health = await house.engine.health()
    zone = health["zones"]["default"]
    if zone["cannot_command"]:
        assert health["status"] == "degraded"
    if failed:
        assert zone["refusals"] or house.cloud.words
