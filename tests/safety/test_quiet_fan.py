"""A fan that runs low for a time: by a person, a window, a preset."""

from datetime import timedelta

import pytest

EVERY_DAY = list(range(7))


def fans(flat):
    return [word.split(",")[2] for word in flat.cloud.words if "setAll" in word]


async def test_a_running_unit_is_told_at_once_and_again_at_the_end(flat):
    await flat.tick(19.0)
    await flat.engine.quiet_fan("default", timedelta(hours=1))
    assert flat.engine.zone_overview("default")["quiet_fan_until"] is not None
    await flat.tick(19.5, after=1)
    flat.started()
    await flat.tick(20.5, after=1200)
    assert fans(flat) == ["3", "2"]
    await flat.live(3600)
    assert fans(flat) == ["3", "2", "3"]
    assert flat.engine.zone_overview("default")["quiet_fan_until"] is None


async def test_it_stands_beside_other_wishes_and_resume_ends_it(flat):
    await flat.engine.quiet_fan("default", "until_end_of_day")
    await flat.engine.set_temperature("default", 22, 24, timedelta(hours=5))
    report = await flat.tick(19.0)
    assert fans(flat) == ["2"]
    assert {"quiet_fan", "wished"} <= {
        str(each.code) for each in report.decisions[0].reasons
    }
    await flat.engine.resume("default")
    await flat.tick(19.5, after=60)
    assert fans(flat) == ["2", "3"]
    await flat.engine.quiet_fan("default", 3600)
    await flat.engine.quiet_fan("default", "none")
    await flat.tick(19.5, after=60)
    assert fans(flat) == ["2", "3"]


async def test_a_window_and_a_preset_ask_for_it(flat):
    window = {"days": EVERY_DAY, "start": "12:00", "end": "13:00", "quiet_fan": True}
    after = {"days": EVERY_DAY, "start": "13:00", "end": "23:00"}
    loud = {"winter": {"fan_speed": 4}, "quiet_fan": True}
    flat.configure(time_windows=[window, after], presets={"sleep": loud})
    await flat.tick(19.0)
    flat.reads(20.5)
    await flat.live(3700)
    assert fans(flat) == ["2", "3"]
    assert flat.minutes_of("setAll") == [0.0, 60.0]
    await flat.engine.set_preset_mode("default", "sleep", timedelta(hours=1))
    await flat.tick(20.6, after=1200)
    assert fans(flat) == ["2", "3", "2"]


async def test_what_is_told_no_fan_speed_is_said(flat):
    flat.configure(
        aircon_device_id="", equipment=[{"kind": "heater", "device_id": "A1B2C3D4E5F6"}]
    )
    with pytest.raises(ValueError, match="no fan speed"):
        await flat.engine.quiet_fan("default", 3600)


@pytest.mark.parametrize("way", ["scene", "webhook"])
async def test_what_something_else_starts_is_told_no_fan_speed_either(flat, way):
    flat.configure(
        aircon_scenes={"winter": "T01-20250101-00000001"},
        webhooks={"winter": "https://hooks.example.com/warm"},
        cascade=[way, "command"],
    )
    await flat.tick(20.0)
    assert "quiet_fan" not in flat.engine.zone_overview("default")["possible"]
    with pytest.raises(ValueError, match="told no fan speed"):
        await flat.engine.quiet_fan("default", 3600)
