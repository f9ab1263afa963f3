"""Whatever stands in the stored documents: ticks go on, others are kept, it is mended."""

import asyncio
import copy
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from switchbot_automation.core.state.zone import ZoneState
from switchbot_automation.engine import AutomationEngine
from switchbot_automation.model import (
    CommandResult,
    DeviceList,
    DeviceStatus,
)
from switchbot_automation.simulation import SimulatedClock
from switchbot_store import JsonStore
from switchbot_store.codec import problem_of
from switchbot_store.files.names import stem_of
from tests.cases import examples

NOW = datetime(2026, 1, 12, 12, tzinfo=UTC)
METER, OTHER, PLUG, DOOR = (
    "C271111EC0AB",
    "C271111EC0AC",
    "C271111EC0AD",
    "C271111EC0AE",
)
UNIT, SECOND = "02-202008110034-13", "02-202008110034-14"


class Cloud:
    """A `CloudApi` whose meters show a cold room and whose units obey."""

    async def devices(self):
        return DeviceList((), ())

    async def status(self, device_id):
        fields = {"temperature": 19.0, "humidity": 40, "openState": "close"}
        fields |= {"weight": 0.0, "power": "on"}
        return DeviceStatus(device_id, "Meter", fields, NOW)

    async def command(self, device_id, *_arguments, **_named):
        return CommandResult(device_id, NOW)

    async def scenes(self):
        return []

    async def run_scene(self, scene_id):
        return CommandResult(scene_id, NOW)


BAND = {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 23.0}
DOCUMENT: dict[str, Any] = {
    "automation_enabled": True,
    "mode": "auto",
    "timezone": "Pacific/Kiritimati",
    "winter": BAND,
    "summer": {"min_temp": 24.0, "max_temp": 26.0, "target_temp": 25.0},
    "time_windows": [
        {"days": [*range(7)], "start": "06:00", "end": "23:00", "id": "day"},
        {"days": [0], "start": "23:30", "end": "05:00", "catch_up": "within"},
    ],
    "aircon_device_id": SECOND,
    "meter_device_id": OTHER,
    "zones": {
        "attic": {
            "aircon_device_id": UNIT,
            "sensors": [{"device_id": METER}, {"device_id": OTHER}],
            "power_meter_device_id": PLUG,
            "presets": {"away": {"winter": {"min_temp": 16.0}}},
            "openings": {"sensors": [DOOR], "drop_kelvin": 1.0},
            "presence": {"sensors": [DOOR], "preset": "away"},
            "offsets": [{"source": "tariff"}],
            "predictive_polling": True,
            "optimum_start": True,
            "overshoot_learning": True,
            "max_starts_per_day": 10,
            "max_continuous_on_seconds": 7200,
            "thermal_response_seconds": 900,
            "command_quiet_hours": {"start": "22:00", "end": "06:00"},
        },
        "cellar": {"aircon_device_id": SECOND, "meter_device_id": OTHER},
    },
    "groups": {"outdoor": {"zones": ["attic", "cellar"]}},
}


def stamp(minutes):
    return (NOW + timedelta(minutes=minutes)).isoformat()


PAST, SOON = stamp(-20), stamp(20)
SECONDS = NOW.timestamp()
SENSOR = {
    "since": PAST, "good_at": PAST, "temperature": 19.0, "humidity": 40.0,
    "changed_at": PAST, "distrust": "sensor_frozen", "good": 2, "odd": 30.0,
    "odd_count": 1, "looked_at": PAST, "quiet": 100.0, "watched_since": PAST,
    "beside": [[METER, 19.0]], "doubt": "sensor_disagrees", "doubted_at": PAST,
    "base": 19.0, "leaps": 1.0, "leapt_at": PAST, "turns": 1, "turned_at": PAST, "most_turns": 1.0, "turns_seen": 20,
}  # fmt: skip
FULL: dict[str, Any] = {
    "last_temperature": 19.0, "last_humidity": 40.0, "last_co2": 800.0, "last_read_at": PAST,
    "last_error": None, "error_count": 1, "assumed_aircon_power": "on",
    "assumed_aircon_mode": 5, "assumed_aircon_parameter": "23,5,3,on",
    "assumed_aircon_action": "winter", "last_aircon_poll_at": PAST,
    "last_action": "setAll(23.0,5,3,on)", "last_action_at": PAST,
    "compressor_started_at": PAST, "compressor_stopped_at": PAST,
    "fan_started_at": PAST, "manual_action_at": PAST, "hold_until": SOON,
    "hold_by": "", "value_since": PAST, "conditioned": "winter",
    "group_waits_since": PAST, "last_asked_at": PAST,
    "pending_off_repeat": {
        "remaining": 2, "interval_seconds": 10, "next_run_at": SOON, "action": "off",
        "state_reason": "x",
    },
    "pending_manual_action": {"action": "off", "due_at": SOON, "promised_at": PAST},
    "command_intent": {"id": "x", "at": PAST, "action": "off", "token": 1},
    "slope_bounds": {"version": 1, "recent": 0.1},
    "learned": {
        "version": 1,
        "readings": [[SECONDS - 1200, 19.0], [SECONDS - 600, 19.1]],
        "starts": [SECONDS - 1200],
        "season": {"version": 1, "name": "winter", "since": SECONDS, "asked": SECONDS},
        "warm_up": {
            "version": 1,
            "walls": 0.5, "begun": SECONDS - 1200,
        },
        "overshoot": {"version": 1, "heating": 0.2, "cooling": 0.1, "lasted": 100.0},
    },
    "sensing": SENSOR,
    "equipment": {
        "starts": [[PAST, "winter"]], "rest_until": SOON, "locked_until": SOON,
    },
    "guarding": "frost_floor",
    "automation_switch": {"on": True, "at": stamp(-60), "written": False},
    "wish": {
        "since": PAST, "until": SOON, "preset": "away", "winter": [19.0, 21.0], "by": "x",
    },
    "skipped_windows": [
        {"window": "morning", "day": PAST[:10], "begins": PAST, "ends": SOON, "by": "x"},
    ],
    "quiet_fan_until": SOON, "quiet_fan_by": "x",
    "command_check": {
        "id": "x", "action": "winter", "since": PAST, "due_at": SOON, "attempt": 1,
        "temperature": 19.0, "parameter": "23,5,3,on",
    },
    "surroundings": {
        "signs": {
            DOOR: {
                "active": True, "since": PAST, "heard_at": PAST, "held_seconds": 20,
                "moved_at": PAST, "told_at": PAST, "watched_since": PAST,
            }
        },
        "offsets": {"tariff": {"kelvin": 1.0, "until": SOON}},
        "readings": [[SECONDS - 300, 19.5], [SECONDS, 19.0]],
        "suspected_at": PAST, "dip": 1.0, "dip_at": PAST,
        "joined": {"day": "2026-01-12"}, "missed": {"day": "2026-01-12"},
    },
    "aircon_shows": {"mode": "5"},
    "unit": {"device_id": UNIT, "part": "", "starts": [], "stops": []},
    "meters": [METER, OTHER],
    "refusals": [
        {
            "device": UNIT, "rung": "command", "kind": "setAll", "code": "command_refused",
            "since": PAST, "at": PAST, "next_at": SOON, "times": 3, "words": "x",
        }
    ],
    "evidence": {
        "plug": "on", "plug_from": 100.0, "plug_at": PAST, "repairs": [PAST],
        "course": [[SECONDS, 19.0]], "said": "winter", "unanswered": 2,
        "responds": 900.0, "best": 19.0, "overrun": 0.2, **dict.fromkeys(("plug_since", "plug_asked_at", "agreed_at", "changed_at",
                         "runs_since", "unanswered_at", "room_at", "overrun_at"), PAST),
        "doubt": {"by": "plug", "since": PAST, "action": "winter", "tries": 1,
                  "next_at": SOON},
    },
    "meters_seen": {METER: SENSOR, OTHER: SENSOR},
    "kept": {
        "status": "not_kept", "failed": 3, "failed_error": "x", "failed_unit": "x",
        "excursion": {"since": PAST, "low": True, "furthest": 1.0, "turned": 0.1,
                      "moved_at": PAST, "lost": 1.0},
        "warmed": [[SECONDS, 900.0]], "cooled": [[SECONDS, 900.0]],
        "told": [{"kind": "room_out_of_band", "since": PAST}],
        **dict.fromkeys(("since", "blind_since", "blind_found", "unsure_since",
                         "failed_since", "failed_at", "well_since"), PAST),
        "blind_why": "sensor_frozen",
    },
}  # fmt: skip


def places_of(value, path=()):
    """Yield the path of every part of a document, at whatever depth."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in items:
        yield (*path, key)
        if isinstance(part, dict | list):
            yield from places_of(part, (*path, key))


FAR = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-05:00", "9999-01-01"]
EDGES = ["1970-01-01T00:00:00+00:00", "2199-12-31T23:59:59+00:00", "2200-01-01T00:00Z"]
HOSTILE = st.one_of(
    st.sampled_from([*FAR, *EDGES, stamp(-1e6), stamp(1e6), "2026-01-12", "soon", ""]),
    st.sampled_from(["winter", "summer", "off", "fan", "on", "9,9,9,on", "x" * 5000]),
    st.sampled_from([0, -1, 1, 2**31, 2**63 - 1, -(2**63), 1e11, 7.2e9, 7.3e9, -7e9]),
    st.sampled_from([1e308, -1e308, 5e-324, -0.0]),
    st.sampled_from([None, True, False, [], {}, [[]], [{}], [None], {"": None}]),
    st.sampled_from([[1e300, 1e300], [[FAR[0], "off"]], [[1e11, 1e9]], {"at": FAR[1]}]),
)
CHANGES = st.lists(
    st.tuples(st.sampled_from(list(places_of(FULL))), HOSTILE), min_size=1, max_size=6
)


def damaged(changes, document=FULL):
    document = copy.deepcopy(document)
    for path, value in changes:
        at: Any = document
        try:
            for key in path[:-1]:
                at = at[key]
            if isinstance(at, dict | list):
                at[path[-1]] = copy.deepcopy(value)
            if isinstance(at, dict) and not isinstance(path[-1], str):
                del at[path[-1]]
        except (KeyError, IndexError, TypeError):
            continue  # what it stood in was replaced
    return document


@contextmanager
def engine_over(documents):
    """Yield an engine over files as a person wrote them: past every check."""
    clock = SimulatedClock(NOW)
    with TemporaryDirectory() as place:
        for key, document in {"settings": DOCUMENT, **documents}.items():
            path = Path(place, f"{stem_of(key)}.json")
            path.write_bytes(orjson.dumps(document))
        with JsonStore(place) as store:
            yield AutomationEngine(Cloud(), store, clock=clock), store, clock


async def ticked(made, clock, times=3):
    """Return the report of each zone at the last of some ticks."""
    for _ in range(times):
        report = await made.run_once()
        assert report.outcome != "error", report
        # Minutes apart, past what the document says is soon.
        clock.advance(600)
    return {each.zone: each for each in report.decisions}


async def looked_at(made):
    """Ask everything that a person or a page asks."""
    orjson.dumps(await made.health())
    orjson.dumps(made.overview())
    for zone in ("attic", "cellar"):
        assert (await made.explain(zone)).text


@pytest.fixture(scope="module")
def written():
    """Return the documents that an engine wrote in an hour."""

    async def run():
        with engine_over({}) as (made, store, clock):
            async with made:
                await made.hold("attic", 600.0)
                await ticked(made, clock, 6)
            keys = (key for key in store.keys() if key != "settings")  # noqa: SIM118 - no mapping
            return {key: store.get(key) for key in keys}

    return asyncio.run(run())


def test_the_full_document_is_read_in_every_part():
    """Else its damage would prove nothing."""
    state = ZoneState.from_document(FULL)
    unknown = {name for name, value in state._asdict().items() if not value} - {
        "last_error",
        "last_temperature_stale",
        "last_temperature_stale_reason",
    }
    assert unknown <= {"uncertain", "hold_by"}


def places_of(document, path=()):
    """Yield the path of every number of a document."""
    inner = document.items() if isinstance(document, dict) else enumerate(document)
    for key, each in inner:
        if isinstance(each, dict | list):
            yield from places_of(each, (*path, key))
        elif isinstance(each, int | float) and not isinstance(each, bool):
            yield (*path, key)


@pytest.mark.parametrize("huge", [2**63 - 1, -(2**63), 1e16, -1e300])
def test_what_is_read_can_be_written_whatever_number_stands_in_it(huge):
    """One number too large for a store was read, and no state was stored from then on."""
    places = list(places_of(FULL))
    assert len(places) > 40
    for place in places:
        read = ZoneState.from_document(damaged([(place, huge)]))
        assert problem_of(read.merged_into({}, ZoneState())) is None, place


@examples(3, many=100)
@given(changes=CHANGES)
@example([(("last_error",), 1e308), (("hold_by",), "a\0b")])
@example([(("sensing",), {"a\0b": 2**63}), (("hold_until",), FAR[1])])
@example([(("skipped_windows", 0, "day"), "0001-01-01")])
@example([(("kept", "warmed", 0, 0), 2**63 - 1)])
def test_a_damaged_zone_stops_nothing_and_can_be_mended(changes):
    """Over every part of a state document, some at once, through a restart."""

    async def run():
        with engine_over({"state/attic": damaged(changes)}) as (made, store, clock):
            async with made:
                assert set(await ticked(made, clock)) == {"attic", "cellar"}
                await looked_at(made)
                await made.hold("attic", "none")
                attic = (await ticked(made, clock, 1))["attic"]
                assert "hold_manual" not in [str(each.code) for each in attic.reasons]
                assert store.get("state/attic")["hold_until"] is None
            async with AutomationEngine(Cloud(), store, clock=clock) as again:
                await ticked(again, clock, 1)
                await looked_at(again)

    asyncio.run(run())


@examples(3, many=100)
@given(data=st.data())
def test_any_document_of_the_engine_may_be_damaged(written, data):
    """The kind: also those of rules, quota, account and the other zones."""
    documents = copy.deepcopy(written)
    for _ in range(data.draw(st.integers(1, 5))):
        key = data.draw(st.sampled_from(sorted(documents)))
        places = [*places_of(documents[key])]
        if places:
            change = [(data.draw(st.sampled_from(places)), data.draw(HOSTILE))]
            documents[key] = damaged(change, documents[key])

    async def run():
        with engine_over(documents) as (made, store, clock):
            async with made:
                await ticked(made, clock)
                await looked_at(made)
                for zone in ("attic", "cellar"):
                    await made.hold(zone, "none")
            async with AutomationEngine(Cloud(), store, clock=clock) as again:
                await ticked(again, clock, 1)
                await looked_at(again)

    asyncio.run(run())


async def test_what_no_store_takes_is_named_and_left_out():
    """Of one zone; the others, and a hold that is ended, are written all the same."""
    odd = {"attic": {**FULL, "last_error": 1e308, "of_others": [2**63, "a\0b", 1]}}
    documents = {f"state/{zone}": document for zone, document in odd.items()}
    with engine_over(documents) as (made, store, clock):
        async with made:
            await made.run_once()
            (told,) = (await made.health())["document_problems"]
            for part in ("state/attic", "last_error", "of_others[0]", "of_others[1]"):
                assert part in told
            await made.hold("attic", "none")
            await ticked(made, clock)
            assert (await made.health())["document_problems"] == []
        assert store.get("state/attic")["hold_until"] is None
        assert store.get("state/attic")["of_others"] == [None, None, 1]
        assert store.get("state/cellar")["last_temperature"] == 19.0
