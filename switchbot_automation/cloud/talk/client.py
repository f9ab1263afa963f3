"""The SwitchBot Cloud API v1.1 over aiohttp.

Only this module of the package's cloud part knows aiohttp. Facts about the API: official
documentation (OpenWonderLabs/SwitchBotAPI).
"""

from __future__ import annotations

import random as random_module
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from switchbot_automation.clock import SystemClock
from switchbot_automation.cloud.talk.answers import HttpAnswer
from switchbot_automation.cloud.talk.calls import Caller
from switchbot_automation.cloud.talk.endpoints import Endpoints
from switchbot_automation.cloud.talk.headers import lower_names
from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.cloud.talk.retry import RetryPolicy
from switchbot_automation.errors import (
    AuthError,
    CloudError,
    CloudServerError,
    CloudTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from random import Random

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.talk.calls import ApiCall

DEFAULT_BASE_URL = "https://api.switch-bot.com"
DEFAULT_IOT_BASE_URL = "https://api.switchbot.net"

_JSON = {"Content-Type": "application/json; charset=utf8"}

# An account's whole device list is some 100 kB; more than this is not meant for us.
_MOST_BYTES = 8 * 1024 * 1024

# aiohttp sends a GET again by itself when the connection breaks, a call that our quota
# would not see. Up to 3.11 it does not know the method in lower case for one of those
# (it goes out as GET all the same); from 3.12 on `_only_once` says no.
_HAS_MIDDLEWARES = hasattr(aiohttp, "ClientMiddlewareType")


class SwitchBotClient(Endpoints):
    """A `CloudApi` for one account.

    `session` is the caller's: never configured, never closed. `token` and `secret` come
    from the phone app; blanks around them are dropped. `quota` is shared with whoever
    also spends from the account; without one the client keeps its own. `timeout_seconds`
    is for a whole attempt, reading the body included; `attempts` counts the first one.
    A `retry` policy replaces `attempts`.

    Nothing is cached: what is returned was answered just now. Reads are tried again
    after faults that may pass. A command or scene is sent again only if it never left
    this machine, or if the catalogue marks the command idempotent.

    Every method raises the subclasses of `CloudError`, and nothing else for anything
    the network or the cloud can do. A token or secret that cannot be one is an
    `AuthError` at once.

    >>> import asyncio
    >>> from aiohttp import ClientSession
    >>> from switchbot_automation import SwitchBotClient
    >>> from switchbot_automation.simulation import FakeSwitchBotCloud
    >>> async def remotes():
    ...     async with FakeSwitchBotCloud() as cloud, ClientSession() as session:
    ...         account = cloud.token, cloud.secret
    ...         client = SwitchBotClient(session, *account, base_url=cloud.base_url)
    ...         return (await client.devices()).remotes
    >>> [remote.remote_type for remote in asyncio.run(remotes())]
    ['Air Conditioner']
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        token: str,
        secret: str,
        *,
        base_url: str = DEFAULT_BASE_URL,
        quota: QuotaLedger | None = None,
        clock: Clock | None = None,
        timeout_seconds: float = 15.0,
        attempts: int = 3,
        retry: RetryPolicy | None = None,
        random: Random | None = None,
    ) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        real = self._base_url == DEFAULT_BASE_URL
        # A simulated cloud has everything in one place.
        self._iot_base_url = DEFAULT_IOT_BASE_URL if real else self._base_url
        actual_clock: Clock = clock or SystemClock()
        self._quota = quota or QuotaLedger(clock=actual_clock)
        self._timeout = aiohttp.ClientTimeout(
            total=timeout_seconds, sock_connect=timeout_seconds * 2 / 3
        )
        caller = Caller(
            self._send,
            _credential("token", token),
            _credential("secret", secret),
            quota=self._quota,
            clock=actual_clock,
            policy=retry or RetryPolicy(attempts=attempts),
            # Only spreads waits; nothing secret hangs on it.
            random=random or random_module.Random(),  # noqa: S311 -- see above
        )
        super().__init__(caller, actual_clock)

    def __repr__(self) -> str:
        return f"<SwitchBotClient {self._base_url} {self._quota!r}>"

    @property
    def quota(self) -> QuotaLedger:
        """The ledger every attempt is counted in."""
        return self._quota

    async def _send(self, call: ApiCall, headers: Mapping[str, str]) -> HttpAnswer:
        if self._session.closed:
            raise CloudError(
                f"{call.what}: the HTTP session is closed", maybe_sent=False
            )
        base_url = self._iot_base_url if call.iot else self._base_url
        try:
            async with self._session.request(
                call.method.lower(),
                URL(f"{base_url}/v1.1/{call.path}", encoded=True),
                headers={**headers, **(_JSON if call.payload is not None else {})},
                data=call.payload,
                timeout=self._timeout,
                allow_redirects=False,
                **self._only_once_options(),
            ) as response:
                content = await _read_body(response, call.what)
                return HttpAnswer(
                    response.status, lower_names(response.headers), content
                )
        except aiohttp.ConnectionTimeoutError as exc:
            raise CloudTimeoutError(
                f"{call.what}: no connection in time", maybe_sent=False
            ) from exc
        except TimeoutError as exc:
            raise CloudTimeoutError(
                f"{call.what}: no complete answer within {self._timeout.total:g} s"
            ) from exc
        except aiohttp.ClientConnectorError as exc:
            raise CloudTimeoutError(
                f"{call.what}: no connection ({type(exc).__name__})",
                maybe_sent=False,
            ) from exc
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as exc:
            raise CloudError(
                f"{call.what}: {base_url!r} is no usable base URL",
                maybe_sent=False,
            ) from exc
        except (
            _BrokenError,
            aiohttp.ClientConnectionError,
            aiohttp.ClientPayloadError,
        ) as exc:
            raise CloudTimeoutError(
                f"{call.what}: the connection broke ({type(exc.__cause__ or exc).__name__})"
            ) from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise CloudServerError(
                f"{call.what}: no usable HTTP answer ({type(exc).__name__})"
            ) from exc
        except ValueError as exc:
            # netrc, a proxy or the session's own `auth` claims the Authorization header
            raise CloudError(
                f"{call.what}: the HTTP session cannot send it", maybe_sent=False
            ) from exc

    def _only_once_options(self) -> dict[str, Any]:
        if not _HAS_MIDDLEWARES:
            return {}
        # What is given for one request replaces the session's own; keep those.
        own: tuple[Any, ...] = getattr(self._session, "_middlewares", ())
        return {"middlewares": (*own, _only_once)}


class _BrokenError(aiohttp.ClientError):
    """The connection broke; unlike aiohttp's own error it is not acted upon."""


async def _only_once(
    request: aiohttp.ClientRequest,
    handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
        raise _BrokenError(type(exc).__name__) from exc


async def _read_body(response: aiohttp.ClientResponse, what: str) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > _MOST_BYTES:
            raise CloudServerError(
                f"{what}: an answer of more than {_MOST_BYTES} bytes",
                http_status=response.status,
            )
        chunks.append(chunk)
    return b"".join(chunks)


def _credential(name: str, value: str) -> str:
    stripped = value.strip()
    if not stripped:
        raise AuthError(f"the SwitchBot {name} is empty", maybe_sent=False)
    if not (stripped.isascii() and stripped.isprintable()):
        raise AuthError(
            f"the SwitchBot {name} holds characters that no {name} has",
            maybe_sent=False,
        )
    return stripped
