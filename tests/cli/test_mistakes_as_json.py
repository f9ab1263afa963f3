"""What a program is told on stderr when a command fails: one JSON object."""

import json
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import click
import pytest
from click.testing import CliRunner

from switchbot_automation import errors as of_automation
from switchbot_automation.cli.app import application
from switchbot_store import errors as of_store
from switchbot_store.cli.app import application as store
from switchbot_store.cli.command_line import CommandLine, Verb
from switchbot_store.cli.output import HintedError, Misuse

ACCOUNT = {
    "SWITCHBOT_TOKEN": "a" * 96,
    "SWITCHBOT_SECRET": "b" * 32,
    # Nobody listens there.
    "SWITCHBOT_BASE_URL": "http://127.0.0.1:9",
}


def told(line, *arguments, **env):
    """Return the object on stderr, all that is there, and how it ended."""
    ended = CliRunner().invoke(line, [*map(str, arguments)], env=env)
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert ended.stdout == ""
    return json.loads(ended.stderr), ended.exit_code


@pytest.mark.parametrize(
    ("line", "arguments", "kind", "code", "hint"),
    [
        (application, ["statu", "--json"], "UsageError", 2, "application --help"),
        (application, ["status", "--jsno", "--json"], "UsageError", 2, "status --help"),
        (application, ["webhook", "setup", "--json"], "UsageError", 2, "setup --help"),
        (application, ["init", "--json"], "UsageError", 2, "init --help"),
        (application, ["status", "--json"], "UsageError", 2, None),
        (
            application,
            ["explain", "--json", "--zone", "attic"],
            "UnknownZoneError",
            2,
            None,
        ),
        (store, ["get", "--json", "--jsno"], "UsageError", 2, "get --help"),
        (store, ["histroy", "--json"], "UsageError", 2, "--help"),
    ],
    ids=lambda each: "-".join(each) if isinstance(each, list) else None,
)
def test_a_mistake_is_one_object_and_its_exit_code_stays(
    tmp_path, line, arguments, kind, code, hint
):
    (tmp_path / "settings.json").write_text("{}")
    error, ended = told(
        line,
        *arguments,
        STORE_DIRECTORY=str(tmp_path),
        SWITCHBOT_LANGUAGE="de",  # a program is told in English all the same
        SWITCHBOT_TOKEN=None,
    )
    assert error["error"] == kind
    assert error["message"]
    assert "Befehl" not in error["message"]
    assert ended == code
    if hint is None:
        assert "hint" not in error
    else:
        assert hint in error["hint"]


def test_a_cloud_that_is_away_is_told_by_its_kind(tmp_path):
    error, ended = told(
        application, "devices", "--json", STORE_DIRECTORY=str(tmp_path), **ACCOUNT
    )
    assert ended == 1
    assert error["error"] == "CloudTimeoutError"  # it cannot be reached


def test_a_store_that_is_named_wrongly_is_told_by_its_kind():
    for line, command in ((store, "health"), (application, "explain")):
        error, ended = told(line, command, "--json", STORE_BACKEND="cellar")
        assert (error["error"], ended) == ("StoreConfigError", 2)


def test_a_file_of_variables_that_cannot_be_read_is_told(tmp_path):
    for line, command in ((store, "get"), (application, "settings")):
        error, ended = told(
            line, command, "--json", SWITCHBOT_ENV_FILE=str(tmp_path / "absent")
        )
        assert (error["error"], ended) == ("UsageError", 2)
        assert "absent" in error["message"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("module", ["switchbot_store", "switchbot_automation"])
def test_an_output_that_is_full_is_told(module, tmp_path):
    words = "['settings', '--json']" if "automation" in module else "['get', '--json']"
    code = f"import sys; sys.argv[1:] = {words}; from {module}.cli import main; main()"
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-c", code],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=tmp_path,
        )
    assert ran.returncode == 1
    assert json.loads(ran.stderr)["error"] == "OutputError"


def test_a_library_that_is_missing_is_told_with_what_brings_it():
    code = """
import sys
sys.modules["rich"] = sys.modules["click"] = None
sys.argv[1:] = ["settings", "--json"]
from switchbot_automation.cli import main
main()
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert json.loads(ran.stderr) == {
        "error": "UsageError",
        "message": "click is not installed; the command line needs the extra `cli`:"
        " pip install 'switchbot-automation[cli]'",
    }


# --- of every kind ----------------------------------------------------------------------


def _every_error(root):
    yield root
    for below in root.__subclasses__():
        if below.__module__.startswith(("switchbot_automation.", "switchbot_store.")):
            yield from _every_error(below)


class _Line(CommandLine):
    """A command line whose one command fails as it is told to."""

    entries: ClassVar = {"fail": Verb("fail", "Fail.")}
    catalogues = ()
    misused = application.misused
    failed = application.failed

    def __init__(self, error):
        super().__init__("line", params=[click.Option(["--json"], is_flag=True)])
        self.error = error

    def get_command(self, _context, _name):
        @click.command()
        def fail():
            raise self.error

        return fail


ERRORS = [
    *_every_error(of_automation.AutomationError),
    *_every_error(of_store.StoreError),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda each: each.__name__)
def test_every_error_of_the_libraries_has_a_word_of_its_own(error):
    raised = error.__new__(error)
    raised.args = ("it is so",)
    found, code = told(_Line(raised), "--json", "fail")
    assert found["error"] == error.__name__
    assert code == (2 if isinstance(raised, _Line.misused) else 1)


def test_no_two_errors_have_one_word():
    words = [each.__name__ for each in dict.fromkeys(ERRORS)]
    assert len(set(words)) == len(words)
    assert not {"UsageError", "CommandError", "OutputError"} & {*words}


def test_what_a_person_can_do_stands_by_itself_for_a_program_alone():
    hinted = HintedError("it is taken", "--replace takes it")
    found, code = told(_Line(hinted), "--json", "fail")
    assert found == {
        "error": "CommandError",
        "message": "it is taken",
        "hint": "--replace takes it",
    }
    assert code == 1
    ended = CliRunner().invoke(_Line(hinted), ["fail"], env={"LC_ALL": "C"})
    assert ended.stderr == "Error: it is taken; --replace takes it\n"


def test_what_was_probably_meant_is_a_line_of_its_own_for_a_person():
    misuse = Misuse("no", hint="perhaps yes")
    assert told(_Line(misuse), "--json", "fail")[0]["hint"] == "perhaps yes"
    ended = CliRunner().invoke(_Line(misuse), ["fail"], env={"LC_ALL": "C"})
    assert ended.stderr == "Error: no\nperhaps yes\n"


def test_misuse_and_an_end_in_the_middle_are_told():
    assert told(_Line(Misuse("no")), "--json", "fail") == (
        {"error": "UsageError", "message": "no"},
        2,
    )
    assert told(_Line(click.Abort()), "--json", "fail")[0]["error"] == "Aborted"
    assert told(_Line(KeyboardInterrupt()), "--json", "fail") == (
        {"error": "Interrupted", "message": "interrupted"},
        130,
    )
