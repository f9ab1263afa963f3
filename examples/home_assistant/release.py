"""Make of the component what HACS installs: a repository's layout, and a release's zip.

    nox -s home_assistant_release -- --repository OWNER/NAME --owner @OWNER

HACS takes a component from a public repository of its own on GitHub, with
`custom_components/switchbot_automation`, `hacs.json`, README and LICENSE at its root, and
with `zip_release` from a file of its release whose root is the component's own. Both are
made below DIRECTORY (dist/home_assistant): `repository/`, to be pushed, and
`switchbot_automation.zip`, to be attached to the release of the manifest's version. The
manifest gets what nobody knows before there is a repository: its owner, where it is
documented, where issues go, and the exact release of the engine.

The same files make the same bytes, so a zip can be made again and compared.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DOMAIN = "switchbot_automation"
COMPONENT = HERE / "custom_components" / DOMAIN

_REPOSITORY = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")
_OWNER = re.compile(r"@[A-Za-z0-9-]+")
_NEEDED = (
    "domain", "name", "version", "codeowners", "documentation", "issue_tracker",
    "integration_type", "iot_class", "config_flow", "requirements",
)  # fmt: skip
# The oldest instant that a zip can say, so that no clock is in it.
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def version_of_engine() -> str:
    """Return the version of this project, which the component is released with."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def manifest_for(repository: str, owners: list[str]) -> dict[str, Any]:
    """Return the manifest of a release. Raises ValueError for what HACS would refuse."""
    if not _REPOSITORY.fullmatch(repository):
        raise ValueError(f"--repository is OWNER/NAME on GitHub, not {repository!r}")
    if not owners or not all(map(_OWNER.fullmatch, owners)):
        raise ValueError("--owner is a name on GitHub, as @OWNER; it needs one")
    manifest: dict[str, Any] = json.loads((COMPONENT / "manifest.json").read_text())
    url, version = f"https://github.com/{repository}", version_of_engine()
    manifest |= {
        "codeowners": owners,
        "documentation": url,
        "issue_tracker": f"{url}/issues",
        # One release of the engine, as Home Assistant's components name theirs.
        "requirements": [f"switchbot-automation=={version}"],
        "version": version,
    }
    missing = [key for key in _NEEDED if not manifest.get(key)]
    if missing or manifest["domain"] != DOMAIN:
        raise ValueError(f"the manifest lacks {', '.join(missing) or DOMAIN}")
    first = ("domain", "name")
    order = (*first, *sorted(manifest.keys() - set(first)))
    return {key: manifest[key] for key in order}


def build(directory: Path, repository: str, owners: list[str]) -> tuple[Path, Path]:
    """Make the layout and the zip below a directory; return where they are.

    What was made there before is replaced. Raises ValueError, FileNotFoundError.
    """
    manifest = manifest_for(repository, owners)
    layout, packed = directory / "repository", directory / f"{DOMAIN}.zip"
    if layout.exists():
        shutil.rmtree(layout)
    inside = layout / "custom_components" / DOMAIN
    shutil.copytree(
        COMPONENT, inside, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
    )
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (inside / "manifest.json").write_text(f"{text}\n")
    # Of no use to HACS; people import each by its address.
    shutil.copytree(HERE / "blueprints", layout / "blueprints")
    for name, source in (
        ("README.md", HERE / "README.md"),
        ("hacs.json", HERE / "hacs.json"),
        ("LICENSE", ROOT / "LICENSE"),
    ):
        shutil.copyfile(source, layout / name)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(each for each in inside.rglob("*") if each.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(inside).as_posix(), _LONG_AGO)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return layout, packed


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repository", required=True, help="OWNER/NAME on GitHub")
    parser.add_argument(
        "--owner", action="append", default=[], help="@OWNER; several are several"
    )
    parser.add_argument("--to", type=Path, default=ROOT / "dist" / "home_assistant")
    asked = parser.parse_args(arguments)
    asked.to.mkdir(parents=True, exist_ok=True)
    try:
        layout, packed = build(asked.to, asked.repository, asked.owner)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{layout}\n{packed}, {packed.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
