"""What a PostgreSQL client says, read from the bytes it sends.

Source: "Frontend/Backend Protocol, Message Formats" of the PostgreSQL manual.
"""

from __future__ import annotations

import struct

SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
CANCEL_REQUEST = 80877102

_HEADER = struct.Struct("!cI")
_TRANSACTION_WORDS = frozenset(
    {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"}
)


def is_transaction_control(statement: str) -> bool:
    """Tell whether a statement opens, ends or divides a transaction."""
    words = statement.replace(";", " ").split(maxsplit=1)
    return bool(words) and words[0].upper() in _TRANSACTION_WORDS


class StatementReader:
    """Finds the executed statements in one connection's stream after its startup."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._prepared: dict[bytes, str] = {}
        self._portals: dict[bytes, str] = {}

    def feed(self, data: bytes) -> list[str]:
        """Return the statements that `data` completes.

        One for each simple Query and each Execute; a prepared statement is given with
        the text it was prepared from.
        """
        self._pending += data
        found = []
        while len(self._pending) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._pending)
            if len(self._pending) < 1 + length:
                break
            body = bytes(self._pending[_HEADER.size : 1 + length])
            del self._pending[: 1 + length]
            statement = self._read(kind, body)
            if statement is not None:
                found.append(statement)
        return found

    def _read(self, kind: bytes, body: bytes) -> str | None:
        if kind == b"Q":
            return body.rstrip(b"\0").decode("utf-8", "replace")
        if kind == b"P":
            name, text, _ = body.split(b"\0", 2)
            self._prepared[name] = text.decode("utf-8", "replace")
        elif kind == b"B":
            portal, name, _ = body.split(b"\0", 2)
            self._portals[portal] = self._prepared.get(name, "")
        elif kind == b"E":
            return self._portals.get(body.split(b"\0", 1)[0], "")
        return None
