"""Apply a settings document: checked first, then stored, with what it changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchbot_automation.webhook_url import mask_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SECRET_KEYS = frozenset({"webhooks", "ifttt_webhooks"})


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs; None where there was or will be none.

    `path` leads to it, as in ``zones.office.winter.min_temp``. Webhook URLs are masked.
    """

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """What applying a document changes, or in a dry run would change."""

    changes: tuple[Change, ...]
    dry_run: bool


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
        secret = not _SECRET_KEYS.isdisjoint(path)
        yield Change(
            ".".join(path),
            _masked(before) if secret else before,
            _masked(after) if secret else after,
        )


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _masked(each) for key, each in value.items()}
    return mask_url(value) if isinstance(value, str) else value
