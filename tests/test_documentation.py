"""What the pages for contributors name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Those of the folder `docs` are followed again where the site is built, whose own pages are
# nowhere for who reads them in the repository.
PAGES = (
    *("ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"),
    *sorted(
        path.relative_to(ROOT).as_posix()
        for part in ("docs", "examples", "tests")
        for path in (ROOT / part).rglob("*.md")
        if "dist" not in path.parts
    ),
)
PARTS = (
    "switchbot_automation",
    "switchbot_store",
    "tests",
    "examples",
    "findings",
    ".ci",
)
_QUOTED = re.compile(r"`([\w./-]+)`")
_PATH = re.compile(r"[\w./-]+/[\w.-]*|[\w-]+\.(?:py|md|json|toml|sql)")
_LINK = re.compile(r"\]\((([^)#:\s]*)(?:#([^)\s:]*))?)\)")
_MADE_UP = {"NNNN_what_it_does.sql"}


def paths_there():
    """Return every file and folder, without those that a run leaves behind."""
    found = list(ROOT.glob("*.*"))
    for part in PARTS:
        found += [ROOT / part, *(ROOT / part).rglob("*")]
    return {
        f"/{path.relative_to(ROOT).as_posix()}"
        for path in found
        if "__pycache__" not in path.parts
    }


def paths_in(page):
    """Return what looks like a path of the repository in a page's own words."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return {
        word
        for word in _QUOTED.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL))
        if _PATH.fullmatch(word) and Path(word).name not in _MADE_UP
    }


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_every_path_that_a_page_names_exists(page):
    found = paths_in(page)
    assert found
    there = paths_there()
    # A row of a table names what lies in its room by the file's name alone.
    missing = {
        path
        for path in found
        if not any(each.endswith(f"/{path.rstrip('/')}") for each in there)
    }
    assert missing == set()


def without_blocks(page):
    return re.sub(r"(?ms)^```.*?^```", "", page.read_text("utf-8"))


def headings(page):
    """Return what a link may name of a page behind its `#`, as it is made of headings."""
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"(?m)^#+ +(.+?) *$", without_blocks(page))
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_link_into_the_repository_leads_somewhere(page):
    here = ROOT / page
    for link, path, heading in _LINK.findall(without_blocks(here)):
        there = here.parent / path if path else here
        assert there.exists(), link
        assert not heading or heading in headings(there), link


def test_links_are_found():
    assert _LINK.findall("[a](b.md#c) ![d](e.png) [f](#g) [h](https://i.example)") == [
        ("b.md#c", "b.md", "c"),
        ("e.png", "e.png", ""),
        ("#g", "", "g"),
    ]


def test_every_room_of_both_packages_is_told_of():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = {
        folder.name
        for package in ("switchbot_automation", "switchbot_store")
        for folder in (ROOT / package).iterdir()
        if (folder / "__init__.py").exists()
    }
    assert {room for room in rooms if room not in text} == set()


def test_the_picture_of_a_tick_names_every_request():
    requests = (ROOT / "switchbot_automation/core/requests.py").read_text("utf-8")
    (union,) = re.findall(r"^Request: TypeAlias = (.+)$", requests, re.MULTILINE)
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert {each for each in union.split(" | ") if each not in text} == set()
