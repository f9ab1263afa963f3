"""What people are told: each language has it all, and the code names nothing that is not."""

import json
import re
from pathlib import Path

import pytest
from custom_components.switchbot_automation import issues, services

from switchbot_automation import Outcome
from switchbot_automation.core.state.kept import STATUSES

COMPONENT = Path(services.__file__).parent
LANGUAGES = ("en", "fr", "de", "ja")
OF_OTHERS = {"DOMAIN", "DEFAULT_ZONE"}
STRINGS = json.loads((COMPONENT / "strings.json").read_text())


def flat(tree, path=()):
    if not isinstance(tree, dict):
        return {path: tree}
    return {
        key: text
        for name, below in tree.items()
        for key, text in flat(below, (*path, name)).items()
    }


def texts(language):
    return flat(
        json.loads((COMPONENT / "translations" / f"{language}.json").read_text())
    )


def placeholders(text):
    return sorted(re.findall(r"{\w+}", text))


def test_the_languages_are_these():
    found = {each.stem for each in (COMPONENT / "translations").iterdir()}
    assert found == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_every_text_with_its_placeholders(language):
    english, other = flat(STRINGS), texts(language)
    assert other.keys() == english.keys()
    for key, text in other.items():
        assert text.strip(), key
        assert placeholders(text) == placeholders(english[key]), key


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_what_is_translated_is_not_the_english(language):
    english, other = flat(STRINGS), texts(language)
    # Words that a language shares with English, such as Token or Cloud.
    alike = [key for key, text in other.items() if text == english[key]]
    assert len({english[key] for key in alike}) <= 8
    assert all(len(english[key].split()) <= 1 for key in alike)


def test_every_state_of_a_sensor_has_its_words():
    sensors = STRINGS["entity"]["sensor"]
    assert set(sensors["last_decision"]["state"]) == {str(each) for each in Outcome}
    assert set(sensors["room"]["state"]) == set(STATUSES)


def test_every_issue_has_its_words():
    keys = {
        value
        for name, value in vars(issues).items()
        if name.isupper() and isinstance(value, str) and name not in OF_OTHERS
    }
    assert set(STRINGS["issues"]) == keys


def test_every_action_has_words_an_icon_and_its_fields():
    icons = json.loads((COMPONENT / "icons.json").read_text())["services"]
    assert set(STRINGS["services"]) == set(icons) == set(services.ACTIONS)
    for name, (schema, _answers) in services.ACTIONS.items():
        fields = STRINGS["services"][name].get("fields", {})
        assert set(fields) == {str(key) for key in schema}


def test_every_error_that_the_code_names_has_its_words():
    code = "".join(each.read_text() for each in COMPONENT.glob("*.py"))
    named = set(re.findall(r'translation_key="(\w+)"', code))
    named |= {"failed", "store"}  # chosen between in one place
    exceptions = set(STRINGS["exceptions"])
    assert exceptions <= named
    assert named - exceptions <= {"mode", "action"}  # selectors
