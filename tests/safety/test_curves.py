"""A preset whose temperatures move through the night."""

from datetime import timedelta

import pytest

from switchbot_automation.settings.read import check_settings, parse_settings

EVERY_DAY = list(range(7))


def night(*points, key="after_minutes", **more):
    curve = [{key: when, "winter_kelvin": kelvin} for when, kelvin in points]
    return {"presets": {"sleep": {"curve": curve}}, **more}


async def test_a_running_unit_is_told_as_often_as_the_curve_has_steps(flat):
    flat.configure(**night((0, 0.0), (240, -3.0)))
    flat.reads(17.5)
    await flat.engine.set_preset_mode("default", "sleep", timedelta(hours=6))
    await flat.tick()
    # It warms, and stays within what the curve wants.
    for half_hours in range(12):
        await flat.live(1800)
        flat.reads(min(18.9, 17.75 + 0.25 * half_hours))
    await flat.live(600)
    told = [word.split()[1].split(",")[0] for _at, word in flat.cloud.sent]
    assert told == ["24", "23", "22", "21", "24"]
    # At the second of each step, not at the reading after it.
    at = flat.minutes_of("setAll")
    assert at == pytest.approx([0.0, 40.0, 120.0, 200.0, 360.0], abs=0.02)


async def test_it_says_why_and_when_it_moves_next(flat):
    flat.configure(**night((0, 0.0), (240, -4.0)))
    await flat.engine.set_preset_mode("default", "sleep", timedelta(hours=6))
    await flat.tick(19.0)
    await flat.live(40 * 60)
    shown = flat.engine.zone_overview("default")
    assert shown["band"]["low"] == 19.0
    assert "the curve of the preset sleep moves the band by -1.0 K just now" in [
        each["text"] for each in shown["reasons"]
    ]


async def test_after_a_restart_it_is_where_it_would_have_been(flat):
    flat.configure(**night((0, 0.0), (240, -4.0)))
    await flat.engine.set_preset_mode("default", "sleep", timedelta(hours=6))
    await flat.tick(19.0)
    flat.clock.advance(2 * 3600)
    flat.started()
    await flat.tick()
    assert flat.engine.zone_overview("default")["band"]["low"] == 18.0
    await flat.engine.resume("default")
    await flat.tick()
    assert flat.engine.zone_overview("default")["band"]["low"] == 20.0


async def test_it_begins_with_the_window_that_names_the_preset(flat):
    window = {"days": EVERY_DAY, "start": "12:30", "end": "20:00", "preset": "sleep"}
    flat.configure(**night((0, -2.0), (120, 0.0), time_windows=[window]))
    await flat.tick(21.0)
    for minutes, low in ((45, 18.0), (30, 19.0), (90, 20.0)):
        await flat.live(minutes * 60)
        await flat.tick()
        assert flat.engine.zone_overview("default")["band"]["low"] == low


def hours(start, end, *points, key="after_minutes", **more):
    curve = [{key: when, "winter_kelvin": kelvin} for when, kelvin in points]
    return {"days": EVERY_DAY, "start": start, "end": end, "curve": curve, **more}


def low(flat):
    return flat.engine.zone_overview("default")["band"]["low"]


async def test_a_window_has_a_curve_of_its_own_in_place_of_its_presets(flat):
    morning = hours("12:30", "20:00", (0, -2.0), (120, 0.0), preset="sleep")
    flat.configure(**night((0, -4.0), (600, -3.0), time_windows=[morning]))
    await flat.tick(21.0)
    for minutes, wanted in ((45, 18.0), (30, 19.0), (90, 20.0)):
        await flat.live(minutes * 60)
        await flat.tick()
        assert low(flat) == wanted
    await flat.engine.set_preset_mode("default", "sleep", timedelta(hours=1))
    await flat.tick()
    # What a person chose has its own.
    assert low(flat) == 16.0


async def test_a_window_without_a_preset_moves_the_zones_own_band_by_the_clock(flat):
    first = hours("11:00", "13:00", ("11:00", 0.0), ("12:00", -2.0), key="at")
    after = hours("13:00", "20:00", ("13:00", 1.0), key="at")
    flat.configure(time_windows=[first, after])
    await flat.tick(21.0)
    assert low(flat) == 18.0
    assert "the curve of the window 11:00-13:00 moves the band by -2.0 K just now" in [
        each["text"] for each in flat.engine.zone_overview("default")["reasons"]
    ]
    # What is held until something else is wanted ends where the curve does.
    await flat.engine.set_temperature("default", 22, 24)
    await flat.tick()
    assert low(flat) == 22.0
    await flat.live(3600 + 60)
    assert low(flat) == 21.0


async def test_a_running_unit_is_told_once_a_step_of_a_windows_curve(flat):
    flat.configure(time_windows=[hours("12:00", "22:00", (0, 0.0), (240, -2.0))])
    flat.reads(18.0)
    await flat.tick()
    for half_hours in range(8):
        await flat.live(1800)
        flat.reads(min(18.9, 18.0 + 0.2 * half_hours))
    told = [word.split()[1].split(",")[0] for _at, word in flat.cloud.sent]
    assert told == ["24", "23", "22"]


def test_a_season_without_temperatures_or_points_stays_as_it_is(flat):
    settings = parse_settings(night((0, -2.0)))
    assert settings.zones["default"].presets["sleep"].winter is None


@pytest.mark.parametrize(
    ("points", "path", "said"),
    [
        ([{"winter_kelvin": 1}], "[0]", "either at or after_minutes"),
        ([{"at": "22:00", "after_minutes": 1, "winter_kelvin": 1}], "[0]", "either"),
        ([{"at": "22:00"}], "[0]", "winter_kelvin, summer_kelvin"),
        (
            [{"at": "sunset-30", "winter_kelvin": 1}],
            "[0].at",
            "expected a time as '07:30', got",
        ),
        ([{"at": "25:00", "winter_kelvin": 1}], "[0].at", "expected a time"),
        (
            [
                {"at": "22:00", "winter_kelvin": 1},
                {"after_minutes": 9, "winter_kelvin": 1},
            ],
            "[1]",
            "all points",
        ),
        (
            [{"after_minutes": at, "winter_kelvin": 1} for at in (0, 60, 60)],
            "[2].after_minutes",
            "not after",
        ),
        (
            [
                {"at": at, "winter_kelvin": 1}
                for at in ("22:00", "06:00", "21:00", "23:00")
            ],
            "[3].at",
            "round the clock",
        ),
        ([], "", "1 to 48 entries"),
    ],
)
@pytest.mark.parametrize("owner", ["presets.sleep", "time_windows[0]"])
def test_a_wrong_point_is_named(points, path, said, owner):
    document = {"presets": {"sleep": {"curve": points}}}
    if owner == "time_windows[0]":
        window = {"days": EVERY_DAY, "start": "00:00", "end": "00:00"}
        document = {"time_windows": [{**window, "curve": points}]}
    errors = {error.path: str(error) for error in check_settings(document)}
    assert said in errors[f"{owner}.curve{path}"]
