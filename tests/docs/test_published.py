"""What a package index shows of the README and links to."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://git.example.com/somebody/home"
README = (ROOT / "README.md").read_text("utf-8")
PYPROJECT = (ROOT / "pyproject.toml").read_text("utf-8")

_spec = importlib.util.spec_from_file_location("published", ROOT / "docs/published.py")
page = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(page)


def test_every_link_of_the_readme_leads_to_a_file_of_that_version():
    shown = page.published(README, REPOSITORY, "v1.2.3")
    before = re.findall(r"\]\(([^)]+)\)", README)
    after = re.findall(r"\]\(([^)]+)\)", shown)
    assert len(before) == len(after) > 10
    for link in after:
        found = re.fullmatch(rf"{REPOSITORY}/(blob|raw)/v1\.2\.3/([^#]+)(#.*)?", link)
        assert found, link
        assert (ROOT / found[2]).is_file()
        is_picture = found[2].endswith(".png")
        assert (found[1] == "raw") == is_picture


def test_who_reads_it_there_has_no_checkout_to_install():
    assert "pip install '.[" in README
    shown = page.published(README, REPOSITORY, "v1")
    assert "pip install '.[" not in shown
    assert "pip install 'switchbot-automation[cli,web,plot]'" in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[a](b.md#c)", f"[a]({REPOSITORY}/blob/v1/b.md#c)"),
        ("![a](b.png)", f"![a]({REPOSITORY}/raw/v1/b.png)"),
        ("[a](#here)", "[a](#here)"),
        ("[a](https://example.com)", "[a](https://example.com)"),
        ("[a](mailto:me@example.com)", "[a](mailto:me@example.com)"),
        ("[a](//example.com/b)", "[a](//example.com/b)"),
        ("```\nrows[0](b.md)\n```\n", "```\nrows[0](b.md)\n```\n"),
        ("[a](b) and [c](d)", f"[a]({REPOSITORY}/blob/v1/b) and [c]({REPOSITORY}/blob/v1/d)"),
    ],
)  # fmt: skip
def test_links_that_lead_elsewhere_or_are_none_stay(text, shown):
    assert page.published(text, REPOSITORY, "v1") == shown


def test_the_project_gets_its_addresses_and_nothing_else_changes():
    told = tomllib.loads(page.with_urls(PYPROJECT, f"{REPOSITORY}.git", "v1"))
    urls = told["project"].pop("urls")
    assert told == tomllib.loads(PYPROJECT)
    assert urls["Homepage"] == REPOSITORY
    assert all(each.startswith(REPOSITORY) for each in urls.values())
    with pytest.raises(ValueError, match="already"):
        page.with_urls(page.with_urls(PYPROJECT, REPOSITORY, "v1"), REPOSITORY, "v1")


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "somebody/home",
        "https://git.example.com",
        "http://git.example.com/a/b",
        "git@example.com:a/b",
        "https://me:secret@git.example.com/a/b",
        'https://git.example.com/a"b',
        "https://git.example.com/a b",
        "https://git.example.com/a?b=c",
    ],
)
def test_what_is_no_address_of_a_repository_is_refused(wrong):
    with pytest.raises(ValueError, match="not the https address"):
        page.address(wrong)
