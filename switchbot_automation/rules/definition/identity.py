"""What a trigger is, however it is written: an edit that leaves it as it is ends nothing."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from datetime import date, time, timedelta
from typing import Any


def part_key(part: object) -> str:
    """Return what tells a part of a rule from others, and shows nothing of it.

    >>> from switchbot_automation.rules.definition.context import Subject
    >>> part_key(Subject("power", "office")) == part_key(Subject("power", zone="office"))
    True
    """
    written = json.dumps(_plain(part), sort_keys=True)
    return hashlib.sha256(written.encode("utf-8", "replace")).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(each) for each in value), key=str)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if dataclasses.is_dataclass(value):
        fields = {each.name for each in dataclasses.fields(value)}
        return [name, {each: _plain(getattr(value, each)) for each in sorted(fields)}]
    # A plug-in's: by what it holds, as far as that is plain.
    held = getattr(value, "__dict__", {})
    simple = {key: each for key, each in held.items() if _is_plain(each)}
    return [name, {key: _plain(each) for key, each in sorted(simple.items())}]


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | timedelta)
