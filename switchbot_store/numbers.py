"""How a number that somebody wrote is read."""

from switchbot_store.languages import worded


def read_number(text: str) -> float:
    """Return what a text says as a number, NaN and infinity included.

    As `float`, which also takes ``1_0`` for ten: Python's way of writing, which nobody
    means in an export, in a variable or in the answer of a cloud.

    Raises ValueError.

    >>> read_number(" 21.5 ")
    21.5
    >>> read_number("2_1")
    Traceback (most recent call last):
        ...
    ValueError: '2_1' is no number
    """
    if "_" in text:
        raise ValueError(worded("{text!r} is no number", text=text[:40]))
    return float(text)
