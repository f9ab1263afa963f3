"""The pure overlay under random surroundings: on time, bounded, and without a memory."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.core.overlay import zone_overlaid
from switchbot_automation.core.state.around import after_sign, open_until
from switchbot_automation.core.state.zone import (
    EMPTY,
    OffsetValue,
    Surroundings,
    ZoneState,
)
from switchbot_automation.model import ReasonCode
from switchbot_automation.settings.model import LAID, Openings, Overlay, ZoneSettings
from switchbot_automation.settings.read import parse_settings

START = datetime(2026, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
EVERY_DAY = list(range(7))
ZONE = parse_settings(
    {
        "timezone": "UTC",
        "winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 23.0},
        "presets": {"eco": {"setback_kelvin": 2}, "away": {"setback_kelvin": 6}},
        "time_windows": [
            {"days": EVERY_DAY, "start": "06:00", "end": "09:00", "preset": "eco"},
            {"days": EVERY_DAY, "start": "08:00", "end": "21:00"},
        ],
        "openings": {"sensors": ["C1", "C2"], "drop_kelvin": 1},
        "presence": {"sensors": ["M1", "C1"], "preset": "away"},
        "offsets": [{"source": "a", "limit_kelvin": 1}, {"source": "b"}],
    }
).default

ANOTHER = {
    "winter": None,
    "summer": ZONE.winter,
    "hysteresis_celsius": 0.7,
    "fan_mode_during_window": True,
    "time_windows": (),
    "overlay": Overlay(ZONE),
}

instants = st.integers(0, 3 * 86400).map(lambda seconds: START + seconds * SECOND)
events = st.lists(
    st.tuples(
        st.sampled_from(["opening:C1", "opening:C2", "presence:M1", "presence:C1"]),
        st.booleans(),
        instants,
    ),
    max_size=12,
)


@st.composite
def surroundings(draw):
    signs = {}
    for key, active, at in sorted(draw(events), key=lambda each: each[2]):
        signs = after_sign(signs, key, active=active, at=at, openings=ZONE.openings)
    offsets = draw(
        st.dictionaries(
            st.sampled_from("abc"),
            st.builds(OffsetValue, st.floats(-50, 50), instants),
            max_size=3,
        )
    )
    return Surroundings(
        signs=signs,
        offsets=offsets,
        suspected_at=draw(st.none() | instants),
    )


def in_force(around, now):
    overlaid = zone_overlaid(ZONE, ZoneState(surroundings=around), now)
    overlay = overlaid.overlay
    return (
        overlaid.winter,
        overlaid.hysteresis_celsius,
        overlay.pause and overlay.pause.code,
        [(reason.code, dict(reason.detail)) for reason in overlay.reasons],
    ), overlay.until


@given(st.sets(st.sampled_from(sorted(LAID))), st.sampled_from(["winter", "auto"]))
def test_laid_over_is_as_made_anew_in_each_of_its_fields(names, mode):
    zone = replace(ZONE, mode=mode, aircon_device_id="U1", preset="eco")
    changes = {name: ANOTHER[name] for name in names}
    laid, anew = zone.with_laid(**changes), replace(zone, **changes)
    # Those that follow from others are no part of what `==` compares.
    for each in fields(ZoneSettings):
        assert getattr(laid, each.name) == getattr(anew, each.name), each.name
    assert zone == replace(ZONE, mode=mode, aircon_device_id="U1", preset="eco")


def test_nothing_is_laid_over_from_which_more_follows():
    for name in {each.name for each in fields(ZoneSettings)} - LAID:
        with pytest.raises(TypeError, match=name):
            ZONE.with_laid(**{name: getattr(ZONE, name)})


@given(around=surroundings(), now=instants, parts=st.lists(st.floats(0, 1), max_size=6))
@settings(max_examples=100, deadline=None)
def test_nothing_changes_by_itself_before_the_overlay_says_so(around, now, parts):
    found, until = in_force(around, now)
    assert until is None or until > now
    ends = until or now + timedelta(days=30)
    for part in parts:
        at = now + part * (ends - now)
        if at < ends:
            assert in_force(around, at)[0] == found


@given(around=surroundings(), now=instants, later=instants)
@settings(max_examples=60, deadline=None)
def test_what_is_laid_over_twice_is_as_if_laid_over_once(around, now, later):
    state = ZoneState(surroundings=around)
    once = zone_overlaid(ZONE, state, later)
    assert zone_overlaid(zone_overlaid(ZONE, state, now), state, later) == once
    assert once.overlay.base == ZONE


@given(around=surroundings(), now=instants)
@settings(max_examples=60, deadline=None)
def test_the_band_is_moved_no_further_than_the_limits_and_the_preset_allow(around, now):
    zone = zone_overlaid(ZONE, ZoneState(surroundings=around), now)
    if any(why.code is ReasonCode.OPENING_TOO_LONG for why in zone.overlay.reasons):
        # A window that stands open for ever: only frost is kept off.
        assert zone.winter.min_temp == zone.openings.frost_celsius
    else:
        assert 20 - 6 - 2 <= zone.winter.min_temp <= 20 + 2
    width = zone.winter.max_temp - zone.winter.min_temp
    assert abs(width - 2.0) < 1e-6


@given(around=surroundings(), now=instants)
@settings(max_examples=60, deadline=None)
def test_surroundings_outlive_a_restart_and_any_clock(around, now):
    document = orjson.loads(orjson.dumps(around.to_document()))
    assert (Surroundings.from_document(document) or EMPTY) == around
    late = around.not_later_than(now)
    assert all(sign.heard_at <= now for sign in late.signs.values())
    assert late.suspected_at is None or late.suspected_at <= now


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "signs",
                        "offsets",
                        "readings",
                        "C1",
                        "active",
                        "since",
                        "until",
                        "joined",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    now=instants,
)
@settings(max_examples=60, deadline=None)
def test_a_damaged_document_is_read_as_far_as_it_goes(value, now):
    around = Surroundings.from_document(value)
    zone_overlaid(ZONE, ZoneState(surroundings=around), now)


# --- openings against an oracle ---------------------------------------------------


def paused_by_the_second(told, openings, end):
    """Second by second: what an opening that is heard all the time pauses."""
    is_open, paused, open_for, closed_for = False, False, 0, 0
    pauses = []
    for second in range(end):
        if not is_open and closed_for >= openings.resume_after_seconds:
            paused = False
        if second in told:
            if told[second] is not is_open:
                open_for, closed_for = (0, 0)
            is_open = told[second]
        if is_open and open_for >= openings.pause_after_seconds:
            paused = True
        if not is_open and openings.resume_after_seconds == 0:
            paused = False
        pauses.append(paused)
        open_for, closed_for = (open_for + 1, 0) if is_open else (0, closed_for + 1)
    return pauses


@given(
    told=st.dictionaries(st.integers(0, 250), st.booleans(), max_size=8),
    pause=st.integers(0, 40),
    resume=st.integers(0, 40),
)
@settings(max_examples=80, deadline=None)
def test_openings_pause_as_counting_the_seconds_says(told, pause, resume):
    openings = replace(
        Openings(), pause_after_seconds=pause, resume_after_seconds=resume
    )
    told = {0: False} | told if 0 not in told or told[0] else told
    expected = paused_by_the_second(told, openings, 320)
    signs = {}
    for second in range(320):
        at = START + second * SECOND
        if second in told:
            active = told[second]
            signs = after_sign(signs, "x", active=active, at=at, openings=openings)
        paused, _ = open_until(signs.get("x"), openings, at)
        assert paused is expected[second], second
