"""`switchbot-store` in a person's language; what programs read stays as it is."""

import pytest

from switchbot_store.cli.output import counted, whole
from switchbot_store.languages import filled, speaking


@pytest.fixture
def speak(environment):
    def speak(language):
        environment(SWITCHBOT_LANGUAGE=language)

    return speak


@pytest.mark.parametrize(
    ("language", "written", "never", "well"),
    [
        ("en", "living is written", "'attic' was never set", "No problem was found"),
        ("de", "living ist geschrieben", "'attic' wurde nie", "Kein Problem gefunden"),
        ("fr", "living est écrit", "'attic' n'a jamais", "Aucun problème trouvé"),
        ("ja", "living を書き込みました", "'attic' は一度も", "問題は見つかりません"),
    ],
)
def test_each_command_tells_it_in_the_language(
    invoke, speak, language, written, never, well
):
    speak(language)
    assert written in invoke("set", "living", '{"low": 20}').err
    assert never in invoke("get", "attic", code=1).err
    told = invoke("doctor").out
    assert well in told
    # Which rules of timezones are in use, and which are not.
    assert ("(and not" in told) is (language == "en")


def test_the_locale_of_the_terminal_is_asked_where_no_language_is(invoke, speak):
    speak("")
    env = {"LC_ALL": "fr_FR.UTF-8"}
    assert "est écrit" in invoke("set", "living", "{}", env=env).err


@pytest.mark.parametrize("command", ["doctor", "health", "conflicts"])
def test_json_is_the_same_in_every_language(invoke, speak, command):
    told = []
    for language in ("en", "de", "ja"):
        speak(language)
        found = invoke(command, "--json").json
        for part in (*found.get("stores", ()), found.get("history")) if found else ():
            if part:
                part.pop("latency_seconds")
        told.append(found)
    assert told[0] == told[1] == told[2]


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", "1,234.5"), ("de", "1.234,5"), ("fr", "1\u202f234,5"), ("ja", "1,234.5")],
)
def test_numbers_are_written_as_the_language_writes_them(language, told):
    with speaking(language):
        assert filled("{number:,.1f}", {"number": 1234.5}) == told
        assert whole(1234) == told.removesuffix(told[-2:])
        assert counted(1, "row") != counted(2, "row") or language == "ja"


def test_a_document_itself_is_printed_as_it_is(invoke, speak):
    speak("ja")
    invoke("set", "living", '{"low": 20.5}')
    assert invoke("get", "living").json == {"low": 20.5}
