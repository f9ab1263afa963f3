"""Every text that people are told has a translation, and nothing is told without one."""

from __future__ import annotations

import ast
import json
import re
import string
from pathlib import Path

import pytest

from switchbot_automation.languages import LANGUAGES, speaking, translated
from switchbot_automation.web.html_texts import in_language, texts
from tests.languages.catalogues import (
    OTHERS,
    PACKAGE,
    PACKAGES,
    ROOT,
    collected,
    holder_of,
    kept,
    shipped,
)
from tests.languages.python_texts import FINDING, errors_of, untranslated
from tests.languages.script_texts import literals
from tests.source_trees import parsed

STATIC = PACKAGE / "web" / "static"
SCRIPTS = sorted(STATIC.glob("*.js"))


@pytest.fixture(scope="module")
def templates():
    return {package: collected(package) for package in PACKAGES}


@pytest.fixture(scope="module")
def trees():
    """Give every module of both packages, parsed."""
    yield {
        str(path.relative_to(ROOT)): tree
        for package in PACKAGES
        for path, tree in parsed(ROOT / package).items()
    }
    parsed.cache_clear()


@pytest.fixture(scope="module")
def template(templates):
    return templates[PACKAGE.name]


_BEFORE_DEGREES = re.compile(r"\{(\w+)[^}]*\}(?: (?:and|to) \{(\w+)[^}]*\})? °C")
_BEFORE_KELVIN = re.compile(r"\{(\w+)[^}]*\} K\b")


def _named(template, pattern):
    """Return the names of what stands before a sign, with its text, of Python's texts."""
    return [
        (message.id, name)
        for message in template
        if any(place.endswith(".py") for place, _line in message.locations)
        for match in pattern.finditer(str(message.id))
        for name in filter(None, match.groups())
    ]


def test_what_stands_before_degrees_is_told_in_the_unit_of_a_person(template):
    """Values of other names are left as they are, and the sign becomes that of Fahrenheit."""
    found, apart = _named(template, _BEFORE_DEGREES), _named(template, _BEFORE_KELVIN)
    assert len(found) > 40
    assert len(apart) > 10
    told = {"low", "high"}
    wrong = [each for each in found if not each[1].endswith("celsius")]
    wrong = [each for each in wrong if each[1] not in told]
    wrong += [each for each in apart if not each[1].endswith("kelvin")]
    assert wrong == []


def _fields(text):
    return sorted(
        (name, spec, conversion or "")
        for _literal, name, spec, conversion in string.Formatter().parse(text)
        if name is not None
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_the_languages_are_those_of_the_issue_and_each_has_its_folder(package):
    assert sorted(LANGUAGES) == ["de", "en", "fr", "ja"]
    assert sorted(
        each.name
        for each in (ROOT / package / "languages").iterdir()
        if each.is_dir() and (each / "messages.po").exists()
    ) == sorted(OTHERS)


def test_what_people_are_told_is_found_in_python_scripts_and_pages(template):
    for message in ("no window is open", "Live", "Quick off", "Log in"):
        assert message in template
    assert template.get("winter_on", context="outcome")


def test_what_the_store_tells_is_found_in_its_commands_and_in_the_doctor(templates):
    for message in ("{key} is written", "{number} rows", "{directory} can be written"):
        assert message in templates["switchbot_store"]


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("language", OTHERS)
def test_every_text_has_a_translation(package, language, templates):
    there = kept(package, language)
    missing = [
        each.id
        for each in templates[package]
        if each.id and not (there.get(each.id, each.context) or each).string
    ]
    assert missing == [], "run `nox -s languages` and translate what is empty"
    assert not [each.id for each in there if each.id and each.fuzzy]


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_same_values_in_it(package, language):
    for each in kept(package, language):
        if each.id:
            assert _fields(each.string) == _fields(each.id), each.id
            # What is put behind another text begins as it has to.
            continues = each.id[0] in " ,;"
            assert continues or each.string == each.string.strip(), each.id


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("language", OTHERS)
def test_what_is_shipped_was_made_of_the_catalogue(package, language, templates):
    for path, content in shipped(package, language, templates[package]).items():
        assert path.read_bytes() == content, "run `nox -s languages`"


# --- nothing is told past the translation ----------------------------------------------

# Words of the web and of this package, which no person reads.
_CODE = re.compile(
    r"""
    # one word: a name, a class, a key, a path; then classes and other words of programs
    [a-z0-9_#.,:/\[\]"=?&*-]*
    | gauge-dot\ stale | on\ cool | open\ preset | (state\ )?pill[ ]
    | \.buttons\ button | true\ or\ false
    | GET | PUT | POST
    | Accept(-Language)? | Content-Type | If-Match | ETag | UTC | en-GB | NFKD
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
    words = json.loads((holder_of(PACKAGE.name, language) / "page.json").read_text())
    for each in template:
        if any(place.endswith(".js") for place, _line in each.locations):
            assert words[each.id]


_TELLING = sorted(
    path
    for folder in (
        PACKAGE / "cli",
        ROOT / "switchbot_store" / "cli",
        ROOT / "switchbot_store" / "doctor",
    )
    for path in folder.rglob("*.py")
)


@pytest.mark.parametrize("path", _TELLING, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_command_tells_nothing_past_the_translation(path):
    assert untranslated(ast.parse(path.read_text()), everywhere=False) == []


# What is for tests and trials, and what the simulated cloud says as the real one does.
_APART = {"testing", "simulation", "load_test"}
# Their ValueErrors are for who writes a program: of plug-ins that it registers, of numbers
# that it tells, of a page that it makes, of an order of steps that is ours.
_FOR_PROGRAMMERS = {
    "switchbot_automation/plugins.py",
    "switchbot_automation/engine/observe/offsets.py",
    "switchbot_automation/schedule/sun.py",
    "switchbot_automation/fleet/page.py",
    "switchbot_automation/core/step.py",
}


def test_an_error_and_a_finding_tell_nothing_past_the_translation(trees):
    modules = {
        name: tree for name, tree in trees.items() if Path(name).parts[1] not in _APART
    }
    errors = set().union(*map(errors_of, modules.values())) | {
        "Invalid",
        "Mistake",
        "Problem",
    }
    assert {"SettingsError", "StoreConfigError", "AuthError"} < errors
    found = {
        name: untranslated(
            tree,
            everywhere=False,
            telling=FINDING
            | errors
            | (set() if name in _FOR_PROGRAMMERS else {"ValueError"}),
        )
        for name, tree in modules.items()
    }
    assert {name: texts for name, texts in found.items() if texts} == {}


def test_an_error_past_the_translation_is_found():
    source = ast.parse("""
class OwnError(Exception): ...
def fail(name):
    if name:
        raise OwnError(f"{name} is not there", headers={"Retry-After": "5"})
    raise RequestRefusedError(422, "two words", "say it again")
def look(question):
    yield question.found(BAD, "a subject", "it is full", fix="empty it now")
    yield question.unseen(worded("not seen at all"))
""")
    assert errors_of(source) == {"OwnError"}
    telling = FINDING | errors_of(source) | {"RequestRefusedError"}
    assert untranslated(source, everywhere=False, telling=telling) == [
        (5, " is not there"),
        (6, "say it again"),
        (8, "empty it now"),
        (8, "it is full"),
    ]


@pytest.mark.parametrize("name", ["words", "margins"])
def test_a_reason_tells_nothing_past_the_translation(name):
    source = (PACKAGE / "explain" / f"{name}.py").read_text()
    assert untranslated(ast.parse(source), everywhere=True) == []


def test_a_text_past_the_translation_of_a_module_is_found():
    source = ast.parse('''
def told(name):
    """Not this one."""
    echo(f"{name} is away", _("Over there", at="here and now"))
    raise Misuse("say it again")
''')
    assert untranslated(source, everywhere=False) == [
        (4, " is away"),
        (5, "say it again"),
    ]


def in_f_strings(tree):
    """Return the texts that are translated inside an f-string: none is collected there."""
    return [
        call.args[0].value
        for text in ast.walk(tree)
        if isinstance(text, ast.JoinedStr)
        for call in ast.walk(text)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in {"_", "translated", "later", "worded"}
        and call.args
        and isinstance(call.args[0], ast.Constant)
    ]


def test_no_text_is_translated_inside_an_f_string_where_it_is_not_collected(trees):
    found = {name: told for name, tree in trees.items() if (told := in_f_strings(tree))}
    assert found == {}
    assert in_f_strings(ast.parse("f'  {_(\"none\")}'")) == ["none"]
