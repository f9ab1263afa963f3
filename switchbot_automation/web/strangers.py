"""What people without a token may use up: a small budget of their own.

By address, and for all of them together. Whoever is known takes nothing from it and is
refused nothing by it, from whatever address: behind a proxy everybody has the same one.
An IPv6 address counts by its /64, which one customer has all of.
"""

from __future__ import annotations

import ipaddress
import logging
import time
from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

_LOGGER = logging.getLogger(__name__)

_NAME: Final = "switchbot_stranger"
# aiohttp 3.14 warns of keys that are texts; before it there were no others.
STRANGER: Final[Any] = (
    web.RequestKey(_NAME, bool) if hasattr(web, "RequestKey") else _NAME
)
"""The key of a request under which is said whether it came from a stranger."""

_MOST_ADDRESSES: Final = 4096
_SUMMARY_SECONDS: Final = 60.0


class Allowance:
    """So many at once by each key and by all, and so many again with every second.

    `all_at_once` None sets no limit for all together. Keys that were not heard of for
    longest are forgotten, so a flood of them costs no memory.

    >>> seconds = iter([0.0, 0.0, 0.0, 60.0])
    >>> budget = Allowance(2, 1 / 60, now=lambda: next(seconds))
    >>> [budget.take("192.0.2.1") for _ in range(4)]
    [True, True, False, True]
    """

    def __init__(
        self,
        at_once: float,
        per_second: float,
        *,
        now: Callable[[], float],
        all_at_once: float | None = None,
        all_per_second: float = 0.0,
    ) -> None:
        self._at_once = at_once
        self._per_second = per_second
        self._all_at_once = all_at_once
        self._all_per_second = all_per_second
        self._now = now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._left_of_all = (all_at_once or 0.0, now())

    def take(self, key: str) -> bool:
        """Take one; false where none is left, and then nothing is taken."""
        now = self._now()
        left, at = self._left.pop(key, (self._at_once, now))
        left = min(self._at_once, left + (now - at) * self._per_second)
        good = left >= 1.0 and self._take_of_all(now)
        self._left[key] = (left - good, now)
        if len(self._left) > _MOST_ADDRESSES:
            self._left.popitem(last=False)
        return good

    def _take_of_all(self, now: float) -> bool:
        if self._all_at_once is None:
            return True
        left, at = self._left_of_all
        left = min(self._all_at_once, left + (now - at) * self._all_per_second)
        good = left >= 1.0
        self._left_of_all = (left - good, now)
        return good


class Strangers:
    """Who is not known yet, and what is left of their budget.

    `door` is told of every connection whose request came from somebody known; a host's
    own server has none.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self.door: Callable[[web.BaseRequest], None] | None = None
        self._requests = Allowance(
            60, 1.0, now=now, all_at_once=600, all_per_second=30.0
        )
        self._probes = Allowance(60, 1.0, now=now)
        self._log_ins = Allowance(10, 1 / 30, now=now)
        self._lines = Allowance(
            10, 1 / 60, now=now, all_at_once=100, all_per_second=0.5
        )
        self._now = now
        self._unsaid = 0
        self._said_at = now()

    def known(self, request: web.BaseRequest) -> None:
        """Note that whoever sent it is no stranger."""
        request[STRANGER] = False
        if self.door is not None:
            self.door(request)

    def may_ask(self, request: web.BaseRequest) -> bool:
        """Take one request that is refused to strangers."""
        return self._requests.take(address_of(request))

    def may_probe(self, request: web.BaseRequest) -> bool:
        """Take one look at the health. By address alone: others must not end a probe."""
        return self._probes.take(address_of(request))

    def may_fail_to_log_in(self, request: web.BaseRequest) -> bool:
        """Take one attempt with a wrong token."""
        return self._log_ins.take(address_of(request))

    def may_be_logged(self, request: web.BaseRequest) -> bool:
        """Take one line of the log; those that were left out are told once a minute."""
        return self.may_be_logged_of(address_of(request))

    def may_be_logged_of(self, peer: str) -> bool:
        """Take one line about whom only the address is known."""
        good = self._lines.take(network_of(peer))
        self._unsaid += not good
        now = self._now()
        if self._unsaid and now - self._said_at >= _SUMMARY_SECONDS:
            _LOGGER.warning("%d requests of strangers were not logged", self._unsaid)
            self._unsaid = 0
            self._said_at = now
        return good


def address_of(request: web.BaseRequest) -> str:
    """Return whom a request counts for: its peer's address, or the network of it."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return network_of(str(peer[0])) if isinstance(peer, tuple) else ""


@lru_cache(maxsize=_MOST_ADDRESSES)
def network_of(peer: str) -> str:
    """Return an IPv4 address as it is, of an IPv6 one its /64.

    >>> network_of("192.0.2.7"), network_of("2001:db8::7"), network_of("::ffff:1.2.3.4")
    ('192.0.2.7', '2001:db8::', '1.2.3.4')
    """
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(address) >> 64 << 64))
