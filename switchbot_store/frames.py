"""Errors without the frames that they passed: what lay in them may be a secret.

A log shows lines of code alone, but tools that capture errors (Sentry, `rich`, `cgitb`) show
the local variables of every frame too: a token on its way into a header, a password
beside the host that did not answer. So where such an error leaves, its frames stay behind.
"""

from __future__ import annotations

from typing import TypeVar

Raised = TypeVar("Raised", bound=BaseException)


def without_frames(error: Raised) -> Raised:
    """Return the error with no traceback, nor any in what it came of; the words stay.

    >>> try:
    ...     password = "hush"
    ...     raise ValueError("no connection")
    ... except ValueError as raised:
    ...     error = without_frames(raised)
    >>> error, error.__traceback__ is None
    (ValueError('no connection'), True)
    """
    waiting: list[BaseException | None] = [error]
    met: set[int] = set()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in met:
            continue
        met.add(id(each))
        each.__traceback__ = None
        waiting += [each.__cause__, each.__context__]
    return error
