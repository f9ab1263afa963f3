"""What the documentation tells a reader to type works, page by page, in its order.

Each block of shell lines says in a comment before it that it is run here, run until it is
stopped, or not run, and why not; each of what was printed, that it is what those lines print;
each other one which tests hold it.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from switchbot_automation.plugins import GROUPS
from switchbot_automation.settings.read import check_settings
from switchbot_store import HistorySample, StoreConfig, get_history
from switchbot_store.config import PLUGIN_GROUP
from tests.forked.commands import AUTOMATION, STORE

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
BIN = Path(sys.executable).parent
_BLOCK = re.compile(
    r"^(?:<!-- (?P<how>[^>]*?) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
_PORT = re.compile(r"(--port |127\.0\.0\.1:)80?[18]\d\d?3?\b")
_FENCE = re.compile(r"^\s*(?:```|~~~)", re.MULTILINE)
_EXPORT = re.compile(r"export (\w+)=(\S+)")
RUN, RUN_UNTIL_STOPPED, NOT_RUN = "run", "run until it is stopped", "not run: "
ONCE_STOPPED = "run once all is stopped"
PRINTED, SHOWN, HELD_BY = "printed", "shown: ", "held by "
COMMANDS = {"switchbot-automation": AUTOMATION, "switchbot-store": STORE}
INSTALLED = "tutorial.md"
"""The page on which the commands are those that were installed."""
_LONGEST_SECONDS = 300


class Block(NamedTuple):
    how: str
    kind: str
    text: str
    line: int


def blocks(page):
    text = page.read_text("utf-8")
    return [
        Block(
            found["how"] or "",
            found["kind"],
            found["text"],
            text.count("\n", 0, found.start()) + 1,
        )
        for found in _BLOCK.finditer(text)
    ]


def name(page):
    return str(page.relative_to(DOCS))


def of(kind):
    return [page for page in PAGES if any(each.kind == kind for each in blocks(page))]


class Reader:
    """Somebody at a terminal, in a new directory, who types what a page says."""

    def __init__(self, place):
        self.place = place
        self.environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(place / "home-of-the-reader"),
            "COLUMNS": "120",
            # Nothing that this machine has set is the reader's.
            **{k: v for k, v in os.environ.items() if k in {"TMPDIR", "TZ"}},
        }
        (place / "home-of-the-reader").mkdir()
        self.started = []

    def has_forked(self, commands):
        """Have both command lines start without the second that each one's imports take."""
        own = self.place / "bin-of-the-reader"
        own.mkdir()
        for command, module in COMMANDS.items():
            script = own / command
            words = shlex.join(commands(module, self.environment))
            script.write_text(f'#!/bin/sh\nexec {words} "$@"\n', "utf-8")
            script.chmod(0o700)
        self.environment["PATH"] = f"{own}:{self.environment['PATH']}"

    def types(self, text):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.place,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def starts(self, text):
        """Start what goes on, wait until it says something, take over its exports."""
        line = _PORT.sub(r"\g<1>0", text.strip())  # whatever port is free
        process = subprocess.Popen(
            ["bash", "-c", f"exec {line}"],
            cwd=self.place,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        said = process.stdout.readline()
        assert said, f"{text.strip()} ended without a word"
        while said.startswith(("#", "export ")):
            if found := _EXPORT.match(said):
                self.environment[found[1]] = found[2]
            if "SECRET" in said:
                break
            said = process.stdout.readline()

    def stops_all(self):
        codes = []
        for process in reversed(self.started):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                rest = process.communicate(timeout=60)[0]
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            codes.append((process.returncode, rest[-2000:]))
        self.started.clear()
        return codes


def cloud(reader):
    reader.starts("switchbot-automation cloud --port 8123")


def set_up(reader):
    cloud(reader)
    code, out, err = reader.types(
        "switchbot-automation init --yes --season winter --band 20-22 --hours 06:30-23:00"
    )
    assert code == 0, out + err


def a_years_rows(reader):
    now = datetime.now(UTC)
    rows = [
        HistorySample(
            timestamp=now - timedelta(hours=each), zone="living", temperature=20.5
        )
        for each in range(240)
    ]
    config = StoreConfig.from_env({"STORE_DIRECTORY": str(reader.place / "config")})
    with get_history(config) as history:
        for row in reversed(rows):
            history.record(row)
        history.flush()


def a_rule(reader):
    set_up(reader)
    path = reader.place / "config/settings.json"
    document = json.loads(path.read_text("utf-8"))
    page = DOCS / "how-to/rules.md"
    (first, *_) = [each for each in blocks(page) if each.kind == "json"]
    path.write_text(json.dumps({**document, **json.loads(first.text)}), "utf-8")


def a_server(reader):
    reader.environment["POSTGRES_URL"] = reader.database
    reader.environment["STORE_BACKEND"] = "postgres"
    code, out, err = reader.types("switchbot-store migrate")
    assert code == 0, out + err


PREPARED = {
    "how-to/deploy.md": set_up,
    "how-to/page.md": set_up,
    "how-to/history.md": a_years_rows,
    "how-to/rules.md": a_rule,
    "how-to/database.md": a_server,
}
"""What a reader of a page has already."""


@pytest.fixture
def reader(tmp_path, request):
    made = Reader(tmp_path)
    shutil.copytree(
        ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("*.png")
    )
    yield made
    made.stops_all()


@pytest.mark.parametrize("page", of("bash"), ids=name)
def test_every_block_says_whether_it_is_run(page):
    unsaid = [
        each.line
        for each in blocks(page)
        if each.kind == "bash"
        and each.how not in {RUN, RUN_UNTIL_STOPPED, ONCE_STOPPED}
        and not each.how.startswith(NOT_RUN)
    ]
    assert unsaid == []


def unheld(page):
    """Where blocks are that no test reads, and why."""
    text = page.read_text("utf-8")
    found = blocks(page)
    # One without a kind, or indented, would be passed over by every test of this file.
    if len(_FENCE.findall(text)) != 2 * len(found):
        yield "a fence that begins or ends no block"
    for each in found:
        if each.kind in {"bash", "json"} or each.how == PRINTED:
            continue
        if not each.how.startswith((SHOWN, HELD_BY)):
            yield f"{each.line}: says neither what it is nor which tests hold it"
        elif each.how.startswith(HELD_BY):
            tests = ROOT / each.how.removeprefix(HELD_BY)
            if not tests.is_file() or name(page) not in tests.read_text("utf-8"):
                yield f"{each.line}: {tests.name} knows nothing of it"
        elif each.kind == "python":
            yield f"{each.line}: a program is run"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_is_held_by_a_test_or_says_why_not(page):
    assert list(unheld(page)) == []


@pytest.mark.parametrize(
    "text",
    [
        "```\nuntold\n```\n",
        "- one\n\n  ```python\n  indented()\n  ```\n",
        "```python\nheld_by_nobody()\n```\n",
        "<!-- shown: no reason is one -->\n```python\nnever_run()\n```\n",
        "<!-- held by tests/docs/test_nothing.py -->\n```python\ngone()\n```\n",
        "<!-- held by tests/docs/test_published.py -->\n```python\nelsewhere()\n```\n",
    ],
)
def test_a_block_that_nobody_holds_is_found(text, monkeypatch, tmp_path):
    monkeypatch.setitem(globals(), "DOCS", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(text, "utf-8")
    assert len(list(unheld(page))) == 1


def lines(text):
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def without_figures(text):
    return [re.sub(r"\d[\d.,]*", "#", " ".join(line.split())) for line in lines(text)]


# What takes its reader longest is typed for fewer days in every run, which holds what is
# printed but for its figures; the slow session types what stands there.
FEWER_DAYS = {
    "how-to/backtest.md": {"--days 10": "--days 4", "2026-01-22": "2026-01-16"},
}


def typed():
    """Return the pages that are run, each with what is typed in place of what it says."""
    for page in of("bash"):
        if any(each.how.startswith(RUN) for each in blocks(page)):
            fewer = FEWER_DAYS.get(name(page))
            if fewer:
                yield pytest.param(page, fewer, id=f"{name(page)} in fewer days")
            marks = [pytest.mark.slow] if fewer else []
            yield pytest.param(page, {}, id=name(page), marks=marks)


@pytest.mark.parametrize(("page", "otherwise"), list(typed()))
def test_what_a_page_tells_to_type_works(page, otherwise, reader, request):
    assert all(each in page.read_text("utf-8") for each in otherwise)
    compared = without_figures if otherwise else lines
    if name(page) != INSTALLED:
        reader.has_forked(request.getfixturevalue("commands"))
    if name(page) == "how-to/database.md":
        reader.database = request.getfixturevalue("database_url")
    PREPARED.get(name(page), lambda _: None)(reader)
    printed = []
    for block in blocks(page):
        if block.how == PRINTED:
            shown = compared(block.text)
            starts = range(len(printed) - len(shown) + 1)
            assert any(printed[n : n + len(shown)] == shown for n in starts), (
                f"{name(page)}:{block.line} prints\n" + "\n".join(printed)
            )
        if block.kind != "bash" or block.how.startswith(NOT_RUN):
            continue
        if block.how == RUN_UNTIL_STOPPED:
            reader.starts(block.text)
            continue
        if block.how == ONCE_STOPPED:
            ends(reader)
        text = block.text
        for said, instead in otherwise.items():
            text = text.replace(said, instead)
        code, out, err = reader.types(text)
        assert code == 0, f"{name(page)}:{block.line}\n{out}\n{err}"
        printed = compared(out)
    ends(reader)


def ends(reader):
    for code, said in reader.stops_all():
        assert code in {0, 130}, said


@pytest.mark.parametrize("page", of("json"), ids=name)
def test_every_document_is_one(page):
    for block in blocks(page):
        if block.kind != "json":
            continue
        text = block.text
        found = json.loads(text if text.lstrip()[0] in "{[" else f"{{{text}}}")
        if isinstance(found, dict):
            assert check_settings(found) == [], f"{name(page)}:{block.line}"


@pytest.mark.parametrize("page", of("python"), ids=name)
def test_every_program_is_one(page):
    for block in blocks(page):
        if block.kind == "python":
            compile(block.text, f"{name(page)}:{block.line}", "exec")


@pytest.mark.parametrize("page", of("toml"), ids=name)
def test_every_entry_point_is_of_a_group_that_is_looked_for(page):
    groups = {PLUGIN_GROUP, *(f"switchbot_automation.{each}" for each in GROUPS)}
    for block in blocks(page):
        if block.kind == "toml":
            told = tomllib.loads(block.text)["project"]["entry-points"]
            assert told
            assert told.keys() <= groups


def program(page):
    return "\n".join(each.text for each in blocks(DOCS / page) if each.kind == "python")


def test_one_plug_in_of_each_kind_does_its_part(reader):
    (reader.place / "program.py").write_text(program("how-to/plug-ins.md"), "utf-8")
    code, out, err = reader.types("python -W error program.py")
    assert code == 0, out + err
    for said in ("/dev/ttyUSB0: setAll", "ding ding", "another hour", "{}"):
        assert said in out
    # Nothing of its settings is set aside.
    assert err == ""


@pytest.mark.parametrize("page", ["how-to/price.md"])
def test_a_program_that_needs_no_home_runs(page, reader):
    (reader.place / "program.py").write_text(program(page), "utf-8")
    code, out, err = reader.types("python -W error program.py")
    assert (code, err) == (0, ""), out + err


def test_a_cloud_of_ones_own_is_obeyed_and_a_hosts_tests_pass(reader):
    (reader.place / "test_host.py").write_text(program("how-to/own-cloud.md"), "utf-8")
    code, out, err = reader.types("python -m pytest -q -rA test_host.py")
    assert code == 0, out + err
    assert "2 passed" in out
    # Its first program runs where it is imported.
    code, out, err = reader.types("python -W error test_host.py")
    assert code == 0, out + err
    assert "winter_on [('hall-pump', 'setAll', '21,5,3,on')]" in out


def test_the_embedded_engine_looks_after_the_room_until_it_is_ended(reader):
    set_up(reader)
    (reader.place / "program.py").write_text(program("how-to/embed.md"), "utf-8")
    embedded = subprocess.Popen(
        ["python", "-u", "program.py"],
        cwd=reader.place,
        env=reader.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said = next(
            (line for line in embedded.stdout if line.startswith("DecisionMade")), ""
        )
        embedded.send_signal(signal.SIGTERM)
        rest = embedded.communicate(timeout=60)[0]
    finally:
        embedded.kill()
    assert embedded.returncode == 0, rest
    assert "Traceback" not in rest
    # Whether it heats is a matter of the hour.
    assert "zone='default'" in said
    assert "meter" not in said


def test_the_program_of_the_history_runs(reader):
    a_years_rows(reader)
    # A later block goes on from what the first one imports.
    (reader.place / "program.py").write_text(program("how-to/history.md"), "utf-8")
    code, out, err = reader.types("python program.py")
    assert code == 0, err
    assert "'temperature': 20.5" in out
