"""Numbers from elsewhere that move a zone's band: a price, a forecast, the sun on a roof.

Each comes from a source with a name, which the settings list under `offsets` with the
limit it is held to. A source that fails, or says nothing, adds nothing.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    OffsetSource = Callable[[str, datetime], "float | None"]

_LOGGER = logging.getLogger(__name__)


class Offsets:
    """The sources of one engine. `changed` is called when a host told a new number."""

    def __init__(self, changed: Callable[[], object]) -> None:
        self._changed = changed
        self._sources: dict[str, OffsetSource] = {}
        self._told: dict[tuple[str, str | None], float | None] = {}
        self._failing: set[str] = set()

    def register(self, source: str, function: OffsetSource) -> Callable[[], None]:
        """Ask `function` for a source's number from now on; return what ends that.

        It is called at each tick, on the event loop, with a zone's name and the instant,
        aware UTC, and returns kelvin, positive for warmer, or None for no new number. It
        must not block; what it raises is logged and counts as None. Raises ValueError
        where there is one already.
        """
        if source in self._sources:
            raise ValueError(f"{source!r} is registered already")
        self._sources[source] = function

        def end() -> None:
            if self._sources.get(source) is function:
                del self._sources[source]

        return end

    def tell(
        self, source: str, kelvin: float | None, *, zone: str | None = None
    ) -> None:
        """Take a source's number, positive for warmer; None: there is none any more.

        For one zone, or for all that name none of their own. It holds for the setting's
        `expires_seconds`, counted from the next tick, which is wanted at once. Raises
        ValueError for what is not finite.
        """
        if kelvin is not None and not math.isfinite(kelvin):
            raise ValueError(f"expected kelvin, got {kelvin}")
        self._told[source, zone] = 0.0 if kelvin is None else kelvin
        self._changed()

    def of(self, source: str, zone: str, now: datetime) -> tuple[float | None, bool]:
        """Return a source's number for a zone, None for no new one; and if it was told.

        What was told is new once for each zone.
        """
        for name in (zone, None):
            kelvin = self._told.get((source, name))
            if kelvin is not None:
                return kelvin, True
        function = self._sources.get(source)
        if function is None:
            return None, False
        try:
            found = function(zone, now)
            if found is not None and not math.isfinite(found):
                raise ValueError(f"expected kelvin, got {found}")  # noqa: TRY301 - as if the source had
        except Exception:
            if source not in self._failing:
                self._failing.add(source)
                _LOGGER.exception("the offset %s cannot be had", source)
            return None, False
        self._failing.discard(source)
        return None if found is None else float(found), False

    def taken(self) -> None:
        """Forget what was told: every zone has it now."""
        self._told.clear()
