"""Make what the site does not have as a file: reference pages, and the files it links to.

Links of a page lead to where they lead in the repository, so they work on both sides: one
to a file of the repository becomes one to its page here, or to a page that shows it.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click
from click.testing import CliRunner
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
TAKEN = {
    "ARCHITECTURE.md": "project/architecture.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "README.md": "index.md",
    "examples/home_assistant/README.md": "how-to/home-assistant.md",
    "examples/many_processes.md": "how-to/many-processes.md",
    "examples/settings.md": "reference/settings.md",
    "tests/benchmarks/README.md": "project/benchmarks.md",
}
"""Pages of the repository, and where they are in the site."""
PROGRAMS = {
    "switchbot-automation": "switchbot_automation.cli.app:application",
    "switchbot-store": "switchbot_store.cli.app:application",
}
_LINK = re.compile(r"(!?\[[^\]]*\]\()([^)#:\s]+)((?:#[^)\s]*)?\))")
_KINDS = {
    ".css": "css",
    ".html": "html",
    ".js": "javascript",
    ".json": "json",
    ".md": "markdown",
    ".py": "python",
    ".sh": "bash",
    ".sql": "sql",
    ".toml": "toml",
    ".yaml": "yaml",
    ".yml": "yaml",
}

_sources: dict[str, str] = {}
"""Of each page, where its text is in the repository."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made; mkdocs calls it."""
    _sources.clear()
    made: dict[str, str] = {}
    for file in files.documentation_pages():
        _sources[file.src_uri] = f"docs/{file.src_uri}"
    for source, page in TAKEN.items():
        if source != "README.md":
            made[page] = (ROOT / source).read_text("utf-8")
            _sources[page] = source
    for page, source in dict(_sources).items():
        text = made.get(page) or (ROOT / source).read_text("utf-8")
        for target in _targets(text, source):
            _show(target, made)
    made |= {page: make() for page, make in _GENERATED.items()}
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    for image in sorted((ROOT / "examples/images").glob("*.png")):
        uri = f"images/{image.name}"
        files.append(File.generated(config, uri, abs_src_path=str(image)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Lead links to where their target is in the site; mkdocs calls it."""
    here = page.file.src_uri
    source = _sources.get(here)
    if source is None:
        return markdown

    def led(match: re.Match[str]) -> str:
        target = _target(match[2], source)
        if target is None:
            return match[0]
        there = _page_of(target)
        up = os.path.relpath(there, PurePosixPath(here).parent)
        return f"{match[1]}{PurePosixPath(up)}{match[3]}"

    return _outside_code(markdown, lambda text: _LINK.sub(led, text))


def _outside_code(markdown: str, change: Callable[[str], str]) -> str:
    parts = re.split(
        r"(^```.*?^```|`[^`\n]*`)", markdown, flags=re.DOTALL | re.MULTILINE
    )
    return "".join(part if at % 2 else change(part) for at, part in enumerate(parts))


def _targets(text: str, source: str) -> Iterator[str]:
    plain = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for match in _LINK.finditer(plain):
        target = _target(match[2], source)
        if target is not None:
            yield target


def _target(link: str, source: str) -> str | None:
    """Return a link's target in the repository, None if it lies in the site already."""
    path = os.path.normpath(PurePosixPath(source).parent / link)
    if path.startswith("docs/") and not (ROOT / path).exists():
        return None  # a page that is made, or a mistake, which mkdocs tells of
    return path if (ROOT / path).exists() else None


def _page_of(target: str) -> str:
    if target.startswith("docs/"):
        return target.removeprefix("docs/")
    if target in TAKEN:
        return TAKEN[target]
    if target.startswith("examples/images/"):
        return f"images/{PurePosixPath(target).name}"
    path = PurePosixPath(target)
    # mkdocs leaves out what begins with a dot.
    return f"files/{path.parent}/{path.name.lstrip('.')}.md"


def _show(target: str, made: dict[str, str]) -> None:
    """Make the page of a file, or of a folder and of what lies in it."""
    page = _page_of(target)
    if not page.startswith("files/") or page in made:
        return
    path = ROOT / target
    if path.is_dir():
        inside = sorted(
            each.name
            for each in path.iterdir()
            if each.name[0] != "_" and each.suffix not in {".pyc", ".png"}
        )
        links = [f"- [{name}]({path.name}/{name.lstrip('.')}.md)" for name in inside]
        made[page] = "\n".join([f"# {target}", "", *links, ""])
        for name in inside:
            _show(f"{target}/{name}", made)
        return
    text = path.read_text("utf-8")
    fence = "`" * (max(map(len, re.findall(r"`{3,}", text)), default=2) + 1)
    kind = _KINDS.get(path.suffix, "text")
    made[page] = f"# {target}\n\n{fence}{kind}\n{text.rstrip()}\n{fence}\n"


def _command_lines() -> str:
    lines = [
        "# Command lines",
        "",
        (
            "What `--help` prints. `switchbot-postgres` is the same questions as"
            " `switchbot-store ops`, for a Model Context Protocol client."
        ),
    ]
    for name, where in PROGRAMS.items():
        module, _, attribute = where.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        lines += _help_of(command, [name])
    return "\n".join(lines) + "\n"


def _help_of(command: click.Command, words: list[str]) -> Iterator[str]:
    context = click.Context(command, info_name=" ".join(words))
    asked = CliRunner(env={"SWITCHBOT_LANGUAGE": "en"}).invoke(
        command, ["--help"], prog_name=" ".join(words), terminal_width=92
    )
    if asked.exit_code:
        raise RuntimeError(f"{' '.join(words)} --help: {asked.output}")
    yield from ("", f"{'#' * (len(words) + 1)} {' '.join(words)}", "")
    yield from ("```text", asked.output.rstrip(), "```")
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from _help_of(below, [*words, name])


def _http() -> str:
    from switchbot_automation.web.api.openapi import describe  # noqa: PLC0415
    from switchbot_automation.web.routes import ROUTES  # noqa: PLC0415

    document = describe(ROUTES)
    lines = [
        "# HTTP",
        "",
        document["info"].get("description", ""),
        "",
        "A running page serves this as OpenAPI 3.1 at `/api/openapi.json`.",
    ]
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            if not isinstance(told, dict):
                continue
            lines += ["", f"## {method.upper()} {path}", ""]
            lines += [told.get("summary", ""), "", told.get("description", ""), ""]
            lines += _parameters(told)
            lines += [
                f"- **{status}** {answer.get('description', '')}"
                for status, answer in told.get("responses", {}).items()
            ]
    lines += ["", "## Schemas", ""]
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        shown = json.dumps(schema, indent=2, ensure_ascii=False)
        lines += [f"### {name}", "", "```json", shown, "```", ""]
    return "\n".join(lines) + "\n"


def _parameters(told: dict[str, object]) -> list[str]:
    found = told.get("parameters") or []
    assert isinstance(found, list)  # noqa: S101 - OpenAPI's word
    if not found:
        return []
    rows = [
        f"| `{each['name']}` | {each['in']} | {each.get('description', '')} |"
        for each in found
        if "name" in each
    ]
    return ["| parameter | in | what |", "| --- | --- | --- |", *rows, ""]


def _reasons() -> str:
    from switchbot_automation import ReasonCode  # noqa: PLC0415
    from switchbot_automation.explain.words import REASON_WORDS  # noqa: PLC0415

    source = inspect.getsource(ReasonCode)
    lines = [
        "# Reasons",
        "",
        (
            "Every decision, verdict and command carries codes of this list, in histories,"
            " traces, `explain` and the page. The list only grows."
        ),
    ]
    row = re.compile(r'^ {4}[A-Z_0-9]+ = "(\w+)"')
    for line in source.splitlines():
        if line.startswith("    # "):
            lines += ["", f"## {line.removeprefix('    # ').capitalize()}", ""]
        elif match := row.match(line):
            words = REASON_WORDS.get(match[1], ())
            first = words if isinstance(words, str) else next(iter(words), "")
            lines.append(f"- `{match[1]}`" + (f": {first}" if first else ""))
    return "\n".join(lines) + "\n"


def _python(package: str, *more: str) -> Callable[[], str]:
    def made() -> str:
        lines = [f"# {package}"]
        for name in (package, *more):
            module = importlib.import_module(name)
            told = inspect.getdoc(module) or ""
            if name != package:
                lines += ["", f"## {name}", ""]
            lines += ["", re.split(r"\n\s*\n", told)[0], ""]
            for public in sorted(module.__all__):
                value = getattr(module, public)
                home = getattr(value, "__module__", None)
                if home and hasattr(value, "__qualname__"):
                    lines += [f"::: {home}.{value.__qualname__}", ""]
        return "\n".join(lines) + "\n"

    return made


_GENERATED: dict[str, Callable[[], str]] = {
    "reference/command-line.md": _command_lines,
    "reference/http.md": _http,
    "reference/reasons.md": _reasons,
    "reference/switchbot_automation.md": _python("switchbot_automation"),
    "reference/switchbot_store.md": _python("switchbot_store"),
    "reference/testing.md": _python("switchbot_store.testing"),
}
