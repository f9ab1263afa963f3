"""A room with several units: who works, who joins, who takes over, who waits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from switchbot_automation import ManualAction
from switchbot_automation.core.decide import concerned
from switchbot_automation.core.pace import unit_reads_at
from switchbot_automation.core.protect.stages import (
    beside,
    late_for,
    locked_out,
    stage_of,
    storing,
)
from switchbot_automation.core.state.zone import (
    Excursion,
    Keeping,
    Learned,
    Surroundings,
    Trend,
    ZoneState,
)
from switchbot_automation.equipment.table import KINDS
from switchbot_automation.errors import SettingsError
from switchbot_automation.model import Action, Power
from switchbot_automation.settings.read import check_settings, parse_settings
from switchbot_automation.simulation import Fault, simulate
from switchbot_automation.simulation.comfort import most_starts_in_an_hour
from tests.equipment.homes import (
    AIRCON,
    BANDS,
    COLD,
    DEVICE,
    OUTDOORS,
    SECOND,
    STARTS,
    Home,
    codes,
    house,
    roomed,
)

HEATER = {"kind": "heater", "device_id": DEVICE}
NOW = STARTS["winter"].replace(hour=12)


LONG_AGO = NOW - timedelta(hours=4)


def ago(**span):
    return NOW - timedelta(**span)


# --- what the settings say ------------------------------------------------------------


def test_each_further_unit_has_settings_of_its_own_beside_its_zone():
    settings = parse_settings(
        roomed(
            AIRCON | {"least_off_seconds": 240},
            HEATER | {"joins_after_seconds": 600},
            min_on_seconds=420,
            preset="eco",
            presets={"eco": {"setback_kelvin": 2}},
        )
    )
    assert list(settings.zones) == ["default", SECOND]
    assert settings.units == {"default": (SECOND,)}
    first, second = settings.zones.values()
    assert (first.lead, second.lead) == ("", "default")
    assert (first.kind.word, second.kind.word) == ("aircon", "heater")
    # What spares the one says nothing of the other; what is kept is the same.
    assert (first.min_on_seconds, first.min_off_seconds) == (420, 240)
    assert (second.min_on_seconds, second.max_starts_per_hour) == (0, 3)
    assert second.presets == first.presets
    assert second.winter == first.winter
    assert second.equipment[0].joins_after_seconds == 600
    assert concerned(settings, "default") == ("default", SECOND)
    assert concerned(settings, SECOND) == ("default", SECOND)


def test_one_entry_makes_no_further_unit():
    assert list(parse_settings(roomed(AIRCON)).zones) == ["default"]


def test_a_zone_may_not_be_called_like_a_further_unit():
    zones = {"bath": {"equipment": [AIRCON, HEATER]}, "bath 2": {}}
    with pytest.raises(SettingsError, match="further unit of another zone") as caught:
        parse_settings({"zones": zones})
    assert caught.value.path == "zones.bath 2"


@pytest.mark.parametrize(
    ("equipment", "path"),
    [
        ([AIRCON, AIRCON], "equipment[1].device_id"),
        (
            [{"kind": "fan", "device_id": "F"}, HEATER],
            "equipment[1].kind",
        ),
    ],
)
def test_units_that_cannot_be_together_are_refused_where_they_stand(equipment, path):
    assert [each.path for each in check_settings(BANDS | {"equipment": equipment})] == [
        path
    ]


# --- who works, pure -----------------------------------------------------------------


def units(**more):
    document = roomed(AIRCON, HEATER, outdoor_device_id=OUTDOORS, **more)
    return tuple(parse_settings(document).zones.values())


def heating(since, **more):
    return ZoneState(
        power=Power.ON, action=Action.WINTER, compressor_started_at=since, **more
    )


def too_cold(since, temperature=19.0, slope=0.0):
    """A room that is below its band since then, and rises by so much an hour."""
    trend = Trend()
    for minutes in range(40, -1, -5):
        at = ago(minutes=minutes)
        trend = trend.with_reading(at, temperature - slope * minutes / 60.0)
    out = Excursion(since, low=True, furthest=1.0, turned=temperature, moved_at=since)
    return {
        "keeping": Keeping(excursion=out),
        "last_temperature": temperature,
        "learned": Learned(trend=trend),
    }


def stage(first_state, second_state=None, **more):
    first, second = units(**more)
    second_state = second_state or ZoneState(power=Power.OFF)
    return stage_of(second, second_state, [(first, first_state)], NOW)


@pytest.mark.parametrize(
    ("state", "works", "word"),
    [
        (ZoneState(power=Power.OFF), False, "stage_waits"),
        (heating(ago(hours=1)), False, "stage_waits"),
        # Too cold, but not for long enough, or it has not run for long enough.
        (heating(ago(hours=1), **too_cold(ago(minutes=29))), False, "stage_waits"),
        (heating(ago(minutes=29), **too_cold(ago(hours=1))), False, "stage_waits"),
        (heating(ago(hours=1), **too_cold(ago(minutes=30))), True, "stage_joins"),
        # It will be there within the half hour that the second unit waits.
        (
            heating(ago(hours=1), **too_cold(ago(hours=1), slope=2.5)),
            False,
            "stage_waits",
        ),
        (
            heating(ago(hours=1), **too_cold(ago(hours=1), slope=1.5)),
            True,
            "stage_joins",
        ),
        # It takes no command at all.
        (
            ZoneState(power=Power.OFF, keeping=Keeping(failed=1)),
            True,
            "stage_takes_over",
        ),
    ],
)
def test_the_second_joins_when_the_first_does_not_keep_up(state, works, word):
    found = stage(state)
    assert (found.works, found.reason.code.value) == (works, word)
    assert found.alone is (word == "stage_takes_over")


@pytest.mark.parametrize(
    ("since", "works"),
    [
        ({"minutes": 5}, True),
        # It was there in the first one's place, and leaves as soon as it may.
        ({"minutes": 15}, False),
    ],
)
def test_what_began_before_the_first_has_not_joined_it(since, works):
    first = heating(ago(minutes=10), **too_cold(ago(minutes=10)))
    assert stage(first, heating(ago(**since))).works is works


def test_what_helped_lately_in_vain_helps_again_at_once():
    def lately(minutes, started):
        return ZoneState(
            power=Power.OFF,
            compressor_started_at=started,
            compressor_stopped_at=ago(minutes=minutes),
        )

    first = heating(ago(hours=4), last_temperature=20.25)
    assert stage(first, lately(119, ago(hours=2.5))).works
    assert not stage(first, lately(180, ago(hours=3.5))).works
    # The first keeps up now.
    warm = heating(ago(hours=4), last_temperature=20.3)
    assert not stage(warm, lately(5, ago(hours=2))).works
    # It worked in the place of the first, which may well do by itself.
    assert not stage(first, lately(5, ago(hours=5))).works
    # Beside one that rests itself nobody is needed.
    idle = ZoneState(
        power=Power.OFF,
        compressor_started_at=ago(hours=3),
        compressor_stopped_at=ago(minutes=5),
        last_temperature=20.0,
    )
    assert not stage(idle, lately(5, ago(hours=2))).works


def owed_minutes(second_state, first_state=None):
    """After how many minutes the second unit wants the room's meter read, by noon's."""
    second = units()[1]
    at = unit_reads_at(second, second_state, first_state or heating(LONG_AGO), None)
    return None if at is None else (at - NOW) / timedelta(minutes=1)


def read_at(temperature, **more):
    return {
        "last_temperature": temperature,
        "last_read_at": NOW,
        "value_since": NOW,
        **more,
    }


def test_a_unit_that_helps_has_the_meter_read_before_it_leaves_or_is_needed_again():
    # Its band is 20 to 21: it leaves in the middle, where the first one goes on.
    near, far = (
        owed_minutes(heating(ago(minutes=20), **read_at(temperature)))
        for temperature in (20.4, 19.0)
    )
    assert 1.0 <= near < far
    assert near < 5.0
    # It has just left; the room falls without it, and it is needed as soon as it is back.
    off = {"power": Power.OFF, "compressor_started_at": ago(hours=1)}
    lately = ZoneState(**off, compressor_stopped_at=ago(minutes=1), **read_at(20.6))
    assert 1.0 <= owed_minutes(lately) < 5.0
    long_ago = ZoneState(**off, compressor_stopped_at=ago(hours=4), **read_at(20.6))
    assert owed_minutes(long_ago) is None
    # Beside a first that rests nobody is needed, and one that never joined waits.
    resting = ZoneState(power=Power.OFF, compressor_stopped_at=ago(minutes=5))
    assert owed_minutes(lately, resting) is None
    assert owed_minutes(ZoneState(power=Power.OFF, **read_at(20.6))) is None


@pytest.mark.parametrize(
    ("slope", "late"),
    # Of 1 K that is missing two hours before the window opens.
    [
        (-3.0, True),
        (0.0, True),
        (1e-300, True),
        (1e-9, True),
        (0.45, True),
        (0.55, False),
    ],
)
def test_the_first_is_late_where_its_room_will_not_be_there(slope, late):
    second = units()[1]
    room = heating(ago(hours=1), **too_cold(ago(hours=1), slope=slope))
    opens = NOW + timedelta(hours=2)
    assert late_for(second, room, room, opens, NOW) is late
    # Nobody knows yet how fast it is.
    fresh = heating(ago(minutes=19), **too_cold(ago(hours=1), slope=slope))
    assert not late_for(second, fresh, fresh, opens, NOW)


def test_beside_another_it_works_to_the_middle_of_the_band():
    second = units()[1]
    narrow = beside(second)
    assert (narrow.winter.min_temp, narrow.winter.max_temp) == (20.0, 20.5)
    assert (narrow.summer.min_temp, narrow.summer.max_temp) == (24.5, 26.0)


def test_in_the_place_of_another_it_works_in_the_upper_half_of_the_band():
    stored = storing(units()[1])
    assert (stored.winter.min_temp, stored.winter.max_temp) == (20.5, 21.0)
    assert (stored.summer.min_temp, stored.summer.max_temp) == (23.0, 24.5)


@pytest.mark.parametrize(
    ("outdoor", "heats", "locked"),
    [
        (-5.1, True, True),
        (-5.0, True, False),
        # Once locked it waits for a kelvin more, or it would go to and fro.
        (-4.1, False, True),
        (-4.0, False, False),
        # Nobody knows, and there is another that heats.
        (None, True, True),
    ],
)
def test_a_heat_pump_is_locked_out_below_its_limit(outdoor, heats, locked):
    first, second = units(heat_pump_min_outdoor_celsius=-5)
    around = Surroundings(outdoor=outdoor, outdoor_at=NOW if outdoor else None)
    state = heating(ago(hours=1)) if heats else ZoneState(power=Power.OFF)
    state = state._replace(surroundings=around)
    assert (locked_out(first, state, NOW) is not None) is locked
    # A panel heater has no compressor.
    assert locked_out(second, state, NOW) is None
    found = stage(state, heat_pump_min_outdoor_celsius=-5)
    assert found.alone is locked


def test_the_third_stands_in_for_the_second_and_not_for_the_first():
    third = {"kind": "heater", "device_id": "B0E9FE000003"}
    zones = tuple(parse_settings(roomed(AIRCON, HEATER, third)).zones.values())
    first = heating(ago(hours=2), **too_cold(ago(hours=2)))
    broken = ZoneState(power=Power.OFF, keeping=Keeping(failed=2))
    found = stage_of(
        zones[2],
        ZoneState(power=Power.OFF),
        [(zones[0], first), (zones[1], broken)],
        NOW,
    )
    assert (found.works, found.alone) == (True, False)
    assert found.reason.detail["zone"] == "default"


# --- in a house -------------------------------------------------------------------------


async def test_a_weak_heat_pump_is_helped_and_the_room_is_kept():
    weak = house(heating_watts=1800.0)
    alone = Home(roomed(AIRCON), climate=COLD, parameters=weak)
    await alone.live(20)
    both = Home(roomed(AIRCON, HEATER), climate=COLD, parameters=weak)
    sent = await both.live(20)
    assert "stage_joins" in codes(each for each in sent if each.zone == SECOND)
    assert alone.house.air < 19.0 < both.house.air < 22.0
    assert most_starts_in_an_hour(both.unit().switches) <= 6
    # Nobody is told that the second unit's room is not kept: it is the first's.
    health = await both.engine.health()
    assert health["zones"][SECOND]["room"]["status"] == "off"
    told = health["zones"]["default"]["room"]["status"]
    assert told in ("kept", "recovering")


async def test_a_strong_heat_pump_is_left_to_itself():
    home = Home(roomed(AIRCON, HEATER))
    await home.live(24)
    assert home.unit().starts == []
    assert home.house.air > 15.0


async def test_below_its_limit_the_second_takes_over_and_gives_back():
    home = Home(
        roomed(
            AIRCON, HEATER, heat_pump_min_outdoor_celsius=2, outdoor_device_id=OUTDOORS
        )
    )
    both = []

    def look(home):
        first, second = home.unit(AIRCON["device_id"]), home.unit()
        both.append(first.settings.power and second.on)

    sent = await home.live(48, each=look)
    assert "outdoor_too_cold" in home.said["default"]
    assert {"stage_takes_over", "stage_waits"} <= home.said[SECOND]
    heated = {each.zone for each in sent if each.action == "winter"}
    assert heated == {"default", SECOND}
    # One stops within the minute in which the other begins, or once it has been on for as
    # long as it has to be.
    assert sum(both) <= 4
    assert most_starts_in_an_hour(home.unit().switches) <= 6
    assert home.house.air > 15.0


async def test_a_heat_pump_that_takes_no_command_is_replaced():
    home = Home(roomed(AIRCON, HEATER))
    await home.live(4)
    with home.cloud.faults.inject(Fault.DEVICE_ERROR, device_id=AIRCON["device_id"]):
        sent = await home.live(10)
    assert "stage_takes_over" in codes(each for each in sent if each.zone == SECOND)
    assert home.house.air > 19.5


async def test_a_person_s_off_is_for_the_whole_room():
    home = Home(
        roomed(AIRCON, HEATER), parameters=house(heating_watts=1200.0), climate=COLD
    )
    await home.live(10)
    assert home.unit().starts
    await home.engine.act("default", ManualAction.OFF)
    await home.live(0.5)
    assert not home.unit().on
    starts = len(home.unit().starts)
    await home.live(3)
    assert len(home.unit().starts) == starts


async def test_a_room_that_is_switched_off_is_off_with_all_its_units():
    wet = {"kind": "humidifier", "device_id": "B0E9FE000003"}
    home = Home(roomed(AIRCON, wet, humidity={"min_percent": 80, "max_percent": 95}))
    await home.live(9)
    assert home.unit("B0E9FE000003").on
    # Said of either of them: the automation is the room's.
    await home.engine.act(SECOND, ManualAction.QUICK_OFF)
    home.clock.advance(120)
    assert not home.unit("B0E9FE000003").on
    assert not home.unit(AIRCON["device_id"]).settings.power
    await home.live(3)
    document = home.store.get("settings")
    assert document["automation_enabled"] is False
    assert "zones" not in document
    assert not home.unit("B0E9FE000003").on
    await home.engine.resume(SECOND)
    await home.live(1)
    assert home.unit("B0E9FE000003").on


async def test_what_a_person_wants_of_a_room_is_wanted_of_every_unit():
    home = Home(
        roomed(
            AIRCON, HEATER, heat_pump_min_outdoor_celsius=20, outdoor_device_id=OUTDOORS
        )
    )
    await home.live(9)
    await home.engine.set_temperature(SECOND, 23.0, 24.0, timedelta(hours=6))
    await home.live(5)
    assert home.house.air > 22.0


async def test_a_restart_changes_nothing_of_who_works():
    weak = house(heating_watts=1800.0)
    whole = Home(roomed(AIRCON, HEATER), climate=COLD, parameters=weak)
    broken = Home(roomed(AIRCON, HEATER), climate=COLD, parameters=weak)
    await whole.live(12)
    for _hour in range(12):
        await broken.live(1)
        broken.restart()
    assert abs(len(whole.unit().starts) - len(broken.unit().starts)) <= 3
    # Ticks fall otherwise, and with them the cycles of the panel.
    assert abs(whole.house.air - broken.house.air) < 2.0


async def test_the_second_keeps_frost_off_when_the_first_cannot():
    home = Home(
        roomed(AIRCON, HEATER, automation_enabled=False),
        climate=COLD,
        parameters=house(heating_watts=1800.0),
    )
    with home.cloud.faults.inject(Fault.DEVICE_ERROR, device_id=AIRCON["device_id"]):
        await home.live(120)
    assert home.house.air > 4.0
    if home.unit().starts:
        assert "frost_floor" in codes(home.sent)


@pytest.mark.parametrize("kind", ["thermostat", "aircon", "heater"])
async def test_a_unit_that_helps_asks_for_no_tick_before_its_meter_is_read(kind):
    second = {"kind": kind, "device_id": DEVICE, "joins_after_seconds": 0}
    if kind == "aircon":
        second["device_id"] = "02-202601010000-01"
    home = Home(roomed(AIRCON, second), parameters=house(heating_watts=900.0))
    waits = []

    def each(home):
        waits.append((home.engine.next_wakeup - home.clock.now()).total_seconds())

    await home.live(30, each=each)
    assert "stage_joins" in home.said[SECOND]
    short = [wait for wait in waits if wait < 30]
    assert len(short) <= len(waits) / 5
    assert len(waits) <= 30 * 20


async def test_a_second_air_conditioner_helps_and_takes_over_as_any_other():
    second = {"kind": "aircon", "device_id": "02-202601010000-01"}
    document = roomed(AIRCON, second)
    home = Home(document, climate=COLD, parameters=house(heating_watts=900.0))
    await home.live(24)
    unit = home.unit(second["device_id"])
    assert unit.starts
    assert unit.energy > 3.6e6
    with home.cloud.faults.inject(Fault.DEVICE_ERROR, device_id=AIRCON["device_id"]):
        await home.live(12)
    assert unit.settings.power


@pytest.mark.parametrize("word", KINDS)
async def test_every_kind_may_stand_beside_another_in_a_simulation(word):
    kind = {"kind": word, "device_id": DEVICE}
    if word == "aircon":
        kind["device_id"] = "02-202601010000-01"
    report = await simulate(roomed(AIRCON, kind), days=0.5)
    assert report.ticks


@pytest.mark.parametrize("control", ["auto", "switch", "modulate"])
@pytest.mark.parametrize("kind", ["heater", "thermostat"])
async def test_what_can_only_heat_does_not_in_the_season_to_cool(kind, control):
    document = roomed({"kind": kind, "device_id": DEVICE}, control=control)
    home = Home(document)
    await home.live(9)
    assert home.unit().conditioning
    # As in spring, under `auto`: with a band that the room is far below.
    home.store.set("settings", document | {"mode": "summer"})
    await home.live(0.5)
    assert not home.unit().conditioning
    sent = await home.live(24)
    assert not [each for each in sent if each.action != "off"]
    assert not home.unit().conditioning


async def test_what_can_only_heat_keeps_frost_off_in_the_season_to_cool():
    document = roomed(
        {"kind": "heater", "device_id": DEVICE}, mode="summer", frost_floor_celsius=12
    )
    home = Home(document, climate=COLD)
    await home.live(30)
    assert home.unit().starts
    assert 10.0 < home.house.air < 15.0
    # Away from frost before it rests again, and no fault of anybody's settings.
    stops = [each for each in home.sent if each.action == "off"][-6:]
    room = home.house.recording.room
    for each in stops:
        minute = int((each.sent_at - STARTS["winter"]).total_seconds() // 60)
        assert max(room[minute : minute + 5]) >= 12.5
    health = await home.engine.health()
    assert (health["status"], health["zones"]["default"]["cannot_command"]) == (
        "ok",
        [],
    )


@pytest.mark.parametrize("unit", ["default", SECOND])
async def test_a_wish_that_a_unit_cannot_fulfil_is_no_failure_of_its_commands(unit):
    home = Home(roomed(HEATER, AIRCON) if unit == "default" else roomed(AIRCON, HEATER))
    await home.live(9)
    for _ in range(3):
        command = await home.engine.act(unit, ManualAction.SUMMER)
        assert command.status == "failed"
        await home.engine.resume(unit)
    await home.live(3)
    health = await home.engine.health()
    assert health["status"] == "ok"
    assert "stage_takes_over" not in home.said[SECOND]


@pytest.mark.parametrize("channel", [0, 2])
async def test_a_plug_of_the_simulation_counts_what_it_lets_through(channel):
    home = Home(roomed(HEATER | {"channel": channel}))
    await home.live(26)
    (device,) = [
        each for each in home.engine.upkeep()["devices"] if each["device_id"] == DEVICE
    ]
    counted = device["energy_wh"]
    assert list(counted) == ["2026-01-12", "2026-01-13"]
    assert sum(counted.values()) == pytest.approx(home.unit().energy / 3600, rel=0.05)
    assert counted["2026-01-12"] > 5000


@pytest.mark.parametrize("kind", ["curtain", "fan", "heater"])
async def test_a_unit_that_runs_alone_has_its_meter_read_in_time(kind):
    summer = kind == "curtain"
    season = "summer" if summer else "winter"
    unit = {"kind": kind, "device_id": DEVICE}
    windows = [{"days": [0, 1, 2, 3, 4, 5, 6], "start": "20:00", "end": "03:00"}]
    document = roomed(AIRCON, unit, season=season, mode=season, time_windows=windows)
    home = Home(document, season=season)
    await home.engine.run_once()
    await home.engine.act(SECOND, ManualAction.ON, "permanent")
    # Its window closes after an hour or two, and the air conditioner rests.
    await home.live(5)
    assert not {word for word in home.said[SECOND] if word.startswith("sensor_")}


@pytest.mark.parametrize("change", ["unit removed", "while stopped"])
@pytest.mark.parametrize("kind", ["curtain", "blind", "shade"])
async def test_a_cover_that_is_taken_out_stays_as_it_is(kind, change):
    """It opened once, at whatever hour somebody edited the settings."""
    home = Home(roomed(AIRCON, {"kind": kind, "device_id": DEVICE}))
    await home.engine.run_once()
    home.clock.advance(3600)  # nobody knew when it moved
    await home.engine.act(SECOND, ManualAction.ON, "permanent")
    await home.live(0.05)
    assert home.unit().on
    home.store.set("settings", roomed(AIRCON))
    if change == "while stopped":
        home.restart()
    await home.live(1)
    assert home.unit().on
    assert (await home.engine.health())["left_units"] == []


@pytest.mark.parametrize("change", ["unit removed", "zone removed", "while stopped"])
@pytest.mark.parametrize("kind", ["fan", "heater", "humidifier"])
async def test_a_further_unit_that_is_taken_out_does_not_run_on(kind, change):
    unit = {"kind": kind, "device_id": DEVICE}
    home = Home(roomed(AIRCON, unit))
    await home.engine.run_once()
    home.clock.advance(3600)  # nobody knew when it stopped
    await home.engine.act(SECOND, ManualAction.ON, "permanent")
    await home.live(0.05)
    assert home.unit().on
    document = roomed(AIRCON)
    if change == "zone removed":
        document = {"zones": {"other": roomed() | {"meter_device_id": OUTDOORS}}}
    home.store.set("settings", document)
    if change == "while stopped":
        home.restart()
    await home.live(0.1)
    assert not home.unit().on
    assert (await home.engine.health())["left_units"] == []
