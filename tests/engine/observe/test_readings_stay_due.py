"""A reading that is wanted stays due until it was made, whatever else calls for ticks.

And a reading that nobody renews counts no more once it is too old.
"""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.core.pace import KEPT_SECONDS, is_stale, too_old
from switchbot_automation.core.protect.safety import CAP_SECONDS
from switchbot_automation.core.state.zone import ZoneState
from switchbot_automation.settings.read import parse_settings
from tests.cases import drawn
from tests.engine.conftest import METER, MONDAY_NOON, WINTER_ROOM, House

READ = f"status {METER}"
OTHER_METER, CONTACT, MOTION = "C2", "E1CONTACT001", "E2MOTION0001"
# The longest that any way of control waits for a reading inside a window.
LONGEST_SECONDS = 1500.0
PRESETS = {"eco": {"winter": {"min_temp": 18.0, "max_temp": 20.0}}}
WAYS = {
    "modulate": {"control": "modulate"},
    "modulate_auto": {"control": "modulate", "mode": "auto"},
    "modulate_and_optimum_start": {"control": "modulate", "optimum_start": True},
    "modulate_without_a_unit": {"control": "modulate", "aircon_device_id": None},
    "predictive": {"predictive_polling": True},
    "predictive_auto": {"predictive_polling": True, "mode": "auto"},
    "predictive_and_optimum_start": {
        "predictive_polling": True,
        "optimum_start": True,
    },
    "switch": {"control": "switch"},
    "dashboard": {},
}


class Watched(House):
    """Notes when the zone's meter is read."""

    def __init__(self, **changes):
        super().__init__()
        self.configure(**changes)
        self.reads = []

    async def look(self):
        """Tick, and keep when the meter was read."""
        before = self.cloud.calls.count(READ)
        report = await self.engine.run_once()
        if self.cloud.calls.count(READ) > before:
            self.reads.append(self.clock.now())
        return report

    def longest_gap(self):
        ends = [*self.reads, self.clock.now()]
        return max(
            (after - at).total_seconds() for at, after in itertools.pairwise(ends)
        )


# --- a host with a clock of its own ----------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("every", [60, 240])
async def test_a_host_that_ticks_by_its_own_clock_puts_no_reading_off(way, every):
    house = Watched(**WAYS[way])
    house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    for _ in range(2 * 3600 // every):
        await house.look()
        house.clock.advance(every)
    assert house.longest_gap() <= LONGEST_SECONDS + every


async def test_a_steered_room_that_cools_is_seen_to_and_heated(house):
    house.configure(control="modulate")
    house.remember(assumed_aircon_power="off")
    for minute in range(180):
        await house.tick(21.5 - minute * 0.02, after=60)
        if house.cloud.sent:
            break
    # It is wanted at 20.36 degrees, an hour after it began to cool.
    assert house.cloud.temperature > 20.0


async def test_the_ticks_of_another_zone_put_no_reading_off():
    zones = {
        "steered": {"control": "modulate"},
        "switched": {
            "meter_device_id": OTHER_METER,
            "aircon_device_id": "02-202008110034-14",
        },
    }
    house = Watched(poll_interval_seconds=120, zones=zones)
    house.cloud.temperatures = {OTHER_METER: 21.0}
    end = house.clock.now() + timedelta(hours=2)
    while house.clock.now() < end:
        await house.look()
        house.clock.advance_to(house.engine.next_wakeup)
    assert house.cloud.calls.count(f"status {OTHER_METER}") >= 60
    assert house.longest_gap() <= LONGEST_SECONDS + 1


@pytest.mark.parametrize(
    "around",
    [
        {"openings": {"sensors": [CONTACT], "poll_interval_seconds": 60}},
        {
            "presets": PRESETS,
            "presence": {
                "sensors": [MOTION],
                "preset": "eco",
                "poll_interval_seconds": 60,
            },
        },
    ],
    ids=["openings", "presence"],
)
async def test_what_is_pushed_of_sensors_around_a_room_puts_no_reading_off(around):
    house = Watched(control="modulate", **around)
    device = CONTACT if "openings" in around else MOTION
    kind = "WoContact" if device == CONTACT else "WoPresence"
    for number in range(90):
        # Open for a moment now and then: neither long enough for a pause nor rare.
        told = {
            "deviceType": kind,
            "deviceMac": device,
            "timeOfSample": int(house.clock.now().timestamp() * 1000),
        }
        told |= {
            "openState": "open" if number % 2 else "close",
            "detectionState": "DETECTED" if number % 2 else "NOT_DETECTED",
        }
        event = {"eventType": "changeReport", "eventVersion": "1", "context": told}
        await house.engine.handle_webhook(event)
        await house.look()
        house.clock.advance(60)
    assert house.longest_gap() <= LONGEST_SECONDS + 60


# --- the kind --------------------------------------------------------------------


@settings(max_examples=drawn(4, many=12), deadline=None)
@given(
    way=st.sampled_from(["modulate", "modulate_auto", "predictive"]),
    running=st.booleans(),
    steps=st.lists(
        st.tuples(
            st.sampled_from([1, 7, 30, 60, 61, 200, 299, 301, 450]),
            st.sampled_from(["tick", "tick", "tick", "wakeup", "event", "other"]),
            st.sampled_from([0.0, 0.0, 0.1, -0.1, 0.4, -0.4]),
        ),
        min_size=15,
        max_size=40,
    ),
)
async def test_whatever_calls_for_ticks_the_pace_asked_for_is_kept(way, running, steps):
    """The wait counts from the last reading: no tick without one may lengthen it."""
    zones = {
        "default": WAYS[way],
        "other": {
            "meter_device_id": OTHER_METER,
            "aircon_device_id": "02-202008110034-14",
            "control": "modulate",
            "openings": {"sensors": [CONTACT], "poll_interval_seconds": 60},
        },
    }
    house = Watched(zones=zones)
    house.cloud.temperatures = {OTHER_METER: 21.0, CONTACT: 21.0}
    if running:
        house.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    house.cloud.temperature = 21.0
    asked_seconds = None
    for seconds, kind, warmer in steps:
        house.cloud.temperature = round(house.cloud.temperature + warmer, 1)
        step = float(seconds)
        if kind == "wakeup":
            step = (house.engine.next_wakeup - house.clock.now()).total_seconds()
            step = min(max(step, 1.0), 900.0)
        house.clock.advance(step)
        if kind == "event":
            await house.engine.handle_webhook({"eventType": "changeReport"})
        if kind == "other":
            await house.engine.act("other", "off", hold="none")
        before = len(house.reads)
        report = await house.look()
        if asked_seconds is not None:
            *_, last = house.reads[:before]
            waited = (house.clock.now() - last).total_seconds()
            assert waited - step < asked_seconds
        if len(house.reads) > before:
            decided = next(each for each in report.decisions if each.zone == "default")
            asked_seconds = CAP_SECONDS
            if decided.look_at is not None:
                wanted = (decided.look_at - house.clock.now()).total_seconds()
                asked_seconds = max(60.0, wanted)


@settings(max_examples=drawn(7, many=20), deadline=None)
@given(
    way=st.sampled_from(["modulate", "modulate_auto", "predictive"]),
    temperature=st.sampled_from([19.0, 20.0, 20.5, 21.0, 21.9, 22.6, 24.0]),
    running=st.booleans(),
    extra=st.lists(st.integers(1, 290), max_size=6),
)
async def test_when_the_next_reading_is_due_does_not_depend_on_the_last_tick(
    way, temperature, running, extra
):
    """Ticks in between never let it come later than without them."""
    waits = []
    for between in ([], sorted(extra)):
        house = Watched(**WAYS[way])
        house.cloud.temperature = temperature
        if running:
            house.remember(
                assumed_aircon_power="on",
                assumed_aircon_mode=5,
                last_action_parameter="22,5,3,on",
            )
        await house.look()
        first = house.clock.now()
        more = [first + timedelta(seconds=seconds) for seconds in between]
        while len(house.reads) < 2:
            more = [each for each in more if each > house.clock.now()]
            house.clock.advance_to(min([house.engine.next_wakeup, *more]))
            await house.look()
        waits.append((house.reads[1] - first).total_seconds())
    assert waits[1] <= waits[0]


async def test_an_answer_that_takes_its_time_asks_for_no_tick_of_its_own(house):
    """The reading came after the tick had begun; that is no reading to come."""
    house.configure(control="modulate")
    house.cloud.latency_seconds = 2.0
    began = house.clock.now()
    await house.tick(21.0)
    assert (house.engine.next_wakeup - began).total_seconds() > 60
    house.clock.advance_to(house.engine.next_wakeup)
    await house.engine.run_once()
    assert house.cloud.calls.count(READ) == 2


# --- how long a reading counts ----------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
async def test_a_reading_that_cannot_be_renewed_becomes_unknown(way):
    quota = QuotaLedger(limit=1000, clock=(house := House()).clock)
    house.configure(**WAYS[way])
    house.restarted(quota=quota)
    house.remember(assumed_aircon_power="off", compressor_stopped_at=None)
    await house.tick(21.0)
    while quota.remaining > quota.reserve:
        quota.attempt()
    sent = list(house.cloud.sent)
    early = await house.tick(15.0, after=KEPT_SECONDS - 60)
    assert early.outcome != "missing_meter"
    assert not house.state["last_temperature_stale"]
    for _ in range(5):
        report = await house.tick(15.0, after=60)
    assert report.outcome == "missing_meter"
    assert house.cloud.sent == sent
    assert house.state["last_temperature_stale"] is True
    assert house.state["last_temperature_stale_reason"] == "too_old"
    health = await house.engine.health()
    assert health["status"] == "degraded"
    assert health["zones"]["default"]["temperature_stale"] is True
    assert house.engine.overview()["zones"][0]["stale"] is True
    # A new day: it is known again at the first reading.
    house.restarted()
    await house.tick(21.0, after=60)
    assert house.state["last_temperature_stale"] is False
    assert house.state["last_temperature_stale_reason"] is None
    assert (await house.engine.health())["zones"]["default"]["temperature"] == 21.0


@pytest.mark.parametrize("way", WAYS)
async def test_it_is_shown_as_unknown_though_nobody_ticks(way):
    house = House()
    house.configure(**WAYS[way])
    await house.tick(21.0)
    for after, stale in ((0, False), (KEPT_SECONDS - 1, False), (2, True)):
        house.clock.advance(after)
        health = await house.engine.health()
        assert health["zones"]["default"]["temperature_stale"] is stale
        assert house.engine.overview()["zones"][0]["stale"] is stale


@pytest.mark.parametrize(
    ("changes", "kept_seconds"),
    [
        pytest.param({"control": "modulate"}, 1800, id="steered"),
        pytest.param({"predictive_polling": True}, 1800, id="foretold"),
        pytest.param({"poll_interval_seconds": 3600}, 7200, id="seldom"),
        pytest.param(
            {"poll_interval_seconds": 3600, "control": "modulate"},
            1800,
            id="seldom_but_steered",
        ),
        pytest.param(
            {"automation_enabled": False, "idle_poll_interval_seconds": 7200},
            14400,
            id="disabled",
        ),
        pytest.param(
            {"time_windows": [], "idle_poll_interval_seconds": 7200},
            14400,
            id="outside",
        ),
        pytest.param({"time_windows": []}, 1800, id="outside_but_often"),
    ],
)
def test_how_long_a_reading_counts(changes, kept_seconds):
    zone = parse_settings(WINTER_ROOM | changes).default
    state = ZoneState(last_temperature=21.0, last_read_at=MONDAY_NOON)
    at = MONDAY_NOON + timedelta(seconds=kept_seconds)
    assert not too_old(zone, state, at)
    assert too_old(zone, state, at + timedelta(seconds=1))


def test_a_hold_lets_less_be_looked_at_too():
    changes = {"control": "modulate", "idle_poll_interval_seconds": 3600}
    zone = parse_settings(WINTER_ROOM | changes).default
    held = ZoneState(
        last_temperature=21.0,
        last_read_at=MONDAY_NOON,
        hold_until=MONDAY_NOON + timedelta(hours=9),
    )
    assert not too_old(zone, held, MONDAY_NOON + timedelta(hours=2))
    assert too_old(zone, held, MONDAY_NOON + timedelta(hours=2, seconds=1))
    ended = held._replace(hold_until=MONDAY_NOON + timedelta(hours=1))
    assert too_old(zone, ended, MONDAY_NOON + timedelta(hours=1, seconds=1))


def test_what_was_never_read_is_not_old_and_what_failed_is_stale_at_once():
    zone = parse_settings(WINTER_ROOM).default
    assert not too_old(zone, ZoneState(), MONDAY_NOON)
    failed = ZoneState(
        last_temperature=21.0, last_read_at=MONDAY_NOON, last_temperature_stale=True
    )
    assert is_stale(zone, failed, MONDAY_NOON)
