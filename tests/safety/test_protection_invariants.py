"""What holds whatever is read, set, cut off, broken or wanted by a person."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.core.protect.safety import assess
from switchbot_automation.core.state.zone import ZoneState
from switchbot_automation.errors import CloudServerError, CloudTimeoutError
from switchbot_automation.settings.read import parse_settings
from switchbot_store import MemoryStore, StoreUnavailableError
from tests.cases import drawn
from tests.safety.conftest import Flat

documents = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["winter", "summer"]),
        "poll_interval_seconds": st.sampled_from([60, 120, 600]),
        "predictive_polling": st.booleans(),
        "min_on_seconds": st.sampled_from([0, 120]),
        "min_off_seconds": st.sampled_from([60, 300]),
        "max_starts_per_hour": st.sampled_from([1, 3, 6]),
        "max_starts_per_day": st.sampled_from([0, 8]),
        "off_repeat_count": st.sampled_from([1, 2]),
        "sensor_stale_off_seconds": st.sampled_from([1200, 3600]),
        "max_continuous_on_seconds": st.sampled_from([0, 3600]),
        "control": st.sampled_from(["switch", "modulate"]),
    }
)
readings = st.one_of(
    st.integers(150, 290).map(lambda tenths: tenths / 10),
    st.sampled_from([None, -127.0, "warm"]),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("read"), readings),
        st.tuples(st.just("wait"), st.sampled_from([30.0, 600.0, 2400.0])),
        st.tuples(st.just("person"), st.sampled_from(["on", "off", "fan"])),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("cloud"), st.sampled_from(["ok", "refuses", "silent"])),
        st.tuples(st.just("clock"), st.sampled_from([-7200.0, 3600.0, 90000.0])),
        st.tuples(st.just("push"), st.sampled_from([15.0, 21.0, 28.0])),
        st.tuples(st.just("store"), st.sampled_from(["away", "back"])),
    ),
    min_size=4,
    max_size=25,
)

ERRORS = {
    "refuses": CloudServerError("refused", http_status=500),
    "silent": CloudTimeoutError("silence", maybe_sent=True),
}


class AwayStore(MemoryStore):
    """A store that can be away."""

    away = False

    def _check_open(self) -> None:
        if self.away:
            raise StoreUnavailableError("away")
        super()._check_open()


class Life:
    """A flat to which everything happens that a script says."""

    def __init__(self, document: dict[str, Any], *, restarts: bool) -> None:
        self.flat = Flat()
        self.flat.store = AwayStore(now=self.flat.clock.now)
        self.flat.configure(**document)
        self.flat.started()
        self.flat.cloud.on_command = self.check
        self.zone = parse_settings(self.flat.store.get("settings")).default
        self.restarts = restarts
        self.person_acts = False
        self.forbidden: list[str] = []

    def check(self, word: str) -> None:
        # What is known while the store is away lies in the engine alone.
        if self.flat.store.away or not word.startswith("setAll"):
            return
        state = ZoneState.from_document(self.flat.state)
        safety = assess(self.zone, state, self.flat.clock.now())
        starts = state.power != "on" and not self.person_acts
        if starts and safety is not None and safety.forbids_start:
            self.forbidden.append(f"{word}: {safety.reason.code}")

    async def do(self, step: str, value: Any) -> None:
        done = getattr(self, step)(value)
        if done is not None:
            await done
        await self.flat.engine.run_once()

    def read(self, value: Any) -> None:
        self.flat.reads(value)

    async def wait(self, seconds: float) -> None:
        await self.flat.live(seconds)

    async def person(self, action: str) -> None:
        self.person_acts = True
        await self.flat.engine.act("default", action)
        self.person_acts = False

    def restart(self, _: None) -> None:
        # An engine that dies while the store is away leaves nothing to know.
        if self.restarts and not self.flat.store.away:
            self.flat.started()

    def clock(self, seconds: float) -> None:
        self.flat.clock.jump(seconds)

    async def push(self, temperature: float) -> None:
        # Who asks the meter is told the same: after a restart the engine does.
        self.flat.reads(temperature)
        await self.flat.push(temperature)

    def store(self, word: str) -> None:
        self.flat.store.away = word == "away"

    def cloud(self, word: str) -> None:
        error = ERRORS.get(word)
        refused = ("setAll", "turnOff") if error else ()
        self.flat.cloud.refusals = dict.fromkeys(refused, error)


async def play(document: dict[str, Any], script: list[Any], *, restarts: bool) -> Flat:
    life = Life(document, restarts=restarts)
    await life.flat.engine.run_once()
    for step, value in script:
        await life.do(step, value)
    assert not life.forbidden
    return life.flat


def starts_of(flat: Flat) -> list[tuple[float, float | None]]:
    """Return every start of the compressor with the stop before it, as the unit saw them.

    In seconds, and in the order of the commands: a tick may send two at one instant.
    """
    running, stopped, starts = False, None, []
    for at, (_instant, word) in zip(flat.cloud.moments, flat.cloud.sent, strict=True):
        runs = word.startswith("setAll") and ",4," not in word
        if runs and not running:
            starts.append((at, stopped))
        elif running and not runs:
            stopped = at
        running = runs
    return starts


def check_starts(document: dict[str, Any], script: list[Any]) -> None:
    starts = starts_of(asyncio.run(play(document, script, restarts=True)))
    for number, (at, stopped) in enumerate(starts):
        assert stopped is None or at - stopped >= document["min_off_seconds"]
        within = [one for one, _stop in starts[: number + 1] if at - one < 3600.0]
        assert len(within) <= document["max_starts_per_hour"]


@given(documents, steps)
@settings(max_examples=drawn(20, many=60))
def test_starts_keep_their_distance_and_their_number(document, script):
    check_starts(document, script)


@pytest.mark.slow
@given(documents, steps)
@settings(max_examples=3000)
def test_starts_keep_their_distance_and_their_number_in_thousands_of_homes(
    document, script
):
    check_starts(document, script)


@given(documents, steps)
@settings(max_examples=drawn(15, many=40))
def test_a_restart_at_any_point_gives_the_same_commands(document, script):
    # Nobody notices that a clock was set while no engine ran.
    script = [step for step in script if step[0] not in ("clock", "store")]
    document = document | {"control": "switch", "predictive_polling": False}
    with_restarts = asyncio.run(play(document, script, restarts=True))
    without = asyncio.run(play(document, script, restarts=False))
    assert with_restarts.cloud.sent == without.cloud.sent
