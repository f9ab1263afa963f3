"""What every command shares: exit codes, logging options, JSON and tables."""

from __future__ import annotations

import codecs
import functools
import json
import logging
import sys
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
import orjson
from rich import box
from rich.console import Console
from rich.table import Table

from switchbot_automation.instants import stored_hold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime, tzinfo
    from pathlib import Path

    from switchbot_automation.model import Reason

OK = 0
FAILURE = 1
USAGE = 2
INTERRUPTED = 130

# Wide enough that a table sent to a file or a log is not folded.
_PIPED_WIDTH = 120

_LEVELS = ("debug", "info", "warning", "error")
_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

_Command = TypeVar("_Command", bound="Callable[..., Any]")


class Misuse(click.ClickException):
    """What was asked, or a setting, is wrong; the message says what to change."""

    exit_code = USAGE


def logging_options(default: str) -> Callable[[_Command], _Command]:
    """Give a command `-v` and `--log-level`; logs go to stderr.

    `default` is the level without either.
    """

    def decorate(command: _Command) -> _Command:
        @functools.wraps(command)
        def configured(
            *args: Any, verbose: int, log_level: str | None, **options: Any
        ) -> Any:
            start_logging(log_level or (default, "info", "debug")[min(verbose, 2)])
            return command(*args, **options)

        decorated = click.option(
            "-v", "--verbose", count=True, help="Say more; twice for everything."
        )(configured)
        return cast(
            "_Command",
            click.option(
                "--log-level",
                type=click.Choice(_LEVELS, case_sensitive=False),
                help=f"Log to stderr from this level up (default: {default}).",
            )(decorated),
        )

    return decorate


def start_logging(level: str) -> None:
    """Send records of `level` and above to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # asyncio and aiohttp's access log say nothing that a person here needs below a warning.
    for name in ("asyncio", "aiohttp.access", "matplotlib", "PIL"):
        logging.getLogger(name).setLevel(logging.WARNING)


def json_option(help_text: str) -> Callable[[_Command], _Command]:
    """Give a command `--json`, passed as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help=help_text)


def print_json(value: Any) -> None:
    """Print one value as one line of JSON and hand it over at once."""
    click.echo(orjson.dumps(value).decode())


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    """Print rows under a title, as wide as the terminal allows.

    Columns without a single name get no header.
    """
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_header=any(columns),
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    console.print(table)


def load_document(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file.

    Raises Misuse, naming the file and what is wrong.
    """
    try:
        data = path.read_bytes().removeprefix(codecs.BOM_UTF8)  # some editors leave one
    except OSError as error:
        raise Misuse(f"{path}: {error.strerror}") from error
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Misuse(f"{path}: not JSON: {_mistake(data, error)}") from error
    if not isinstance(document, dict):
        raise Misuse(f"{path}: expected a JSON object")
    return document


def _mistake(data: bytes, error: orjson.JSONDecodeError) -> str:
    """Return line, column and reason in the words of Python's own reader."""
    found: json.JSONDecodeError = error
    try:
        json.loads(data)
    except json.JSONDecodeError as plainer:
        found = plainer
    except (ValueError, RecursionError):
        pass  # it took offence at something else
    return f"line {found.lineno} column {found.colno}: {found.msg}"


def timestamp(at: datetime) -> str:
    """Format an aware instant as ISO 8601 in UTC with milliseconds and ``Z``."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reason_text(reason: Reason, zone: tzinfo) -> str:
    """Write a reason as its code and the numbers behind it, instants in `zone`."""
    detail = ", ".join(
        _detail_text(name, value, zone) for name, value in reason.detail.items()
    )
    return f"{reason.code} ({detail})" if detail else str(reason.code)


# A name in a reason's detail ends in its unit.
_UNITS = {"_celsius": " °C", "_seconds": " s", "_percent": " %"}


def _detail_text(name: str, value: Any, zone: tzinfo) -> str:
    if name == "until" and (at := stored_hold(value)) is not None:
        return f"until {at.astimezone(zone):%H:%M:%S}"
    number = f"{value:.4g}" if isinstance(value, float) else f"{value}"
    for suffix, unit in _UNITS.items():
        if name.endswith(suffix):
            return f"{name.removesuffix(suffix).replace('_', ' ')} {number}{unit}"
    return f"{name.replace('_', ' ')} {number}"
