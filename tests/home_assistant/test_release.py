"""What HACS gets: a layout and a zip that it takes, and the same twice."""

import importlib.util
import json
import zipfile
from pathlib import Path

import pytest
from awesomeversion import AwesomeVersion, AwesomeVersionStrategy
from homeassistant.const import __version__ as running

HERE = Path(__file__).parents[2] / "examples" / "home_assistant"
DOMAIN = "switchbot_automation"


@pytest.fixture(scope="module")
def release():
    spec = importlib.util.spec_from_file_location("release", HERE / "release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_layout_is_what_hacs_asks_for(release, tmp_path):
    layout, packed = release.build(tmp_path, "ann/switchbot-rooms", ["@ann"])
    assert {each.name for each in layout.iterdir()} == {
        "LICENSE",
        "README.md",
        "blueprints",
        "custom_components",
        "hacs.json",
    }
    (component,) = (layout / "custom_components").iterdir()
    assert component.name == DOMAIN
    manifest = json.loads((component / "manifest.json").read_text())
    assert list(manifest)[:2] == ["domain", "name"]
    assert list(manifest)[2:] == sorted(list(manifest)[2:])
    assert manifest["codeowners"] == ["@ann"]
    assert manifest["issue_tracker"] == "https://github.com/ann/switchbot-rooms/issues"
    (requirement,) = manifest["requirements"]
    assert requirement == f"switchbot-automation=={manifest['version']}"
    # What Home Assistant refuses to load a custom component without.
    AwesomeVersion(
        manifest["version"],
        ensure_strategy=[AwesomeVersionStrategy.SEMVER, AwesomeVersionStrategy.PEP440],
    )
    hacs = json.loads((layout / "hacs.json").read_text())
    assert hacs["filename"] == packed.name
    assert AwesomeVersion(hacs["homeassistant"]) <= AwesomeVersion(running)


def test_the_zip_is_the_component_and_the_same_twice(release, tmp_path):
    layout, packed = release.build(tmp_path, "ann/rooms", ["@ann"])
    with zipfile.ZipFile(packed) as archive:
        names = set(archive.namelist())
        manifest = archive.read("manifest.json")
    component = layout / "custom_components" / DOMAIN
    assert names == {
        each.relative_to(component).as_posix()
        for each in component.rglob("*")
        if each.is_file()
    }
    assert {"__init__.py", "brand/icon.png", "translations/ja.json"} <= names
    assert not [each for each in names if "__pycache__" in each]
    assert manifest == (component / "manifest.json").read_bytes()
    before = packed.read_bytes()
    release.build(tmp_path, "ann/rooms", ["@ann"])
    assert packed.read_bytes() == before


@pytest.mark.parametrize(
    ("repository", "owners"),
    [("rooms", ["@ann"]), ("ann/rooms", []), ("ann/rooms", ["ann"])],
)
def test_a_release_without_an_owner_or_a_repository_is_refused(
    release, tmp_path, repository, owners, capsys
):
    asked = ["--repository", repository, "--to", str(tmp_path)]
    for owner in owners:
        asked += ["--owner", owner]
    assert release.main(asked) == 2
    assert "GitHub" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
