"""Units that can be asked and show other settings than they were told."""

import pytest

from switchbot_automation.errors import CloudTimeoutError

AC = "AC0001"


def obeys(flat, show):
    """Let commands reach the unit, which then shows what `show` makes of them."""

    def take(word):
        if word == "turnOff":
            flat.cloud.answers[AC] = {"power": "off"}
        else:
            target, mode, fan, _on = word.removeprefix("setAll ").split(",")
            told = {"temperature": float(target), "mode": int(mode), "fanSpeed": fan}
            flat.cloud.answers[AC] = {"power": "on", **told, **show(told)}

    flat.cloud.on_command = take
    flat.cloud.answers[AC] = {"power": "off"}


def told(flat):
    return [c for r in flat.reports for c in r.commands]


@pytest.fixture
def unit(flat):
    flat.settings = {
        "aircon_device_id": AC,
        "aircon_poll_cooldown_minutes": 1,
        "sensor_frozen_seconds": 0,
    }
    flat.configure(**flat.settings)
    return flat


@pytest.mark.parametrize(
    "show",
    [
        pytest.param(lambda _told: {"temperature": 22}, id="another setpoint"),
        pytest.param(lambda _told: {"fanSpeed": 1}, id="another fan speed"),
        pytest.param(lambda _told: {"mode": 1}, id="automatic"),
    ],
)
async def test_a_unit_that_shows_other_settings_is_told_thrice_and_left_at_that(
    unit, show
):
    obeys(unit, show)
    await unit.tick(19.0)
    unit.reports = await unit.live(6 * 3600)
    unit.started()
    unit.reports += await unit.live(6 * 3600)
    assert unit.cloud.words == ["setAll 24,5,3,on"] * 3
    assert [str(c.status) for c in told(unit)][-1] == "failed"
    (event,) = [e for e in unit.events if e.kind == "device_unresponsive"]
    assert event.command.reasons[0].code == "device_unresponsive"
    # It goes off when the room is warm, and on again by one command.
    await unit.tick(23.0)
    await unit.tick(19.0, after=1200)
    unit.reports = await unit.live(3600)
    assert unit.cloud.words[3:] == ["turnOff", "setAll 24,5,3,on"]


async def test_the_saving_setpoint_of_a_dead_sensor_is_not_sent_for_ever(unit):
    obeys(unit, lambda _told: {"temperature": 25})
    unit.configure(**unit.settings, sensor_stale_off_seconds=0)
    await unit.tick(19.0)
    unit.reads(21.0)
    await unit.live(600)
    unit.cloud.sent.clear()
    unit.reads(None)
    await unit.live(4 * 3600)
    assert unit.cloud.words == ["setAll 20,5,3,on"] * 3


async def test_a_mode_of_the_other_season_is_not_taken_for_its_way(unit):
    obeys(unit, lambda _told: {"mode": 2})
    await unit.tick(19.0)
    await unit.live(3000)
    assert len(unit.cloud.words) == 3
    assert [e.kind for e in unit.events].count("device_unresponsive") == 1


async def test_a_scene_sets_what_nobody_here_knows(unit):
    unit.configure(**unit.settings, aircon_scenes={"winter": "WARM"})
    unit.cloud.on_command = lambda _word: unit.cloud.answers.update(
        {AC: {"power": "on", "mode": 1, "temperature": 21, "fanSpeed": 1}}
    )
    unit.cloud.answers[AC] = {"power": "off"}
    await unit.tick(19.0)
    await unit.live(6 * 3600)
    assert unit.cloud.words == ["scene WARM"]


async def test_a_setpoint_somebody_changed_is_set_again(unit):
    obeys(unit, lambda _told: {})
    await unit.tick(19.0)
    await unit.live(600)
    unit.cloud.answers[AC] = {**unit.cloud.answers[AC], "temperature": 17}
    await unit.live(1800)
    assert unit.cloud.words == ["setAll 24,5,3,on"] * 2


@pytest.mark.parametrize("answer", [CloudTimeoutError("silence"), {"battery": 3}])
async def test_a_status_that_does_not_tell_confirms_nothing(unit, answer):
    obeys(unit, lambda _told: {})
    await unit.tick(19.0)
    unit.cloud.on_command = lambda _word: None
    unit.cloud.answers[AC] = answer
    unit.reports = await unit.live(3600)
    assert [str(c.status) for c in told(unit)] == []


async def test_a_look_of_the_rule_that_shows_a_command_confirms_it(unit):
    obeys(unit, lambda _told: {})
    await unit.tick(19.0)
    report = await unit.tick(19.0, after=60)
    assert [str(c.status) for c in report.commands] == ["confirmed"]


@pytest.mark.parametrize("settings", [{}, {"automation_enabled": False}])
async def test_a_persons_off_that_does_not_show_is_repaired_while_it_holds(
    unit, settings
):
    obeys(unit, lambda _told: {})
    unit.configure(**unit.settings, **settings)
    await unit.engine.act("default", "on", hold="permanent")
    await unit.live(600)
    unit.cloud.on_command = lambda _word: None
    unit.reads(21.0)
    await unit.engine.act("default", "off", hold="permanent")
    await unit.live(3 * 3600)
    assert unit.cloud.words[1:] == ["turnOff"] * 3
    assert [e.kind for e in unit.events].count("device_unresponsive") == 1
