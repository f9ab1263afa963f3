"""The actions of a room: another band, a preset, a boost, and for how long."""

from datetime import UTC, datetime, timedelta

import pytest
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import service as service_helper
from homeassistant.util import dt as dt_util

ROOM = "climate.living_room"
DOMAIN = "switchbot_automation"


async def act(hass, name, **data):
    await hass.services.async_call(
        DOMAIN, name, {"entity_id": ROOM, **data}, blocking=True
    )


@pytest.fixture
async def presets(home):
    document = dict((await home.engine.stored_settings()).data)
    document["presets"] = {"eco": {"setback_kelvin": 3.0}}
    await home.engine.apply_settings(document)
    await home.engine.run_once(trigger="settings")
    home.show()
    return document


def band(hass):
    shown = hass.states.get(ROOM).attributes
    return shown["target_temp_low"], shown["target_temp_high"]


def wish(home):
    return home.data.zones["default"]["wish"]


async def test_a_band_can_be_wanted_for_a_time(hass, home):
    await act(
        hass,
        "set_temperature",
        target_temp_low=18.5,
        target_temp_high=20,
        duration={"hours": 2},
    )
    assert band(hass) == (18.5, 20)
    ahead = datetime.fromisoformat(wish(home)["until"]) - datetime.now(UTC)
    assert timedelta(minutes=119) < ahead <= timedelta(hours=2)


async def test_a_temperature_can_be_wanted_for_good(hass, home):
    low, high = band(hass)
    await act(hass, "set_temperature", temperature=23.0, permanent=True)
    assert sum(band(hass)) / 2 == 23.0
    assert band(hass)[1] - band(hass)[0] == high - low
    assert wish(home)["until"].startswith("9999-")


@pytest.mark.parametrize(
    "until",
    [
        "0001-01-02T00:00:00+00:00",
        "1969-12-31T23:59:59+00:00",
        "2201-01-01T00:00:00+00:00",
        "9999-12-31T23:59:59-12:00",
        "9999-12-31T23:59:59+12:00",
    ],
)
async def test_no_instant_that_is_kept_nowhere_is_taken(hass, home, presets, until):
    before = band(hass)
    for name, data in (
        ("set_temperature", {"target_temp_low": 18.5, "target_temp_high": 20}),
        ("set_preset", {"preset_mode": "eco"}),
        ("hold", {"action": "off"}),
        ("hold", {}),
    ):
        with pytest.raises(ServiceValidationError):
            await act(hass, name, **data, until=until)
    home.show()
    assert band(hass) == before
    assert wish(home) is None
    assert hass.states.get(ROOM).attributes["hold_until"] is None


@pytest.mark.parametrize("given", [{}, {"duration": {"minutes": 5}}])
async def test_no_temperature_at_all_is_refused(hass, home, given):
    before = band(hass)
    with pytest.raises(ServiceValidationError, match="needs a temperature"):
        await act(hass, "set_temperature", **given)
    assert band(hass) == before


async def test_a_preset_is_in_force_for_a_time_and_can_be_ended(hass, home, presets):
    before = band(hass)
    await act(hass, "set_preset", preset_mode="eco", duration={"hours": 1})
    assert hass.states.get(ROOM).attributes["preset_mode"] == "eco"
    assert band(hass)[0] == before[0] - 3
    assert wish(home)["until"]
    await act(hass, "set_preset", preset_mode="none")
    assert hass.states.get(ROOM).attributes["preset_mode"] == "none"
    assert band(hass) == before


async def test_the_climate_s_own_presets_are_the_same(hass, home, presets):
    await hass.services.async_call(
        "climate",
        "set_preset_mode",
        {"entity_id": ROOM, "preset_mode": "eco"},
        blocking=True,
    )
    assert hass.states.get(ROOM).attributes["preset_modes"] == ["none", "eco"]
    assert hass.states.get(ROOM).attributes["preset_mode"] == "eco"


async def test_a_preset_that_there_is_not_is_refused(hass, home, presets):
    with pytest.raises(ServiceValidationError, match="eco"):
        await act(hass, "set_preset", preset_mode="comfort")


@pytest.mark.parametrize(("mode", "moved"), [("heat", 2.0), ("cool", -2.0)])
async def test_a_boost_is_what_the_season_wants_more_of(hass, home, mode, moved):
    await hass.services.async_call(
        "climate",
        "set_hvac_mode",
        {"entity_id": ROOM, "hvac_mode": mode},
        blocking=True,
    )
    low, high = band(hass)
    await act(hass, "boost")
    assert band(hass) == (low + moved, high + moved)
    ahead = datetime.fromisoformat(wish(home)["until"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < ahead <= timedelta(hours=1)


async def test_a_boost_keeps_the_band_s_width_at_its_bounds(hass, home):
    await act(hass, "set_temperature", target_temp_low=32, target_temp_high=34)
    await act(hass, "boost", kelvin=5, duration={"minutes": 10})
    assert band(hass) == (33, 35)


async def test_a_temperature_beside_a_band_is_refused(hass, home):
    before = band(hass)
    with pytest.raises(ServiceValidationError, match="or the lowest"):
        await act(
            hass,
            "set_temperature",
            temperature=21,
            target_temp_low=19,
            target_temp_high=23,
        )
    assert band(hass) == before


async def test_a_boost_that_is_asked_again_takes_the_place_of_the_first(hass, home):
    low, high = band(hass)
    await act(hass, "boost")
    await act(hass, "boost")
    assert band(hass) == (low + 2, high + 2)
    await act(hass, "boost", kelvin=1, duration={"hours": 3})
    assert band(hass) == (low + 1, high + 1)
    ahead = datetime.fromisoformat(wish(home)["until"]) - datetime.now(UTC)
    assert ahead > timedelta(hours=2)


async def test_a_room_that_is_off_takes_no_boost(hass, home):
    await hass.services.async_call(
        "climate", "turn_off", {"entity_id": ROOM}, blocking=True
    )
    with pytest.raises(ServiceValidationError):
        await act(hass, "boost")


async def test_an_unload_leaves_the_actions_where_home_assistant_can(hass, home, entry):
    await hass.config_entries.async_unload(entry.entry_id)
    if hasattr(service_helper, "async_register_platform_entity_service"):
        assert hass.services.has_service(DOMAIN, "boost")


@pytest.mark.parametrize(
    ("name", "data", "shown"),
    [
        ("set_temperature", {"temperature": 23.0}, lambda zone: zone["wish"]["until"]),
        ("set_preset", {"preset_mode": "eco"}, lambda zone: zone["wish"]["until"]),
        ("hold", {}, lambda zone: zone["hold_until"]),
        ("hold", {"action": "off"}, lambda zone: zone["hold_until"]),
    ],
)
async def test_a_vacation_has_an_end_in_home_assistant_s_time(
    hass, home, presets, name, data, shown
):
    await hass.config.async_set_time_zone("Asia/Tokyo")
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=12)
    here = ends.astimezone(dt_util.get_default_time_zone()).replace(tzinfo=None)
    await act(hass, name, **data, until=here.isoformat(sep=" "))
    assert datetime.fromisoformat(shown(home.data.zones["default"])) == ends


async def test_an_end_that_is_past_is_refused(hass, home, presets):
    before = band(hass)
    with pytest.raises(ServiceValidationError):
        await act(hass, "set_preset", preset_mode="eco", until="2020-01-01 00:00:00")
    assert band(hass) == before


@pytest.mark.parametrize("temperature", [10, 34.9, 35])
async def test_a_temperature_moves_the_band_as_far_as_there_is_room(
    hass, home, temperature
):
    low, high = band(hass)
    await hass.services.async_call(
        "climate",
        "set_temperature",
        {"entity_id": ROOM, "temperature": temperature},
        blocking=True,
    )
    moved = band(hass)
    assert moved in {(10, 10 + high - low), (35 - (high - low), 35)}
    assert abs(sum(moved) / 2 - temperature) <= (high - low) / 2


@pytest.mark.parametrize(
    "given",
    [
        {"hvac_mode": "cool", "target_temp_low": 24, "target_temp_high": 24},
        # Heating and cooling would meet.
        {"hvac_mode": "heat_cool", "target_temp_low": 24, "target_temp_high": 24.5},
    ],
)
async def test_a_band_that_is_refused_leaves_the_mode_as_it_is(hass, home, given):
    document = (await home.engine.stored_settings()).data
    before = band(hass)
    with pytest.raises(ServiceValidationError):
        await hass.services.async_call(
            "climate", "set_temperature", {"entity_id": ROOM, **given}, blocking=True
        )
    assert (await home.engine.stored_settings()).data == document
    assert hass.states.get(ROOM).state == "heat"
    assert band(hass) == before


async def test_a_wish_may_last_until_the_day_ends_by_the_room_s_clock(hass, home):
    await act(hass, "set_temperature", temperature=23.0, until_end_of_day=True)
    until = datetime.fromisoformat(wish(home)["until"])
    zone = home.engine.zone_in_force("default").timezone
    assert until.astimezone(zone).time() == datetime.min.time()
    assert timedelta(0) < until - datetime.now(UTC) <= timedelta(hours=25)


async def test_the_next_window_is_done_without_until_resume(hass, home):
    await act(hass, "skip_next_window")
    (skipped,) = home.data.zones["default"]["skipped_windows"]
    assert datetime.fromisoformat(skipped["begins"]) > datetime.now(UTC)
    await act(hass, "skip_next_window")
    assert home.data.zones["default"]["skipped_windows"] == [skipped]
    await act(hass, "resume")
    assert home.data.zones["default"]["skipped_windows"] == []


async def test_the_fan_is_quiet_until_an_instant_or_released(hass, home):
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)
    await act(hass, "quiet_fan", until=at.isoformat())
    told = home.data.zones["default"]["quiet_fan_until"]
    assert datetime.fromisoformat(told) == at
    await act(hass, "quiet_fan", release=True)
    assert home.data.zones["default"]["quiet_fan_until"] is None
