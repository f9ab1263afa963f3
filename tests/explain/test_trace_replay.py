"""A decision that was kept can be made again, from memory and from its document."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.core.home import Judged, Snapshot, ZoneSnapshot
from switchbot_automation.core.state.meter import Reading
from switchbot_automation.core.state.zone import PendingRepeat, ZoneState
from switchbot_automation.explain.trace import (
    agrees,
    from_document,
    rejudged,
    replayed,
    to_document,
    trace_of,
)
from switchbot_automation.model import Action, Decision, Power, ReasonCode, Verdict
from switchbot_automation.settings.read import parse_settings
from tests.cases import drawn

NOW = datetime(2026, 1, 12, 12, 0, 0, 250, tzinfo=UTC)
EARLIER = st.timedeltas(timedelta(0), timedelta(hours=3)).map(lambda ago: NOW - ago)
TEMPERATURES = st.floats(10, 35).map(lambda value: round(value, 1))


@st.composite
def documents(draw):
    season = draw(st.sampled_from(["winter", "summer"]))
    low = draw(st.floats(15, 25).map(lambda value: round(value, 1)))
    profile = {"min_temp": low, "max_temp": low + 2, "target_temp": 22}
    return {
        "automation_enabled": draw(st.booleans()),
        "mode": season,
        season: profile,
        "timezone": "Europe/Paris",
        "hysteresis_celsius": draw(st.sampled_from([0, 0.3, 1.0])),
        "command_cooldown_seconds": draw(st.sampled_from([0, 180, 3600])),
        "fan_mode_during_window": draw(st.booleans()),
        "turn_off_outside_windows": draw(st.booleans()),
        "aircon_device_id": "02-202008110034-13",
        "meter_device_id": "C271111EC0AB",
        "time_windows": draw(
            st.sampled_from(
                [[], [{"days": list(range(7)), "start": "06:00", "end": "23:00"}]]
            )
        ),
    }


@st.composite
def snapshots(draw):
    problem = draw(st.sampled_from([None, None, ReasonCode.METER_UNREACHABLE]))
    temperature = None if problem else draw(TEMPERATURES)
    power = draw(st.sampled_from(Power))
    action = {Power.OFF: Action.OFF, Power.UNKNOWN: None}.get(
        power, draw(st.sampled_from([Action.WINTER, Action.SUMMER, Action.FAN, None]))
    )
    repeat = PendingRepeat(1, 10.0, NOW + timedelta(seconds=5), "automation_winter_off")
    state = ZoneState(
        last_temperature=temperature,
        last_read_at=NOW,
        power=power,
        action=action,
        uncertain=draw(st.booleans()),
        last_action_at=draw(st.none() | EARLIER),
        compressor_started_at=draw(st.none() | EARLIER),
        compressor_stopped_at=draw(st.none() | EARLIER),
        hold_until=draw(st.none() | st.just(NOW + timedelta(hours=1))),
        pending_repeat=draw(st.none() | st.just(repeat)),
    )
    reading = Reading(temperature, received_at=NOW, problem=problem)
    return Snapshot({"default": ZoneSnapshot(reading, state)})


@settings(max_examples=drawn(100, many=300), deadline=None)
@given(documents(), snapshots())
def test_a_trace_replays_to_the_same_decision(document, snapshot):
    parsed = parse_settings(document)
    decided, gated = rejudged("default", snapshot, parsed, NOW)
    judged = Judged(
        NOW, snapshot, parsed, Decision(NOW, (decided,)), Verdict(NOW, (gated,))
    )
    trace = trace_of(judged, decided, gated)
    assert replayed(trace) == (decided, gated)
    kept = json.loads(json.dumps(to_document(trace)))
    read = from_document(kept, "default", parsed)
    assert read is not None
    assert agrees(read, kept)
    assert (read.decision, read.verdict) == (decided, gated)


def test_a_damaged_trace_is_no_trace():
    parsed = parse_settings({})
    for document in (None, [], {"v": 1}, {"v": 1, "inputs": {"default": 3}, "at": "x"}):
        assert from_document(document, "default", parsed) is None
