"""Settings without their secrets, and back again.

The path of a webhook's URL is its password, and so is whatever a key calls a token, a
secret or a password. A person who edits what is shown puts the masked value back, which
then stands for the stored one.
"""

from __future__ import annotations

import re
from typing import Any, Final

from switchbot_automation.webhook_url import mask_url

MASK: Final = "…"

_SECRET_NAME = re.compile(
    r"token|secret|passw|api_?key|credential|authorization", re.IGNORECASE
)
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def masked(value: Any, name: str = "") -> Any:
    """Return a copy of a document's value in which no secret can be read."""
    if isinstance(value, dict):
        return {key: masked(each, str(key)) for key, each in value.items()}
    if isinstance(value, list):
        return [masked(each, name) for each in value]
    if not isinstance(value, str) or not value:
        return value
    if _SECRET_NAME.search(name):
        return MASK
    return mask_url(value) if _URL.match(value) else value


def unmasked(value: Any, stored: Any, path: str = "", name: str = "") -> Any:
    """Return the document with the stored values in place of their masks.

    Raises ValueError with the path of a mask that stands for nothing that is stored.
    """
    if isinstance(value, dict):
        there = stored if isinstance(stored, dict) else {}
        return {
            key: unmasked(
                each, there.get(key), f"{path}.{key}" if path else str(key), str(key)
            )
            for key, each in value.items()
        }
    if isinstance(value, list):
        known = stored if isinstance(stored, list) else []
        # In a list things move; a mask stands for whatever had it.
        return [
            unmasked(
                each,
                _counterpart(each, known, index, name),
                f"{path}[{index}]",
                name,
            )
            for index, each in enumerate(value)
        ]
    if not isinstance(value, str) or not value.endswith(MASK):
        return value
    if isinstance(stored, str) and value == masked(stored, name):
        return stored
    if _SECRET_NAME.search(name) or _URL.match(value):
        raise ValueError(path)
    return value


def _counterpart(value: Any, known: list[Any], index: int, name: str) -> Any:
    if index < len(known) and masked(known[index], name) == value:
        return known[index]
    for each in known:
        if masked(each, name) == value:
            return each
    return known[index] if index < len(known) else None
