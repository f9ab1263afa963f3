"""Numbers from elsewhere move the band: bounded, for a time, and never by accident."""

import math

import pytest

OFFSETS = {"offsets": [{"source": "price", "limit_kelvin": 2, "expires_seconds": 3600}]}


def the_offsets(decision):
    return {
        reason.detail["source"]: reason.detail["kelvin"]
        for reason in decision.reasons
        if reason.code == "offset"
    }


async def test_a_number_moves_the_thresholds_and_is_told_as_a_reason(room):
    home = room(OFFSETS)
    home.engine.offsets.tell("price", -1.5)
    decision = await home.tick()
    assert the_offsets(decision) == {"price": -1.5}
    assert not home.sent
    home.temperature = 18.1
    await home.live(minutes=1)
    # At 20 - 1.5 - 0.3; the setpoint moves as well, here from 23.
    assert home.sent[-1] == ("setAll", "22,5,3,on")


async def test_a_number_is_held_to_the_limit_of_the_setting(room):
    home = room(OFFSETS)
    home.engine.offsets.tell("price", -20.0)
    decision = await home.tick()
    assert the_offsets(decision) == {"price": -2.0}


async def test_a_number_expires_on_time(room):
    home = room(OFFSETS | {"poll_interval_seconds": 3000})
    home.engine.offsets.tell("price", -2.0)
    await home.live(minutes=59)
    assert not home.sent
    decision = await home.live(minutes=2)
    assert home.running
    assert not the_offsets(decision)


async def test_a_told_number_wants_a_tick_at_once_and_outlives_a_restart(room):
    home = room(OFFSETS)
    await home.tick()
    assert home.running
    home.engine.offsets.tell("price", -2.0)
    assert home.engine.next_wakeup <= home.clock.now()
    await home.tick()
    home.restart()
    assert the_offsets(await home.tick()) == {"price": -2.0}


async def test_a_function_is_asked_at_each_tick_by_zone(room):
    home = room(OFFSETS)
    asked = []

    def price(zone, now):
        asked.append((zone, now))
        return -1.0 if len(asked) < 3 else None

    end = home.engine.offsets.register("price", price)
    await home.live(minutes=10)
    assert asked[0] == ("default", home.clock.now().replace(minute=0, second=0))
    # None is no new number; the last one holds until it expires.
    assert the_offsets(await home.tick()) == {"price": -1.0}
    end()
    count = len(asked)
    await home.live(minutes=5)
    assert len(asked) == count
    home.engine.offsets.register("price", price)
    with pytest.raises(ValueError, match="registered already"):
        home.engine.offsets.register("price", price)


@pytest.mark.parametrize("wrong", [ZeroDivisionError, math.nan, math.inf, "warm"])
async def test_a_source_that_fails_adds_nothing_and_is_logged_once(room, caplog, wrong):
    home = room(OFFSETS)

    def broken(_zone, _now):
        if isinstance(wrong, type):
            raise wrong
        return wrong

    home.engine.offsets.register("price", broken)
    decision = await home.live(minutes=5)
    assert home.running
    assert not the_offsets(decision)
    logged = [each for each in caplog.records if "price" in each.getMessage()]
    assert len(logged) == 1


async def test_a_source_that_no_setting_names_changes_nothing(room):
    home = room({})
    home.engine.offsets.tell("price", -2.0)
    await home.tick()
    assert home.running


async def test_a_number_for_one_zone_is_not_anothers(room):
    home = room(
        OFFSETS
        | {"zones": {"a": {}, "b": {"meter_device_id": "E2", "aircon_device_id": ""}}}
    )
    home.fields["E2"] = {"temperature": 21.0, "humidity": 40}
    home.engine.offsets.tell("price", -1.0, zone="a")
    report = await home.engine.run_once()
    assert [the_offsets(each) for each in report.decisions] == [{"price": -1.0}, {}]


def test_a_number_that_is_none_is_refused(room):
    with pytest.raises(ValueError, match="expected kelvin"):
        room({}).engine.offsets.tell("price", math.nan)
