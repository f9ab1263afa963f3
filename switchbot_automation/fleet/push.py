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
from switchbot_automation.fleet.errands import REFRESH
from switchbot_automation.mqtt.push import PushStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.events.events import WebhookEvent
    from switchbot_automation.fleet.events import FleetEvents
    from switchbot_automation.mqtt.push import CredentialSource

_LOGGER = logging.getLogger(__name__)

_SPREAD_SECONDS: Final = 120.0


def accounts_of(
    homes: Iterable[str],
    client_of: Callable[[str], Any],
    *,
    part: int = 1,
    parts: int = 1,
) -> dict[str, list[str]]:
    """Return the homes of each account by a digest of it, of one part of all accounts.

    `part` is 1 to `parts`, one for each process that listens. Raises what `client_of`
    raises.
    """
    found: dict[str, list[str]] = {}
    for home in homes:
        account = account_of(client_of(home)) or home
        if crc32(account.encode()) % parts == part - 1:
            found.setdefault(account, []).append(home)
    return found


class FleetPush:
    """Listens to the event streams of many accounts, for as long as `run` runs.

    `accounts` has each account's homes, see `accounts_of`; `client_of` gives what has a
    home's credentials. The first connections lie over `spread_seconds`, each account at
    its own share of it. One account's broker holds up nobody else's.
    """

    def __init__(
        self,
        accounts: Mapping[str, Sequence[str]],
        client_of: Callable[[str], CredentialSource],
        events: FleetEvents,
        *,
        clock: Clock | None = None,
        spread_seconds: float = _SPREAD_SECONDS,
    ) -> None:
        self._accounts = accounts
        self._client_of = client_of
        self._events = events
        self._clock: Clock = clock or SystemClock()
        self._spread = spread_seconds
        self._streams: dict[str, PushStream] = {}
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
            for account, homes in self._accounts.items():
                group.create_task(self._listen(account, homes))

    async def _listen(self, account: str, homes: Sequence[str]) -> None:
        await self._clock.sleep(self._spread * crc32(account.encode()) / 2**32)

        async def take(event: Mapping[str, Any]) -> WebhookEvent | RefusedWebhook:
            try:
                return await self._events.take(homes, event)
            except Exception:
                # The queue may be away; the home is looked at in its own time.
                _LOGGER.exception("an event woke none of the homes %s", list(homes))
                why = WebhookRefusal.NOT_WOKEN
                self._events.counts[str(why)] += 1
                return RefusedWebhook(why, "nobody was woken")

        def missed() -> None:
            task = asyncio.create_task(self._look_anew(homes))
            self._waking.add(task)
            task.add_done_callback(self._waking.discard)

        stream = PushStream(
            self._client_of(homes[0]), take, missed=missed, clock=self._clock
        )
        self._streams[account] = stream
        await stream.run()

    async def _look_anew(self, homes: Sequence[str]) -> None:
        for home in homes:
            try:
                await self._events.wake(home, {"kind": REFRESH})
            except Exception:
                _LOGGER.exception("the home %s was not woken after a gap", home)
