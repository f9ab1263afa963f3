"""Events of many accounts by SwitchBot's own MQTT, in one process.

The account of an event is that of the connection it came by, which has a certificate of
that account's; so no URL is needed, and no address that others reach. After a gap the
account's homes are looked at anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from switchbot_automation.clock import SystemClock
from switchbot_automation.cloud.events.events import RefusedWebhook, WebhookRefusal
from switchbot_automation.engine.observe.meters import account_of
from switchbot_automation.errors import AuthError, SettingsError
from switchbot_automation.fleet.errands import REFRESH
from switchbot_automation.fleet.visit import log_failure
from switchbot_automation.languages import worded
from switchbot_automation.mqtt.push import PushStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.events.events import WebhookEvent
    from switchbot_automation.fleet.events import FleetEvents
    from switchbot_automation.mqtt.push import CredentialSource
    from switchbot_store import AsyncStore

_LOGGER = logging.getLogger(__name__)

_SPREAD_SECONDS: Final = 120.0
_FOLLOW_SECONDS: Final = 60.0
"""So often it is looked whose homes there are: a list of names, whatever they hold."""


async def homes_with_settings(store: AsyncStore) -> list[str]:
    """Return the homes that have settings, by the names of their documents alone.

    `store` is the whole one. Raises StoreUnavailableError.
    """
    end = "/settings"
    return [
        home
        for key in await store.keys()
        if key.startswith("homes/")
        and key.endswith(end)
        and "/" not in (home := key.removeprefix("homes/").removesuffix(end))
    ]


def accounts_of(
    homes: Iterable[str],
    client_of: Callable[[str], Any],
    *,
    part: int = 1,
    parts: int = 1,
) -> dict[str, list[str]]:
    """Return the homes of each account by a digest of it, of one part of all accounts.

    `part` is 1 to `parts`, one for each process that listens. A home that `client_of`
    has no account for (SettingsError) is in none of them.
    """
    found: dict[str, list[str]] = {}
    for home in homes:
        try:
            account = account_of(client_of(home)) or home
        except SettingsError as error:
            _LOGGER.info("nobody listens for the home %s: %s", home, error)
            continue
        if crc32(account.encode()) % parts == part - 1:
            found.setdefault(account, []).append(home)
    return found


class FleetPush:
    """Listens to the event streams of many accounts, for as long as `run` runs.

    `accounts` returns each account's homes as they are, see `accounts_of`, and is asked
    again every `follow_seconds`: a home that is added, is removed or has another token
    counts from then on. While it raises, what it returned before goes on to count.
    `client_of` gives what has a home's credentials, and is asked for each certificate.
    The first connections lie over `spread_seconds`, each account at its own share of it.
    One account's broker holds up nobody else's.
    """

    def __init__(
        self,
        accounts: Callable[[], Awaitable[Mapping[str, Sequence[str]]]],
        client_of: Callable[[str], CredentialSource],
        events: FleetEvents,
        *,
        clock: Clock | None = None,
        spread_seconds: float = _SPREAD_SECONDS,
        follow_seconds: float = _FOLLOW_SECONDS,
    ) -> None:
        self._ask_accounts = accounts
        self._accounts: Mapping[str, Sequence[str]] = {}
        self._client_of = client_of
        self._events = events
        self._clock: Clock = clock or SystemClock()
        self._spread = spread_seconds
        self._follow_seconds = follow_seconds
        self._streams: dict[str, PushStream] = {}
        self._listening: dict[str, asyncio.Task[None]] = {}
        self._waking: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<FleetPush {self.report()}>"

    def report(self) -> dict[str, Any]:
        """Return how many accounts there are, by state, and how many have a problem.

        The states are those of `PushStream.report`, or ``starting``. No I/O.
        """
        told = [stream.report() for stream in self._streams.values()]
        states = Counter(each["state"] for each in told)
        if len(told) < len(self._accounts):
            states["starting"] = len(self._accounts) - len(told)
        return {
            "accounts": len(self._accounts),
            "states": dict(states),
            "problems": sum(each["problem"] is not None for each in told),
            "events": dict(self._events.counts),
        }

    async def run(self) -> None:
        """Listen until cancelled. Nothing that a cloud or broker does ends it."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._follow(group)
                await self._clock.sleep(self._follow_seconds)

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        """Begin to listen to the accounts that are new, and leave those that are gone."""
        try:
            self._accounts = await self._ask_accounts()
        except Exception as error:  # noqa: BLE001 - told, and asked for again
            log_failure(
                _LOGGER,
                error,
                "the accounts could not be read",
                then="the accounts known before are listened to",
            )
        for account in self._listening.keys() - self._accounts.keys():
            self._listening.pop(account).cancel()
            self._streams.pop(account, None)
        for account in self._accounts.keys() - self._listening.keys():
            task = group.create_task(self._listen(account))
            self._listening[account] = task

    async def _listen(self, account: str) -> None:
        await self._clock.sleep(self._spread * crc32(account.encode()) / 2**32)

        async def take(event: Mapping[str, Any]) -> WebhookEvent | RefusedWebhook:
            homes = self._accounts.get(account, ())
            try:
                return await self._events.take(homes, event)
            except Exception as error:  # noqa: BLE001 - told, and counted
                # The queue may be away.
                log_failure(
                    _LOGGER,
                    error,
                    f"an event woke none, or not all, of the homes {list(homes)}",
                    then="they are looked at in their own time",
                )
                why = WebhookRefusal.NOT_WOKEN
                self._events.counts[str(why)] += 1
                return RefusedWebhook(why, "nobody was woken")

        def missed() -> None:
            task = asyncio.create_task(self._look_anew(self._accounts.get(account, ())))
            self._waking.add(task)
            task.add_done_callback(self._waking.discard)

        credentials = _Credentials(account, self._client_of_now)
        stream = PushStream(credentials, take, missed=missed, clock=self._clock)
        self._streams[account] = stream
        await stream.run()

    def _client_of_now(self, account: str) -> CredentialSource:
        """Return a client of that account. Raises AuthError where no home has it any more.

        The accounts may have changed since they were asked for last.
        """
        for home in self._accounts.get(account, ()):
            try:
                client: Any = self._client_of(home)
            except SettingsError:
                continue
            if (account_of(client) or home) == account:
                found: CredentialSource = client
                return found
        raise AuthError(worded("no home has this account any more"))

    async def _look_anew(self, homes: Sequence[str]) -> None:
        for home in homes:
            try:
                await self._events.wake(home, {"kind": REFRESH})
            except Exception as error:  # noqa: BLE001 - told, and looked at by itself
                log_failure(
                    _LOGGER,
                    error,
                    f"the home {home} was not woken after a gap",
                    then="it is looked at in its own time",
                )


class _Credentials:
    """Gives an account's certificates by the client that it has when one is wanted.

    A secret that was changed is another client of the same account.
    """

    def __init__(
        self, account: str, client_of: Callable[[str], CredentialSource]
    ) -> None:
        self._account = account
        self._client_of = client_of

    async def iot_credential(self, instance_id: str) -> Any:
        return await self._client_of(self._account).iot_credential(instance_id)
