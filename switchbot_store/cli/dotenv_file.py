"""Where variables come from that the environment lacks: a file `.env`.

In this order: the environment of the process, then the file that `SWITCHBOT_ENV_FILE`
names, else `.env` in the working directory. A variable that is set and empty counts as not
set, as everywhere else. Only the two command lines read it; a host in Python has its own way.
"""

from __future__ import annotations

import io
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from switchbot_store.cli.output import Misuse
from switchbot_store.files.custody import read_in_custody
from switchbot_store.languages import translated as _

if TYPE_CHECKING:
    from dotenv.parser import Binding

_LOGGER = logging.getLogger(__name__)

VARIABLE: Final = "SWITCHBOT_ENV_FILE"
DEFAULT_FILE: Final = ".env"

_MOST_BYTES: Final = 1024 * 1024


def env_file() -> Path:
    """Return where the file is, or would be. Raises Misuse where its ~ is nobody's."""
    path = Path(os.environ.get(VARIABLE) or DEFAULT_FILE)
    try:
        return path.expanduser()
    except RuntimeError as error:
        told = _(
            "{variable} is {path}: {error}; write the whole path",
            variable=VARIABLE,
            path=path,
            error=error,
        )
        raise Misuse(told) from error


def load_env_file() -> None:
    """Add the file's variables to the environment; what is set there stays.

    A dollar sign in a value means itself, as in a password. Warns of a
    file that others may read or replace. Raises Misuse for one that cannot be read, that
    was named and is not there, or that was not named and may be a stranger's; what it says
    shows nothing of a line.
    """
    path = env_file()
    named = bool(os.environ.get(VARIABLE))
    try:
        file = read_in_custody(path, most_bytes=_MOST_BYTES, pipes=named)
        # Only who has such a file needs it, and what it brings: `tempfile`, `shutil`, `lzma`.
        from dotenv.parser import parse_stream  # noqa: PLC0415

        text = io.StringIO(file.data.decode("utf-8-sig"), newline=None)
        found = list(parse_stream(text))
    except FileNotFoundError:
        if named:
            raise Misuse(
                _(
                    "{variable} names {path}, which is not there",
                    variable=VARIABLE,
                    path=path,
                )
            ) from None
        return
    except OSError as error:
        raise Misuse(
            _(
                "{path}: {why}; it was to be read as {variable}",
                path=path,
                why=error.strerror,
                variable=VARIABLE,
            )
        ) from error
    except UnicodeDecodeError as error:
        raise Misuse(
            _("{path} is no UTF-8 text: byte {number}", path=path, number=error.start)
        ) from error
    if file.foreign and not named:
        # In /tmp, say: it would choose where the account's token is sent.
        raise Misuse(
            _(
                "{path} is another user's, in a directory that everybody may write: it is "
                "not read; work in a directory of your own, or name the file in {variable}",
                path=path,
                variable=VARIABLE,
            )
        )
    values = _values(found, path)
    if file.others_may_touch or file.planted:
        _LOGGER.warning(
            "%s holds secrets and others may read it, or put another in its place: "
            "chmod 600 it, in a directory of your own",
            path,
        )
    for name, value in values.items():
        if value and not os.environ.get(name):
            os.environ[name] = value


def _values(found: list[Binding], path: Path) -> dict[str, str]:
    """Return the variables of a file.

    Raises Misuse for a line that is none: passed over, it may be the one that says which
    database.
    """
    values = {}
    for each in found:
        if each.error or (each.key is not None and not _may_be_set(each)):
            said = each.original.string
            before = said[: len(said) - len(said.lstrip())]
            raise Misuse(
                _(
                    "{path}: what begins in line {number} is no NAME=value",
                    path=path,
                    number=each.original.line + before.count("\n"),
                )
            )
        if each.key is not None:
            values[each.key] = each.value or ""
    return values


def _may_be_set(line: Binding) -> bool:
    """Tell whether an environment can have that name and that value."""
    name = line.key or ""
    return bool(name) and "=" not in name and "\0" not in name + (line.value or "")
