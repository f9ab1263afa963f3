"""Webhook, scene, command: which rungs are tried, in what order, and with what."""

import pytest

from switchbot_automation.errors import (
    CloudServerError,
    RateLimitedError,
    WebhookError,
)

SCENES = {"winter": "S-WINTER", "off": "S-OFF"}
WEBHOOKS = {"winter": "https://hooks.example.com/key/SECRET"}


async def turn_on(house, **settings):
    house.configure(**settings)
    house.remember(assumed_aircon_power="off")
    report = await house.tick(19.0)
    (command,) = report.commands
    return command


def tried(command):
    return [(rung.rung, rung.ok) for rung in command.rungs]


async def test_the_webhook_comes_first_and_costs_no_call(house, webhooks):
    command = await turn_on(house, webhooks=WEBHOOKS, aircon_scenes=SCENES)
    assert tried(command) == [("webhook", True)]
    assert webhooks.sent == [(WEBHOOKS["winter"], frozenset())]
    assert house.cloud.words == []
    assert house.state["api_requests_total"] == 1
    assert house.state["assumed_aircon_power"] == "on"
    assert house.state["assumed_aircon_mode"] is None
    assert house.state["last_action"] == "webhook(winter) (automation_winter_on)"


async def test_each_rung_is_tried_only_when_the_one_before_failed(house, webhooks):
    webhooks.error = WebhookError("https://hooks.example.com/…: answered 500")
    house.cloud.broken["run_scene"] = CloudServerError("no")
    command = await turn_on(house, webhooks=WEBHOOKS, aircon_scenes=SCENES)
    assert tried(command) == [("webhook", False), ("scene", False), ("command", True)]
    assert house.cloud.words == ["setAll 23,5,3,on"]
    assert house.state["assumed_aircon_parameter"] == "23,5,3,on"
    assert house.state["last_action"] == "setAll(23,5,3,on)"
    assert house.state["last_error"] is None


@pytest.mark.parametrize(
    ("temperature", "rungs"),
    [(19.0, ["scene", "webhook"]), (23.0, ["scene", "command"])],
)
async def test_an_account_of_too_many_calls_is_asked_no_more_but_for_a_stop(
    house, webhooks, temperature, rungs
):
    house.cloud.broken["run_scene"] = RateLimitedError("slow down", maybe_sent=False)
    house.configure(
        webhooks=WEBHOOKS, aircon_scenes=SCENES, cascade=["scene", "command", "webhook"]
    )
    house.remember(assumed_aircon_power="on" if temperature > 20 else "off")
    (command,) = (await house.tick(temperature)).commands
    assert [rung.rung for rung in command.rungs] == rungs


async def test_a_rung_without_configuration_is_passed_over(house):
    command = await turn_on(house, aircon_scenes={"off": "S-OFF"})
    assert tried(command) == [("command", True)]


async def test_without_a_sender_there_is_no_webhook_rung(house):
    command = await turn_on(house, webhooks=WEBHOOKS)
    assert tried(command) == [("command", True)]


async def test_the_order_is_the_zones(house, webhooks):
    command = await turn_on(
        house,
        webhooks=WEBHOOKS,
        aircon_scenes=SCENES,
        cascade=["command", "scene", "webhook"],
    )
    assert tried(command) == [("command", True)]


async def test_a_rung_left_out_of_the_cascade_is_never_tried(house):
    house.cloud.broken["run_scene"] = CloudServerError("no")
    command = await turn_on(house, aircon_scenes=SCENES, cascade=["scene"])
    assert tried(command) == [("scene", False)]
    assert house.cloud.words == []


async def test_a_failing_scene_without_an_aircon_ends_with_the_error(house):
    house.cloud.broken["run_scene"] = CloudServerError("scene service down")
    command = await turn_on(house, aircon_scenes=SCENES, aircon_device_id="")
    assert command.status == "failed"
    assert "scene service down" in house.state["last_error"]
    assert house.state["assumed_aircon_power"] == "off"


async def test_a_scene_says_nothing_of_mode_and_setpoint_but_fan_is_fan(house):
    house.configure(
        aircon_scenes={"winter": "S-WINTER", "fan": "S-FAN"},
        fan_mode_during_window=True,
    )
    house.remember(assumed_aircon_power="off")
    await house.tick(19.0)
    assert house.state["assumed_aircon_mode"] is None
    assert house.state["assumed_aircon_parameter"] is None
    assert house.state["last_action"] == "scene(S-WINTER) (automation_winter_on)"
    await house.tick(23.0, after=60)
    assert house.state["assumed_aircon_mode"] == 4
    assert house.cloud.words == ["scene S-WINTER", "scene S-FAN"]


async def test_no_secret_of_a_webhook_reaches_state_report_or_log(
    house, webhooks, caplog
):
    webhooks.error = WebhookError("https://hooks.example.com/…: answered 500")
    command = await turn_on(house, webhooks=WEBHOOKS)
    assert "SECRET" not in repr(command)
    assert "SECRET" not in repr(house.state)
    assert "SECRET" not in caplog.text
    assert "SECRET" not in repr(house.engine)


@pytest.mark.parametrize(
    "words",
    [
        "cannot reach https://hooks.example.com/key/SECRET",
        "POST /key/SECRET: refused",
        "no route for key/SECRET",
    ],
)
async def test_a_senders_own_error_is_told_without_the_webhooks_path(
    house, webhooks, caplog, words
):
    webhooks.error = RuntimeError(words)
    events = []
    house.engine.subscribe(events.append)
    command = await turn_on(house, webhooks=WEBHOOKS)
    assert tried(command) == [("webhook", False), ("command", True)]
    explanation = await house.engine.explain()
    for told in (command, events, house.state, explanation, caplog.text):
        assert "SECRET" not in repr(told)


class SpeechlessError(Exception):
    """An exception that cannot be told."""

    def __str__(self):
        raise RuntimeError("no words")


async def test_an_exception_without_words_is_a_failed_rung(house):
    house.cloud.broken["command"] = SpeechlessError()
    command = await turn_on(house)
    assert command.status == "failed"
    assert command.rungs[0].error == "SpeechlessError"


@pytest.mark.parametrize(
    ("mode", "target", "half", "sent"),
    [
        ("winter", 23.0, False, "23"),
        ("winter", 23.5, False, "24"),
        ("winter", 23.1, False, "24"),
        ("winter", 23.5, True, "23.5"),
        ("winter", 23.2, True, "23.5"),
        ("summer", 24.0, False, "24"),
        ("summer", 24.5, False, "24"),
        ("summer", 24.9, False, "24"),
        ("summer", 24.5, True, "24.5"),
        ("summer", 24.9, True, "24.5"),
    ],
)
async def test_setpoints_are_whole_degrees_unless_halves_are_understood(
    house, mode, target, half, sent
):
    profile = {"min_temp": 23.0, "max_temp": 25.0, "target_temp": target}
    house.configure(mode=mode, half_degrees=half, **{mode: profile})
    house.remember(assumed_aircon_power="off")
    await house.tick(15.0 if mode == "winter" else 30.0)
    assert house.cloud.words[0].split()[1].split(",")[0] == sent


async def test_a_new_setpoint_is_sent_and_is_no_new_start(house):
    await turn_on(house)
    started = house.state["compressor_started_at"]
    house.configure(winter={"min_temp": 20.0, "max_temp": 22.0, "target_temp": 25.0})
    assert (await house.tick(19.0, after=60)).outcome == "winter_on"
    assert house.cloud.words == ["setAll 23,5,3,on", "setAll 25,5,3,on"]
    assert house.state["compressor_started_at"] == started


async def test_a_unit_that_is_on_for_reasons_unknown_is_told_once(house):
    house.remember(assumed_aircon_power="on")
    assert (await house.tick(19.0)).outcome == "winter_on"
    assert (await house.tick(19.0, after=60)).outcome == "no_action"
    assert len(house.cloud.words) == 1


async def test_an_off_that_may_not_have_arrived_is_sent_again(house):
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    house.cloud.broken["command"] = CloudServerError("timed out somewhere")
    assert (await house.tick(23.0)).outcome == "api_error"
    house.cloud.broken.clear()
    assert (await house.tick(23.0, after=60)).outcome == "winter_off"
    assert (await house.tick(23.0, after=60)).outcome == "already_off"


async def test_an_on_that_may_have_arrived_is_still_turned_off(house):
    # Otherwise the unit would heat for ever: assumed off, it would never be told.
    house.remember(assumed_aircon_power="off")
    house.cloud.broken["command"] = CloudServerError("timed out somewhere")
    assert (await house.tick(19.0)).outcome == "api_error"
    house.cloud.broken.clear()
    assert (await house.tick(23.0, after=60)).outcome == "winter_off"
    assert house.cloud.words == ["turnOff"]


async def test_an_off_that_may_have_arrived_starts_the_compressors_rest(house):
    house.configure(min_off_seconds=180)
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    house.cloud.broken["command"] = CloudServerError("timed out somewhere")
    await house.tick(23.0)
    house.cloud.broken.clear()
    assert (await house.tick(19.0, after=60)).outcome == "cooldown"
    assert (await house.tick(19.0, after=120)).outcome == "winter_on"
