"""`get`, `set` and `edit`: one document at a time."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from switchbot_store.cli import opening
from switchbot_store.cli.mistakes import harmless_json
from switchbot_store.cli.output import (
    FAILURE,
    Misuse,
    confirmed,
    echo,
    instant,
    json_option,
    logging_options,
    parsed,
    print_json,
    warn,
)
from switchbot_store.codec import encode, shown, validate_key
from switchbot_store.codec import problem_of as unfit_for_a_store
from switchbot_store.config import StoreConfig
from switchbot_store.errors import (
    StoreConflictError,
    StoreDataError,
    StoreUnavailableError,
)
from switchbot_store.failover.journal import read_pending
from switchbot_store.failover.mirror import look_at_mirror
from switchbot_store.failover.unread import UnreadCopy
from switchbot_store.files.formats import ENDINGS
from switchbot_store.files.store import JsonStore
from switchbot_store.homes import prefix_of
from switchbot_store.languages import error_words
from switchbot_store.languages import translated as _

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchbot_store.model import Document, Entry

CHECKS_GROUP = "switchbot_store.checks"
"""Entry points named like a key: called with a document, they raise an error that says
what its reader would refuse."""


@click.command()
@click.argument("key", required=False)
@json_option("Print one object with `key`, `revision`, `stale`, `problem`, `data`.")
@logging_options()
def get(key: str | None, as_json: bool) -> None:
    """Print the document KEY, or the keys without one.

    When PostgreSQL is away the local copy is printed, with a warning.
    """
    config = StoreConfig.from_env()
    if key is None:
        _print_keys(config, as_json=as_json)
        return
    entry = read(config, validate_key(key))
    if as_json:
        print_json(
            {
                "key": key,
                "revision": entry.revision,
                "updated_at": entry.updated_at,
                "stale": entry.stale,
                "problem": str(entry.problem) if entry.problem else None,
                "data": entry.data,
            }
        )
        if not entry.revision:
            sys.exit(FAILURE)
        return
    if not entry.revision and entry.stale:
        raise click.ClickException(
            _(
                "the database cannot be read, and there is no local copy of {key!r}",
                key=key,
            )
        )
    if not entry.revision:
        raise click.ClickException(_("{key!r} was never set", key=key))
    if entry.stale:
        warn(_("this is the local copy, as of {at}", at=instant(entry.updated_at)))
    if entry.problem:
        warn(_("this is the last good document; {why}", why=entry.problem))
    unfit = unfit_for_a_store(entry.data)
    if unfit is not None:
        warn(_("no store could keep this document: {why}", why=unfit))
    click.echo(harmless_json(shown(entry.data)), nl=False)


def _print_keys(config: StoreConfig, *, as_json: bool) -> None:
    with opening.reading(config) as store:
        keys = store.keys()
    if as_json:
        print_json(keys)
    elif keys:
        echo("".join(f"{each}\n" for each in keys), nl=False)
    else:
        echo(_("there is no document"), err=True)


@click.command("set")
@click.argument("key")
@click.argument("document", required=False)
@click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Read the document from this file.",
)
@click.option(
    "--revision", help="Write only if this is still the revision; '' if never set."
)
@logging_options()
def set_command(
    key: str, document: str | None, path: Path | None, revision: str | None
) -> None:
    """Write the document KEY: DOCUMENT is JSON, or read from --file or stdin."""
    if path is not None and document is not None:
        raise Misuse(_("give DOCUMENT or --file, not both"))
    if path is not None:
        data = parsed(path.read_bytes(), str(path))
    elif document is None or document == "-":
        data = parsed(sys.stdin.buffer.read(), "stdin")
    else:
        data = _given(document)
    key = checked_key(key)
    _encoded(data)
    warn_of_problem(key, data)
    with opening.documents(StoreConfig.from_env()) as store:
        if revision is None:
            store.set(key, data)
        else:
            store.compare_and_set(key, data, revision)
    echo(_("{key} is written", key=key), err=True)


@click.command()
@click.argument("key")
@logging_options()
def edit(key: str) -> None:
    """Edit the document KEY with $VISUAL or $EDITOR.

    It is written only if it is sound and nobody else changed it meanwhile; otherwise
    your text is kept in a file.
    """
    key = checked_key(key)
    with opening.documents(StoreConfig.from_env()) as store:
        entry = store.get_entry(key)
        if entry.problem:
            raise click.ClickException(
                _("mend this first: {problem}", problem=entry.problem)
            )
        before = shown(entry.data)
        data = _edited(key, before)
        if data is None or (data == entry.data and entry.revision):
            echo(_("{key} is unchanged", key=key), err=True)
            return
        try:
            store.compare_and_set(key, data, entry.revision)
        except (StoreConflictError, StoreUnavailableError) as error:
            kept = _keep(key, encode(data, indent=True).decode())
            raise click.ClickException(
                _("{error}; your text is in {file}", error=error, file=kept)
            ) from error
    echo(_("{key} is written", key=key), err=True)


def _given(document: str) -> Document:
    """Return the document that was typed; raises Misuse, with a hint for a file's name."""
    try:
        return parsed(document, "DOCUMENT")
    except Misuse as error:
        if not _names_a_file(document):
            raise
        hint = _("to write what a file holds: --file {file}", file=document)
        raise Misuse(error.message, hint=hint) from error


def _names_a_file(text: str) -> bool:
    if Path(text).suffix.lower() in ENDINGS:
        return True
    with suppress(OSError, ValueError):  # too long for a name, or with a NUL
        return Path(text).is_file()
    return False


def read(config: StoreConfig, key: str) -> Entry:
    """Return the document, from the local copy when PostgreSQL is away."""
    try:
        with opening.reading(config) as store:
            return store.get_entry(key)
    except StoreUnavailableError as error:
        if config.backend != "postgres":
            raise
        home = "" if config.home is None else prefix_of(config.home)
        entry = _local_copy(config, home + key)
        if entry is None:
            raise
        warn(error_words(error))
        return entry


def checked_key(key: str) -> str:
    """Return the key, or raise Misuse."""
    try:
        return validate_key(key)
    except StoreDataError as error:
        raise Misuse(error_words(error)) from error


def warn_of_problem(key: str, data: Document) -> None:
    """Say what the document's reader would refuse; it is written all the same."""
    problem = problem_of(key, data)
    if problem:
        warn(f"{key}: {problem}")


def problem_of(key: str, data: Document) -> str | None:
    """Return what the document's reader would refuse, None if nothing is known."""
    for point in entry_points(group=CHECKS_GROUP, name=key):
        try:
            check: Callable[[Document], object] = point.load()
        except ImportError:
            continue  # what it needs is not installed here
        try:
            check(data)
        except Exception as error:  # noqa: BLE001 - a check of somebody else's says no in its own words
            return error_words(error) or type(error).__name__
    return None


def _local_copy(config: StoreConfig, key: str) -> Entry | None:
    directory = str(config.directory)
    pending = read_pending(directory).get(key)
    if pending is not None:
        return pending.entry(stale=True)
    unread = UnreadCopy()
    mirror = look_at_mirror(config.directory, unread)
    if key in mirror:
        return mirror[key].entry(key, stale=True)
    if mirror or unread or not config.directory.is_dir():
        return None
    with JsonStore(config.directory, paths=config.paths) as store:
        entry = store.get_entry(key)
    return replace(entry, stale=True)


def _edited(key: str, before: str) -> dict[str, Any] | None:
    """Return the sound document a person made of `before`, None if none was made."""
    text = before
    while True:
        edited = click.edit(text, extension=".json", require_save=True)
        if edited is None or edited == before:
            return None
        text = edited
        try:
            data = parsed(text, key)
            _encoded(data)
        except Misuse as problem:
            if _again(problem.message, _("Edit it again?")):
                continue
            kept = _keep(key, text)
            raise Misuse(
                _("{error}; your text is in {file}", error=problem.message, file=kept)
            ) from problem
        doubt = problem_of(key, data)
        if doubt is None or not _again(f"{key}: {doubt}", _("Edit it again?")):
            return data


def _again(problem: str, question: str) -> bool:
    warn(problem)
    return sys.stdin.isatty() and confirmed(question, default=True)


def _encoded(data: Document) -> bytes:
    try:
        return encode(data)
    except StoreDataError as error:
        raise Misuse(error_words(error)) from error


def _keep(key: str, text: str) -> Path:
    import tempfile  # noqa: PLC0415 - only when something went wrong

    stem = "".join(each if each.isalnum() else "-" for each in key[:40])
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix=f"{stem}-", suffix=".json", delete=False
    ) as file:
        file.write(text)
    return Path(file.name)
