"""`import`: the JSON files of a home into PostgreSQL."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from switchbot_store.cli import opening
from switchbot_store.cli.commands.documents import warn_of_problem
from switchbot_store.cli.output import (
    FAILURE,
    Misuse,
    dry_run_option,
    echo,
    instant,
    json_option,
    load_document,
    logging_options,
    print_json,
    warn,
)
from switchbot_store.codec import encode
from switchbot_store.config import StoreConfig
from switchbot_store.errors import StoreDataError
from switchbot_store.homes import prefix_of
from switchbot_store.instants import EARLIEST, from_microseconds
from switchbot_store.languages import error_words, later
from switchbot_store.languages import translated as _
from switchbot_store.secrets import has_url, holds_secret, is_secret_name, shown_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from switchbot_store.model import Document, Entry

_MASK: Final = "***"
_SHOWN_LENGTH: Final = 60
_ABSENT: Final = object()
_ADD: Final = later("add")
_LEAVE: Final = later("leave, it is equal")
_REPLACE: Final = later("replace")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file, and what the database has in its place."""

    key: str
    path: Path
    data: Document = field(repr=False)
    written_at: datetime
    there: Entry | None

    @property
    def action(self) -> str:
        """What importing it does."""
        if self.there is None:
            return _ADD
        return _LEAVE if self.there.data == self.data else _REPLACE

    @property
    def is_older(self) -> bool:
        """Whether the database was written after the file."""
        if self.there is None or self.there.updated_at is None:
            return False
        return self.action == _REPLACE and self.there.updated_at > self.written_at


@click.command("import")
@click.option(
    "--settings-path",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="The file of the document `settings`.",
)
@click.option(
    "--state-path",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="The file of the document `state`.",
)
@click.option("--postgres-url", help="The database; default: POSTGRES_URL and others.")
@dry_run_option("Show what would change, and change nothing.")
@click.option("--force", is_flag=True, help="Overwrite what is newer than the files.")
@json_option("Print one object with `documents`: key, action, changes.")
@logging_options()
@click.pass_context
def import_command(  # noqa: PLR0917 - click passes them by name
    ctx: click.Context,
    settings_path: Path | None,
    state_path: Path | None,
    postgres_url: str | None,
    dry_run: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Bring JSON files into PostgreSQL.

    By default the two files of the environment (SWITCHBOT_SETTINGS_PATH,
    SWITCHBOT_STATE_PATH, STORE_DIRECTORY), as far as they are there. Both are checked
    before anything is written; what the database has that is newer is not overwritten.
    """
    config = _config(postgres_url)
    files = _files(config, settings_path, state_path)
    documents = {key: _sound(key, path) for key, path in files.items()}
    inspection = opening.inspection(config)
    there = {}
    home = "" if config.home is None else prefix_of(config.home)
    with inspection.snapshot() as snapshot:
        there = {
            key.removeprefix(home): entry
            for key, entry in snapshot.documents()
            if key.startswith(home) and key.removeprefix(home) in files
        }
    incoming = [
        Incoming(key, path, documents[key], _written_at(path), there.get(key))
        for key, path in files.items()
    ]
    if as_json:
        print_json(
            {
                "database": inspection.description,
                "dry_run": dry_run,
                "documents": [_row(each) for each in incoming],
            }
        )
    else:
        echo(_("Into {database}:", database=inspection.description))
        for each in incoming:
            told = _(
                "{key} from {file}: {action}",
                key=each.key,
                file=each.path,
                action=_(each.action),
            )
            echo(f"  {told}")
            for change in changes(each.there.data if each.there else {}, each.data):
                echo(f"    {change}")
    refused = [each for each in incoming if each.is_older and not force]
    for each in refused:
        at = instant(each.there.updated_at if each.there else None)
        warn(
            _(
                "{key}: the database was written {at}, after {file} ({file_at});"
                " --force overwrites it",
                key=each.key,
                at=at,
                file=each.path,
                file_at=instant(each.written_at),
            )
        )
    if refused:
        ctx.exit(FAILURE)
    if not dry_run:
        _write(config, incoming)


def changes(before: Document, after: Document) -> list[str]:
    """Return what differs, a line each, without the values of secrets."""
    return list(_changes(before, after, ()))


def _config(postgres_url: str | None) -> StoreConfig:
    environment = {**os.environ, "STORE_BACKEND": "postgres"}
    if postgres_url:
        testing = environment.get("ENVIRONMENT", "").strip().lower() == "test"
        if testing and postgres_url != environment.get("TEST_DATABASE_URL"):
            raise Misuse(
                _(
                    "ENVIRONMENT is 'test': only TEST_DATABASE_URL is used; leave"
                    " --postgres-url out"
                )
            )
        environment["POSTGRES_URL"] = postgres_url
    return StoreConfig.from_env(environment)


def _files(
    config: StoreConfig, settings_path: Path | None, state_path: Path | None
) -> dict[str, Path]:
    given = {"settings": settings_path, "state": state_path}
    files = {key: path for key, path in given.items() if path is not None}
    if not files:
        for key in given:
            path = config.paths.get(key, config.directory / f"{key}.json")
            if path.is_file():
                files[key] = path
    if not files:
        raise Misuse(
            _(
                "there is neither a settings nor a state file in {directory}; give"
                " --settings-path or --state-path",
                directory=config.directory,
            )
        )
    return files


def _sound(key: str, path: Path) -> Document:
    data = load_document(path)
    try:
        encode(data)
    except StoreDataError as error:
        raise Misuse(f"{path}: {error_words(error)}") from error
    warn_of_problem(key, data)
    return data


def _written_at(path: Path) -> datetime:
    return from_microseconds(path.stat().st_mtime_ns // 1000) or EARLIEST


def _write(config: StoreConfig, incoming: list[Incoming]) -> None:
    changed = {each.key: each for each in incoming if each.action != _LEAVE}
    with opening.documents(config) as store:
        for key, entry in store.get_many(changed).items():
            seen = changed[key].there
            if (seen.data if seen else {}) != entry.data:
                raise click.ClickException(
                    _("{key!r} was changed meanwhile; look again", key=key)
                )
            store.compare_and_set(key, changed[key].data, entry.revision)
    names = ", ".join(changed) or _("nothing, all is equal")
    echo(_("Imported: {names}", names=names), err=True)


def _row(each: Incoming) -> dict[str, Any]:
    before = each.there.data if each.there else {}
    return {
        "key": each.key,
        "file": str(each.path),
        "action": each.action,
        "newer_in_database": each.is_older,
        "changes": changes(before, each.data),
    }


def _changes(before: Any, after: Any, names: tuple[str, ...]) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            yield from _changes(
                before.get(name, _ABSENT), after.get(name, _ABSENT), (*names, name)
            )
    elif before != after:
        path = ".".join(map(shown_name, names))
        yield f"{path}: {_shown(before, names)} -> {_shown(after, names)}"


def _shown(value: Any, names: tuple[str, ...]) -> str:
    if value is _ABSENT:
        return _("nothing")
    if value not in (None, "", {}, []) and any(map(is_secret_name, names)):
        return _MASK
    if isinstance(value, dict | list) and holds_secret(value):
        return _("{value} ({number} items)", value=_MASK, number=len(value))
    if isinstance(value, str) and has_url(value):
        return _MASK
    text = encode({"": value}).decode()[4:-1]
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}..."
