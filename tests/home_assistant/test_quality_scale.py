"""The quality scale: every rule of Home Assistant's, and the README says the same."""

import re
from pathlib import Path

import pytest
import yaml
from homeassistant.setup import async_setup_component

HERE = Path(__file__).parents[2] / "examples" / "home_assistant"
SCALE = yaml.safe_load(
    (HERE / "custom_components/switchbot_automation/quality_scale.yaml").read_text()
)["rules"]
README = (HERE / "README.md").read_text()
TABLE = re.findall(r"^\| (\w+) \| ([a-z-]+) \| (\w+) \| (.*) \|$", README, re.MULTILINE)

LEVELS = {
    "bronze": """action-setup appropriate-polling brands common-modules
    config-flow-test-coverage config-flow dependency-transparency docs-actions
    docs-conditions docs-high-level-description docs-installation-instructions
    docs-removal-instructions docs-triggers entity-event-setup entity-unique-id
    has-entity-name runtime-data test-before-configure test-before-setup
    unique-config-entry""",
    "silver": """action-exceptions config-entry-unloading docs-configuration-parameters
    docs-installation-parameters entity-unavailable integration-owner
    log-when-unavailable parallel-updates reauthentication-flow test-coverage""",
    "gold": """devices diagnostics discovery discovery-update-info docs-data-update
    docs-examples docs-known-limitations docs-supported-devices docs-supported-functions
    docs-troubleshooting docs-use-cases dynamic-devices entity-category
    entity-device-class entity-disabled-by-default entity-translations
    exception-translations icon-translations reconfiguration-flow repair-issues
    stale-devices""",
    "platinum": "async-dependency inject-websession strict-typing",
}


@pytest.mark.parametrize("level", LEVELS)
def test_every_rule_of_a_level_is_met_or_reasoned(level):
    rules = LEVELS[level].split()
    listed = [rule for of, rule, *_ in TABLE if of == level]
    assert sorted(listed) == sorted(rules)
    for rule in rules:
        found = SCALE[rule]
        assert found["status"] in {"done", "exempt"}, rule
        if found["status"] == "exempt":
            assert len(found["comment"].split()) > 2, rule


def test_the_readme_s_table_is_the_file():
    assert {
        rule: (status, comment.strip()) for _level, rule, status, comment in TABLE
    } == {
        rule: (found["status"], found.get("comment", "").strip())
        for rule, found in SCALE.items()
    }


def test_what_the_table_points_to_is_a_heading():
    headings = {
        re.sub(r"[^a-z0-9 -]", "", each.lower()).replace(" ", "-")
        for each in re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    }
    pointed = set(re.findall(r"\]\(#([\w-]+)\)", README))
    assert pointed
    assert pointed <= headings


def test_the_readme_names_every_action_and_no_other():
    actions = yaml.safe_load(
        (HERE / "custom_components/switchbot_automation/services.yaml").read_text()
    )
    named = set(re.findall(r"^\| `switchbot_automation\.(\w+)`", README, re.MULTILINE))
    assert named == set(actions)
    used = set(re.findall(r"action: switchbot_automation\.(\w+)", README))
    assert used <= named


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", README, re.DOTALL))
async def test_an_example_of_the_readme_is_an_automation(hass, home, example):
    automation = {"alias": "example", **yaml.safe_load(example)}
    assert await async_setup_component(hass, "automation", {"automation": [automation]})
    await hass.async_block_till_done()
    (state,) = hass.states.async_all("automation")
    # Unavailable is what Home Assistant shows of one that it cannot use.
    assert state.state == "on"
    await hass.services.async_call(
        "automation", "turn_off", {"entity_id": state.entity_id}, blocking=True
    )
