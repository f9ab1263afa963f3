"""Why it is on or off: reasons, margins, the smallest change, from memory and history."""

import json
from datetime import timedelta

import pytest

from switchbot_automation.errors import UnknownZoneError
from switchbot_automation.explain.trace import told_at, with_decisions
from switchbot_automation.model import ManualAction


def change_of(answer, name):
    return next(change for change in answer.changes if change.name == name)


async def test_it_names_state_reasons_margins_and_the_smallest_change(room):
    await room.tick(19.0)
    answer = await room.engine.explain()
    assert answer.outcome == "winter_on"
    assert answer.state["power"] == "on"
    assert [each["code"] for each in answer.reasons] == [
        "in_window",
        "temp_below_on_threshold",
        "gate_open",
    ]
    assert "19 °C is 0.7 K from the threshold 19.7 °C" in answer.text
    assert answer.smallest_change.name in {"hysteresis_celsius", "temperature"}
    assert answer.smallest_change.action is None
    assert "Smallest change: nothing would have been sent" in answer.text
    told = json.loads(json.dumps(answer.to_dict()))
    assert told["commands"][0]["rungs"][0]["rung"] == "command"
    assert told["would_have_changed_if"][0]["change"] == answer.smallest_change.name


async def test_a_wish_without_an_end_has_no_change_that_people_wait_for(room):
    await room.tick(19.0)
    zone = room.engine.zone_overview("default")
    assert zone["next_change"] is not None
    await room.engine.set_temperature("default", 20, 21, "permanent")
    await room.tick(19.0)
    answer = await room.engine.explain()
    assert "closes in" not in answer.text
    assert "until somebody resumes it" in answer.text
    assert room.engine.zone_overview("default")["next_change"] is None


async def test_the_smallest_change_is_true_and_anything_less_is_not(room):
    await room.tick(19.0)
    answer = await room.engine.explain()
    wanted = change_of(answer, "hysteresis_celsius").becomes
    for hysteresis, sent in ((wanted, 0), (wanted - 0.1, 1)):
        room.sent.clear()
        room.store.set("state", {"assumed_aircon_power": "off"})
        room.configure(hysteresis_celsius=round(hysteresis, 3))
        room.restart()
        await room.tick(19.0)
        assert len(room.sent) == sent
    warmer = change_of(answer, "temperature").becomes
    assert warmer == 19.8


async def test_a_wait_names_the_minimum_time_and_what_would_have_shortened_it(room):
    await room.tick(19.0)
    await room.tick(22.4, after=600)
    await room.tick(19.0, after=60)
    answer = await room.engine.explain()
    assert answer.outcome == "cooldown"
    margin = next(each for each in answer.margins if each.check == "min_off")
    assert (margin.have, margin.need, margin.margin) == (60.0, 180, -120.0)
    assert change_of(answer, "resting_seconds").becomes == 180
    assert change_of(answer, "time").becomes == 120
    assert change_of(answer, "command_cooldown_seconds").becomes == 60


async def test_a_reading_that_would_grow_old_is_called_silence_not_time(room):
    await room.tick(19.0)
    await room.tick(21.0, after=600)
    answer = await room.engine.explain()
    assert change_of(answer, "time").outcome == "missing_meter"
    assert "if the meter had then been silent for " in answer.text


async def test_the_past_is_explained_after_a_restart_with_all_numbers(room):
    await room.tick(19.0)
    for _look in range(5):
        await room.tick(20.5, after=60)
    asked = room.clock.now() - timedelta(seconds=90)
    await room.tick(22.4, after=600)
    engine = room.restart()
    await engine.run_once()
    answer = await engine.explain(at=asked)
    assert answer.outcome == "no_action"
    # The minimum time on was over at 12:03, which made it another decision.
    assert answer.since == asked - timedelta(seconds=30)
    assert "20.5 °C lies between 19.7 and 22.3 °C" in answer.text
    assert change_of(answer, "temperature").becomes == 22.3


async def test_a_past_decision_is_explained_by_the_settings_it_was_made_with(room):
    await room.tick(19.0)
    asked = room.clock.now()
    room.configure(hysteresis_celsius=1.0, winter={**_PROFILE, "min_temp": 15.0})
    await room.tick(19.0, after=600)
    engine = room.restart()
    await room.tick(19.0, after=60)
    answer = await engine.explain(at=asked)
    assert answer.outcome == "winter_on"
    assert change_of(answer, "hysteresis_celsius").value == 0.3


_PROFILE = {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 23.0}


async def test_dull_rows_stay_small_and_point_to_the_one_that_holds_the_inputs(room):
    await room.tick(19.0)
    for _look in range(30):
        await room.tick(20.5, after=60)
    room.history.flush()
    rows = room.history.latest(31)
    whole = [row for row in rows if "trace" in row["metadata"]]
    dull = [row for row in rows if "trace" not in row["metadata"]]
    # The command, what followed it, and when its minimum time was over.
    assert len(whole) <= 4
    assert len(dull) >= 25
    for row in dull:
        before = [each for each in whole if each["timestamp"] < row["timestamp"]]
        assert told_at(row) == before[-1]["timestamp"]
    assert max(len(json.dumps(row["metadata"])) for row in dull) < 60
    told = list(with_decisions(rows))[-1]["metadata"]
    assert told["outcome"] == before[-1]["metadata"]["outcome"]
    assert told["reasons"] == [
        {"code": each["code"]} for each in before[-1]["metadata"]["reasons"]
    ]
    assert max(len(json.dumps(row["metadata"])) for row in whole) < 2500


async def test_a_persons_hold_is_named_as_what_stands_in_the_way(room):
    await room.engine.act("default", ManualAction.OFF, hold=timedelta(hours=2))
    await room.tick(18.0, after=600)
    answer = await room.engine.explain()
    assert "a person's command holds until 14:00:00" in answer.text
    assert change_of(answer, "hold").action == "winter"


async def test_an_unknown_zone_is_named(room):
    await room.tick(21.0)
    with pytest.raises(UnknownZoneError, match="attic"):
        await room.engine.explain("attic")


@pytest.mark.parametrize("at", [0, 0.0, "", [], "yesterday", b"x"])
async def test_what_is_no_instant_is_not_taken_for_now(room, at):
    await room.tick(21.0)
    with pytest.raises(ValueError, match="expected a datetime"):
        await room.engine.explain(at=at)


async def test_an_instant_without_a_timezone_is_refused(room):
    await room.tick(21.0)
    with pytest.raises(ValueError, match="timezone"):
        await room.engine.explain(at=room.clock.now().replace(tzinfo=None))
