"""Instants near both ends of what can be computed with, through every border."""

import gzip
import hashlib
import json
import logging
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import aiohttp
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from switchbot_automation import instants
from switchbot_automation.cloud.events.events import RefusedWebhook, WebhookReceiver
from switchbot_automation.core.state.zone import ZoneState, unreadable_instants
from switchbot_automation.engine import AutomationEngine
from switchbot_automation.engine.act.boosts import Boosts
from switchbot_automation.engine.act.wishes import FOR_EVER, check_hold, end_of_hold
from switchbot_automation.errors import SettingsError
from switchbot_automation.instants import (
    EARLIEST,
    LATEST,
    checked_instant,
    from_cloud_unix,
    from_unix,
    stored_instant,
)
from switchbot_automation.model import DeviceList, DeviceStatus
from switchbot_automation.mqtt.commands import carry_out
from switchbot_automation.settings.read import check_settings, parse_settings
from switchbot_automation.simulation import SimulatedClock
from switchbot_automation.simulation.replay import read_readings
from switchbot_automation.web import serve
from switchbot_store import MemoryStore, StoreDataError
from switchbot_store import instants as store_instants
from switchbot_store.backup import restore
from switchbot_store.backup.format import BackupWriter

NOW = datetime(2026, 1, 12, 12, tzinfo=UTC)
OFFSETS = st.integers(-24 * 60 + 1, 24 * 60 - 1).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
DAY = timedelta(days=2)
FIRST, LAST = datetime.min, datetime.max  # noqa: DTZ901 - an offset is given below
NEAR_ENDS = st.one_of(
    st.datetimes(FIRST, FIRST + DAY, timezones=OFFSETS),
    st.datetimes(LAST - DAY, LAST, timezones=OFFSETS),
    st.datetimes(LATEST.replace(tzinfo=None) + DAY, LAST, timezones=OFFSETS),
    st.datetimes(FIRST, EARLIEST.replace(tzinfo=None) - DAY, timezones=OFFSETS),
)
# What stood in a person's request and stopped every tick.
REPORTED = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-5)))
ZONE: dict[str, Any] = {
    "automation_enabled": True,
    "mode": "winter",
    "timezone": "America/New_York",
    "meter_device_id": "C271111EC0AB",
    "aircon_device_id": "02-202008110034-13",
    "winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 23.0},
    "time_windows": [{"days": [*range(7)], "start": "06:00", "end": "23:00"}],
}


class Cloud:
    """A `CloudApi` of one meter that always shows the same."""

    async def devices(self):
        return DeviceList((), ())

    async def status(self, device_id):
        return DeviceStatus(device_id, "Meter", {"temperature": 21.0}, NOW)

    async def command(self, *_arguments):
        raise AssertionError("nothing may be sent")

    async def scenes(self):
        return []

    async def run_scene(self, _scene_id):
        raise AssertionError("nothing may be sent")


def engine(state: dict[str, Any] | None = None) -> tuple[AutomationEngine, MemoryStore]:
    clock = SimulatedClock(NOW)
    store = MemoryStore(now=clock.now)
    store.set("settings", ZONE)
    if state is not None:
        store.set("state", state)
    return AutomationEngine(Cloud(), store, clock=clock), store


def codes(report):
    return [str(reason.code) for reason in report.decisions[0].reasons]


# --- the helper, of both packages ----------------------------------------------------


@given(NEAR_ENDS)
@example(REPORTED)
def test_what_lies_beyond_is_refused_and_never_overflows(at):
    for module in (instants, store_instants):
        assert module.stored_instant(at.isoformat()) is None
        with pytest.raises(ValueError, match="1970-01-01 to 2200-01-01"):
            module.checked_instant(at)
        with pytest.raises(ValueError, match="1970-01-01 to 2200-01-01"):
            module.parse_instant(at.isoformat())


@given(
    st.datetimes(
        EARLIEST.replace(tzinfo=None) + DAY,
        LATEST.replace(tzinfo=None) - DAY,
        timezones=OFFSETS,
    )
)
def test_what_lies_within_is_the_same_instant_in_utc(at):
    for read in (
        checked_instant(at),
        stored_instant(at.isoformat()),
        store_instants.stored_instant(at.isoformat()),
    ):
        assert read == at
        assert read.tzinfo is UTC
    assert from_unix(at.timestamp()) is not None


def test_both_packages_agree():
    assert (store_instants.EARLIEST, store_instants.LATEST) == (EARLIEST, LATEST)


@pytest.mark.parametrize("seconds", [-1.0, 1e11, 1e300, float("inf"), float("nan")])
def test_unix_time_beyond_is_no_instant(seconds):
    assert from_unix(seconds) is None


@pytest.mark.parametrize("value", [1_767_960_000, 1_767_960_000_000])
def test_the_cloud_s_seconds_and_milliseconds_are_one_instant(value):
    assert from_cloud_unix(value) == datetime(2026, 1, 9, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, 10**400, 8_000_000_000_000])
def test_no_number_of_the_cloud_s_leads_beyond_the_range(value):
    assert from_cloud_unix(value) is None


# --- a person ------------------------------------------------------------------------


@given(NEAR_ENDS | st.floats(1e9) | st.integers(10**10) | st.just(float("nan")))
@example(REPORTED)
@example(1e12)
@example(timedelta.max)
def test_a_hold_beyond_all_use_is_refused(hold):
    zone = parse_settings(ZONE).default
    with pytest.raises(ValueError, match="hold: "):
        check_hold(hold, NOW)
    with pytest.raises(ValueError, match="hold: "):
        end_of_hold(hold, zone, NOW)


async def test_acting_with_a_hold_beyond_all_use_changes_nothing_and_ticks_go_on():
    made, store = engine()
    async with made:
        await made.run_once()
        before = store.get("state")
        for hold in (REPORTED, 1e12, timedelta.max):
            with pytest.raises(ValueError, match="hold: "):
                await made.act("default", "off", hold)
            with pytest.raises(ValueError, match="hold: "):
                await made.hold("default", hold)
            with pytest.raises(ValueError, match="at: "):
                await made.explain(at=REPORTED)
        assert store.get("state") == before
        assert (await made.run_once()).outcome != "error"


async def test_a_hold_until_the_next_change_in_a_far_year_is_for_good():
    far = {**ZONE, "time_windows": [{**ZONE["time_windows"][0], "from": "2999-01-01"}]}
    zone = parse_settings(far).default
    assert end_of_hold("until_next_change", zone, NOW) == FOR_EVER


async def test_the_api_answers_every_instant_and_stays_alive():
    made, store = engine()
    ends = ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+14:00"]
    async with made:
        await made.run_once()
        before = store.get("state")
        async with serve(made, port=0) as url, aiohttp.ClientSession() as http:
            actions = f"{url}api/zones/default/actions"
            for hold in (*ends, "9999-01-01T00:00:00+00:00", 1e12, 1e308):
                for action in ("off", "hold"):
                    wish = {"action": action, "hold": hold}
                    async with http.post(actions, json=wish) as answer:
                        told = await answer.json()
                    assert answer.status == 422, (wish, told)
                    assert told["message"].startswith("hold: ")
            for at in ends:
                for query in (
                    {"at": at},
                    {"start": at},
                    {"end": at},
                ):
                    page = "explain" if "at" in query else "history"
                    path = f"{url}api/zones/default/{page}"
                    async with http.get(path, params=query) as answer:
                        assert answer.status == 422, query
            assert store.get("state") == before
            async with http.get(f"{url}api/zones") as answer:
                assert answer.status == 200


# --- what is stored ------------------------------------------------------------------

FLAT = [
    "last_read_at", "last_aircon_poll_at", "last_action_at", "compressor_started_at",
    "compressor_stopped_at", "fan_started_at", "manual_action_at", "hold_until",
    "value_since", "group_waits_since",
]  # fmt: skip


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(
        st.sampled_from(FLAT),
        NEAR_ENDS.map(datetime.isoformat) | st.sampled_from(["soon", 5, [], "9999"]),
        min_size=1,
    ),
    NEAR_ENDS.map(datetime.isoformat),
)
def test_a_stored_instant_beyond_all_use_is_absent_and_named(flat, far):
    document = {
        **flat,
        "pending_off_repeat": {"remaining": 1, "next_run_at": far},
        "pending_manual_action": {"action": "off", "due_at": far},
        "command_intent": {"id": "x", "action": "off", "at": far},
        "equipment": {"starts": [{"at": far}], "rest_until": far, "locked_until": far},
        "surroundings": {
            "signs": {"s": {"active": True, "since": far, "heard_at": far}},
            "offsets": {"o": {"kelvin": 1.0, "until": far}},
            "missed": {"w": "yesterday"},
            "joined": {"w": 5},
        },
        "learned": {"version": 1, "warm_up": {"version": 1, "episode": {"at": 1e11}}},
    }
    state = ZoneState.from_document(document)
    assert all(getattr(state, key) is None for key in flat)
    assert state.pending_repeat is state.pending_manual is state.intent is None
    named = unreadable_instants(document)
    assert named.keys() >= flat.keys()
    assert "equipment.locked_until" in named
    assert "surroundings.offsets.o.until" in named


@pytest.mark.parametrize("hold", [REPORTED.isoformat(), "0001-01-01T00:00:00+14:00"])
async def test_a_broken_hold_stops_no_tick_is_named_and_resuming_mends_it(hold, caplog):
    made, store = engine({"hold_until": hold, "last_read_at": hold})
    async with made:
        with caplog.at_level(logging.WARNING):
            report = await made.run_once()
        assert "hold_manual" not in codes(report)
        assert f"hold_until {hold!r}"[:40] in caplog.text
        async with serve(made, port=0) as url, aiohttp.ClientSession() as http:
            for path in ("api/zones", "api/zones/default", "api/zones/default/explain"):
                async with http.get(f"{url}{path}") as answer:
                    assert answer.status == 200, path
            actions = f"{url}api/zones/default/actions"
            async with http.post(actions, json={"action": "resume"}) as answer:
                assert answer.status == 200
        assert store.get("state")["hold_until"] is None
        assert store.get("state")["last_read_at"] != hold


async def test_a_permanent_hold_is_one_after_a_restart_too():
    made, store = engine()
    async with made:
        await made.run_once()
        await made.hold("default", "permanent")
    again = AutomationEngine(Cloud(), store, clock=SimulatedClock(NOW))
    async with again:
        report = await again.run_once()
    assert codes(report) == ["hold_manual"]
    state = ZoneState.from_document(store.get("state"))
    assert state.hold_until == FOR_EVER
    assert unreadable_instants(store.get("state")) == {}


@pytest.mark.parametrize("wish", ["temperature", "quiet_fan"])
async def test_a_wish_without_an_end_is_one_after_a_restart_and_no_mistake(
    wish, caplog
):
    made, store = engine()
    async with made:
        await made.run_once()
        if wish == "temperature":
            await made.set_temperature("default", 20, 21, "permanent")
        else:
            await made.quiet_fan("default", "permanent")
    assert unreadable_instants(store.get("state")) == {}
    broken = {"wish": {"until": "never"}}
    assert unreadable_instants(broken) == {"wish.until": "never"}
    with caplog.at_level(logging.WARNING):
        again = AutomationEngine(Cloud(), store, clock=SimulatedClock(NOW))
        async with again:
            await again.run_once()
    assert "until" not in caplog.text


# --- settings, files and events -------------------------------------------------------


@pytest.mark.parametrize("day", ["1066-10-14", "2999-12-31"])
@pytest.mark.parametrize("key", ["from", "until"])
async def test_a_far_day_is_refused_where_it_enters_and_lived_with_where_it_is(
    key, day
):
    window = {**ZONE["time_windows"][0], key: day}
    far = {**ZONE, "zones": {"attic": {"time_windows": [window]}}}
    (error,) = check_settings(far)
    assert error.path == f"zones.attic.time_windows[0].{key}"
    parse_settings(far)
    made, store = engine()
    async with made:
        await made.run_once()
        for dry_run in (True, False):
            with pytest.raises(SettingsError, match="not within 1970-01-01"):
                await made.apply_settings(far, dry_run=dry_run)
        assert store.get("settings") == ZONE
        store.set("settings", far)
        assert (await made.run_once()).outcome != "error"
        assert made.overview()["settings_error"] is None


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_day_at_the_end_of_the_calendar_is_no_setting(day):
    window = {**ZONE["time_windows"][0], "until": day}
    with pytest.raises(SettingsError):
        parse_settings({**ZONE, "time_windows": [window]})


@given(NEAR_ENDS)
@example(REPORTED)
def test_a_row_of_readings_beyond_all_use_is_a_bad_row(at):
    recording = read_readings(
        [
            "timestamp,temperature_c,humidity_pct\n",
            f"{at.isoformat()},21,50\n",
            "2026-01-12T12:00:00Z,21,50\n",
        ]
    )
    assert [reading.at for reading in recording.readings] == [NOW]
    assert [row.line for row in recording.bad_rows] == [2]


@given(
    st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet="0123456789", max_size=40)
)
def test_an_event_of_any_time_is_taken_or_refused(stamp):
    body = {
        "eventType": "changeReport",
        "eventVersion": "1",
        "context": {
            "deviceMac": "C271111EC0AB",
            "temperature": 20,
            "timeOfSample": stamp,
        },
    }
    taken = WebhookReceiver().receive(body, NOW, 0.0)
    near = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
    assert isinstance(taken, RefusedWebhook) or near[0] < taken.sampled_at < near[1]


# --- every entrance, the same instants ------------------------------------------------------


BEYOND = [
    f"{day}{offset}"
    for day in (
        "0001-01-01T00:00:00",
        "1969-12-31T00:00:00",
        "2201-01-01T00:00:00",
        "9999-12-31T23:59:59",
    )
    for offset in ("+00:00", "+14:00", "-12:00")
]


async def refused_by_the_page(made, at):
    """Ask every place of the API that takes an instant."""
    zone = "api/zones/default"
    wishes = [
        *({"action": each, "hold": at} for each in ("off", "winter", "hold")),
        {"action": "set_temperature", "low": 20, "high": 21, "hold": at},
        {"action": "quiet_fan", "hold": at},
    ]
    asked = [("explain", "at"), ("history", "start"), ("history", "end")]
    asked += [("history.csv", "start"), ("history.csv", "end")]
    async with serve(made, port=0) as url, aiohttp.ClientSession() as http:
        for wish in wishes:
            async with http.post(f"{url}{zone}/actions", json=wish) as answer:
                assert answer.status == 422, (wish, await answer.text())
        for page, key in asked:
            async with http.get(f"{url}{zone}/{page}", params={key: at}) as answer:
                assert answer.status in {404, 422}, (page, key, await answer.text())
        for path in ("api/zones", zone, f"{zone}/explain", "metrics", "healthz"):
            async with http.get(f"{url}{path}") as answer:
                assert answer.status == 200, (path, await answer.text())


async def refused_by_the_settings(made, at):
    for key in ("from", "until"):
        window = {**ZONE["time_windows"][0], key: at[:10]}
        with pytest.raises(SettingsError):
            await made.apply_settings({**ZONE, "time_windows": [window]})


async def refused_by_a_broker(made, at):
    boosts = Boosts()
    minutes = str(int(datetime.fromisoformat(at).timestamp() - NOW.timestamp()) // 60)
    for what in ("hold", "quiet_fan", "boost"):
        for said in (at, at[:10], minutes, f"{minutes}e9"):
            with pytest.raises(ValueError, match=r"."):
                await carry_out(made, boosts, "default", what, said.encode())


def refused_by_files(tmp_path, at):
    lines = ["timestamp,temperature_c,humidity_pct\n", f"{at},21,50\n"]
    recording = read_readings(lines)
    assert (recording.readings, len(recording.bad_rows)) == ((), 1)
    path = tmp_path / "backup.gz"
    with BackupWriter(path, source="a test") as writer:
        # Whoever writes one leaves out what is none.
        writer.document("state", {}, datetime.fromisoformat(at))
    header, document, end = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    assert b'"updated_at":null' in document
    document = document.replace(b"null", json.dumps(at).encode())
    digest = hashlib.sha256(header + document).hexdigest()
    end = json.dumps({**json.loads(end), "sha256": digest}).encode()
    path.write_bytes(gzip.compress(header + document + end))
    store = MemoryStore()
    with pytest.raises(StoreDataError, match="1970-01-01 to 2200-01-01"):
        restore(store, None, path)
    assert list(store.keys()) == []


def an_event(at):
    stamp = datetime.fromisoformat(at).timestamp() * 1000
    context = {"deviceMac": "C271111EC0AB", "temperature": 20, "timeOfSample": stamp}
    body = {"eventType": "changeReport", "eventVersion": "1", "context": context}
    return WebhookReceiver().receive(body, NOW, 0.0)


@pytest.mark.parametrize("at", BEYOND)
async def test_no_entrance_lets_in_an_instant_that_is_beyond_all_use(at, tmp_path):
    made, store = engine()
    async with made:
        await made.run_once()
        before = store.get("state"), store.get("settings")
        await refused_by_the_page(made, at)
        await refused_by_the_settings(made, at)
        await refused_by_a_broker(made, at)
        assert (store.get("state"), store.get("settings")) == before
    refused_by_files(tmp_path, at)
    taken = an_event(at)
    assert isinstance(taken, RefusedWebhook) or taken.sampled_at == NOW


@pytest.mark.parametrize("at", BEYOND)
async def test_a_backup_whose_state_holds_one_is_lived_with(at, tmp_path):
    path = tmp_path / "backup.gz"
    with BackupWriter(path, source="a test") as writer:
        writer.document("settings", ZONE, NOW)
        writer.document("state", dict.fromkeys(FLAT, at), NOW)
    made, store = engine()
    restore(store, None, path)
    async with made:
        assert (await made.run_once()).outcome != "error"
        await made.resume("default")
        assert store.get("state")["hold_until"] is None
