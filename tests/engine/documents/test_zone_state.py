"""The state document: the dashboard's own, ours, and damaged ones."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.core.state.zone import ZoneState
from switchbot_automation.model import Action, Power
from switchbot_store import MemoryStore

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)

# As an existing dashboard has it.
DASHBOARD = {
    "last_temperature": 23.5,
    "last_humidity": 55,
    "last_read_at": "2026-01-09T17:29:48+00:00",
    "last_action": "setAll(26.0,5,3,on)",
    "last_action_at": "2026-01-09T17:30:00+00:00",
    "assumed_aircon_power": "on",
    "assumed_aircon_mode": 5,
    "assumed_aircon_parameter": "26.0,5,3,on",
    "api_requests_total": 150,
    "api_quota_day": "2026-01-09",
    "pending_off_repeat": {
        "remaining": 1,
        "interval_seconds": 10,
        "next_run_at": "2026-01-09T21:30:10+00:00",
        "state_reason": "automation_winter_off",
    },
    "last_temperature_stale": False,
    "last_error": None,
    "automation_in_progress": False,
    "automation_lock_token": 4182,
}


def test_a_dashboards_document_is_understood():
    state = ZoneState.from_document(DASHBOARD)
    assert state.power is Power.ON
    assert state.action is Action.WINTER
    assert state.compressor_running
    assert state.compressor_started_at == datetime(2026, 1, 9, 17, 30, tzinfo=UTC)
    assert state.pending_repeat.remaining == 1
    assert state.pending_repeat.action is Action.OFF
    assert state.pending_repeat.next_run_at.tzinfo is UTC


def test_keys_of_others_survive_untouched():
    before = ZoneState.from_document(DASHBOARD)
    after = before._replace(last_temperature=21.0)
    merged = after.merged_into(DASHBOARD, before)
    assert merged["last_temperature"] == 21.0
    untouched = {
        key: value for key, value in DASHBOARD.items() if key != "last_temperature"
    }
    assert untouched.items() <= merged.items()


@pytest.mark.parametrize(
    ("document", "action", "stamp"),
    [
        ({"assumed_aircon_power": "on", "assumed_aircon_mode": 5}, "winter", "started"),
        ({"assumed_aircon_power": "on", "assumed_aircon_mode": 2}, "summer", "started"),
        ({"assumed_aircon_power": "on", "assumed_aircon_mode": 1}, None, "started"),
        ({"assumed_aircon_power": "on"}, None, "started"),
        ({"assumed_aircon_power": "on", "assumed_aircon_mode": 4}, "fan", "fan"),
        (
            {"assumed_aircon_power": "on", "last_action": "scene(T) (manual_fan)"},
            "fan",
            "fan",
        ),
        ({"assumed_aircon_power": "off"}, "off", "stopped"),
        ({"assumed_aircon_power": "unknown"}, None, "stopped"),
        ({}, None, "stopped"),
    ],
)
def test_the_one_timestamp_of_a_dashboard_is_laid_to_what_the_unit_did(
    document, action, stamp
):
    state = ZoneState.from_document({**document, "last_action_at": NOON.isoformat()})
    assert state.action == action
    assert {
        "started": state.compressor_started_at,
        "stopped": state.compressor_stopped_at,
        "fan": state.fan_started_at,
    } == {"started": None, "stopped": None, "fan": None} | {stamp: NOON}


def test_our_own_timestamps_are_not_overruled_by_the_last_action():
    state = ZoneState.from_document(
        {
            "assumed_aircon_power": "off",
            "compressor_stopped_at": "2026-01-12T11:00:00+00:00",
            "last_action_at": NOON.isoformat(),
        }
    )
    assert state.compressor_stopped_at == NOON - timedelta(hours=1)


@pytest.mark.parametrize("power", ["off", "on"])
def test_an_action_that_contradicts_the_power_is_not_believed(power):
    # A dashboard that runs beside us changes the power and leaves our key alone.
    action = "winter" if power == "off" else "off"
    state = ZoneState.from_document(
        {"assumed_aircon_power": power, "assumed_aircon_action": action}
    )
    assert state.action == ("off" if power == "off" else None)


# What a document may hold: no NUL, no half of a surrogate pair.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(-1e15, 1e15)
    | st.sampled_from(
        ["on", "off", "", "2026-01-12T12:00:00", "9999-12-31T23:59-14:00"]
    )
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner),
    max_leaves=6,
)
KEYS = [
    *DASHBOARD,
    "assumed_aircon_action",
    "assumed_aircon_uncertain",
    "compressor_started_at",
    "compressor_stopped_at",
    "command_intent",
    "pending_manual_action",
    "hold_until",
    "error_count",
    "unit",
    "meters",
    "something_else",
]


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_any_document_can_be_read_changed_and_stored_again(document):
    before = ZoneState.from_document(document)
    after = before._replace(last_temperature=21.0, error_count=7).not_later_than(NOON)
    merged = after.merged_into(document, before)
    assert merged.get("something_else") == document.get("something_else")
    store = MemoryStore()
    store.set("state", merged)
    again = ZoneState.from_document(store.get("state"))
    assert again.last_temperature == 21.0
    assert again.power == after.power
    assert again.pending_repeat == after.pending_repeat


instants = st.none() | st.integers(-(10**9), 10**9).map(
    lambda seconds: NOON + timedelta(seconds=seconds)
)


@settings(deadline=None)
@given(started=instants, stopped=instants, polled=instants)
def test_no_timestamp_lies_in_the_future_after_the_clock_was_set_back(
    started, stopped, polled
):
    state = ZoneState(
        compressor_started_at=started,
        compressor_stopped_at=stopped,
        last_aircon_poll_at=polled,
    ).not_later_than(NOON)
    for at in (
        state.compressor_started_at,
        state.compressor_stopped_at,
        state.last_aircon_poll_at,
    ):
        assert at is None or at <= NOON
