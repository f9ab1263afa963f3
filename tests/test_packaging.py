"""The wheel: what it holds, and that it works where nothing else is installed."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ["switchbot_store", "switchbot_automation"]


def run(*command, cwd=None):
    # Coverage and plug-in variables of this test run are no part of the clean machine.
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=cwd, env=kept
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    target = tmp_path_factory.mktemp("dist")
    run(
        sys.executable, "-m", "build", "--wheel", "--no-isolation",
        "--outdir", str(target), str(ROOT),
    )  # fmt: skip
    [found] = target.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def clean_python(wheel, tmp_path_factory):
    """An environment with the wheel and what it depends on, and nothing else."""
    home = tmp_path_factory.mktemp("clean")
    uv = shutil.which("uv")
    venv.create(home, with_pip=uv is None, symlinks=True)
    python = str(home / "bin" / "python")
    if uv:
        run(uv, "pip", "install", "--python", python, str(wheel))
    else:
        run(python, "-m", "pip", "install", "--no-compile", str(wheel))
    return python


def test_the_wheel_holds_every_file_of_both_packages_and_nothing_else(wheel):
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in names if ".dist-info/" not in name} == expected
    for package in PACKAGES:
        assert f"{package}/py.typed" in names


def test_the_wheel_carries_the_schema_and_the_device_catalogue(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert any(n.startswith("switchbot_store/postgres/sql/0001_") for n in names)
    assert "switchbot_automation/cloud/catalog/devices.json" in names


def test_both_packages_import_in_a_clean_environment(clean_python, tmp_path):
    program = (
        "import switchbot_store, switchbot_automation; print(switchbot_store.__file__)"
    )
    location = run(clean_python, "-I", "-c", program, cwd=tmp_path)
    assert Path(location.strip()).is_relative_to(Path(clean_python).parents[1])


def test_the_command_without_its_extra_says_what_to_install(clean_python, tmp_path):
    command = Path(clean_python).with_name("switchbot-automation")
    done = subprocess.run(
        [command, "--help"], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode != 0
    assert "switchbot-automation[cli]" in done.stderr
    assert "Traceback" not in done.stderr
