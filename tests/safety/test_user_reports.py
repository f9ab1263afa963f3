"""What went wrong in other people's homes, one test for each kind of report."""

from datetime import UTC, datetime, timedelta

from switchbot_automation.errors import BadParameterError

EVERY_DAY = [0, 1, 2, 3, 4, 5, 6]


async def test_short_cycling_through_setpoint_changes_and_restarts(flat):
    """home-assistant/core#67222, #160490; ha-dual-smart-thermostat#12."""
    flat.configure(min_off_seconds=300)
    await flat.tick(19.0)
    await flat.tick(23.0, after=600)
    for target in (25.0, 26.0):
        flat.started()
        winter = {"min_temp": 20.0, "max_temp": 22.0, "target_temp": target}
        flat.configure(min_off_seconds=300, winter=winter)
        await flat.tick(19.0, after=30)
    await flat.live(1200)
    assert flat.minutes_of("setAll") == [0.0, 15.0]


async def test_heating_that_stayed_on_when_the_sensor_died(flat):
    """home-assistant/core#63419, #18912."""
    await flat.tick(19.0)
    flat.reads(None)
    await flat.live(86400)
    assert flat.minutes_of("turnOff") == [60.0]


async def test_a_sensor_dead_since_boot_that_never_tripped(flat):
    """ScratMan/HASmartThermostat#220."""
    flat.store.set("state", {"assumed_aircon_power": "on", "assumed_aircon_mode": 5})
    flat.reads(None)
    await flat.tick()
    await flat.live(86400)
    assert flat.minutes_of("turnOff") == [60.0]


async def test_a_false_alarm_from_a_room_that_keeps_its_temperature(flat):
    """versatile_thermostat#398, #496, #1317."""
    flat.reads(21.0)
    await flat.live(2 * 86400)
    assert flat.cloud.words == []
    await flat.tick(19.0, after=60)
    assert len(flat.cloud.starts) == 1


async def test_a_delay_under_way_that_a_restart_lost(flat):
    """home-assistant/core#56642, #128797."""
    flat.configure(off_repeat_count=3, off_repeat_interval_seconds=120)
    await flat.tick(19.0)
    await flat.tick(23.0, after=60)
    for _ in range(3):
        flat.started()
        await flat.live(150)
    assert len(flat.minutes_of("turnOff")) == 3


async def test_a_manual_change_that_the_schedule_undid_after_a_restart(flat):
    """scheduler-component#234, #156; core#33."""
    await flat.tick(19.0)
    await flat.engine.act("default", "off", hold=timedelta(hours=8))
    flat.started()
    await flat.live(4 * 3600)
    assert len(flat.cloud.starts) == 1


async def test_a_restart_that_turned_the_heating_on(flat):
    """home-assistant/core#84114, #68049."""
    await flat.tick(19.0)
    await flat.tick(22.5, after=600)
    flat.reads(21.0)
    for _ in range(10):
        flat.started()
        await flat.live(120)
    assert flat.cloud.words == ["setAll 24,5,3,on", "turnOff"]


async def test_midnight_that_ended_a_night(flat):
    """scheduler-card#742; core#99958."""
    window = {"days": EVERY_DAY, "start": "22:00", "end": "06:00"}
    flat.configure(time_windows=[window], turn_off_outside_windows=True)
    flat.clock.advance_to(datetime(2026, 1, 12, 23, 50, tzinfo=UTC))
    await flat.tick(19.0)
    flat.reads({"temperature": 21.0, "humidity": 40})
    await flat.live(1800)
    assert flat.cloud.words == ["setAll 24,5,3,on"]


async def test_a_threshold_that_fired_when_the_sensor_came_back(flat):
    """home-assistant/core#19855, #42855."""
    await flat.tick(21.0)
    for value in (None, "unavailable", None, 21.0):
        await flat.tick(value, after=60)
    assert flat.cloud.words == []


async def test_a_state_saved_when_the_window_opened_and_restored_wrongly(flat):
    """versatile_thermostat#504, #1010; better_thermostat#143."""
    await flat.tick(19.0)
    flat.reads(None)
    await flat.live(2 * 3600)
    flat.started()
    # It comes back warm enough: nothing from before is put back.
    for _ in range(10):
        await flat.tick(21.0, after=60)
    assert flat.cloud.words[-1] == "turnOff"


async def test_an_infrared_unit_whose_state_got_out_of_step(flat):
    """SwitchBotAPI#37, #224; ha-switchbot-remote#32."""
    flat.configure(power_meter_device_id="PLUG")
    flat.cloud.answers["PLUG"] = {"weight": 2.0}
    await flat.tick(19.0)
    flat.cloud.on_command = lambda _word: flat.cloud.answers.update(
        PLUG={"weight": 700.0}
    )
    reports = await flat.live(1800)
    assert len(flat.cloud.starts) == 2
    assert [c.status for r in reports for c in r.commands] == ["accepted", "confirmed"]


async def test_beeps_all_night_from_commands_that_changed_nothing(flat):
    """ha-dual-smart-thermostat#461; better_thermostat#443."""
    flat.configure(aircon_device_id="", aircon_scenes={"winter": "w", "off": "o"})
    for minute in range(120):
        warms = {"temperature": 19.0 + minute * 0.005, "humidity": minute % 9}
        await flat.tick(warms, after=60)
    assert flat.cloud.words == ["scene w"]


async def test_too_many_starts_an_hour_after_reboots(flat):
    """versatile_thermostat#107; OpenQuatt#632."""
    # Of a meter that swings so fast not a word would be acted on.
    flat.configure(sensor_slew_kelvin=0)
    for _ in range(40):
        flat.started()
        await flat.tick(19.0, after=60)
        await flat.tick(23.0, after=60)
    first, *_ = flat.cloud.starts
    hour = [at for at in flat.cloud.starts if at - first < timedelta(hours=1)]
    assert len(hour) == 6


async def test_a_fan_instead_of_off(flat):
    """ha-dual-smart-thermostat#341."""
    flat.configure(fan_mode_during_window=True)
    await flat.tick(19.0)
    await flat.tick(23.0, after=600)
    assert flat.cloud.words == ["setAll 24,5,3,on", "setAll 24,4,3,on"]
    assert flat.state["compressor_stopped_at"] is not None


async def test_a_learned_remote_that_rejects_set_all(flat):
    """homebridge-switchbot#418, #1057."""
    flat.configure(buttons={"winter": "Heat", "off": "Stop"})
    flat.cloud.refusals["setAll"] = BadParameterError(
        "invalid infrared command format", status_code=190
    )
    await flat.tick(19.0)
    assert flat.cloud.words == ["customize Heat"]
