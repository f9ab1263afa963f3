"""Humidity, fresh air and sun: what is wanted, who yields, and rooms that are kept so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation import ManualAction
from switchbot_automation.core.control.air import (
    dew_point,
    felt_kelvin,
    surface_percent,
    too_dry,
    too_stale,
    too_warm,
    too_wet,
)
from switchbot_automation.core.overlay import zone_in_force
from switchbot_automation.core.protect.yielding import AGAINST, ORDER, yields_to
from switchbot_automation.core.state.zone import ZoneState
from switchbot_automation.equipment.table import KINDS
from switchbot_automation.explain.words import advice_words
from switchbot_automation.model import Action, ReasonCode
from switchbot_automation.settings.findings import warnings
from switchbot_automation.settings.model import Air, Humidity, Profile
from switchbot_automation.settings.read import check_settings, parse_settings
from switchbot_automation.simulation import Fault
from switchbot_automation.simulation.home import RoomSpec, UnitSpec
from switchbot_automation.simulation.house.aircon import AirconMode
from tests.adversaries.life import WINDOWS
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
    roomed,
)

# --- formulas, against tables -----------------------------------------------------------


@pytest.mark.parametrize(
    ("celsius", "percent", "dew"),
    # WMO-No. 8, and what psychrometric tables give.
    [(20.0, 50.0, 9.3), (25.0, 60.0, 16.7), (30.0, 80.0, 26.2), (10.0, 100.0, 10.0)],
)
def test_a_dew_point_is_that_of_the_tables(celsius, percent, dew):
    assert dew_point(celsius, percent) == pytest.approx(dew, abs=0.1)


@pytest.mark.parametrize(
    ("celsius", "percent", "kelvin"),
    # 0.33 e - 4: e is 11.7 hPa at 20 °C and 50 %, 22.2 at 26 °C and 66 %.
    [(20.0, 50.0, -0.1), (26.0, 66.0, 3.0), (22.0, 20.0, -2.3), (18.0, 0.0, -3.0)],
)
def test_air_feels_as_steadman_says_within_three_kelvin(celsius, percent, kelvin):
    assert felt_kelvin(celsius, percent) == pytest.approx(kelvin, abs=0.11)


def test_a_cold_wall_is_wetter_than_the_room():
    assert surface_percent(20.0, 50.0, 20.0) == pytest.approx(50.0)
    # 14 °C at the wall: 23.4 hPa over 16.0 hPa.
    assert surface_percent(20.0, 50.0, 0.0) == pytest.approx(73.1, abs=0.3)
    assert surface_percent(20.0, 50.0, 30.0) == pytest.approx(50.0)


# --- what is wanted ---------------------------------------------------------------------

BAND = Humidity(min_percent=40.0, max_percent=60.0, hysteresis_percent=3.0)


@pytest.mark.parametrize(
    ("percent", "wets", "dries"),
    [
        (39.9, True, False),
        (40.0, None, False),
        (42.9, None, False),
        (43.0, False, False),
        (57.0, False, False),
        (57.1, False, None),
        (60.0, False, None),
        (60.1, False, True),
    ],
)
def test_a_band_of_humidity_has_its_hysteresis_inward(percent, wets, dries):
    assert too_dry(BAND, 21.0, percent, None).works is wets
    assert too_wet(BAND, 21.0, percent, None).works is dries


def test_a_dew_point_and_a_cold_wall_dry_too():
    dew = Humidity(max_dew_point_celsius=12.0)
    assert too_wet(dew, 25.0, 50.0, None).reason.code == "dew_point_above"
    wall = Humidity(min_percent=45.0, mould_risk=True)
    assert too_wet(wall, 20.0, 60.0, -10.0).reason.code == "mould_risk"
    # And what would let mould grow is not wetted, dry as it is.
    assert too_dry(wall, 20.0, 44.0, -25.0).works is False
    assert too_dry(wall, 20.0, 44.0, 10.0).works is True
    # Of a wall that nobody knows the temperature of nothing is concluded.
    assert too_wet(wall, 20.0, 60.0, None).works is False


@given(
    st.floats(5.0, 34.0),
    st.floats(1.0, 100.0),
    st.one_of(st.none(), st.floats(-25.0, 40.0)),
    st.floats(20.0, 40.0),
    st.floats(50.0, 80.0),
    st.booleans(),
)
def test_no_air_is_both_wetted_and_dried(celsius, percent, outdoor, low, high, mould):
    wanted = Humidity(
        min_percent=low,
        max_percent=high,
        max_dew_point_celsius=14.0,
        mould_risk=mould,
    )
    wets = too_dry(wanted, celsius, percent, outdoor).works
    dries = too_wet(wanted, celsius, percent, outdoor).works
    assert wets is False or dries is False


def test_stale_air_and_a_warm_room():
    zone = parse_settings(BANDS | {"air": {"max_co2_ppm": 900}}).default
    assert [too_stale(zone, ppm).works for ppm in (901, 900, 751, 750)] == [
        True,
        None,
        None,
        False,
    ]
    assert too_stale(zone, None) is None
    assert too_stale(replace(zone, air=None), 2000) is None
    assert zone.air == Air(900, 150)
    summer = Profile(23.0, 26.0, 24.5, 3, 2)
    assert [too_warm(summer, each).works for each in (24.6, 24.5, 23.0)] == [
        True,
        None,
        False,
    ]
    assert too_warm(None, 40.0).works is False


def test_what_would_fight_or_do_nothing_is_said_where_it_stands():
    narrow = {"humidity": {"min_percent": 50, "max_percent": 55}}
    assert [each.path for each in check_settings(narrow)] == ["humidity.min_percent"]
    document = {
        "humidity": {"mould_risk": True},
        "heat_pump_min_outdoor_celsius": -5,
        "aircon_device_id": "X",
    }
    found = warnings(document, parse_settings(document))
    assert {each.path for each in found} >= {
        "humidity.mould_risk",
        "heat_pump_min_outdoor_celsius",
    }


def test_bands_that_are_felt_move_with_the_humidity():
    settings = parse_settings(roomed(AIRCON, feels_like=True))
    now = STARTS["winter"]
    dry = ZoneState(last_temperature=21.0, last_humidity=25.0)
    zone = zone_in_force(settings, "default", dry, now)
    # Dry air feels 1.9 K colder, so the room is kept that much warmer.
    assert zone.winter.min_temp == pytest.approx(21.9, abs=0.11)
    assert "feels_like" in {why.code.value for why in zone.overlay.reasons}
    silent = replace(settings.default)
    assert zone_in_force(settings, "default", ZoneState(), now).winter == silent.winter


# --- who yields -------------------------------------------------------------------------


def test_of_two_that_fight_exactly_one_yields():
    fights = {(one, other) for one in AGAINST for other in AGAINST[one]}
    for one, other in fights:
        both = (yields_to(one, {"b": other}), yields_to(other, {"a": one}))
        assert sum(each is not None for each in both) <= 1
        assert any(both) or ORDER.index(one) < ORDER.index(other)


@pytest.mark.parametrize(("one", "other"), list(product(ORDER, ORDER)))
def test_nobody_yields_to_what_it_does_not_fight(one, other):
    why = yields_to(one, {"x": other})
    assert why is None or other in AGAINST[one]


def test_dry_mode_yields_to_heat_and_a_dehumidifier_does_not():
    heats = {"x": Action.WINTER}
    assert yields_to(Action.DRY, heats) is None
    assert yields_to(Action.DRY, heats, cools=True).code == "yields"


# --- in a house -------------------------------------------------------------------------


def humidities(home, *, least=0, hours=(7, 20)):
    recording = home.house.recording
    clock = [index // 60 % 24 for index in range(len(recording.humidity))]
    return [
        each
        for index, (each, hour) in enumerate(
            zip(recording.humidity, clock, strict=True)
        )
        if index >= least and hours[0] <= hour < hours[1]
    ]


async def test_dry_winter_air_is_wetted_within_windows_alone():
    wet = {"kind": "humidifier", "device_id": DEVICE}
    home = Home(roomed(AIRCON, wet, humidity={"min_percent": 45, "max_percent": 65}))
    plain = Home(roomed(AIRCON))
    for each in (home, plain):
        await each.live(47)
    day = 24 * 60
    assert fmean(humidities(plain, least=day)) < 40.0
    assert 44.0 < fmean(humidities(home, least=day)) < 52.0
    assert not home.unit().on  # by night
    assert codes(each for each in home.sent if each.zone == SECOND) >= {
        "humidity_below",
        "humidity_within",
    }
    assert "outside_windows" in home.said[SECOND]


async def test_wet_summer_air_is_dried_by_a_dehumidifier():
    dry = {"kind": "dehumidifier", "device_id": DEVICE}
    document = roomed(AIRCON, dry, season="summer", humidity={"max_percent": 60})
    home = Home(document, season="summer")
    modes = set()

    def look(home):
        settings = home.unit(AIRCON["device_id"]).settings
        modes.add(settings.mode if settings.power else None)

    await home.live(40, each=look)
    assert fmean(humidities(home, least=24 * 60)) < 61.0
    assert home.unit().starts
    # There is a dehumidifier, so the air conditioner cools and dries nothing.
    assert AirconMode.DRY not in modes


async def test_a_dehumidifier_that_starts_often_dries_further():
    """It dried three percent each time, and began 23 times on the first day."""
    dry = {"kind": "dehumidifier", "device_id": DEVICE}
    wanted = {"max_percent": 55}
    always = WINDOWS["always"]
    home = Home(
        roomed(dry, season="summer", humidity=wanted, time_windows=always),
        season="summer",
    )
    await home.live(24)
    assert 4 < len(home.unit().starts) <= 16
    assert max(humidities(home, least=6 * 60, hours=(0, 24))) <= 57.0
    # Beyond the hysteresis, and no further than it may.
    assert min(humidities(home, least=6 * 60, hours=(0, 24))) >= 55.0 - 3.0 - 8.0 - 1.0


@given(
    st.floats(0.0, 12.0),
    st.floats(30.0, 70.0),
    st.floats(15.0, 30.0),
    st.floats(30.0, 50.0),
    st.floats(6.0, 30.0),
)
def test_however_often_it_starts_it_dries_nothing_that_is_to_be_wetted(
    further, percent, celsius, low, apart
):
    band = Humidity(min_percent=low, max_percent=low + apart, hysteresis_percent=3.0)
    want = too_wet(band, celsius, percent, None, further=further)
    plain = too_wet(band, celsius, percent, None)
    assert want.works is plain.works or (plain.works is False and want.works is None)
    if want.works is not False:
        assert too_dry(band, celsius, percent, None).works is False


async def test_wet_summer_air_is_dried_by_dry_mode_within_the_band():
    document = roomed(AIRCON, season="summer", humidity={"max_percent": 50})
    home = Home(document, season="summer")
    plain = Home(roomed(AIRCON, season="summer"), season="summer")
    for each in (home, plain):
        await each.live(40)
    dried, not_dried = (
        fmean(humidities(each, least=24 * 60, hours=(14, 16))) for each in (home, plain)
    )
    assert dried < not_dried - 3.0
    day = slice(24 * 60 + 8 * 60, 24 * 60 + 16 * 60)
    assert min(home.house.recording.room[day]) > 22.5
    assert "dry" in {each.action for each in home.sent}


@pytest.mark.parametrize(
    ("season", "entry", "wanted", "kept"),
    [
        ("summer", AIRCON, {"humidity": {"max_percent": 55}}, False),
        ("summer", AIRCON, {"humidity": {"max_percent": 85}}, True),
        ("winter", {"kind": "purifier"}, {"air": {"max_co2_ppm": 800}}, False),
        ("winter", {"kind": "purifier"}, {"air": {"max_co2_ppm": 1400}}, True),
    ],
)
async def test_air_that_its_only_unit_cannot_keep_is_told_of(
    season, entry, wanted, kept
):
    """Health was ok while the air was past its limit for two thirds of the time."""
    unit = {"device_id": DEVICE} | entry
    document = roomed(unit, season=season, time_windows=WINDOWS["always"], **wanted)
    home = Home(document, season=season)
    await home.live(36)
    health = await home.engine.health()
    rooms = [zone["room"] for zone in health["zones"].values()]
    told = [room for room in rooms if room["status"] == "not_kept"]
    assert bool(told) is not kept
    assert (health["status"] == "ok") is kept
    for room in told:
        assert room["reasons"][0] == "air_beyond_unit"
        assert "window" in room["advice"]


async def test_stale_air_is_changed_while_people_are_there():
    fan = {"kind": "fan", "device_id": DEVICE}
    home = Home(roomed(AIRCON, fan, air={"max_co2_ppm": 800}))
    await home.live(24)
    assert home.unit().starts
    day = home.house.recording.co2[8 * 60 : 22 * 60]
    assert max(day) < 900.0
    assert "co2_above" in home.said[SECOND]


async def test_a_purifier_works_by_the_same_want():
    clean = {"kind": "purifier", "device_id": DEVICE}
    home = Home(roomed(AIRCON, clean, air={"max_co2_ppm": 700}))
    await home.live(24)
    assert home.unit().starts


@pytest.mark.parametrize("kind", ["curtain", "blind", "shade"])
async def test_the_sun_is_kept_out_in_summer_and_let_in_in_winter(kind):
    cover = {"kind": kind, "device_id": DEVICE}
    summer = Home(roomed(AIRCON, cover, season="summer"), season="summer")
    await summer.live(24)
    assert summer.unit().level == 1.0
    # A person who opens it has said what they want.
    await summer.engine.act(SECOND, ManualAction.OFF)
    await summer.live(0.5)
    assert summer.unit().level == 0.0
    winter = Home(roomed(AIRCON, cover))
    await winter.live(24)
    assert winter.unit().switches == []


@pytest.mark.parametrize("level", [10, 60])
async def test_a_cover_closes_as_far_as_it_is_told(level):
    """One that was to close by less than a fifth was told again and again, seven times a day."""
    cover = {"kind": "shade", "device_id": DEVICE, "level": level}
    home = Home(roomed(AIRCON, cover, season="summer"), season="summer")
    await home.live(24)
    assert home.unit().level == level / 100
    assert len([each for each in home.sent if each.zone == SECOND]) == 1
    assert (await home.engine.health())["status"] == "ok"


async def test_a_room_may_have_nothing_that_heats():
    wet = {"kind": "humidifier", "device_id": DEVICE}
    document = roomed(wet, humidity={"min_percent": 60})
    settings = parse_settings(document)
    assert list(settings.zones) == ["default", "default 1"]
    assert settings.default.without_way == ()
    home = Home(document)
    sent = await home.live(12)
    assert {each.zone for each in sent} == {"default 1"}
    health = await home.engine.health()
    assert health["status"] == "ok", health


async def test_an_open_window_stops_the_humidifier():
    wet = {"kind": "humidifier", "device_id": DEVICE}
    contact = "C0FFEE000001"
    home = Home(
        roomed(
            AIRCON,
            wet,
            humidity={"min_percent": 60},
            openings={"sensors": [contact], "pause_after_seconds": 60},
        )
    )
    home.cloud.add_device("Contact Sensor", contact)
    await home.live(9)
    assert home.unit().on
    home.cloud.happen(contact, openState="open")
    await home.live(1)
    assert not home.unit().on


async def test_all_kinds_of_a_room_never_fight():
    """Whatever the weather: none works against another, in summer and in winter."""
    kinds = [
        "heater",
        "humidifier",
        "dehumidifier",
        "purifier",
        "fan",
        "curtain",
        "blind",
        "shade",
    ]
    entries = [
        {"kind": kind, "device_id": f"B0E9FE0001{number:02}"}
        for number, kind in enumerate(kinds)
    ]
    for season in ("winter", "summer"):
        document = roomed(
            AIRCON,
            *entries,
            season=season,
            humidity={"min_percent": 45, "max_percent": 60},
            air={"max_co2_ppm": 900},
        )
        home = Home(document, season=season)
        fights = []

        def look(home, fights=fights):
            works = {
                kind
                for kind, entry in zip(kinds, entries, strict=True)
                if getattr(home.unit(entry["device_id"]), "on", False)
            }
            aircon = home.unit(AIRCON["device_id"]).settings
            heats = aircon.power and aircon.mode is AirconMode.HEAT
            cools = aircon.power and aircon.mode in (AirconMode.COOL, AirconMode.DRY)
            fights.extend(
                each
                for each, both in {
                    "wet and dry": {"humidifier", "dehumidifier"} <= works,
                    "wet and cool": "humidifier" in works and cools,
                    "heat and cool": "heater" in works and cools,
                    "heat and shade": heats and works & {"curtain", "blind", "shade"},
                }.items()
                if both
            )

        await home.live(36, each=look)
        assert fights == []
        assert not [each for each in home.sent if each.status == "failed"]


async def test_what_dries_and_what_wets_do_not_call_for_each_other():
    """By a cold wall both ends lie side by side: they did so 36 times a day each."""
    document = roomed(
        AIRCON,
        {"kind": "humidifier", "device_id": DEVICE},
        {"kind": "dehumidifier", "device_id": "B0E9FE000003"},
        humidity={"min_percent": 45, "max_percent": 60, "mould_risk": True},
        outdoor_device_id=OUTDOORS,
        time_windows=WINDOWS["always"],
    )
    home = Home(document, climate=COLD)
    await home.live(24)
    third = "default 3"
    dried = [each for each in home.sent if each.zone == third]
    began = min(each.sent_at for each in dried if each.action == "dry")
    stops = [each.sent_at for each in dried if each.action == "off"]
    stops = [at for at in stops if at > began]
    wets = [
        each.sent_at
        for each in home.sent
        if each.zone == SECOND and each.action == "humidify"
    ]
    assert stops
    assert wets
    for stopped in stops:
        soon = [at for at in wets if timedelta() <= at - stopped < timedelta(hours=3)]
        assert soon == []
    assert len([each for each in dried if each.action == "dry"]) <= 8
    assert "yields" in home.said[SECOND]


async def test_a_lost_meter_leaves_nothing_running_but_what_stays():
    wet = {"kind": "humidifier", "device_id": DEVICE}
    home = Home(roomed(AIRCON, wet, humidity={"min_percent": 80}))
    await home.live(9)
    assert home.unit().on
    meter = home.cloud.room.spec.meter_id
    with home.cloud.faults.inject(Fault.OFFLINE, device_id=meter):
        await home.live(4)
    assert not home.unit().on


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"power": "on", "lackWater": True}, "tank_empty"),
        ({"power": "on", "drying": True}, "filter_dries"),
        ({"power": "on", "lackWater": False, "drying": False}, None),
        ({"power": "on", "lackWater": "maybe"}, None),
        ({}, None),
    ],
)
def test_a_humidifier_says_what_keeps_it_from_its_work(fields, why):
    assert KINDS["humidifier"].hindrance(fields) == why
    assert KINDS["dehumidifier"].hindrance(fields) is None


async def test_a_tank_that_is_filled_again_ends_what_was_told_of_it():
    """The two days without water are no word about what the unit can do.

    Nor has the air to be right at once: it was told, an hour after the tank was filled and for
    a day and a half, that the air did not follow and was more than the unit could help.
    """
    entry = {"kind": "humidifier", "device_id": DEVICE}
    wanted = {"min_percent": 40, "max_percent": 60}
    room = RoomSpec(further=(UnitSpec("humidifier", DEVICE),))
    document = roomed(AIRCON, entry, humidity=wanted, time_windows=WINDOWS["always"])
    home = Home(document, rooms=[room])

    async def stands():
        return (await home.engine.health())["zones"][SECOND]["room"]

    await home.live(4)
    home.unit().empty = True
    await home.live(50)
    assert (await stands())["reasons"][0] == "tank_empty"
    home.unit().empty = False
    seen = []
    for _hour in range(24):
        await home.live(1)
        seen.append(await stands())
    assert {"tank_empty"} >= {why for each in seen[:2] for why in each["reasons"]} - {
        "humidity_below"
    }
    assert {each["status"] for each in seen[2:]} <= {"recovering", "kept"}
    assert seen[-1]["status"] == "kept"


async def test_what_is_beyond_a_unit_is_told_with_what_would_help():
    """Too dry is no less beyond a unit than too damp, and another unit helps then."""
    assert "a humidifier where it is too dry" in advice_words(
        ReasonCode.AIR_BEYOND_UNIT
    )
