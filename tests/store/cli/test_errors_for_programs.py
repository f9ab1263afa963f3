"""What is told of an error: to a person in words, to a program as one JSON object."""

import json
import subprocess
import sys

import pytest

from switchbot_store.cli.app import COMMANDS

NOBODY = {"STORE_BACKEND": "postgres", "POSTGRES_URL": "postgresql://127.0.0.1:1/home"}


def told(result):
    """Return the object of the last line of stderr; before it are only logs."""
    return json.loads(result.err.splitlines()[-1])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_in_json(invoke, command):
    result = invoke(command, "--no-such-option", "--json", code=2)
    assert result.out == ""
    error = told(result)
    assert error["error"] == "UsageError"
    assert "--no-such-option" in error["message"]
    assert error["hint"].startswith("try: application")
    assert error["hint"].endswith(" --help")
    assert "Error:" in invoke(command, "--no-such-option", code=2).err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--no-such-option", "get", "--json"], "--no-such-option"),
        (["no-such-command", "--json"], "no-such-command"),
        (["get", "a", "b", "--json"], "unexpected extra"),
        (["ops", "explain", "--json"], "Missing argument"),
    ],
)
def test_what_was_asked_wrongly_is_told_in_json(invoke, arguments, message):
    result = invoke(*arguments, code=2)
    assert (result.out, told(result)["error"]) == ("", "UsageError")
    assert message in told(result)["message"]


@pytest.mark.parametrize(
    ("variables", "arguments", "kind", "code"),
    [
        (NOBODY, ["get"], "StoreUnavailableError", 1),
        (NOBODY, ["get", "settings"], "StoreUnavailableError", 1),
        (NOBODY, ["migrate"], "StoreUnavailableError", 1),
        (NOBODY, ["ops", "health"], "StoreUnavailableError", 1),
        ({"STORE_BACKEND": "tape"}, ["get"], "StoreConfigError", 2),
        ({"STORE_BACKEND": "tape"}, ["health"], "StoreConfigError", 2),
    ],
)
def test_an_error_of_the_store_tells_its_kind(
    invoke, environment, variables, arguments, kind, code
):
    environment(**variables)
    result = invoke(*arguments, "--json", code=code)
    assert (result.out, told(result)["error"]) == ("", kind)
    plain = invoke(*arguments, code=code)
    assert told(result)["message"] in plain.err
    assert plain.err.startswith("Error: ")


def test_it_is_english_whatever_is_spoken(invoke, environment):
    environment(STORE_BACKEND="tape", SWITCHBOT_LANGUAGE="ja")
    assert told(invoke("get", "--json", code=2))["message"].isascii()


def test_where_the_extra_is_missing_too(tmp_path):
    program = (
        "import sys; sys.modules['click'] = None\n"
        "sys.argv = ['switchbot-store', 'health', '--json']\n"
        "from switchbot_store.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    error = json.loads(done.stderr)
    assert error["error"] == "UsageError"
    assert "pip install" in error["message"]


def test_a_file_in_place_of_a_document_is_hinted_at(invoke, tmp_path):
    path = tmp_path / "settings"
    path.write_text('{"mode": "winter"}')
    for given in (path, tmp_path / "not-there.yaml"):
        result = invoke("set", "settings", given, code=2)
        assert "DOCUMENT: not JSON" in result.err
        assert f"--file {given}" in result.err
    assert "--file" not in invoke("set", "settings", "{winter", code=2).err
    assert "--file" not in invoke("set", "settings", "x" * 5000, code=2).err
    invoke("set", "settings", "--file", path)
    assert json.loads(invoke("get", "settings").out) == {"mode": "winter"}
