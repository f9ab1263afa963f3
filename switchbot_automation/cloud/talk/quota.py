"""The account's daily calls, counted here and corrected by the cloud. No I/O.

SwitchBot allows 10,000 calls a day and account (official documentation), reset at 00:00
UTC (seen in homebridge-switchbot#789). Every HTTP attempt costs one, a failed one too.
Other programs on the account spend from the same budget; only the answer's headers,
where there are any, tell.
"""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from switchbot_automation.clock import SystemClock
from switchbot_automation.cloud.talk.answers import parse_date, read_limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.talk.answers import Limits

_LOGGER = logging.getLogger(__name__)

DAILY_LIMIT = 10_000

# What readings leave to commands where nothing else is said: a share of the limit, at
# least so many calls, and of a small limit not all of it.
_RESERVE_SHARE = 0.05
_RESERVE_LEAST = 300
_RESERVE_MOST_SHARE = 0.75

# A refused day may be a fault of the cloud ("daily limit" was reported by accounts with
# hardly any calls, SwitchBotAPI#395), so its word is put to the test once an hour.
_PROBE_SECONDS = 3600.0

# Answers to calls that overlap come out of order; more than this is a new day's budget.
_RESET_JUMP = 100

# Server and local clock may disagree about midnight by this much.
_MIDNIGHT_DOUBT = timedelta(hours=1)


class Standing(NamedTuple):
    """The day's calls at one instant; `remaining` includes the `reserve`."""

    limit: int
    remaining: int
    reserve: int
    seconds_to_reset: float


class Spent(NamedTuple):
    """One counted attempt, for what becomes of it: its UTC `day`, and whether by what
    was known no call was left before it.
    """

    day: date
    was_empty: bool


class Said(NamedTuple):
    """What an answer's headers came to: the calls that `remaining` says are left, None
    where they say nothing of today; the next 00:00 UTC.
    """

    remaining: int | None
    resets_at: datetime


class QuotaLedger:
    """How many calls are left until the next 00:00 UTC.

    `limit` is the calls per day, `reserve` how many of them reads leave to commands;
    ValueError unless 0 <= reserve < limit. Not thread-safe: it belongs to one event loop.
    Client and engine share one ledger; for a cloud that keeps none, the engine calls
    `attempt` itself. Who has just asked the same clock hands the instant on as `now`.

    >>> from switchbot_automation import QuotaLedger
    >>> ledger = QuotaLedger(limit=100, reserve=10)
    >>> _ = ledger.attempt()
    >>> ledger.used, ledger.remaining, ledger.allows_read()
    (1, 99, True)
    """

    def __init__(
        self,
        *,
        limit: int = DAILY_LIMIT,
        reserve: int = 0,
        clock: Clock | None = None,
    ) -> None:
        if limit < 1 or not 0 <= reserve < limit:
            message = f"limit {limit} and reserve {reserve}: want 0 <= reserve < limit"
            raise ValueError(message)
        self._clock: Clock = clock or SystemClock()
        self._configured_limit = limit
        self._reserve = reserve
        self._automatic = False
        self._begin_day(self._clock.now())
        self._limit = limit
        self._used = 0
        self._own = 0
        self._unclaimed = 0
        self._foreign = 0
        self._refused_at: float | None = None
        self._said: int | None = None
        self._told_on: date | None = None
        self._shared = 0
        self._shared_remaining: int | None = None
        self._reset_seen_at: datetime | None = None
        self._restored = False

    def __repr__(self) -> str:
        return (
            f"<QuotaLedger {self.day} used={self.used} remaining={self.remaining}"
            f" limit={self.limit} foreign={self.foreign}>"
        )

    # --- what is known -----------------------------------------------------------

    @property
    def day(self) -> date:
        """The UTC day being counted."""
        self._roll()
        return self._day

    @property
    def limit(self) -> int:
        """Calls per day: what the cloud said today, else what was configured."""
        self._roll()
        return self._limit

    @property
    def reserve(self) -> int:
        """How many calls reads leave to commands."""
        self._roll()
        return self._reserved()

    def keep_for_commands(self, calls: int | None) -> None:
        """Set the reserve in calls; None: 5 % of the limit, at least 300."""
        self._automatic = calls is None
        if calls is not None:
            self._reserve = min(calls, self._configured_limit - 1)

    @property
    def used(self) -> int:
        """Calls of the account today, as far as known."""
        self._roll()
        return self._used

    @property
    def remaining(self) -> int:
        """Calls left today; 0 also while the cloud refuses, whatever was counted."""
        self._roll()
        return self._left()

    @property
    def foreign(self) -> int:
        """Calls by others today, as headers and the shared document gave away.

        A lower bound.
        """
        self._roll()
        return self._foreign

    @property
    def refused(self) -> bool:
        """Whether the cloud itself said that today's calls are used up."""
        self._roll()
        return self._refused_at is not None

    @property
    def reset_seen_at(self) -> datetime | None:
        """When the cloud last was seen to give new calls, aware; None if never.

        It should be within an hour of 00:00 UTC; where it is not, that was logged.
        """
        return self._reset_seen_at

    @property
    def resets_at(self) -> datetime:
        """The next 00:00 UTC, aware."""
        self._roll()
        return self._ends_at

    def standing(self, now: datetime | None = None) -> Standing:
        """Return the day's calls as they are at this instant."""
        now = self._roll(now)
        seconds = (self._ends_at - now).total_seconds()
        return Standing(self._limit, self._left(), self._reserved(), seconds)

    def allows_read(self, now: datetime | None = None) -> bool:
        """Whether a read may be spent.

        False when no more than the reserve is left, by our count, the headers or the
        cloud's refusal. A refusal is tested again by one call an hour.
        """
        self._roll(now)
        return self._allows(self._left(), is_read=True)

    def allows_command(self, now: datetime | None = None) -> bool:
        """Whether a command may be spent.

        Counting alone never holds a command back: our number may be wrong, and turning
        something off is worth a call that may be refused. Only the cloud's refusal
        does, and that is tested again by one call an hour.
        """
        self._roll(now)
        return self._allows(self._left(), is_read=False)

    # --- what happened -----------------------------------------------------------

    def spend(self, *, is_read: bool, now: datetime | None = None) -> Spent | None:
        """Count one HTTP attempt if it may be spent; None, and no count, if not."""
        self._roll(now)
        left = self._left()
        if not self._allows(left, is_read=is_read):
            return None
        self._count_one()
        return Spent(self._day, left == 0)

    def attempt(self) -> date:
        """Count one HTTP attempt; return its UTC day, for `observe` and `exhausted`."""
        self._roll()
        self._count_one()
        return self._day

    def observe(
        self, headers: Mapping[str, str], *, day: date | None = None
    ) -> int | None:
        """Learn from an answer's headers; return the calls they say remain, else None.

        `day` is what `attempt` returned for the call: an answer to a call of yesterday
        tells nothing about today.
        """
        return self.learn(read_limits(headers), day=day).remaining

    def learn(
        self, limits: Limits, *, day: date | None = None, now: datetime | None = None
    ) -> Said:
        """Learn as `observe` does, from headers that are read already."""
        now = self._roll(now)
        if self._is_of_yesterday(limits.date, day, now):
            return Said(None, self._ends_at)
        remaining = limits.remaining
        if limits.limit:
            self._limit = limits.limit
        if remaining is None:
            return Said(None, self._ends_at)
        self._watch_reset(remaining, now)
        if remaining <= self._limit:
            self._used = self._limit - remaining
            self._told_on = self._day
            # Calls under way are counted here before the cloud counts them, so the
            # difference can only be too small; its greatest value of the day is right.
            self._foreign = max(self._foreign, self._used - self._own)
        # A greater number cannot be about this limit: the caller configured less than
        # the account has, and keeps to it.
        if remaining > 0:
            self._refused_at = None
        else:
            self._refused_at = self._clock.monotonic()
        return Said(remaining, self._ends_at)

    def exhausted(
        self, *, day: date | None = None, now: datetime | None = None
    ) -> None:
        """Note that the cloud refused a call because today's are used up."""
        self._roll(now)
        if day is None or day == self._day:
            self._refused_at = self._clock.monotonic()

    def accepted(self, *, day: date | None = None, now: datetime | None = None) -> None:
        """Note that the cloud answered a call, so an earlier refusal has ended."""
        self._roll(now)
        if day is None or day == self._day:
            self._refused_at = None

    # --- across restarts ---------------------------------------------------------

    def to_document(self, now: datetime | None = None) -> dict[str, Any]:
        """Return the state's keys for the quota, as dashboards know them.

        `api_quota_reset_at` is when the counter last was zeroed, thus in the past.
        """
        self._roll(now)
        self._shared, self._shared_remaining = self._used, self._left()
        return {
            "api_requests_total": self._used,
            "api_requests_remaining": self._shared_remaining,
            "api_requests_limit": self._limit,
            "api_quota_day": self._day_text,
            "api_quota_reset_at": self._began_text,
        }

    @property
    def restored(self) -> bool:
        """Whether `restore` was called: a second document is one to `merge`."""
        return self._restored

    def take(
        self, document: Mapping[str, Any], *, read: bool, now: datetime | None = None
    ) -> Standing:
        """Take in a document that may be the first: `restore` it if it was `read`.

        Later ones, and what no store gave, are to be merged. Returns the day's calls
        as they are then.
        """
        now = self._roll(now)
        if read and not self.restored:
            self.restore(document, now=now)
        else:
            self.merge(document, now=now)
        return self.standing(now)

    def restore(
        self, document: Mapping[str, Any], *, now: datetime | None = None
    ) -> None:
        """Continue today's count from a state document.

        A document of another day, or without usable numbers, changes nothing. The limit
        is not taken from it: it is a setting.
        """
        self._roll(now)
        self._restored = True
        if document.get("api_quota_day") != self._day_text:
            return
        total = _count(document.get("api_requests_total"))
        if total is None:
            return
        self._used = max(self._used, total + self._own)
        self._own = self._used
        self._shared = self._used
        remaining = _count(document.get("api_requests_remaining"))
        if remaining == 0 and self._used < self._limit:
            self._refused_at = self._clock.monotonic()

    def merge(
        self, document: Mapping[str, Any], *, now: datetime | None = None
    ) -> None:
        """Take in what other processes on this account wrote into a shared document.

        Each adds its calls to the number it finds there; what is more than we left is
        theirs. Headers count everybody's calls, so where there are any the number is
        only ever raised to the document's. Our own writing, read again, changes nothing.
        """
        self._roll(now)
        if document.get("api_quota_day") != self._day_text:
            return
        total = _count(document.get("api_requests_total"))
        remaining = _count(document.get("api_requests_remaining"))
        if total is None:
            return
        if total > self._shared:
            theirs = total - self._shared if self._said is None else 0
            self._used = max(self._used + theirs, total)
            self._foreign = max(self._foreign, self._used - self._own)
            self._shared = total
        told = remaining == 0 and self._shared_remaining not in (0, None)
        if told and self._refused_at is None and total < self._limit:
            self._refused_at = self._clock.monotonic()

    # --- by several who write side by side ----------------------------------------

    def claim(self) -> int:
        """Return the calls counted here that nobody has claimed yet, and count them claimed.

        For visits that share this ledger and each write a document: whoever claims a call
        adds it to what is written there, so that each is added once.
        """
        self._roll()
        claimed, self._unclaimed = self._unclaimed, 0
        return claimed

    def give_back(self, calls: int, *, day: date) -> None:
        """Leave to others so many claimed calls of that UTC day: they were not written."""
        if day == self.day:
            self._unclaimed += calls

    @property
    def is_told(self) -> bool:
        """Whether an answer's headers said today's number, which counts everybody's."""
        self._roll()
        return self._told_on == self._day

    # --- inside ------------------------------------------------------------------

    def _begin_day(self, now: datetime) -> None:
        self._day = now.astimezone(UTC).date()
        self._began_at = _midnight(self._day)
        self._ends_at = self._began_at + timedelta(days=1)
        self._day_text = self._day.isoformat()
        self._began_text = self._began_at.isoformat()

    def _roll(self, now: datetime | None = None) -> datetime:
        """Begin another day if it is one; return the instant."""
        # Asked many times a tick: two comparisons, and no date made of an instant.
        if now is None:
            now = self._clock.now()
        if self._began_at <= now < self._ends_at:
            return now
        self._begin_day(now)
        self._limit = self._configured_limit
        self._used = self._own = self._foreign = self._shared = 0
        self._unclaimed = 0
        self._refused_at = self._shared_remaining = None
        return now

    def _allows(self, left: int, *, is_read: bool) -> bool:
        if self._refused_at is not None:
            waited_seconds = self._clock.monotonic() - self._refused_at
            return waited_seconds >= _PROBE_SECONDS
        return not is_read or left > self._reserved()

    def _count_one(self) -> None:
        self._used += 1
        self._own += 1
        self._unclaimed += 1
        if self._refused_at is not None:
            self._refused_at = self._clock.monotonic()

    def _left(self) -> int:
        if self._refused_at is not None:
            return 0
        return max(0, self._limit - self._used)

    def _reserved(self) -> int:
        if not self._automatic:
            return self._reserve
        return max(self._reserve, _share_for_commands(self._limit))

    def _watch_reset(self, remaining: int, now: datetime) -> None:
        """Check against what is seen that the day's calls are given at 00:00 UTC."""
        before, self._said = self._said, remaining
        if before is None or remaining <= before + _RESET_JUMP:
            return
        self._reset_seen_at = now
        if min(now - self._began_at, self._ends_at - now) > _MIDNIGHT_DOUBT:
            _LOGGER.warning(
                "the cloud gave new calls (%s, before %s), though it is not 00:00 UTC",
                remaining,
                before,
            )

    def _is_of_yesterday(
        self, date_header: str | None, day: date | None, now: datetime
    ) -> bool:
        if day is not None and day != self._day:
            return True
        if now - self._began_at > _MIDNIGHT_DOUBT:
            # A server still in yesterday is more than the doubt behind, so not believed.
            return False
        said = parse_date(date_header)
        return (
            said is not None and said < self._began_at and now - said <= _MIDNIGHT_DOUBT
        )


@lru_cache(maxsize=8)  # asked several times a tick
def _share_for_commands(limit: int) -> int:
    wanted = max(_RESERVE_LEAST, round(limit * _RESERVE_SHARE))
    return min(wanted, int(limit * _RESERVE_MOST_SHARE))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None
