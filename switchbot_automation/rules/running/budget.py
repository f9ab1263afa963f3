"""What rules may spend: how often one runs and sends, and what of the day is theirs.

Three limits that a person who wrote a sensible rule never meets. A rule runs no sooner
than `min_interval` after its last run and does no more than `max_per_hour` an hour, what it
has to turn off again apart. Rules that answer each other, or flap around a threshold, are stopped for a while. And of the
day's calls the zones keep the reserve and what their meters need until the reset: a rule
that runs away must not cost the house its heating. No I/O, no clock but `now`.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.core.state.values import (
    instant,
    integer,
    listed,
    mapping,
    text,
)
from switchbot_automation.errors import QuotaExhaustedError, RuleActionError
from switchbot_automation.languages import worded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from switchbot_automation.core.pace import Quota
    from switchbot_automation.rules.definition.model import Rule
    from switchbot_automation.settings.model import Settings

_BUCKET_SECONDS: Final = 300.0
_HOUR: Final = timedelta(hours=1)
_DAY_SECONDS: Final = 86400.0

_ZONES_SHARE: Final = 0.9
"""How much of an even day the zones keep at most, however often they want to read."""

REPEATED: Final = timedelta(seconds=60)
"""For how long a command counts as in force because it was sent, and nothing else. Not
longer: a wall switch or a remote tells nobody."""

_ANSWERED_WITHIN: Final = timedelta(minutes=15)
"""How long after a command a change of what was commanded may be its echo: it is told at
once by an event, or found by the next reading."""

_REACTED_WITHIN: Final = timedelta(seconds=60)
"""A command later than this after its trigger is a timer's: two of those may well take
turns, as a pump that runs ten minutes and rests twenty."""

_ROUNDS: Final = 3
"""How often a rule may come round in a chain of rules that set each other off."""

_MOST_TURNS: Final = 12
"""How often thresholds may send something back and forth within an hour."""

_MOST_ANSWERS: Final = 20
"""How often an hour rules may answer at once, by a command to it, what a device did after
rules commanded it: many rules over one lamp make a wave of each round."""

_LONGEST_CHAIN: Final = 24
_SHORTEST_STOP: Final = timedelta(hours=1)
_LONGEST_STOP: Final = timedelta(hours=24)

_NOT_SET_BY_COMMANDS: Final = frozenset({"temperature", "humidity"})
_ON: Final = frozenset({"turnOn", "on", "winter", "summer", "fan"})
_OFF: Final = frozenset({"turnOff", "off"})


class Stop(NamedTuple):
    """A rule that may not run until then. `others` are the rules it went round with."""

    since: datetime
    until: datetime
    why: str
    others: tuple[str, ...]
    times: int
    fingerprint: str


@dataclass(slots=True)
class _Spent:
    """What one rule did. `buckets` count by five minutes since 1970."""

    buckets: dict[int, int] = field(default_factory=dict)
    ran_at: datetime | None = None
    stop: Stop | None = None
    fingerprint: str = ""
    chain: tuple[str, ...] = ()
    echoed: frozenset[str] = frozenset()
    by_number: bool = False


@dataclass(slots=True)
class _Target:
    """What rules last sent to one device or zone, by which, and which turned it over.

    `chains` has, by the command, the rules that led to it when it was last sent.
    """

    command: str = ""
    word: str = ""
    by: str = ""
    chains: dict[str, tuple[tuple[str, ...], datetime]] = field(default_factory=dict)
    sent: dict[str, tuple[Any, datetime]] = field(default_factory=dict)
    by_number: bool = False
    turns: deque[tuple[datetime, str]] = field(
        default_factory=lambda: deque(maxlen=_MOST_TURNS)
    )
    answers: deque[tuple[datetime, str]] = field(
        default_factory=lambda: deque(maxlen=_MOST_ANSWERS)
    )


class Echo(NamedTuple):
    """Whose change a trigger saw: the target, the attribute, and the value if it has one."""

    target: str
    attribute: str
    value: Any


class Budget:
    """Counts what the rules of one engine do, and says what is too much."""

    def __init__(self) -> None:
        self._rules: dict[str, _Spent] = {}
        self._targets: dict[str, _Target] = {}
        self._news: list[tuple[tuple[str, ...], str]] = []

    def news(self) -> list[tuple[tuple[str, ...], str]]:
        """Return which rules were stopped, and why, since this was last asked."""
        found, self._news = self._news, []
        return found

    # --- may a rule run? --------------------------------------------------------------

    def refuses(
        self, rule: Rule, kind: str, echoes: Iterable[Echo], now: datetime
    ) -> str | None:
        """Tell why a triggered rule must not run, as an outcome; None: it may.

        `kind` is the word for its trigger, `echoes` what that looked at.
        """
        mine = self._of(rule, now)
        if self.stopped(rule, now) is not None:
            return "runaway"
        if mine.ran_at is not None and now - mine.ran_at < rule.min_interval:
            return "too_soon"
        if _within_an_hour(mine, now) >= rule.max_per_hour:
            return "over_budget"
        echoes = tuple(echoes)
        chain = self._chain(echoes, now)
        if chain.count(rule.id) >= _ROUNDS:
            self._stop({*chain, rule.id}, "they set each other off", now)
            return "runaway"
        mine.chain = (*chain, rule.id)[-_LONGEST_CHAIN:]
        mine.echoed = frozenset(each.target for each in self._echoed(echoes, now))
        mine.by_number = kind == "numeric_state"
        return None

    def began(self, rule: Rule, now: datetime, *, person: bool = False) -> None:
        """Note that a rule runs. One that a person ran is stopped no more."""
        mine = self._of(rule, now)
        mine.ran_at = now
        if person:
            mine.chain, mine.by_number, mine.stop = (rule.id,), False, None
            mine.echoed = frozenset()

    def stopped(self, rule: Rule, now: datetime) -> Stop | None:
        """Return why a rule must not run for a while; None: it may. An edit ends that."""
        stop = self._of(rule, now).stop
        if stop is None or stop.fingerprint != rule.fingerprint:
            return None
        return stop if now < stop.until else None

    def over(self, rule: Rule, now: datetime) -> bool:
        """Tell whether a rule has done all that it may within an hour."""
        return _within_an_hour(self._of(rule, now), now) >= rule.max_per_hour

    def _chain(self, echoes: Iterable[Echo], now: datetime) -> tuple[str, ...]:
        """Return the rules that led here: who commanded what the trigger now saw."""
        found: tuple[str, ...] = ()
        for echo in echoes:
            target = self._targets.get(echo.target)
            if target is None or echo.attribute in _NOT_SET_BY_COMMANDS:
                continue
            for command, (chain, at) in target.chains.items():
                echoed = timedelta(0) <= now - at <= _ANSWERED_WITHIN
                if echoed and not _contrary(command, echo.value):
                    found = max(found, chain, key=len)
        return found

    def _echoed(self, echoes: Iterable[Echo], now: datetime) -> Iterator[Echo]:
        """Yield of what a trigger saw what rules commanded lately, whatever they said."""
        for echo in echoes:
            target = self._targets.get(echo.target)
            if target is None or echo.attribute in _NOT_SET_BY_COMMANDS:
                continue
            sent = (at for _chain, at in target.chains.values())
            if any(timedelta(0) <= now - at <= _ANSWERED_WITHIN for at in sent):
                yield echo

    # --- what was done ----------------------------------------------------------------

    def spend(
        self, rule_id: str, most: int, now: datetime, *, off: str | None = None
    ) -> None:
        """Count one act of a rule. Raises RuleActionError where it would be too many.

        `off` is what it turns off, if it does: what the rule itself turned on is never
        refused its OFF, which ends a run well.
        """
        mine = self._rules.setdefault(rule_id, _Spent())
        owed = off is not None and self._owes_off(rule_id, off)
        if not owed and _within_an_hour(mine, now) >= most:
            raise RuleActionError(worded("more than {most} within an hour", most=most))
        bucket = _bucket(now)
        mine.buckets[bucket] = mine.buckets.get(bucket, 0) + 1

    def _owes_off(self, rule_id: str, target: str) -> bool:
        """Tell whether a rule may have turned something on that it has not turned off.

        Before a restart it may have, too.
        """
        place = self._targets.get(target)
        if place is None:
            return True
        return place.by == rule_id and place.command not in _OFF

    def sent(
        self, rule_id: str, target: str, command: str, parameter: Any, now: datetime
    ) -> None:
        """Note that a command was taken; stop the rules that only turn it over."""
        mine = self._rules.setdefault(rule_id, _Spent())
        place = self._targets.setdefault(target, _Target())
        word = f"{command} {parameter!r}"
        if mine.by_number and place.by_number and place.word not in ("", word):
            place.turns.append((now, rule_id))
        at_once = mine.ran_at is not None and now - mine.ran_at <= _REACTED_WITHIN
        place.chains[command] = (mine.chain if at_once else (rule_id,), now)
        place.command, place.word, place.by = command, word, rule_id
        place.by_number = mine.by_number
        beside = place.sent if _goes_beside(command) else {}
        beside = {key: each for key, each in beside.items() if key not in _OFF}
        place.sent = {**beside, command: (parameter, now)}
        turns = [each for each in place.turns if timedelta(0) <= now - each[0] <= _HOUR]
        if len(turns) >= _MOST_TURNS:
            place.turns.clear()
            rules = {rule for _at, rule in turns}
            self._stop(rules, "they flap around a threshold", now)
        if at_once and target in mine.echoed:
            place.answers.append((now, rule_id))
            lately = [
                at for at, _rule in place.answers if timedelta(0) <= now - at < _HOUR
            ]
            if len(lately) >= _MOST_ANSWERS:
                rules = {rule for _at, rule in place.answers}
                self._stop(rules, "they set each other off", now)

    def sent_since(self, target: str, since: datetime, now: datetime) -> bool:
        """Tell whether a rule commanded it after that instant.

        What was sent later than `now` was sent before the clock was set back.
        """
        chains = self._targets.get(target, _Target()).chains
        return any(since < at <= now for _chain, at in chains.values())

    def set_back(self, by: timedelta) -> None:
        """Go on with a clock that was set back so far: what was sent is as old as it was."""
        for place in self._targets.values():
            place.chains = {
                command: (chain, at - by)
                for command, (chain, at) in place.chains.items()
            }
            place.sent = {
                command: (parameter, at - by)
                for command, (parameter, at) in place.sent.items()
            }

    def commanded(self, target: str) -> bool:
        """Tell whether a rule commanded it since this process began."""
        return target in self._targets

    def in_force(
        self, target: str, command: str, parameter: Any, now: datetime
    ) -> bool:
        """Tell whether this very command was sent a moment ago, and nothing against it."""
        found = self._targets.get(target, _Target()).sent.get(command)
        if found is None or found[0] != parameter:
            return False
        return timedelta(0) <= now - found[1] < REPEATED

    def _stop(self, rules: Iterable[str], why: str, now: datetime) -> None:
        together = tuple(sorted(set(rules)))
        self._news.append((together, why))
        for rule_id in together:
            mine = self._rules.setdefault(rule_id, _Spent())
            last = mine.stop
            again = last is not None and now - last.until < _LONGEST_STOP
            times = (last.times if last and again else 0) + 1
            lasts = min(_LONGEST_STOP, _SHORTEST_STOP * 2 ** (min(times, 6) - 1))
            others = tuple(each for each in together if each != rule_id)
            mine.stop = Stop(now, now + lasts, why, others, times, mine.fingerprint)
        for target in self._targets.values():
            for command, (chain, _at) in tuple(target.chains.items()):
                if set(chain) & set(together):
                    del target.chains[command]

    def _of(self, rule: Rule, now: datetime) -> _Spent:
        mine = self._rules.setdefault(rule.id, _Spent())
        mine.fingerprint = rule.fingerprint
        # A clock that was set back must not keep a rule waiting for the time before.
        if mine.ran_at is not None and mine.ran_at > now:
            mine.ran_at = None
        if mine.stop is not None and mine.stop.since > now:
            lasts = mine.stop.until - mine.stop.since
            mine.stop = mine.stop._replace(since=now, until=now + lasts)
        return mine

    # --- across restarts --------------------------------------------------------------

    def only(self, rules: Iterable[str]) -> None:
        """Forget rules that are gone."""
        for rule_id in self._rules.keys() - set(rules):
            del self._rules[rule_id]

    def to_document(self) -> dict[str, Any]:
        """Return what is worth keeping, as JSON."""
        document = {}
        for rule_id, mine in sorted(self._rules.items()):
            newest = max(mine.buckets, default=0)
            kept = {
                str(bucket): count
                for bucket, count in sorted(mine.buckets.items())
                if (newest - bucket) * _BUCKET_SECONDS <= _HOUR.total_seconds()
            }
            each: dict[str, Any] = {"done": kept} if kept else {}
            if mine.stop is not None:
                each["stop"] = {
                    **mine.stop._asdict(),
                    "since": mine.stop.since.isoformat(),
                    "until": mine.stop.until.isoformat(),
                    "others": list(mine.stop.others),
                }
            if each:
                document[rule_id] = each
        return document

    def restore(self, document: Mapping[str, Any]) -> None:
        """Go on from what was kept, however damaged."""
        for rule_id, each in document.items():
            read = mapping(each)
            mine = self._rules.setdefault(rule_id, _Spent())
            for bucket, count in mapping(read.get("done")).items():
                done = integer(count)
                if bucket.isdecimal() and len(bucket) < _LONGEST_BUCKET and done:
                    at = int(bucket)
                    mine.buckets[at] = max(done, mine.buckets.get(at, 0))
            stop = _stop_of(mapping(read.get("stop")))
            if stop is not None and (mine.stop is None or mine.stop.since < stop.since):
                mine.stop = stop


_LONGEST_BUCKET: Final = 12


def _stop_of(read: Mapping[str, Any]) -> Stop | None:
    since, until = instant(read.get("since")), instant(read.get("until"))
    if since is None or until is None or until - since > _LONGEST_STOP:
        return None
    others = tuple(each for each in listed(read.get("others")) if isinstance(each, str))
    times = integer(read.get("times")) or 1
    why, fingerprint = text(read.get("why")), text(read.get("fingerprint"))
    return Stop(since, until, why or "", others, max(1, times), fingerprint or "")


def _bucket(now: datetime) -> int:
    return int(now.timestamp() // _BUCKET_SECONDS)


def _within_an_hour(mine: _Spent, now: datetime) -> int:
    """Count what was done within an hour, at least; also forget what is older."""
    newest = _bucket(now)
    oldest = newest - int(_HOUR.total_seconds() // _BUCKET_SECONDS)
    mine.buckets = {
        bucket: count
        for bucket, count in mine.buckets.items()
        if oldest < bucket <= newest
    }
    return sum(mine.buckets.values())


def _goes_beside(command: str) -> bool:
    """Tell whether a command leaves what others set, as a colour leaves the brightness."""
    sets = command.startswith("set") and command != "setAll"
    return sets or command == "turnOn"


def _contrary(command: str, value: Any) -> bool:
    """Tell whether a value cannot be what a command led to: somebody else did it."""
    said = str(value).strip().casefold()
    if said in ("on", "true"):
        return command in _OFF
    return said in ("off", "false") and command in _ON


# --- the day's calls ------------------------------------------------------------------


def for_rules(quota: Quota, settings: Settings) -> Quota:
    """Return the day's calls as rules see them: the zones' own are in the reserve.

    Those are a reading of each meter as often as the settings say until the reset, but
    no more than nine tenths of what an even day has left.
    """
    seconds = min(zone.poll_interval_seconds for zone in settings.zones.values())
    even = (quota.limit - quota.reserve) * quota.seconds_to_reset / _DAY_SECONDS
    needed = min(quota.meters * quota.seconds_to_reset / seconds, _ZONES_SHARE * even)
    return quota._replace(reserve=quota.reserve + math.ceil(needed))


def check_affordable(
    quota: Quota, settings: Settings, now: datetime, *, off: bool
) -> None:
    """Raise QuotaExhaustedError where a rule's command would cost the zones theirs.

    To turn something off, half of the reserve is open too.
    """
    floor = quota.reserve // 2 if off else for_rules(quota, settings).reserve
    if quota.remaining <= floor:
        raise QuotaExhaustedError(
            worded("not sent: what is left of the day's calls is for the zones"),
            resets_at=now.astimezone(UTC) + timedelta(seconds=quota.seconds_to_reset),
        )
