"""Where variables come from that the environment lacks: a file `.env`.

In this order: the environment of the process, then the file that `SWITCHBOT_ENV_FILE`
names, else `.env` in the working directory. A variable that is set and empty counts as not
set, as everywhere else. Only the two command lines read it; a host in Python has its own way.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from switchbot_store.cli.output import Misuse
from switchbot_store.languages import translated as _

_LOGGER = logging.getLogger(__name__)

VARIABLE: Final = "SWITCHBOT_ENV_FILE"
DEFAULT_FILE: Final = ".env"

_OTHERS: Final = 0o077


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
    file that others may read. Raises Misuse for one that cannot be read, or that was named
    and is not there.
    """
    path = env_file()
    try:
        with path.open(encoding="utf-8-sig") as file:
            mode = os.fstat(file.fileno()).st_mode
            values = dotenv_values(stream=file, interpolate=False)
    except FileNotFoundError:
        if os.environ.get(VARIABLE):
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
    if mode & _OTHERS:
        _LOGGER.warning(
            "%s holds secrets and others may read it: chmod 600 %s", path, path
        )
    for name, value in values.items():
        if value and not os.environ.get(name):
            os.environ[name] = value
