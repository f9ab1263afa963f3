"""Texts of others reach a terminal or a log as text: they steer nothing and forge no line."""

import io
import json
import logging
import re
import sys
from contextlib import suppress
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import switchbot_automation.cli
import switchbot_store.cli
from switchbot_store.cli.mistakes import harmless_json, tell_program
from switchbot_store.cli.output import (
    Misuse,
    echo,
    print_json,
    print_table,
    start_logging,
    warn,
)

# Clears the screen; sets the title; the same by one character; turns writing around;
# returns to the line's begin; half of a pair, as in a path that is no text.
STEERING = [
    "\x1b[2J",
    "\x1b]0;x\x07",
    "\x9b2J",
    "\u202eevil",
    "\rgood",
    "\u2028",
    "\x00",
]
STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@pytest.fixture
def logged(monkeypatch):
    """Log something as a command does; the lines that it makes."""
    root = logging.getLogger()
    before = root.handlers[:], root.level

    def logged(message, *values, as_json=False, error=None):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        start_logging("debug", as_json=as_json)
        logging.getLogger("home").error(message, *values, exc_info=error)
        return stream.getvalue().splitlines()

    yield logged
    root.handlers[:], root.level = before


def raised(text):
    error = ValueError(text)
    with suppress(ValueError):
        raise error  # for its traceback
    return error


@pytest.mark.parametrize("text", [*STEERING, "\ud800"])
def test_a_log_says_it_without_being_steered(logged, text):
    for as_json in (False, True):
        lines = logged("the device %s", text, as_json=as_json, error=raised(text))
        assert lines, "nothing was logged"
        assert not STEERS.search("".join(lines))
        assert "the device" in lines[0]


def test_no_text_passes_for_a_line_of_its_own(logged):
    forged = "x\n2026-01-12 06:00:00,000 ERROR   home: the door is open"
    lines = logged("the device %s", forged, error=raised(forged))
    assert sum(line.startswith("20") for line in lines) == 1
    (line,) = logged("the device %s", forged, as_json=True, error=raised(forged))
    assert json.loads(line)["message"] == f"the device {forged}"


@pytest.mark.parametrize("text", STEERING)
def test_what_a_command_prints_steers_no_terminal(text):
    @click.command()
    def command():
        echo(text)
        echo(Misuse(text), err=True)
        warn(text)
        print_table(text, [text], [[text]])
        print_json({"name": text})
        tell_program("Error", text)

    shown = CliRunner().invoke(command, catch_exceptions=False).output
    assert not STEERS.search(shown.replace("\n", ""))
    assert len(shown.splitlines()) >= 6


@pytest.mark.parametrize("text", [*STEERING, "30 °C, 寒い", "👩‍🚀"])
def test_json_means_what_it_meant(text):
    told = json.dumps({text: [text]}, ensure_ascii=False)
    assert json.loads(harmless_json(told)) == {text: [text]}


@pytest.mark.parametrize(
    "path",
    [
        path
        for package in (switchbot_store.cli, switchbot_automation.cli)
        for path in sorted(Path(package.__file__).parent.rglob("*.py"))
    ],
    ids=lambda path: path.stem,
)
def test_every_command_prints_by_what_takes_steering_out(path):
    """`click.echo` only of what steers nothing: escaped JSON, and a shell's own script."""
    if path.name == "completion.py":
        return
    printed = re.findall(r"click\.(?:echo|secho)\((.*)", path.read_text())
    good = ("harmless_json(", "printable(", ")  # closes")
    assert [each for each in printed if not each.startswith(good)] == []
