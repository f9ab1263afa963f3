"""What differs between two settings documents: the one answer to that. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchbot_automation.settings.secrets import masked, shown_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs; None where there was or will be none.

    `path` leads to it, as in ``zones.office.winter.min_temp``. Secrets are masked.
    """

    path: str
    before: Any
    after: Any


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[Change, ...]:
    """Return what differs between two settings documents, by path."""
    return tuple(_differences(before, after, ()))


def _differences(before: Any, after: Any, path: tuple[str, ...]) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in (*before, *(key for key in after if key not in before)):
            yield from _differences(before.get(key), after.get(key), (*path, key))
    elif before != after:
        shown = ".".join(map(shown_key, path))
        yield Change(shown, masked(before, *path), masked(after, *path))
