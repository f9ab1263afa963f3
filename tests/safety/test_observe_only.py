"""A zone that only observes sends nothing of its own accord, whatever was begun before."""

from datetime import timedelta


async def test_off_repeats_from_before_are_neither_sent_nor_kept(flat):
    repeats = {"off_repeat_count": 3, "off_repeat_interval_seconds": 120}
    flat.configure(**repeats)
    await flat.tick(19.0)
    await flat.tick(23.0, after=60)
    flat.configure(**repeats, observe_only=True)
    flat.reads(21.0)
    await flat.live(3600)
    flat.configure(**repeats)
    await flat.live(3600)
    assert len(flat.minutes_of("turnOff")) == 1


async def test_a_command_that_shows_no_effect_is_not_sent_again(flat):
    flat.configure(power_meter_device_id="PLUG")
    flat.cloud.answers["PLUG"] = {"weight": 2.0}
    await flat.tick(19.0)
    flat.configure(power_meter_device_id="PLUG", observe_only=True)
    await flat.live(7200)
    assert len(flat.cloud.starts) == 1


async def test_neither_a_rule_nor_safety_commands_it(flat):
    flat.configure(observe_only=True)
    flat.store.set("state", {"assumed_aircon_power": "on", "assumed_aircon_mode": 5})
    report = await flat.tick(23.0)
    assert [command.status for command in report.commands] == ["decided"]
    flat.reads(None)
    await flat.live(7200)
    assert flat.cloud.words == []


async def test_a_person_still_commands_it(flat):
    flat.configure(observe_only=True, min_off_seconds=300)
    assert (await flat.engine.act("default", "on")).status == "accepted"
    flat.clock.advance(600)
    await flat.engine.act("default", "off")
    waiting = await flat.engine.act("default", "on")
    assert waiting.blocked_until == flat.clock.now() + timedelta(seconds=300)
    flat.reads(21.0)
    await flat.live(400)
    assert flat.minutes_of("setAll") == [0.0, 15.0]
