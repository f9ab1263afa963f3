"""What holds whatever is read, set, cut off, broken or wanted by a person."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.engine.safety import assess
from switchbot_automation.engine.state import ZoneState
from switchbot_automation.errors import CloudServerError, CloudTimeoutError
from switchbot_automation.settings import parse_settings
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
        st.tuples(st.just("pass"), st.sampled_from([30.0, 600.0, 2400.0])),
        st.tuples(st.just("person"), st.sampled_from(["on", "off", "fan"])),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("cloud"), st.sampled_from(["ok", "refuses", "silent"])),
    ),
    min_size=4,
    max_size=25,
)
ERRORS = {
    "refuses": CloudServerError("refused", http_status=500),
    "silent": CloudTimeoutError("silence", maybe_sent=True),
}


async def play(document: dict[str, Any], script: list[Any], *, restarts: bool) -> Flat:
    flat = Flat()
    flat.configure(**document)
    zone = parse_settings(flat.store.get("settings")).default
    forbidden: list[str] = []

    def check(word: str) -> None:
        if not word.startswith("setAll"):
            return
        state = ZoneState.from_document(flat.state)
        safety = assess(zone, state, flat.clock.now())
        starts = state.power != "on" and flat.person is False
        if starts and safety is not None and safety.forbids_start:
            forbidden.append(f"{word}: {safety.reason.code}")

    flat.person = False
    flat.cloud.on_command = check
    for step, value in script:
        if step == "read":
            flat.reads(value)
        elif step == "pass":
            await flat.live(value)
        elif step == "person":
            flat.person = True
            await flat.engine.act("default", value)
            flat.person = False
        elif step == "restart":
            if restarts:
                flat.started()
        else:
            flat.cloud.refusals = (
                {}
                if value == "ok"
                else dict.fromkeys(("setAll", "turnOff"), ERRORS[value])
            )
        await flat.engine.run_once()
    assert not forbidden
    return flat


def starts_of(flat: Flat) -> list[tuple[datetime, datetime | None]]:
    """Return every start of the compressor with the stop before it, as the unit saw them.

    In the order of the commands: within a tick all have the same instant.
    """
    running, stopped, starts = False, None, []
    for at, word in flat.cloud.sent:
        runs = word.startswith("setAll") and ",4," not in word
        if runs and not running:
            starts.append((at, stopped))
        elif running and not runs:
            stopped = at
        running = runs
    return starts


@given(documents, steps)
@settings(max_examples=60)
def test_starts_keep_their_distance_and_their_number(document, script):
    flat = asyncio.run(play(document, script, restarts=True))
    starts = starts_of(flat)
    rest = timedelta(seconds=document["min_off_seconds"])
    for number, (at, stopped) in enumerate(starts):
        assert stopped is None or at - stopped >= rest
        earlier = [one for one, _stop in starts[: number + 1]]
        within = [one for one in earlier if at - one < timedelta(hours=1)]
        assert len(within) <= document["max_starts_per_hour"]


@given(documents, steps)
@settings(max_examples=40)
def test_a_restart_at_any_point_gives_the_same_commands(document, script):
    document = document | {"control": "switch", "predictive_polling": False}
    with_restarts = asyncio.run(play(document, script, restarts=True))
    without = asyncio.run(play(document, script, restarts=False))
    assert with_restarts.cloud.sent == without.cloud.sent
