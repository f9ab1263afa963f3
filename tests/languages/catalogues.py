"""Collect every message, bring the catalogues up to date and compile them.

Run by `nox -s languages`, and by the test that compares what is there with what this
would write. A message that is new gets an empty translation, which that test finds.
"""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from switchbot_automation.cli import app as automation
from switchbot_automation.languages import ENGLISH, LANGUAGES
from switchbot_automation.settings.table import settings_table
from switchbot_automation.web.html_texts import texts
from switchbot_store.cli import app as store
from switchbot_store.cli.help_pages import help_texts

ROOT = Path(__file__).parents[2]
COMMAND_LINES = {
    "switchbot_automation": automation.application,
    "switchbot_store": store.application,
}
PACKAGES = ("switchbot_automation", "switchbot_store")
PACKAGE = ROOT / "switchbot_automation"
OTHERS = [each for each in LANGUAGES if each != ENGLISH]


def holder_of(package, language):
    """Return the folder of a catalogue."""
    return ROOT / package / "languages" / language


def _texts_of_html(fileobj, keywords, comment_tags, options):
    for text in texts(fileobj.read().decode()):
        yield text.line, "", text.message, []


METHODS = [
    ("**.py", "python"),
    ("web/static/**.js", "javascript"),
    ("web/static/**.html", _texts_of_html),
]
KEYWORDS = {
    "_": None,
    "later": None,
    "worded": None,
    "later_in": ((1, "c"), 2),
}
_SCRIPTS = "switchbot_automation/web/static/"


class _Catalogue(Catalog):
    """A catalogue whose head says nothing of when and by which version it was made."""

    header_comment = "# Texts of switchbot-automation."
    mime_headers = property(
        lambda self: [
            ("Language", str(self.locale)),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
        ]
    )


def help_of(package: str) -> list[str]:
    """Return what `--help` of a package's command line says, whoever wrote it."""
    application = COMMAND_LINES[package]
    summaries = [entry.summary for entry in application.entries.values()]
    return [*help_texts(application), *summaries]


def collected(package: str) -> Catalog:
    """Return every message that a package can tell."""
    template = Catalog(fuzzy=False)
    found = extract_from_dir(str(ROOT / package), METHODS, keywords=KEYWORDS)
    for name, line, message, comments, context in found:
        if name.startswith("languages/"):
            continue  # its docstrings are examples
        place = f"{package}/{name}"
        template.add(message, None, [(place, line)], (), comments, context=context)
    theirs = set() if package != PACKAGE.name else {*help_of("switchbot_store")}
    for message in help_of(package):
        # Of options that both have the store's catalogue has the words.
        if message not in theirs:
            template.add(message, None, [(f"{package}/cli", 1)])
    if package != PACKAGE.name:
        return template
    for spec in settings_table():
        # The rows of the table hold no words but these.
        for message in filter(None, (spec.meaning, str(spec.kind), spec.unit)):
            template.add(message, None, [("switchbot_automation/settings/table", 1)])
    return template


def kept(package: str, language: str) -> Catalog:
    """Return the catalogue of a language as it lies there."""
    path = holder_of(package, language) / "messages.po"
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated(package: str, language: str, template: Catalog) -> Catalog:
    """Return a catalogue with the messages of today, translated as far as they were."""
    path = holder_of(package, language) / "messages.po"
    old = (
        {(each.context, each.id): each.string for each in kept(package, language)}
        if path.exists()
        else {}
    )
    fresh = _Catalogue(language, fuzzy=False)
    for each in template:
        if each.id:
            string = old.get((each.context, each.id), "")
            fresh.add(each.id, string, each.locations, context=each.context)
    return fresh


def po_of(catalogue: Catalog) -> bytes:
    """Return what people change: no line numbers, which every change would move."""
    written = BytesIO()
    write_po(
        written,
        catalogue,
        width=0,
        include_lineno=False,
        sort_output=True,
    )
    return written.getvalue()


def mo_of(catalogue: Catalog) -> bytes:
    """Return what `gettext` reads."""
    written = BytesIO()
    write_mo(written, catalogue)
    return written.getvalue()


def page_of(catalogue: Catalog) -> bytes:
    """Return what the page's scripts read."""
    words = {
        each.id: each.string
        for each in catalogue
        if each.id
        and not each.context
        and any(
            place.startswith(_SCRIPTS) and place.endswith(".js")
            for place, _line in each.locations
        )
    }
    return json.dumps(words, ensure_ascii=False, sort_keys=True, indent=0).encode()


def shipped(package: str, language: str, template: Catalog) -> dict[Path, bytes]:
    """Return every file of a package's catalogue, as it is to be."""
    catalogue = updated(package, language, template)
    holder = holder_of(package, language)
    files = {
        holder / "messages.po": po_of(catalogue),
        holder / "messages.mo": mo_of(catalogue),
    }
    if package == PACKAGE.name:
        files[holder / "page.json"] = page_of(catalogue)
    return files


def main() -> None:
    for package in PACKAGES:
        template = collected(package)
        for language in OTHERS:
            for path, content in shipped(package, language, template).items():
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)


if __name__ == "__main__":
    main()
