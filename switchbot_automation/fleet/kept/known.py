"""Settings that were read once: to read them again is a tenth of a visit's work."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, Any, Final

import orjson

from switchbot_automation.settings import parse_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.settings.model import Settings

_MOST: Final = 500
"""Some 4 KB each; of many times as many homes few would be found again."""
_LARGEST_BYTES: Final = 8192
"""A larger document is read each time."""


class KnownSettings:
    """Does what `parse_settings` does, once for each document; raises what that raises.

    Known by what is in it: whoever changes a document has another one. What cannot be
    used is not remembered. Where there are too many, any of them goes: homes come in
    turn, so that the one used longest ago is the one wanted next.

    >>> from switchbot_automation.fleet.kept.known import KnownSettings
    >>> known = KnownSettings()
    >>> known({"automation_enabled": False}) is known({"automation_enabled": False})
    True
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._settings: dict[bytes, Settings] = {}
        self._keys: list[bytes] = []
        self._random = random.Random(0)  # noqa: S311 - no secret

    def __len__(self) -> int:
        return len(self._settings)

    def __call__(self, document: Mapping[str, Any]) -> Settings:
        """Return the settings that a document asks for. Raises SettingsError."""
        written = orjson.dumps(document)
        if len(written) > _LARGEST_BYTES:
            return parse_settings(document)
        key = hashlib.blake2b(written, digest_size=16).digest()
        found = self._settings.get(key)
        if found is None:
            found = parse_settings(document)
            self._note(key, found)
        return found

    def _note(self, key: bytes, settings: Settings) -> None:
        if len(self._keys) < self._most:
            self._keys.append(key)
        else:
            place = self._random.randrange(self._most)
            del self._settings[self._keys[place]]
            self._keys[place] = key
        self._settings[key] = settings
