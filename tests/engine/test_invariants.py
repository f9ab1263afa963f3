"""What holds whatever the settings, the readings, the outages and the restarts."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.errors import CloudServerError
from switchbot_automation.model import CommandResult, DeviceList, DeviceStatus
from switchbot_automation.simulation import SimulatedClock
from switchbot_store import MemoryStore, StoreUnavailableError
from tests.cases import drawn

START = datetime(2026, 1, 12, 12, tzinfo=UTC)

few = settings(
    max_examples=drawn(20, many=60),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

OPEN = {"days": [0, 1, 2, 3, 4, 5, 6], "start": "00:00", "end": "23:59"}

documents = st.builds(
    lambda season, low, width, hysteresis, **others: {
        "automation_enabled": True,
        "mode": season,
        "timezone": "UTC",
        "meter_device_id": "METER",
        "aircon_device_id": "02-1-13",
        season: {"min_temp": low, "max_temp": low + width, "target_temp": low + width},
        "hysteresis_celsius": hysteresis,
        **others,
    },
    season=st.sampled_from(["winter", "summer"]),
    low=st.integers(18, 24).map(float),
    width=st.sampled_from([0.0, 0.5, 2.0]),
    hysteresis=st.sampled_from([0.0, 0.3, 1.0]),
    command_cooldown_seconds=st.sampled_from([0, 60, 180]),
    min_on_seconds=st.sampled_from([0, 45, 420]),
    min_off_seconds=st.sampled_from([0, 45, 300]),
    off_repeat_count=st.sampled_from([1, 3]),
    off_repeat_interval_seconds=st.sampled_from([10, 90]),
    fan_mode_during_window=st.booleans(),
    turn_off_outside_windows=st.booleans(),
    poll_interval_seconds=st.sampled_from([15, 60, 120]),
    time_windows=st.sampled_from(
        [
            [OPEN],
            [{"days": [0], "start": "12:05", "end": "12:20"}],
            [],
        ]
    ),
)

temperatures = st.integers(150, 290).map(lambda tenths: tenths / 10)

steps = st.lists(
    st.one_of(
        st.tuples(st.just("temperature"), temperatures),
        st.tuples(st.just("wait"), st.sampled_from([1, 17, 60, 300])),
        st.tuples(st.just("silent meter"), st.booleans()),
        st.tuples(st.just("failing commands"), st.booleans()),
        st.tuples(st.just("answers lost"), st.booleans()),
        st.tuples(st.just("store away"), st.booleans()),
        st.tuples(
            st.just("person"),
            st.sampled_from(["on", "off", "fan", "winter", "summer"]),
        ),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("crash"), st.sampled_from(["before sending", "after it"])),
    ),
    max_size=40,
)


class AwayStore(MemoryStore):
    """A memory store that can be away."""

    away = False

    def _check_open(self):
        if self.away:
            raise StoreUnavailableError("away")
        super()._check_open()


class Crash(BaseException):
    """The process ends while it sends."""


FLAGS = {
    "temperature": "temperature",
    "silent meter": "silent",
    "failing commands": "failing",
    "answers lost": "deaf",
    "crash": "crash",
}


@dataclass
class Room:
    """The world: a unit with a compressor that notes its own starts and stops."""

    document: dict[str, Any]
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(START))
    temperature: float = 21.0
    silent: bool = False
    failing: bool = False
    deaf: bool = False
    crash: str | None = None
    words: list[str] = field(default_factory=list)
    running: bool = False
    started: list[datetime] = field(default_factory=list)
    stopped: list[datetime] = field(default_factory=list)
    automatic: bool = True
    too_short: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.store = AwayStore()
        self.store.set("settings", self.document)
        self.restart()

    def restart(self):
        self.engine = AutomationEngine(self, self.store, clock=self.clock)

    async def devices(self):
        return DeviceList((), ())

    async def status(self, device_id):
        if self.silent:
            raise CloudServerError("no answer")
        fields = {"temperature": self.temperature, "humidity": 50}
        return DeviceStatus(device_id, "Meter", fields, self.clock.now())

    async def scenes(self):
        return []

    async def run_scene(self, scene_id):
        raise CloudServerError("none here")

    async def command(self, device_id, command, parameter="default", *_rest):
        if self.failing:
            raise CloudServerError("refused", status_code=161)
        # With the store away nothing can outlive the process.
        crash = None if self.store.away else self.crash
        if crash == "before sending":
            raise Crash
        self.words.append(f"{command} {parameter}")
        self.switch(command == "setAll" and parameter.split(",")[1] != "4")
        if crash is not None:
            raise Crash
        if self.deaf:
            raise CloudServerError("the answer was lost", maybe_sent=True)
        return CommandResult(device_id, self.clock.now())

    def switch(self, running):
        now = self.clock.now()
        if running and not self.running:
            self._check(self.stopped, "min_off_seconds", "start")
            self.started.append(now)
        elif self.running and not running:
            if self.automatic:
                self._check(self.started, "min_on_seconds", "stop")
            self.stopped.append(now)
        self.running = running

    def _check(self, since, name, what):
        seconds = self.document[name] or self.document["command_cooldown_seconds"]
        if since and (self.clock.now() - since[-1]).total_seconds() < seconds:
            self.too_short.append(f"{what} at {self.clock.now()}, {name} {seconds}")

    async def do(self, step):
        kind, value = step
        if kind in FLAGS:
            setattr(self, FLAGS[kind], value)
        elif kind == "wait":
            await self.live(value)
        elif kind == "store away":
            self.store.away = value
        elif kind == "restart" and not self.store.away:
            self.restart()
        elif kind == "person" and self.engine.next_wakeup > self.clock.now():
            self.automatic = False
            done = await self._surviving(self.engine.act("default", value))
            if done is None:
                await self.tick()  # which sends the person's OFF again
            self.automatic = True
        if self.engine.next_wakeup <= self.clock.now():
            await self.tick()

    async def _surviving(self, work):
        try:
            return await work
        except Crash:
            self.crash = None
            self.restart()

    async def tick(self):
        report = None
        while report is None:
            report = await self._surviving(self.engine.run_once())
        assert report.next_wakeup > self.clock.now()
        assert all(decision.reasons for decision in report.decisions)
        return report

    async def live(self, seconds):
        """Tick at every wake-up asked for, for so long."""
        until = self.clock.now() + timedelta(seconds=seconds)
        while self.engine.next_wakeup <= until:
            self.clock.advance_to(self.engine.next_wakeup)
            await self.tick()
        self.clock.advance_to(until)


@few
@given(document=documents, steps=steps)
def test_no_start_and_no_stop_ever_comes_before_its_minimum_time(document, steps):
    async def play():
        room = Room(document)
        await room.tick()
        for step in steps:
            await room.do(step)
        await room.live(900)
        return room

    assert asyncio.run(play()).too_short == []


@few
@given(document=documents, temperature=temperatures)
def test_a_constant_temperature_gives_at_most_one_transition(document, temperature):
    async def play():
        room = Room({**document, "off_repeat_count": 1, "time_windows": [OPEN]})
        room.temperature = temperature
        await room.live(1800)
        return room

    assert len(asyncio.run(play()).words) <= 1


async def test_a_jump_is_acted_on_at_its_second_reading_and_then_no_more():
    document = {
        "automation_enabled": True,
        "mode": "winter",
        "timezone": "UTC",
        "meter_device_id": "METER",
        "aircon_device_id": "02-1-13",
        "winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 22.0},
        "time_windows": [OPEN],
        "sensor_slew_kelvin": 3.0,
        "off_repeat_count": 1,
        "poll_interval_seconds": 60,
        "command_cooldown_seconds": 0,
        "min_on_seconds": 0,
        "min_off_seconds": 0,
    }
    room = Room(document)
    await room.live(60)
    room.temperature = 15.0
    await room.tick()
    assert room.words == []
    for _reading in range(4):
        await room.tick()
    assert len(room.words) == 1


@few
@given(document=documents, steps=steps)
def test_the_same_home_again_sends_nothing_new_once_its_reading_is_believed(
    document, steps
):
    """A jump beyond `sensor_slew_kelvin` is believed at its second reading."""

    async def play():
        room = Room({**document, "off_repeat_count": 1})
        await room.tick()
        for step in steps:
            await room.do(step)
        room.store.away = room.failing = room.deaf = False
        room.crash = None
        for _reading in range(2):
            await room.tick()
        words = list(room.words)
        for _tick in range(3):
            await room.tick()
        return words, room.words

    before, after = asyncio.run(play())
    assert after == before


@few
@given(
    document=documents,
    steps=steps.map(
        lambda steps: [
            s for s in steps if s[0] not in ("restart", "crash", "store away")
        ]
    ),
    cuts=st.sets(st.integers(0, 40), max_size=4),
)
def test_restarting_anywhere_gives_the_same_commands(document, steps, cuts):
    async def play(restarts):
        room = Room(document)
        await room.tick()
        for number, step in enumerate(steps):
            if number in restarts:
                wakeup = room.engine.next_wakeup
                room.restart()
                # A restart loses no time: the same instants are ticked.
                room.engine._parts.agenda.next_wakeup = wakeup
            await room.do(step)
        await room.live(900)
        return room.words

    assert asyncio.run(play(cuts)) == asyncio.run(play(set()))


@few
@given(
    document=documents,
    temperatures=st.lists(temperatures, min_size=2, max_size=2).map(sorted),
    power=st.sampled_from(["on", "off", "unknown"]),
)
def test_a_colder_room_never_turns_heating_off_nor_cooling_on(
    document, temperatures, power
):
    async def decided(temperature):
        room = Room({**document, "fan_mode_during_window": False})
        room.store.set("state", {"assumed_aircon_power": power})
        room.temperature = temperature
        return (await room.tick()).decisions[0].outcome

    colder, warmer = (asyncio.run(decided(each)) for each in temperatures)
    if document["mode"] == "winter" and warmer == "winter_on":
        assert colder == "winter_on"
    if document["mode"] == "summer" and colder == "summer_on":
        assert warmer == "summer_on"
