"""Who may ask what: checked before a handler runs, in one place.

Without a token only this machine is answered, and only under a name of its own: a page
elsewhere whose name was pointed at 127.0.0.1 sends its own name as `Host`, and a proxy
says for whom it asks. What changes something must not come from another site.
"""

from __future__ import annotations

import ipaddress
import logging
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from aiohttp import web

from switchbot_automation.errors import AutomationError, SettingsError, UnknownZoneError
from switchbot_automation.languages import reworded, worded
from switchbot_automation.web.delivery import deliver
from switchbot_automation.web.request import RequestRefusedError, entrance_of, refusal
from switchbot_automation.web.strangers import STRANGER
from switchbot_store import (
    StoreConfigError,
    StoreConflictError,
    StoreDataError,
    StoreError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.typedefs import Handler, Middleware

    from switchbot_automation.web.request import Entrance

_LOGGER = logging.getLogger(__name__)

# What proxies add to say for whom they ask.
_FORWARDED = ("forwarded", "x-forwarded-", "x-real-ip", "via", "cf-connecting-ip")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

HEADERS: Final = {
    # Everything the page needs is its own; nothing may frame it or be sent elsewhere.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Vary": "Accept-Language",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer", under which a form's Origin is "null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


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
    if any(name.lower().startswith(_FORWARDED) for name in request.headers):
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
    name = host.lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    else:
        name = name.partition(":")[0]
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


def guard(rights: Mapping[Handler, tuple[Access, bool]]) -> Middleware:
    """Return the middleware; `rights` say who may use a handler, and if it writes."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        # What is not routed must not tell strangers that it is not.
        access, writes = rights.get(request.match_info.handler, (Access.PERSON, False))
        try:
            admit(entrance_of(request), request, access, writes=writes)
            return await deliver(request, await handler(request))
        except RequestRefusedError as error:
            return refusal(error)
        except web.HTTPException as error:
            return _http(error)
        except (AutomationError, StoreError) as error:
            return refusal(_known(error))
        except Exception:
            # Its path may be the webhook's secret, so not aiohttp's own message.
            _LOGGER.exception("a %s request failed", request.method)
            return refusal(
                RequestRefusedError(
                    500, "failed", worded("the request failed; see the log")
                )
            )

    return middleware


_FIRST_ERROR = 400
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}


def _http(error: web.HTTPException) -> web.StreamResponse:
    if error.status < _FIRST_ERROR:
        return error
    code = _HTTP_CODES.get(error.status, "refused")
    headers = {key: error.headers[key] for key in ("Allow",) if key in error.headers}
    return refusal(
        RequestRefusedError(error.status, code, error.reason, headers=headers)
    )


def _known(error: Exception) -> RequestRefusedError:
    if isinstance(error, UnknownZoneError):
        return RequestRefusedError(
            404, "unknown_zone", reworded(error), known=list(error.known)
        )
    if isinstance(error, SettingsError):
        return RequestRefusedError(422, "settings", reworded(error), path=error.path)
    if isinstance(error, StoreConflictError):
        message = worded("the settings were changed meanwhile; read them again")
        return RequestRefusedError(412, "changed_meanwhile", message)
    if isinstance(error, StoreDataError | StoreConfigError):
        return RequestRefusedError(422, "refused_by_the_store", reworded(error))
    if isinstance(error, StoreError):
        return RequestRefusedError(503, "store_unavailable", reworded(error))
    return RequestRefusedError(500, "failed", reworded(error))


async def add_headers(
    request: web.Request,  # noqa: ARG001 - the signal's signature
    response: web.StreamResponse,
) -> None:
    """Set what every answer carries."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
