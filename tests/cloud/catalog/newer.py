"""Show what a newer client or document has that the catalogue does not.

    python -m tests.cloud.catalog.newer                      # newest switchbot-api on PyPI
    python -m tests.cloud.catalog.newer 2.14.0               # that release of it
    python -m tests.cloud.catalog.newer README.md            # a document, or a folder of them
    python -m tests.cloud.catalog.newer https://.../raw/README.md

Run by `nox -s catalogue -- ...`. Ends with 0 where nothing is missing, 1 where something is:
then `devices.json` gets it, with its source. Nothing of what is read is run: a client is
taken apart by `ast`, a document by its tables.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.request import urlopen

from switchbot_automation.cloud.catalog.catalog import device_types, find
from switchbot_automation.cloud.catalog.words import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CLIENT = "switchbot-api"
_LONGEST_WAIT_SECONDS = 60
# What every answer and every event has, and what lists have of every device.
_OF_ALL = {
    "deviceid", "devicename", "devicetype", "hubdeviceid", "enablecloudservice",
    "eventtype", "eventversion", "context", "devicemac", "timeofsample",
}  # fmt: skip
# Its own names for a percentage, which no device says.
_OWN_WORDS = {"BatteryLevel"}
_MARKED = re.compile(r"[_*`\"“]([^_*`\"”]+)[_*`\"”]")
_HEADING = re.compile(r"(#+)\s+(.*)")


class Found(NamedTuple):
    """What a source says: a type, and of it one command, field or word; where it stood."""

    device_type: str
    kind: str
    name: str


def missing(found: Iterable[Found]) -> list[Found]:
    """Return what the catalogue does not have of it, each once, in order."""
    words = {folded(each) for each in _catalogued_words()}
    return [
        each
        for each in dict.fromkeys(found)
        if (folded(each.name) not in words if each.kind == "word" else _lacks(each))
    ]


def _lacks(each: Found) -> bool:
    products = find(each.device_type)
    if not products:
        return True
    if each.kind == "type":
        return False
    name = each.name.casefold()
    if each.kind == "command":
        return all(product.command(each.name) is None for product in products)
    fields = {
        field.name.casefold()
        for product in products
        for field in (*product.status, *product.webhook_fields)
    } | {name.casefold() for product in products for name in product.list_fields}
    return name not in fields


def _catalogued_words() -> Iterator[object]:
    for product in device_types():
        for field in (*product.status, *product.webhook_fields):
            yield from field.values
        for spec in product.commands:
            yield spec.name
            schema = spec.schema
            yield from getattr(schema, "values", ())
            yield from getattr(schema, "words", ())
            for each in _properties(getattr(schema, "properties", ())):
                yield from each.values
            for part in getattr(schema, "parts", ()):
                yield from part.values


def _properties(properties):
    for each in properties:
        yield each
        yield from _properties(each.properties)


# --- a client -----------------------------------------------------------------------


def said_by_client(folder: Path) -> Iterator[Found]:
    """Return what the Python modules of a client name, by their syntax alone.

    Classes of commands are those that return a list of types from
    `get_supported_devices`; words are the texts of its other enumerations.
    """
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                yield from _of_class(node)


def _of_class(node: ast.ClassDef) -> Iterator[Found]:
    texts = [
        each.value.value
        for each in node.body
        if isinstance(each, ast.Assign)
        and isinstance(each.value, ast.Constant)
        and isinstance(each.value.value, str)
    ]
    types = [
        constant.value
        for each in node.body
        if isinstance(each, ast.FunctionDef) and each.name == "get_supported_devices"
        for returned in ast.walk(each)
        if isinstance(returned, ast.Return)
        for constant in ast.walk(returned)
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
    ]
    for device_type in types:
        yield Found(device_type, "type", device_type)
        for text in texts:
            yield Found(device_type, "command", text)
    bases = {each.id for each in node.bases if isinstance(each, ast.Name)}
    if not types and bases & {"Enum", "StrEnum"} and node.name not in _OWN_WORDS:
        for text in texts:
            yield Found(node.name, "word", text)


def fetched(version: str, folder: Path) -> Path:
    """Return a folder with that release of the client, the newest if "".

    Raises CalledProcessError where the index does not have it.
    """
    wanted = f"{CLIENT}=={version}" if version else CLIENT
    subprocess.run(
        [
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--only-binary=:all:",
            "-d",
            folder,
            wanted,
        ],
        check=True,
    )
    wheel = next(folder.glob("*.whl"))
    _say(wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "client")
    return folder / "client"


# --- a document ---------------------------------------------------------------------


def said_by_document(text: str) -> Iterator[Found]:
    """Return what the tables of a document name.

    As SwitchBot's own write them: fields by "Key | Value Type" under a heading that speaks
    of a list, a status or events; commands by "deviceType | commandType | Command".
    """
    path: list[tuple[int, str]] = []
    header: list[str] = []
    kind = ""
    for line in text.splitlines():
        heading = _HEADING.match(line)
        if heading:
            level = len(heading[1])
            path = [each for each in path if each[0] < level] + [(level, heading[2])]
            header = []
            continue
        if not line.lstrip().startswith("|"):
            header = []
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not header:
            header = [cell.casefold() for cell in cells]
            kind = _type_of_heading(path)
        elif set("".join(cells)) <= set("-: "):
            continue
        elif header[:3] == ["devicetype", "commandtype", "command"]:
            yield from _of_command(cells)
        elif header[0] in {"key", "key name"} and _speaks_of_devices(path):
            kind = yield from _of_field(cells, kind)


def _of_command(cells: list[str]) -> Iterator[Found]:
    for device_type in _spellings(cells[0]):
        yield Found(device_type, "type", device_type)
        if len(cells) > 2 and cells[1] == "command" and re.fullmatch(r"\w+", cells[2]):
            yield Found(device_type, "command", cells[2])


def _of_field(cells: list[str], kind: str):
    name = cells[0].strip("`")
    marked = _MARKED.findall(cells[-1])
    if name.casefold() == "devicetype" and marked and "/" not in marked[0]:
        kind = marked[0].strip()
        yield Found(kind, "type", kind)
    elif kind and name.casefold() not in _OF_ALL and re.fullmatch(r"\w+", name):
        yield Found(kind, "field", name)
    return kind


def _type_of_heading(path: list[tuple[int, str]]) -> str:
    """Return the deepest heading that is a product of ours, else the deepest."""
    words = [text.strip("*_` ") for _, text in path]
    return next((word for word in reversed(words) if find(word)), "")


def _speaks_of_devices(path: list[tuple[int, str]]) -> bool:
    words = " ".join(text.casefold() for _, text in path)
    return any(
        word in words for word in ("status", "event", "webhook", "list", "device")
    )


def _spellings(cell: str) -> list[str]:
    plain = re.sub(r"[_*`]", "", cell)
    plain = plain.replace("<br />", ",").replace("<br>", ",")
    return [each.strip() for each in plain.split(",") if each.strip()]


def _documents(source: str) -> Iterator[tuple[str, str]]:
    if "://" in source:
        if not source.startswith("https://"):
            raise SystemExit(f"{source}: only https")
        with urlopen(source, timeout=_LONGEST_WAIT_SECONDS) as answer:
            yield source, answer.read().decode()
        return
    path = Path(source)
    for each in sorted(path.rglob("*.md")) if path.is_dir() else [path]:
        yield str(each), each.read_text()


def _found_in(source: str) -> list[Found]:
    if source and ("://" in source or Path(source).exists()):
        return [
            each for _, text in _documents(source) for each in said_by_document(text)
        ]
    with tempfile.TemporaryDirectory() as folder:
        return list(said_by_client(fetched(source, Path(folder))))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main(arguments: list[str]) -> int:
    """Print what is missing, and return what the command ends with."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sources", nargs="*", default=[""], metavar="VERSION|FILE|URL")
    lacking = 0
    for source in parser.parse_args(arguments).sources:
        found = _found_in(source)
        gaps = missing(found)
        lacking += len(gaps)
        name = source or f"{CLIENT}, newest"
        _say(
            f"{name}: {len(set(found))} things named, {len(gaps)} not in the catalogue"
        )
        for gap in gaps:
            _say(f"  {gap.device_type}: {gap.kind} {gap.name}")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
