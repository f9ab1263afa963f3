"""Rows that no backend can keep: set aside with the reason, never in the way."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from switchbot_store.files.durable import make_directory
from switchbot_store.history.ingest.codec import as_dict

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_store.history.model import HistorySample

_LOGGER = logging.getLogger(__name__)
_MAX_BYTES: Final = 64 * 1024 * 1024
_MAX_TEXT: Final = 2000


class Quarantine:
    """A file of JSON lines ``{"at", "reason", "row"}``; without a path, the log.

    Values that JSON cannot hold are written as their `repr`.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self.path = None if path is None else Path(path)

    def add(self, row: HistorySample | str, reason: str, *, at: datetime) -> None:
        """Set a row aside. Never raises: without a usable file the log has it."""
        shown = row if isinstance(row, str) else as_dict(row)
        _LOGGER.error(
            "a row of history cannot be stored: %s: %.500s", reason, _shown(shown)
        )
        if self.path is None:
            return
        try:
            line = _line({"at": at, "reason": reason, "row": shown})
            make_directory(str(self.path.parent))
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            with os.fdopen(os.open(self.path, flags, 0o600), "ab") as file:
                if file.tell() + len(line) <= _MAX_BYTES:
                    file.write(line)
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            _LOGGER.error("%s: %s", self.path, error)  # noqa: TRY400 - the reason is in it


def _shown(row: object) -> str:
    try:
        return repr(row)
    except RecursionError:
        return f"a {type(row).__name__} of too many levels to be shown"


def _line(entry: dict[str, object]) -> bytes:
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    try:
        return orjson.dumps(entry, default=repr, option=options)
    except (orjson.JSONEncodeError, RecursionError):
        # A lone surrogate, a cycle, an integer beyond 64 bits.
        entry["row"] = _shown(entry["row"])[:_MAX_TEXT]
        text = ascii(entry["row"])
        return orjson.dumps({**entry, "row": text}, default=repr, option=options)
