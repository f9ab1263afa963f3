"""Sends webhooks and notices, to public hosts only unless told otherwise.

A settings document may come from a web form, so a webhook must not become a way into
the network it runs in (server-side request forgery). The address is therefore checked
where the connection takes it from: the resolver. The name is looked up once, and the
connection goes to exactly the addresses that were checked, so that a name which answers
differently the second time gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from switchbot_automation.errors import WebhookError
from switchbot_automation.languages import reworded, worded
from switchbot_automation.outside.urls import (
    check_host,
    check_webhook_url,
    is_metadata,
    is_public,
    mask_url,
    refuse_metadata,
)
from switchbot_store.frames import without_frames

if TYPE_CHECKING:
    import ssl
    from collections.abc import Collection, Mapping

__all__ = ["WebhookSender", "mask_url"]

_SUCCESS = range(200, 300)
_REDIRECT = range(300, 400)


class WebhookSender:
    """Posts to webhook URLs. Holds nothing open, so there is nothing to close.

    `timeout_seconds` bounds a whole call, name lookup included. `resolver` replaces the
    system's; its answers are checked all the same. `ssl_context` replaces the default,
    for a host of one's own network with a certificate of its own.

    >>> import asyncio
    >>> from switchbot_automation import WebhookError, WebhookSender
    >>> try:
    ...     asyncio.run(WebhookSender().send("https://192.168.1.4/hook/4711"))
    ... except WebhookError as error:
    ...     print(str(error).partition(";")[0])
    192.168.1.4 is a private address
    """

    def __init__(
        self,
        *,
        timeout_seconds: float = 10.0,
        resolver: AbstractResolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        # Until there is a connection, waiting for a name included, nothing was sent.
        self._timeout = aiohttp.ClientTimeout(
            total=timeout_seconds, connect=timeout_seconds * 2 / 3
        )
        self._resolver = resolver
        self._ssl_context = ssl_context

    async def send(
        self, url: str, *, allowed_hosts: Collection[str] = frozenset()
    ) -> int:
        """Post to the URL and return the HTTP status, which is 2xx.

        https and public addresses only, except that a host of `allowed_hosts` (lower
        case) may be private and without TLS; a cloud's metadata never is one. Redirects are not followed, the answer's
        body is not read, nothing is sent twice. Raises `WebhookError`, also for a URL
        that is refused.
        """
        posting = self._post(url, allowed_hosts, {})
        del url  # of what is raised no frame has it
        return await posting

    async def post_json(
        self,
        url: str,
        body: Mapping[str, Any],
        *,
        token: str = "",
        allowed_hosts: Collection[str] = frozenset(),
    ) -> int:
        """Post a JSON object to the URL, and return the HTTP status, which is 2xx.

        `token`, if any, goes along as ``Authorization: Bearer``. Everything else is as
        in `send`.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        posting = self._post(
            url, allowed_hosts, {"json": dict(body), "headers": headers}
        )
        del url, body, token, headers  # of what is raised no frame has them
        return await posting

    async def _post(
        self, url: str, allowed_hosts: Collection[str], what: Mapping[str, Any]
    ) -> int:
        try:
            return await self._posted(url, allowed_hosts, what)
        except WebhookError as error:
            told = without_frames(error)
        del url, what
        raise told

    async def _posted(
        self, url: str, allowed_hosts: Collection[str], what: Mapping[str, Any]
    ) -> int:
        target, unchecked = _target(url, allowed_hosts)
        cause: Exception | None = None
        # One connector a call: a connection kept from a call that was allowed more
        # could serve one that is allowed less, and a heating engine calls rarely.
        connector = aiohttp.TCPConnector(
            resolver=_CheckedResolver(
                self._resolver or aiohttp.ThreadedResolver(), unchecked=unchecked
            ),
            use_dns_cache=False,
            force_close=True,
            ssl=self._ssl_context or True,
        )
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector,
                    timeout=self._timeout,
                    cookie_jar=aiohttp.DummyCookieJar(),
                ) as session,
                session.post(target, allow_redirects=False, **what) as response,
            ):
                status = response.status
        except aiohttp.ClientConnectorError as exc:
            failure, cause = (
                WebhookError(worded("{url}: {exc}", url=mask_url(url), exc=exc)),
                exc,
            )
        except aiohttp.ConnectionTimeoutError:
            # Not chained: it quotes the whole URL.
            failure = WebhookError(
                worded("{url}: no connection in time", url=mask_url(url))
            )
        except TimeoutError as exc:
            seconds = self._timeout.total
            cause = exc
            failure = WebhookError(
                worded(
                    "{url}: no answer within {seconds:g} s",
                    url=mask_url(url),
                    seconds=seconds,
                ),
                maybe_sent=True,
            )
        except aiohttp.ClientError as exc:
            # Not chained: some of these quote the whole URL.
            failure = WebhookError(
                worded("{url}: {name}", url=mask_url(url), name=type(exc).__name__),
                maybe_sent=True,
            )
        else:
            if status in _SUCCESS:
                return status
            note = (
                worded(", and redirects are not followed")
                if status in _REDIRECT
                else ""
            )
            failure = WebhookError(
                worded(
                    "{url}: answered {status}{note}",
                    url=mask_url(url),
                    status=status,
                    note=note,
                ),
                status=status,
                maybe_sent=True,
            )
        raise failure from cause


def _target(url: str, allowed_hosts: Collection[str]) -> tuple[URL, bool]:
    """Return where the connection will go, and whether it may go anywhere."""
    refusal: str = worded("{url}: its host is ambiguous", url=mask_url(url))
    try:
        host = check_webhook_url(url, allowed_hosts)
        target = _parsed(url)
        if target is not None:
            check = refuse_metadata if host in allowed_hosts else check_host
            check(target.raw_host or "")
    except ValueError as exc:
        refusal = reworded(exc)
    else:
        # Two parsers have read the URL; what the second one connects to counts. It
        # also turns full-width digits and the like into an address.
        if target is not None and host in {target.host, target.raw_host}:
            return target, host in allowed_hosts
    raise WebhookError(refusal)


def _parsed(url: str) -> URL | None:
    try:
        return URL(url)
    except ValueError:
        return None  # its message may quote the URL


class _CheckedResolver(AbstractResolver):
    """Answers only with public addresses; unchecked, with all but a cloud's metadata."""

    def __init__(self, resolver: AbstractResolver, *, unchecked: bool) -> None:
        self._resolver = resolver
        self._unchecked = unchecked

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        answers = await self._resolver.resolve(host, port, family)
        for answer in answers:
            address = ipaddress.ip_address(answer["host"].partition("%")[0])
            if is_metadata(address):
                raise WebhookError(
                    worded(
                        "{host} leads to {address}, where clouds hand out a machine's "
                        "passwords; no webhook goes there",
                        host=host,
                        address=address,
                    )
                )
            if not self._unchecked and not is_public(address):
                raise WebhookError(
                    worded(
                        "{host} leads to {address}, a private address; name the host in "
                        "webhook_allowed_hosts if it is meant",
                        host=host,
                        address=address,
                    )
                )
        return answers

    async def close(self) -> None:
        # The resolver is the caller's, or has nothing to close.
        return
