"""`--help` of both command lines, in every language."""

import re
from unicodedata import east_asian_width

import click
import pytest
from click.testing import CliRunner

from switchbot_automation.languages import ENGLISH, LANGUAGES
from switchbot_store.cli.help_pages import folded, help_texts, in_language
from tests.languages.catalogues import COMMAND_LINES

OTHERS = [each for each in LANGUAGES if each != ENGLISH]
COLUMNS = 80


def shown(package, *arguments, language=None):
    """Return what a command prints, and how it ended."""
    env = {"SWITCHBOT_LANGUAGE": language, "LC_ALL": None, "LANG": None}
    return CliRunner().invoke(COMMAND_LINES[package], [*arguments], env=env)


def commands(command, path=()):
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), (*path, name))


PAGES = [
    pytest.param(package, path, command, id=" ".join((package, *path)))
    for package, application in COMMAND_LINES.items()
    for path, command in commands(application)
]


def _columns(line):
    return sum(2 if east_asian_width(each) in "WF" else 1 for each in line)


def _own_texts(command):
    """The texts of one command's page, without those of what is below it."""
    alone = click.Command(
        "", help=command.help, epilog=command.epilog, params=command.params
    )
    return list(help_texts(alone))


@pytest.mark.parametrize(("package", "path", "command"), PAGES)
def test_a_page_says_nothing_in_english_to_who_speaks_another(package, path, command):
    texts = _own_texts(command)
    assert texts
    in_english = " ".join(shown(package, *path, "--help").stdout.split())
    for text in texts:
        assert text in in_english
    for language in OTHERS:
        page = shown(package, *path, "--help", language=language)
        assert page.exit_code == 0
        said = " ".join(page.stdout.split())
        # A word alone can be the same in two languages.
        assert [each for each in texts if " " in each and each in said] == []
        for english in ("Usage:", "Show this message", "default: ", "[required]"):
            assert english not in said, language
        assert not re.search(r"^(Options|Commands):", page.stdout, re.MULTILINE)


@pytest.mark.parametrize("package", COMMAND_LINES)
def test_a_page_fits_a_terminal_in_japanese_too(package):
    for path, _command in commands(COMMAND_LINES[package]):
        lines = shown(package, *path, "--help", language="ja").stdout.splitlines()
        wide = [each for each in lines if _columns(each) > COLUMNS]
        assert wide == [], path


def test_what_is_to_be_copied_stays_as_it_is():
    in_english = shown("switchbot_automation", "act", "--help").stdout
    example = "    switchbot-automation act living off --hold 2h\n"
    assert example in in_english
    for language in OTHERS:
        page = shown("switchbot_automation", "act", "--help", language=language)
        assert example in page.stdout


def test_a_page_in_a_language_leaves_the_commands_as_they_were():
    before = shown("switchbot_store", "history", "plot", "--help").stdout
    for language in OTHERS:
        shown("switchbot_store", "history", "plot", "--help", language=language)
    assert shown("switchbot_store", "history", "plot", "--help").stdout == before


def test_a_command_is_itself_in_english():
    application = COMMAND_LINES["switchbot_store"]
    assert in_language(application, application.words) is application


def test_help_is_had_where_the_file_of_variables_is_broken_and_its_language_counts(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / ".env"
    file.write_text("SWITCHBOT_LANGUAGE=fr\n")
    assert (
        "Commandes\N{NO-BREAK SPACE}:" in shown("switchbot_automation", "--help").stdout
    )
    file.write_bytes(b"\xff")
    assert shown("switchbot_automation", "--help").exit_code == 0
    refused = shown("switchbot_automation", "settings")
    assert refused.exit_code == 2
    assert ".env is no UTF-8 text" in refused.stderr


@pytest.mark.parametrize(
    ("text", "columns", "lines"),
    [
        ("", 10, []),
        ("one two three", 8, ["one two", "three"]),
        ("a-word-that-is-too-long", 8, ["a-word-that-is-too-long"]),
        ("部屋を暖める。", 8, ["部屋を暖", "める。"]),
        ("部屋を暖。", 8, ["部屋を", "暖。"]),
        ("`act living` は部屋", 8, ["`act", "living`", "は部屋"]),
        ("サーバー", 6, ["サー", "バー"]),
    ],
)
def test_lines_break_where_they_may_and_count_columns(text, columns, lines):
    assert folded(text, columns) == lines


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize(
    ("package", "arguments", "named"),
    [
        ("switchbot_automation", ["statsu"], "'statsu'"),
        ("switchbot_store", ["histori"], "'histori'"),
        ("switchbot_automation", ["status", "--jsno"], "'--json'"),
        ("switchbot_automation", ["webhook", "setup"], "'URL'"),
        ("switchbot_store", ["history", "import"], "'FILE...'"),
        ("switchbot_automation", ["init", "--band", "warm"], "'--band'"),
    ],
    ids=lambda each: "-".join(each) if isinstance(each, list) else None,
)
def test_a_mistake_at_the_command_line_is_told_in_words(
    package, arguments, named, language
):
    in_english = shown(package, *arguments)
    told = shown(package, *arguments, language=language)
    assert told.exit_code == in_english.exit_code == 2
    assert named in told.stderr
    assert named.strip("'") in in_english.stderr  # in words of click's own
    for english in ("Usage: ", "Try '", "No such", "Did you", "Missing", "Invalid"):
        assert english not in told.stderr
        assert "Usage: " in in_english.stderr
