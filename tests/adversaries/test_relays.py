"""A heater behind every relay that measures, and a hand, or a weld, that knows better.

What has to hold of each of them: for no longer than half an hour does health believe, and
not doubt, what the watts contradict; a hand's change is made good, and what cannot be made
good is told within the hour; the relay is spared.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchbot_automation.simulation.comfort import most_starts_in_an_hour
from switchbot_automation.simulation.home import RoomSpec
from switchbot_automation.simulation.house.weather import Climate
from tests.adversaries.invariants import BELIEF_WITHIN
from tests.equipment.homes import COLD, DEVICE, MILD, Home, roomed

EVERY_DAY = [0, 1, 2, 3, 4, 5, 6]
ALWAYS = [
    {"days": EVERY_DAY, "start": "00:00", "end": "12:00"},
    {"days": EVERY_DAY, "start": "12:00", "end": "00:00"},
]
RELAYS = [
    ("Plug Mini (US)", 0),
    ("Plug Mini (JP)", 0),
    ("Plug Mini (EU)", 0),
    ("Relay Switch 1PM", 0),
    ("Relay Switch 2PM", 1),
    ("Relay Switch 2PM", 2),
]
LOOK_MINUTES = 10
STRUCK_AT_HOUR = 2
WATTS = 20.0
WARM = Climate(yearly_mean=24.0)
"""The heater rests for hours in it, as it works for hours in the cold."""


@dataclass
class Look:
    """One look at health, and what the heater really drew then."""

    minute: int
    health: dict
    watts: float

    @property
    def believed(self):
        unit = self.health["zones"]["default"]["unit"]
        return None if unit["uncertain"] else unit["believed"]


class Heated(Home):
    """A room with a panel heater behind one relay."""

    def __init__(self, product, channel, *, climate=MILD):
        entry = {"kind": "heater", "device_id": DEVICE}
        entry |= {"channel": channel} if channel else {}
        spec = RoomSpec(
            aircon_id=DEVICE, equipment="heater", plug_type=product, channel=channel
        )
        document = roomed(entry, time_windows=ALWAYS)
        super().__init__(document, rooms=[spec], climate=climate)
        self.looks = []

    @property
    def panel(self):
        self.cloud.advance()
        return self.cloud.room.unit

    def hand(self, *, on):
        """Let somebody press the relay's button, which it tells when it is asked."""
        self.panel.turn(self.cloud.elapsed, on=on)
        state = self.cloud.account.devices[DEVICE].state
        for name in (f"switch{self.cloud.room.spec.channel}Status", "switchStatus"):
            if name in state:
                state[name] = int(on)
                return
        state["power"] = "on" if on else "off"

    def weld(self, *, on):
        """Let the relay's contacts stay as they are now, whatever it is told."""
        self.panel.turn(self.cloud.elapsed, on=on)
        self.panel.welded = True

    def measure(self, watts):
        """Let the plug say these watts, or what it is to say at an hour; None: the truth."""
        self.cloud.account.devices[DEVICE].misread = watts

    def troubles(self):
        """Return by look what health says first of the room."""
        rooms = [each.health["zones"]["default"]["room"] for each in self.looks]
        return [room["reasons"][0] if room["advice"] else None for room in rooms]

    async def watched(self, hours):
        for _look in range(int(hours * 60 / LOOK_MINUTES)):
            await self.live(LOOK_MINUTES / 60)
            health = await self.engine.health()
            minute = int(self.cloud.elapsed // 60)
            self.looks.append(Look(minute, health, self.panel.power_draw))

    def longest_against_the_watts(self):
        """Return for how many minutes a certain belief was seen to stand against them.

        From the first to the last look on end that shows it.
        """
        longest, since = 0, None
        for look in self.looks:
            runs = "on" if look.watts >= WATTS else "off"
            if look.believed is None or look.believed == runs:
                since = None
                continue
            since = look.minute if since is None else since
            longest = max(longest, look.minute - since)
        return longest


async def test_a_channel_that_somebody_turned_off_heats_again():
    """Its watts were read, and then put to a relay that has no word for them."""
    home = Heated("Relay Switch 2PM", 2, climate=COLD)
    await home.live(STRUCK_AT_HOUR)
    home.hand(on=False)
    await home.watched(2)
    assert home.longest_against_the_watts() <= BELIEF_WITHIN
    assert home.panel.on


async def test_a_welded_relay_says_off_and_its_watts_are_believed():
    home = Heated("Plug Mini (US)", 0)
    await home.live(STRUCK_AT_HOUR)
    home.weld(on=True)
    await home.watched(3)
    told = [look for look in home.looks if look.health["status"] != "ok"]
    assert told[0].minute - STRUCK_AT_HOUR * 60 <= 60
    assert all(
        look.health["status"] != "ok"
        for look in home.looks[home.looks.index(told[0]) :]
    )


@pytest.mark.parametrize("obeys", [2, 3])
async def test_a_relay_that_obeys_now_and_then_is_told_on_at_a_bearable_pace(obeys):
    """It used up its repairs of six hours, and the room went cold for two."""
    home = Heated("Plug Mini (EU)", 0, climate=COLD)
    home.panel.obeys_every = obeys
    await home.live(2)
    rooms = []
    await home.live(6, each=lambda home: rooms.append(home.house.air))
    assert min(rooms) > 18.0
    assert most_starts_in_an_hour(home.panel.switches) <= 6


async def test_a_relay_that_never_obeys_is_told_so_ever_less_often():
    home = Heated("Plug Mini (EU)", 0, climate=COLD)
    home.panel.welded = True
    await home.live(4)
    sent = await home.live(8)
    assert 4 <= len(sent) <= 16


def _lived(relay, strikes, hours, climate):
    async def live():
        home = Heated(*relay, climate=climate)
        await home.live(STRUCK_AT_HOUR)
        for strike, on in strikes:
            getattr(home, strike)(on=on)
            await home.watched(hours)
        return home

    return asyncio.run(live())


@pytest.mark.parametrize("on", [False, True], ids=["off", "on"])
@pytest.mark.parametrize("strike", ["hand", "weld"])
@pytest.mark.parametrize("relay", RELAYS, ids=lambda relay: " ".join(map(str, relay)))
def test_no_belief_stands_against_the_watts_of_any_relay(relay, strike, on):
    home = _lived(relay, [(strike, on)], 1.5, WARM if on else COLD)
    assert home.longest_against_the_watts() <= BELIEF_WITHIN
    assert most_starts_in_an_hour(home.panel.switches) <= 6
    if strike == "hand":
        assert home.panel.on is not on
    else:
        assert home.looks[-1].health["status"] != "ok"


@pytest.mark.slow
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    relay=st.sampled_from(RELAYS),
    strikes=st.lists(
        st.tuples(st.sampled_from(["hand", "hand", "weld"]), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    climate=st.sampled_from([COLD, MILD, WARM]),
)
def test_nor_whatever_hands_and_welds_come_after_each_other(relay, strikes, climate):
    home = _lived(relay, strikes, 3, climate)
    assert home.longest_against_the_watts() <= BELIEF_WITHIN


# --- watts that are not the heater's -------------------------------------------------------


def _another_appliance(hour):
    return 90.0 if hour % 5 < 2 else 0.5


@pytest.mark.parametrize(
    ("product", "channel", "watts"),
    [
        ("Plug Mini (US)", 0, 0.0),
        ("Relay Switch 2PM", 2, 0.0),
        ("Plug Mini (US)", 0, 60.0),
        ("Plug Mini (US)", 0, _another_appliance),
    ],
)
async def test_watts_that_a_kept_room_contradicts_are_told_of_once_and_cost_little(
    product, channel, watts
):
    home = Heated(product, channel)
    home.measure(watts)
    await home.watched(12)
    misreads = home.troubles().index("plug_misreads")
    assert misreads <= 5 * 60 / LOOK_MINUTES
    assert set(home.troubles()[misreads:]) == {"plug_misreads"}
    # A healthy one takes 51 until then; each of these took 90 and more.
    assert len(home.sent) <= 51 + 10
    home.restart()
    await home.watched(1)
    assert home.troubles()[-1] == "plug_misreads"


async def test_a_plug_that_measures_again_is_believed_again():
    home = Heated("Plug Mini (US)", 0)
    home.measure(0.0)
    await home.watched(5)
    assert home.troubles()[-1] == "plug_misreads"
    home.measure(None)
    await home.watched(3)
    assert home.troubles()[-1] is None
    home.panel.broken = True
    await home.watched(2)
    assert "heater_draws_nothing" in home.troubles()[-12:]


async def test_a_heater_that_dies_behind_a_plug_without_a_meter_is_told_of():
    home = Heated("Plug Mini (US)", 0)
    home.measure(0.0)
    await home.watched(5)
    home.panel.broken = True
    await home.watched(5)
    assert home.troubles()[-1] not in (None, "plug_misreads")


@pytest.mark.parametrize("climate", [MILD, COLD])
async def test_an_honest_plug_is_never_disbelieved(climate):
    for strike in ("none", "dead", "welded"):
        home = Heated("Plug Mini (US)", 0, climate=climate)
        await home.live(2)
        if strike == "welded":
            home.weld(on=True)
        home.panel.broken = strike == "dead"
        await home.watched(8)
        assert "plug_misreads" not in home.troubles()
