"""Which of several engines on one state commands: the newest, until it falls silent.

Its name and token stand in the state document, which every tick reads and writes anyway,
so that being fenced off costs no statement. An engine that starts takes over at once,
since the one before it has most likely died; the one it replaced goes on observing and
takes over again when the newer one released the state or wrote nothing for longer than
its rooms may go without a look. Who commands at the same instant is settled by the
compare_and_set of the intent, which carries the token, not here.

The store's own lease would be the wrong fence. Whoever challenges it waits for one time
to live of real time, so a restarted engine would let a cold room wait and a simulated
year would never begin; and renewing it keeps a database awake that is paid by the hour.
What a lease guards against, a holder that slept through its replacement, ends here at the
same document: its intent loses the compare_and_set against everything written since it
looked, and what it still saves is joined by the engine that leads, see `documents`.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from switchbot_automation.core.protect.safety import CAP_SECONDS
from switchbot_automation.core.state.values import encode_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.settings.model import Settings, ZoneSettings

KEY = "engine"
FOLLOWED = "engine_followed_at"
"""When an engine that follows last said so; whoever leads looks for what it was told."""
_PATIENCE_SECONDS = 60.0
# After a claim, and after a follower was heard of, others are reckoned with for so long.
_COMPANY_SECONDS = 300.0
_MARK_SECONDS = 60.0


class Leadership:
    """One engine's claim to command.

    `token` grows with every claim; 0 before the first. `leads` is what the last look at
    the state document said. While `watches` says so, an engine that starts leaves the
    lead to the one that has it, and is `watching`.
    """

    def __init__(
        self, clock: Clock, watches: Callable[[], bool] = lambda: False
    ) -> None:
        self._clock = clock
        self._watches = watches
        self.watching: bool = False
        # Not before the first look: an engine made before a fork leads after it, and
        # two of one name would both believe that they do.
        self._id = ""
        self._ended = False
        self._seen: tuple[Any, Any, Any] | None = None
        self._seen_at = 0.0
        self._patient_for: Settings | None = None
        self._patience = 0
        self.token: int = 0
        self.leads: bool = True
        self._look_until = self._others_until = float("-inf")
        self._mark: Any = None
        self._marked_at = float("-inf")

    @property
    def looks(self) -> bool:
        """Whether another engine may write what this one has to know at once.

        A home alone does not look: its database may be one that sleeps.
        """
        return not (self.token and self.leads) or self._clock.monotonic() < max(
            self._look_until, self._others_until
        )

    @property
    def others(self) -> bool:
        """Whether other engines follow this one."""
        return self.has_others(self._clock.monotonic())

    def has_others(self, at: float) -> bool:
        """Tell it for the monotonic instant `at`, just asked of the clock."""
        return at < self._others_until

    def mark(self, now: datetime) -> dict[str, Any]:
        """Return what a follower writes once a minute, {} in between."""
        at = self._clock.monotonic()
        if at - self._marked_at < _MARK_SECONDS:
            return {}
        self._marked_at = at
        return {FOLLOWED: encode_instant(now)}

    def take(self, document: Mapping[str, Any]) -> None:
        """Take the lead from an engine that did not keep what was promised."""
        found = document.get(KEY)
        token = _whole(found.get("token") if isinstance(found, dict) else 0)
        self._claim(token, self._clock.monotonic(), others=True)

    def _claim(self, token: int, now: float, *, others: bool) -> None:
        self._look_until = now + _COMPANY_SECONDS
        if others or not self.leads:
            self._others_until = now + _COMPANY_SECONDS
        self.token = token + 1
        self.leads, self.watching = True, False

    def look(self, document: Mapping[str, Any], at: float, *, claim: bool) -> bool:
        """Read who leads; tell whether the lead was taken from another engine.

        `at` is the monotonic instant, just asked of the clock. `claim`: a first look
        also takes the lead.
        """
        self._id = self._id or uuid.uuid4().hex
        found = document.get(KEY)
        holder = found if isinstance(found, dict) else {}
        token = _whole(holder.get("token"))
        mark = document.get(FOLLOWED)
        if mark != self._mark:
            if self._mark is not None:
                self._others_until = at + _COMPANY_SECONDS
            self._mark = mark
        if holder.get("id") == self._id or (self.token and token < self.token):
            self.leads = True
            return False
        free = holder.get("id") is None
        if self.token == 0:
            last_tick = document.get("last_tick")
            watches = not free and self._watches()
            self.watching = watches and not self._silent(holder, last_tick, at)
            self.leads = not self.watching
            if claim and self.leads:
                self._claim(token, at, others=not free)
            return claim and self.leads and not free
        if free or self._silent(holder, document.get("last_tick"), at):
            self._claim(token, at, others=not free)
            return not free
        self.leads = False
        return False

    def _silent(self, holder: Mapping[str, Any], last_tick: Any, now: float) -> bool:
        """Watch the holder on our own clock; tell whether it has been away too long."""
        seen = (holder.get("id"), holder.get("token"), last_tick)
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        patience = _whole(holder.get("silent_seconds")) or CAP_SECONDS
        return now - self._seen_at >= patience

    def to_document(self, settings: Settings | None) -> dict[str, Any]:
        """Return what the holder writes with every tick; {} before it claimed."""
        if not self.token or self._ended:
            return {}
        if settings is not self._patient_for or not self._patience:
            zones = settings.zones.values() if settings else ()
            longest = max(map(_longest_wait, zones), default=CAP_SECONDS)
            self._patience = round(2.0 * longest + _PATIENCE_SECONDS)
            self._patient_for = settings
        return {
            KEY: {
                "id": self._id,
                "token": self.token,
                "silent_seconds": self._patience,
            }
        }

    def end(self) -> None:
        """Claim no longer: a tick that outlives its engine must not lead by its write."""
        self._ended = True

    def released(self, document: dict[str, Any]) -> dict[str, Any] | None:
        """Return the document without our claim, None where it holds none."""
        holder = document.get(KEY)
        if not isinstance(holder, dict) or holder.get("id") != self._id:
            return None
        return {**document, KEY: {"id": None, "token": self.token}}


def _longest_wait(zone: ZoneSettings) -> float:
    """Return for how long a holder may have nothing to do."""
    idle = zone.idle_poll_interval_seconds if zone.adaptive_polling_enabled else 0
    predicted = CAP_SECONDS if zone.predictive else 0.0
    return max(float(zone.poll_interval_seconds), float(idle), predicted)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
