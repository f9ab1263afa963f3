"""Mode `auto`: whether a zone heats or cools."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.core.control.season import Season, season_of
from switchbot_automation.core.overlay import after_season
from switchbot_automation.core.state.zone import Doubt, Evidence, Learned, ZoneState
from switchbot_automation.errors import SettingsError
from switchbot_automation.model import Action, Power
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import default_settings, simulate
from switchbot_store import MemoryStore
from tests.cases import slow_after

HOUR = 3600.0
ZONE = parse_settings(default_settings("winter") | {"mode": "auto"}).default


def after(season, temperature, *, hours, rested=10 * HOUR):
    """Read the same temperature every ten minutes; return the season then."""
    begin = season.since
    for minute in range(10, int(60 * hours) + 1, 10):
        season = season_of(
            ZONE, season, temperature, now=begin + 60.0 * minute, rested_seconds=rested
        )
    return season


def test_a_room_that_stays_too_warm_is_cooled_once_the_dwell_is_over():
    winter = Season("winter", 1e9)
    assert after(winter, 26.5, hours=3.8).name == "winter"
    assert after(winter, 26.5, hours=4.2).name == "summer"


def test_heat_the_unit_left_behind_is_no_reason_to_cool():
    winter = Season("winter", 1e9)
    assert after(winter, 26.5, hours=12, rested=1800.0).name == "winter"


@pytest.mark.parametrize(("by", "name"), [("room", "summer"), ("plug", "winter")])
def test_off_told_again_to_a_unit_in_doubt_is_no_reason_to_wait_for_the_sun_anew(
    by, name
):
    """A room in the sun was told OFF three times in two hours, and cooled as late.

    A unit that its plug saw at work did leave heat behind.
    """
    begin = datetime(2026, 4, 12, 10, tzinfo=UTC)
    doubt = Doubt(by, begin, Action.OFF, tries=1)
    learned = Learned(season=Season("winter", begin.timestamp() - 12 * HOUR))
    evidence = Evidence(doubt=doubt)
    state = ZoneState(last_temperature=29.0, learned=learned, evidence=evidence)
    for minute in range(0, 130, 10):
        now = begin + timedelta(minutes=minute)
        if minute % 50 == 0:
            state = state._replace(
                power=Power.OFF, action=Action.OFF, compressor_stopped_at=now
            )
        state = after_season(ZONE, state, now)
    assert state.learned.season.name == name


@pytest.mark.parametrize("temperature", [20.0, 22.5, 26.0])
@pytest.mark.parametrize("name", ["winter", "summer"])
def test_between_the_thresholds_a_season_stays(name, temperature):
    assert after(Season(name, 1e9), temperature, hours=48).name == name


@given(st.lists(st.tuples(st.floats(10, 600), st.floats(-20, 60)), max_size=60))
def test_no_two_changes_are_closer_than_the_dwell(readings):
    season, now, changes = Season("winter", 1e9), 1e9, []
    for minutes, temperature in readings:
        now += 60.0 * minutes
        before = season
        season = season_of(ZONE, season, temperature, now=now, rested_seconds=1e6)
        if season.name != before.name:
            changes.append(now - before.since)
    assert all(gap >= 60.0 * ZONE.season_dwell_minutes for gap in changes)


@given(st.builds(
    Season,
    st.sampled_from(["winter", "summer"]),
    st.floats(0, 1e11),
    st.none() | st.floats(0, 1e11),
))  # fmt: skip
def test_a_season_survives_the_document_unchanged(season):
    assert Season.from_document(season.to_document()) == season


@pytest.mark.parametrize("document", [{}, {"version": 1, "name": "spring"}])
def test_garbage_counts_as_no_season(document):
    assert Season.from_document(document) is None


def test_auto_needs_the_temperatures_of_both_seasons():
    document = default_settings("winter") | {"mode": "auto"}
    del document["summer"]
    with pytest.raises(SettingsError, match="automation is enabled in auto mode"):
        parse_settings(document)


@pytest.mark.parametrize("season", slow_after(1, ["winter", "summer"]))
async def test_a_zone_on_auto_does_what_its_season_would(season):
    store = MemoryStore()
    document = default_settings(season)
    fixed = await simulate(document, season=season, days=2, seed=1)
    auto = await simulate(
        document | {"mode": "auto"}, season=season, days=2, seed=1, store=store
    )
    learned = store.get("state")["learned"]
    assert learned["season"]["name"] == season
    assert auto.starts_per_day == fixed.starts_per_day
    assert auto.percent_out_of_band == fixed.percent_out_of_band
