"""Whether two words mean the same: for a field, and for a value of one. Pure.

The cloud has several for one thing, and a person may write any of them: `lock` in one
status and `locked` in another, LOCKED in the event; `Detected`, `moveDetected` and
`detectionState`; `online` for `onlineStatus` (SwitchBotAPI#509, #481, #410).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TRUTH: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("true", "on", "1", "detected", "online"), True),
    **dict.fromkeys(("false", "off", "0", "not_detected", "offline"), False),
}
# Status says "locked" where the documentation and the events say "lock", or upper case.
_SYNONYMS: Final[Mapping[str, str]] = {
    "locked": "lock",
    "unlocked": "unlock",
    "opened": "open",
    "closed": "close",
    "latch_bolt_locked": "latchboltlocked",
    "half_locked": "halflocked",
}

STATUS_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "powerState": ("power",),
    "colorLightPowerState": ("colorLightPower",),
    "colorLightColor": ("colorLightRGB",),
    "brightness": ("mainLightBrightness",),
    "colorTemperature": ("mainLightColorTemp",),
    "detectionState": ("moveDetected", "Detected", "status"),
    "online": ("onlineStatus",),
}
"""What an event calls by another name than the status; the first the product has counts."""


def _both_ways() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for event, names in STATUS_NAMES.items():
        for name in names:
            one, other = event.casefold(), name.casefold()
            found[one] = (*found.get(one, ()), other)
            found[other] = (*found.get(other, ()), one)
    return found


_ALSO: Final[Mapping[str, tuple[str, ...]]] = _both_ways()


def truth(value: object) -> bool | None:
    """Return what a value says of a field that is true or false; None for neither.

    >>> truth("DETECTED"), truth(0), truth("open")
    (True, False, None)
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in {0, 1}:
        return value == 1
    return _TRUTH.get(value.strip().casefold()) if isinstance(value, str) else None


def folded(word: object) -> str:
    """Return what is the same for all ways to write a word.

    >>> folded("LOCKED") == folded("lock"), folded("jammed")
    (True, 'jammed')
    """
    said = str(word).strip().casefold()
    return _SYNONYMS.get(said, said)


def same(left: Any, right: Any) -> bool:
    """Compare as a person would: ``true`` and "on", 1 and "1", lock and LOCKED.

    >>> same(True, "detected"), same(21, "21.0"), same("closed", "close"), same("on", 1)
    (True, True, True, False)
    """
    if left == right:
        return True
    if isinstance(left, bool) or isinstance(right, bool):
        said = truth(left)
        return said is not None and said is truth(right)
    if _is_number(left) or _is_number(right):
        one, other = _number(left), _number(right)
        return one is not None and one == other
    return folded(left) == folded(right)


def name_among(name: str, names: Iterable[str]) -> str | None:
    """Return which of the names a name means, None where it means none of them.

    >>> name_among("detected", ["Detected", "battery"]), name_among("on", ["power"])
    ('Detected', None)
    """
    by_word = {each.casefold(): each for each in names}
    word = name.strip().casefold()
    for each in (word, *_ALSO.get(word, ())):
        if each in by_word:
            return by_word[each]
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Any) -> float | None:
    if isinstance(value, str) and "_" in value:
        return None  # Python takes 2_1 for a number, no cloud means one
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
