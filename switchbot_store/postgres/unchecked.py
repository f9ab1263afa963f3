"""Reading texts of a database that checks none (SQL_ASCII).

Somebody may have left bytes there that are no UTF-8. The server does not send such a text
to a session that speaks UTF-8, nor any other row of that statement. So what it refused is
asked once more for the bytes as they lie, and each is read as far as it goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# For this transaction alone: behind a pooler the session is not ours.
AS_THEY_LIE: Final = "SET LOCAL client_encoding = 'SQL_ASCII'"
AS_UTF_8: Final = "SET LOCAL client_encoding = 'UTF8'"
NO_TEXT: Final = (
    psycopg.errors.CharacterNotInRepertoire,
    psycopg.errors.UntranslatableCharacter,
)
"""What the server says of a text that it cannot send."""


def as_it_lies(
    connection: psycopg.Connection[Any], read: Callable[[psycopg.Connection[Any]], T]
) -> T:
    """Return what `read` does, whose texts are bytes where some are no UTF-8.

    It is called twice then, and may write nothing. Raises psycopg.Error.
    """
    try:
        return read(connection)
    except NO_TEXT:
        with connection.transaction():
            connection.execute(AS_THEY_LIE)
            return read(connection)


def readable(value: object) -> object:
    """Return a text that came as bytes as one; bytes where that cannot be."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def shown(value: object) -> str:
    r"""Return a text for people, and as a name: what is no UTF-8 as ``\xe9``.

    >>> shown(b"caf\xe9")
    'caf\\xe9'
    """
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return str(value)
