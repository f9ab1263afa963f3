"""Names of a package that load on first use, so that importing it costs nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


HandedOn: TypeAlias = "Callable[[str], object]"
"""A package's `__getattr__`."""


def handed_on(package: str, homes: Mapping[str, str]) -> HandedOn:
    """Return the ``__getattr__`` of a package.

    `homes` says in which module below `package` each name is.
    """

    def __getattr__(name: str) -> object:  # noqa: N807 - it becomes the package's own
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return __getattr__
