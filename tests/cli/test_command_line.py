"""What holds for every command."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from switchbot_automation.cli.app import COMMANDS, application

WITHOUT = """
import sys
sys.modules[{module!r}] = None
sys.argv = ["switchbot-automation", "settings"]
from switchbot_automation.cli import main
main()
"""

# Prints what a command imported, whatever it exits with.
IMPORTED = """
import atexit, sys
atexit.register(lambda: print("IMPORTED", *sorted(sys.modules), file=sys.stderr))
sys.argv = ["switchbot-automation", *{arguments!r}]
from switchbot_automation.cli import main
main()
"""


def python(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("module", ["click", "rich"])
def test_without_the_extra_it_says_which_and_ends_with_2(module):
    done = python(WITHOUT.format(module=module))
    assert done.returncode == 2
    assert "pip install 'switchbot-automation[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_missing_module_is_not_taken_for_the_extra():
    done = python(WITHOUT.format(module="orjson"))
    assert done.returncode == 1
    assert "[cli]" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("module", ["switchbot_store", "switchbot_automation"])
def test_where_the_output_has_no_room_left_it_is_one_line_and_1(module):
    code = (
        f"import sys; sys.argv[1:] = ['--help']; from {module}.cli import main; main()"
    )
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-c", code],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ran.returncode == 1
    said = "the output cannot be written: No space left on device"
    assert ran.stderr == f"{module.replace('_', '-')}: {said}\n"


def test_help_lists_every_command(invoke):
    shown = invoke("--help")
    assert shown.exit_code == 0
    for name, entry in COMMANDS.items():
        assert name in shown.output
        assert entry.summary in shown.output


def every_command(group, path=()):
    """Yield the words of each command, the groups' own commands too."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("words", [*every_command(application)], ids=" ".join)
def test_every_command_has_help_a_log_level_and_json(invoke, words):
    shown = invoke(*words, "--help")
    assert shown.exit_code == 0
    assert "--log-level" in shown.output
    # What `completion` prints is for a shell.
    assert "--json" in shown.output or words == ("completion",)


def test_a_command_that_is_none_is_misuse(invoke):
    assert invoke("simulat").exit_code == 2


def test_version_is_the_distributions(invoke):
    assert invoke("--version").output.startswith("switchbot-automation, version ")


def test_simulate_and_replay_import_neither_driver_nor_plots(tmp_path):
    readings = tmp_path / "readings.csv"
    readings.write_text(
        "timestamp,temperature_c,humidity_pct\n2026-06-15T09:54:21Z,23.7,92\n"
    )
    settings = tmp_path / "settings.json"
    settings.write_text("{}")
    for arguments in (
        ["simulate", "--days", "0.1"],
        ["replay", str(readings), "--settings", str(settings)],
    ):
        done = python(IMPORTED.format(arguments=arguments))
        assert done.returncode == 0, done.stderr
        imported = set(done.stderr.split("IMPORTED")[1].split())
        assert "switchbot_automation.engine.engine" in imported
        assert not imported & {"psycopg", "psycopg_pool", "matplotlib"}
        # Of a file that is not there, of a typo, and of data in a zip.
        assert not imported & {"dotenv", "difflib", "zipfile"}


def test_what_runs_in_a_process_of_its_own_says_which_extra_is_missing():
    done = python(WITHOUT.format(module="psutil").replace('"settings"', '"load-test"'))
    assert done.returncode == 1
    assert "pip install 'switchbot-automation[load]'" in done.stderr
    assert "Traceback" not in done.stderr
