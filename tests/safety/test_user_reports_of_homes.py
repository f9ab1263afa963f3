"""What went wrong around the thermostat in other people's homes; see `test_user_reports`."""

from datetime import timedelta

from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.engine import AutomationEngine
from switchbot_store import HistoryService, SqliteHistory

TWO_ZONES = {
    "kitchen": {"meter_device_id": "K", "aircon_device_id": "02-1-13"},
    "study": {
        "meter_device_id": "S",
        "aircon_device_id": "02-2-13",
        "mode": "summer",
    },
}


async def test_nobody_knew_why_it_ran_at_night(flat, tmp_path):
    """home-assistant/core#117133, #70310; ClimateAdvisor#16."""
    path = tmp_path / "history.sqlite3"
    history = HistoryService(SqliteHistory(path), now=flat.clock.now)

    def begin():
        return AutomationEngine(
            flat.cloud, flat.store, history=history, clock=flat.clock
        )

    flat.engine = begin()
    await flat.tick(21.0)
    await flat.tick(19.5, after=600)
    ran_at = flat.clock.now()
    flat.engine = begin()
    for _ in range(300):
        await flat.tick(21.0, after=60)
    answer = await flat.engine.explain(at=ran_at + timedelta(seconds=30))
    assert answer.outcome == "winter_on"
    assert answer.reasons[1]["code"] == "temp_below_on_threshold"
    history.close()


async def test_a_day_s_calls_that_polling_used_up(flat):
    """SwitchBotAPI#291, #223; homebridge-switchbot#1108; core#157221."""
    ledger = QuotaLedger(clock=flat.clock, limit=300)
    flat.engine = AutomationEngine(
        flat.cloud, flat.store, clock=flat.clock, quota=ledger
    )
    flat.reads(21.0)
    await flat.live(11 * 3600)
    assert ledger.remaining > 0
    assert (await flat.engine.act("default", "on")).status == "accepted"
    assert (await flat.engine.act("default", "off")).status == "accepted"


async def test_a_burst_of_pushed_events_and_the_same_one_twice(flat):
    """home-assistant/core#168219, #179876; SwitchBotAPI#55."""
    await flat.tick(21.0)
    flat.cloud.answers.pop("METER")
    flat.clock.advance(120)
    sampled = round(flat.clock.now().timestamp() * 1000)
    for temperature in (20.4, 20.0, 19.6, 19.6):
        context = {
            "deviceType": "WoMeter",
            "deviceMac": "METER",
            "temperature": temperature,
            "humidity": 50,
            "scale": "CELSIUS",
            "timeOfSample": sampled,
        }
        await flat.engine.handle_webhook(
            {"eventType": "changeReport", "eventVersion": "1", "context": context}
        )
        sampled += 0 if temperature == 19.6 else 1000
    for _ in range(3):
        await flat.tick(after=5)
    assert flat.cloud.words == ["setAll 24,5,3,on"]


async def test_two_rooms_on_one_outdoor_unit_that_wanted_opposite_things(flat):
    """better_thermostat#1226; MitsubishiCN105ESPHome#679; melcloudhome#132."""
    group = {"zones": ["kitchen", "study"], "policy": "priority"}
    flat.configure(zones=TWO_ZONES, groups={"duct": group})
    flat.reads(18.0, "K")
    flat.reads(30.0, "S")
    await flat.live(3600)
    modes = {word.split(",")[1] for word in flat.cloud.words}
    assert modes == {"5"}


async def test_a_learned_value_that_ran_away(flat):
    """versatile_thermostat#1576, #1685, #1787."""
    damaged = {
        "steering": {"version": 1, "heating": 40.0, "cooling": -40.0},
        "warm_up": {"version": 1, "heating": {"seconds_per_kelvin": 9e9, "runs": 5}},
        "softening": {"version": 1, "heating": 30.0, "cooling": 30.0},
    }
    flat.store.set("state", {"assumed_aircon_power": "off", "learned": damaged})
    flat.configure(control="modulate", optimum_start=True)
    flat.reads(19.0)
    await flat.live(3600)
    setpoints = [int(word.split()[1].split(",")[0]) for word in flat.cloud.words]
    assert setpoints
    assert all(16 <= setpoint <= 30 for setpoint in setpoints)


async def test_a_change_that_could_only_be_tried_on_the_living_room(flat):
    """presence_simulation#181; ClimateAdvisor#72."""
    await flat.tick(21.0)
    document = flat.store.get("settings")
    warmer = document | {
        "winter": {"min_temp": 21.5, "max_temp": 23.0, "target_temp": 25.0}
    }
    change = await flat.engine.apply_settings(warmer, dry_run=True)
    assert {each.path for each in change.changes} == {
        "winter.min_temp",
        "winter.max_temp",
        "winter.target_temp",
    }
    assert flat.store.get("settings") == document
    flat.configure(shadow={"winter": warmer["winter"]})
    await flat.tick(21.0, after=60)
    assert flat.cloud.words == []
