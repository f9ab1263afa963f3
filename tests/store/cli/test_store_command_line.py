"""The entry point: exit codes, help, and what it says where an extra is missing."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from switchbot_store.cli.app import COMMANDS, application


def run(program, **options):
    return subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        **options,
    )


@pytest.mark.parametrize("library", ["click", "rich"])
def test_without_the_extra_it_says_which_one_to_install(library, tmp_path):
    done = run(
        f"import sys; sys.modules[{library!r}] = None\n"
        "sys.argv = ['switchbot-store', 'health']\n"
        "from switchbot_store.cli import main; main()",
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"switchbot-store: {library} is not installed; the command line needs the"
        " extra `cli`: pip install 'switchbot-automation[cli]'\n"
    )


def test_without_the_driver_it_says_which_extra_to_install():
    done = run(
        "import sys; sys.modules['psycopg'] = None; sys.argv = ['x', 'health']\n"
        "from switchbot_store.cli import main; main()",
        env={"STORE_BACKEND": "postgres", "POSTGRES_URL": "postgresql://h/x"},
    )
    assert done.returncode == 2
    assert "switchbot-automation[postgres]" in done.stderr


def test_files_are_looked_after_without_the_driver(tmp_path):
    done = run(
        "import sys; sys.modules['psycopg'] = None; sys.argv = ['x', 'health']\n"
        "from switchbot_store.cli import main; main()",
        env={"STORE_DIRECTORY": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(invoke, command):
    text = invoke(command, "--help").out
    assert f"{command} [OPTIONS]" in text
    assert "--log-level" in text or command in {"history", "homes", "ops"}


def test_the_commands_are_listed_with_what_they_do(invoke):
    text = invoke("--help").out
    for command, entry in COMMANDS.items():
        assert f"{command} " in text
        assert entry.summary[:20] in text


@pytest.mark.parametrize("arguments", [("nonsense",), ("get", "a", "b"), ("set",)])
def test_what_was_asked_wrongly_ends_with_2(invoke, arguments):
    invoke(*arguments, code=2)


def test_a_wrong_variable_ends_with_2(invoke, environment):
    environment(STORE_FALLBACK="perhaps")
    assert "accepted: json, refuse" in invoke("health", code=2).err


def test_the_console_script_is_installed(invoke):
    from importlib.metadata import entry_points  # noqa: PLC0415 - here alone

    (script,) = entry_points(group="console_scripts", name="switchbot-store")
    assert script.value == "switchbot_store.cli:main"
    assert application.name == "application"


def test_ctrl_c_ends_with_130(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        process = subprocess.Popen(
            [sys.executable, "-m", "switchbot_store.cli", "health"],
            env={
                "PATH": os.environ["PATH"],
                "STORE_BACKEND": "postgres",
                "POSTGRES_URL": f"postgresql://u@127.0.0.1:{listener.getsockname()[1]}/x",
                "STORE_DIRECTORY": str(tmp_path),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
        )
        connection, _ = listener.accept()
        with connection:  # it waits for an answer now, which never comes
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert b"Traceback" not in error
