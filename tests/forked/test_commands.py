"""A command that is forked off is to a test what one of `python -m` is."""

import json
import signal
import subprocess
import sys

import pytest

from tests.forked.commands import STORE

PATIENCE_SECONDS = 60


def run(words, *arguments, **options):
    return subprocess.run(
        [*words, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
        **options,
    )


@pytest.fixture
def serving(commands):
    """A command that has begun and ends when it is told to."""
    with subprocess.Popen(
        [*commands(), "cloud", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert "base_url" in json.loads(process.stdout.readline())
        yield process
        process.kill()


def test_it_has_the_arguments_streams_directory_and_environment(commands, tmp_path):
    words = commands(STORE)
    environment = {"STORE_DIRECTORY": "kept", "STORE_BACKEND": "json"}
    done = run(words, "set", "note", cwd=tmp_path, env=environment, input='{"n": 1}')
    assert (done.returncode, done.stderr) == (0, "note is written\n")
    assert (tmp_path / "kept" / "note.json").exists()
    shown = run(words, "get", "note", cwd=tmp_path, env=environment)
    assert json.loads(shown.stdout) == {"n": 1}


def test_its_exit_code_and_stderr_come_back(commands):
    done = run(commands(), "no-such-command")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "No such command 'no-such-command'" in done.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGUSR1, -signal.SIGUSR1)]
)
def test_a_signal_reaches_it_and_it_ends_as_it_does_by_itself(serving, number, code):
    serving.send_signal(number)
    serving.communicate(timeout=PATIENCE_SECONDS)
    assert serving.returncode == code


def test_it_dies_with_its_launcher(serving):
    serving.kill()
    # It had the other end of the pipe, which nobody holds any more.
    serving.communicate(timeout=PATIENCE_SECONDS)
    assert serving.returncode == -signal.SIGKILL


@pytest.mark.parametrize("name", ["PYTHONWARNINGS", "LC_ALL", "LANG"])
def test_what_python_reads_at_its_start_makes_a_whole_one_start(commands, name):
    assert commands(environment={name: "C"})[:2] == (sys.executable, "-m")
