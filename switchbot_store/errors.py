"""Every error `switchbot_store` raises.

::

    StoreError
    ├── StoreConfigError         an environment variable or argument is wrong
    ├── StoreDataError           a document or argument breaks the rules; `path` says where
    ├── StoreUnavailableError    the place behind the store cannot be reached
    │   └── SlowConnectionError  ... within the deadline
    ├── StoreConflictError       somebody else wrote first
    ├── StoreClosedError         the store was closed
    ├── MigrationError           the schema cannot be brought up to date
    └── HistoryError             rows of history could not be written or read

Driver and operating-system errors never escape: they are wrapped at the edge, with the
original as `__cause__`. No message holds a password. A mistake in the code itself, of
this package, of the driver's version or of a host's own store, is no StoreError: it
passes as the TypeError, psycopg.ProgrammingError, ... that it is, and is never taken
for an outage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_store.languages import worded

if TYPE_CHECKING:
    from typing import Any

    from switchbot_store.model import DocumentProblem


class StoreError(Exception):
    """Root of the tree."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes with words and attributes; a cause stays behind."""
        return _as_it_was, (type(self), self.args), self.__dict__


def _as_it_was(kind: type[StoreError], args: tuple[Any, ...]) -> StoreError:
    """Return an error without asking for what its words were made of."""
    return kind.__new__(kind, *args)


class StoreConfigError(StoreError):
    """A setting is wrong; the message names it and the accepted values.

    `variable` is the environment variable or argument at fault.
    """

    def __init__(self, message: str, *, variable: str | None = None) -> None:
        super().__init__(message)
        self.variable = variable


class StoreDataError(StoreError):
    """A document or key cannot be stored, or an argument is no such thing at all.

    Nothing was written then. `path` leads to the offending value, as in
    ``time_windows[0].start``, or is the argument's name. `words` say what is wrong without it.
    `problem` is set where a person's text, which would be lost, is what stands in the way.
    """

    def __init__(
        self, message: str, *, path: str = "", problem: DocumentProblem | None = None
    ) -> None:
        super().__init__(
            worded("{path}: {message}", path=path, message=message) if path else message
        )
        self.words = message
        self.path = path
        self.problem = problem


class StoreUnavailableError(StoreError):
    """The database or the disk did not take part. Nothing is known to be lost.

    `problem` is set where it is a person's text that cannot be read.
    """

    def __init__(self, *values: object, problem: DocumentProblem | None = None) -> None:
        super().__init__(*values)
        self.problem = problem


class SlowConnectionError(StoreUnavailableError):
    """The call's deadline passed. A write may or may not have happened."""


class StoreConflictError(StoreError):
    """`compare_and_set` met another revision than the caller's.

    `key` names the document, `revision` is the one found in the store.
    """

    def __init__(self, key: str, revision: str) -> None:
        super().__init__(worded("{key!r} was changed by somebody else", key=key))
        self.key = key
        self.revision = revision


class StoreClosedError(StoreError):
    """The store or history was used after `close()`."""


class MigrationError(StoreError):
    """The schema could not be migrated, or is newer than this code."""


class HistoryError(StoreError):
    """History could not be written or read. `unwritten` counts rows still held."""

    def __init__(self, message: str, *, unwritten: int = 0) -> None:
        super().__init__(message)
        self.unwritten = unwritten
