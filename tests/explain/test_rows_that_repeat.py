"""Rows of history that point to the row that tells their decision."""

from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.core.state.values import encode_instant
from switchbot_automation.explain.explain import Explainer
from switchbot_automation.explain.trace import (
    Decisions,
    repeating,
    said_in_each,
    told_at,
    with_decisions,
)
from switchbot_automation.web.api.past import told
from switchbot_store import (
    HistorySample,
    HistoryService,
    SqliteHistory,
    ThreadedHistory,
)

AT = datetime(2026, 1, 12, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
WHOLE = {
    "timestamp": AT,
    "metadata": {
        "trigger": "scheduler",
        "outcome": "noop",
        "reasons": [{"code": "within_band", "temperature": 21.0}],
        "trace": {"v": 1},
    },
}


def repeats(at, of=AT, **own):
    return {"timestamp": at, "metadata": {"run": repeating(of, at), **own}}


def test_a_row_that_repeats_gets_the_decision_of_the_row_that_tells_it():
    _, row = with_decisions([WHOLE, repeats(AT + MINUTE)])
    assert row["metadata"] == {
        "trigger": "scheduler",
        "outcome": "noop",
        "reasons": [{"code": "within_band"}],
        "run": {"trace": encode_instant(AT), "since": encode_instant(AT)},
    }


def test_what_differs_in_the_row_itself_wins():
    _, row = with_decisions([WHOLE, repeats(AT + MINUTE, trigger="webhook")])
    assert row["metadata"]["trigger"] == "webhook"
    assert row["metadata"]["outcome"] == "noop"


@pytest.mark.parametrize("whole", [AT, AT + MICROSECOND])
@pytest.mark.parametrize("moved", [timedelta(), MICROSECOND])
def test_a_timestamp_that_was_taken_is_found_all_the_same(whole, moved):
    telling = {**WHOLE, "timestamp": whole}
    row = repeats(AT + MINUTE)
    row["timestamp"] += moved
    _, found = with_decisions([telling, row])
    assert found["metadata"]["outcome"] == "noop"


def test_rows_moved_together_still_find_each_other():
    hour = timedelta(hours=1)
    row = repeats(AT + MINUTE)
    moved = [{**each, "timestamp": each["timestamp"] + hour} for each in (WHOLE, row)]
    assert list(with_decisions(moved))[1]["metadata"]["outcome"] == "noop"


def test_without_the_row_that_tells_it_a_row_stays_as_it_is():
    row = repeats(AT + MINUTE)
    assert list(with_decisions([row])) == [row]
    assert told_at(row) == AT


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        [],
        {},
        {"run": None},
        {"run": True},
        {"run": 1.5},
        {"run": "60"},
        {"run": {"trace": "2026-01-12T08:00:00Z", "count": 3}},
        {"run": 10**30},
    ],
)
def test_rows_of_others_and_of_releases_before_stay_as_they_are(metadata):
    row = {"timestamp": AT, "metadata": metadata}
    assert told_at(row) is None
    assert list(with_decisions([WHOLE, row])) == [WHOLE, row]


def test_rows_may_come_in_pieces():
    decisions = Decisions()
    assert list(decisions.of([WHOLE])) == [WHOLE]
    (row,) = decisions.of([repeats(AT + MINUTE)])
    assert row["metadata"]["outcome"] == "noop"


def test_two_engines_may_tell_in_turn():
    other = {
        "timestamp": AT + timedelta(seconds=5),
        "metadata": {**WHOLE["metadata"], "outcome": "winter_on"},
    }
    rows = [WHOLE, other]
    rows += [repeats(AT + MINUTE), repeats(AT + 2 * MINUTE, other["timestamp"])]
    outcomes = [row["metadata"]["outcome"] for row in with_decisions(rows)]
    assert outcomes == ["noop", "winter_on", "noop", "winter_on"]


def test_what_is_repeated_has_the_codes_alone():
    assert said_in_each(
        {"outcome": "noop", "reasons": [{"code": "a", "n": 1}, {}]}
    ) == {
        "outcome": "noop",
        "reasons": [{"code": "a"}],
    }


@pytest.mark.parametrize("moved", [timedelta(), MICROSECOND])
@pytest.mark.parametrize("kept", [True, False])
async def test_a_past_decision_is_told_as_long_as_its_row_is_kept(
    tmp_path, kept, moved
):
    """The rows after one that retention deleted are none: they would say nothing."""
    at = AT + MINUTE + moved
    rows = [WHOLE, {**repeats(AT + MINUTE), "timestamp": at}][not kept :]
    history = ThreadedHistory(
        HistoryService(SqliteHistory(tmp_path / "history.sqlite3"), now=lambda: at)
    )
    async with history:
        for row in rows:
            await history.record(HistorySample(zone="office", **row))
        await history.flush()
        listed = (await told(history, "office", UTC, AT, at + MINUTE))["decisions"]
        explainer = Explainer(lambda _revision: None, lambda _zone: UTC, history)
        found = await explainer.explain("office", at + MICROSECOND)
    assert [each["outcome"] for each in listed] == ["noop"] * kept
    assert found.outcome == ("noop" if kept else None)
    assert ("nothing is recorded" in found.text) is not kept
