"""What has to be remembered of a compressor beyond its last start and stop. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from switchbot_automation.engine.state_values import encode_instant, enum, instant
from switchbot_automation.model import Action

if TYPE_CHECKING:
    from switchbot_automation.engine.state import ZoneState

DAY = timedelta(hours=24)
# More than any cap allows within a day.
_KEPT = 300


class Start(NamedTuple):
    """A start of the compressor, and what for: `winter` heats, `summer` cools."""

    at: datetime
    action: Action


class Equipment(NamedTuple):
    """A zone's compressor over the last day. Instants are aware UTC.

    `starts` in ascending order. `rest_until`: after it ran as long as it may.
    `locked_until`: while nobody knows when it last stopped.
    """

    starts: tuple[Start, ...] = ()
    rest_until: datetime | None = None
    locked_until: datetime | None = None

    def started(self, at: datetime, action: Action) -> Equipment:
        """Return it with one more start; those over a day old are forgotten.

        The last one always stays: it says whether the compressor heated or cooled.
        """
        kept = tuple(one for one in self.starts if at - one.at < DAY)
        return self._replace(starts=(*kept[-_KEPT:], Start(at, action)))

    def joined(self, other: Equipment | None) -> Equipment:
        """Return what two writers know together; the longer wait stands."""
        if other is None or other == self:
            return self
        starts = sorted({*self.starts, *other.starts})
        return Equipment(
            tuple(starts[-_KEPT:]),
            _later(self.rest_until, other.rest_until),
            _later(self.locked_until, other.locked_until),
        )

    def after_jump(self, jump: timedelta, now: datetime) -> Equipment:
        """Return it once the wall clock was set by `jump`; `now` is by the new one.

        No start is longer ago than before, and no wait gets shorter or longer.
        """
        starts = self.starts
        if jump > timedelta(0):
            starts = tuple(
                one._replace(at=min(now, one.at + jump))
                if now - jump - one.at < DAY
                else one
                for one in starts
            )
        rest, locked = self.rest_until, self.locked_until
        return Equipment(starts, rest and rest + jump, locked and locked + jump)

    def not_later_than(self, now: datetime) -> Equipment:
        """Pull starts from the future back to `now`, after the clock was set back."""
        if not self.starts or self.starts[-1].at <= now:
            return self
        pulled = tuple(one._replace(at=min(one.at, now)) for one in self.starts)
        return self._replace(starts=pulled)

    def to_document(self) -> dict[str, Any]:
        """Return it as a document; what is unknown is left out."""
        document: dict[str, Any] = {
            "starts": [[encode_instant(one.at), str(one.action)] for one in self.starts]
        }
        for key in ("rest_until", "locked_until"):
            at = getattr(self, key)
            if at is not None:
                document[key] = encode_instant(at)
        return document

    @classmethod
    def from_document(cls, value: Any) -> Equipment | None:
        """Read a document, however damaged; None where there is none."""
        if not isinstance(value, dict):
            return None
        listed = value.get("starts")
        found = [_start(one) for one in listed] if isinstance(listed, list) else []
        return cls(
            tuple(sorted(one for one in found if one is not None)[-_KEPT:]),
            instant(value.get("rest_until")),
            instant(value.get("locked_until")),
        )


NONE = Equipment()


def unsure_start(state: ZoneState, action: Action) -> bool:
    """Return whether the last start is this very one, whose command may not have arrived.

    Nothing may have stopped the compressor since, or the next one is another start.
    """
    starts = (state.equipment or NONE).starts
    if not state.uncertain or not starts or starts[-1].action is not action:
        return False
    stopped = state.compressor_stopped_at
    return stopped is None or stopped < starts[-1].at


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return max(one, other)


def _start(value: Any) -> Start | None:
    if not isinstance(value, list) or len(value) != len(Start._fields):
        return None
    at, action = instant(value[0]), enum(Action, value[1])
    return Start(at, action) if at and action else None
