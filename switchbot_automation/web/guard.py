"""Who may ask what, and what people without a token may use up: decided in one place.

Without a token only this machine is answered, and only under a name of its own: a page
elsewhere whose name was pointed at 127.0.0.1 sends its own name as `Host`, and a proxy
says for whom it asks. What changes something must not come from another site.

Strangers have a small budget, by address and for all of them together. Whoever is known
takes nothing from it and is refused nothing by it, from whatever address: behind a proxy
everybody has the same one. An IPv6 address counts by its /64, which one customer has all of.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from switchbot_automation.languages import AUTO, CELSIUS, worded
from switchbot_automation.outside.bounds import MOST_KEYS, Allowance

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchbot_automation.web.credentials import Credentials, Sessions

_LOGGER = logging.getLogger(__name__)

# What proxies add to say for whom they ask, or what for; nobody else sends it.
_FORWARDED = re.compile(
    "forwarded|(client|real|connecting|user)-?ip|external-address|^(x-)?original-"
    "|^via$|^cdn-loop$",
    re.IGNORECASE,
)
_HOST = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<name>[^:\[\]%]+))(?::[0-9]*)?")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_NAME: Final = "switchbot_stranger"
# aiohttp 3.14 warns of keys that are texts; before it there were no others.
STRANGER: Final[Any] = (
    web.RequestKey(_NAME, bool) if hasattr(web, "RequestKey") else _NAME
)
"""The key of a request under which is said whether it came from a stranger."""

_SUMMARY_SECONDS: Final = 60.0
_EVENTS: Final = (600, 20.0)
"""What three hundred devices say that each speak once in fifteen seconds."""


class Strangers:
    """Who is not known yet, and what is left of their budget.

    `door` is told of every connection whose request came from somebody known, and as which
    sender of events; a host's own server has none.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self.door: Callable[[web.BaseRequest, str | None], None] | None = None
        self._requests = Allowance(
            60, 1.0, now=now, all_at_once=600, all_per_second=30.0
        )
        self._probes = Allowance(60, 1.0, now=now)
        self._log_ins = Allowance(
            10, 1 / 30, now=now, all_at_once=300, all_per_second=1.0
        )
        self._events = Allowance(*_EVENTS, now=now)
        self._lines = Allowance(
            10, 1 / 60, now=now, all_at_once=100, all_per_second=0.5
        )
        self._now = now
        self._unsaid = 0
        self._said_at = now()

    def known(self, request: web.BaseRequest, *, sender: str | None = None) -> None:
        """Note that whoever sent it is no stranger, or no more than a `sender` of events."""
        request[STRANGER] = False
        if self.door is not None:
            self.door(request, sender)

    def may_ask(self, request: web.BaseRequest) -> bool:
        """Take one request that is refused to strangers."""
        return self._requests.take(address_of(request))

    def may_send(self, sender: str) -> bool:
        """Take one request of whoever knows a URL of events."""
        return self._events.take(sender)

    def may_send_more(self, sender: str) -> bool:
        """Tell whether one would be left."""
        return self._events.has_any(sender)

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


@lru_cache(maxsize=MOST_KEYS)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """Whom an application lets in, and how it speaks to them."""

    credentials: Credentials | None
    sessions: Sessions | None
    host_authenticates: bool = False
    public_health: bool = False
    read_only: bool = False
    webhook_secret: str | None = field(default=None, repr=False)
    body_seconds: float = 10.0
    strangers: Strangers = field(default_factory=Strangers)

    @property
    def speech(self) -> tuple[str, str]:
        """The language that is asked for by the settings, and what degrees are in.

        The language is ``auto`` where it is for who asks to say.
        """
        return AUTO, CELSIUS


class RequestRefusedError(Exception):
    """A request that is answered with an error.

    `code` is a word for programs; `headers` go out with the answer. With `close` the
    connection ends, since the rest of the body is not worth reading.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: dict[str, str] | None = None,
        close: bool = False,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers: dict[str, str] = headers or {}
        self.close = close
        self.details = details

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes with words and attributes."""
        return BaseException.__new__, (type(self), *self.args), self.__dict__


class Access(Enum):
    """Who may use a route."""

    PERSON = auto()
    """Whoever the site knows."""
    LOGIN = auto()
    """Also who wants to become known."""
    PROBE = auto()
    """Also this machine, and everybody with `public_health`."""
    SECRET = auto()
    """Whoever knows the path."""


class Who(Enum):
    """Who asks."""

    NOBODY = auto()
    LOCAL = auto()
    BEARER = auto()
    SESSION = auto()
    HOST = auto()
    """Whoever the host's own middleware let through."""


def is_local(request: web.Request) -> bool:
    """Tell whether the request comes from this machine itself, for itself."""
    if any(_FORWARDED.search(name.replace("_", "-")) for name in request.headers):
        return False
    peer = request.transport.get_extra_info("peername") if request.transport else None
    # A Unix socket has no address; who may connect is a matter of its permissions.
    if isinstance(peer, tuple) and not _is_loopback(str(peer[0])):
        return False
    if not isinstance(peer, tuple) and peer not in {"", b""}:
        return False
    return is_own_name(request.host)


def is_own_name(host: str) -> bool:
    """Tell whether a host, with or without a port, can only mean this machine."""
    found = _HOST.fullmatch(host.lower())
    if found is None:
        return False
    if found["six"] is not None:
        return ":" in found["six"] and _is_loopback(found["six"])
    name = found["name"]
    return name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)


def who_asks(site: Entrance, request: web.Request) -> Who:
    """Return how the request is known."""
    if site.host_authenticates:
        return Who.HOST
    if site.credentials is None or site.sessions is None:
        return Who.LOCAL if is_local(request) else Who.NOBODY
    if site.credentials.has_bearer(request):
        return Who.BEARER
    return Who.SESSION if site.sessions.has_session(request) else Who.NOBODY


def admit(
    site: Entrance, request: web.Request, access: Access, *, writes: bool
) -> None:
    """Let the request through, or raise RequestRefusedError."""
    request[STRANGER] = True
    if access is Access.SECRET:
        return
    who = who_asks(site, request)
    if who is not Who.NOBODY:
        site.strangers.known(request)
    elif not _may_be_nobody(site, request, access):
        raise _unknown(site) if site.strangers.may_ask(request) else too_many()
    elif access is Access.PROBE and not (
        is_local(request) or site.strangers.may_probe(request)
    ):
        raise too_many()
    if request.method not in _SAFE and who is not Who.BEARER:
        _from_own_pages(request)
    elif request.headers.get("Sec-Fetch-Site") == "cross-site" and (
        request.headers.get("Sec-Fetch-Mode") != "navigate"
    ):
        raise RequestRefusedError(
            403, "cross_site", worded("another site asks for this")
        )
    if writes and site.read_only:
        raise RequestRefusedError(
            403, "read_only", worded("nothing can be changed here")
        )


def _may_be_nobody(site: Entrance, request: web.Request, access: Access) -> bool:
    if access is Access.LOGIN:
        return site.credentials is not None
    if access is Access.PROBE:
        return site.public_health or is_local(request)
    return False


def _unknown(site: Entrance) -> RequestRefusedError:
    if site.credentials is None:
        message = worded(
            "only this machine is answered while no token is set; a proxy "
            "counts as another machine"
        )
        return RequestRefusedError(403, "not_local", message, close=True)
    return RequestRefusedError(
        401,
        "unauthorized",
        worded("send `Authorization: Bearer TOKEN`, or log in on the page"),
        headers={"WWW-Authenticate": 'Bearer realm="switchbot-automation"'},
        close=True,
    )


def too_many() -> RequestRefusedError:
    """Return the answer to a stranger whose budget is used up."""
    return RequestRefusedError(
        429,
        "too_many",
        worded("too many requests without a token, or with a wrong one, from there"),
        headers={"Retry-After": "60"},
        close=True,
    )


def _from_own_pages(request: web.Request) -> None:
    """Refuse what a page of another site sends. Browsers say where it comes from."""
    fetched = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if fetched is not None:
        own = fetched == "same-origin"
    elif origin is not None:
        own = origin.partition("://")[2].lower() == request.host.lower()
    else:
        return  # no browser
    if not own:
        raise RequestRefusedError(
            403, "cross_site", worded("this was sent by a page of another site")
        )
