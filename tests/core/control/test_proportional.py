"""A heater on a plug: where in its band the share of a cycle keeps a room."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.core.control.band import Edges, after_observation, aim_of
from switchbot_automation.core.control.proportional import proportioned, share_of
from switchbot_automation.core.control.room_model import Model, TwoNodes
from switchbot_automation.core.control.warm_up import WarmUp
from switchbot_automation.core.home import ZoneSnapshot
from switchbot_automation.core.overlay import zone_overlaid
from switchbot_automation.core.state.meter import Reading
from switchbot_automation.core.state.zone import Learned, ZoneState
from switchbot_automation.model import Action, Power, ReasonCode
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import default_settings

MIDNIGHT = datetime(2026, 1, 12, tzinfo=UTC)
TICK = timedelta(minutes=5)
LOW, HIGH = 20.0, 22.0


def heated(**more):
    document = default_settings("winter")
    for key in ("aircon_device_id", "command_cooldown_seconds"):
        del document[key]
    for key in ("min_on_seconds", "min_off_seconds", "hysteresis_celsius"):
        del document[key]
    document["winter"] = {"min_temp": LOW, "max_temp": HIGH, "target_temp": 21.0}
    document["equipment"] = [{"kind": "heater", "device_id": "B0E9FE000001"}]
    return parse_settings(document | more).default


class Room:
    """Air, walls, and a heater that the zone's own decisions switch.

    `loss` and `power` are in kelvin an hour; the meter shows tenths.
    """

    def __init__(self, loss, power=8.0):
        self.zone = heated()
        self.aim = aim_of(self.zone)
        self.loss, self.power = loss, power
        self.air = self.walls = 19.5
        self.state = ZoneState(power=Power.OFF)
        self.now = MIDNIGHT
        self.seen = []
        self.starts = []

    def live(self, hours, *, keeps=True):
        until = self.now + timedelta(hours=hours)
        while self.now < until:
            shown = round(self.air, 1)
            state = self.state._replace(last_temperature=shown, last_read_at=self.now)
            self.state = after_observation(self.zone, state, self.now)
            wait = self._told(self._decided(shown) if keeps else None)
            for _ in range(wait):
                walls = 1.5 * (self.walls - self.air)
                given = self.power * (self.state.power is Power.ON)
                self.walls += (self.air - self.walls) / 12.0 / 60.0
                self.air += (walls + given - self.loss) / 60.0
                self.seen.append(self.air)
            self.now += timedelta(minutes=wait)

    def _decided(self, shown):
        seen = ZoneSnapshot(Reading(shown), self.state)
        return proportioned(self.zone, seen, self.aim, (), self.now)

    def _told(self, decided):
        """Carry a decision out; return the minutes until the next look."""
        on = self.state.power is Power.ON
        wanted = on if decided else False
        if decided and decided.action is not None:
            wanted = decided.action is Action.WINTER
        if wanted and not on:
            self.starts.append(self.now)
            self.state = self.state._replace(
                power=Power.ON, action=Action.WINTER, compressor_started_at=self.now
            )
        if on and not wanted:
            self.state = self.state._replace(
                power=Power.OFF, action=Action.OFF, compressor_stopped_at=self.now
            )
        wait = (decided.look_at - self.now if decided else TICK) / timedelta(minutes=1)
        return max(1, round(wait))

    def lately(self, hours):
        return self.seen[-round(hours * 60) :]


def lived_in(loss):
    """A room that was kept for two days and left alone at night."""
    room = Room(loss)
    for _ in range(2):
        room.live(7, keeps=False)
        room.live(17)
    return room


@pytest.mark.parametrize("loss", [1.0, 2.5, 5.0])
def test_whatever_it_loses_a_room_settles_low_in_its_band(loss):
    room = lived_in(loss)
    evening = room.lately(6)
    assert sum(evening) / len(evening) == pytest.approx(20.67, abs=0.2)
    assert min(evening) >= LOW
    assert max(evening) <= HIGH - 0.5


def test_of_what_it_loses_less_it_makes_less_within_the_hours():
    room = lived_in(5.0)
    room.loss = 0.8  # the sun comes out
    room.live(6)
    assert max(room.lately(6)) < HIGH
    assert sum(room.lately(2)) / 120 == pytest.approx(20.67, abs=0.35)


def test_the_relay_switches_six_times_an_hour_at_most():
    room = lived_in(2.5)
    for start in room.starts:
        hour = [at for at in room.starts if start <= at < start + timedelta(hours=1)]
        assert len(hour) <= 3


def test_after_a_restart_it_goes_on_as_it_was():
    room, other = lived_in(2.5), lived_in(2.5)
    kept = Learned.from_document(other.state.learned.to_document())
    other.state = other.state._replace(learned=kept)
    for each in (room, other):
        each.live(3)
    # Documents keep five digits of a model.
    assert other.lately(3) == pytest.approx(room.lately(3), abs=0.15)


def test_a_room_of_which_nothing_is_known_is_kept_by_its_band_alone():
    room = Room(2.5)
    room.live(1)
    assert not room.state.learned.warm_up.heated_room.known
    room.live(3)
    assert min(room.lately(2)) >= LOW - 0.2
    assert max(room.lately(2)) < HIGH - 0.2


@pytest.mark.parametrize(
    ("temperature", "share"),
    [(19.9, 1.0), (20.0, 1.0), (20.5, 0.625), (21.0, 0.25), (21.2, 0.0), (23.0, 0.0)],
)
def test_the_share_falls_from_the_lower_end_to_two_thirds_of_the_band(
    temperature, share
):
    assert share_of(temperature, Edges(LOW, HIGH, heating=True)) == share


def test_a_band_without_width_is_kept_by_its_only_temperature():
    only = Edges(20.0, 20.0, heating=True)
    assert (share_of(20.0, only), share_of(20.1, only)) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("hour", "air", "more"),
    # What is between: a floor is wanted near 21.6 while it stores, near 20.4 while it coasts.
    [(5, 21.5, True), (5, 21.8, False), (9, 20.2, True), (9, 20.45, False)],
    ids=["stores", "has stored", "cold in dear hours", "coasts"],
)
def test_a_floor_stores_high_in_its_band_and_coasts_low_in_it(hour, air, more):
    # Half of its power keeps it where it is, as its walls are as warm.
    floor = TwoNodes(
        (Model(0.08, air, numbers=(0.08, 0.8, -0.4), worst=-0.4),), 9.0, 9.0
    )
    learned = Learned(warm_up=WarmUp(heated_room=floor))
    state = ZoneState(power=Power.OFF, last_temperature=air, learned=learned)
    night = {"start": "22:00", "end": "06:00", "price": 0.15}
    price = {"windows": [night], "otherwise": 0.3}
    zone = heated(timezone="UTC", price=price)
    laid = zone_overlaid(zone, state, MIDNIGHT + timedelta(hours=hour))
    assert laid.overlay.asked is not None
    seen = ZoneSnapshot(Reading(air), state)
    decided = proportioned(laid, seen, aim_of(laid), (), MIDNIGHT)
    (share,) = (
        each.detail["share"]
        for each in decided.reasons
        if each.code is ReasonCode.HEAT_SHARE
    )
    assert (share > 0.5) is more
