"""Every text that people are told has a translation, and nothing is told without one."""

from __future__ import annotations

import json
import re
import string

import pytest

from switchbot_automation.languages import LANGUAGES, speaking, translated
from switchbot_automation.web.html_texts import in_language, texts
from tests.languages.catalogues import (
    CATALOGUES,
    OTHERS,
    PACKAGE,
    collected,
    kept,
    mo_of,
    page_of,
    po_of,
    updated,
)
from tests.languages.python_texts import untranslated
from tests.languages.script_texts import literals

STATIC = PACKAGE / "web" / "static"
SCRIPTS = sorted(STATIC.glob("*.js"))


@pytest.fixture(scope="module")
def template():
    return collected()


def _fields(text):
    return sorted(
        (name, spec, conversion)
        for _literal, name, spec, conversion in string.Formatter().parse(text)
        if name is not None
    )


def test_the_languages_are_those_of_the_issue_and_each_has_its_folder():
    assert sorted(LANGUAGES) == ["de", "en", "fr", "ja"]
    assert sorted(
        each.name
        for each in CATALOGUES.iterdir()
        if each.is_dir() and (each / "messages.po").exists()
    ) == sorted(OTHERS)


def test_what_people_are_told_is_found_in_python_scripts_and_pages(template):
    for message in ("no window is open", "Live", "Quick off", "Log in"):
        assert message in template
    assert template.get("winter_on", context="outcome")


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_has_a_translation(language, template):
    there = kept(language)
    missing = [
        each.id
        for each in template
        if each.id and not (there.get(each.id, each.context) or each).string
    ]
    assert missing == [], "run `nox -s languages` and translate what is empty"
    assert not [each.id for each in there if each.id and each.fuzzy]


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_same_values_in_it(language):
    for each in kept(language):
        if each.id:
            assert _fields(each.string) == _fields(each.id), each.id
            assert each.string == each.string.strip(), each.id


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_shipped_was_made_of_the_catalogue(language, template):
    holder = CATALOGUES / language
    fresh = updated(language, template)
    why = "run `nox -s languages`"
    assert (holder / "messages.po").read_bytes() == po_of(fresh), why
    assert (holder / "messages.mo").read_bytes() == mo_of(fresh), why
    assert (holder / "page.json").read_bytes() == page_of(fresh), why


# --- nothing is told past the translation ----------------------------------------------

# Words of the web and of this package, which no person reads.
_CODE = re.compile(
    r"""
    # one word: a name, a class, a key, a path; then classes and other words of programs
    [a-z0-9_#.,:/\[\]"=?&*-]*
    | gauge-dot\ stale | on\ cool | open\ preset | (state\ )?pill[ ]
    | \.buttons\ button | true\ or\ false
    | GET | PUT | POST
    | Accept(-Language)? | Content-Type | If-Match | ETag | UTC | en-GB
    """,
    re.VERBOSE,
)


def _told_past_it(source):
    return [
        (each.line, each.text)
        for each in literals(source)
        if not each.translated
        and re.search(r"[A-Za-z]{2}", each.text)
        and not _CODE.fullmatch(each.text)
    ]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_tells_nothing_past_the_translation(path):
    assert _told_past_it(path.read_text()) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_message_hides_in_a_template_where_it_is_not_collected(path):
    found = literals(path.read_text())
    assert [(each.line, each.text) for each in found if each.hides] == []


def test_a_text_past_the_translation_is_found():
    source = r"""
    say("Undoing it"); // "not this"
    say(`${x ? "The room" : _("kept")} is held`);
    say(_("held by {x}", { x: f("one two") }).split(/"a b/));
    """
    assert _told_past_it(source) == [
        (2, "Undoing it"),
        (3, "The room"),
        (3, " is held"),
    ]
    assert [each.text for each in literals(source) if each.hides] == [" is held"]


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("name", ["index.html", "login.html"])
def test_a_page_is_wholly_in_its_language(name, language):
    source = (STATIC / name).read_text()
    with speaking(language):
        told = in_language(source, translated)
    before, after = texts(source), texts(told)
    assert len(before) == len(after)
    same = {"Token", "°C", "6 h", "24 h"}  # as German and French have them, too
    assert [
        one.message
        for one, other in zip(before, after, strict=True)
        if one.message == other.message and one.message not in same
    ] == []


def test_a_page_in_english_stays_as_it_is_written():
    source = (STATIC / "index.html").read_text()
    assert in_language(source, translated) == source


@pytest.mark.parametrize("language", OTHERS)
def test_the_scripts_have_what_they_say(language, template):
    words = json.loads((CATALOGUES / language / "page.json").read_text())
    for each in template:
        if any(place.endswith(".js") for place, _line in each.locations):
            assert words[each.id]


# Commands of a person at home, and what they share.
_DAILY = [
    "status",
    "readings",
    "targets",
    "explain",
    "live",
    "init",
    "diagnosis",
    "account",
    "watch",
    "send",
    "act",
    "settings",
    "service",
    "page",
    "check",
    "backtest",
    "replay",
    "rules",
    "webhook",
    "broker",
    "progress",
    "stopping",
]


@pytest.mark.parametrize("name", _DAILY)
def test_a_command_tells_nothing_past_the_translation(name):
    source = (PACKAGE / "cli" / f"{name}.py").read_text()
    assert untranslated(source, everywhere=False) == []


@pytest.mark.parametrize("name", ["words", "margins"])
def test_a_reason_tells_nothing_past_the_translation(name):
    source = (PACKAGE / "explain" / f"{name}.py").read_text()
    assert untranslated(source, everywhere=True) == []


def test_a_text_past_the_translation_of_a_module_is_found():
    source = '''
def told(name):
    """Not this one."""
    echo(f"{name} is away", _("Over there", at="here and now"))
    raise Misuse("say it again")
'''
    assert untranslated(source, everywhere=False) == [
        (4, " is away"),
        (5, "say it again"),
    ]
