"""The rules that the documentation shows do what it says."""

import json
import re
from pathlib import Path

from switchbot_automation.settings.read import parse_settings

PAGE = Path(__file__).parents[2] / "docs/how-to/rules.md"
HOUR = 3600


def example():
    section = PAGE.read_text(encoding="utf-8")
    return json.loads(re.search(r"```json\n(.*?)```", section, re.DOTALL)[1])


async def test_the_pages_rule_runs(house):
    house.rules(**example(), meter_device_id="C271111EC0AB")
    house.cloud.temperature = 18.0
    await house.live(600)
    house.cloud.door = "open"
    await house.live(HOUR)
    assert house.cloud.sent == ["setColor 255:0:0", "turnOff"]
    assert house.outcomes == ["finished"]


async def test_a_warm_room_may_be_aired(house):
    house.rules(**example())
    house.cloud.temperature = 21.0
    await house.live(600)
    house.cloud.door = "open"
    await house.live(HOUR)
    assert house.cloud.sent == []
    assert house.outcomes == ["conditions_not_met"]


async def test_the_pages_steps_run(house):
    section = PAGE.read_text(encoding="utf-8")
    steps = json.loads(re.findall(r"```json\n(.*?)```", section, re.DOTALL)[1])
    bell = {"trigger": "webhook", "device": "BE1100000001"}
    house.rules(
        {"id": "it", "triggers": bell, "actions": steps},
        presets={"eco": {"setback_kelvin": 2.0}},
    )
    house.cloud.door = "open"
    await house.tick()
    await house.push("BE1100000001", "WoDoorbell", ringEvent=True)
    await house.engine.run_once()
    assert house.store.get("settings")["preset"] == "eco"
    await house.live(HOUR - 60)
    assert len(house.told.messages) == 3  # from the half hour of the wait on
    house.cloud.door = "close"
    await house.live(1200)
    assert house.cloud.sent == ["turnOff"]
    assert house.outcomes == ["failed"]  # there is no plug in this home


def test_the_pages_words_are_those_there_are():
    from switchbot_automation.rules.definition.kinds import (  # noqa: PLC0415 - loads the schemas
        ACTIONS,
        TRIGGERS,
        conditions_by_kind,
    )
    from switchbot_automation.rules.definition.model import RunMode  # noqa: PLC0415 - likewise
    from switchbot_automation.rules.definition.reading import read_conditions  # noqa: PLC0415 - likewise
    from switchbot_automation.rules.definition.steps import BLOCKS  # noqa: PLC0415 - likewise

    section = PAGE.read_text(encoding="utf-8")
    table = {
        line.split("|")[1].strip(): set(re.findall(r"`([a-z_]+)`", line.split("|")[2]))
        for line in section.partition("\n## ")[0].splitlines()
        if line.startswith("| ")
    }
    assert table["triggers"] - {"for", "rules"} == set(TRIGGERS)
    own = set(conditions_by_kind(read_conditions))
    assert table["conditions"] - {"for", "id"} == own
    assert table["steps"] == {*BLOCKS, "condition"} - {"delay"}
    assert table["`mode`"] == set(RunMode)
    assert table["actions"] == {*ACTIONS, "delay"}
    assert parse_settings(example()).rules[0].mode in table["`mode`"]
