"""What every command shares: exit codes, logging options, JSON, tables, progress.

The command line of automation takes from here what both have.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click
import orjson

from switchbot_store.cli.mistakes import harmless_json
from switchbot_store.codec import UnreadableError
from switchbot_store.files.formats import JSON, format_of
from switchbot_store.files.hand_edits import (
    BYTE_ORDER_MARK,
    Mistake,
    mistake_in,
    twice_in,
)
from switchbot_store.languages import filled, later
from switchbot_store.languages import translated as _

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

OK = 0
FAILURE = 1
USAGE = 2
INTERRUPTED = 130

# Wide enough that a table sent to a file or a log is not folded.
_PIPED_WIDTH = 120
_TOLD_PART = 0.05

# What lays out a table's cell; joiners of emoji and the like steer nothing either.
_LAID_OUT = frozenset("\n\t\u200d\u200c\u200e\u200f\u3000\u00a0\u2009\u202f")

# The words that `confirmed` takes, for the catalogues.
_ANSWERS = {True: (later("y"), later("yes")), False: (later("n"), later("no"))}

_LOG_FORMATS = ("text", "json")
_LEVELS = ("debug", "info", "warning", "error")
_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

_Value = TypeVar("_Value")
_Command = TypeVar("_Command", bound="Callable[..., Any]")


class Misuse(click.ClickException):
    """What was asked, or a setting, is wrong; the message says what to change.

    `hint` is what was probably meant.
    """

    exit_code = USAGE

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint: Final = hint


class HintedError(click.ClickException):
    """A failure with what a person can do about it, which a program gets by itself."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint: Final = hint

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes with words and attributes."""
        return BaseException.__new__, (type(self), *self.args), self.__dict__

    def told(self) -> str:
        """Return both, for a person."""
        return f"{self.message}; {self.hint}"


def logging_options(
    default: str = "error", quiet: Collection[str] = ()
) -> Callable[[_Command], _Command]:
    """Give a command `-v` and `--log-level`; logs go to stderr.

    `default` is the level without either: commands say themselves what matters. `quiet`:
    see `start_logging`.
    """

    def decorate(command: _Command) -> _Command:
        @functools.wraps(command)
        def configured(
            *args: Any,
            verbose: int,
            log_level: str | None,
            log_format: str,
            **options: Any,
        ) -> Any:
            level = log_level or (default, "info", "debug")[min(verbose, 2)]
            start_logging(level, quiet, as_json=log_format == "json")
            return command(*args, **options)

        decorated = click.option(
            "-v", "--verbose", count=True, help="Say more; twice for everything."
        )(configured)
        decorated = click.option(
            "--log-format",
            type=click.Choice(_LOG_FORMATS, case_sensitive=False),
            default=_LOG_FORMATS[0],
            envvar="SWITCHBOT_LOG_FORMAT",
            help="Log as text, or one JSON object a line (SWITCHBOT_LOG_FORMAT).",
        )(decorated)
        return cast(
            "_Command",
            click.option(
                "--log-level",
                type=click.Choice(_LEVELS, case_sensitive=False),
                help=f"Log to stderr from this level up (default: {default}).",
            )(decorated),
        )

    return decorate


def start_logging(
    level: str, quiet: Collection[str] = (), *, as_json: bool = False
) -> None:
    """Send records of `level` and above to stderr; of `quiet` loggers only warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else TextLines(_FORMAT))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in quiet:
        logging.getLogger(name).setLevel(logging.WARNING)


class TextLines(logging.Formatter):
    r"""Writes a record for people; nothing in it can pass for another record's line.

    What would steer the terminal is marked, and lines after the first are indented.

    >>> record = logging.makeLogRecord({"msg": "lost\x1b[2J\nINFO  all is well"})
    >>> TextLines().format(record)
    'lost\ufffd[2J\n    INFO  all is well'
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines, a traceback's among them."""
        return printable(super().format(record)).replace("\n", "\n    ")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's
        """Return the first of them, with the `home` that the record names."""
        if home := getattr(record, "home", ""):
            record.message = f"home {home}: {record.message}"
        return super().formatMessage(record)


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON: `at`, `level`, `logger`, `message`, `error`.

    And `home`, where the record names one.

    >>> record = logging.makeLogRecord({"name": "home", "msg": "warm"})
    >>> '"message":"warm"' in JsonLines().format(record)
    True
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback is the text of `error`."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if home := getattr(record, "home", ""):
            line["home"] = home
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        try:
            said = orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z)
        except TypeError:  # half of a pair, as in a path that is no text
            whole = {name: _text(value) for name, value in line.items()}
            said = orjson.dumps(whole, option=orjson.OPT_UTC_Z)
        return harmless_json(said.decode())


def _text(value: Any) -> Any:
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


_HOME_VARIABLE = "SWITCHBOT_HOME"


def home_option(command: _Command) -> _Command:
    """Give a command `--home`."""
    return click.option(
        "--home",
        metavar="NAME",
        help="The home, of a store that has many. Default: SWITCHBOT_HOME.",
    )(command)


def choose_home(home: str | None) -> None:
    """Let what is run see one home, as the variable SWITCHBOT_HOME does."""
    if home is None:
        return
    if not home:
        # As a variable of a script that is not set. Empty, SWITCHBOT_HOME counts as absent:
        # what is meant for one home would be done to the one without a name.
        raise Misuse(_("--home names no home: it is empty"))
    before = os.environ.get(_HOME_VARIABLE)
    os.environ[_HOME_VARIABLE] = home

    def put_back() -> None:
        if before is None:
            os.environ.pop(_HOME_VARIABLE, None)
        else:
            os.environ[_HOME_VARIABLE] = before

    # Who runs a command within another program finds it as it was.
    click.get_current_context().call_on_close(put_back)


def json_option(help_text: str) -> Callable[[_Command], _Command]:
    """Give a command `--json`, passed as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help=help_text)


def dry_run_option(help_text: str) -> Callable[[_Command], _Command]:
    """Give a command `--dry-run`, passed as `dry_run`."""
    return click.option("--dry-run", is_flag=True, help=help_text)


def yes_option() -> Callable[[_Command], _Command]:
    """Give a command `--yes`, passed as `yes`."""
    return click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def print_json(value: Any) -> None:
    """Print one value as one line of JSON; instants as ISO 8601 with ``Z``."""
    click.echo(harmless_json(orjson.dumps(value, option=orjson.OPT_UTC_Z).decode()))


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    """Print rows under a title, as wide as the terminal allows; without any it says so.

    Columns without a single name get no header.
    """
    # Loaded for who is shown a table: a process that runs for years is not.
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, show_header=any(columns))
    for column in columns:
        table.add_column(printable(column), overflow="fold")
    for row in rows:
        table.add_row(*map(printable, row))
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    # Not as the table's title, which would be folded to the table's width.
    console.print(printable(title), style="bold")
    console.print(table if table.row_count else "  " + _("none"))


def echo(message: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print what a person reads, without what would steer the terminal.

    `err`: to stderr; `nl`: with a line break behind. The names of devices, and what a
    cloud or a server answers, may hold anything.
    """
    click.echo(printable(str(message)), err=err, nl=nl)


def printable(text: str) -> str:
    r"""Return a text of others, as a device's name, without what would steer the terminal.

    >>> printable("living\x1b[31m room")
    'living\ufffd[31m room'
    """
    return "".join(
        each if each.isprintable() or each in _LAID_OUT else "\ufffd" for each in text
    )


def asked(question: str, read: Callable[[str], _Value], *, default: str) -> _Value:
    """Ask until `read` takes the answer; what it raises click.BadParameter with is told."""
    while True:
        typed: str = click.prompt(question, default=default, type=str)
        try:
            return read(typed)
        except click.BadParameter as error:
            echo(_("Error: {what}", what=error.message), err=True)


def confirmed(question: str, *, default: bool) -> bool:
    """Ask a question that yes or no answers, in the language that is spoken or in English."""
    yes, no = (_(words[0]) for words in _ANSWERS.values())

    def read(typed: str) -> bool:
        for meant, words in _ANSWERS.items():
            if typed.strip().casefold() in {*words, *map(_, words)}:
                return meant
        raise click.BadParameter(_("answer with {yes} or {no}", yes=yes, no=no))

    return asked(f"{question} ({yes}/{no})", read, default=yes if default else no)


def warn(message: str) -> None:
    """Say something on stderr that the result does not show."""
    echo(_("Warning: {what}", what=message), err=True)


@contextmanager
def progress_bar(*, as_json: bool = False) -> Iterator[Callable[[float, str], None]]:
    """Give a function that shows the part done, 0 to 1, and of what.

    A bar on stderr if that is a terminal, else nothing; `as_json`: a line of JSON there
    for each further twentieth and whenever something else is done.
    """
    if as_json:
        yield _json_lines()
        return
    # Loaded for who waits long enough to see one.
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _part, _what: None
        return
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda part, what: bar.update(
            task, completed=part, description=printable(what)
        )


def _json_lines() -> Callable[[float, str], None]:
    told: list[tuple[float, str]] = []

    def tell(part: float, what: str) -> None:
        if told and what == told[-1][1] and part < told[-1][0] + _TOLD_PART:
            return
        told[:] = [(part, what)]
        said = orjson.dumps({"progress": round(part, 4), "at": what}).decode()
        click.echo(harmless_json(said), err=True)

    return tell


def ask(question: str, *, yes: bool) -> bool:
    """Ask a person at a terminal; anybody else is taken to have decided."""
    if yes or not sys.stdin.isatty():
        return True
    return confirmed(question, default=False)


def load_document(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file, which may be JSON5 or YAML by its ending.

    Raises Misuse, naming the file and what is wrong.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Misuse(f"{path}: {error.strerror}") from error
    language = format_of(path)
    if language is JSON:
        document = parsed(data, str(path))
        mistake = twice_in(data)
        if mistake is not None:
            raise Misuse(_not_in(JSON.name, path, mistake))
        return document
    try:
        return language.read(data, key=str(path))
    except UnreadableError as error:
        mistake = language.mistake_in(data)
        raise Misuse(_not_in(language.name, path, mistake)) from error


def _not_in(language: str, place: str | Path, mistake: Mistake) -> str:
    line, column, reason = mistake
    return _(
        "{place}: not {language}: line {line} column {column}: {reason}",
        place=place,
        language=language,
        line=line,
        column=column,
        reason=reason,
    )


def parsed(text: bytes | str, place: str) -> dict[str, Any]:
    """Return a JSON object, or raise Misuse that begins with `place`."""
    data = text.encode(errors="replace") if isinstance(text, str) else text
    data = data.removeprefix(BYTE_ORDER_MARK)
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Misuse(_not_in(JSON.name, place, mistake_in(data))) from error
    if not isinstance(document, dict):
        raise Misuse(_("{place}: expected a JSON object", place=place))
    return document


def instant(moment: datetime | None) -> str:
    """Format an aware instant as ISO 8601 in UTC with seconds, or ``never``."""
    if moment is None:
        return _("never")
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def milliseconds(seconds: float | None) -> str:
    """Format a duration that is about a round trip."""
    if seconds is None:
        return ""
    return filled("{number:.1f} ms", {"number": seconds * 1000})


def whole(number: int) -> str:
    """Return a whole number, in thousands as the language that is spoken has them."""
    return filled("{number:,}", {"number": number})


_COUNTED: Final = {
    "conflict": (later("{number} conflict"), later("{number} conflicts")),
    "document": (later("{number} document"), later("{number} documents")),
    "hour": (later("{number} hour"), later("{number} hours")),
    "line": (later("{number} line"), later("{number} lines")),
    "reading": (later("{number} reading"), later("{number} readings")),
    "row": (later("{number} row"), later("{number} rows")),
    "write": (later("{number} write"), later("{number} writes")),
}


def counted(number: int, noun: str) -> str:
    """Return ``1 row``, ``2 rows``; raises KeyError for a noun without its words."""
    one, many = _COUNTED[noun]
    return _(one if number == 1 else many, number=number)
