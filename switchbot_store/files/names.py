"""A safe file name for every key, and the key of every such name.

Names are lower case ASCII, so keys that differ in case do not meet on macOS; `..`,
`con` and emoji become harmless; what would be too long ends in a hash.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final
from urllib.parse import unquote

SUFFIX: Final = ".json"
_MAX_STEM: Final = 180
"""A file name has 255 bytes; the rest is for suffixes such as ``.corrupt-<time>``."""
_HASHED_PREFIX: Final = 140
_SAFE: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
_RESERVED: Final = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")
_HASHED: Final = re.compile(r".*~[0-9a-f]{32}")


def _encoded(text: str) -> str:
    return "".join(
        character
        if character in _SAFE
        else "".join(f"%{byte:02x}" for byte in character.encode())
        for character in text
    )


def stem_of(key: str) -> str:
    """Return the file name of a key, without its suffix."""
    encoded = _encoded(key)
    if _RESERVED.fullmatch(encoded):
        encoded = f"%{ord(encoded[0]):02x}{encoded[1:]}"
    if len(encoded) <= _MAX_STEM:
        return encoded
    digest = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
    return f"{encoded[:_HASHED_PREFIX]}~{digest}"


def beginnings(prefix: str) -> tuple[str, ...]:
    """Return how the file names of keys that begin so may begin.

    >>> beginnings("homes/42/")
    ('homes%2f42%2f', '%')
    """
    # One of a reserved name has its first letter in another form.
    return _encoded(prefix)[:_HASHED_PREFIX], "%"


def is_hashed(stem: str) -> bool:
    """Tell whether the key cannot be read from the name."""
    return _HASHED.fullmatch(stem) is not None


def key_of(stem: str) -> str | None:
    """Return the key of a name made by `stem_of`, None for any other name."""
    try:
        key = unquote(stem, errors="strict")
    except UnicodeDecodeError:
        return None
    return key if key and stem_of(key) == stem else None
