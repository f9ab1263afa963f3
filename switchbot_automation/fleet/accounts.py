"""Whose cloud a home has: its account, and one HTTP session for all of a process.

A host that keeps accounts elsewhere gives a callable of its own, see `Place.client_of`.
"""

from __future__ import annotations

import json
import logging
import re
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.cloud.talk.client import DEFAULT_BASE_URL, SwitchBotClient
from switchbot_automation.engine.observe.meters import account_of, ledger_of
from switchbot_automation.errors import SettingsError
from switchbot_automation.fleet.kept.packed import PackedTexts
from switchbot_automation.languages import worded
from switchbot_store import VisitStore
from switchbot_store.files.custody import read_in_custody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import date
    from pathlib import Path

    from aiohttp import ClientSession

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.talk.quota import QuotaLedger
    from switchbot_automation.model import CloudApi
    from switchbot_store import ThreadedStore

_LOGGER = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
"""So often a file of accounts is looked at, whether it was written."""
_CLIENTS: Final = 512
"""So many clients stay; one that is made anew restores its count of calls."""
_MOST_BYTES: Final = 256 * 1024 * 1024
"""Some hundred thousand homes, of which each has a few hundred bytes."""
_AT_ONCE_BYTES: Final = 64 * 1024
"""So much is read where it is asked for; more beside, while what was read before counts."""
_BLANK: Final = re.compile(r"[ \t\n\r]*")
_DAY: Final = "api_quota_day"
_USED: Final = "api_requests_total"
_LEFT: Final = "api_requests_remaining"

Joins = dict[
    str, "Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], dict[str, Any]]"
]


@dataclass(frozen=True, slots=True)
class HomeAccount:
    """The account of a home; its secrets stay out of repr."""

    token: str = field(repr=False)
    secret: str = field(repr=False)
    base_url: str = DEFAULT_BASE_URL


def read_accounts(path: Path) -> PackedTexts:
    """Read a JSON file of ``{"<home>": {"token": ..., "secret": ..., "base_url": ...}}``.

    Returns of each home the texts of a `HomeAccount`. A file that others may read is warned of. Raises SettingsError naming the home, never a
    secret; OSError.
    """
    found = read_in_custody(path, most_bytes=_MOST_BYTES, pipes=True)
    if found.others_may_touch:
        _LOGGER.warning("%s holds secrets and others may read it: chmod 600 it", path)
    if found.planted:
        _LOGGER.warning("%s holds secrets and others may replace it: move it", path)
    try:
        text = found.data.decode(json.detect_encoding(found.data), "surrogatepass")
        start = _skipped(text, 0)
        if text[start : start + 1] != "{":
            json.loads(text)
            raise SettingsError(worded("{path}: not an object of homes", path=path))
        return PackedTexts(_account_texts(_members(text, start + 1)))
    except (ValueError, RecursionError) as error:
        # Of json's words none repeats the text.
        raise SettingsError(
            worded("{path}: no JSON: {error}", path=path, error=error)
        ) from None


def _members(text: str, place: int) -> Iterator[tuple[str, Any]]:
    """Return the names and values of a JSON object, one after the other from `place` on.

    To parse them at once holds all other threads for as long as that takes: 0.3 s where
    there are a hundred thousand. Raises JSONDecodeError as `json.loads` does.
    """
    decode = json.JSONDecoder().raw_decode
    place = _skipped(text, place)
    while text[place : place + 1] != "}":
        if text[place : place + 1] != '"':
            message = "Expecting property name enclosed in double quotes"
            raise json.JSONDecodeError(message, text, place)
        name, place = decode(text, place)
        place = _skipped(text, place)
        if text[place : place + 1] != ":":
            raise json.JSONDecodeError("Expecting ':' delimiter", text, place)
        value, place = decode(text, _skipped(text, place + 1))
        yield name, value
        place = _skipped(text, place)
        if text[place : place + 1] == ",":
            place = _skipped(text, place + 1)
            if text[place : place + 1] == "}":
                message = "Illegal trailing comma before end of object"
                raise json.JSONDecodeError(message, text, place)
        elif text[place : place + 1] != "}":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, place)
    if (after := _skipped(text, place + 1)) != len(text):
        raise json.JSONDecodeError("Extra data", text, after)


def _skipped(text: str, place: int) -> int:
    blank = _BLANK.match(text, place)  # none at all is one too
    return place if blank is None else blank.end()


def _account_texts(
    members: Iterable[tuple[str, Any]],
) -> Iterator[tuple[str, tuple[str, str, str]]]:
    for home, each in members:
        if not (
            isinstance(each, dict)
            and isinstance(each.get("token"), str)
            and isinstance(each.get("secret"), str)
        ):
            raise SettingsError(worded("needs a token and a secret"), path=home)
        base_url = str(each.get("base_url") or DEFAULT_BASE_URL)
        yield home, (each["token"], each["secret"], base_url)


class AccountsFile(Mapping[str, HomeAccount]):
    """The accounts of a file as it stands, for who works on while others write it.

    A home that is added, or a token that changes, counts within `LOOK_SECONDS`, for every
    worker that reads the file; of a file of thousands as soon as a thread has read it, so
    that the event loop goes on. What cannot be read is logged, and what was read before
    goes on to count. Raises what `read_accounts` raises, when it is made.
    """

    def __init__(
        self, path: Path, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._monotonic = monotonic
        self._looked_at = monotonic()
        self._stands = _stands(path)
        self._reading: threading.Thread | None = None
        self._accounts = read_accounts(path)

    def __getitem__(self, home: str) -> HomeAccount:
        self._look()
        return HomeAccount(*self._accounts[home])

    def __iter__(self) -> Iterator[str]:
        self._look()
        return iter(self._accounts)

    def __len__(self) -> int:
        self._look()
        return len(self._accounts)

    def _look(self) -> None:
        now = self._monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return
        if self._reading is not None and self._reading.is_alive():
            return
        self._looked_at = now
        try:
            stands = _stands(self._path)
        except OSError as error:
            self._not_read(error)
            return
        if stands == self._stands:
            return
        self._stands = stands
        if stands.is_short:
            self._read()
        else:
            name = f"accounts of {self._path.name}"
            self._reading = threading.Thread(target=self._read, name=name, daemon=True)
            self._reading.start()

    def _read(self) -> None:
        try:
            self._accounts = read_accounts(self._path)
        except (OSError, SettingsError) as error:
            self._not_read(error)

    @staticmethod
    def _not_read(error: Exception) -> None:
        _LOGGER.warning("the accounts read before stay in force: %s", error)


class _Stands(NamedTuple):
    """What is another once somebody wrote the file."""

    changed_at: int
    size: int
    inode: int
    is_short: bool


def _stands(path: Path) -> _Stands:
    found = path.stat()
    # A pipe ends when its writer likes, and tells no size.
    is_short = stat.S_ISREG(found.st_mode) and found.st_size <= _AT_ONCE_BYTES
    return _Stands(found.st_mtime_ns, found.st_size, found.st_ino, is_short)


class AccountClients:
    """Gives the client of a home: one an account, all on one HTTP session.

    A few hundred stay, the ones used last, so that a process of many homes stays small.
    `clock` is that of clients made from then on. Raises SettingsError for a home without
    an account.
    """

    def __init__(
        self,
        accounts: Mapping[str, HomeAccount],
        session: ClientSession,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._accounts = accounts
        self._session = session
        self.clock: Clock | None = clock
        self._clients: OrderedDict[HomeAccount, SwitchBotClient] = OrderedDict()

    def __len__(self) -> int:
        return len(self._clients)

    def __call__(self, home: str) -> CloudApi:
        """Return the client of a home."""
        account = self._accounts.get(home)
        if account is None:
            raise SettingsError(worded("there is no account for this home"), path=home)
        client = self._clients.get(account)
        if client is None:
            client = SwitchBotClient(
                self._session,
                account.token,
                account.secret,
                base_url=account.base_url,
                clock=self.clock,
            )
            self._clients[account] = client
        self._clients.move_to_end(account)
        while len(self._clients) > _CLIENTS:
            self._clients.popitem(last=False)
        return client


def quota_joins(client: CloudApi) -> tuple[list[str], Joins]:
    """Return the key of the account's calls, and how those of two visitors add up."""
    account = account_of(client)
    if account is None:
        return [], {}
    key = f"accounts/{account}/quota"
    return [key], {key: joined_calls}


class AccountVisit(VisitStore):
    """A `VisitStore` that adds to the account's calls those of nobody's but this visit.

    Visits in one process share the ledger of their account, whose number has everybody's
    calls. Each claims of it what no other visit has claimed, and adds that to what is
    written. What it could not write it leaves to the next, see `end`.

    `client` is the home's cloud; one that counts nothing itself is counted by its engine,
    whose number has this visit's calls alone.
    """

    def __init__(
        self, store: ThreadedStore, client: CloudApi, also: Iterable[str] = ()
    ) -> None:
        keys, joins = quota_joins(client)
        ledger = ledger_of(client) if keys else None
        self._calls = None if ledger is None else _Calls(ledger)
        self._key = keys[0] if ledger is not None else ""
        if self._calls is not None:
            joins[self._key] = self._calls.added
        super().__init__(store, [*keys, *also], joins=joins)

    async def leave(self) -> None:
        """Write as `VisitStore.leave` does; raise what that raises."""
        calls, counts = self._calls, self._key in self._unsaved
        before = self.as_read(self._key) if counts else None
        if calls is not None and before is not None:
            # As of now, so that the ledger knows that all of these are going to be there.
            ours = {**self._unsaved[self._key], **calls.claim()}
            self._unsaved[self._key] = calls.added(before, ours, before)
        await super().leave()
        if calls is not None and before is not None:
            calls.claimed = 0

    def end(self) -> None:
        """Leave to other visits what this one claimed and could not write."""
        if self._calls is not None:
            self._calls.give_back()


class _Calls:
    """What a visit claimed of its account's ledger. Of the visit it knows nothing."""

    def __init__(self, ledger: QuotaLedger) -> None:
        self._ledger = ledger
        self.claimed: int = 0
        self._day: date | None = None

    def claim(self) -> dict[str, Any]:
        """Claim what nobody has; return the ledger's keys of the state as of now."""
        ledger = self._ledger
        if ledger.day != self._day:
            self.claimed, self._day = 0, ledger.day
        self.claimed += ledger.claim()
        return ledger.to_document()

    def give_back(self) -> None:
        """Leave to others what was claimed and not written."""
        if self._day is not None:
            self._ledger.give_back(self.claimed, day=self._day)
        self.claimed = 0

    def added(
        self,
        _before: Mapping[str, Any],
        ours: Mapping[str, Any],
        theirs: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Return what is there, `theirs`, with the calls of this visit."""
        ledger = self._ledger
        if str(theirs.get(_DAY) or "") > str(ours.get(_DAY)):
            return dict(theirs)
        there = theirs.get(_USED, 0) if theirs.get(_DAY) == ours.get(_DAY) else 0
        # What the cloud itself says has the calls of all.
        used = max(there, ledger.used) if ledger.is_told else there + self.claimed
        left = min(ledger.remaining, max(0, ledger.limit - used))
        return {**ours, _USED: used, _LEFT: left}


def joined_calls(
    before: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the day's calls of an account after two visitors at once.

    >>> joined_calls(
    ...     {"api_quota_day": "2026-01-12", "api_requests_total": 10},
    ...     {"api_quota_day": "2026-01-12", "api_requests_total": 13},
    ...     {"api_quota_day": "2026-01-12", "api_requests_total": 12},
    ... )
    {'api_quota_day': '2026-01-12', 'api_requests_total': 15}
    """
    if theirs.get(_DAY) != ours.get(_DAY):
        newer = max(ours, theirs, key=lambda each: str(each.get(_DAY) or ""))
        return dict(newer)
    base = before.get(_USED, 0) if before.get(_DAY) == ours.get(_DAY) else 0
    more = max(0, ours.get(_USED, 0) - base)
    joined = {**ours, _USED: theirs.get(_USED, 0) + more}
    if _LEFT in ours and _LEFT in theirs:
        left = min(ours[_LEFT], max(0, theirs[_LEFT] - more))
        joined[_LEFT] = left
    return joined
