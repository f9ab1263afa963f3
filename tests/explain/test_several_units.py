"""Rooms of several units and of humidity: explained, replayed, asked what would change it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from switchbot_automation.backtest.dry_home import OFF, DryHome
from switchbot_automation.core.home import Snapshot, ZoneSnapshot
from switchbot_automation.core.state.meter import Reading
from switchbot_automation.core.state.zone import Surroundings, ZoneState
from switchbot_automation.core.step import judged_anew
from switchbot_automation.explain.counterfactual import counterfactuals
from switchbot_automation.explain.trace import (
    agrees,
    from_document,
    replayed,
    to_document,
    trace_of,
)
from switchbot_automation.model import Action, Power
from switchbot_automation.settings.read import check_settings, parse_settings
from tests.equipment.homes import (
    AIRCON,
    DEVICE,
    OUTDOORS,
    SECOND,
    STARTS,
    Home,
    roomed,
)

NOON = STARTS["winter"].replace(hour=12)
TWO = roomed(
    AIRCON,
    {"kind": "heater", "device_id": DEVICE},
    heat_pump_min_outdoor_celsius=-5,
    outdoor_device_id=OUTDOORS,
)
WET = roomed(
    AIRCON,
    {"kind": "humidifier", "device_id": DEVICE},
    humidity={"min_percent": 45, "max_percent": 70},
)
STALE = roomed(
    AIRCON, {"kind": "purifier", "device_id": DEVICE}, air={"max_co2_ppm": 900}
)


def traces(document, **reading):
    """The trace of each zone of a cold noon at -8 °C, and the settings."""
    settings = parse_settings(document)
    seen = Reading(19.0, received_at=NOON, **reading)
    state = ZoneState(
        power=Power.OFF,
        action=Action.OFF,
        last_temperature=19.0,
        last_read_at=NOON,
        surroundings=Surroundings(outdoor=-8.0, outdoor_at=NOON),
    )
    snapshot = Snapshot(dict.fromkeys(settings.zones, ZoneSnapshot(seen, state)))
    judged = judged_anew(snapshot, settings, NOON)
    both = zip(judged.decision.zones, judged.verdict.zones, strict=True)
    return settings, {each.zone: trace_of(judged, each, gated) for each, gated in both}


@pytest.mark.parametrize(
    ("document", "reading", "zone", "action"),
    [
        (TWO, {}, "default", None),
        (TWO, {}, SECOND, Action.WINTER),
        (WET, {"humidity": 40.0}, SECOND, Action.HUMIDIFY),
        (STALE, {"co2": 1000.0}, SECOND, Action.PURIFY),
    ],
)
def test_what_was_decided_can_be_decided_again(document, reading, zone, action):
    settings, found = traces(document, **reading)
    trace = found[zone]
    assert trace.decision.action is action
    assert set(trace.snapshot.zones) == {"default", SECOND}
    assert replayed(trace) == (trace.decision, trace.verdict)
    stored = json.loads(json.dumps(to_document(trace)))
    read = from_document(stored, zone, settings)
    assert read.decision == trace.decision
    assert agrees(read, stored)


@pytest.mark.parametrize(
    ("document", "reading", "zone", "name", "becomes"),
    [
        # A kelvin above its limit the first may heat, and the second waits.
        (TWO, {}, "default", "outdoor", -4.0),
        (TWO, {}, SECOND, "outdoor", -4.0),
        (TWO, {}, "default", "heat_pump_min_outdoor_celsius", -9.0),
        (WET, {"humidity": 40.0}, SECOND, "humidity", 45.0),
        (WET, {"humidity": 40.0}, SECOND, "humidity.min_percent", 40.0),
        (STALE, {"co2": 1000.0}, SECOND, "co2", 900.0),
        (STALE, {"co2": 1000.0}, SECOND, "air.max_co2_ppm", 1000),
    ],
)
def test_what_would_have_changed_it_speaks_of_weather_and_air(
    document, reading, zone, name, becomes
):
    _settings, found = traces(document, **reading)
    changes = {each.name: each.becomes for each in counterfactuals(found[zone])}
    assert changes[name] == pytest.approx(becomes, abs=0.11)


@pytest.mark.parametrize(
    ("document", "zone", "code"),
    [
        (TWO | {"heat_pump_min_outdoor_celsius": 20}, SECOND, "stage_takes_over"),
        (WET, SECOND, "humidity_"),
    ],
)
async def test_the_engine_explains_every_unit(document, zone, code):
    home = Home(document)
    await home.live(9)
    explained = await home.engine.explain(zone)
    assert code in json.dumps(explained.to_dict())


def test_a_backtest_goes_through_a_room_of_two_units():
    settings = parse_settings(TWO)
    dry = DryHome(settings, "default", NOON, OFF)
    ticks = [each for _step in range(5) for each in dry.step(19.0)]
    assert {each.zone.name for each in ticks} == {"default", SECOND}
    # It knows no weather, so nothing is locked out and the first heats alone.
    assert dry.unit != OFF
    codes = {why.code.value for each in ticks for why in each.decision.reasons}
    assert "stage_waits" in codes
    assert "outdoor_too_cold" not in codes


def test_the_examples_of_the_page_on_equipment_can_be_used():
    page = Path(__file__).parents[2] / "docs/how-to/equipment.md"
    blocks = re.findall(r"```json\n(.*?)```", page.read_text(), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        assert check_settings(json.loads(block)) == []
    units = parse_settings(json.loads(blocks[1])).units
    assert units == {"living": ("living 2", "living 3", "living 4", "living 5")}
