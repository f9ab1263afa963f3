"""What a person wants for a time: other temperatures, or a preset."""

from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.errors import UnknownZoneError
from switchbot_automation.simulation import SimulatedHome, default_settings
from switchbot_store import MemoryStore

PRESETS = {
    "eco": {"setback_kelvin": 3},
    "boost": {"winter": {"min_temp": 22, "max_temp": 24}},
}
EVERY_DAY = [0, 1, 2, 3, 4, 5, 6]
MIDNIGHT = datetime(2026, 1, 12, tzinfo=UTC)


def at(hour, minute=0, day=12):
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


def zone(house):
    return house.engine.overview()["zones"][0]


async def test_a_band_for_a_time_is_kept_and_then_over(house):
    await house.tick(21.0)
    assert house.cloud.words == []
    await house.engine.set_temperature("default", 22, 23, timedelta(hours=2))
    assert house.engine.next_wakeup == house.clock.now()
    report = await house.tick(21.0)
    assert report.decisions[0].action == "winter"
    # The setpoint moves as far as the middle of the band: from 21 to 22.5 °C.
    assert house.cloud.words == ["setAll 25,5,3,on"]
    assert zone(house)["band"] == {"low": 22.0, "high": 23.0}
    assert zone(house)["wish"]["until"] == "2026-01-12T14:00:00+00:00"
    assert "wished" in [str(each.code) for each in report.decisions[0].reasons]
    [last, *_] = reversed(await house.live(until=at(14, 2)))
    assert zone(house)["wish"] is None
    assert zone(house)["band"] == {"low": 20.0, "high": 22.0}
    assert "wish" not in {k for k, v in house.state.items() if v is not None}
    assert "wished" not in [str(each.code) for each in last.decisions[0].reasons]


async def test_a_wish_opens_a_window_of_its_own(house):
    house.configure(time_windows=[], turn_off_outside_windows=True)
    assert (await house.tick(15.0)).outcome == "turned_off_outside_window"
    await house.engine.set_temperature("default", 20, 21, 3600)
    house.clock.advance(600)
    assert (await house.tick(15.0)).decisions[0].action == "winter"
    ticks = await house.live(until=at(13, 1))
    assert house.cloud.words[-1] == "turnOff"
    assert ticks[-1].outcome == "turned_off_outside_window"
    sent = house.cloud.sent[-1][0]
    assert sent == at(13)


async def test_a_wish_is_kept_over_a_restart(house):
    await house.engine.set_temperature("default", 23, 24, "permanent")
    house.restarted()
    assert (await house.tick(21.5)).decisions[0].action == "winter"
    assert zone(house)["band"] == {"low": 23.0, "high": 24.0}


async def test_until_nothing_else_is_said_a_wish_lasts_to_the_next_change(house):
    await house.engine.set_temperature("default", 18, 19)
    await house.tick(21.0)
    assert zone(house)["wish"]["until"] == "2026-01-12T23:00:00+00:00"


@pytest.mark.parametrize("word", ["off", "hold", "resume", "set_preset_mode"])
async def test_the_newest_word_counts(house, word):
    house.configure(presets=PRESETS)
    await house.engine.set_temperature("default", 22.5, 23, "permanent")
    await house.tick(21.0)
    if word == "off":
        await house.engine.act("default", "off", hold="permanent")
    elif word == "hold":
        await house.engine.hold("default", 600)
    elif word == "resume":
        await house.engine.hold("default", "none")
    else:
        await house.engine.set_preset_mode("default", "eco")
    await house.tick(21.0, after=900)
    wish = zone(house)["wish"]
    assert (wish and wish["preset"]) == ("eco" if word == "set_preset_mode" else None)
    assert zone(house)["band"]["low"] == (17.0 if word == "set_preset_mode" else 20.0)


async def test_a_wish_ends_a_hold(house):
    await house.engine.act("default", "off", hold="permanent")
    await house.engine.set_temperature("default", 20, 22, 7200)
    await house.tick(15.0, after=600)
    assert zone(house)["hold_until"] is None
    assert house.cloud.words[-1].startswith("setAll")


async def test_a_preset_by_hand_goes_before_that_of_the_window(house):
    windows = [{"days": EVERY_DAY, "start": "06:00", "end": "23:00", "preset": "eco"}]
    house.configure(presets=PRESETS, time_windows=windows)
    await house.tick(19.0)
    assert zone(house)["band"]["low"] == 17.0
    await house.engine.set_preset_mode("default", "boost", 1800)
    report = await house.tick(19.0)
    assert zone(house)["band"]["low"] == 22.0
    assert zone(house)["presets"] == ["eco", "boost"]
    told = {str(r.code): r.detail for r in report.decisions[0].reasons}
    assert told["wished"]["preset"] == "boost"
    assert "preset" not in told
    assert "boost" in (await house.engine.explain()).text


async def test_a_preset_that_is_gone_ends_nothing_else(house):
    house.configure(presets=PRESETS)
    await house.engine.set_preset_mode("default", "boost", "permanent")
    house.configure()
    assert (await house.tick(21.0)).outcome == "no_action"
    assert zone(house)["band"]["low"] == 20.0


async def test_with_both_seasons_the_band_has_two_setpoints(house):
    house.configure(mode="auto")
    await house.tick(22.0)
    # Heating from 18 on, cooling from 28; each keeps the width of its band.
    await house.engine.set_temperature("default", 18, 28, "permanent")
    await house.tick(22.0, after=60)
    assert zone(house)["band"] == {"low": 18.0, "high": 20.0}
    for hours in range(12):
        await house.tick(22.0 + hours, after=3600)
    assert zone(house)["season"] == "summer"
    assert zone(house)["band"] == {"low": 25.0, "high": 28.0}
    assert house.cloud.words[-1].startswith("setAll 26,2")
    with pytest.raises(ValueError, match="at least 5 K"):
        await house.engine.set_temperature("default", 20, 24)


@pytest.mark.parametrize(
    ("low", "high", "until", "words"),
    [
        (22, 21, None, "lower one first"),
        (21, 21, None, "lower one first"),
        (9, 21, None, "10 to 35"),
        (21, 35.5, None, "10 to 35"),
        (float("nan"), 22, None, "lower one first"),
        (20, 21, "none", "until when"),
        (20, 21, "tomorrow", "expected one of"),
        (20, 21, -5, "positive"),
        (20, 10**400, 3600, "20 to inf"),
        (-(10**400), 21, 3600, "-inf to 21"),
    ],
)
async def test_a_wish_that_cannot_be_is_refused_and_changes_nothing(
    house, low, high, until, words
):
    await house.engine.set_temperature("default", 19, 20, 3600)
    before = zone(house)["wish"]
    with pytest.raises(ValueError, match=words):
        await house.engine.set_temperature("default", low, high, until)
    assert zone(house)["wish"] == before


async def test_who_is_asked_wrongly_is_named(house):
    house.configure(presets=PRESETS)
    with pytest.raises(ValueError, match="eco, boost"):
        await house.engine.set_preset_mode("default", "party")
    with pytest.raises(UnknownZoneError):
        await house.engine.set_temperature("cellar", 20, 21)
    house.configure(automation_enabled=False)
    with pytest.raises(ValueError, match="automation of zone default is off"):
        await house.engine.set_temperature("default", 20, 21)


@pytest.mark.parametrize(
    "damaged",
    [
        {"since": "2026-01-12T11:00:00+00:00", "until": "x", "winter": [20, 21]},
        {"since": "2026-01-12T11:00:00+00:00", "until": "2026-01-12T13:00:00+00:00"},
        {
            "since": "2026-01-12T11:00:00+00:00",
            "until": "2026-01-12T13:00:00+00:00",
            "winter": [30, "hot"],
        },
        {
            "since": "2026-01-12T13:00:00+00:00",
            "until": "2026-01-12T11:00:00+00:00",
            "winter": [30, 31],
        },
        [1, 2],
        "boost",
    ],
)
async def test_a_damaged_wish_counts_as_none(house, damaged):
    house.remember(wish=damaged)
    assert (await house.tick(21.0)).outcome == "no_action"
    assert zone(house)["band"] == {"low": 20.0, "high": 22.0}


async def test_an_open_window_pauses_what_was_wished(house):
    house.configure(openings={"sensors": ["C1"], "pause_after_seconds": 0})
    await house.engine.set_temperature("default", 22, 23, 7200)
    house.cloud.temperatures["C1"] = 0
    await house.engine.handle_webhook(
        {
            "eventType": "changeReport",
            "eventVersion": "1",
            "context": {
                "deviceType": "WoContact",
                "deviceMac": "C1",
                "openState": "open",
                "timeOfSample": int(house.clock.now().timestamp() * 1000),
            },
        }
    )
    await house.tick(18.0, after=60)
    assert not any(word.startswith("setAll") for word in house.cloud.words)


async def test_home_from_a_vacation_the_room_is_warm_when_it_ends(house):
    """The preset of an absence by hand is followed by a warm-up in time."""
    del house
    store = MemoryStore()
    settings = default_settings("winter") | {
        "timezone": "UTC",
        "optimum_start": True,
        "control": "modulate",
        "presets": {"vacation": {"winter": {"min_temp": 13, "max_temp": 15}}},
        "time_windows": [
            {"days": EVERY_DAY, "start": "00:00", "end": "12:00"},
            {"days": EVERY_DAY, "start": "12:00", "end": "00:00"},
        ],
    }
    store.set("settings", settings)
    home = SimulatedHome(season="winter")
    async with AutomationEngine(home, store, clock=home.clock) as engine:

        async def live(until):
            while engine.next_wakeup < until:
                home.clock.advance_to(engine.next_wakeup)
                await engine.run_once()
            home.clock.advance_to(until)

        begin = home.clock.now()
        await engine.run_once()
        await live(begin + timedelta(days=2))
        back = begin + timedelta(days=4)
        await engine.set_preset_mode("default", "vacation", back)
        await live(back - timedelta(days=1))
        assert home.room.house.air < 17
        await live(back)
        assert home.room.house.air > 19.4


async def test_a_clock_that_is_set_back_does_not_put_a_wish_off(house):
    await house.tick(21.0)
    await house.engine.set_temperature("default", 22, 23, "permanent")
    await house.tick(21.0, after=60)
    house.clock.jump(-3600)
    await house.tick(21.0, after=60)
    assert zone(house)["band"] == {"low": 22.0, "high": 23.0}
