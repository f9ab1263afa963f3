"""What goes on for days is a word or two to a person, and not one an hour, nor one a night.

Homes with faults that come and go by themselves: a plug that tells now the truth and now
not, an order that is lost each time, a boiler that rests each night. Health may say so each
time that it looks; a notice is what somebody is woken by.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from switchbot_automation.engine.tell.events import RoomNotice
from switchbot_automation.simulation import Fault
from switchbot_automation.simulation.home import RoomSpec
from tests.adversaries.test_relays import ALWAYS, Heated
from tests.cases import slow_after
from tests.equipment.homes import AIRCON, COLD, DEVICE, MILD, Home, roomed

MOST_NOTICES = 4
"""Of three days: it, its end, it again, and one other word for it."""


def listening(home):
    found = []
    home.engine.subscribe(
        lambda event: found.append(event) if isinstance(event, RoomNotice) else None
    )
    return found


def flaps(share):
    drawn = random.Random(4)
    return lambda _hour: 0.0 if drawn.random() < share else 1500.0


@pytest.mark.parametrize("share", slow_after(1, [0.5, 0.2, 0.8]))
async def test_a_plug_whose_watts_flap_is_told_of_once(share):
    """It was told of, and told well, ten times a day."""
    home = Heated("Plug Mini (US)", 0)
    notices = listening(home)
    home.measure(flaps(share))
    await home.live(36)
    assert len(notices) <= MOST_NOTICES
    assert max(Counter(each.trouble for each in notices if not each.ended).values()) < 3


async def test_a_second_stage_that_loses_each_on_is_told_of_once():
    heater = {"kind": "heater", "device_id": DEVICE}
    home = Home(roomed(AIRCON, heater, time_windows=ALWAYS), climate=COLD)
    notices = listening(home)
    with home.cloud.faults.inject(Fault.LOST, device_id=DEVICE):
        await home.live(48)
    second = [each for each in notices if each.zone == "default 2"]
    assert [(each.trouble, each.ended) for each in second] == [
        ("device_unresponsive", False)
    ]


async def test_a_second_stage_that_loses_every_other_order_is_not_well_by_obeying_one():
    """It was told of, and told well, as often as it obeyed."""
    heater = {"kind": "heater", "device_id": DEVICE}
    home = Home(roomed(AIRCON, heater, time_windows=ALWAYS), climate=COLD)
    notices, drawn, honest = listening(home), random.Random(4), home.cloud.command

    async def lossy(device_id, *words):
        if device_id != DEVICE or drawn.random() >= 1 / 2:
            return await honest(device_id, *words)
        with home.cloud.faults.inject(Fault.LOST, device_id=DEVICE, times=1):
            return await honest(device_id, *words)

    home.cloud.command = lossy
    await home.live(6)
    second = [each for each in notices if each.zone == "default 2"]
    assert [(each.trouble, each.ended) for each in second] == [
        ("device_unresponsive", False)
    ]


async def test_a_boiler_that_rests_each_night_is_named_once():
    """Each night it was three notices, and each morning their end; none said what it was."""
    document = roomed({"kind": "thermostat", "device_id": DEVICE}, time_windows=ALWAYS)
    spec = RoomSpec(aircon_id=DEVICE, equipment="thermostat")
    home = Home(document, rooms=[spec], climate=MILD)
    notices, radiator = listening(home), home.unit()
    radiator.parameters = replace(radiator.parameters, boiler_rests=(22.0, 5.0))
    await home.live(4 * 24)
    assert [(each.trouble, each.ended) for each in notices] == [
        ("radiator_stays_cold", False)
    ]
    assert "the boiler may rest at these hours" in notices[0].advice
    radiator.parameters = replace(radiator.parameters, boiler_rests=None)
    await home.live(2 * 24)
    assert [each.ended for each in notices] == [False, True]


async def told_of_a_heater(strike, hours=8):
    home = Heated("Plug Mini (US)", 0)
    notices = listening(home)
    await home.live(2)
    strike(home.panel)
    await home.live(hours)
    return home, notices


def turned_down(celsius):
    """Its own thermostat, as a hand turned it."""

    def strike(panel):
        panel.parameters = replace(panel.parameters, own_limit=celsius)

    return strike


@pytest.mark.parametrize("celsius", slow_after(1, [17.0, 5.0, 19.0]))
async def test_a_heater_whose_own_thermostat_is_set_low_is_named_once(celsius):
    """It was said to lose its commands, or to give all it has; nobody looks at its dial then."""
    home, notices = await told_of_a_heater(turned_down(celsius))
    assert [each.trouble for each in notices] == ["heater_draws_nothing"]
    assert "its own thermostat may be set too low" in notices[0].advice
    room = (await home.engine.health())["zones"]["default"]["room"]
    assert room["reasons"][0] == "heater_draws_nothing"


@pytest.mark.parametrize("celsius", slow_after(1, [19.9, 20.2, 20.4]))
async def test_nor_is_its_plug_disbelieved_where_that_is_set_just_inside_the_band(
    celsius,
):
    """It draws and stops in turns: the room swung, its plug was said to misread, and more."""
    home = Heated("Plug Mini (EU)", 0)
    notices = listening(home)
    turned_down(celsius)(home.panel)
    await home.live(16 if celsius < 20.0 else 84)
    told = [each.trouble for each in notices]
    assert told == (["heater_draws_nothing"] if celsius <= 20.2 else [])


async def test_its_end_is_told_once_it_heats_again():
    home, notices = await told_of_a_heater(turned_down(17.0))
    turned_down(30.0)(home.panel)
    await home.live(12)
    assert [each.ended for each in notices] == [False, True]


async def test_a_relay_that_stays_off_is_no_thermostat_set_low():
    home = Heated("Plug Mini (US)", 0, climate=COLD)
    notices = listening(home)
    await home.live(2)
    home.hand(on=False)
    home.panel.deaf = True
    await home.live(6)
    told = {each.trouble for each in notices}
    assert told
    assert "heater_draws_nothing" not in told
