"""People who look at the page, again and again, and now and then press a button."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Final

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Sequence

THINK_SECONDS: Final = 1.0
_TIMEOUT_SECONDS: Final = 30.0
_LOOKS: Final = ("zones", "zones/{}/history", "zones/{}/decisions", "zones/{}/explain")
# Each so many looks, a person leaves the zone alone for a minute, or ends that.
_PRESS_EVERY: Final = 25


@dataclass(slots=True)
class Requests:
    """What became of the requests: seconds of each that was answered, and failures."""

    seconds: list[float] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many were made."""
        return len(self.seconds) + self.failed

    @property
    def failed(self) -> int:
        """How many were not answered, or with an error of the server."""
        return sum(self.failures.values())

    def fail(self, why: str) -> None:
        """Count a failure."""
        self.failures[why] = self.failures.get(why, 0) + 1


async def look(url: str, zones: Sequence[str], users: int, requests: Requests) -> None:
    """Be so many people until cancelled."""
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(timeout=timeout, connector=connector) as session,
        asyncio.TaskGroup() as people,
    ):
        for number in range(users):
            zone = zones[number % len(zones)]
            people.create_task(
                _person(session, url, zone, number=number, requests=requests)
            )
            await asyncio.sleep(THINK_SECONDS / users)


async def _person(
    session: aiohttp.ClientSession,
    url: str,
    zone: str,
    *,
    number: int,
    requests: Requests,
) -> None:
    while True:
        began = perf_counter()
        press = number % _PRESS_EVERY == _PRESS_EVERY - 1
        path = (
            f"api/zones/{zone}/actions"
            if press
            else f"api/{_LOOKS[number % 4].format(zone)}"
        )
        try:
            call = (
                session.post(f"{url}{path}", json={"action": "hold", "hold": "none"})
                if press
                else session.get(f"{url}{path}")
            )
            async with call as answer:
                await answer.read()
                if answer.status >= 400:  # noqa: PLR2004 - where errors begin
                    requests.fail(f"{answer.status} {path}")
                else:
                    requests.seconds.append(perf_counter() - began)
                    requests.at.append(began)
        except (aiohttp.ClientError, TimeoutError) as error:
            requests.fail(type(error).__name__)
        number += 1
        await asyncio.sleep(THINK_SECONDS)
