"""Each outcome word of the dashboard, reached through a whole tick."""

import math

import pytest

from switchbot_automation.core.step import overall_outcome
from switchbot_automation.errors import DeviceOfflineError
from switchbot_automation.model import Outcome, ZoneDecision

NIGHT_ONLY = [{"days": [0, 1, 2, 3, 4, 5, 6], "start": "22:00", "end": "06:00"}]


def codes(report):
    (decision,) = report.decisions
    return [str(reason.code) for reason in decision.reasons]


@pytest.mark.parametrize(
    ("mode", "temperature", "power", "outcome", "code", "sent"),
    [
        ("winter", 19.6, "off", "winter_on", "temp_below_on_threshold", "23,5,3,on"),
        ("winter", 19.7, "off", "winter_on", "temp_below_on_threshold", "23,5,3,on"),
        ("winter", 19.8, "off", "no_action", "within_band", None),
        ("winter", 22.2, "on", "no_action", "within_band", None),
        ("winter", 22.3, "on", "winter_off", "temp_above_off_threshold", "turnOff"),
        ("winter", 30, "on", "winter_off", "temp_above_off_threshold", "turnOff"),
        ("winter", 22.3, "off", "already_off", "already_off", None),
        ("summer", 26.3, "off", "summer_on", "temp_above_on_threshold", "24,2,3,on"),
        ("summer", 26.2, "off", "no_action", "within_band", None),
        ("summer", 22.8, "on", "no_action", "within_band", None),
        ("summer", 22.7, "on", "summer_off", "temp_below_off_threshold", "turnOff"),
        ("summer", 22.7, "off", "already_off", "already_off", None),
        (
            "summer",
            22.7,
            "unknown",
            "summer_off",
            "temp_below_off_threshold",
            "turnOff",
        ),
    ],
)
async def test_the_rule_of_the_season_decides_on_both_edges_inclusive(
    house, *, mode, temperature, power, outcome, code, sent
):
    house.configure(mode=mode)
    house.remember(assumed_aircon_power=power)
    report = await house.tick(temperature)
    assert report.outcome == outcome
    assert code in codes(report)
    assert house.cloud.words == (
        [] if sent is None else ["turnOff" if sent == "turnOff" else f"setAll {sent}"]
    )


async def test_a_threshold_meets_its_decimal_value_though_floats_do_not(house):
    # 20.1 - 0.3 is 19.800000000000001 in binary.
    house.configure(
        hysteresis_celsius=0.3,
        winter={"min_temp": 20.1, "max_temp": 22.1, "target_temp": 23},
    )
    house.remember(assumed_aircon_power="off")
    assert (await house.tick(19.8)).outcome == "winter_on"
    assert (await house.tick(22.4, after=60)).outcome == "winter_off"


async def test_disabled_still_reads_the_meter(house):
    house.configure(automation_enabled=False)
    report = await house.tick(10.0)
    assert report.outcome == "disabled"
    assert codes(report) == ["automation_disabled"]
    assert house.cloud.words == []
    assert house.state["last_temperature"] == 10.0


async def test_an_empty_settings_document_is_a_disabled_zone(house):
    house.store.set("settings", {})
    report = await house.tick()
    assert report.outcome == "disabled"
    assert house.cloud.calls == []


async def test_outside_every_window_nothing_is_done_unless_asked_for(house):
    house.configure(time_windows=NIGHT_ONLY)
    house.remember(assumed_aircon_power="on")
    report = await house.tick(30.0)
    assert report.outcome == "outside_window"
    assert codes(report) == ["outside_windows"]
    assert house.cloud.words == []


async def test_outside_its_windows_the_unit_is_turned_off_once_when_asked_for(house):
    house.configure(time_windows=NIGHT_ONLY, turn_off_outside_windows=True)
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    assert (await house.tick()).outcome == "turned_off_outside_window"
    assert (await house.tick(after=60)).outcome == "already_off"
    assert house.cloud.words == ["turnOff"]


async def test_outside_its_windows_the_unit_is_turned_off_without_a_reading(house):
    house.configure(time_windows=NIGHT_ONLY, turn_off_outside_windows=True)
    house.remember(assumed_aircon_power="on")
    house.cloud.broken["status"] = DeviceOfflineError("asleep")
    assert (await house.tick()).outcome == "turned_off_outside_window"


async def test_outside_its_windows_off_waits_for_the_minimum_on_time(house):
    house.configure(
        time_windows=NIGHT_ONLY, turn_off_outside_windows=True, min_on_seconds=300
    )
    house.remember(
        assumed_aircon_power="on",
        assumed_aircon_mode=5,
        compressor_started_at="2026-01-12T11:58:00+00:00",
    )
    report = await house.tick()
    assert report.outcome == "noop"
    assert codes(report) == ["outside_windows", "min_on_remaining"]
    assert report.next_wakeup == house.clock.now().replace(minute=3)
    assert (await house.tick(after=180)).outcome == "turned_off_outside_window"


async def test_without_windows_it_is_always_outside(house):
    house.configure(time_windows=[])
    report = await house.tick(10.0)
    assert report.outcome == "outside_window"
    assert codes(report) == ["no_windows"]


async def test_without_windows_and_with_the_flag_the_unit_is_shut_off(house):
    house.configure(time_windows=[], turn_off_outside_windows=True)
    house.remember(assumed_aircon_power="on")
    assert (await house.tick(10.0)).outcome == "turned_off_outside_window"


@pytest.mark.parametrize(
    ("temperature", "outcome", "code"),
    [
        (None, "missing_meter", "no_reading"),
        ("21.5", "invalid_temperature", "temperature_not_a_number"),
        (True, "invalid_temperature", "temperature_not_a_number"),
        (math.nan, "invalid_temperature", "temperature_not_a_number"),
        (math.inf, "invalid_temperature", "temperature_not_a_number"),
        ([21], "invalid_temperature", "temperature_not_a_number"),
    ],
)
async def test_what_is_no_temperature_leaves_the_unit_as_it_is(
    house, temperature, outcome, code
):
    house.remember(assumed_aircon_power="on", last_temperature=19.0)
    house.cloud.temperature = temperature
    report = await house.tick()
    assert report.outcome == outcome
    assert codes(report) == ["in_window", code]
    assert house.cloud.words == []
    assert house.state["assumed_aircon_power"] == "on"
    assert house.state["last_temperature"] is None


async def test_a_dead_meter_leaves_the_unit_as_it_is_and_marks_the_value_stale(house):
    house.remember(assumed_aircon_power="on")
    await house.tick(21.0)
    house.cloud.broken["status"] = DeviceOfflineError("no answer from its hub")
    report = await house.tick(after=60)
    assert report.outcome == "missing_meter"
    assert codes(report) == ["in_window", "meter_unreachable"]
    assert house.state["last_temperature"] == 21.0
    assert house.state["last_temperature_stale"] is True
    assert house.state["last_temperature_stale_reason"] == "api_error"
    assert house.state["last_read_at"] == "2026-01-12T12:00:00+00:00"
    assert house.state["last_asked_at"] == "2026-01-12T12:01:00+00:00"
    assert "no answer from its hub" in house.state["last_error"]
    assert house.state["error_count"] == 1
    house.cloud.broken.clear()
    await house.tick(21.0, after=60)
    assert house.state["last_temperature_stale"] is False
    assert house.state["last_temperature_stale_reason"] is None
    assert house.state["last_error"] is None
    assert house.state["error_count"] == 0


async def test_without_a_meter_there_is_no_call_and_no_reading(house):
    house.configure(meter_device_id="")
    report = await house.tick()
    assert report.outcome == "missing_meter"
    assert codes(report) == ["in_window", "no_meter"]
    assert house.cloud.calls == []


async def test_a_disabled_zone_without_temperatures_is_valid(house):
    house.configure(winter=None, summer=None, automation_enabled=False)
    assert (await house.tick()).outcome == "disabled"


async def test_every_rung_failing_is_an_api_error_and_no_change(house):
    house.remember(assumed_aircon_power="off")
    house.cloud.broken["command"] = DeviceOfflineError("out of reach", status_code=161)
    report = await house.tick(19.0)
    assert report.outcome == "api_error"
    (command,) = report.commands
    assert command.status == "failed"
    assert [(rung.rung, rung.ok) for rung in command.rungs] == [("command", False)]
    assert house.state["assumed_aircon_power"] == "off"
    assert "out of reach" in house.state["last_error"]
    assert house.state["command_intent"] is None
    house.cloud.broken.clear()
    assert (await house.tick(19.0, after=60)).outcome == "winter_on"
    assert house.state["last_error"] is None


async def test_nothing_configured_to_send_with_is_an_api_error_that_says_so(house):
    house.configure(aircon_device_id="")
    house.remember(assumed_aircon_power="off")
    report = await house.tick(19.0)
    assert report.outcome == "api_error"
    assert "no_rung_configured" in codes(report)
    assert "aircon_device_id" in house.state["last_error"]


async def test_a_fan_starts_in_the_neutral_zone_and_replaces_off(house):
    house.configure(fan_mode_during_window=True)
    house.remember(assumed_aircon_power="off")
    assert (await house.tick(21.0)).outcome == "fan_neutral_zone"
    assert (await house.tick(21.0, after=60)).outcome == "no_action"
    assert (await house.tick(19.0, after=60)).outcome == "winter_on"
    report = await house.tick(23.0, after=60)
    assert report.outcome == "winter_off"
    assert "fan_instead_of_off" in codes(report)
    assert [command.action for command in report.commands] == ["fan"]
    again = await house.tick(23.0, after=60)
    assert again.outcome == "no_action"
    assert "duplicate_suppressed" in codes(again)
    assert house.cloud.words == [
        "setAll 23,4,3,on",
        "setAll 23,5,3,on",
        "setAll 23,4,3,on",
    ]
    assert house.state["assumed_aircon_power"] == "on"
    assert house.state["assumed_aircon_mode"] == 4


async def test_the_fan_is_turned_off_at_the_end_of_the_window(house):
    house.configure(
        fan_mode_during_window=True,
        turn_off_outside_windows=True,
        time_windows=[{"days": [0], "start": "06:00", "end": "12:01"}],
    )
    house.remember(assumed_aircon_power="off")
    assert (await house.tick(21.0)).outcome == "fan_neutral_zone"
    assert (await house.tick(after=60)).outcome == "turned_off_outside_window"
    assert house.cloud.words[-1] == "turnOff"


async def test_a_hot_room_that_is_off_is_not_ventilated(house):
    house.configure(fan_mode_during_window=True)
    house.remember(assumed_aircon_power="off")
    assert (await house.tick(25.0)).outcome == "already_off"
    assert house.cloud.words == []


async def test_where_no_fan_can_be_sent_off_stays_off(house):
    house.configure(
        fan_mode_during_window=True,
        aircon_device_id="",
        aircon_scenes={"winter": "S-WINTER", "off": "S-OFF"},
    )
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    assert (await house.tick(23.0)).outcome == "winter_off"
    assert house.cloud.words == ["scene S-OFF"]


async def test_the_gravest_word_of_several_zones_stands_for_the_tick(house):
    house.configure(
        meter_device_id=None,
        zones={
            "office": {"meter_device_id": "M1"},
            "attic": {"meter_device_id": "M2", "automation_enabled": False},
        },
    )
    house.cloud.temperatures = {"M1": 19.0, "M2": 19.0}
    report = await house.tick()
    assert [(each.zone, each.outcome) for each in report.decisions] == [
        ("office", "winter_on"),
        ("attic", "disabled"),
    ]
    assert report.outcome == "winter_on"
    assert house.store.get("state/office")["assumed_aircon_power"] == "on"
    assert house.store.get("state/attic")["assumed_aircon_power"] == "unknown"
    assert "last_tick" in house.state


@pytest.mark.parametrize("outcome", Outcome)
def test_a_home_without_a_zone_of_the_defaults_name_says_any_word(outcome):
    harmless = ZoneDecision("bed", Outcome.DISABLED)
    assert overall_outcome([harmless, ZoneDecision("bath", outcome)]) == outcome
