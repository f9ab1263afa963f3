"""The course of a room goes on in its document as if all of it were written again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.core.state.evidence import SAMPLED, after_plug, after_sample
from switchbot_automation.core.state.zone import ZoneState
from switchbot_automation.model import Power

NOON = datetime(2026, 1, 12, 12, 0, 0, 123456, tzinfo=UTC)


def walked(samples: int) -> ZoneState:
    state = ZoneState()
    for number in range(samples):
        state = after_sample(state, 20.0 + number / 8, NOON + number * SAMPLED)
    return state


def saved(state: ZoneState) -> dict:
    return state.merged_into({}, ZoneState())


@pytest.mark.parametrize("samples", [0, 1, 2, 23, 24, 25, 40])
@pytest.mark.parametrize("more", [1, 3, 30])
def test_a_course_that_goes_on_is_written_as_a_whole_one(samples, more):
    before = walked(samples)
    after = walked(samples + more)
    document = after.merged_into(saved(before), before)
    assert document == saved(after)
    assert ZoneState.from_document(document) == ZoneState.from_document(saved(after))


def test_a_course_that_stands_is_written_with_what_else_is_new():
    before = walked(7)
    after = after_plug(before, Power.ON, 21.0, NOON + timedelta(hours=3))
    assert after.merged_into(saved(before), before) == saved(after)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: " ".join(reversed(text.split())),
        lambda text: text + " nonsense",
        lambda text: text.replace(" ", "  "),
        lambda _text: 5,
        lambda _text: None,
    ],
)
def test_a_course_that_others_wrote_is_written_anew(damage):
    stored = saved(walked(24))
    stored["evidence"]["course"] = damage(stored["evidence"]["course"])
    before = ZoneState.from_document(stored)
    after = after_sample(before, 25.0, NOON + 24 * SAMPLED)
    document = after.merged_into(stored, before)
    found = ZoneState.from_document(document).evidence
    assert found is not None
    assert after.evidence is not None
    assert found.course == after.evidence.course
